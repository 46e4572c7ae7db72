//! The end of the log in memory: entries in shared runs.
//!
//! ```text
//!   runs    |10 11 12|13|14 15|      one term each; a run is what came in one message, or was proposed in one turn
//!   open    16 17                    proposed in this turn; sealed into a run before anything is said of it
//! ```
//! A run is handed on whole to disk, followers and state machine: none of them copies an entry.

use super::runs::{Run, Runs, weight};
use crate::raft::{Entries, Entry, Index};
use std::hash::{Hash, Hasher};
use std::ops::Range;

/// The cached end of the log. Two are equal if their entries are, however they came in.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    runs: Runs,
    open: Vec<Entry>,
    end: Index,
    weight: usize,
}

impl Tail {
    /// Nothing cached of a log whose next entry is at `end`.
    pub(super) fn new(end: Index) -> Tail {
        Tail { runs: Runs::default(), open: Vec::new(), end, weight: 0 }
    }

    /// The first that is cached; `end` if none is.
    pub(super) fn first(&self) -> Index {
        self.runs.first().map_or(Index(self.end.0 - self.open.len() as u64), |run| run.first)
    }

    /// Where the next entry will stand.
    pub(super) fn end(&self) -> Index {
        self.end
    }

    /// What all of it weighs.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Where the oldest run ends.
    pub(super) fn oldest_end(&self) -> Option<Index> {
        self.runs.first().map(Run::end)
    }

    /// Adds one proposal.
    pub(super) fn push(&mut self, entry: Entry) {
        self.end = self.end.next();
        self.weight += weight(&entry);
        self.open.push(entry);
    }

    /// Adds entries that came together, a run for each term.
    pub(super) fn extend(&mut self, entries: &Entries) {
        self.seal();
        let one_term = entries.first().map(|entry| entry.term) == entries.last().map(|entry| entry.term);
        if one_term {
            self.add(entries.clone());
        } else {
            entries.chunk_by(|a, b| a.term == b.term).for_each(|run| self.add(run.iter().cloned().collect()));
        }
    }

    /// Makes a run of what was proposed.
    pub(super) fn seal(&mut self) {
        if !self.open.is_empty() {
            let count = self.open.len() as u64;
            let entries: Entries = self.open.drain(..).collect();
            self.end = Index(self.end.0 - count);
            self.weight -= entries.iter().map(weight).sum::<usize>();
            self.add(entries);
        }
    }

    fn add(&mut self, entries: Entries) {
        if !entries.is_empty() {
            let run = Run { first: self.end, weight: entries.iter().map(weight).sum(), entries };
            self.weight += run.weight;
            self.end = run.end();
            self.runs.push(run);
        }
    }

    /// Forgets everything from `index` on.
    pub(super) fn cut(&mut self, index: Index) {
        self.seal();
        while let Some(run) = self.runs.pop_last() {
            self.weight -= run.weight;
            if run.first < index {
                self.end = run.first;
                self.add(run.part(&(run.first..index)));
                break;
            }
        }
        self.end = index;
    }

    /// Forgets whole runs that end before `index`.
    pub(super) fn forget_before(&mut self, index: Index) {
        while self.runs.first().is_some_and(|run| run.end() <= index) {
            self.pop();
        }
    }

    /// Forgets the oldest runs that end before `index`, until the rest weighs at most `weight_max`.
    pub(super) fn shrink(&mut self, index: Index, weight_max: usize) {
        while weight_max < self.weight && self.runs.first().is_some_and(|run| run.end() <= index) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(run) = self.runs.pop_first() {
            self.weight -= run.weight;
        }
    }

    /// The runs of a range, each clipped to it, with the place of its first entry. Sealed entries only.
    pub(super) fn parts(&self, range: Range<Index>) -> impl Iterator<Item = (Index, Entries)> + '_ {
        let runs = self.runs.from(self.runs.place(range.start)).take_while({
            let end = range.end;
            move |run| run.first < end
        });
        runs.map(move |run| (run.first.max(range.start), run.part(&range)))
    }

    /// Entries from `from` on, which is cached, as many as weigh `weight_max` together, at least one; and their weight.
    pub(super) fn batch(&self, from: Index, weight_max: usize) -> (Entries, usize) {
        let begin = self.runs.place(from);
        if let Some(run) = self.runs.get(begin).filter(|run| run.first == from && run.weight <= weight_max)
            && begin + 1 == self.runs.len()
        {
            return (run.entries.clone(), run.weight);
        }
        let mut sum = 0;
        let fits = |entry: &&Entry| {
            let first = sum == 0;
            sum += weight(entry);
            first || sum <= weight_max
        };
        let entries: Entries = self.sealed_from(from).take_while(fits).cloned().collect();
        let sum = entries.iter().map(weight).sum();
        (entries, sum)
    }

    fn sealed_from(&self, from: Index) -> impl Iterator<Item = &Entry> + '_ {
        self.runs.from(self.runs.place(from)).flat_map(move |run| &run.entries[run.offset(from)..])
    }

    /// Cached entries from `from` on, those just proposed among them.
    pub(super) fn iter_from(&self, from: Index) -> impl Iterator<Item = (Index, &Entry)> + '_ {
        let start = from.max(self.first());
        let open_first = self.end.0 - self.open.len() as u64;
        let open = &self.open[(start.0.saturating_sub(open_first) as usize).min(self.open.len())..];
        (start.0..).map(Index).zip(self.sealed_from(start).chain(open))
    }
}

