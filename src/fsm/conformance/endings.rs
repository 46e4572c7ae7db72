//! Drain, stop and kill: three ways to an end, side by side.

use super::probe::State::{A, B};
use super::probe::{Word, born, builder, post, probe, without_flushes};
use crate::fsm::{Bounded, End, Mode, Rejected, Runner};
use crate::sync::lock::Lock;
use std::sync::Arc;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3_600);

/// `Drain` overtakes the queue; then comes all that is queued, raised, and postponed and freed; then `flush`, `Exit`, `flush`.
pub fn drain_overtakes_the_queue_which_is_then_delivered<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| match word {
        "start" => {
            post(&context.address(), &["p", "one", "two"]);
            context.drain();
            state
        }
        "p" if state == A => {
            context.postpone("p");
            state
        }
        "drain" => {
            context.raise("raised");
            state
        }
        "two" => B,
        _ => state,
    });
    let (end, log) = subject.end();
    assert!(matches!(end, End::Exited));
    assert_eq!(without_flushes(&log), ["start", "drain", "raised", "p", "one", "two", "A>B", "p", "exit"]);
    assert_eq!(log[log.len() - 3..], ["flush", "exit", "flush"]);
}

/// `Drain` overtakes the commands of the batch in hand too.
pub fn drain_overtakes_the_batch_in_hand<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        match word {
            "start" => post(&context.address(), &["one", "two", "three"]),
            "one" => context.drain(),
            _ => {}
        }
        state
    });
    subject.heard(&["start", "one", "drain", "two", "three", "exit"]);
}

/// From the moment `drain` returns every post is refused: as draining, and as dead from `Exit` on. Each hands the command back.
pub fn posts_are_refused_once_drain_returned<R: Runner>(runner: &R) {
    let seen = Arc::new(Lock::new(Vec::new()));
    let noted = seen.clone();
    let subject = probe(runner, move |word, state, context| {
        let tried = match context.post("never") {
            Ok(()) => "accepted",
            Err(Rejected::Draining("never")) => "draining",
            Err(Rejected::Dead("never")) => "dead",
            Err(_) => "another",
        };
        match word {
            "start" => context.address().drain(),
            "never" | "flush" => {}
            _ => noted.lock().push((word.to_owned(), tried, context.address().mode())),
        }
        state
    });
    let address = subject.address.clone();
    let (_, log) = subject.end();
    assert_eq!(without_flushes(&log), ["start", "drain", "never", "exit"], "F3: what came before the drain");
    let expected = [("drain", "draining", Mode::Draining), ("exit", "dead", Mode::Draining)];
    assert_eq!(*seen.lock(), expected.map(|(word, tried, mode)| (word.to_owned(), tried, mode)), "F6");
    assert!(matches!(address.post("late"), Err(Rejected::Dead("late"))), "F6");
    assert_eq!((address.mode(), address.depth()), (Mode::Ended, 0));
}

/// A second `drain` is nothing.
pub fn a_second_drain_is_nothing<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        if word != "flush" {
            context.drain();
        }
        state
    });
    subject.address.drain();
    subject.hears(&["start", "drain", "exit"]);
}

/// A post that races with `drain`: what was accepted is delivered before `Exit`, all else comes back.
pub fn what_was_accepted_is_delivered_whoever_drains_meanwhile<R: Runner>(runner: &R) {
    let subject = probe(runner, |_, state, _| state);
    let target = subject.address.clone();
    let accepted = Arc::new(Lock::new(0));
    let counted = accepted.clone();
    let poster = probe(runner, move |word, state, context| {
        if word == "start" || word == "more" {
            match target.post("posted") {
                Ok(()) => {
                    *counted.lock() += 1;
                    context.post("more").expect("it runs");
                }
                Err(Rejected::Draining(_) | Rejected::Dead(_)) => context.stop(),
                Err(Rejected::Full(_)) => panic!("it has no bound"),
            }
        }
        state
    });
    let target = subject.address.clone();
    let drainer = probe(runner, move |word, state, context| {
        match word {
            "start" => _ = context.after(Duration::from_micros(300), "now"),
            "now" => {
                target.drain();
                context.stop();
            }
            _ => {}
        }
        state
    });
    // Virtual time passes when all are idle: one who posts for ever must be drained by a turn of another's.
    drainer.address.post("now").expect("it runs");
    poster.end();
    let (_, log) = subject.end();
    let delivered = log.iter().filter(|word| *word == "posted").count();
    assert_eq!(delivered, *accepted.lock(), "F3: accepted and delivered");
    assert_eq!(log.iter().rposition(|word| word == "exit"), Some(log.len() - 2), "after all of them");
    drop(drainer);
}

