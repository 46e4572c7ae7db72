use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::thread;
use rsm::sync::lock::{Lock, Snapshot, Strategy};
use rsm::sync::model::{Looks, Mutant, Overdue, finds, model, model_with, reached, strike, with_overdue};
use std::time::{Duration, Instant};

/// One ownership: the payload counts the owners so far, and agrees with a plain counter behind the lock.
pub(crate) fn own<Q: Strategy>(lock: &Lock<u32, Q>) {
    let mut count = lock.lock_with(|owners| owners + 1);
    *count += 1;
    assert_eq!(*count, count.payload(), "W5: the payload changes with the owner");
}

/// The same, or none if it was late: how many.
pub(crate) fn own_until<Q: Strategy>(lock: &Lock<u32, Q>, instant: Instant) -> u32 {
    let Ok(mut count) = lock.lock_with_until(instant, |owners| owners + 1) else { return 0 };
    *count += 1;
    assert_eq!(*count, count.payload(), "W5: through a hand-over, too");
    1
}

/// At the end everybody has been served and nobody is counted.
pub(crate) fn is_at_rest<Q: Strategy>(lock: &Lock<u32, Q>, owners: u32) {
    assert_eq!(lock.snapshot_acquire(), Snapshot { payload: owners, pending: 0, is_locked: false });
}

pub(crate) fn far() -> Instant {
    Instant::now() + Duration::from_secs(1_000_000)
}

/// Once with nobody overdue, once with everybody: the demand path is explored, too.
pub(crate) fn overdue_and_not(run: impl Fn()) {
    with_overdue(Overdue::Never, &run);
    with_overdue(Overdue::Always, &run);
}

fn lock_lock() {
    model_with("lock_lock", 3, &[Looks::Newest], || {
        let lock = Arc::new(Lock::new(0));
        let other = {
            let lock = lock.clone();
            thread::spawn(move || (0..2).for_each(|_| own(&lock)))
        };
        (0..2).for_each(|_| own(&lock));
        other.join().unwrap();
        is_at_rest(&lock, 4);
    });
}

/// The same for one round, where a look may see what is over.
fn lock_lock_once() {
    model_with("lock_lock_once", 3, &[Looks::Any], || {
        let lock = Arc::new(Lock::new(0));
        let other = {
            let lock = lock.clone();
            thread::spawn(move || own(&lock))
        };
        own(&lock);
        other.join().unwrap();
        is_at_rest(&lock, 2);
    });
}

/// One of the three, who are alike, owns it from the beginning.
fn lock_lock_lock(preemptions: usize) {
    model_with("lock_lock_lock", preemptions, &[Looks::Newest], || {
        let lock = Arc::new(Lock::new(0));
        let mut first = lock.lock_with(|owners| owners + 1);
        let others = [lock.clone(), lock.clone()].map(|lock| thread::spawn(move || own(&lock)));
        *first += 1;
        drop(first);
        others.into_iter().for_each(|other| other.join().unwrap());
        is_at_rest(&lock, 3);
    });
}

#[test]
fn two_threads_own_in_turn_and_see_each_other() {
    overdue_and_not(lock_lock);
    overdue_and_not(lock_lock_once);
    reached(&["wait", "free_waking", "sleep_again", "give_cold"]);
}

#[test]
fn three_threads_are_all_served() {
    with_overdue(Overdue::Never, || lock_lock_lock(2));
    with_overdue(Overdue::Always, || lock_lock_lock(3));
    reached(&["wait", "free_waking", "sleep_again", "give_cold", "give_warm"]);
}

/// Two lock, one tries: whether or not it gets in, the count is exact.
fn lock_try_lock() {
    model("lock_try_lock", 3, || {
        let lock = Arc::new(Lock::new(0));
        let other = {
            let lock = lock.clone();
            thread::spawn(move || own(&lock))
        };
        let mut owners = 2;
        own(&lock);
        if let Some(mut count) = lock.try_lock() {
            *count += 1;
            count.unlock_with(|owners| owners + 1);
            owners += 1;
        }
        other.join().unwrap();
        is_at_rest(&lock, owners);
    });
}

#[test]
fn a_try_takes_the_lock_or_leaves_it_alone() {
    overdue_and_not(lock_try_lock);
}

