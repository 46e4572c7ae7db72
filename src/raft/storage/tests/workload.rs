//! A peer's life with its store, drawn from a seed: what the core may say, in any order that it may say it.

use crate::mix::Draws;
use crate::raft::consensus::Record;
use crate::raft::storage::conformance::history::History;
use crate::raft::storage::conformance::oracle::Oracle;
use crate::raft::storage::simulated::{Crash, Operation, SimulatedFile};
use crate::raft::storage::{Disk, Error, SimulatedDisk, Snapshots, Stamp, Storage, Wal, WalOptions};
use crate::raft::{ClusterId, Index, LogId, NodeId, Seq};
use crate::sync::shim::{AtomicU64, Ordering};
use bytes::Bytes;
use std::io::{self, Read, Write};
use std::sync::Arc;

pub(super) const STAMP: Stamp = Stamp { cluster: ClusterId(9), node: NodeId(0), members: 5, addresses: 6 };

/// The simulated disk, with what a careless log would leave out.
#[derive(Debug)]
pub(super) struct TestDisk {
    pub(super) disk: SimulatedDisk,
    pub(super) skip_sync: bool,
    pub(super) skip_sync_dir: bool,
    /// For how many bytes reads have asked.
    pub(super) asked: AtomicU64,
}

impl Disk for TestDisk {
    type File = SimulatedFile;
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }
    fn open(&self, name: &str, create: bool) -> io::Result<SimulatedFile> {
        self.disk.open(name, create)
    }
    fn len(&self, file: &SimulatedFile) -> io::Result<u64> {
        self.disk.len(file)
    }
    fn read_at(&self, file: &SimulatedFile, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        self.asked.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.disk.read_at(file, bytes, at)
    }
    fn write_at(&self, file: &SimulatedFile, bytes: &[u8], at: u64) -> io::Result<()> {
        self.disk.write_at(file, bytes, at)
    }
    fn sync(&self, file: &SimulatedFile) -> io::Result<()> {
        if self.skip_sync { Ok(()) } else { self.disk.sync(file) }
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_dir(&self) -> io::Result<()> {
        if self.skip_sync_dir { Ok(()) } else { self.disk.sync_dir() }
    }
}

/// A store that is looked after, as the disk automaton does.
pub(super) trait Tended: Storage {
    fn make(disk: Arc<TestDisk>, options: WalOptions) -> Self;
    fn idle(&mut self) -> Result<(), Error>;
    fn prepare(&mut self) -> Result<bool, Error>;
}

impl Tended for Wal<TestDisk> {
    fn make(disk: Arc<TestDisk>, options: WalOptions) -> Self {
        Wal::open(disk, options, STAMP).unwrap()
    }
    fn idle(&mut self) -> Result<(), Error> {
        Wal::idle(self)
    }
    fn prepare(&mut self) -> Result<bool, Error> {
        Wal::prepare(self)
    }
}

/// How the disk and the log are set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) align: u32,
    pub(super) powersafe: bool,
    pub(super) sector: u64,
    /// Syncs fail, processes die, the disk is small.
    pub(super) faults: bool,
    pub(super) skip_sync: bool,
    pub(super) skip_sync_dir: bool,
}

pub(super) const SOUND: Setting =
    Setting { align: 4096, powersafe: true, sector: 512, faults: false, skip_sync: false, skip_sync_dir: false };

/// What happened in all the lives.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) crashes: u64,
    pub(super) lost_bytes: u64,
    pub(super) torn: u64,
    pub(super) lost_names: u64,
    pub(super) kills: u64,
    pub(super) failed: u64,
    pub(super) full: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Tally) {
        self.crashes += other.crashes;
        self.lost_bytes += other.lost_bytes;
        self.torn += other.torn;
        self.lost_names += other.lost_names;
        self.kills += other.kills;
        self.failed += other.failed;
        self.full += other.full;
    }

    pub(super) fn count(&mut self, crash: Crash) {
        self.crashes += 1;
        self.lost_bytes += u64::from(crash.lost_bytes != 0);
        self.torn += u64::from(crash.torn != 0);
        self.lost_names += u64::from(crash.lost_names != 0);
    }
}

/// One directory through many lives.
pub(super) struct World {
    pub(super) disk: Arc<TestDisk>,
    pub(super) setting: Setting,
    history: History,
    draws: Draws,
    pub(super) oracle: Oracle,
    pub(super) tally: Tally,
    /// The newest snapshot whose file is whole and durable.
    pub(super) whole: LogId,
    /// Begun, so it may be there.
    begun: Vec<LogId>,
    lives: u64,
}

