//! Looks over one replica's shoulder.

use super::Check;
use crate::marks::quietly;
use crate::parts::{Part, enter};
use crate::shared::Shared;
use crate::stream::{Purpose, fates, nth_fate};
use rsm::raft::consensus::{Bindings, Log, Message};
use rsm::raft::consensus::{Consensus, Effect, Input, Role};
use rsm::raft::replica::Observer;
use rsm::raft::storage::SimulatedDisk;
use rsm::raft::{Identity, Index, NodeId, Term, Time};
use std::sync::Arc;

/// One step in so many is taken twice.
const SAMPLE: u64 = 64;

/// Tells the check of each step of a core, and takes some of them a second time, on a copy: a pure function comes to the
/// same (R22).
pub struct Looker {
    node: NodeId,
    /// Which steps are taken twice.
    fates: u64,
    steps: u64,
    check: Arc<Shared<Check>>,
    disk: Arc<SimulatedDisk>,
    next: Option<Box<(Consensus, Role)>>,
    /// What a stranger's message has found, and must leave as it is.
    before: Option<Box<(Consensus, Role)>>,
    flush: Option<Box<(Consensus, Role, Vec<Effect>)>>,
    /// This turn began because a deadline had come.
    ticked: bool,
    now: Time,
    /// What is charged for what is none of ours.
    charged: Part,
}

impl Looker {
    /// For one life of a node, on this disk.
    #[must_use]
    pub fn new(node: NodeId, seed: u64, check: Arc<Shared<Check>>, disk: Arc<SimulatedDisk>) -> Looker {
        Looker {
            node,
            fates: fates(seed, Purpose::Check, node.0),
            steps: 0,
            check,
            disk,
            next: None,
            before: None,
            flush: None,
            ticked: false,
            now: Time::ZERO,
            charged: Part::Rest,
        }
    }

    fn samples(&mut self) -> bool {
        self.steps += 1;
        nth_fate(self.fates, self.steps).is_multiple_of(SAMPLE)
    }
}

impl Observer for Looker {
    fn before(&mut self, core: &Consensus, role: &Role, input: &Input, now: Time) {
        self.charged = enter(Part::Checks);
        self.ticked |= matches!(input, Input::Tick);
        if let Input::Receive { from, message, .. } = input
            && is_stranger(core, *from, message)
        {
            self.before = Some(Box::new((core.clone(), role.clone())));
        }
        if let Input::Snapshotted { at, .. } | Input::SnapshotReady { at, .. } = input {
            self.check.lock().holds(self.node, *at, &self.disk);
        }
        if let Input::SnapshotReady { at, membership, .. } = input {
            self.check.lock().arrives(core, *at, membership);
        }
        if self.samples() {
            let mut copy = core.clone();
            let role = quietly(|| copy.next(role.clone(), input.clone(), now));
            self.next = Some(Box::new((copy, role)));
        }
        enter(Part::Core);
    }

    fn stepped(&mut self, core: &Consensus, role: &Role) {
        enter(Part::Checks);
        let mut check = self.check.lock();
        check.stepped(core, role);
        if let Some(before) = self.before.take()
            && (known(&before.0), &before.1) != (known(core), role)
        {
            check.break_rule("R22", format!("{} has listened to a stranger", self.node));
        }
        if let Some(copy) = self.next.take() {
            check.repeated += 1;
            if (&copy.0, &copy.1) != (core, role) {
                check.break_rule("R22", format!("a step of {} comes to another state the second time", self.node));
            }
        }
        enter(self.charged);
    }

    fn flushing(&mut self, core: &Consensus, role: &Role, now: Time) {
        self.charged = enter(Part::Checks);
        self.now = now;
        if self.samples() {
            let (mut copy, mut role, mut effects) = (core.clone(), role.clone(), Vec::new());
            quietly(|| copy.flush(&mut role, now, &mut effects));
            self.flush = Some(Box::new((copy, role, effects)));
        }
        enter(Part::Core);
    }

