//! One more fault of some runs, when all is well: whoever leads cannot read any more what its disk holds, just as another
//! comes back that lacks some of it.
//!
//! ```text
//!   L A | F   L goes on, until it holds in memory no more what F lacks, or has cut its log behind it
//!   L A F     of L's disk nothing can be read: it serves F from memory, or ends, and another that can read it leads
//! ```
//! Whoever leads on and brings nothing keeps the others from bringing it.

use super::{CATCH_UP, Phase};
use crate::plan::Shape;
use crate::stream::{Purpose, stream};
use crate::world::World;
use rsm::raft::consensus::{Consensus, Role};
use rsm::raft::storage::Disk;
use rsm::raft::{Index, Time};

/// In one run of so many it is tried.
const ONE_IN: u64 = 3;
/// So many entries are placed at most.
const ENTRIES_MAX: u64 = 96;

impl Phase<'_> {
    /// Whether it is tried, and whether the log is to be cut: then it is a snapshot that cannot be read.
    pub(super) fn may_be_unread(&self) -> Option<bool> {
        let World { seed, swarm, nodes, .. } = &self.world;
        let mut draws = stream(*seed, Purpose::Calm, 5);
        let (is_tried, is_cut) = (draws.chance(1, ONE_IN), draws.chance(1, 3));
        let others_suffice = nodes.len() / 2 + 1 < self.core.len();
        (is_tried && others_suffice && !swarm.is_control).then_some(is_cut)
    }

    pub(super) fn leave_unread(&mut self, is_cut: bool) -> Option<()> {
        let Some((_, leader)) = self.lead() else { return Some(()) };
        let leader = leader.0 as usize;
        let Some(&other) = self.core.iter().find(|&&id| id != leader) else { return Some(()) };
        if !self.world.may_impair(leader) {
            return Some(());
        }
        self.cut(self.world.nodes.len(), &Shape::Isolate(other));
        let lacks = self.world.nodes[other].look(|core, _| core.log().last().index.next()).unwrap_or_default();
        for _ in 0..ENTRIES_MAX {
            if self.is_gone_from(leader, lacks, is_cut) {
                break;
            }
            self.propose(Some(leader));
            self.pass(Time(self.time.now().0 + self.t_max / 8))?;
        }
        let node = &mut self.world.nodes[leader];
        for name in node.disk.list().unwrap_or_default().iter().filter(|name| name.as_str() != "spare") {
            node.is_unreadable |= node.disk.spoil(name, 0..u64::MAX);
        }
        self.world.sums.unreadable += u64::from(self.world.nodes[leader].is_unreadable);
        self.world.net.mend_links();
        let what = "log that all have applied, nor an end of who leads and cannot read its own";
        self.until(self.hard(), what, |phase| phase.is_equal() || phase.world.nodes[leader].process.is_none())?;
        self.world.retire(leader);
        self.core = self.sound().into_iter().collect();
        self.agree("log that all have applied who can read theirs", CATCH_UP)
    }

    /// Whether this is in nobody's memory any more, or not even in the log.
    fn is_gone_from(&self, leader: usize, lacks: Index, is_cut: bool) -> bool {
        let is_gone = |core: &Consensus, _: &Role| {
            let log = core.log();
            if is_cut { lacks < log.first() } else { lacks < log.cached_from() }
        };
        self.world.nodes[leader].look(is_gone) != Some(false)
    }
}
