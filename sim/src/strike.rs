//! Faults carried out, and what follows from them.

use crate::effects::{Came, Effects, kind};
use crate::event::Event;
use crate::html::Mark;
use crate::net::prolong;
use crate::node::Node;
use crate::plan::{FOR_EVER, MS, Shape, What};
use crate::world::World;
pub(crate) use charges::Charges;
use damage::{is_damage, may_pass};
use rsm::raft::consensus::RoleName;
use rsm::raft::peer::SpawnError;
use rsm::raft::storage::Error;
use rsm::raft::storage::simulated::{Operation, Spares};
use rsm::raft::{NodeId, Time};
use std::sync::Arc;
use std::time::Duration;

impl World {
    /// The time of a fault has come.
    pub(crate) fn strike(&mut self, nth: usize) {
        let what = self.plan[nth].what.clone();
        if self.is_withheld(&what) {
            self.effects.note(kind(&what), Came::Withheld);
            return;
        }
        let leader = self.leader();
        let came = self.carry_out(what.clone(), Some(kind(&what)));
        if let Some(film) = &mut self.film {
            film.mark(Mark::fault(&what, self.nodes.len(), leader, came != Some(Came::Idle)), self.now);
        }
        came.into_iter().for_each(|came| self.effects.note(kind(&what), came));
    }

    /// What has become of the plan's faults, but of those that still wait.
    pub(crate) fn effects(&self) -> Effects {
        let mut effects = self.effects.clone();
        self.nodes.iter().for_each(|node| effects += node.charges.effects());
        effects
    }

    /// Carries a fault out now that is none of the plan's. False if it has no effect, and waits for none.
    pub(crate) fn apply(&mut self, what: What) -> bool {
        self.carry_out(what, None) != Some(Came::Idle)
    }

    /// Carries a fault out now, `whose` being the kind as which it counts. None while it waits for a moment or an operation.
    pub(crate) fn carry_out(&mut self, what: What, whose: Option<&'static str>) -> Option<Came> {
        let has_struck = match what {
            What::CrashAtDisk { node, operations, spares, down } => {
                return self.light_fuse((node, whose), (operations, spares), down);
            }
            What::Broken { node, operation, after, times, down } => {
                return self.break_disk((node, whose), (operation, after, times), down);
            }
            What::Await(aimed) => return self.arm(aimed),
            What::AtLeader { answer, lasts } => return self.strike_leader(answer, lasts, whose),
            What::Cut { shape, lasts } => self.cut(&shape, lasts),
            What::Clog { from, to, lasts } => self.clog(from, to, lasts),
            What::Crash { node, down } => self.crash(node, down),
            What::Blackout { down } => self.black_out(down),
            What::Pause { node, lasts } => self.pause(node, lasts),
            What::Stuck { node, lasts } => self.stick(node, lasts),
            What::Slow { node, lasts } => self.slow(node, lasts),
            What::Wipe { node, down } => self.wipe(node, down),
            What::Full { node, slack, lasts } => self.fill(node, slack, lasts),
            What::Rollback { node, down } => self.roll_back(node, down),
            What::Aim(aim) => {
                self.net.aim(aim);
                true
            }
            What::Tell(tell) => self.forge(&tell),
            What::Leap { node, by } => {
                self.nodes[node].time.leap(Duration::from_nanos(by));
                let is_up = self.nodes[node].process.is_some();
                self.sums.leaps += u64::from(is_up);
                is_up
            }
            What::Drain { node, down } => self.drain(node, down),
            What::Aside { nodes, lasts } => self.reach_only(nodes, lasts),
            What::Rot { node, harm, place, down } => self.rot(node, (harm, place), down),
        };
        Some(if has_struck { Came::Struck } else { Came::Idle })
    }

    fn after(&self, lasts: u64) -> Time {
        Time(self.now.0.saturating_add(lasts))
    }

    fn cut(&mut self, shape: &Shape, lasts: u64) -> bool {
        let (links, end) = (shape.links(self.nodes.len(), self.leader()), self.after(lasts));
        let cut = links.into_iter().filter(|&(from, to)| self.net.cut(from, to, end)).count();
        self.sums.cuts += u64::from(0 < cut);
        0 < cut
    }

    fn clog(&mut self, from: usize, to: usize, lasts: u64) -> bool {
        let end = self.after(lasts);
        let clogged = from != to && self.net.clog(from, to, end);
        if clogged {
            self.sums.clogs += 1;
            self.hold_up((from, to), end);
        }
        clogged
    }

