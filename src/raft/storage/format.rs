//! The bytes of the log. `docs/log-format.md` has them one by one.
//!
//! ```text
//!   segment   head 128 | to the first multiple of align | bind | record record .. pad | record .. pad | .. | seal
//!   record    head 32: head sum | body sum | len, kind | synced | index | term       then body, zeros to the next 8
//! ```
//! `synced` is a testimony: so much of this segment was durable when the record was built. Damage below the greatest
//! testimony is rot, above it a torn write. The head's sum is seeded by the segment's nonce and the record's place, so
//! that no stale, moved or copied record is taken for one of this segment.

use super::Stamp;
use crate::raft::mutant::mutate;
use crate::raft::{ClusterId, Incarnation, Index, LogId, NodeId, Term};
use std::collections::BTreeMap;

/// The last byte is the version: a new kind, flag or meaning needs a new one.
pub(crate) const MAGIC: [u8; 8] = *b"rsm-log\x01";
/// The bytes of a segment's head.
pub(crate) const SEGMENT_HEAD: usize = 128;
/// The bytes of a record's head.
pub(crate) const RECORD_HEAD: usize = 32;
/// No body is longer.
pub(crate) const BODY_MAX: usize = (16 << 20) - 1;

const VOTED: u8 = 1 << 0;
const BORN: u8 = 1 << 1;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A run of entries of one term.
    Entries = 1,
    /// Term and vote.
    State = 2,
    /// A snapshot is whole, and the log holds the last entry that it covers.
    Mark = 3,
    /// Testifies to the flush before it, and says nothing else.
    Anchor = 4,
    /// The segment has a successor.
    Seal = 5,
    /// Fills a flush up to its alignment.
    Pad = 6,
    /// Which lives of the other members are known.
    Bind = 7,
    /// This life may vote.
    Born = 8,
    /// A snapshot is whole, the log did not hold its last entry, and is empty now.
    Reset = 9,
}

impl Kind {
    fn from_u8(kind: u8) -> Option<Kind> {
        Some(match kind {
            1 => Kind::Entries,
            2 => Kind::State,
            3 => Kind::Mark,
            4 => Kind::Anchor,
            5 => Kind::Seal,
            6 => Kind::Pad,
            7 => Kind::Bind,
            8 => Kind::Born,
            9 => Kind::Reset,
            _ => return None,
        })
    }
}

/// What stands at the head of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHead {
    pub(crate) body_sum: u32,
    pub(crate) len: usize,
    pub(crate) kind: Kind,
    /// In bytes.
    pub(crate) synced: u64,
    pub(crate) index: Index,
    pub(crate) term: Term,
}

