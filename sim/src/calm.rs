//! After the faults: what a healthy part of the cluster comes to, and by when.
//!
//! ```text
//!   one is left behind ──> faults end ──> a core is drawn: a majority ──> all born ──> led by one of its own
//!                                                     ──> a fresh commit
//!             the others are down, cut off, stuck,    ──> clients at rest ──> each peer answers for itself ──> all equal
//!             or deaf and still talking               ──> quiet for ten timeouts ──> everyone heals ──> all equal
//!                                                     ──> all are told to end, and do so
//! ```
//! Healthy is: the core's nodes are up, their disks answer in 2 ms in the mean, all but one at most, each packet among them
//! arrives within a quarter of the least timeout, and at most one in twenty is lost. Bounds are counted in `T_max`, the
//! longest timeout that is drawn. Who was wiped and not born again, or has found its disk damaged, is asked for nothing.

mod asked;
mod born;
mod calms;
mod cornered;
mod drained;
mod halfway;
mod outgrown;
mod spared;
mod stranded;
mod unread;

pub use calms::Calms;
use spared::Parted;

use crate::net::Weather;
use crate::node::Node;
use crate::plan::{MS, Shape, Swarm};
use crate::script;
use crate::stream::{Purpose, Ratio, log_uniform, stream};
use crate::world::World;
use rsm::fsm::VirtualTime;
use rsm::raft::consensus::{Consensus, Mode, Progress, Role};
use rsm::raft::{LogId, NodeId, Term, Time};
use std::collections::BTreeSet;
use std::time::Duration;

/// Whether a run may be asked to live: not where somebody lies, or any number of disks may rot.
pub(crate) fn may_follow(swarm: &Swarm) -> bool {
    swarm.is_budgeted && swarm.liars == 0
}

/// Six rounds of election may be in vain in few seeds; so many in none: of each, a third at most is split.
const ROUNDS_MAX: u64 = 24;
/// The first bound on a leader that all know, which one seed in a hundred may miss.
pub const ROUNDS: u64 = 6;
/// The same of a fresh commit.
pub const FRESH: u64 = 8;
/// After the last word of a client nothing is left to do but to catch up.
const CATCH_UP: u64 = 1_000 * MS;
/// How long it must be quiet.
const QUIET: u64 = 10;
/// So many are elected at most while it is quiet and packets are lost: of a follower's heartbeats three in a row at least,
/// each with a chance of one in twenty.
const ELECTED: u64 = 3;
/// What is on its way when the faults end arrives within so long, or never: some replays take minutes.
const LATE: u64 = 3_000 * MS;
/// So many packets may answer what was sent before and comes very late.
const STALE: u64 = 16;
/// A disk that is slower than all others still answers within so long, in the mean.
const DISK: u64 = 20 * MS;
/// Distances are told in so many parts of `T_max`.
pub const PARTS: u64 = 16;

/// How long it took, in sixteenths of the longest timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calm {
    /// Until all of the core knew one leader.
    pub led: u64,
    /// Until something new was committed.
    pub fresh: u64,
    /// Until all of the core had applied what was committed when the phase began.
    pub caught_up: u64,
    /// How long that may take, in all but one seed of a hundred.
    pub allowed: u64,
}

/// Takes a step; false if the run is over: something is broken, or it was to stop here.
type Go<'a> = &'a mut dyn FnMut(&VirtualTime, &mut World) -> bool;

struct Phase<'a> {
    time: &'a VirtualTime,
    world: &'a mut World,
    go: Go<'a>,
    t_max: u64,
    core: BTreeSet<usize>,
    /// Since when there is nothing to wait for but a leader.
    since: Time,
    /// What is to be caught up with, and when all of the core had.
    behind: (u64, Option<Time>),
    /// By when they must have.
    late: Time,
    /// One has stood in vain while its leader led on.
    is_one_stranded: bool,
    /// The core is a bare majority, with this one in it and that one not.
    parted: Option<Parted>,
    /// The state machines of these stand still until something fresh is committed.
    slow: Vec<usize>,
}

/// Runs the phase; none if the run was over before its end.
pub(crate) fn run(time: &VirtualTime, world: &mut World, go: Go<'_>) -> Option<Calm> {
    // The slowest clock makes the longest timeout a little longer.
    let t_max = world.swarm.election.as_nanos() as u64 * 2 * 20 / 19;
    Phase::new(time, world, go, t_max).run()
}