/// One life: the store and the snapshots of one process.
pub(super) struct Life<S> {
    pub(super) store: S,
    pub(super) snapshots: Snapshots<TestDisk>,
    seq: Seq,
}

impl World {
    pub(super) fn new(seed: u64, setting: Setting) -> World {
        let disk = SimulatedDisk::new(seed);
        disk.set_powersafe(setting.powersafe);
        disk.set_sector(setting.sector);
        let Setting { skip_sync, skip_sync_dir, .. } = setting;
        World {
            disk: Arc::new(TestDisk { disk, skip_sync, skip_sync_dir, asked: AtomicU64::new(0) }),
            setting,
            history: History::new(seed.rotate_left(9), 20_000),
            draws: Draws::new(!seed),
            oracle: Oracle::default(),
            tally: Tally::default(),
            whole: LogId::ZERO,
            begun: Vec::new(),
            lives: 0,
        }
    }

    /// Opens what is there, and judges it. `Ok(None)`: the power, the disk or the room failed meanwhile.
    pub(super) fn start<S: Tended>(&mut self) -> Result<Option<Life<S>>, String> {
        self.lives += 1;
        match self.open() {
            Ok(life) => life.map(Some),
            Err(error @ (Error::Io(_) | Error::Full | Error::Poisoned)) => {
                self.count_failure(&error);
                Ok(None)
            }
            Err(error) => Err(format!("a false alarm: {error}")),
        }
    }

    fn open<S: Tended>(&mut self) -> Result<Result<Life<S>, String>, Error> {
        let snapshots = Snapshots::new(Arc::clone(&self.disk), STAMP.cluster)?;
        let newest = snapshots.newest()?;
        let seed = self.draws.bits();
        let options = WalOptions { segment_bytes: 128 << 10, align: self.setting.align, seed };
        let mut store = S::make(Arc::clone(&self.disk), options);
        let found = store.recover(newest.clone())?;
        self.oracle.meet(found.incarnation);
        let judged = self.oracle.judge(&found, &store.reader(), newest.as_ref());
        if let Err(why) = judged {
            return Ok(Err(why));
        }
        if let Err(why) = self.judge_snapshot(newest.map(|newest| newest.at), &snapshots) {
            return Ok(Err(why));
        }
        snapshots.keep(found.snapshot)?;
        Ok(Ok(Life { store, snapshots, seq: Seq(0) }))
    }

    /// A snapshot that was finished is there, and says what was written.
    fn judge_snapshot(&mut self, newest: Option<LogId>, snapshots: &Snapshots<TestDisk>) -> Result<(), String> {
        let at = newest.unwrap_or(LogId::ZERO);
        if at.index < self.whole.index || (at != LogId::ZERO && !self.begun.contains(&at)) {
            return Err(format!("the newest snapshot is {at:?}, {:?} was finished", self.whole));
        }
        self.whole = at;
        if at == LogId::ZERO {
            return Ok(());
        }
        let mut state = Vec::new();
        let file = snapshots.open(at).map_err(|error| error.to_string())?;
        file.state().read_to_end(&mut state).map_err(|error| error.to_string())?;
        if state == content(at) { Ok(()) } else { Err(format!("the snapshot at {at:?} holds something else")) }
    }

    /// Lives until something fails. The disk decides when.
    pub(super) fn live<S: Tended>(&mut self, mut life: Life<S>) -> Result<(), String> {
        let mut waits = false;
        for _ in 0..200 {
            match self.act(&mut life) {
                Ok(()) => {}
                Err(error @ (Error::Io(_) | Error::Full)) => {
                    self.count_failure(&error);
                    waits = matches!(error, Error::Full);
                    break;
                }
                Err(error) => return Err(format!("a live store said: {error}")),
            }
        }
        match life.store.stage(&Record::Born) {
            // A store that failed says so for ever; one that did not has not failed.
            Err(Error::Poisoned) | Ok(()) => Ok(()),
            Err(Error::Io(_) | Error::Full) => Ok(()),
            // This one is not the record that found no room.
            Err(Error::Rule(_)) if waits => Ok(()),
            Err(error) => Err(format!("not poisoned but: {error}")),
        }
        .inspect(|()| self.oracle.stage(&Record::Born))
    }

