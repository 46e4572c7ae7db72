//! The order of inputs: start, commands, kinds, what is raised and what is postponed.

use super::probe::State::{A, B, C};
use super::probe::{post, probe};
use crate::fsm::{Address, Automaton, Context, Input, Runner};
use crate::sync::lock::Lock;
use std::sync::Arc;
use std::time::Duration;

/// `Start` is the first input, whatever was posted meanwhile; commands of one sender come in order of posting.
pub fn start_comes_first_then_commands_in_order_of_posting<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        if word == "three" {
            context.stop();
        }
        state
    });
    post(&subject.address, &["one", "two", "three"]);
    subject.heard(&["start", "one", "two", "three", "exit"]);
}

/// A change of kind is followed by `Transition` before anything else, and that may change the kind again.
pub fn a_change_of_kind_is_followed_at_once_by_transition<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| match word {
        "start" => {
            context.post("go").expect("it runs");
            context.post("after").expect("it runs");
            state
        }
        "go" => {
            context.raise("raised");
            B
        }
        "A>B" => C(0),
        "after" => {
            context.stop();
            state
        }
        _ => state,
    });
    subject.heard(&["start", "go", "A>B", "B>C", "raised", "after", "exit"]);
}

/// Another state of the same kind is no transition, whatever its data.
pub fn other_data_in_the_same_kind_is_no_transition<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| match (word, state) {
        ("go", _) => C(1),
        ("again", C(2)) => {
            context.stop();
            C(3)
        }
        ("again", C(n)) => C(n + 1),
        _ => state,
    });
    post(&subject.address, &["go", "again", "again"]);
    subject.heard(&["start", "go", "A>C", "again", "again", "exit"]);
}

/// `Transition` first, then what was raised, then what was postponed, then the batch, then the inbox.
pub fn after_a_change_of_kind_come_the_raised_then_the_postponed_then_the_queued<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| match word {
        "start" => {
            post(&context.address(), &["late", "later", "change", "queued"]);
            state
        }
        "late" | "later" if state == A => {
            context.postpone(if word == "late" { "late" } else { "later" });
            state
        }
        "change" => {
            context.raise("raised");
            context.raise("raised too");
            B
        }
        "queued" => {
            context.stop();
            state
        }
        _ => state,
    });
    let expected =
        ["start", "late", "later", "change", "A>B", "raised", "raised too", "late", "later", "queued", "exit"];
    subject.heard(&expected);
}

/// What `flush` raises comes first in the next turn, which follows by itself; what it postpones, posts and times is as from `next`.
pub fn what_flush_raises_comes_next_by_itself<R: Runner>(runner: &R) {
    let mut flushes = 0;
    let subject = probe(runner, move |word, state, context| {
        if word == "flush" {
            flushes += 1;
            match flushes {
                1 => context.raise("raised"), // with nothing queued: the next turn follows all the same
                2 => {
                    context.post("posted").expect("it runs");
                    context.postpone("postponed");
                    context.raise("raised too");
                }
                _ => {}
            }
        }
        match word {
            "posted" => B,
            "postponed" => {
                context.stop();
                state
            }
            _ => state,
        }
    });
    subject.heard(&["start", "raised", "raised too", "posted", "A>B", "postponed", "exit"]);
    let mut flushes = 0;
    let subject = probe(runner, move |word, state, context| {
        match word {
            "flush" => {
                flushes += 1;
                if flushes == 1 {
                    context.after(Duration::ZERO, "timed");
                    context.state_timeout(Duration::ZERO, "timeout");
                }
            }
            "timeout" => context.stop(),
            _ => {}
        }
        state
    });
    subject.heard(&["start", "timed", "timeout", "exit"]);
}

/// A post to oneself comes after everything that is in the inbox already, also from `Start`.
pub fn a_post_to_oneself_comes_after_all_that_is_queued<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        match word {
            "start" => post(&context.address(), &["one", "two"]),
            "one" => context.post("three").expect("it runs"),
            "three" => context.stop(),
            _ => {}
        }
        state
    });
    subject.heard(&["start", "one", "two", "three", "exit"]);
}

