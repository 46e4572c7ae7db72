//! A failing seed made small, and told as a story: nothing of its plan, its clients and its packets is drawn any more, if
//! that can be.
//!
//! ```text
//!   seed 17 ── run, and written down ──> a story of a thousand lines that breaks the same rule
//!          ── still without these faults? these calls? this node? in fair weather, at round times? ──> a few lines
//! ```
//! A rule that breaks by the load of many, or by what clients make of what they see, is broken by no few calls: then the
//! story has clients of their own, as few as break it. What is left out leaves the rest as it was, since no part of a run
//! draws from another's chance. The story is a script of [`scenario`](crate::scenario), so it lasts where a seed does not:
//! any new draw makes another run of a seed.

use crate::mutants::cause;
use crate::plan::{MS, What};
use crate::run::Case;
use crate::scenario::{Moment, OPTIONS, Recorded, Scenario};
use crate::script::{Call, Proposal};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A rule that was broken, and its story.
#[derive(Clone, Debug)]
pub struct Minimized {
    /// The least that was found.
    pub scenario: Scenario,
    /// The rule that it breaks, as the whole seed does.
    pub rule: String,
    /// How many faults and calls the whole seed has.
    pub before: usize,
    /// How many runs it took.
    pub runs: u32,
    /// Of the seeds 1 to 10 for what the story leaves to chance, with so many it breaks that rule.
    pub of_ten: usize,
}

/// Why there is no small story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whole {
    /// The seed breaks no rule.
    Holds,
    /// It breaks this one, and no story of it that was tried does.
    Untold(String),
}

/// Looks for a small story of a seed that breaks a rule, until there is nothing left to try or all patience is spent:
/// `spent` says how much of it is, after so many runs.
///
/// # Errors
/// Why there is none.
pub fn minimize(case: &Case, patience: Duration, spent: impl Fn(u32) -> Duration) -> Result<Minimized, Whole> {
    let recorded = case.recorded();
    let violation = recorded.report.broken.as_ref().ok_or(Whole::Holds)?;
    let scenario = recorded.scenario.clone();
    let (cause, breaks, until) = (cause(violation), breaks_of, patience / 2);
    Search { scenario, cause, runs: 0, calls_first: false, breaks, until, spent }.least(case, &recorded, patience)
}

/// A story, and with how many of ten seeds it breaks its rule.
struct Found {
    scenario: Scenario,
    of_ten: usize,
}

impl Found {
    fn is_readable(&self) -> bool {
        self.scenario.events() <= READABLE
    }

    /// A story that anybody can read is the best, then one that owes little to chance, then a short one.
    fn rank(&self) -> (bool, usize, usize) {
        (!self.is_readable(), 10 - self.of_ten, self.scenario.events())
    }
}

/// A story of no more events can be read.
pub const READABLE: usize = 25;
/// A story that breaks its rule with so many of ten seeds says all that leads there, and no other beginning is tried.
const STEADY: usize = 8;
/// With so many seeds a story is tried that lacks a good part of what it had.
const SEEDS: u64 = 12;

/// Where to begin, and what to leave out first: no way of making it less leads to the least from everywhere. A story in
/// fair weather is the best; then one in which what became of single packets stands in lines of their own.
fn starts(recorded: &Recorded) -> Vec<(Scenario, bool)> {
    let (mut fair, mut plain) = (recorded.scenario.clone(), recorded.scenario.clone());
    fair_weather(&mut fair);
    OPTIONS.into_iter().for_each(|option| plain.head.quieten(option));
    let (told, mut steady) = (recorded.in_fair_weather(), recorded.in_fair_weather());
    ["ties", "drift"].into_iter().for_each(|option| steady.head.quieten(option));
    let starts = [plain, fair, steady, told, recorded.scenario.clone()];
    starts.into_iter().flat_map(|start| [(start.clone(), false), (start, true)]).collect()
}

