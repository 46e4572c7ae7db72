//! Rules for a store over a disk: the power fails, and so do syncs.

use super::history::History;
use super::oracle::Oracle;
use super::settle;
use crate::raft::consensus::Record;
use crate::raft::storage::simulated::Operation;
use crate::raft::storage::{Error, SimulatedDisk, Storage};
use crate::raft::{Entry, EntryKind, NodeId, Recovered, Seq, Term};
use bytes::Bytes;
use std::sync::Arc;

/// Checks a store over a [`SimulatedDisk`]: each of `seeds` is a directory whose power fails twenty times, at any
/// operation, while it is opened too; a sync that failed is the last one; and a full disk costs nothing but time.
///
/// # Panics
/// If a rule is broken: its name stands in the message.
pub fn run_on_disk<S: Storage>(seeds: u64, mut open: impl FnMut(Arc<SimulatedDisk>) -> S) {
    for seed in 0..seeds {
        let crashed = no_crash_loses_what_was_acknowledged(&mut open, seed);
        crashed.unwrap_or_else(|why| panic!("no crash loses what was acknowledged: seed {seed}: {why}"));
    }
    for operation in [Operation::Write, Operation::Sync] {
        a_store_whose_disk_has_failed_never_promises_anything_again(&mut open, operation);
    }
    what_finds_no_room_is_given_again_and_stands_there_once(&mut open);
}

/// A disk that said no, as it does when the power has failed; anything else is a false alarm.
fn failed(error: &Error) -> bool {
    matches!(error, Error::Io(_) | Error::Poisoned)
}

fn no_crash_loses_what_was_acknowledged<S: Storage>(
    open: &mut impl FnMut(Arc<SimulatedDisk>) -> S,
    seed: u64,
) -> Result<(), String> {
    let disk = Arc::new(SimulatedDisk::new(seed));
    let mut history = History::new(seed, 2_000);
    let mut oracle = Oracle::default();
    for _ in 0..20 {
        disk.set_fuse(Some(history.draws.below(60)));
        let mut store = open(Arc::clone(&disk));
        match store.recover(None) {
            Ok(found) => {
                oracle.meet(found.incarnation);
                oracle.judge(&found, &store.reader(), None)?;
                live(&mut store, &mut history, &mut oracle)?;
            }
            Err(error) if failed(&error) => {}
            Err(error) => return Err(format!("a false alarm: {error}")),
        }
        drop(store);
        disk.crash();
    }
    Ok(())
}

/// Until the power fails.
fn live<S: Storage>(store: &mut S, history: &mut History, oracle: &mut Oracle) -> Result<(), String> {
    for seq in (1..200).map(Seq) {
        let mut act = |store: &mut S, oracle: &mut Oracle| -> Result<(), Error> {
            if let Some(record) = history.next(&oracle.staged) {
                // Told to the oracle first: it may land even if this fails.
                oracle.stage(&record);
                store.stage(&record)?;
            }
            if history.draws.chance(1, 2) {
                store.flush(seq)?;
                settle(store, seq);
                oracle.flushed();
            }
            Ok(())
        };
        match act(store, oracle) {
            Ok(()) => {}
            Err(error) if failed(&error) => return Ok(()),
            Err(error) => return Err(format!("a live store said: {error}")),
        }
    }
    Ok(())
}

fn a_store_whose_disk_has_failed_never_promises_anything_again<S: Storage>(
    open: &mut impl FnMut(Arc<SimulatedDisk>) -> S,
    operation: Operation,
) {
    let disk = Arc::new(SimulatedDisk::new(1));
    let recover = |store: &mut S| -> Recovered { store.recover(None).unwrap_or_else(|error| panic!("{error}")) };
    let mut store = open(Arc::clone(&disk));
    recover(&mut store);
    let record = |term| Record::State { term: Term(term), vote: None };
    disk.fail(operation, 0);
    let wrote = store.stage(&record(1)).and_then(|()| store.flush(Seq(1)));
    assert!(wrote.is_err() || store.durable().is_err(), "a failed {operation:?} was not told");
    for _ in 0..2 {
        // The next sync would succeed, and say that all is well.
        assert!(matches!(store.stage(&record(2)), Err(Error::Poisoned)), "poisoned stays poisoned");
        assert!(matches!(store.flush(Seq(2)), Err(Error::Poisoned)), "poisoned stays poisoned");
        assert!(matches!(store.durable(), Err(Error::Poisoned)), "poisoned stays poisoned");
    }
    drop(store);
    disk.kill();
    let found = recover(&mut open(Arc::clone(&disk)));
    disk.crash();
    assert_eq!(recover(&mut open(disk)).term, found.term, "what was told after it is durable");
}

/// So many records of 64 KiB fill any disk that is full already.
const FILLING_MAX: u64 = 20_000;

fn what_finds_no_room_is_given_again_and_stands_there_once<S: Storage>(open: &mut impl FnMut(Arc<SimulatedDisk>) -> S) {
    let disk = Arc::new(SimulatedDisk::new(1));
    let mut oracle = Oracle::default();
    let mut store = open(Arc::clone(&disk));
    let found = store.recover(None).unwrap_or_else(|error| panic!("{error}"));
    oracle.meet(found.incarnation);
    let flush = |store: &mut S, oracle: &mut Oracle, seq| {
        store.flush(seq).unwrap_or_else(|error| panic!("what is staged already is made durable: {error}"));
        settle(store, seq);
        oracle.flushed();
    };
    let stage = |store: &mut S, oracle: &mut Oracle, record: &Record| {
        oracle.stage(record);
        store.stage(record)
    };
    for record in [Record::Born, Record::State { term: Term(1), vote: None }] {
        stage(&mut store, &mut oracle, &record).unwrap_or_else(|error| panic!("{error}"));
    }
    flush(&mut store, &mut oracle, Seq(1));
    disk.set_capacity(disk.used());
    let entry = Entry::new(Term(1), EntryKind::Command, Bytes::from(vec![7; 4 << 10]));
    let mut seq = Seq(1);
    let refused = loop {
        assert!(seq.0 < FILLING_MAX, "a disk that is full is never told to be");
        let record = Record::Entries { after: oracle.staged.last().index, entries: vec![entry.clone(); 16].into() };
        match stage(&mut store, &mut oracle, &record) {
            Ok(()) => {}
            Err(Error::Full) => break record,
            Err(error) => panic!("a disk without room is no fault: {error}"),
        }
        seq = seq.next();
        flush(&mut store, &mut oracle, seq);
    };
    assert!(matches!(store.stage(&refused), Err(Error::Full)), "no room yet");
    disk.set_capacity(u64::MAX);
    store.stage(&refused).unwrap_or_else(|error| panic!("there is room: {error}"));
    let voted = Record::State { term: Term(2), vote: Some(NodeId(0)) };
    stage(&mut store, &mut oracle, &voted).unwrap_or_else(|error| panic!("{error}"));
    flush(&mut store, &mut oracle, seq.next());
    drop(store);
    let mut store = open(disk);
    let found = store.recover(None).unwrap_or_else(|error| panic!("{error}"));
    oracle.judge(&found, &store.reader(), None).unwrap_or_else(|why| panic!("it stands there once, and whole: {why}"));
}
