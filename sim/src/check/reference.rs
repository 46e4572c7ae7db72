//! What each committed entry comes to, worked out once, by the shortest code that says it (R15, R18).
//!
//! ```text
//!   records ──> entries by place and term ──┐
//!   ghost ──── the term committed there ────┴──> sessions, lists: one reply for each place ──> what callers are told
//! ```
//! Peers that all do the same wrong thing agree with each other. They do not agree with this.

use super::answers::REFERENCE;
use super::sessions::Session;
use super::{Check, State, agree};
use crate::client::{Came as Told, Of};
use crate::lists::{Change, FATAL, Lists, Seen};
use rsm::raft::consensus::Record;
use rsm::raft::invariants::Ghost;
use rsm::raft::machine::{Applied, Caller, Codec, Open, StateMachine};
use rsm::raft::{Entry, EntryKind, Failure, Index, Term};
use std::collections::{BTreeSet, VecDeque};

/// States are held against it behind so many entries each time.
pub const EACH: u64 = 32;

/// What an entry comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Nothing: it is a leader's own, or has come to something before.
    Nothing,
    /// A session.
    Opened,
    /// A change took effect, or found that something else stands there.
    Changed(Seen),
    /// Nothing, for ever: its session is gone, its number is behind what is answered, or too far ahead.
    Expired,
}

/// The state that all peers must come to.
#[derive(Debug, Default)]
pub struct Reference {
    sessions_max: usize,
    /// From the first place on of which nobody knows what is committed there: the entries that were written, one a term.
    written: VecDeque<Vec<Entry>>,
    /// By place, the first being 1.
    came: Vec<Came>,
    /// By place too, the sum of the digests of the sessions that are held then.
    tables: Vec<u64>,
    /// At each multiple of [`EACH`], what the lists come to there.
    digests: Vec<u64>,
    pub(super) sessions: Vec<Session>,
    /// The sum of their digests.
    table: u64,
    /// Session and number of what has expired.
    expired: BTreeSet<(u64, u64)>,
    lists: Lists,
    /// The numbers in what was committed, and applied, since somebody asked last.
    pub(super) commands: Vec<u64>,
}

impl Reference {
    /// Nothing is committed; so many sessions are held.
    #[must_use]
    pub fn new(sessions_max: usize) -> Reference {
        Reference { sessions_max: sessions_max.max(1), ..Reference::default() }
    }

    /// Up to here.
    #[must_use]
    pub fn applied(&self) -> Index {
        Index(self.came.len() as u64)
    }

    /// What the lists hold there.
    #[must_use]
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// What the entry there came to.
    #[must_use]
    pub fn came(&self, index: u64) -> Option<Came> {
        self.came.get(usize::try_from(index.checked_sub(1)?).ok()?).copied()
    }

    /// What the sessions come to that are held there.
    #[must_use]
    pub fn table_at(&self, index: Index) -> Option<u64> {
        self.tables.get(usize::try_from(index.0.checked_sub(1)?).ok()?).copied()
    }

    /// What the lists come to there, which is a multiple of [`EACH`].
    #[must_use]
    pub fn digest_at(&self, index: Index) -> Option<u64> {
        self.digests.get(usize::try_from((index.0 / EACH).checked_sub(1)?).ok()?).copied()
    }

    /// Whether some entry of this name has expired.
    #[must_use]
    pub fn has_expired(&self, caller: Caller) -> bool {
        self.expired.contains(&(caller.session.0, caller.sequence))
    }

    /// Some peer writes this.
    pub fn writes(&mut self, record: &Record) {
        let Record::Entries { after, entries } = record else { return };
        let known = self.came.len() as u64;
        for (index, entry) in (after.next().0..).zip(entries.iter()).skip_while(|(index, _)| *index <= known) {
            let place = (index - known - 1) as usize;
            self.written.resize_with(self.written.len().max(place + 1), Vec::new);
            let here = &mut self.written[place];
            if here.iter().all(|other| other.term != entry.term) {
                here.push(entry.clone());
            }
        }
    }

    /// Goes as far as the log is committed.
    pub fn follow(&mut self, ghost: &Ghost) {
        while let Some(term) = ghost.term_at(self.applied().next()) {
            let mut here = self.written.front().into_iter().flatten();
            let Some(entry) = here.find(|entry| entry.term == term).cloned() else { return };
            self.goes_on(&entry, term);
            self.written.pop_front();
        }
    }

    /// This is committed next.
    pub(super) fn goes_on(&mut self, entry: &Entry, term: Term) {
        let came = self.apply(entry, self.applied().next(), term);
        self.came.push(came);
        self.tables.push(self.table);
        if self.applied().0.is_multiple_of(EACH) {
            self.digests.push(self.lists.digest());
        }
    }

