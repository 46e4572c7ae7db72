//! Death: by panic or otherwise, what is dropped, who is told, and in which order.

use super::probe::State::B;
use super::probe::{born, builder, probe, until, without_flushes};
use crate::fsm::{Address, Automaton, Bounded, Context, End, Input, Rejected, Runner};
use crate::sync::lock::Lock;
use crate::sync::oneshot;
use std::any::Any;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

type Notes = Arc<Lock<Vec<&'static str>>>;

/// Notes when it is dropped, and panics then if it is told to.
struct Trap {
    name: &'static str,
    notes: Notes,
    panics: bool,
}

impl Trap {
    fn new(name: &'static str, notes: &Notes, panics: bool) -> Trap {
        Trap { name, notes: notes.clone(), panics }
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.notes.lock().push(self.name);
        if self.panics && !std::thread::panicking() {
            resume_unwind(Box::new("a drop that panics"));
        }
    }
}

/// Ends in the way it is told once it hears [`Go`], and holds traps in every place then.
struct Mortal {
    _trap: Trap,
    way: Way,
}

/// Among its commands: now.
struct Go;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Drain,
    Stop,
    Kill,
    Panic,
}

impl Automaton for Mortal {
    type State = Trap;
    type Command = Box<dyn Any + Send>;

    fn next(&mut self, state: Trap, input: Input<Self>, context: &mut Context<Self>) -> Trap {
        let trap = |name| Box::new(Trap { name, notes: state.notes.clone(), panics: state.panics });
        match input {
            Input::Start => {
                // Refused, where others drain us before: then what is handed back is dropped.
                drop(context.post(Box::new(Go)));
                drop(context.post(trap("batch")));
            }
            Input::Command(go) if go.is::<Go>() => {
                // The batch is in hand by now, and what is posted lies behind it.
                drop(context.post(trap("queue")));
                context.raise(trap("raised"));
                context.postpone(trap("postponed"));
                context.after(Duration::from_secs(3_600), trap("timer"));
                match self.way {
                    Way::Drain => context.drain(),
                    Way::Stop => context.stop(),
                    Way::Kill => context.address().kill(),
                    Way::Panic => resume_unwind(Box::new("asked to")),
                }
            }
            Input::Command(_) | Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
        state
    }
}

/// A panic in `Start`, a command, `Transition`, `Drain` or `flush` is death without `Exit` and without `flush`; a panic in `Exit` is
/// told as such. Watchers are told in each case, and the message reaches them.
pub fn a_panic_anywhere_is_death_and_is_told<R: Runner>(runner: &R) {
    for place in ["start", "go", "A>B", "drain", "flush", "exit"] {
        let subject = probe(runner, move |word, state, context| {
            if word == place {
                resume_unwind(Box::new(format!("in {place}")));
            }
            match word {
                "start" => {
                    context.post("go").expect("it runs");
                    context.drain();
                    state
                }
                "go" => B,
                _ => state,
            }
        });
        let address = subject.address.clone();
        let (end, log) = subject.end();
        let End::Panicked(panic) = end else { panic!("{place}: {end:?}") };
        assert_eq!(panic.message(), format!("in {place}"));
        assert!(panic.take().is_some() && panic.take().is_none(), "the payload is for the first who takes it");
        assert_eq!(log.last().map(String::as_str), Some(place), "nothing comes after a panic: {log:?}");
        assert!(matches!(address.post("never"), Err(Rejected::Dead("never"))));
    }
}

/// Whoever is told of an end sees all its effects: state, automaton and inbox dropped, then guards, then notices, then `ended`.
pub fn who_is_told_of_an_end_sees_all_its_effects<R: Runner>(runner: &R) {
    for way in [Way::Drain, Way::Stop, Way::Kill, Way::Panic] {
        let notes = Notes::default();
        let seen = notes.clone();
        let (watcher, log) = builder(runner, move |word, state, context| {
            if word == "told" {
                seen.lock().push("notice");
                context.stop();
            }
            state
        });
        let watcher = born(runner, watcher, log);
        let mortal = Mortal { _trap: Trap::new("automaton", &notes, false), way };
        let mortal = runner
            .builder(mortal, Trap::new("state", &notes, false))
            .guard(Trap::new("guard", &notes, false))
            .watched_by(&watcher.address, |_| "told")
            .spawn();
        let ended = mortal.ended();
        drop(runner.block_on(ended));
        watcher.heard(&["start", "told", "exit"]);
        // One that drains is told what it has accepted, and drops it there.
        let expected = match way {
            Way::Drain => ["raised", "batch", "queue", "postponed", "state", "automaton", "timer", "guard", "notice"],
            Way::Stop | Way::Kill | Way::Panic => {
                ["state", "automaton", "batch", "queue", "raised", "postponed", "timer", "guard", "notice"]
            }
        };
        assert_eq!(*notes.lock(), expected, "F8: {way:?}");
    }
}

/// A `Drop` that panics at death is contained: all else is dropped too, and everyone is told.
pub fn a_drop_that_panics_at_death_is_contained<R: Runner>(runner: &R) {
    for way in [Way::Stop, Way::Kill, Way::Panic] {
        let notes = Notes::default();
        let mortal = Mortal { _trap: Trap::new("automaton", &notes, true), way };
        let mortal = runner
            .builder(mortal, Trap::new("state", &notes, true))
            .guard(Trap::new("guard", &notes, true))
            .guard(Trap::new("guard too", &notes, true))
            .spawn();
        let end = runner.block_on(mortal.ended()).expect("an end is always told");
        assert_eq!(matches!(end, End::Panicked(_)), way == Way::Panic, "{end:?}");
        let mut dropped = notes.lock().clone();
        dropped.sort_unstable();
        let each = ["automaton", "batch", "guard", "guard too", "postponed", "queue", "raised", "state", "timer"];
        assert_eq!(dropped, each, "F3: each once");
    }
}

/// The sender of a reply in a command that is never handled is dropped with it: no ticket hangs, whatever the death.
pub fn a_reply_is_resolved_in_every_death<R: Runner>(runner: &R) {
    for way in [Way::Drain, Way::Stop, Way::Kill, Way::Panic] {
        let notes = Notes::default();
        let mortal = Mortal { _trap: Trap::new("automaton", &notes, false), way };
        let mortal = runner.spawn(mortal, Trap::new("state", &notes, false));
        let ended = mortal.ended();
        let (sender, ticket) = oneshot::channel::<()>();
        // Refused or accepted: the sender is dropped either way.
        drop(mortal.post(Box::new(sender)));
        assert!(runner.block_on(ticket).is_err());
        assert!(runner.block_on(ended).is_ok());
    }
}

/// The end is a state and not a signal: whoever asks, before or after, is told once.
pub fn an_end_is_told_to_whoever_asks_before_or_after<R: Runner>(runner: &R) {
    let subject = probe(runner, |_, state, _| state);
    let address = subject.address.clone();
    let early = [address.ended(), address.ended()];
    drop(address.ended());
    let (watcher, log) = builder(runner, {
        let address = address.clone();
        move |word, state, context| {
            match word {
                "start" => _ = context.watch(&address, |_| "early"),
                "early" => _ = context.watch(&address, |_| "late"),
                "late" => context.stop(),
                _ => {}
            }
            state
        }
    });
    let watcher = born(runner, watcher, log);
    address.stop();
    for ticket in early {
        assert!(matches!(runner.block_on(ticket), Ok(End::Exited)));
    }
    watcher.heard(&["start", "early", "late", "exit"]);
    assert!(matches!(runner.block_on(address.ended()), Ok(End::Exited)));
    subject.heard(&["start", "exit"]);
}

/// A death notice overtakes queued commands and is never refused, also by a full inbox, or by one that drains and lingers.
pub fn a_death_notice_overtakes_commands_and_is_never_refused<R: Runner>(runner: &R) {
    let dead = probe(runner, |_, state, _| state);
    let address = dead.address.clone();
    address.kill();
    assert!(matches!(dead.end().0, End::Killed));
    let (watcher, log) = builder(runner, move |word, state, context| {
        match word {
            "start" => {
                context.post("queued").expect("one has room");
                assert!(matches!(context.post("more"), Err(Rejected::Full(_))));
                context.watch(&address, |end| if matches!(end, End::Killed) { "killed" } else { "ended" });
                context.drain();
            }
            "drain" => context.linger(),
            "queued" => _ = context.watch(&address, |_| "again"),
            "again" => context.stop(),
            _ => {}
        }
        state
    });
    let watcher = born(runner, watcher.inbox(crate::fsm::Bounded(1)), log);
    watcher.heard(&["start", "drain", "killed", "queued", "again", "exit"]);
}

/// A watch that was ended tells nothing, also if the end has come and its notice waits; one that has told can't be ended.
pub fn a_watch_that_was_ended_tells_nothing<R: Runner>(runner: &R) {
    for comes_late in [true, false] {
        let subject = probe(runner, |_, state, _| state);
        let (address, ended) = (subject.address.clone(), subject.address.ended());
        if comes_late {
            address.stop();
            assert!(runner.block_on(ended).is_ok());
        }
        let mut first = None;
        let (watcher, log) = builder(runner, {
            let address = address.clone();
            move |word, state, context| {
                match word {
                    "start" => {
                        first = Some(context.watch(&address, |_| "first"));
                        let second = context.watch(&address, |_| "second");
                        let _goes_on = context.watch(&address, |_| "third");
                        assert!(context.unwatch(second), "it has not been told");
                    }
                    "third" => {
                        let first = first.take().expect("it was kept");
                        assert!(!context.unwatch(first), "F8: it was told");
                        context.stop();
                    }
                    _ => {}
                }
                state
            }
        });
        let watcher = born(runner, watcher, log);
        if !comes_late {
            watcher.address.post("go").expect("it runs");
            until(runner, || watcher.log.lock().iter().any(|word| word == "go"));
            address.stop();
        }
        let (_, log) = watcher.end();
        let heard: Vec<_> = without_flushes(&log).into_iter().filter(|word| *word != "go").collect();
        assert_eq!(heard, ["start", "first", "third", "exit"], "F8: comes late: {comes_late}");
    }
}

/// Children live on the same runner and by themselves; a parent hears of their ends.
pub fn a_parent_spawns_children_and_hears_of_their_ends<R: Runner>(runner: &R) {
    let mut child: Option<Address<u32>> = None;
    let subject = probe(runner, move |word, state, context| {
        match word {
            "start" => {
                let born = context.builder(Child, 0).name("child").spawn();
                context.watch(&born, |end| if matches!(end, End::Exited) { "child ended" } else { "child died" });
                born.post(2).expect("it runs");
                born.post(3).expect("it runs");
                child = Some(born);
                context.drain();
            }
            "drain" => {
                context.linger();
                drop(child.take());
            }
            "child ended" => context.stop(),
            _ => {}
        }
        state
    });
    subject.heard(&["start", "drain", "child ended", "exit"]);
}

struct Child;

impl Automaton for Child {
    type State = u32;
    type Command = u32;

