//! The present, as the replica saw it at the end of its last turn: read by anyone, at once, whatever the replica does.

use crate::raft::consensus::RoleName;
use crate::raft::{Index, NodeId, Term};
use std::time::Duration;

/// What a replica is and knows.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) role: RoleName,
    pub(crate) draining: bool,
    pub(crate) term: Term,
    pub(crate) leader: Option<NodeId>,
    pub(crate) first: Index,
    pub(crate) last: Index,
    pub(crate) commit: Index,
    /// On a leader: how long ago each other member was heard.
    pub(crate) heard: Vec<(NodeId, Duration)>,
}

impl Default for Standing {
    fn default() -> Standing {
        Standing {
            role: RoleName::Newborn,
            draining: false,
            term: Term(0),
            leader: None,
            first: Index(1),
            last: Index(0),
            commit: Index(0),
            heard: Vec::new(),
        }
    }
}
