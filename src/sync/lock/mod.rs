//! Mutual exclusion, with a queue of a chosen order and 32 bits that change together with the lock.
//!
//! ```text
//!                lock                    unlock, nobody waits or the heir is awake
//!     free  ------------->  locked  ------------------------------------------------>  free
//!                             |  unlock, wakes one: the heir, who competes                |
//!                             |                                                           | heir: inherits
//!                             |  heir, after 0.5 ms: demands                              v
//!                             +----------------------> owed  -- unlock --> given --> the heir's
//! ```
//! Barging is allowed: who comes by takes a free lock although others are queued, which makes short sections several times
//! faster than strict order. At most one waiter is woken at a time. Nobody starves: an heir that has waited for more than
//! 0.5 ms is handed the lock by the next unlock, so each waiter has it after at most (its place) x (0.5 ms, a wake and one
//! critical section). [`Guard::unlock_fair`] hands over at once, for strict order.
//!
//! - The **payload**: 32 bits beside the lock's own, read at any time by one load ([`Lock::payload`]), and changed only by
//!   locking and unlocking, atomically with them ([`Lock::lock_with`], [`Guard::unlock_with`]), or by both in one step where the
//!   lock is free ([`Lock::replace_payload`]). So a mark about the value (a phase, a depth, "closed") disagrees with the value
//!   only where its owner lets it: nobody changes it behind an owner's back.
//!   A closure that locks runs as often as others are quicker, always on the thread that locks, and its last run counts; one
//!   that unlocks runs once. Both see the payload that theirs replaces. They must
//!   be pure: a run may come to nothing.
//! - What a reader of the payload may conclude: a mark set by locking and cleared by unlocking is there only while its owner is
//!   in. Not the reverse: a lock that is being handed over is locked, and carries what the last owner has left. After
//!   [`Lock::snapshot_acquire`] what the owners up to then wrote elsewhere may be read.
//! - There is **no poisoning**: a panic under the lock unlocks it, the payload unchanged. Who wants a poison bit keeps it in the
//!   payload: set when locking, cleared when unlocking (see [`Lock`]).
//! - It is for threads. A task that would hold a lock across an await wants an automaton or a semaphore.
//! - With the feature `lock_api` a `Lock<()>` is the raw mutex of `lock_api::Mutex`, with deadlines and fair unlocking.
//! - 16 bytes beside the value; a free lock costs two atomic read-modify-writes. `Lock<()>` is a raw lock: see
//!   [`Lock::force_unlock`].

mod guard;
#[cfg(all(feature = "lock_api", not(rsm_loom)))]
mod lock_api;
mod raw;
mod strategy;
#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
mod word;

pub use guard::{Guard, Lock};
pub use strategy::{Fifo, Lifo, Strategy};
pub use word::Snapshot;
