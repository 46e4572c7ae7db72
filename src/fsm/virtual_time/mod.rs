//! Time that jumps: automata on one thread, in an order that a seed decides.
//!
//! ```text
//!   step:   ready cells, and a world whose time has come        the one with the least mix(seed, cell, turn) goes
//!           none ready: jump to the earliest of the wheels' and the world's times; none there either: idle
//! ```
//! Every interleaving that threads or a pool could show may appear, and each can be had again: a run is a function of the
//! program, the seed and the world (F11). No two choices come from one sequence of chance: an automaton or a fault more leaves
//! the choices for the others as they were. A turn that would have to wait for something panics with the rule.
//!
//! A run that fails is kept as its [`Trace`], [replayed](VirtualTime::replay) step by step, and [made small](Trace::shrink): steps are left
//! out as long as it fails.

use super::address::Address;
use super::automaton::{Automaton, CellId};
use super::cell::Cell;
use super::runner::{Builder, HomeRef, Runner};
use crate::time::Time;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

mod clock;
mod executor;
mod lives;
mod node_clock;
mod own;
mod ready;
mod shrink;
#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
mod trace;
mod world;

pub use clock::Clock;
use executor::{Executor, Host};
use node_clock::NodeClock;
pub use trace::{BadTrace, Difference, Record, Step, Trace, What};
pub use world::World;

/// A runner for tests and simulations: one thread, a seeded order, time that jumps.
///
/// A handle; clones are the same runner. Automata run while [`step`](Self::step) or its relatives are called, or
/// [`block_on`](Runner::block_on) waits. What a test posts between steps is part of its program. When the last handle is
/// dropped, what is left is killed.
///
/// A panic that nobody watches is resumed on the thread that steps.
///
/// ```
/// use rsm::fsm::{Automaton, Context, Input, Runner, VirtualTime};
/// use std::time::Duration;
///
/// struct Bell;
/// impl Automaton for Bell {
///     type State = u32;
///     type Command = ();
///     fn next(&mut self, rung: u32, input: Input<Self>, context: &mut Context<Self>) -> u32 {
///         match input {
///             Input::Start => { context.every(Duration::from_secs(60), 0.0, || ()); rung }
///             Input::Command(()) => rung + 1,
///             Input::Transition { .. } | Input::Drain | Input::Exit => rung,
///         }
///     }
/// }
///
/// let time = VirtualTime::new(7);
/// let bell = time.spawn(Bell, 0);
/// time.run_for(Duration::from_secs(3_600), &mut ()); // an hour, at once
/// assert_eq!(time.look::<Bell, _>(&bell, |_, rung| *rung), Some(60));
/// ```
#[derive(Clone)]
pub struct VirtualTime {
    executor: Arc<Executor>,
    clock: Arc<NodeClock>,
    home: HomeRef,
    /// Kills what is left when the last handle is gone: cells know the executor alone.
    _host: Arc<Host>,
}

