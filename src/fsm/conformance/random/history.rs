//! What one automaton has heard and done, in order; and the rules for it.

use super::{CREW, Came, DELIVERED, DROPPED, Name, Shared};
use crate::fsm::{End, Time};

/// One line of a history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Note {
    /// An input came, in a state of that kind.
    Heard {
        heard: Heard,
        before: u8,
    },
    /// `next` returned a state of that kind.
    Said {
        after: u8,
    },
    /// A post returned.
    Posted {
        to: usize,
        accepted: bool,
    },
    /// A drain, stop or kill returned.
    Ended {
        whom: usize,
    },
    /// A weak address was asked for an address, and it was too late, or not. An `orphan` has none any more, which was
    /// known before.
    Upgraded {
        lost: bool,
        orphan: bool,
    },
    Flush,
    /// The next is the end.
    Panics,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Heard {
    Start,
    /// `again`: it was postponed before; `wrong`: a timer that came early, a state timeout of another time, or a notice of the end of
    /// one who was still there.
    Command {
        name: Name,
        way: Way,
        again: bool,
        wrong: bool,
    },
    Transition {
        from: u8,
    },
    Drain,
    Exit,
}

/// How a command came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Way {
    Post,
    Raise,
    Timer { at: Time },
    Alarm { epoch: u32 },
    Notice { early: bool },
}

impl Note {
    pub(super) fn count(&self, came: &mut Came) {
        match self {
            Note::Heard { heard: Heard::Command { way: Way::Notice { .. }, again: false, .. }, .. } => {
                came.notices += 1
            }
            Note::Upgraded { lost: true, .. } => came.lost += 1,
            Note::Heard { .. } | Note::Said { .. } | Note::Posted { .. } | Note::Ended { .. } => {}
            Note::Upgraded { .. } | Note::Flush | Note::Panics => {}
        }
    }
}

/// A call of `next`: what came, the kind before, and the kind after, unless it panicked.
type Call = (Heard, u8, Option<u8>);

fn calls(history: &[Note]) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for note in history {
        match (note, calls.last_mut()) {
            (&Note::Heard { heard, before }, _) => calls.push((heard, before, None)),
            (&Note::Said { after }, Some(last)) => last.2 = Some(after),
            (_, _) => {}
        }
    }
    calls
}

/// Holds every rule against one history.
pub(super) fn check(seed: u64, me: usize, history: &[Note], end: &End, shared: &Shared) {
    let why = |rule: &str| format!("{rule}: automaton {me} of program {seed} ended {end:?} after {history:#?}");
    let (calls, cut) = (calls(history), shared.cut.lock()[me]);
    let count = |what: Heard| calls.iter().filter(|(heard, _, _)| *heard == what).count();
    let panicked = history.contains(&Note::Panics);
    assert!(history.iter().rev().skip(1).all(|note| *note != Note::Panics), "{}", why("nothing comes after a panic"));
    assert!(matches!(end, End::Panicked(_)) == panicked, "{}", why("a panic is told, and nothing else as one"));
    assert!(cut || panicked || matches!(end, End::Exited), "{}", why("who is let be is drained"));
    assert!(calls.first().is_none_or(|call| call.0 == Heard::Start), "{}", why("Start comes first"));
    assert!(count(Heard::Start) <= 1 && count(Heard::Drain) <= 1, "{}", why("Start and Drain come once"));
    let exits = count(Heard::Exit);
    assert!(exits == 0 || matches!(calls.last(), Some((Heard::Exit, _, _))), "{}", why("Exit is the last"));
    assert!(exits <= 1 && (exits == 1 || !matches!(end, End::Exited)), "{}", why("Exit comes once"));
    check_kinds(&calls, history, cut, why);
    check_senders(&calls, why);
    check_refusals(history, why);
    let drained = matches!(end, End::Exited) && !cut;
    assert!(!drained || count(Heard::Drain) == 1, "{}", why("who is drained hears Drain"));
}