impl<'a> Phase<'a> {
    /// One whose core is still to be drawn.
    fn new(time: &'a VirtualTime, world: &'a mut World, go: Go<'a>, t_max: u64) -> Phase<'a> {
        let (since, late) = (time.now(), Time::MAX);
        let (core, behind, is_one_stranded) = (BTreeSet::new(), (0, None), false);
        Phase { time, world, go, t_max, core, since, behind, late, is_one_stranded, parted: None, slow: Vec::new() }
    }
}

impl Phase<'_> {
    fn run(mut self) -> Option<Calm> {
        self.leave_behind()?;
        self.mend()?;
        self.part()?;
        self.draw_core();
        self.slow_a_disk();
        if self.core.len() <= self.world.nodes.len() / 2 {
            self.world.sums.unasked += 1; // too few were ever born: nobody is asked for anything
            return None;
        }
        let began = self.time.now();
        let committed = self.committed();
        self.behind = (committed, None);
        let lives: Vec<u64> = self.world.nodes.iter().map(|node| node.life).collect();
        let here = self.core.clone();
        self.be_born()?;
        self.since = self.time.now();
        self.late = Time(self.since.0 + self.hard() + CATCH_UP);
        self.be_led()?;
        let led = self.time.now().since(began);
        self.commit_beyond(committed)?;
        let fresh = self.time.now().since(began);
        std::mem::take(&mut self.slow).into_iter().for_each(|id| self.world.go_on(id));
        self.rest()?;
        self.be_asked()?;
        self.agree("log that all have applied", CATCH_UP)?;
        let caught_up = self.behind.1.unwrap_or(self.time.now()).since(began);
        self.be_quiet()?;
        self.heal();
        self.interrupt()?;
        self.agree("log that all members have applied", 2 * CATCH_UP)?;
        self.say_what_they_wait_for(&lives, &here)?;
        if let Some(is_cut) = self.may_be_unread() {
            self.leave_unread(is_cut)?;
        }
        self.drain()?;
        let parts = |time: Duration| time.as_nanos() as u64 * PARTS / self.t_max;
        let allowed = FRESH * PARTS + CATCH_UP * PARTS / self.t_max;
        Some(Calm { led: parts(led), fresh: parts(fresh), caught_up: parts(caught_up), allowed })
    }

    /// What is left of so long, since all were born.
    fn left(&self, within: u64) -> u64 {
        (self.since.0 + within).saturating_sub(self.time.now().0)
    }

    /// Within so long a leader is elected, and all that waits for one done.
    fn hard(&self) -> u64 {
        ROUNDS_MAX * self.t_max
    }

    fn be_led(&mut self) -> Option<()> {
        self.until(self.left(self.hard()), "leader of their own that all know", |phase| phase.is_led())
    }

    fn commit_beyond(&mut self, committed: u64) -> Option<()> {
        self.propose(self.lead().map(|(_, leader)| leader.0 as usize));
        self.until(self.left(self.hard()), "fresh commit", |phase| committed < phase.committed())
    }

    /// Each client is answered, at its deadline at the latest, and repeats what was given up, which a healthy core answers. So
    /// are calls for which no client waits: one of two copies, one that was forgotten, one of this phase. Whoever is outside
    /// the core may go on owing its answers.
    fn rest(&mut self) -> Option<()> {
        self.world.rests_since = Some(self.world.now);
        self.world.wake();
        self.until(3 * self.world.timeout() + self.hard(), "answer to every call", |phase| {
            phase.world.clients_rest() && !phase.world.answers.owes(&phase.core)
        })
    }

    fn agree(&mut self, what: &str, catch_up: u64) -> Option<()> {
        self.until(self.hard() + catch_up, what, |phase| phase.is_equal())
    }

    /// The last fault: somebody hears nobody for a while. Who does not ask before it stands is in a later term then.
    fn leave_behind(&mut self) -> Option<()> {
        let mut draws = stream(self.world.seed, Purpose::Calm, 2);
        if cornered::may_be(self.world) && draws.chance(2, 3) {
            return self.corner();
        }
        if self.world.swarm.pre_vote && !draws.chance(1, 4) {
            return Some(());
        }
        let all = self.world.nodes.len();
        self.cut(all, &Shape::Isolate(draws.below(all as u64) as usize));
        self.pass(Time(self.time.now().0 + 2 * self.t_max))
    }