    /// A disk that said no, but for the power's having failed.
    fn count_failure(&mut self, error: &Error) {
        let off = self.disk.disk.struck().is_some();
        match error {
            Error::Full => self.tally.full += 1,
            _ if !off => self.tally.failed += 1,
            _ => {}
        }
    }

    /// One thing that a peer does with its store.
    fn act<S: Tended>(&mut self, life: &mut Life<S>) -> Result<(), Error> {
        match self.draws.below(20) {
            0..=8 => match self.history.next(&self.oracle.staged) {
                Some(record) => self.stage(life, &record),
                None => Ok(()),
            },
            9..=14 => self.flush(life),
            15 => life.store.idle(),
            16 | 17 => life.store.prepare().map(|_| ()),
            18 => self.snapshot(life),
            _ => {
                let durable = self.oracle.acknowledged.snapshot.index.0;
                let keep = Index(durable.saturating_sub(self.draws.below(20)) + 1);
                life.snapshots.keep(self.oracle.acknowledged.snapshot)?;
                life.store.release(keep)
            }
        }
    }

    pub(super) fn stage<S: Storage>(&mut self, life: &mut Life<S>, record: &Record) -> Result<(), Error> {
        // Told to the oracle first: it may land even if this fails.
        self.oracle.stage(record);
        life.store.stage(record)
    }

    pub(super) fn flush<S: Storage>(&mut self, life: &mut Life<S>) -> Result<(), Error> {
        life.seq = life.seq.next();
        life.store.commit(self.oracle.acknowledged.last().index);
        life.store.flush(life.seq)?;
        assert_eq!(life.store.durable()?, life.seq);
        self.oracle.flushed();
        Ok(())
    }

    /// Takes one, or installs one that lies ahead or in another history; then, mostly, marks it.
    pub(super) fn snapshot<S: Tended>(&mut self, life: &mut Life<S>) -> Result<(), Error> {
        let Oracle { acknowledged, staged, .. } = &self.oracle;
        let Some(at) = self.history.snapshot(acknowledged, staged, self.whole.index) else { return Ok(()) };
        self.take(life, at)?;
        if self.draws.chance(4, 5) {
            if self.oracle.staged.term < at.term {
                self.stage(life, &Record::State { term: at.term, vote: None })?;
            }
            self.stage(life, &Record::Mark { at })?;
        }
        Ok(())
    }

    pub(super) fn take<S>(&mut self, life: &mut Life<S>, at: LogId) -> Result<(), Error> {
        self.begun.push(at);
        let mut taking = life.snapshots.take(at, Bytes::from(format!("members at {at:?}")))?;
        taking.write_all(&content(at))?;
        taking.finish()?;
        self.whole = at;
        Ok(())
    }

    /// The power fails.
    pub(super) fn crash(&mut self) {
        let crash = self.disk.disk.crash();
        self.tally.count(crash);
    }

    /// So many crashes, and all that lies between them.
    pub(super) fn run<S: Tended>(&mut self, crashes: u64) -> Result<(), String> {
        while self.tally.crashes < crashes {
            let disk = &self.disk.disk;
            disk.set_fuse(Some(self.draws.below(120)));
            if self.setting.faults {
                self.fault();
            }
            if let Some(life) = self.start::<S>()? {
                self.live(life)?;
            }
            if self.setting.faults && self.draws.chance(1, 3) && self.disk.disk.struck().is_none() {
                self.tally.kills += 1;
                self.disk.disk.kill();
            } else {
                self.crash();
            }
        }
        Ok(())
    }

    /// An operation will fail, or the disk is small.
    fn fault(&mut self) {
        let disk = &self.disk.disk;
        disk.set_capacity(u64::MAX);
        let after = self.draws.below(30);
        match self.draws.below(7) {
            0 => disk.set_capacity(300_000 + self.draws.below(500_000)),
            1 => disk.fail(Operation::Write, after),
            2 => disk.fail(Operation::Rename, after % 3),
            3 | 4 => disk.fail(Operation::SyncDir, after % 3),
            _ => disk.fail(Operation::Sync, after),
        }
    }
}

/// What the snapshot at this entry holds.
fn content(at: LogId) -> Vec<u8> {
    let mut draws = Draws::new(at.index.0 << 20 ^ at.term.0);
    (0..draws.below(3_000)).map(|_| draws.bits() as u8).collect()
}
