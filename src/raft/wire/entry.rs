//! Runs of entries as bytes: the same on the wire and in a log record.
//!
//! ```text
//!   entry   varint (length << 1 | changed) | [varint term | u8 kind] | [u32 crc32c of bytes, if length >= 64] | bytes
//!              changed: term and kind follow, as they differ from the entry before; a run's first always says them
//! ```
//! So an entry of the usual kind costs one byte more than its content up to 63 bytes, and six from 64 on. Whoever takes
//! an entry in checks its checksum; nobody makes it again. What delimits a run stands around it: a count in a packet,
//! the body's length in a log record.

use super::bytes::{Sink, Source};
use crate::raft::entry::SUMMED_FROM;
use crate::raft::{Entry, EntryKind, Term};
use bytes::Bytes;
use std::fmt;
use std::ops::Range;

/// Writes a run, entry after entry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    before: Option<(Term, EntryKind)>,
}

impl Run {
    /// Appends the next entry of the run.
    pub fn put(&mut self, out: &mut impl Sink, entry: &Entry) {
        debug_assert!(SUMMED_FROM <= entry.bytes.len() || entry.sum == 0, "short entries carry no checksum");
        let now = (entry.term, entry.kind);
        let changed = self.before.replace(now) != Some(now);
        out.varint((entry.bytes.len() as u64) << 1 | u64::from(changed));
        if changed {
            out.varint(entry.term.0);
            out.u8(entry.kind as u8);
        }
        if SUMMED_FROM <= entry.bytes.len() {
            out.u32(entry.sum);
        }
        out.bytes(&entry.bytes);
    }

    /// How many bytes [`put`](Run::put) would append now.
    #[must_use]
    pub fn len_of(mut self, entry: &Entry) -> usize {
        let mut count = super::bytes::Count::default();
        self.put(&mut count, entry);
        count.0
    }
}

/// Appends all of them, as one run.
pub fn put_run(out: &mut impl Sink, entries: &[Entry]) {
    let mut run = Run::default();
    entries.iter().for_each(|entry| run.put(out, entry));
}

/// Where an entry lies in the bytes that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its term.
    pub term: Term,
    /// What the bytes are.
    pub kind: EntryKind,
    /// Where they are.
    pub range: Range<usize>,
    /// Their checksum, found right; 0 if they are too few to carry one.
    pub sum: u32,
}

impl Span {
    /// The entry, sharing `whole`, which must be the bytes that the span was read from.
    #[must_use]
    pub fn entry(&self, whole: &Bytes) -> Entry {
        Entry { term: self.term, kind: self.kind, bytes: whole.slice(self.range.clone()), sum: self.sum }
    }
}

/// Why bytes are no run of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They end too early, or say something in a second way.
    Malformed,
    /// A kind of entry that this version does not know.
    Kind(u8),
    /// An entry's bytes are not those that its checksum was made of.
    Checksum,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Malformed => f.write_str("no run of entries"),
            Fault::Kind(kind) => write!(f, "an entry of the unknown kind {kind}, made by a newer version"),
            Fault::Checksum => f.write_str("an entry's checksum is wrong"),
        }
    }
}

impl std::error::Error for Fault {}

/// Reads a run: every entry from `at` to the end of the bytes, or as many as are asked for. Allocates nothing.
///
/// After a [`Fault`] it ends.
#[derive(Clone, Debug)]
pub struct Spans<'a> {
    source: Source<'a>,
    before: Option<(Term, EntryKind)>,
}

impl<'a> Spans<'a> {
    /// The run that begins at `at`.
    #[must_use]
    pub fn new(bytes: &'a [u8], at: usize) -> Spans<'a> {
        Spans { source: Source::new(bytes, at), before: None }
    }

    /// Where the next entry would begin.
    #[must_use]
    pub fn at(&self) -> usize {
        self.source.at()
    }

    fn span(&mut self) -> Result<Span, Fault> {
        let head = self.source.varint().ok_or(Fault::Malformed)?;
        if head & 1 == 1 {
            let term = Term(self.source.varint().ok_or(Fault::Malformed)?);
            let kind = self.source.u8().ok_or(Fault::Malformed)?;
            let now = (term, EntryKind::from_u8(kind).ok_or(Fault::Kind(kind))?);
            if self.before.replace(now) == Some(now) {
                return Err(Fault::Malformed); // nothing has changed: a second spelling
            }
        }
        let (term, kind) = self.before.ok_or(Fault::Malformed)?;
        let len = usize::try_from(head >> 1).map_err(|_| Fault::Malformed)?;
        let sum = if SUMMED_FROM <= len { Some(self.source.u32().ok_or(Fault::Malformed)?) } else { None };
        let (range, bytes) = self.source.bytes(len).ok_or(Fault::Malformed)?;
        if sum.is_some_and(|sum| sum != crc32c::crc32c(bytes)) {
            return Err(Fault::Checksum);
        }
        Ok(Span { term, kind, range, sum: sum.unwrap_or(0) })
    }
}

impl Iterator for Spans<'_> {
    type Item = Result<Span, Fault>;

