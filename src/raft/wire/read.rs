//! Bytes to messages: total on whatever bytes, and nothing is allocated for what is not there.

use super::bytes::Source;
use super::entry::Spans;
use super::message::{Body, Chunk, ChunkReply, LEVEL_TAG, kind, outcome};
use super::refused::Refused;
use crate::raft::consensus::{Append, Message, Outcome};
use crate::raft::mutant::mutate;
use crate::raft::{Ask, Entries, Incarnation, Index, LogId, Round, Term, Track};
use bytes::Bytes;
use std::ops::Range;

/// An allocation up to this size may be held by whatever small entry of it stays longest.
const HELD_MAX: usize = 64 << 10;
/// In a larger one, a run under this part of it is copied out.
const HELD_PART: usize = 8;

/// Reads the message that fills `range` of `whole`, sharing its bytes; `whole` is part of an allocation of `held` bytes.
pub(super) fn take(whole: &Bytes, range: Range<usize>, held: usize) -> Result<Body, Refused> {
    let mut read = Read { source: Source::new(&whole[..range.end], range.start), whole, held };
    let kind = read.u8()?;
    let mut body = read.body(kind)?;
    read.extensions(&mut body)?;
    if read.source.left() == 0 { Ok(body) } else { Err(Refused::Malformed) }
}

/// A source whose missing bytes are a broken format.
struct Read<'a> {
    source: Source<'a>,
    whole: &'a Bytes,
    held: usize,
}

