//! A channel for threads and tasks: many senders, one receiver, who takes all that is there at once.
//!
//! ```text
//!   Sender ──┐ send                      take            ┌ Batch: one message after the other
//!   Sender ──┼──> [chunk] -> [chunk] ──────────────> Receiver
//!   Sender ──┘ one read-modify-write     O(1),           └ recv: the same, one by one
//!              per message               however many
//! ```
//! Reach for it where messages go to one thread or task: a writer, a log, a worker. [`unbounded`] never makes a sender wait;
//! [`bounded`] does, when the receiver lags. One answer to one question wants a [`oneshot`](super::oneshot); an automaton has an
//! inbox of its own, which knows its phases.
//!
//! - Messages of one sender come in the order in which they were sent.
//! - The channel ends when all senders are gone and what they sent is read, or when the receiver is gone: then every send
//!   hands its message back.
//! - A burst is paid back: two drained chunks are kept (4 KiB each, or 8 messages where those are bigger), the rest is freed
//!   while it is read.
//! - Nothing of the user's runs inside: a message's `Drop` may send to the same channel.
//!
//! ```
//! use rsm::sync::mpsc;
//! use std::thread;
//!
//! // Four workers report; one thread writes, a whole batch before each flush.
//! let (report, mut reports) = mpsc::unbounded();
//! let workers: Vec<_> = (0..4)
//!     .map(|worker| {
//!         let report = report.clone();
//!         thread::spawn(move || (0..100).for_each(|line| report.send((worker, line)).unwrap()))
//!     })
//!     .collect();
//! drop(report); // the workers hold the others: the channel ends with the last of them
//!
//! let mut next = [0; 4];
//! while let Ok(batch) = reports.take() {
//!     for (worker, line) in batch {
//!         assert_eq!(line, next[worker], "each worker's lines come in order");
//!         next[worker] += 1;
//!     }
//!     // flush here: once per batch
//! }
//! assert_eq!(next, [100; 4]);
//! workers.into_iter().for_each(|worker| worker.join().unwrap());
//! ```

mod batch;
mod bounded;
mod busy;
mod chain;
mod chunk;
mod error;
mod hand;
mod many;
mod receiver;
mod sender;
mod word;

pub use batch::Batch;
pub use error::{SendError, SendTimeoutError, TryRecvError, TrySendError};
pub use receiver::{Receiver, RecvFuture, TakeFuture};
pub use sender::Sender;

/// A channel without a limit: sending never waits. Its length is limited by memory alone.
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(word::LIMIT_MAX)
}

/// A channel that holds up to `limit` messages (0 counts as 1): a sender that finds it full waits, or gets its message back.
///
/// What the receiver has taken no longer counts: with the batch in its hand up to twice as many may be in memory.
pub fn bounded<T>(limit: usize) -> (Sender<T>, Receiver<T>) {
    channel((limit as u64).clamp(1, word::LIMIT_MAX - 1))
}

fn channel<T>(limit: u64) -> (Sender<T>, Receiver<T>) {
    let shared = super::shim::Arc::new(bounded::Shared::new(limit));
    (Sender::first(shared.clone()), Receiver::new(shared))
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