    fn next(&mut self) -> Option<Result<Span, Fault>> {
        if self.source.left() == 0 {
            return None;
        }
        let span = self.span();
        if span.is_err() {
            self.source.skip_to(usize::MAX);
        }
        Some(span)
    }
}

/// All entries of the run that `whole` is, to its last byte, sharing it.
///
/// # Errors
/// The first [`Fault`].
pub fn take_run(whole: &Bytes) -> Result<Vec<Entry>, Fault> {
    Spans::new(whole, 0).map(|span| span.map(|span| span.entry(whole))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(term: u64, kind: EntryKind, len: usize) -> Entry {
        Entry::new(Term(term), kind, (0..len).map(|at| at as u8).collect::<Vec<_>>().into())
    }

    fn run(entries: &[Entry]) -> Bytes {
        let mut out = Vec::new();
        put_run(&mut out, entries);
        out.into()
    }

    #[test]
    fn a_run_comes_back_and_shares_the_bytes_that_it_was_read_from() {
        use EntryKind::{Blank, Command, Open};
        let entries = [
            entry(0, Blank, 0),
            entry(3, Command, 63),
            entry(3, Command, 64),
            entry(3, Open, 17),
            entry(u64::MAX, Open, 9_000),
        ];
        let bytes = run(&entries);
        let back = take_run(&bytes).unwrap();
        assert_eq!(back, entries);
        assert!(back.iter().filter(|entry| !entry.bytes.is_empty()).all(|entry| {
            let at = entry.bytes.as_ptr() as usize;
            (bytes.as_ptr() as usize..bytes.as_ptr() as usize + bytes.len()).contains(&at)
        }));
    }

    #[test]
    fn an_entry_like_the_one_before_costs_one_byte_up_to_63_and_six_from_64_on() {
        let cost = |len: usize| {
            let one = entry(7, EntryKind::Command, len);
            run(&[one.clone(), one.clone()]).len() - run(&[one]).len() - len
        };
        assert_eq!([cost(0), cost(63), cost(64), cost(8_191), cost(8_192)], [1, 1, 6, 6, 7]);
        let mut begun = Run::default();
        begun.put(&mut Vec::new(), &entry(7, EntryKind::Command, 1));
        assert_eq!(begun.len_of(&entry(7, EntryKind::Command, 64)), 70);
    }

    #[test]
    fn a_run_cut_anywhere_inside_an_entry_is_malformed() {
        let entries = [entry(1, EntryKind::Command, 3), entry(2, EntryKind::Command, 70)];
        let bytes = run(&entries);
        let first = run(&entries[..1]).len();
        for cut in (1..bytes.len()).filter(|&cut| cut != first) {
            assert_eq!(take_run(&bytes.slice(..cut)), Err(Fault::Malformed), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_run_is_refused_by_its_fault() {
        let cases: [(&[u8], Fault); 6] = [
            (&[0], Fault::Malformed),                // a first without term and kind
            (&[1, 1, 1, 1, 1, 1], Fault::Malformed), // "changed", and is not
            (&[1, 1, 9], Fault::Kind(9)),            // of a later version
            (&[5, 1, 1, 0], Fault::Malformed),       // one byte less than it says
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 1], Fault::Malformed), // 2^63 bytes
            (&[0x81, 0, 1, 1], Fault::Malformed),    // a padded number
        ];
        for (bytes, fault) in cases {
            assert_eq!(take_run(&Bytes::copy_from_slice(bytes)), Err(fault), "{bytes:?}");
        }
    }

    #[test]
    fn a_flipped_bit_of_an_entry_with_a_checksum_is_seen_where_it_is_taken_in() {
        let bytes = run(&[entry(1, EntryKind::Command, 64)]);
        for bit in 8 * (bytes.len() - 68)..8 * bytes.len() {
            let mut spoiled = bytes.to_vec();
            spoiled[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(take_run(&spoiled.into()), Err(Fault::Checksum), "bit {bit}");
        }
    }
}