    /// What is on its way on this link comes once it is free, in a burst, in its order.
    fn hold_up(&mut self, link: (usize, usize), until: Time) {
        let mut next = until;
        self.queue.put_off(|at, event| match event {
            Event::Arrive { from, to, copy, .. } if (*from, *to) == link && at < until => {
                copy.at = next;
                next = Time(next.0.saturating_add(1));
                copy.at
            }
            _ => at,
        });
        self.last_arrival = self.last_arrival.max(next);
        self.net.nothing_before(link, next);
    }

    /// Clients reach only these.
    fn reach_only(&mut self, nodes: u32, lasts: u64) -> bool {
        let (all, end) = ((1 << self.nodes.len()) - 1, self.after(lasts));
        let is_news = nodes & all != 0 && nodes & all != all && prolong(&mut self.aside.0, end);
        if is_news {
            self.aside.1 = nodes;
            self.sums.asides += 1;
        }
        is_news
    }

    /// A process is told to end.
    fn drain(&mut self, id: usize, down: u64) -> bool {
        let node = &mut self.nodes[id];
        let Some(process) = node.process.as_ref().filter(|_| node.drained.is_none()) else { return false };
        process.peer.drain();
        node.drained = Some(down);
        true
    }

    fn light_fuse(
        &mut self,
        (id, whose): (usize, Option<&'static str>),
        (operations, spares): (u64, Option<Spares>),
        down: u64,
    ) -> Option<Came> {
        let node = &mut self.nodes[id];
        if !node.may_be_charged() {
            return Some(Came::Idle);
        }
        node.charges.light(whose, &node.disk);
        node.fuse = Some(down);
        node.disk.set_fuse(Some(operations));
        spares.into_iter().for_each(|spares| node.disk.set_spares(spares));
        None
    }

    fn black_out(&mut self, down: u64) -> bool {
        let struck = (0..self.nodes.len()).filter(|&node| self.crash(node, down + node as u64)).count();
        self.sums.blackouts += u64::from(0 < struck);
        0 < struck
    }

    fn stick(&mut self, id: usize, lasts: u64) -> bool {
        let end = if FOR_EVER <= lasts { Time::MAX } else { self.after(lasts) };
        let node = &mut self.nodes[id];
        let stuck = node.process.is_some() && prolong(&mut node.stuck_until, end);
        self.sums.stuck += u64::from(stuck);
        self.sums.stuck_for_ever += u64::from(stuck && end == Time::MAX);
        stuck
    }

    fn fill(&mut self, id: usize, slack: u64, lasts: u64) -> bool {
        let end = self.after(lasts);
        let node = &mut self.nodes[id];
        if node.process.is_none() || !prolong(&mut node.full_until, end) {
            return false;
        }
        self.sums.full += 1;
        self.sums.nearly_full += u64::from(slack != 0);
        node.disk.set_capacity(node.disk.used().saturating_add(slack));
        self.later(lasts, Event::Room { node: id });
        true
    }

    pub(crate) fn make_room(&mut self, id: usize) {
        let node = &self.nodes[id];
        if node.full_until <= self.now {
            node.disk.set_capacity(u64::MAX);
        }
    }

    fn break_disk(
        &mut self,
        (id, whose): (usize, Option<&'static str>),
        (operation, after, times): (Operation, u64, u64),
        down: u64,
    ) -> Option<Came> {
        let node = &mut self.nodes[id];
        if !node.may_be_charged() {
            return Some(Came::Idle);
        }
        node.charges.arm(whose, operation, &node.disk);
        node.broken = Some(down);
        node.disk.fail_often(operation, after, times);
        None
    }

    fn roll_back(&mut self, id: usize, down: u64) -> bool {
        let former = self.nodes[id].former.take();
        let struck = self.crash(id, down);
        self.nodes[id].disk = former.unwrap_or_else(|| Arc::clone(&self.nodes[id].disk));
        self.nodes[id].disk.set_capacity(u64::MAX);
        struck
    }

    /// Who leads in the highest term.
    pub(crate) fn leader(&self) -> Option<usize> {
        let leads = |node: &Node| node.look(|core, role| role.is_leader().then_some((core.term(), node.id))).flatten();
        self.nodes.iter().filter_map(leads).max().map(|(_, id)| id)
    }

    /// The power of a node fails, and comes back. Whether it was up.
    fn crash(&mut self, id: usize, down: u64) -> bool {
        let node = &mut self.nodes[id];
        if node.process.is_none() {
            return false;
        }
        self.mark_crash(id);
        let node = &mut self.nodes[id];
        self.sums.at_disk += u64::from(node.disk.struck().is_some());
        node.kill();
        let cost = node.disk.crash();
        (node.lost_names, node.lost_renames) = (0 < cost.lost_names, 0 < cost.lost_renames);
        self.sums.crashes += 1;
        self.sums.lost_bytes += u64::from(0 < cost.lost_bytes);
        self.sums.torn += u64::from(0 < cost.torn);
        self.sums.lost_names += u64::from(0 < cost.lost_names);
        self.sums.lost_renames += u64::from(0 < cost.lost_renames);
        self.later(down, Event::Start { node: id });
        self.may_start_a_copy(id);
        true
    }

    /// What a crash strikes: said before it does.
    fn mark_crash(&mut self, id: usize) {
        let node = NodeId(id as u64);
        let seen = self.nodes[id].look(|core, role| {
            let check = self.check.lock();
            let durable = check.durable_vote(node);
            let is_durable = durable == Some((core.term(), core.vote()));
            let is_ahead = core.log().durable() < core.commit();
            (core.vote().is_some() && !is_durable, is_durable && core.holds_back_a_grant(), is_ahead, role.name())
        });
        let Some((before_durable, before_sent, is_ahead, role)) = seen else { return };
        let met = [
            ("crash-before-the-vote-is-durable", before_durable),
            ("crash-before-the-grant-is-sent", before_sent),
            ("crash-of-a-leader", role == RoleName::Leader),
            ("crash-of-a-leader-ahead-of-its-disk", role == RoleName::Leader && is_ahead),
            ("crash-of-a-newborn", role == RoleName::Newborn),
        ];
        met.into_iter().filter(|(_, is_met)| *is_met).for_each(|(name, _)| self.marks.hit(name));
    }

    /// Nodes whose power has failed in the midst of a disk operation.
    pub(crate) fn blown_fuses(&mut self) {
        for id in 0..self.nodes.len() {
            let node = &self.nodes[id];
            if let Some(down) = node.fuse
                && node.disk.struck().is_some()
            {
                self.crash(id, down);
            }
        }
    }

    fn pause(&mut self, id: usize, lasts: u64) -> bool {
        let end = self.after(lasts);
        let node = &mut self.nodes[id];
        let before = node.paused_until.max(self.now);
        if node.process.is_none() || !prolong(&mut node.paused_until, end) {
            return false;
        }
        node.stands_still += end.0 - before.0;
        self.sums.pauses += 1;
        if lasts % 2 == 1 {
            self.late_clocks.retain(|&late| late != id);
            node.time.hold();
        }
        node.pause();
        let life = node.life;
        self.later(lasts, Event::Resume { node: id, life });
        true
    }

    pub(crate) fn resume(&mut self, id: usize, life: u64) {
        let node = &self.nodes[id];
        if node.life != life || self.now < node.paused_until {
            return;
        }
        node.resume(self.now);
        // Its replica takes a turn first, if it has anything to do.
        if self.late_clocks.contains(&id) {
            self.release(id);
        } else if node.time.is_held() {
            self.late_clocks.push(id);
            self.later(MS, Event::Resume { node: id, life });
        }
    }

    /// The clock of a node goes on.
    pub(crate) fn release(&mut self, id: usize) {
        self.late_clocks.retain(|&late| late != id);
        self.nodes[id].time.release();
    }

    fn slow(&mut self, id: usize, lasts: u64) -> bool {
        let (now, end) = (self.now, self.after(lasts));
        let node = &mut self.nodes[id];
        let before = node.slow_until.max(now);
        let Some(machine) = node.machine().filter(|_| prolong(&mut node.slow_until, end)) else { return false };
        // Whoever waits for the one waits as for the other.
        node.stands_still += end.0 - before.0;
        node.slow = Some(machine);
        self.sums.slow += 1;
        node.time.pause(machine);
        let life = node.life;
        self.later(lasts, Event::Quick { node: id, life });
        true
    }

    pub(crate) fn quicken(&mut self, id: usize, life: u64) {
        let node = &mut self.nodes[id];
        if node.life == life && node.slow_until.max(node.paused_until) <= self.now {
            node.slow.take().into_iter().for_each(|machine| node.time.resume(machine));
        }
    }

    /// Its state machine stands still no more.
    pub(crate) fn go_on(&mut self, id: usize) {
        let node = &mut self.nodes[id];
        node.stands_still -= node.slow_until.0.saturating_sub(self.now.0);
        node.slow_until = node.slow_until.min(self.now);
        let life = node.life;
        self.quicken(id, life);
    }

    pub(crate) fn start(&mut self, id: usize) {
        let node = &mut self.nodes[id];
        if node.process.is_some() || node.is_frozen || node.is_refused {
            return; // it was emptied while down, or lost power twice: another start came first
        }
        let unread = node.disk.unread();
        match node.start() {
            Ok(()) => {
                let (failed_sync, failed_else) = std::mem::take(&mut node.has_failed);
                let wiped = 0 < node.wipes && node.look(|_, role| role.name()) == Some(RoleName::Newborn);
                let met = [
                    ("start-after-a-failed-sync", failed_sync),
                    ("start-after-another-failure", failed_else),
                    ("start-after-lost-names", std::mem::take(&mut node.lost_names)),
                    ("start-after-a-lost-rename", std::mem::take(&mut node.lost_renames)),
                    ("start-after-a-wipe", wiped),
                ];
                met.into_iter().filter(|(_, is_met)| *is_met).for_each(|(name, _)| self.marks.hit(name));
            }
            Err(_) if node.disk.struck().is_some() => {
                // Nothing had the time to be said.
                node.charges.settle(&node.disk);
                node.fuse = None;
                let cost = node.disk.crash();
                node.lost_names |= 0 < cost.lost_names;
                node.lost_renames |= 0 < cost.lost_renames;
                self.sums.at_start += 1;
                self.later(1, Event::Start { node: id });
            }
            Err(SpawnError::Store(Error::Full)) if self.now <= node.full_until => {
                node.disk.kill();
                // Room comes back at that very moment, before or after this.
                let at = Time(node.full_until.0 + 1);
                self.push(at, Event::Start { node: id });
            }
            Err(SpawnError::Store(Error::Io(_))) if unread != node.disk.unread() => {
                // What it cannot read now it never can.
                node.disk.kill();
                node.is_refused = true;
                self.marks.hit("start-refused-for-a-part-unread");
            }
            Err(SpawnError::Store(why)) if may_pass(&why) => {
                node.disk.kill();
                self.later(1, Event::Start { node: id });
            }
            Err(SpawnError::Store(why)) if node.disk.is_rotten() && is_damage(&why) => {
                // It never serves what it cannot vouch for: from here on it waits for its operator.
                node.disk.kill();
                node.is_refused = true;
                self.marks.hit("start-refused-for-damage");
            }
            Err(why) => {
                // What a liar has said must not keep anybody from starting either.
                let rule = if self.swarm.liars == 0 { "R11" } else { "R23" };
                self.check.lock().break_rule(rule, format!("{id} does not start again: {why}"));
            }
        }
    }

    /// Nothing hangs over it any more, and it runs.
    pub(crate) fn mend(&mut self, id: usize) {
        let now = self.now;
        if self.nodes[id].rots.is_some() {
            self.crash(id, 1); // whatever has rotted is found, or is no more
        }
        if self.nodes[id].is_stuck_for_ever() {
            self.crash(id, 1);
        }
        self.retire(id);
        let node = &mut self.nodes[id];
        node.stands_still -= node.paused_until.0.saturating_sub(now.0) + node.slow_until.0.saturating_sub(now.0);
        (node.fuse, node.full_until, node.paused_until, node.slow_until) = (None, now, now, now);
        // A failure that has struck already ends the process as soon as it is heard of, another behind it or not; it starts
        // again at once.
        node.charges.settle(&node.disk);
        node.disk.mend();
        node.broken = node.broken.filter(|_| node.has_failed() != (false, false)).map(|_| 1);
        node.drained = node.drained.map(|_| 1);
        node.disk.set_capacity(u64::MAX);
        node.resume(now);
        self.release(id);
        self.start(id);
    }

    /// Its power fails, for as long as nobody thaws it.
    pub(crate) fn freeze(&mut self, id: usize) {
        self.crash(id, 0);
        self.nodes[id].is_frozen = true;
    }

    /// It runs again, if it was frozen.
    pub(crate) fn thaw(&mut self, id: usize) {
        if std::mem::take(&mut self.nodes[id].is_frozen) {
            self.start(id);
        }
    }
}

mod charges;
mod damage;
#[cfg(test)]
mod tests;
