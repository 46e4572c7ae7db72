use crate::{SOON, explore, together};
use rsm::sync::lock::{Lock, Strategy};
use rsm::sync::rwlock::RwLock;
use rsm::sync::semaphore::Semaphore;
use rsm::sync::turn::Turn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const ROUNDS: u32 = 3;

/// Two who wait for as long as it takes, and three who give up when chance says so.
fn own_and_quit<Q: Strategy + Send + Sync + 'static>(lock: Lock<u32, Q>) {
    let lock = Arc::new(lock);
    let owned = Arc::new(AtomicU32::new(0));
    let threads = (0..5).map(|thread| {
        let (lock, owned) = (lock.clone(), owned.clone());
        Box::new(move || {
            for round in 0..ROUNDS {
                let guard = if thread < 2 { Ok(lock.lock()) } else { lock.lock_timeout(SOON) };
                let Ok(mut count) = guard else { continue };
                *count += 1;
                owned.fetch_add(1, Relaxed);
                if (thread + round) % 3 == 0 {
                    count.unlock_fair();
                } else {
                    count.unlock_with(|owners| owners + 1);
                }
            }
        }) as Box<dyn FnOnce() + Send>
    });
    together(threads.collect());
    assert_eq!(lock.pending(), 0, "W1: nobody is counted once all are gone");
    let count = *lock.try_lock().expect("it is free");
    assert_eq!(count, owned.load(Relaxed), "one owner at a time");
    assert!(2 * ROUNDS <= count, "who does not give up is served");
}

#[test]
fn five_own_a_lock_and_three_of_them_give_up() {
    explore("lock_fifo", || own_and_quit(Lock::new(0)));
    explore("lock_lifo", || own_and_quit(Lock::lifo(0)));
}

#[test]
fn readers_and_writers_take_turns_and_some_give_up() {
    explore("rwlock", || {
        let lock = Arc::new(RwLock::new((0, 0)));
        let wrote = Arc::new(AtomicU32::new(0));
        let threads = (0..5).map(|thread| {
            let (lock, wrote) = (lock.clone(), wrote.clone());
            Box::new(move || {
                for _ in 0..ROUNDS {
                    let guard = match thread {
                        0 => Ok(lock.write()),
                        1 => lock.write_timeout(SOON),
                        2 => lock
                            .read_timeout(SOON)
                            .map(|pair| assert_eq!(pair.0, pair.1, "R1"))
                            .and(Err(rsm::sync::TimedOut)),
                        _ => {
                            let pair = lock.read();
                            assert_eq!(pair.0, pair.1, "R1: no writer beside a reader");
                            continue;
                        }
                    };
                    let Ok(mut pair) = guard else { continue };
                    *pair = (pair.0 + 1, pair.1);
                    shuttle::thread::yield_now();
                    *pair = (pair.0, pair.1 + 1);
                    wrote.fetch_add(1, Relaxed);
                }
            }) as Box<dyn FnOnce() + Send>
        });
        together(threads.collect());
        assert_eq!((lock.pending(), lock.readers()), (0, 0));
        let wrote = wrote.load(Relaxed);
        assert_eq!(*lock.try_read().expect("it is free"), (wrote, wrote));
    });
}

#[test]
fn permits_are_neither_lost_nor_doubled() {
    const PERMITS: u32 = 3;
    explore("semaphore", || {
        let semaphore = Arc::new(Semaphore::new(PERMITS));
        let held = Arc::new(AtomicU32::new(0));
        let threads = (0..5).map(|thread| {
            let (semaphore, held) = (semaphore.clone(), held.clone());
            Box::new(move || {
                for round in 0..ROUNDS {
                    let want = 1 + (thread + round) % PERMITS;
                    let permit = match thread {
                        0 | 1 => semaphore.acquire(want).ok(),
                        2 | 3 => semaphore.acquire_timeout(want, SOON).ok(),
                        _ => shuttle::future::block_on(semaphore.acquire_async(want)).ok(),
                    };
                    let Some(permit) = permit else { continue };
                    assert!(held.fetch_add(want, Relaxed) + want <= PERMITS, "S1: no more are held than there are");
                    shuttle::thread::yield_now();
                    held.fetch_sub(want, Relaxed);
                    drop(permit);
                }
            }) as Box<dyn FnOnce() + Send>
        });
        together(threads.collect());
        assert_eq!((semaphore.available(), semaphore.pending()), (PERMITS, 0), "S1: all are back");
    });
}

/// Two want more than there will ever be and give up; the two behind them then get what is there, though nobody releases.
#[test]
fn those_behind_a_quitter_are_served() {
    explore("semaphore_quit", || {
        let semaphore = Arc::new(Semaphore::new(2));
        let threads = (0..4).map(|thread| {
            let semaphore = semaphore.clone();
            Box::new(move || match thread {
                0 | 1 => assert!(semaphore.acquire_timeout(3, SOON).is_err()),
                _ => semaphore.acquire(1).expect("it is not closed").forget(),
            }) as Box<dyn FnOnce() + Send>
        });
        together(threads.collect());
        assert_eq!((semaphore.available(), semaphore.pending()), (0, 0));
    });
}

#[test]
fn a_turn_has_one_visitor() {
    explore("turn", || {
        let turn = Arc::new(Turn::new(0));
        let visits = Arc::new(AtomicU32::new(0));
        let threads = (0..4).map(|_| {
            let (turn, visits) = (turn.clone(), visits.clone());
            Box::new(move || {
                for _ in 0..ROUNDS {
                    if let Some(mut inside) = turn.try_enter() {
                        let before = *inside;
                        shuttle::thread::yield_now();
                        *inside = before + 1;
                        visits.fetch_add(1, Relaxed);
                    }
                }
            }) as Box<dyn FnOnce() + Send>
        });
        together(threads.collect());
        assert_eq!(*turn.try_enter().expect("nobody is in"), visits.load(Relaxed), "T1");
    });
}
