use crate::{MOMENT, block_on, meet_others, poll_and_drop, rounds, together};
use rsm::sync::barrier::Barrier;
use rsm::sync::countdown::Countdown;
use rsm::sync::gate::{Door, Gate};
use rsm::sync::latch::Latch;
use rsm::sync::meter::Meter;
use rsm::sync::once::Once;
use rsm::sync::renew::Renew;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const THREADS: u32 = 4;

/// For each round an object of its own, which all threads come to at about the same time.
fn fresh<T>(make: impl Fn() -> T) -> Arc<Vec<T>> {
    Arc::new((0..rounds()).map(|_| make()).collect())
}

#[test]
fn nobody_is_a_round_ahead_of_the_others() {
    let barrier = Barrier::new(THREADS);
    let (steps, lasts) = (AtomicU64::new(0), AtomicU64::new(0));
    let all = Arc::new((barrier, steps, lasts));
    let seen = all.clone();
    together(THREADS, move |thread| {
        let (barrier, steps, lasts) = &*all;
        for round in 1..=rounds() {
            steps.fetch_add(1, Relaxed);
            let last = match (thread + round) % 3 {
                0 => barrier.wait(),
                1 => block_on(barrier.wait_async()),
                _ => loop {
                    if let Ok(last) = barrier.wait_timeout(MOMENT) {
                        break last;
                    }
                },
            };
            lasts.fetch_add(u64::from(last), Relaxed);
            let (least, now) = (u64::from(THREADS * round), steps.load(Relaxed));
            assert!((least..least + u64::from(THREADS)).contains(&now), "B2: {now} steps after round {round}");
        }
    });
    assert_eq!((seen.2.load(Relaxed), seen.0.arrived()), (u64::from(rounds()), 0), "each round has one last");
}

#[test]
fn a_gate_that_each_shuts_lets_one_in_at_a_time() {
    let all = Arc::new((Gate::opened(), AtomicU32::new(0), AtomicU32::new(0)));
    let seen = all.clone();
    together(THREADS, move |thread| {
        let (gate, inside, passed) = &*all;
        let shut = |_| Door::Shut;
        for round in 0..rounds() {
            let entered = match (thread + round) % 5 {
                0 => block_on(gate.enter_async(shut)) == 1,
                1 => gate.enter_timeout(MOMENT, shut).is_ok(),
                2 => gate.try_enter(shut).is_some(),
                3 => poll_and_drop(gate.enter_async(shut)).is_some(),
                _ => gate.enter(shut) == 1,
            };
            if entered {
                let count = inside.load(Relaxed); // no exchange: two at a time would lose a step
                meet_others(round);
                inside.store(count + 1, Relaxed);
                passed.fetch_add(1, Relaxed);
                gate.open();
            }
        }
    });
    assert_eq!(seen.1.load(Relaxed), seen.2.load(Relaxed), "G2");
    assert!(seen.0.is_open() && seen.0.pending() == 0);
}

#[test]
fn a_value_is_made_once_however_many_runs_fail() {
    let all = fresh(|| (Once::<u32>::new(), AtomicU32::new(0)));
    let seen = all.clone();
    together(THREADS, move |thread| {
        for (once, tries) in &*all {
            let make = || match tries.fetch_add(1, Relaxed) {
                1 => Ok(1),
                other => Err(other),
            };
            match thread {
                0 => {
                    poll_and_drop(once.get_or_init_async(std::future::pending));
                    assert_eq!(block_on(once.wait_async()), &1);
                }
                1 => drop(once.wait_timeout(MOMENT).map(|value| assert_eq!(value, &1))),
                _ => drop(once.get_or_try_init(make).map(|value| assert_eq!(value, &1))),
            }
            if thread == 2 {
                // Of the two who try one may have come too early to find a value; this one comes last.
                assert!(once.get_or_try_init(make).is_ok_and(|value| *value == 1));
            }
        }
    });
    assert!(seen.iter().all(|(once, tries)| tries.load(Relaxed) == 2 && once.pending() == 0), "O4");
}

