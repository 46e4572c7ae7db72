use super::*;
use crate::sync::TimedOut;
use crate::sync::shim::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Waits, as a test may, until so many threads are queued.
fn until_pending<T>(lock: &RwLock<T>, pending: u32) {
    while lock.pending() < pending {
        std::thread::yield_now();
    }
}

#[test]
fn readers_share_and_a_writer_is_alone() {
    let lock = RwLock::new(1);
    let (first, second) = (lock.read(), lock.try_read());
    assert!(second.is_some() && lock.readers() == 2 && lock.try_write().is_none());
    drop((first, second));
    let writer = lock.write();
    assert!(lock.try_read().is_none() && lock.try_write().is_none());
    assert_eq!(format!("{lock:?}"), "RwLock(written)");
    drop(writer);
    assert_eq!((lock.readers(), lock.into_inner()), (0, 1));
}

#[test]
fn what_writers_do_is_seen_whole_and_all_are_served() {
    let lock = RwLock::new((0u64, 0u64));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let mut pair = lock.write();
                    pair.0 += 1;
                    pair.1 += 1;
                }
            });
        }
        for _ in 0..5 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let pair = lock.read();
                    assert_eq!(pair.0, pair.1);
                }
            });
        }
    });
    assert_eq!((lock.pending(), lock.readers(), lock.into_inner()), (0, 0, (6000, 6000)));
}

#[test]
fn new_readers_do_not_pass_a_writer_that_waits() {
    let lock = RwLock::new(0);
    let reader = lock.read();
    std::thread::scope(|scope| {
        scope.spawn(|| *lock.write() += 1);
        until_pending(&lock, 1);
        assert!(lock.try_read().is_none());
        let late = scope.spawn(|| *lock.read());
        until_pending(&lock, 2);
        drop(reader);
        assert_eq!(late.join().unwrap(), 1, "the writer came first");
    });
}

#[test]
fn readers_in_line_come_in_together_when_a_writer_leaves() {
    let lock = RwLock::new(());
    let all_in = AtomicBool::new(false);
    let writer = lock.write();
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                let _reader = lock.read();
                while lock.readers() < 40 && !all_in.load(Relaxed) {
                    std::thread::yield_now();
                }
                all_in.store(true, Relaxed);
            });
        }
        until_pending(&lock, 40);
        drop(writer);
    });
    assert_eq!((lock.readers(), lock.pending()), (0, 0));
}

#[test]
fn a_writer_that_gives_up_lets_in_the_readers_behind_it() {
    let lock = RwLock::new(());
    let reader = lock.read();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| lock.write_timeout(Duration::from_millis(100)).map(drop));
        // If it has given up before it was seen waiting, what follows holds all the more.
        while lock.pending() < 1 && !writer.is_finished() {
            std::thread::yield_now();
        }
        // It must come in beside the first reader, which does not leave before.
        let behind = scope.spawn(|| drop(lock.read()));
        assert_eq!(writer.join().unwrap(), Err(TimedOut));
        behind.join().unwrap();
        drop(reader);
    });
    assert_eq!((lock.readers(), lock.pending()), (0, 0));
}

#[test]
fn a_downgrade_lets_in_readers_and_keeps_writers_out() {
    let lock = RwLock::new(0);
    let mut writer = lock.write();
    std::thread::scope(|scope| {
        let behind = scope.spawn(|| *lock.read());
        until_pending(&lock, 1);
        *writer = 7;
        let reader = writer.downgrade();
        assert_eq!(behind.join().unwrap(), 7);
        assert!(lock.try_write().is_none());
        drop(reader);
    });
    assert!(lock.try_write().is_some());
}

#[test]
fn timeouts_give_up_and_leave_nobody_counted() {
    let lock = RwLock::new(());
    let writer = lock.write();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(lock.read_timeout(Duration::from_millis(5)).is_err());
            assert!(lock.read_until(Instant::now()).is_err());
            assert!(lock.write_timeout(Duration::from_millis(5)).is_err());
            assert!(lock.write_until(Instant::now()).is_err());
        });
    });
    drop(writer);
    assert_eq!((lock.readers(), lock.pending()), (0, 0));
    assert!(lock.write_timeout(Duration::ZERO).is_ok(), "a free lock is taken at once");
}

