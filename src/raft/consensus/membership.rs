//! Who belongs to the cluster, and as what.
//!
//! ```text
//!   members    id -> voter | learner | witness, which life of it if known, address       counted for every decision
//!   outgoing   the half that is being left, in the same form; empty but for a change under way (§6)
//! ```

use crate::raft::{Incarnation, NodeId};
use std::collections::BTreeMap;

/// The members, and while they change the former ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Membership {
    /// Those in force, or to come into force.
    pub members: BTreeMap<NodeId, Member>,
    /// Those that are being left; empty unless the cluster changes.
    pub outgoing: BTreeMap<NodeId, Member>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// What it counts for.
    pub duty: Duty,
    /// Which life of it belongs here, if the entry says so.
    pub incarnation: Option<Incarnation>,
    /// Where its packets go: the user's own notion, opaque to us.
    pub address: String,
}

/// What a member counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Duty {
    /// Votes, and is counted for commits.
    Voter = 0,
    /// Receives the log alone.
    Learner = 1,
    /// Votes, and holds no state.
    Witness = 2,
}

impl Membership {
    /// Voters with these ids and addresses.
    #[must_use]
    pub fn of_voters<A: Into<String>>(voters: impl IntoIterator<Item = (NodeId, A)>) -> Membership {
        let member = |address: A| Member { duty: Duty::Voter, incarnation: None, address: address.into() };
        Membership {
            members: voters.into_iter().map(|(id, address)| (id, member(address))).collect(),
            outgoing: BTreeMap::new(),
        }
    }
}
