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

/// Four queue one after the other, and nobody is overdue, as time stands still: with fair unlocks the order is the strategy's.
fn order<Q: Strategy + Send + Sync + 'static>(lock: Lock<Vec<u32>, Q>) -> Vec<u32> {
    let lock = Arc::new(lock);
    let first = lock.lock();
    let threads: Vec<_> = (0..4)
        .map(|who| {
            let mine = lock.clone();
            let thread = shuttle::thread::spawn(move || {
                let mut order = mine.lock();
                order.push(who);
                order.unlock_fair();
            });
            while lock.pending() <= who {
                shuttle::thread::yield_now();
            }
            thread
        })
        .collect();
    first.unlock_fair();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    let order = lock.try_lock().expect("it is free").clone();
    order
}

#[test]
fn with_fair_unlocks_the_order_is_the_strategys() {
    explore("lock_order", || {
        assert_eq!(order(Lock::new(vec![])), [0, 1, 2, 3]);
        assert_eq!(order(Lock::lifo(vec![])), [3, 2, 1, 0]);
    });
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

/// As the writer: a pair whose halves differ only while it is at work.
fn add(pair: &mut (u32, u32)) {
    pair.0 += 1;
    shuttle::thread::yield_now();
    pair.1 += 1;
}

/// Whether it has written: as one who reads first, and may give up upgrading.
fn upgrade(lock: &RwLock<(u32, u32)>, late: bool) -> bool {
    let upgradable = lock.upgradable_read();
    let before = *upgradable;
    let writer = if late { upgradable.upgrade_timeout(SOON) } else { Ok(upgradable.upgrade()) };
    match writer {
        Ok(mut writer) => {
            assert_eq!(*writer, before, "R4: nobody writes between reading and upgrading");
            add(&mut writer);
            let reader = writer.downgrade_to_upgradable().downgrade();
            assert_eq!(*reader, (before.0 + 1, before.1 + 1), "nor while it becomes a reader again");
            true
        }
        Err(upgradable) => {
            assert_eq!(*upgradable.downgrade(), before, "R1: it has been a reader all the time");
            false
        }
    }
}

/// One who writes, one who upgrades, one who may give up upgrading, and two readers, of whom one may give up.
fn upgrades(lock: RwLock<(u32, u32)>) {
    let lock = Arc::new(lock);
    let wrote = Arc::new(AtomicU32::new(0));
    let threads = (0..5).map(|thread| {
        let (lock, wrote) = (lock.clone(), wrote.clone());
        Box::new(move || {
            for _ in 0..ROUNDS {
                let writes = match thread {
                    0 => {
                        add(&mut lock.write());
                        true
                    }
                    1 | 2 => upgrade(&lock, thread == 2),
                    _ => {
                        let reader = if thread == 3 { Ok(lock.read()) } else { lock.read_timeout(SOON) };
                        reader.into_iter().for_each(|pair| assert_eq!(pair.0, pair.1, "R1: no writer beside a reader"));
                        false
                    }
                };
                wrote.fetch_add(writes.into(), Relaxed);
            }
        }) as Box<dyn FnOnce() + Send>
    });
    together(threads.collect());
    assert_eq!((lock.pending(), lock.readers()), (0, 0));
    let wrote = wrote.load(Relaxed);
    assert!(2 * ROUNDS <= wrote, "who does not give up is served");
    assert_eq!(*lock.try_read().expect("it is free"), (wrote, wrote));
}

#[test]
fn upgraders_readers_and_writers_take_turns_counted_or_spread() {
    explore("rwlock_upgrade", || upgrades(RwLock::new((0, 0))));
    explore("rwlock_spread_upgrade", || {
        let lock = RwLock::new((0, 0));
        lock.spread_out();
        upgrades(lock);
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
