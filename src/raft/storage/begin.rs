//! Beginning a segment: it gets its name only when it is whole and durable.
//!
//! ```text
//!   spare:  head | bind | what a recovery copied .. pad    sync    rename    sync_dir    then seal the one before
//!                                                      ^ whole
//! ```
//! Head and bind say all that older segments said, so those can go.

use super::format::{self, Kind, RecordHead, SegmentHead, put_bindings};
use super::past::Past;
use super::segment::{Segment, padded, put_record};
use super::spare::{Spare, publish};
use super::{Disk, Error, Stamp, WalOptions};
use crate::mix::mix;
use crate::raft::mutant::mutate;
use crate::raft::{Index, Term};

/// A record that is copied from an older segment.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) head: RecordHead,
    pub(super) body: Vec<u8>,
}

/// What a new segment begins from.
pub(super) struct Beginning<'a> {
    pub(super) options: &'a WalOptions,
    pub(super) stamp: Stamp,
    pub(super) seq: u64,
    pub(super) prev_end: u64,
    /// As it stands before the copied records.
    pub(super) past: &'a Past,
    pub(super) copied: &'a [Held],
}

impl Beginning<'_> {
    /// The segment, durable under its name; and where each copied record is in it.
    pub(super) fn write<D: Disk>(&self, disk: &D, spare: &mut Spare<D>) -> Result<(Segment<D>, Vec<u64>), Error> {
        if u64::from(u32::MAX) < self.seq {
            return Err(Error::Options("the log has used up its segment numbers: begin a new directory"));
        }
        let mut head = self.head();
        let len_min = self.records(&head).0.len() as u64 + format::SEGMENT_HEAD as u64;
        let (file, len) = spare.take(disk, len_min, self.options.segment_bytes)?;
        // A spare that was begun before may hold records of this very number, if the seed is the same: their nonce
        // is part of ours.
        let mut before = [0; 8];
        disk.read_at(&file, &mut before, 16)?;
        head.nonce = mix(self.options.seed, self.seq, u64::from_le_bytes(before));
        let (mut bytes, places) = self.records(&head);
        head.whole = bytes.len() as u64;
        bytes[..format::SEGMENT_HEAD].copy_from_slice(&head.encode());
        disk.write_at(&file, &bytes, 0)?;
        publish(disk, &file, &format::name(self.seq))?;
        Ok((Segment::new(file, &head, len), places))
    }

    /// All but nonce and whole, which are known last.
    fn head(&self) -> SegmentHead {
        let past = self.past;
        SegmentHead {
            seq: self.seq,
            nonce: 0,
            first: past.last().next(),
            prev_end: self.prev_end,
            term: past.term,
            vote: past.vote,
            commit: past.commit,
            snapshot: past.snapshot,
            stamp: self.stamp,
            incarnation: past.incarnation,
            born: mutate!(BirthUnheaded, past.born, false),
            align: u64::from(self.options.align),
            whole: 0,
        }
    }

    /// The head's place, the bindings, and what is copied, padded; and where each copied record is.
    fn records(&self, head: &SegmentHead) -> (Vec<u8>, Vec<u64>) {
        let first = head.first_record();
        let mut out = vec![0; first as usize];
        let bind = (Kind::Bind, Index(0), Term(0));
        let bindings = |body: &mut Vec<u8>| mutate!(BindEmpty, put_bindings(body, &self.past.bindings), ());
        put_record(&mut out, head.nonce, first, first, bind, bindings);
        let mut places = Vec::with_capacity(self.copied.len());
        for Held { head: RecordHead { kind, index, term, .. }, body } in self.copied {
            let at = out.len() as u64;
            put_record(&mut out, head.nonce, at, first, (*kind, *index, *term), |out| out.extend(body));
            places.push(at);
        }
        let (at, end) = (out.len() as u64, padded(out.len() as u64, head.align));
        if at != end {
            let pad = (end - at) as usize - format::RECORD_HEAD;
            let kind = (Kind::Pad, Index(0), Term(0));
            put_record(&mut out, head.nonce, at, first, kind, |body| body.resize(body.len() + pad, 0));
        }
        (out, places)
    }
}
