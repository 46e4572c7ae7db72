//! What can be said of a pool before it runs.

use super::{Pool, Shared};
use crate::fsm::{CellId, Panic};
use std::num::NonZero;
use std::time::Duration;

/// What is done with a panic that nobody watches.
pub(super) enum OnPanic {
    /// The panic hook has printed it: nothing more.
    Nothing,
    /// The first is resumed on the thread that waits.
    Strict,
    /// This is called.
    Call(Box<Act>),
}

/// What is called: with the name of the automaton, and its panic.
type Act = dyn Fn(&str, &Panic) + Send + Sync;

/// What is called for a turn that takes long: with the name of the automaton, its cell, and how long.
pub(super) type OnStall = dyn Fn(&str, CellId, Duration) + Send + Sync;

/// What can be said of a [`Pool`] before it runs.
///
/// ```
/// use rsm::fsm::{Automaton, Context, Input, Pool, Runner};
/// use std::time::Duration;
///
/// struct Patient;
/// impl Automaton for Patient {
///     type State = ();
///     type Command = &'static str;
///     fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
///         match input {
///             Input::Command(word) => std::panic::resume_unwind(Box::new(word)), // as `panic!`, but in silence
///             Input::Drain => context.linger(), // for what never comes
///             Input::Start | Input::Transition { .. } | Input::Exit => {}
///         }
///     }
///     fn label(_: &()) -> &'static str { "Waiting" }
/// }
///
/// let (sender, died) = std::sync::mpsc::channel();
/// let pool = Pool::builder()
///     .workers(2)
///     .on_panic(move |name, panic| drop(sender.send(format!("{name}: {}", panic.message()))))
///     .on_stall(|name, cell, time| eprintln!("{name} ({cell:?}) has kept a worker for {time:?}"))
///     .build();
/// let one = pool.builder(Patient, ()).name("one").spawn();
/// let other = pool.builder(Patient, ()).name("other").spawn();
/// one.post("no more").expect("it runs");
/// assert_eq!(died.recv().as_deref(), Ok("one: no more"));
///
/// let late = pool.drain_timeout(Duration::from_millis(20)).expect_err("the other one lingers");
/// println!("{late}"); // 1 automata are alive: other (idle in Waiting)
/// assert_eq!((late.count, late.cells[0].name.as_str()), (1, "other"));
/// other.stop();
/// pool.drain_timeout(Duration::from_secs(10)).expect("all have ended");
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct PoolBuilder {
    workers: usize,
    name: String,
    on_panic: OnPanic,
    on_stall: Option<Box<OnStall>>,
}

impl PoolBuilder {
    pub(super) fn new() -> PoolBuilder {
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
        PoolBuilder { workers, name: "pool".to_owned(), on_panic: OnPanic::Nothing, on_stall: None }
    }

    /// How many threads run turns: 1 to 32,767; as many as the machine runs at once unless said otherwise.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.clamp(1, 0x7fff);
        self
    }

    /// How the threads are called: this and a number; `pool` unless said otherwise.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What is done with the panic of an automaton that nobody watches: its name and the panic. On a worker, so it must not block; its own
    /// panic is contained. Without it nothing is done, as the panic hook has printed already.
    pub fn on_panic(mut self, act: impl Fn(&str, &Panic) + Send + Sync + 'static) -> Self {
        self.on_panic = OnPanic::Call(Box::new(act));
        self
    }

    /// For tests: the first panic that nobody watches is resumed on the thread that waits, in `block_on` or a drain.
    pub fn strict(mut self) -> Self {
        self.on_panic = OnPanic::Strict;
        self
    }

    /// What is done about a turn that takes longer than 100 ms without having said that it might block: the automaton's name (empty if it
    /// has none), which it is, and how long at least. Once for each such turn, while it goes on; seen by an idle worker, or by who asks
    /// [`alive`](Pool::alive), and called there, so it must not block; its own panic is contained. They are counted as
    /// [`stalls`](super::PoolCounters::stalls), and with the feature `tracing` each is a warning.
    pub fn on_stall(mut self, act: impl Fn(&str, CellId, Duration) + Send + Sync + 'static) -> Self {
        self.on_stall = Some(Box::new(act));
        self
    }

    /// Begins its threads.
    ///
    /// # Panics
    /// If the system has no thread left.
    #[must_use]
    pub fn build(self) -> Pool {
        let shared = Shared::new(self.workers, self.name, self.on_panic, self.on_stall);
        let made = (0..self.workers).all(|_| shared.make_thread());
        if !made {
            shared.end(); // those that were made
            panic!("the system has no thread left for a worker");
        }
        Pool::of(shared)
    }
}
