//! A failing seed made small: fewer faults, fewer clients, a quieter world, shorter spells, as long as the same rule breaks.
//!
//! ```text
//!   seed 17 ──> Small ── is it still broken without these faults? with one client? on a quiet network? ──> a few lines
//! ```
//! No part of a run draws from another's chance, so what is left out leaves the rest as it was.

use crate::case::Small;
use crate::mutants::rule;
use crate::plan::{MS, What};
use rsm::raft::invariants::Violation;

/// What came of making a case small.
#[derive(Clone, Debug)]
pub struct Minimized {
    /// The least that was found.
    pub small: Small,
    /// The rule that it breaks, as the whole seed does.
    pub rule: String,
    /// How many faults the whole seed has.
    pub before: usize,
    /// How many runs it took.
    pub runs: u32,
}

/// Looks for less that breaks the same rule, in at most so many runs; `None` if the whole breaks none.
#[must_use]
pub fn minimize(whole: &Small, runs_max: u32) -> Option<Minimized> {
    minimize_by(whole, runs_max, |small| small.run().broken)
}

/// As [`minimize`], of a case that breaks what `run` says.
fn minimize_by(whole: &Small, runs_max: u32, run: impl Fn(&Small) -> Option<Violation>) -> Option<Minimized> {
    // What stops a peer stands for the rule that it names: two faults that stop one are not the same.
    let breaks = |small: &Small| run(small).map(|violation| rule(violation.rule, &violation.what));
    let mut search = Search { small: whole.clone(), rule: breaks(whole)?, runs: 1, runs_max, breaks };
    loop {
        let before = search.small.clone();
        search.round();
        if search.small == before || runs_max <= search.runs {
            let Search { small, rule, runs, .. } = search;
            return Some(Minimized { small, rule, before: whole.plan.len(), runs });
        }
    }
}

/// The least so far.
struct Search<B> {
    small: Small,
    rule: String,
    runs: u32,
    runs_max: u32,
    /// The rule that a case breaks.
    breaks: B,
}

impl<B: Fn(&Small) -> Option<String>> Search<B> {
    /// Tries every way to make it less.
    fn round(&mut self) {
        self.fewer_faults();
        for clients in 0..self.small.clients {
            if self.takes(|small| small.clients = clients) {
                break;
            }
        }
        self.takes(|small| small.is_quiet = true);
        while self.takes(|small| small.lasts = small.lasts / 8 * 7) {}
        for nth in 0..self.small.plan.len() {
            while self.takes(|small| shorten(&mut small.plan[nth].what)) {}
        }
    }

    /// Makes it less in one way, if that breaks the same rule: one that breaks another is another case.
    fn takes(&mut self, less: impl FnOnce(&mut Small)) -> bool {
        let mut small = self.small.clone();
        less(&mut small);
        if small == self.small || self.runs_max <= self.runs {
            return false;
        }
        self.runs += 1;
        let is_same = (self.breaks)(&small).is_some_and(|rule| rule == self.rule);
        if is_same {
            self.small = small;
        }
        is_same
    }

    fn fewer_faults(&mut self) {
        let mut piece = self.small.plan.len();
        while 0 < piece {
            let mut at = 0;
            while at < self.small.plan.len() {
                let end = (at + piece).min(self.small.plan.len());
                if !self.takes(|small| drop(small.plan.drain(at..end))) {
                    at += piece;
                }
            }
            piece /= 2;
        }
    }
}

/// Halves how long a fault lasts, down to a millisecond.
fn shorten(what: &mut What) {
    match what {
        What::Cut { lasts, .. }
        | What::Clog { lasts, .. }
        | What::Pause { lasts, .. }
        | What::Stuck { lasts, .. }
        | What::Full { lasts, .. }
        | What::Aside { lasts, .. }
        | What::AtLeader { lasts, .. } => *lasts = halved(*lasts),
        What::Await(aimed) => aimed.lasts = halved(aimed.lasts),
        What::Crash { down, .. }
        | What::Rot { down, .. }
        | What::CrashAtDisk { down, .. }
        | What::Blackout { down }
        | What::Broken { down, .. }
        | What::Rollback { down, .. }
        | What::Drain { down, .. }
        | What::Wipe { down, .. } => *down = halved(*down),
        What::Aim(_) | What::Leap { .. } => {}
    }
}

fn halved(nanoseconds: u64) -> u64 {
    if nanoseconds <= MS { nanoseconds } else { (nanoseconds / 2).max(MS) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Fault;
    use crate::run::Case;
    use rsm::raft::Time;
    use std::time::Duration;

    const LASTS: Duration = Duration::from_secs(5);

    #[test]
    fn one_fault_among_many_is_found_to_be_the_one() {
        let seed = (0..).find(|&seed| {
            let Case { swarm, plan, .. } = Case::new(seed, LASTS);
            swarm.nodes == 3 && 20 < plan.len()
        });
        let mut whole = Small::whole(seed.expect("some seed has many faults"), LASTS);
        let rollback = What::Rollback { node: 1, down: 10 * MS };
        whole.plan.push(Fault { at: Time(3_000 * MS), what: rollback });
        let found = minimize(&whole, 200).expect("a disk that forgets is found out");
        assert_eq!(found.rule, "R11");
        assert!(found.small.plan.len() <= 3 && 20 < found.before, "{}", found.small);
        assert!(found.small.plan.iter().any(|fault| matches!(fault.what, What::Rollback { .. })), "{}", found.small);
        assert_eq!(found.small.run().broken.map(|violation| violation.rule), Some("R11"));
        assert_eq!(minimize(&Small::whole(3, LASTS), 10).map(|found| found.runs), None, "nothing is broken there");
    }
    #[test]
    fn what_is_less_but_breaks_another_rule_is_another_case() {
        let whole = Small::whole(3, LASTS);
        let crash = |node: usize| Fault { at: Time(node as u64 * MS), what: What::Crash { node, down: MS } };
        let whole = Small { plan: (0..9).map(crash).collect(), ..whole };
        let has = |small: &Small, node: usize| small.plan.contains(&crash(node));
        // Two faults break it; one alone stops a peer, which says another rule.
        let run = |small: &Small| {
            let what = if has(small, 6) { "R10: a committed entry is never cut" } else { "R2: one vote a term" };
            has(small, 3).then(|| Violation { rule: "R23", what: format!("a panic: {what}") })
        };
        let found = minimize_by(&whole, 200, run).expect("it breaks a rule");
        assert_eq!((found.rule.as_str(), found.small.plan), ("R10", vec![crash(3), crash(6)]));
    }
}
