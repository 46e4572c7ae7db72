//! What a peer is told at its start: who is who, and how long, how much, how many.

use super::membership::Membership;
use crate::raft::{Incarnation, NodeId};
use std::time::Duration;

/// Settings of the core. The defaults suit a local network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// Our own id.
    pub id: NodeId,
    /// The first membership; one found in the store wins over it.
    pub members: Membership,
    /// How often a leader says that it lives. 50 ms.
    pub heartbeat: Duration,
    /// The least election timeout; each arming draws anew from it up to twice as much. 300 ms.
    pub election: Duration,
    /// How long a commit may wait for an append to ride on. A tenth of the heartbeat.
    pub commit_delay: Duration,
    /// The most bytes of entries in one append. 256 KiB.
    pub append_bytes_max: usize,
    /// The most bytes of entries on their way to one peer. 4 MiB.
    pub window_bytes: usize,
    /// The most appends on their way to one peer. 256.
    pub window_appends: usize,
    /// The largest entry that the store takes.
    pub entry_bytes_max: usize,
    /// What the cached tail may hold beyond what is not durable yet. 16 MiB.
    pub cache_bytes: usize,
    /// How many entries stay in the log before a snapshot, for peers that are a little behind. 5,000.
    pub margin: u64,
    /// Ask before standing for election (thesis §9.6). On.
    pub pre_vote: bool,
    /// A leader that no quorum answers gives up (thesis §6.2). On.
    pub check_quorum: bool,
    /// The operator's word that this is the first life of this peer.
    pub first_boot: Option<Incarnation>,
}

impl Options {
    /// The defaults, for this member of those.
    #[must_use]
    pub fn new(id: NodeId, members: Membership) -> Options {
        Options {
            id,
            members,
            heartbeat: Duration::from_millis(50),
            election: Duration::from_millis(300),
            commit_delay: Duration::from_millis(5),
            append_bytes_max: 256 << 10,
            window_bytes: 4 << 20,
            window_appends: 256,
            entry_bytes_max: usize::MAX,
            cache_bytes: 16 << 20,
            margin: 5_000,
            pre_vote: true,
            check_quorum: true,
            first_boot: None,
        }
    }
}
