//! What must add up: packets, faults, bytes, calls, and what a peer keeps.

use crate::check::{Asked, Check, Kept, Life, behind};
use crate::client::Of;
use crate::event::Event;
use crate::node::Node;
use crate::script::Outcomes;
use crate::world::World;
use rsm::raft::storage::simulated::Ledger;
use rsm::raft::{Index, Term};

/// After so many turns it is looked at what has been turned away.
pub(crate) const LOOK: u64 = 64;
/// More entries no turn takes in, if a liar's packet says so.
const ENTRIES_A_TURN: u64 = 64;

/// Where there are so few files nobody keeps too many snapshots, and their names are not looked at.
const FEW: u64 = 4;

impl World {
    /// Every packet was delivered, lost, or is on its way; every fault has come to something, or its time has not come.
    pub(crate) fn account(&self) {
        let queued = self.queue.iter().filter(|event| matches!(event, Event::Fault(_))).count();
        let charged: usize = self.nodes.iter().map(|node| node.charges.waiting()).sum();
        let (to_come, effects) = (queued + self.armed.len() + charged, self.effects());
        if self.plan.len() as u64 != effects.all() + to_come as u64 {
            let why = format!("{} faults, {to_come} to come: {effects}", self.plan.len());
            self.check.lock().break_rule("R20", format!("faults are not accounted for: {why}"));
        }
        self.nodes.iter().for_each(|node| self.check.lock().weighs(node.id, &node.disk.ledger()));
        let traffic = self.net.traffic;
        let on_way = self.queue.iter().filter(|event| matches!(event, Event::Arrive { .. })).count() as u64;
        let lost = traffic.missed + traffic.lost + traffic.cut + traffic.crowded;
        let went = traffic.delivered + lost + on_way;
        if traffic.sent + traffic.doubled != went {
            self.check
                .lock()
                .break_rule("R20", format!("packets are not accounted for: {traffic:?}, {on_way} on their way"));
        }
    }

    /// R22: who has turned away what it had to. Asked when time moves on: then no turn has anything in hand, but of those
    /// who stand still.
    pub(crate) fn counts(&self) {
        // What a liar says may be for nobody, or make no sense.
        if 0 < self.swarm.liars {
            return;
        }
        // Behind a state machine that stands still the process may linger of which the rest has ended.
        for node in self.nodes.iter().filter(|node| node.paused_until.max(node.slow_until) < self.now) {
            if let Some(process) = &node.process
                && process.peer.replica().depth() == 0
                && !node.is_unsure
            {
                self.check.lock().counts(node.id, node.strays, process.peer.refused());
            }
        }
    }

    /// R20, after a turn of a replica, which has come to this term, whose log ends there, as its last mark does. What a peer
    /// may keep is worked out where it keeps more than it might have when that was done last.
    pub(crate) fn keeps(&mut self, id: usize, (term, last, mark): (Term, Index, Index)) {
        let is_full = self.now <= self.nodes[id].full_until;
        let Some(process) = &self.nodes[id].process else { return };
        let (inbox, (applied, tickets, sessions)) = (process.peer.replica().depth(), process.peer.keeps());
        let lag = self.at_most(behind(last, mark, applied, is_full));
        let (term, applied) = (Term(self.at_most(term.0)), Index(self.at_most(applied.0)));
        let node = &mut self.nodes[id];
        node.lag = node.lag.max(lag);
        let (files, disk) = node.disk.holds();
        // One is a segment at least.
        let snapshots = if files <= FEW { 0 } else { node.disk.begin_with("snap-") };
        let kept = Kept { inbox, tickets, sessions, disk, snapshots };
        if !kept.is_within(&node.most) {
            let Node { life: nth, found, began, has_led, .. } = *node;
            let of = Life { nth, found, began, has_led };
            node.most = Kept::most(&self.swarm, of, term, applied, node.lag);
            self.check.lock().keeps(id, kept, node.most);
        }
    }

