//! Who is left out of the core, and what becomes of those.

use super::Phase;
use crate::plan::Shape;
use crate::stream::{Purpose, stream};
use rsm::mix::Draws;
use rsm::raft::Time;

/// What becomes of those outside the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frozen {
    Down,
    Cut,
    /// What they say arrives, and nothing reaches them.
    Babbling,
    /// Their disks complete nothing.
    Stuck,
}

/// Two that the last fault has parted: the one is needed, the other is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parted {
    pub(super) stays: usize,
    pub(super) leaves: usize,
}

/// How many of those who can be spared are left out, and what becomes of them: in half of the phases they babble, if they may.
/// `has_parted`: what the last fault has done one of them would undo.
pub(super) fn outside(draws: &mut Draws, most: u64, may_babble: bool, has_parted: bool) -> (u64, Frozen) {
    let some = 1 + draws.below(most);
    if draws.chance(1, 2) && may_babble {
        return (some, Frozen::Babbling);
    }
    let mode = match draws.below(4) {
        0 => Frozen::Down,
        1 => Frozen::Cut,
        _ if has_parted => Frozen::Cut, // nobody else is to tell the others
        _ => Frozen::Stuck,
    };
    let is_nobody = !has_parted && draws.chance(1, 2);
    (if is_nobody { 0 } else { some }, mode)
}

impl Phase<'_> {
    /// Leaves some of those out who are sound, if the others are enough; whom the last fault has parted from the others
    /// first, and as many as can be.
    pub(super) fn spare(&mut self, sound: Vec<usize>) {
        let mut draws = stream(self.world.seed, Purpose::Calm, 1);
        let is_born = |&id: &usize| self.world.nodes[id].look(|core, _| core.is_born()) == Some(true);
        let (all, needed) = (self.world.nodes.len(), self.world.nodes.len() / 2 + 1);
        if !sound.iter().all(is_born) || sound.len() <= needed {
            return;
        }
        let may_babble = self.world.swarm.pre_vote && self.world.swarm.check_quorum;
        let most = (sound.len() - needed) as u64;
        let parted = self.parted.filter(|parted| self.core.contains(&parted.stays));
        let (some, mode) = outside(&mut draws, most, may_babble, self.is_one_stranded || parted.is_some());
        let spared = if parted.is_some() { most } else { some };
        let leader = self.world.leader().filter(|_| draws.chance(3, 4));
        let first = parted.map(|parted| parted.leaves).or(leader);
        for nth in 0..spared {
            let others = || self.core.iter().filter(|&&id| parted.is_none_or(|parted| id != parted.stays));
            let drawn = draws.below(others().count() as u64) as usize;
            let one = others().nth(drawn).copied();
            let out = first.filter(|first| nth == 0 && self.core.contains(first)).or(one);
            self.core.remove(&out.expect("it is one of them"));
        }
        let frozen: Vec<usize> = sound.into_iter().filter(|id| !self.core.contains(id)).collect();
        for id in frozen {
            match mode {
                Frozen::Down => self.world.freeze(id),
                Frozen::Cut => self.cut(all, &Shape::Isolate(id)),
                Frozen::Babbling => self.cut(all, &Shape::Deaf(id)),
                Frozen::Stuck => {
                    self.world.nodes[id].stuck_until = Time::MAX;
                    // Who has nothing to write does not find out, and leads on.
                    self.propose(Some(id));
                }
            }
        }
    }
}