impl VirtualTime {
    /// A runner whose choices are those of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> VirtualTime {
        VirtualTime::of(Executor::new(seed))
    }

    /// A runner that takes its choices from a trace instead of its seed, and stops at the first step that differs:
    /// see [`difference`](Self::difference).
    ///
    /// ```
    /// # use rsm::fsm::{Automaton, Context, Input, Runner, VirtualTime, virtual_time::Trace};
    /// # struct Echo;
    /// # impl Automaton for Echo {
    /// #     type State = u32;
    /// #     type Command = u32;
    /// #     fn next(&mut self, sum: u32, input: Input<Self>, context: &mut Context<Self>) -> u32 {
    /// #         let Input::Command(number) = input else { return sum };
    /// #         if number != 0 { context.post(number - 1).expect("it runs") }
    /// #         sum + number
    /// #     }
    /// # }
    /// let program = |time: &VirtualTime, number: u32| {
    ///     let echo = time.spawn(Echo, 0);
    ///     echo.post(number).expect("it runs");
    ///     time.run_until_idle(&mut ());
    /// };
    /// let time = VirtualTime::new(7);
    /// time.keep_trace(); // before the first step
    /// program(&time, 5);
    /// let text = time.trace().to_string(); // a line for each step: what one keeps of a failing run
    ///
    /// let again = VirtualTime::replay(Trace::parse(&text)?);
    /// program(&again, 5);
    /// assert_eq!((again.difference(), again.hash()), (None, time.hash()));
    ///
    /// let other = VirtualTime::replay(time.trace());
    /// program(&other, 6); // not the same program: where do they part?
    /// let difference = other.difference().expect("one more command comes");
    /// println!("{difference}");
    /// # Ok::<(), rsm::fsm::virtual_time::BadTrace>(())
    /// ```
    #[must_use]
    pub fn replay(trace: Trace) -> VirtualTime {
        VirtualTime::of(Executor::replaying(trace))
    }

    /// As [`replay`](Self::replay), but a record that is not possible is passed over, and there is no
    /// [`difference`](Self::difference): for a trace of which steps were left out, such as [`shrink`](Trace::shrink) makes. The
    /// run is over where the trace is.
    #[must_use]
    pub fn replay_leniently(trace: Trace) -> VirtualTime {
        VirtualTime::of(Executor::replaying_leniently(trace))
    }

    fn of(executor: Executor) -> VirtualTime {
        let executor = Arc::new(executor);
        let (clock, home) = executor.clone().home(Clock::default());
        VirtualTime { clock, home, _host: Arc::new(Host(executor.clone())), executor }
    }

    /// The same runner, in whose cells time follows another clock: for the automata of one node.
    ///
    /// # Panics
    /// If the clock would stand still or run back.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> VirtualTime {
        let (clock, home) = self.executor.clone().home(clock);
        VirtualTime { clock, home, ..self.clone() }
    }

    /// The clock of this handle jumps forward, as when a machine was suspended. True time does not move.
    pub fn leap(&self, by: Duration) {
        self.clock.leap(by);
    }

    /// The clock of this handle stands still until [`release`](VirtualTime::release), and its timers with it.
    pub fn hold(&self) {
        self.clock.hold();
    }

    /// A clock that stood still leaps to where it would be. Nothing happens to one that did not.
    pub fn release(&self) {
        self.clock.release();
    }

    /// Whether the clock of this handle stands still.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.clock.is_held()
    }

    /// True time, whatever the clock of this handle.
    #[must_use]
    pub fn now(&self) -> Time {
        self.executor.now()
    }

    /// What the clock of this handle shows.
    #[must_use]
    pub fn node_time(&self) -> Time {
        self.clock.show()
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.executor.seed()
    }

    /// One turn of one cell, or one event of the world; `None` if all is idle for ever, or a replay has come to its end or
    /// to a difference.
    ///
    /// # Panics
    /// With the panic of an automaton that nobody watches.
    pub fn step(&self, world: &mut impl World) -> Option<Record> {
        self.step_before(Time::MAX, world)
    }

    /// The next step, if it comes at `end` or before. Time does not pass `end`.
    fn step_before(&self, end: Time, world: &mut impl World) -> Option<Record> {
        let record = self.executor.step(self, end, world);
        if let Some((name, panic)) = self.executor.take_panic() {
            match panic.take() {
                Some(payload) => std::panic::resume_unwind(payload),
                None => panic!("the automaton `{name}` panicked: {}", panic.message()),
            }
        }
        record
    }

    /// Takes steps until nothing is left to do up to `end`, itself included, and moves there. Returns how many.
    pub fn run_until(&self, end: Time, world: &mut impl World) -> u64 {
        let mut steps = 0;
        while self.step_before(end, world).is_some() {
            steps += 1;
        }
        self.executor.pass(end);
        steps
    }

    /// As [`run_until`](Self::run_until), for this long.
    pub fn run_for(&self, time: Duration, world: &mut impl World) -> u64 {
        self.run_until(self.now().after(time), world)
    }

    /// Takes steps until all is idle for ever. Does not return if a timer comes again and again. Returns how many.
    pub fn run_until_idle(&self, world: &mut impl World) -> u64 {
        let mut steps = 0;
        while self.step(world).is_some() {
            steps += 1;
        }
        steps
    }

    /// As [`Address::kill`], and a paused cell goes on to its death.
    pub fn crash<C: 'static>(&self, address: &Address<C>) {
        address.kill();
        self.resume(address);
    }

    /// The cell takes no turn until it is resumed; posts and timers wait. Named by an address or by itself.
    pub fn pause(&self, cell: impl Into<CellId>) {
        self.executor.pause(cell.into());
    }

    /// The cell takes turns again.
    pub fn resume(&self, cell: impl Into<CellId>) {
        self.executor.resume(cell.into());
    }

    /// Looks into an automaton between turns. `None` if it is dead, or no `A`. Of a [`Door`](super::Door) ask
    /// [`present`](super::Door::present): its own address leads to none.
    pub fn look<A: Automaton, R>(
        &self,
        address: &Address<A::Command>,
        look: impl FnOnce(&A, &A::State) -> R,
    ) -> Option<R> {
        let cell = address.port().node().any().downcast_ref::<Cell<A>>()?;
        let body = cell.body.try_enter()?;
        let live = body.live.as_ref()?;
        Some(look(&live.automaton, live.state.as_ref()?))
    }

    /// The hash of all steps so far: equal for equal runs.
    #[must_use]
    pub fn hash(&self) -> u128 {
        self.executor.hash()
    }

    /// Keeps the records of all further steps, for [`trace`](Self::trace): 64 bytes each. Said before the first step, unless the trace
    /// is for reading alone: what began later cannot be replayed.
    pub fn keep_trace(&self) {
        self.executor.keep_trace();
    }

    /// The steps since [`keep_trace`](Self::keep_trace); empty without it.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.executor.trace()
    }

    /// Where a replay and its trace parted, if they did. Asked when the program has come to its end: a replay that stopped
    /// before its trace did has parted from it there.
    #[must_use]
    pub fn difference(&self) -> Option<Difference> {
        self.executor.difference()
    }
}

impl Runner for VirtualTime {
    fn builder<A: Automaton>(&self, automaton: A, state: A::State) -> Builder<A> {
        Builder::on(&self.home, automaton, state)
    }

    /// Takes steps until the future is ready.
    ///
    /// # Panics
    /// If all is idle first: then the future would never be ready.
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return output;
            }
            assert!(self.step(&mut ()).is_some(), "all automata are idle, and what is waited for has not come");
        }
    }
}
