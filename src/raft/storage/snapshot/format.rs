//! The bytes of a snapshot's file. `docs/log-format.md` has them one by one.
//!
//! ```text
//!   head 64 | membership | (sum, len, bytes) (sum, len, bytes) .. | footer 24
//!                           each of 1 MiB but the last
//! ```
//! Nothing in it depends on who wrote it, so any peer may send its own.

use super::super::Disk;
use crate::raft::{ClusterId, LogId};
use bytes::Bytes;
use std::io;

pub(crate) const MAGIC: [u8; 8] = *b"rsm-snp\x01";
pub(crate) const HEAD: usize = 64;
pub(crate) const FOOTER: usize = 24;
pub(crate) const CHUNK: usize = 1 << 20;
/// The checksum and the length before a chunk's bytes.
pub(crate) const CHUNK_HEAD: usize = 8;
const MEMBERSHIP_MAX: usize = 16 << 20;

/// What stands before the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) at: LogId,
    pub(crate) cluster: ClusterId,
    pub(crate) membership: Bytes,
}

/// Why a file is no snapshot.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It could not be read.
    Io(io::Error),
    /// Written by a newer version.
    Version(u8),
    /// Not what was written.
    Damaged,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

/// The name of the file of this snapshot.
pub(crate) fn name(at: LogId) -> String {
    format!("snap-{:016x}-{:016x}", at.index.0, at.term.0)
}

/// The snapshot of which this is the name of the file.
pub(crate) fn parse(name: &str) -> Option<LogId> {
    let (index, term) = name.strip_prefix("snap-")?.split_once('-')?;
    let number = |hex: &str| u64::from_str_radix(hex, 16).ok();
    let at = LogId::new(number(term)?, number(index)?);
    // One spelling only: what `name` would not give is not ours.
    (self::name(at) == name).then_some(at)
}

impl Head {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + self.membership.len());
        out.extend(MAGIC);
        out.extend(self.at.index.0.to_le_bytes());
        out.extend(self.at.term.0.to_le_bytes());
        out.extend(self.cluster.0.to_le_bytes());
        out.extend((self.membership.len() as u32).to_le_bytes());
        out.resize(HEAD - 4, 0);
        let sum = crc32c::crc32c_append(crc32c::crc32c(&out), &self.membership);
        out.extend(sum.to_le_bytes());
        out.extend(&self.membership);
        out
    }

    /// Where the chunks begin.
    pub(crate) fn len(&self) -> u64 {
        (HEAD + self.membership.len()) as u64
    }

    pub(crate) fn read<D: Disk>(disk: &D, file: &D::File) -> Result<Head, Fault> {
        let mut head = [0; HEAD];
        read_whole(disk, file, &mut head, 0)?;
        if head[..7] != MAGIC[..7] {
            return Err(Fault::Damaged);
        }
        if MAGIC[7] < head[7] {
            return Err(Fault::Version(head[7]));
        }
        let number = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let length = word(32) as usize;
        if MEMBERSHIP_MAX < length || disk.len(file)? < (HEAD + length + FOOTER) as u64 {
            return Err(Fault::Damaged);
        }
        let mut membership = vec![0; length];
        read_whole(disk, file, &mut membership, HEAD as u64)?;
        let sum = crc32c::crc32c_append(crc32c::crc32c(&head[..HEAD - 4]), &membership);
        if word(HEAD - 4) != sum || head[7] != MAGIC[7] || head[36..60].iter().any(|&byte| byte != 0) {
            return Err(Fault::Damaged);
        }
        Ok(Head {
            at: LogId::new(number(16), number(8)),
            cluster: ClusterId(number(24)),
            membership: membership.into(),
        })
    }
}

/// What the chunks come to: the end of the file, and what a reader of it must find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) bytes: u64,
    pub(crate) chunks: u32,
    pub(crate) sums: u32,
}

impl Footer {
    /// Counts a chunk; gives what stands before its bytes.
    pub(crate) fn count(&mut self, bytes: &[u8]) -> [u8; CHUNK_HEAD] {
        let sum = crc32c::crc32c(bytes).to_le_bytes();
        self.bytes += bytes.len() as u64;
        self.chunks += 1;
        self.sums = crc32c::crc32c_append(self.sums, &sum);
        let mut head = [0; CHUNK_HEAD];
        head[..4].copy_from_slice(&sum);
        head[4..].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        head
    }

    pub(crate) fn encode(self) -> [u8; FOOTER] {
        let mut out = [0; FOOTER];
        out[..8].copy_from_slice(&self.bytes.to_le_bytes());
        out[8..12].copy_from_slice(&self.chunks.to_le_bytes());
        out[12..16].copy_from_slice(&self.sums.to_le_bytes());
        out[16..].copy_from_slice(&MAGIC);
        out
    }
}

/// Reads the chunks of a file one after the other, checking each, and the footer behind the last.
#[derive(Debug)]
pub(crate) struct Chunks {
    at: u64,
    /// Where the footer begins.
    end: u64,
    counted: Footer,
}

impl Chunks {
    /// Behind this head, in a file of `total` bytes.
    pub(crate) fn new(head: &Head, total: u64) -> Chunks {
        Chunks { at: head.len(), end: total.saturating_sub(FOOTER as u64), counted: Footer::default() }
    }

    /// The next chunk's bytes into `out`; false behind the last, once the footer is right.
    pub(crate) fn next<D: Disk>(&mut self, disk: &D, file: &D::File, out: &mut Vec<u8>) -> Result<bool, Fault> {
        out.clear();
        if self.at == self.end {
            let mut footer = [0; FOOTER];
            read_whole(disk, file, &mut footer, self.end)?;
            return if footer == self.counted.encode() { Ok(false) } else { Err(Fault::Damaged) };
        }
        let left = self.end.checked_sub(self.at + CHUNK_HEAD as u64).ok_or(Fault::Damaged)?;
        let mut head = [0; CHUNK_HEAD];
        read_whole(disk, file, &mut head, self.at)?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        // All are full but the last, and none is empty: one state has one file.
        let expected = left.min(CHUNK as u64);
        if u64::from(length) != expected || length == 0 {
            return Err(Fault::Damaged);
        }
        out.resize(length as usize, 0);
        read_whole(disk, file, out, self.at + CHUNK_HEAD as u64)?;
        if self.counted.count(out) != head {
            return Err(Fault::Damaged);
        }
        self.at += CHUNK_HEAD as u64 + u64::from(length);
        Ok(true)
    }
}

/// Checks a whole file: its head, every chunk, its footer.
pub(crate) fn verify<D: Disk>(disk: &D, file: &D::File) -> Result<Head, Fault> {
    let head = Head::read(disk, file)?;
    let mut chunks = Chunks::new(&head, disk.len(file)?);
    let mut bytes = Vec::new();
    while chunks.next(disk, file, &mut bytes)? {}
    Ok(head)
}

/// Fills `bytes`; a file that ends before is no snapshot.
fn read_whole<D: Disk>(disk: &D, file: &D::File, bytes: &mut [u8], at: u64) -> Result<(), Fault> {
    let mut done = 0;
    while done < bytes.len() {
        match disk.read_at(file, &mut bytes[done..], at + done as u64)? {
            0 => return Err(Fault::Damaged),
            read => done += read,
        }
    }
    Ok(())
}
