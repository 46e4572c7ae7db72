//! R20: little goes to whom nothing reaches.
//!
//! ```text
//!   a peer goes down ──> what its leader has room for in the window ──> one probe with entries ──> probes without, heartbeats
//!                        the pieces of a snapshot, until it is given up                            for as long as it takes
//! ```
//! Entries and pieces of snapshots are what costs bandwidth. Only a word from that peer may bring another window of them:
//! one that was on its way when it went down, late or doubled. All else is small, and in any ten seconds so much of it as
//! heartbeats and elections make, and what callers ask for meanwhile.

use super::Check;
use rsm::raft::consensus::Message;
use rsm::raft::wire::Body;
use rsm::raft::{Term, Time};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Twice as many pieces of a snapshot as may be on their way, and so many heartbeats beside those of a transfer's patience.
const PIECES: u64 = 8;
const BEATS: u64 = 4;

/// Bytes of small things are counted over so much time.
const SPELL: Duration = Duration::from_secs(10);
/// No packet has more bytes that carries no entries, no piece of a snapshot and no commands: a leader answers sixteen questions
/// of a peer at once, of 13 bytes each, beside a heartbeat and a probe.
const SMALL: u64 = 512;
/// A word of a peer brings so many packets at most that answer it: its votes and its log's wait for other writes.
const ANSWERS: u64 = 2;

/// Who says something to whom.
type Way = (usize, usize);

/// What has gone to peers that are down.
#[derive(Debug, Default)]
pub(super) struct Wasted {
    large: BTreeMap<Way, Gone>,
    small: BTreeMap<Way, Small>,
}

/// Packets to a peer that is down that carry nothing large.
#[derive(Debug)]
struct Small {
    /// The sender's process, and that peer's last one.
    lives: (u64, u64),
    /// So many packets of that peer have come since.
    heard: u64,
    /// Those of a spell: when each left, and how much there was by then that might bring one more.
    sent: VecDeque<(Time, u64)>,
}

/// A packet that carries nothing large leaves for a peer that is down.
#[derive(Clone, Copy, Debug)]
pub struct Leaves {
    /// The sender's process, and that peer's last one.
    pub lives: (u64, u64),
    /// It is now.
    pub at: Time,
    /// So many calls were made so far.
    pub calls: u64,
    /// So many inputs wait at the sender.
    pub waiting: u64,
    /// What it takes, but for commands that are passed on.
    pub bytes: u64,
}

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
    /// The heartbeat.
    pub pulse: Duration,
    /// The least election timeout.
    pub election: Duration,
    /// How many peers may ask for rounds of their own.
    pub others: u64,
}

impl Patience {
    /// A few appends beside a window: one whose entries are read back from the disk, a probe; none of 250 seeds has needed
    /// one.
    pub(crate) const PROBES: u64 = 4;

    /// How many small packets go to a peer that is down in [`SPELL`], if nobody asks for anything: two at each heartbeat (a
    /// leader's pulse and its probe; a question, and commands that are passed on once more), one for the round that each of
    /// the others may ask for, and for each election the question whether it may be held, and for a vote. The sender's clock
    /// may be fast.
    fn small(&self) -> u64 {
        let times = |pause: Duration| (SPELL * 21 / 20).as_nanos().div_ceil(pause.as_nanos().max(1)) as u64;
        (2 + self.others) * (1 + times(self.pulse)) + 2 * (1 + times(self.election))
    }
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
        let gone = self.wasted.large.entry(way).or_insert_with(new);
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

