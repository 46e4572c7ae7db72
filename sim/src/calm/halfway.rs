//! The very last fault of some runs: one is brought a snapshot, and half-way whoever brings it is gone. The others have an
//! older one, behind which their logs begin too: each is needed, and none has another to bring.
//!
//! ```text
//!   gone      ..........|S y y      brings S, half of which has come
//!   others    ....|R x x x y y      their state machines stand still: they take no other than R
//!   behind    ..                    needs R or S
//! ```

use super::Phase;
use super::spared::Parted;
use crate::plan::{FOR_EVER, Shape, What};
use rsm::raft::consensus::{Consensus, Mode, Role};
use rsm::raft::{Index, NodeId, Time};

/// So long, in longest timeouts, each of the steps is waited for.
const PATIENCE: u64 = 6;

impl Phase<'_> {
    /// Somebody is brought a snapshot which nobody brings to its end.
    pub(super) fn die_half_way(&mut self) -> Option<()> {
        self.wait(PATIENCE, |phase| phase.world.leader().is_some())?;
        let all = self.world.nodes.len();
        let behind = (self.world.leader().unwrap_or_default() + 1) % all;
        let Some(has) = self.world.nodes[behind].look(|core, _| core.log().last().index) else { return Some(()) };
        self.world.freeze(behind);
        self.parted = self.bring_half(behind, has)?.map(|leaves| Parted { stays: behind, leaves });
        if self.parted.is_none() {
            std::mem::take(&mut self.slow).into_iter().for_each(|id| self.world.go_on(id));
        }
        self.world.net.mend_links();
        self.world.thaw(behind);
        Some(())
    }

    /// Who has brought half of a snapshot to one whose log ends there, and is to be gone; none if it has not come to that.
    fn bring_half(&mut self, behind: usize, has: Index) -> Option<Option<usize>> {
        let others = |phase: &Phase<'_>, but: usize| -> Vec<usize> {
            (0..phase.world.nodes.len()).filter(|&id| id != behind && id != but).collect()
        };
        let is_cut = |phase: &Phase<'_>, id: usize| {
            phase.world.nodes[id].look(|core, _| has < core.log().base().index).unwrap_or_default()
        };
        if !self.work_until(|phase| others(phase, behind).into_iter().all(|id| is_cut(phase, id)))? {
            return Some(None);
        }
        let Some(leader) = self.world.leader() else { return Some(None) };
        self.slow = others(self, leader);
        for id in self.slow.clone() {
            self.world.apply(What::Slow { node: id, lasts: FOR_EVER });
        }
        let snapshot = |phase: &Phase<'_>, id: usize| {
            phase.world.nodes[id].look(|core: &Consensus, _: &Role| core.log().snapshot().index).unwrap_or_default()
        };
        let newest = self.slow.iter().map(|&id| snapshot(self, id)).max().unwrap_or_default();
        if !self.work_until(|phase| newest < snapshot(phase, leader))? || self.world.leader() != Some(leader) {
            return Some(None);
        }
        self.world.thaw(behind);
        let is_brought = |_: &Consensus, role: &Role| match role {
            Role::Leader(leader) => leader.progress().any(|(to, progress)| {
                to == NodeId(behind as u64)
                    && matches!(progress.mode, Mode::Snapshot { at, said: true } if newest < at.index)
            }),
            Role::Newborn(_) | Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => false,
        };
        if !self.wait(PATIENCE, |phase| phase.world.nodes[leader].look(is_brought) == Some(true))? {
            return Some(None);
        }
        // Its first pieces come, and who sends them does not hear of it.
        self.cut(self.world.nodes.len(), &Shape::Link(behind, leader));
        self.wait(1, |_| false)?;
        Some(Some(leader))
    }

    /// Whoever leads commits, and commits, until it holds.
    fn work_until(&mut self, holds: impl Fn(&Phase<'_>) -> bool) -> Option<bool> {
        let end = PATIENCE * super::PARTS;
        for _ in 0..end {
            if holds(self) {
                return Some(true);
            }
            (0..self.world.swarm.snapshot_entries).for_each(|_| self.propose(self.world.leader()));
            let pause = Time(self.time.now().0 + self.t_max / super::PARTS);
            while self.time.now() < pause && !holds(self) {
                if !(self.go)(self.time, self.world) {
                    return None;
                }
            }
        }
        Some(holds(self))
    }
}
