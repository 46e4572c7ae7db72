//! `sync/lock`: fair and plain leaves, tries, those who give up and those who replace the payload, two by two.

use crate::lock::{far, is_at_rest, overdue_and_not, own, own_until};
use loom::sync::Arc;
use loom::thread;
use rsm::sync::lock::{Guard, Lock, Strategy};
use rsm::sync::model::{model, reached, strike};

/// One leaves in the order of the line, another as it comes, and one who waits gives up when the clock strikes.
#[test]
fn fair_and_plain_leaves_meet() {
    overdue_and_not(|| {
        model("lock_fair_plain", 2, || {
            let lock = Arc::new(Lock::new(0));
            let fair = {
                let lock = lock.clone();
                thread::spawn(move || {
                    let mut count = lock.lock_with(|owners| owners + 1);
                    *count += 1;
                    count.unlock_fair();
                })
            };
            let plain = {
                let lock = lock.clone();
                thread::spawn(move || own(&lock))
            };
            own(&lock);
            fair.join().unwrap();
            plain.join().unwrap();
            is_at_rest(&lock, 3);
        });
    });
}

/// A try beside one who hands over: it gets in before, or not at all.
#[test]
fn a_fair_unlock_meets_a_try() {
    model("lock_fair_try", 2, || {
        let lock = Arc::new(Lock::new(0));
        let mut first = lock.lock_with(|owners| owners + 1);
        let waits = {
            let lock = lock.clone();
            thread::spawn(move || own(&lock))
        };
        let tries = {
            let lock = lock.clone();
            thread::spawn(move || {
                let count = lock.try_lock();
                count.map_or(0, |mut count| {
                    *count += 1;
                    count.unlock_with(|owners| owners + 1);
                    1
                })
            })
        };
        *first += 1;
        first.unlock_fair();
        waits.join().unwrap();
        let owners = 2 + tries.join().unwrap();
        is_at_rest(&lock, owners);
    });
}

/// Two give up at the same strike of the clock, one of them perhaps as the heir. One preemption, as two take 7 s.
#[test]
fn two_who_give_up_leave_no_trace() {
    overdue_and_not(|| {
        model("lock_until_until", 1, || {
            let lock = Arc::new(Lock::new(0));
            let mut first = lock.lock_with(|owners| owners + 1);
            let late = [(); 2].map(|()| {
                let lock = lock.clone();
                thread::spawn(move || own_until(&lock, far()))
            });
            *first += 1;
            let clock = thread::spawn(strike);
            drop(first);
            clock.join().unwrap();
            let owners = late.into_iter().map(|late| late.join().unwrap()).sum::<u32>();
            is_at_rest(&lock, 1 + owners);
        });
    });
    reached(&["quit", "popped while giving up"]);
}

/// Of two who replace the same payload one does, and one who owns the lock meanwhile finds it whole.
#[test]
fn of_two_who_replace_a_payload_one_does() {
    model("lock_replace_replace", 2, || {
        let lock = Arc::new(Lock::new(0));
        let replacing = [1, 2].map(|to| {
            let lock = lock.clone();
            thread::spawn(move || if lock.replace_payload(0, to) { to } else { 0 })
        });
        let guard = lock.lock();
        let seen = guard.payload();
        drop(guard);
        let replaced = replacing.map(|replacing| replacing.join().unwrap());
        assert!(replaced.contains(&0), "the second found another payload, or the lock taken");
        let payload = replaced[0] + replaced[1];
        assert!(seen == 0 || seen == payload, "W5: nobody changes it beside the owner");
        is_at_rest(&lock, payload);
    });
}

/// The change of one who leaves panics: the lock is left, its payload as it was, and who waits comes in.
#[test]
fn a_leave_that_panics_leaves() {
    model("lock_leave_panic", 3, || {
        let lock = Arc::new(Lock::new(0));
        let guard = lock.lock();
        let other = {
            let lock = lock.clone();
            thread::spawn(move || own(&lock))
        };
        let run = || guard.unlock_with(|_| std::panic::resume_unwind(Box::new("in the change")));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
        other.join().unwrap();
        is_at_rest(&lock, 1);
    });
}

/// What one who replaces the payload leaves beside the count of owners.
const MARK: u32 = 1 << 8;

/// What somebody does to a lock, and what it adds to the payload.
type Act<Q> = fn(&Lock<u32, Q>) -> u32;

fn owns<Q: Strategy>(lock: &Lock<u32, Q>) -> u32 {
    let mut count = lock.lock_with(|owners| owners + 1);
    *count += 1;
    assert_eq!(*count, count.payload() & !MARK, "W5: the payload changes with the owner");
    1
}

