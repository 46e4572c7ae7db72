//! One machine among peers that the test plays itself.

use super::disk::Disk;
use super::{MS, command, options, sent};
use rsm::raft::consensus::{Append, Effect, Input, Machine, Message, Options, Outcome, Record, RoleName};
use rsm::raft::{
    Entries, Entry, EntryKind, Identity, Incarnation, Index, LogId, NodeId, Round, Seq, Term, Time, Token, Track,
};

/// Peer 0 among `n`, born, and the time.
pub struct Solo {
    pub machine: Machine,
    pub disk: Disk,
    pub now: Time,
    /// Everything that it has said, but for messages.
    pub effects: Vec<Effect>,
    written: Seq,
}

/// Entries of these terms.
pub fn entries(terms: &[u64]) -> Entries {
    terms.iter().map(|&term| Entry::new(Term(term), EntryKind::Command, format!("e{term}").into())).collect()
}

/// An append of a leader of this term, in its first acquaintance with us.
pub fn append(term: u64, prev: LogId, terms: &[u64], commit: u64) -> Message {
    let (entries, commit) = (entries(terms), Index(commit));
    Message::Append(Append { term: Term(term), track: Track(1), prev, entries, commit })
}

pub fn heartbeat(term: u64, round: u64, commit: u64) -> Message {
    Message::Heartbeat { term: Term(term), track: Track(1), commit: Index(commit), round: Round(round) }
}

pub fn beat_answered(term: u64, track: u64, round: u64, have: u64, matched: u64) -> Message {
    let (term, track, round) = (Term(term), Track(track), Round(round));
    Message::HeartbeatReply { term, track, round, have: Index(have), matched: Index(matched) }
}

pub fn vote(term: u64, last: LogId) -> Message {
    Message::Vote { term: Term(term), last, transfer: false }
}

pub fn vote_reply(term: u64, granted: bool) -> Message {
    Message::VoteReply { term: Term(term), granted }
}

pub fn pre_vote(asked: u64, last: LogId) -> Message {
    Message::PreVote { asked: Term(asked), last }
}

pub fn matched(term: u64, track: u64, index: u64) -> Message {
    Message::AppendReply { term: Term(term), track: Track(track), outcome: Outcome::Matched(Index(index)) }
}

pub fn conflict(term: u64, track: u64, with: u64, index: u64) -> Message {
    let outcome = Outcome::Conflict { term: Term(with), index: Index(index) };
    Message::AppendReply { term: Term(term), track: Track(track), outcome }
}

impl Solo {
    /// Peer 0 of `n`, in this term, with entries of these terms.
    pub fn new(n: u64, term: u64, log: &[u64]) -> Solo {
        Solo::with(n, Disk::born(0, n, term, log), |_| {})
    }

    pub fn with(n: u64, mut disk: Disk, change: impl FnOnce(&mut Options)) -> Solo {
        let mut told = options(0, n);
        change(&mut told);
        let now = Time(1_000 * MS);
        let machine = Machine::new(told, disk.recover(), 7, now).expect("a good start");
        let mut solo = Solo { machine, disk, now, effects: Vec::new(), written: Seq(0) };
        solo.flush();
        solo.sync();
        solo
    }

    /// One that was elected in `term` by peer 1 (of three) or 1 and 2 (of five): its disk is done with everything.
    pub fn leader(n: u64, term: u64, log: &[u64]) -> Solo {
        let mut solo = Solo::new(n, term - 1, log);
        solo.stand();
        for voter in 1..=n / 2 {
            solo.hear(voter, vote_reply(term, true));
        }
        assert_eq!(solo.role(), RoleName::Leader);
        solo
    }

    /// Makes it a candidate: its time is up, and everybody would elect it.
    pub fn stand(&mut self) -> Vec<(u64, Message)> {
        self.wait(600);
        let asked = self.term().next();
        let mut said = Vec::new();
        for voter in 1..=self.machine.core().membership().ids().count() as u64 / 2 {
            said.extend(self.hear(voter, Message::PreVoteReply { term: Term(0), asked, granted: true }));
        }
        assert_eq!(self.role(), RoleName::Candidate);
        said
    }

