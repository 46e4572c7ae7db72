//! Who has proposed what: the table by which a command that comes twice is applied once (thesis §6.3).
//!
//! ```text
//!   session 17    low 4          5     6     7  ..  low + window
//!                 |  kept reply  | .. | kept |            |
//!   below low: answered to the caller, forgotten          beyond: no caller may be so far ahead
//! ```
//! It is part of the replicated state, beside the user's own: each peer holds the same, and every snapshot holds it. So
//! nothing in it may depend on a clock. Sessions end by disuse alone: where there is no room for another, the one goes
//! that no entry has named for longest, in log order.

use super::codec::Codec;
use super::command::{Caller, Nonce, Open, SessionId};
use crate::raft::Index;
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use bytes::Bytes;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

/// How many sessions are held unless the builder says otherwise: one number for the whole cluster.
pub const SESSIONS_MAX: usize = 4_096;

/// All sessions that are open.
#[derive(Clone, Debug)]
pub struct Sessions<R> {
    held: BTreeMap<SessionId, Session<R>>,
    by_nonce: BTreeMap<Nonce, SessionId>,
    /// Each entry that named a session, in their order. Only the last that named it counts, and stands in the session
    /// too: the first of these is the next to go. The others are thrown out now and then.
    by_use: VecDeque<(Index, SessionId)>,
    max: usize,
}

/// Two are equal if they hold the same sessions: the rest follows from these.
impl<R: PartialEq> PartialEq for Sessions<R> {
    fn eq(&self, other: &Sessions<R>) -> bool {
        (self.max, &self.held) == (other.max, &other.held)
    }
}

impl<R: Eq> Eq for Sessions<R> {}

/// Uses that count no more are thrown out once there are so many besides four for each session.
const USES_SPARE: usize = 64;

/// One caller's past, as far as it may still ask about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Session<R> {
    nonce: Nonce,
    window: u64,
    /// Every sequence below it has been answered.
    low: u64,
    used: Index,
    /// By rising sequence: where the command stands, and what came of it.
    replies: VecDeque<(u64, Index, R)>,
}

/// What a command's session says to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<R> {
    /// It has not been applied: apply it, then [`keep`](Sessions::keep) the reply.
    New,
    /// It has been applied, there, and this came of it.
    Known(Index, R),
    /// Nobody knows any more whether it has been: it is never applied from here on.
    Expired,
}