    /// Of terms and places a liar names what it likes: of those that there were no more than so many.
    fn at_most(&self, number: u64) -> u64 {
        if self.swarm.liars == 0 { number } else { number.min(ENTRIES_A_TURN * self.turns) }
    }

    /// What clients do and see is noted with this time.
    pub(crate) fn time_is_now(&mut self) {
        let stood = self.nodes.iter().map(|node| (node.life, node.stood(self.now)));
        self.answers.at(self.now.0, stood);
    }

    /// R15, R16, R17, R21: a call is answered: by what is committed, and is applied by the peer that answers.
    pub(crate) fn answered(&mut self, call: u64, of: Of, outcome: Outcomes) {
        self.time_is_now();
        if let Some(control) = &mut self.control {
            let (node, _) = self.answers.asked(call);
            let is_leader = self.nodes[node].look(|_, role| role.is_leader()) == Some(true);
            control.answered(of, is_leader, self.answers.waited(call), self.swarm.heartbeat);
        }
        let (most, mut check) = (self.timeout(), self.check.lock());
        self.answers.learn(&mut check);
        self.answers.resolved(&mut check, call, most);
        match outcome {
            Ok((index, _)) => {
                let committed = check.committed();
                if committed < index {
                    let why = format!("a caller was told of index {index}, of which {committed} are committed");
                    check.break_rule("R15", why);
                }
                let (node, life) = self.answers.asked(call);
                let applied = self.nodes[node].has_applied(life);
                if applied.is_some_and(|applied| applied < index) {
                    let why = format!("{node} told a caller of index {index}, and has applied {applied:?}");
                    check.break_rule("R21", why);
                }
                self.answers.answered(&mut check, call, of, index);
            }
            Err(why) => {
                let (node, life) = self.answers.asked(call);
                // Of the end of a state machine one part hears after the other.
                let may_end = self.script.is_fatal();
                let asked = if may_end { Asked::IsOver } else { self.nodes[node].has_come_to(life) };
                self.answers.failed(&mut check, call, why, (asked, self.swarm.timeout));
            }
        }
        check.tells(of, outcome);
    }
}

impl Check {
    /// R20: each byte given to this node's disk is accounted for.
    fn weighs(&mut self, node: usize, ledger: &Ledger) {
        if !ledger.balances() {
            self.break_rule("R20", format!("bytes on the disk of {node} are not accounted for: {ledger:?}"));
        }
    }
}

impl Node {
    /// How far this process of it has applied the log, while it runs.
    fn has_applied(&self, life: u64) -> Option<u64> {
        let process = self.process.as_ref().filter(|_| self.life == life)?;
        Some(process.peer.state().read().index().0)
    }

    /// What has become of this process of it.
    fn has_come_to(&self, life: u64) -> Asked {
        let Some(process) = self.process.as_ref().filter(|_| self.life == life) else { return Asked::IsOver };
        // One part of it after the other hears that the disk has failed, or what has rotted there.
        let has_failed = self.has_failed() != (false, false) || self.disk.struck().is_some();
        let may_fail = has_failed || self.broken.is_some() || self.rots.is_some() || self.is_unreadable;
        if may_fail || process.peer.fault().is_some() || process.peer.has_ended() {
            Asked::IsOver
        } else if self.drained.is_some() {
            Asked::Ends
        } else {
            Asked::Lives
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Came;
    use crate::lists::Seen;
    use crate::mutants::cause;
    use crate::net::Weather;
    use crate::plan::{Families, Fault, MS, What, swarm};
    use rsm::fsm::VirtualTime;
    use rsm::raft::Time;
    use rsm::raft::storage::Disk;
    use std::sync::Arc;

    /// A second of three nodes to which nothing happens.
    fn quiet() -> (VirtualTime, World) {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families, swarm.weather) = (3, Families::default(), Weather::fair(MS, MS));
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(1_000 * MS), &mut world);
        (time, world)
    }

