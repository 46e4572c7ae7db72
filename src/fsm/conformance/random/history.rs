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
/// panic, only what was postponed to the end was dropped, and what a timer had not brought yet.
pub(super) fn check_fates(seed: u64, shared: &Shared) {
    let (fates, put_off) = (shared.fates.lock(), shared.put_off.lock());
    for (name, fate) in fates.iter() {
        assert_eq!(
            fate.iter().sum::<u32>(),
            1,
            "F3: of program {seed}, {name:?} was delivered, dropped, refused, taken back {fate:?}"
        );
        // Of the outside all are posts.
        let lost = name.0 == CREW && fate[DROPPED] == 1 && !put_off.contains(name);
        assert!(!lost || seed.is_multiple_of(2), "F3: program {seed} is peaceful, and lost {name:?}");
    }
    assert!(fates.values().any(|fate| fate[DELIVERED] == 1), "program {seed} did something");
}
