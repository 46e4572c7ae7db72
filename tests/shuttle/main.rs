//! Longer programs than a model can have, each under many schedules that chance draws: half of them uniformly, half by
//! priorities that change a few times (PCT), which finds rare orders of few steps.
//!
//! ```text
//!   RUSTFLAGS="--cfg rsm_shuttle" cargo test --profile model --target-dir target/shuttle --test shuttle -- --nocapture
//! ```
//! `RSM_SCHEDULES` says how many for each program, `RSM_PROGRAM` which ones, by a part of their name; `scripts/explore.py` runs many and adds them up. A program that fails prints
//! its schedule; `shuttle::replay` runs that again.
#![cfg(rsm_shuttle)]

mod channels;
mod drains;
mod events;
mod gates;
mod locks;
mod pool;

use std::time::{Duration, Instant};

/// A deadline that passes when chance says so.
const SOON: Duration = Duration::from_secs(1);

/// For each program, unless `RSM_SCHEDULES` says otherwise.
const SCHEDULES: usize = 4000;

/// How often priorities change in a schedule.
const CHANGES: usize = 3;

/// Runs a program under many schedules, and prints how many there were.
fn explore(name: &str, program: impl Fn() + Clone + Send + Sync + 'static) {
    explore_more(name, 1, program);
}

/// The same with so many times as many schedules.
fn explore_more(name: &str, times: usize, program: impl Fn() + Clone + Send + Sync + 'static) {
    if std::env::var("RSM_PROGRAM").is_ok_and(|wanted| !name.contains(&wanted)) {
        return;
    }
    let asked = std::env::var("RSM_SCHEDULES").map(|many| many.parse().expect("RSM_SCHEDULES is a number"));
    let half = asked.unwrap_or(SCHEDULES).div_ceil(2) * times;
    let start = Instant::now();
    shuttle::check_random(program.clone(), half);
    shuttle::check_pct(program, half, CHANGES);
    eprintln!("program {name}: {} schedules, {:.1} s", 2 * half, start.elapsed().as_secs_f64());
}

/// Runs all of these in threads of their own, until they end.
fn together(threads: Vec<Box<dyn FnOnce() + Send>>) {
    let threads: Vec<_> = threads.into_iter().map(shuttle::thread::spawn).collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
}

#[test]
fn the_ring_is_a_queue_with_two_ends() {
    explore_more("park_ring", 10, rsm::sync::park::schedules::ring);
}
