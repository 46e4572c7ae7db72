//! Cancelling: a tree of reasons to give up, each with a deadline if it has one.
//!
//! ```text
//!                 server ── cancel() ends all three
//!                /      \
//!     request, 2 s      request, 5 s ── cancel(), or a wait that sees its deadline: ends these two
//!                            |
//!                        sub-request    its deadline: the earliest on the way up, 5 s
//! ```
//! Reach for it when work should be broken off: a client went away, an answer would come too late, the program ends. Whoever works
//! asks ([`is_cancelled`](Cancel::is_cancelled), one load) or waits for it beside its work ([`cancelled`](Cancel::cancelled)), and
//! hands a [`child`](Cancel::child) to what it begins. Work that should be finished first wants a [`Drain`](super::drain::Drain).
//!
//! ```
//! use rsm::sync::cancel::Cancel;
//! use std::{thread, time::{Duration, Instant}};
//!
//! let server = Cancel::new();
//! let request = server.child_until(Instant::now() + Duration::from_secs(60));
//! let workers: Vec<_> = (0..4)
//!     .map(|_| {
//!         let part = request.child();
//!         thread::spawn(move || {
//!             // A pause that ends early: what a plain sleep cannot.
//!             while part.wait_timeout(Duration::from_millis(1)).is_err() { /* works on */ }
//!         })
//!     })
//!     .collect();
//! request.cancel(); // the client went away
//! workers.into_iter().for_each(|worker| worker.join().unwrap());
//! assert!(!server.is_cancelled(), "what is above goes on");
//! ```
//! There is no timer behind a deadline. A thread that waits wakes at it and cancels; a task races
//! [`cancelled`](Cancel::cancelled) with a timer of its own for [`deadline`](Cancel::deadline) and cancels then; an automaton sets
//! a timer. `is_cancelled` reads no clock: until one of them has cancelled, it says no.
//!
//! C1 one is cancelled => all below it are, also who is born meanwhile. C2 cancelled stays cancelled. C3 a deadline is never later than one further up.

use super::TimedOut;
use super::event::Event;
use super::lock::Lock;
use super::slab::Slab;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// A reason to give up, or not yet. A handle; clones are the same one.
///
/// Dropping handles cancels nothing. Of a child that nobody holds any more nothing is left.
#[derive(Clone)]
pub struct Cancel {
    node: Arc<Node>,
}

struct Node {
    done: Event,
    deadline: Option<Instant>,
    below: Lock<Below>,
    /// Where we stand, and our seat there. Held, as the way from the top to us leads through it.
    above: Option<(Arc<Node>, usize)>,
}

/// What is below a node.
struct Below {
    /// Whoever is born from here on is born cancelled, and takes no seat.
    cancelled: bool,
    /// All below are cancelled, too: nothing is left to be done.
    settled: bool,
    children: Slab<Weak<Node>>,
}

impl Cancel {
    /// Not cancelled, without a deadline: the top of a tree.
    pub fn new() -> Cancel {
        Cancel { node: Arc::new(Node::new(None, None)) }
    }

    /// Not cancelled, with a deadline: the top of a tree.
    pub fn until(deadline: Instant) -> Cancel {
        Cancel { node: Arc::new(Node::new(Some(deadline), None)) }
    }

    /// One that is cancelled with this one, and may be cancelled by itself. It has this one's deadline.
    pub fn child(&self) -> Cancel {
        self.beget(self.node.deadline)
    }

    /// As [`child`](Cancel::child), with a deadline of its own, if that is earlier.
    pub fn child_until(&self, deadline: Instant) -> Cancel {
        self.beget(Some(self.node.deadline.map_or(deadline, |above| above.min(deadline)))) // C3
    }

    fn beget(&self, deadline: Option<Instant>) -> Cancel {
        let mut below = self.node.below.lock();
        if below.cancelled {
            drop(below);
            let child = Cancel { node: Arc::new(Node::new(deadline, None)) };
            child.cancel(); // C1
            return child;
        }
        let node = Arc::new_cyclic(|child: &Weak<Node>| {
            Node::new(deadline, Some((self.node.clone(), below.children.insert(child.clone()))))
        });
        Cancel { node }
    }

