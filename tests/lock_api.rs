//! A `Lock<()>` behind `lock_api::Mutex`: cargo test --features lock_api --test lock_api

use lock_api::{Mutex, MutexGuard};
use rsm::sync::lock::{Fifo, Lifo, Lock};
use std::time::{Duration, Instant};

type Ours<T, Q = Fifo> = Mutex<Lock<(), Q>, T>;

static COUNT: Ours<u64> = Mutex::new(0);

#[test]
fn a_static_mutex_counts_for_many_threads_in_all_ways_of_locking_and_unlocking() {
    std::thread::scope(|scope| {
        for who in 0..4 {
            scope.spawn(move || {
                for round in 0..500 {
                    let mut count = match (who + round) % 4 {
                        0 => COUNT.lock(),
                        1 => COUNT.try_lock().unwrap_or_else(|| COUNT.lock()),
                        2 => COUNT.try_lock_for(Duration::from_micros(5)).unwrap_or_else(|| COUNT.lock()),
                        _ => COUNT.try_lock_until(Instant::now()).unwrap_or_else(|| COUNT.lock()),
                    };
                    *count += 1;
                    MutexGuard::bump(&mut count);
                    *count += 1;
                    if round % 2 == 0 {
                        MutexGuard::unlock_fair(count);
                    }
                }
            });
        }
    });
    assert!(!COUNT.is_locked());
    assert_eq!(*COUNT.lock(), 4000);
}

fn tries_and_gives_up(mutex: Ours<u32, impl rsm::sync::lock::Strategy>) {
    let held = mutex.lock();
    assert!(mutex.is_locked() && mutex.try_lock().is_none());
    assert!(mutex.try_lock_for(Duration::from_millis(1)).is_none());
    assert!(mutex.try_lock_until(Instant::now()).is_none());
    MutexGuard::unlock_fair(held);
    assert!(mutex.try_lock_for(Duration::ZERO).is_some_and(|value| *value == 7));
    assert!(!mutex.is_locked());
}

#[test]
fn a_held_mutex_is_tried_in_vain_whatever_its_order() {
    tries_and_gives_up(Mutex::<Lock<(), Fifo>, _>::new(7));
    tries_and_gives_up(Mutex::<Lock<(), Lifo>, _>::new(7));
}

#[test]
fn a_fair_unlock_hands_over_to_who_waits() {
    let mutex: Ours<Vec<u32>> = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        let first = mutex.lock();
        // SAFETY: it is only looked at.
        let raw = unsafe { mutex.raw() };
        for who in 0..3 {
            let mutex = &mutex;
            scope.spawn(move || {
                let mut order = mutex.lock();
                order.push(who);
                MutexGuard::unlock_fair(order);
            });
            while raw.pending() <= who {
                std::thread::yield_now();
            }
        }
        MutexGuard::unlock_fair(first);
    });
    assert_eq!(mutex.into_inner(), [0, 1, 2]);
}
