//! Any message, drawn from a seed: numbers of every width, every kind.

use super::super::{Body, Chunk, ChunkReply, Door, Head};
use crate::mix::Draws;
use crate::raft::consensus::{Append, Message, Outcome};
use crate::raft::{
    Ask, ClusterId, Entries, Entry, EntryKind, Identity, Incarnation, Index, LogId, NodeId, Round, Term, Track,
};
use bytes::Bytes;

/// A number whose width is drawn before it is.
fn number(draws: &mut Draws) -> u64 {
    let bits = draws.below(65) as u32;
    draws.bits() & 1u64.checked_shl(bits).unwrap_or(0).wrapping_sub(1)
}

fn log_id(draws: &mut Draws) -> LogId {
    LogId::new(number(draws), number(draws))
}

pub(super) fn bytes(draws: &mut Draws, most: u64) -> Bytes {
    let len = draws.below(most + 1);
    (0..len).map(|_| draws.bits() as u8).collect::<Vec<_>>().into()
}

pub(super) fn entries(draws: &mut Draws) -> Entries {
    let kinds = [EntryKind::Blank, EntryKind::Command, EntryKind::Open, EntryKind::Membership];
    let (mut term, mut kind) = (Term(number(draws)), EntryKind::Command);
    let many = draws.below(6);
    let mut entries = Vec::new();
    for _ in 0..many {
        if draws.chance(1, 3) {
            (term, kind) = (Term(number(draws)), kinds[draws.below(4) as usize]);
        }
        entries.push(Entry::new(term, kind, bytes(draws, 130)));
    }
    entries.into()
}

fn outcome(draws: &mut Draws) -> Outcome {
    if draws.chance(1, 2) {
        return Outcome::Matched(Index(number(draws)));
    }
    Outcome::Conflict { term: Term(number(draws)), index: Index(number(draws)) }
}

/// How many kinds there are.
pub(super) const KINDS: u64 = 16;

/// A message of the kind with this number, from 0 on.
pub(super) fn body(which: u64, draws: &mut Draws) -> Body {
    let d = draws;
    let (term, track, yes) = (Term(number(d)), Track(d.bits()), d.chance(1, 2));
    Body::from(match which {
        0 => Message::PreVote { asked: term, last: log_id(d) },
        1 => Message::PreVoteReply { term, asked: Term(number(d)), granted: yes },
        2 => Message::Vote { term, last: log_id(d), transfer: yes },
        3 => Message::VoteReply { term, granted: yes },
        4 => {
            let (prev, commit) = (log_id(d), Index(number(d)));
            Message::Append(Append { term, track, prev, entries: entries(d), commit })
        }
        5 => Message::AppendReply { term, track, outcome: outcome(d) },
        6 => Message::Heartbeat { term, track, commit: Index(number(d)), round: Round(number(d)) },
        7 => {
            let (have, matched) = (Index(number(d)), Index(number(d)));
            Message::HeartbeatReply { term, track, round: Round(number(d)), have, matched }
        }
        8 => Message::Forward { entries: entries(d) },
        9 => Message::ReadAsk { ask: Ask(d.bits()) },
        10 => Message::ReadAnswer { ask: Ask(d.bits()), index: Index(number(d)) },
        11 => Message::TimeoutNow { term },
        12 => Message::Attest { bound: Incarnation(d.bits()) },
        13 => return Body::Hello { level: number(d) },
        14 => {
            let (at, bytes) = (log_id(d), bytes(d, 300));
            let crc = crc32c::crc32c(&bytes);
            return Body::Chunk(Chunk { term, track, at, total: number(d), offset: number(d), crc, bytes });
        }
        _ => return Body::ChunkReply(ChunkReply { track, at: log_id(d), wanted: number(d) }),
    })
}

/// A packet's head, and the door that it passes.
pub(super) fn head(draws: &mut Draws) -> (Head, Door) {
    let cluster = ClusterId(draws.bits());
    let us = Identity { node: NodeId(number(draws)), incarnation: Incarnation(draws.bits()) };
    let from = Identity { node: NodeId(number(draws)), incarnation: Incarnation(draws.bits()) };
    let to_life = draws.chance(3, 4).then_some(us.incarnation);
    (Head { cluster, from, to: us.node, to_life }, Door { cluster, us })
}
