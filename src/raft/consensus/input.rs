//! What comes to the core, from the network, the disk, the callers and the clock.

use super::membership::Membership;
use super::message::Message;
use crate::raft::{Entry, Identity, Incarnation, LogId, NodeId, Seq, Term, Time, Token, Track};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Input {
    /// The deadline has come. Early or late ones are harmless.
    Tick,
    /// A packet's message: decoded, its checksum right, of our cluster, addressed to our id.
    Receive {
        /// Who says it, and which life of it.
        from: Identity,
        /// Which life of ours it is addressed to, if it names one.
        to: Option<Incarnation>,
        /// What it says.
        message: Message,
    },
    /// Place this entry (its term is 0, its checksum made). Answered by `Placed` or `Refused`.
    Propose {
        /// What to place.
        entry: Entry,
        /// Comes back in the answer.
        token: Token,
    },
    /// From which index on may I read? Answered by `Readable`, or by `Refused` once `until` has passed.
    Read {
        /// Comes back in the answer.
        token: Token,
        /// When to give up.
        until: Time,
    },
    /// Whether the store has room for entries.
    Room(bool),
    /// Everything up to this is durable.
    Persisted(Seq),
    /// The state machine's snapshot is whole and durable as a file.
    Snapshotted {
        /// The last entry that it covers.
        at: LogId,
        /// The membership in force there.
        membership: Membership,
    },
    /// A snapshot from the leader is whole and durable as a file.
    SnapshotReady {
        /// The leader.
        from: NodeId,
        /// Its term.
        term: Term,
        /// Its acquaintance with us.
        track: Track,
        /// The last entry that the snapshot covers.
        at: LogId,
        /// The membership in force there.
        membership: Membership,
    },
    /// The peer holds the whole snapshot.
    SnapshotSent {
        /// The peer.
        to: NodeId,
        /// The acquaintance in which it was sent.
        track: Track,
    },
    /// The transfer gave up.
    SnapshotFailed {
        /// The peer.
        to: NodeId,
        /// The acquaintance in which it was sent.
        track: Track,
    },
    /// Propose and read nothing more.
    Drain,
}
