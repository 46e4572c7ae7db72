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
pub(crate) fn worked() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(), Duration::from_nanos)
}

/// How fast so many simulated milliseconds were.
pub(crate) fn speed(simulated_ms: u64, took: Duration) -> String {
    format!("{} cluster-seconds a second", u128::from(simulated_ms) * 1_000 / took.as_micros().max(1))
}

/// The least that anything took in so many rounds: what others do on the machine only adds to it.
const ROUNDS: usize = 5;

/// What one seed came to: what its run took, and what each part of it did while the clocks of the parts ran.
struct Measured {
    report: Report,
    took: Duration,
    spent: Vec<(&'static str, Duration)>,
}

fn measured(seed: u64) -> Measured {
    let mut least: Option<Measured> = None;
    for _ in 0..ROUNDS {
        let began = worked();
        let report = Case::bench(seed, LASTS).run();
        let took = worked().saturating_sub(began);
        let spent = parts::measure(|| drop(Case::bench(seed, LASTS).run()));
        least = Some(match least {
            None => Measured { report, took, spent },
            Some(mut least) => {
                least.took = least.took.min(took);
                least.spent.iter_mut().zip(spent).for_each(|(least, now)| least.1 = least.1.min(now.1));
                least
            }
        });
    }
    least.expect("there is a round")
}

/// So many hundredths, rounded to tenths.
fn tenths(hundredths: u128) -> String {
    let tenths = (hundredths + 5) / 10;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Prints the table.
pub(crate) fn run() -> ExitCode {
    let all: Vec<Measured> = (0..SEEDS).map(measured).collect();
    let took: u128 = all.iter().map(|seed| seed.took.as_nanos()).sum();
    let of = |count: fn(&Report) -> u64| all.iter().map(|seed| count(&seed.report)).sum::<u64>();
    let (steps, simulated) = (of(|report| report.sums.steps), of(|report| report.sums.simulated_ms));
    let operations = of(|report| report.sums.acknowledged + report.sums.reads);
    say!("3 peers, 50 ms heartbeats, {} operations a second, faults on, one thread", operations * 1_000 / simulated);
    say!("{} cluster-seconds a second", u128::from(simulated) * 1_000_000 / took.max(1));
    let (a_second, an_operation) = (steps * 1_000 / simulated, steps / operations.max(1));
    say!("{a_second} steps a cluster-second, {an_operation} an operation, {} ns a step", took / u128::from(steps));
    let part = |nth: usize| all.iter().map(|seed| seed.spent[nth].1.as_nanos()).sum::<u128>();
    let sum = (0..all[0].spent.len()).map(part).sum::<u128>().max(1);
    say!("| part | ns a step | share |\n|---|---|---|");
    for (nth, (name, _)) in all[0].spent.iter().enumerate() {
        // The clocks of the parts run on while others have the processor: so it is their shares that count.
        let share = |of: u128| of * part(nth) / sum;
        say!("| {name} | {} | {} % |", share(took / u128::from(steps)), tenths(share(10_000)));
    }
    match all.iter().find_map(|seed| seed.report.broken.as_ref()) {
        Some(violation) => {
            say!("breaks {violation}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::tenths;

    #[test]
    fn shares_are_rounded_and_not_cut_off() {
        assert_eq!([2_067, 2_000, 4, 5, 10_000].map(tenths), ["20.7", "20.0", "0.0", "0.1", "100.0"]);
    }
}
