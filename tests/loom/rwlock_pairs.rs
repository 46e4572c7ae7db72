//! `sync/rwlock`: those who wait to be the upgradable reader, and those who come while the slots are made, two by two.

use crate::rwlock::{Pair, far, is_at_rest, read, shared, spawn, spread, upgrade, write};
use loom::thread;
use rsm::sync::model::{model, strike};

/// A writer leaves as a reader, and stays until the upgradable reader that waited has come: R8, beside one who writes.
#[test]
fn an_upgradable_reader_that_waits_joins_one_who_downgrades() {
    model("rwlock_downgrade_upgradable", 2, || {
        let lock = shared();
        let inside = lock.write();
        let waits = spawn(&lock, |lock| drop(lock.upgradable_read()));
        let writer = spawn(&lock, |lock| lock.try_write().map(|mut pair| *pair = (pair.0 + 1, pair.1 + 1)).is_some());
        let inside = inside.downgrade();
        waits.join().unwrap();
        drop(inside);
        let writes = writer.join().unwrap() as u32;
        is_at_rest(&lock, writes);
    });
}

/// A writer becomes the upgradable reader while another waits to be that: a reader comes in beside it, the other after it.
#[test]
fn an_upgradable_reader_waits_for_a_writer_that_stays_upgradable() {
    model("rwlock_write_to_upgradable_next", 2, || {
        let lock = shared();
        let inside = lock.write();
        let next = spawn(&lock, upgrade);
        let inside = inside.downgrade_to_upgradable();
        let before = *inside;
        let reader = spawn(&lock, |lock| assert!(read(lock) <= 1));
        assert_eq!(*inside, before, "R4: nobody writes while it is in");
        drop(inside);
        next.join().unwrap();
        reader.join().unwrap();
        is_at_rest(&lock, 1);
    });
}

/// The upgradable reader tries to write beside a reader, and a writer that waits with another reader behind it: it does, or stays.
#[test]
fn an_upgrade_that_only_tries_meets_those_who_wait() {
    model("rwlock_try_upgrade_read_write", 2, || {
        let lock = shared();
        let seen = lock.upgradable_read();
        let writer = spawn(&lock, write);
        let reader = spawn(&lock, read);
        let writes = match seen.try_upgrade() {
            Ok(mut pair) => {
                *pair = (pair.0 + 1, pair.1 + 1);
                2
            }
            Err(stays) => {
                assert_eq!(*stays, (0, 0), "R4: nobody writes while it is in");
                1
            }
        };
        assert!(reader.join().unwrap() <= writes);
        writer.join().unwrap();
        is_at_rest(&lock, writes);
    });
}

/// One who waits to be the upgradable reader and one who waits to write give up at the same strike of the clock. One preemption,
/// for its time.
#[test]
fn an_upgradable_reader_and_a_writer_that_give_up_leave_no_trace() {
    model("rwlock_upgradable_until_write_until", 1, || {
        let lock = shared();
        let inside = lock.write();
        let clock = thread::spawn(strike);
        let upgradable = spawn(&lock, upgradable_until);
        let writer = spawn(&lock, write_until);
        drop(inside);
        clock.join().unwrap();
        upgradable.join().unwrap();
        let writes = writer.join().unwrap();
        is_at_rest(&lock, writes);
    });
}

#[test]
fn one_who_gives_up_being_upgradable_beside_slots_leaves_no_trace() {
    model("rwlock_spread_upgradable_until_clock", 2, || {
        let lock = spread();
        let clock = thread::spawn(strike);
        let other = spawn(&lock, upgrade);
        upgradable_until(&lock);
        clock.join().unwrap();
        other.join().unwrap();
        is_at_rest(&lock, 1);
    });
}

/// The slots are made, and a reader comes in by one, while somebody else does what it does.
fn install(name: &str, acts: fn(&Pair) -> u32) {
    model(name, 2, move || {
        let lock = shared();
        let reader = spawn(&lock, |lock| {
            lock.spread_out();
            read(lock)
        });
        let other = spawn(&lock, |lock| {
            strike();
            read(lock)
        });
        let writes = acts(&lock);
        assert!(reader.join().unwrap() <= writes && other.join().unwrap() <= writes);
        is_at_rest(&lock, writes);
    });
}

#[test]
fn slots_are_made_beside_whoever_comes() {
    install("rwlock_spread_install_try_write", |lock| {
        lock.try_write().map(|mut pair| *pair = (pair.0 + 1, pair.1 + 1)).is_some() as u32
    });
    install("rwlock_spread_install_upgrade", |lock| {
        upgrade(lock);
        1
    });
    install("rwlock_spread_install_write_until", write_until);
}

fn upgradable_until(lock: &Pair) {
    if let Ok(pair) = lock.upgradable_read_until(far()) {
        assert_eq!(pair.0, pair.1, "R1");
    }
}

fn write_until(lock: &Pair) -> u32 {
    lock.write_until(far()).map(|mut pair| *pair = (pair.0 + 1, pair.1 + 1)).is_ok() as u32
}
