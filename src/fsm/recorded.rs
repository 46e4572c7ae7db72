//! The drawing of what an automaton was seen to do.
//!
//! [`Recorded`] stands around an automaton, hands all inputs on, and notes each arrow that is taken, in a [`Log`]. What the log
//! draws is what the code does. So a drawing in a page can be held to the code by a test, as this one is, of the crossing of the
//! [page on automata](super), by the suite [`conformance`](super::conformance):
//!
//! ```mermaid
//! stateDiagram-v2
//!     [*] --> Red
//!     Green --> Yellow: Change, Walk
//!     Red --> Green: Change
//!     Red --> Red: Walk
//!     Red --> [*]: Exit
//!     Yellow --> Red: Change
//!     Yellow --> Yellow: Walk (postponed)
//! ```
//! A state is named by the head of its `Debug`, and so is a command: `Up { socket: 3 }` is `Up`. Both are better enums, whose
//! names are few: the log keeps each that it meets. An automaton that nobody records pays nothing.
//!
//! ```
//! use rsm::fsm::recorded::{Log, Recorded};
//! use rsm::fsm::{Automaton, Context, Input, Runner, VirtualTime};
//!
//! #[derive(Debug)]
//! enum Door { Open, Shut }
//! struct Hinge;
//! impl Automaton for Hinge {
//!     type State = Door;
//!     type Command = &'static str;
//!     fn next(&mut self, door: Door, input: Input<Self>, _: &mut Context<Self>) -> Door {
//!         match (door, input) {
//!             (Door::Open, Input::Command("push")) => Door::Shut,
//!             (Door::Shut, Input::Command("pull")) => Door::Open,
//!             (door @ (Door::Open | Door::Shut), _) => door,
//!         }
//!     }
//! }
//!
//! let (time, log) = (VirtualTime::new(1), Log::new());
//! let hinge = time.spawn(Recorded::new(Hinge, &log), Door::Shut);
//! ["pull", "push", "push"].into_iter().try_for_each(|hand| hinge.post(hand))?;
//! time.run_until_idle(&mut ());
//! let drawing = "\
//! stateDiagram-v2
//!     [*] --> Shut
//!     Open --> Shut: push
//!     Shut --> Open: pull
//!     Shut --> Shut: push
//! ";
//! assert_eq!(log.mermaid(), drawing);
//! # Ok::<(), rsm::fsm::Rejected<&'static str>>(())
//! ```

use super::automaton::{Automaton, Input};
use super::context::Context;
use crate::sync::lock::Lock;
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Write};
use std::sync::Arc;

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;

/// An automaton as it is, whose arrows are noted in a [`Log`]; see the [page](self).
#[derive(Debug)]
pub struct Recorded<A> {
    automaton: A,
    log: Log,
}

impl<A> Recorded<A> {
    /// Notes in `log`, which several may share.
    #[must_use]
    pub fn new(automaton: A, log: &Log) -> Recorded<A> {
        Recorded { automaton, log: log.clone() }
    }

    /// The automaton inside.
    #[must_use]
    pub fn inner(&self) -> &A {
        &self.automaton
    }
}

impl<A: Automaton> Automaton for Recorded<A>
where
    A::State: Debug,
    A::Command: Debug,
{
    type State = A::State;
    type Command = A::Command;

    fn next(&mut self, state: A::State, input: Input<Self>, context: &mut Context<Self>) -> A::State {
        let before = head(&state);
        let (came, name, input) = within(input);
        if came == Came::Start {
            self.log.note(END, "", &before);
        }
        let postponed = context.postponed();
        let note = Note { log: &self.log, before, came, input: name, done: false };
        let state = context.lend(|context| self.automaton.next(state, input, context));
        note.taken(&head(&state), postponed < context.postponed());
        state
    }

    fn flush(&mut self, state: &mut A::State, context: &mut Context<Self>) {
        let (before, input) = (head(state), "flush".to_owned());
        let mut note = Note { log: &self.log, before, came: Came::Flush, input, done: false };
        context.lend(|context| self.automaton.flush(state, context));
        note.done = true; // it is no arrow
    }

    fn label(state: &A::State) -> &'static str {
        A::label(state)
    }
}

