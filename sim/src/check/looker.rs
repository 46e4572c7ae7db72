//! Looks over one replica's shoulder.

use super::Check;
use crate::marks::quietly;
use crate::parts::{Part, enter};
use crate::shared::Shared;
use crate::stream::{Purpose, fates, nth_fate};
use rsm::raft::consensus::{Append, Consensus, Effect, Input, Message, Role};
use rsm::raft::replica::Observer;
use rsm::raft::storage::SimulatedDisk;
use rsm::raft::{Identity, NodeId, Term, Time};
use std::sync::Arc;

/// One step in so many is taken twice, on average.
const SAMPLE: u64 = 64;

/// Tells the check of each step of a core, and takes some of them a second time, on a copy: a pure function comes to the
/// same (R22).
pub struct Looker {
    node: NodeId,
    /// Which steps are taken twice: how many there were, and how many go by before the next.
    fates: u64,
    taken: u64,
    rest: u64,
    check: Arc<Shared<Check>>,
    disk: Arc<SimulatedDisk>,
    next: Option<Box<(Consensus, Role)>>,
    /// What a message has found, and must leave as it is, that is from a stranger to this member.
    before: Option<Box<(NodeId, Consensus, Role)>>,
    flush: Option<Box<(Consensus, Role, Vec<Effect>)>>,
    /// It leads this term, and is told that another does.
    rival: Option<Term>,
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
        let fates = fates(seed, Purpose::Check, node.0);
        Looker {
            node,
            fates,
            taken: 0,
            rest: pause(fates, 0),
            check,
            disk,
            next: None,
            before: None,
            flush: None,
            rival: None,
            ticked: false,
            now: Time::ZERO,
            charged: Part::Rest,
        }
    }

    fn samples(&mut self) -> bool {
        if let Some(rest) = self.rest.checked_sub(1) {
            self.rest = rest;
            return false;
        }
        self.taken += 1;
        self.rest = pause(self.fates, self.taken);
        true
    }
}

/// How many steps go by before the next one that is taken twice: none to twice the mean.
fn pause(fates: u64, taken: u64) -> u64 {
    nth_fate(fates, taken) % (2 * SAMPLE - 1)
}

impl Observer for Looker {
    fn before(&mut self, core: &Consensus, role: &Role, input: &Input, now: Time) {
        self.charged = enter(Part::Checks);
        self.ticked |= matches!(input, Input::Tick);
        if let Input::Receive { from, message, .. } = input {
            if is_stranger(core, role, *from, message) {
                self.before = Some(Box::new((from.node, core.clone(), role.clone())));
            } else if role.is_leader() && leads(message) == Some(core.term()) {
                self.rival = leads(message);
            }
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
        if let Some(before) = self.before.take() {
            let (member, known, former) = *before;
            if former != *role || !core.has_heard_a_stranger_at_most(known, member) {
                check.break_rule("R22", format!("{} has listened to a stranger to {member}", self.node));
            }
        }
        if let Some(term) = self.rival.take()
            && role.is_leader()
            && core.term() == term
        {
            check
                .break_rule("R1", format!("{} leads on in {term}, in which it has heard of another leader", self.node));
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

/// The term in which its sender leads, by its own word.
fn leads(message: &Message) -> Option<Term> {
    match message {
        Message::Append(Append { term, .. }) | Message::Heartbeat { term, .. } => Some(*term),
        _ => None,
    }
}

/// Whether a message comes from no member, or from another life of a member than the one that is known. A newborn counts
/// attestations whoever gives them.
fn is_stranger(core: &Consensus, role: &Role, from: Identity, message: &Message) -> bool {
    let bound = core.bindings().of(from.node);
    let is_other = bound.is_some_and(|bound| bound != from.incarnation);
    let counts = matches!((role, message), (Role::Newborn(_), Message::Attest { .. }));
    !core.membership().has(from.node) || (is_other && !counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Families, swarm};
    use crate::world::World;
    use rsm::fsm::VirtualTime;
    use rsm::raft::{Incarnation, Index, LogId, Round, Track};

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
                let (core, role) = peers(before)[0].clone();
                looker.before = Some(Box::new((NodeId(1), core, role)));
                looker.stepped(&both[0].0, &both[0].1);
            })
        };
        assert_eq!((heard(Time(5)), heard(Time(2_000_000_000))), (None, Some("R22")));
    }

    #[test]
    fn r22_of_a_stranger_nothing_is_noted_but_that_it_must_be_told() {
        const LATER: Time = Time(3_000_000_000);
        let both = peers(LATER);
        let (core, role) = both.iter().find(|(_, role)| !role.is_leader()).expect("one leads at most");
        let node = core.leader(role).expect("it is led");
        let known = core.bindings().of(node).expect("it has been heard");
        let stranger = Incarnation(known.0 ^ 1);
        // What is broken if this life of the leader says something, and the core hears it from that one.
        let broken = |says: Incarnation, heard: Incarnation, message: &Message| {
            let check = Arc::new(Shared::new(Check::default()));
            check.lock().asks_only(&["R22"]);
            let mut looker = Looker::new(core.me().node, 3, Arc::clone(&check), Arc::new(SimulatedDisk::new(3)));
            let said = |incarnation: Incarnation| {
                let from = Identity { node, incarnation };
                Input::Receive { from, to: None, message: message.clone() }
            };
            let mut core = core.clone();
            looker.before(&core, role, &said(says), LATER);
            let role = core.next(role.clone(), said(heard), LATER);
            looker.stepped(&core, &role);
            let check = check.lock();
            check.broken().map(|violation| violation.rule)
        };
        let (term, track) = (core.term(), Track(3));
        let (asked, last) = (term, LogId::ZERO);
        let beat =
            |round: u64, commit: u64| Message::Heartbeat { term, track, commit: Index(commit), round: Round(round) };
        for message in [
            Message::Hello,
            Message::Attest { bound: Incarnation(core.me().incarnation.0 ^ 1) },
            Message::PreVote { asked, last },
            Message::Vote { term, last, transfer: false },
            beat(u64::MAX, 0),
            beat(0, u64::MAX),
        ] {
            assert_eq!(broken(stranger, stranger, &message), None, "{message:?}");
            assert_eq!(broken(stranger, known, &message), Some("R22"), "{message:?}");
            assert_eq!(broken(known, known, &message), None, "{message:?}");
        }
    }

    /// R1, by hand: who leads, and is told by a member that this one does.
    #[test]
    fn r1_a_leader_that_leads_on_though_another_leads_in_its_term() {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(3_000_000_000), &mut world);
        let leader = world.leader().expect("nothing goes wrong");
        let of = |core: &Consensus, role: &Role| (core.clone(), role.clone());
        let (core, role) = world.nodes[leader].look(of).expect("it is up");
        let node = NodeId((leader as u64 + 1) % 3);
        let from = Identity { node, incarnation: core.bindings().of(node).expect("it has been heard") };
        let leads_on = |term: Term| {
            let check = Arc::new(Shared::new(Check::default()));
            check.lock().asks_only(&["R1"]);
            let mut looker = Looker::new(core.me().node, 3, Arc::clone(&check), Arc::new(SimulatedDisk::new(3)));
            let message = Message::Heartbeat { term, track: Track(0), commit: Index(0), round: Round(0) };
            looker.before(&core, &role, &Input::Receive { from, to: None, message }, Time(3_000_000_000));
            looker.stepped(&core, &role);
            let check = check.lock();
            check.broken().map(|violation| violation.rule)
        };
        assert_eq!((leads_on(core.term()), leads_on(Term(core.term().0 - 1))), (Some("R1"), None));
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
