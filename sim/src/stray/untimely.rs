//! What no member says, whatever has happened, in the name of one as it lives now: of a track, or of a term, that nobody knows.
//! Whoever hears it passes it over. It comes in calm phases too.

use crate::node::Process;
use crate::world::World;
use bytes::Bytes;
use rsm::mix::Draws;
use rsm::raft::consensus::{Consensus, Message, Outcome, Role};
use rsm::raft::wire::{Body, Chunk, Head, Packer};
use rsm::raft::{Identity, Index, LogId, NodeId, Round, Term, Track};

/// One packet in so many is followed by such words.
const UNTIMELY: u64 = 1_023;
/// The most bytes of a piece, and the most that the others of its snapshot have.
const BYTES: u64 = 100;
const OTHERS: u64 = 1_000;
/// So many terms at most its term lies ahead.
const TERMS: u64 = 1 << 40;

impl World {
    /// Now and then a packet, of this draw, is followed by such words of its sender.
    pub(super) fn follow_untimely(&self, (from, to): (usize, usize), draw: u64) {
        if draw % UNTIMELY == 1
            && let Some(Process { peer, .. }) = &self.nodes[to].process
            && let Some((head, body)) = self.untimely(from, to, Draws::new(draw / UNTIMELY))
        {
            let mut packer = Packer::default();
            packer.begin(&head);
            packer.put(&body);
            peer.receive(Bytes::copy_from_slice(packer.seal()));
        }
    }

    /// None where no life of the sender is known yet.
    pub(super) fn untimely(&self, from: usize, to: usize, mut draws: Draws) -> Option<(Head, Body)> {
        let (peer, node) = (&self.nodes[to].process.as_ref()?.peer, NodeId(from as u64));
        let us = peer.identity();
        let say = |core: &Consensus, role: &Role| {
            let body = answer(core, role, node, &mut draws).unwrap_or_else(|| piece(core, &mut draws));
            Some((core.bindings().of(node)?, body))
        };
        let (incarnation, body) = self.nodes[to].look(say)??;
        let from = Identity { node, incarnation };
        Some((Head { cluster: peer.cluster(), from, to: us.node, to_life: Some(us.incarnation) }, body))
    }
}

/// An answer in another track than the one in which its leader knows a peer; none to who does not lead, and to who does not
/// always.
fn answer(core: &Consensus, role: &Role, from: NodeId, draws: &mut Draws) -> Option<Body> {
    let Role::Leader(leader) = role else { return None };
    let (_, progress) = leader.progress().find(|(id, _)| *id == from)?;
    if draws.chance(1, 4) {
        return None;
    }
    let (term, last) = (core.term(), core.log().last());
    let track = Track(progress.track.0 ^ 1 << draws.below(63));
    let outcome = match draws.below(3) {
        0 => {
            let round = Round(progress.answered.0 + draws.below(8));
            return Some(Message::HeartbeatReply { term, track, round, have: last.index, matched: last.index }.into());
        }
        1 => Outcome::Conflict { term: last.term, index: Index(draws.below(last.index.0 + 1)) },
        _ => Outcome::Matched(last.index),
    };
    Some(Message::AppendReply { term, track, outcome }.into())
}

/// A piece, and not the last, of a snapshot of a term that nobody has heard of.
fn piece(core: &Consensus, draws: &mut Draws) -> Body {
    let at = LogId { term: core.term(), index: Index(core.log().last().index.0 + 1 + draws.below(OTHERS)) };
    let bytes: Bytes = (0..1 + draws.below(BYTES)).map(|_| draws.bits() as u8).collect();
    let (total, crc) = (bytes.len() as u64 + 1 + draws.below(OTHERS), crc32c::crc32c(&bytes));
    let (term, track) = (Term(core.term().0 + 1 + draws.below(TERMS)), Track(draws.bits()));
    Body::Chunk(Chunk { term, track, at, total, offset: 0, crc, bytes })
}