    fn apply(&mut self, entry: &Entry, index: Index, term: Term) -> Came {
        match entry.kind {
            EntryKind::Blank | EntryKind::Membership => Came::Nothing,
            EntryKind::Open => Open::of(&entry.bytes).map_or(Came::Nothing, |open| self.open(open, index)),
            EntryKind::Command => Caller::of(&entry.bytes).map_or(Came::Nothing, |(caller, command)| {
                let came = self.command(caller, command, Applied::new(index, term));
                if came == Came::Expired {
                    self.expired.insert((caller.session.0, caller.sequence));
                }
                came
            }),
        }
    }

    fn open(&mut self, Open { nonce, window }: Open, index: Index) -> Came {
        let known = self.sessions.iter().position(|session| session.nonce == nonce);
        let nth = known.unwrap_or_else(|| {
            while self.sessions_max <= self.sessions.len() {
                let oldest = (0..self.sessions.len()).min_by_key(|&nth| self.sessions[nth].used);
                let gone = oldest.map_or(0, |nth| self.sessions.swap_remove(nth).digest());
                self.table = self.table.wrapping_sub(gone);
            }
            self.sessions.push(Session::new(index, nonce, window));
            self.sessions.len() - 1
        });
        self.sessions[nth].used = index;
        self.renew(nth);
        Came::Opened
    }

    fn command(&mut self, caller: Caller, command: &[u8], at: Applied) -> Came {
        let nth = self.sessions.iter().position(|session| session.id == caller.session.0);
        let Some(nth) = nth else { return Came::Expired };
        let came = self.sessions[nth].judge(caller, at.index).unwrap_or_else(|| {
            let change = Change::from_bytes(command).filter(|change| change.key != FATAL);
            change.map_or(Came::Nothing, |change| {
                let seen = self.lists.apply(change, at);
                self.commands.push(change.number);
                self.sessions[nth].keep(caller.sequence, at.index, seen);
                Came::Changed(seen)
            })
        });
        self.renew(nth);
        came
    }

    /// An entry has named this session.
    fn renew(&mut self, nth: usize) {
        let (before, now) = self.sessions[nth].renew();
        self.table = self.table.wrapping_sub(before).wrapping_add(now);
    }
}

impl Check {
    /// R15: whoever is told something is told what has come of it here.
    pub fn tells(&mut self, of: Of, outcome: Result<(u64, Told), Failure>) {
        let why = match (of, outcome) {
            (Of::Change(_), Ok((index, Told::Seen(seen)))) => {
                let came = self.reference.came(index);
                (came != Some(Came::Changed(seen))).then(|| format!("{seen:?} of {index}, which came to {came:?}"))
            }
            (Of::Session, Ok((index, _))) => {
                let came = self.reference.came(index);
                (came != Some(Came::Opened)).then(|| format!("of a session at {index}, which came to {came:?}"))
            }
            (Of::Change(Some(caller)), Err(Failure::Expired)) => {
                (!self.reference.has_expired(caller)).then(|| format!("that {caller:?} has expired, and it has not"))
            }
            (Of::Change(_), Ok(_) | Err(_)) | (Of::Session, Err(_)) | (Of::Read, _) => None,
        };
        why.into_iter().for_each(|why| self.break_rule("R15", format!("a caller was told {why}")));
    }

