//! A node's log on a disk that takes its time.
//!
//! ```text
//!   keeper ── flush(seq) ──> asked for, nothing done yet          what a crash in between finds: nothing of it
//!   world  ── after the disk's latency: complete() ──> written and synced, the keeper is woken
//! ```
//! The flush is carried out whole when its latency has passed, so a crash before finds none of it; a crash in the midst
//! of it is the disk's fuse.

use crate::check::Check;
use crate::parts::{Part, spend};
use crate::shared::Shared;
use rsm::raft::consensus::Record;
use rsm::raft::replica::Tended;
use rsm::raft::storage::{Disk, Error, Remark, Snapshot, Storage, Wal};
use rsm::raft::{Index, NodeId, Recovered, Seq};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

/// The log, as the peer sees it.
pub struct SlowLog<D: Disk> {
    node: NodeId,
    check: Arc<Shared<Check>>,
    shared: Arc<Common<D>>,
}

struct Common<D: Disk> {
    inner: Shared<Inner<D>>,
    /// The flush that was asked for since the last look.
    asked: AtomicU64,
}

/// No flush was asked for.
const NONE: u64 = u64::MAX;

struct Inner<D: Disk> {
    log: Wal<D>,
    waker: Option<Waker>,
}

/// The log, as the world sees it.
pub struct Handle<D: Disk>(Arc<Common<D>>);

impl<D: Disk> SlowLog<D> {
    /// A log whose flushes wait for the world, and whose records are compared with what the core has said.
    pub fn new(node: NodeId, log: Wal<D>, check: Arc<Shared<Check>>) -> (SlowLog<D>, Handle<D>) {
        let (inner, asked) = (Shared::new(Inner { log, waker: None }), AtomicU64::new(NONE));
        let shared = Arc::new(Common { inner, asked });
        (SlowLog { node, check, shared: Arc::clone(&shared) }, Handle(shared))
    }
}

impl<D: Disk> Handle<D> {
    /// The flush that was asked for since the last look.
    #[must_use]
    pub fn asked(&self) -> Option<Seq> {
        // Relaxed here and below: the simulation is one thread.
        let asked = self.0.asked.load(Ordering::Relaxed);
        if asked == NONE {
            return None;
        }
        self.0.asked.store(NONE, Ordering::Relaxed);
        Some(Seq(asked))
    }

    /// Whether there is one.
    #[inline]
    pub(crate) fn has_asked(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed) != NONE
    }

    /// Carries out a flush.
    ///
    /// # Errors
    /// The disk's.
    pub fn complete(&self, seq: Seq) -> Result<(), Error> {
        spend(Part::Disk, || self.0.inner.lock().log.flush(seq))
    }

    /// Tells the peer that the log has got on, or has failed.
    pub fn wake(&self) {
        let waker = self.0.inner.lock().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<D: Disk> Storage for SlowLog<D> {
    type Reader = <Wal<D> as Storage>::Reader;

    fn recover(&mut self, newest: Option<Snapshot>) -> Result<Recovered, Error> {
        spend(Part::Disk, || self.shared.inner.lock().log.recover(newest))
    }

    fn stage(&mut self, record: &Record) -> Result<(), Error> {
        spend(Part::Disk, || self.shared.inner.lock().log.stage(record))?;
        // Only now: what finds no room is given again.
        spend(Part::Checks, || self.check.lock().given(self.node, record));
        Ok(())
    }

    fn flush(&mut self, seq: Seq) -> Result<(), Error> {
        self.shared.inner.lock().log.durable()?;
        self.shared.asked.store(seq.0, Ordering::Relaxed);
        Ok(())
    }

    fn durable(&self) -> Result<Seq, Error> {
        self.shared.inner.lock().log.durable()
    }

    fn release(&mut self, keep: Index) -> Result<(), Error> {
        spend(Part::Disk, || self.shared.inner.lock().log.release(keep))
    }

    fn reader(&self) -> Self::Reader {
        self.shared.inner.lock().log.reader()
    }

    fn on_durable(&mut self, waker: Waker) {
        self.shared.inner.lock().waker = Some(waker);
    }

    fn commit(&mut self, index: Index) {
        self.shared.inner.lock().log.commit(index);
    }

    fn room(&self) -> usize {
        self.shared.inner.lock().log.room()
    }

    fn entry_bytes_max(&self) -> usize {
        self.shared.inner.lock().log.entry_bytes_max()
    }
}

impl<D: Disk> Tended for SlowLog<D> {
    fn syncs(&self) -> u64 {
        self.shared.inner.lock().log.syncs()
    }

    fn remarks(&self) -> Vec<Remark> {
        self.shared.inner.lock().log.remarks().to_vec()
    }

    fn idle(&mut self) -> Result<(), Error> {
        spend(Part::Disk, || self.shared.inner.lock().log.idle())
    }

    fn prepare(&mut self) -> Result<bool, Error> {
        spend(Part::Disk, || self.shared.inner.lock().log.prepare())
    }

    fn is_prepared(&self) -> bool {
        self.shared.inner.lock().log.is_prepared()
    }

    fn seek(&mut self) {
        self.shared.inner.lock().log.seek();
    }

    fn spend(&mut self) -> bool {
        self.shared.inner.lock().log.spend()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsm::raft::storage::{SimulatedDisk, Stamp, WalOptions};
    use rsm::raft::{ClusterId, Entry, EntryKind, Term};

    #[test]
    fn what_finds_no_room_is_not_given_yet() {
        let disk = Arc::new(SimulatedDisk::new(1));
        disk.set_capacity(128 << 10);
        let stamp = Stamp { cluster: ClusterId(1), node: NodeId(0), members: 5, addresses: 6 };
        let options = WalOptions { segment_bytes: 128 << 10, ..WalOptions::new(1) };
        let wal = Wal::open(Arc::clone(&disk), options, stamp).expect("it is empty");
        let check = Arc::new(Shared::new(Check::default()));
        let mut log = SlowLog::new(NodeId(0), wal, Arc::clone(&check)).0;
        log.recover(None).expect("it is empty");
        let entry = Entry::new(Term(1), EntryKind::Command, vec![7; 1_000].into());
        let many = Record::Entries { after: Index(0), entries: vec![entry; 300].into() };
        assert!(matches!(log.stage(&many), Err(Error::Full)));
        assert_eq!(check.lock().broken(), None);
        disk.set_capacity(u64::MAX);
        log.seek();
        log.stage(&many).expect("there is room");
        assert_eq!(check.lock().broken().map(|broken| broken.rule), Some("R3"), "no core has said it");
    }
}
