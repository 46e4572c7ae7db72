//! `sync/rwlock`: those who only try, those who give up, and those who stay in another part; counted, and by slots.

use crate::rwlock::{
    Pair, far, is_at_rest, overdue_and_not, read, shared, spawn, spread, upgrade, upgrade_until, write,
};
use loom::sync::Arc;
use loom::thread;
use rsm::sync::model::{model, strike};

/// One who tries to write, one who tries to read, to be upgradable and to upgrade: whoever gets in is right to be there.
fn tries(name: &str, preemptions: usize, shared: impl Fn() -> Arc<Pair> + Sync + Send + 'static) {
    model(name, preemptions, move || {
        let lock = shared();
        let try_write =
            |lock: &Pair| lock.try_write().map(|mut pair| *pair = (pair.0 + 1, pair.1 + 1)).is_some() as u32;
        let writing = spawn(&lock, move |lock| try_write(lock) + try_write(lock));
        let seen = lock.try_read().map(|pair| *pair);
        assert!(seen.is_none_or(|pair| pair.0 == pair.1), "R1");
        let mut wrote = 0;
        if let Some(upgradable) = lock.try_upgradable_read() {
            let before = *upgradable;
            if let Ok(mut pair) = upgradable.try_upgrade() {
                assert_eq!(*pair, before, "R4: nobody writes between reading and upgrading");
                *pair = (before.0 + 1, before.1 + 1);
                wrote = 1;
            }
        }
        let writes = wrote + writing.join().unwrap();
        is_at_rest(&lock, writes);
    });
}

#[test]
fn a_try_comes_in_or_leaves_the_lock_alone() {
    tries("rwlock_try", 3, shared);
    tries("rwlock_spread_try", 3, spread);
}

/// The clock strikes while a writer waits for another.
#[test]
fn a_writer_that_gives_up_on_a_writer_leaves_no_trace() {
    overdue_and_not(|| {
        model("rwlock_write_until_clock", 2, || {
            let lock = shared();
            let clock = thread::spawn(strike);
            let other = spawn(&lock, write);
            let late = lock.write_until(far()).map(|mut pair| *pair = (pair.0 + 1, pair.1 + 1));
            clock.join().unwrap();
            other.join().unwrap();
            is_at_rest(&lock, 1 + late.is_ok() as u32);
        });
    });
}

/// The clock strikes while one waits to be the upgradable reader.
#[test]
fn one_who_gives_up_being_upgradable_leaves_no_trace() {
    model("rwlock_upgradable_until_clock", 2, || {
        let lock = shared();
        let clock = thread::spawn(strike);
        let other = spawn(&lock, upgrade);
        if let Ok(pair) = lock.upgradable_read_until(far()) {
            assert_eq!(pair.0, pair.1, "R1");
        }
        clock.join().unwrap();
        other.join().unwrap();
        is_at_rest(&lock, 1);
    });
}

#[test]
fn a_reader_by_a_slot_that_gives_up_leaves_no_trace() {
    model("rwlock_spread_read_until_clock", 2, || {
        let lock = spread();
        let clock = thread::spawn(strike);
        let writer = spawn(&lock, write);
        if let Ok(pair) = lock.read_until(far()) {
            assert_eq!(pair.0, pair.1, "R1");
        }
        clock.join().unwrap();
        writer.join().unwrap();
        is_at_rest(&lock, 1);
    });
}

#[test]
fn a_downgrade_beside_readers_by_slots_lets_no_writer_in_between() {
    model("rwlock_spread_downgrade", 2, || {
        let lock = spread();
        let others = [spawn(&lock, write), spawn(&lock, |lock| assert!(read(lock) <= 2))];
        let mut pair = lock.write();
        *pair = (pair.0 + 1, pair.1 + 1);
        let seen = *pair;
        let pair = pair.downgrade();
        assert_eq!(*pair, seen);
        drop(pair);
        others.into_iter().for_each(|other| other.join().unwrap());
        is_at_rest(&lock, 2);
    });
}

/// The clock strikes while an upgradable reader waits for one in a slot.
#[test]
fn an_upgrade_that_gives_up_on_slots_lets_readers_in() {
    model("rwlock_spread_upgrade_until_clock", 2, || {
        let lock = spread();
        let inside = lock.read();
        let clock = thread::spawn(strike);
        let late = spawn(&lock, |lock| upgrade_until(lock, far()));
        // If the other is waiting for us, this waits for the clock.
        read(&lock);
        drop(inside);
        clock.join().unwrap();
        let writes = late.join().unwrap();
        is_at_rest(&lock, writes);
    });
}
