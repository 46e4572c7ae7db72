//! A store that lasts as long as its process.
//!
//! ```text
//!   stage ──> pending ── flush ──> kept, shared with readers and with the store that `reopen` gives
//! ```
//! For tests, and for a peer without a directory, which is newborn at each start and safe for that reason.

use super::past::{Marked, Past, Rule};
use super::{Error, Reader, Snapshot, Storage};
use crate::raft::consensus::Record;
use crate::raft::{Entries, Entry, Incarnation, Index, Recovered, Seq};
use crate::sync::lock::Lock;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// The memory store. Everything that was flushed is what [`reopen`](Memory::reopen) finds.
#[derive(Debug)]
pub struct Memory {
    kept: Arc<Lock<Kept>>,
    /// With what is staged; what a record must fit.
    past: Past,
    pending: Vec<Change>,
    durable: Seq,
    poisoned: bool,
}

/// What has been flushed.
#[derive(Debug)]
struct Kept {
    past: Past,
    first: Index,
    entries: VecDeque<Entry>,
}

/// What a record changes in the entries held.
#[derive(Debug)]
enum Change {
    /// These stand from there on; what stood there is cut.
    Put { index: Index, entries: Entries },
    /// The log is empty, and begins there.
    Empty { first: Index },
}

impl Memory {
    /// An empty store of this life.
    #[must_use]
    pub fn new(incarnation: Incarnation) -> Memory {
        let past = Past::new(incarnation);
        let kept = Kept { past: past.clone(), first: Index(1), entries: VecDeque::new() };
        Memory { kept: Arc::new(Lock::new(kept)), past, pending: Vec::new(), durable: Seq(0), poisoned: false }
    }

    /// What a process that starts anew finds: all that was flushed, nothing that was only staged.
    #[must_use]
    pub fn reopen(&self) -> Memory {
        let past = self.kept.lock().past.clone();
        Memory { kept: Arc::clone(&self.kept), past, pending: Vec::new(), durable: Seq(0), poisoned: false }
    }

    fn healthy(&self) -> Result<(), Error> {
        if self.poisoned { Err(Error::Poisoned) } else { Ok(()) }
    }

    /// What the record makes of the past, and of the entries.
    fn admit(&mut self, record: &Record) -> Result<Option<Change>, Rule> {
        match record {
            Record::Bind { node, incarnation } => {
                self.past.bindings.insert(*node, *incarnation);
            }
            Record::Born => self.past.born = true,
            Record::State { term, vote } => self.past.state(*term, *vote)?,
            Record::Mark { at } => {
                let emptied = self.past.mark(*at)? == Marked::Emptied;
                return Ok(emptied.then_some(Change::Empty { first: at.index.next() }));
            }
            Record::Entries { after, entries } => {
                self.past.runs(*after, entries)?;
                return Ok(Some(Change::Put { index: after.next(), entries: entries.clone() }));
            }
        }
        Ok(None)
    }
}

impl Kept {
    fn entry(&self, index: u64) -> Option<Entry> {
        let held = index.checked_sub(self.first.0)?;
        self.entries.get(held as usize).cloned()
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Put { index, entries } => {
                self.entries.truncate((index.0 - self.first.0) as usize);
                self.entries.extend(entries.iter().cloned());
            }
            Change::Empty { first } => {
                self.entries.clear();
                self.first = first;
            }
        }
    }
}

impl Storage for Memory {
    type Reader = MemoryReader;

    fn recover(&mut self, newest: Option<Snapshot>) -> Result<Recovered, Error> {
        for record in newest.as_ref().map(|newest| self.past.owed(newest)).unwrap_or_default() {
            self.stage(&record)?;
        }
        self.flush(Seq(0))?;
        Ok(self.past.recovered(newest.as_ref()).expect("a log in memory begins at or before its snapshot"))
    }

    fn stage(&mut self, record: &Record) -> Result<(), Error> {
        self.healthy()?;
        let change = self.admit(record).map_err(|rule| {
            self.poisoned = true;
            Error::Rule(rule)
        })?;
        self.pending.extend(change);
        Ok(())
    }

    fn flush(&mut self, seq: Seq) -> Result<(), Error> {
        self.healthy()?;
        let mut kept = self.kept.lock();
        self.pending.drain(..).for_each(|change| kept.change(change));
        kept.past = self.past.clone();
        self.durable = self.durable.max(seq);
        Ok(())
    }

    fn durable(&self) -> Result<Seq, Error> {
        self.healthy().map(|()| self.durable)
    }

    fn release(&mut self, keep: Index) -> Result<(), Error> {
        self.healthy()?;
        let mut kept = self.kept.lock();
        let limit = kept.past.snapshot.index.next();
        let gone = (keep.min(limit).0.saturating_sub(kept.first.0) as usize).min(kept.entries.len());
        kept.entries.drain(..gone);
        kept.first = Index(kept.first.0 + gone as u64);
        let first = kept.first;
        kept.past.release(first);
        self.past.release(first);
        Ok(())
    }

    fn reader(&self) -> MemoryReader {
        MemoryReader { kept: Arc::clone(&self.kept) }
    }

    fn commit(&mut self, index: Index) {
        self.past.commit = self.past.commit.max(index);
    }
}

/// Reads what has been flushed.
#[derive(Clone, Debug)]
pub struct MemoryReader {
    kept: Arc<Lock<Kept>>,
}

impl Reader for MemoryReader {
    fn read(&self, range: Range<Index>, bytes_max: usize, each: &mut dyn FnMut(Entry)) -> Result<(), Error> {
        let mut bytes = 0;
        for index in range.start.0..range.end.0 {
            // One entry at a time, and `each` outside of the lock: it is the caller's, and may take as long as it likes.
            let entry = self.kept.lock().entry(index).ok_or(Error::Gone)?;
            bytes += entry.bytes.len();
            if index != range.start.0 && bytes_max < bytes {
                break;
            }
            each(entry);
        }
        Ok(())
    }
}
