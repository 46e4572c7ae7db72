use super::*;
use crate::sync::TimedOut;
use crate::sync::shim::{AtomicU32, Ordering::Relaxed};
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

/// Waits, as a test may, until so many threads are queued.
fn until_pending<T, Q: Strategy>(lock: &Lock<T, Q>, pending: u32) {
    while lock.pending() < pending {
        std::thread::yield_now();
    }
}

#[test]
fn owners_are_one_at_a_time_and_all_are_served() {
    let lock = Lock::new(0u64);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..2000).for_each(|_| *lock.lock_with(|owners| owners + 1) += 1));
        }
    });
    assert_eq!((*lock.lock(), lock.payload(), lock.pending()), (16_000, 16_000, 0));
}

#[test]
fn with_unlock_fair_waiters_are_served_in_the_order_of_the_strategy() {
    fn order<Q: Strategy>(lock: Lock<Vec<u32>, Q>) -> Vec<u32>
    where
        Lock<Vec<u32>, Q>: Sync,
    {
        std::thread::scope(|scope| {
            let first = lock.lock();
            for who in 0..4 {
                let lock = &lock;
                scope.spawn(move || {
                    let mut order = lock.lock();
                    order.push(who);
                    order.unlock_fair();
                });
                until_pending(lock, who + 1);
            }
            first.unlock_fair();
        });
        lock.into_inner()
    }
    assert_eq!(order(Lock::new(vec![])), [0, 1, 2, 3]);
    let mut lifo = order(Lock::lifo(vec![]));
    // The oldest may have become overdue on the way, and is then first. (`raw` tests which is next where nobody is.)
    let mut left: std::collections::VecDeque<u32> = (0..4).collect();
    for next in lifo.drain(..) {
        let due = if left.back() == Some(&next) { left.pop_back() } else { left.pop_front() };
        assert_eq!(due, Some(next), "the newest, or the oldest");
    }
    assert!(left.is_empty(), "all are served");
}

#[test]
fn unlock_with_returns_the_payload_before_and_a_panic_in_it_unlocks() {
    let lock = Lock::with_payload((), 5);
    assert_eq!(lock.lock().unlock_with(|payload| payload * 2), 5);
    assert_eq!(lock.payload(), 10);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        lock.lock().unlock_with(|_| panic!("in the change"));
    }));
    assert!(panicked.is_err());
    assert_eq!(lock.snapshot(), Snapshot { payload: 10, pending: 0, is_locked: false });
}

#[test]
fn a_panic_under_the_lock_unlocks_it() {
    let lock = Lock::new(1);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _guard = lock.lock();
        panic!("under the lock");
    }));
    assert!(panicked.is_err() && lock.try_lock().is_some());
}

#[test]
fn a_timeout_gives_up_and_leaves_nobody_counted() {
    let lock = Lock::new(());
    let guard = lock.lock();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(lock.lock_timeout(Duration::from_millis(5)).err(), Some(TimedOut));
            assert_eq!(lock.lock_until(Instant::now()).err(), Some(TimedOut));
            assert!(lock.lock_with_until(Instant::now(), |_| 9).is_err());
            assert!(lock.lock_with_timeout(Duration::from_millis(1), |_| 9).is_err());
            assert!(lock.try_lock_with(|_| 9).is_none());
        });
    });
    drop(guard);
    assert_eq!(lock.snapshot(), Snapshot { payload: 0, pending: 0, is_locked: false });
    assert!(lock.lock_timeout(Duration::ZERO).is_ok(), "a free lock is taken at once");
    assert!(lock.lock_timeout(Duration::MAX).is_ok(), "a deadline out of reach is none");
    assert!(lock.lock_with_timeout(Duration::ZERO, |payload| payload + 1).is_ok());
    assert_eq!(lock.payload(), 1);
}

