//! `sync/lock`: fair and plain leaves, tries, those who give up and those who replace the payload, two by two.

use crate::lock::{far, is_at_rest, overdue_and_not, own, own_until};
use loom::sync::Arc;
use loom::thread;
use rsm::sync::lock::Lock;
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