/// What a call was for; a command may have the name of any.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    Start,
    Command,
    /// A transition, or a drain.
    Told,
    Exit,
    Flush,
}

/// The same input for the automaton inside, and its name.
fn within<A: Automaton>(input: Input<Recorded<A>>) -> (Came, String, Input<A>)
where
    A::State: Debug,
    A::Command: Debug,
{
    match input {
        Input::Start => (Came::Start, "Start".to_owned(), Input::Start),
        Input::Command(command) => (Came::Command, head(&command), Input::Command(command)),
        Input::Transition { from } => (Came::Told, "Transition".to_owned(), Input::Transition { from }),
        Input::Drain => (Came::Told, "Drain".to_owned(), Input::Drain),
        Input::Exit => (Came::Exit, "Exit".to_owned(), Input::Exit),
    }
}

/// A call under way. One that is left by a panic is an arrow to the end.
struct Note<'a> {
    log: &'a Log,
    before: String,
    came: Came,
    input: String,
    done: bool,
}

impl Note<'_> {
    fn taken(mut self, after: &str, postponed: bool) {
        self.done = true;
        let Note { log, before, input, .. } = &self;
        match self.came {
            Came::Exit => log.note(before, input, END),
            Came::Start | Came::Told if before == after => {}
            _ if postponed => log.note(before, &format!("{input} (postponed)"), after),
            _ => log.note(before, input, after),
        }
    }
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.log.note(&self.before, &format!("{} (panic)", self.input), END);
        }
    }
}

/// What Mermaid calls the beginning and the end.
const END: &str = "[*]";

/// One arrow of a drawing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// The state that was left; `[*]` before the first.
    pub from: String,
    /// The state entered, or the same; `[*]` is the end.
    pub to: String,
    /// What came: `Start`, `Transition`, `Drain`, `Exit`, or a command; empty before the first state. A command that was put off
    /// has `(postponed)` behind it, what ended in a panic `(panic)`; so has `flush`, which is no arrow otherwise.
    pub input: String,
}

/// All arrows that were seen, and how often. A handle: clones are the same log.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Lock<BTreeMap<Arrow, u64>>>);

impl Log {
    /// Without an arrow yet.
    #[must_use]
    pub fn new() -> Log {
        Log::default()
    }

    fn note(&self, from: &str, input: &str, to: &str) {
        let arrow = Arrow { from: from.to_owned(), to: to.to_owned(), input: input.to_owned() };
        *self.0.lock().entry(arrow).or_default() += 1;
    }

    /// Each arrow and how often it was taken, in order of their names.
    #[must_use]
    pub fn arrows(&self) -> Vec<(Arrow, u64)> {
        self.0.lock().iter().map(|(arrow, count)| (arrow.clone(), *count)).collect()
    }

    /// The state graph as Mermaid draws it. Arrows stand in order of their names, so equal behaviour is equal text; those that
    /// lead the same way are one.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut ways: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for (Arrow { from, to, input }, _) in self.arrows() {
            // The beginning comes first, the end last.
            let to = if to == END { "~".to_owned() } else { to };
            ways.entry((from.replace(END, ""), to)).or_default().push(input);
        }
        let mut drawing = "stateDiagram-v2\n".to_owned();
        for ((from, to), inputs) in ways {
            let from = if from.is_empty() { END } else { &from };
            let to = if to == "~" { END } else { &to };
            let inputs = inputs.join(", ");
            let label = if inputs.is_empty() { "" } else { ": " };
            drawing += &format!("    {from} --> {to}{label}{inputs}\n");
        }
        drawing
    }
}

/// The first word of a `Debug`, whose rest is not even made.
fn head(value: &impl Debug) -> String {
    let mut head = Head { word: String::new(), full: false };
    // An error is how the head says that it has enough.
    let _ = write!(head, "{value:?}");
    if head.word.is_empty() { "unit".to_owned() } else { head.word }
}

struct Head {
    word: String,
    /// The word is over. A `Debug` may go on after the error.
    full: bool,
}

impl Write for Head {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            match letter.is_alphanumeric() || letter == '_' {
                _ if self.full => return Err(fmt::Error),
                true => self.word.push(letter),
                false => self.full = !self.word.is_empty(),
            }
        }
        Ok(())
    }
}
