//! What clients did and saw, judged by where it took effect (R15, R17), and without knowing that.
//!
//! ```text
//!   clients ──> operations, each with its call and its return
//!   the lists of the peer that is farthest ──> the index of each number ──> witness: is that order one copy's?
//!                                              no index at all          ──> lin: is there any order?
//! ```
//! The last number of a list is the register that `lin` speaks of. The two must agree: so a wrong index is found.

use super::Check;
use crate::lin::{self, Call, Operation, witness};
use crate::lists::{Change, Key, Lists, Seen};
use std::collections::BTreeMap;

/// One operation of a client's.
#[derive(Clone, Copy, Debug)]
struct Noted {
    key: Key,
    operation: Operation,
    /// Where it took effect, and what it saw there, as its caller was told.
    told: Option<(u64, Seen)>,
}

/// All of them, in the order of their calls.
#[derive(Debug, Default)]
pub struct History {
    now: u64,
    noted: Vec<Noted>,
    /// What was told twice, and not the same.
    contradicted: Vec<String>,
}

impl History {
    /// What comes now comes at this moment.
    pub fn at(&mut self, now: u64) {
        self.now = now;
    }

    fn called(&mut self, key: Key, call: Call) -> usize {
        let operation = Operation { called: self.now, returned: None, call };
        self.noted.push(Noted { key, operation, told: None });
        self.noted.len() - 1
    }

    /// A read is called; its place is told.
    pub fn reads(&mut self, key: Key) -> usize {
        self.called(key, Call::Read(lin::INITIAL))
    }

    /// A change is called; its place is told.
    pub fn changes(&mut self, change: Change) -> usize {
        let Change { key, number, expected, .. } = change;
        let swap = |expected| Call::Swap { expected, new: number, found: expected };
        self.called(key, expected.map_or(Call::Write(number), swap))
    }

    /// An operation returns: it took effect there, and saw this. If it has returned before, it must say the same.
    pub fn returned(&mut self, place: usize, index: u64, seen: Seen) {
        let noted = &mut self.noted[place];
        if let Some((before, saw)) = noted.told {
            if (before, saw) != (index, seen) {
                let call = noted.operation.call;
                self.contradicted.push(format!("{call} at {before} saw {saw:?}, and then at {index} {seen:?}"));
            }
            return;
        }
        (noted.operation.returned, noted.told) = (Some(self.now), Some((index, seen)));
        noted.operation.call = match noted.operation.call {
            Call::Read(_) => Call::Read(seen.last),
            Call::Swap { expected, new, .. } => Call::Swap { expected, new, found: seen.last },
            // It would have written whatever stood there: so what it saw is what stood there.
            Call::Write(new) => Call::Swap { expected: seen.last, new, found: seen.last },
        };
    }

    /// Judges what took effect up to `applied`, by the lists of a peer that has applied so much. Returns how many
    /// operations were judged.
    pub fn judge(&self, check: &mut Check, applied: u64, lists: &Lists) -> u64 {
        for what in &self.contradicted {
            check.break_rule("R15", what.clone());
        }
        let places: BTreeMap<u64, u64> = lists.iter().flat_map(|(_, list)| list.iter().copied()).collect();
        let mut by_key: BTreeMap<Key, Vec<(u64, Operation)>> = BTreeMap::new();
        for noted in &self.noted {
            let number = match noted.operation.call {
                Call::Write(number) | Call::Swap { new: number, .. } => Some(number),
                Call::Read(_) => None,
            };
            let stands = number.and_then(|number| places.get(&number).copied());
            let told = noted.told.map(|(index, _)| index);
            if let (Some(stands), Some(told)) = (stands, told)
                && stands != told
            {
                check.break_rule(
                    "R15",
                    format!("{} stands at {stands}, its caller was told {told}", noted.operation.call),
                );
            }
            if let Some(told) = told.filter(|&told| applied < told) {
                check.break_rule("R15", format!("a caller was told of index {told}, and nobody got beyond {applied}"));
            }
            if let Some(place) = stands.or(told).filter(|&place| place <= applied) {
                by_key.entry(noted.key).or_default().push((place, noted.operation));
            }
        }
        for (key, placed) in &by_key {
            if let Err(why) = witness::register(placed) {
                check.break_rule("R17", format!("list {key}: {why}"));
            }
        }
        by_key.values().map(|placed| placed.len() as u64).sum()
    }