#[test]
fn a_guard_may_be_dropped_on_another_thread_and_a_panic_leaves() {
    static LOCK: RwLock<u32> = RwLock::new(3);
    let reader = LOCK.read();
    std::thread::spawn(move || assert_eq!(*reader, 3)).join().unwrap();
    let panicked = std::thread::spawn(|| {
        let _writer = LOCK.write();
        panic!("inside");
    });
    assert!(panicked.join().is_err() && LOCK.try_write().is_some());
}

#[test]
fn a_view_reads_and_keeps_the_lock_alive() {
    let lock = Arc::new(RwLock::new(5));
    let view = ReadOnly::of(&lock);
    drop(lock);
    assert_eq!(*view.clone().read(), 5);
    let reader = view.try_read();
    assert!(reader.is_some() && view.readers() == 1);
}

#[test]
fn one_upgradable_reader_is_in_beside_readers_and_keeps_writers_out() {
    let lock = RwLock::new(1);
    let upgradable = lock.upgradable_read();
    let reader = lock.try_read();
    assert!(reader.is_some() && lock.readers() == 2);
    assert!(lock.try_upgradable_read().is_none() && lock.try_write().is_none());
    assert!(lock.upgradable_read_timeout(Duration::ZERO).is_err());
    assert!(lock.upgradable_read_until(Instant::now()).is_err());
    let upgradable = upgradable.try_upgrade().expect_err("a reader is in");
    let upgradable = upgradable.upgrade_timeout(Duration::from_millis(5)).expect_err("a reader is in");
    assert!(lock.try_read().is_some(), "who has given up keeps no reader out");
    drop(reader);
    let mut writer = upgradable.upgrade_until(Instant::now()).expect("nobody else is in");
    *writer += 1;
    assert!(lock.try_read().is_none());
    let upgradable = writer.downgrade_to_upgradable();
    assert!(lock.try_read().is_some() && lock.try_upgradable_read().is_none());
    let reader = upgradable.downgrade();
    assert!(lock.try_upgradable_read().is_some() && lock.try_write().is_none());
    assert_eq!((*reader, lock.readers()), (2, 1));
    drop(reader);
    assert!(lock.try_write().is_some());
}

#[test]
fn who_upgrades_waits_for_readers_and_lets_none_in_meanwhile() {
    let lock = RwLock::new(0);
    let reader = lock.read();
    std::thread::scope(|scope| {
        let upgrading = scope.spawn(|| {
            let mut writer = lock.upgradable_read().upgrade();
            *writer += 1;
        });
        while lock.try_read().is_some() {
            std::thread::yield_now();
        }
        let late = scope.spawn(|| *lock.read());
        let writer = scope.spawn(|| *lock.write() *= 10);
        until_pending(&lock, 2);
        assert!(!upgrading.is_finished());
        drop(reader);
        upgrading.join().unwrap();
        assert!([1, 10].contains(&late.join().unwrap()));
        writer.join().unwrap();
    });
    assert_eq!((lock.readers(), lock.pending(), lock.into_inner()), (0, 0, 10));
}

#[test]
fn the_next_upgradable_reader_comes_in_with_the_readers_behind_it() {
    let lock = RwLock::new(());
    for leaves in [drop, |upgradable: UpgradableGuard<'_, ()>| drop(upgradable.downgrade())] {
        let upgradable = lock.upgradable_read();
        let inside = lock.read();
        std::thread::scope(|scope| {
            let next = scope.spawn(|| drop(lock.upgradable_read()));
            until_pending(&lock, 1);
            let behind = scope.spawn(|| drop(lock.read()));
            until_pending(&lock, 2);
            // However it ceases to be the upgradable one, those who are next need not wait for who reads.
            leaves(upgradable);
            next.join().unwrap();
            behind.join().unwrap();
            drop(inside);
        });
        assert_eq!((lock.readers(), lock.pending()), (0, 0));
    }
}

#[test]
fn who_waits_to_be_upgradable_keeps_newcomers_out_until_the_one_inside_leaves() {
    let lock = RwLock::new(());
    let upgradable = lock.upgradable_read();
    assert!(lock.try_read().is_some(), "nobody waits");
    std::thread::scope(|scope| {
        let next = scope.spawn(|| drop(lock.upgradable_read()));
        until_pending(&lock, 1);
        assert!(lock.try_read().is_none(), "R8: new readers do not pass anyone who waits");
        drop(upgradable);
        next.join().unwrap();
    });
    assert!(lock.try_read().is_some());
}

