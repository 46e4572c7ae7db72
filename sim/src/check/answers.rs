//! What callers were told, held against what the peers' states say.

use super::refusals::Refusals;
use super::{Check, History};
use crate::client::Of;
use crate::lists::{Change, Item, Key, Lists, Seen};
use rsm::fsm::VirtualTime;
use rsm::raft::Time;
use rsm::raft::peer::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// No cluster has more.
const NODES_MAX: usize = 8;

/// A call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    node: usize,
    at: u64,
    /// What it is to append.
    pub(super) number: Option<u64>,
    /// For how long its node had stood still by then.
    stood: u64,
    /// The process that was asked, and what its clock showed.
    life: u64,
    shown: Time,
    /// The greatest index that anybody had been told by then.
    floor: u64,
    is_open: bool,
}

/// What has become of a process that was asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It runs, and nobody has told it to end.
    Lives,
    /// It was told to end.
    Ends,
    /// It has ended, or is about to, whatever of.
    IsOver,
}

/// What was acknowledged, and which calls are open.
#[derive(Default)]
pub struct Answers {
    /// Number, list, and the index at which it was applied.
    acknowledged: BTreeMap<u64, (Key, u64)>,
    per_list: BTreeMap<Key, u64>,
    pub(super) refusals: Refusals,
    pub(super) calls: Vec<Made>,
    /// The greatest index that anybody was told.
    greatest: u64,
    now: u64,
    /// Which process of each node it is, and for how long that node has stood still so far.
    stood: [(u64, u64); NODES_MAX],
    /// What each node takes for the time.
    clocks: Vec<VirtualTime>,
    history: History,
    /// Reads, changes of what was expected, and what was neither done nor refused.
    pub counts: Counts,
}

/// How many operations came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reads that were answered.
    pub reads: u64,
    /// Reads that were given up.
    pub unread: u64,
    /// Swaps that have won.
    pub swapped: u64,
    /// Changes of which nobody knows.
    pub unknown: u64,
    /// Changes whose session was gone.
    pub expired: u64,
    /// Changes that were refused.
    pub refused: u64,
    /// Of those, since they were too large.
    pub too_large: u64,
    /// Operations that were tried again.
    pub retried: u64,
}

impl Answers {
    /// What each node takes for the time is told by these.
    pub fn go_by(&mut self, clocks: impl Iterator<Item = VirtualTime>) {
        self.clocks = clocks.collect();
    }

    fn shown(&self, node: usize) -> Time {
        self.clocks.get(node).map_or(Time(self.now), VirtualTime::node_time)
    }

    /// A call is made, to this node. Its number is told.
    pub fn opened(&mut self, node: usize) -> u64 {
        let ((life, stood), shown, floor) = (self.stood[node], self.shown(node), self.greatest);
        self.calls.push(Made { node, at: self.now, number: None, stood, life, shown, floor, is_open: true });
        self.calls.len() as u64 - 1
    }

    /// The node that was asked, and which process of it.
    #[must_use]
    pub fn asked(&self, call: u64) -> (usize, u64) {
        let made = &self.calls[call as usize];
        (made.node, made.life)
    }

    /// For how long a call has been open, in nanoseconds.
    #[must_use]
    pub fn waited(&self, call: u64) -> u64 {
        self.now.saturating_sub(self.calls[call as usize].at)
    }

    /// Whether one of these nodes has a call to answer.
    #[must_use]
    pub fn owes(&self, nodes: &BTreeSet<usize>) -> bool {
        self.calls.iter().any(|made| made.is_open && nodes.contains(&made.node))
    }

    /// R17: a call was answered, with what stands at this index. A read sees all that anybody was told before it was asked
    /// for.
    pub fn answered(&mut self, check: &mut Check, call: u64, of: Of, index: u64) {
        let floor = self.calls[call as usize].floor;
        if of == Of::Read && index < floor {
            check.break_rule("R17", format!("a read came from index {index}, when somebody had been told of {floor}"));
        }
        self.greatest = self.greatest.max(index);
    }

