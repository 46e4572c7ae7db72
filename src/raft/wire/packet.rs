//! Packets: what goes to one peer at once, and the checks that it passes before anybody looks inside.
//!
//! ```text
//!   crc u32 | version u8 | flags u8 | 0 u16 | cluster u64 | from's life u64 | to's life u64 | group | from | to      35 bytes
//!   (length | message)*
//! ```
//! The crc (CRC32C) covers all that follows it. The checks come in this order: crc, version and flags, cluster, our own
//! life; only then is anything parsed. Whether the *sender's* life is the known one is for the core to say.

use super::bytes::{Sink, Source};
use super::message::Body;
use super::refused::Refused;
use crate::raft::mark::mark;
use crate::raft::{ClusterId, Identity, Incarnation, NodeId};
use bytes::Bytes;

/// The version of the format.
pub const VERSION: u8 = 1;
/// The receiver's life is known; without this flag that field is zero.
const KNOWN: u8 = 1;
/// Where the cluster's id stands: behind checksum, version, flags and two zero bytes.
const CLUSTER_AT: usize = 8;
/// Where group, sender and receiver stand: behind the cluster and two lives.
const ENDS_AT: usize = CLUSTER_AT + 3 * size_of::<u64>();
/// The checksum's own bytes.
const CRC_BYTES: usize = 4;
/// The one group of a cluster, until there are many.
pub const GROUP: u64 = 0;

/// Who says something to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The cluster that both belong to.
    pub cluster: ClusterId,
    /// Who speaks.
    pub from: Identity,
    /// Who is spoken to.
    pub to: NodeId,
    /// Which life of it, if the speaker knows one.
    pub to_life: Option<Incarnation>,
}

/// Writes packets into one buffer, which is used again.
#[derive(Debug, Default)]
pub struct Packer {
    bytes: Vec<u8>,
}

impl Packer {
    /// Begins a packet; one that was there is forgotten.
    pub fn begin(&mut self, head: &Head) {
        let mut fixed = [0; ENDS_AT];
        (fixed[4], fixed[5]) = (VERSION, if head.to_life.is_some() { KNOWN } else { 0 });
        fixed[CLUSTER_AT..16].copy_from_slice(&head.cluster.0.to_le_bytes());
        fixed[16..24].copy_from_slice(&head.from.incarnation.0.to_le_bytes());
        fixed[24..].copy_from_slice(&head.to_life.unwrap_or_default().0.to_le_bytes());
        let out = &mut self.bytes;
        out.clear();
        out.bytes(&fixed);
        [GROUP, head.from.node.0, head.to.0].into_iter().for_each(|number| out.varint(number));
    }

    /// Adds a message.
    pub fn put(&mut self, body: &Body) {
        super::write::put(&mut self.bytes, body);
    }

    /// How many bytes the packet has so far.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a packet that was begun is never empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The finished packet, its checksum made.
    ///
    /// # Panics
    /// If none was begun.
    pub fn seal(&mut self) -> &[u8] {
        assert!(CLUSTER_AT <= self.bytes.len(), "a packet is begun before it is sealed");
        let crc = crc32c::crc32c(&self.bytes[CRC_BYTES..]);
        self.bytes[..CRC_BYTES].copy_from_slice(&crc.to_le_bytes());
        &self.bytes
    }
}

/// To whom a packet must be addressed to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    /// Our cluster.
    pub cluster: ClusterId,
    /// We.
    pub us: Identity,
}

/// A packet that has passed the door: an iterator over its messages, each of which may still be refused for itself.
#[derive(Clone, Debug)]
pub struct Packet {
    head: Head,
    bytes: Bytes,
    at: usize,
    held: usize,
}

impl Packet {
    /// Checks a packet.
    ///
    /// # Errors
    /// The first check that it does not pass.
    pub fn open(bytes: Bytes, door: &Door) -> Result<Packet, Refused> {
        Packet::try_open(bytes, door).map_err(|(why, _)| why)
    }

    /// As [`open`](Packet::open); what is refused is given back.
    pub(crate) fn try_open(bytes: Bytes, door: &Door) -> Result<Packet, (Refused, Bytes)> {
        match Packet::look(&bytes, door) {
            Ok((head, at)) => Ok(Packet { head, held: bytes.len(), bytes, at }),
            Err(why) => Err((why, bytes)),
        }
    }

