//! How a thread or a task waits: a token, and the ring in which every primitive of the floor queues its waiters.
//!
//! ```text
//!   Lock, RwLock, Event, Semaphore, ...      the word decides who gets what, by one compare-and-swap
//!        |  Queue (8 bytes, in the object)
//!        v
//!      tail --> newest                       a ring of nodes; each lies on the stack of the blocked
//!                 |  next                    thread, or inside the pinned future, that waits
//!                 v
//!               oldest --> ... --> newest    guarded by the lowest bit of the queue's word
//! ```
//! There is no global table and no allocation, and threads and tasks stand in one order. Whoever pops a node says by its state
//! what was decided (woken, granted, closed) and wakes the sleeper; the node only reports, so a timeout that races with a grant
//! has one loser and never two winners.
//!
//! Of all this [`Parker`] and [`Unparker`] are public: a token between two threads, or a thread and a task.

mod future;
mod node;
mod parker;
mod queue;
mod wait;

#[cfg(rsm_loom)]
#[doc(hidden)]
pub mod models;
#[cfg(all(rsm_shuttle, not(rsm_loom)))]
#[doc(hidden)]
pub mod schedules;
#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;

pub(crate) use future::Wait;
pub(crate) use node::{Sleeper, Verdict, Waiter};
pub use parker::{Parker, Unparker};
pub(crate) use queue::{BATCH, End, Pop, Popped, Queue};
pub(crate) use wait::{Decision, NoSleep, Policy, await_verdict, sleep, wait};

/// Older than this, a waiter no longer competes: it is served next. Nanoseconds.
pub(crate) const OVERDUE_NS: u64 = 500_000;

/// Whether a waiter who has been there since `since` has waited too long by `now`.
pub(crate) fn is_overdue(since: u64, now: u64) -> bool {
    #[cfg(rsm_loom)]
    if super::model::is_overdue() {
        return true;
    }
    now.saturating_sub(since) > OVERDUE_NS
}
