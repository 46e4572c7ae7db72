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

/// The clock strikes while an upgradable reader waits for a reader, and a writer waits behind both.
#[test]
fn an_upgrade_that_gives_up_meets_a_writer() {
    model("rwlock_upgrade_until_write", 2, || {
        let lock = shared();
        let inside = lock.read();
        let clock = thread::spawn(strike);
        let late = spawn(&lock, |lock| upgrade_until(lock, far()));
        let writer = spawn(&lock, write);
        drop(inside);
        clock.join().unwrap();
        writer.join().unwrap();
        let writes = 1 + late.join().unwrap();
        is_at_rest(&lock, writes);
    });
}

/// A writer and a reader give up at the same strike of the clock, behind a writer that leaves. One preemption, for its time.
#[test]
fn a_reader_and_a_writer_that_give_up_leave_no_trace() {
    model("rwlock_read_until_write_until", 1, || {
        let lock = shared();
        let inside = lock.write();
        let clock = thread::spawn(strike);
        let reader = spawn(&lock, |lock| {
            if let Ok(pair) = lock.read_until(far()) {
                assert_eq!(pair.0, pair.1, "R1");
            }
        });
        let writer = spawn(&lock, |lock| lock.write_until(far()).map(|mut pair| *pair = (pair.0 + 1, pair.1 + 1)));
        drop(inside);
        clock.join().unwrap();
        reader.join().unwrap();
        let writes = writer.join().unwrap().is_ok() as u32;
        is_at_rest(&lock, writes);
    });
}

/// The clock strikes while one waits to be the upgradable reader, behind a writer, and a writer comes as well.
#[test]
fn one_who_gives_up_being_upgradable_meets_a_writer() {
    model("rwlock_upgradable_until_write", 2, || {
        let lock = shared();
        let inside = lock.write();
        let clock = thread::spawn(strike);
        let late = spawn(&lock, |lock| upgradable_until(lock));
        let writer = spawn(&lock, write);
        drop(inside);
        clock.join().unwrap();
        late.join().unwrap();
        writer.join().unwrap();
        is_at_rest(&lock, 1);
    });
}

fn upgradable_until(lock: &Pair) {
    if let Ok(pair) = lock.upgradable_read_until(far()) {
        assert_eq!(pair.0, pair.1, "R1");
    }
}

/// A reader gives up at any moment while an upgradable one waits for those inside.
#[test]
fn a_reader_that_gives_up_meets_an_upgrade() {
    model("rwlock_read_until_upgrade", 2, || {
        let lock = shared();
        let inside = lock.read();
        let clock = thread::spawn(strike);
        let upgrading = spawn(&lock, upgrade);
        let late = spawn(&lock, |lock| {
            if let Ok(pair) = lock.read_until(far()) {
                assert_eq!(pair.0, pair.1, "R1");
            }
        });
        drop(inside);
        clock.join().unwrap();
        upgrading.join().unwrap();
        late.join().unwrap();
        is_at_rest(&lock, 1);
    });
}

/// An upgradable reader becomes a plain one, or leaves without having written, beside a writer and another that wait. One preemption,
/// for its time.
fn leaves_unwritten(name: &str, preemptions: usize, shared: impl Fn() -> Arc<Pair> + Sync + Send + 'static) {
    model(name, preemptions, move || {
        let lock = shared();
        let others = [spawn(&lock, write), spawn(&lock, |lock| drop(lock.upgradable_read()))];
        let seen = lock.upgradable_read();
        let before = *seen;
        let seen = seen.downgrade();
        assert_eq!(*seen, before, "R4: nobody writes in between");
        drop(seen);
        drop(lock.upgradable_read());
        others.into_iter().for_each(|other| other.join().unwrap());
        is_at_rest(&lock, 1);
    });
}

#[test]
fn an_upgradable_reader_that_does_not_write_wakes_who_waits() {
    leaves_unwritten("rwlock_upgradable_to_read", 1, shared);
    leaves_unwritten("rwlock_spread_upgradable_to_read", 1, spread);
}

/// A writer becomes an upgradable reader, and writes again, beside those who come by slots.
#[test]
fn a_writer_that_stays_upgradable_meets_readers_by_slots() {
    model("rwlock_spread_write_to_upgradable", 2, || {
        let lock = spread();
        let others = [spawn(&lock, write), spawn(&lock, |lock| assert!(read(lock) <= 3))];
        let mut pair = lock.write();
        *pair = (pair.0 + 1, pair.1 + 1);
        let before = *pair;
        let mut pair = pair.downgrade_to_upgradable().upgrade();
        assert_eq!(*pair, before);
        *pair = (pair.0 + 1, pair.1 + 1);
        drop(pair);
        others.into_iter().for_each(|other| other.join().unwrap());
        is_at_rest(&lock, 3);
    });
}
