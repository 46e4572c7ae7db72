//! A disk that lies as real ones do, and loses what it may.
//!
//! ```text
//!            write                     sync
//!   caller ────────> cache, pending ────────> durable        what reads see is the cache; what a crash leaves is
//!            rename, create, remove    sync_dir              durable, and of the pending whatever chance lets through
//!   caller ────────> names, pending ────────> names
//! ```
//! [`crash`](SimulatedDisk::crash) is a power failure: of the writes and of the changes of names that were not synced,
//! all, none, some, or pieces survive, in any order. [`kill`](SimulatedDisk::kill) ends the process alone. The fuse cuts
//! the power at a chosen operation, so that each one of a procedure can be the last. A failed sync loses what was
//! pending, goes on showing it to readers, and the next sync succeeds. What is durable may rot: a bit, a sector; or be read
//! by nobody any more.
//!
//! It runs the very code that a real directory runs. All chance comes from one seed; there is no clock in it.

mod crash;
mod failure;
mod image;
mod inode;
mod ledger;
mod rot;
#[cfg(test)]
mod tests;
mod used;

pub use crash::{Crash, Spares};
pub use ledger::Ledger;

use super::Disk;
use super::error::FILES_SPENT;
use crate::mix::Draws;
use crate::sync::lock::Lock;
use failure::Failure;
use image::Piece;
use inode::{Inode, Sectors};
use rot::Rotten;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// What a disk is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// A file is made.
    Create,
    /// Bytes are written.
    Write,
    /// A file is synced.
    Sync,
    /// A file gets another name.
    Rename,
    /// A name is removed.
    Remove,
    /// The names are synced.
    SyncDir,
    /// Bytes are read, which changes nothing: no fuse counts it.
    Read,
}

/// One directory, in memory, that crashes.
#[derive(Debug)]
pub struct SimulatedDisk {
    state: Lock<State>,
}

/// An open file of a [`SimulatedDisk`]. It does not outlive the process that opened it.
#[derive(Debug)]
pub struct SimulatedFile {
    inode: Arc<u64>,
    life: u64,
    name: String,
}

#[derive(Clone, Debug)]
struct State {
    draws: Draws,
    inodes: BTreeMap<u64, Inode>,
    inodes_made: u64,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    pending_names: Vec<NameChange>,
    /// Of files that are no more.
    gone: Ledger,
    life: u64,
    sectors: Sectors,
    capacity: u64,
    /// What [`used`](SimulatedDisk::used) says: kept, since it is asked each step.
    used: u64,
    operations: u64,
    fuse: Option<u64>,
    spares: Option<Spares>,
    struck: Option<(Operation, String)>,
    failure: Option<Failure>,
    failed: BTreeMap<Operation, u64>,
    rotten: Rotten,
    /// How many reads met bytes that nobody can read.
    unread: u64,
    starved: bool,
}

/// A change of names, by inode: a rename moves the file that bore the name when it was asked for.
#[derive(Clone, Debug)]
enum NameChange {
    Link { name: String, inode: u64 },
    Unlink { name: String, inode: u64 },
    Rename { from: String, to: String, inode: u64 },
}

/// What becomes of an operation.
enum Fate {
    Done,
    /// It fails, and what it would have changed is lost in part.
    Fails,
    /// The power fails in the middle of it.
    Last,
}

impl SimulatedDisk {
    /// An empty directory. Writes spoil nothing beside them, and there is room for everything.
    #[must_use]
    pub fn new(seed: u64) -> SimulatedDisk {
        let state = State {
            draws: Draws::new(seed),
            inodes: BTreeMap::new(),
            inodes_made: 0,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            gone: Ledger::default(),
            life: 0,
            sectors: Sectors { bytes: 512, powersafe: true },
            capacity: u64::MAX,
            used: 0,
            operations: 0,
            fuse: None,
            spares: None,
            struck: None,
            failure: None,
            failed: BTreeMap::new(),
            rotten: Rotten::default(),
            unread: 0,
            starved: false,
        };
        SimulatedDisk { state: Lock::new(state) }
    }

