//! R20: what a peer keeps is bounded, whatever happens around it.

use super::Check;
use crate::plan::Swarm;
use rsm::raft::{Index, Term};

/// What a peer's own parts and timers may post while its inbox is full: a completion, a room, a mark, a look, a snapshot; the
/// word of each transfer; each timer once.
const PARTS: usize = 16;
/// The opening of the peer's own session.
const OWN_TICKETS: usize = 1;
/// What a flush of small records takes.
const FLUSH: u64 = 4 << 10;
/// The one that is marked, the one before it, one that is written, one that is received.
const SNAPSHOTS: u64 = 4;
/// Of those that a peer takes itself: the one that is marked, one whose mark is under way, one that is written.
const OWN: u64 = 3;

/// What a life of a peer began with, and has come to.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Which of its lives it is.
    pub nth: u64,
    /// How many snapshots it has found, whole or damaged.
    pub found: u64,
    /// The term in which it began.
    pub began: Term,
    /// It has led.
    pub has_led: bool,
}

/// How much a peer keeps, or may keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Inputs that wait in the replica's inbox.
    pub inbox: usize,
    /// Open tickets.
    pub tickets: usize,
    /// Open sessions.
    pub sessions: usize,
    /// Bytes of all its files.
    pub disk: u64,
    /// How many of these are of snapshots, whole or not.
    pub snapshots: u64,
}

impl Kept {
    /// Whether none of this is more than that.
    #[must_use]
    pub fn is_within(&self, most: &Kept) -> bool {
        self.inbox <= most.inbox
            && self.tickets <= most.tickets
            && self.sessions <= most.sessions
            && self.disk <= most.disk
            && self.snapshots <= most.snapshots
    }

    /// The most that a peer may keep in this life of it, in that term, with so much applied, if its state machine, or on a full
    /// disk its last snapshot, has never been farther behind than so many entries.
    ///
    /// Its log reaches back to what the snapshot before the last has left of it, four margins if a peer was behind: four
    /// and a half times the entries between two of them, each in a flush of its own, with as many for commits and marks;
    /// then two for each term, and a segment that each life begins, since one that restarts without a quorum can cut
    /// nothing; and the spare. Until its next mark it keeps the snapshots that this life of it has found, one that is
    /// brought to it, one that came whole in each term, too late for that, and, once it has led, what it has brought to each of
    /// the others.
    #[must_use]
    pub fn most(swarm: &Swarm, of: Life, term: Term, applied: Index, lag: u64) -> Kept {
        let Life { nth: life, found, began, has_led } = of;
        // What is not applied is in no snapshot, and stays until the one after the next: so may that of three spells.
        let flushes = 9 * swarm.snapshot_entries + 2 * term.0 + 6 * lag;
        // Where entries have a largest size clients ask for as much.
        let entry = if swarm.entry_bytes == usize::MAX { 0 } else { swarm.entry_bytes as u64 };
        let flush = FLUSH + u64::from(swarm.pad) + entry;
        let segments = life + 2 + (flushes * flush).div_ceil(swarm.segment_bytes);
        let others = swarm.nodes as u64 - 1;
        let snapshot = 4_096 + 16 * applied.0 + 1_024 * swarm.sessions_max as u64;
        Kept {
            inbox: swarm.inbox + PARTS,
            tickets: swarm.tickets + OWN_TICKETS,
            sessions: swarm.sessions_max,
            disk: segments * swarm.segment_bytes + SNAPSHOTS * snapshot,
            snapshots: found
                + OWN
                + if 0 < others { 1 + term.0.saturating_sub(began.0) } else { 0 }
                + if has_led { others } else { 0 },
        }
    }
}

/// How many entries are in no snapshot that a peer might have by now: those that are not applied, or, while its disk has no
/// room for a snapshot, all behind the last mark. Entries may have some still.
#[must_use]
pub fn behind(last: Index, mark: Index, applied: Index, is_full: bool) -> u64 {
    last.0.saturating_sub(if is_full { mark.min(applied).0 } else { applied.0 })
}

impl Check {
    /// R20: a peer keeps no more than it may.
    pub fn keeps(&mut self, who: usize, kept: Kept, most: Kept) {
        if !kept.is_within(&most) {
            self.break_rule("R20", format!("{who} keeps {kept:?}, and may keep {most:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::swarm;

    #[test]
    fn what_no_snapshot_has_lies_on_a_disk_that_has_no_room_for_one() {
        let mut swarm = swarm(3);
        (swarm.snapshot_entries, swarm.segment_bytes, swarm.pad, swarm.sessions_max) = (1, 256 << 10, 0, 28);
        let most = |is_full: bool| {
            let behind = behind(Index(274), Index(142), Index(274), is_full);
            Kept::most(&swarm, Life { nth: 1, found: 0, began: Term(3), has_led: false }, Term(3), Index(274), behind)
                .disk
        };
        let kept = 5 * swarm.segment_bytes + 1_257;
        assert!(most(false) < kept && kept < most(true), "{} < {kept} < {}", most(false), most(true));
        assert_eq!(behind(Index(9), Index(8), Index(5), true), 4, "a snapshot that was brought is not applied yet");
    }

    #[test]
    fn a_peer_that_keeps_more_than_it_may_of_anything_is_found() {
        let of = |life: Life, lag: u64| Kept::most(&Swarm { nodes: 3, ..swarm(3) }, life, Term(5), Index(100), lag);
        let life = Life { nth: 2, found: 1, began: Term(5), has_led: false };
        let most = of(life, 0);
        let large = Swarm { nodes: 3, entry_bytes: 64 << 10, ..swarm(3) };
        let of_large = Kept::most(&large, life, Term(5), Index(100), 0);
        assert!(most.disk < of_large.disk, "an entry has what it may have");
        assert!(most.disk < of(life, 1_000).disk);
        let snapshots = |life: Life| of(life, 0).snapshots - most.snapshots;
        assert_eq!(snapshots(Life { found: 3, ..life }), 2, "what a life has found stays until its next mark");
        assert_eq!(snapshots(Life { began: Term(2), ..life }), 3, "so does what was whole when its term was over");
        assert_eq!(snapshots(Life { has_led: true, ..life }), 2, "and what others wait for");
        let broken = |kept: Kept| {
            let mut check = Check::default();
            check.keeps(0, kept, most);
            check.broken().map(|violation| violation.rule)
        };
        assert_eq!(broken(most), None);
        assert_eq!(broken(Kept { inbox: most.inbox + 1, ..most }), Some("R20"));
        assert_eq!(broken(Kept { tickets: most.tickets + 1, ..most }), Some("R20"));
        assert_eq!(broken(Kept { sessions: most.sessions + 1, ..most }), Some("R20"));
        assert_eq!(broken(Kept { disk: most.disk + 1, ..most }), Some("R20"));
        assert_eq!(broken(Kept { snapshots: most.snapshots + 1, ..most }), Some("R20"));
    }
}
