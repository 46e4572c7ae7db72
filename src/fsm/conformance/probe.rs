//! An automaton that notes what it hears, and does what a script says.

use crate::fsm::{Address, Automaton, Builder, Context, End, Input, Kind, Runner};
use crate::sync::lock::Lock;
use crate::sync::oneshot::Ticket;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// Its states: three kinds, one with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    A,
    B,
    C(u32),
}
use State::{A, B, C};

/// Its commands.
pub(super) type Word = &'static str;
pub(super) type Log = Arc<Lock<Vec<String>>>;
pub(super) type Ctx = Context<Probe>;

type Script = Box<dyn FnMut(&str, State, &mut Ctx) -> State + Send>;

/// What it hears is noted by one word: a command by itself, `start`, `drain`, `exit`, `flush`, and `A>B` for a transition.
pub(super) struct Probe {
    log: Log,
    script: Script,
}

impl Probe {
    pub(super) fn new(log: Log, script: impl FnMut(&str, State, &mut Ctx) -> State + Send + 'static) -> Probe {
        Probe { log, script: Box::new(script) }
    }
}

impl Automaton for Probe {
    type State = State;
    type Command = Word;

    fn next(&mut self, state: State, input: Input<Self>, context: &mut Ctx) -> State {
        let word = match input {
            Input::Start => "start".to_owned(),
            Input::Command(word) => word.to_owned(),
            Input::Transition { from } => format!("{}>{}", letter(from), letter(Kind::of(&state))),
            Input::Drain => "drain".to_owned(),
            Input::Exit => "exit".to_owned(),
        };
        self.log.lock().push(word.clone());
        (self.script)(&word, state, context)
    }

    fn flush(&mut self, state: &mut State, context: &mut Ctx) {
        self.log.lock().push("flush".to_owned());
        (self.script)("flush", *state, context);
    }
}

fn letter(kind: Kind<State>) -> char {
    let known = [(A, 'A'), (B, 'B'), (C(0), 'C')];
    known.iter().find(|(state, _)| Kind::of(state) == kind).map_or('?', |(_, letter)| *letter)
}

/// A probe that lives, and what it has heard.
pub(super) struct Subject<'a, R> {
    runner: &'a R,
    pub(super) address: Address<Word>,
    pub(super) log: Log,
    /// Taken at birth, so it resolves whatever becomes of the address.
    end: Ticket<End>,
}

/// A probe in state `A`, before it lives.
pub(super) fn builder<R: Runner>(
    runner: &R,
    script: impl FnMut(&str, State, &mut Ctx) -> State + Send + 'static,
) -> (Builder<Probe>, Log) {
    let log = Log::default();
    (runner.builder(Probe::new(log.clone(), script), A), log)
}

/// A probe in state `A`.
pub(super) fn probe<R: Runner>(
    runner: &R,
    script: impl FnMut(&str, State, &mut Ctx) -> State + Send + 'static,
) -> Subject<'_, R> {
    let (builder, log) = builder(runner, script);
    born(runner, builder, log)
}

/// Brings a probe to life.
pub(super) fn born<R: Runner>(runner: &R, builder: Builder<Probe>, log: Log) -> Subject<'_, R> {
    let address = builder.spawn();
    Subject { runner, end: address.ended(), address, log }
}

impl<R: Runner> Subject<'_, R> {
    /// Waits for its end: how it ended, and all it heard.
    pub(super) fn end(self) -> (End, Vec<String>) {
        let end = self.runner.block_on(self.end).expect("an end is always told");
        (end, self.log.lock().clone())
    }

    /// Drops the address first.
    pub(super) fn abandoned(self) -> (End, Vec<String>) {
        drop(self.address);
        let end = self.runner.block_on(self.end).expect("an end is always told");
        (end, self.log.lock().clone())
    }

    /// Drains it, waits for its end, and holds that it heard this, flushes left out.
    pub(super) fn hears(self, expected: &[&str]) {
        self.address.drain();
        self.heard(expected);
    }

    /// Waits until it has ended by itself, and holds that it heard this, flushes left out.
    pub(super) fn heard(self, expected: &[&str]) {
        let (end, log) = self.end();
        assert!(matches!(end, End::Exited), "{end:?} after {log:?}");
        assert_eq!(without_flushes(&log), expected);
    }
}

pub(super) fn without_flushes(log: &[String]) -> Vec<&str> {
    log.iter().map(String::as_str).filter(|word| *word != "flush").collect()
}

/// Posts them all, in order.
pub(super) fn post(address: &Address<Word>, words: &[Word]) {
    words.iter().for_each(|word| address.post(word).expect("it runs and has room"));
}

/// Takes turns until it holds. In virtual time, a panic if it never will.
pub(super) fn until<R: Runner>(runner: &R, holds: impl Fn() -> bool) {
    runner.block_on(poll_fn(|context| {
        if holds() {
            return Poll::Ready(());
        }
        std::thread::yield_now();
        context.waker().wake_by_ref();
        Poll::Pending
    }));
}
