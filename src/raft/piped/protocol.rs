//! What a peer and its front end say to each other, as the rests of chunks. `docs/pipe.md` has them byte by byte.

use crate::raft::machine::{Caller, SessionId};
use crate::raft::{Incarnation, Index, NodeId, Term};
use crate::varint;
use bytes::Bytes;

/// The numbers of the kinds of chunk.
pub(super) mod kind {
    pub(crate) const HELLO: u8 = 0;
    pub(crate) const PACKETS: u8 = 1;
    pub(crate) const REQUEST: u8 = 2;
    pub(crate) const REPLY: u8 = 3;
    pub(crate) const NEWS: u8 = 4;
    pub(crate) const DRAIN: u8 = 5;
}

/// What a front end's first chunk holds: the name of the protocol, and its version.
pub(super) const HELLO: [u8; 5] = *b"rsm1\x01";

/// The rest of this peer's first chunk.
pub(super) fn hello(id: NodeId, incarnation: Incarnation) -> Vec<u8> {
    let mut rest = HELLO.to_vec();
    varint::put(&mut rest, id.0);
    rest.extend(incarnation.0.to_le_bytes());
    rest
}

/// What the front end wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// A session; the index of the reply is its name.
    Open,
    /// A command, by a caller's session or by the peer's own.
    Propose(Option<Caller>),
    /// A query, at a linearizable point.
    Read,
    /// A query, of the state here and now.
    Stale,
    /// What this peer knows of itself.
    Status,
}

/// A request: answered exactly once, under its ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) ticket: u64,
    pub(super) verb: Verb,
    pub(super) body: Bytes,
}

/// Why a chunk is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// Not even a ticket can be read, so nobody can be told.
    Nobody,
    /// The ticket's owner is told that it is invalid, and why.
    Invalid(u64, &'static str),
}

const CALLED: u8 = 1;

impl Request {
    /// Reads the rest of a chunk of kind `REQUEST`.
    pub(super) fn read(rest: &Bytes) -> Result<Request, Unread> {
        let mut left = &rest[..];
        let ticket = varint::take(&mut left).ok_or(Unread::Nobody)?;
        let invalid = |why| Unread::Invalid(ticket, why);
        let flags = byte(&mut left).ok_or(invalid("the request ends before its flags"))?;
        if flags & !CALLED != 0 {
            return Err(invalid("a flag is set that this version does not know"));
        }
        let caller = if flags & CALLED == 0 {
            None
        } else {
            Some(caller(&mut left).ok_or(invalid("a caller is session, sequence and low"))?)
        };
        let verb = byte(&mut left).ok_or(invalid("the request ends before its verb"))?;
        let verb = match (verb, caller) {
            (0, None) => Verb::Open,
            (1, caller) => Verb::Propose(caller),
            (2, None) => Verb::Read,
            (3, None) => Verb::Stale,
            (4, None) => Verb::Status,
            (0..=4, Some(_)) => return Err(invalid("only a propose has a caller")),
            _ => return Err(invalid("an unknown verb")),
        };
        let body = rest.slice(rest.len() - left.len()..);
        Ok(Request { ticket, verb, body })
    }
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(first)
}

fn caller(bytes: &mut &[u8]) -> Option<Caller> {
    let mut next = || varint::take(bytes);
    Some(Caller { session: SessionId(next()?), sequence: next()?, low: next()? })
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Status {
    Done = 0,
    Full = 1,
    TooLarge = 2,
    Draining = 3,
    Invalid = 4,
    Expired = 5,
    Unknown = 6,
}

/// The rest of a reply that is done: where the command stands, or which state was read, then the answer.
pub(super) fn done(ticket: u64, index: Index, answer: &[u8]) -> Vec<u8> {
    let mut rest = Vec::with_capacity(answer.len() + 2 * varint::BYTES_MAX + 1);
    varint::put(&mut rest, ticket);
    rest.push(Status::Done as u8);
    varint::put(&mut rest, index.0);
    rest.extend_from_slice(answer);
    rest
}

/// The rest of any other reply: a line that says why.
pub(super) fn refused(ticket: u64, status: Status, why: &str) -> Vec<u8> {
    let mut rest = Vec::with_capacity(why.len() + varint::BYTES_MAX + 1);
    varint::put(&mut rest, ticket);
    rest.push(status as u8);
    rest.extend_from_slice(why.as_bytes());
    rest
}

/// What a peer is at a moment, as its front end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Role {
    Newborn = 0,
    Follower = 1,
    PreCandidate = 2,
    Candidate = 3,
    Leader = 4,
    Draining = 5,
}

/// The rest of a chunk of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bulletin {
    pub(super) role: Role,
    pub(super) term: Term,
    pub(super) leader: Option<NodeId>,
    pub(super) commit: Index,
    pub(super) applied: Index,
}