impl<R: Codec + Clone> Sessions<R> {
    /// An empty table for so many sessions, at least one.
    #[must_use]
    pub fn new(max: usize) -> Sessions<R> {
        Sessions { held: BTreeMap::new(), by_nonce: BTreeMap::new(), by_use: VecDeque::new(), max: max.max(1) }
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Applies the opening that stands at `index`, and says the session's name. A copy of an opening opens nothing: it
    /// names the session that the first has opened, as long as that is held.
    pub fn open(&mut self, open: Open, index: Index) -> SessionId {
        if let Some(&id) = self.by_nonce.get(&open.nonce) {
            mark!("open-repeated");
            self.touch(id, index);
            return id;
        }
        while self.max <= self.held.len() {
            mark!("session-evicted");
            self.evict();
        }
        let id = SessionId(index.0);
        let Open { nonce, window } = open;
        self.insert(id, Session { nonce, window, low: 0, used: index, replies: VecDeque::new() });
        id
    }

    /// What becomes of this caller's command, which stands at `index`.
    pub fn judge(&mut self, caller: Caller, index: Index) -> Verdict<R> {
        let Some(session) = self.touch(caller.session, index) else {
            mark!("retry-after-eviction");
            return mutate!(ExpiredApplied, Verdict::Expired, Verdict::New);
        };
        if session.low < caller.low {
            session.low = caller.low;
            session.forget_answered();
        }
        if let Some((at, reply)) = session.reply_to(caller.sequence) {
            mark!("retry-answered-from-the-table");
            return Verdict::Known(at, reply.clone());
        }
        let ahead = mutate!(LowIgnored, Caller { low: session.low, ..caller }, caller);
        mark!("command-below-low", caller.sequence < session.low);
        mark!("command-beyond-window", caller.is_beyond(session.window));
        if !ahead.is_valid() || ahead.is_beyond(session.window) { Verdict::Expired } else { Verdict::New }
    }

    /// Keeps what came of a command that was [`Verdict::New`] at `index`.
    pub fn keep(&mut self, caller: Caller, index: Index, reply: R) {
        if let Some(session) = self.held.get_mut(&caller.session) {
            mutate!(ReplyForgotten, session.keep(caller.sequence, index, reply), drop((index, reply)));
        }
    }

    fn insert(&mut self, id: SessionId, session: Session<R>) {
        self.by_nonce.insert(session.nonce, id);
        self.by_use.push_back((session.used, id));
        self.held.insert(id, session);
    }

    fn touch(&mut self, id: SessionId, index: Index) -> Option<&mut Session<R>> {
        if 4 * self.held.len() + USES_SPARE < self.by_use.len() {
            let held = &self.held;
            self.by_use.retain(|(used, id)| held.get(id).is_some_and(|session| session.used == *used));
        }
        let session = self.held.get_mut(&id)?;
        if session.used != index {
            session.used = index;
            self.by_use.push_back((index, id));
        }
        Some(session)
    }

    fn evict(&mut self) {
        while let Some((used, id)) = mutate!(EvictsTheNewest, self.by_use.pop_front(), self.by_use.pop_back()) {
            if let Entry::Occupied(held) = self.held.entry(id)
                && held.get().used == used
            {
                self.by_nonce.remove(&held.remove().nonce);
                return;
            }
        }
    }

    /// All that is held, by rising id: for a simulator that compares tables without their bytes.
    #[doc(hidden)]
    pub fn each(&self, mut see: impl FnMut(SessionId, Nonce, [u64; 3], &VecDeque<(u64, Index, R)>)) {
        for (id, session) in &self.held {
            see(*id, session.nonce, [session.window, session.low, session.used.0], &session.replies);
        }
    }

    /// Appends the table as a snapshot holds it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let held = mutate!(SnapshotWithoutSessions, self.held.len(), 0);
        held.encode(out);
        for (id, session) in self.held.iter().take(held) {
            (id.0, session.window, session.low, session.used.0).encode(out);
            out.extend_from_slice(&session.nonce.0);
            let kept = mutate!(SnapshotWithoutReplies, session.replies.len(), 0);
            kept.encode(out);
            for (sequence, index, reply) in session.replies.iter().take(kept) {
                // With its length: a reply's own bytes may leave open where they end.
                (*sequence, index.0, reply.to_bytes()).encode(out);
            }
        }
    }

    /// The table of a snapshot, for at most `max` sessions from here on. `None` if the bytes are none.
    #[must_use]
    pub fn decode(mut bytes: &[u8], max: usize) -> Option<Sessions<R>> {
        let mut sessions = Sessions::new(max);
        for _ in 0..u64::decode(&mut bytes)? {
            let (id, session) = Session::decode(&mut bytes)?;
            let rises = sessions.held.last_key_value().is_none_or(|(last, _)| *last < id);
            if !rises || sessions.by_nonce.contains_key(&session.nonce) {
                return None;
            }
            sessions.insert(id, session);
        }
        let uses = sessions.by_use.make_contiguous();
        uses.sort_unstable();
        let each_once = uses.is_sorted_by(|one, next| one.0 < next.0);
        (each_once && bytes.is_empty()).then_some(sessions)
    }
}

impl<R> Session<R> {
    /// Replies to what the caller has been answered are kept no longer.
    fn forget_answered(&mut self) {
        while self.replies.front().is_some_and(|(sequence, ..)| *sequence < self.low) {
            self.replies.pop_front();
        }
    }

    fn reply_to(&self, sequence: u64) -> Option<(Index, &R)> {
        // Mostly it is the newest.
        self.replies.back().filter(|(last, ..)| sequence <= *last)?;
        let at = self.replies.binary_search_by_key(&sequence, |(sequence, ..)| *sequence).ok()?;
        self.replies.get(at).map(|(_, index, reply)| (*index, reply))
    }

    fn keep(&mut self, sequence: u64, index: Index, reply: R) {
        match self.replies.binary_search_by_key(&sequence, |(sequence, ..)| *sequence) {
            Ok(at) => self.replies[at] = (sequence, index, reply),
            Err(at) => self.replies.insert(at, (sequence, index, reply)),
        }
    }
}

