//! Children whose parent drains them itself.
//!
//! ```text
//!   Drain ──> drain(): each child drains, the parent lingers ──> gone() ──> gone(): the last one ──> stop
//! ```

use super::address::Address;
use super::automaton::{Automaton, CellId};
use super::context::Context;

/// The children of an automaton that ends after they have, in three lines: [`spawn`](Self::spawn) instead of the context's,
/// [`drain`](Self::drain) in [`Drain`](super::Input::Drain), [`gone`](Self::gone) for their death notices.
///
/// Under a [`Drain`](crate::sync::drain::Drain) children end first without it: see [`drain_with`](super::Builder::drain_with).
///
/// ```
/// use rsm::fsm::{Automaton, CellId, Children, Context, Input, Runner, VirtualTime};
///
/// struct Worker;
/// impl Automaton for Worker {
///     type State = ();
///     type Command = u32;
///     fn next(&mut self, (): (), _: Input<Self>, _: &mut Context<Self>) { /* works */ }
/// }
///
/// enum Order { Work(u32), Gone(CellId) }
/// #[derive(Default)]
/// struct Manager { workers: Children<u32> }
/// impl Automaton for Manager {
///     type State = ();
///     type Command = Order;
///     fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
///         match input {
///             Input::Start => (0..3).for_each(|_| self.workers.spawn(context, Worker, (), Order::Gone)),
///             Input::Command(Order::Work(job)) => {
///                 self.workers.all()[job as usize % 3].post(job).expect("it runs as long as we do");
///             }
///             Input::Drain => self.workers.drain(context),
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
/// time.block_on(ended).unwrap(); // each job is done, and the workers are gone
/// ```
#[derive(Debug)]
pub struct Children<C: 'static> {
    all: Vec<Address<C>>,
    draining: bool,
}

impl<C: 'static> Children<C> {
    /// None yet.
    #[must_use]
    pub const fn new() -> Children<C> {
        Children { all: Vec::new(), draining: false }
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

    /// Watches one that was made by a [`builder`](Context::builder); `gone` makes the command that tells of its end.
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
        }
        self.all.push(child);
    }

    /// Those that live, in order of birth.
    #[must_use]
    pub fn all(&self) -> &[Address<C>] {
        &self.all
    }

    /// Said in `Drain`: drains them all, and has the parent linger until the last is gone.
    pub fn drain<A: Automaton>(&mut self, context: &mut Context<A>) {
        self.draining = true;
        self.all.iter().for_each(Address::drain);
        if !self.all.is_empty() {
            context.linger();
        }
    }

    /// Said when a death notice comes: forgets the child. The last one, in draining, ends the parent.
    pub fn gone<A: Automaton>(&mut self, child: CellId, context: &mut Context<A>) {
        self.all.retain(|one| one.cell() != child);
        if self.draining && self.all.is_empty() {
            context.stop();
        }
    }
}

impl<C: 'static> Default for Children<C> {
    fn default() -> Self {
        Children::new()
    }
}