/// Timers that are due come as long as commands remain; draining waits for none.
pub fn draining_waits_for_no_timer<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        if word == "start" {
            context.after(Duration::ZERO, "due");
            context.after(LONG, "never");
            context.state_timeout(LONG, "never");
            context.every(LONG, 0.0, || "never");
            context.post("one").expect("it runs");
            context.drain();
        }
        state
    });
    subject.heard(&["start", "drain", "due", "one", "exit"]);
}

/// One that lingers goes on after its last command, for timers and what is raised, and ends by `stop`.
pub fn one_that_lingers_waits_for_its_timers_and_ends_by_stop<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        match word {
            "drain" => {
                context.linger();
                context.after(Duration::from_millis(1), "timer");
            }
            "timer" => context.raise("raised"),
            "raised" => context.stop(),
            _ => {}
        }
        state
    });
    subject.hears(&["start", "drain", "timer", "raised", "exit"]);
}

/// One that lingers lives on although its last address is gone: for its timer, and to its `Exit`.
pub fn one_that_lingers_lives_on_without_an_address<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        match word {
            "drain" => {
                context.linger();
                context.after(Duration::from_millis(1), "timer");
            }
            "timer" => context.stop(),
            _ => {}
        }
        state
    });
    let (end, log) = subject.abandoned();
    assert!(matches!(end, End::Exited), "F9: {end:?}");
    assert_eq!(without_flushes(&log), ["start", "drain", "timer", "exit"]);
}

/// What is still postponed at the end of draining comes once more; what is postponed even then is dropped, and counted.
pub fn what_is_still_postponed_at_the_end_comes_once_more<R: Runner>(runner: &R) {
    let mut again = 0;
    let subject = probe(runner, move |word, state, context| {
        match word {
            "start" => {
                post(&context.address(), &["p", "q", "one"]);
                context.drain();
            }
            "p" if again == 0 => {
                again = 1;
                context.postpone("p");
            }
            "q" => context.postpone("q"),
            _ => {}
        }
        state
    });
    let address = subject.address.clone();
    subject.heard(&["start", "drain", "p", "q", "one", "p", "q", "exit"]);
    assert_eq!(address.counters().dropped, 1, "F3: delivered, or dropped");
}

/// The last address dropped is a drain. Timers, queued commands, weak addresses and the runner do not count.
pub fn the_last_address_dropped_is_a_drain<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        if word == "start" {
            context.every(LONG, 0.0, || "never");
        }
        state
    });
    subject.address.post("queued").expect("it runs");
    let weak = subject.address.downgrade();
    let another = weak.upgrade().expect("an address is left");
    assert!(another == subject.address);
    drop(another);
    let (end, log) = subject.abandoned();
    assert!(matches!(end, End::Exited), "F9: {end:?}");
    let heard = without_flushes(&log);
    assert!(heard.contains(&"queued") && heard.ends_with(&["exit"]), "F9: {heard:?}");
    assert!(weak.upgrade().is_none(), "none comes back");
}

/// `stop` inside an input: the call completes; no `Transition` although the kind changed; `Exit` with the state returned, `flush`,
/// death. What is queued, raised and postponed is dropped; posts are refused from that call on.
pub fn stop_inside_an_input_ends_with_the_state_returned<R: Runner>(runner: &R) {
    let last = Arc::new(Lock::new(None));
    let noted = last.clone();
    let subject = probe(runner, move |word, state, context| match word {
        "start" => {
            post(&context.address(), &["go", "never"]);
            state
        }
        "go" => {
            context.raise("never");
            context.postpone("never");
            context.stop();
            assert!(matches!(context.post("never"), Err(Rejected::Dead(_))), "F6");
            B
        }
        "exit" => {
            *noted.lock() = Some(state);
            A
        }
        _ => state,
    });
    let address = subject.address.clone();
    let (end, log) = subject.end();
    assert!(matches!(end, End::Exited));
    assert_eq!(without_flushes(&log), ["start", "go", "exit"]);
    assert_eq!(log[log.len() - 3..], ["go", "exit", "flush"], "F10: no transition, and one flush after `Exit`");
    assert_eq!(*last.lock(), Some(B));
    assert_eq!(address.counters().dropped, 3, "F3: queued, raised, postponed");
}

/// `stop` inside `flush` ends after it.
pub fn stop_inside_flush_ends_after_it<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        if word == "flush" {
            context.stop();
        }
        state
    });
    let (end, log) = subject.end();
    assert!(matches!(end, End::Exited));
    assert_eq!(log, ["start", "flush", "exit", "flush"]);
}