#[test]
fn a_panic_of_the_heirs_change_wakes_the_next() {
    let lock = Lock::new(0);
    let runs = AtomicU32::new(0);
    let guard = lock.lock();
    std::thread::scope(|scope| {
        let heir = scope.spawn(|| {
            let change = |_| {
                runs.fetch_add(1, Relaxed);
                panic!("in the change")
            };
            drop(lock.lock_with(change));
        });
        until_pending(&lock, 1);
        let next = scope.spawn(|| *lock.lock() += 1);
        until_pending(&lock, 2);
        drop(guard);
        assert!(heir.join().is_err());
        next.join().unwrap();
    });
    assert_eq!((runs.into_inner(), lock.pending(), lock.into_inner()), (1, 0, 1));
}

#[test]
fn a_forgotten_guard_is_unlocked_by_force() {
    let lock: Lock<()> = Lock::new(());
    for round in 0..3 {
        std::mem::forget(lock.lock());
        assert!(lock.try_lock().is_none());
        match round {
            // SAFETY: the guard above was forgotten.
            0 => unsafe { lock.force_unlock() },
            // SAFETY: likewise.
            1 => assert_eq!(unsafe { lock.force_unlock_with(|payload| payload + 1) }, 0),
            // SAFETY: likewise.
            _ => unsafe { lock.force_unlock_fair() },
        }
    }
    assert_eq!(lock.snapshot(), Snapshot { payload: 1, pending: 0, is_locked: false });
}

#[test]
fn a_contended_lock_is_taken_in_the_destructor_of_a_thread_local() {
    static LOCK: Lock<u32> = Lock::new(0);
    struct LocksAtTheEnd;
    impl Drop for LocksAtTheEnd {
        fn drop(&mut self) {
            *LOCK.lock() += 1;
        }
    }
    thread_local!(static LAST: LocksAtTheEnd = const { LocksAtTheEnd });
    let guard = LOCK.lock();
    let thread = std::thread::spawn(|| LAST.with(|_| ()));
    until_pending(&LOCK, 1);
    drop(guard);
    thread.join().unwrap();
    assert_eq!(*LOCK.lock(), 1);
}

