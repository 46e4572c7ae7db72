//! What a leader knows of one peer's log, and how it sends.
//!
//! ```text
//!               matched                       nothing cached,
//!    Probe ------------------> Replicate      or below the base
//!     ^ ^ <------------------  |   |
//!     |     conflict, or lost      | next lies below the base
//!     |                            v
//!     +----- sent, failed,  --- Snapshot
//!            or matched
//!
//!    log    1 2 3 4 | 5 6 7 8 | 9 10 11
//!           matched ^         ^ next            between them: on its way, at most a window
//! ```
//! A probe sends one append and waits for the answer, or for the next pulse; after one in vain it goes without entries:
//! a dead peer costs no bandwidth. Replicating is optimistic: `next` moves as we send.

use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{Index, LogId, Round, Track};
use std::collections::VecDeque;

/// How a peer is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Where its log meets ours is not known, or what it lacks must be read from disk: one append at a time.
    Probe {
        /// Appends without an answer so far.
        tried: u32,
        /// One is on its way, and no pulse has passed.
        waits: bool,
    },
    /// Appends follow each other without waiting.
    Replicate,
    /// It needs entries that the log has no more: a snapshot is brought, entries wait.
    Snapshot {
        /// The snapshot.
        at: LogId,
        /// Whether the transfer has been asked for.
        said: bool,
    },
}

const FRESH: Mode = Mode::Probe { tried: 0, waits: false };

/// A leader's acquaintance with one peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Answers that name another are not for us.
    pub track: Track,
    /// Everything up to here is durable there, and equal to our log.
    pub matched: Index,
    /// The next entry to send.
    pub next: Index,
    /// How it is served.
    pub mode: Mode,
    /// The latest round that it has answered.
    pub answered: Round,
    /// The greatest commit that it was told.
    pub(super) told: Index,
    /// The last entry that was placed for it, whose commit it waits for.
    pub(super) forwarded: Index,
    on_way: VecDeque<(Index, usize)>,
    on_way_weight: usize,
    /// `next` at the last pulse, and at the one before it: what the latter had sent should have arrived.
    pulsed: [Index; 2],
}

impl Progress {
    /// Nothing is known but where our own log ends.
    pub(crate) fn new(track: Track, next: Index) -> Progress {
        Progress {
            track,
            matched: Index(0),
            next,
            mode: FRESH,
            answered: Round(0),
            told: Index(0),
            forwarded: Index(0),
            on_way: VecDeque::new(),
            on_way_weight: 0,
            pulsed: [Index(0); 2],
        }
    }

    /// How many appends are on their way, and what they weigh.
    #[must_use]
    pub fn on_way(&self) -> (usize, usize) {
        (self.on_way.len(), self.on_way_weight)
    }

    /// Whether an append may be sent: fewer than so many are on their way, and they weigh at most `full`.
    pub(super) fn may_send(&self, appends_max: usize, full: usize) -> bool {
        match self.mode {
            Mode::Probe { waits, .. } => !waits,
            Mode::Replicate if appends_max <= self.on_way.len() => {
                mark!("window-full");
                false
            }
            Mode::Replicate => self.on_way.len() < appends_max && self.on_way_weight <= full,
            Mode::Snapshot { .. } => false,
        }
    }

    /// Whether an append of this weight fits beside what is on its way, or goes alone.
    pub(super) fn has_room(&self, weight: usize, weight_max: usize) -> bool {
        let fits = self.on_way.is_empty() || self.on_way_weight.saturating_add(weight) <= weight_max;
        mark!("append-waits-for-room-in-the-window", !fits);
        mutate!(SentBeyondWindow, fits, true)
    }

    /// Whether it is worth entries: after a probe in vain, none.
    pub(super) fn is_worth_entries(&self) -> bool {
        match self.mode {
            Mode::Probe { tried, .. } => tried == 0,
            Mode::Replicate => true,
            Mode::Snapshot { .. } => false,
        }
    }

