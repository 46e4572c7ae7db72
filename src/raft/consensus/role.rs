//! The state of the automaton: in which role a peer is, and what only that role knows.

use super::{Candidate, Consensus, Follower, Leader, Newborn, PreCandidate, Progress};
use crate::raft::{NodeId, Track};

/// What a peer is. The data is begun by the role's constructor alone, and dropped with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// May not vote yet.
    Newborn(Newborn),
    /// Follows, or waits for somebody to follow.
    Follower(Follower),
    /// Asks whether it could win.
    PreCandidate(PreCandidate),
    /// Stands for election.
    Candidate(Candidate),
    /// Leads.
    Leader(Box<Leader>),
}

/// A role without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleName {
    /// See [`Role::Newborn`].
    Newborn,
    /// See [`Role::Follower`].
    Follower,
    /// See [`Role::PreCandidate`].
    PreCandidate,
    /// See [`Role::Candidate`].
    Candidate,
    /// See [`Role::Leader`].
    Leader,
}

impl std::fmt::Display for RoleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            RoleName::Newborn => "newborn",
            RoleName::Follower => "follower",
            RoleName::PreCandidate => "pre-candidate",
            RoleName::Candidate => "candidate",
            RoleName::Leader => "leader",
        })
    }
}

impl Role {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> RoleName {
        match self {
            Role::Newborn(_) => RoleName::Newborn,
            Role::Follower(_) => RoleName::Follower,
            Role::PreCandidate(_) => RoleName::PreCandidate,
            Role::Candidate(_) => RoleName::Candidate,
            Role::Leader(_) => RoleName::Leader,
        }
    }

    /// Whether it leads.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        matches!(self, Role::Leader(_))
    }

    /// What it leaves behind for the role that comes after.
    pub(super) fn leave(self, core: &mut Consensus) {
        match self {
            Role::Leader(leader) => leader.leave(core),
            Role::Newborn(_) | Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {}
        }
    }

    /// Gives up in its own term.
    pub(super) fn step_down(self, core: &mut Consensus) -> Role {
        self.leave(core);
        Follower::begin(core)
    }

    /// A snapshot's transfer to a peer has ended.
    pub(super) fn on_transfer_end(mut self, to: NodeId, track: Track, then: impl FnOnce(&mut Progress)) -> Role {
        if let Role::Leader(leader) = &mut self
            && let Some(progress) = leader.tracked(to, track)
        {
            then(progress);
        }
        self
    }
}