/// `stop` from outside: posts are dead once it returns; `Exit` after the input in hand; what is queued is dropped.
pub fn stop_from_outside_ends_after_the_input_in_hand<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        if word == "go" {
            let address = context.address();
            address.post("never").expect("it runs");
            address.stop();
            assert!(matches!(address.post("never"), Err(Rejected::Dead(_))), "F6");
        }
        state
    });
    subject.address.post("go").expect("it runs");
    subject.heard(&["start", "go", "exit"]);
    let idle = probe(runner, |_, state, _| state);
    idle.address.stop();
    idle.address.stop();
    assert!(matches!(idle.address.post("never"), Err(Rejected::Dead("never"))), "F6");
    idle.heard(&["start", "exit"]);
}

/// `stop` in `Drain` is `Exit` at once.
pub fn stop_in_drain_is_exit_at_once<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        match word {
            "start" => {
                context.post("never").expect("it runs");
                context.drain();
            }
            "drain" => context.stop(),
            _ => {}
        }
        state
    });
    subject.heard(&["start", "drain", "exit"]);
}

/// `kill`: posts are dead once it returns; death after the input in hand, without `Exit` and without `flush`.
pub fn kill_ends_without_a_word<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        if word == "start" {
            let address = context.address();
            address.post("never").expect("it runs");
            address.kill();
            assert!(matches!(address.post("never"), Err(Rejected::Dead(_))), "F6");
            return B;
        }
        state
    });
    let (end, log) = subject.end();
    assert!(matches!(end, End::Killed));
    assert_eq!(log, ["start"]);
}

/// Stop wins over drain, kill over both.
pub fn stop_wins_over_drain_and_kill_over_both<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        if word == "start" {
            context.post("never").expect("it runs");
            context.drain();
            context.address().stop();
        }
        state
    });
    subject.heard(&["start", "exit"]);
    let subject = probe(runner, |word, state, context| {
        if word == "start" {
            context.drain();
            context.stop();
            context.address().kill();
        }
        state
    });
    let (end, log) = subject.end();
    assert!(matches!(end, End::Killed));
    assert_eq!(log, ["start"]);
}

/// During `Exit` nothing can be begun: posts are dead, what is raised, postponed or timed is dropped, a change of kind brings no
/// `Transition`.
pub fn nothing_begun_in_exit_takes_place<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        if word == "exit" {
            assert!(matches!(context.post("never"), Err(Rejected::Dead("never"))), "F6");
            context.raise("never");
            context.postpone("never");
            context.after(Duration::ZERO, "never");
            context.state_timeout(Duration::ZERO, "never");
            context.drain();
            context.stop();
            return B;
        }
        state
    });
    subject.hears(&["start", "drain", "exit"]);
}

/// A bounded inbox never holds more than it may, whoever posts; what is raised, postponed or timed is not bounded.
pub fn a_bounded_inbox_is_never_over_its_bound<R: Runner>(runner: &R) {
    let (plain, log) = builder(runner, |word, state, context| {
        if word == "start" {
            let results: Vec<_> = ["one", "two", "three", "four"].map(|word| context.post(word)).into();
            let full: Vec<Word> = results.into_iter().filter_map(Result::err).map(Rejected::into_inner).collect();
            assert_eq!(full, ["four"]);
            assert_eq!(context.address().depth(), 3);
            ["a", "b", "c", "d"].into_iter().for_each(|word| context.raise(word));
            context.drain();
        }
        state
    });
    let subject = born(runner, plain.inbox(Bounded(3)), log);
    let address = subject.address.clone();
    subject.heard(&["start", "drain", "a", "b", "c", "d", "one", "two", "three", "exit"]);
    let counters = address.counters();
    assert_eq!((counters.posted, counters.refused, counters.depth_max), (3, 1, 3));
}

/// One that overwrites drops the oldest command instead of refusing the newest; drain is not in that queue.
pub fn one_that_overwrites_displaces_the_oldest<R: Runner>(runner: &R) {
    let (plain, log) = builder(runner, |word, state, context| {
        if word == "start" {
            context.drain();
            let refused = ["one", "two", "three"].map(|word| context.post(word).is_err());
            assert_eq!(refused, [true; 3]);
        }
        state
    });
    born(runner, plain.inbox(Bounded(2)).overwrite_oldest(), log).heard(&["start", "drain", "exit"]);
    let (plain, log) = builder(runner, |word, state, context| {
        if word == "start" {
            context.raise("end");
            post(&context.address(), &["one", "two", "three"]);
            context.drain();
        }
        state
    });
    let subject = born(runner, plain.inbox(Bounded(2)).overwrite_oldest(), log);
    let address = subject.address.clone();
    subject.heard(&["start", "drain", "end", "two", "three", "exit"]);
    assert_eq!((address.counters().posted, address.counters().dropped), (3, 1), "F3: delivered, or displaced");
}
