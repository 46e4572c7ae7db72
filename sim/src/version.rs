//! Peers of tomorrow's version: in one seed of eight some nodes are, in some of their lives.
//!
//! ```text
//!   what it was to say ──> each message, and extensions behind it that today's version passes over
//!                      └─> and now and then a message of a kind that today's does not know      refused, counted once
//! ```
//! A cluster is upgraded node by node, and a node that is started again may have become older: so each life of a node draws
//! its version anew. All else is as ever, and every rule is asked. Once there is a release, its own crate can stand in a life
//! here; of tomorrow's this much is known already, as `docs/wire.md` promises it. A peer of *yesterday's* version would leave
//! out what has been added since, of which there is nothing yet: it would be today's.

use crate::stream::{Purpose, fate};
use crate::world::World;
use bytes::Bytes;
use rsm::mix::Draws;
use rsm::raft::Term;
use rsm::raft::consensus::Message;
use rsm::raft::wire::bytes::{Sink, Source};
use rsm::raft::wire::{Body, VERSION, put};

/// How many bytes of a packet stand before its group, its sender and its receiver.
pub(crate) const ENDS_AT: usize = 32;
/// The kind of `Hello`, the one message of which today's version knows an extension: its tag is 1.
const HELLO: u8 = 13;
/// The first kind that is not known.
const UNKNOWN_FROM: u64 = 17;
/// Beside one message in so many stands another that nobody of today's version knows.
const UNKNOWN: u64 = 16;
/// The most extensions of a message, and the most bytes of one, or of an unknown message.
const EXTENSIONS_MAX: u64 = 3;
const BYTES_MAX: u64 = 40;
/// Far from those of nodes, of which each life is a draw.
const LINKS: u64 = 1 << 32;

impl World {
    /// Tells a packet as its sender's version has it: and how many messages its receiver will not know.
    pub(crate) fn told_by_its_version(&mut self, from: usize, to: usize, bytes: Bytes) -> (Bytes, u64) {
        if !self.swarm.tomorrow || !is_of_tomorrow(self.seed, from, self.nodes[from].life) {
            return (bytes, 0);
        }
        let link = LINKS + (from * self.nodes.len() + to) as u64;
        let draws = Draws::new(fate(self.seed, Purpose::Version, link, self.net.number(from, to)));
        match (Tomorrow { draws, unknown: 0 }).tells(&bytes) {
            Some((told, unknown)) => {
                self.sums.of_tomorrow += u64::from(told != bytes);
                self.sums.unknown_kinds += unknown;
                (told, unknown)
            }
            None => (bytes, 0),
        }
    }
}

/// Whether this life of a node is: half of them are.
fn is_of_tomorrow(seed: u64, node: usize, life: u64) -> bool {
    fate(seed, Purpose::Version, 1 + node as u64, life) & 1 == 1
}

/// A packet under a sum that is right.
pub(crate) fn sealed(mut packet: Vec<u8>) -> Bytes {
    let crc = crc32c::crc32c(&packet[4..]);
    packet[..4].copy_from_slice(&crc.to_le_bytes());
    packet.into()
}

/// A packet of one message, with an extension of this tag behind it.
pub(crate) fn extended(packet: &[u8], tag: u64) -> Option<Bytes> {
    let mut source = Source::new(packet, ENDS_AT);
    let mut out = packet[..messages_from(&mut source)?].to_vec();
    let len = usize::try_from(source.varint()?).ok()?;
    let (_, message) = source.bytes(len)?;
    let (&0, message) = message.split_last()? else { return None };
    let mut message = message.to_vec();
    put_extensions(&mut message, &[(tag, Vec::new())]);
    lengthen(&mut out, &message);
    Some(sealed(out))
}

/// Where the messages of a packet begin, behind its group, its sender and its receiver.
fn messages_from(source: &mut Source<'_>) -> Option<usize> {
    for _ in ["group", "from", "to"] {
        source.varint()?;
    }
    Some(source.at())
}

/// The same packet in another version of the format, which nobody looks into.
pub(crate) fn of_another_format(packet: &[u8], draws: &mut Draws) -> Bytes {
    let mut packet = packet.to_vec();
    match draws.below(3) {
        0 => packet[4] = VERSION.wrapping_add(1 + draws.below(255) as u8),
        // Of the flags one is known; behind them are two bytes of zeros.
        1 => packet[5] |= 2 << draws.below(7),
        _ => packet[6 + draws.below(2) as usize] = 1 + draws.below(255) as u8,
    }
    sealed(packet)
}

