use loom::sync::{Arc, Notify};
use loom::thread;
use rsm::sync::model::{Looks, Mutant, Overdue, finds, model, model_with, reached, strike, with_overdue};
use rsm::sync::rwlock::RwLock;
use std::ops::Deref;
use std::time::{Duration, Instant};

pub(crate) type Pair = RwLock<(u32, u32)>;

pub(crate) fn write(lock: &Pair) {
    let mut pair = lock.write();
    pair.0 += 1;
    pair.1 += 1;
}

pub(crate) fn read(lock: &Pair) -> u32 {
    let pair = lock.read();
    assert_eq!(pair.0, pair.1, "R1: no writer beside a reader");
    pair.0
}

pub(crate) fn is_at_rest(lock: &Pair, writes: u32) {
    assert_eq!((lock.readers(), lock.pending()), (0, 0));
    assert_eq!(*lock.try_read().expect("nobody is in"), (writes, writes));
}

pub(crate) fn far() -> Instant {
    Instant::now() + Duration::from_secs(1_000_000)
}

pub(crate) fn overdue_and_not(run: impl Fn()) {
    with_overdue(Overdue::Never, &run);
    with_overdue(Overdue::Always, &run);
}

pub(crate) fn shared() -> Arc<Pair> {
    Arc::new(RwLock::new((0, 0)))
}

/// Two slots, and the readers come in by them.
pub(crate) fn spread() -> Arc<Pair> {
    let lock = shared();
    lock.spread_out();
    lock
}

pub(crate) fn spawn<T: 'static, L: Deref<Target = Pair> + Clone + 'static>(
    lock: &L,
    run: impl FnOnce(&Pair) -> T + 'static,
) -> thread::JoinHandle<T> {
    let lock = lock.clone();
    thread::spawn(move || run(&lock))
}

fn read_write() {
    model("rwlock_read_write", 3, || {
        let lock = shared();
        let writer = spawn(&lock, write);
        let first = read(&lock);
        assert!(first <= read(&lock), "what was read stays");
        writer.join().unwrap();
        is_at_rest(&lock, 1);
    });
}

#[test]
fn a_reader_sees_a_writers_work_whole() {
    overdue_and_not(read_write);
}

fn write_write() {
    model_with("rwlock_write_write", 3, &[Looks::Newest], || {
        let lock = shared();
        let other = spawn(&lock, |lock| (0..2).for_each(|_| write(lock)));
        (0..2).for_each(|_| write(&lock));
        other.join().unwrap();
        is_at_rest(&lock, 4);
    });
}

#[test]
fn writers_are_one_at_a_time() {
    overdue_and_not(write_write);
}

#[test]
fn two_readers_and_a_writer_are_all_served() {
    overdue_and_not(|| {
        model("rwlock_read_read_write", 2, || {
            let lock = shared();
            let readers = [spawn(&lock, read), spawn(&lock, read)];
            write(&lock);
            readers.into_iter().for_each(|reader| assert!(reader.join().unwrap() <= 1));
            is_at_rest(&lock, 1);
        });
    });
}

#[test]
fn a_reader_that_gives_up_leaves_no_trace() {
    model("rwlock_read_until_clock", 3, || {
        let lock = shared();
        let clock = thread::spawn(strike);
        let writer = spawn(&lock, write);
        if let Ok(pair) = lock.read_until(far()) {
            assert_eq!(pair.0, pair.1);
        }
        clock.join().unwrap();
        writer.join().unwrap();
        is_at_rest(&lock, 1);
    });
}

/// R8, rust-lang/rust#121949: the reader behind a writer that gives up comes in beside the reader that is inside, who leaves
/// only after it has come.
fn quit_lets_readers_in() {
    model("rwlock_quit_lets_readers_in", 2, || {
        let lock = shared();
        let inside = lock.read();
        let writer = spawn(&lock, |lock| drop(lock.write_until(Instant::now())));
        let behind = spawn(&lock, read);
        behind.join().unwrap();
        drop(inside);
        writer.join().unwrap();
        is_at_rest(&lock, 0);
    });
}

