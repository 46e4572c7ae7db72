//! The sending side, one message at a time.
//!
//! ```text
//!   send ──> room: in, one step        full ──> waits in line ──> a place is set aside: in, by the same step
//!        ──> closed: back to the caller              |
//!                                                    +──> deadline, or its future dropped: nothing was sent
//! ```

use super::bounded::{Seeking, Shared};
use super::error::{SendError, SendTimeoutError, TrySendError};
use super::word::Refused;
use crate::sync::Closed;
use crate::sync::park::{Wait, wait};
use crate::sync::shim::{Arc, Deadline, Ordering::*};
use std::fmt;
use std::time::{Duration, Instant};

/// The sending side of a channel. Clone it for each thread or task; the channel ends when the last one is dropped.
///
/// It may be sent and shared if the messages may be sent, and so may the receiver:
///
/// ```
/// fn share<T: Send + Sync>(_: T) {}
/// share(rsm::sync::mpsc::bounded::<std::cell::Cell<u32>>(1));
/// ```
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(rsm::sync::mpsc::bounded::<std::rc::Rc<u32>>(1).0);
/// ```
/// Its futures may be sent if the messages may be:
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(rsm::sync::mpsc::bounded(1).0.send_async(std::rc::Rc::new(1)));
/// ```
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(rsm::sync::mpsc::bounded::<std::rc::Rc<u32>>(1).0.send_all_async(&mut std::collections::VecDeque::new()));
/// ```
pub struct Sender<T> {
    pub(super) shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// The first sender: it is counted already.
    pub(super) fn first(shared: Arc<Shared<T>>) -> Sender<T> {
        Sender { shared }
    }

    /// Sends a message. Waits for room if the channel is bounded and full; otherwise one read-modify-write.
    ///
    /// # Errors
    /// [`SendError`]: the receiver is gone, or has closed the channel.
    #[inline]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self.shared.channel.push(message, false) {
            Ok(()) => Ok(()),
            Err((Refused::Closed, message)) => Err(SendError(message)),
            Err((Refused::Full, message)) => self.send_waiting(message),
        }
    }

    #[cold]
    fn send_waiting(&self, message: T) -> Result<(), SendError<T>> {
        let place = wait(&Seeking::new(&self.shared), Deadline::NEVER).expect("a wait without a deadline has an end");
        self.send_into(place, message)
    }

    /// Sends into the place that was waited for.
    pub(super) fn send_into(&self, place: Result<(), Closed>, message: T) -> Result<(), SendError<T>> {
        match place {
            Ok(()) => self.shared.channel.push(message, true).map_err(|(_, message)| SendError(message)),
            Err(Closed) => Err(SendError(message)),
        }
    }

    /// Sends a message if there is room now. Never waits.
    ///
    /// # Errors
    /// [`TrySendError`]: the channel is full, or closed.
    #[inline]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.shared.channel.push(message, false).map_err(|(why, message)| match why {
            Refused::Full => TrySendError::Full(message),
            Refused::Closed => TrySendError::Closed(message),
        })
    }

    /// Sends a message. Waits that long at most for room.
    ///
    /// # Errors
    /// [`SendTimeoutError`]: the channel stayed full, or is closed.
    pub fn send_timeout(&self, message: T, time: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_deadline(message, || Deadline::after(time))
    }

    /// Sends a message. Waits until then at most for room.
    ///
    /// # Errors
    /// [`SendTimeoutError`]: the channel stayed full, or is closed.
    pub fn send_until(&self, message: T, instant: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_deadline(message, || Deadline::at(instant))
    }

    /// The clock is read only by who has to wait.
    pub(super) fn send_deadline(
        &self,
        message: T,
        deadline: impl FnOnce() -> Deadline,
    ) -> Result<(), SendTimeoutError<T>> {
        match self.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(message)) => Err(SendTimeoutError::Closed(message)),
            Err(TrySendError::Full(message)) => match wait(&Seeking::new(&self.shared), deadline()) {
                Some(place) => self.send_into(place, message).map_err(|SendError(back)| SendTimeoutError::Closed(back)),
                None => Err(SendTimeoutError::TimedOut(message)),
            },
        }
    }

    /// A future of [`send`](Sender::send). Dropped before it is done, it has not sent, and the message is dropped with it.
    /// Do not leak it.
    pub async fn send_async(&self, message: T) -> Result<(), SendError<T>> {
        match self.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(message)) => Err(SendError(message)),
            Err(TrySendError::Full(message)) => {
                let place = Wait::new(Seeking::new(&self.shared)).await;
                self.send_into(place, message)
            }
        }
    }

    /// Messages that wait in the channel, at some moment during the call. What the receiver has taken is not among them.
    pub fn len(&self) -> usize {
        self.shared.channel.len() as usize
    }

    /// Whether no message waited in the channel, at some moment during the call.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the receiver is gone, or has closed the channel: every send would fail.
    pub fn is_closed(&self) -> bool {
        self.shared.channel.is_closed()
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
impl<T> Sender<T> {
    /// Whether the receiver sleeps.
    pub(super) fn is_napping(&self) -> bool {
        self.shared.channel.is_napping()
    }

    /// How many senders wait.
    pub(super) fn waiting(&self) -> u64 {
        self.shared.waiting()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        // Relaxed: whoever clones holds one, so the count cannot reach zero meanwhile.
        self.shared.senders.fetch_add(1, Relaxed);
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // ORDERING: Release and Acquire put the end behind all that any sender sent. Litmus, which loom cannot see as it runs each
        // thread in order: A stores `word` (a message), then counts itself out; B counts to zero, then closes by `word`. With less,
        // B's closing may come before A's store in the order of `word`, and A's message would be refused.
        if self.shared.senders.fetch_sub(1, AcqRel) == 1 {
            self.shared.close();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("len", &self.len()).field("is_closed", &self.is_closed()).finish()
    }
}
