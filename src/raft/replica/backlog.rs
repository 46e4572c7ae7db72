//! What a leader has placed in its log and has not committed yet, by weight: beyond a bound, more waits its turn.
//!
//! ```text
//!   log   ──── committed ────|──── placed, on its way to a quorum ────|      what else is asked for: tried again
//!                            |<──────── at most two windows ─────────>|      each heartbeat, here or by who forwards it
//! ```
//! Where more is asked for than windows and disks carry, for however long, each caller gives up before its entry is
//! committed, and asks again: a log that takes all of it in carries nothing any more but what nobody waits for.
//! An entry that waits for no more than a few windows is answered within a few round trips. Who is not placed has no place
//! in a queue: whoever is asked for through other peers would stand behind all that is asked for here.

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
    weight_max: usize,
}

impl Backlog {
    /// For windows of so many bytes.
    pub(super) fn new(window_bytes: usize) -> Backlog {
        Backlog { weight_max: window_bytes.saturating_mul(WINDOWS), ..Backlog::default() }
    }

    /// Whether the core may be handed this entry: if so, it counts as handed. One that is larger than all that may wait
    /// waits alone.
    pub(super) fn admits(&mut self, entry: &Entry) -> bool {
        let (before, more) = (self.weight + self.handed, weight(entry));
        let fits = before == 0 || before.saturating_add(more) <= self.weight_max;
        if fits {
            self.handed += more;
        }
        fits
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
    fn an_entry_that_is_larger_than_all_that_may_wait_waits_alone() {
        let mut backlog = Backlog::new(36);
        assert!(backlog.admits(&entry(1_000)) && !backlog.admits(&entry(0)));
        backlog.flushed();
        backlog.given(&of(0, &[1_000]));
        assert!(!backlog.admits(&entry(1_000)));
        backlog.committed(Index(1));
        assert!(backlog.admits(&entry(1_000)));
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
        assert!(backlog.admits(&entry(56)) && !backlog.admits(&entry(0)));
        backlog.flushed();
        assert!(backlog.admits(&entry(56)));
    }
}
