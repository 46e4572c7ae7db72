//! Timers: when they come, in which order, and when not.

use super::probe::State::{A, B, C};
use super::probe::probe;
use crate::fsm::{Automaton, Context, End, Input, Runner, Time};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// What is due comes before queued commands, in order of deadline, then of arming; a due state timeout is one of them.
pub fn what_is_due_comes_before_queued_commands_in_order_of_deadline_then_of_arming<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        match word {
            "start" => _ = context.after(MS, "begin"),
            "begin" => {
                context.post("queued").expect("it runs");
                let now = context.now();
                context.at(now, "third");
                context.at(Time(now.0 - 1), "first");
                context.at(Time(now.0 - 1), "second");
                context.state_timeout(Duration::ZERO, "timeout");
                context.at(now, "last");
            }
            "queued" => context.stop(),
            _ => {}
        }
        state
    });
    subject.heard(&["start", "begin", "first", "second", "third", "timeout", "last", "queued", "exit"]);
}

/// Timers fire in order of deadline whatever the order they were set in, none early.
pub fn timers_come_in_order_and_never_early<R: Runner>(runner: &R) {
    let timers = [(5, "five"), (1, "one"), (4, "four"), (3, "three"), (1, "one too"), (6, "end")];
    let mut begin = Time::ZERO;
    let subject = probe(runner, move |word, state, context| {
        if word == "start" {
            begin = context.now();
            timers.iter().for_each(|(ms, word)| _ = context.after(MS * *ms, word));
        }
        if let Some((ms, _)) = timers.iter().find(|timer| timer.1 == word) {
            assert!(begin.after(MS * *ms) <= context.now(), "F7: `{word}` is early, at {:?}", context.now());
        }
        if word == "end" {
            context.stop();
        }
        state
    });
    subject.heard(&["start", "one", "one too", "three", "four", "five", "end", "exit"]);
}

/// Two timers are due, the first changes the kind, the second was the state timeout: it is not delivered.
pub fn a_state_timeout_that_is_due_dies_with_its_kind<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| match word {
        "start" => {
            context.after(Duration::ZERO, "change");
            context.state_timeout(Duration::ZERO, "timeout");
            context.after(Duration::ZERO, "end");
            state
        }
        "change" => B,
        "end" => {
            context.stop();
            state
        }
        _ => state,
    });
    subject.heard(&["start", "change", "A>B", "end", "exit"]);
}

/// A state timeout set by the call that leaves a state belongs to the state entered; one set before ends.
pub fn a_state_timeout_set_on_the_arrow_belongs_to_the_state_entered<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| match word {
        "start" => {
            context.state_timeout(MS, "of A");
            context.after(MS * 4, "end");
            context.raise("go"); // in this turn: on a busy machine the next may be too late
            state
        }
        "go" => {
            context.state_timeout(MS * 2, "of B");
            B
        }
        "of B" => C(0),
        "end" => {
            context.stop();
            state
        }
        _ => state,
    });
    subject.heard(&["start", "go", "A>B", "of B", "B>C", "end", "exit"]);
}

/// There is one state timeout: a later call replaces it, to an earlier time or a later one, and it can be ended.
pub fn a_later_state_timeout_replaces_the_one_before<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        match word {
            "start" => {
                context.state_timeout(MS, "too early");
                context.state_timeout(MS * 60_000, "too late");
                context.state_timeout(MS * 2, "right");
            }
            "right" => {
                context.state_timeout(MS, "ended");
                context.no_state_timeout();
                context.after(MS * 3, "end");
            }
            "end" => context.stop(),
            _ => {}
        }
        state
    });
    subject.heard(&["start", "right", "end", "exit"]);
}

/// A state timeout that is moved with each input never comes while inputs do.
pub fn a_state_timeout_that_is_moved_comes_when_it_was_last_wanted<R: Runner>(runner: &R) {
    let mut moves = 0;
    let mut wanted = Time::ZERO;
    let subject = probe(runner, move |word, state, context| {
        match word {
            "start" | "move" => {
                moves += 1;
                context.state_timeout(MS * 3, "timeout");
                wanted = context.now().after(MS * 3);
                if moves < 20 {
                    context.after(MS / 2, "move");
                }
            }
            "timeout" => {
                assert!(wanted <= context.now(), "F7: it came before it was wanted");
                context.stop();
            }
            _ => {}
        }
        state
    });
    let (end, log) = subject.end();
    assert!(matches!(end, End::Exited), "{end:?}");
    assert_eq!(log.iter().filter(|word| *word == "timeout").count(), 1);
}

/// A timer that has fired and was not delivered yet can be cancelled: its command comes back, and is not delivered.
pub fn cancel_takes_back_what_is_due_and_not_delivered<R: Runner>(runner: &R) {
    let mut second = None;
    let subject = probe(runner, move |word, state, context| {
        match word {
            "start" => {
                context.after(Duration::ZERO, "first");
                second = Some(context.after(Duration::ZERO, "second"));
                context.after(Duration::ZERO, "third");
            }
            "first" => {
                let second = second.expect("it was set");
                assert_eq!(context.cancel(second), Some("second"));
                assert_eq!(context.cancel(second), None, "once");
                context.after(MS * 60_000, "never"); // in the place that became free
            }
            "third" => context.stop(),
            _ => {}
        }
        state
    });
    subject.heard(&["start", "first", "third", "exit"]);
}

