//! What messages say in numbers, by name: a liar says others, a story these.

use bytes::Bytes;
use rsm::raft::consensus::{Append, Message, Outcome};
use rsm::raft::wire::{Body, Chunk, ChunkReply};
use rsm::raft::{Ask, Entries, Incarnation, Index, LogId, Round, Term, Track};

/// A message of this kind whose numbers are all 0; `None` if there is no such kind.
pub(crate) fn blank(kind: &str) -> Option<Body> {
    let (term, track, at, granted) = (Term(0), Track(0), LogId::ZERO, true);
    Some(Body::from(match kind {
        "PreVote" => Message::PreVote { asked: term, last: at },
        "PreVoteReply" => Message::PreVoteReply { term, asked: term, granted },
        "Vote" => Message::Vote { term, last: at, transfer: false },
        "VoteReply" => Message::VoteReply { term, granted },
        "Append" => Message::Append(Append { term, track, prev: at, entries: Entries::NONE, commit: Index(0) }),
        "AppendReply" => Message::AppendReply { term, track, outcome: Outcome::Matched(Index(0)) },
        "Heartbeat" => Message::Heartbeat { term, track, commit: Index(0), round: Round(0) },
        "HeartbeatReply" => Message::HeartbeatReply { term, track, round: Round(0), have: Index(0), matched: Index(0) },
        "Forward" => Message::Forward { entries: Entries::NONE },
        "ReadAsk" => Message::ReadAsk { ask: Ask(0) },
        "ReadAnswer" => Message::ReadAnswer { ask: Ask(0), index: Index(0) },
        "TimeoutNow" => Message::TimeoutNow { term },
        "Attest" => Message::Attest { bound: Incarnation(0) },
        "Hello" => return Some(Body::Hello { level: 0 }),
        "Chunk" => {
            let bytes = Bytes::new();
            return Some(Body::Chunk(Chunk {
                term,
                track,
                at,
                total: 0,
                offset: 0,
                crc: crc32c::crc32c(&bytes),
                bytes,
            }));
        }
        "ChunkReply" => return Some(Body::ChunkReply(ChunkReply { track, at, wanted: 0 })),
        _ => return None,
    }))
}

/// All numbers that are said.
pub(crate) fn numbers(body: &mut Body) -> Vec<(&'static str, &mut u64)> {
    match body {
        Body::Message(message) => of_message(message),
        Body::Hello { level } => vec![("level", level)],
        Body::Chunk(Chunk { term, track, at, total, offset, .. }) => vec![
            ("term", &mut term.0),
            ("track", &mut track.0),
            ("at-term", &mut at.term.0),
            ("at", &mut at.index.0),
            ("total", total),
            ("offset", offset),
        ],
        Body::ChunkReply(ChunkReply { track, at, wanted }) => {
            vec![("track", &mut track.0), ("at-term", &mut at.term.0), ("at", &mut at.index.0), ("wanted", wanted)]
        }
        _ => Vec::new(),
    }
}

fn of_message(message: &mut Message) -> Vec<(&'static str, &mut u64)> {
    match message {
        Message::PreVote { asked: term, last } | Message::Vote { term, last, .. } => {
            vec![("term", &mut term.0), ("last-term", &mut last.term.0), ("last", &mut last.index.0)]
        }
        Message::PreVoteReply { term, asked, .. } => vec![("term", &mut term.0), ("asked", &mut asked.0)],
        Message::VoteReply { term, .. } | Message::TimeoutNow { term } => vec![("term", &mut term.0)],
        Message::Append(Append { term, track, prev, commit, .. }) => vec![
            ("term", &mut term.0),
            ("track", &mut track.0),
            ("prev-term", &mut prev.term.0),
            ("prev", &mut prev.index.0),
            ("commit", &mut commit.0),
        ],
        Message::AppendReply { term, track, outcome: Outcome::Matched(index) } => {
            vec![("term", &mut term.0), ("track", &mut track.0), ("matched", &mut index.0)]
        }
        Message::AppendReply { term, track, outcome: Outcome::Conflict { term: other, index } } => vec![
            ("term", &mut term.0),
            ("track", &mut track.0),
            ("conflict-term", &mut other.0),
            ("conflict", &mut index.0),
        ],
        Message::Heartbeat { term, track, commit, round } => {
            vec![("term", &mut term.0), ("track", &mut track.0), ("commit", &mut commit.0), ("round", &mut round.0)]
        }
        Message::HeartbeatReply { term, track, round, have, matched } => vec![
            ("term", &mut term.0),
            ("track", &mut track.0),
            ("round", &mut round.0),
            ("have", &mut have.0),
            ("matched", &mut matched.0),
        ],
        Message::ReadAsk { ask } => vec![("ask", &mut ask.0)],
        Message::ReadAnswer { ask, index } => vec![("ask", &mut ask.0), ("index", &mut index.0)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aim::{KINDS, kind};
    use std::collections::BTreeSet;

    #[test]
    fn each_kind_has_a_blank_message_whose_numbers_are_0_and_have_a_name_each() {
        for name in KINDS {
            let mut body = blank(name).unwrap_or_else(|| panic!("{name} is a kind"));
            assert_eq!(kind(&body), name);
            let numbers = numbers(&mut body);
            assert!(numbers.iter().all(|(_, number)| **number == 0), "{name}");
            let names: BTreeSet<&str> = numbers.iter().map(|(name, _)| *name).collect();
            assert_eq!(names.len(), numbers.len(), "{name}");
        }
        assert_eq!(blank("Hullo"), None);
    }
}