    /// What does not add up of it, once this has been done to its books.
    fn wrong(spoil: impl FnOnce(&mut World)) -> Option<String> {
        let mut world = quiet().1;
        spoil(&mut world);
        world.account();
        let check = world.check.lock();
        check.broken().map(cause).filter(|(rule, _)| rule == "R20").map(|(_, words)| words)
    }

    #[test]
    fn r20_what_a_peer_keeps_is_looked_at_in_each_turn_of_its_replica() {
        let seen = |spoil: fn(&mut World)| {
            let (time, mut world) = quiet();
            spoil(&mut world);
            while time.step(&mut world).map(|record| record.cell) != world.nodes[0].cell() {}
            let check = world.check.lock();
            check.broken().map(|broken| (broken.rule, broken.what.clone()))
        };
        assert_eq!(seen(|_| ()), None);
        let found =
            |spoil| assert!(seen(spoil).is_some_and(|(rule, what)| rule == "R20" && what.starts_with("0 keeps")));
        found(|world| {
            let disk = &world.nodes[0].disk;
            disk.zero_at(&disk.open("another", true).expect("it has room"), 64 << 20, 0).expect("it has room");
        });
        found(|world| {
            Arc::make_mut(&mut world.swarm).sessions_max = 1;
            world.nodes[0].most = Kept::default();
        });
        found(|world| {
            Arc::make_mut(&mut world.swarm).tickets = 0;
            world.nodes[0].most = Kept::default();
            opens(world);
        });
    }

    /// Three sessions are asked for at node 0.
    fn opens(world: &World) {
        let process = world.nodes[0].process.as_ref().expect("it runs");
        (0..3).for_each(|_| process.peer.open_then(|_| ()));
    }

    #[test]
    fn what_was_not_applied_in_one_life_lies_in_the_next() {
        let (time, mut world) = quiet();
        world.nodes[0].lag = 1_000_000;
        assert!(world.apply(What::Crash { node: 0, down: MS }));
        time.run_until(Time(1_500 * MS), &mut world);
        assert_eq!((world.nodes[0].lag, world.nodes[0].life), (1_000_000, 2));
    }

    #[test]
    fn r20_books_that_do_not_add_up() {
        assert_eq!(wrong(|_| ()), None);
        let of = |words: Option<String>, what: &str| assert!(words.unwrap_or_default().starts_with(what), "{what}");
        of(wrong(|world| world.net.traffic.sent += 1), "packets are not accounted for");
        of(wrong(|world| world.net.traffic.lost += 1), "packets are not accounted for");
        let fault = Fault { at: Time(MS), what: What::Leap { node: 0, by: MS } };
        of(wrong(|world| world.plan.push(fault)), "faults are not accounted for");
        let ledger = Ledger { written: 9, durable: 4, lost: 3, pending: 1 };
        of(wrong(|world| world.check.lock().weighs(1, &ledger)), "bytes on the disk of ");
    }

    /// What is said of an answer from the index that its peer has applied, or from the last that is committed, while that
    /// peer lags behind.
    fn told_from(what_is_committed: bool) -> Option<&'static str> {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        let lags = |world: &World, committed: u64| {
            let applied =
                |node: &Node| Some((node.id, node.has_applied(node.life).filter(|&index| index < committed)?));
            world.nodes.iter().find_map(applied)
        };
        for at in 100..1_000 {
            time.run_until(Time(at * MS), &mut world);
            let committed = world.check.lock().committed();
            let Some((node, applied)) = lags(&world, committed) else { continue };
            let (index, call) = (if what_is_committed { committed } else { applied }, world.answers.opened(node));
            world.answered(call, Of::Read, Ok((index, Came::Seen(Seen::default()))));
            let check = world.check.lock();
            return check.broken().map(|violation| violation.rule);
        }
        panic!("nobody lags");
    }

    #[test]
    fn r21_an_answer_from_beyond_what_its_peer_has_applied() {
        assert_eq!(told_from(true), Some("R21"));
        assert_ne!(told_from(false), Some("R21"), "R17, if somebody was told of more");
    }
}