/// Where to begin if it takes more to break the rule than calls that can be told one by one: clients go on as the seed
/// draws them.
fn crowds(case: &Case, recorded: &Recorded) -> Vec<(Scenario, bool)> {
    let mut crowd = recorded.scenario.clone();
    crowd.moments.retain(|(_, moment)| matches!(moment, Moment::Fault(_)));
    let swarm = crowd.swarm_mut();
    (swarm.clients, swarm.lists) = (case.swarm.clients, case.swarm.lists);
    (swarm.kinds, swarm.rest) = (case.swarm.kinds.clone(), case.swarm.rest);
    let mut fair = crowd.clone();
    fair_weather(&mut fair);
    vec![(fair, false), (crowd, false)]
}

/// The rule that a story breaks, and in which of its sentences.
type Cause = (String, String);

/// What a story breaks.
fn breaks_of(scenario: &Scenario) -> Option<Cause> {
    Some(cause(&scenario.play().err()?.broken?))
}

/// The least so far.
struct Search<B, S> {
    scenario: Scenario,
    cause: Cause,
    runs: u32,
    /// Calls are left out before faults are.
    calls_first: bool,
    /// What a story breaks.
    breaks: B,
    /// It is over once more than that is spent, after so many runs.
    until: Duration,
    spent: S,
}

impl<B: Fn(&Scenario) -> Option<Cause>, S: Fn(u32) -> Duration> Search<B, S> {
    fn is_over(&self) -> bool {
        self.until < (self.spent)(self.runs)
    }

    /// The least story of what was recorded: half of the time is for one in which all is told, a quarter for one in which
    /// clients act of their own, if that one cannot be read, and the rest for the former again.
    fn least(mut self, case: &Case, recorded: &Recorded, patience: Duration) -> Result<Minimized, Whole> {
        let before = recorded.scenario.events();
        let mut best = self.best(starts(recorded), None);
        if !best.as_ref().is_some_and(Found::is_readable) {
            let told = best.as_ref().map(|found| (found.scenario.clone(), false));
            self.until = patience / 4 * 3;
            best = self.best(crowds(case, recorded), best);
            self.until = patience;
            best = self.best(told, best);
        }
        let (rule, _) = self.cause;
        let Some(Found { mut scenario, of_ten }) = best else { return Err(Whole::Untold(rule)) };
        scenario.name_in_order();
        Ok(Minimized { of_ten, scenario, rule, before, runs: self.runs })
    }

    /// The best of what there was and what comes of these beginnings, up to the first that leaves nothing to be wished.
    fn best(&mut self, starts: impl IntoIterator<Item = (Scenario, bool)>, mut best: Option<Found>) -> Option<Found> {
        for (start, calls_first) in starts {
            if best.as_ref().is_some_and(|found| found.is_readable() && STEADY <= found.of_ten) {
                break;
            }
            self.calls_first = calls_first;
            if self.begins(&start) {
                self.all();
                let found = Found { of_ten: self.of_ten(), scenario: self.scenario.clone() };
                best = best.into_iter().chain([found]).min_by_key(Found::rank);
            }
        }
        best
    }

    /// Tries every way to make it less, until none is left.
    fn all(&mut self) {
        loop {
            let before = self.scenario.clone();
            self.round();
            if self.is_over() || (self.scenario == before && !self.luckier()) {
                return;
            }
        }
    }

    fn round(&mut self) {
        self.smaller_crowd();
        if self.calls_first {
            self.fewer(|moment| matches!(moment, Moment::Call(..)));
        }
        self.fewer(|moment| matches!(moment, Moment::Fault(what) if !matches!(what, What::Aim(_))));
        self.fewer(|moment| matches!(moment, Moment::Call(..)));
        self.fewer(|moment| matches!(moment, Moment::Fault(What::Aim(_))));
        for node in (0..self.scenario.swarm_mut().nodes).rev() {
            self.takes(|scenario| scenario.leave_out(node));
        }
        // All kinds of clients, and hardly any rest, are the usual, and not less.
        let options = OPTIONS.into_iter().filter(|option| !["kinds", "rest"].contains(option));
        self.takes(|scenario| options.clone().for_each(|option| scenario.head.quieten(option)));
        for option in options.clone() {
            self.takes(|scenario| scenario.head.quieten(option));
        }
        while self.takes(|scenario| scenario.end_mut().into_iter().for_each(|end| *end = *end / 8 * 7 / MS * MS)) {}
        self.takes(|scenario| scenario.end_mut().into_iter().for_each(|end| *end = end.next_multiple_of(MS)));
        for nth in 0..self.scenario.moments.len() {
            self.simpler(nth);
        }
    }

