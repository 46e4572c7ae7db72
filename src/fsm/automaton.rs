//! The contract: what an automaton is, what is handed to it, and how it ends.
//!
//! ```text
//!   (state, Start) ──next──> state ──(state, Command)──next──> state ── .. ──(state, Exit)──next──> dropped ──> End::Exited
//!                              │ another kind?
//!                              └──> (state, Transition { from }) ──next──> state        until the kind stays
//! ```
//! Whoever writes an automaton reads this file and [`Context`]; what runs it is none of its business.

use super::Context;
use super::death::contained;
use super::supervisor::TooManyRestarts;
use super::word::Word;
use crate::sync::lock::Lock;
use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

/// A state machine with an inbox: what is, what comes; hence what will be.
///
/// The [state](Self::State) is handed in by value, so what a variant knows moves along its arrow, nothing has to be `Clone`, and
/// a panic destroys the state instead of leaving it torn. What all states share is `self`. An automaton that has one state says
/// `type State = ()`.
///
/// One automaton is one thread of thought: no two of its calls ever overlap, and each sees what the one before wrote. The order
/// in which inputs come is the table of the [module page](super#the-order-of-inputs).
pub trait Automaton: Sized + Send + 'static {
    /// An enum, as a rule. What a state knows lives in its variant.
    type State: Send + 'static;
    /// What others may tell this automaton.
    type Command: Send + 'static;

    /// What is, what comes; hence what will be. The only function one must write.
    ///
    /// If the [kind](Kind) of the state returned is another than before, the runner calls again at once, with
    /// [`Input::Transition`]; and so on until a call leaves the kind as it is. A thousand times in a row is a loop, and ends the
    /// automaton by a panic.
    fn next(&mut self, state: Self::State, input: Input<Self>, context: &mut Context<Self>) -> Self::State;

    /// Called once after each batch of inputs, before the runner looks for more: here effects gathered by `next` go out
    /// together. The data of the state may change, its kind may not: with debug assertions that ends the automaton by a panic, without
    /// them nobody is told of the change.
    fn flush(&mut self, state: &mut Self::State, context: &mut Context<Self>) {
        let _ = (state, context);
    }

    /// What logs and observers call this state.
    #[must_use]
    fn label(state: &Self::State) -> &'static str {
        let _ = state;
        ""
    }
}

/// What comes to an automaton.
#[derive(Debug)]
pub enum Input<A: Automaton> {
    /// The first input, before every command.
    Start,
    /// A command: posted, raised, set free after it was postponed, of a timer, or a death notice.
    Command(A::Command),
    /// The kind of the state changed in the call before this one. What is done on entering a state, by whatever arrow, stands
    /// here once. A state begun anew in its own kind brings none.
    Transition {
        /// The kind that was left.
        from: Kind<A::State>,
    },
    /// No further command is accepted. Those accepted before are still delivered, then [`Input::Exit`].
    Drain,
    /// The last input. After `Drain` one is in a draining state, else it was a stop; a kill or a panic brings none.
    Exit,
}

/// Which variant of the enum `S` a state is, without its data.
///
/// For an `S` that is no enum all values are of one kind.
pub struct Kind<S>(Discriminant<S>);

impl<S> Kind<S> {
    /// The kind of this state.
    #[must_use]
    pub fn of(state: &S) -> Kind<S> {
        Kind(discriminant(state))
    }

    /// A number that differs between kinds, for traces.
    pub(crate) fn number(self) -> u64 {
        let mut number = Number(0);
        self.0.hash(&mut number);
        number.0
    }
}

// Written out: a derive would ask of `S` what is asked of its kind alone.
impl<S> Clone for Kind<S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Kind<S> {}
impl<S> PartialEq for Kind<S> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<S> Eq for Kind<S> {}
impl<S> Hash for Kind<S> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.hash(hasher);
    }
}
impl<S> fmt::Debug for Kind<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.number())
    }
}

/// Keeps what a discriminant hashes.
struct Number(u64);

impl Hasher for Number {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0 << 8 | u64::from(byte);
        }
    }

    fn write_isize(&mut self, value: isize) {
        self.0 = value as u64;
    }
}

/// How an automaton ended. Each watcher is told one.
#[derive(Clone, Debug)]
pub enum End {
    /// It was drained or stopped, and handled [`Input::Exit`].
    Exited,
    /// It was killed, or its runner is no more: there was no `Exit`, unless the kill came while that was handled.
    Killed,
    /// It panicked, in whatever input. Unless that was `Exit`, there was none.
    Panicked(Panic),
}

/// A panic that was contained.
///
/// A payload that nobody [takes](Panic::take) is dropped with the last clone, wherever that is; a panic of its own drop is contained.
#[derive(Clone)]
pub struct Panic {
    message: Arc<str>,
    payload: Arc<Lock<Payload>>,
}

