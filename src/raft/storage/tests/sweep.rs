//! One crash at each operation of a procedure, first to last; and at each of the start that follows one which failed.

use super::workload::{Life, Setting, Tally, Tended, World};
use crate::raft::consensus::Record;
use crate::raft::storage::Error;
use crate::raft::storage::simulated::Operation::{self, Create, Remove, Rename, Sync, SyncDir, Write};
use crate::raft::{Entries, Entry, EntryKind, Index, NodeId, Term};
use bytes::Bytes;
use std::sync::Arc;

/// What is swept: made ready by a life that ends well, then begun in another.
#[derive(Clone, Copy)]
pub(super) struct Procedure {
    pub(super) name: &'static str,
    act: Act,
    /// What it asks of the disk, in order.
    pub(super) operations: &'static [Operation],
}

#[derive(Clone, Copy)]
enum Act {
    Open,
    Rotate,
    Snapshot,
}

const SPARE: [Operation; 5] = [Create, Write, Sync, Rename, SyncDir];

/// Finish the segment; make a spare; write the next one into it and name it; seal the one before.
pub(super) const ROTATION: Procedure = Procedure {
    name: "rotation",
    act: Act::Rotate,
    operations: &[
        Write, Sync, SPARE[0], SPARE[1], SPARE[2], SPARE[3], SPARE[4], Write, Sync, Rename, SyncDir, Write, Sync,
    ],
};

/// Head, chunk's head, chunk, footer; its name; its mark; the older snapshot; the two segments before the mark.
pub(super) const SNAPSHOT: Procedure = Procedure {
    name: "snapshot",
    act: Act::Snapshot,
    operations: &[
        Create, Write, Write, Write, Write, Sync, Rename, SyncDir, Write, Sync, Remove, SyncDir, Remove, Remove,
        SyncDir,
    ],
};

/// The names that are there; a spare; a fresh segment in it; the seal of the one before.
pub(super) const OPENING: Procedure = Procedure {
    name: "opening",
    act: Act::Open,
    operations: &[SyncDir, SPARE[0], SPARE[1], SPARE[2], SPARE[3], SPARE[4], Write, Sync, Rename, SyncDir, Write, Sync],
};

/// Strikes each operation of it in turn, and opens what is left.
pub(super) fn sweep<S: Tended>(procedure: &Procedure, setting: Setting, seed: u64) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (nth, expected) in (0..).zip(procedure.operations) {
        let struck = strike::<S>(procedure, setting, seed << 8 | nth, Some(nth), &mut tally)?;
        if struck != Some(*expected) {
            return Err(format!("operation {nth} is {struck:?}, not {expected:?}"));
        }
    }
    let all = procedure.operations.len() as u64;
    match strike::<S>(procedure, setting, seed << 8 | all, Some(all), &mut tally)? {
        None => Ok(tally),
        more => Err(format!("there is an operation behind the last: {more:?}")),
    }
}

/// Lets each operation of it fail in turn, which ends the process, and in the start behind it none, or one of the syncs of
/// names; then strikes each operation of the next start, and opens what is left.
pub(super) fn sweep_behind_failures<S: Tended>(
    procedure: &Procedure,
    setting: Setting,
    seed: u64,
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (nth, failing) in procedure.operations.iter().enumerate() {
        let before = procedure.operations[..nth].iter().filter(|before| *before == failing).count() as u64;
        for again in [None, Some(0), Some(1), Some(2)] {
            for fuse in 0.. {
                let mut world = World::new(seed, setting);
                let struck = fail_and_strike::<S>(&mut world, procedure.act, (*failing, before), again, fuse);
                tally.add(&world.tally);
                let so = again.map(|sync| format!(", and of the start behind it sync of names {sync}"));
                let so = so.unwrap_or_default();
                if !struck.map_err(|why| format!("operation {nth} fails{so}, power at {fuse} of the next: {why}"))? {
                    break;
                }
            }
        }
    }
    Ok(tally)
}

