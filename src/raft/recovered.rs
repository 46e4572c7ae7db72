//! What a store tells of the life before: the whole of a peer's past, as far as it is durable.

use super::types::{Incarnation, Index, LogId, NodeId, Term};
use bytes::Bytes;
use std::collections::BTreeMap;

/// What was found in a store when it was opened. All of it is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Of this directory, drawn when it was made.
    pub incarnation: Incarnation,
    /// Whether this life may vote: enough others have attested that it is no former one.
    pub born: bool,
    /// Which life of each other member is known.
    pub bindings: BTreeMap<NodeId, Incarnation>,
    /// The current term.
    pub term: Term,
    /// Whom this peer has voted for in that term.
    pub vote: Option<NodeId>,
    /// A lower bound of what is committed; a hint that nothing depends on.
    pub commit: Index,
    /// The last entry that the snapshot of the last mark covers.
    pub snapshot: LogId,
    /// The log is readable after it: the snapshot, or the oldest entry still held if that is older.
    pub base: LogId,
    /// The terms of all entries after `base`, as runs: first index, term.
    pub terms: Vec<(Index, Term)>,
    /// The last entry; `base` if there is none after it.
    pub last: LogId,
    /// The snapshot's membership, then each such entry behind it; empty: the one that the builder was given.
    pub membership: Vec<(Index, Bytes)>,
    /// What is lost, if a damaged store was opened all the same.
    pub damage: Option<Damage>,
}

/// Which part of a store is not readable any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// The offset in it.
    pub at: u64,
    /// The first entry that is lost.
    pub lost_from: Index,
    /// The greatest entry of which there is proof that it was held.
    pub witnessed: LogId,
}