/// What is postponed again keeps its place by arrival: put back all together, never interleaved with what is newer.
pub fn what_is_postponed_again_keeps_its_place<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| match (word, state) {
        ("start", _) => {
            post(&context.address(), &["p", "q", "go", "r", "go", "end"]);
            state
        }
        ("p", A | B) => {
            context.postpone("p");
            state
        }
        ("q", A | B) => {
            context.postpone("q");
            state
        }
        ("r", B) => {
            context.postpone("r");
            state
        }
        ("go", A) => B,
        ("go", B) => C(0),
        ("end", _) => {
            context.stop();
            state
        }
        _ => state,
    });
    let expected = ["start", "p", "q", "go", "A>B", "p", "q", "r", "go", "B>C", "p", "q", "r", "end", "exit"];
    subject.heard(&expected);
}

/// A freed command that changes the kind has those before it come again, before those after it.
pub fn a_freed_command_that_changes_the_kind_frees_again_from_the_beginning<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| match (word, state) {
        ("start", _) => {
            post(&context.address(), &["p", "q", "r", "go", "end"]);
            state
        }
        ("p", A | B) => {
            context.postpone("p");
            state
        }
        ("q", A) => {
            context.postpone("q");
            state
        }
        ("r", A) => {
            context.postpone("r");
            state
        }
        ("go", _) => B,
        ("q", B) => C(0),
        ("end", _) => {
            context.stop();
            state
        }
        _ => state,
    });
    let expected = ["start", "p", "q", "r", "go", "A>B", "p", "q", "B>C", "p", "r", "end", "exit"];
    subject.heard(&expected);
}

/// Without a change of kind nothing that was postponed comes again.
pub fn what_is_postponed_waits_for_a_change_of_kind<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| match word {
        "start" => {
            post(&context.address(), &["p", "x", "x", "end"]);
            state
        }
        "p" => {
            context.postpone("p");
            state
        }
        "end" => {
            context.stop();
            state
        }
        _ => state,
    });
    subject.heard(&["start", "p", "x", "x", "end", "exit"]);
}

/// Commands of each of `senders` automata come in order of posting, every one once.
pub fn every_command_comes_once_and_in_order_of_its_sender<R: Runner>(runner: &R, senders: usize, each: u32) {
    let counts = Arc::new(Lock::new(vec![0; senders]));
    let counter = runner.spawn(Counter { counts: counts.clone(), left: senders as u64 * u64::from(each) }, ());
    let end = counter.ended();
    let senders: Vec<_> =
        (0..senders).map(|sender| runner.spawn(Sender { sender, next: 0, each, to: counter.clone() }, ())).collect();
    runner.block_on(end).expect("an end is always told");
    assert!(counts.lock().iter().all(|&count| count == each), "F3: {:?} of {each}", counts.lock());
    drop(senders);
}

/// Four automata post a hundred commands each to one: they come in order of each sender, every one once.
pub fn four_senders_keep_their_order<R: Runner>(runner: &R) {
    every_command_comes_once_and_in_order_of_its_sender(runner, 4, 100);
}

struct Counter {
    counts: Arc<Lock<Vec<u32>>>,
    left: u64,
}

impl Automaton for Counter {
    type State = ();
    type Command = (usize, u32);

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        if let Input::Command((sender, nth)) = input {
            let count = &mut self.counts.lock()[sender];
            assert_eq!(*count, nth, "F3: in order of sender {sender}");
            *count += 1;
            self.left -= 1;
            if self.left == 0 {
                context.stop();
            }
        }
    }
}

struct Sender {
    sender: usize,
    next: u32,
    each: u32,
    to: Address<(usize, u32)>,
}

impl Automaton for Sender {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Start | Input::Command(()) => {
                // By handfuls, so that others come in between.
                for _ in 0..64.min(self.each - self.next) {
                    self.to.post((self.sender, self.next)).expect("the counter waits for all");
                    self.next += 1;
                }
                if self.next < self.each {
                    context.raise(());
                }
            }
            Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
    }
}