    /// R16, R21: who is told that no answer has come in so much time, by the clock of the peer that was asked, or that this
    /// peer has ended, is told what is so.
    pub fn failed(&mut self, check: &mut Check, call: u64, why: Failure, (asked, patience): (Asked, Duration)) {
        self.turned_down(check, call, why);
        let made = &self.calls[call as usize];
        let waited = self.shown(made.node).since(made.shown);
        let is_so = match (why, asked) {
            (_, Asked::IsOver) | (Failure::Unknown | Failure::Gone | Failure::Draining, Asked::Ends) => true,
            (Failure::Unknown, Asked::Lives) => patience <= waited,
            (Failure::Gone | Failure::Draining, Asked::Lives) => false,
            (_, Asked::Lives | Asked::Ends) => true,
        };
        if !is_so {
            let what = format!(
                "call {call} was told `{}` after {waited:?} of {patience:?}, and its peer {asked:?}",
                why.word()
            );
            check.break_rule("R21", format!("{what}: {made:?}"));
        }
    }

    /// R21: a call is answered, whatever the answer, once, and after so long at most, in nanoseconds, in which its node
    /// did not stand still.
    pub fn resolved(&mut self, check: &mut Check, call: u64, most: u64) {
        let made = &mut self.calls[call as usize];
        let stood = self.stood[made.node].1 - made.stood;
        let took = self.now.saturating_sub(made.at);
        if !std::mem::replace(&mut made.is_open, false) {
            check.break_rule("R21", format!("call {call} was answered twice: {made:?}"));
        }
        if most.saturating_add(stood) < took {
            check.break_rule("R21", format!("call {call} was answered after {took} ns, {most} at most: {made:?}"));
        }
    }

    /// What comes now comes at this moment, in this process of each node, up to which it has stood still for so long, in
    /// nanoseconds.
    pub fn at(&mut self, now: u64, stood: impl Iterator<Item = (u64, u64)>) {
        self.now = now;
        self.stood.iter_mut().zip(stood).for_each(|(before, now)| *before = now);
        self.history.at(now);
    }

    /// A read is called; its place in the history is told.
    pub fn reads(&mut self, key: Key) -> usize {
        self.history.reads(key)
    }

    /// A change is called; its place in the history is told.
    pub fn changes(&mut self, change: Change) -> usize {
        self.history.changes(change)
    }

    /// A read is answered.
    pub fn read(&mut self, place: usize, index: u64, seen: Seen) {
        self.counts.reads += 1;
        self.history.returned(place, index, seen);
    }

    /// A change is answered: what was appended stands in its list now.
    pub fn changed(&mut self, place: usize, change: Change, index: u64, seen: Seen) {
        self.history.returned(place, index, seen);
        if change.expected.is_none_or(|expected| expected == seen.last) {
            self.counts.swapped += u64::from(change.expected.is_some());
            self.acknowledged(change.key, change.number, index);
        }
    }

    fn acknowledged(&mut self, key: Key, number: u64, index: u64) {
        if self.acknowledged.insert(number, (key, index)).is_none() {
            *self.per_list.entry(key).or_default() += 1;
        }
    }

    /// A change was refused, and is tried nowhere else.
    pub fn refused(&mut self) {
        self.counts.refused += 1;
    }

    /// The same, for its size.
    pub fn too_large(&mut self) {
        self.counts.too_large += 1;
        self.refused();
    }

    /// Nobody knows what has become of a change.
    pub fn unknown(&mut self) {
        self.counts.unknown += 1;
    }

    /// An operation is tried again.
    pub fn retried(&mut self) {
        self.counts.retried += 1;
    }

    /// A change has met a session that is gone.
    pub fn expired(&mut self) {
        self.counts.expired += 1;
    }

    /// What clients did and saw.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How many numbers of a list are acknowledged: no fewer are there for whoever reads from now on.
    #[must_use]
    pub fn floor(&self, key: Key) -> u64 {
        self.per_list.get(&key).copied().unwrap_or_default()
    }

    /// How many numbers are acknowledged.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.acknowledged.len() as u64
    }

    /// How many calls were made.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.len() as u64
    }

    /// R21: every call was answered, once.
    pub fn all_resolved(&self, check: &mut Check) {
        if let Some(made) = self.calls.iter().find(|made| made.is_open) {
            check.break_rule("R21", format!("a call was never answered: {made:?}"));
        }
    }

    /// R15, R16: what a state holds, a peer's or the reference's, fits what callers were told.
    pub fn fits(&self, check: &mut Check, state: &State) {
        let (State { applied, lists, .. }, who) = (state, state.name());
        let mut seen = BTreeMap::new();
        for (key, list) in lists.iter() {
            for &(number, _) in list {
                if seen.insert(number, key).is_some() {
                    check.break_rule("R15", format!("{who} holds {number} twice"));
                }
                if self.refusals.has(number) {
                    check.break_rule("R16", format!("{who} holds {number}, which was refused"));
                }
            }
        }
        for (number, (key, index)) in &self.acknowledged {
            if index <= applied && seen.get(number) != Some(key) {
                check.break_rule("R15", format!("{who}, applied to {applied}, lacks {number} of index {index}"));
            }
        }
    }
}

