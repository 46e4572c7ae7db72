//! The very last fault of some runs: one stands in vain, in a later term than its leader, who leads on and is followed by the
//! others.
//!
//! ```text
//!   L | A B    nobody hears L: B stands, A would vote for it       L A | B    nobody hears B; L commits what B lacks
//! ```
//! Then whoever has the longer log does not know the higher term, and each of the two must learn of the other.

use super::Phase;
use crate::plan::Shape;
use crate::world::World;
use rsm::raft::Time;
use rsm::raft::consensus::{Consensus, Role, RoleName};

/// So long, in longest timeouts, somebody is waited for who stands.
const PATIENCE: u64 = 6;

/// Whether one can be: who stands without asking learns of higher terms by itself, and a leader that counts its followers
/// does not lead on.
pub(super) fn may_be(world: &World) -> bool {
    world.swarm.pre_vote && !world.swarm.check_quorum && 3 <= world.nodes.len()
}

impl Phase<'_> {
    /// Whoever leads is heard by nobody until another stands, and that one is from then on.
    pub(super) fn strand(&mut self) -> Option<()> {
        let all = self.world.nodes.len();
        let Some(leader) = self.world.leader() else { return Some(()) };
        self.cut(all, &Shape::Isolate(leader));
        let end = Time(self.time.now().0 + PATIENCE * self.t_max);
        while self.who_stands().is_none() && self.time.now() < end {
            if !(self.go)(self.time, self.world) {
                return None;
            }
        }
        let stands = self.who_stands();
        self.world.net.mend_links();
        self.is_one_stranded = stands.is_some();
        if let Some(one) = stands {
            self.cut(all, &Shape::Isolate(one));
            self.pass(Time(self.time.now().0 + 2 * self.t_max))?;
            self.world.net.mend_links();
        }
        Some(())
    }

    fn who_stands(&self) -> Option<usize> {
        let stands = |_: &Consensus, role: &Role| role.name() == RoleName::Candidate;
        self.world.nodes.iter().find(|node| node.look(stands) == Some(true)).map(|node| node.id)
    }
}