    /// An append with entries up to before `end` has been sent.
    pub(crate) fn on_sent(&mut self, end: Index, weight: usize) {
        match &mut self.mode {
            Mode::Probe { tried, waits } => (*tried, *waits) = (tried.saturating_add(1), true),
            Mode::Replicate => {
                self.next = end;
                self.on_way.push_back((end.previous(), weight));
                self.on_way_weight += weight;
            }
            Mode::Snapshot { .. } => {}
        }
    }

    /// What it needs next must be read from disk: one append at a time.
    pub(super) fn on_uncached(&mut self) {
        if self.mode == Mode::Replicate {
            mark!("replicates-from-disk");
            self.probe(self.next);
        }
    }

    /// A heartbeat has gone to everyone.
    pub(super) fn on_pulse(&mut self) {
        self.pulsed = [self.next, self.pulsed[0]];
        if let Mode::Probe { waits, .. } = &mut self.mode {
            *waits = false;
        }
    }

    /// It holds, durably, everything up to `index`, which our log holds too. True if that is news.
    pub(crate) fn on_matched(&mut self, index: Index, base: Index) -> bool {
        let news = self.matched < index;
        self.matched = self.matched.max(index);
        self.next = self.next.max(self.matched.next());
        while let Some(&(last, weight)) = self.on_way.front().filter(|sent| sent.0 <= self.matched) {
            self.on_way.pop_front();
            debug_assert!(last <= self.matched, "what is popped has arrived");
            self.on_way_weight -= weight;
        }
        match self.mode {
            // An answer to an old append may end short of what was probed: then it says nothing about the probe.
            Mode::Probe { tried, .. } if mutate!(ProbingStays, index.next() == self.next, self.is_hopeful(index)) => {
                mark!("probed-in-vain-and-back", 3 <= tried);
                self.mode = Mode::Replicate;
            }
            Mode::Snapshot { .. } if mutate!(OlderTransferUnheard, base <= self.matched, false) => {
                mark!("snapshot-needless");
                self.probe(self.matched.next());
            }
            Mode::Probe { .. } | Mode::Replicate | Mode::Snapshot { .. } => {}
        }
        news
    }

    /// An append did not attach; `hint` is where to go on. An answer older than what is known is passed over.
    pub(super) fn on_conflict(&mut self, hint: Index) {
        let stale = hint <= self.matched || self.next <= hint;
        mark!("conflict-old", stale);
        match self.mode {
            Mode::Probe { .. } | Mode::Replicate if !stale => self.probe(hint),
            Mode::Probe { .. } | Mode::Replicate | Mode::Snapshot { .. } => {}
        }
    }

    /// A heartbeat's answer says that its log equals ours up to `have`, though perhaps not durably.
    pub(super) fn on_have(&mut self, have: Index, latest: bool) {
        let lost = mutate!(LossUnnoticed, latest && have.next() < self.pulsed[1].min(self.next), false);
        match self.mode {
            Mode::Probe { tried, .. } if mutate!(ProbingStays, self.next <= have.next(), self.is_hopeful(have)) => {
                mark!("probed-in-vain-and-back", 3 <= tried);
                self.next = have.next();
                self.mode = Mode::Replicate;
            }
            // Falling back on what is durable there would send everything again whenever its disk is slow.
            Mode::Replicate if lost => {
                mark!("append-lost-and-noticed");
                self.probe(have.max(self.matched).next());
            }
            Mode::Probe { .. } | Mode::Replicate | Mode::Snapshot { .. } => {}
        }
    }

    /// It shall be brought this snapshot.
    pub(super) fn begin_snapshot(&mut self, at: LogId) {
        self.clear_way();
        self.mode = Mode::Snapshot { at, said: false };
    }

    /// It holds the whole snapshot; a transfer that nobody waits for is passed over.
    pub(super) fn on_snapshot_sent(&mut self) {
        if let Mode::Snapshot { at, .. } = self.mode {
            mark!("snapshot-brought");
            self.probe(at.index.max(self.matched).next());
        }
    }

    /// The transfer gave up: from where it was, but not before the next pulse.
    pub(super) fn on_snapshot_failed(&mut self) {
        if let Mode::Snapshot { .. } = self.mode {
            mark!("snapshot-not-brought");
            if mutate!(TransferStays, false, true) {
                return;
            }
            self.probe(self.next);
            self.mode = Mode::Probe { tried: 1, waits: true };
        }
    }