#[test]
fn readers_never_wait_for_readers_alone() {
    overdue_and_not(quit_lets_readers_in);
}

#[test]
fn a_writer_that_gives_up_and_forgets_the_readers_is_found() {
    finds(Mutant::QuitWithoutReaders, quit_lets_readers_in);
}

/// R8: a writer gives up and a reader joins in its place, while who was inside stays as a reader: it leaves only after the other
/// has come.
#[test]
fn a_reader_that_takes_the_place_of_a_waiting_writer_joins_one_who_downgrades() {
    model("rwlock_downgrade_quit_join", 2, || {
        let lock = shared();
        let inside = lock.write();
        let late = spawn(&lock, |lock| drop(lock.write_until(far())));
        let behind = spawn(&lock, |lock| {
            strike();
            read(lock)
        });
        let inside = inside.downgrade();
        behind.join().unwrap();
        drop(inside);
        late.join().unwrap();
        is_at_rest(&lock, 0);
    });
}

/// R8: of two readers that join while a writer leaves, each stays in until the other has come (rust-lang/rust#121949 is a lock of
/// whose readers one waits for the other then).
fn readers_join(name: &str, preemptions: usize, shared: impl Fn() -> Arc<Pair> + Sync + Send + 'static) {
    model(name, preemptions, move || {
        let lock = shared();
        let come = Arc::new([Notify::new(), Notify::new()]);
        let writer = lock.write();
        let readers = [0, 1].map(|me: usize| {
            let come = come.clone();
            spawn(&lock, move |lock| {
                let inside = lock.read();
                come[1 - me].notify();
                come[me].wait();
                drop(inside);
            })
        });
        drop(writer);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        is_at_rest(&lock, 0);
    });
}

#[test]
fn readers_that_join_while_a_writer_leaves_come_in_together() {
    readers_join("rwlock_readers_join", 2, shared);
    readers_join("rwlock_spread_readers_join", 2, spread);
}

/// A writer has given up: no flag says any more that one waits, so a reader comes in at once, beside the one that is inside.
fn stale_writer(name: &str, rounds: u32, shared: impl Fn() -> Arc<Pair> + Sync + Send + 'static) {
    model(name, 3, move || {
        let lock = shared();
        for _ in 0..rounds {
            let inside = lock.read();
            let late = spawn(&lock, |lock| lock.write_until(Instant::now()).map(drop).is_err());
            let come_before = lock.try_read();
            assert!(late.join().unwrap(), "R1: a reader is in");
            assert!(lock.try_read().is_some(), "who has given up keeps nobody out");
            drop((inside, come_before));
        }
        is_at_rest(&lock, 0);
    });
}

#[test]
fn a_writer_that_has_given_up_keeps_no_reader_out() {
    stale_writer("rwlock_stale_writer", 3, shared);
    stale_writer("rwlock_spread_stale_writer", 1, spread);
}

#[test]
fn a_downgrade_lets_no_writer_in_between() {
    overdue_and_not(|| {
        model("rwlock_downgrade", 2, || {
            let lock = shared();
            let reader = spawn(&lock, read);
            let other = spawn(&lock, write);
            let mut pair = lock.write();
            pair.0 += 1;
            pair.1 += 1;
            let seen = *pair;
            let pair = pair.downgrade();
            assert_eq!(*pair, seen);
            drop(pair);
            reader.join().unwrap();
            other.join().unwrap();
            is_at_rest(&lock, 2);
        });
    });
}

