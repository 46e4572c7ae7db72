//! R3, R14, R23: what leaves a peer can be read, and promises nothing that would be gone if power failed now.
//!
//! ```text
//!   a message                        ── Shadow::promises: what the disk has completed
//!   a snapshot is wanted to its end  ── the mark behind it, or its file and the file's name, on the disk itself
//! ```

use super::snapshots::name;
use super::{Check, opened};
use bytes::Bytes;
use rsm::raft::consensus::{Consensus, Effect, Message};
use rsm::raft::invariants::{Verdict, Violation};
use rsm::raft::storage::SimulatedDisk;
use rsm::raft::wire::{Body, ChunkReply};
use rsm::raft::{LogId, NodeId};

/// So many bytes are told of a packet that nobody can read: what its head takes at least.
const FIRST: usize = 35;

impl Check {
    /// A packet leaves a node, whose disk this is. It is given back, unless there is no sense in it: a copy that shares it
    /// would cost two allocations.
    pub fn departs(&mut self, core: &Consensus, to: NodeId, packet: Bytes, disk: &SimulatedDisk) -> Bytes {
        let (node, shadow, mut sent) = (core.me().node, self.watch.shadow(core.me().node), None);
        let keeps = |message: Message| {
            let effect = Effect::Send { to, incarnation: None, message };
            shadow.map_or(Ok(()), |shadow| shadow.promises(core, &effect))
        };
        let begins = packet.first_chunk::<FIRST>().copied();
        let unread = |why| {
            let what = format!("{node} sends {to} what nobody can read: {why:?}; it begins with {begins:02x?}");
            Violation { rule: "R23", what }
        };
        let mut packet = match opened(packet, to) {
            Ok(packet) => packet,
            Err(why) => {
                self.note(Err(unread(why)));
                return Bytes::new();
            }
        };
        let verdict = packet.by_ref().try_for_each(|body| match body.map_err(unread)? {
            Body::Message(message) => keeps(message),
            Body::Chunk(chunk) => {
                sent = Some((chunk.at, chunk.total));
                Ok(())
            }
            Body::ChunkReply(reply) => self.holds_what_it_took(core, reply, disk),
            _ => Ok(()),
        });
        self.note(verdict);
        self.totals.extend(sent);
        packet.into_bytes()
    }

    /// Who takes in a snapshot is born; and who wants no more of it holds it, or a newer one, whatever fails.
    fn holds_what_it_took(&self, core: &Consensus, reply: ChunkReply, disk: &SimulatedDisk) -> Verdict {
        let node = core.me().node;
        let fails = |rule, why: &str| Err(Violation { rule, what: format!("{node} says {reply:?}, and {why}") });
        if !core.is_born() {
            return fails("R14", "is not born");
        }
        let wants_more = self.totals.get(&reply.at).is_none_or(|&total| reply.wanted < total);
        let is_marked = || self.watch.shadow(node).is_some_and(|shadow| reply.at.index <= shadow.durable().mark.index);
        let is_there = |at: LogId| reply.at.index <= at.index && disk.is_safe(&name(at));
        if wants_more || is_marked() || is_there(reply.at) || is_there(core.log().snapshot()) {
            return Ok(());
        }
        fails("R3", "has no file of it that is safe")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsm::raft::consensus::{Machine, Membership, Options, Record};
    use rsm::raft::storage::Disk;
    use rsm::raft::wire::{Chunk, Head, Packer};
    use rsm::raft::{ClusterId, Incarnation, Recovered, Term, Time, Track};

    const AT: LogId = LogId::new(2, 7);

    /// A check, and a node of three that it watches, born or not.
    fn node(born: bool) -> (Check, Machine) {
        let members = Membership::of_voters((0..3).map(|id| (NodeId(id), "")));
        let recovered = Recovered { incarnation: Incarnation(10), born, ..Recovered::default() };
        let node = Machine::new(Options::new(NodeId(0), members), recovered, 1, Time(0)).expect("a good start");
        let mut check = Check::default();
        if born {
            check.watch.keeps(NodeId(0), &Record::Born).expect("an empty disk");
        }
        check.started(node.core(), node.role());
        (check, node)
    }

    fn packet(node: &Machine, body: &Body) -> Bytes {
        let head = Head { cluster: ClusterId(5), from: node.core().me(), to: NodeId(1), to_life: None };
        let mut packer = Packer::default();
        packer.begin(&head);
        packer.put(body);
        Bytes::copy_from_slice(packer.seal())
    }

    /// What is said of these, as they leave a node with this disk.
    fn broken((mut check, node): (Check, Machine), disk: &SimulatedDisk, bodies: &[Body]) -> Option<&'static str> {
        for sealed in bodies.iter().map(|body| packet(&node, body)) {
            let goes_on = check.departs(node.core(), NodeId(1), sealed.clone(), disk);
            assert_eq!(goes_on, sealed, "it goes on as it was");
        }
        check.broken().map(|violation| violation.rule)
    }

