//! The log, as far as thinking needs it: the terms of all entries, the bytes of the last ones.
//!
//! ```text
//!      snapshot                                    staged: given to the disk up to here
//!    (last mark)        durable                      │
//!         │                │                         │
//!   ──────┼────base────────┼─────────────────────────┼────────── last
//!         │     │          │          |- tail: bytes cached -----|
//!         │     │<-------------- terms of all known -------------|
//! ```
//! What is older than the tail lies on disk alone. The tail holds at least everything that is not durable yet.

mod runs;
mod tail;
#[cfg(test)]
mod tests;

use super::membership::Membership;
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{Entries, Entry, EntryKind, Index, LogId, Seq, Term};
pub(crate) use runs::weight;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use tail::Tail;

/// No log is as long as this: whoever names such a place is not to be believed.
pub(super) const PLACES: u64 = 1 << 62;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log {
    /// The log is readable after it.
    base: LogId,
    /// The last entry that the snapshot of the last mark covers.
    snapshot: LogId,
    /// Runs of equal terms after the base: first index, term.
    terms: VecDeque<(Index, Term)>,
    tail: Tail,
    staged: Index,
    durable: Index,
    /// What becomes durable with which record.
    in_flight: VecDeque<(Seq, Index)>,
    /// Where each membership stands that may be in force again, the last being so now; the first is never cut.
    memberships: Vec<(Index, Arc<Membership>)>,
}

/// How entries of a leader met the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// The log now equals the leader's up to here.
    Equal(Index),
    /// What stands at `prev`'s place has this term, from this index on; or nothing does, and the log ends before.
    Conflict { term: Term, index: Index },
    /// No correct leader sends this.
    Malformed,
}

impl Log {
    /// What a store has kept.
    pub(super) fn new(
        snapshot: LogId,
        base: LogId,
        terms: Vec<(Index, Term)>,
        last: Index,
        memberships: Vec<(Index, Membership)>,
    ) -> Log {
        let (terms, tail) = (terms.into(), Tail::new(last.next()));
        let memberships = memberships.into_iter().map(|(at, membership)| (at, membership.into())).collect();
        Log { base, snapshot, terms, tail, staged: last, durable: last, in_flight: VecDeque::new(), memberships }
    }

    /// The log is readable after it.
    #[must_use]
    pub fn base(&self) -> LogId {
        self.base
    }

    /// The last entry that the snapshot of the last mark covers.
    #[must_use]
    pub fn snapshot(&self) -> LogId {
        self.snapshot
    }

    /// The first entry that is readable, if there is one.
    #[must_use]
    pub fn first(&self) -> Index {
        self.base.index.next()
    }

    /// The last entry; the base if there is none after it.
    #[must_use]
    pub fn last(&self) -> LogId {
        let term = self.terms.back().map_or(self.base.term, |run| run.1);
        LogId { term, index: self.tail.end().previous() }
    }

    /// All up to here is durable, in the log or in a snapshot.
    #[must_use]
    pub fn durable(&self) -> Index {
        self.durable
    }

    /// The first entry whose bytes are in memory; one past the last if none is.
    #[must_use]
    pub fn cached_from(&self) -> Index {
        self.tail.first()
    }