impl RecordHead {
    /// For a record at `at` of a segment with this nonce.
    pub(crate) fn encode(&self, nonce: u64, at: u64) -> [u8; RECORD_HEAD] {
        debug_assert!(self.synced <= at, "nobody testifies to what comes later");
        let mut out = [0; RECORD_HEAD];
        out[4..8].copy_from_slice(&self.body_sum.to_le_bytes());
        out[8..12].copy_from_slice(&((self.len as u32) | (self.kind as u32) << 24).to_le_bytes());
        out[12..16].copy_from_slice(&((self.synced / 8) as u32).to_le_bytes());
        out[16..24].copy_from_slice(&self.index.0.to_le_bytes());
        out[24..].copy_from_slice(&self.term.0.to_le_bytes());
        let sum = head_sum(&out, nonce, at);
        out[..4].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// The head at `at`, if these 32 bytes are one.
    pub(crate) fn decode(bytes: &[u8], nonce: u64, at: u64) -> Option<RecordHead> {
        let kind = Kind::from_u8(bytes[11])?;
        let synced = u64::from(word(bytes, 12)) * 8;
        if at < synced || word(bytes, 0) != head_sum(bytes, nonce, at) {
            return None;
        }
        Some(RecordHead {
            body_sum: word(bytes, 4),
            len: (word(bytes, 8) & 0xff_ffff) as usize,
            kind,
            synced,
            index: Index(number(bytes, 16)),
            term: Term(number(bytes, 24)),
        })
    }

    /// The whole record's bytes.
    pub(crate) fn record_len(&self) -> u64 {
        record_len(self.len)
    }
}

/// The bytes of a record with a body of `len`.
pub(crate) const fn record_len(len: usize) -> u64 {
    (RECORD_HEAD + len.next_multiple_of(8)) as u64
}

/// Of nonce, place and head: side by side first, since each call costs more than so few bytes.
fn head_sum(head: &[u8], nonce: u64, at: u64) -> u32 {
    let mut summed = [0; 16 + RECORD_HEAD - 4];
    summed[..8].copy_from_slice(&nonce.to_le_bytes());
    summed[8..16].copy_from_slice(&at.to_le_bytes());
    summed[16..].copy_from_slice(&head[4..RECORD_HEAD]);
    crc32c::crc32c(&summed)
}

/// The longest pad whose checksum is known: one to a multiple of the largest alignment is shorter.
const PAD_MAX: usize = 4096;

static ZEROS: [u8; PAD_MAX] = [0; PAD_MAX];

/// The checksums of 0, 8, 16 .. zeros: most flushes end in that many, and so does most of what recovery reads.
static PAD_SUMS: [u32; PAD_MAX / 8] = {
    let mut sums = [0; PAD_MAX / 8];
    let (mut nth, mut state) = (1, !0u32);
    while nth < sums.len() {
        let mut bit = 0;
        while bit < 64 {
            // CRC32C, reflected: a zero bit shifts alone.
            state = if state & 1 == 1 { state >> 1 ^ 0x82f6_3b78 } else { state >> 1 };
            bit += 1;
        }
        sums[nth] = !state;
        nth += 1;
    }
    sums
};

/// The checksum of the body of a pad of this length, if it is known.
fn pad_sum(kind: Kind, len: usize) -> Option<u32> {
    let is_pad = kind == Kind::Pad && len.is_multiple_of(8);
    PAD_SUMS.get(len / 8).copied().filter(|_| is_pad)
}

/// The checksum of a body that is written; a pad's are zeros.
pub(crate) fn body_sum(kind: Kind, body: &[u8]) -> u32 {
    pad_sum(kind, body.len()).unwrap_or_else(|| crc32c::crc32c(body))
}

/// Whether this is the checksum of a body that was read.
pub(crate) fn is_body(kind: Kind, body: &[u8], sum: u32) -> bool {
    let of_zeros = pad_sum(kind, body.len()).filter(|_| *body == ZEROS[..body.len()]);
    of_zeros.unwrap_or_else(|| crc32c::crc32c(body)) == sum
}

/// What stands at the head of a segment: the past as it stood when the segment was begun, so that old ones can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) seq: u64,
    pub(crate) nonce: u64,
    /// 1 + the last index before this segment.
    pub(crate) first: Index,
    /// Where the segment before ends.
    pub(crate) prev_end: u64,
    pub(crate) term: Term,
    pub(crate) vote: Option<NodeId>,
    pub(crate) commit: Index,
    pub(crate) snapshot: LogId,
    pub(crate) stamp: Stamp,
    pub(crate) incarnation: Incarnation,
    pub(crate) born: bool,
    /// In bytes.
    pub(crate) align: u64,
    /// How many bytes were durable before the segment got its name.
    pub(crate) whole: u64,
}

/// Why 128 bytes are no head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadFault {
    /// Written by a newer version.
    Version(u8),
    /// Not what was written.
    Damaged,
}

