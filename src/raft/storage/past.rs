//! What a stream of records says so far: the one place that knows which record may follow which.
//!
//! ```text
//!              before        first            snapshot                    last
//!   released  ───┴────────────┴───────────────────┴────────────────────────┴──>  index
//!                 term perhaps    held still, covered      behind the snapshot
//!                 not known
//! ```
//! Records given now and records replayed from a file pass through the same verbs, so that what is refused today is
//! what would be called damage tomorrow. An `Err` names the rule that the record breaks.

use super::Snapshot;
use crate::raft::consensus::Record;
use crate::raft::{Entry, EntryKind, Incarnation, Index, LogId, NodeId, Recovered, Term};
use bytes::Bytes;
use std::collections::BTreeMap;

/// The rule that a record would break.
pub(crate) type Rule = &'static str;

/// No log grows so long; sums of indexes below it do not overflow.
pub(crate) const INDEX_MAX: u64 = 1 << 62;
const BEYOND: Rule = "no log is longer than 2^62";

/// Whether a mark leaves entries in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marked {
    /// The log holds the marked entry: entries on both sides of it stay.
    Held,
    /// It does not: the log is empty, and goes on behind the mark.
    Emptied,
}

/// All that the records say, but for the entries' bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) incarnation: Incarnation,
    pub(crate) born: bool,
    pub(crate) bindings: BTreeMap<NodeId, Incarnation>,
    pub(crate) term: Term,
    pub(crate) vote: Option<NodeId>,
    pub(crate) commit: Index,
    pub(crate) snapshot: LogId,
    pub(crate) membership: Vec<(Index, Bytes)>,
    /// The term of the entry before the first one held, if known: it is not where its segment was released.
    before: Option<Term>,
    first: Index,
    last: Index,
    terms: Vec<(Index, Term)>,
}

impl Past {
    /// Of a new directory.
    pub(crate) fn new(incarnation: Incarnation) -> Past {
        Past { incarnation, first: Index(1), before: Some(Term(0)), ..Past::default() }
    }

    /// As a segment's header tells it: nothing is known of the entries before `first` but what the snapshot says.
    pub(crate) fn at_header(first: Index, snapshot: LogId) -> Past {
        let last = first.previous();
        let before = (snapshot.index == last).then_some(snapshot.term);
        Past { first, last, before, snapshot, ..Past::default() }
    }

    /// The last index.
    pub(crate) fn last(&self) -> Index {
        self.last
    }

    /// The term of the entry there, as far as it is held or stands right before what is.
    pub(crate) fn term_at(&self, index: Index) -> Option<Term> {
        if index.next() == self.first {
            return self.before;
        }
        let held = self.first <= index && index <= self.last;
        let run = self.terms.partition_point(|&(from, _)| from <= index);
        if held { self.terms[..run].last().map(|&(_, term)| term) } else { None }
    }

    /// The term and the vote of now on.
    pub(crate) fn state(&mut self, term: Term, vote: Option<NodeId>) -> Result<(), Rule> {
        if term < self.term {
            return Err("a term never falls");
        }
        if term == self.term && self.vote.is_some() && self.vote != vote {
            return Err("R2: one vote a term");
        }
        (self.term, self.vote) = (term, vote);
        Ok(())
    }

    /// A run of entries behind `after`, of any terms.
    pub(crate) fn runs(&mut self, after: Index, entries: &[Entry]) -> Result<(), Rule> {
        let mut index = after.next();
        for run in entries.chunk_by(|one, next| one.term == next.term) {
            self.entries(index, run[0].term, run.len() as u64)?;
            for entry in run {
                self.member(index, entry.kind, &entry.bytes);
                index = index.next();
            }
        }
        if entries.is_empty() { Err("a record of entries holds at least one") } else { Ok(()) }
    }

    /// So many entries, at least one, all of one term, from `index` on; cuts what stood there.
    pub(crate) fn entries(&mut self, index: Index, term: Term, count: u64) -> Result<(), Rule> {
        if self.last.next() < index {
            return Err("entries leave no hole");
        }
        if INDEX_MAX < index.0.saturating_add(count) {
            return Err(BEYOND);
        }
        if index <= self.snapshot.index {
            return Err("what a snapshot covers is never written again");
        }
        if self.term_at(index.previous()).is_some_and(|before| term < before) {
            return Err("terms never fall along the log");
        }
        self.cut(index);
        if self.terms.last().is_none_or(|&(_, run)| run != term) {
            self.terms.push((index, term));
        }
        self.last = Index(index.0 + count - 1);
        self.raise(term);
        Ok(())
    }

    /// What an entry says that the past remembers: a membership.
    pub(crate) fn member(&mut self, index: Index, kind: EntryKind, bytes: &[u8]) {
        if kind == EntryKind::Membership {
            self.membership.push((index, Bytes::copy_from_slice(bytes)));
        }
    }

