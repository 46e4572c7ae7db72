//! What a peer is told at its start: who is who, and how long, how much, how many.

use super::membership::Membership;
use crate::raft::{Damage, Incarnation, Index, NodeId, Recovered};
use std::fmt;
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
    /// The most bytes of entries in one append; a larger entry goes alone. 256 KiB.
    pub append_bytes_max: usize,
    /// The most bytes of entries on their way to one peer, unless one append alone is more. 4 MiB.
    pub window_bytes: usize,
    /// The most appends on their way to one peer. 256.
    pub window_appends: usize,
    /// The largest entry that the store takes.
    pub entry_bytes_max: usize,
    /// What the cached tail may hold beyond what is not durable yet. 16 MiB.
    pub cache_bytes: usize,
    /// How many entries stay in the log before a snapshot, for peers that are a little behind; a leader keeps up to four
    /// times as many while one that answers still wants them. 5,000.
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

/// Why a peer cannot start: what it was told, or what its store holds, cannot be worked with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfit {
    /// Our own id is not among the members.
    NotAMember(NodeId),
    /// A heartbeat must be shorter than the election timeout.
    Times,
    /// Part of the store is lost.
    Damaged(Damage),
    /// The membership at this place of the log is not readable.
    Membership(Index),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::NotAMember(id) => write!(f, "{id} is not one of the members: give this peer the id of one of them"),
            Unfit::Times => {
                f.write_str("the heartbeat must be longer than nothing and shorter than the election timeout")
            }
            Unfit::Damaged(damage) => write!(
                f,
                "{} is damaged at {}, entries from {} on are lost: put the directory back, or empty it",
                damage.file, damage.at, damage.lost_from
            ),
            Unfit::Membership(index) => write!(f, "the membership at {index} is of a newer version, or damaged"),
        }
    }
}

impl std::error::Error for Unfit {}

impl Options {
    /// Whether a peer can start with these and with what its store has kept; and the memberships that the log holds.
    pub(super) fn check(&self, recovered: &Recovered) -> Result<Vec<(Index, Membership)>, Unfit> {
        if let Some(damage) = &recovered.damage {
            return Err(Unfit::Damaged(damage.clone()));
        }
        if self.heartbeat.is_zero() || self.election <= self.heartbeat {
            return Err(Unfit::Times);
        }
        if recovered.membership.is_empty() {
            let member = self.members.has(self.id);
            return if member { Ok(vec![(Index(0), self.members.clone())]) } else { Err(Unfit::NotAMember(self.id)) };
        }
        let decode = |(index, bytes): &(Index, bytes::Bytes)| {
            Membership::decode(bytes).map(|membership| (*index, membership)).ok_or(Unfit::Membership(*index))
        };
        let held: Vec<_> = recovered.membership.iter().map(decode).collect::<Result<_, _>>()?;
        let covers_snapshot = held[0].0 <= recovered.snapshot.index;
        Ok(if covers_snapshot { held } else { [vec![(Index(0), self.members.clone())], held].concat() })
    }
}
