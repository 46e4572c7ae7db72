//! Rules for a store over a disk: the power fails, and so do syncs.

use super::history::History;
use super::oracle::Oracle;
use super::settle;
use crate::raft::consensus::Record;
use crate::raft::storage::simulated::Operation;
use crate::raft::storage::{Error, SimulatedDisk, Storage};
use crate::raft::{Recovered, Seq, Term};
use std::sync::Arc;

/// Checks a store over a [`SimulatedDisk`]: each of `seeds` is a directory whose power fails twenty times, at any
/// operation, while it is opened too; and a sync that failed is the last one.
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