    /// Another disk with the same content, pending writes included, and chance of its own.
    #[must_use]
    pub fn copy(&self, seed: u64) -> SimulatedDisk {
        let state = State { draws: Draws::new(seed), ..self.state.lock().clone() };
        SimulatedDisk { state: Lock::new(state) }
    }

    /// From here on chance is that of `seed`: what a process of the disk meets does not depend on those before it.
    pub fn reseed(&self, seed: u64) {
        self.state.lock().draws = Draws::new(seed);
    }

    /// Whether a write that is cut short leaves alone what lies beside it in its sectors. It does, unless told.
    pub fn set_powersafe(&self, powersafe: bool) {
        self.state.lock().sectors.powersafe = powersafe;
    }

    /// A sector has so many bytes: 512, unless told.
    ///
    /// # Panics
    /// If it has none.
    pub fn set_sector(&self, bytes: u64) {
        assert_ne!(bytes, 0, "a sector holds something");
        self.state.lock().sectors.bytes = bytes;
    }

    /// How many bytes all files together may have. Of a write for which there is no room a part may land.
    pub fn set_capacity(&self, bytes: u64) {
        self.state.lock().capacity = bytes;
    }

    /// Cuts the power in the middle of an operation: of the next one if `after` is 0. What it changes may still land.
    /// From there on every call fails, until [`crash`](SimulatedDisk::crash). `None` takes the fuse out.
    pub fn set_fuse(&self, after: Option<u64>) {
        let mut state = self.state.lock();
        state.fuse = after.map(|after| state.operations + after);
        state.struck = None;
    }

    /// What the next [`crash`](SimulatedDisk::crash) is to spare of what was not synced. Unless told it is drawn.
    pub fn set_spares(&self, spares: Spares) {
        self.state.lock().spares = Some(spares);
    }

    /// Where the fuse has cut the power: in which operation, on which file.
    #[must_use]
    pub fn struck(&self) -> Option<(Operation, String)> {
        self.state.lock().struck.clone()
    }

    /// Makes an operation of this kind fail once, with an input/output error: the next one if `after` is 0.
    pub fn fail(&self, operation: Operation, after: u64) {
        self.fail_often(operation, after, 1);
    }

    /// The same, and the next of this kind, too, so many times in all.
    pub fn fail_often(&self, operation: Operation, after: u64, times: u64) {
        self.state.lock().failure = Some(Failure { operation, after, times });
    }

    /// How many operations of this kind have failed so.
    #[must_use]
    pub fn failed(&self, operation: Operation) -> u64 {
        self.state.lock().failed.get(&operation).copied().unwrap_or_default()
    }

    /// Whether the system is short: it opens no more files, and each read lacks memory. The disk is sound, and what it
    /// holds is there once the system has recovered.
    pub fn set_starved(&self, starved: bool) {
        self.state.lock().starved = starved;
    }

    /// No fuse any more, nothing that is to fail, and a system that lacks nothing.
    pub fn mend(&self) {
        let mut state = self.state.lock();
        (state.fuse, state.failure, state.starved) = (None, None, false);
    }

    /// How many operations there were: makings, writes, syncs, renames, removals, syncs of the directory.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// What has become of every byte that was written.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let state = self.state.lock();
        state.inodes.values().fold(state.gone, |sum, inode| sum.plus(inode.account()))
    }

    /// The process dies: its files are closed, what it wrote stays in the cache.
    pub fn kill(&self) {
        self.state.lock().life += 1;
    }

    /// The power fails and comes back. Says what was lost.
    pub fn crash(&self) -> Crash {
        self.state.lock().crash()
    }

    /// What a reader of the file sees now.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state.lock();
        state.names.get(name).and_then(|inode| state.inodes.get(inode)).map(|inode| inode.cache.to_vec())
    }

    /// The first bytes of it and its last, at a fraction of the cost. False if it has not so many, or is not there.
    pub fn ends(&self, name: &str, first: &mut [u8], last: &mut [u8]) -> bool {
        let state = self.state.lock();
        let Some(inode) = state.names.get(name).and_then(|inode| state.inodes.get(inode)) else { return false };
        let Some(at) = inode.cache.len().checked_sub(last.len()) else { return false };
        inode.cache.read(0, first) == first.len() && inode.cache.read(at as u64, last) == last.len()
    }
}

