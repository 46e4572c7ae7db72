//! Consecutive runs of entries, which copies share.
//!
//! ```text
//!   old     |10 11 12|13|14 15| ..      shared by all copies until one of them changes it
//!   fresh   |16|17 18|                  each copy has its own list of them; at most FRESH_MAX, then all of them are old
//! ```
//! Whoever checks or explores copies whole cores, and goes on with the copy for a step or two: mostly that adds a run, and
//! so no copy of the long list is made.

use crate::raft::{Entries, Entry, Index};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// What an entry weighs against a limit in bytes, so that many empty ones weigh something too.
pub(crate) fn weight(entry: &Entry) -> usize {
    entry.bytes.len() + 16
}

/// Consecutive entries of one term.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) first: Index,
    pub(super) entries: Entries,
    pub(super) weight: usize,
}

impl Run {
    pub(super) fn end(&self) -> Index {
        Index(self.first.0 + self.entries.len() as u64)
    }

    /// The part of it in `range`, the same allocation if that is all of it.
    pub(super) fn part(&self, range: &Range<Index>) -> Entries {
        let from = self.offset(range.start);
        let to = self.offset(range.end).max(from);
        if to - from == self.entries.len() {
            self.entries.clone()
        } else {
            self.entries[from..to].iter().cloned().collect()
        }
    }

    pub(super) fn offset(&self, index: Index) -> usize {
        (index.0.saturating_sub(self.first.0) as usize).min(self.entries.len())
    }
}

/// So many runs are added before the long list changes.
const FRESH_MAX: usize = 32;

/// Runs in order, each beginning where the one before it ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    old: Arc<VecDeque<Run>>,
    fresh: VecDeque<Run>,
}

impl Runs {
    pub(super) fn len(&self) -> usize {
        self.old.len() + self.fresh.len()
    }

    pub(super) fn first(&self) -> Option<&Run> {
        self.old.front().or(self.fresh.front())
    }

    fn last(&self) -> Option<&Run> {
        self.fresh.back().or(self.old.back())
    }

    pub(super) fn get(&self, place: usize) -> Option<&Run> {
        self.old.get(place).or_else(|| self.fresh.get(place - self.old.len()))
    }

    /// All from that place on.
    pub(super) fn from(&self, place: usize) -> impl Iterator<Item = &Run> + '_ {
        let old = self.old.len();
        self.old.range(place.min(old)..).chain(self.fresh.range(place.saturating_sub(old)..))
    }

    pub(super) fn push(&mut self, run: Run) {
        if self.fresh.len() == FRESH_MAX {
            Arc::make_mut(&mut self.old).extend(self.fresh.drain(..));
        }
        self.fresh.push_back(run);
    }

    pub(super) fn pop_last(&mut self) -> Option<Run> {
        self.fresh.pop_back().or_else(|| Arc::make_mut(&mut self.old).pop_back())
    }

    pub(super) fn pop_first(&mut self) -> Option<Run> {
        if self.old.is_empty() { self.fresh.pop_front() } else { Arc::make_mut(&mut self.old).pop_front() }
    }

    /// The place of the first run that ends behind `index`; one past the last if none does. Mostly it is the last.
    pub(super) fn place(&self, index: Index) -> usize {
        let ends_before = |run: &Run| run.end() <= index;
        match self.last() {
            Some(last) if last.first <= index && !ends_before(last) => self.len() - 1,
            Some(last) if ends_before(last) => self.len(),
            _ if self.old.back().is_none_or(ends_before) => self.old.len() + self.fresh.partition_point(ends_before),
            _ => self.old.partition_point(ends_before),
        }
    }

    /// Up to where both share their runs; `None` if they share none.
    pub(super) fn shared_with(&self, other: &Runs) -> Option<Index> {
        let are_alike =
            |one: &Run, other: &Run| one.first == other.first && one.entries.are_shared_with(&other.entries);
        let known = if Arc::ptr_eq(&self.old, &other.old) { self.old.len() } else { 0 };
        let more = self.from(known).zip(other.from(known)).take_while(|(one, other)| are_alike(one, other)).count();
        self.get((known + more).checked_sub(1)?).map(Run::end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Draws;
    use crate::raft::{EntryKind, Term};
    use bytes::Bytes;

    /// A run of so many entries from there on.
    fn run(first: Index, count: u64) -> Run {
        let entries: Entries = (0..count).map(|_| Entry::new(Term(1), EntryKind::Command, Bytes::new())).collect();
        Run { first, weight: entries.iter().map(weight).sum(), entries }
    }

    fn end_of(runs: &Runs) -> Index {
        runs.last().map_or(Index(1), Run::end)
    }

    /// Against a plain list of where runs begin and end, through random changes of one of two copies.
    #[test]
    fn runs_are_a_list_whoever_shares_them() {
        let mut draws = Draws::new(3);
        for _ in 0..50 {
            let mut copies = [Runs::default(), Runs::default()];
            let mut naive: [Vec<Range<Index>>; 2] = Default::default();
            for _ in 0..400 {
                let one = draws.below(2) as usize;
                let (runs, plain) = (&mut copies[one], &mut naive[one]);
                let end = end_of(runs);
                match draws.below(8) {
                    0 if !plain.is_empty() => {
                        runs.pop_first();
                        plain.remove(0);
                    }
                    1 => drop((runs.pop_last(), plain.pop())),
                    2 if draws.below(16) == 0 => {
                        copies[1 - one] = copies[one].clone();
                        naive[1 - one] = naive[one].clone();
                    }
                    _ => {
                        let next = run(end, 1 + draws.below(3));
                        plain.push(next.first..next.end());
                        runs.push(next);
                    }
                }
                let (runs, plain) = (&copies[one], &naive[one]);
                let ranges = |from: usize| runs.from(from).map(|run| run.first..run.end());
                assert!(ranges(0).eq(plain.iter().cloned()));
                assert_eq!((runs.len(), runs.first().map(Run::end)), (plain.len(), plain.first().map(|run| run.end)));
                let index = Index(draws.below(end_of(runs).0 + 3));
                let place = runs.place(index);
                assert_eq!(place, plain.iter().filter(|run| run.end <= index).count(), "of {index}");
                assert!(ranges(place).eq(plain[place..].iter().cloned()));
                assert_eq!(runs.get(place).map(|run| run.first), plain.get(place).map(|run| run.start));
            }
        }
    }

    #[test]
    fn a_copy_that_goes_on_for_a_step_shares_the_long_list() {
        let mut runs = Runs::default();
        (0..100).for_each(|_| runs.push(run(end_of(&runs), 1)));
        let mut copy = runs.clone();
        assert_eq!(copy.shared_with(&runs), Some(Index(101)));
        copy.push(run(end_of(&copy), 1));
        assert!(Arc::ptr_eq(&copy.old, &runs.old) && runs.old.len() == 96);
        assert_eq!(copy.shared_with(&runs), Some(Index(101)));
        let alike = Runs::default();
        assert_eq!(alike.shared_with(&runs), None);
    }
}
