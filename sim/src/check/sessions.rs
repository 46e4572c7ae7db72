//! R18: the sessions that a snapshot holds, or a state machine behind each 32nd entry, are the ones that the reference has
//! had there.
//!
//! ```text
//!   snapshot   length | n | n times: id, window, low, used, nonce 16, k | k times: sequence, index, length of the reply, reply
//!   table      the sum of one digest a session: an entry names one session, so one digest is all that it changes
//! ```
//! Peers that all hold the same wrong table agree with each other. The digests of all places stand beside each other, so
//! that whoever comes to a snapshot late can still ask what was held there.

use super::Check;
use super::reference::Came;
use super::snapshots::HEAD;
use crate::lists::{Lists, Seen};
use rsm::mix::spread;
use rsm::raft::machine::{Caller, Nonce, Sessions};
use rsm::raft::storage::SimulatedDisk;
use rsm::raft::{Index, LogId, NodeId};
use rsm::varint::{self, Head};

/// One caller's past.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: u64,
    pub(super) nonce: Nonce,
    window: u64,
    low: u64,
    /// The last entry that has named it.
    pub(super) used: Index,
    /// By rising number, from `low` on: what took effect, where, and what was replied.
    kept: Vec<(u64, Index, Seen)>,
    /// Of all this, as it was renewed last.
    digest: u64,
}

impl Session {
    pub(super) fn new(at: Index, nonce: Nonce, window: u64) -> Session {
        Session { id: at.0, nonce, window, low: 0, used: at, kept: Vec::new(), digest: 0 }
    }

    /// `None`: it takes effect.
    pub(super) fn judge(&mut self, Caller { sequence, low, .. }: Caller, index: Index) -> Option<Came> {
        (self.used, self.low) = (index, self.low.max(low));
        let least = self.low;
        self.kept.retain(|(kept, ..)| least <= *kept);
        if self.kept.iter().any(|(kept, ..)| *kept == sequence) {
            return Some(Came::Nothing);
        }
        let is_near = least <= sequence && sequence < least.saturating_add(self.window);
        (!is_near).then_some(Came::Expired)
    }

    pub(super) fn keep(&mut self, sequence: u64, index: Index, reply: Seen) {
        let at = self.kept.partition_point(|(kept, ..)| *kept < sequence);
        self.kept.insert(at, (sequence, index, reply));
    }

    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// The digest before, and now.
    pub(super) fn renew(&mut self) -> (u64, u64) {
        let mut words = Words::default();
        words.put_all([self.id, self.window, self.low, self.used.0]);
        words.put_nonce(self.nonce.0);
        words.put(self.kept.len() as u64);
        for (sequence, index, reply) in &self.kept {
            words.put_all([*sequence, index.0, reply.last, reply.len]);
        }
        (std::mem::replace(&mut self.digest, words.digest()), self.digest)
    }
}

/// Numbers one after the other, as one: another number anywhere, or another order, is another digest.
#[derive(Default)]
struct Words(u64);

