//! One seed, from its first step to its verdict.

use crate::calm::{self, Calm};
use crate::check::{Check, Undisturbed};
use crate::effects::{AT_LEADER, AWAIT, Came, Effects};
use crate::html::{self, About, Film};
use crate::liar::is_stop;
use crate::marks::{self, Marks};
use crate::plan::{Fault, MS, Swarm, What, plan, swarm};
use crate::scenario::Record;
use crate::shared::Shared;
use crate::stream::{Purpose, fate, stream};
use crate::sums::Sums;
use crate::trace;
use crate::world::World;
use rsm::fsm::VirtualTime;
use rsm::fsm::virtual_time::Record as Stepped;
use rsm::raft::Time;
use rsm::raft::invariants::Violation;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

/// No run of a few simulated seconds takes so many steps besides what its commits take: beyond it something turns in circles.
const STEPS_MAX_PER_SECOND: u64 = 200_000;
/// So many does one commit take at most: of seven nodes each hears of it, writes it, applies it, and takes a snapshot. A
/// cluster without any fault has committed 2,600 a second, of 83 steps each.
const STEPS_MAX_PER_COMMIT: u64 = 200;

/// One seed in so many is also judged blind.
const BLIND: u64 = 16;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What has happened.
    pub sums: Sums,
    /// The rare moments that it has met.
    pub marks: Marks,
    /// What became of its faults.
    pub effects: Effects,
    /// How the calm phase went, if the seed ended with one.
    pub calm: Option<Calm>,
    /// The hash of all steps.
    pub hash: u128,
    /// When it ended, in simulated time.
    pub ended: Time,
    /// It was stopped before its end: what must hold there was not asked.
    pub is_stopped: bool,
    /// The first rule that was broken.
    pub broken: Option<Violation>,
}

/// Where a run is cut short: after the step of this number, or the one that meets the mark of this number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stop {
    /// The step.
    pub step: Option<u64>,
    /// The mark.
    pub mark: Option<usize>,
}

impl Stop {
    fn is_here(self, world: &World, step: u64) -> bool {
        self.step.is_some_and(|stop| stop <= step) || self.mark.is_some_and(|place| 0 < world.marks.count(place))
    }
}

/// What a run is a function of.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where all chance comes from.
    pub seed: u64,
    /// Sizes and options.
    pub swarm: Swarm,
    /// What goes wrong.
    pub plan: Vec<Fault>,
    /// How long its faults last, in simulated time.
    pub lasts: Duration,
    /// Whether the cluster is asked to live behind them, in a calm phase, where it may be: see [`calm`].
    pub is_calmed: bool,
}

impl Case {
    /// The sizes and the plan of this seed.
    #[must_use]
    pub fn new(seed: u64, lasts: Duration) -> Case {
        let swarm = swarm(seed);
        let plan = plan(seed, &swarm, Time::ZERO.after(lasts));
        Case { seed, swarm, plan, lasts, is_calmed: true }
    }

    /// Leaves out what waits for marks: then it is the same in a build that counts none.
    #[must_use]
    pub fn unaimed(mut self) -> Case {
        self.plan.retain(|fault| !matches!(fault.what, What::Await(_)));
        self
    }

    /// Runs it.
    #[must_use]
    pub fn run(&self) -> Report {
        self.go(Stop::default(), None, Seen::default())
    }

    /// Runs it, and writes down what was drawn on the way.
    pub(crate) fn run_recorded(&self) -> (Report, Record) {
        let mut record = Record::default();
        let report = self.go(Stop::default(), None, Seen { film: None, record: Some(&mut record) });
        (report, record)
    }

    /// Runs it up to there. A run that is cut short has no verdict on what must hold at the end.
    #[must_use]
    pub fn run_until(&self, stop: Stop) -> Report {
        self.go(stop, None, Seen::default())
    }

    /// The same, and hands out a line for each step, without its end.
    #[must_use]
    pub fn trace(&self, stop: Stop, mut each: impl FnMut(&str)) -> Report {
        self.go(stop, Some(&mut each), Seen::default())
    }

    /// The same as [`run_until`](Case::run_until), and a page that shows it.
    #[must_use]
    pub fn picture(&self, stop: Stop, mut about: About) -> (Report, String) {
        let mut film = Film::new(self.swarm.nodes);
        let report = self.go(stop, None, Seen { film: Some(&mut film), record: None });
        about.is_stopped = report.is_stopped;
        (about.seed, about.steps, about.hash) = (self.seed, Some(report.sums.steps), Some(report.hash));
        about.broken = report.broken.as_ref().map(|violation| (violation.rule.to_owned(), violation.what.clone()));
        let page = html::page(&film, &about);
        (report, page)
    }

    /// What is seen of all of it.
    #[cfg(test)]
    pub(crate) fn film(&self) -> Film {
        let mut film = Film::new(self.swarm.nodes);
        self.go(Stop::default(), None, Seen { film: Some(&mut film), record: None });
        film
    }