    pub fn role(&self) -> RoleName {
        self.machine.role().name()
    }

    pub fn term(&self) -> Term {
        self.machine.core().term()
    }

    pub fn commit(&self) -> u64 {
        self.machine.core().commit().0
    }

    /// The terms of its log.
    pub fn log(&self) -> Vec<u64> {
        let log = self.machine.core().log();
        (log.first().0..=log.last().index.0).map(|index| log.term_at(Index(index)).unwrap().0).collect()
    }

    /// One input, one flush, and the disk is done at once: all that it says to others then.
    pub fn step(&mut self, input: Input) -> Vec<(u64, Message)> {
        let mut said = self.step_unsynced(input);
        said.extend(self.sync());
        said
    }

    /// One input, one flush, and the disk has not answered yet.
    pub fn step_unsynced(&mut self, input: Input) -> Vec<(u64, Message)> {
        self.machine.step(input, self.now);
        self.flush()
    }

    /// A member says something.
    pub fn hear(&mut self, from: u64, message: Message) -> Vec<(u64, Message)> {
        self.step(received(from, message))
    }

    pub fn hear_unsynced(&mut self, from: u64, message: Message) -> Vec<(u64, Message)> {
        self.step_unsynced(received(from, message))
    }

    pub fn propose(&mut self, text: &str, token: u64) -> Vec<(u64, Message)> {
        self.step(Input::Propose { entry: command(text), token: Token(token) })
    }

    pub fn read(&mut self, token: u64) -> Vec<(u64, Message)> {
        let until = Time(self.now.0 + 5_000 * MS);
        self.step(Input::Read { token: Token(token), until })
    }

    /// Time passes, then it is woken once.
    pub fn wait(&mut self, ms: u64) -> Vec<(u64, Message)> {
        self.now = Time(self.now.0 + ms * MS);
        self.step(Input::Tick)
    }

    /// Its disk is done with everything it was given.
    pub fn sync(&mut self) -> Vec<(u64, Message)> {
        let mut said = Vec::new();
        while self.machine.core().persisted() < self.written {
            self.disk.sync(self.written);
            said.extend(self.step_unsynced(Input::Persisted(self.written)));
        }
        said
    }

    pub fn flush(&mut self) -> Vec<(u64, Message)> {
        let effects = super::flush(&mut self.machine, self.now);
        for effect in &effects {
            if let Effect::Persist(seq, record) = effect {
                self.disk.stage(*seq, record.clone());
                self.written = *seq;
            }
        }
        let said = sent(&effects);
        self.effects.extend(effects.into_iter().filter(|effect| !matches!(effect, Effect::Send { .. })));
        said
    }

    /// It crashes, loses what was not synced, and starts again.
    pub fn restart(self) -> Solo {
        let Solo { mut disk, machine, now, .. } = self;
        disk.crash(0);
        let again = Machine::new(machine.core().options().clone(), disk.recover(), 8, now).expect("a good start");
        let mut solo = Solo { machine: again, disk, now, effects: Vec::new(), written: Seq(0) };
        solo.flush();
        solo
    }

    /// The records that it wrote, in their order.
    pub fn records(&self) -> Vec<Record> {
        let record = |effect: &Effect| match effect {
            Effect::Persist(_, record) => Some(record.clone()),
            _ => None,
        };
        self.effects.iter().filter_map(record).collect()
    }

    pub fn has_said(&self, wanted: &Effect) -> bool {
        self.effects.contains(wanted)
    }
}

/// A message of that member's life that everyone knows, for our life.
pub fn received(from: u64, message: Message) -> Input {
    let from = Identity { node: NodeId(from), incarnation: Incarnation(from + 100) };
    Input::Receive { from, to: Some(Incarnation(100)), message }
}
