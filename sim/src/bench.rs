//! How fast it is: cluster-seconds a second, and where the time goes.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures real time")]

use rsm_sim::parts;
use rsm_sim::run::{Case, Report};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// So many seeds of this length are measured.
const SEEDS: u64 = 30;
const LASTS: Duration = Duration::from_secs(20);

/// One run of the load that is measured.
pub(crate) fn one(lasts: Duration) -> Report {
    Case::bench(0, lasts).run()
}

/// Prints the table.
pub(crate) fn run() -> ExitCode {
    let all = || (0..SEEDS).map(|seed| Case::bench(seed, LASTS).run());
    let began = Instant::now();
    let reports: Vec<Report> = all().collect();
    let took = began.elapsed();
    let steps: u64 = reports.iter().map(|report| report.sums.steps).sum();
    let simulated: u64 = reports.iter().map(|report| report.sums.simulated_ms).sum();
    let broken = reports.iter().find_map(|report| report.broken.as_ref());
    println!("3 peers, 50 ms heartbeats, 100 operations a second, faults on, one thread");
    println!("{} cluster-seconds a second", u128::from(simulated) / took.as_millis().max(1));
    println!("{} steps a cluster-second, {} ns a step", steps * 1_000 / simulated, took.as_nanos() / u128::from(steps));
    let spent = parts::measure(|| all().for_each(drop));
    let sum: Duration = spent.iter().map(|(_, time)| *time).sum();
    println!("| part | ns a step | share |\n|---|---|---|");
    for (name, time) in spent {
        let share = 100 * time.as_nanos() / sum.as_nanos().max(1);
        println!("| {name} | {} | {share} % |", time.as_nanos() / u128::from(steps));
    }
    match broken {
        Some(violation) => {
            println!("breaks {violation}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}
