//! `sync/countdown`, `sync/latch`: the closure runs once, after all, and before who waits.

use crate::common::{Alarm, Cell, block_on, poll};
use loom::thread;
use rsm::sync::countdown::{Countdown, Failed, Spent, WaitError};
use rsm::sync::latch::Latch;
use rsm::sync::model::{Looks, Mutant, finds, model, model_with, strike};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(1);

/// Cells that loom watches, one for each thread and one for the closure.
type Cells = Arc<[Cell; 3]>;

fn cells() -> Cells {
    Arc::new([Cell::new(0), Cell::new(0), Cell::new(0)])
}

fn dec_dec_wait() {
    model("countdown_dec_dec_wait", 2, || {
        let cells = cells();
        let seen = cells.clone();
        let countdown = Arc::new(Countdown::new(2, move |payload| {
            assert_eq!((seen[0].get(), seen[1].get()), (1, 1), "it sees what all did before they counted down");
            seen[2].set(seen[2].get() + payload);
        }));
        let counting = [0, 1].map(|number: usize| {
            let (cells, countdown) = (cells.clone(), countdown.clone());
            thread::spawn(move || {
                cells[number].set(1);
                countdown.decrement_with(1, |payload| payload + 1).is_some()
            })
        });
        assert_eq!(countdown.wait(), Ok(()));
        assert_eq!(cells[2].get(), 2, "C1: it has run, once, with the payload of the last step");
        let runs = counting.map(|thread| thread.join().unwrap());
        assert!(runs[0] != runs[1], "C1: one of the two ran it");
    });
}

#[test]
fn the_last_one_runs_the_closure_and_who_waits_sees_it_all() {
    dec_dec_wait();
}

#[test]
fn reaching_zero_in_two_steps_is_found() {
    finds(Mutant::CountdownTwoSteps, dec_dec_wait);
}

#[test]
fn one_who_counts_up_is_in_time_or_refused() {
    model("countdown_inc_dec_dec", 2, || {
        let runs = cells();
        let counted = runs.clone();
        let countdown = Arc::new(Countdown::new(2, move |_| counted[0].set(counted[0].get() + 1)));
        let counting = [0, 1].map(|_| {
            let countdown = countdown.clone();
            thread::spawn(move || _ = countdown.decrement(1))
        });
        match countdown.increment(1) {
            Ok(()) => assert!(!countdown.has_run() && countdown.count() >= 1),
            Err(Spent) => assert_eq!(countdown.count(), 0),
        }
        if countdown.count() > 0 {
            // Ours, or those of the others.
            counting.into_iter().for_each(|thread| thread.join().unwrap());
            (countdown.count() > 0).then(|| countdown.decrement(1));
        } else {
            counting.into_iter().for_each(|thread| thread.join().unwrap());
        }
        assert!(countdown.has_run());
        assert_eq!(runs[0].get(), 1, "C1");
    });
}

#[test]
fn a_panic_in_the_closure_is_told_to_who_waits() {
    model("countdown_panic_wait", 3, || {
        let countdown = Arc::new(Countdown::new(1, |_| std::panic::resume_unwind(Box::new("in the closure"))));
        let counting = thread::spawn({
            let countdown = countdown.clone();
            move || {
                let run = || -> Option<()> { countdown.decrement(1) };
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
            }
        });
        assert_eq!(countdown.wait(), Err(Failed));
        assert!(counting.join().unwrap() && countdown.has_failed());
    });
}

#[test]
fn a_wait_that_gives_up_leaves_no_trace() {
    model("countdown_wait_until", 2, || {
        let cells = cells();
        let wrote = cells.clone();
        let countdown = Arc::new(Countdown::new(1, move |_| wrote[0].set(1)));
        let clock = thread::spawn(strike);
        let counting = thread::spawn({
            let countdown = countdown.clone();
            move || countdown.decrement(1)
        });
        match countdown.wait_timeout(SOON) {
            Ok(()) => assert_eq!(cells[0].get(), 1),
            Err(why) => assert_eq!(why, WaitError::TimedOut),
        }
        clock.join().unwrap();
        assert_eq!(counting.join().unwrap(), Some(()));
        assert_eq!(countdown.wait_timeout(Duration::ZERO), Ok(()));
    });
}