    /// Fewer clients of their own, for a shorter time, and of fewer kinds.
    fn smaller_crowd(&mut self) {
        if self.scenario.swarm_mut().clients == 0 {
            return;
        }
        for part in [8, 2] {
            while self.takes(|scenario| scenario.end_mut().into_iter().for_each(|end| *end /= part)) {}
        }
        for (part, of) in [(1, 8), (1, 2), (7, 8)] {
            while self.takes(|scenario| scenario.swarm_mut().clients = scenario.swarm_mut().clients * part / of) {}
        }
        for kind in self.scenario.swarm_mut().kinds.clone() {
            self.takes(|scenario| {
                let others = scenario.swarm_mut().kinds.iter().copied().filter(|other| *other != kind);
                let others = others.collect::<Vec<_>>();
                // The first client is a busy one.
                if others.iter().any(|other| other.is_busy()) {
                    scenario.swarm_mut().kinds = others;
                }
            });
        }
    }

    /// Makes it less in one way, if that breaks the same rule by the same sentence: what breaks another is another story.
    fn takes(&mut self, less: impl FnOnce(&mut Scenario)) -> bool {
        let mut scenario = self.scenario.clone();
        less(&mut scenario);
        if scenario == self.scenario || self.is_over() || !self.is_same(&scenario) {
            return false;
        }
        self.scenario = scenario;
        true
    }

    fn is_same(&mut self, scenario: &Scenario) -> bool {
        self.runs += 1;
        (self.breaks)(scenario).is_some_and(|cause| cause == self.cause)
    }

    /// Leaves out as many moments of a kind as it can, first many at a time.
    fn fewer(&mut self, is_such: impl Fn(&Moment) -> bool) {
        let places = |scenario: &Scenario| -> Vec<usize> {
            let such = scenario.moments.iter().enumerate().filter(|(_, (_, moment))| is_such(moment));
            such.map(|(place, _)| place).collect()
        };
        let mut piece = places(&self.scenario).len();
        while 0 < piece {
            let mut at = 0;
            loop {
                let such = places(&self.scenario);
                let Some(rest) = such.get(at..).filter(|rest| !rest.is_empty()) else { break };
                let out: BTreeSet<usize> = rest.iter().take(piece).copied().collect();
                if !self.takes(|scenario| scenario.leave_out_moments(&out)) {
                    at += piece;
                }
            }
            piece /= 2;
        }
    }

    /// Whether it breaks the same rule from here, if need be with another seed: of what was written down a little is
    /// lost, such as who of two clients came first at one moment.
    fn begins(&mut self, start: &Scenario) -> bool {
        let own = start.head.seed;
        let mut seeds = std::iter::once(own).chain(1..=SEEDS);
        let found = seeds.find_map(|seed| {
            let scenario = start.clone().with_seed(seed);
            (!self.is_over() && self.is_same(&scenario)).then_some(scenario)
        });
        found.map(|scenario| self.scenario = scenario).is_some()
    }

    /// Where nothing can be left out one by one any more: a good part of it at once, with another seed.
    fn luckier(&mut self) -> bool {
        let (events, parts) = (self.scenario.events(), [2, 4, 8]);
        let mut pieces = parts.into_iter().flat_map(|parts| (0..parts).map(move |part| (part, parts)));
        READABLE / 2 < events
            && pieces.any(|(part, parts)| {
                let out: BTreeSet<usize> = (events * part / parts..events * (part + 1) / parts).collect();
                (1..=SEEDS).any(|seed| {
                    self.takes(|scenario| {
                        scenario.leave_out_moments(&out);
                        scenario.head.seed = seed;
                    })
                })
            })
    }

