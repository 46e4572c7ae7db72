//! After the faults: what a healthy part of the cluster comes to, and by when.
//!
//! ```text
//!   faults end ──> a core is drawn: a majority ──> born, led ──> a fresh commit ──> clients at rest ──> all equal
//!                  the others are down, cut off,                                    ──> quiet for ten timeouts
//!                  or deaf and still talking                          ──> everyone heals ──> all equal
//! ```
//! Healthy is: the core's nodes are up, their disks answer in 20 ms, each packet among them arrives within a quarter of the
//! least timeout, and at most one in twenty is lost. Bounds are counted in `T_max`, the longest timeout that is drawn. Who
//! was wiped and not born again, or has found its disk damaged, is asked for nothing.

use crate::net::Weather;
use crate::node::Node;
use crate::plan::{MS, Shape};
use crate::stream::{Purpose, Ratio, fate, stream};
use crate::world::World;
use rsm::fsm::VirtualTime;
use rsm::raft::consensus::{Consensus, Role};
use rsm::raft::{LogId, NodeId, Term, Time};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// One seed in so many ends with this phase.
const SHARE: u64 = 4;

/// Whether this seed does.
#[must_use]
pub(crate) fn is_last(seed: u64) -> bool {
    fate(seed, Purpose::Calm, 0, 0).is_multiple_of(SHARE)
}

/// Six rounds of election may be in vain in few seeds; so many in none: of each, a third at most is split.
const ROUNDS_MAX: u64 = 24;
/// The first bound on a leader that all know, which one seed in a hundred may miss.
pub const ROUNDS: u64 = 6;
/// After the last word of a client nothing is left to do but to catch up.
const CATCH_UP: u64 = 1_000 * MS;
/// How long it must be quiet.
const QUIET: u64 = 10;
/// So many packets may answer what was sent before and comes very late.
const STALE: u64 = 16;
/// Distances are told in so many parts of `T_max`.
pub const PARTS: u64 = 16;

/// How long it took, in sixteenths of the longest timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calm {
    /// Until all of the core knew one leader.
    pub led: u64,
    /// Until something new was committed.
    pub fresh: u64,
}

/// What becomes of those outside the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frozen {
    Down,
    Cut,
    /// What they say arrives, and nothing reaches them.
    Babbling,
}

/// Takes a step; false if the run is over: something is broken, or it was to stop here.
type Go<'a> = &'a mut dyn FnMut(&VirtualTime, &mut World) -> bool;

struct Phase<'a> {
    time: &'a VirtualTime,
    world: &'a mut World,
    go: Go<'a>,
    t_max: u64,
    core: BTreeSet<usize>,
}

/// Runs the phase; none if the run was over before its end.
pub(crate) fn run(time: &VirtualTime, world: &mut World, go: Go<'_>) -> Option<Calm> {
    // The slowest clock makes the longest timeout a little longer.
    let t_max = world.swarm.election.as_nanos() as u64 * 2 * 20 / 19;
    Phase { time, world, go, t_max, core: BTreeSet::new() }.run()
}