/// A writer whose deadline is over, one that waits, and a reader: no flag and no count stays behind.
#[test]
fn a_writer_that_gives_up_leaves_no_trace() {
    overdue_and_not(|| {
        model("rwlock_write_write_late", 2, || {
            let lock = shared();
            let late =
                spawn(&lock, |lock| lock.write_until(Instant::now()).map(|mut pair| *pair = (pair.0 + 1, pair.1 + 1)));
            let other = spawn(&lock, write);
            write(&lock);
            other.join().unwrap();
            let writes = 2 + late.join().unwrap().is_ok() as u32;
            is_at_rest(&lock, writes);
        });
    });
}

/// As the upgradable reader: what it has read is still so when it writes.
pub(crate) fn upgrade(lock: &Pair) {
    let seen = lock.upgradable_read();
    let before = *seen;
    let mut pair = seen.upgrade();
    assert_eq!(*pair, before, "R4: nobody writes between reading and upgrading");
    *pair = (before.0 + 1, before.1 + 1);
}

/// The same, but late: whether it has written.
pub(crate) fn upgrade_until(lock: &Pair, instant: Instant) -> u32 {
    match lock.upgradable_read().upgrade_until(instant) {
        Ok(mut pair) => {
            *pair = (pair.0 + 1, pair.1 + 1);
            1
        }
        Err(stays) => {
            assert_eq!(stays.0, stays.1);
            0
        }
    }
}

fn upgrade_read_read() {
    model("rwlock_upgrade", 3, || {
        // loom's own would panic once more when it is dropped by a thread that is deadlocked.
        let lock = std::sync::Arc::new(RwLock::new((0, 0)));
        let reader = spawn(&lock, |lock| {
            let first = read(lock);
            assert!(first <= read(lock), "what was read stays");
        });
        upgrade(&lock);
        reader.join().unwrap();
        is_at_rest(&lock, 1);
    });
}

#[test]
fn who_upgrades_waits_for_readers() {
    upgrade_read_read();
    reached(&["drainer sleeps", "drainer woken"]);
}

#[test]
fn one_who_waits_for_readers_and_does_not_look_again_is_found() {
    finds(Mutant::DrainWithoutSecondLook, upgrade_read_read);
}

#[test]
fn an_upgrade_beside_a_reader_and_a_writer() {
    overdue_and_not(|| {
        model("rwlock_upgrade_read_write", 2, || {
            let lock = shared();
            let writer = spawn(&lock, write);
            let reader = spawn(&lock, read);
            upgrade(&lock);
            writer.join().unwrap();
            reader.join().unwrap();
            is_at_rest(&lock, 2);
        });
    });
}

#[test]
fn upgrades_are_one_at_a_time_and_wait_for_no_other() {
    model_with("rwlock_upgrade_upgrade", 3, &[Looks::Newest], || {
        let lock = shared();
        let other = spawn(&lock, upgrade);
        upgrade(&lock);
        let seen = lock.upgradable_read().downgrade();
        assert!(seen.0 >= 1);
        drop(seen);
        other.join().unwrap();
        is_at_rest(&lock, 2);
    });
}

