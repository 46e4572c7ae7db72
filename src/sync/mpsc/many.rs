//! Sending many messages with one step for some hundred of them.
//!
//! ```text
//!   messages ── drawn ──> a chunk ── one step: all of it, or none ──────────> channel
//!                            | none: it was not so free as it seemed
//!                            +──> one by one, each as `send` or `try_send` ──> channel
//!                                   | refused: closed, full, or out of time
//!                                   +──> back to the caller: drawn, and not sent
//! ```
//! No more is drawn than there seems to be room for, and never less than one. The future draws from a queue of the caller's, and
//! only what goes in: dropped at any moment, it leaves the rest there.

use super::bounded::Seeking;
use super::chunk::{Loose, room};
use super::error::{SendError, SendTimeoutError, TrySendError};
use super::sender::Sender;
use super::word::Refused;
use crate::sync::Closed;
use crate::sync::park::Wait;
use crate::sync::shim::Deadline;
use std::cell::LazyCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Why the rest was not sent: what was drawn of it.
type Rest<T> = (Refused, Vec<T>);

impl<T> Sender<T> {
    /// Sends many, in order, a chunk at a time: one read-modify-write for some hundred of them. Waits for room as
    /// [`send`](Sender::send) does. Other senders' messages may come in between chunks.
    ///
    /// # Errors
    /// [`SendError`] with the messages that were drawn and not sent. Give the iterator `by_ref` to keep those not drawn.
    pub fn send_all(&self, messages: impl IntoIterator<Item = T>) -> Result<(), SendError<Vec<T>>> {
        let sent = self.send_all_by(messages, |message| {
            self.send(message).map_err(|SendError(message)| (Refused::Closed, message))
        });
        sent.map_err(|(_, rest)| SendError(rest))
    }

    /// As [`send_all`](Sender::send_all), as many as there is room for now. Never waits.
    ///
    /// # Errors
    /// [`TrySendError`] with the messages that were drawn and not sent: the channel is full, or closed. Those before them are sent.
    ///
    /// ```
    /// use rsm::sync::mpsc::{self, TrySendError};
    ///
    /// let (sender, mut receiver) = mpsc::bounded(3);
    /// let mut lines = ["a", "b", "c", "d", "e"].into_iter();
    /// let Err(TrySendError::Full(back)) = sender.try_send_all(lines.by_ref()) else { panic!("five do not fit") };
    /// assert_eq!(receiver.take().unwrap().collect::<Vec<_>>(), ["a", "b", "c"]);
    /// // What was drawn in vain, and what was not drawn: nothing is lost.
    /// assert_eq!(sender.try_send_all(back.into_iter().chain(lines)), Ok(()));
    /// assert_eq!(receiver.take().unwrap().collect::<Vec<_>>(), ["d", "e"]);
    /// ```
    pub fn try_send_all(&self, messages: impl IntoIterator<Item = T>) -> Result<(), TrySendError<Vec<T>>> {
        let sent = self.send_all_by(messages, |message| self.shared.channel.push(message, false));
        sent.map_err(|(why, rest)| match why {
            Refused::Full => TrySendError::Full(rest),
            Refused::Closed => TrySendError::Closed(rest),
        })
    }

    /// As [`send_all`](Sender::send_all), waiting that long at most, in all, for room.
    ///
    /// # Errors
    /// [`SendTimeoutError`] with the messages that were drawn and not sent. Those before them are sent.
    pub fn send_all_timeout(
        &self,
        messages: impl IntoIterator<Item = T>,
        time: Duration,
    ) -> Result<(), SendTimeoutError<Vec<T>>> {
        self.send_all_deadline(messages, || Deadline::after(time))
    }

    /// As [`send_all`](Sender::send_all), waiting until then at most for room.
    ///
    /// # Errors
    /// [`SendTimeoutError`] with the messages that were drawn and not sent. Those before them are sent.
    pub fn send_all_until(
        &self,
        messages: impl IntoIterator<Item = T>,
        instant: Instant,
    ) -> Result<(), SendTimeoutError<Vec<T>>> {
        self.send_all_deadline(messages, || Deadline::at(instant))
    }

