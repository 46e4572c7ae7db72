//! What bytes are written to, and read from, one number at a time.
//!
//! A message is written twice by the same lines of code: once into a [`Count`], as its length stands before it, and once
//! into the buffer. Numbers without a width are canonical varints, the others little-endian.

use crate::varint;
use std::ops::Range;

/// Takes numbers and bytes.
pub trait Sink {
    /// These bytes as they are.
    fn bytes(&mut self, bytes: &[u8]);

    /// A canonical varint.
    fn varint(&mut self, value: u64);

    /// One byte.
    fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    /// Four bytes, the least first.
    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    /// Eight bytes, the least first.
    fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }
}

impl Sink for Vec<u8> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn varint(&mut self, value: u64) {
        varint::put(self, value);
    }

    fn u8(&mut self, value: u8) {
        self.push(value);
    }
}

/// Counts the bytes that it is given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count(pub usize);

impl Sink for Count {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn varint(&mut self, value: u64) {
        self.0 += varint::len(value);
    }
}

/// Gives numbers and bytes, each only if it is there whole. Never panics, never allocates.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Source<'a> {
    /// Reads from `at` on; from the end, if that lies beyond it.
    #[must_use]
    pub fn new(bytes: &'a [u8], at: usize) -> Source<'a> {
        Source { bytes, at: at.min(bytes.len()) }
    }

    /// Where the next byte is.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// How many bytes follow.
    #[must_use]
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Goes forward to `at`; to the end, if that lies beyond it.
    pub fn skip_to(&mut self, at: usize) {
        self.at = at.min(self.bytes.len()).max(self.at);
    }

    /// The next `len` bytes, and where they are.
    pub fn bytes(&mut self, len: usize) -> Option<(Range<usize>, &'a [u8])> {
        if self.left() < len {
            return None;
        }
        let range = self.at..self.at + len;
        self.at = range.end;
        Some((range.clone(), &self.bytes[range]))
    }

    /// A canonical varint.
    pub fn varint(&mut self) -> Option<u64> {
        let mut rest = &self.bytes[self.at..];
        let value = varint::take(&mut rest)?;
        self.at = self.bytes.len() - rest.len();
        Some(value)
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.bytes(1).map(|(_, bytes)| bytes[0])
    }

    /// A byte that is 0 or 1.
    pub fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// Four bytes, the least first.
    pub fn u32(&mut self) -> Option<u32> {
        let (_, bytes) = self.bytes(4)?;
        Some(u32::from_le_bytes(bytes.try_into().expect("four bytes were asked for")))
    }

    /// Eight bytes, the least first.
    pub fn u64(&mut self) -> Option<u64> {
        let (_, bytes) = self.bytes(8)?;
        Some(u64::from_le_bytes(bytes.try_into().expect("eight bytes were asked for")))
    }
}