#[test]
fn an_upgradable_reader_that_gives_up_lets_in_the_readers_behind_it() {
    let lock = RwLock::new(());
    let upgradable = lock.upgradable_read();
    std::thread::scope(|scope| {
        let late = scope.spawn(|| lock.upgradable_read_timeout(Duration::from_millis(100)).map(drop));
        while lock.pending() < 1 && !late.is_finished() {
            std::thread::yield_now();
        }
        let behind = scope.spawn(|| drop(lock.read()));
        assert_eq!(late.join().unwrap(), Err(TimedOut));
        behind.join().unwrap();
    });
    drop(upgradable);
}

#[test]
fn an_upgrade_that_must_not_sleep_panics_and_leaves() {
    let lock = RwLock::new(());
    let reader = lock.read();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _sleepless = crate::sync::park::NoSleep::new();
        drop(lock.upgradable_read().upgrade());
    }));
    assert!(panicked.is_err() && lock.try_read().is_some() && lock.try_upgradable_read().is_some());
    drop(reader);
}

/// One reader more is refused while nothing has changed; where that is too late (a guard is gone, waiters are popped), the process
/// ends: to unwind would leave somebody let in and not counted. So the latter is tried in a process of its own.
#[cfg(not(miri))]
#[test]
fn a_full_count_of_readers_refuses_one_more_and_never_unwinds_half_way() {
    const CHILD: &str = "RSM_READERS_ARE_FULL";
    let lock = RwLock::new(());
    lock.raw.note(|word| Some(word::Word(word.0 + (((1 << 24) - 1) << 40))));
    let unwinds = |visit: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(visit)).is_err();
    // Who comes back from either ends with success, which is what the parent must not see.
    match std::env::var(CHILD).as_deref() {
        Ok("stays") => {
            unwinds(&|| drop(lock.upgradable_read().downgrade()));
            return;
        }
        Ok(_) => return a_leave_lets_in_one_too_many(&lock),
        Err(_) => {}
    }
    assert!(unwinds(&|| drop(lock.try_read())) && unwinds(&|| drop(lock.read())));
    assert_eq!(lock.readers(), (1 << 24) - 1, "nothing has changed");
    let name = concat!(module_path!(), "::a_full_count_of_readers_refuses_one_more_and_never_unwinds_half_way");
    let name = name.trim_start_matches("rsm::");
    let test = std::env::current_exe().expect("a test knows where it stands");
    for how in ["stays", "lets in"] {
        let child = std::process::Command::new(&test).args(["--exact", name, "--nocapture"]).env(CHILD, how).output();
        let child = child.expect("it can be run again");
        assert!(!child.status.success(), "it aborts: {how}");
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(said.contains("at most 2^24 - 1 readers") && !said.contains("panicked"), "and says why: {how}: {said}");
    }
}

/// Among readers without number an upgradable one leaves, and lets in another with the reader behind it.
#[cfg(not(miri))]
fn a_leave_lets_in_one_too_many(lock: &RwLock<()>) {
    std::thread::scope(|scope| {
        let first = lock.upgradable_read();
        scope.spawn(|| drop(lock.upgradable_read()));
        until_pending(lock, 1);
        scope.spawn(|| drop(lock.read()));
        until_pending(lock, 2);
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(first)));
        std::process::exit(0);
    });
}

#[test]
fn all_kinds_of_visits_together_lose_nothing() {
    let (counted, spread) = (RwLock::new((0, 0)), RwLock::new((0, 0)));
    spread.raw.spread_out();
    for lock in [counted, spread] {
        all_kinds_of_visits(lock);
    }
}

fn all_kinds_of_visits(lock: RwLock<(u64, u64)>) {
    fn add(pair: &mut (u64, u64)) {
        pair.0 += 1;
        pair.1 += 1;
    }
    std::thread::scope(|scope| {
        for who in 0..4 {
            let lock = &lock;
            scope.spawn(move || {
                for round in 0..1000 {
                    match (who + round) % 5 {
                        0 => add(&mut lock.write()),
                        1 => {
                            let upgradable = lock.upgradable_read();
                            let before = *upgradable;
                            let mut writer = upgradable.upgrade();
                            assert_eq!(*writer, before, "nobody writes in between");
                            add(&mut writer);
                        }
                        2 => {
                            let mut upgradable = lock.upgradable_read();
                            for _ in 0..3 {
                                upgradable = match upgradable.upgrade_timeout(Duration::from_micros(3)) {
                                    Ok(writer) => writer.downgrade_to_upgradable(),
                                    Err(upgradable) => upgradable,
                                };
                            }
                            add(&mut upgradable.upgrade());
                        }
                        3 => {
                            let mut writer = lock.write();
                            add(&mut writer);
                            let reader = writer.downgrade_to_upgradable().downgrade();
                            assert_eq!(reader.0, reader.1);
                        }
                        _ => {
                            let late = lock.write_timeout(Duration::from_micros(3));
                            let added = late.is_ok();
                            late.into_iter().for_each(|mut writer| add(&mut writer));
                            if !added {
                                add(&mut lock.write());
                            }
                        }
                    }
                    let pair = lock.read();
                    assert_eq!(pair.0, pair.1);
                }
            });
        }
    });
    assert_eq!((lock.readers(), lock.pending(), lock.into_inner()), (0, 0, (4000, 4000)));
}

