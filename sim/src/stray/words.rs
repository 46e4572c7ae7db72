//! What a stray says: whatever would change something of its receiver, if it came from whom it should.

use super::NOBODYS;
use crate::lists::Change;
use bytes::Bytes;
use rsm::mix::Draws;
use rsm::raft::consensus::{Append, Consensus, Message, Mode, Outcome, Progress, Role};
use rsm::raft::machine::{Caller, Codec, SessionId};
use rsm::raft::wire::{Body, Chunk, ChunkReply};
use rsm::raft::{Ask, Entries, Entry, EntryKind, Incarnation, Index, LogId, NodeId, Round, Term, Track};

/// What is known of the receiver, and of the packet that the stray follows.
pub(super) struct Words<'a> {
    pub(super) core: &'a Consensus,
    pub(super) role: &'a Role,
    /// Whose words these might be.
    pub(super) from: NodeId,
    /// The length of the snapshot that is brought to that one.
    pub(super) total: Option<u64>,
    /// What that one says itself.
    pub(super) heard: Vec<Body>,
    /// That it knows this very life of the receiver it says only if it may: no member lies, in none of its lives.
    pub(super) may_attest: bool,
    pub(super) draws: Draws,
}

impl Words<'_> {
    pub(super) fn say(mut self) -> Body {
        // Of a question only its own answer has the number.
        if let Some(ask) = self.answered()
            && self.draws.chance(1, 2)
        {
            return Message::ReadAnswer { ask, index: Index(0) }.into();
        }
        // What is brought is soon there.
        if self.total.is_some() && self.draws.chance(1, 2) {
            return Body::ChunkReply(self.brought());
        }
        let (track, committed) = (self.track(), self.core.commit());
        Body::from(match self.draws.below(16) {
            0 => Message::PreVote { asked: self.term(), last: self.beyond() },
            1 => Message::PreVoteReply { term: self.core.term(), asked: self.core.term().next(), granted: true },
            2 => Message::Vote { term: self.term(), last: self.beyond(), transfer: self.draws.chance(1, 2) },
            3 => Message::VoteReply { term: self.core.term(), granted: true },
            4 => self.append(track),
            5 => Message::AppendReply { term: self.core.term(), track, outcome: self.outcome() },
            6 => {
                let (commit, round) = (self.core.log().last().index, self.round());
                Message::Heartbeat { term: self.term(), track, commit, round }
            }
            7 => {
                let last = self.core.log().last().index;
                let round = self.round();
                Message::HeartbeatReply { term: self.core.term(), track, round, have: last, matched: last }
            }
            8 => Message::Forward { entries: self.entries(Term(0), 1) },
            9 => Message::ReadAsk { ask: Ask(self.draws.bits()) },
            10 => Message::ReadAnswer { ask: Ask(self.draws.bits()), index: committed },
            11 => Message::TimeoutNow { term: self.core.term() },
            12 => {
                let known = self.may_attest && self.draws.chance(1, 2);
                Message::Attest { bound: Incarnation(self.core.me().incarnation.0 ^ u64::from(!known)) }
            }
            13 => return Body::Chunk(self.chunk(track)),
            14 => return Body::ChunkReply(self.brought()),
            _ => Message::Hello,
        })
    }

    /// The number of the question that the packet answers.
    fn answered(&self) -> Option<Ask> {
        let asks = |body: &Body| match body {
            Body::Message(Message::ReadAnswer { ask, .. }) => Some(*ask),
            _ => None,
        };
        self.heard.iter().find_map(asks)
    }

    /// What a leader knows of whom these words might be.
    fn progress(&self) -> Option<&Progress> {
        let Role::Leader(leader) = self.role else { return None };
        leader.progress().find(|(id, _)| *id == self.from).map(|(_, progress)| progress)
    }

    fn track(&mut self) -> Track {
        self.progress().map(|progress| progress.track).unwrap_or_else(|| Track(self.draws.bits()))
    }

    /// The receiver's, the next one, or one that is far off.
    fn term(&mut self) -> Term {
        let term = self.core.term();
        match self.draws.below(4) {
            0 => term,
            1 => Term(u64::MAX >> 2),
            _ => term.next(),
        }
    }

    /// The end of a log that is as good as the receiver's.
    fn beyond(&mut self) -> LogId {
        let last = self.core.log().last();
        LogId { term: last.term, index: Index(last.index.0 + self.draws.below(3)) }
    }

    fn round(&mut self) -> Round {
        let answered = self.progress().map_or(0, |progress| progress.answered.0);
        Round(answered + self.draws.below(8))
    }

    fn append(&mut self, track: Track) -> Message {
        let (log, term) = (self.core.log(), self.term());
        let prev = [log.last(), log.snapshot(), LogId::ZERO][self.draws.below(3) as usize];
        let count = 1 + self.draws.below(3);
        let commit = Index(prev.index.0 + count);
        Message::Append(Append { term, track, prev, entries: self.entries(term, count), commit })
    }

    fn outcome(&mut self) -> Outcome {
        let last = self.core.log().last();
        if self.draws.chance(1, 2) {
            Outcome::Matched(last.index)
        } else {
            Outcome::Conflict { term: last.term, index: Index(self.draws.below(last.index.0 + 1)) }
        }
    }

    /// Commands that nobody has given, of sessions that may be known.
    fn entries(&mut self, term: Term, count: u64) -> Entries {
        let entry = |draws: &mut Draws| {
            let caller = Caller { session: SessionId(draws.below(64)), sequence: 1 + draws.below(8), low: 1 };
            let change = Change { key: 0, number: NOBODYS, expected: None, pad: 0 };
            Entry::new(term, EntryKind::Command, caller.command(&change.to_bytes()))
        };
        (0..count).map(|_| entry(&mut self.draws)).collect()
    }

    /// The beginning of a snapshot that nobody has, or all of it.
    fn chunk(&mut self, track: Track) -> Chunk {
        let bytes: Bytes = (0..1 + self.draws.below(100)).map(|_| self.draws.bits() as u8).collect();
        let at = LogId { term: self.core.term(), index: Index(self.core.log().last().index.0 + 1) };
        let (total, crc) = (bytes.len() as u64 + self.draws.below(2) * 1_000, crc32c::crc32c(&bytes));
        Chunk { term: self.term(), track, at, total, offset: 0, crc, bytes }
    }

    /// That all is there of what is brought.
    fn brought(&mut self) -> ChunkReply {
        let at = self.progress().and_then(|progress| match progress.mode {
            Mode::Snapshot { at, .. } => Some(at),
            Mode::Probe { .. } | Mode::Replicate => None,
        });
        let at = at.unwrap_or(self.core.log().snapshot());
        let wanted = self.total.unwrap_or_else(|| self.draws.below(1_000));
        ChunkReply { track: self.track(), at, wanted }
    }
}