    fn next(&mut self, sum: u32, input: Input<Self>, _: &mut Context<Self>) -> u32 {
        match input {
            Input::Command(number) => sum + number,
            Input::Exit => {
                assert_eq!(sum, 5, "what was accepted was delivered");
                sum
            }
            Input::Start | Input::Transition { .. } | Input::Drain => sum,
        }
    }
}

/// An address in another language leads to the same automaton, hands back what was posted if it is refused, and watches with it.
pub fn an_address_in_another_language_leads_there_and_back<R: Runner>(runner: &R) {
    let subject = probe(runner, |word, state, context| {
        if word == "told" {
            context.drain();
        }
        state
    });
    let numbers: Address<u8> =
        subject.address.map(|n| if n == 1 { "one" } else { "told" }, |word| u8::from(word == "one"));
    numbers.post(1).expect("it runs");
    assert_eq!(numbers.cell(), subject.address.cell());
    let weak = numbers.downgrade();
    let other = runner.builder(Child, 5).watched_by(&numbers, |_| 2).spawn();
    drop(numbers);
    let numbers = weak.upgrade().expect("an address in the first language is left");
    drop(other);
    let (_, log) = subject.end();
    let mut heard = without_flushes(&log);
    heard.sort_unstable(); // the notice may overtake the command
    assert_eq!(heard, ["drain", "exit", "one", "start", "told"]);
    assert!(matches!(numbers.post(1), Err(Rejected::Dead(1))), "handed back as it was posted");
}

/// A command whose `Drop` posts to its own automaton finds no lock of ours held.
pub fn a_drop_that_posts_meets_no_lock<R: Runner>(runner: &R) {
    struct Poster(Option<Address<Box<dyn Any + Send>>>);
    impl Drop for Poster {
        fn drop(&mut self) {
            if let Some(address) = self.0.take() {
                let _ = address.post(Box::new(()));
                address.drain();
            }
        }
    }
    let notes = Notes::default();
    for way in [Way::Drain, Way::Stop, Way::Kill, Way::Panic] {
        let mortal = Mortal { _trap: Trap::new("automaton", &notes, false), way };
        let address = runner.builder(mortal, Trap::new("state", &notes, false)).guard(()).spawn();
        let ended = address.ended();
        // Refused or accepted, it is dropped: by us, in the turn, or at death.
        drop(address.post(Box::new(Poster(Some(address.clone())))));
        assert!(runner.block_on(ended).is_ok(), "F4: {way:?}");
    }
    // Displaced, it is dropped by whoever posted what came in its place.
    let mortal = Mortal { _trap: Trap::new("automaton", &notes, false), way: Way::Drain };
    let builder = runner.builder(mortal, Trap::new("state", &notes, false)).inbox(Bounded(1)).overwrite_oldest();
    let address = builder.spawn();
    let ended = address.ended();
    for _ in 0..2 {
        drop(address.post(Box::new(Poster(Some(address.clone())))));
    }
    address.drain(); // what would have told it to go may be what was displaced
    assert!(runner.block_on(ended).is_ok(), "F4: displaced");
}