#[test]
fn who_sees_that_it_has_run_sees_what_it_did() {
    model("countdown_has_run", 3, || {
        for _ in 0..2 {
            let cells = cells();
            let wrote = cells.clone();
            let countdown = Arc::new(Countdown::new(1, move |_| wrote[0].set(1)));
            let counting = thread::spawn({
                let countdown = countdown.clone();
                move || countdown.decrement(1)
            });
            if countdown.has_run() {
                assert_eq!(cells[0].get(), 1);
            }
            assert!(countdown.try_wait().is_none_or(|outcome| outcome == Ok(()) && cells[0].get() == 1));
            counting.join().unwrap();
        }
    });
}

#[test]
fn a_future_that_is_dropped_while_the_count_ends_leaves_no_trace() {
    model("countdown_future_drop", 2, || {
        let countdown = Arc::new(Countdown::new(1, |_| ()));
        let mut dropped = Box::pin(countdown.wait_async());
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending());
        let counting = thread::spawn({
            let countdown = countdown.clone();
            move || countdown.decrement(1)
        });
        let waiting = thread::spawn({
            let countdown = countdown.clone();
            move || block_on(countdown.wait_async())
        });
        drop(dropped);
        assert_eq!((counting.join().unwrap(), waiting.join().unwrap()), (Some(()), Ok(())));
    });
}

#[test]
fn who_waits_at_a_latch_sees_what_all_did() {
    model("latch_dec_dec_wait", 2, || {
        let cells = cells();
        let latch = Arc::new(Latch::new(2));
        let counting = [0, 1].map(|number: usize| {
            let (cells, latch) = (cells.clone(), latch.clone());
            thread::spawn(move || {
                cells[number].set(1);
                latch.decrement(1)
            })
        });
        latch.wait();
        assert_eq!((cells[0].get(), cells[1].get()), (1, 1), "L1");
        let lasts = counting.map(|thread| thread.join().unwrap());
        assert!(lasts[0] != lasts[1], "one of the two was the last");
    });
}

#[test]
fn a_wait_at_a_latch_that_gives_up_leaves_no_trace() {
    model("latch_wait_until", 2, || {
        let cells = cells();
        let latch = Arc::new(Latch::new(1));
        let clock = thread::spawn(strike);
        let counting = thread::spawn({
            let (cells, latch) = (cells.clone(), latch.clone());
            move || {
                cells[0].set(1);
                latch.decrement(1)
            }
        });
        assert!(latch.wait_timeout(SOON).is_err() || cells[0].get() == 1, "L1");
        clock.join().unwrap();
        assert!(counting.join().unwrap() && latch.try_wait());
    });
}

/// A closure that panics meets one whose time is over, and one who only looks. (The clock's own lock minds a thread that unwinds.)
#[test]
fn a_panic_in_the_closure_meets_one_who_gives_up() {
    model_with("countdown_panic_wait_late", 3, &[Looks::Newest], || {
        let countdown = Arc::new(Countdown::new(1, |_| std::panic::resume_unwind(Box::new("in the closure"))));
        let counting = thread::spawn({
            let countdown = countdown.clone();
            move || {
                let run = || -> Option<()> { countdown.decrement(1) };
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
            }
        });
        assert!(countdown.try_wait().is_none_or(|outcome| outcome == Err(Failed)));
        assert!(countdown.wait_timeout(Duration::ZERO).is_err());
        assert!(counting.join().unwrap() && countdown.has_failed());
    });
}

/// One counts up while another counts down and one waits: the closure runs once, at the end of it all.
#[test]
fn one_who_counts_up_keeps_others_waiting() {
    model("countdown_inc_dec_wait", 2, || {
        let cells = cells();
        let runs = cells.clone();
        let countdown = Arc::new(Countdown::new(1, move |_| runs[0].set(runs[0].get() + 1)));
        let counting_up = thread::spawn({
            let (countdown, cells) = (countdown.clone(), cells.clone());
            move || {
                if countdown.increment(1).is_ok() {
                    cells[1].set(1);
                    countdown.decrement(1);
                    return 1;
                }
                0
            }
        });
        let counting = thread::spawn({
            let countdown = countdown.clone();
            move || _ = countdown.decrement(1)
        });
        assert_eq!(countdown.wait(), Ok(()));
        assert_eq!(cells[0].get(), 1, "C1");
        let seen = cells[1].get();
        let counted = counting_up.join().unwrap();
        assert_eq!(seen, counted, "what was done before its step down is seen by who waits");
        counting.join().unwrap();
    });
}

