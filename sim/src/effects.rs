//! What became of the faults of plans. A nemesis whose faults have no effect is mis-aimed.
//!
//! ```text
//!   fault ── its time comes ──> struck | withheld: it was not to be | idle: it changed nothing
//!                         └───> armed, for a moment or an operation to come ──> struck | idle: none came, or it did nothing
//! ```

use crate::plan::{Harm, What};
use rsm::raft::storage::simulated::Operation;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Something went wrong.
    Struck,
    /// It was not to be: the budget is spent, or all is to be calm.
    Withheld,
    /// The node was down, the link was cut already, nobody led.
    Idle,
}

/// How many faults of each kind came to what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects(BTreeMap<&'static str, [u64; 3]>);

/// Of fewer than this nothing is said. Faults of one seed share its fate, a few dozen of a kind at most: so many come of fifty
/// seeds and more, and where 40 % are to be idle, half of them are by chance once in a thousand times.
const FEW: u64 = 1_000;

impl Effects {
    /// One more of this kind.
    pub(crate) fn note(&mut self, kind: &'static str, came: Came) {
        self.0.entry(kind).or_default()[came as usize] += 1;
    }

    /// How many of this kind have struck.
    pub(crate) fn struck(&self, kind: &str) -> u64 {
        self.0.get(kind).map_or(0, |counts| counts[Came::Struck as usize])
    }

    /// The same, changed nothing.
    #[cfg(test)]
    pub(crate) fn idle(&self, kind: &str) -> u64 {
        self.0.get(kind).map_or(0, |counts| counts[Came::Idle as usize])
    }

    /// How many came to this.
    #[must_use]
    pub fn count(&self, came: Came) -> u64 {
        self.0.values().map(|counts| counts[came as usize]).sum()
    }

    /// How many there were.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.0.values().flatten().sum()
    }

    /// The kinds of which more than half changed nothing, a line each. What was withheld could not, and counts for neither;
    /// what waited in vain is told apart, and is of the kind that waits.
    #[must_use]
    pub fn mis_aimed(&self) -> Vec<String> {
        let mut kinds = BTreeMap::<&str, [u64; 2]>::new();
        for (&kind, [struck, _, idle]) in &self.0 {
            let counts = kinds.entry(if kind == UNMET { AWAIT } else { kind }).or_default();
            *counts = [counts[0] + struck, counts[1] + idle];
        }
        let is_idle = |(kind, [struck, idle]): (&str, [u64; 2])| {
            let all = struck + idle;
            (FEW <= all && struck < idle).then(|| format!("{idle} of {all} faults `{kind}` had no effect"))
        };
        kinds.into_iter().filter_map(is_idle).collect()
    }
}

impl AddAssign<&Effects> for Effects {
    fn add_assign(&mut self, other: &Effects) {
        for (kind, more) in &other.0 {
            let counts = self.0.entry(kind).or_default();
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
    }
}

impl fmt::Display for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.0.iter().map(|(kind, [struck, withheld, idle])| format!("{kind} {struck}/{withheld}/{idle}"));
        write!(f, "faults (struck/withheld/without effect): {}", words.collect::<Vec<_>>().join(", "))
    }
}

/// Those that wait for a moment.
pub(crate) const AWAIT: &str = "await";

/// Those of which that moment never came.
pub(crate) const UNMET: &str = "await-in-vain";

/// Those that meet whoever leads.
pub(crate) const AT_LEADER: &str = "at-leader";

/// As a case names it.
pub(crate) fn kind(what: &What) -> &'static str {
    match what {
        What::Cut { .. } => "cut",
        What::Clog { .. } => "clog",
        What::Crash { .. } => "crash",
        What::CrashAtDisk { .. } => "crash-at-disk",
        What::Blackout { .. } => "blackout",
        What::Pause { .. } => "pause",
        What::Stuck { .. } => "stuck",
        What::Broken { operation: Operation::Sync, .. } => "broken",
        What::Broken { operation: Operation::Read, .. } => "broken-read",
        What::Broken { .. } => "broken-otherwise",
        What::Slow { .. } => "slow",
        What::Full { slack: 0, .. } => "full",
        What::Full { .. } => "nearly-full",
        What::Aim(_) => "aim",
        What::Tell(_) => "tell",
        What::Await(_) => AWAIT,
        What::Rot { harm: Harm::Flip, .. } => "rot",
        What::Rot { harm: Harm::Zeros, .. } => "rot-zeros",
        What::Rot { harm: Harm::Former, .. } => "rot-former",
        What::Rot { harm: Harm::Unreadable, .. } => "unreadable",
        What::Drain { .. } => "drain",
        What::Aside { .. } => "aside",
        What::AtLeader { .. } => AT_LEADER,
        What::Leap { .. } => "leap",
        What::Rollback { .. } => "rollback",
        What::Wipe { .. } => "wipe",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_mostly_changes_nothing_is_told_once_there_are_enough_of_it() {
        let mut effects = Effects::default();
        let (crash, leap) = (kind(&What::Crash { node: 0, down: 1 }), kind(&What::Leap { node: 0, by: 1 }));
        (0..499).for_each(|_| effects.note(crash, Came::Struck));
        (0..500).for_each(|_| effects.note(crash, Came::Idle));
        (0..2_000).for_each(|_| effects.note(leap, Came::Withheld));
        assert_eq!(effects.mis_aimed(), Vec::<String>::new(), "too few");
        let mut sum = effects.clone();
        sum += &effects;
        assert_eq!(sum.mis_aimed(), ["1000 of 1998 faults `crash` had no effect"]);
        assert_eq!((sum.all(), sum.count(Came::Struck), sum.count(Came::Withheld)), (5_998, 998, 4_000));
        assert!(sum.to_string().ends_with("crash 998/0/1000, leap 0/4000/0"), "{sum}");
    }

    #[test]
    fn what_waits_in_vain_has_no_effect_either() {
        let mut effects = Effects::default();
        (0..600).for_each(|_| effects.note(AWAIT, Came::Struck));
        (0..300).for_each(|_| effects.note(AWAIT, Came::Idle));
        (0..300).for_each(|_| effects.note(UNMET, Came::Idle));
        assert_eq!(effects.mis_aimed(), Vec::<String>::new(), "half of them have one");
        effects.note(UNMET, Came::Idle);
        assert_eq!(effects.mis_aimed(), ["601 of 1201 faults `await` had no effect"]);
        assert!(effects.to_string().ends_with("await 600/0/300, await-in-vain 0/0/301"), "{effects}");
    }
}
