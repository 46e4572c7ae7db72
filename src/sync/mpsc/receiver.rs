//! The receiving side: by batches, or one by one.
//!
//! ```text
//!   take, recv ──> the hand holds some: the next of it
//!              ──> the channel does: all of it into the hand, one step
//!              ──> neither: rests and spins, then registers (NAP), looks again, sleeps ──> woken by a message or the end
//!                                                                     |
//!                                                   deadline, or its future dropped: whoever clears NAP decides the race
//! ```

use super::batch::Batch;
use super::bounded::Shared;
use super::chain::Found;
use super::error::TryRecvError;
use super::hand::Hand;
use crate::sync::backoff::Backoff;
use crate::sync::park::{NoSleep, Sleeper};
use crate::sync::shim::{Arc, Deadline, park, thread};
use crate::sync::{Closed, WaitError};
use std::cell::LazyCell;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A batch of so many shows that we are as fast as the senders: then looking again at once would only fight them for the line of
/// every message. Fewer show that they are slow: then a rest would only keep a message waiting.
const SMALL_BATCHES: Range<usize> = 3..64;
/// 1 to 3 us.
const REST_PAUSES: u32 = 64;

/// The receiving side of a channel. There is one.
///
/// [`take`](Receiver::take) gives all that is there in one step, [`recv`](Receiver::recv) one message after the other (out of
/// a batch at hand, so it costs little more). Dropped, it closes the channel and drops what lies in it.
///
/// It goes to another thread only if the messages may:
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(rsm::sync::mpsc::unbounded::<std::rc::Rc<u32>>().1);
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    hand: Hand<T>,
    /// The last batch was one of `SMALL_BATCHES`.
    rests: bool,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Receiver<T> {
        Receiver { shared, hand: Hand::new(), rests: false }
    }

    /// All that is there. Waits until something is.
    ///
    /// # Errors
    /// [`Closed`]: nothing is there and nothing will come, as all senders are gone or the channel was closed.
    pub fn take(&mut self) -> Result<Batch<'_, T>, Closed> {
        self.fill(|| Deadline::NEVER).map_err(|_| Closed)?;
        Ok(Batch::new(&mut self.hand))
    }

    /// All that is there now. Never waits.
    ///
    /// # Errors
    /// [`TryRecvError`]: nothing is there, now or for good.
    pub fn try_take(&mut self) -> Result<Batch<'_, T>, TryRecvError> {
        self.try_fill()?;
        Ok(Batch::new(&mut self.hand))
    }

    /// All that is there. Waits that long at most until something is.
    ///
    /// # Errors
    /// [`WaitError`]: the time is over, or nothing will come.
    pub fn take_timeout(&mut self, time: Duration) -> Result<Batch<'_, T>, WaitError> {
        self.fill(|| Deadline::after(time))?;
        Ok(Batch::new(&mut self.hand))
    }

    /// All that is there. Waits until then at most until something is.
    ///
    /// # Errors
    /// [`WaitError`]: the time is over, or nothing will come.
    pub fn take_until(&mut self, instant: Instant) -> Result<Batch<'_, T>, WaitError> {
        self.fill(|| Deadline::at(instant))?;
        Ok(Batch::new(&mut self.hand))
    }

    /// A future of [`take`](Receiver::take). Dropped, it has taken nothing.
    pub fn take_async(&mut self) -> TakeFuture<'_, T> {
        TakeFuture { receiver: Some(self) }
    }

    /// The next message. Waits until there is one.
    ///
    /// # Errors
    /// [`Closed`]: nothing is there and nothing will come, as all senders are gone or the channel was closed.
    #[inline]
    pub fn recv(&mut self) -> Result<T, Closed> {
        if let Some(message) = self.hand.pop() {
            return Ok(message);
        }
        self.fill(|| Deadline::NEVER).map_err(|_| Closed)?;
        Ok(self.first())
    }

    /// The next message, if there is one now. Never waits.
    ///
    /// # Errors
    /// [`TryRecvError`]: nothing is there, now or for good.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        if let Some(message) = self.hand.pop() {
            return Ok(message);
        }
        self.try_fill()?;
        Ok(self.first())
    }

    /// The next message. Waits that long at most until there is one.
    ///
    /// # Errors
    /// [`WaitError`]: the time is over, or nothing will come.
    pub fn recv_timeout(&mut self, time: Duration) -> Result<T, WaitError> {
        if let Some(message) = self.hand.pop() {
            return Ok(message);
        }
        self.fill(|| Deadline::after(time))?;
        Ok(self.first())
    }

    /// The next message. Waits until then at most until there is one.
    ///
    /// # Errors
    /// [`WaitError`]: the time is over, or nothing will come.
    pub fn recv_until(&mut self, instant: Instant) -> Result<T, WaitError> {
        if let Some(message) = self.hand.pop() {
            return Ok(message);
        }
        self.fill(|| Deadline::at(instant))?;
        Ok(self.first())
    }

    /// A future of [`recv`](Receiver::recv). Dropped, it has received nothing.
    pub fn recv_async(&mut self) -> RecvFuture<'_, T> {
        RecvFuture { receiver: self }
    }

    /// The messages one after the other, until the channel ends. Waits for each.
    pub fn iter(&mut self) -> impl Iterator<Item = T> {
        std::iter::from_fn(|| self.recv().ok())
    }

    /// Closes the channel: senders get their messages back from now on. What lies in it may still be received.
    pub fn close(&mut self) {
        self.shared.close();
    }

    /// Messages to be received, at some moment during the call.
    pub fn len(&self) -> usize {
        self.shared.channel.len() as usize + self.hand.len()
    }

    /// Whether there was nothing to receive, at some moment during the call.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing more will come than what is there: the channel was closed, or all senders are gone.
    pub fn is_closed(&self) -> bool {
        self.shared.channel.is_closed()
    }

    fn first(&mut self) -> T {
        self.hand.pop().expect("a filled hand holds a message")
    }

    fn try_fill(&mut self) -> Result<(), TryRecvError> {
        match self.shared.take(&mut self.hand) {
            Found::Some => {
                self.rests = SMALL_BATCHES.contains(&self.hand.len());
                Ok(())
            }
            Found::Nothing => Err(TryRecvError::Empty),
            Found::End => Err(TryRecvError::Closed),
        }
    }

    /// Waits until the hand holds something. The clock is read only by who has to wait, before it rests and spins: that counts.
    fn fill(&mut self, deadline: impl FnOnce() -> Deadline) -> Result<(), WaitError> {
        let mut backoff = Backoff::new();
        let deadline = LazyCell::new(deadline);
        if self.rests && self.hand.len() == 0 {
            LazyCell::force(&deadline);
            backoff.rest(REST_PAUSES);
        }
        loop {
            match self.try_fill() {
                Ok(()) => return Ok(()),
                Err(TryRecvError::Closed) => return Err(WaitError::Closed),
                Err(TryRecvError::Empty) => LazyCell::force(&deadline),
            };
            if backoff.spin() {
                continue;
            }
            NoSleep::check();
            if !self.shared.channel.nap(Sleeper::Thread(thread::current()), &mut self.hand) {
                continue;
            }
            let deadline = *deadline;
            while self.shared.channel.is_napping() && !deadline.has_passed() {
                park(deadline);
            }
            // Whether we or a sender clears NAP decides the race with the deadline.
            if self.shared.channel.wake_up() {
                return Err(WaitError::TimedOut);
            }
        }
    }

    /// Polls until the hand holds something.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        loop {
            match self.try_fill() {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(TryRecvError::Closed) => return Poll::Ready(Err(Closed)),
                Err(TryRecvError::Empty) => {}
            }
            if self.shared.channel.nap(Sleeper::Task(context.waker().clone()), &mut self.hand) {
                return Poll::Pending;
            }
        }
    }

    /// A future that was polled is dropped: no sender shall wake its task.
    fn forget_waker(&mut self) {
        if self.shared.channel.is_napping() {
            self.shared.channel.wake_up();
        }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
impl<T> Receiver<T> {
    /// How many empty chunks are kept.
    pub(super) fn chunks(&self) -> usize {
        self.shared.channel.spares() + self.hand.chunks()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.close_and_clear();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).field("is_closed", &self.is_closed()).finish()
    }
}