impl State {
    fn is_off(&self) -> bool {
        self.struck.is_some()
    }

    fn on(&self) -> io::Result<()> {
        if self.is_off() { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    /// Counts an operation, and decides on it.
    fn begin(&mut self, operation: Operation, name: &str) -> io::Result<Fate> {
        self.on()?;
        self.operations += 1;
        if self.fuse.is_some_and(|fuse| fuse < self.operations) {
            self.fuse = None;
            self.struck = Some((operation, name.to_string()));
            return Ok(Fate::Last);
        }
        Ok(if self.fails(operation) { Fate::Fails } else { Fate::Done })
    }

    /// Whether this operation is one of those that are to fail.
    fn fails(&mut self, operation: Operation) -> bool {
        let fails = self.failure.as_mut().is_some_and(|failure| failure.meets(operation));
        if fails {
            *self.failed.entry(operation).or_default() += 1;
        }
        fails
    }

    fn of(&mut self, file: &SimulatedFile) -> io::Result<&mut Inode> {
        self.on()?;
        let life = self.life;
        let inode = self.inodes.get_mut(&file.inode).filter(|_| file.life == life);
        inode.ok_or_else(|| io::Error::other("the file was opened by a process that is dead"))
    }

    fn link(&mut self, name: &str) -> u64 {
        let inode = self.inodes_made;
        self.inodes_made += 1;
        self.inodes.insert(inode, Inode::new(inode));
        self.name(name, Some(inode));
        self.pending_names.push(NameChange::Link { name: name.to_string(), inode });
        inode
    }

    fn sync_names(&mut self) {
        self.durable_names = self.names.clone();
        self.pending_names.clear();
        self.collect();
    }

    /// Frees what no name and no open file leads to.
    fn collect(&mut self) {
        let State { inodes, names, durable_names, gone, .. } = self;
        let named = |inode: &u64| names.values().chain(durable_names.values()).any(|other| other == inode);
        inodes.retain(|inode, content| {
            let is_kept = content.is_open() || named(inode);
            if !is_kept {
                *gone = gone.plus(content.account().ended());
            }
            is_kept
        });
    }

    /// Writes so many bytes there, as far as `pieces` is asked for.
    fn write<P: Iterator<Item = Piece>>(
        &mut self,
        file: &SimulatedFile,
        (at, len): (u64, usize),
        pieces: impl FnOnce(usize) -> P,
    ) -> io::Result<()> {
        let growth = (at + len as u64).saturating_sub(self.of(file)?.cache.len() as u64);
        let room = if growth == 0 { 0 } else { self.capacity.saturating_sub(self.used) };
        if room < growth {
            let fits = (len as u64 + room).saturating_sub(growth);
            let written = if self.draws.chance(1, 2) { self.draws.below(fits + 1) as usize } else { 0 };
            if written != 0 {
                self.put(file, pieces(written));
            }
            return Err(io::ErrorKind::StorageFull.into());
        }
        let fate = self.begin(Operation::Write, &file.name)?;
        let written = match fate {
            Fate::Fails => self.draws.below(len as u64 + 1) as usize,
            Fate::Done | Fate::Last => len,
        };
        self.put(file, pieces(written));
        answer(&fate)
    }
}

fn input_output_error() -> io::Error {
    io::Error::other("input/output error")
}

/// What an operation answers, once what it changes is pending.
fn answer(fate: &Fate) -> io::Result<()> {
    match fate {
        Fate::Done => Ok(()),
        Fate::Fails => Err(input_output_error()),
        Fate::Last => Err(io::Error::other("the power has failed")),
    }
}

fn not_found(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no {name}"))
}

impl Disk for SimulatedDisk {
    type File = SimulatedFile;

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        state.on()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn open(&self, name: &str, create: bool) -> io::Result<SimulatedFile> {
        let mut state = self.state.lock();
        state.on()?;
        if state.starved {
            return Err(io::Error::from_raw_os_error(FILES_SPENT[0]));
        }
        let inode = match state.names.get(name) {
            Some(&inode) => inode,
            None if create => {
                let fate = state.begin(Operation::Create, name)?;
                let inode = state.link(name);
                answer(&fate)?;
                inode
            }
            None => return Err(not_found(name)),
        };
        let life = state.life;
        let inode = state.inodes.get(&inode).ok_or_else(|| not_found(name))?.handle();
        Ok(SimulatedFile { inode, life, name: name.to_string() })
    }

    fn len(&self, file: &SimulatedFile) -> io::Result<u64> {
        Ok(self.state.lock().of(file)?.cache.len() as u64)
    }

    fn read_at(&self, file: &SimulatedFile, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        let mut state = self.state.lock();
        state.of(file)?;
        if state.starved {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        if state.fails(Operation::Read) {
            return Err(input_output_error());
        }
        match state.of(file)?.read(at, bytes) {
            Some(read) => Ok(read),
            None => {
                state.unread += 1;
                Err(input_output_error())
            }
        }
    }

    fn write_at(&self, file: &SimulatedFile, bytes: &[u8], at: u64) -> io::Result<()> {
        self.state.lock().write(file, (at, bytes.len()), |written| Piece::all(at, &bytes[..written]))
    }

    fn zero_at(&self, file: &SimulatedFile, len: usize, at: u64) -> io::Result<()> {
        self.state.lock().write(file, (at, len), |written| Piece::zeros(at, written))
    }

    fn sync(&self, file: &SimulatedFile) -> io::Result<()> {
        let mut state = self.state.lock();
        state.of(file)?;
        let fate = state.begin(Operation::Sync, &file.name)?;
        // Where it is said what is spared, that is for the crash to do.
        let lands = state.draws.chance(1, 2) && state.spares.is_none();
        let State { inodes, draws, sectors, .. } = &mut *state;
        if let Some(inode) = inodes.get_mut(&file.inode) {
            match fate {
                Fate::Done => inode.sync(sectors.bytes),
                Fate::Fails => inode.lose(sectors.bytes, draws),
                Fate::Last if lands => inode.sync(sectors.bytes),
                Fate::Last => {}
            }
        }
        answer(&fate)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        let inode = state.names.get(from).copied().ok_or_else(|| not_found(from))?;
        let fate = state.begin(Operation::Rename, to)?;
        if !matches!(fate, Fate::Fails) {
            state.name(from, None);
            state.name(to, Some(inode));
            state.pending_names.push(NameChange::Rename { from: from.to_string(), to: to.to_string(), inode });
        }
        answer(&fate)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        let inode = state.names.get(name).copied().ok_or_else(|| not_found(name))?;
        let fate = state.begin(Operation::Remove, name)?;
        if !matches!(fate, Fate::Fails) {
            state.name(name, None);
            state.pending_names.push(NameChange::Unlink { name: name.to_string(), inode });
        }
        answer(&fate)
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        let fate = state.begin(Operation::SyncDir, ".")?;
        match fate {
            Fate::Done => state.sync_names(),
            Fate::Last if state.draws.chance(1, 2) && state.spares.is_none() => state.sync_names(),
            Fate::Last | Fate::Fails => {}
        }
        answer(&fate)
    }
}