/// The clock strikes at any moment: a wait that gives up is not counted as an owner, and nobody waits for it.
fn lock_until_clock() {
    model("lock_until_clock", 3, || {
        let lock = Arc::new(Lock::new(0));
        let clock = thread::spawn(strike);
        let other = {
            let lock = lock.clone();
            thread::spawn(move || own(&lock))
        };
        let owners = 1 + own_until(&lock, far());
        clock.join().unwrap();
        other.join().unwrap();
        is_at_rest(&lock, owners);
    });
}

#[test]
fn a_wait_that_gives_up_leaves_no_trace() {
    overdue_and_not(lock_until_clock);
    reached(&["quit", "popped while giving up"]);
}

/// Two lock, and a third whose deadline is over before it comes: whoever is woken in its stead is not forgotten.
fn lock_lock_late() {
    model("lock_lock_late", 2, || {
        let lock = Arc::new(Lock::new(0));
        let other = {
            let lock = lock.clone();
            thread::spawn(move || own(&lock))
        };
        let late = {
            let lock = lock.clone();
            thread::spawn(move || own_until(&lock, Instant::now()))
        };
        own(&lock);
        other.join().unwrap();
        let owners = 2 + late.join().unwrap();
        is_at_rest(&lock, owners);
    });
}

#[test]
fn one_who_is_woken_while_it_gives_up_wakes_the_next() {
    overdue_and_not(lock_lock_late);
    reached(&["quit", "quit_heir", "popped while giving up"]);
}

/// What an owner wrote elsewhere is seen by who finds its mark in the payload.
#[test]
fn a_snapshot_shows_what_came_before_it() {
    use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
    model("lock_snapshot", 3, || {
        let shared = Arc::new((Lock::new(()), AtomicU32::new(0)));
        let other = {
            let shared = shared.clone();
            thread::spawn(move || {
                for round in 1..=3 {
                    let guard = shared.0.lock();
                    shared.1.store(round, Relaxed);
                    guard.unlock_with(|_| round);
                }
            })
        };
        for _ in 0..2 {
            let seen = shared.0.snapshot_acquire().payload;
            assert!(shared.1.load(Relaxed) >= seen);
        }
        other.join().unwrap();
    });
}

#[test]
fn a_payload_replaced_in_one_step_is_a_lock_and_its_release() {
    model("lock_replace_payload", 3, || {
        for _ in 0..2 {
            // What each has written before it said so in the payload.
            let shared = Arc::new((Lock::new(()), [AtomicU32::new(0), AtomicU32::new(0)]));
            let other = {
                let shared = shared.clone();
                thread::spawn(move || {
                    let (lock, [ours, theirs]) = &*shared;
                    let guard = lock.lock();
                    let replaced = guard.payload() == 1;
                    assert!(!replaced || theirs.load(Relaxed) == 1, "it is released: what came before is seen");
                    ours.store(1, Relaxed);
                    guard.unlock_with(|payload| payload + 2);
                })
            };
            let (lock, [theirs, ours]) = &*shared;
            ours.store(1, Relaxed);
            let first = lock.replace_payload(0, 1);
            let second = !first && lock.replace_payload(2, 3);
            assert!(!second || theirs.load(Relaxed) == 1, "it is taken: what the last owner wrote is seen");
            other.join().unwrap();
            let payload = lock.payload();
            assert_eq!(payload, 2 + u32::from(first || second), "W5: the payload changes as it is said to");
        }
    });
}

/// Beside two who lock, one of whom may wait, and be woken: it changes a payload that it knows, or nothing.
#[test]
fn a_payload_is_replaced_between_owners_and_never_beside_one() {
    overdue_and_not(|| {
        model("lock_lock_replace", 2, || {
            const MARK: u32 = 1 << 8;
            let lock = Arc::new(Lock::new(0));
            let owners = [lock.clone(), lock.clone()].map(|lock| {
                thread::spawn(move || {
                    let mut count = lock.lock_with(|payload| payload + 1);
                    *count += 1;
                    assert_eq!(*count, count.payload() & !MARK, "W5: the payload changes with the owner");
                })
            });
            let replaced = [0, 1].into_iter().any(|from| lock.replace_payload(from, from | MARK));
            owners.into_iter().for_each(|owner| owner.join().unwrap());
            is_at_rest(&lock, 2 + if replaced { MARK } else { 0 });
        });
    });
    reached(&["free_waking"]);
}

