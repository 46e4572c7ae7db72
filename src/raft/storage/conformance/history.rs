//! What a core may say to its store, drawn from a seed.

use super::oracle::Model;
use crate::mix::Draws;
use crate::raft::consensus::Record;
use crate::raft::{Entry, EntryKind, Incarnation, Index, LogId, NodeId, Term};

/// Draws records that may follow what was staged.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) draws: Draws,
    /// So that no two entries are equal.
    unique: u64,
    /// Now and then an entry is this long.
    bytes_max: u64,
}

impl History {
    pub(crate) fn new(seed: u64, bytes_max: u64) -> History {
        History { draws: Draws::new(seed), unique: 0, bytes_max }
    }

    /// What the core may say next; nothing, now and then.
    pub(crate) fn next(&mut self, model: &Model) -> Option<Record> {
        let (term, vote) = (model.term, model.vote);
        match self.draws.below(12) {
            0 => {
                let node = NodeId(self.draws.below(6));
                Some(Record::Bind { node, incarnation: Incarnation(self.draws.bits()) })
            }
            1 => Some(Record::Born),
            2 | 3 => {
                let vote = self.draws.chance(1, 2).then(|| NodeId(self.draws.below(3)));
                Some(Record::State { term: Term(term.0 + 1 + self.draws.below(2)), vote })
            }
            4 if vote.is_none() && term != Term(0) => {
                Some(Record::State { term, vote: Some(NodeId(self.draws.below(3))) })
            }
            _ if term == Term(0) || !model.born => None,
            _ => Some(self.entries(model)),
        }
    }

    /// Behind the last, or now and then behind an earlier one, of one term or of several.
    fn entries(&mut self, model: &Model) -> Record {
        let last = model.last().index.0;
        let back = if self.draws.chance(1, 6) { self.draws.below(last - model.snapshot.index.0 + 1) } else { 0 };
        let after = Index(last - back);
        let mut term = model.at(after).map_or(Term(1), |at| at.term).max(Term(1));
        let count = 1 + self.draws.below(4);
        let entries = (0..count).map(|_| {
            if self.draws.chance(1, 3) {
                term = Term(term.0 + self.draws.below(model.term.0.saturating_sub(term.0) + 1));
            }
            self.entry(term)
        });
        Record::Entries { after, entries: entries.collect::<Vec<_>>().into() }
    }

    fn entry(&mut self, term: Term) -> Entry {
        self.unique += 1;
        let len = match self.draws.below(8) {
            0 => self.draws.below(self.bytes_max),
            1 | 2 => self.draws.below(self.bytes_max / 10),
            _ => self.draws.below(100),
        };
        let kind = if self.draws.chance(1, 8) { EntryKind::Membership } else { EntryKind::Command };
        let mut bytes = self.unique.to_le_bytes().to_vec();
        bytes.resize(8 + len as usize, self.unique as u8);
        Entry::new(term, kind, bytes.into())
    }

    /// Where a snapshot may be, above `lowest`: at an entry that is durable, or ahead of the log, or in another history.
    pub(crate) fn snapshot(&mut self, durable: &Model, staged: &Model, lowest: Index) -> Option<LogId> {
        let (first, last) = (lowest.0.max(staged.snapshot.index.0) + 1, durable.last().index.0);
        if !durable.born {
            return None;
        }
        if first <= last && self.draws.chance(4, 5) {
            return durable.at(Index(first + self.draws.below(last - first + 1)));
        }
        let index = first.max(last) + self.draws.below(9);
        Some(LogId::new(durable.term.max(staged.term).0 + self.draws.below(2), index))
    }
}