impl Bulletin {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut rest = vec![self.role as u8];
        varint::put(&mut rest, self.term.0);
        rest.push(u8::from(self.leader.is_some()));
        self.leader.into_iter().for_each(|leader| varint::put(&mut rest, leader.0));
        varint::put(&mut rest, self.commit.0);
        varint::put(&mut rest, self.applied.0);
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Draws;
    use crate::pipe::put_chunk;

    /// The vectors of `tests/golden/pipe.txt`, which a second encoder makes too.
    fn golden(name: &str) -> Vec<u8> {
        let all = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/pipe.txt"));
        let hex = all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect(name);
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
        (0..hex.len()).step_by(2).map(digits).collect()
    }

    fn chunk(kind: u8, rest: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_chunk(&mut out, kind, &[rest]);
        out
    }

    #[test]
    fn what_a_peer_says_is_written_as_its_golden_vectors() {
        let bulletin = Bulletin {
            role: Role::Leader,
            term: Term(3),
            leader: Some(NodeId(300)),
            commit: Index(128),
            applied: Index(127),
        };
        let idle = Bulletin { role: Role::Newborn, term: Term(0), leader: None, commit: Index(0), applied: Index(0) };
        let cases = [
            ("hello_peer", chunk(kind::HELLO, &hello(NodeId(300), Incarnation(0xa1a2_a3a4_a5a6_a7a8)))),
            ("reply_done", chunk(kind::REPLY, &done(300, Index(20_000), b"answer"))),
            ("reply_done_empty", chunk(kind::REPLY, &done(1, Index(7), b""))),
            ("reply_draining", chunk(kind::REPLY, &refused(2, Status::Draining, "retry another peer"))),
            ("reply_unknown", chunk(kind::REPLY, &refused(3, Status::Unknown, "no answer in time"))),
            ("news_leader", chunk(kind::NEWS, &bulletin.write())),
            ("news_newborn", chunk(kind::NEWS, &idle.write())),
        ];
        for (name, bytes) in cases {
            assert_eq!(bytes, golden(name), "{name}");
        }
    }

    /// The rest of a golden chunk of less than 128 bytes.
    fn rest(name: &str) -> Bytes {
        golden(name)[2..].to_vec().into()
    }

    #[test]
    fn what_a_front_end_says_is_read_from_its_golden_vectors() {
        let caller = Caller { session: SessionId(300), sequence: 9, low: 4 };
        let request = |ticket, verb, body: &'static [u8]| Ok(Request { ticket, verb, body: Bytes::from_static(body) });
        assert_eq!(rest("hello_front_end"), HELLO[..]);
        let cases = [
            ("request_open", request(1, Verb::Open, b"")),
            ("request_propose", request(300, Verb::Propose(None), b"command")),
            ("request_propose_as", request(2, Verb::Propose(Some(caller)), b"command")),
            ("request_read", request(3, Verb::Read, b"query")),
            ("request_stale", request(4, Verb::Stale, b"query")),
            ("request_status", request(5, Verb::Status, b"\x01")),
        ];
        for (name, request) in cases {
            assert_eq!(Request::read(&rest(name)), request, "{name}");
        }
    }

    #[test]
    fn a_request_that_cannot_be_understood_is_answered_if_its_ticket_can() {
        let read = |bytes: &'static [u8]| Request::read(&Bytes::from_static(bytes)).unwrap_err();
        assert_eq!([read(&[]), read(&[0x80]), read(&[0x80, 0])], [Unread::Nobody; 3]);
        let invalid: [&[u8]; 7] = [
            &[9],                   // no flags
            &[9, 2, 1],             // an unknown flag
            &[9, 0],                // no verb
            &[9, 0, 5],             // an unknown verb
            &[9, 1, 1, 1],          // half a caller
            &[9, 1, 1, 1, 1],       // a caller and no verb
            &[9, 1, 1, 1, 1, 2, 7], // a caller that reads
        ];
        for bytes in invalid {
            assert!(matches!(read(bytes), Unread::Invalid(9, _)), "{bytes:?}");
        }
    }

    #[test]
    fn whatever_a_request_is_reading_it_harms_nothing() {
        let mut draws = Draws::new(1);
        let mut read = 0;
        for _ in 0..100_000 {
            let len = draws.below(9);
            let bytes: Bytes = (0..len).map(|_| draws.below(6) as u8 | (draws.below(8) as u8 / 7) << 7).collect();
            if let Ok(request) = Request::read(&bytes) {
                assert!(request.body.len() < bytes.len());
                read += 1;
            }
        }
        assert!(5_000 < read, "{read}");
    }
}