    /// A future that sends many, from the front, as [`send_all`](Sender::send_all) does. It may be dropped at any time, before it is
    /// done too: what is left in `messages` was not sent, and all else was. Do not leak it.
    ///
    /// # Errors
    /// [`Closed`]: the receiver is gone, or has closed the channel. What was not sent is left in `messages`.
    ///
    /// ```
    /// use rsm::sync::mpsc;
    /// use std::collections::VecDeque;
    /// use std::pin::pin;
    /// use std::task::{Context, Waker};
    ///
    /// let (sender, mut receiver) = mpsc::bounded(2);
    /// let mut lines = VecDeque::from(["a", "b", "c"]);
    /// {
    ///     let mut sending = pin!(sender.send_all_async(&mut lines));
    ///     assert!(sending.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    /// } // a race with a timer is lost, say
    /// assert_eq!(lines, ["c"]);
    /// assert_eq!(receiver.take().unwrap().collect::<Vec<_>>(), ["a", "b"]);
    /// ```
    pub async fn send_all_async(&self, messages: &mut VecDeque<T>) -> Result<(), Closed> {
        while !messages.is_empty() {
            match self.send_front(messages) {
                Ok(()) => {}
                Err(Refused::Closed) => return Err(Closed),
                Err(Refused::Full) => {
                    let place = Wait::new(Seeking::new(&self.shared)).await;
                    // From here to the end of the turn nothing waits, so no drop comes between.
                    let message =
                        messages.pop_front().expect("the future has the queue to itself, and it was not empty");
                    if let Err(SendError(message)) = self.send_into(place, message) {
                        messages.push_front(message);
                        return Err(Closed);
                    }
                }
            }
        }
        Ok(())
    }

    /// The clock is read only by who has to wait, and once.
    fn send_all_deadline(
        &self,
        messages: impl IntoIterator<Item = T>,
        deadline: impl FnOnce() -> Deadline,
    ) -> Result<(), SendTimeoutError<Vec<T>>> {
        let deadline = LazyCell::new(deadline);
        let sent = self.send_all_by(messages, |message| {
            self.send_deadline(message, || *deadline).map_err(|why| match why {
                SendTimeoutError::TimedOut(message) => (Refused::Full, message),
                SendTimeoutError::Closed(message) => (Refused::Closed, message),
            })
        });
        sent.map_err(|(why, rest)| match why {
            Refused::Full => SendTimeoutError::TimedOut(rest),
            Refused::Closed => SendTimeoutError::Closed(rest),
        })
    }

    /// `send`: how each is sent of those for which there was no room.
    fn send_all_by(
        &self,
        messages: impl IntoIterator<Item = T>,
        send: impl Fn(T) -> Result<(), (Refused, T)>,
    ) -> Result<(), Rest<T>> {
        let mut messages = messages.into_iter();
        let mut emptied = None;
        loop {
            let most = messages.size_hint().1.unwrap_or(usize::MAX).clamp(1, room::<T>());
            // The user's iterator runs here, outside the channel.
            let Some(first) = messages.next() else { return Ok(()) };
            let mut chunk = emptied.take().unwrap_or_else(|| Loose::new(most));
            chunk.push(first);
            let free = self.free().clamp(1, chunk.room());
            messages.by_ref().take(free - 1).for_each(|message| chunk.push(message));
            match self.shared.channel.push_all(chunk) {
                Ok(again) => emptied = again,
                Err((Refused::Closed, chunk)) => return Err((Refused::Closed, chunk.into_vec())),
                Err((Refused::Full, chunk)) => send_each(chunk.into_vec(), &send)?,
            }
        }
    }

    /// Sends as many from the front as go in with one step. Those that do not are put back.
    fn send_front(&self, messages: &mut VecDeque<T>) -> Result<(), Refused> {
        let count = self.free().min(room::<T>()).min(messages.len());
        if count == 0 {
            return Err(Refused::Full);
        }
        let mut chunk = Loose::new(count);
        messages.drain(..count).for_each(|message| chunk.push(message));
        self.shared.channel.push_all(chunk).map(drop).map_err(|(why, chunk)| {
            chunk.into_vec().into_iter().rev().for_each(|message| messages.push_front(message));
            why
        })
    }

    /// How many more seem to go in: a guess, as others send, too. What is more is not drawn, for it could not go in at once.
    fn free(&self) -> usize {
        let channel = &self.shared.channel;
        usize::try_from(channel.limit().saturating_sub(channel.len())).unwrap_or(usize::MAX)
    }
}

fn send_each<T>(messages: Vec<T>, send: impl Fn(T) -> Result<(), (Refused, T)>) -> Result<(), Rest<T>> {
    let mut messages = messages.into_iter();
    while let Some(message) = messages.next() {
        if let Err((why, message)) = send(message) {
            return Err((why, std::iter::once(message).chain(messages).collect()));
        }
    }
    Ok(())
}