impl Phase<'_> {
    fn run(mut self) -> Option<Calm> {
        self.mend()?;
        self.draw_core();
        if self.core.len() <= self.world.nodes.len() / 2 {
            return None; // too few were ever born: nobody is asked for anything
        }
        let began = self.time.now();
        let committed = self.committed();
        let hard = ROUNDS_MAX * self.t_max;
        self.until(hard, "a leader that all know", |phase| phase.is_led())?;
        let led = self.time.now().since(began);
        self.propose();
        self.until(hard, "a fresh commit", |phase| committed < phase.committed())?;
        let fresh = self.time.now().since(began);
        self.world.is_at_rest = true;
        // An answer, or none at its deadline; then the same again, which a healthy core answers.
        let patience = 3 * self.world.timeout() + hard;
        self.until(patience, "an answer to every client", |phase| phase.world.clients_rest())?;
        self.until(hard + CATCH_UP, "one log, applied", |phase| phase.is_equal())?;
        self.be_quiet()?;
        self.heal();
        self.until(hard + 2 * CATCH_UP, "one log of all members", |phase| phase.is_equal())?;
        let parts = |time: Duration| time.as_nanos() as u64 * PARTS / self.t_max;
        Some(Calm { led: parts(led), fresh: parts(fresh) })
    }

    /// No fault any more; what was to last goes on until it is over.
    fn mend(&mut self) -> Option<()> {
        let world = &mut *self.world;
        world.is_calm = true;
        world.disarm();
        let election = world.swarm.election.as_nanos() as u64;
        let before = world.swarm.weather;
        let lossy = stream(world.seed, Purpose::Calm, 0).chance(1, 4);
        // The longest draw of a delay is less than seven times the mean.
        let fair = Weather::fair(before.delay_min.min(election / 64), before.delay_mean.min(election / 32));
        let loss = if lossy { Ratio::new(1, 20) } else { Ratio::default() };
        let weather = Weather { loss, is_fifo: before.is_fifo, ..fair };
        let last_arrival = world.last_arrival;
        // Who was told to end does so in a second.
        let patience = if world.nodes.iter().any(|node| node.drained.is_some()) { 1_100 * MS } else { 50 * MS };
        world.aside.0 = Time::ZERO;
        world.net.heal(weather);
        world.disk_mean = world.disk_mean.min(2 * MS);
        for id in 0..world.nodes.len() {
            world.mend(id);
        }
        // A flush that is stuck comes back when it was to, and so does what was held up on its way.
        let stuck = self.world.nodes.iter().map(|node| node.stuck_until).max().unwrap_or_default();
        self.pass(stuck.max(last_arrival).max(Time(self.time.now().0 + patience)))
    }

    /// Runs on to a time.
    fn pass(&mut self, end: Time) -> Option<()> {
        while self.time.now() < end {
            if !(self.go)(self.time, self.world) {
                return None;
            }
        }
        Some(())
    }

    /// Runs on until it holds; it is broken if that takes longer.
    fn until(&mut self, within: u64, what: &str, holds: impl Fn(&Phase<'_>) -> bool) -> Option<()> {
        let end = Time(self.time.now().0.saturating_add(within));
        let pause = self.t_max / PARTS;
        while !holds(self) {
            if end <= self.time.now() {
                let nodes = self.world.nodes.iter().map(told).collect::<Vec<_>>().join("; ");
                let why = format!("no {what} among {:?} within {} ms: {nodes}", self.core, within / MS);
                self.world.check.lock().break_rule("liveness", why);
                return None;
            }
            self.pass(Time(self.time.now().0 + pause))?;
        }
        Some(())
    }

    /// Nodes that are asked for something: those that lost no directory, or are born all the same, and found no damage.
    fn sound(&self) -> Vec<usize> {
        // A first formation needs all who are awaited: one that has found its disk damaged attests nobody.
        let all_come = self.world.nodes.iter().all(|node| node.process.is_some() || node.is_frozen);
        let is_sound = |node: &&Node| {
            let born = node.look(|core, _| core.is_born());
            born.is_some_and(|born| born || node.wipes == 0 && all_come)
        };
        self.world.nodes.iter().filter(is_sound).map(|node| node.id).collect()
    }

    /// A majority and some more; all who are sound, while one of them is not born. Clients ask nobody else.
    fn draw_core(&mut self) {
        let sound = self.sound();
        self.core = sound.iter().copied().collect();
        self.spare(sound);
        self.world.spoken_to = Some(self.core.clone());
    }

    /// Leaves some of those out who are sound, if the others are enough.
    fn spare(&mut self, sound: Vec<usize>) {
        let mut draws = stream(self.world.seed, Purpose::Calm, 1);
        let is_born = |&id: &usize| self.world.nodes[id].look(|core, _| core.is_born()) == Some(true);
        let (all, needed) = (self.world.nodes.len(), self.world.nodes.len() / 2 + 1);
        if !sound.iter().all(is_born) || sound.len() <= needed || draws.chance(1, 4) {
            return;
        }
        let spared = draws.below((sound.len() - needed) as u64 + 1) as usize;
        let may_babble = self.world.swarm.pre_vote && self.world.swarm.check_quorum;
        let mode = match draws.below(4) {
            0 => Frozen::Down,
            1 => Frozen::Cut,
            _ if may_babble => Frozen::Babbling,
            _ => Frozen::Cut,
        };
        for _ in 0..spared {
            let nth = draws.below(self.core.len() as u64) as usize;
            let out = *self.core.iter().nth(nth).expect("it is one of them");
            self.core.remove(&out);
        }
        let frozen: Vec<usize> = sound.into_iter().filter(|id| !self.core.contains(id)).collect();
        for id in frozen {
            match mode {
                Frozen::Down => self.world.freeze(id),
                Frozen::Cut => self.cut(all, &Shape::Isolate(id)),
                Frozen::Babbling => self.cut(all, &Shape::Deaf(id)),
            }
        }
    }

    fn cut(&mut self, nodes: usize, shape: &Shape) {
        for (from, to) in shape.links(nodes, None) {
            self.world.net.cut(from, to, Time::MAX);
        }
    }

    /// Something to commit, whatever clients are waiting for.
    fn propose(&self) {
        let leader = self.lead().and_then(|(_, leader)| self.world.nodes.get(leader.0 as usize));
        if let Some(process) = leader.and_then(|node| node.process.as_ref()) {
            process.peer.open_then(|_| ());
        }
    }

    fn committed(&self) -> u64 {
        self.world.check.lock().committed()
    }

    /// Who leads, and in which term, if all of the core agree.
    fn lead(&self) -> Option<(Term, NodeId)> {
        let of = |core: &Consensus, role: &Role| core.leader(role).map(|leader| (core.term(), leader));
        let mut leads = self.core.iter().map(|&id| self.world.nodes[id].look(of).flatten());
        let first = leads.next()??;
        leads.all(|lead| lead == Some(first)).then_some(first)
    }

    fn is_led(&self) -> bool {
        self.lead().is_some()
    }

    /// All of the core have one log, know all of it to be committed, and have applied it.
    fn is_equal(&self) -> bool {
        let of = |&id: &usize| -> Option<(LogId, u64)> {
            let node = &self.world.nodes[id];
            let last = node.look(|core, _| (core.commit() == core.log().last().index).then(|| core.log().last()))??;
            let applied = node.process.as_ref()?.peer.state().read().index().0;
            (applied == last.index.0).then_some((last, applied))
        };
        let ends: BTreeSet<_> = self.core.iter().map(of).collect();
        ends.len() == 1 && !ends.contains(&None) && self.is_led()
    }

    /// Nothing to do: nobody is elected, and heartbeats are all that is said.
    fn be_quiet(&mut self) -> Option<()> {
        let (lead, began) = (self.lead(), self.time.now());
        self.world.net.count_among(self.core.clone());
        self.pass(Time(began.0 + QUIET * self.t_max))?;
        let said = self.world.net.counted();
        if self.world.net.is_lossy() {
            return Some(()); // heartbeats that are lost in a row elect another
        }
        if self.lead() != lead {
            let why = format!("{lead:?} led, all was quiet, and now {:?} does", self.lead());
            self.world.check.lock().break_rule("liveness", why);
            return None;
        }
        // A heartbeat and its answer; the leader's clock may be fast, and one may be under way at either end.
        let pulses = QUIET * self.t_max * 21 / 20 / self.world.swarm.heartbeat.as_nanos() as u64 + 2;
        let most = 2 * pulses * (self.core.len() as u64).saturating_sub(1) + STALE;
        if most < said {
            let (beats, within) = (self.world.swarm.heartbeat, QUIET * self.t_max / MS);
            let why = format!("{said} packets in {within} ms, a heartbeat each {beats:?}: {most} were enough");
            self.world.check.lock().break_rule("liveness", why);
            return None;
        }
        Some(())
    }

    /// All come back.
    fn heal(&mut self) {
        self.world.net.mend_links();
        for id in 0..self.world.nodes.len() {
            self.world.thaw(id);
        }
        self.core = self.sound().into_iter().collect();
        self.world.spoken_to = None;
    }
}

