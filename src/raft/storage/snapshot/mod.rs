//! Snapshots: files beside the log, each whole by construction.
//!
//! ```text
//!   take ──> .tmp ── finish: sync, rename, sync_dir ──┐
//!                                                     ├──> snap-INDEX-TERM ──> mark in the log ──> keep: older ones go
//!   receive ──> .tmp ── complete: verify, then so ────┘          │
//!                                                                └── open: the state to restore, or raw bytes to send
//! ```
//! For any [`Storage`](super::Storage): it knows a snapshot by its place alone, and never looks into the file.
//! A clone is another handle of the same directory.

mod file;
pub(crate) mod format;
mod receive;
mod take;
#[cfg(test)]
pub(crate) mod tests;

pub use file::{SnapshotFile, State};
pub use receive::Receiving;
pub use take::Taking;

use super::{Disk, Error, Remark, Snapshot};
use crate::raft::mutant::mutate;
use crate::raft::{ClusterId, Index, LogId};
use crate::sync::lock::Lock;
use bytes::Bytes;
use format::Fault;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Weak};

/// The snapshots of one directory.
#[derive(Debug)]
pub struct Snapshots<D: Disk> {
    shared: Arc<Shared<D>>,
}

#[derive(Debug)]
struct Shared<D: Disk> {
    disk: Arc<D>,
    cluster: ClusterId,
    ledger: Lock<Ledger>,
}

/// What is known beside the names in the directory.
#[derive(Debug, Default)]
struct Ledger {
    /// Named since the directory was opened, or about to be: their marks may be under way.
    fresh: BTreeSet<LogId>,
    /// The last that was kept for its mark: older ones may be gone.
    kept: Index,
    /// Open for a transfer or a restore.
    open: Vec<(LogId, Weak<()>)>,
    remarks: Vec<Remark>,
}

impl Ledger {
    /// It is open while the handle lives.
    fn opens(&mut self, at: LogId, handle: &Arc<()>) {
        self.forget_closed();
        self.open.push((at, Arc::downgrade(handle)));
    }

    fn forget_closed(&mut self) {
        self.open.retain(|(_, handle)| handle.strong_count() != 0);
    }
}

impl<D: Disk> Clone for Snapshots<D> {
    fn clone(&self) -> Self {
        Snapshots { shared: Arc::clone(&self.shared) }
    }
}

impl<D: Disk> Snapshots<D> {
    /// Those of this directory; removes what a former life left unfinished.
    ///
    /// # Errors
    /// [`Error::Io`] of the file system.
    pub fn new(disk: Arc<D>, cluster: ClusterId) -> Result<Snapshots<D>, Error> {
        for name in disk.list()?.iter().filter(|name| name.starts_with("snap-") && name.ends_with(".tmp")) {
            disk.remove(name)?;
        }
        Ok(Snapshots { shared: Arc::new(Shared { disk, cluster, ledger: Lock::default() }) })
    }

