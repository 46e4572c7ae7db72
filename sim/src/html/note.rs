//! What a film holds: what was seen to happen, in the order in which it happened.

use crate::aim::kind;
use rsm::raft::Entries;
use rsm::raft::consensus::{Consensus, Message, Outcome, Role};
use rsm::raft::wire::Body;
use rsm::time::Time;

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// When, in true time.
    pub(super) at: Time,
    /// What.
    pub(super) what: What,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A packet leaves. Its number is its place among all that left.
    Sent { from: usize, to: usize, fate: Fate, bodies: Vec<Words> },
    /// A copy of the packet of this number reaches its node.
    Came { packet: usize, end: End },
    /// A peer is another than before.
    Changed { node: usize, frame: Box<Frame> },
    /// A client asks a peer; again, if it is the operation that it asked for before.
    Asked { client: usize, node: usize, operation: u64, ask: Ask },
    /// A client is told.
    Told { client: usize, operation: u64, came: u64 },
    /// The nth mark stands here.
    Marked(usize),
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lost,
    Alone,
    Doubled,
    Cut,
}

/// What becomes of a copy that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Taken,
    /// Nobody was there.
    Missed,
    /// A bit of it had flipped, or its end was missing.
    Damaged,
    /// It got lost on the way, where too many were.
    Crowded,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// To open a session.
    Open,
    /// To append this number to that list.
    Append(u64, u64),
    /// The same, if another stands there still.
    Swap(u64, u64),
    /// To read that list.
    Read(u64),
}

/// A message: its kind, and its fields as [`FIELDS`] names them.
pub(super) type Words = (usize, [u64; 6]);

/// The kinds of messages in the order of [`KINDS`](crate::aim::KINDS), each with the names of its fields.
pub(super) const FIELDS: [(&str, &[&str]); 16] = [
    ("PreVote", &["asked term", "last index", "last term"]),
    ("PreVoteReply", &["term", "asked term", "granted"]),
    ("Vote", &["term", "last index", "last term", "transfer"]),
    ("VoteReply", &["term", "granted"]),
    ("Append", &["term", "prev index", "prev term", "entries", "bytes", "commit"]),
    ("AppendReply", &["term", "matched", "index", "conflict term"]),
    ("Heartbeat", &["term", "commit", "round"]),
    ("HeartbeatReply", &["term", "round", "have", "matched index"]),
    ("Forward", &["entries", "bytes"]),
    ("ReadAsk", &["ask"]),
    ("ReadAnswer", &["ask", "index"]),
    ("TimeoutNow", &["term"]),
    ("Hello", &["level"]),
    ("Attest", &["life"]),
    ("Chunk", &["term", "snapshot index", "snapshot term", "offset", "bytes", "total bytes"]),
    ("ChunkReply", &["snapshot index", "snapshot term", "wanted offset"]),
];

/// A number of which a page keeps the lower half: names, which are drawn.
fn short(name: u64) -> u64 {
    name & 0xffff_ffff
}

/// What a message says.
pub(super) fn words(body: &Body) -> Option<Words> {
    let place = FIELDS.iter().position(|(name, _)| *name == kind(body))?;
    let mut fields = [0; 6];
    let mut put = |values: &[u64]| fields[..values.len()].copy_from_slice(values);
    match body {
        Body::Message(message) => put(&of_message(message)),
        Body::Hello { level } => put(&[*level]),
        Body::Chunk(chunk) => {
            let (at, bytes) = (chunk.at, chunk.bytes.len() as u64);
            put(&[chunk.term.0, at.index.0, at.term.0, chunk.offset, bytes, chunk.total]);
        }
        Body::ChunkReply(reply) => put(&[reply.at.index.0, reply.at.term.0, reply.wanted]),
        _ => {} // the crate may add kinds
    }
    Some((place, fields))
}

fn of_message(message: &Message) -> Vec<u64> {
    let weight = |entries: &Entries| [entries.len() as u64, entries.bytes() as u64];
    match message {
        Message::PreVote { asked, last } => vec![asked.0, last.index.0, last.term.0],
        Message::PreVoteReply { term, asked, granted } => vec![term.0, asked.0, u64::from(*granted)],
        Message::Vote { term, last, transfer } => vec![term.0, last.index.0, last.term.0, u64::from(*transfer)],
        Message::VoteReply { term, granted } => vec![term.0, u64::from(*granted)],
        Message::Append(append) => {
            let [count, bytes] = weight(&append.entries);
            vec![append.term.0, append.prev.index.0, append.prev.term.0, count, bytes, append.commit.0]
        }
        Message::AppendReply { term, outcome: Outcome::Matched(index), .. } => vec![term.0, 1, index.0, 0],
        Message::AppendReply { term, outcome: Outcome::Conflict { term: other, index }, .. } => {
            vec![term.0, 0, index.0, other.0]
        }
        Message::Heartbeat { term, commit, round, .. } => vec![term.0, commit.0, round.0],
        Message::HeartbeatReply { term, round, have, matched, .. } => vec![term.0, round.0, have.0, matched.0],
        Message::Forward { entries } => weight(entries).to_vec(),
        Message::ReadAsk { ask } => vec![short(ask.0)],
        Message::ReadAnswer { ask, index } => vec![short(ask.0), index.0],
        Message::TimeoutNow { term } => vec![term.0],
        Message::Attest { bound } => vec![short(bound.0)],
        _ => Vec::new(), // `Hello` says nothing, and the crate may add kinds
    }
}

/// How many numbers of a [`Frame`] are told one by one.
pub(super) const NUMBERS: usize = 10;

/// What a peer is between two steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Role (0: down, 1 newborn, 2 follower, 3 pre-candidate, 4 candidate, 5 leader), term, vote (0: none, else one more
    /// than the peer), leader (likewise), life, the snapshot's index, the last durable entry, commit, applied, last entry.
    pub(super) numbers: [u64; NUMBERS],
    /// What was cut from the front of the log: index and term of its last.
    pub(super) base: (u64, u64),
    /// The log's terms: first index, term.
    pub(super) runs: Vec<(u64, u64)>,
}

impl Frame {
    /// What is seen of a core.
    pub(super) fn of(core: &Consensus, role: &Role, life: u64) -> Frame {
        let (log, role_number) = (core.log(), 1 + role.name() as u64);
        let one_more = |node: Option<rsm::raft::NodeId>| node.map_or(0, |node| node.0 + 1);
        let (vote, leader) = (one_more(core.vote()), one_more(core.leader(role)));
        let (snapshot, durable, last) = (log.snapshot().index.0, log.durable().0, log.last().index);
        let (commit, applied) = (core.commit().0, core.applied().0);
        let numbers = [role_number, core.term().0, vote, leader, life, snapshot, durable, commit, applied, last.0];
        let base = (log.base().index.0, log.base().term.0);
        let runs = log.terms_of(log.first()..last.next()).into_iter().map(|(first, term)| (first.0, term.0)).collect();
        Frame { numbers, base, runs }
    }

    /// A peer that does not run: what it was is on its disk, unseen.
    pub(super) fn down(&self) -> Frame {
        let mut frame = self.clone();
        (frame.numbers[0], frame.numbers[3]) = (0, 0);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aim::KINDS;

    #[test]
    fn every_kind_of_message_has_its_place() {
        assert_eq!(FIELDS.map(|(name, _)| name), KINDS);
    }
}