impl<R: Codec> Session<R> {
    fn decode(bytes: &mut &[u8]) -> Option<(SessionId, Session<R>)> {
        let (id, window, low, used) = <(u64, u64, u64, u64)>::decode(bytes)?;
        let (nonce, rest) = bytes.split_first_chunk::<16>()?;
        *bytes = rest;
        let mut replies = VecDeque::<(u64, Index, R)>::new();
        for _ in 0..u64::decode(bytes)? {
            let (sequence, index, reply) = <(u64, u64, Bytes)>::decode(bytes)?;
            let rises = replies.back().is_none_or(|(last, ..)| *last < sequence);
            if !rises || sequence < low {
                return None;
            }
            replies.push_back((sequence, Index(index), R::from_bytes(&reply)?));
        }
        let nonce = Nonce(*nonce);
        Some((SessionId(id), Session { nonce, window, low, used: Index(used), replies }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(n: u8) -> Nonce {
        Nonce([n; 16])
    }

    fn open(n: u8) -> Open {
        Open { nonce: nonce(n), window: 4 }
    }

    fn caller(session: SessionId, sequence: u64, low: u64) -> Caller {
        Caller { session, sequence, low }
    }

    /// A table with a session for each of these, opened at 1, 2, ...
    fn with(max: usize, nonces: &[u8]) -> Sessions<u64> {
        let mut sessions = Sessions::new(max);
        for (at, n) in nonces.iter().enumerate() {
            sessions.open(open(*n), Index(at as u64 + 1));
        }
        sessions
    }

    #[test]
    fn a_session_is_named_by_the_entry_that_opened_it() {
        let mut sessions = Sessions::<u64>::new(9);
        assert_eq!(sessions.open(open(7), Index(41)), SessionId(41));
    }

    #[test]
    fn a_copy_of_an_opening_names_the_session_and_opens_none() {
        let mut sessions = with(9, &[7]);
        assert_eq!(sessions.open(open(7), Index(5)), SessionId(1));
        assert_eq!(sessions.len(), 1);
    }

    #[test]
    fn an_opening_whose_session_was_evicted_opens_another() {
        let mut sessions = with(1, &[7, 8]);
        assert_eq!(sessions.open(open(7), Index(5)), SessionId(5));
    }

    #[test]
    fn a_command_that_comes_twice_is_applied_once_and_gets_the_same_reply() {
        let mut sessions = with(9, &[1]);
        let first = caller(SessionId(1), 1, 0);
        assert_eq!(sessions.judge(first, Index(2)), Verdict::New);
        sessions.keep(first, Index(2), 77);
        assert_eq!(sessions.judge(first, Index(3)), Verdict::Known(Index(2), 77));
    }

    #[test]
    fn commands_of_one_session_may_be_applied_in_any_order() {
        let mut sessions = with(9, &[1]);
        for sequence in [3, 1, 2] {
            let command = caller(SessionId(1), sequence, 0);
            assert_eq!(sessions.judge(command, Index(9)), Verdict::New);
            sessions.keep(command, Index(9), sequence);
        }
        assert_eq!(sessions.judge(caller(SessionId(1), 3, 0), Index(12)), Verdict::Known(Index(9), 3));
    }

    #[test]
    fn a_command_of_a_session_that_nobody_holds_is_expired() {
        assert_eq!(with(9, &[1]).judge(caller(SessionId(5), 1, 0), Index(2)), Verdict::Expired);
    }

    #[test]
    fn a_kept_reply_comes_back_even_if_its_bytes_do_not_say_where_they_end() {
        #[derive(Clone, Debug, PartialEq)]
        struct ToTheEnd(Vec<u8>);
        impl Codec for ToTheEnd {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }
            fn decode(bytes: &mut &[u8]) -> Option<ToTheEnd> {
                Some(ToTheEnd(std::mem::take(bytes).to_vec()))
            }
        }
        let mut sessions = Sessions::new(4);
        let id = sessions.open(open(1), Index(1));
        sessions.keep(caller(id, 1, 1), Index(2), ToTheEnd(vec![7]));
        sessions.keep(caller(id, 2, 1), Index(3), ToTheEnd(vec![8, 9]));
        let mut bytes = Vec::new();
        sessions.encode(&mut bytes);
        let mut back: Sessions<ToTheEnd> = Sessions::decode(&bytes, 4).expect("it was written so");
        assert_eq!(back.judge(caller(id, 2, 1), Index(4)), Verdict::Known(Index(3), ToTheEnd(vec![8, 9])));
    }

    #[test]
    fn below_the_greatest_low_everything_is_expired_and_no_reply_is_kept() {
        let mut sessions = with(9, &[1]);
        let first = caller(SessionId(1), 1, 0);
        sessions.judge(first, Index(2));
        sessions.keep(first, Index(2), 77);
        assert_eq!(sessions.judge(caller(SessionId(1), 3, 2), Index(3)), Verdict::New);
        assert_eq!(
            sessions.judge(first, Index(4)),
            Verdict::Expired,
            "its low of 0 came later, and counts for nothing"
        );
        assert!(sessions.held[&SessionId(1)].replies.is_empty());
    }

    #[test]
    fn a_sequence_beyond_the_window_is_never_applied() {
        let mut sessions = with(9, &[1]);
        assert_eq!(sessions.judge(caller(SessionId(1), 3, 0), Index(2)), Verdict::New);
        assert_eq!(sessions.judge(caller(SessionId(1), 4, 0), Index(3)), Verdict::Expired);
        assert_eq!(sessions.judge(caller(SessionId(1), 4, 1), Index(4)), Verdict::New);
    }

    #[test]
    fn the_session_that_no_entry_has_named_for_longest_goes_first() {
        let mut sessions = with(3, &[1, 2, 3]);
        sessions.judge(caller(SessionId(1), 1, 0), Index(4));
        sessions.open(open(2), Index(5)); // a copy names it too
        sessions.open(open(9), Index(6));
        assert_eq!(sessions.held.keys().map(|id| id.0).collect::<Vec<_>>(), [1, 2, 6]);
    }

    /// Against a list in the order of use, over more uses than are kept.
    #[test]
    fn whoever_is_named_often_stays_and_the_others_go_in_their_order() {
        let mut draws = crate::mix::Draws::new(8);
        let (mut sessions, mut order) = (Sessions::<u64>::new(5), Vec::new());
        for at in 1..2_000 {
            let n = draws.below(9) as u8;
            let known = order.iter().position(|(held, _)| *held == n);
            if draws.chance(1, 8) || known.is_none() {
                let id = sessions.open(open(n), Index(at));
                let (_, before) = known.map_or((n, id), |place| order.remove(place));
                assert_eq!(id, before);
                order.push((n, id));
                if 5 < order.len() {
                    order.remove(0);
                }
            } else if let Some(place) = known {
                let used = order.remove(place);
                sessions.judge(caller(used.1, 1, 0), Index(at));
                order.push(used);
            }
            let mut held: Vec<SessionId> = order.iter().map(|(_, id)| *id).collect();
            held.sort_unstable();
            assert!(sessions.held.keys().eq(&held), "after entry {at}");
            assert!(sessions.by_use.len() <= 4 * 5 + USES_SPARE + 1);
        }
    }

    #[test]
    fn a_command_that_is_expired_still_uses_its_session() {
        let mut sessions = with(2, &[1, 2]);
        assert_eq!(sessions.judge(caller(SessionId(1), 9, 0), Index(3)), Verdict::Expired);
        sessions.open(open(9), Index(4));
        assert!(sessions.held.contains_key(&SessionId(1)));
    }

    #[test]
    fn a_table_comes_back_from_its_snapshot_and_no_part_of_it_does() {
        let mut sessions = with(9, &[3, 1]);
        for sequence in [2, 3] {
            let command = caller(SessionId(2), sequence, 1);
            sessions.judge(command, Index(7 + sequence));
            sessions.keep(command, Index(7 + sequence), sequence * 100);
        }
        let mut bytes = Vec::new();
        sessions.encode(&mut bytes);
        assert_eq!(Sessions::decode(&bytes, 9), Some(sessions));
        for cut in 0..bytes.len() {
            assert_eq!(Sessions::<u64>::decode(&bytes[..cut], 9), None, "cut at {cut}");
        }
    }
}