    /// The last fault behind the others, once all is mended.
    fn part(&mut self) -> Option<()> {
        if stranded::may_be(self.world) {
            return self.strand();
        }
        let mut draws = stream(self.world.seed, Purpose::Calm, 3);
        match draws.below(6) {
            0..=1 if outgrown::may_be(self.world) => self.outgrow(),
            2..=3 if cornered::may_be(self.world) => self.die_half_way(),
            _ => Some(()),
        }
    }

    /// Runs on until it holds, for so many longest timeouts at most. Whether it holds.
    fn wait(&mut self, patience: u64, mut holds: impl FnMut(&mut Phase<'_>) -> bool) -> Option<bool> {
        let end = Time(self.time.now().0 + patience * self.t_max);
        while self.time.now() < end {
            if holds(self) {
                return Some(true);
            }
            if !(self.go)(self.time, self.world) {
                return None;
            }
        }
        Some(false)
    }

    /// In one phase of three one disk is slower than all others, mostly that of whoever leads: what is committed the
    /// others hold first.
    fn slow_a_disk(&mut self) {
        let mut draws = stream(self.world.seed, Purpose::Calm, 4);
        let most = (self.world.swarm.election.as_nanos() as u64 / 8).min(DISK);
        let (mean, nth) = (log_uniform(draws.bits(), most / 4, most), draws.below(self.core.len().max(1) as u64));
        let one = self.core.iter().nth(nth as usize).copied();
        let leader = self.world.leader().filter(|_| draws.chance(2, 3));
        if draws.chance(1, 3) {
            self.world.slow_disk = leader.or(one).map(|id| (id, mean));
        }
    }

    /// All come back, and the first of them who is brought a snapshot loses power half-way, for so long that nobody waits.
    fn interrupt(&mut self) -> Option<()> {
        let end = Time(self.time.now().0 + 4 * self.t_max);
        while self.time.now() < end && !self.is_equal() {
            if let Some(id) = self.who_is_brought_a_snapshot() {
                self.world.freeze(id);
                self.pass(Time(self.time.now().0 + 2 * self.t_max))?;
                self.world.thaw(id);
                self.core = self.sound().into_iter().collect(); // it may have found its disk damaged
                return Some(());
            }
            if !(self.go)(self.time, self.world) {
                return None;
            }
        }
        Some(())
    }

    /// The first of the core whom its leader brings a snapshot.
    fn who_is_brought_a_snapshot(&self) -> Option<usize> {
        let is_brought = |progress: &Progress| matches!(progress.mode, Mode::Snapshot { said: true, .. });
        let is_here = |to: &usize| self.core.contains(to) && self.world.nodes[*to].process.is_some();
        let of = |_: &Consensus, role: &Role| match role {
            Role::Leader(leader) => {
                let brought = leader.progress().filter(|(_, progress)| is_brought(progress));
                brought.map(|(to, _)| to.0 as usize).find(is_here)
            }
            Role::Newborn(_) | Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => None,
        };
        self.world.leader().and_then(|leader| self.world.nodes[leader].look(of).flatten())
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
        let late = Time(world.now.0 + LATE);
        world.net.lose_what_comes_after(late);
        let last_arrival = world.last_arrival.min(late);
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
    fn until(&mut self, within: u64, what: &str, mut holds: impl FnMut(&mut Phase<'_>) -> bool) -> Option<()> {
        let end = Time(self.time.now().0.saturating_add(within));
        let pause = self.t_max / PARTS;
        while !holds(self) {
            if self.behind.1.is_none() && self.has_caught_up() {
                self.behind.1 = Some(self.time.now());
            }
            // Who is brought a snapshot takes as long as that is large. It is over in the time in which all are to be equal.
            if self.behind.1.is_none() && self.late <= self.time.now() && self.who_is_brought_a_snapshot().is_none() {
                return self
                    .broken(format!("not applied in time by all of {:?}: what was committed before", self.core));
            }
            if end <= self.time.now() {
                let nodes = self.world.nodes.iter().map(told).collect::<Vec<_>>().join("; ");
                return self.broken(format!("no {what} among {:?} within {} ms: {nodes}", self.core, within / MS));
            }
            self.pass(Time(self.time.now().0 + pause))?;
        }
        Some(())
    }

    fn broken(&self, why: String) -> Option<()> {
        self.world.check.lock().break_rule("liveness", why);
        None
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

    fn cut(&mut self, nodes: usize, shape: &Shape) {
        for (from, to) in shape.links(nodes, None) {
            self.world.net.cut(from, to, Time::MAX);
        }
    }

    /// Something to commit, whatever clients are waiting for.
    fn propose(&mut self, node: Option<usize>) {
        if let Some(node) = node {
            let session = format!("calm {}", self.world.script.calls());
            let _ = self.world.ask(node, &script::Call::Open(session)); // nobody is asked who is down
        }
    }

    fn committed(&self) -> u64 {
        self.world.check.lock().committed()
    }

    /// Who of the core leads, and in which term, if all of the core agree.
    fn lead(&self) -> Option<(Term, NodeId)> {
        let of = |core: &Consensus, role: &Role| core.leader(role).map(|leader| (core.term(), leader));
        let mut leads = self.core.iter().map(|&id| self.world.nodes[id].look(of).flatten());
        let first = leads.next()?.filter(|(_, leader)| self.core.contains(&(leader.0 as usize)))?;
        leads.all(|lead| lead == Some(first)).then_some(first)
    }

    fn is_led(&self) -> bool {
        self.lead().is_some()
    }

    /// All of the core have applied what was committed when the phase began.
    fn has_caught_up(&self) -> bool {
        let applied =
            |id: &usize| self.world.nodes[*id].process.as_ref().map(|process| process.peer.state().read().index().0);
        self.core.iter().all(|id| applied(id).is_some_and(|applied| self.behind.0 <= applied))
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

    /// Nothing to do: nobody is elected, and heartbeats are all that is said. Where packets are lost somebody may be, now
    /// and then, and each may ask all the others about it once in a longest timeout.
    fn be_quiet(&mut self) -> Option<()> {
        let (lead, began, elections) = (self.lead(), self.time.now(), self.elections());
        self.world.net.count_among(self.core.clone());
        self.pass(Time(began.0 + QUIET * self.t_max))?;
        let (said, elected, is_lossy) =
            (self.world.net.counted(), self.elections() - elections, self.world.net.is_lossy());
        if is_lossy && ELECTED < elected {
            return self.broken(format!("{elected} were elected where all was quiet, {ELECTED} at most were to be"));
        }
        if !is_lossy && self.lead() != lead {
            return self.broken(format!("another leads where all was quiet: {lead:?} did, now {:?}", self.lead()));
        }
        let others = (self.core.len() as u64).saturating_sub(1);
        // A heartbeat and its answer; the leader's clock may be fast, and one may be under way at either end.
        let pulses = QUIET * self.t_max * 21 / 20 / self.world.swarm.heartbeat.as_nanos() as u64 + 2;
        let about_elections = if is_lossy { 2 * QUIET * (others + 1) * others } else { 0 };
        let stuck = self.world.nodes.iter().filter(|node| node.is_stuck_for_ever()).count() as u64;
        let most = 2 * pulses * others + STALE + about_elections + stuck * self.tries() * 4 * others;
        if most < said {
            let (beats, within) = (self.world.swarm.heartbeat, QUIET * self.t_max / MS);
            let why = format!("packets without end: {said} in {within} ms, a heartbeat each {beats:?}, {most} at most");
            return self.broken(why);
        }
        Some(())
    }

    /// Whose disk is stuck asks the leader for a session of its own so often meanwhile, since it never applies the answer:
    /// after pauses that double, up to two seconds.
    fn tries(&self) -> u64 {
        8 + QUIET * self.t_max / (2_000 * MS)
    }

    fn elections(&self) -> u64 {
        self.world.check.lock().elections
    }

    /// All come back.
    fn heal(&mut self) {
        self.world.net.mend_links();
        for id in 0..self.world.nodes.len() {
            if self.world.nodes[id].is_stuck_for_ever() {
                // What such a disk holds up never comes; it is as if it had lost power.
                self.world.freeze(id);
            }
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

#[cfg(test)]
mod tests;
