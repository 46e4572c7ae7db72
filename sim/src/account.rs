//! What must add up: packets, faults, bytes, calls, and what a peer keeps.

use crate::check::{Asked, Kept, behind};
use crate::client::Of;
use crate::event::Event;
use crate::node::Node;
use crate::script::Outcomes;
use crate::world::World;
use rsm::raft::{Index, Term};

/// After so many turns all is looked at that a peer keeps.
pub(crate) const LOOK: u64 = 64;
/// More entries no turn takes in, if a liar's packet says so.
const ENTRIES_A_TURN: u64 = 64;

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
        for (ledger, node) in self.nodes.iter().map(|node| (node.disk.ledger(), node.id)) {
            if !ledger.balances() {
                self.check.lock().break_rule("R20", format!("bytes of {node} are not accounted for: {ledger:?}"));
            }
        }
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
        // An emptied directory sends packets of a life that the others do not know.
        if self.nodes.iter().any(|node| 0 < node.wipes) {
            return;
        }
        // Behind a state machine that stands still the process may linger of which the rest has ended.
        for node in self.nodes.iter().filter(|node| node.paused_until.max(node.slow_until) < self.now) {
            if let Some(process) = &node.process
                && process.peer.replica().depth() == 0
            {
                self.check.lock().counts(node.id, node.strays, process.peer.refused());
            }
        }
    }

    /// R20, after a turn of its replica: the inbox each time, what takes longer to see every so often.
    pub(crate) fn keeps(&self, node: &Node) {
        let Some(process) = &node.process else { return };
        let inbox = process.peer.replica().depth();
        if !self.turns.is_multiple_of(LOOK) {
            let (kept, most) = (Kept { inbox, ..Kept::default() }, Kept::most_in_inbox(&self.swarm));
            if most < inbox {
                self.check.lock().keeps(node.id, kept, Kept { inbox: most, ..Kept::default() });
            }
            return;
        }
        let mut check = self.check.lock();
        let status = process.peer.status();
        let (tickets, sessions, disk) = (status.tickets, status.sessions, node.disk.used());
        let places = node.look(|core, _| (core.log().last().index, core.log().snapshot().index));
        let (last, mark) = places.unwrap_or_default();
        let behind = behind(last, mark, status.applied, self.now <= node.full_until);
        let (term, applied) = (Term(self.at_most(status.term.0)), Index(self.at_most(status.applied.0)));
        let lag = check.lags(node.id, self.at_most(behind));
        let most = Kept::most(&self.swarm, node.life, term, applied, lag);
        check.keeps(node.id, Kept { inbox, tickets, sessions, disk }, most);
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

    /// R15, R17, R21: a call is answered.
    pub(crate) fn answered(&mut self, call: u64, of: Of, outcome: Outcomes) {
        self.time_is_now();
        let (most, mut check) = (self.timeout(), self.check.lock());
        self.answers.resolved(&mut check, call, most);
        match outcome {
            Ok((index, _)) => {
                let committed = check.committed();
                if committed < index {
                    let why = format!("a caller was told of index {index}, of which {committed} are committed");
                    check.break_rule("R15", why);
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

impl Node {
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
    use crate::mutants::cause;
    use crate::plan::{Families, Fault, MS, What, swarm};
    use rsm::fsm::VirtualTime;
    use rsm::raft::Time;

    /// What does not add up of a second of three nodes to which nothing happens, once this has been done to its books.
    fn wrong(spoil: impl FnOnce(&mut World)) -> Option<String> {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(1_000 * MS), &mut world);
        spoil(&mut world);
        world.account();
        let check = world.check.lock();
        check.broken().map(cause).filter(|(rule, _)| rule == "R20").map(|(_, words)| words)
    }

    #[test]
    fn r20_books_that_do_not_add_up() {
        assert_eq!(wrong(|_| ()), None);
        let of = |words: Option<String>, what: &str| assert!(words.unwrap_or_default().starts_with(what), "{what}");
        of(wrong(|world| world.net.traffic.sent += 1), "packets are not accounted for");
        of(wrong(|world| world.net.traffic.lost += 1), "packets are not accounted for");
        let fault = Fault { at: Time(MS), what: What::Leap { node: 0, by: MS } };
        of(wrong(|world| world.plan.push(fault)), "faults are not accounted for");
    }
}