impl PartialEq for Tail {
    fn eq(&self, other: &Tail) -> bool {
        let start = self.first();
        if start != other.first() || self.end != other.end {
            return false;
        }
        // Mostly one was copied from the other, and they share most of their runs.
        let from = self.runs.shared_with(&other.runs).unwrap_or(start);
        self.iter_from(from).eq(other.iter_from(from))
    }
}

impl Eq for Tail {}

impl Hash for Tail {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.end.hash(state);
        self.iter_from(self.first()).for_each(|item| item.hash(state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Draws;
    use crate::raft::{EntryKind, Term};
    use bytes::Bytes;

    fn entry(term: u64, name: u64) -> Entry {
        Entry::new(Term(term), EntryKind::Command, Bytes::from(vec![name as u8; (name % 5) as usize]))
    }

    #[test]
    fn a_run_is_handed_on_whole_without_a_copy() {
        let mut tail = Tail::new(Index(10));
        (0..3).for_each(|name| tail.push(entry(1, name)));
        tail.seal();
        let shared = |entries: &Entries| entries.as_ptr();
        let (_, part) = tail.parts(Index(10)..Index(13)).next().unwrap();
        let (batch, _) = tail.batch(Index(10), 1 << 20);
        assert_eq!(shared(&part), shared(&batch));
    }

    #[test]
    fn a_batch_has_at_least_one_entry_and_no_more_than_the_limit() {
        let mut tail = Tail::new(Index(1));
        (0..4).for_each(|_| tail.push(entry(1, 4)));
        tail.seal();
        assert_eq!(tail.batch(Index(1), 0).0.len(), 1);
        assert_eq!(tail.batch(Index(2), 40), (tail.batch(Index(2), 59).0, 40));
        assert_eq!(tail.batch(Index(2), 60).0.len(), 3);
    }

    /// Against a plain vector of (index, entry), through random operations.
    #[test]
    fn a_tail_is_a_vector_whatever_its_runs() {
        let mut draws = Draws::new(5);
        for _ in 0..300 {
            let mut tail = Tail::new(Index(1));
            let mut naive: Vec<(Index, Entry)> = Vec::new();
            for step in 0..40 {
                let end = tail.end();
                match draws.below(5) {
                    0 => {
                        naive.push((end, entry(step, step)));
                        tail.push(entry(step, step));
                    }
                    1 => {
                        let came: Vec<Entry> = (0..draws.below(5)).map(|nth| entry(step + nth / 2, nth)).collect();
                        naive.extend((end.0..).map(Index).zip(came.iter().cloned()));
                        tail.extend(&came.into());
                    }
                    2 => {
                        let at = Index(tail.first().0 + draws.below(end.0 - tail.first().0 + 1));
                        naive.retain(|(index, _)| *index < at);
                        tail.cut(at);
                    }
                    3 => tail.seal(),
                    _ => {
                        tail.seal();
                        tail.shrink(Index(draws.below(end.0 + 1)), draws.below(400) as usize);
                        naive.retain(|(index, _)| tail.first() <= *index);
                    }
                }
                let all: Vec<_> = tail.iter_from(Index(0)).map(|(index, entry)| (index, entry.clone())).collect();
                assert_eq!(all, naive);
                assert_eq!(tail.weight, naive.iter().map(|(_, entry)| weight(entry)).sum::<usize>());
            }
            tail.seal();
            let from = Index(tail.first().0 + draws.below(tail.end().0 - tail.first().0 + 1));
            let parts: Vec<Entry> =
                tail.parts(from..tail.end()).flat_map(|(_, part)| part.iter().cloned().collect::<Vec<_>>()).collect();
            assert_eq!(parts.len() as u64, tail.end().0 - from.0);
            assert!(parts.iter().eq(naive.iter().filter(|(index, _)| from <= *index).map(|(_, entry)| entry)));
        }
    }
}