    /// A packet for a peer that is down carries nothing of that kind.
    pub fn wastes_little(&mut self, way: Way, leaves: Leaves, patience: Patience) {
        let Leaves { lives, at, calls, waiting, bytes } = leaves;
        let new = || Small { lives, heard: 0, sent: VecDeque::new() };
        let small = self.wasted.small.entry(way).or_insert_with(new);
        if small.lives != lives {
            *small = new();
        }
        small.sent.push_back((at, calls + ANSWERS * small.heard));
        if small.sent.len() == 1 {
            small.heard += waiting;
        }
        let (_, causes) = small.sent[small.sent.len() - 1];
        while small.sent.front().is_some_and(|(first, _)| first.after(SPELL) < at) {
            small.sent.pop_front();
        }
        let before = small.sent.front().map_or(causes, |(_, before)| *before);
        let (most, count) = (patience.small() + causes - before, small.sent.len() as u64);
        if most < count || SMALL < bytes {
            let (from, to) = way;
            let what = format!("{count} small packets of {from} to {to}, which is down, {most} at most: {leaves:?}");
            self.break_rule("R20", what);
        }
    }

    /// A packet of a peer that is down has come.
    pub fn hears_of(&mut self, (from, to): Way) {
        self.wasted.large.entry((to, from)).and_modify(|gone| gone.heard += 1);
        self.wasted.small.entry((to, from)).and_modify(|small| small.heard += 1);
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

    const PATIENCE: Patience = Patience {
        window: 3,
        beats: 5,
        pulse: Duration::from_millis(100),
        election: Duration::from_secs(1),
        others: 1,
    };

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

    /// Whether a rule is broken by so many small packets, this long apart, of this life of the sender each, while callers
    /// have asked for so much, and so many packets of that peer came, after the first of them.
    fn is_flood(packets: u64, apart: Duration, (calls, heard): (u64, u64), lives: impl Fn(u64) -> u64) -> bool {
        let mut check = Check::default();
        for nth in 0..packets {
            if nth == 1 {
                (0..heard).for_each(|_| check.hears_of((1, 0)));
            }
            let at = Time((apart * nth as u32).as_nanos() as u64);
            let calls = if 0 < nth { calls } else { 0 };
            let leaves = Leaves { lives: (lives(nth), 7), at, calls, waiting: 0, bytes: SMALL };
            check.wastes_little((0, 1), leaves, PATIENCE);
        }
        check.broken().is_some_and(|violation| violation.rule == "R20")
    }

    #[test]
    fn r20_a_peer_that_is_down_is_sent_little_in_any_ten_seconds() {
        // Ten and a half seconds by the sender's clock: 105 heartbeats and one, 11 elections and one, two packets each, and
        // at each heartbeat one for the other peer.
        const MOST: u64 = 3 * 106 + 2 * 12;
        assert_eq!(PATIENCE.small(), MOST);
        let at_once = |packets: u64, causes: (u64, u64)| is_flood(packets, Duration::ZERO, causes, |_| 1);
        assert_eq!((at_once(MOST, (0, 0)), at_once(MOST + 1, (0, 0))), (false, true));
        assert_eq!((at_once(MOST + 3, (3, 0)), at_once(MOST + 4, (3, 0))), (false, true), "callers ask");
        assert_eq!((at_once(MOST + 4, (0, 2)), at_once(MOST + 5, (0, 2))), (false, true), "it has said so much");
        let beat = SPELL / MOST as u32;
        let (seldom, often) = (beat + Duration::from_millis(1), beat - Duration::from_millis(1));
        assert!(!is_flood(9_999, seldom, (0, 0), |_| 1) && is_flood(9_999, often, (0, 0), |_| 1));
        assert!(!is_flood(2 * MOST, Duration::ZERO, (0, 0), |nth| nth / MOST), "who starts again begins anew");
    }

    #[test]
    fn r20_what_carries_nothing_is_small() {
        let broken = |bytes: u64| {
            let mut check = Check::default();
            let leaves = Leaves { lives: (1, 7), at: Time(0), calls: 0, waiting: 0, bytes };
            check.wastes_little((0, 1), leaves, PATIENCE);
            check.broken().map(|violation| violation.rule)
        };
        assert_eq!((broken(SMALL), broken(SMALL + 1)), (None, Some("R20")));
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