/// What a peer has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Which peer.
    pub who: u64,
    /// How far it has applied the log.
    pub applied: u64,
    /// What it holds.
    pub lists: Lists,
}

/// In the place of a peer's number.
pub(super) const REFERENCE: u64 = u64::MAX;

impl State {
    fn name(&self) -> String {
        if self.who == REFERENCE { "the reference".to_owned() } else { format!("peer {}", self.who) }
    }
}

/// R18: two states hold the same of what both have applied.
pub fn agree(check: &mut Check, one: &State, other: &State) {
    let both = one.applied.min(other.applied);
    let of = |state: &State, key| {
        // What has applied no more is held against it whole: nothing in it stands beyond.
        let is_shared = |item: &Item| state.applied == both || item.1 <= both;
        state.lists.get(key).iter().filter(|item| is_shared(item)).copied().collect::<Vec<_>>()
    };
    let keys: BTreeSet<Key> = one.lists.iter().chain(other.lists.iter()).map(|(key, _)| key).collect();
    for key in keys {
        if of(one, key) != of(other, key) {
            let (who, whose) = (one.name(), other.name());
            check.break_rule("R18", format!("the list {key} of {who} and {whose} differs up to {both}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsm::raft::machine::{Applied, StateMachine};
    use rsm::raft::{Index, Term};

    fn of(items: &[(Key, u64)]) -> Lists {
        let mut lists = Lists::default();
        let changes = items.iter().map(|&(key, number)| Change { key, number, expected: None, pad: 0 });
        changes.zip(1..).for_each(|(change, at)| _ = lists.apply(change, Applied::new(Index(at), Term(1))));
        lists
    }

    fn state(who: u64, applied: u64, items: &[(Key, u64)]) -> State {
        State { who, applied, lists: of(items) }
    }

    fn broken(judge: impl FnOnce(&mut Check)) -> Option<&'static str> {
        let mut check = Check::default();
        judge(&mut check);
        check.broken().map(|violation| violation.rule)
    }

    #[test]
    fn a_number_that_stands_twice_is_found() {
        let answers = Answers::default();
        assert_eq!(broken(|check| answers.fits(check, &state(0, 9, &[(1, 7), (1, 8)]))), None);
        assert_eq!(broken(|check| answers.fits(check, &state(0, 9, &[(1, 7), (2, 7)]))), Some("R15"));
    }

    #[test]
    fn an_acknowledged_number_that_is_missing_is_found_once_its_index_is_applied() {
        let mut answers = Answers::default();
        answers.acknowledged(1, 7, 5);
        assert_eq!(broken(|check| answers.fits(check, &state(0, 4, &[]))), None);
        assert_eq!(broken(|check| answers.fits(check, &state(0, 5, &[]))), Some("R15"));
        assert_eq!(broken(|check| answers.fits(check, &state(0, 5, &[(1, 7)]))), None);
    }

    #[test]
    fn r16_a_refused_number_that_was_applied() {
        let mut answers = Answers::default();
        answers.never(7);
        assert_eq!(broken(|check| answers.fits(check, &state(0, 5, &[(1, 7)]))), Some("R16"));
    }

    #[test]
    fn r16_a_refused_number_that_is_committed_and_applied_nowhere() {
        let mut answers = Answers::default();
        answers.never(7);
        let ends = |number: u64| {
            broken(|check| {
                check.is_committed(Change { key: 1, number, expected: None, pad: 0 });
                let all = check.all_that_is_committed();
                answers.fits(check, &all);
            })
        };
        assert_eq!((ends(8), ends(7)), (None, Some("R16")));
    }

    #[test]
    fn r17_a_read_from_before_what_anybody_was_told_when_it_was_asked() {
        let read = |told: Of, index: u64| {
            let mut answers = Answers::default();
            let calls = [0, 1, 2].map(|node| answers.opened(node));
            broken(|check| {
                answers.answered(check, calls[0], told, 5);
                let read = answers.opened(1);
                answers.answered(check, calls[1], Of::Read, 4);
                assert_eq!(check.broken(), None, "it was asked before");
                // Told of late, it was done early.
                answers.answered(check, calls[2], Of::Change(None), 3);
                assert_eq!(check.broken(), None);
                answers.answered(check, read, Of::Read, index);
            })
        };
        for told in [Of::Change(None), Of::Session, Of::Read] {
            assert_eq!((read(told, 5), read(told, 4)), (None, Some("R17")), "{told:?}");
        }
    }

    #[test]
    fn r21_a_call_that_is_given_up_too_early_or_for_an_end_that_does_not_come() {
        let told = |after: u64, why: Failure, asked: Asked| {
            let mut answers = Answers::default();
            answers.at(100, [(1, 0)].into_iter());
            let call = answers.opened(0);
            answers.at(100 + after, [(1, 0)].into_iter());
            broken(|check| answers.failed(check, call, why, (asked, Duration::from_nanos(9))))
        };
        assert_eq!(told(9, Failure::Unknown, Asked::Lives), None);
        assert_eq!(told(8, Failure::Unknown, Asked::Lives), Some("R21"));
        for why in [Failure::Gone, Failure::Draining] {
            assert_eq!(told(9, why, Asked::Lives), Some("R21"), "{why}");
        }
        for why in [Failure::Unknown, Failure::Gone, Failure::Draining] {
            assert_eq!((told(0, why, Asked::Ends), told(0, why, Asked::IsOver)), (None, None), "{why}");
        }
        assert_eq!(told(0, Failure::Full, Asked::Lives), None, "that is for the peer to say");
    }

    #[test]
    fn a_call_that_is_never_answered_is_found() {
        let mut answers = Answers::default();
        let call = answers.opened(1);
        assert_eq!(broken(|check| answers.all_resolved(check)), Some("R21"));
        assert_eq!(broken(|check| answers.resolved(check, call, 9)), None);
        assert_eq!(broken(|check| answers.all_resolved(check)), None);
        assert_eq!(broken(|check| answers.resolved(check, call, 9)), Some("R21"), "a second time");
    }

    #[test]
    fn r21_a_call_that_is_answered_too_late() {
        let answered = |at: u64, stood: u64| {
            let mut answers = Answers::default();
            answers.at(100, [(1, 40), (1, 50)].into_iter());
            let call = answers.opened(1);
            answers.at(at, [(1, 900), (1, 50 + stood)].into_iter());
            broken(|check| answers.resolved(check, call, 9))
        };
        assert_eq!((answered(109, 0), answered(110, 0)), (None, Some("R21")));
        assert_eq!((answered(116, 7), answered(117, 7)), (None, Some("R21")), "its node stood still meanwhile");
    }

    #[test]
    fn states_that_drift_apart_are_found_whatever_stands_between_them() {
        let ends = |states: &[State]| broken(|check| states.iter().for_each(|state| check.ends(state.clone())));
        let (short, long) = (state(0, 1, &[(1, 7)]), state(1, 2, &[(1, 7), (1, 8)]));
        assert_eq!(ends(&[short.clone(), long.clone(), short.clone(), long.clone()]), None);
        assert_eq!(ends(&[short.clone(), state(1, 1, &[(1, 8)])]), Some("R18"));
        // Each is like its neighbours, of which one has applied little.
        let other = state(2, 2, &[(1, 7), (1, 9)]);
        assert_eq!(ends(&[long.clone(), short.clone(), other.clone()]), Some("R18"));
        assert_eq!(ends(&[other, short, long]), Some("R18"));
    }

    #[test]
    fn a_state_that_lacks_what_it_has_applied_or_holds_what_it_has_not_is_found() {
        let agrees = |one: State, other: State| broken(|check| agree(check, &one, &other));
        let whole = || state(0, 5, &[(1, 7), (1, 8)]);
        assert_eq!(agrees(whole(), state(1, 1, &[(1, 7)])), None);
        assert_eq!(agrees(whole(), state(1, 2, &[(1, 7)])), Some("R18"));
        assert_eq!(agrees(whole(), state(1, 1, &[(1, 7), (1, 8)])), Some("R18"));
    }
}
