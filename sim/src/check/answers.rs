//! What callers were told, held against what the peers' states say.

use super::{Check, History};
use crate::lists::{Change, Key, Lists, Seen};
use std::collections::{BTreeMap, BTreeSet};

/// What was acknowledged, and how many calls are open.
#[derive(Debug, Default)]
pub struct Answers {
    /// Number, list, and the index at which it was applied.
    acknowledged: BTreeMap<u64, (Key, u64)>,
    per_list: BTreeMap<Key, u64>,
    refused: BTreeSet<u64>,
    opened: u64,
    resolved: u64,
    history: History,
    /// Reads, changes of what was expected, and what was neither done nor refused.
    pub counts: Counts,
}

/// How many operations came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reads that were answered.
    pub reads: u64,
    /// Swaps that have won.
    pub swapped: u64,
    /// Changes of which nobody knows.
    pub unknown: u64,
    /// Changes whose session was gone.
    pub expired: u64,
    /// Changes that were refused.
    pub refused: u64,
    /// Operations that were tried again.
    pub retried: u64,
}

impl Answers {
    /// A call was made.
    pub fn opened(&mut self) {
        self.opened += 1;
    }

    /// A call was answered, whatever the answer.
    pub fn resolved(&mut self) {
        self.resolved += 1;
    }

    /// What comes now comes at this moment.
    pub fn at(&mut self, now: u64) {
        self.history.at(now);
    }

    /// A read is called; its place in the history is told.
    pub fn reads(&mut self, key: Key) -> usize {
        self.history.reads(key)
    }

    /// A change is called; its place in the history is told.
    pub fn changes(&mut self, change: Change) -> usize {
        self.history.changes(change)
    }

    /// A read is answered.
    pub fn read(&mut self, place: usize, index: u64, seen: Seen) {
        self.counts.reads += 1;
        self.history.returned(place, index, seen);
    }

    /// A change is answered: what was appended stands in its list now.
    pub fn changed(&mut self, place: usize, change: Change, index: u64, seen: Seen) {
        self.history.returned(place, index, seen);
        if change.expected.is_none_or(|expected| expected == seen.last) {
            self.counts.swapped += u64::from(change.expected.is_some());
            self.acknowledged(change.key, change.number, index);
        }
    }

    fn acknowledged(&mut self, key: Key, number: u64, index: u64) {
        if self.acknowledged.insert(number, (key, index)).is_none() {
            *self.per_list.entry(key).or_default() += 1;
        }
    }

    /// A number was refused, for good: it was tried nowhere else.
    pub fn refused(&mut self, number: u64) {
        self.counts.refused += 1;
        self.refused.insert(number);
    }

    /// A number that nobody was ever to propose.
    pub fn never(&mut self, number: u64) {
        self.refused.insert(number);
    }

    /// Nobody knows what has become of a change.
    pub fn unknown(&mut self) {
        self.counts.unknown += 1;
    }

    /// An operation is tried again.
    pub fn retried(&mut self) {
        self.counts.retried += 1;
    }

    /// A change has met a session that is gone.
    pub fn expired(&mut self) {
        self.counts.expired += 1;
    }

    /// What clients did and saw.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How many numbers of a list are acknowledged: no fewer are there for whoever reads from now on.
    #[must_use]
    pub fn floor(&self, key: Key) -> u64 {
        self.per_list.get(&key).copied().unwrap_or_default()
    }

    /// How many numbers are acknowledged.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.acknowledged.len() as u64
    }

    /// R21: every call was answered, once.
    pub fn all_resolved(&self, check: &mut Check) {
        if self.opened != self.resolved {
            check.break_rule("R21", format!("{} calls were made, {} answered", self.opened, self.resolved));
        }
    }

    /// R15, R16: what a peer's state holds, applied up to `applied`, fits what callers were told.
    pub fn fits(&self, check: &mut Check, who: u64, applied: u64, lists: &Lists) {
        let mut seen = BTreeMap::new();
        for (key, list) in lists.iter() {
            for &(number, _) in list {
                if seen.insert(number, key).is_some() {
                    check.break_rule("R15", format!("peer {who} holds {number} twice"));
                }
                if self.refused.contains(&number) {
                    check.break_rule("R16", format!("peer {who} holds {number}, which was refused"));
                }
            }
        }
        for (number, (key, index)) in &self.acknowledged {
            if *index <= applied && seen.get(number) != Some(key) {
                check.break_rule("R15", format!("peer {who}, applied to {applied}, lacks {number} of index {index}"));
            }
        }
    }
}

/// R18: of two states the one that has applied less is the beginning of the other.
pub fn agree(check: &mut Check, states: &[(u64, u64, Lists)]) {
    for pair in states.windows(2) {
        let [(one, _, first), (other, _, second)] = pair else { continue };
        let keys: BTreeSet<Key> = first.iter().chain(second.iter()).map(|(key, _)| key).collect();
        for key in keys {
            let (a, b) = (first.get(key), second.get(key));
            let shared = a.len().min(b.len());
            if a[..shared] != b[..shared] {
                check.break_rule("R18", format!("the list {key} of peers {one} and {other} differs"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsm::raft::machine::{Applied, StateMachine};
    use rsm::raft::{Index, Term};

    fn of(items: &[(Key, u64)]) -> Lists {
        let mut lists = Lists::default();
        let change = |&(key, number)| Change { key, number, expected: None };
        items.iter().map(change).for_each(|change| _ = lists.apply(change, Applied::new(Index(1), Term(1))));
        lists
    }

    fn broken(judge: impl FnOnce(&mut Check)) -> Option<&'static str> {
        let mut check = Check::default();
        judge(&mut check);
        check.broken().map(|violation| violation.rule)
    }

    #[test]
    fn a_number_that_stands_twice_is_found() {
        let answers = Answers::default();
        assert_eq!(broken(|check| answers.fits(check, 0, 9, &of(&[(1, 7), (1, 8)]))), None);
        assert_eq!(broken(|check| answers.fits(check, 0, 9, &of(&[(1, 7), (2, 7)]))), Some("R15"));
    }

    #[test]
    fn an_acknowledged_number_that_is_missing_is_found_once_its_index_is_applied() {
        let mut answers = Answers::default();
        answers.acknowledged(1, 7, 5);
        assert_eq!(broken(|check| answers.fits(check, 0, 4, &of(&[]))), None);
        assert_eq!(broken(|check| answers.fits(check, 0, 5, &of(&[]))), Some("R15"));
        assert_eq!(broken(|check| answers.fits(check, 0, 5, &of(&[(1, 7)]))), None);
    }

    #[test]
    fn a_refused_number_that_was_applied_is_found() {
        let mut answers = Answers::default();
        answers.refused(7);
        assert_eq!(broken(|check| answers.fits(check, 0, 5, &of(&[(1, 7)]))), Some("R16"));
    }

    #[test]
    fn a_call_that_is_never_answered_is_found() {
        let mut answers = Answers::default();
        answers.opened();
        assert_eq!(broken(|check| answers.all_resolved(check)), Some("R21"));
        answers.resolved();
        assert_eq!(broken(|check| answers.all_resolved(check)), None);
    }

    #[test]
    fn states_that_drift_apart_are_found() {
        let (short, long, other) = (of(&[(1, 7)]), of(&[(1, 7), (1, 8)]), of(&[(1, 8)]));
        assert_eq!(broken(|check| agree(check, &[(0, 1, short.clone()), (1, 1, long)])), None);
        assert_eq!(broken(|check| agree(check, &[(0, 1, short), (1, 1, other)])), Some("R18"));
    }
}
