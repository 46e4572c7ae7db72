//! Snapshots, as far as the core is concerned: big bytes never pass through it.
//!
//! ```text
//!   own       Snapshotted ── Persist(Mark) ── durable: the log is cut, up to a margin before it ── Release
//!   leader's  SnapshotReady ── base := at ── Persist(Mark), Install ── durable: acknowledged
//! ```

use super::{Consensus, Follower, Membership, Role};
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{Index, LogId, NodeId, Track};

/// How many margins of the log a leader keeps at most for a peer that is behind.
const HELD_MARGINS: u64 = 4;

/// A leader's snapshot, whole and durable as a file.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) track: Track,
    pub(super) at: LogId,
    pub(super) membership: Membership,
}

impl Consensus {
    /// Our own state machine's snapshot is whole and durable as a file.
    pub(super) fn on_snapshotted(&mut self, role: Role, at: LogId, membership: Membership) -> Role {
        // One that was installed meanwhile may be newer.
        let is_news = self.log.snapshot().index < at.index;
        mark!("own-snapshot-overtaken", !is_news);
        if is_news && at.index <= self.applied && self.log.has(at) {
            self.log.mark(at, membership);
        }
        role
    }

    /// How much of the log may go, once the mark of the snapshot is durable: all but a margin; and what a leader's peer
    /// that answers is behind, or lacks behind the snapshot that it is brought, up to [`HELD_MARGINS`]. Else under steady
    /// load each snapshot would come too late for the next cut, and another would follow it, for ever.
    pub(super) fn released(&self, role: &Role) -> Index {
        let (at, margin) = (self.log.snapshot().index.0, self.options.margin);
        let wanted = match role {
            Role::Leader(leader) => leader.wanted(self),
            Role::Newborn(_) | Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => None,
        };
        let most = at.saturating_sub(margin);
        let least = at.saturating_sub(margin.saturating_mul(HELD_MARGINS));
        Index(wanted.map_or(most, |wanted| wanted.0.clamp(least, most)))
    }
}

impl Follower {
    /// A snapshot of our leader: it covers what we lack, or shows that we lack nothing of it (§7).
    pub(super) fn on_snapshot(mut self, core: &mut Consensus, from: NodeId, arrived: Arrived) -> Role {
        let Arrived { track, at, membership } = arrived;
        core.hear(from, None);
        mark!("snapshot-of-what-is-held", at.index <= core.commit);
        mark!("snapshot-at-the-commit", at.index == core.commit);
        if mutate!(OldSnapshotInstalled, core.commit < at.index, true) {
            core.log.install(at, membership, core.commit);
            core.commit = at.index;
            core.applied = at.index;
            core.install = Some(at);
        }
        self.on_installed(core, at.index, track);
        Role::Follower(self)
    }
}