fn owns_or_is_late<Q: Strategy>(lock: &Lock<u32, Q>) -> u32 {
    let Ok(mut count) = lock.lock_with_until(far(), |owners| owners + 1) else { return 0 };
    *count += 1;
    assert_eq!(*count, count.payload() & !MARK, "W5: through a hand-over, too");
    1
}

fn tries<Q: Strategy>(lock: &Lock<u32, Q>) -> u32 {
    lock.try_lock().map_or(0, |mut count| {
        *count += 1;
        count.unlock_with(|owners| owners + 1);
        1
    })
}

fn replaces<Q: Strategy>(lock: &Lock<u32, Q>) -> u32 {
    let replaced = [1, 2].into_iter().any(|owners| lock.replace_payload(owners, owners | MARK));
    if replaced { MARK } else { 0 }
}

fn panics<Q: Strategy>(lock: &Lock<u32, Q>) -> u32 {
    let run = || drop(lock.lock_with(|_| std::panic::resume_unwind(Box::new("in the change"))));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    0
}

/// How the owner leaves the lock.
type Leave<Q> = fn(&Lock<u32, Q>, Guard<'_, u32, Q>);

/// One owns the lock and leaves it, another waits for it, a third does what it does: all that was done is counted.
fn meet<Q: Strategy + 'static>(name: &str, lock: fn(u32) -> Lock<u32, Q>, acts: [Act<Q>; 2], leave: Leave<Q>) {
    overdue_and_not(|| {
        model(name, 2, move || {
            let lock = Arc::new(lock(0));
            let mut first = lock.lock_with(|owners| owners + 1);
            let others = acts.map(|act| {
                let lock = lock.clone();
                thread::spawn(move || act(&lock))
            });
            *first += 1;
            leave(&lock, first);
            let added = others.into_iter().map(|other| other.join().unwrap()).sum::<u32>();
            is_at_rest(&lock, 1 + added);
        });
    });
}

fn plainly<Q: Strategy>(_: &Lock<u32, Q>, count: Guard<'_, u32, Q>) {
    drop(count);
}

fn fairly<Q: Strategy>(_: &Lock<u32, Q>, count: Guard<'_, u32, Q>) {
    count.unlock_fair();
}

#[test]
fn newest_first_meets_the_other_ways() {
    meet("lock_lifo_fair", Lock::lifo, [owns, owns], fairly);
    meet("lock_lifo_try", Lock::lifo, [owns, tries], plainly);
    meet("lock_lifo_panic", Lock::lifo, [owns, panics], plainly);
}

/// The clock strikes before the other acts, at any moment of the wait.
#[test]
fn one_who_gives_up_meets_the_other_ways() {
    let strikes_and_tries = |lock: &_| {
        strike();
        tries(lock)
    };
    let strikes_and_replaces = |lock: &_| {
        strike();
        replaces(lock)
    };
    let strikes_and_panics = |lock: &_| {
        strike();
        panics(lock)
    };
    meet("lock_until_try", Lock::new, [owns_or_is_late, strikes_and_tries], plainly);
    meet("lock_until_replace", Lock::new, [owns_or_is_late, strikes_and_replaces], plainly);
    meet("lock_until_panic", Lock::new, [owns_or_is_late, strikes_and_panics], plainly);
    reached(&["quit", "popped while giving up"]);
}

#[test]
fn a_fair_unlock_meets_the_other_ways() {
    meet("lock_fair_replace", Lock::new, [owns, replaces], fairly);
    meet("lock_fair_panic", Lock::new, [owns, panics], fairly);
}

#[test]
fn an_unlock_by_force_is_an_unlock() {
    let by_force: Leave<_> = |lock, count| {
        std::mem::forget(count);
        // SAFETY: the guard was just forgotten, and nobody else unlocks on its behalf.
        unsafe { lock.force_unlock() };
    };
    let with_a_change: Leave<_> = |lock, count| {
        std::mem::forget(count);
        // SAFETY: as above.
        assert_eq!(
            unsafe { lock.force_unlock_with(|owners| owners) } & !MARK,
            1,
            "W5: nobody changes it beside the owner"
        );
    };
    let fairly: Leave<_> = |lock, count| {
        std::mem::forget(count);
        // SAFETY: as above.
        unsafe { lock.force_unlock_fair() };
    };
    meet("lock_force_unlock", Lock::new, [owns, tries], by_force);
    meet("lock_force_unlock_with", Lock::new, [owns, replaces], with_a_change);
    meet("lock_force_unlock_fair", Lock::new, [owns, owns], fairly);
}
