//! Packets that must change nothing: damaged ones, and those that are not for whom they reach.
//!
//! ```text
//!   of another cluster or group, to another member, to another life of it,
//!   of another version of the format ────────────────────────────── refused at the door
//!   from no member, from a life of a member that is over ────────── refused by the replica      each counted once
//! ```
//! (And those that no member says, whatever has happened, and whoever hears them passes over: see `untimely.rs`.)
//! What they say would change something if it came from whom it should: see `words.rs`.

mod untimely;
mod words;

use crate::check::{Check, bodies};
use crate::lists::Lists;
use crate::net::Copy;
use crate::node::{Node, Process};
use crate::shared::Shared;
use crate::stream::{Purpose, fate};
use crate::version::{ENDS_AT, of_another_format, sealed};
use crate::world::World;
use bytes::Bytes;
use rsm::mix::Draws;
use rsm::raft::consensus::{Consensus, Message, Mode, Role};
use rsm::raft::peer::Peer;
use rsm::raft::wire::{Body, Head, Packer};
use rsm::raft::{ClusterId, Identity, Incarnation, NodeId};
use words::Words;

/// The number of what only strays propose: no list may hold it.
pub(crate) const NOBODYS: u64 = u64::MAX;

/// One packet in so many is followed by one that must change nothing.
const FOREIGN: u64 = 256;

/// A whole packet that must change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stray {
    /// Of another cluster or group, to another member, or to another life of this one.
    Foreign,
    /// Of another version of the format.
    OtherVersion,
    /// From somebody who is no member.
    NoMember,
    /// From another life of a member than the one that is known.
    FormerLife,
}

/// In which way it is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Cluster,
    Group,
    Receiver,
    ReceiversLife,
    Version,
    Sender,
    SendersLife,
}

/// Of eight strays, two come from another life: of all that may be wrong it is found last.
const WRONG: [Wrong; 8] = [
    Wrong::Cluster,
    Wrong::Group,
    Wrong::Receiver,
    Wrong::ReceiversLife,
    Wrong::Version,
    Wrong::Sender,
    Wrong::SendersLife,
    Wrong::SendersLife,
];

impl World {
    /// Now and then a packet is followed by a stray one.
    pub(crate) fn follow(&mut self, (from, to): (usize, usize), number: u64, packet: &Bytes) {
        let draw = fate(self.seed, Purpose::Foreign, (from * self.nodes.len() + to) as u64, number);
        self.follow_untimely((from, to), draw);
        let is_followed = draw.is_multiple_of(FOREIGN);
        let stray = is_followed.then(|| self.stray(from, to, packet, Draws::new(draw / FOREIGN))).flatten();
        let Some((stray, bytes)) = stray else { return };
        let has_room = |peer: &Peer<Lists>| peer.replica().depth() < self.swarm.inbox;
        let node = &mut self.nodes[to];
        let Some(Process { peer, .. }) = &node.process else { return };
        // What is not for it is turned away at its door, all else by its replica: but before a full inbox it is a lost packet.
        let at_door = matches!(stray, Stray::Foreign | Stray::OtherVersion);
        node.strays += u64::from(at_door || has_room(peer));
        let count = match stray {
            Stray::Foreign => &mut self.sums.foreign,
            Stray::OtherVersion => &mut self.sums.other_versions,
            Stray::NoMember => &mut self.sums.no_members,
            Stray::FormerLife => &mut self.sums.former_lives,
        };
        *count += 1;
        if at_door { turned_away(&self.check, peer, bytes) } else { peer.receive(bytes) }
    }

