//! The segment that is written to.
//!
//! ```text
//!   0      first            synced         tail                    limit       len
//!   | head | bind .. records | records      | staged ..             | reserve   | seal
//!                            └ not testified └ in memory
//!                              by any record
//! ```
//! One write and one sync make all that is staged durable. An anchor is written behind it when there is time, and not
//! synced: it testifies to the last flush.

use super::format::{Kind, RECORD_HEAD, RecordHead, SegmentHead, body_sum, record_len};
use super::index::Source;
use super::{Disk, Error};
use crate::raft::mutant::mutate;
use crate::raft::wire::bytes::Count;
use crate::raft::wire::entry::Run;
use crate::raft::{Entry, Index, Term};
use std::sync::Arc;

/// What is kept free behind the last flush: an anchor and the seal.
const CLOSING: u64 = 2 * RECORD_HEAD as u64;

/// A named segment, and what is staged for it.
#[derive(Debug)]
pub(super) struct Segment<D: Disk> {
    pub(super) file: Arc<D::File>,
    pub(super) seq: u64,
    pub(super) nonce: u64,
    pub(super) len: u64,
    align: u64,
    /// Where what is staged will be written.
    tail: u64,
    /// How far it is known to be durable.
    synced: u64,
    staged: Vec<u8>,
}

/// Where a flush that ends at `end` is padded to. A pad record needs room for its head.
pub(super) fn padded(end: u64, align: u64) -> u64 {
    let to = end.next_multiple_of(align);
    if to != end && to - end < RECORD_HEAD as u64 { to + align } else { to }
}

impl<D: Disk> Segment<D> {
    /// A segment that has got its name, with this head, in a file of this length.
    pub(super) fn new(file: D::File, head: &SegmentHead, len: u64) -> Segment<D> {
        let tail = head.whole;
        let SegmentHead { seq, nonce, align, .. } = *head;
        Segment { file: Arc::new(file), seq, nonce, len, align, tail, synced: tail, staged: Vec::new() }
    }

    /// For readers.
    pub(super) fn source(&self) -> Source<D> {
        Source { file: Arc::clone(&self.file), nonce: self.nonce, len: self.len }
    }

    /// Where the next record will be.
    pub(super) fn at(&self) -> u64 {
        self.tail + self.staged.len() as u64
    }

    /// Whether anything waits for the next flush.
    pub(super) fn is_staged(&self) -> bool {
        !self.staged.is_empty()
    }

    /// Where the segment ends, but for what is staged.
    pub(super) fn tail(&self) -> u64 {
        self.tail
    }

    /// How many bytes a body finds that leaves so much free, whatever its flush is padded with: more perhaps than one
    /// record may hold. `None`: not even an empty one fits.
    pub(super) fn room(&self, reserve: u64) -> Option<usize> {
        let end = self.len.checked_sub(CLOSING + reserve)? / self.align * self.align;
        // What ends less than a head before a multiple of align is padded to the one after it.
        let pad = if self.align == 8 { 0 } else { RECORD_HEAD as u64 };
        end.checked_sub(self.at() + RECORD_HEAD as u64 + pad).map(|room| room as usize)
    }

    /// Whether entries find no room here any more that are as many bytes as those that were written from `before` on.
    pub(super) fn is_nearly_full(&self, before: u64, reserve: u64) -> bool {
        let written = (self.tail - before) as usize;
        self.room(reserve).is_none_or(|room| room + 2 * RECORD_HEAD < written)
    }

    /// Whether a record with a body of this length fits.
    pub(super) fn fits(&self, body: usize) -> bool {
        padded(self.at() + record_len(body), self.align) + CLOSING <= self.len
    }

    /// Stages a record, whose body `fill` writes. Gives its place.
    pub(super) fn put(&mut self, kind: Kind, index: Index, term: Term, fill: impl FnOnce(&mut Vec<u8>)) -> u64 {
        let at = self.at();
        put_record(&mut self.staged, self.nonce, at, self.synced, (kind, index, term), fill);
        at
    }

    /// Writes and syncs what is staged. Whether there was anything to sync.
    pub(super) fn flush(&mut self, disk: &D) -> Result<bool, Error> {
        if !self.staged.is_empty() {
            let end = padded(self.at(), self.align);
            if end != self.at() {
                let pad = (end - self.at()) as usize - RECORD_HEAD;
                self.put(Kind::Pad, Index(0), Term(0), |body| body.resize(body.len() + pad, 0));
            }
            disk.write_at(&self.file, &self.staged, self.tail)?;
            self.tail = end;
            self.staged.clear();
        }
        if self.synced == self.tail {
            return Ok(false);
        }
        mutate!(SyncDropped, mutate!(FailedSyncIsDone, disk.sync(&self.file)?, drop(disk.sync(&self.file))), ());
        self.synced = self.tail;
        Ok(true)
    }

    /// Writes an anchor behind the last flush, if nothing testifies to it yet. It is part of what the next flush syncs.
    pub(super) fn anchor(&mut self, disk: &D) -> Result<(), Error> {
        if !self.staged.is_empty() || self.synced != self.tail {
            return Ok(());
        }
        let mut anchor = Vec::with_capacity(RECORD_HEAD);
        put_record(&mut anchor, self.nonce, self.tail, self.synced, (Kind::Anchor, Index(0), Term(0)), |_| ());
        disk.write_at(&self.file, &anchor, self.tail)?;
        self.tail += anchor.len() as u64;
        Ok(())
    }

    /// The segment ends where its last flush has ended: an anchor behind it is to be written over by the seal. Where both
    /// shared a sector, power that fails in the seal could spoil an anchor that the next segment counts on.
    pub(super) fn take_anchor_back(&mut self) {
        if self.staged.is_empty() {
            self.tail = self.synced;
        }
    }
}

/// How many entries, which begin a run, have together a body that is not longer.
pub(super) fn fitting(entries: &[Entry], body_max: usize) -> usize {
    let (mut run, mut len) = (Run::default(), Count::default());
    let fits = |entry: &&Entry| {
        run.put(&mut len, entry);
        len.0 <= body_max
    };
    entries.iter().take_while(fits).count()
}

/// Appends a record to bytes that will stand in the file so that it begins at `at`.
pub(super) fn put_record(
    out: &mut Vec<u8>,
    nonce: u64,
    at: u64,
    synced: u64,
    (kind, index, term): (Kind, Index, Term),
    fill: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.resize(start + RECORD_HEAD, 0);
    fill(out);
    let body = &out[start + RECORD_HEAD..];
    let head = RecordHead { body_sum: body_sum(kind, body), len: body.len(), kind, synced, index, term };
    out[start..start + RECORD_HEAD].copy_from_slice(&head.encode(nonce, at));
    out.resize(start + head.record_len() as usize, 0);
}

/// Writes and syncs a seal where a segment ends: it has a successor.
pub(super) fn seal<D: Disk>(disk: &D, file: &D::File, nonce: u64, end: u64) -> Result<(), Error> {
    let mut seal = Vec::with_capacity(RECORD_HEAD);
    put_record(&mut seal, nonce, end, end, (Kind::Seal, Index(0), Term(0)), |_| ());
    disk.write_at(file, &seal, end)?;
    Ok(disk.sync(file)?)
}
