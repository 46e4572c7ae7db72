//! The durable log behind a small trait, and the snapshots beside it.
//!
//! ```text
//!   core ── Record, Record, .. ──> Storage ── flush ──> durable(seq) ──> core: Persisted
//!                                     │ reader                what is promised is held back until then
//!                                     v
//!                                  Reader: entries that are durable, on any thread
//!
//!   Wal     segments of checksummed records on a Disk          Memory   as long as the process lives
//!   Disk    RealDisk, a locked directory                       SimulatedDisk, which loses what it may
//! ```
//! A peer has one stream of records: bindings, birth, term and vote, entries, marks of snapshots. If one is durable, so
//! are all before it: a vote, an entry and a cut are never reordered against each other, and one sync serves them all.
//! `docs/log-format.md` has the bytes.
//!
//! To bring your own store, implement [`Storage`] and [`Reader`], then run [`conformance`] against it. To bring your own
//! files under our log, implement [`Disk`].
//!
//! Next: [`wire`](super::wire), which carries it.

mod begin;
pub mod conformance;
pub mod disk;
pub mod error;
mod format;
mod index;
pub mod memory;
mod past;
pub mod real;
mod recovery;
pub mod remark;
mod replay;
mod scan;
mod segment;
pub mod simulated;
pub mod snapshot;
mod spare;
pub mod stamp;
#[cfg(test)]
mod tests;
pub mod wal;

pub use disk::Disk;
pub use error::Error;
pub use index::WalReader;
pub use memory::Memory;
pub use real::RealDisk;
pub use remark::Remark;
pub use simulated::SimulatedDisk;
pub use snapshot::Snapshots;
pub use stamp::Stamp;
pub use wal::{Wal, WalOptions};

use crate::raft::consensus::Record;
use crate::raft::{Entry, Index, LogId, Recovered, Seq};
use bytes::Bytes;
use std::ops::Range;
use std::task::Waker;

/// A whole snapshot, by its name and the membership in force at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last entry that it covers.
    pub at: LogId,
    /// The membership, encoded.
    pub membership: Bytes,
}

/// Keeps the one stream of records of a peer. If one is durable, so are all before it.
pub trait Storage: Send + 'static {
    /// What reads entries back, on any thread.
    type Reader: Reader;

    /// Once, first. `newest`: the newest whole snapshot; if it is newer than the last mark, the mark is written before
    /// anything is told.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if what was durable is not readable, [`Error::Owner`] if the store is somebody else's.
    fn recover(&mut self, newest: Option<Snapshot>) -> Result<Recovered, Error>;

    /// Takes the next record. It is not durable yet.
    ///
    /// # Errors
    /// [`Error::Full`] if it finds no room: this record, and no other, is given again once there may be some, though what
    /// was staged before it may be flushed meanwhile. [`Error::Rule`] if it may not follow those before it, as a second
    /// vote in a term; any other. After one of these, the store is poisoned.
    fn stage(&mut self, record: &Record) -> Result<(), Error>;

    /// Makes all that is staged durable, under the core's number for it: before it returns, or later.
    ///
    /// # Errors
    /// Any; after one, the store is poisoned.
    fn flush(&mut self, seq: Seq) -> Result<(), Error>;

    /// The greatest number that is durable; `Seq(0)` is what [`recover`](Storage::recover) told.
    ///
    /// # Errors
    /// [`Error::Poisoned`] for ever after a fault.
    fn durable(&self) -> Result<Seq, Error>;

    /// Entries before `keep` will not be read again; at most 1 + the index of the last durable mark.
    ///
    /// # Errors
    /// Any; after one, the store is poisoned.
    fn release(&mut self, keep: Index) -> Result<(), Error>;

    /// A reader of what is durable.
    fn reader(&self) -> Self::Reader;

    /// Wakes this when [`durable`](Storage::durable) has moved, or never will: a write has failed. Only a store whose
    /// `flush` returns early needs it.
    fn on_durable(&mut self, _wake: Waker) {}

    /// A lower bound of what is committed: a hint, which rides along.
    fn commit(&mut self, _index: Index) {}

    /// How many bytes of entries fit still, whatever the length of each. Not in it are what each entry and each record
    /// takes besides, and what a flush is padded with: it is asked anew after each flush, and what finds no room all the
    /// same waits. A store that tells it tells [`entry_bytes_max`](Storage::entry_bytes_max) too: with less room than the
    /// largest entry takes, its peer leads nobody, and takes in nothing.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// The bytes of the largest entry that fits.
    fn entry_bytes_max(&self) -> usize {
        usize::MAX
    }
}

/// Reads durable entries back; never waits for a sync.
pub trait Reader: Clone + Send + 'static {
    /// Calls `each` with the entries of `range` in order: at least one, until their bytes pass `bytes_max`.
    ///
    /// # Errors
    /// [`Error::Gone`] if the range was cut or released, [`Error::Corrupt`] if it is damaged.
    fn read(&self, range: Range<Index>, bytes_max: usize, each: &mut dyn FnMut(Entry)) -> Result<(), Error>;
}
