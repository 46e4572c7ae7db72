//! The one future of the floor: a task waits in the same ring as the threads do.
//!
//! ```text
//!   Free ── polled: attempt ──> Done                                       dropped: nothing
//!     |  ^           | else links
//!     |  | woken     v
//!     +──+──────── Linked ── popped: granted, closed; polled ──> Done      dropped: unlinks, or hands on what was granted
//! ```

use super::super::shim::now_ns;
use super::node::{Sleeper, Verdict, Waiter};
use super::wait::{Linked, Policy, await_verdict, give_up, link};
use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// An operation that waits as a task. Dropping it gives up, and hands on what had been granted meanwhile.
///
/// A future that is leaked (`mem::forget` of a box) stays linked, in memory that pinning keeps: sound, but with grants in order
/// it swallows one. So: do not leak.
pub(crate) struct Wait<P: Policy> {
    policy: P,
    node: Waiter,
    phase: Cell<Phase>,
    /// A direct field, or the compiler would take the `&mut` of `poll` for the only way to the node.
    _pinned: PhantomPinned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not linked: it may move, and has nothing to take back.
    Free { again: bool },
    /// Linked, or popped.
    Linked,
    /// Its output is given.
    Done,
}

// SAFETY: the node may be reached from any thread (N1 to N5), the phase is reached by the one that polls or drops; the rest is
// the policy.
unsafe impl<P: Policy + Send> Send for Wait<P> {}

impl<P: Policy> Wait<P> {
    /// Does nothing until it is polled.
    pub(crate) fn new(policy: P) -> Wait<P> {
        let node = Waiter::new(policy.want(), 0);
        Wait { policy, node, phase: Cell::new(Phase::Free { again: false }), _pinned: PhantomPinned }
    }

    /// Tries, and links if it must.
    fn begin(&self, waker: &Waker, again: bool) -> Poll<P::Output> {
        loop {
            if let Some(output) = self.policy.attempt() {
                return self.done(output);
            }
            if !again {
                self.node.set_since(now_ns());
            }
            match link(&self.policy, &self.node, Sleeper::Task(waker.clone()), again) {
                Linked::Taken => return self.done(self.policy.finish(Verdict::Granted)),
                Linked::Retry => {}
                Linked::Queued => {
                    self.phase.set(Phase::Linked);
                    return Poll::Pending;
                }
            }
        }
    }

    /// Linked, polled again: perhaps by another task.
    fn renew(&self, waker: &Waker) -> Poll<P::Output> {
        if self.node.verdict().is_none() {
            let ring = self.policy.queue().hold();
            let linked = ring.has(&self.node);
            let same = linked && self.node.will_wake(waker);
            drop(ring);
            if same {
                return Poll::Pending;
            }
            if linked {
                // A waker is foreign code, so it is cloned before the bit is taken, and the old one dropped after.
                let mine = Some(Sleeper::Task(waker.clone()));
                let ring = self.policy.queue().hold();
                if ring.has(&self.node) {
                    let old = self.node.swap_who(mine);
                    drop(ring);
                    drop(old);
                    return Poll::Pending;
                }
                drop(ring);
            }
        }
        match await_verdict(&self.node) {
            Verdict::Woken => {
                self.phase.set(Phase::Free { again: true });
                self.begin(waker, true)
            }
            verdict @ (Verdict::Granted | Verdict::Closed) => self.done(self.policy.finish(verdict)),
        }
    }

    fn done(&self, output: P::Output) -> Poll<P::Output> {
        self.phase.set(Phase::Done);
        Poll::Ready(output)
    }
}

impl<P: Policy> Future for Wait<P> {
    type Output = P::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<P::Output> {
        let this = self.into_ref().get_ref();
        match this.phase.get() {
            Phase::Free { again } => this.begin(context.waker(), again),
            Phase::Linked => this.renew(context.waker()),
            Phase::Done => panic!("a future is not polled after it is done"),
        }
    }
}

impl<P: Policy> Drop for Wait<P> {
    fn drop(&mut self) {
        if self.phase.get() == Phase::Linked
            && let Some(verdict) = give_up(&self.policy, &self.node)
        {
            self.policy.give_back(verdict);
        }
    }
}