#[test]
fn a_closure_runs_once_after_all_have_counted_down() {
    let all = fresh(|| {
        let closure: fn(u32) -> u32 = |payload| payload + 1;
        Countdown::new(THREADS, closure)
    });
    let runs = Arc::new(AtomicU32::new(0));
    let ran = runs.clone();
    together(THREADS + 1, move |thread| {
        for countdown in &*all {
            if thread == THREADS {
                poll_and_drop(countdown.wait_async());
                assert_eq!(countdown.wait_timeout(MOMENT).or_else(|_| countdown.wait()), Ok(()));
            } else if let Some(outcome) = countdown.decrement_with(1, |payload| payload + 10) {
                assert_eq!(outcome, 10 * THREADS + 1);
                runs.fetch_add(1, Relaxed);
            }
        }
    });
    assert_eq!(ran.load(Relaxed), rounds(), "C1");
}

#[test]
fn a_latch_opens_after_all_have_counted_down() {
    let all = Arc::new((0..rounds() / 4).map(|_| (Latch::new(2), AtomicU32::new(0))).collect::<Vec<_>>());
    let lasts = Arc::new(AtomicU32::new(0));
    let (shared, counted) = (all.clone(), lasts.clone());
    together(THREADS, move |thread| {
        for (latch, work) in &*shared {
            match thread {
                0 | 1 => {
                    work.fetch_add(1, Relaxed);
                    counted.fetch_add(u32::from(latch.decrement(1)), Relaxed);
                    continue;
                }
                2 => latch.wait_timeout(MOMENT).unwrap_or_else(|_| latch.wait()),
                _ => poll_and_drop(latch.wait_async()).unwrap_or_else(|| block_on(latch.wait_async())),
            }
            assert_eq!(work.load(Relaxed), 2, "L1: it sees what all did");
        }
    });
    assert_eq!(lasts.load(Relaxed) as usize, all.len(), "of two one is the last");
}

/// Values are made, fail to be made and are thrown away: between two that are thrown away one is made, and who has one keeps it.
#[test]
fn a_value_is_made_once_between_two_renewals() {
    let all = Arc::new((Renew::<u32>::new(), AtomicU32::new(0), AtomicU32::new(0)));
    let shared = all.clone();
    together(THREADS, move |thread| {
        let (renew, made, thrown_away) = &*shared;
        let make = || {
            meet_others(made.load(Relaxed));
            made.fetch_add(1, Relaxed) + 1
        };
        let mut last = 0;
        for round in 0..rounds() / 2 {
            let value = match (thread + round) % 6 {
                0 => renew.renew().inspect(|_| _ = thrown_away.fetch_add(1, Relaxed)),
                1 => renew.get_or_try_init(|| Err(())).ok(),
                2 => renew.get_or_init_timeout(MOMENT, make).ok(),
                3 => renew.try_get(),
                _ => Some(renew.get_or_init(make)),
            };
            let Some(value) = value else { continue };
            assert!(last <= *value, "N2: no older one comes again");
            last = *value;
        }
    });
    let (renew, made, thrown_away) = &*all;
    let left = u32::from(renew.get().is_some());
    assert_eq!(made.load(Relaxed), thrown_away.load(Relaxed) + left, "N1");
}

/// One in a millisecond, and eight at once, whoever asks and waits.
#[test]
fn no_more_pass_a_meter_than_its_rate_and_its_burst_allow() {
    let meter = Meter::new(1_000, Duration::from_secs(1), 8);
    let passed = Arc::new(AtomicU64::new(0));
    let counted = passed.clone();
    let start = Meter::now();
    together(THREADS, move |thread| {
        for round in 0..rounds() / 10 {
            let passes = match (thread + round) % 128 {
                0 => meter.pass(1).is_ok(),
                1..16 => meter.pass_timeout(1, MOMENT).is_ok(),
                _ => meter.try_pass(Meter::now(), 1).is_ok(),
            };
            counted.fetch_add(u64::from(passes), Relaxed);
        }
    });
    let span_ms = (Meter::now().0 - start.0) / 1_000_000;
    let passed = passed.load(Relaxed);
    assert!(0 < passed && passed <= span_ms + 1 + 8, "G1: {passed} in {span_ms} ms");
}
