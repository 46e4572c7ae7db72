//! Children whose parent drains them itself.
//!
//! ```text
//!   Drain ──> the rest of the queue ──> Last: drain() ──> gone() ──> gone(): the last one ──> Exit
//!     postpone(Last)    work for them     each child drains, the parent lingers
//! ```

use super::address::Address;
use super::automaton::{Automaton, CellId};
use super::context::Context;
use std::mem;

/// The children of an automaton that ends after they have, in three lines: [`spawn`](Self::spawn) instead of the context's,
/// [`drain`](Self::drain) once nothing more is to be posted to them, [`gone`](Self::gone) for their death notices.
///
/// [`Drain`](super::Input::Drain) overtakes what is queued, and what is queued may be work for the children. So it is answered by a
/// command that waits for the end of the queue, as below: what is [postponed](Context::postpone) comes once more behind it. A parent
/// whose queue holds nothing for its children may say `drain` in `Drain` itself. Beware: what a parent that drains postpones later
/// comes behind it, and a change of its kind brings it early, before the rest of the queue: that finds the children draining.
///
/// Under a [`Drain`](crate::sync::drain::Drain) children end first without it: see [`drain_with`](super::Builder::drain_with).
///
/// ```
/// use rsm::fsm::{Automaton, CellId, Children, Context, End, Input, Runner, VirtualTime};
/// use rsm::sync::lock::Lock;
///
/// static DONE: Lock<Vec<u32>> = Lock::new(Vec::new());
/// struct Worker;
/// impl Automaton for Worker {
///     type State = ();
///     type Command = u32;
///     fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
///         if let Input::Command(job) = input {
///             DONE.lock().push(job);
///         }
///     }
/// }
///
/// enum Order { Work(u32), Last, Gone(CellId) }
/// #[derive(Default)]
/// struct Manager { workers: Children<u32> }
/// impl Automaton for Manager {
///     type State = ();
///     type Command = Order;
///     fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
///         match input {
///             Input::Start => (0..3).for_each(|_| self.workers.spawn(context, Worker, (), Order::Gone)),
///             Input::Command(Order::Work(job)) => {
///                 self.workers.all()[job as usize % 3].post(job).expect("they drain after our queue");
///             }
///             Input::Drain => context.postpone(Order::Last),
///             Input::Command(Order::Last) => self.workers.drain(context),
///             Input::Command(Order::Gone(cell)) => self.workers.gone(cell, context),
///             Input::Transition { .. } | Input::Exit => {}
///         }
///     }
/// }
///
/// let time = VirtualTime::new(1);
/// let manager = time.spawn(Manager::default(), ());
/// (0..9).for_each(|job| manager.post(Order::Work(job)).unwrap());
/// let ended = manager.ended();
/// manager.drain();
/// assert!(matches!(time.block_on(ended), Ok(End::Exited)));
/// let mut done = DONE.lock();
/// done.sort_unstable();
/// assert_eq!(*done, [0, 1, 2, 3, 4, 5, 6, 7, 8], "each job is done, and the workers are gone");
/// ```
#[derive(Debug)]
pub struct Children<C: 'static> {
    all: Vec<Address<C>>,
    draining: bool,
    /// Whether the parent lingers for them.
    lingers: bool,
}

impl<C: 'static> Children<C> {
    /// None yet.
    #[must_use]
    pub const fn new() -> Children<C> {
        Children { all: Vec::new(), draining: false, lingers: false }
    }

    /// Brings a child to life and watches it; `gone` makes the command that tells of its end.
    pub fn spawn<A: Automaton, B: Automaton<Command = C>>(
        &mut self,
        context: &mut Context<A>,
        child: B,
        state: B::State,
        gone: impl FnOnce(CellId) -> A::Command + Send + 'static,
    ) {
        let child = context.spawn(child, state);
        self.add(context, child, gone);
    }

    /// Watches one that was made by a [`builder`](Context::builder); `gone` makes the command that tells of its end. If they drain
    /// already, it drains too, and the parent waits for it as for all others.
    pub fn add<A: Automaton>(
        &mut self,
        context: &mut Context<A>,
        child: Address<C>,
        gone: impl FnOnce(CellId) -> A::Command + Send + 'static,
    ) {
        let cell = child.cell();
        context.watch(&child, move |_| gone(cell));
        if self.draining {
            child.drain();
            self.linger(context);
        }
        self.all.push(child);
    }

    /// Those that live, in order of birth.
    #[must_use]
    pub fn all(&self) -> &[Address<C>] {
        &self.all
    }

    /// Said when a parent that drains has nothing more for them: drains them all, and has the parent linger until the last is gone.
    /// From here on they refuse what is posted to them.
    pub fn drain<A: Automaton>(&mut self, context: &mut Context<A>) {
        self.draining = true;
        self.all.iter().for_each(Address::drain);
        if !self.all.is_empty() {
            self.linger(context);
        }
    }

    fn linger<A: Automaton>(&mut self, context: &mut Context<A>) {
        if !mem::replace(&mut self.lingers, true) {
            context.linger();
        }
    }

    /// Said when a death notice comes: forgets the child. After the last one, in draining, the parent lingers no more for them: it
    /// drains, so what it has accepted is still delivered, and ends.
    pub fn gone<A: Automaton>(&mut self, child: CellId, context: &mut Context<A>) {
        self.all.retain(|one| one.cell() != child);
        if self.draining && self.all.is_empty() {
            if mem::take(&mut self.lingers) {
                context.linger_no_more();
            }
            context.drain();
        }
    }
}

impl<C: 'static> Default for Children<C> {
    fn default() -> Self {
        Children::new()
    }
}