/// A node, for whoever must find out why it does not live.
fn told(node: &Node) -> String {
    let of = |core: &Consensus, role: &Role| {
        let (last, commit, applied) = (core.log().last().index, core.commit(), core.applied());
        format!("{} {} of term {}, last {last}, commit {commit}, applied {applied}", node.id, role.name(), core.term())
    };
    node.look(of).unwrap_or_else(|| format!("{} down", node.id))
}

/// How long calm phases took, one beside the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calms {
    led: Vec<u64>,
    fresh: Vec<u64>,
}

impl Calms {
    /// One more.
    pub fn add(&mut self, calm: Calm) {
        self.led.push(calm.led);
        self.fresh.push(calm.fresh);
    }

    /// All of those, too.
    pub fn extend(&mut self, other: &Calms) {
        self.led.extend(&other.led);
        self.fresh.extend(&other.fresh);
    }

    /// Whether so many miss the first bound on a leader that it is no bad luck.
    #[must_use]
    pub fn are_late(&self) -> bool {
        let late = self.led.iter().filter(|&&led| ROUNDS * PARTS < led).count();
        100 <= self.led.len() && self.led.len() < 100 * late
    }
}

impl fmt::Display for Calms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |mut all: Vec<u64>| {
            all.sort_unstable();
            let at = |of_100: usize| all.get((all.len() * of_100 / 100).min(all.len().saturating_sub(1)));
            let words = [50, 99, 100].map(|of_100| {
                let parts = at(of_100).copied().unwrap_or_default();
                format!("{}.{:02}", parts / PARTS, parts % PARTS * 100 / PARTS)
            });
            words.join(", ")
        };
        let (led, fresh) = (told(self.led.clone()), told(self.fresh.clone()));
        write!(f, "{} calm phases, in longest timeouts (median, 99 of 100, most): ", self.led.len())?;
        write!(f, "all know one leader after {led}; a fresh commit after {fresh}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Families, What, swarm};

    #[test]
    fn clients_do_not_ask_who_may_never_answer() {
        for seed in 0..10 {
            let mut swarm = swarm(seed);
            (swarm.nodes, swarm.families) = (3, Families::default());
            let time = VirtualTime::new(seed);
            let mut world = World::new(seed, swarm, Vec::new(), &time);
            time.run_until(Time(3_000 * MS), &mut world);
            assert!(world.apply(What::Wipe { node: 1, down: MS }));
            time.run_until(Time(3_100 * MS), &mut world);
            let go: Go<'_> = &mut |_, _| true;
            let mut phase = Phase { time: &time, world: &mut world, go, t_max: 0, core: BTreeSet::new() };
            phase.draw_core();
            assert_eq!(world.spoken_to, Some(BTreeSet::from([0, 2])), "seed {seed}");
        }
    }

    /// Whether one leads throughout, and whether a rule is broken: three nodes lose so much, or their leader is cut off.
    fn quiet(loss: Ratio, is_cut: bool) -> (bool, bool) {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let (t_max, weather) = (swarm.election.as_nanos() as u64 * 2, Weather { loss, ..swarm.weather });
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(3_000 * MS), &mut world);
        world.is_at_rest = true;
        time.run_until(Time(6_000 * MS), &mut world);
        world.net.heal(weather);
        assert!(!is_cut || world.apply(What::Cut { shape: Shape::Leader, lasts: QUIET * t_max }));
        let go: Go<'_> = &mut |time, world| time.step(world).is_some();
        let mut phase = Phase { time: &time, world: &mut world, go, t_max, core: BTreeSet::from([0, 1, 2]) };
        let lead = phase.lead();
        phase.be_quiet();
        (lead.is_some() && phase.lead() == lead, world.is_broken())
    }

    #[test]
    fn another_leads_only_where_heartbeats_are_lost() {
        assert_eq!(quiet(Ratio::default(), false), (true, false));
        assert_eq!(quiet(Ratio::new(9, 10), false), (false, false), "lost in a row");
        assert_eq!(quiet(Ratio::default(), true), (false, true));
    }
}