/// The clock strikes while it waits for a reader: it stays upgradable, and who waited behind it is let in.
#[test]
fn an_upgrade_that_gives_up_lets_readers_in() {
    model("rwlock_upgrade_until_clock", 2, || {
        let lock = shared();
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

/// R8: the next upgradable reader does not wait for the reader that is inside, whoever before it in the queue gives up.
#[test]
fn the_next_upgradable_reader_waits_for_no_reader() {
    model("rwlock_upgradable_next", 2, || {
        let lock = shared();
        let inside = lock.read();
        let upgradable = lock.upgradable_read();
        let others = [
            spawn(&lock, |lock| drop(lock.upgradable_read())),
            spawn(&lock, |lock| drop(lock.upgradable_read_until(Instant::now()))),
        ];
        drop(upgradable);
        others.into_iter().for_each(|other| other.join().unwrap());
        drop(inside);
        is_at_rest(&lock, 0);
    });
}

#[test]
fn a_writer_that_stays_upgradable_lets_no_writer_in_between() {
    overdue_and_not(|| {
        model("rwlock_write_to_upgradable", 2, || {
            let lock = shared();
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
    });
}

#[test]
fn a_reader_by_a_slot_and_a_writer_see_each_other() {
    model_with("rwlock_spread_read_write", 3, &[Looks::Newest], || {
        let lock = spread();
        let writer = spawn(&lock, write);
        let first = read(&lock);
        assert!(first <= read(&lock), "what was read stays");
        writer.join().unwrap();
        is_at_rest(&lock, 1);
    });
}

#[test]
fn two_readers_by_slots_and_a_writer_are_all_served() {
    model("rwlock_spread_read_read_write", 2, || {
        let lock = spread();
        let readers = [spawn(&lock, read), spawn(&lock, read)];
        write(&lock);
        readers.into_iter().for_each(|reader| assert!(reader.join().unwrap() <= 1));
        is_at_rest(&lock, 1);
    });
}

/// One of the writers, who are alike, is in from the beginning.
#[test]
fn two_writers_and_a_reader_by_a_slot_are_all_served() {
    overdue_and_not(|| {
        model("rwlock_spread_write_write_read", 2, || {
            let lock = spread();
            let mut first = lock.write();
            let writer = spawn(&lock, write);
            let reader = spawn(&lock, read);
            *first = (1, 1);
            drop(first);
            assert!(reader.join().unwrap() >= 1);
            writer.join().unwrap();
            is_at_rest(&lock, 2);
        });
    });
}

/// Two readers make the slots at the same time, beside a writer.
#[test]
fn slots_are_made_once_and_seen_by_who_needs_them() {
    model("rwlock_spread_install", 2, || {
        let lock = shared();
        let readers = [0, 1].map(|_| {
            spawn(&lock, |lock| {
                lock.spread_out();
                read(lock)
            })
        });
        write(&lock);
        readers.into_iter().for_each(|reader| assert!(reader.join().unwrap() <= 1));
        is_at_rest(&lock, 1);
    });
}

/// The last reader leaves while the writer that waits for it looks once more, and links.
fn last_reader() {
    model("rwlock_spread_last_reader", 3, || {
        // As in `rwlock_upgrade`.
        let lock = std::sync::Arc::new(RwLock::new((0, 0)));
        lock.spread_out();
        let inside = lock.read();
        let writer = spawn(&lock, write);
        drop(inside);
        writer.join().unwrap();
        is_at_rest(&lock, 1);
    });
}

#[test]
fn the_last_reader_wakes_the_writer_that_waits_for_it() {
    last_reader();
    reached(&["drainer sleeps", "drainer woken"]);
}

#[test]
fn a_writer_that_waits_for_slots_and_does_not_look_again_is_found() {
    finds(Mutant::DrainWithoutSecondLook, last_reader);
}

/// The clock strikes while a writer waits for a slot: it leaves again, and lets in who came meanwhile.
#[test]
fn a_writer_that_gives_up_on_slots_lets_readers_in() {
    model("rwlock_spread_write_until_clock", 2, || {
        let lock = spread();
        let inside = lock.read();
        let clock = thread::spawn(strike);
        let late = spawn(&lock, |lock| lock.write_until(far()).map(drop).is_err());
        // If the other is waiting for us, this waits for the clock.
        read(&lock);
        clock.join().unwrap();
        drop(inside);
        late.join().unwrap();
        is_at_rest(&lock, 0);
    });
}

#[test]
fn an_upgrade_waits_for_readers_by_slots() {
    model("rwlock_spread_upgrade", 2, || {
        let lock = spread();
        let reader = spawn(&lock, read);
        let late = spawn(&lock, |lock| upgrade_until(lock, Instant::now()));
        upgrade(&lock);
        reader.join().unwrap();
        let writes = 1 + late.join().unwrap();
        is_at_rest(&lock, writes);
    });
}
