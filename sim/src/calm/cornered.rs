//! The last fault of some runs: one that leads is cut off and its log goes on growing, until the others have taken a
//! snapshot of other entries that ends within it, and have cut their logs behind what it shares with them.
//!
//! ```text
//!   cut off   .. d x x x x x        the others   .. d y y|y     the bar: their snapshot, behind which their logs begin
//! ```
//! Then it is brought that snapshot, and must let go of all that it has placed.

use super::Phase;
use crate::plan::Shape;
use crate::world::World;
use rsm::raft::{Index, Time};

/// Snapshots come seldom where they take more entries than this.
const ENTRIES_MAX: u64 = 24;
/// So long, in longest timeouts, somebody is waited for who leads, and a snapshot.
const PATIENCE: u64 = 8;

/// Whether one can be: there are others, and snapshots come soon.
pub(super) fn may_be(world: &World) -> bool {
    !world.swarm.is_control && 3 <= world.nodes.len() && world.swarm.snapshot_entries <= ENTRIES_MAX
}

impl Phase<'_> {
    /// Whoever leads is heard by nobody from then on, until the others' snapshot is the one.
    pub(super) fn corner(&mut self) -> Option<()> {
        self.wait(PATIENCE, |phase| phase.world.leader().is_some())?;
        let Some(leader) = self.world.leader() else { return Some(()) };
        self.cut(self.world.nodes.len(), &Shape::Isolate(leader));
        // Snapshot by snapshot, all of it lies within what is placed here.
        (0..2 * self.world.swarm.snapshot_entries + 4).for_each(|_| self.propose(Some(leader)));
        let end = Time(self.time.now().0 + PATIENCE * self.t_max);
        let pause = self.t_max / 16;
        while self.time.now() < end && !self.is_overtaken(leader) {
            self.propose(self.world.leader().filter(|&other| other != leader));
            let next = Time(self.time.now().0 + pause);
            while self.time.now() < next && !self.is_overtaken(leader) {
                if !(self.go)(self.time, self.world) {
                    return None;
                }
            }
        }
        self.world.net.mend_links();
        self.pass(Time(self.time.now().0 + self.t_max))
    }

    /// Whether another has cut its log behind all that this one knows to be committed, and its snapshot ends within the log
    /// of this one.
    fn is_overtaken(&self, one: usize) -> bool {
        let ends = self.world.nodes[one].look(|core, _| (core.commit(), core.log().last().index));
        let Some((commit, last)) = ends else { return true }; // there is nothing to wait for
        let log =
            |id: usize| self.world.nodes[id].look(|core, _| (core.log().base().index, core.log().snapshot().index));
        let is_beyond = |(base, at): (Index, Index)| commit < base && at <= last;
        self.world.leader().filter(|&other| other != one).and_then(log).is_some_and(is_beyond)
    }
}