impl Words {
    fn put(&mut self, word: u64) {
        // A multiplication each: a client that hoards has dozens of replies, and each entry of it asks for all of them.
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn put_nonce(&mut self, nonce: [u8; 16]) {
        let nonce = u128::from_le_bytes(nonce);
        self.put_all([nonce as u64, (nonce >> 64) as u64]);
    }

    fn put_all<const N: usize>(&mut self, words: [u64; N]) {
        words.into_iter().for_each(|word| self.put(word));
    }

    fn digest(&self) -> u64 {
        spread(self.0)
    }
}

/// What the table of a state machine comes to.
fn digest_held(sessions: &Sessions<Seen>) -> u64 {
    let mut table = 0_u64;
    sessions.each(|id, nonce, numbers, replies| {
        let mut words = Words::default();
        words.put(id.0);
        words.put_all(numbers);
        words.put_nonce(nonce.0);
        words.put(replies.len() as u64);
        for (sequence, index, reply) in replies {
            words.put_all([*sequence, index.0, reply.last, reply.len]);
        }
        table = table.wrapping_add(words.digest());
    });
    table
}

/// What the table in these bytes comes to; `None` if it is none, or its sessions stand in another order than their ids.
fn digest_of(mut bytes: &[u8]) -> Option<u64> {
    let (from, mut table, mut last) = (&mut bytes, 0_u64, 0);
    for _ in 0..varint::take(from)? {
        let mut words = Words::default();
        let id = varint::take(from).filter(|id| last < *id)?;
        words.put(id);
        last = id;
        for _ in 0..3 {
            words.put(varint::take(from)?);
        }
        let (nonce, rest) = from.split_first_chunk()?;
        *from = rest;
        words.put_nonce(*nonce);
        let kept = varint::take(from)?;
        words.put(kept);
        for _ in 0..kept {
            words.put(varint::take(from)?);
            words.put(varint::take(from)?);
            let length = varint::take(from)?;
            let behind = (from.len() as u64).checked_sub(length)?;
            words.put(varint::take(from)?);
            words.put(varint::take(from)?);
            if from.len() as u64 != behind {
                return None;
            }
        }
        table = table.wrapping_add(words.digest());
    }
    bytes.is_empty().then_some(table)
}

/// The sum and the length of a chunk.
const CHUNK_HEAD: usize = 8;

/// The bytes of the table at the head of this file's state: what stands before it is read first, then it, and no byte more.
/// A chunk has room for all that a seed's clients may be owed.
fn table_in(disk: &SimulatedDisk, name: &str) -> Option<Vec<u8>> {
    let first = |bytes: usize| {
        let mut first = vec![0; bytes];
        disk.ends(name, &mut first, &mut []).then_some(first)
    };
    let number = |bytes: &[u8]| bytes.first_chunk().map(|number| u32::from_le_bytes(*number));
    let members = number(&first(HEAD)?[32..])? as usize;
    let at = HEAD + members + CHUNK_HEAD;
    // There are so many: the footer is longer.
    let begins = first(at + varint::BYTES_MAX)?;
    let chunk = u64::from(number(&begins[at - 4..])?);
    let Head::Number(length, spelt) = varint::peek(&begins[at..]) else { return None };
    let at = at + spelt;
    let mut whole = first(at + usize::try_from(length).ok().filter(|_| length < chunk)?)?;
    Some(whole.split_off(at))
}

impl Check {
    /// R18: this file is the first of its place.
    pub(super) fn fits_the_table(&mut self, node: NodeId, at: LogId, (disk, name): (&SimulatedDisk, &str)) {
        self.reference.follow(self.watch.ghost());
        // Nobody knows yet, or ever where somebody lies.
        let Some(ours) = self.reference.table_at(at.index) else { return };
        self.tables += 1;
        if table_in(disk, name).as_deref().and_then(digest_of) != Some(ours) {
            let what = format!("the sessions in the snapshot of {at:?} on {node} are not those of the reference");
            self.break_rule("R18", what);
        }
    }
}

impl Check {
    /// R18: the state machine of a node has applied all up to here, a multiple of [`EACH`](super::EACH), and holds this.
    pub fn has_applied(&mut self, node: NodeId, at: Index, lists: &Lists, sessions: &Sessions<Seen>) {
        self.reference.follow(self.watch.ghost());
        // Nobody ever knows where somebody lies.
        let Some((digest, ours)) = self.reference.digest_at(at).zip(self.reference.table_at(at)) else { return };
        self.states += 1;
        if lists.digest() != digest {
            self.break_rule("R18", format!("the lists of {node} at {at} are not those of the reference"));
        }
        if digest_held(sessions) != ours {
            self.break_rule("R18", format!("the sessions of {node} at {at} are not those of the reference"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Reference;
    use crate::lists::{Change, Lists};
    use rsm::mix::Draws;
    use rsm::raft::machine::{Applied, Codec, Open, SessionId, Sessions, StateMachine, Verdict};
    use rsm::raft::storage::Snapshots;
    use rsm::raft::{ClusterId, Entry, EntryKind, Term};
    use std::io::Write;
    use std::sync::Arc;

    const MAX: usize = 3;

    fn open(nonce: u8) -> Open {
        Open { nonce: Nonce([nonce; 16]), window: 4 }
    }

    fn opens(open: Open) -> Entry {
        Entry::new(Term(1), EntryKind::Open, open.to_bytes())
    }

    fn changes(caller: Caller, change: Change) -> Entry {
        Entry::new(Term(1), EntryKind::Command, caller.command(&change.to_bytes()))
    }

    fn change(session: u64, sequence: u64, low: u64) -> (Caller, Change) {
        let caller = Caller { session: SessionId(session), sequence, low };
        (caller, Change { key: 1, number: session << 32 | sequence, expected: None, pad: 0 })
    }

    /// Two sessions, of which the first has three replies.
    fn reference() -> Reference {
        let mut reference = Reference::new(MAX);
        reference.goes_on(&opens(open(1)), Term(1));
        for sequence in [2, 1, 3] {
            let (caller, change) = change(1, sequence, 1);
            reference.goes_on(&changes(caller, change), Term(1));
        }
        reference.goes_on(&opens(open(2)), Term(1));
        reference
    }

    fn spelt(sessions: &[Session]) -> Vec<u8> {
        let mut out = Vec::new();
        sessions.len().encode(&mut out);
        for Session { id, nonce, window, low, used, kept, .. } in sessions {
            (*id, *window, *low, used.0).encode(&mut out);
            out.extend(nonce.0);
            kept.len().encode(&mut out);
            kept.iter().for_each(|(sequence, index, reply)| (*sequence, index.0, reply.to_bytes()).encode(&mut out));
        }
        out
    }

    /// What is broken by a snapshot of this table there, the first of its place.
    fn broken(at: LogId, table: &[u8]) -> Option<&'static str> {
        let disk = Arc::new(SimulatedDisk::new(1));
        let snapshots = Snapshots::new(Arc::clone(&disk), ClusterId(5)).expect("it is empty");
        let mut taking = snapshots.take(at, "members".into()).expect("there is room");
        let mut length = Vec::new();
        varint::put(&mut length, table.len() as u64);
        taking.write_all(&[&length, table, b"lists"].concat()).expect("there is room");
        taking.finish().expect("there is room");
        let mut check = Check { reference: reference(), ..Check::default() };
        check.holds(NodeId(0), at, &disk);
        check.broken().map(|violation| violation.rule)
    }

    #[test]
    fn r18_a_snapshot_whose_sessions_are_not_those_that_the_log_comes_to() {
        type Differs = fn(&mut Vec<Session>);
        let at = LogId::new(1, 5);
        let holds = |differs: Differs| {
            let mut sessions = reference().sessions;
            differs(&mut sessions);
            broken(at, &spelt(&sessions))
        };
        assert_eq!(holds(|_| {}), None);
        let cases: [(&str, Differs); 13] = [
            ("one session more", |held| held.push(Session::new(Index(9), Nonce([9; 16]), 4))),
            ("one less", |held| _ = held.pop()),
            ("none", Vec::clear),
            ("another order", |held| held.swap(0, 1)),
            ("another name", |held| held[1].id += 1),
            ("another nonce", |held| held[0].nonce.0[15] ^= 1),
            ("another window", |held| held[0].window += 1),
            ("another low", |held| held[0].low -= 1),
            ("another use", |held| held[1].used.0 += 1),
            ("a reply less", |held| _ = held[0].kept.remove(0)),
            ("a reply of another number", |held| held[0].kept[2].0 += 1),
            ("of another place", |held| held[0].kept[0].1.0 += 1),
            ("another reply", |held| held[0].kept[0].2.len += 1),
        ];
        for (what, differs) in cases {
            assert_eq!(holds(differs), Some("R18"), "{what}");
        }
        assert_eq!(broken(at, b"sessions"), Some("R18"), "that is no table");
        let whole = spelt(&reference().sessions);
        (0..whole.len()).for_each(|cut| assert_eq!(broken(at, &whole[..cut]), Some("R18"), "cut at {cut}"));
        assert_eq!(broken(LogId::new(1, 4), &whole), Some("R18"), "that is how it was later");
        assert_eq!(broken(LogId::new(1, 6), b"sessions"), None, "of what is committed there nobody knows yet");
    }

    #[test]
    fn r18_a_state_that_is_not_what_the_log_comes_to() {
        let at = |index: u64, (more, less): (u64, u64)| {
            let (mut reference, mut sessions, mut lists) =
                (Reference::new(MAX), Sessions::<Seen>::new(MAX), Lists::default());
            reference.goes_on(&opens(open(1)), Term(1));
            sessions.open(open(1), Index(1));
            for (nth, at) in (1..32).zip((2..).map(Index)) {
                let (caller, change) = change(1, nth, nth);
                reference.goes_on(&changes(caller, change), Term(1));
                let number = change.number + if nth == more { 1 } else { 0 };
                let seen = lists.apply(Change { number, ..change }, Applied::new(at, Term(1)));
                if nth != less {
                    assert_eq!(sessions.judge(caller, at), Verdict::New);
                    sessions.keep(caller, at, seen);
                }
            }
            let mut check = Check { reference, ..Check::default() };
            check.has_applied(NodeId(0), Index(index), &lists, &sessions);
            (check.states, check.broken().map(|violation| violation.what.clone()))
        };
        assert_eq!(at(32, (0, 0)), (1, None));
        let told = |what: &str| Some(format!("the {what} of 0 at 32 are not those of the reference"));
        assert_eq!(at(32, (9, 0)), (1, told("lists")), "another number stood there once");
        assert_eq!(at(32, (0, 31)), (1, told("sessions")), "the last change named none");
        assert_eq!(at(64, (0, 31)), (0, None), "of what is committed there nobody knows yet");
    }

    /// The crate's table, as it spells itself, is the reference's after each entry, whatever stands in the log.
    #[test]
    fn both_tables_come_to_the_same_after_each_entry() {
        let (mut draws, mut opened) = (Draws::new(7), vec![1]);
        let (mut reference, mut sessions, mut lists) =
            (Reference::new(MAX), Sessions::<Seen>::new(MAX), Lists::default());
        for index in (1..2_000).map(Index) {
            let session = opened[opened.len() - 1 - draws.below(5.min(opened.len() as u64)) as usize];
            if draws.chance(1, 8) {
                let open = open(draws.below(9) as u8);
                reference.goes_on(&opens(open), Term(1));
                opened.push(sessions.open(open, index).0);
            } else {
                let low = draws.below(2 + index.0 / 40);
                let (caller, change) = change(session, (low + draws.below(6)).max(1), low);
                reference.goes_on(&changes(caller, change), Term(1));
                if sessions.judge(caller, index) == Verdict::New {
                    sessions.keep(caller, index, lists.apply(change, Applied::new(index, Term(1))));
                }
            }
            let mut table = Vec::new();
            sessions.encode(&mut table);
            let ours = reference.table_at(index);
            assert_eq!((digest_of(&table), Some(digest_held(&sessions))), (ours, ours), "after {index}: {sessions:?}");
        }
        assert_eq!(&lists, reference.lists());
    }
}