fn spread<T>(value: T) -> RwLock<T> {
    let lock = RwLock::new(value);
    lock.raw.spread_out();
    lock
}

#[test]
fn readers_that_collide_are_spread_and_others_are_not() {
    let lock = RwLock::new(());
    (0..1000).for_each(|_| drop(lock.read()));
    assert!(!lock.raw.look().is_spread() && lock.raw.spread.mine().is_none(), "nobody has collided");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !lock.raw.look().is_spread() {
                    drop(lock.read());
                }
            });
        }
    });
    let readers = [lock.read(), lock.read()];
    assert_eq!((lock.readers(), lock.raw.look().readers()), (2, 0), "they are in by slots");
    drop(readers);
    assert_eq!(lock.readers(), 0);
}

#[test]
fn spread_readers_keep_writers_out_and_a_writer_them() {
    let lock = spread(1);
    let readers = [lock.read(), lock.try_read().expect("readers share")];
    assert!(lock.try_write().is_none() && lock.write_timeout(Duration::from_millis(5)).is_err());
    let upgradable = lock.upgradable_read().try_upgrade().expect_err("readers are in");
    let upgradable = upgradable.upgrade_timeout(Duration::from_millis(5)).expect_err("readers are in");
    assert_eq!((lock.readers(), lock.try_read().is_some()), (3, true), "who has given up keeps nobody out");
    drop(readers);
    let mut writer = upgradable.upgrade();
    *writer += 1;
    assert!(lock.try_read().is_none() && lock.read_timeout(Duration::from_millis(5)).is_err());
    drop(writer);
    assert_eq!((*lock.write(), lock.readers(), lock.pending()), (2, 0, 0));
}

#[test]
fn the_last_spread_reader_lets_in_the_writer_from_whatever_thread() {
    static LOCK: RwLock<u32> = RwLock::new(0);
    LOCK.raw.spread_out();
    for round in 0..100 {
        let reader = LOCK.read();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| *LOCK.write() += 1);
            while LOCK.try_read().is_some() {
                std::thread::yield_now();
            }
            scope.spawn(move || assert_eq!(*reader, round));
            writer.join().unwrap();
        });
    }
}

#[test]
fn a_write_that_must_not_sleep_panics_and_leaves_the_readers_alone() {
    let lock = spread(());
    let reader = lock.read();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _sleepless = crate::sync::park::NoSleep::new();
        drop(lock.write());
    }));
    assert!(panicked.is_err() && lock.try_read().is_some());
    drop(reader);
    assert!(lock.try_write().is_some());
}

#[test]
fn a_spread_lock_is_read_in_the_destructor_of_a_thread_local() {
    static LOCK: RwLock<u32> = RwLock::new(5);
    LOCK.raw.spread_out();
    struct ReadsAtTheEnd;
    impl Drop for ReadsAtTheEnd {
        fn drop(&mut self) {
            assert_eq!(*LOCK.read(), 5);
            *LOCK.write() += 1;
        }
    }
    thread_local!(static LAST: ReadsAtTheEnd = const { ReadsAtTheEnd });
    std::thread::spawn(|| LAST.with(|_| ())).join().unwrap();
    assert_eq!(*LOCK.read(), 6);
}

#[test]
fn a_value_without_a_size_of_its_own_is_read_by_reference() {
    let lock: std::sync::Arc<RwLock<[u32]>> = std::sync::Arc::new(RwLock::new([1, 2, 3]));
    lock.write()[1] += 5;
    let view = ReadOnly::of(&lock);
    assert_eq!((view.read().len(), lock.upgradable_read()[1]), (3, 7));
    assert_eq!(format!("{lock:?}"), "RwLock([1, 7, 3])");
}