    /// Cancels this one and all below it: whoever waits wakes. Nothing, if it is cancelled.
    ///
    /// What was written before is seen by whoever finds it cancelled. Costs as many steps as there are handles below. If a waker
    /// panics, all others are cancelled and woken before the panic goes on; if two do, the process aborts.
    pub fn cancel(&self) {
        let mut walk = Walk { left: vec![self.node.clone()], marked: Vec::new() };
        walk.go();
        // The way is gone to its end, so nobody need go it again.
        let mut below = self.node.below.lock();
        below.settled = true;
        let children = std::mem::replace(&mut below.children, Slab::new());
        drop(below);
        drop(children);
    }

    /// Whether it is cancelled. One load; no clock is read.
    pub fn is_cancelled(&self) -> bool {
        self.node.done.is_set()
    }

    /// The earliest deadline on the way up, if there is one. Who sees it pass cancels.
    pub fn deadline(&self) -> Option<Instant> {
        self.node.deadline
    }

    /// Waits until it is cancelled. At its deadline the wait itself cancels it.
    pub fn wait(&self) {
        match self.node.deadline {
            None => self.node.done.wait(),
            Some(deadline) => {
                if self.node.done.wait_until(deadline).is_err() {
                    self.cancel();
                }
            }
        }
    }

    /// As [`wait`](Cancel::wait), that long at most: a pause that is cut short.
    ///
    /// # Errors
    /// [`TimedOut`]: the time was over first, before it was cancelled and before its deadline.
    pub fn wait_timeout(&self, time: Duration) -> Result<(), TimedOut> {
        if self.is_cancelled() {
            return Ok(());
        }
        match Instant::now().checked_add(time) {
            Some(instant) => self.wait_until(instant),
            None => {
                self.wait();
                Ok(())
            }
        }
    }

    /// As [`wait`](Cancel::wait), until then at most.
    ///
    /// # Errors
    /// [`TimedOut`]: the time was over first, before it was cancelled and before its deadline.
    pub fn wait_until(&self, instant: Instant) -> Result<(), TimedOut> {
        match self.node.deadline.filter(|deadline| *deadline <= instant) {
            None => self.node.done.wait_until(instant),
            Some(_) => {
                self.wait();
                Ok(())
            }
        }
    }

    /// A future that is ready once it is cancelled. It brings no timer: race it with one for [`deadline`](Cancel::deadline). May be
    /// dropped at any time.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + '_ {
        self.node.done.wait_async()
    }
}

/// A tree on its way to be cancelled, without recursion and holding one lock at a time: first down, marking, then up, telling. So
/// whoever finds one cancelled finds all below it cancelled.
struct Walk {
    left: Vec<Arc<Node>>,
    /// Those above before those below.
    marked: Vec<Arc<Node>>,
}

impl Walk {
    fn go(&mut self) {
        while let Some(node) = self.left.pop() {
            let mut below = node.below.lock();
            below.cancelled = true;
            if !below.settled {
                self.left.extend(below.children.iter().filter_map(Weak::upgrade));
            }
            drop(below);
            self.marked.push(node);
        }
        while let Some(node) = self.marked.pop() {
            node.done.set(); // wakes foreign code
        }
    }
}

impl Drop for Walk {
    /// Goes on with the rest although a wake panicked.
    fn drop(&mut self) {
        self.go();
    }
}

impl Node {
    fn new(deadline: Option<Instant>, above: Option<(Arc<Node>, usize)>) -> Node {
        let below = Below { cancelled: false, settled: false, children: Slab::new() };
        Node { done: Event::manual(), deadline, below: Lock::new(below), above }
    }
}

impl Drop for Node {
    /// Leaves its seat; and so do those above it that only it held, one after the other: a long branch would overflow the stack.
    fn drop(&mut self) {
        let mut above = self.above.take();
        while let Some((parent, seat)) = above {
            let mut below = parent.below.lock();
            // None, if it has let go of all seats; it gives no new ones then, so ours is nobody else's.
            let left = below.children.remove(seat);
            drop(below);
            drop(left);
            above = Arc::into_inner(parent).and_then(|mut parent| parent.above.take());
        }
    }
}

impl Default for Cancel {
    fn default() -> Cancel {
        Cancel::new()
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancel")
            .field("is_cancelled", &self.is_cancelled())
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