/// F10: a transition after each change of kind, before all else, and none without.
fn check_kinds(calls: &[Call], history: &[Note], cut: bool, why: impl Fn(&str) -> String) {
    for pair in calls.windows(2) {
        let [(_, before, Some(after)), (next, then, _)] = pair else { continue };
        assert!(after == then, "{}", why("F1: a turn sees what the last one left"));
        match next {
            Heard::Transition { from } => assert!(from == before && after != before, "{}", why("F10: whence")),
            Heard::Exit if cut => {}
            Heard::Start | Heard::Command { .. } | Heard::Drain | Heard::Exit => {
                assert!(after == before, "{}", why("F10: a change of kind is followed by Transition"));
            }
        }
    }
    let mut changed = None;
    for note in history {
        match *note {
            Note::Heard { before, .. } => changed = Some(before),
            Note::Said { after } if changed == Some(after) => changed = None,
            Note::Flush => assert!(changed.is_none() || cut, "{}", why("F10: no flush before Transition")),
            Note::Said { .. } | Note::Posted { .. } | Note::Ended { .. } | Note::Upgraded { .. } | Note::Panics => {}
        }
    }
}

/// F3: in order per sender, but for what was postponed or does not pass through the queue; and F7.
fn check_senders(calls: &[Call], why: impl Fn(&str) -> String) {
    let mut last = [None; CREW + 1];
    for (heard, _, _) in calls {
        let &Heard::Command { name: (from, nth), way, again, wrong } = heard else { continue };
        assert!(!wrong, "{}", why("F7, F8: no timer, no notice is early, no state timeout comes in another state"));
        if way == Way::Post && !again {
            assert!(last[from] < Some(nth), "{}", why("F3: in order per sender"));
            last[from] = Some(nth);
        }
    }
}

/// F6: who has drained, stopped or killed another has every later post to it refused, also one for which a weak address was still
/// good. F9: once none was left, none ever is.
fn check_refusals(history: &[Note], why: impl Fn(&str) -> String) {
    let mut ended = [false; CREW];
    for note in history {
        match *note {
            Note::Ended { whom } => ended[whom] = true,
            Note::Posted { to, accepted } => {
                assert!(!(ended[to] && accepted), "{}", why("F6: nothing is accepted after the end was asked for"));
            }
            Note::Upgraded { lost, orphan } => {
                assert!(lost || !orphan, "{}", why("F9: of one whose last address was dropped there is none again"));
            }
            Note::Heard { .. } | Note::Said { .. } | Note::Flush | Note::Panics => {}
        }
    }
}

