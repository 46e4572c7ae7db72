//! The very last fault of some runs: one that leads is cut off while its log grows, and the others elect another, who commits
//! less than that; then this one is left out, and with it all who can be.
//!
//! ```text
//!   cut off   .. 3 3 3 3 3 3      left out   .. 3 4      the others   .. 3 4      the numbers: terms of entries
//! ```
//! Of those who are left the one has the longer log, some the later term, and no majority is without both.

use super::Phase;
use super::spared::Parted;
use crate::plan::Shape;
use crate::world::World;
use rsm::raft::consensus::Consensus;
use rsm::raft::{Index, Term};

/// So long, in longest timeouts, somebody is waited for who leads, and then for another.
const PATIENCE: u64 = 6;
/// So much is asked of the one that is cut off: more than what waits to be asked of the other.
const ASKED: u64 = 40;

/// Whether one can be.
pub(super) fn may_be(world: &World) -> bool {
    !world.swarm.is_control && 3 <= world.nodes.len()
}

impl Phase<'_> {
    /// Whoever leads is cut off, until another has committed something in its own term, and less.
    pub(super) fn outgrow(&mut self) -> Option<()> {
        self.wait(PATIENCE, |phase| phase.world.leader().is_some())?;
        let Some(long) = self.world.leader() else { return Some(()) };
        self.cut(self.world.nodes.len(), &Shape::Isolate(long));
        (0..ASKED).for_each(|_| self.propose(Some(long)));
        self.wait(PATIENCE, |phase| phase.is_followed(long))?;
        let by = self.world.leader().filter(|&by| by != long && self.is_shorter(by, long));
        self.parted = by.map(|leaves| Parted { stays: long, leaves });
        self.world.net.mend_links();
        Some(())
    }

    /// Whether another leads, and has committed something of its term.
    fn is_followed(&self, one: usize) -> bool {
        let has_committed = |core: &Consensus| core.log().term_at(core.commit()) == Some(core.term());
        let other = self.world.leader().filter(|&other| other != one);
        other.and_then(|other| self.world.nodes[other].look(|core, _| has_committed(core))) == Some(true)
    }

    /// Whether the log of one is shorter than that of another, and ends in a later term.
    fn is_shorter(&self, one: usize, other: usize) -> bool {
        let last =
            |id: usize| self.world.nodes[id].look(|core, _| core.log().last()).map(|last| (last.term, last.index));
        let is_so = |(one, other): ((Term, Index), (Term, Index))| other.0 < one.0 && one.1 < other.1;
        last(one).zip(last(other)).is_some_and(is_so)
    }
}
