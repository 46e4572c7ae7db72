//! What a leader has placed in its log and has not committed yet, by weight: beyond a bound, more waits its turn.
//!
//! ```text
//!   log   ──── committed ────|──── placed, on its way to a quorum ────|      what else its callers ask for is behind, and
//!                            |<──────── at most two windows ─────────>|      placed in turn as others are committed; what
//!                                                                            others forward comes again
//! ```
//! Where more is asked for than windows and disks carry, for however long, each caller gives up before its entry is
//! committed, and asks again: a log that takes all of it in carries nothing any more but what nobody waits for.
//! An entry that waits for no more than two windows is answered within a few round trips. While callers of this peer and
//! those of others both wait, each side has one of the two windows, and neither shuts the other out.

use crate::raft::consensus::{Record, weight};
use crate::raft::{Entry, Index, Time};
use std::collections::VecDeque;
use std::time::Duration;

/// So many windows may be placed and not committed: one is on its way to a quorum, and another is at hand as it comes back.
const WINDOWS: usize = 2;
/// Who asks through another peer and was not placed asks again within so long: a ticket's pauses are two seconds at most.
const ASKS_AGAIN: Duration = Duration::from_millis(2_500);

/// Who has asked for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// A caller of this peer.
    Ours,
    /// Another peer, which has forwarded it.
    Theirs,
}

/// What is placed and not committed.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// What one turn has placed, up to there: what that weighs for each side.
    placed: VecDeque<(Index, [usize; 2])>,
    /// The sum of it.
    weight: [usize; 2],
    /// What was handed to the core since the last flush.
    handed: [usize; 2],
    /// What was handed before it, and is not known to be placed.
    flushed: [usize; 2],
    window: usize,
    /// Until then others ask again for what was not placed.
    wanted_by_others: Time,
}

impl Backlog {
    /// For windows of so many bytes.
    pub(super) fn new(window_bytes: usize) -> Backlog {
        Backlog { window: window_bytes.min(usize::MAX / 4), ..Backlog::default() }
    }

    /// Whether the core may be handed this entry, where the other side waits or does not: if so, it counts as handed. One
    /// that is larger than a window is admitted as if it were one: it would wait for ever behind small ones.
    pub(super) fn admits(&mut self, side: Side, entry: &Entry, is_other_waiting: bool) -> bool {
        let of = |side: Side| self.weight[side as usize] + self.handed[side as usize];
        let share = weight(entry).min(self.window);
        let fits = of(Side::Ours) + of(Side::Theirs) + share <= WINDOWS * self.window;
        let admitted = fits && (!is_other_waiting || of(side) + share <= self.window);
        if admitted {
            self.handed[side as usize] += weight(entry);
        }
        admitted
    }

    /// What was admitted last is not handed to the core.
    pub(super) fn take_back(&mut self, side: Side, entry: &Entry) {
        self.handed[side as usize] -= weight(entry);
    }

    /// An entry that was forwarded was not placed: whoever waits for it asks again.
    pub(super) fn is_wanted_by_others(&mut self, now: Time) {
        self.wanted_by_others = now.after(ASKS_AGAIN);
    }

    /// Whether others wait.
    pub(super) fn do_others_wait(&self, now: Time) -> bool {
        now < self.wanted_by_others
    }

    /// The core has said what follows from what it was handed.
    pub(super) fn flushed(&mut self) {
        self.flushed = std::mem::take(&mut self.handed);
    }

    /// A leader gives this record to the store: of what others have forwarded, what was handed; the rest is its own.
    pub(super) fn given(&mut self, record: &Record) {
        if let Record::Entries { after, entries } = record {
            let sum = entries.iter().map(weight).sum::<usize>();
            let theirs = std::mem::take(&mut self.flushed)[Side::Theirs as usize].min(sum);
            let sides = [sum - theirs, theirs];
            self.placed.push_back((Index(after.0 + entries.len() as u64), sides));
            self.weight = [self.weight[0] + sides[0], self.weight[1] + sides[1]];
        }
    }