    /// The snapshot at this entry is whole. The log keeps its entries if it holds that one.
    pub(crate) fn mark(&mut self, at: LogId) -> Result<Marked, Rule> {
        self.may_mark(at)?;
        let held = at.index <= self.last && self.term_at(at.index) == Some(at.term);
        let marked = if held { Marked::Held } else { Marked::Emptied };
        self.marked(at, marked);
        Ok(marked)
    }

    /// A mark as it was recorded. What it did to the log is not asked anew: the entry may stand in a part of the log
    /// that was released, and of which nothing is known here.
    pub(crate) fn replay_mark(&mut self, at: LogId, marked: Marked) -> Result<(), Rule> {
        self.may_mark(at)?;
        let holds = self.term_at(at.index).map(|term| term == at.term && at.index <= self.last);
        let agrees = match marked {
            Marked::Held => at.index <= self.last && holds != Some(false),
            Marked::Emptied => holds != Some(true),
        };
        if !agrees {
            return Err("a mark says whether the log held its entry");
        }
        self.marked(at, marked);
        Ok(())
    }

    fn may_mark(&self, at: LogId) -> Result<(), Rule> {
        if at.index < self.snapshot.index || at.index == self.snapshot.index && at != self.snapshot {
            return Err("a mark never falls");
        }
        if INDEX_MAX < at.index.0 { Err(BEYOND) } else { Ok(()) }
    }

    fn marked(&mut self, at: LogId, marked: Marked) {
        self.snapshot = at;
        self.raise(at.term);
        match marked {
            Marked::Held if at.index.next() == self.first => self.before = Some(at.term),
            Marked::Held => {}
            Marked::Emptied => {
                self.terms.clear();
                self.membership.clear();
                (self.first, self.last, self.before) = (at.index.next(), at.index, Some(at.term));
            }
        }
    }

    /// Forgets the entries before `first`.
    pub(crate) fn release(&mut self, first: Index) {
        if first <= self.first || self.last.next() < first {
            return;
        }
        self.before = self.term_at(first.previous());
        let run = self.terms.partition_point(|&(from, _)| from <= first);
        self.terms.drain(..run.saturating_sub(1));
        if let Some(oldest) = self.terms.first_mut() {
            oldest.0 = oldest.0.max(first);
        }
        self.first = first;
        if self.last < first {
            self.terms.clear();
        }
    }

    /// What must be recorded before anything is told, since the snapshot's file was durable before its mark.
    ///
    /// Its term may be above ours: that it was met was not durable yet. A vote in it would have been, so there is none.
    /// A snapshot newer than the last mark of one that is not born yet is passed over.
    pub(crate) fn owed(&self, newest: &Snapshot) -> Vec<Record> {
        let at = newest.at;
        if at.index <= self.snapshot.index || !self.born {
            return Vec::new();
        }
        let state = (self.term < at.term).then_some(Record::State { term: at.term, vote: None });
        state.into_iter().chain([Record::Mark { at }]).collect()
    }

    /// All of it, for the peer. `None` if the oldest entry held and the snapshot leave a hole between them.
    pub(crate) fn recovered(&self, newest: Option<&Snapshot>) -> Option<Recovered> {
        let base = self.base()?;
        let run = |&(from, term): &(Index, Term)| (from.max(base.index.next()), term);
        let start = self.terms.partition_point(|&(from, _)| from <= base.index.next()).saturating_sub(1);
        let terms = if base.index < self.last { self.terms[start..].iter().map(run).collect() } else { Vec::new() };
        let covered = newest.filter(|newest| newest.at == self.snapshot && self.snapshot != LogId::ZERO);
        let behind = self.membership.iter().filter(|(index, _)| self.snapshot.index < *index);
        Some(Recovered {
            incarnation: self.incarnation,
            born: self.born,
            bindings: self.bindings.clone(),
            term: self.term,
            vote: self.vote,
            commit: self.commit.max(self.snapshot.index).min(self.last),
            snapshot: self.snapshot,
            base,
            terms,
            last: LogId { term: self.term_at(self.last)?, index: self.last },
            membership: covered
                .map(|newest| (newest.at.index, newest.membership.clone()))
                .into_iter()
                .chain(behind.cloned())
                .collect(),
            damage: None,
        })
    }

    /// The entry that the log is readable after: where its term is known, and no later than the snapshot.
    fn base(&self) -> Option<LogId> {
        let known = self.before.map(|term| LogId { term, index: self.first.previous() });
        let oldest = self.term_at(self.first).map(|term| LogId { term, index: self.first });
        known.or(oldest).filter(|base| base.index <= self.snapshot.index)
    }

    /// Cuts the entries from `index` on.
    fn cut(&mut self, index: Index) {
        if index < self.first {
            // Only in the oldest segment held: what it cuts stood in one that was released.
            (self.first, self.before) = (index, None);
        }
        let runs = self.terms.partition_point(|&(from, _)| from < index);
        self.terms.truncate(runs);
        self.membership.retain(|&(at, _)| at < index);
        self.last = index.previous();
    }

    /// A term met in an entry or a mark. A vote in it would have been recorded before, so there is none.
    fn raise(&mut self, term: Term) {
        if self.term < term {
            (self.term, self.vote) = (term, None);
        }
    }
}