/// A fair unlock hands over: who waited comes before one who comes by.
#[test]
fn a_fair_unlock_serves_who_waits() {
    model("lock_fair", 2, || {
        let lock = Arc::new(Lock::new(0));
        let others = [lock.clone(), lock.clone()].map(|lock| {
            thread::spawn(move || {
                let mut count = lock.lock_with(|owners| owners + 1);
                *count += 1;
                assert_eq!(*count, count.payload());
                count.unlock_fair();
            })
        });
        let mut count = lock.lock_with(|owners| owners + 1);
        *count += 1;
        count.unlock_fair();
        others.into_iter().for_each(|other| other.join().unwrap());
        is_at_rest(&lock, 3);
    });
}

/// A fair unlock meets one who gives up at any moment: it hands over, or frees, and the lock is never left to nobody.
#[test]
fn a_fair_unlock_meets_one_who_gives_up() {
    model("lock_fair_until_clock", 2, || {
        let lock = Arc::new(Lock::new(0));
        let mut first = lock.lock_with(|owners| owners + 1);
        let clock = thread::spawn(strike);
        let late = {
            let lock = lock.clone();
            thread::spawn(move || own_until(&lock, far()))
        };
        *first += 1;
        first.unlock_fair();
        clock.join().unwrap();
        let owners = 1 + late.join().unwrap();
        is_at_rest(&lock, owners);
    });
    reached(&["give_cold", "quit", "popped while giving up"]);
}

/// A change that panics, by a newcomer or by the heir: it has not owned the lock, and who waits behind it is woken.
#[test]
fn a_change_that_panics_keeps_nobody_waiting() {
    overdue_and_not(|| {
        model("lock_panic_lock", 2, || {
            let lock = Arc::new(Lock::new(0));
            let panics = {
                let lock = lock.clone();
                thread::spawn(move || {
                    let run = || drop(lock.lock_with(|_| std::panic::resume_unwind(Box::new("in the change"))));
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
                })
            };
            let other = {
                let lock = lock.clone();
                thread::spawn(move || own(&lock))
            };
            own(&lock);
            assert!(panics.join().unwrap());
            other.join().unwrap();
            is_at_rest(&lock, 2);
        });
    });
    reached(&["an heir's change panicked"]);
}

#[test]
fn the_other_end_is_served_as_well() {
    overdue_and_not(|| {
        model("lock_lifo", 2, || {
            let lock = Arc::new(Lock::lifo(0));
            let others = [lock.clone(), lock.clone()].map(|lock| {
                thread::spawn(move || {
                    let mut count = lock.lock();
                    *count += 1;
                    count.unlock_with(|owners| owners + 1);
                })
            });
            let mut count = lock.lock();
            *count += 1;
            count.unlock_with(|owners| owners + 1);
            others.into_iter().for_each(|other| other.join().unwrap());
            is_at_rest(&lock, 3);
        });
    });
}

/// Who came last gives up while it is next in line, or while another, overdue, goes before it.
#[test]
fn at_the_other_end_one_who_gives_up_leaves_no_trace() {
    overdue_and_not(|| {
        model("lock_lifo_until_clock", 2, || {
            let lock = Arc::new(Lock::lifo(0));
            let mut first = lock.lock_with(|owners| owners + 1);
            let clock = thread::spawn(strike);
            let other = {
                let lock = lock.clone();
                thread::spawn(move || own(&lock))
            };
            let late = {
                let lock = lock.clone();
                thread::spawn(move || own_until(&lock, far()))
            };
            *first += 1;
            drop(first);
            clock.join().unwrap();
            other.join().unwrap();
            let owners = 2 + late.join().unwrap();
            is_at_rest(&lock, owners);
        });
    });
    reached(&["quit", "popped while giving up"]);
}

#[test]
fn an_heir_told_before_the_word_says_so_is_found() {
    finds(Mutant::WokenBeforeCas, lock_lock);
}

#[test]
fn an_inheritance_in_two_steps_is_found() {
    // With more preemptions the fault is met where it only spins, which is no catch.
    finds(Mutant::InheritTwice, || lock_lock_lock(2));
}

#[test]
fn an_unlock_that_overlooks_what_is_owed_is_found() {
    finds(Mutant::OwedOverlooked, || with_overdue(Overdue::Always, lock_lock));
}

#[test]
fn a_waiter_that_does_not_look_again_is_found() {
    finds(Mutant::NoSecondLook, lock_lock);
}