impl SegmentHead {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEAD] {
        let mut out = [0; SEGMENT_HEAD];
        let mut put = |at: usize, number: u64| out[at..at + 8].copy_from_slice(&number.to_le_bytes());
        put(0, u64::from_le_bytes(MAGIC));
        put(8, self.seq);
        put(16, self.nonce);
        put(24, self.first.0);
        put(32, self.prev_end);
        put(40, self.term.0);
        put(48, self.vote.map_or(0, |vote| vote.0));
        put(56, self.commit.0);
        put(64, self.snapshot.index.0);
        put(72, self.snapshot.term.0);
        put(80, self.stamp.cluster.0);
        put(88, self.stamp.node.0);
        put(96, self.incarnation.0);
        put(112, self.stamp.members);
        out[104] = if self.vote.is_some() { VOTED } else { 0 } | if self.born { BORN } else { 0 };
        out[105] = self.align.trailing_zeros() as u8;
        out[108..112].copy_from_slice(&((self.whole / 8) as u32).to_le_bytes());
        out[120..124].copy_from_slice(&self.stamp.addresses.to_le_bytes());
        let sum = crc32c::crc32c(&out[..124]);
        out[124..].copy_from_slice(&sum.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8; SEGMENT_HEAD]) -> Result<SegmentHead, HeadFault> {
        if bytes[..7] == MAGIC[..7] && MAGIC[7] < bytes[7] {
            return Err(HeadFault::Version(bytes[7]));
        }
        let flags = bytes[104];
        let zero = bytes[106] == 0 && bytes[107] == 0 && flags & !(VOTED | BORN) == 0;
        let aligned = matches!(bytes[105], 3 | 9 | 12);
        if bytes[..8] != MAGIC || word(bytes, 124) != crc32c::crc32c(&bytes[..124]) || !zero || !aligned {
            return Err(HeadFault::Damaged);
        }
        let voted = (flags & VOTED != 0).then(|| NodeId(number(bytes, 48)));
        Ok(SegmentHead {
            seq: number(bytes, 8),
            nonce: number(bytes, 16),
            first: Index(number(bytes, 24)),
            prev_end: number(bytes, 32),
            term: Term(number(bytes, 40)),
            vote: mutate!(VoteForZeroLost, voted, voted.filter(|vote| vote.0 != 0)),
            commit: Index(number(bytes, 56)),
            snapshot: LogId::new(number(bytes, 72), number(bytes, 64)),
            stamp: Stamp {
                cluster: ClusterId(number(bytes, 80)),
                node: NodeId(number(bytes, 88)),
                members: number(bytes, 112),
                addresses: word(bytes, 120),
            },
            incarnation: Incarnation(number(bytes, 96)),
            born: flags & BORN != 0,
            align: 1 << bytes[105],
            whole: u64::from(word(bytes, 108)) * 8,
        })
    }

    /// Where the first record is.
    pub(crate) fn first_record(&self) -> u64 {
        self.align.max(SEGMENT_HEAD as u64)
    }
}

/// The name of the segment of this number.
pub(crate) fn name(seq: u64) -> String {
    format!("{seq:016x}.log")
}

/// The number of the segment with this name.
pub(crate) fn parse(name: &str) -> Option<u64> {
    let seq = u64::from_str_radix(name.strip_suffix(".log")?, 16).ok()?;
    // One spelling only: what `name` would not give is not ours.
    (self::name(seq) == name).then_some(seq)
}

/// The body of a bind record.
pub(crate) fn put_bindings(out: &mut Vec<u8>, bindings: &BTreeMap<NodeId, Incarnation>) {
    for (node, incarnation) in bindings {
        out.extend(node.0.to_le_bytes());
        out.extend(incarnation.0.to_le_bytes());
    }
}

/// The bindings in the body of a bind record: whole pairs, nodes rising.
pub(crate) fn take_bindings(body: &[u8]) -> Option<BTreeMap<NodeId, Incarnation>> {
    let (pairs, rest) = body.as_chunks::<16>();
    let bindings = || pairs.iter().map(|pair| (NodeId(number(pair, 0)), Incarnation(number(pair, 8))));
    let rising = bindings().is_sorted_by(|one, next| one.0 < next.0);
    (rest.is_empty() && rising).then(|| bindings().collect())
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_pad_is_that_of_its_bytes_whatever_their_number() {
        for len in (0..600).chain(PAD_MAX - 20..PAD_MAX + 20) {
            let mut body = vec![0; len];
            let sum = crc32c::crc32c(&body);
            assert_eq!(body_sum(Kind::Pad, &body), sum, "{len} zeros");
            assert!(is_body(Kind::Pad, &body, sum), "{len} zeros");
            if let Some(last) = body.last_mut() {
                *last = 1;
                assert!(!is_body(Kind::Pad, &body, sum), "a flipped bit behind {len} bytes");
                assert!(is_body(Kind::Pad, &body, crc32c::crc32c(&body)));
            }
        }
    }
}
