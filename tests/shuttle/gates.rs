use crate::{SOON, explore, together};
use rsm::sync::barrier::Barrier;
use rsm::sync::countdown::Countdown;
use rsm::sync::gate::{Door, Gate};
use rsm::sync::once::Once;
use rsm::sync::renew::Renew;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Waker};

/// So many threads with their numbers.
fn threads(count: u32, thread: impl Fn(u32) + Clone + Send + 'static) {
    let thread = |number| {
        let thread = thread.clone();
        Box::new(move || thread(number)) as Box<dyn FnOnce() + Send>
    };
    together((0..count).map(thread).collect());
}

/// Four try to make a value and the first three fail; two merely wait, as a thread and as a task; two give up, and so does a task that
/// would have tried.
#[test]
fn of_four_who_try_the_last_one_makes_the_value() {
    explore("once_fails_thrice", || {
        let all = Arc::new((Once::<u32>::new(), AtomicU32::new(0)));
        let seen = all.clone();
        threads(9, move |number| {
            let (once, tries) = &*all;
            match number {
                0..4 => {
                    let make = || match tries.fetch_add(1, Relaxed) {
                        3 => Ok(3),
                        other => Err(other),
                    };
                    once.get_or_try_init(make).map_or_else(|error| assert!(error < 3), |value| assert_eq!(*value, 3));
                }
                4 => assert_eq!(once.wait(), &3),
                5 => assert_eq!(shuttle::future::block_on(once.wait_async()), &3),
                6 => {
                    let mut trying = pin!(once.get_or_init_async(std::future::pending));
                    let _ = trying.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    shuttle::thread::yield_now();
                }
                _ => drop(once.wait_timeout(SOON).map(|value| assert_eq!(value, &3))),
            }
        });
        assert_eq!((seen.1.load(Relaxed), seen.0.get(), seen.0.pending()), (4, Some(&3), 0), "O4");
    });
}

/// Whoever passes shuts the gate, works, and opens it for the others; some give up.
#[test]
fn a_gate_that_each_shuts_lets_one_in_at_a_time() {
    explore("gate_shut_by_each", || {
        let all = Arc::new((Gate::new(), AtomicU32::new(0), AtomicU32::new(0)));
        let seen = all.clone();
        all.0.open();
        threads(6, move |number| {
            let (gate, inside, passed) = &*all;
            let shut = |_| Door::Shut;
            for _ in 0..2 {
                let entered = match number % 3 {
                    0 => gate.enter(shut) == 1,
                    1 => shuttle::future::block_on(gate.enter_async(shut)) == 1,
                    _ => gate.enter_timeout(SOON, shut).is_ok(),
                };
                if entered {
                    let count = inside.load(Relaxed);
                    shuttle::thread::yield_now();
                    inside.store(count + 1, Relaxed);
                    passed.fetch_add(1, Relaxed);
                    gate.open();
                }
            }
        });
        assert_eq!(seen.1.load(Relaxed), seen.2.load(Relaxed), "G2");
        assert!(seen.0.is_open() && seen.0.pending() == 0);
    });
}

/// Six come to a barrier of two, twelve times in all, whoever is free; one more comes, gives up, and comes again.
#[test]
fn more_than_meet_in_one_round_come_and_give_up() {
    explore("barrier_of_two_for_seven", || {
        let all = Arc::new((Barrier::new(2), AtomicU32::new(0), AtomicU32::new(0)));
        let seen = all.clone();
        threads(7, move |number| {
            let (barrier, comes, lasts) = &*all;
            while comes.fetch_add(1, Relaxed) < 12 {
                let last = match number {
                    0..3 => barrier.wait(),
                    3..6 => shuttle::future::block_on(barrier.wait_async()),
                    _ => loop {
                        if let Ok(last) = barrier.wait_timeout(SOON) {
                            break last;
                        }
                    },
                };
                lasts.fetch_add(u32::from(last), Relaxed);
            }
        });
        assert_eq!((seen.2.load(Relaxed), seen.0.arrived()), (6, 0), "B2");
    });
}

/// Five count up and down, and down once more; they, a task and one who gives up wait for the end.
#[test]
fn the_last_of_five_runs_the_closure() {
    explore("countdown", || {
        let runs = Arc::new(AtomicU32::new(0));
        let ran = runs.clone();
        let countdown = Arc::new(Countdown::new(5, move |payload| {
            ran.fetch_add(1, Relaxed);
            payload
        }));
        let lasts = Arc::new(AtomicU32::new(0));
        let (all, seen) = (countdown.clone(), (runs.clone(), lasts.clone()));
        threads(7, move |number| match number {
            0..5 => {
                countdown.increment(2).expect("our own is still counted");
                assert_eq!(countdown.decrement_with(2, |payload| payload + 1), None);
                if let Some(payload) = countdown.decrement_with(1, |payload| payload + 1) {
                    assert_eq!(payload, 10, "C1: with the payload of the last step");
                    lasts.fetch_add(1, Relaxed);
                }
                countdown.wait().expect("it does not fail");
                assert_eq!(runs.load(Relaxed), 1, "C1");
            }
            5 => shuttle::future::block_on(countdown.wait_async()).expect("it does not fail"),
            _ => drop(countdown.wait_timeout(SOON)),
        });
        assert_eq!((seen.0.load(Relaxed), seen.1.load(Relaxed)), (1, 1), "C1");
        assert!(all.has_run() && all.payload() == 10);
    });
}

/// Three need a value, of whom one fails to make it, and two renew it: it is made as often as it was taken out, and once more if
/// it is there at the end.
#[test]
fn a_value_is_made_as_often_as_it_is_renewed() {
    explore("renew", || {
        let all = Arc::new((Renew::new(), AtomicU32::new(0), AtomicU32::new(0)));
        let seen = all.clone();
        threads(6, move |number| {
            let (renew, made, renewed) = &*all;
            let make = || made.fetch_add(1, Relaxed) + 1;
            for _ in 0..2 {
                match number {
                    0 => assert!(*renew.get_or_init(make) >= 1),
                    1 => drop(renew.get_or_try_init(|| Err("not today")).map(|value| assert!(*value >= 1))),
                    2 => drop(renew.get_or_init_timeout(SOON, make)),
                    3 => drop(renew.try_get()),
                    _ => _ = renewed.fetch_add(u32::from(renew.renew().is_some()), Relaxed),
                }
            }
        });
        let (renew, made, renewed) = &*seen;
        assert_eq!(made.load(Relaxed), renewed.load(Relaxed) + u32::from(renew.get().is_some()), "N1");
    });
}