/// Two count down, and one who waits gives up meanwhile.
#[test]
fn a_wait_that_gives_up_meets_the_last_of_two() {
    model("countdown_dec_dec_until", 2, || {
        let cells = cells();
        let wrote = cells.clone();
        let countdown = Arc::new(Countdown::new(2, move |_| wrote[0].set(1)));
        let counting = [false, true].map(|strikes| {
            let countdown = countdown.clone();
            thread::spawn(move || {
                if strikes {
                    strike();
                }
                countdown.decrement(1).is_some()
            })
        });
        assert!(countdown.wait_timeout(SOON).is_err() || cells[0].get() == 1);
        let runs = counting.map(|counting| counting.join().unwrap());
        assert!(runs[0] != runs[1], "C1");
        assert_eq!(countdown.try_wait(), Some(Ok(())));
    });
}

/// One counts up and down again, another down, and one who waits gives up meanwhile.
#[test]
fn one_who_counts_up_meets_one_who_gives_up() {
    model("countdown_inc_until", 2, || {
        let runs = cells();
        let counted = runs.clone();
        let countdown = Arc::new(Countdown::new(1, move |_| counted[0].set(counted[0].get() + 1)));
        let counting_up = thread::spawn({
            let countdown = countdown.clone();
            move || countdown.increment(1).is_ok() && countdown.decrement(1).is_some()
        });
        let counting = thread::spawn({
            let countdown = countdown.clone();
            move || {
                strike();
                countdown.decrement(1).is_some()
            }
        });
        assert!(countdown.wait_timeout(SOON).is_err() || runs[0].get() == 1, "C1");
        let ran = [counting_up, counting].map(|thread| thread.join().unwrap());
        assert_eq!((ran[0] != ran[1], countdown.try_wait(), runs[0].get()), (true, Some(Ok(())), 1), "C1");
    });
}

/// A closure that panics meets a task that gives up, and one that waits on and is told.
#[test]
fn a_panic_in_the_closure_meets_a_future_that_is_dropped() {
    model_with("countdown_panic_future_drop", 3, &[Looks::Newest], || {
        let countdown = Arc::new(Countdown::new(1, |_| std::panic::resume_unwind(Box::new("in the closure"))));
        let [mut dropped, mut told] = [(); 2].map(|()| Box::pin(countdown.wait_async()));
        let alarm = Alarm::new();
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending() && poll(told.as_mut(), &alarm).is_pending());
        let counting = thread::spawn({
            let countdown = countdown.clone();
            move || {
                let run = || -> Option<()> { countdown.decrement(1) };
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
            }
        });
        drop(dropped);
        alarm.wait();
        assert_eq!(poll(told.as_mut(), &alarm), Poll::Ready(Err(Failed)));
        assert!(counting.join().unwrap());
    });
}

/// What a step has left in the payload is seen only with what its thread did before, while others are still to come.
#[test]
fn who_finds_a_step_in_the_payload_sees_what_came_before_it() {
    model("countdown_payload_seen", 3, || {
        for _ in 0..4 {
            let cells = cells();
            let countdown = Arc::new(Countdown::new(2, |_| ()));
            let counting = thread::spawn({
                let (cells, countdown) = (cells.clone(), countdown.clone());
                move || {
                    cells[0].set(1);
                    countdown.decrement_with(1, |payload| payload | 1);
                }
            });
            assert!(countdown.payload() == 0 || cells[0].get() == 1);
            assert!(!countdown.has_run(), "one is still to come");
            counting.join().unwrap();
        }
    });
}

/// A task gives up at a latch, one tries, and a task waits on: who goes on sees what was done.
#[test]
fn a_future_that_is_dropped_at_a_latch_leaves_no_trace() {
    model("latch_dropped_try", 3, || {
        let cells = cells();
        let latch = Arc::new(Latch::new(1));
        let [mut dropped, mut waits] = [(); 2].map(|()| Box::pin(latch.wait_async()));
        let alarm = Alarm::new();
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending() && poll(waits.as_mut(), &alarm).is_pending());
        let counting = thread::spawn({
            let (cells, latch) = (cells.clone(), latch.clone());
            move || {
                cells[0].set(1);
                latch.decrement(1)
            }
        });
        drop(dropped);
        assert!(!latch.try_wait() || cells[0].get() == 1, "L1");
        alarm.wait();
        assert_eq!((poll(waits.as_mut(), &alarm), cells[0].get()), (Poll::Ready(()), 1), "L1");
        assert!(counting.join().unwrap());
    });
}