/// What was thrown. The dead cell holds it too, so it may fall on any thread that has to do with the cell.
struct Payload(Option<Box<dyn Any + Send>>);

impl Drop for Payload {
    fn drop(&mut self) {
        let thrown = self.0.take();
        contained(move || drop(thrown));
    }
}

impl Panic {
    /// Of what `catch_unwind` handed out.
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Panic {
        let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(&message), _) => message.into(),
            (None, Some(message)) => message.as_str().into(),
            (None, None) => match payload.downcast_ref::<TooManyRestarts>() {
                Some(why) => why.to_string().into(),
                None => "a payload that is no text".into(),
            },
        };
        Panic { message, payload: Arc::new(Lock::new(Payload(Some(payload)))) }
    }

    /// What the panic said, if it was text or of a [`Supervisor`](super::Supervisor).
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What was thrown, for [`std::panic::resume_unwind`] or a downcast; `None` if another holder of a clone took it before.
    ///
    /// ```
    /// use rsm::fsm::supervisor::TooManyRestarts;
    /// use rsm::fsm::{Automaton, Child, Context, Door, End, Input, Restart, Runner};
    /// use rsm::fsm::{Strategy, Supervision, Supervisor, VirtualTime};
    /// use std::time::Duration;
    ///
    /// struct Stillborn;
    /// impl Automaton for Stillborn {
    ///     type State = ();
    ///     type Command = ();
    ///     fn next(&mut self, (): (), _: Input<Self>, _: &mut Context<Self>) {
    ///         std::panic::resume_unwind(Box::new("no disk")); // as `panic!`, but in silence
    ///     }
    /// }
    ///
    /// let second = Duration::from_secs(1);
    /// let mut supervisor = Supervisor::new(Strategy::OneForOne).intensity(2, second).back_off(second, second * 30);
    /// let door = Door::new(); // stays the same if the supervisor is itself born again
    /// supervisor.add(Child::new("log", Restart::Always, || (Stillborn, ())).behind(&door));
    /// let time = VirtualTime::new(1);
    /// let supervisor = time.spawn(supervisor, Supervision::Up);
    /// let Ok(End::Panicked(panic)) = time.block_on(supervisor.ended()) else { panic!("it gives up") };
    /// assert_eq!(time.now().0, 3_000_000_000); // after waits of one and two seconds
    /// let why = panic.take().and_then(|thrown| thrown.downcast::<TooManyRestarts>().ok()).expect("a supervisor's");
    /// assert!(why.child == "log" && matches!(&why.end, End::Panicked(cause) if cause.message() == "no disk"));
    /// assert!(door.post(()).is_err());
    /// ```
    #[must_use]
    pub fn take(&self) -> Option<Box<dyn Any + Send>> {
        self.payload.lock().0.take()
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Panic({:?})", self.message)
    }
}

/// Whether an automaton takes commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Running,
    /// It takes none and has not ended yet: it drains, or was stopped or killed.
    Draining,
    /// It is no more.
    Ended,
}

impl Mode {
    pub(crate) fn of(word: Word) -> Mode {
        match word.refusal() {
            None => Mode::Running,
            Some(_) if word.is_dead() => Mode::Ended,
            Some(_) => Mode::Draining,
        }
    }
}

/// Names one automaton of a runner.
///
/// In virtual time it is a function of the seed and of who was spawned by whom, in which order; elsewhere it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellId(pub u64);

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;

    struct NotClone;
    enum State {
        A,
        B { _data: NotClone },
    }

    #[test]
    fn a_kind_is_the_variant_without_its_data() {
        let kinds = [Kind::of(&State::A), Kind::of(&State::B { _data: NotClone })];
        assert_ne!(kinds[0], kinds[1]);
        assert_eq!(kinds[0], Kind::of(&State::A));
        assert_ne!(kinds[0].number(), kinds[1].number());
    }

    #[test]
    fn a_state_that_is_no_enum_has_one_kind() {
        assert_eq!(Kind::of(&1u64), Kind::of(&2u64));
        assert_eq!(Kind::of(&()), Kind::of(&()));
    }

    /// Panics when it is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("a drop"));
        }
    }

    #[test]
    fn a_payload_whose_drop_panics_falls_in_silence() {
        let panic = Panic::new(Box::new(Bomb));
        drop(panic.clone());
        drop(panic);
    }

    #[test]
    fn the_payload_of_a_panic_is_taken_once_and_its_message_stays() {
        let panic = Panic::new(Box::new("rule"));
        let clone = panic.clone();
        assert_eq!(panic.take().and_then(|it| it.downcast::<&str>().ok()), Some(Box::new("rule")));
        assert!(clone.take().is_none());
        assert_eq!(clone.message(), "rule");
    }
}