/// Whether the last start had so many operations that power could fail.
fn fail_and_strike<S: Tended>(
    world: &mut World,
    what: Act,
    (failing, before): (Operation, u64),
    again: Option<u64>,
    fuse: u64,
) -> Result<bool, String> {
    let mut life = begin::<S>(world)?;
    fill(world, &mut life).map_err(|error| error.to_string())?;
    let disk = Arc::clone(&world.disk);
    let disk = &disk.disk;
    if let Act::Open = what {
        disk.kill();
        disk.fail(failing, before);
        world.start::<S>()?;
    } else {
        disk.fail(failing, before);
        // Told by what has failed.
        let _ = act(what, world, &mut life);
    }
    let failed = disk.failed(failing);
    if failed != 1 {
        return Err("it did not".to_owned());
    }
    if let Some(sync) = again {
        disk.kill();
        disk.fail(SyncDir, sync);
        world.start::<S>()?;
    }
    disk.kill();
    disk.mend();
    disk.set_fuse(Some(fuse));
    let mut started = world.start::<S>()?;
    let is_struck = disk.struck().is_some();
    if is_struck {
        world.crash();
        started = world.start::<S>()?;
    }
    started.map(|_| is_struck).ok_or_else(|| "the disk is well, and does not open".to_owned())
}

fn strike<S: Tended>(
    procedure: &Procedure,
    setting: Setting,
    seed: u64,
    fuse: Option<u64>,
    tally: &mut Tally,
) -> Result<Option<Operation>, String> {
    let mut world = World::new(seed, setting);
    let mut life = begin::<S>(&mut world)?;
    fill(&mut world, &mut life).map_err(|error| error.to_string())?;
    if let Act::Open = procedure.act {
        world.disk.disk.kill();
        world.disk.disk.set_fuse(fuse);
        world.start::<S>()?;
    } else {
        world.disk.disk.set_fuse(fuse);
        // Told by what is struck.
        let _ = act(procedure.act, &mut world, &mut life);
    }
    let struck = world.disk.disk.struck().map(|(operation, _)| operation);
    if struck.is_some() {
        world.crash();
        world.start::<S>()?.ok_or("the disk is well, and does not open")?;
    }
    tally.add(&world.tally);
    Ok(struck)
}

fn begin<S: Tended>(world: &mut World) -> Result<Life<S>, String> {
    world.start::<S>()?.ok_or_else(|| "a new directory does not open".to_string())
}

/// Born, with a vote for node 0, a snapshot, two segments before the one that is written to, and something staged in it.
fn fill<S: Tended>(world: &mut World, life: &mut Life<S>) -> Result<(), Error> {
    let first = [Record::Born, Record::State { term: Term(1), vote: Some(NodeId(0)) }];
    first.iter().try_for_each(|record| world.stage(life, record))?;
    append(world, life, 1)?;
    world.flush(life)?;
    mark(world, life)?;
    for _ in 0..13 {
        append(world, life, 20_000)?;
        world.flush(life)?;
    }
    append(world, life, 10)
}

fn append<S: Tended>(world: &mut World, life: &mut Life<S>, len: usize) -> Result<(), Error> {
    let after = world.oracle.staged.last().index;
    let entry = Entry::new(Term(1), EntryKind::Command, Bytes::from(vec![after.0 as u8; len]));
    world.stage(life, &Record::Entries { after, entries: Entries::from(vec![entry]) })
}

/// A snapshot of all that is durable, and its mark.
fn mark<S: Tended>(world: &mut World, life: &mut Life<S>) -> Result<(), Error> {
    let at = world.oracle.acknowledged.last();
    world.take(life, at)?;
    world.stage(life, &Record::Mark { at })?;
    world.flush(life)
}

fn act<S: Tended>(act: Act, world: &mut World, life: &mut Life<S>) -> Result<(), Error> {
    match act {
        Act::Open => Ok(()),
        Act::Rotate => append(world, life, 30_000).and_then(|()| append(world, life, 30_000)),
        Act::Snapshot => {
            mark(world, life)?;
            let at = world.oracle.acknowledged.snapshot;
            life.snapshots.keep(at)?;
            life.store.release(Index(at.index.0 + 1))
        }
    }
}
