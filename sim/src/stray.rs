//! Packets that must change nothing: damaged ones, and those that are not for whom they reach.
//!
//! ```text
//!   of another cluster, to another member, to another life of it ── refused at the door
//!   from no member, from a life of a member that is over ────────── refused by the replica      each counted once
//! ```

use crate::check::Check;
use crate::lists::{Change, Lists};
use crate::node::Process;
use crate::shared::Shared;
use crate::stream::{Purpose, fate};
use crate::world::World;
use bytes::Bytes;
use rsm::raft::consensus::{Consensus, Message, Role};
use rsm::raft::machine::{Caller, Codec, SessionId};
use rsm::raft::peer::Peer;
use rsm::raft::wire::{Body, Head, Packer};
use rsm::raft::{Ask, ClusterId, Entry, EntryKind, Identity, Incarnation, NodeId, Term};

/// The number of what only strays propose: no list may hold it.
pub(crate) const NOBODYS: u64 = u64::MAX;

/// One packet in so many is followed by one that must change nothing.
const FOREIGN: u64 = 256;

/// A whole packet that must change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stray {
    /// Of another cluster, to another member, or to another life of this one.
    Foreign,
    /// From somebody who is no member.
    NoMember,
    /// From another life of a member than the one that is known.
    FormerLife,
}

impl World {
    /// Now and then a packet is followed by a stray one.
    pub(crate) fn follow(&mut self, from: usize, to: usize, number: u64) {
        let draw = fate(self.seed, Purpose::Foreign, (from * self.nodes.len() + to) as u64, number);
        let stray = draw.is_multiple_of(FOREIGN).then(|| self.stray(from, to, draw / FOREIGN)).flatten();
        let Some((stray, bytes)) = stray else { return };
        let has_room = |peer: &Peer<Lists>| peer.replica().depth() < self.swarm.inbox;
        let node = &mut self.nodes[to];
        let Some(Process { peer, .. }) = &node.process else { return };
        // What is not for it is turned away at its door, all else by its replica: but before a full inbox it is a lost packet.
        node.strays += u64::from(matches!(stray, Stray::Foreign) || has_room(peer));
        match stray {
            Stray::Foreign => {
                self.sums.foreign += 1;
                turned_away(&self.check, peer, bytes);
            }
            Stray::NoMember => {
                self.sums.no_members += 1;
                peer.receive(bytes);
            }
            Stray::FormerLife => {
                self.sums.former_lives += 1;
                peer.receive(bytes);
            }
        }
    }

    /// A packet that is not for this node, or not from a member as it lives now. None if the node knows of no life that
    /// could be a former one.
    fn stray(&self, from: usize, to: usize, draw: u64) -> Option<(Stray, Bytes)> {
        let peer = &self.nodes[to].process.as_ref()?.peer;
        let us = peer.identity();
        let known = |core: &Consensus, _: &Role| core.bindings().of(NodeId(from as u64));
        let mut head = Head { cluster: peer.cluster(), from: us, to: us.node, to_life: Some(us.incarnation) };
        let which = match draw % 5 {
            0 => {
                head.cluster = ClusterId(head.cluster.0 ^ 1 << (draw / 5 % 64));
                Stray::Foreign
            }
            1 => {
                (head.to, head.to_life) = (NodeId(us.node.0 + 1), None);
                Stray::Foreign
            }
            2 => {
                head.to_life = Some(Incarnation(us.incarnation.0 ^ 1));
                Stray::Foreign
            }
            3 => {
                head.from.node = NodeId(self.nodes.len() as u64 + draw / 5 % 3);
                Stray::NoMember
            }
            _ => {
                let bound = self.nodes[to].look(known)??;
                head.from = Identity { node: NodeId(from as u64), incarnation: Incarnation(bound.0 ^ 1) };
                Stray::FormerLife
            }
        };
        let may_attest = which != Stray::FormerLife || self.nodes[to].look(|_, role| !is_newborn(role))?;
        let mut packer = Packer::default();
        packer.begin(&head);
        packer.put(&Body::from(words(us, may_attest, draw / 15)));
        Some((which, Bytes::copy_from_slice(packer.seal())))
    }
}

/// It counts an attestation from whatever life of a member: none has ever attested what it has not bound.
fn is_newborn(role: &Role) -> bool {
    matches!(role, Role::Newborn(_))
}

/// What would change something, if it came from whom it should. That it knows this very life of ours it says only if it
/// may: no member lies, in none of its lives.
fn words(us: Identity, may_attest: bool, draw: u64) -> Message {
    match draw % 5 {
        0 => Message::TimeoutNow { term: Term(u64::MAX >> 2) },
        1 => {
            let caller = Caller { session: SessionId(draw / 5 % 64), sequence: 1 + draw / 320 % 8, low: 1 };
            let change = Change { key: 0, number: NOBODYS, expected: None, pad: 0 };
            let entry = Entry::new(Term(0), EntryKind::Command, caller.command(&change.to_bytes()));
            Message::Forward { entries: vec![entry].into() }
        }
        2 => Message::ReadAsk { ask: Ask(draw / 5) },
        3 => Message::Attest { bound: Incarnation(us.incarnation.0 ^ if may_attest { draw / 5 % 2 } else { 1 }) },
        _ => Message::Hello,
    }
}

/// Whether the packet is for another life of its receiver: one that it had before its directory was emptied.
pub(crate) fn names_another_life(packet: &Bytes, us: Incarnation) -> bool {
    let life = packet.get(24..32).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    packet.get(5) == Some(&1) && life != Some(us.0)
}

/// Hands in a packet that must be dropped at the door: counted once, and none of the core's business (R22, R23).
pub(crate) fn turned_away(check: &Shared<Check>, peer: &Peer<Lists>, packet: Bytes) {
    let seen = || (peer.refused(), peer.replica().depth());
    let (before, depth) = seen();
    peer.receive(packet);
    if seen() != (before + 1, depth) {
        check.lock().break_rule("R22", format!("{:?} lets in what is damaged or not for it", peer.identity()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::bodies;
    use crate::plan::swarm;
    use rsm::fsm::VirtualTime;
    use rsm::raft::Time;

    /// Whether a stray from some life of node 0 attests the life of node 1, while that is a newborn, and once it is born.
    #[test]
    fn a_newborn_is_attested_by_no_life_of_a_member_that_has_not_bound_it() {
        let mut swarm = swarm(3);
        swarm.nodes = 3;
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        let (mut newborn, mut born) = (0, 0);
        for ms in 0..100 {
            time.run_until(Time(ms * 1_000_000), &mut world);
            let Some(us) = world.nodes[1].process.as_ref().map(|process| process.peer.identity()) else { continue };
            let strays = (0..500).filter_map(|draw| world.stray(0, 1, draw));
            let former = strays.filter(|(stray, _)| *stray == Stray::FormerLife);
            let attests = Body::from(Message::Attest { bound: us.incarnation });
            let attesting = former.filter(|(_, packet)| bodies(packet, us.node).any(|body| body == attests)).count();
            let count =
                if world.nodes[1].look(|_, role| is_newborn(role)) == Some(true) { &mut newborn } else { &mut born };
            *count += attesting;
        }
        assert_eq!((newborn, 100 < born), (0, true), "{born} once it was born");
    }
}
