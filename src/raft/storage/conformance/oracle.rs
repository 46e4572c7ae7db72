//! What a stream of records comes to, told naively, and whether a recovered store says the same.

use crate::raft::consensus::Record;
use crate::raft::storage::{Reader, Snapshot};
use crate::raft::{Entries, Entry, EntryKind, Incarnation, Index, LogId, NodeId, Recovered, Term};
use bytes::Bytes;
use std::collections::BTreeMap;

/// The whole of a peer's past: no file, no segment, no place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) incarnation: Incarnation,
    pub(crate) term: Term,
    pub(crate) vote: Option<NodeId>,
    pub(crate) born: bool,
    pub(crate) bindings: BTreeMap<NodeId, Incarnation>,
    pub(crate) snapshot: LogId,
    /// Before the first entry ever written since the log was last emptied.
    pub(crate) floor: LogId,
    pub(crate) entries: Vec<Entry>,
}

impl Model {
    pub(crate) fn last(&self) -> LogId {
        let term = self.entries.last().map_or(self.floor.term, |entry| entry.term);
        LogId { term, index: Index(self.floor.index.0 + self.entries.len() as u64) }
    }

    /// The identity of what stands there, from the floor on.
    pub(crate) fn at(&self, index: Index) -> Option<LogId> {
        let term = match index.0.checked_sub(self.floor.index.0)? {
            0 => self.floor.term,
            nth => self.entries.get(nth as usize - 1)?.term,
        };
        Some(LogId { term, index })
    }

    /// The entries behind `after`.
    fn behind(&self, after: Index) -> &[Entry] {
        &self.entries[(after.0 - self.floor.index.0) as usize..]
    }

    pub(crate) fn apply(&mut self, record: &Record) {
        match record {
            Record::Bind { node, incarnation } => {
                self.bindings.insert(*node, *incarnation);
            }
            Record::Born => self.born = true,
            Record::State { term, vote } => (self.term, self.vote) = (*term, *vote),
            Record::Mark { at } => {
                self.snapshot = *at;
                if self.at(at.index) != Some(*at) {
                    self.entries.clear();
                    self.floor = *at;
                }
            }
            Record::Entries { after, entries } => {
                self.entries.truncate((after.0 - self.floor.index.0) as usize);
                self.entries.extend(entries.iter().cloned());
            }
        }
    }

    /// The mark of a snapshot whose file was whole, written as if it had been staged last.
    fn finish(&mut self, newest: LogId) {
        if self.snapshot.index < newest.index && self.born {
            if self.term < newest.term {
                (self.term, self.vote) = (newest.term, None);
            }
            self.apply(&Record::Mark { at: newest });
        }
    }

    /// Whether this is what was recovered. The log may be readable from further back than it must be.
    fn is(&self, found: &Recovered, entries: &[Entry]) -> bool {
        let heads = (self.term, self.vote, self.born, self.snapshot, self.last(), self.incarnation)
            == (found.term, found.vote, found.born, found.snapshot, found.last, found.incarnation);
        let based = found.base.index <= self.snapshot.index && self.at(found.base.index) == Some(found.base);
        heads && based && self.bindings == found.bindings && self.behind(found.base.index) == entries
    }

    /// The memberships that a recovery must tell.
    fn memberships(&self, newest: Option<&Snapshot>) -> Vec<(Index, Bytes)> {
        let covered = newest.filter(|newest| newest.at == self.snapshot);
        let first = self.floor.index.0 + 1;
        let behind = (first..)
            .zip(&self.entries)
            .filter(|(index, entry)| entry.kind == EntryKind::Membership && self.snapshot.index.0 < *index);
        let covered = covered.map(|newest| (newest.at.index, newest.membership.clone()));
        covered.into_iter().chain(behind.map(|(index, entry)| (Index(index), entry.bytes.clone()))).collect()
    }
}

/// What was acknowledged, and all that was given since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) acknowledged: Model,
    pub(crate) since: Vec<Record>,
    /// With all that was given.
    pub(crate) staged: Model,
}

impl Oracle {
    pub(crate) fn stage(&mut self, record: &Record) {
        self.staged.apply(record);
        self.since.push(record.clone());
    }

    pub(crate) fn flushed(&mut self) {
        self.acknowledged = self.staged.clone();
        self.since.clear();
    }

    /// A store that has told nothing yet may draw its life anew.
    pub(crate) fn meet(&mut self, incarnation: Incarnation) {
        if self.acknowledged.incarnation == Incarnation(0) {
            self.acknowledged.incarnation = incarnation;
            self.staged.incarnation = incarnation;
        }
    }

    /// Judges what a store says after it was opened anew, and takes it for the past from now on.
    pub(crate) fn judge<R: Reader>(
        &mut self,
        found: &Recovered,
        reader: &R,
        newest: Option<&Snapshot>,
    ) -> Result<(), String> {
        let entries = read(reader, found)?;
        let mut model = self.acknowledged.clone();
        let steps = self.since.iter().flat_map(steps);
        let is = |model: &Model| {
            let mut model = model.clone();
            if let Some(newest) = newest {
                model.finish(newest.at);
            }
            model.is(found, &entries).then_some(model)
        };
        let mut matched = is(&model);
        for step in steps {
            if matched.is_some() {
                break;
            }
            model.apply(&step);
            matched = is(&model);
        }
        let Some(model) = matched else {
            return Err(format!("recovered {found:?}\nacknowledged {:?}\nsince {:?}", self.acknowledged, self.since));
        };
        if found.membership != model.memberships(newest) {
            return Err(format!("memberships {:?}, not {:?}", found.membership, model.memberships(newest)));
        }
        self.staged = model;
        self.flushed();
        Ok(())
    }
}

/// A record of entries may land in part: any prefix of it.
fn steps(record: &Record) -> Vec<Record> {
    let Record::Entries { after, entries } = record else { return vec![record.clone()] };
    let part = |len: usize| Record::Entries { after: *after, entries: Entries::from(entries[..len].to_vec()) };
    (1..=entries.len()).map(part).collect()
}

/// All entries behind the base, and whether the terms told are theirs.
fn read<R: Reader>(reader: &R, found: &Recovered) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    let range = found.base.index.next()..found.last.index.next();
    if range.start < range.end {
        reader.read(range.clone(), usize::MAX, &mut |entry| entries.push(entry)).map_err(|error| error.to_string())?;
    }
    let mut terms = Vec::new();
    for (index, entry) in (range.start.0..).zip(&entries) {
        if terms.last().is_none_or(|&(_, term)| term != entry.term) {
            terms.push((Index(index), entry.term));
        }
    }
    if terms == found.terms { Ok(entries) } else { Err(format!("terms {:?}, not {terms:?}", found.terms)) }
}
