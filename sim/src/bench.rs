//! How fast it is: cluster-seconds a second, and where the time goes.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures real time")]

use crate::say::say;
use rsm_sim::parts;
use rsm_sim::run::{Case, Report};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// So many seeds of this length are measured.
const SEEDS: u64 = 30;
const LASTS: Duration = Duration::from_secs(20);

/// One run of the load that is measured.
pub(crate) fn one(seed: u64, lasts: Duration) -> Report {
    Case::bench(seed, lasts).run()
}

/// How long this thread has had a processor, where the system tells that; elsewhere, what time it is.
fn worked() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(), Duration::from_nanos)
}

/// Prints the table.
pub(crate) fn run() -> ExitCode {
    let all = || (0..SEEDS).map(|seed| Case::bench(seed, LASTS).run());
    let began = worked();
    let reports: Vec<Report> = all().collect();
    let took = worked().saturating_sub(began);
    let steps: u64 = reports.iter().map(|report| report.sums.steps).sum();
    let simulated: u64 = reports.iter().map(|report| report.sums.simulated_ms).sum();
    let broken = reports.iter().find_map(|report| report.broken.as_ref());
    say!("3 peers, 50 ms heartbeats, 100 operations a second, faults on, one thread");
    say!("{} cluster-seconds a second", u128::from(simulated) / took.as_millis().max(1));
    say!("{} steps a cluster-second, {} ns a step", steps * 1_000 / simulated, took.as_nanos() / u128::from(steps));
    let spent = parts::measure(|| all().for_each(drop));
    let sum: Duration = spent.iter().map(|(_, time)| *time).sum();
    say!("| part | ns a step | share |\n|---|---|---|");
    for (name, time) in spent {
        // The clocks of the parts run on while others have the processor: so it is their shares that count.
        let share = |of: u128| of * time.as_nanos() / sum.as_nanos().max(1);
        say!("| {name} | {} | {} % |", share(took.as_nanos() / u128::from(steps)), share(100));
    }
    match broken {
        Some(violation) => {
            say!("breaks {violation}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}
