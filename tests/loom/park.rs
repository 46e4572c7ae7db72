use crate::common::{Alarm, Cell, poll};
use loom::thread;
use rsm::sync::model::{Mutant, finds, model, strike};
use rsm::sync::park::{Parker, models};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A token carries what was done before it, and none is lost.
fn token() {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
    model("park_token", 3, || {
        let parker = Parker::new();
        let done = Arc::new(AtomicU32::new(0));
        let other = {
            let (unparker, done) = (parker.unparker(), done.clone());
            thread::spawn(move || {
                done.store(1, Relaxed);
                unparker.unpark();
            })
        };
        parker.park();
        assert_eq!(done.load(Relaxed), 1);
        assert!(!parker.try_park());
        other.join().unwrap();
    });
}

/// A token that is left before the clock strikes is there, whatever the waiter was about to do.
fn token_kept() {
    model("park_token_kept", 3, || {
        let parker = Parker::new();
        let other = {
            let unparker = parker.unparker();
            thread::spawn(move || {
                unparker.unpark();
                strike();
            })
        };
        let taken = parker.park_until(Instant::now() + Duration::from_secs(1_000_000));
        other.join().unwrap();
        assert!(taken || parker.try_park(), "a token is never lost");
    });
}

/// Who takes a token sees what was done before it, also behind one who has given up waiting for it.
fn token_seen(name: &str, quits: bool) {
    model(name, 3, move || {
        for _ in 0..if quits { 1 } else { 4 } {
            let parker = Parker::new();
            let done = Arc::new(Cell::new(0));
            let alarm = Alarm::new();
            let mut waits = Box::pin(parker.park_async());
            assert!(!quits || poll(waits.as_mut(), &alarm).is_pending());
            let other = thread::spawn({
                let (unparker, done) = (parker.unparker(), done.clone());
                move || {
                    done.set(1);
                    unparker.unpark();
                }
            });
            drop(waits);
            let taken = parker.try_park() || parker.try_park();
            assert!(!taken || done.get() == 1);
            other.join().unwrap();
        }
    });
}

#[test]
fn a_token_carries_what_was_done_before_it() {
    token_seen("park_token_taken", false);
}

#[test]
fn a_token_carries_as_much_behind_one_who_gave_up() {
    token_seen("park_token_left", true);
}

#[test]
fn a_token_that_was_left_in_time_is_kept() {
    token_kept();
}

#[test]
fn a_token_is_never_lost() {
    token();
}

#[test]
fn a_verdict_that_orders_nothing_is_found() {
    finds(Mutant::RelaxedState, token);
}

/// The clock against the token: if the wait gave up, the token is still there.
#[test]
fn a_token_survives_a_wait_that_gives_up() {
    model("park_token_clock", 2, || {
        let parker = Parker::new();
        let clock = thread::spawn(strike);
        let other = {
            let unparker = parker.unparker();
            thread::spawn(move || unparker.unpark())
        };
        let taken = parker.park_until(Instant::now() + Duration::from_secs(1_000_000));
        other.join().unwrap();
        clock.join().unwrap();
        assert_eq!(parker.try_park(), !taken);
    });
}

#[test]
fn nobody_in_the_ring_is_forgotten() {
    models::link_link_pop();
}

#[test]
fn one_who_gives_up_has_it_or_leaves_it() {
    models::quit_pop();
}

#[test]
fn two_give_up_in_a_ring_of_three() {
    models::two_quit_pop();
}

#[test]
fn the_task_that_polled_last_is_woken() {
    models::repoll_pop();
}

#[test]
fn all_who_are_linked_are_woken_and_a_late_one_waits() {
    models::wake_all_late();
}

#[test]
fn a_waiter_that_does_not_look_again_is_found() {
    finds(Mutant::NoSecondLook, token_kept);
}

#[test]
fn a_look_at_a_waiter_that_has_its_verdict_is_found() {
    finds(Mutant::TouchAfterTell, models::quit_pop);
}

/// Two leave a token, which may be one or two, and one waits as a thread.
#[test]
fn two_leave_a_token() {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
    model("park_unpark_unpark", 2, || {
        let parker = Parker::new();
        let done = Arc::new(AtomicU32::new(0));
        let others = [(); 2].map(|()| {
            let (unparker, done) = (parker.unparker(), done.clone());
            thread::spawn(move || {
                done.fetch_add(1, Relaxed);
                unparker.unpark();
            })
        });
        parker.park();
        assert!(done.load(Relaxed) >= 1);
        others.into_iter().for_each(|other| other.join().unwrap());
        parker.try_park();
        assert!(!parker.try_park(), "two that come early are one");
    });
}

#[test]
fn of_two_who_wake_all_each_wakes_whom_the_other_does_not() {
    models::wake_all_wake_all();
}

#[test]
fn the_task_that_polled_last_is_woken_with_all() {
    models::wake_all_repoll();
}

/// Two wait for a token as threads: who has it leaves the next, for the other.
#[test]
fn two_wait_and_each_has_a_token() {
    model("park_park_unpark", 2, || {
        let parker = Arc::new(Parker::new());
        let parking = [(); 2].map(|()| {
            let parker = parker.clone();
            thread::spawn(move || {
                parker.park();
                parker.unparker().unpark();
            })
        });
        parker.unparker().unpark();
        parking.into_iter().for_each(|parking| parking.join().unwrap());
        assert!(parker.try_park() && !parker.try_park());
    });
}

/// A future that is dropped with its token hands it on to a thread that waits.
#[test]
fn a_token_of_a_dropped_future_goes_to_the_next() {
    model("park_dropped_park_unpark", 2, || {
        let parker = Arc::new(Parker::new());
        let mut dropped = Box::pin(parker.park_async());
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending());
        let parking = thread::spawn({
            let parker = parker.clone();
            move || parker.park()
        });
        let unparking = thread::spawn({
            let unparker = parker.unparker();
            move || unparker.unpark()
        });
        drop(dropped);
        parking.join().unwrap();
        unparking.join().unwrap();
        assert!(!parker.try_park(), "handed on, once");
    });
}

/// One is blocked, one only tries: the token is one's of the two, and who tried leaves another if it has taken it.
#[test]
fn one_who_tries_takes_the_token_or_leaves_it() {
    model("park_try_unpark", 2, || {
        let parker = Arc::new(Parker::new());
        let unparking = {
            let unparker = parker.unparker();
            thread::spawn(move || unparker.unpark())
        };
        let trying = {
            let (parker, unparker) = (parker.clone(), parker.unparker());
            thread::spawn(move || {
                if parker.try_park() {
                    unparker.unpark();
                }
            })
        };
        parker.park();
        unparking.join().unwrap();
        trying.join().unwrap();
        assert!(!parker.try_park(), "P1: one token");
    });
}