    fn go(&self, stop: Stop, each: Option<Each<'_>>, seen: Seen<'_>) -> Report {
        let Seen { mut film, mut record } = seen;
        marks::reset();
        let time = VirtualTime::new(stream(self.seed, Purpose::Executor, 0).bits());
        let mut world = World::new(self.seed, self.swarm.clone(), self.plan.clone(), &time);
        world.story = each.as_ref().map(|_| String::new());
        world.film = film.as_deref_mut().map(std::mem::take);
        world.record = record.as_deref_mut().map(std::mem::take);
        let mut went = Went::default();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            go(&time, &mut world, (self.lasts, self.is_calmed), stop, each, &mut went)
        }))
        .err();
        if let Some(panic) = panicked {
            world.check.lock().break_rule("R23", format!("a panic: {}", panic_words(&*panic)));
        }
        let hash = time.hash();
        let mut sums = world.sums();
        let Went { steps, calm, is_stopped } = went;
        (sums.seeds, sums.steps, sums.simulated_ms) = (1, steps, time.now().0 / MS);
        sums.calm = u64::from(calm.is_some());
        let broken = world.check.lock().broken().cloned();
        if let (Some(film), Some(world_film)) = (film, world.film.take()) {
            *film = world_film;
        }
        if let (Some(record), Some(world_record)) = (record, world.record.take()) {
            *record = world_record;
        }
        Report {
            seed: self.seed,
            sums,
            // What a liar brings about no other seed need meet, and some of it none may.
            marks: if self.swarm.liars == 0 { world.marks.all() } else { Marks::default() },
            effects: world.effects(),
            calm,
            hash,
            ended: time.now(),
            is_stopped,
            broken,
        }
    }
}

/// Runs a seed for so long, in simulated time.
#[must_use]
pub fn run(seed: u64, lasts: Duration) -> Report {
    Case::new(seed, lasts).run()
}

/// What a panic says.
pub(crate) fn panic_words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    words.unwrap_or("of no words").to_owned()
}

/// What is kept of what is seen.
#[derive(Default)]
struct Seen<'a> {
    film: Option<&'a mut Film>,
    record: Option<&'a mut Record>,
}

/// Who hears of each step.
type Each<'a> = &'a mut dyn FnMut(&str);

/// How far a run has come: known of one that panics, too.
#[derive(Default)]
struct Went {
    steps: u64,
    /// How the calm phase went, if there was one.
    calm: Option<Calm>,
    /// It was stopped before its end.
    is_stopped: bool,
}

/// R20: a run takes no more steps than that.
fn has_an_end(check: &Shared<Check>, steps: u64, most: u64) {
    if most < steps {
        check.lock().break_rule("R20", format!("{steps} steps, and no end"));
    }
}

/// Runs a world to its end.
fn go(
    time: &VirtualTime,
    world: &mut World,
    (lasts, is_calmed): (Duration, bool),
    stop: Stop,
    mut each: Option<Each<'_>>,
    Went { steps, calm, is_stopped }: &mut Went,
) {
    let end = Time::ZERO.after(lasts);
    let most = STEPS_MAX_PER_SECOND * (1 + lasts.as_secs());
    let mut step = |time: &VirtualTime, world: &mut World| {
        if world.is_broken() || *is_stopped {
            return false;
        }
        // Counted before it is taken: the one that panics is the last of them.
        *steps += 1;
        let Some(record) = world.step(time) else {
            *steps -= 1;
            return false;
        };
        if let (Some(each), Some(story)) = (&mut each, &world.story) {
            each(&trace::line(&record, story));
        }
        if most < *steps {
            let commits = world.commits();
            has_an_end(&world.check, *steps, most + STEPS_MAX_PER_COMMIT * commits);
        }
        *is_stopped = stop.is_here(world, record.number);
        !*is_stopped
    };
    while time.now() < end && step(time, world) {}
    let is_whole = end <= time.now();
    if is_whole {
        world.judge_control();
    }
    *calm =
        if is_whole && is_calmed && calm::may_follow(&world.swarm) { calm::run(time, world, &mut step) } else { None };
    if !*is_stopped {
        world.end(time);
    }
}

impl World {
    /// The next step. Where somebody is lied to a peer may end rather than fork its data, and is gone by then.
    pub(crate) fn step(&mut self, time: &VirtualTime) -> Option<Stepped> {
        loop {
            if !self.nodes.iter().any(|node| node.is_lied_to) {
                return time.step(self);
            }
            match catch_unwind(AssertUnwindSafe(|| time.step(self))) {
                Ok(record) => return record,
                Err(panic) if is_stop(&*panic) => {}
                Err(panic) => resume_unwind(panic),
            }
        }
    }