    /// The newest one that is whole: every checksum of it is verified. Damaged ones are passed over, with a remark:
    /// it is the log that knows which one must be there.
    ///
    /// # Errors
    /// [`Error::Owner`] if it is another cluster's, [`Error::Version`] if a newer version wrote it, [`Error::Io`].
    pub fn newest(&self) -> Result<Option<Snapshot>, Error> {
        let mut held = self.held()?;
        held.sort_by_key(|at| (at.index, at.term));
        for at in held.into_iter().rev() {
            match self.shared.verify(at) {
                Ok(whole) => return Ok(Some(whole)),
                Err(Error::Corrupt(_)) => {
                    self.shared.ledger.lock().remarks.push(Remark::PassedOver { file: format::name(at) });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Begins to write the snapshot at this entry.
    ///
    /// # Errors
    /// [`Error::Full`] and [`Error::Io`] of the file system.
    pub fn take(&self, at: LogId, membership: Bytes) -> Result<Taking<D>, Error> {
        Taking::new(Arc::clone(&self.shared), at, membership)
    }

    /// Begins to receive the file of the snapshot at this entry, `total` bytes long. If it is here already, and whole,
    /// it is [ready](Receiving::ready) at once.
    ///
    /// # Errors
    /// [`Error::Full`] and [`Error::Io`] of the file system.
    pub fn receive(&self, at: LogId, total: u64) -> Result<Receiving<D>, Error> {
        Receiving::new(Arc::clone(&self.shared), at, total)
    }

    /// Opens the file of the snapshot at this entry, which is not removed before the handle is dropped.
    ///
    /// # Errors
    /// [`Error::Gone`] if there is none, [`Error::Corrupt`] if its head is damaged, [`Error::Io`].
    pub fn open(&self, at: LogId) -> Result<SnapshotFile<D>, Error> {
        SnapshotFile::open(&self.shared, at)
    }

    /// As [`open`](Snapshots::open), once every checksum of the file is verified. Reads all of it.
    ///
    /// # Errors
    /// [`Error::Gone`] if there is none, [`Error::Corrupt`] if it is damaged, [`Error::Io`].
    pub fn open_whole(&self, at: LogId) -> Result<SnapshotFile<D>, Error> {
        let file = self.open(at)?;
        self.shared.verify(at)?;
        Ok(file)
    }

    /// Removes the others, once the mark of the snapshot at this entry is durable; at a start, once recovery has told
    /// which one that is. Newer ones made by this life stay, since their marks are under way, and those that are open.
    ///
    /// # Errors
    /// [`Error::Io`] of the file system.
    pub fn keep(&self, at: LogId) -> Result<(), Error> {
        let held = self.held()?;
        let mut ledger = self.shared.ledger.lock();
        ledger.kept = ledger.kept.max(at.index);
        ledger.forget_closed();
        let stays = |other: &LogId| {
            let under_way = at.index < other.index && ledger.fresh.contains(other);
            *other == at || under_way || ledger.open.iter().any(|(open, _)| open == other)
        };
        let gone: Vec<LogId> = held.into_iter().filter(|other| !stays(other)).collect();
        for &other in &gone {
            self.shared.disk.remove(&format::name(other))?;
            ledger.fresh.remove(&other);
        }
        if !gone.is_empty() {
            self.shared.disk.sync_dir()?;
        }
        Ok(())
    }

    /// Whether the mark of a newer one is durable, so that this one may be gone.
    #[must_use]
    pub fn replaced(&self, at: LogId) -> bool {
        at.index < self.shared.ledger.lock().kept
    }

    /// What was found that is worth a line.
    #[must_use]
    pub fn remarks(&self) -> Vec<Remark> {
        self.shared.ledger.lock().remarks.clone()
    }

    /// By their names.
    fn held(&self) -> Result<Vec<LogId>, Error> {
        Ok(self.shared.disk.list()?.iter().filter_map(|name| format::parse(name)).collect())
    }
}

impl<D: Disk> Shared<D> {
    /// Reads the whole file of the snapshot at this entry.
    fn verify(&self, at: LogId) -> Result<Snapshot, Error> {
        let file = self.disk.open(&format::name(at), false)?;
        self.judge(at, format::verify(&*self.disk, &file))
    }

    /// Whether what stands in a file is the snapshot that its name says.
    fn judge(&self, at: LogId, head: Result<format::Head, Fault>) -> Result<Snapshot, Error> {
        let damage = || {
            let file = format::name(at);
            Error::Corrupt(crate::raft::Damage { file, at: 0, lost_from: at.index, witnessed: at })
        };
        let head = head.map_err(|fault| match fault {
            Fault::Io(error) => error.into(),
            Fault::Version(version) => Error::Version(version),
            Fault::Damaged => damage(),
        })?;
        if head.cluster != self.cluster {
            return Err(Error::Owner { belongs: format!("holds a snapshot of cluster {:016x}", head.cluster.0) });
        }
        if head.at == at { Ok(Snapshot { at, membership: head.membership }) } else { Err(damage()) }
    }

    /// Gives a file that is written whole its name, durably.
    fn publish(&self, file: &D::File, unfinished: &str, at: LogId) -> Result<(), Error> {
        mutate!(SnapshotUnsynced, self.disk.sync(file)?, ());
        self.name_durably(at, || self.disk.rename(unfinished, &format::name(at)))
    }

    /// Makes a name durable that a file is given so. It may have it already, and not durably: of one whose names were not
    /// synced, since there was no room, for one.
    fn name_durably(&self, at: LogId, name: impl FnOnce() -> io::Result<()>) -> Result<(), Error> {
        // Before it has its name: the mark of an older one may become durable in between, and must leave it alone.
        let is_new = self.ledger.lock().fresh.insert(at);
        let named = name().and_then(|()| mutate!(SnapshotNameUnsynced, self.disk.sync_dir(), Ok(())));
        if named.is_err() && is_new {
            self.ledger.lock().fresh.remove(&at);
        }
        Ok(named?)
    }
}