    fn probe(&mut self, next: Index) {
        self.next = next;
        self.mode = FRESH;
        self.pulsed = [Index(0); 2];
        self.clear_way();
    }

    /// It is where we send from, and was not probed in vain.
    #[cfg(any(test, rsm_mutant))]
    fn is_hopeful(&self, index: Index) -> bool {
        self.next <= index.next() && !matches!(self.mode, Mode::Probe { tried: 3.., .. })
    }

    fn clear_way(&mut self) {
        self.on_way.clear();
        self.on_way_weight = mutate!(WayUncleared, 0, self.on_way_weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicating(next: u64) -> Progress {
        let mut progress = Progress::new(Track(1), Index(next));
        progress.on_matched(Index(next - 1), Index(0));
        assert_eq!(progress.mode, Mode::Replicate);
        progress
    }

    #[test]
    fn a_probe_waits_for_an_answer_or_a_pulse_and_then_goes_without_entries() {
        let mut progress = Progress::new(Track(1), Index(5));
        assert!(progress.may_send(9, 9) && progress.is_worth_entries());
        progress.on_sent(Index(8), 30);
        assert_eq!((progress.may_send(9, 9), progress.next), (false, Index(5)));
        progress.on_pulse();
        assert!(progress.may_send(9, 9) && !progress.is_worth_entries());
    }

    #[test]
    fn the_window_is_bounded_by_count_and_by_weight_and_opens_with_what_is_matched() {
        let mut progress = replicating(1);
        progress.on_sent(Index(3), 40);
        progress.on_sent(Index(4), 40);
        assert!(progress.may_send(3, 80));
        assert!(!progress.may_send(2, 80) && !progress.may_send(3, 79));
        progress.on_matched(Index(2), Index(0));
        assert_eq!(progress.on_way(), (1, 40));
        progress.on_conflict(Index(3));
        assert_eq!(progress.on_way(), (0, 0));
    }

    #[test]
    fn an_old_conflict_moves_nothing() {
        let mut progress = replicating(9);
        progress.on_conflict(Index(4));
        progress.on_conflict(Index(9));
        assert_eq!((progress.mode, progress.next), (Mode::Replicate, Index(9)));
    }

    #[test]
    fn what_was_sent_before_the_last_pulse_but_one_and_is_not_there_is_lost() {
        let mut progress = replicating(5);
        progress.on_sent(Index(8), 1);
        progress.on_pulse();
        progress.on_have(Index(4), true);
        assert_eq!(progress.mode, Mode::Replicate, "it may be on its way still");
        progress.on_pulse();
        progress.on_have(Index(4), false);
        assert_eq!(progress.mode, Mode::Replicate, "an old answer says nothing");
        progress.on_have(Index(7), true);
        assert_eq!(progress.mode, Mode::Replicate, "it has arrived, and waits for its disk");
        progress.on_have(Index(4), true);
        assert_eq!((progress.mode, progress.next), (FRESH, Index(5)));
    }

    #[test]
    fn a_matched_that_is_lost_leaves_nobody_in_snapshot() {
        let mut progress = Progress::new(Track(1), Index(2));
        progress.begin_snapshot(LogId::new(1, 7));
        assert!(!progress.may_send(9, 9));
        let (mut sent, mut failed, mut matched) = (progress.clone(), progress.clone(), progress);
        sent.on_snapshot_sent();
        assert_eq!((sent.mode, sent.next), (FRESH, Index(8)));
        failed.on_snapshot_failed();
        assert_eq!((failed.may_send(9, 9), failed.next), (false, Index(2)));
        failed.on_pulse();
        assert!(failed.may_send(9, 9));
        matched.on_matched(Index(9), Index(6));
        assert_eq!((matched.mode, matched.next), (FRESH, Index(10)));
    }

    #[test]
    fn a_peer_whose_disk_is_slow_is_probed_once_and_not_again() {
        let mut progress = Progress::new(Track(1), Index(5));
        progress.on_sent(Index(8), 1);
        progress.on_have(Index(7), true);
        assert_eq!((progress.mode, progress.next, progress.matched), (Mode::Replicate, Index(8), Index(0)));
    }
}