    fn flushed(&mut self, core: &Consensus, role: &Role, effects: &[Effect]) {
        enter(Part::Checks);
        let mut check = self.check.lock();
        check.flushed(core, role, effects);
        if std::mem::take(&mut self.ticked) && core.deadline() <= self.now {
            check.break_rule("R22", format!("{} wants to be woken at {:?}, which is past", self.node, core.deadline()));
        }
        if let Some(copy) = self.flush.take() {
            check.repeated += 1;
            if (&copy.0, &copy.1, copy.2.as_slice()) != (core, role, effects) {
                check.break_rule("R22", format!("a flush of {} says another thing the second time", self.node));
            }
        }
        enter(self.charged);
    }
}

/// Whether a message comes from no member, or from another life of a member than the one that is known. A newborn counts
/// attestations whoever gives them.
fn is_stranger(core: &Consensus, from: Identity, message: &Message) -> bool {
    let bound = core.bindings().of(from.node);
    let other = bound.is_some_and(|bound| bound != from.incarnation);
    !core.membership().has(from.node) || (other && !matches!(message, Message::Attest { .. }))
}

/// All that a core knows, but for the time and for what it owes a stranger by way of an answer.
fn known(core: &Consensus) -> (Term, Option<NodeId>, Index, &Log, &Bindings) {
    (core.term(), core.vote(), core.commit(), core.log(), core.bindings())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::swarm;
    use crate::world::World;
    use rsm::fsm::VirtualTime;

    /// What two peers have come to at that time: at first they have just begun.
    fn peers(at: Time) -> [(Consensus, Role); 2] {
        let mut swarm = swarm(3);
        swarm.nodes = 3;
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(at, &mut world);
        let of = |node: usize| world.nodes[node].look(|core, role| (core.clone(), role.clone()));
        [0, 1].map(|node| of(node).expect("it is up"))
    }

    /// The rule that is broken by what a looker sees of the first of them, having noted this before.
    fn broken(look: impl FnOnce(&mut Looker, &[(Consensus, Role); 2])) -> Option<&'static str> {
        let (check, both) = (Arc::new(Shared::new(Check::default())), peers(Time(5)));
        let mut looker = Looker::new(NodeId(0), 3, Arc::clone(&check), Arc::new(SimulatedDisk::new(3)));
        check.lock().started(&both[0].0, &both[0].1);
        look(&mut looker, &both);
        let check = check.lock();
        check.broken().map(|violation| violation.rule)
    }

    /// R22, by hand: a step that was taken twice.
    #[test]
    fn r22_a_step_that_comes_to_another_state_the_second_time() {
        let stepped = |nth: usize| {
            broken(|looker, both| {
                looker.next = Some(Box::new(both[nth].clone()));
                looker.stepped(&both[0].0, &both[0].1);
            })
        };
        assert_eq!((stepped(0), stepped(1)), (None, Some("R22")));
    }

    #[test]
    fn r22_a_flush_that_says_another_thing_the_second_time() {
        let flushed = |nth: usize| {
            broken(|looker, both| {
                let (core, role) = both[nth].clone();
                looker.flush = Some(Box::new((core, role, Vec::new())));
                looker.flushed(&both[0].0, &both[0].1, &[]);
            })
        };
        assert_eq!((flushed(0), flushed(1)), (None, Some("R22")));
    }

    #[test]
    fn r22_a_deadline_that_is_past_once_it_was_met() {
        let ticked = |now: Time| {
            broken(|looker, both| {
                (looker.ticked, looker.now) = (true, now);
                looker.flushed(&both[0].0, &both[0].1, &[]);
            })
        };
        assert_eq!((ticked(Time::ZERO), ticked(Time::MAX)), (None, Some("R22")));
    }

    #[test]
    fn r22_a_stranger_who_was_listened_to() {
        let heard = |before: Time| {
            broken(|looker, both| {
                looker.before = Some(Box::new(peers(before)[0].clone()));
                looker.stepped(&both[0].0, &both[0].1);
            })
        };
        assert_eq!((heard(Time(5)), heard(Time(2_000_000_000))), (None, Some("R22")));
    }

    #[test]
    fn r22_packets_to_refuse_that_are_not_counted() {
        let counted = |refused: u64| {
            let mut check = Check::default();
            check.counts(0, 2, refused);
            check.broken().map(|violation| violation.rule)
        };
        assert_eq!((counted(2), counted(1)), (None, Some("R22")));
    }
}