/// Cancelled before it is due a timer gives its command back; after it was delivered, nothing; the tag of a timer that is gone
/// never touches the timer that came after it.
pub fn cancel_before_and_after_the_deadline<R: Runner>(runner: &R) {
    let mut timers = Vec::new();
    let subject = probe(runner, move |word, state, context| {
        match word {
            "start" => {
                let never = context.after(MS * 60_000, "never");
                assert_eq!(context.cancel(never), Some("never"));
                timers.push(never);
                timers.push(context.after(MS, "tick"));
            }
            "tick" => {
                timers.drain(..).for_each(|timer| assert_eq!(context.cancel(timer), None, "it is gone"));
                let next = context.after(MS, "end");
                timers.push(next);
            }
            "end" => context.stop(),
            _ => {}
        }
        state
    });
    subject.heard(&["start", "tick", "end", "exit"]);
}

/// A timer's command is kept like any other if it is postponed.
pub fn the_command_of_a_timer_can_be_postponed<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| match (word, state) {
        ("start", _) => {
            context.after(Duration::ZERO, "ring");
            context.after(MS, "go");
            state
        }
        ("ring", A) => {
            context.postpone("ring");
            state
        }
        ("go", _) => B,
        ("ring", _) => {
            context.stop();
            state
        }
        _ => state,
    });
    subject.heard(&["start", "ring", "go", "A>B", "ring", "exit"]);
}

/// A timer comes again and again until it is cancelled; its deadlines are periods apart, and `cancel` has no command to give.
pub fn every_comes_again_and_again_until_it_is_cancelled<R: Runner>(runner: &R) {
    let (mut timer, mut ticks, mut begin) = (None, 0, Time::ZERO);
    let subject = probe(runner, move |word, state, context| {
        match word {
            "start" => {
                begin = context.now();
                timer = Some(context.every(MS, 0.5, || "tick"));
            }
            "tick" => {
                ticks += 1;
                assert!(begin.after(MS * ticks) <= context.now(), "F7: tick {ticks} is early");
                if ticks == 5 {
                    assert_eq!(context.cancel(timer.take().expect("it was set")), None);
                    context.after(MS * 3, "end");
                }
            }
            "end" => context.stop(),
            _ => {}
        }
        state
    });
    subject.heard(&["start", "tick", "tick", "tick", "tick", "tick", "end", "exit"]);
}

/// An inbox under load never starves a timer: one that is due when it is set comes before the next batch, one of a millisecond while
/// the load goes on.
pub fn an_inbox_under_load_does_not_starve_a_timer<R: Runner>(runner: &R) {
    let address = runner.spawn(Loaded { began: Time::ZERO, loads: 0 }, Wants::Soon);
    let end = runner.block_on(address.ended()).expect("an end is always told");
    assert!(matches!(end, End::Exited), "{end:?}");
}

/// How much lies in the inbox of [`Loaded`], from which it takes a batch of 128 at a time.
const LOAD: u32 = 1_000;
/// How long the load goes on for the timer: a machine that takes so long to look at it has no time for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Posts to itself what it hears, until its second timer comes.
struct Loaded {
    began: Time,
    loads: u32,
}

/// For which timer [`Loaded`] waits.
#[derive(Clone, Copy)]
enum Wants {
    Soon,
    Late,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    Weight,
    Soon,
    Late,
}

impl Automaton for Loaded {
    type State = Wants;
    type Command = Load;

    fn next(&mut self, wants: Wants, input: Input<Self>, context: &mut Context<Self>) -> Wants {
        match (wants, input) {
            (_, Input::Start) => (0..LOAD).for_each(|_| context.post(Load::Weight).expect("it runs")),
            (_, Input::Command(Load::Weight)) => self.weigh(context),
            (_, Input::Command(Load::Soon)) => {
                assert!(self.loads <= 10 + 128, "F7: {} commands came before what was due", self.loads);
                self.began = context.now();
                context.after(MS, Load::Late);
                return Wants::Late;
            }
            (_, Input::Command(Load::Late)) => context.stop(),
            (Wants::Soon | Wants::Late, Input::Transition { .. } | Input::Drain | Input::Exit) => {}
        }
        wants
    }
}

impl Loaded {
    fn weigh(&mut self, context: &mut Context<Self>) {
        self.loads += 1;
        if self.loads == 10 {
            context.after(Duration::ZERO, Load::Soon);
        }
        let (waited, lately) = (context.clock().since(self.began), 2 * LOAD < self.loads);
        assert!(self.loads <= 10 + 128 || waited < PATIENCE, "F7: the load starves a timer of a millisecond");
        // Where time stands still as long as anyone has something to do, the timer must be given its time.
        if !(lately && waited == Duration::ZERO) {
            context.post(Load::Weight).expect("it runs");
        }
    }
}