/// A batch to come: [`Receiver::take_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct TakeFuture<'a, T> {
    /// None once it is done.
    receiver: Option<&'a mut Receiver<T>>,
}

impl<'a, T> Future for TakeFuture<'a, T> {
    type Output = Result<Batch<'a, T>, Closed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(receiver) = &mut self.receiver else { return Poll::Ready(Err(Closed)) };
        // A waker's clone may panic: then the receiver is still ours, and our drop forgets the waker of the poll before.
        let filled = std::task::ready!(receiver.poll_fill(context));
        let receiver = self.receiver.take().expect("it is there until it is done");
        Poll::Ready(filled.map(|()| Batch::new(&mut receiver.hand)))
    }
}

impl<T> Drop for TakeFuture<'_, T> {
    fn drop(&mut self) {
        if let Some(receiver) = &mut self.receiver {
            receiver.forget_waker();
        }
    }
}

/// A message to come: [`Receiver::recv_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct RecvFuture<'a, T> {
    receiver: &'a mut Receiver<T>,
}

impl<T> Future for RecvFuture<'_, T> {
    type Output = Result<T, Closed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.receiver.poll_fill(context) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(self.receiver.first())),
            Poll::Ready(Err(closed)) => Poll::Ready(Err(closed)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T> Drop for RecvFuture<'_, T> {
    fn drop(&mut self) {
        self.receiver.forget_waker();
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::super::unbounded;

    #[test]
    fn a_receiver_rests_only_after_batches_of_senders_who_keep_pace() {
        let (sender, mut receiver) = unbounded();
        for (batch, rests) in [(1, false), (2, false), (3, true), (63, true), (64, false), (1000, false)] {
            (0..batch).for_each(|message| sender.send(message).expect("the receiver is there"));
            assert_eq!(receiver.take().expect("there are some").count(), batch);
            assert_eq!(receiver.rests, rests, "{batch}");
        }
    }
}