/// F3: each command was delivered, dropped, refused or taken back, and that once; and where nobody was stopped, killed or died of a
/// panic, only what was postponed to the end was dropped, and what a timer had not brought yet or a notice not told: what was
/// accepted, and what was raised, is delivered.
pub(super) fn check_fates(seed: u64, shared: &Shared) {
    let (fates, put_off) = (shared.fates.lock(), shared.put_off.lock());
    for (name, (way, fate)) in fates.iter() {
        assert_eq!(
            fate.iter().sum::<u32>(),
            1,
            "F3: of program {seed}, {name:?} was delivered, dropped, refused, taken back {fate:?}"
        );
        let held = matches!(way, Way::Post | Way::Raise);
        let lost = held && fate[DROPPED] == 1 && !put_off.contains(name);
        assert!(!lost || seed.is_multiple_of(2), "F3: program {seed} is peaceful, and lost {name:?}");
    }
    assert!(fates.values().any(|(_, fate)| fate[DELIVERED] == 1), "program {seed} did something");
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// A program in which no one is stopped or killed.
    const PEACEFUL: u64 = 1;

    fn command(nth: u32, before: u8) -> Note {
        let heard = Heard::Command { name: (CREW, nth), way: Way::Post, again: false, wrong: false };
        Note::Heard { heard, before }
    }

    /// What each rule is content with.
    fn sound() -> Vec<Note> {
        vec![
            Note::Heard { heard: Heard::Start, before: 0 },
            Note::Said { after: 0 },
            command(0, 0),
            Note::Posted { to: 1, accepted: true },
            Note::Said { after: 1 },
            Note::Heard { heard: Heard::Transition { from: 0 }, before: 1 },
            Note::Said { after: 1 },
            command(1, 1),
            Note::Ended { whom: 1 },
            Note::Posted { to: 1, accepted: false },
            Note::Said { after: 1 },
            Note::Flush,
            Note::Heard { heard: Heard::Drain, before: 1 },
            Note::Said { after: 1 },
            Note::Heard { heard: Heard::Exit, before: 1 },
            Note::Said { after: 1 },
            Note::Flush,
        ]
    }

    /// How `check` takes a history that ended so.
    fn verdict(history: Vec<Note>, end: End) -> Result<(), String> {
        let shared = Shared::default();
        let judged = catch_unwind(AssertUnwindSafe(|| check(PEACEFUL, 0, &history, &end, &shared)));
        judged.map_err(|panic| *panic.downcast::<String>().expect("it says why"))
    }

    #[test]
    fn each_rule_is_broken_by_a_history_that_breaks_it_alone() {
        assert_eq!(verdict(sound(), End::Exited), Ok(()));
        assert!(verdict(sound(), End::Killed).is_err_and(|why| why.starts_with("who is let be is drained")));
        type Doctor = fn(&mut Vec<Note>);
        let table: [(&str, Doctor); 15] = [
            ("nothing comes after a panic", |it| it.insert(3, Note::Panics)),
            ("a panic is told, and nothing else as one", |it| it.push(Note::Panics)),
            ("Start comes first", |it| drop(it.drain(..2))),
            ("Start and Drain come once", |it| it.extend_from_within(..2)),
            ("Exit is the last", |it| it.extend([command(2, 1), Note::Said { after: 1 }])),
            ("Exit comes once", |it| it.truncate(14)),
            ("F1: a turn sees what the last one left", |it| it[7] = command(1, 0)),
            ("F10: whence", |it| it[5] = Note::Heard { heard: Heard::Transition { from: 2 }, before: 1 }),
            ("F10: a change of kind is followed by Transition", |it| drop(it.drain(5..7))),
            ("F10: no flush before Transition", |it| it.insert(5, Note::Flush)),
            ("F3: in order per sender", |it| it[7] = command(0, 1)),
            ("F7, F8: no timer, no notice is early", |it| {
                let heard = Heard::Command { name: (0, 1), way: Way::Timer { at: Time(9) }, again: false, wrong: true };
                it[7] = Note::Heard { heard, before: 1 };
            }),
            ("F6: nothing is accepted after", |it| it[9] = Note::Posted { to: 1, accepted: true }),
            ("F9: of one whose last address", |it| it.insert(3, Note::Upgraded { lost: false, orphan: true })),
            ("who is drained hears Drain", |it| drop(it.drain(12..14))),
        ];
        for (rule, doctor) in table {
            let mut history = sound();
            doctor(&mut history);
            let said = verdict(history, End::Exited);
            assert!(said.as_ref().is_err_and(|why| why.starts_with(rule)), "{rule}: {said:?}");
        }
    }

    #[test]
    fn a_command_that_is_lost_or_doubled_is_found_however_it_came() {
        let verdict = |way: Way, fate, put_off: &[_]| {
            let shared = Shared { seed: PEACEFUL, ..Shared::default() };
            shared.fates.lock().extend([((CREW, 0), (Way::Post, [1, 0, 0, 0])), ((0, 1), (way, fate))]);
            shared.put_off.lock().extend_from_slice(put_off);
            catch_unwind(AssertUnwindSafe(|| check_fates(PEACEFUL, &shared))).is_ok()
        };
        let (alarm, timer) = (Way::Alarm { epoch: 1 }, Way::Timer { at: Time(1) });
        for way in [Way::Post, Way::Raise, alarm, timer, Way::Notice { early: true }] {
            let may_drop = !matches!(way, Way::Post | Way::Raise);
            assert!(verdict(way, [1, 0, 0, 0], &[]) && verdict(way, [0, 0, 1, 0], &[]), "{way:?}");
            assert!(!verdict(way, [0; 4], &[]) && !verdict(way, [1, 1, 0, 0], &[]), "F3: neither, twice: {way:?}");
            assert_eq!(verdict(way, [0, 1, 0, 0], &[]), may_drop, "F3: lost: {way:?}");
            assert!(verdict(way, [0, 1, 0, 0], &[(0, 1)]), "postponed to the end: {way:?}");
        }
    }
}