    #[test]
    fn r14_r3_what_a_packet_promises_is_read_from_its_bytes() {
        let departs = |message: Message| broken(node(false), &SimulatedDisk::new(1), &[Body::from(message)]);
        assert_eq!(departs(Message::Hello), None);
        assert_eq!(departs(Message::PreVote { asked: Term(1), last: LogId::ZERO }), Some("R14"), "of a newborn");
        assert_eq!(departs(Message::Attest { bound: Incarnation(7) }), Some("R3"), "nothing is bound");
    }

    const TOTAL: u64 = 9;

    /// What is said of a node that wants this of a snapshot, of which a piece was sent.
    fn wants(wanted: u64, of: (Check, Machine), disk: &SimulatedDisk) -> Option<&'static str> {
        let (track, bytes) = (Track(1), Bytes::from_static(b"piece"));
        let piece = Chunk { term: AT.term, track, at: AT, total: TOTAL, offset: 0, crc: 7, bytes };
        broken(of, disk, &[Body::Chunk(piece), Body::ChunkReply(ChunkReply { track, at: AT, wanted })])
    }

    #[test]
    fn r14_a_newborn_wants_nothing_of_a_snapshot() {
        assert_eq!(wants(5, node(false), &SimulatedDisk::new(1)), Some("R14"));
        assert_eq!(wants(5, node(true), &SimulatedDisk::new(1)), None);
    }

    #[test]
    fn r3_who_wants_no_more_of_a_snapshot_holds_it_safely() {
        let disk_of = |name_is_durable: bool| {
            let disk = SimulatedDisk::new(1);
            disk.open(&name(AT), true).expect("there is room");
            (if name_is_durable { disk.sync_dir() } else { Ok(()) }).expect("it works");
            disk
        };
        assert_eq!(wants(TOTAL, node(true), &SimulatedDisk::new(1)), Some("R3"), "there is none");
        assert_eq!(wants(TOTAL, node(true), &disk_of(false)), Some("R3"), "its name may be gone");
        assert_eq!(wants(TOTAL, node(true), &disk_of(true)), None);
        assert_eq!(wants(TOTAL - 1, node(true), &SimulatedDisk::new(1)), None);
        let (mut check, marked) = node(true);
        check.watch.keeps(NodeId(0), &Record::Mark { at: AT }).expect("the first");
        assert_eq!(wants(TOTAL, (check, marked), &SimulatedDisk::new(1)), None, "a mark says that it was held");
    }

    #[test]
    fn r23_a_packet_that_nobody_can_read_is_found_as_it_leaves() {
        let spoiled = Bytes::from_static(b"no packet of ours, though as long as one would be");
        let (mut check, node) = node(false);
        _ = check.departs(node.core(), NodeId(1), spoiled, &SimulatedDisk::new(1));
        let broken = check.broken().expect("it must be seen");
        assert_eq!(broken.rule, "R23");
        assert!(broken.what.contains("6e, 6f, 20, 70"), "its first bytes are told: {}", broken.what);
    }
}
