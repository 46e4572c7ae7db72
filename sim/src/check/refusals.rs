//! R16: what was refused each time that somebody asked for it is never applied, neither before nor later.
//!
//! ```text
//!   a call ──> asked + 1        a refusal ──> refused + 1        a commit ──> it is there
//!   refused as often as asked, and there: a promise is broken
//! ```
//! One of several calls that was refused promises nothing of the others; and what was refused may be asked for again.

use super::{Answers, Check};
use rsm::raft::peer::Failure;
use std::collections::BTreeMap;

/// Each number that a change was to append.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<u64, Tried>);

/// What has become of one.
#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    asked: u64,
    refused: u64,
    /// It is committed where its session is held.
    is_committed: bool,
}

impl Tried {
    fn is_refused(self) -> bool {
        0 < self.asked && self.asked == self.refused
    }
}

impl Refusals {
    fn note(&mut self, check: &mut Check, number: u64, happens: impl FnOnce(&mut Tried)) {
        let tried = self.0.entry(number).or_default();
        happens(tried);
        if tried.is_refused() && tried.is_committed {
            check.break_rule("R16", format!("{number} is committed, which was refused each time: {tried:?}"));
        }
    }

    /// Whether nobody has taken it who was asked to.
    pub(super) fn has(&self, number: u64) -> bool {
        self.0.get(&number).is_some_and(|tried| tried.is_refused())
    }
}

impl Answers {
    /// This call is for a change that appends this number.
    pub fn asks_for(&mut self, call: u64, number: u64) {
        self.calls[call as usize].number = Some(number);
        self.refusals.0.entry(number).or_default().asked += 1;
    }

    /// A number that nobody was ever to propose.
    pub fn never(&mut self, number: u64) {
        self.refusals.0.insert(number, Tried { asked: 1, refused: 1, is_committed: false });
    }

    /// What is committed by now, before anybody asks or is told anything more.
    pub fn learn(&mut self, check: &mut Check) {
        for number in check.take_commands() {
            self.refusals.note(check, number, |tried| tried.is_committed = true);
        }
    }

    /// A call was not done.
    pub(super) fn turned_down(&mut self, check: &mut Check, call: u64, why: Failure) {
        if let Some(number) = self.calls[call as usize].number
            && !why.may_have_applied()
        {
            self.refusals.note(check, number, |tried| tried.refused += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Asked;
    use std::time::Duration;

    /// The rule that is broken once a change that appends 7 is asked for twice, each time in vain for this reason, and a log
    /// has it by then, or has it later; or has another.
    fn broken(whys: [Failure; 2], number: u64, is_late: bool) -> Option<&'static str> {
        let (mut check, mut answers) = (Check::new(4), Answers::default());
        let calls = [0, 1].map(|node| answers.opened(node));
        calls.into_iter().for_each(|call| answers.asks_for(call, 7));
        let commits = |check: &mut Check| check.reference.commands.push(number);
        if !is_late {
            commits(&mut check);
        }
        for (call, why) in calls.into_iter().zip(whys) {
            answers.learn(&mut check);
            answers.failed(&mut check, call, why, (Asked::IsOver, Duration::ZERO));
        }
        if is_late {
            commits(&mut check);
            answers.learn(&mut check);
        }
        check.broken().map(|violation| violation.rule)
    }

    #[test]
    fn r16_what_was_refused_each_time_and_is_committed_before_or_later() {
        for is_late in [false, true] {
            for why in [Failure::Full, Failure::TooLarge, Failure::Draining, Failure::Invalid] {
                assert_eq!(broken([why, Failure::Full], 7, is_late), Some("R16"), "{why:?}");
                assert_eq!(broken([why, Failure::Full], 8, is_late), None, "another");
            }
            for why in [Failure::Unknown, Failure::Gone, Failure::Expired] {
                assert_eq!(broken([why, Failure::Full], 7, is_late), None, "{why:?} is no promise");
            }
        }
    }

    #[test]
    fn r16_what_is_asked_for_once_more_may_be_committed() {
        let (mut check, mut answers) = (Check::new(4), Answers::default());
        let first = answers.opened(0);
        answers.asks_for(first, 7);
        answers.failed(&mut check, first, Failure::Full, (Asked::IsOver, Duration::ZERO));
        assert!(answers.refusals.has(7));
        let again = answers.opened(0);
        answers.asks_for(again, 7);
        check.reference.commands.push(7);
        answers.learn(&mut check);
        assert_eq!((check.broken(), answers.refusals.has(7)), (None, false));
    }
}
