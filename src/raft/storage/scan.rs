//! Reading a segment from one end to the other.
//!
//! ```text
//!   |head| record record record ? .. .. record .. .. 0 0 0 0 |
//!          ──────────────────>│ unreadable: from here on, at every 8 bytes, is a head here?
//! ```

use super::Disk;
use super::format::{Kind, RECORD_HEAD, RecordHead, SegmentHead, is_body};
use crate::raft::LogId;
use crate::raft::mutant::mutate;
use std::io;

/// How much is read at once at first, since one record may be all that is wanted; then four times as much each time. Who
/// says what is wanted has that read first, and so much more.
const FIRST: usize = 4 << 10;
/// How much is read at once at most: more falls out of the processor's cache.
const WINDOW: usize = 256 << 10;

/// What is looked at at once of what may be zeros.
const BLOCK: usize = 256;

/// A file seen through a window that slides forward.
#[derive(Debug)]
pub(crate) struct Window<'a, D: Disk> {
    disk: &'a D,
    file: &'a D::File,
    nonce: u64,
    end: u64,
    from: u64,
    /// So many of the bytes are the file's, from there on.
    held: usize,
    bytes: Vec<u8>,
    /// How much is read next,
    step: usize,
    /// unless so much is wanted still.
    expected: usize,
}

impl<'a, D: Disk> Window<'a, D> {
    /// The first `end` bytes of a segment with this nonce.
    pub(crate) fn new(disk: &'a D, file: &'a D::File, nonce: u64, end: u64) -> Window<'a, D> {
        Window { disk, file, nonce, end, from: 0, held: 0, bytes: Vec::new(), step: FIRST, expected: 0 }
    }

    /// The same, of which about so many bytes are wanted.
    pub(crate) fn expecting(self, bytes: usize) -> Window<'a, D> {
        Window { expected: bytes.saturating_add(FIRST), ..self }
    }

    /// Goes on in another file, in the memory of this one.
    pub(crate) fn turn_to(&mut self, file: &'a D::File, nonce: u64, end: u64) {
        let bytes = std::mem::take(&mut self.bytes);
        *self = Window { bytes, ..Window::new(self.disk, file, nonce, end) };
    }

    /// So many bytes from there on; `None` if the file ends before.
    pub(crate) fn get(&mut self, at: u64, len: usize) -> io::Result<Option<&[u8]>> {
        if self.end < at.saturating_add(len as u64) {
            return Ok(None);
        }
        let held = self.from..self.from + self.held as u64;
        if at < held.start || held.end < at + len as u64 {
            self.slide(at, len)?;
        }
        let start = (at - self.from) as usize;
        Ok(self.bytes[..self.held].get(start..start + len))
    }

    fn slide(&mut self, at: u64, len: usize) -> io::Result<()> {
        let ahead = if self.expected == 0 { self.step } else { self.expected.min(WINDOW) };
        let wanted = len.max(ahead).min((self.end - at) as usize);
        if self.expected == 0 {
            self.step = WINDOW.min(4 * self.step);
        }
        self.expected = self.expected.saturating_sub(wanted);
        self.from = at;
        self.held = 0;
        if self.bytes.len() < wanted {
            self.bytes.resize(wanted, 0);
        }
        while self.held < wanted {
            match self.disk.read_at(self.file, &mut self.bytes[self.held..wanted], at + self.held as u64) {
                Ok(0) => break,
                Ok(read) => self.held += read,
                // What is read ahead may never be wanted.
                Err(_) if len <= self.held => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether anything but zeros stands at or behind `at`, as far as it was read already.
    pub(crate) fn shows_more(&self, at: u64) -> bool {
        let start = at.checked_sub(self.from).map(|start| start as usize);
        let read = start.and_then(|start| self.bytes[..self.held].get(start..));
        // All of it without a branch, which is quicker by far.
        read.is_some_and(|bytes| bytes.iter().fold(0, |sum, &byte| sum | byte) != 0)
    }

    /// The head of the record there, if one is.
    pub(crate) fn head(&mut self, at: u64) -> io::Result<Option<RecordHead>> {
        let nonce = self.nonce;
        Ok(self.get(at, RECORD_HEAD)?.and_then(|bytes| RecordHead::decode(bytes, nonce, at)))
    }

    /// The body of the record there, whose head this is, if its checksum is right.
    pub(crate) fn body(&mut self, at: u64, head: &RecordHead) -> io::Result<Option<&[u8]>> {
        let body = self.get(at + RECORD_HEAD as u64, head.len)?;
        Ok(body.filter(|body| is_body(head.kind, body, head.body_sum)))
    }

    /// The next head at or behind `at`, record by record or, where none is readable, at every 8 bytes.
    fn next_head(&mut self, mut at: u64) -> io::Result<Option<(u64, RecordHead)>> {
        loop {
            if let Some(head) = self.head(at)? {
                return Ok(Some((at, head)));
            }
            if self.get(at, RECORD_HEAD)?.is_none() {
                return Ok(None);
            }
            // The kind, which is never zero, stands at byte 11: the zeros that end most segments are skipped by it,
            // and in blocks.
            let bytes = &self.bytes[(at - self.from) as usize..self.held];
            let places = (bytes.len() - RECORD_HEAD) / 8;
            let zeros = BLOCK * bytes.chunks_exact(BLOCK).take_while(|block| **block == [0; BLOCK]).count();
            let first = (zeros / 8).saturating_sub(1).max(1);
            let next = (first..=places).find(|place| bytes[place * 8 + 11] != 0);
            at += 8 * next.unwrap_or(places + 1) as u64;
        }
    }

    /// How far the segment is testified to: by what was whole before it got its name, by every head in it, and by its
    /// seal, which stands where it ends.
    pub(crate) fn testified(&mut self, segment: &SegmentHead) -> io::Result<u64> {
        let mut testified = mutate!(WholeIgnored, segment.whole, 0);
        let mut at = segment.first_record();
        while let Some((found, head)) = self.next_head(at)? {
            testified = testified.max(head.synced);
            if head.kind == Kind::Seal {
                testified = testified.max(found);
            }
            at = found + head.record_len();
        }
        Ok(testified)
    }

    /// The greatest entry of which a head at or behind `at` is proof that it was held.
    pub(crate) fn witnessed(&mut self, mut at: u64) -> io::Result<LogId> {
        let mut witnessed = LogId::ZERO;
        while let Some((found, head)) = self.next_head(at)? {
            if matches!(head.kind, Kind::Entries | Kind::Mark | Kind::Reset) {
                witnessed = witnessed.max(LogId { term: head.term, index: head.index });
            }
            at = found + head.record_len();
        }
        Ok(witnessed)
    }
}
