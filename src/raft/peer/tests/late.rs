//! A log that writes at once, and says later that it has; and that it has less room than there is.

use crate::raft::consensus::Record;
use crate::raft::replica::Tended;
use crate::raft::storage::{Error, Remark, SimulatedDisk, Snapshot, Storage, Wal};
use crate::raft::{Index, Recovered, Seq};
use crate::sync::lock::Lock;
use std::sync::Arc;
use std::task::Waker;

/// What a peer keeps its log in, and what its test holds of it.
#[derive(Clone)]
pub(super) struct Late(Arc<Lock<Inner>>);

struct Inner {
    log: Wal<SimulatedDisk>,
    waker: Option<Waker>,
    /// What was durable when it ceased to say more.
    held: Option<Seq>,
    /// It says that there is no more room than this.
    room_max: usize,
    /// How often entries found no room.
    refused: u64,
}

impl Late {
    pub(super) fn new(log: Wal<SimulatedDisk>) -> Late {
        Late(Arc::new(Lock::new(Inner { log, waker: None, held: None, room_max: usize::MAX, refused: 0 })))
    }

    /// From now on it does not say what is durable.
    pub(super) fn hold(&self) {
        let mut inner = self.0.lock();
        inner.held = inner.log.durable().ok();
    }

    /// Now it does.
    pub(super) fn tell(&self) {
        let mut inner = self.0.lock();
        inner.held = None;
        let waker = inner.waker.clone();
        drop(inner);
        waker.expect("it was given one").wake();
    }

    /// From now on it says that there is no more room than this.
    pub(super) fn say_at_most(&self, room: usize) {
        self.0.lock().room_max = room;
    }

    pub(super) fn refused(&self) -> u64 {
        self.0.lock().refused
    }
}

impl Storage for Late {
    type Reader = <Wal<SimulatedDisk> as Storage>::Reader;

    fn recover(&mut self, newest: Option<Snapshot>) -> Result<Recovered, Error> {
        self.0.lock().log.recover(newest)
    }

    fn stage(&mut self, record: &Record) -> Result<(), Error> {
        let mut inner = self.0.lock();
        let staged = inner.log.stage(record);
        if let (Err(Error::Full), Record::Entries { .. }) = (&staged, record) {
            inner.refused += 1;
        }
        staged
    }

    fn flush(&mut self, seq: Seq) -> Result<(), Error> {
        self.0.lock().log.flush(seq)
    }

    fn durable(&self) -> Result<Seq, Error> {
        let inner = self.0.lock();
        inner.log.durable().map(|durable| inner.held.unwrap_or(durable))
    }

    fn release(&mut self, keep: Index) -> Result<(), Error> {
        self.0.lock().log.release(keep)
    }

    fn reader(&self) -> Self::Reader {
        self.0.lock().log.reader()
    }

    fn on_durable(&mut self, waker: Waker) {
        self.0.lock().waker = Some(waker);
    }

    fn commit(&mut self, index: Index) {
        self.0.lock().log.commit(index);
    }

    fn room(&self) -> usize {
        let inner = self.0.lock();
        inner.log.room().min(inner.room_max)
    }

    fn entry_bytes_max(&self) -> usize {
        self.0.lock().log.entry_bytes_max()
    }
}

impl Tended for Late {
    fn syncs(&self) -> u64 {
        self.0.lock().log.syncs()
    }

    fn remarks(&self) -> Vec<Remark> {
        self.0.lock().log.remarks().to_vec()
    }

    fn idle(&mut self) -> Result<(), Error> {
        self.0.lock().log.idle()
    }

    fn prepare(&mut self) -> Result<bool, Error> {
        self.0.lock().log.prepare()
    }

    fn is_prepared(&self) -> bool {
        self.0.lock().log.is_prepared()
    }

    fn seek(&mut self) {
        self.0.lock().log.seek();
    }

    fn spend(&mut self) -> bool {
        self.0.lock().log.spend()
    }
}