/// What tomorrow's version makes of a packet.
struct Tomorrow {
    draws: Draws,
    /// Messages so far of which today's does not know what they are.
    unknown: u64,
}

impl Tomorrow {
    /// The packet, and its unknown messages; `None` if there is no sense in it.
    fn tells(mut self, packet: &[u8]) -> Option<(Bytes, u64)> {
        let mut source = Source::new(packet, ENDS_AT);
        let mut out = packet[..messages_from(&mut source)?].to_vec();
        self.perhaps_unknown(&mut out);
        while 0 < source.left() {
            let len = usize::try_from(source.varint()?).ok()?;
            let (_, message) = source.bytes(len)?;
            let more = self.draws.chance(3, 4).then(|| self.extended(message)).flatten();
            lengthen(&mut out, more.as_deref().unwrap_or(message));
            self.perhaps_unknown(&mut out);
        }
        Some((sealed(out), self.unknown))
    }

    /// A message of ours ends in its count of extensions, 0. `None` if this one does not: it has some already.
    fn extended(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let (&0, message) = message.split_last()? else { return None };
        let mut out = message.to_vec();
        let mut first = 1;
        let mut extensions = Vec::new();
        if message.first() == Some(&HELLO) {
            // What it is able to do, of which we know that it may be said.
            let mut level = Vec::new();
            level.varint(1 + self.draws.below(1 << 20));
            extensions.extend(self.draws.chance(1, 2).then_some((1, level)));
            first = 3;
        }
        for _ in 0..1 + self.draws.below(EXTENSIONS_MAX) {
            let tag = self.odd_from(first);
            extensions.push((tag, self.bytes(0)));
            let Some(next) = tag.checked_add(2) else { break };
            first = next;
        }
        put_extensions(&mut out, &extensions);
        Some(out)
    }

    /// An odd tag: the next one, one far behind it, or among the last of all.
    fn odd_from(&mut self, first: u64) -> u64 {
        let by = match self.draws.below(16) {
            0 => self.draws.bits() >> self.draws.below(64),
            1 => (u64::MAX - first).saturating_sub(self.draws.below(4)),
            _ => self.draws.below(3),
        };
        first.saturating_add(by) | 1
    }

    fn bytes(&mut self, least: u64) -> Vec<u8> {
        (0..least + self.draws.below(BYTES_MAX)).map(|_| self.draws.bits() as u8).collect()
    }

    /// Perhaps a message of which today's version knows that it is none of its own: by its kind, or since who does not know
    /// one of its extensions must not take it.
    fn perhaps_unknown(&mut self, out: &mut Vec<u8>) {
        if !self.draws.chance(1, UNKNOWN) {
            return;
        }
        let mut message = Vec::new();
        if self.draws.chance(1, 2) {
            message.u8([0, UNKNOWN_FROM + self.draws.below(256 - UNKNOWN_FROM)][self.draws.below(2) as usize] as u8);
            message.extend(self.bytes(0));
        } else {
            let term = Term(u64::MAX >> 2);
            let known = [Message::TimeoutNow { term }, Message::VoteReply { term, granted: true }];
            let known = Body::from(known[self.draws.below(2) as usize].clone());
            put(&mut message, &known);
            // Without its length, which is one byte, and its count of extensions.
            message = message[1..message.len() - 1].to_vec();
            let tag = self.draws.bits() >> self.draws.below(64) & !1;
            put_extensions(&mut message, &[(tag, self.bytes(0))]);
        }
        lengthen(out, &message);
        self.unknown += 1;
    }
}

fn lengthen(out: &mut Vec<u8>, message: &[u8]) {
    out.varint(message.len() as u64);
    out.bytes(message);
}

fn put_extensions(out: &mut Vec<u8>, extensions: &[(u64, Vec<u8>)]) {
    out.varint(extensions.len() as u64);
    for (tag, bytes) in extensions {
        out.varint(*tag);
        lengthen(out, bytes);
    }
}

#[cfg(test)]
mod tests;