    /// The numbers in what was committed since they were taken last. What finds its session gone is not among them: it comes
    /// to nothing for ever, and a peer may refuse to try it in its next one.
    pub(super) fn take_commands(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.reference.commands)
    }

    /// R6: nothing is committed that nobody wrote.
    pub fn all_was_written(&mut self) {
        let (applied, committed) = (self.reference.applied().0, self.committed());
        if applied != committed {
            self.break_rule("R6", format!("{committed} are committed, what stands behind {applied} was not written"));
        }
    }

    /// R18: the state that has applied most is the one that all must come to.
    pub fn fits_the_reference(&mut self) {
        if let Some(farthest) = self.farthest.clone() {
            let all = self.all_that_is_committed();
            agree(self, &all, &farthest);
        }
    }

    /// This is committed, and nobody has applied it.
    #[cfg(test)]
    pub(super) fn is_committed(&mut self, change: Change) {
        let at = Applied::new(self.reference.applied().next(), Term(1));
        self.reference.came.push(Came::Changed(self.reference.lists.apply(change, at)));
    }

    /// What all that is committed comes to, whoever has applied it.
    #[must_use]
    pub fn all_that_is_committed(&self) -> State {
        State { who: REFERENCE, applied: self.reference.applied().0, lists: self.reference.lists().clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsm::raft::machine::{Nonce, SessionId};

    const MAX: usize = 2;

    fn open(nonce: u8) -> Entry {
        Entry::new(Term(1), EntryKind::Open, Open { nonce: Nonce([nonce; 16]), window: 4 }.to_bytes())
    }

    fn change(session: u64, sequence: u64, number: u64) -> Entry {
        let caller = Caller { session: SessionId(session), sequence, low: 1 };
        let change = Change { key: 1, number, expected: None, pad: 0 };
        Entry::new(Term(1), EntryKind::Command, caller.command(&change.to_bytes()))
    }

    /// What these come to, one after the other.
    fn came(entries: &[Entry]) -> (Vec<Came>, Reference) {
        let mut reference = Reference::new(MAX);
        entries.iter().for_each(|entry| reference.goes_on(entry, Term(1)));
        (reference.came.clone(), reference)
    }

    fn changed(last: u64, len: u64) -> Came {
        Came::Changed(Seen { last, len })
    }

    #[test]
    fn a_number_takes_effect_once_in_a_session_and_never_in_one_that_is_gone() {
        let entries = [open(1), change(1, 1, 7), change(1, 1, 7), open(2), open(2), open(3), change(1, 2, 8)];
        let (came, reference) = came(&entries);
        let opened = Came::Opened;
        assert_eq!(came, [opened, changed(0, 1), Came::Nothing, opened, opened, opened, Came::Expired]);
        let caller = |sequence| Caller { session: SessionId(1), sequence, low: 1 };
        assert!(reference.has_expired(caller(2)) && !reference.has_expired(caller(1)));
        assert_eq!(reference.lists().get(1).len(), 1);
    }

    #[test]
    fn the_session_goes_that_no_entry_has_named_for_longest() {
        let (came, _) = came(&[open(1), open(2), change(1, 1, 7), open(3), change(1, 2, 8), change(2, 1, 9)]);
        assert_eq!(came[4..], [changed(7, 2), Came::Expired]);
    }

    #[test]
    fn what_is_answered_or_too_far_ahead_takes_no_effect() {
        let (came, _) = came(&[open(1), change(1, 5, 7), change(1, 4, 8), change(1, 0x7fff, 9)]);
        assert_eq!(came[1..], [Came::Expired, changed(0, 1), Came::Expired]);
    }

    /// What is broken by telling this of a log in which session 1 has changed 7, and session 4 has taken its place.
    fn told(of: Of, outcome: Result<(u64, Told), Failure>) -> Option<&'static str> {
        let reference = came(&[open(1), change(1, 1, 7), open(2), open(3), change(1, 2, 8), change(3, 1, 9)]).1;
        let mut check = Check { reference, ..Check::default() };
        check.tells(of, outcome);
        check.broken().map(|violation| violation.rule)
    }

    #[test]
    fn r15_an_answer_that_is_not_what_came_of_it() {
        let change = |session, sequence| Of::Change(Some(Caller { session: SessionId(session), sequence, low: 1 }));
        let seen = |last, len| Told::Seen(Seen { last, len });
        assert_eq!(told(change(1, 1), Ok((2, seen(0, 1)))), None);
        assert_eq!(told(change(1, 1), Ok((2, seen(0, 2)))), Some("R15"), "another reply");
        assert_eq!(told(Of::Change(None), Ok((5, seen(0, 1)))), Some("R15"), "of what took no effect");
        assert_eq!(told(Of::Session, Ok((1, Told::Opened(SessionId(1))))), None);
        assert_eq!(told(Of::Session, Ok((2, Told::Opened(SessionId(2))))), Some("R15"));
        assert_eq!(told(change(1, 2), Err(Failure::Expired)), None, "its session is gone");
        assert_eq!(told(change(3, 1), Err(Failure::Expired)), Some("R15"), "its session is held");
        assert_eq!(told(Of::Read, Ok((5, seen(0, 1)))), None, "a read is judged elsewhere");
    }

    #[test]
    fn r18_a_state_that_all_peers_share_and_none_should_have() {
        let ends = |number: u64| {
            let reference = came(&[open(1), change(1, 1, 7)]).1;
            let mut lists = Lists::default();
            lists.apply(Change { key: 1, number, expected: None, pad: 0 }, Applied::new(Index(2), Term(1)));
            let mut check = Check { reference, ..Check::default() };
            check.ends(State { who: 0, applied: 2, lists });
            check.fits_the_reference();
            check.broken().map(|violation| violation.rule)
        };
        assert_eq!((ends(7), ends(8)), (None, Some("R18")));
    }

    #[test]
    fn r6_what_is_committed_and_was_written_by_nobody() {
        let mut check = Check::default();
        check.all_was_written();
        assert_eq!(check.broken(), None);
        check.reference.came.push(Came::Nothing);
        check.all_was_written();
        assert_eq!(check.broken().map(|violation| violation.rule), Some("R6"));
    }
}
