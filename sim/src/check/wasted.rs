//! R20: little goes to whom nothing reaches.
//!
//! ```text
//!   a peer goes down ──> what its leader has room for in the window ──> one probe with entries ──> probes without, heartbeats
//!                        the pieces of a snapshot, until it is given up                            for as long as it takes
//! ```
//! Entries and pieces of snapshots are what costs bandwidth. Only a word from that peer may bring another window of them:
//! one that was on its way when it went down, late or doubled.

use super::Check;
use rsm::raft::Term;
use rsm::raft::consensus::Message;
use rsm::raft::wire::Body;
use std::collections::BTreeMap;

/// Twice as many pieces of a snapshot as may be on their way, and so many heartbeats beside those of a transfer's patience.
const PIECES: u64 = 8;
const BEATS: u64 = 4;

/// Who says something to whom.
type Way = (usize, usize);

/// What has gone to peers that are down.
#[derive(Debug, Default)]
pub(super) struct Wasted(BTreeMap<Way, Gone>);

/// What a leader has sent to a peer since that one went down.
#[derive(Debug)]
struct Gone {
    /// The process that has ended, and the leader's term.
    life: u64,
    term: Term,
    /// So many packets of that peer have come since.
    heard: u64,
    appends: u64,
    pieces: u64,
}

/// How much there may be between one word of such a peer and the next.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Appends on their way to one peer.
    pub window: u64,
    /// Heartbeats in the time after which a transfer is given up.
    pub beats: u64,
}

impl Patience {
    /// A few appends beside a window: one whose entries are read back from the disk, a probe; none of 250 seeds has needed
    /// one.
    pub(crate) const PROBES: u64 = 4;
}

impl Check {
    /// A packet for a peer that is down carries this; that peer's last process had this number, and so many inputs wait at
    /// the sender.
    pub fn wastes(&mut self, way: Way, (life, waiting): (u64, u64), body: &Body, patience: Patience) {
        let (term, appends, pieces) = match body {
            Body::Message(Message::Append(append)) if !append.entries.is_empty() => (append.term, 1, 0),
            Body::Chunk(chunk) => (chunk.term, 0, 1),
            _ => return,
        };
        let new = || Gone { life, term, heard: waiting, appends: 0, pieces: 0 };
        let gone = self.wasted.0.entry(way).or_insert_with(new);
        if (gone.life, gone.term) != (life, term) {
            *gone = new();
        }
        (gone.appends, gone.pieces) = (gone.appends + appends, gone.pieces + pieces);
        let most_appends = (1 + gone.heard) * (patience.window + Patience::PROBES);
        let most_pieces = (1 + gone.heard) * PIECES * (patience.beats + BEATS);
        if most_appends < gone.appends || most_pieces < gone.pieces {
            let ((from, to), most) = (way, (most_appends, most_pieces));
            let what = format!("{from} sends {to}, which is down, {gone:?}, {most:?} at most");
            self.break_rule("R20", what);
        }
    }

    /// A packet of a peer that is down has come.
    pub fn hears_of(&mut self, (from, to): Way) {
        self.wasted.0.entry((to, from)).and_modify(|gone| gone.heard += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use rsm::raft::consensus::Append;
    use rsm::raft::wire::Chunk;
    use rsm::raft::{Entry, Index, LogId, Track};

    fn append(term: u64, entries: usize) -> Body {
        let entries = vec![Entry::blank(Term(term)); entries].into();
        let (term, track) = (Term(term), Track(1));
        Message::Append(Append { term, track, prev: LogId::ZERO, entries, commit: Index(0) }).into()
    }

    fn piece() -> Body {
        let (track, at, bytes) = (Track(1), LogId::ZERO, Bytes::new());
        Body::Chunk(Chunk { term: Term(1), track, at, total: 9, offset: 0, crc: 0, bytes })
    }

    const PATIENCE: Patience = Patience { window: 3, beats: 5 };

    /// Whether a rule is broken by sending this so often to a peer that is down, of which so many packets are heard before.
    fn is_too_much(body: &Body, times: u64, heard: u64) -> bool {
        let mut check = Check::default();
        let send = |check: &mut Check| check.wastes((0, 1), (7, 0), body, PATIENCE);
        send(&mut check);
        (0..heard).for_each(|_| check.hears_of((1, 0)));
        check.hears_of((2, 0));
        (1..times).for_each(|_| send(&mut check));
        let broken = check.broken().map(|violation| violation.rule);
        assert!(broken.is_none_or(|rule| rule == "R20"));
        broken.is_some()
    }

    #[test]
    fn r20_a_peer_that_is_down_is_sent_a_window_and_no_more() {
        assert_eq!((is_too_much(&append(1, 1), 7, 0), is_too_much(&append(1, 1), 8, 0)), (false, true));
        assert_eq!((is_too_much(&append(1, 1), 14, 1), is_too_much(&append(1, 1), 15, 1)), (false, true));
        assert_eq!((is_too_much(&piece(), 72, 0), is_too_much(&piece(), 73, 0)), (false, true));
        assert!(!is_too_much(&append(1, 0), 999, 0), "a probe without entries");
        assert!(!is_too_much(&Message::Hello.into(), 999, 0));
    }

    #[test]
    fn another_leader_and_another_end_begin_anew() {
        let mut check = Check::default();
        for (life, term) in [(7, 1), (7, 2), (8, 2)] {
            (0..7).for_each(|_| check.wastes((0, 1), (life, 0), &append(term, 1), PATIENCE));
        }
        assert_eq!(check.broken(), None);
    }
}