/// The last of two owners frees the lock while the one before it may still be on its way out: AddressSanitizer and Miri see a
/// touch that comes too late.
#[test]
fn the_next_owner_may_free_the_lock() {
    struct Shared(*const Lock<u32>);
    // SAFETY: the lock is shared, which `Lock<u32>` allows; it is freed by the last owner.
    unsafe impl Send for Shared {}
    fn own_and_free(shared: Shared) {
        // SAFETY: it is freed by whoever leaves as the last, which is us or one who comes later.
        let lock = unsafe { &*shared.0 };
        let mut left = lock.lock();
        *left -= 1;
        let last = *left == 0;
        // The reference ends here; what follows is `unlock`, which must not touch the lock once another can own it.
        drop(left);
        if last {
            // SAFETY: nobody else will come.
            drop(unsafe { Box::from_raw(shared.0.cast_mut()) });
        }
    }
    for _ in 0..if cfg!(miri) { 20 } else { 2000 } {
        let shared: *const Lock<u32> = Box::into_raw(Box::new(Lock::new(2)));
        let threads = [Shared(shared), Shared(shared)].map(|shared| std::thread::spawn(|| own_and_free(shared)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn a_payload_is_replaced_only_in_a_free_lock_and_only_by_who_knows_it() {
    let lock = Lock::with_payload((), 7);
    assert!(!lock.replace_payload(6, 9), "another payload");
    assert_eq!(lock.payload(), 7, "nothing is changed");
    let guard = lock.lock();
    assert!(!lock.replace_payload(7, 9), "locked");
    assert_eq!(guard.unlock_with(|payload| payload + 1), 7, "nothing is changed");
    assert!(lock.replace_payload(8, 9) && lock.replace_payload(9, 9));
    assert_eq!(lock.snapshot(), Snapshot { payload: 9, pending: 0, is_locked: false });
}

#[test]
fn the_last_run_of_a_change_is_stored_and_each_runs_on_the_thread_that_locks() {
    fn take_turns<Q: Strategy>(lock: &Lock<(), Q>, fair: bool) {
        let me = std::thread::current().id();
        let last = std::cell::Cell::new(0);
        let change = |payload: u32| {
            assert_eq!(std::thread::current().id(), me);
            last.set(payload + 1);
            payload + 1
        };
        for round in 0..1000 {
            let guard = match round % 3 {
                0 => lock.lock_with(change),
                1 => lock.lock_with_timeout(Duration::from_secs(1000), change).unwrap(),
                _ => lock.try_lock_with(change).unwrap_or_else(|| lock.lock_with(change)),
            };
            assert_eq!(guard.payload(), last.get());
            if fair { guard.unlock_fair() } else { drop(guard) }
        }
    }
    let (fifo, lifo) = (Lock::new(()), Lock::lifo(()));
    std::thread::scope(|scope| {
        for who in 0..4 {
            let (fifo, lifo) = (&fifo, &lifo);
            scope.spawn(move || take_turns(fifo, who % 2 == 0));
            scope.spawn(move || take_turns(lifo, who % 2 == 0));
        }
    });
    for rest in [fifo.snapshot_acquire(), lifo.snapshot_acquire()] {
        assert_eq!(rest, Snapshot { payload: 4000, pending: 0, is_locked: false });
    }
}

#[test]
fn a_mark_in_the_payload_is_there_only_while_its_owner_is_in() {
    const INSIDE: u32 = 1;
    let lock = Lock::new(());
    let owners = 3;
    std::thread::scope(|scope| {
        for _ in 0..owners {
            scope.spawn(|| {
                for _ in 0..1000 {
                    let before =
                        lock.lock_with(|payload| payload | INSIDE).unlock_with(|payload| (payload & !INSIDE) + 2);
                    assert_eq!(before & INSIDE, INSIDE);
                }
            });
        }
        while lock.payload() < owners * 2000 {
            let seen = lock.snapshot();
            assert!(seen.is_locked || seen.payload & INSIDE == 0, "{seen:?}");
            assert!(seen.pending <= owners);
        }
    });
}

#[test]
fn a_lock_of_either_order_may_be_a_static() {
    static FIFO: Lock<u32> = Lock::with_payload(1, 5);
    static LIFO: Lock<u32, Lifo> = Lock::lifo(2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (*FIFO.lock() += 1, *LIFO.lock_with(|owners| owners + 1) += 1));
        }
    });
    assert_eq!((*FIFO.lock(), FIFO.payload(), *LIFO.lock(), LIFO.payload()), (5, 5, 6, 4));
}

#[test]
fn a_value_without_a_size_of_its_own_is_locked_by_reference() {
    let lock: Box<Lock<[u32]>> = Box::new(Lock::new([1, 2, 3]));
    lock.lock()[1] += 5;
    assert_eq!(format!("{lock:?}"), "Lock([1, 7, 3])");
    let sum = std::sync::Arc::new(Lock::lifo(|more: u32| more + 1));
    let dynamic: std::sync::Arc<Lock<dyn FnMut(u32) -> u32 + Send, Lifo>> = sum;
    assert_eq!((dynamic.lock())(2), 3);
}

#[test]
fn a_token_of_somebody_elses_ends_no_wait() {
    let lock = Lock::new(0);
    // Dropped by hand: if this fails, another has unlocked it.
    let mut first = ManuallyDrop::new(lock.lock());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            // Whoever sleeps now wakes at once, though nobody has said that the lock is free.
            std::thread::current().unpark();
            *lock.lock() += 1;
        });
        while lock.pending() == 0 {
            assert!(!waits.is_finished(), "it waits");
            std::thread::yield_now();
        }
        **first = 41;
        // Long enough for one who does not look again.
        (0..1000).for_each(|_| std::thread::yield_now());
        assert_eq!((**first, lock.pending()), (41, 1), "it waits on");
        drop(ManuallyDrop::into_inner(first));
    });
    assert_eq!(*lock.lock(), 42);
}