    /// Holds all that was said against all that is there, then ends every process: each call must have been answered.
    pub(crate) fn end(&mut self, time: &VirtualTime) {
        self.answers.learn(&mut self.check.lock());
        self.start_copies_of_all_that_are_down();
        // Each state is held against the one that is farthest, of those that ended before too, as it ends.
        self.nodes.iter_mut().for_each(crate::node::Node::kill);
        self.check.lock().all_was_written();
        self.check.lock().fits_the_reference();
        // What is committed and applied nowhere yet is there too.
        let all = self.check.lock().all_that_is_committed();
        self.answers.fits(&mut self.check.lock(), &all);
        let farthest = self.check.lock().farthest().cloned();
        if let Some(state) = farthest {
            self.answers.fits(&mut self.check.lock(), &state);
            self.sums.witnessed += self.answers.history().judge(&mut self.check.lock(), state.applied, &state.lists);
        }
        if fate(self.seed, Purpose::Blind, 0, 0).is_multiple_of(BLIND) {
            self.answers.history().judge_blind(&mut self.check.lock());
        }
        self.disarm();
        time.run_for(Duration::from_millis(1), &mut ());
        self.gather();
        self.answers.all_resolved(&mut self.check.lock());
        self.account();
    }

    /// Where nothing went wrong all must have gone as it should.
    pub(crate) fn judge_control(&self) {
        if let Some(control) = &self.control {
            // The leader's clock may be fast.
            let pulses = self.now.0 * 21 / 20 / self.swarm.heartbeat.as_nanos() as u64;
            let (nodes, clients, reordered) = (self.nodes.len(), self.swarm.clients as u64, self.net.traffic.reordered);
            let (window, former_lives) = (self.swarm.window as u64, self.sums.former_lives);
            let asked = Undisturbed { nodes, pulses, clients, reordered, window, former_lives };
            control.judge(&mut self.check.lock(), asked, self.answers.counts);
        }
    }

    /// How many entries are committed; where somebody lies, and there is no history, as the peers have it, but no more than
    /// they have taken turns.
    fn commits(&self) -> u64 {
        if self.swarm.liars == 0 {
            return self.check.lock().committed();
        }
        let of_each = self.nodes.iter().filter_map(|node| node.look(|core, _| core.commit().0));
        of_each.max().unwrap_or_default().min(self.turns)
    }

    pub(crate) fn sums(&self) -> Sums {
        let (traffic, check, counts) = (self.net.traffic, self.check.lock(), self.answers.counts);
        // As [`OPERATIONS`](crate::plan::OPERATIONS) lists them.
        let [
            failed_syncs,
            failed_writes,
            failed_reads,
            failed_creates,
            failed_renames,
            failed_removals,
            failed_name_syncs,
        ] = self.nodes.iter().fold([0; 7], |mut sums, node| {
            sums.iter_mut().zip(node.failed()).for_each(|(sum, times)| *sum += times);
            sums
        });
        let effects = self.effects();
        Sums {
            elections: check.elections,
            commits: check.committed(),
            repeated: check.repeated,
            alike: check.alike,
            tables: check.tables,
            states: check.states,
            acknowledged: self.answers.count(),
            reads: counts.reads,
            unread: counts.unread,
            swapped: counts.swapped,
            unknown: counts.unknown,
            expired: counts.expired,
            refused: counts.refused,
            too_large: counts.too_large,
            packets: traffic.sent,
            lost: traffic.lost,
            doubled: traffic.doubled,
            reordered: traffic.reordered,
            flipped: traffic.flipped,
            truncated: traffic.truncated,
            crowded: traffic.crowded,
            replayed: traffic.replayed,
            cut_off: traffic.cut,
            struck: effects.count(Came::Struck),
            withheld: effects.count(Came::Withheld),
            idle: effects.count(Came::Idle),
            at_leader: effects.struck(AT_LEADER),
            answered: effects.struck(AWAIT),
            failed_syncs,
            failed_writes,
            failed_reads,
            failed_creates,
            failed_renames,
            failed_removals,
            failed_name_syncs,
            ..self.sums
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r20_a_run_that_goes_on_and_on() {
        let after = |steps: u64| {
            let check = Shared::default();
            has_an_end(&check, steps, 9);
            let check = check.lock();
            check.broken().map(|violation| violation.rule)
        };
        assert_eq!((after(9), after(10)), (None, Some("R20")));
    }

    #[test]
    fn r23_a_run_that_panics_and_how_far_it_has_come() {
        let case = Case::new(3, Duration::from_secs(1));
        let mut lines = 0;
        let report = case.trace(Stop::default(), |_| {
            lines += 1;
            assert!(lines < 100, "of the look, on purpose");
        });
        assert_eq!(report.broken.as_ref().map(|broken| broken.rule), Some("R23"));
        assert_eq!(report.sums.steps, 100);
    }
}
