//! A store in memory that keeps what was synced, and forgets the rest in a crash.

use rsm::raft::consensus::{Membership, Record};
use rsm::raft::{Entry, EntryKind, Incarnation, Index, LogId, Recovered, Seq, Term};
use std::collections::{BTreeMap, VecDeque};

/// A snapshot's file: the entries that were applied.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    pub at: LogId,
    pub membership: Membership,
    pub state: Vec<Entry>,
}

/// A directory.
#[derive(Clone, Debug)]
pub struct Disk {
    recovered: Recovered,
    entries: BTreeMap<Index, Entry>,
    staged: VecDeque<(Seq, Record)>,
    /// Whole and durable as soon as it is there. The older one stays until a mark replaces it.
    pub file: Option<File>,
    pub older: Option<File>,
}

impl Disk {
    pub fn new(incarnation: u64) -> Disk {
        let recovered = Recovered { incarnation: Incarnation(incarnation), ..Recovered::default() };
        Disk { recovered, entries: BTreeMap::new(), staged: VecDeque::new(), file: None, older: None }
    }

    /// A directory whose peer is born, knows the lives of all others (id + 100), and holds this.
    pub fn born(id: u64, n: u64, term: u64, log: &[u64]) -> Disk {
        let mut disk = Disk::new(id + 100);
        let others = (0..n).filter(|&other| other != id);
        disk.recovered.bindings = others.map(|other| (rsm::raft::NodeId(other), Incarnation(other + 100))).collect();
        (disk.recovered.born, disk.recovered.term) = (true, Term(term));
        let entry = |&term: &u64| Entry::new(Term(term), EntryKind::Command, format!("e{term}").into());
        disk.entries = (1..).map(Index).zip(log.iter().map(entry)).collect();
        disk
    }

    /// The records that come to what it holds.
    pub fn records(&self) -> Vec<Record> {
        let held = &self.recovered;
        let bind = |(&node, &incarnation)| Record::Bind { node, incarnation };
        let entries = self.entries.values().cloned().collect();
        let state = Record::State { term: held.term, vote: held.vote };
        let others = [Record::Born, state, Record::Entries { after: held.base.index, entries }];
        held.bindings.iter().map(bind).chain(others).collect()
    }

    pub fn stage(&mut self, seq: Seq, record: Record) {
        self.staged.push_back((seq, record));
    }

    /// Makes everything up to `seq` durable.
    pub fn sync(&mut self, seq: Seq) {
        while self.staged.front().is_some_and(|staged| staged.0 <= seq) {
            self.keep_one();
        }
    }

    /// Power is lost; of what was not synced, the first `kept` records are there all the same.
    pub fn crash(&mut self, kept: usize) {
        (0..kept).for_each(|_| self.keep_one());
        self.staged.clear();
    }

    fn keep_one(&mut self) {
        let Some((_, record)) = self.staged.pop_front() else { return };
        match record {
            Record::Bind { node, incarnation } => {
                self.recovered.bindings.insert(node, incarnation);
            }
            Record::Born => self.recovered.born = true,
            Record::State { term, vote } => (self.recovered.term, self.recovered.vote) = (term, vote),
            Record::Mark { at } => self.mark(at),
            Record::Entries { after, entries } => {
                assert!(after <= self.last().index, "a hole in the log");
                self.entries.split_off(&after.next());
                self.entries.extend((after.0 + 1..).map(Index).zip(entries.iter().cloned()));
            }
        }
    }

    fn mark(&mut self, at: LogId) {
        if self.term_at(at.index) != Some(at.term) {
            self.entries.clear();
            self.recovered.base = at;
        }
        self.recovered.snapshot = at;
        self.older = None;
    }

    fn term_at(&self, index: Index) -> Option<Term> {
        let base = self.recovered.base;
        if index == base.index { Some(base.term) } else { self.entries.get(&index).map(|entry| entry.term) }
    }

    fn last(&self) -> LogId {
        let last = self.entries.last_key_value();
        last.map_or(self.recovered.base, |(&index, entry)| LogId { term: entry.term, index })
    }

    /// A snapshot's file has been written, synced, renamed.
    pub fn put(&mut self, file: File) {
        if self.file.as_ref().is_none_or(|held| held.at.index < file.at.index) {
            self.older = self.file.replace(file);
        }
    }

    pub fn release(&mut self, keep: Index) {
        assert!(keep <= self.recovered.snapshot.index.next(), "released what no snapshot covers");
        if let Some(term) = self.term_at(keep.previous()) {
            self.recovered.base = LogId { term, index: keep.previous() };
            self.entries = self.entries.split_off(&keep);
        }
    }

    /// Durable entries, if all of the range is there.
    pub fn read(&self, range: std::ops::Range<Index>, bytes_max: usize) -> Option<Vec<Entry>> {
        let mut sum = 0;
        let mut read = Vec::new();
        for index in range.start.0..range.end.0 {
            let entry = self.entries.get(&Index(index))?;
            sum += entry.bytes.len();
            if !read.is_empty() && bytes_max < sum {
                break;
            }
            read.push(entry.clone());
        }
        Some(read)
    }

    /// What a peer is told at its start. A file that is newer than the last mark becomes the mark first.
    pub fn recover(&mut self) -> Recovered {
        if let Some(at) = self.file.as_ref().map(|file| file.at).filter(|at| self.recovered.snapshot.index < at.index) {
            if self.recovered.term < at.term {
                (self.recovered.term, self.recovered.vote) = (at.term, None);
            }
            self.mark(at);
        }
        let mut terms: Vec<(Index, Term)> = Vec::new();
        for (&index, entry) in &self.entries {
            if terms.last().is_none_or(|run| run.1 != entry.term) {
                terms.push((index, entry.term));
            }
        }
        let membership = self.file.iter().map(|file| (file.at.index, file.membership.encode().into())).collect();
        Recovered { terms, last: self.last(), membership, ..self.recovered.clone() }
    }
}
