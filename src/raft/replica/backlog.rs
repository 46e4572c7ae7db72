//! What a leader has placed in its log and has not committed yet, by weight: beyond a bound, more waits its turn.
//!
//! ```text
//!   log   ──── committed ────|──── placed, on its way to a quorum ────|      what else is asked for
//!                            |<──────── at most two windows ─────────>|      is behind, and tried again
//!                            |<── one: tried ──>|                            once no more than one is left
//! ```
//! Where more is asked for than windows and disks carry, for however long, each caller gives up before its entry is
//! committed, and asks again: a log that takes all of it in carries nothing any more but what nobody waits for.
//! An entry that waits for no more than two windows is answered within a few round trips. What others forward, and what is
//! new, may take what becomes free above one window: it would stand behind all that waits here for ever.

use crate::raft::consensus::{Record, weight};
use crate::raft::{Entry, Index};
use std::collections::VecDeque;

/// So many windows may be placed and not committed: one is on its way to a quorum, and another is at hand as it comes back.
const WINDOWS: usize = 2;

/// What is placed and not committed.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// What one turn has placed, up to there, weighs so much.
    placed: VecDeque<(Index, usize)>,
    weight: usize,
    /// What was handed to the core since the last flush.
    handed: usize,
    window: usize,
}

impl Backlog {
    /// For windows of so many bytes.
    pub(super) fn new(window_bytes: usize) -> Backlog {
        Backlog { window: window_bytes.min(usize::MAX / 4), ..Backlog::default() }
    }

    /// Whether the core may be handed this entry: if so, it counts as handed. One that is larger than a window is admitted
    /// as if it were one: it would wait for ever behind small ones.
    pub(super) fn admits(&mut self, entry: &Entry) -> bool {
        let more = weight(entry);
        let fits = self.weight + self.handed + more.min(self.window) <= WINDOWS * self.window;
        if fits {
            self.handed += more;
        }
        fits
    }

    /// Whether what is behind is to be tried.
    pub(super) fn is_low(&self) -> bool {
        self.weight + self.handed <= self.window
    }

    /// The core has said what follows from what it was handed.
    pub(super) fn flushed(&mut self) {
        self.handed = 0;
    }

    /// A leader gives this record to the store.
    pub(super) fn given(&mut self, record: &Record) {
        if let Record::Entries { after, entries } = record {
            let sum = entries.iter().map(weight).sum::<usize>();
            self.placed.push_back((Index(after.0 + entries.len() as u64), sum));
            self.weight += sum;
        }
    }

    /// Everything up to here is committed.
    pub(super) fn committed(&mut self, commit: Index) {
        while let Some((last, sum)) = self.placed.front().copied()
            && last <= commit
        {
            self.placed.pop_front();
            self.weight -= sum;
        }
    }

    /// No leader any more: what it has placed is for another to commit.
    pub(super) fn clear(&mut self) {
        self.placed.clear();
        (self.weight, self.handed) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{EntryKind, Term};

    fn entry(bytes: usize) -> Entry {
        Entry::new(Term(1), EntryKind::Command, vec![0; bytes].into())
    }

    fn of(after: u64, sizes: &[usize]) -> Record {
        let entries: Vec<Entry> = sizes.iter().map(|&bytes| entry(bytes)).collect();
        Record::Entries { after: Index(after), entries: entries.into() }
    }

    #[test]
    fn no_more_is_placed_than_two_windows_until_some_is_committed() {
        let mut backlog = Backlog::new(36);
        assert!(backlog.admits(&entry(25)) && backlog.admits(&entry(15)), "with 16 for each");
        assert!(!backlog.admits(&entry(0)), "in the same turn");
        backlog.flushed();
        backlog.given(&of(6, &[25, 15]));
        assert!(!backlog.admits(&entry(0)), "in a later turn");
        backlog.committed(Index(7));
        assert!(!backlog.admits(&entry(0)), "one of the two");
        backlog.committed(Index(8));
        assert!(backlog.admits(&entry(56)));
    }

    #[test]
    fn an_entry_that_is_larger_than_a_window_is_admitted_as_if_it_were_one() {
        let mut backlog = Backlog::new(36);
        assert!(backlog.admits(&entry(20)) && backlog.is_low() && backlog.admits(&entry(1_000)));
        assert!(!backlog.is_low() && !backlog.admits(&entry(0)));
        backlog.flushed();
        backlog.given(&of(0, &[20, 1_000]));
        assert!(!backlog.is_low() && !backlog.admits(&entry(1_000)));
        backlog.committed(Index(2));
        assert!(backlog.is_low() && backlog.admits(&entry(1_000)));
    }

    #[test]
    fn what_a_former_leader_has_placed_counts_no_more() {
        let mut backlog = Backlog::new(36);
        backlog.given(&of(0, &[56]));
        backlog.clear();
        backlog.committed(Index(9));
        assert!(backlog.admits(&entry(56)) && !backlog.admits(&entry(0)));
    }

    #[test]
    fn what_was_handed_and_not_placed_counts_for_that_turn_alone() {
        let mut backlog = Backlog::new(36);
        assert!(backlog.admits(&entry(56)) && !backlog.admits(&entry(20)));
        backlog.flushed();
        assert!(backlog.admits(&entry(56)));
    }
}