    /// The head, and where the messages begin.
    fn look(bytes: &[u8], door: &Door) -> Result<(Head, usize), Refused> {
        let mut source = Source::new(bytes, 0);
        check(&mut source)?;
        let known = bytes[5] == KNOWN;
        let (_, fixed) = source.bytes(ENDS_AT - CLUSTER_AT).ok_or(Refused::Malformed)?;
        let number = |at: usize| u64::from_le_bytes(fixed[at..at + 8].try_into().expect("eight bytes"));
        let (cluster, from_life, to_life) = (ClusterId(number(0)), Incarnation(number(8)), Incarnation(number(16)));
        if cluster != door.cluster {
            mark!("packet-of-another-cluster");
            return Err(Refused::Cluster);
        }
        if known && to_life != door.us.incarnation {
            mark!("packet-to-another-life");
            return Err(Refused::Incarnation);
        }
        if !known && to_life != Incarnation(0) {
            return Err(Refused::Malformed);
        }
        let (from, to) = ends(&mut source)?;
        if to != door.us.node {
            mark!("packet-to-another-node");
            return Err(Refused::Cluster);
        }
        let from = Identity { node: from, incarnation: from_life };
        Ok((Head { cluster, from, to, to_life: known.then_some(to_life) }, source.at()))
    }

    /// All of it, as it came.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Who says it to whom.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Says that the packet is part of an allocation of so many bytes: entries that are small beside it are copied out
    /// of it, as they may stay for long, and would keep all of it in memory.
    #[must_use]
    pub fn held(mut self, held: usize) -> Packet {
        self.held = held;
        self
    }

    /// Who an intact packet of another cluster says it is from: for a line that names the member whose list of members
    /// is another one.
    #[must_use]
    pub fn stranger(bytes: &[u8], door: &Door) -> Option<NodeId> {
        let mut source = Source::new(bytes, 0);
        check(&mut source).ok()?;
        let cluster = ClusterId(source.u64()?);
        source.bytes(2 * size_of::<u64>())?;
        let (from, to) = ends(&mut source).ok()?;
        (cluster != door.cluster && to == door.us.node).then_some(from)
    }

    fn message(&mut self) -> Result<Body, Refused> {
        let mut source = Source::new(&self.bytes, self.at);
        self.at = self.bytes.len(); // where the lengths do not add up, the rest is lost
        let len = source.varint().ok_or(Refused::Malformed)?;
        let len = usize::try_from(len).map_err(|_| Refused::Malformed)?;
        let (range, _) = source.bytes(len).ok_or(Refused::Malformed)?;
        self.at = range.end;
        super::read::take(&self.bytes, range, self.held)
    }
}

impl Iterator for Packet {
    type Item = Result<Body, Refused>;

    fn next(&mut self) -> Option<Result<Body, Refused>> {
        (self.at < self.bytes.len()).then(|| self.message())
    }
}

/// Checksum, version and flags: what is asked before anything else is looked at.
fn check(source: &mut Source<'_>) -> Result<(), Refused> {
    let crc = source.u32().ok_or(Refused::Malformed)?;
    let (_, rest) = source.clone().bytes(source.left()).ok_or(Refused::Malformed)?;
    if crc != crc32c::crc32c(rest) {
        mark!("packet-damaged");
        return Err(Refused::Checksum);
    }
    let (_, head) = source.bytes(CLUSTER_AT - CRC_BYTES).ok_or(Refused::Malformed)?;
    match head {
        [VERSION, 0 | KNOWN, 0, 0] => Ok(()),
        _ => {
            mark!("packet-of-another-version");
            Err(Refused::Version)
        }
    }
}

/// From whom, to whom, in the one group.
fn ends(source: &mut Source<'_>) -> Result<(NodeId, NodeId), Refused> {
    let mut next = || source.varint().ok_or(Refused::Malformed);
    let (group, from, to) = (next()?, next()?, next()?);
    if group == GROUP { Ok((NodeId(from), NodeId(to))) } else { Err(Refused::Cluster) }
}