    /// With how many of ten seeds it breaks the same rule.
    fn of_ten(&mut self) -> usize {
        let others = (1..=10).map(|other| self.scenario.clone().with_seed(other)).collect::<Vec<_>>();
        others.iter().filter(|other| self.is_same(other)).count()
    }

    /// One moment, shorter, rounder, and with fewer words.
    fn simpler(&mut self, nth: usize) {
        let of = |scenario: &mut Scenario, change: &dyn Fn(&mut (u64, Moment))| {
            scenario.moments[nth..=nth].iter_mut().for_each(change);
        };
        while self.takes(|scenario| of(scenario, &|(_, moment)| moment.shorten())) {}
        self.takes(|scenario| of(scenario, &|(_, moment)| moment.round()));
        for unit in [MS, MS / 10] {
            let round = |scenario: &mut Scenario| {
                of(scenario, &|(at, _)| *at = *at / unit * unit);
                scenario.moments.sort_by_key(|(at, _)| *at);
            };
            if self.takes(round) {
                break;
            }
        }
        for plain in [Proposal::in_no_session, Proposal::over_all, Proposal::first_list] {
            self.takes(|scenario| {
                of(scenario, &|(_, moment)| match moment {
                    Moment::Call(_, Call::Propose(proposal)) => plain(proposal),
                    Moment::Call(_, Call::Open(_) | Call::Read(_)) | Moment::Fault(_) => {}
                });
            });
        }
    }
}

impl Proposal {
    fn in_no_session(&mut self) {
        self.session = None;
    }

    fn over_all(&mut self) {
        self.over = None;
    }

    fn first_list(&mut self) {
        self.list = 0;
    }
}

/// Nothing happens to packets but their delay.
fn fair_weather(scenario: &mut Scenario) {
    for option in ["loss", "double", "replay", "flip", "truncate", "late", "fifo", "crowd", "bandwidth"] {
        scenario.head.quieten(option);
    }
}

impl Recorded {
    /// The same story, in which what became of single packets stands in lines of their own.
    fn in_fair_weather(&self) -> Scenario {
        let mut scenario = self.scenario.clone();
        fair_weather(&mut scenario);
        scenario.moments.extend(self.record.packets());
        scenario.moments.sort_by_key(|(at, _)| *at);
        scenario
    }
}

impl Scenario {
    fn leave_out_moments(&mut self, out: &BTreeSet<usize>) {
        let mut place = 0;
        self.moments.retain(|_| {
            place += 1;
            !out.contains(&(place - 1))
        });
    }

    /// The cluster has one node less.
    fn leave_out(&mut self, node: usize) {
        if 1 < self.swarm_mut().nodes {
            self.swarm_mut().nodes -= 1;
            self.moments.retain_mut(|(_, moment)| moment.leave_out(node));
        }
    }

    /// Values are called a, b, c, and sessions s, t, u, as they come.
    fn name_in_order(&mut self) {
        let (mut values, mut sessions) = (BTreeMap::new(), BTreeMap::new());
        for (_, moment) in &mut self.moments {
            let Moment::Call(_, call) = moment else { continue };
            match call {
                Call::Open(name) => name_in_order(&mut sessions, name, 18),
                Call::Read(_) => {}
                Call::Propose(Proposal { value, over, session, .. }) => {
                    let over = over.iter_mut().filter(|over| *over != crate::script::NOTHING);
                    over.chain([value]).for_each(|value| name_in_order(&mut values, value, 0));
                    session.iter_mut().for_each(|(name, _)| name_in_order(&mut sessions, name, 18));
                }
            }
        }
    }
}

fn name_in_order(names: &mut BTreeMap<String, String>, name: &mut String, first: usize) {
    let nth = names.len() + first;
    let letter = char::from(b'a' + (nth % 26) as u8);
    let new = || if nth < 26 { letter.to_string() } else { format!("{letter}{}", nth / 26) };
    *name = names.entry(name.clone()).or_insert_with(new).clone();
}

#[cfg(test)]
mod tests;