    /// Judges all of it, as one who knows no log.
    pub fn judge_blind(&self, check: &mut Check) {
        let history: Vec<(Key, Operation)> = self.noted.iter().map(|noted| (noted.key, noted.operation)).collect();
        if let Err(why) = lin::check(&history) {
            check.break_rule("R17", why.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsm::raft::machine::{Applied, StateMachine};
    use rsm::raft::{Index, Term};

    /// One write of 7 at index 5 from 10 to 20, then a read that says this.
    fn judged(told: u64, read: (u64, u64)) -> [Option<&'static str>; 2] {
        let (mut history, mut lists) = (History::default(), Lists::default());
        let change = Change { key: 1, number: 7, expected: None, pad: 0 };
        history.at(10);
        let write = history.changes(change);
        history.at(20);
        history.returned(write, told, Seen { last: 0, len: 1 });
        history.at(30);
        let place = history.reads(1);
        history.at(40);
        history.returned(place, read.0, Seen { last: read.1, len: 1 });
        lists.apply(change, Applied::new(Index(5), Term(1)));
        let mut checks = [Check::default(), Check::default()];
        history.judge(&mut checks[0], 9, &lists);
        history.judge_blind(&mut checks[1]);
        checks.map(|check| check.broken().map(|violation| violation.rule))
    }

    #[test]
    fn a_read_must_see_what_stands_at_its_index() {
        assert_eq!(judged(5, (6, 7)), [None, None]);
        assert_eq!(judged(5, (6, 0)), [Some("R17"), Some("R17")]);
        // From an index before the write: then it is the order of calls that is broken.
        assert_eq!(judged(5, (4, 0)), [Some("R17"), Some("R17")]);
    }

    #[test]
    fn a_write_must_have_seen_what_stood_at_its_place() {
        for (saw, expected) in [(7, None), (0, Some("R17"))] {
            let (mut history, mut lists) = (History::default(), Lists::default());
            let changes = [7, 8].map(|number| Change { key: 1, number, expected: None, pad: 0 });
            for (at, change) in (0..).zip(changes) {
                history.at(20 * at);
                let write = history.changes(change);
                history.at(20 * at + 10);
                history.returned(write, 5 + at, Seen { last: saw * at, len: 1 + at });
                lists.apply(change, Applied::new(Index(5 + at), Term(1)));
            }
            let mut checks = [Check::default(), Check::default()];
            history.judge(&mut checks[0], 9, &lists);
            history.judge_blind(&mut checks[1]);
            assert_eq!(checks.map(|check| check.broken().map(|violation| violation.rule)), [expected; 2]);
        }
    }

    #[test]
    fn what_is_told_twice_is_told_the_same() {
        let told = |again: (u64, Seen)| {
            let (mut history, mut check) = (History::default(), Check::default());
            let write = history.changes(Change { key: 1, number: 7, expected: None, pad: 0 });
            history.returned(write, 5, Seen { last: 0, len: 1 });
            history.returned(write, again.0, again.1);
            history.judge(&mut check, 9, &Lists::default());
            check.broken().map(|violation| violation.rule)
        };
        assert_eq!(told((5, Seen { last: 0, len: 1 })), None);
        assert_eq!(told((6, Seen { last: 0, len: 1 })), Some("R15"));
        assert_eq!(told((5, Seen { last: 0, len: 2 })), Some("R15"));
    }

    #[test]
    fn nobody_is_told_of_what_no_state_holds() {
        let (mut history, mut check) = (History::default(), Check::default());
        let read = history.reads(1);
        history.returned(read, 5, Seen::default());
        history.judge(&mut check, 5, &Lists::default());
        assert_eq!(check.broken(), None);
        history.judge(&mut check, 4, &Lists::default());
        assert_eq!(check.broken().map(|violation| violation.rule), Some("R15"));
    }

    #[test]
    fn a_caller_must_be_told_where_its_number_stands() {
        assert_eq!(judged(6, (6, 7)), [Some("R15"), None]);
    }
}