    /// Everything up to here is committed. Whether some of it was placed here.
    pub(super) fn committed(&mut self, commit: Index) -> bool {
        let before = self.placed.len();
        while let Some((last, sides)) = self.placed.front().copied()
            && last <= commit
        {
            self.placed.pop_front();
            self.weight = [self.weight[0] - sides[0], self.weight[1] - sides[1]];
        }
        self.placed.len() < before
    }

    /// No leader any more: what it has placed is for another to commit.
    pub(super) fn clear(&mut self) {
        self.placed.clear();
        (self.weight, self.handed, self.flushed, self.wanted_by_others) = Default::default();
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

    /// Whether an entry of so many bytes, and sixteen, is admitted that this side has asked for alone.
    fn admits(backlog: &mut Backlog, side: Side, bytes: usize) -> bool {
        backlog.admits(side, &entry(bytes), false)
    }

    #[test]
    fn no_more_is_placed_than_two_windows_until_some_is_committed() {
        let mut backlog = Backlog::new(36);
        assert!(admits(&mut backlog, Side::Ours, 20) && admits(&mut backlog, Side::Theirs, 20));
        assert!(!admits(&mut backlog, Side::Ours, 0), "in the same turn");
        backlog.flushed();
        backlog.given(&of(6, &[20, 20]));
        assert!(!admits(&mut backlog, Side::Theirs, 0), "in a later turn");
        assert!(!backlog.committed(Index(7)), "one of the two");
        assert!(!admits(&mut backlog, Side::Ours, 0));
        assert!(backlog.committed(Index(8)));
        assert!(admits(&mut backlog, Side::Ours, 20) && admits(&mut backlog, Side::Ours, 20));
        assert!(!admits(&mut backlog, Side::Ours, 0));
    }

    #[test]
    fn an_entry_that_is_larger_than_a_window_is_admitted_as_if_it_were_one() {
        let mut backlog = Backlog::new(36);
        assert!(admits(&mut backlog, Side::Ours, 20) && admits(&mut backlog, Side::Ours, 1_000));
        assert!(!admits(&mut backlog, Side::Ours, 0));
        backlog.flushed();
        backlog.given(&of(0, &[20, 1_000]));
        assert!(!admits(&mut backlog, Side::Ours, 1_000));
        backlog.committed(Index(2));
        assert!(admits(&mut backlog, Side::Ours, 1_000));
    }

    #[test]
    fn each_side_has_a_window_while_both_wait() {
        let mut backlog = Backlog::new(36);
        for (side, other) in [(Side::Ours, Side::Theirs), (Side::Theirs, Side::Ours)] {
            assert!(backlog.admits(side, &entry(20), true), "the first window");
            assert!(!backlog.admits(side, &entry(0), true), "the second is the other's");
            assert!(backlog.admits(other, &entry(20), true) && !backlog.admits(other, &entry(0), true));
            backlog.flushed();
            backlog.given(&of(0, &[20, 20]));
            assert_eq!(backlog.weight, [36, 36]);
            backlog.committed(Index(2));
        }
        assert!(!backlog.do_others_wait(Time(1)));
        backlog.is_wanted_by_others(Time(1));
        let until = Time(1).after(ASKS_AGAIN);
        assert!(backlog.do_others_wait(Time(until.0 - 1)) && !backlog.do_others_wait(until));
    }

    #[test]
    fn what_a_former_leader_has_placed_counts_no_more() {
        let mut backlog = Backlog::new(36);
        backlog.given(&of(0, &[56]));
        backlog.is_wanted_by_others(Time(1));
        backlog.clear();
        assert!(!backlog.committed(Index(9)) && !backlog.do_others_wait(Time(1)));
        assert!(admits(&mut backlog, Side::Ours, 56) && !admits(&mut backlog, Side::Ours, 20));
    }

    #[test]
    fn what_was_handed_and_not_placed_counts_for_that_turn_alone_or_is_taken_back() {
        let mut backlog = Backlog::new(36);
        assert!(admits(&mut backlog, Side::Ours, 56) && !admits(&mut backlog, Side::Ours, 20));
        backlog.take_back(Side::Ours, &entry(56));
        assert!(admits(&mut backlog, Side::Ours, 56));
        backlog.flushed();
        assert!(admits(&mut backlog, Side::Ours, 56));
    }
}