    /// The term of the entry at `index`; known from the base to the last.
    #[must_use]
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        let held = self.base.index < index && index < self.tail.end();
        held.then(|| self.terms[self.run_at(index)].1)
    }

    /// Whether it holds this very entry, or stands on it.
    #[must_use]
    pub fn has(&self, id: LogId) -> bool {
        self.term_at(id.index) == Some(id.term)
    }

    /// The run that holds `index`, which lies after the base.
    fn run_at(&self, index: Index) -> usize {
        // Mostly the last.
        match self.terms.back() {
            Some(last) if last.0 <= index => self.terms.len() - 1,
            Some(_) | None => self.terms.partition_point(|run| run.0 <= index) - 1,
        }
    }

    /// The terms of a range, as runs: first index, term. What lies outside the log is left out.
    #[must_use]
    pub fn terms_of(&self, range: Range<Index>) -> Vec<(Index, Term)> {
        let (start, end) = (range.start.max(self.first()), range.end.min(self.tail.end()));
        if end <= start {
            return Vec::new();
        }
        let runs = self.terms.range(self.run_at(start)..).take_while(|run| run.0 < end);
        runs.map(|&(first, term)| (first.max(start), term)).collect()
    }

    /// The last entry of exactly `term` at or before `index`.
    pub(super) fn last_of(&self, term: Term, index: Index) -> Option<Index> {
        let nth = self.terms.partition_point(|run| run.1 <= term).checked_sub(1)?;
        let (first, found) = self.terms[nth];
        let end = self.terms.get(nth + 1).map_or(self.tail.end(), |next| next.0);
        let last = end.previous().min(index);
        (found == term && first <= last).then_some(last)
    }

    /// The membership in force: the last one in the log, committed or not (§6).
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.memberships[self.memberships.len() - 1].1
    }

    /// Where the membership in force stands: in an entry, or below all of them.
    #[must_use]
    pub fn membership_at(&self) -> Index {
        self.memberships[self.memberships.len() - 1].0
    }

    /// Where each change of members stands that the log knows of: of those that its snapshot covers the last alone.
    pub fn changes(&self) -> impl Iterator<Item = Index> + '_ {
        self.memberships.iter().map(|held| held.0)
    }

    /// The membership in force at `index`.
    #[must_use]
    pub fn membership_before(&self, index: Index) -> &Membership {
        let nth = self.memberships.partition_point(|held| held.0 <= index).saturating_sub(1);
        &self.memberships[nth].1
    }

    /// What the cached entries weigh.
    #[must_use]
    pub fn cached_weight(&self) -> usize {
        self.tail.weight()
    }

    /// Whether the oldest cached entries may not go, since they are not durable yet.
    #[must_use]
    pub fn needs_oldest(&self) -> bool {
        self.tail.oldest_end().is_some_and(|end| self.durable.min(self.staged).next() < end)
    }

    /// Adds a leader's own entry, and says where.
    pub(super) fn push(&mut self, entry: Entry) -> Index {
        let index = self.tail.end();
        self.note(index, &entry);
        self.tail.push(entry);
        index
    }

    /// Makes what was pushed in this turn a run, before anything is said of it.
    pub(super) fn seal(&mut self) {
        self.tail.seal();
    }

    fn note(&mut self, index: Index, entry: &Entry) {
        if self.last().term != entry.term || self.terms.is_empty() {
            self.terms.push_back((index, entry.term));
        }
        if entry.kind == EntryKind::Membership
            && let Some(membership) = Membership::decode(&entry.bytes)
        {
            self.memberships.push((index, membership.into()));
        }
    }

    /// Takes in what a leader of `term` says follows `prev` (§5.3).
    ///
    /// # Panics
    /// R10: if that would cut an entry at or below `commit`.
    pub(super) fn attach(&mut self, term: Term, prev: LogId, entries: &Entries, commit: Index) -> Met {
        if !is_well_formed(term, prev, entries) {
            mark!("append-malformed");
            return Met::Malformed;
        }
        let end = Index(prev.index.0 + entries.len() as u64);
        let known_end = end.min(self.last().index);
        if end < self.base.index {
            mark!("append-below-snapshot");
            // All of it lies in a snapshot: committed, so the leader's log holds the same (§5.4.3).
            return Met::Equal(end);
        }
        let attaches = mutate!(PrevUnchecked, self.has(prev), prev.index <= self.last().index);
        if self.base.index <= prev.index && !attaches {
            return self.conflict_at(prev.index, commit);
        }
        let place = |nth: usize| Index(prev.index.0 + 1 + nth as u64);
        let skipped = (self.base.index.0.saturating_sub(prev.index.0) as usize).saturating_sub(1);
        let term_at = |nth: usize| self.term_at(place(nth));
        let differs =
            |nth: &usize| mutate!(ConflictStays, term_at(*nth) != Some(entries[*nth].term), term_at(*nth).is_none());
        // Only a real conflict cuts: an old copy of an append must not undo what came after it (§5.3).
        let Some(new) = (skipped..entries.len()).find(differs) else {
            mark!("append-repeated", !entries.is_empty());
            mark!("append-repeated-short-of-the-end", !entries.is_empty() && end < self.last().index);
            mark!("append-empty-short-of-the-end", entries.is_empty() && end < self.last().index);
            if mutate!(OldAppendCuts, false, end < self.last().index) {
                self.cut(end.next(), commit);
            }
            return Met::Equal(end);
        };
        mark!("append-partly-known", 0 < new);
        mark!("append-straddles-snapshot", 0 < skipped);
        if place(new) <= known_end {
            self.cut(place(new), commit);
        }
        let suffix: Entries = if new == 0 { entries.clone() } else { entries[new..].iter().cloned().collect() };
        suffix.iter().enumerate().for_each(|(nth, entry)| {
            let index = place(new + nth);
            self.note(index, entry);
        });
        self.tail.extend(&suffix);
        Met::Equal(end)
    }

    fn conflict_at(&self, index: Index, commit: Index) -> Met {
        match self.term_at(index) {
            None => {
                mark!("append-beyond-our-end");
                Met::Conflict { term: Term(0), index: self.tail.end() }
            }
            Some(term) => {
                mark!("append-conflicts");
                let first = if index == self.base.index { index } else { self.terms[self.run_at(index)].0 };
                Met::Conflict { term, index: first.max(commit.next()) }
            }
        }
    }

    /// Forgets everything from `index` on.
    fn cut(&mut self, index: Index, commit: Index) {
        assert!(commit < index, "R10: a committed entry is never cut (§5.4)");
        mark!("cut-one", index == self.last().index);
        mark!("cut-many", index < self.last().index);
        mark!("cut-durable", index <= self.durable);
        mark!("cut-staged", self.durable < index && index <= self.staged);
        self.tail.cut(index);
        while self.terms.back().is_some_and(|run| index <= run.0) {
            self.terms.pop_back();
        }
        while 1 < self.memberships.len() && self.memberships.last().is_some_and(|held| index <= held.0) {
            self.memberships.pop();
        }
        self.lower(index.previous());
    }

    /// What was or will be durable beyond `index` is so no more.
    fn lower(&mut self, index: Index) {
        self.staged = mutate!(CutStaysStaged, self.staged.min(index), self.staged);
        self.durable = mutate!(CutStaysDurable, self.durable.min(index), self.durable);
        self.in_flight.iter_mut().for_each(|(_, last)| *last = (*last).min(index));
    }

    /// A snapshot of our own state is a whole file: it is to be the mark.
    pub(super) fn mark(&mut self, at: LogId, membership: Membership) {
        self.snapshot = at;
        self.settle_membership(at, membership);
    }

    /// The log goes on from a leader's snapshot. What follows `at` stays if and only if `at` itself is held.
    pub(super) fn install(&mut self, at: LogId, membership: Membership, commit: Index) {
        let (kept, is_within) = (self.last().index, mutate!(ConflictSurvivesInstall, self.has(at), self.spans(at)));
        let matches = mutate!(InstallDropsAll, is_within, false);
        mark!("installed-over-a-stale-log", !matches && at.index <= kept);
        mark!("installed-ahead", kept < at.index);
        mark!("installed-and-suffix-kept", matches && at.index < kept);
        self.settle_membership(at, membership);
        if matches {
            self.forget_to(at);
        } else {
            assert!(commit < at.index, "R10: a committed entry is never cut (§5.4)");
            self.lower(commit.min(kept));
            self.memberships.truncate(1);
            self.terms.clear();
            self.tail = Tail::new(at.index.next());
            self.base = at;
        }
        self.snapshot = at;
    }

    /// Whether its place lies in the log, whatever stands there.
    #[cfg(any(test, rsm_mutant))]
    fn spans(&self, at: LogId) -> bool {
        self.base.index <= at.index && at.index <= self.last().index
    }

    fn settle_membership(&mut self, at: LogId, membership: Membership) {
        self.memberships.retain(|held| at.index < held.0);
        self.memberships.insert(0, (at.index, membership.into()));
    }

    /// The mark has been given to the disk: what it covers need not be, and counts once the mark is durable.
    pub(super) fn stage_mark(&mut self, seq: Seq) {
        self.staged = self.staged.max(self.snapshot.index);
        self.in_flight.push_back((seq, self.snapshot.index));
    }

    /// What the disk has not been given yet: runs of one term, each after the place named. All are given herewith.
    pub(super) fn stage(&mut self, mut each: impl FnMut(Index, Entries) -> Seq) {
        let range = self.staged.next()..self.tail.end();
        // Mostly the disk has it all.
        if !range.is_empty() {
            for (first, entries) in self.tail.parts(range) {
                let last = Index(first.0 + entries.len() as u64 - 1);
                let seq = each(first.previous(), entries);
                self.in_flight.push_back((seq, last));
            }
        }
        self.staged = self.last().index;
    }

    /// Everything up to `seq` is durable.
    pub(super) fn on_persisted(&mut self, seq: Seq) {
        let is_done = |flight: Seq| mutate!(LogPersistedIsAll, flight <= seq, true);
        while let Some(&(_, last)) = self.in_flight.front().filter(|flight| is_done(flight.0)) {
            self.durable = self.durable.max(last);
            self.in_flight.pop_front();
        }
    }

    /// The log begins after `index` from now on; says whether that is new. Nothing after the snapshot goes.
    pub(super) fn release(&mut self, index: Index) -> bool {
        let index = index.min(self.snapshot.index);
        let Some(term) = self.term_at(index).filter(|_| self.base.index < index) else { return false };
        self.forget_to(LogId { term, index });
        true
    }

    fn forget_to(&mut self, base: LogId) {
        let after = base.index.next();
        while self.terms.get(1).is_some_and(|run| run.0 <= after) {
            self.terms.pop_front();
        }
        match self.terms.front_mut() {
            Some(_) if self.tail.end() <= after => self.terms.clear(),
            Some(run) => run.0 = run.0.max(after),
            None => {}
        }
        self.base = base;
        self.tail.forget_before(after);
    }

    /// Keeps at most this much in memory beyond what is not durable yet.
    pub(super) fn shrink(&mut self, weight_max: usize) {
        self.tail.shrink(self.durable.min(self.staged).next(), weight_max);
    }

    /// Entries from `from` on, which is cached: as many as weigh `weight_max`, at least one; and their weight.
    pub(super) fn batch(&self, from: Index, weight_max: usize) -> (Entries, usize) {
        self.tail.batch(from, weight_max)
    }

    /// The cached runs of a range, each with the place of its first entry.
    pub(super) fn parts(&self, range: Range<Index>) -> impl Iterator<Item = (Index, Entries)> + '_ {
        self.tail.parts(range)
    }

    /// Entries from `from` on whose bytes are in memory, those of this turn among them.
    pub fn cached(&self, from: Index) -> impl Iterator<Item = (Index, &Entry)> + '_ {
        self.tail.iter_from(from)
    }
}

/// Whether a leader of `term` may have sent this: terms never fall, none is above its own, places exist.
fn is_well_formed(term: Term, prev: LogId, entries: &Entries) -> bool {
    let terms_rise = entries.iter().is_sorted_by_key(|entry| entry.term);
    let after_prev = entries.first().is_none_or(|entry| prev.term <= entry.term && entry.term != Term(0));
    let not_above = entries.last().map_or(prev.term, |entry| entry.term) <= term;
    let memberships = entries.iter().filter(|entry| entry.kind == EntryKind::Membership);
    let places_exist = prev.index.0.checked_add(entries.len() as u64).is_some_and(|end| end < PLACES);
    terms_rise
        && after_prev
        && not_above
        && places_exist
        && memberships.clone().all(|entry| Membership::decode(&entry.bytes).is_some())
}
