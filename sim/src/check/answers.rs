//! What callers were told, held against what the peers' states say.

use super::Check;
use crate::lists::{Key, Lists};
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

    /// A number stands in a list now, applied at this index.
    pub fn acknowledged(&mut self, key: Key, number: u64, index: u64) {
        if self.acknowledged.insert(number, (key, index)).is_none() {
            *self.per_list.entry(key).or_default() += 1;
        }
    }

    /// A number was refused, for good: it was tried nowhere else.
    pub fn refused(&mut self, number: u64) {
        self.refused.insert(number);
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
            for &number in list {
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
pub fn agree(check: &mut Check, states: &[(u64, Lists)]) {
    for pair in states.windows(2) {
        let [(one, first), (other, second)] = pair else { continue };
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
        items.iter().for_each(|&item| _ = lists.apply(item, Applied::new(Index(1), Term(1))));
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
        assert_eq!(broken(|check| agree(check, &[(0, short.clone()), (1, long)])), None);
        assert_eq!(broken(|check| agree(check, &[(0, short), (1, other)])), Some("R18"));
    }
}