impl Read<'_> {
    fn body(&mut self, kind: u8) -> Result<Body, Refused> {
        Ok(Body::Message(match kind {
            kind::PRE_VOTE => Message::PreVote { asked: self.term()?, last: self.log_id()? },
            kind::PRE_VOTE_REPLY => {
                Message::PreVoteReply { term: self.term()?, asked: self.term()?, granted: self.bool()? }
            }
            kind::VOTE => Message::Vote { term: self.term()?, last: self.log_id()?, transfer: self.bool()? },
            kind::VOTE_REPLY => Message::VoteReply { term: self.term()?, granted: self.bool()? },
            kind::APPEND => self.append()?,
            kind::APPEND_REPLY => {
                Message::AppendReply { term: self.term()?, track: self.track()?, outcome: self.outcome()? }
            }
            kind::HEARTBEAT => Message::Heartbeat {
                term: self.term()?,
                track: self.track()?,
                commit: self.index()?,
                round: Round(self.varint()?),
            },
            kind::HEARTBEAT_REPLY => Message::HeartbeatReply {
                term: self.term()?,
                track: self.track()?,
                round: Round(self.varint()?),
                have: self.index()?,
                matched: self.index()?,
            },
            kind::FORWARD => Message::Forward { entries: self.run()? },
            kind::READ_ASK => Message::ReadAsk { ask: Ask(self.u64()?) },
            kind::READ_ANSWER => Message::ReadAnswer { ask: Ask(self.u64()?), index: self.index()? },
            kind::TIMEOUT_NOW => Message::TimeoutNow { term: self.term()? },
            kind::ATTEST => Message::Attest { bound: Incarnation(self.u64()?) },
            kind::HELLO => return Ok(Body::Hello { level: 0 }),
            kind::CHUNK => return self.chunk(),
            kind::CHUNK_REPLY => return self.chunk_reply(),
            _ => return Err(Refused::Kind),
        }))
    }

    fn append(&mut self) -> Result<Message, Refused> {
        let (term, track, prev) = (self.term()?, self.track()?, self.log_id()?);
        let commit = self.index()?;
        Ok(Message::Append(Append { term, track, prev, entries: self.run()?, commit }))
    }

    fn chunk(&mut self) -> Result<Body, Refused> {
        let (term, track, at) = (self.term()?, self.track()?, self.log_id()?);
        let (total, offset) = (self.varint()?, self.varint()?);
        let crc = self.source.u32().ok_or(Refused::Malformed)?;
        let range = self.sized()?;
        Ok(Body::Chunk(Chunk { term, track, at, total, offset, crc, bytes: self.whole.slice(range) }))
    }

    fn chunk_reply(&mut self) -> Result<Body, Refused> {
        Ok(Body::ChunkReply(ChunkReply { track: self.track()?, at: self.log_id()?, wanted: self.varint()? }))
    }

    fn outcome(&mut self) -> Result<Outcome, Refused> {
        match self.u8()? {
            outcome::MATCHED => Ok(Outcome::Matched(self.index()?)),
            outcome::CONFLICT => Ok(Outcome::Conflict { term: self.term()?, index: self.index()? }),
            _ => Err(Refused::Malformed),
        }
    }

    /// A count, and a run of so many entries. All of it is looked at before anything is allocated.
    fn run(&mut self) -> Result<Entries, Refused> {
        let count = usize::try_from(self.varint()?).map_err(|_| Refused::Malformed)?;
        let begin = self.source.at();
        let mut spans = Spans::new(&self.whole[..begin + self.source.left()], begin);
        for _ in 0..count {
            spans.next().ok_or(Refused::Malformed)??;
        }
        let run = begin..spans.at();
        self.source.skip_to(run.end);
        if count == 0 {
            return Ok(Entries::NONE);
        }
        let (bytes, at) = self.kept(run);
        let mut again = Spans::new(&bytes, at);
        let mut entry = || Some(again.next()?.ok()?.entry(&bytes));
        // By their number, which a range knows: so that they are allocated once.
        Ok((0..count).map(|_| entry().expect("it was read a moment ago")).collect())
    }

    /// The bytes that entries shall share, and where in them the run begins.
    ///
    /// An entry may stay for long, and all that it shares stays with it. Entries leave the log in order, so it is the
    /// run as a whole that must be no small part of what it holds: copying entry by entry would cost an allocation each.
    fn kept(&self, run: Range<usize>) -> (Bytes, usize) {
        let small = HELD_MAX < self.held && run.len() < self.held / HELD_PART;
        if small { (Bytes::copy_from_slice(&self.whole[run]), 0) } else { (self.whole.clone(), run.start) }
    }

    fn extensions(&mut self, body: &mut Body) -> Result<(), Refused> {
        let count = self.varint()?;
        let mut before = None;
        for _ in 0..count {
            let tag = self.varint()?;
            let range = self.sized()?;
            if before.replace(tag).is_some_and(|before| tag <= before) {
                return Err(Refused::Malformed);
            }
            match (&mut *body, tag) {
                (Body::Hello { level }, LEVEL_TAG) => *level = self.level(range)?,
                (_, tag) if mutate!(LastTagRefused, tag % 2 == 0, tag % 2 == 0 || tag == u64::MAX) => {
                    return Err(Refused::Kind);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A level of 0 is said by saying nothing.
    fn level(&self, range: Range<usize>) -> Result<u64, Refused> {
        let mut source = Source::new(&self.whole[..range.end], range.start);
        let level = source.varint().ok_or(Refused::Malformed)?;
        if source.left() == 0 && level != 0 { Ok(level) } else { Err(Refused::Malformed) }
    }

    /// A length, and so many bytes.
    fn sized(&mut self) -> Result<Range<usize>, Refused> {
        let len = usize::try_from(self.varint()?).map_err(|_| Refused::Malformed)?;
        self.source.bytes(len).map(|(range, _)| range).ok_or(Refused::Malformed)
    }

    fn log_id(&mut self) -> Result<LogId, Refused> {
        Ok(LogId { term: self.term()?, index: self.index()? })
    }

    fn term(&mut self) -> Result<Term, Refused> {
        self.varint().map(Term)
    }

    fn index(&mut self) -> Result<Index, Refused> {
        self.varint().map(Index)
    }

    fn track(&mut self) -> Result<Track, Refused> {
        self.u64().map(Track)
    }

    fn varint(&mut self) -> Result<u64, Refused> {
        self.source.varint().ok_or(Refused::Malformed)
    }

    fn u64(&mut self) -> Result<u64, Refused> {
        self.source.u64().ok_or(Refused::Malformed)
    }

    fn u8(&mut self) -> Result<u8, Refused> {
        self.source.u8().ok_or(Refused::Malformed)
    }

    fn bool(&mut self) -> Result<bool, Refused> {
        self.source.bool().ok_or(Refused::Malformed)
    }
}
