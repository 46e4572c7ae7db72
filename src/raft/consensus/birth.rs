//! Who may vote: a peer with an empty disk may be new, or may have voted yesterday and lost its disk.
//!
//! ```text
//!   newborn A                     B                                   C
//!   Hello ──────────────────────> binds A's life, durably
//!         <────────── Attest ──── "the life of yours that I know is this"
//!   Hello ─────────────────────────────────────────────────────────> the same
//!         <───────────────────────────────────────────── Attest ────
//!   enough: born, and may vote
//! ```
//! Each peer binds one life of each other member, the first that it hears of, for ever. Two lives of one member that are
//! both born would share so many attesters, each of which must have lost its own disk to attest twice, that more disks
//! were lost than the cluster promises to survive.

use super::Consensus;
use super::membership::Membership;
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{Incarnation, NodeId, Seq};
use std::collections::BTreeMap;

/// How many of the other members must attest a life before it may vote.
///
/// The least `q` with `2q > n - 2 + f`, where a cluster of `n` voters survives `f` of them.
#[must_use]
pub fn attesters(membership: &Membership) -> usize {
    let (voters, survived) = sizes(membership);
    // The page's least q of 2q > n - 2 + f, without going below zero for a cluster of one.
    if voters <= 1 { 0 } else { (voters + survived - 2) / 2 + 1 }
}

/// The same, where an operator vouches that this is the first life.
#[must_use]
pub fn attesters_of_first_boot(membership: &Membership) -> usize {
    let (voters, survived) = sizes(membership);
    (voters + survived).saturating_sub(1 + attesters(membership))
}

/// How many must attest the life that runs here.
pub(crate) fn attesters_of(core: &Consensus) -> usize {
    let is_vouched_for = core.options.first_boot == Some(core.me.incarnation);
    let membership = core.log.membership();
    if is_vouched_for { attesters_of_first_boot(membership) } else { attesters(membership) }
}

/// Voters, and how many of them may be lost.
fn sizes(membership: &Membership) -> (usize, usize) {
    let voters = membership.sets().next().map_or(0, |set| set.voters().count());
    (voters, voters - (voters / 2 + 1).min(voters))
}

/// Which life of each other member is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bindings {
    lives: BTreeMap<NodeId, Binding>,
    /// The disk has been given all of them.
    all_staged: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Binding {
    incarnation: Incarnation,
    /// The record that makes it durable, once it has been given to the disk.
    staged: Option<Seq>,
}

impl Bindings {
    /// What a store has kept.
    pub(super) fn recovered(bindings: &BTreeMap<NodeId, Incarnation>) -> Bindings {
        let durable = |incarnation| Binding { incarnation, staged: Some(Seq(0)) };
        let lives = bindings.iter().map(|(&node, &incarnation)| (node, durable(incarnation))).collect();
        Bindings { lives, all_staged: true }
    }

    /// The life of this member that is known.
    #[must_use]
    pub fn of(&self, node: NodeId) -> Option<Incarnation> {
        self.lives.get(&node).map(|binding| binding.incarnation)
    }

    /// Each member and its life.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, Incarnation)> + '_ {
        self.lives.iter().map(|(&node, binding)| (node, binding.incarnation))
    }

    /// The life of this member that is known from now on: this one, if none was. Never another than before.
    pub(super) fn bind(&mut self, node: NodeId, incarnation: Incarnation) -> Incarnation {
        let bound = self.lives.entry(node).or_insert_with(|| {
            self.all_staged = false;
            Binding { incarnation, staged: None }
        });
        if mutate!(BoundAnew, false, bound.incarnation != incarnation) {
            self.all_staged = false;
            *bound = Binding { incarnation, staged: None };
        }
        bound.incarnation
    }

    /// Whether the binding survives a crash: only then may it be attested.
    pub(super) fn is_durable(&self, node: NodeId, durable: Seq) -> bool {
        mark!(
            "binding-not-durable-yet",
            self.lives.get(&node).is_some_and(|binding| binding.staged.is_none_or(|seq| durable < seq))
        );
        let is_durable = self.lives.get(&node).and_then(|binding| binding.staged).is_some_and(|seq| seq <= durable);
        mutate!(AttestEarly, is_durable, true)
    }

    /// Gives the disk what it has not been given yet.
    pub(super) fn stage(&mut self, mut each: impl FnMut(NodeId, Incarnation) -> Seq) {
        if std::mem::replace(&mut self.all_staged, true) {
            return;
        }
        for (&node, binding) in self.lives.iter_mut().filter(|(_, binding)| binding.staged.is_none()) {
            binding.staged = Some(each(node, binding.incarnation));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(voters: u64) -> Membership {
        Membership::of_voters((0..voters).map(|id| (NodeId(id), "")))
    }

    #[test]
    fn a_first_formation_needs_3_3_4_5_6_of_three_to_seven_peers_up_once() {
        let needed: Vec<usize> = (3..=7).map(|voters| attesters(&of(voters)) + 1).collect();
        assert_eq!(needed, [3, 3, 4, 5, 6]);
        assert_eq!((attesters(&of(1)), attesters(&of(2))), (0, 1));
    }

    #[test]
    fn an_operator_who_vouches_saves_some_of_them() {
        let needed: Vec<usize> = (3..=7).map(|voters| attesters_of_first_boot(&of(voters))).collect();
        assert_eq!(needed, [1, 2, 3, 3, 4]);
        assert_eq!((attesters_of_first_boot(&of(1)), attesters_of_first_boot(&of(2))), (0, 0));
    }

    /// Two lives of one member, each born of q attesters, take more lost disks than the cluster promises to survive.
    #[test]
    fn two_lives_of_a_member_are_born_only_if_more_disks_are_lost_than_may_be() {
        for voters in 2..=9 {
            let (membership, lost) = (of(voters), sizes(&of(voters)).1 as i64);
            let shared = 2 * attesters(&membership) as i64 - (voters as i64 - 1);
            assert!(lost < shared.max(0) + 1, "{voters} voters");
            let fewer = 2 * (attesters(&membership) as i64 - 1) - (voters as i64 - 1);
            assert!(voters == 2 || fewer.max(0) < lost, "{voters} voters: one attester fewer would do");
        }
    }

    #[test]
    fn a_binding_is_never_replaced() {
        let mut bindings = Bindings::default();
        assert_eq!(bindings.bind(NodeId(1), Incarnation(5)), Incarnation(5));
        assert_eq!(bindings.bind(NodeId(1), Incarnation(6)), Incarnation(5));
        assert!(!bindings.is_durable(NodeId(1), Seq(9)), "R3: not given to the disk yet");
        bindings.stage(|_, _| Seq(4));
        assert!(!bindings.is_durable(NodeId(1), Seq(3)));
        assert!(bindings.is_durable(NodeId(1), Seq(4)));
    }
}
