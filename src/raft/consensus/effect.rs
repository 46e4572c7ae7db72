//! What follows from the core's state, for others to carry out.
//!
//! Every effect may be carried out at once, in any order but for the records among themselves and the applies among
//! themselves: the core holds back what it cannot stand by yet.

use super::message::{Append, Message};
use crate::raft::{Entries, Incarnation, Index, LogId, NodeId, Seq, Term, Token, Track};
use std::ops::Range;
use std::time::Duration;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// Stage this record; say `Persisted` once it, and so all before it, is durable.
    Persist(Seq, Record),
    /// May be lost, doubled, late, reordered: all harmless.
    Send {
        /// The member.
        to: NodeId,
        /// Which life of it, if one is known; `Hello` names none.
        incarnation: Option<Incarnation>,
        /// What to say.
        message: Message,
    },
    /// Send `append` with the entries of `range`, which only the store holds still.
    ///
    /// What is read must have the terms named: else the log was cut and written anew since, and nothing is sent; nor
    /// if this peer no longer leads in that term. A failed read is a lost packet.
    Load {
        /// The member.
        to: NodeId,
        /// Which life of it.
        incarnation: Option<Incarnation>,
        /// The head, finished but for its entries.
        append: Append,
        /// Which entries.
        range: Range<Index>,
        /// Their terms, as runs: first index, term.
        terms: Vec<(Index, Term)>,
        /// About how many bytes the append may carry: reading stops there, at the least after one entry.
        bytes_max: usize,
    },
    /// Committed and durable here: for the state machine, in order, each index once.
    Apply(Committed),
    /// The proposal stands in the log of this leader. No promise that it stays.
    Placed {
        /// The caller's.
        token: Token,
        /// Where.
        index: Index,
        /// In which term.
        term: Term,
    },
    /// The proposal was not placed, or the read cannot be served.
    Refused {
        /// The caller's.
        token: Token,
        /// Why.
        why: Refusal,
    },
    /// The read may be served once `index` is applied.
    Readable {
        /// The caller's.
        token: Token,
        /// From here on.
        index: Index,
    },
    /// Bring this peer the newest snapshot.
    SendSnapshot {
        /// The member.
        to: NodeId,
        /// The snapshot.
        at: LogId,
        /// The leader's term.
        term: Term,
        /// The acquaintance in which it is sent.
        track: Track,
    },
    /// The state machine goes on from this snapshot's file.
    Install {
        /// The last entry that it covers.
        at: LogId,
    },
    /// Entries before this will not be read again.
    Release(Index),
    /// Something that observers may want to know.
    News(News),
}

/// Entries that are committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Committed {
    /// The entries themselves, the first of them at `first`.
    Entries {
        /// Where they begin.
        first: Index,
        /// What they are.
        entries: Entries,
    },
    /// Entries that only the store holds still.
    Range(Range<Index>),
}

/// A record of the one stream that the store keeps: if one is durable, so are all before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// This life of that member is known from now on.
    Bind {
        /// The member.
        node: NodeId,
        /// Its life.
        incarnation: Incarnation,
    },
    /// This life may vote.
    Born,
    /// The current term, and whom this peer votes for in it. Replaces the one before whole.
    State {
        /// The term.
        term: Term,
        /// The vote in that term.
        vote: Option<NodeId>,
    },
    /// The snapshot at this entry is taken or installed; the log before it may go.
    Mark {
        /// The last entry that it covers.
        at: LogId,
    },
    /// Entries behind `after`; what stood there before is cut.
    Entries {
        /// The place before the first.
        after: Index,
        /// What follows.
        entries: Entries,
    },
}

/// Why a proposal or a read was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// This peer does not lead; perhaps that one does.
    NotLeader(Option<NodeId>),
    /// No room, here and now.
    Full,
    /// The entry is larger than any may be.
    TooLarge,
    /// This peer takes nothing new any more.
    Draining,
    /// No answer came in time (reads alone).
    Unknown,
}

/// What observers are told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum News {
    /// Not born yet; these are awaited.
    Newborn {
        /// Members that have not attested yet.
        awaited: Vec<NodeId>,
    },
    /// May vote from now on.
    Born {
        /// Who has attested.
        attested_by: Vec<NodeId>,
    },
    /// Others know another life of this peer: its directory was emptied.
    OtherLife {
        /// Who said so.
        known_to: Vec<NodeId>,
    },
    /// Asks whether it could win an election.
    PreCandidate {
        /// The term that it would stand in.
        asked: Term,
    },
    /// Stands for election.
    Candidate {
        /// In this term.
        term: Term,
    },
    /// Leads.
    Leading {
        /// In this term.
        term: Term,
        /// Elected by these, itself among them.
        votes: Vec<NodeId>,
    },
    /// Follows a leader.
    Following {
        /// This one.
        leader: NodeId,
        /// In this term.
        term: Term,
    },
    /// Knows no leader.
    Idle {
        /// In this term.
        term: Term,
    },
    /// Committed up to here.
    Committed(Index),
    /// A snapshot was taken, or installed.
    Checkpoint {
        /// The last entry that it covers.
        at: LogId,
        /// Whether it came from the leader.
        installed: bool,
    },
    /// Packets of another cluster come from this member: it reads another list of members.
    Stranger {
        /// Who it says it is.
        node: NodeId,
    },
    /// A call of `send` took so long: the slowest of a turn, told at most once a second. It must not block.
    SlowSend {
        /// For whom the packet was.
        to: NodeId,
        /// How long it took.
        took: Duration,
    },
    /// The reader was too slow: so many were left out.
    Missed(u64),
    /// The last.
    Exit,
}
