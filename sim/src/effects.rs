//! What became of the faults of plans. A nemesis whose faults have no effect is mis-aimed.
//!
//! ```text
//!   fault ── its time comes ──> struck | withheld: the budget is spent, or all is to be calm | idle: it changed nothing
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
    /// It was not to be.
    Withheld,
    /// The node was down, the link was cut already, nobody led.
    Idle,
}

/// How many faults of each kind came to what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects(BTreeMap<&'static str, [u64; 3]>);

/// Of fewer than this nothing is said.
const FEW: u64 = 100;

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

    /// The kinds of which more than half changed nothing, a line each; what waited in vain is told apart and no kind.
    #[must_use]
    pub fn mis_aimed(&self) -> Vec<String> {
        let idle = |(kind, [struck, withheld, idle]): (&&str, &[u64; 3])| {
            let all = struck + withheld + idle;
            (*kind != UNMET && FEW <= all && all < 2 * idle)
                .then(|| format!("{idle} of {all} faults `{kind}` had no effect"))
        };
        self.0.iter().filter_map(idle).collect()
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
        (0..49).for_each(|_| effects.note(crash, Came::Struck));
        (0..50).for_each(|_| effects.note(crash, Came::Idle));
        (0..200).for_each(|_| effects.note(leap, Came::Withheld));
        assert_eq!(effects.mis_aimed(), Vec::<String>::new(), "too few");
        let mut sum = effects.clone();
        sum += &effects;
        assert_eq!(sum.mis_aimed(), ["100 of 198 faults `crash` had no effect"]);
        assert_eq!((sum.all(), sum.count(Came::Struck), sum.count(Came::Withheld)), (598, 98, 400));
        assert!(sum.to_string().ends_with("crash 98/0/100, leap 0/400/0"), "{sum}");
    }
}
