//! What peers say to each other: one variant for each thing that can be said, with just its fields.
//!
//! ```text
//!   PreVote  ->  <- PreVoteReply        "would you vote for me?"                          moves nobody's term
//!   Vote     ->  <- VoteReply           "vote for me"                                     (§5.2)
//!   Append   ->  <- AppendReply         "here is what follows prev"                       (§5.3)
//!   Heartbeat->  <- HeartbeatReply      "do you follow me still?", numbered by rounds
//!   Forward  ->                         "place these, leader"                             its answer is the log
//!   ReadAsk  ->  <- ReadAnswer          "from which index on may I read?"                 (§8)
//!   Hello    ->  <- Attest              "I am new" / "this is the life of yours I know"
//! ```
//! All may be lost, doubled, late and reordered.

use crate::raft::{Ask, Entries, Incarnation, Index, LogId, Round, Term, Track};

/// A message between two peers of one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Message {
    /// Would you vote for me in the term `asked`, if I stood with a log that ends at `last`?
    PreVote {
        /// The term that the sender would campaign in.
        asked: Term,
        /// The end of its log.
        last: LogId,
    },
    /// The answer to a pre-vote.
    PreVoteReply {
        /// The giver's term: a refusal carries it across.
        term: Term,
        /// The term that was asked about.
        asked: Term,
        /// Whether it would.
        granted: bool,
    },
    /// A candidate's request for a vote (§5.2).
    Vote {
        /// The candidate's term.
        term: Term,
        /// The end of its log (§5.4.1).
        last: LogId,
        /// Whether the leader itself told it to stand: then a living leader is no objection.
        transfer: bool,
    },
    /// The answer to a request for a vote.
    VoteReply {
        /// The voter's term.
        term: Term,
        /// Whether the vote is the candidate's.
        granted: bool,
    },
    /// Entries that follow `prev` in the leader's log (§5.3).
    Append(Append),
    /// The answer to an append.
    AppendReply {
        /// The follower's term.
        term: Term,
        /// The track of the append.
        track: Track,
        /// Whether it attached.
        outcome: Outcome,
    },
    /// The leader lives, and asks whether it is followed.
    Heartbeat {
        /// The leader's term.
        term: Term,
        /// The leader's acquaintance with this peer.
        track: Track,
        /// Committed, as far as this peer has acknowledged in this term and track.
        commit: Index,
        /// The question's number.
        round: Round,
    },
    /// The answer to a heartbeat.
    HeartbeatReply {
        /// The follower's term.
        term: Term,
        /// The track of the heartbeat.
        track: Track,
        /// The round that it answers.
        round: Round,
        /// Up to where the follower's log is known to equal the leader's; no promise.
        have: Index,
        /// What of it is durable: as good as an acknowledgement.
        matched: Index,
    },
    /// Proposals for whoever leads. Their terms are 0.
    Forward {
        /// The proposals, in the order in which they were made.
        entries: Entries,
    },
    /// From which index on is a read linearizable? (§8)
    ReadAsk {
        /// The question's number.
        ask: Ask,
    },
    /// The answer: from this one.
    ReadAnswer {
        /// The question's number.
        ask: Ask,
        /// Serve once this is applied.
        index: Index,
    },
    /// Stand for election at once (thesis §3.10).
    TimeoutNow {
        /// The leader's term.
        term: Term,
    },
    /// I am here, and may be new: what do you know of me?
    Hello,
    /// The life of yours that I know is this one.
    Attest {
        /// The incarnation that the sender has bound to the receiver.
        bound: Incarnation,
    },
}

/// The head and the entries of an append.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Append {
    /// The leader's term.
    pub term: Term,
    /// The leader's acquaintance with this peer.
    pub track: Track,
    /// What the entries follow.
    pub prev: LogId,
    /// The entries; none: a probe.
    pub entries: Entries,
    /// Committed, as far as this peer has acknowledged in this term and track.
    pub commit: Index,
}

/// What came of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Everything up to here equals the leader's log and is durable.
    Matched(Index),
    /// `prev` is not in the log.
    Conflict {
        /// The term of what stands at `prev`'s place instead; 0 if nothing does.
        term: Term,
        /// Where to try next: the end of the log, or the first entry of that term.
        index: Index,
    },
}

impl Message {
    /// The term that the gate judges; `None` for what carries none of its sender's own.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        match self {
            Message::PreVoteReply { term, .. }
            | Message::Vote { term, .. }
            | Message::VoteReply { term, .. }
            | Message::AppendReply { term, .. }
            | Message::Heartbeat { term, .. }
            | Message::HeartbeatReply { term, .. }
            | Message::TimeoutNow { term } => Some(*term),
            Message::Append(append) => Some(append.term),
            Message::PreVote { .. }
            | Message::Forward { .. }
            | Message::ReadAsk { .. }
            | Message::ReadAnswer { .. }
            | Message::Hello
            | Message::Attest { .. } => None,
        }
    }
}