    /// A packet that is not for this node, or not from a member as it lives now. None if the node knows of no life that
    /// could be a former one.
    fn stray(&self, from: usize, to: usize, packet: &Bytes, mut draws: Draws) -> Option<(Stray, Bytes)> {
        let peer = &self.nodes[to].process.as_ref()?.peer;
        let us = peer.identity();
        let known = |core: &Consensus, _: &Role| core.bindings().of(NodeId(from as u64));
        let mut head = Head { cluster: peer.cluster(), from: us, to: us.node, to_life: Some(us.incarnation) };
        let wrong = WRONG[draws.below(WRONG.len() as u64) as usize];
        let which = match wrong {
            Wrong::Cluster => {
                head.cluster = ClusterId(head.cluster.0 ^ 1 << draws.below(64));
                Stray::Foreign
            }
            Wrong::Receiver => {
                (head.to, head.to_life) = (NodeId(us.node.0 + 1), None);
                Stray::Foreign
            }
            Wrong::ReceiversLife => {
                head.to_life = Some(Incarnation(us.incarnation.0 ^ 1));
                Stray::Foreign
            }
            Wrong::Group => Stray::Foreign,
            Wrong::Version => Stray::OtherVersion,
            Wrong::Sender => {
                head.from.node = NodeId(self.nodes.len() as u64 + draws.below(3));
                Stray::NoMember
            }
            Wrong::SendersLife => {
                let bound = self.nodes[to].look(known)??;
                head.from = Identity { node: NodeId(from as u64), incarnation: Incarnation(bound.0 ^ 1) };
                Stray::FormerLife
            }
        };
        let may_attest = which != Stray::FormerLife || self.nodes[to].look(|_, role| !is_newborn(role))?;
        let (heard, total) = (bodies(packet, us.node).collect(), self.brought(from, to));
        let of_words = Draws::new(draws.bits());
        let say = |core: &Consensus, role: &Role| {
            Words { core, role, from: NodeId(from as u64), total, heard, may_attest, draws: of_words }.say()
        };
        let mut packer = Packer::default();
        packer.begin(&head);
        packer.put(&self.nodes[to].look(say)?);
        let bytes = packer.seal();
        let bytes = match wrong {
            Wrong::Version => of_another_format(bytes, &mut draws),
            Wrong::Group => {
                let mut bytes = bytes.to_vec();
                bytes[ENDS_AT] = 1 + draws.below(127) as u8;
                sealed(bytes)
            }
            _ => Bytes::copy_from_slice(bytes),
        };
        Some((which, bytes))
    }

    /// The length of the snapshot that one node brings to another.
    fn brought(&self, to: usize, from: usize) -> Option<u64> {
        let node = &self.nodes[from];
        let at = node.look(|_, role| match role {
            Role::Leader(leader) => leader
                .progress()
                .find(|(id, _)| id.0 == to as u64)
                .and_then(|(_, progress)| if let Mode::Snapshot { at, .. } = progress.mode { Some(at) } else { None }),
            _ => None,
        })??;
        node.disk.content(&format!("snap-{:016x}-{:016x}", at.index.0, at.term.0)).map(|file| file.len() as u64)
    }
}

/// It counts an attestation from whatever life of a member: none has ever attested what it has not bound.
fn is_newborn(role: &Role) -> bool {
    matches!(role, Role::Newborn(_))
}

impl Node {
    /// What has to be refused here of a packet that comes now, and counted: all of it, or so many messages.
    pub(crate) fn must_refuse(&mut self, from: usize, copy: Copy, packet: &Bytes) -> u64 {
        let Some(Process { peer, .. }) = &self.process else { return 0 };
        let (us, has_room) = (peer.identity().incarnation, peer.replica().depth() < self.inbox());
        if copy.harm.is_some() || names_another_life(packet, us) {
            1
        } else if has_room {
            copy.unknown + u64::from(self.knows_another_life(from, packet))
        } else {
            0 // lost before anybody has looked into it
        }
    }

    /// Whether it will know another life of this member than the one whose packet this is, once it comes to it: one of the
    /// two was before a directory was emptied. A binding is for ever, and made by the first message that reaches the core.
    fn knows_another_life(&mut self, from: usize, packet: &Bytes) -> bool {
        let Some(life) = number(packet, 16).map(Incarnation) else { return false };
        if let Some(bound) = self.lives[from].bound {
            return bound != life;
        }
        let bound = self.look(|core, _| core.bindings().of(NodeId(from as u64))).flatten();
        let us = NodeId(self.id as u64);
        let known = &mut self.lives[from];
        known.bound = bound;
        if bound.or(known.awaited).is_none() {
            let binds = bodies(packet, us).any(|body| binds(&body));
            let first = *known.first.get_or_insert(life);
            self.is_unsure |= first != life;
            known.awaited = Some(life).filter(|_| binds);
        }
        bound.or(known.awaited).is_some_and(|known| known != life)
    }
}

/// What a process knows of another member.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lives {
    /// The life of it that is bound.
    bound: Option<Incarnation>,
    /// The one that will be, of which a packet waits in the inbox.
    awaited: Option<Incarnation>,
    /// The one that was heard of first, whose words may have bound it.
    first: Option<Incarnation>,
}

/// Whether this message binds its sender's life, whatever is in the way of what it says: of a forward that brings nothing
/// new, or of entries for which there is no room, the core hears nothing.
fn binds(body: &Body) -> bool {
    match body {
        Body::Hello { .. } => true,
        Body::Message(message) => !matches!(message, Message::Forward { .. } | Message::Append(_)),
        _ => false,
    }
}

/// Whether the packet is for another life of its receiver: one that it had before its directory was emptied.
fn names_another_life(packet: &Bytes, us: Incarnation) -> bool {
    packet.get(5) == Some(&1) && number(packet, 24) != Some(us.0)
}

/// The number that stands there.
fn number(packet: &Bytes, at: usize) -> Option<u64> {
    packet.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
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
mod tests;
