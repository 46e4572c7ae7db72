//! The sending side.

use super::bounded::{Sending, Shared};
use super::busy::Refused;
use super::chunk::{Loose, room};
use super::error::{SendError, SendTimeoutError, TrySendError};
use crate::sync::park::{Wait, wait};
use crate::sync::shim::{Arc, Deadline, Ordering::*};
use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

/// The sending side of a channel. Clone it for each thread or task; the channel ends when the last one is dropped.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
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
        let sending = Sending::new(&self.shared, message);
        wait(&sending, Deadline::NEVER).unwrap_or_else(|| Err(SendError(sending.into_message())))
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
    fn send_deadline(&self, message: T, deadline: impl FnOnce() -> Deadline) -> Result<(), SendTimeoutError<T>> {
        match self.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(message)) => Err(SendTimeoutError::Closed(message)),
            Err(TrySendError::Full(message)) => {
                let sending = Sending::new(&self.shared, message);
                match wait(&sending, deadline()) {
                    Some(sent) => sent.map_err(|SendError(message)| SendTimeoutError::Closed(message)),
                    None => Err(SendTimeoutError::TimedOut(sending.into_message())),
                }
            }
        }
    }

    /// A future of [`send`](Sender::send). Dropped before it is done, it has not sent, and the message is dropped with it.
    /// Do not leak it.
    pub fn send_async(&self, message: T) -> impl Future<Output = Result<(), SendError<T>>> {
        Wait::new(Sending::new(&self.shared, message))
    }

    /// Sends many, in order, a chunk at a time: one read-modify-write for some hundred of them. Waits for room as
    /// [`send`](Sender::send) does. Other senders' messages may come in between chunks.
    ///
    /// # Errors
    /// [`SendError`] with the messages that were drawn and not sent. Give the iterator `by_ref` to keep those not drawn.
    pub fn send_all(&self, messages: impl IntoIterator<Item = T>) -> Result<(), SendError<Vec<T>>> {
        let channel = &self.shared.channel;
        let mut messages = messages.into_iter();
        let mut emptied = None;
        loop {
            let most = messages.size_hint().1.unwrap_or(usize::MAX).clamp(1, room::<T>());
            // The user's iterator runs here, outside the channel.
            let Some(first) = messages.next() else { return Ok(()) };
            let mut chunk = emptied.take().unwrap_or_else(|| Loose::new(most));
            chunk.push(first);
            // A guess, as others send, too. More than is free is not drawn, for it could not go in at once.
            let free = channel.limit().saturating_sub(channel.len()).clamp(1, chunk.room() as u64) as usize;
            messages.by_ref().take(free - 1).for_each(|message| chunk.push(message));
            match channel.push_all(chunk) {
                Ok(again) => emptied = again,
                Err((Refused::Closed, chunk)) => return Err(SendError(chunk.into_vec())),
                Err((Refused::Full, chunk)) => self.send_each(chunk.into_vec())?,
            }
        }
    }

    fn send_each(&self, messages: Vec<T>) -> Result<(), SendError<Vec<T>>> {
        let mut messages = messages.into_iter();
        while let Some(message) = messages.next() {
            if let Err(SendError(message)) = self.send(message) {
                return Err(SendError(std::iter::once(message).chain(messages).collect()));
            }
        }
        Ok(())
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
