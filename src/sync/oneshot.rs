//! One value from one thread or task to another: the sender keeps the [`Sender`], the receiver waits with the [`Ticket`].
//!
//! ```text
//!   Sender ── send(value) ──> +-------------------------+ ── wait, wait_until, try_take, .await ──> Ticket
//!                             |  word | value | sleeper |
//!          ── dropped ──────> +-------------------------+ ── Closed ──>
//!
//!   word     +---------+------+--------+-------+  VALUE    the value lies there
//!            | WAITING | LEFT | CLOSED | VALUE |  CLOSED   the sender was dropped without sending
//!            +---------+------+--------+-------+  LEFT     the ticket was dropped
//!                                                 WAITING  the receiver's sleeper lies there
//! ```
//! A ticket always resolves: a sender that is dropped, by a panic for instance, makes it [`Closed`], never a hang. It is how an
//! answer comes back from whoever works elsewhere. Many values want a channel ([`mpsc`](super::mpsc)), one fact that many wait
//! for wants an [`Event`](super::event::Event).
//!
//! ```
//! use rsm::sync::{mpsc, oneshot};
//! use std::thread;
//!
//! // Ten questions are out at once; each has its own ticket.
//! let (questions, mut inbox) = mpsc::unbounded::<(u64, oneshot::Sender<u64>)>();
//! let worker = thread::spawn(move || {
//!     for (number, reply) in inbox.iter() {
//!         // Who has lost interest gets the answer nowhere, and that is fine.
//!         let _ = reply.send(number * number);
//!     }
//! });
//! let tickets: Vec<_> = (0..10)
//!     .map(|number| {
//!         let (reply, ticket) = oneshot::channel();
//!         questions.send((number, reply)).unwrap();
//!         ticket
//!     })
//!     .collect();
//! let answers: Vec<u64> = tickets.into_iter().map(|ticket| ticket.wait().unwrap()).collect();
//! assert_eq!(answers, [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
//! drop(questions);
//! worker.join().unwrap();
//! ```
//!
//! **Who frees the box.** Whoever sets the second of {VALUE or CLOSED, LEFT}: one exchange decides, there is no count. VALUE or
//! CLOSED beside WAITING means that the sender is still inside, about to take the sleeper: the receiver backs off until WAITING
//! falls, or the sender would read its sleeper from freed memory.
//!
//! T1 the box is freed once, by the side that leaves second. T2 WAITING beside neither VALUE nor CLOSED: the sleeper is the
//! receiver's to take back, by clearing WAITING; beside one of them, the sender's. T3 the value is given to exactly one: the
//! receiver, the sender it could not be sent by, or the drop of the box.

mod word;

use super::backoff::Backoff;
use super::park::{NoSleep, Sleeper};
use super::probe::{self, Mutant};
use super::shim::{AtomicU32, Deadline, Ordering, Ordering::*, UnsafeCell, park, thread};
use super::{Closed, WaitError};
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use word::{Found, Last, Then, Word};

/// What both sides share.
struct Slot<T> {
    word: AtomicU32,
    /// The sender's until VALUE is set, then the receiver's.
    value: UnsafeCell<Option<T>>,
    /// T2 says whose it is.
    sleeper: UnsafeCell<Option<Sleeper>>,
}

/// A sender and the ticket for what it will send. One allocation.
pub fn channel<T>() -> (Sender<T>, Ticket<T>) {
    let word = AtomicU32::new(Word::NEW.0);
    let slot = Box::new(Slot { word, value: UnsafeCell::new(None), sleeper: UnsafeCell::new(None) });
    let slot = NonNull::from(Box::leak(slot));
    (Sender { slot }, Ticket { slot: Some(slot) })
}

/// The side that sends, once. Dropped without having sent, it resolves the ticket to [`Closed`].
pub struct Sender<T> {
    slot: NonNull<Slot<T>>,
}

/// The side that receives: a value to come, or [`Closed`]. It always resolves.
///
/// It is a future too, for any executor, and [`Unpin`]. What has been taken is gone: ask again and it is `Closed`.
/// Who waits for it, or polls it, last is the one who is woken: a task that has polled it polls again if a thread has given up
/// since.
///
/// It may be sent, and so may the sender, if the value may be:
///
/// ```
/// fn send<T: Send>(_: T) {}
/// send(rsm::sync::oneshot::channel::<std::cell::Cell<u32>>());
/// ```
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(rsm::sync::oneshot::channel::<std::rc::Rc<u32>>().0);
/// ```
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(rsm::sync::oneshot::channel::<std::rc::Rc<u32>>().1);
/// ```
#[must_use = "a ticket that is dropped gives its value up"]
pub struct Ticket<T> {
    /// None once it has resolved and been told.
    slot: Option<NonNull<Slot<T>>>,
}

// SAFETY: T3: the value goes from the sender's thread to the receiver's, which `T: Send` permits; nothing else of it is shared.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: by itself: by `&self` a sender reads the state and nothing else.
unsafe impl<T: Send> Sync for Sender<T> {}
// SAFETY: T3, as above.
unsafe impl<T: Send> Send for Ticket<T> {}
// SAFETY: by itself: by `&self` a ticket reads the state and nothing else.
unsafe impl<T: Send> Sync for Ticket<T> {}

impl<T> Slot<T> {
    /// Applies a transition; whether it fits.
    #[cfg_attr(rsm_loom, track_caller)]
    fn change(&self, success: Ordering, transition: fn(Word) -> Option<Word>) -> bool {
        self.word.fetch_update(success, Relaxed, |now| transition(Word(now)).map(|next| next.0)).is_ok()
    }

    /// The sender's last act: resolves the ticket and wakes the receiver. The box, if the receiver had left: then it is ours.
    fn resolve(slot: NonNull<Slot<T>>, last: Last) -> Option<Box<Slot<T>>> {
        // SAFETY: T1, the sender has not set its bit before, so the box still stands.
        let this = unsafe { slot.as_ref() };
        // ORDERING: Release gives the value to the receiver's Acquire (model `send_recv`); Acquire takes the sleeper from its
        // WAITING (model `send_recv`), or the box from its LEFT (model `poll_drop_send`).
        let before = Word(this.word.fetch_or(Word::resolve(last), AcqRel));
        match before.then() {
            Then::Nothing => None,
            // SAFETY: T1, ours is the second bit, so the box is ours; it came from `Box::leak`.
            Then::Frees => Some(unsafe { Box::from_raw(slot.as_ptr()) }),
            Then::Wakes => {
                // SAFETY: T2, WAITING beside our bit makes the sleeper ours, until we clear it.
                let sleeper = this.sleeper.with_mut(|sleeper| unsafe { (*sleeper).take() });
                super::probe::model_yield();
                // ORDERING: Release is the last touch of the box: the receiver's Acquire load of the fallen bit lets it free
                // (model `send_recv_until`).
                this.word.fetch_and(Word::quit(), Release);
                if let Some(sleeper) = sleeper {
                    sleeper.wake();
                }
                None
            }
        }
    }
}

impl<T> Sender<T> {
    /// Sends the value and wakes who waits. Never waits itself.
    ///
    /// # Errors
    /// Hands the value back if the ticket was dropped. (One that is dropped just after gets the value, and drops it.)
    pub fn send(self, value: T) -> Result<(), T> {
        let slot = ManuallyDrop::new(self).slot;
        // SAFETY: T1, the sender has not set its bit, so the box stands.
        let this = unsafe { slot.as_ref() };
        // SAFETY: T3: until VALUE is set, the value's place is the sender's alone.
        this.value.with_mut(|place| unsafe { *place = Some(value) });
        match Slot::resolve(slot, Last::Value) {
            None => Ok(()),
            Some(slot) => Err(free(slot).expect("T3: the value lies there, as we have just put it there")),
        }
    }

    /// Whether the ticket was dropped: then nobody will read what is sent, and work on it may stop.
    pub fn is_closed(&self) -> bool {
        // SAFETY: T1, the sender has not set its bit, so the box stands.
        let this = unsafe { self.slot.as_ref() };
        Word(this.word.load(Relaxed)).has_left()
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(slot) = Slot::resolve(self.slot, Last::Closed) {
            free(slot);
        }
    }
}

impl<T> Ticket<T> {
    /// Waits for the value, however long that takes.
    ///
    /// # Errors
    /// [`Closed`] if the sender was dropped without sending.
    pub fn wait(mut self) -> Result<T, Closed> {
        self.wait_deadline(|| Deadline::NEVER).map_err(|_| Closed)
    }

    /// Waits for the value, that long at most. After [`WaitError::TimedOut`] the ticket is as good as before.
    ///
    /// # Errors
    /// [`WaitError`]: the time is over, or the sender was dropped without sending.
    pub fn wait_timeout(&mut self, time: Duration) -> Result<T, WaitError> {
        self.wait_deadline(|| Deadline::after(time))
    }

    /// Waits for the value, until then at most. After [`WaitError::TimedOut`] the ticket is as good as before.
    ///
    /// # Errors
    /// [`WaitError`]: the time is over, or the sender was dropped without sending.
    pub fn wait_until(&mut self, instant: Instant) -> Result<T, WaitError> {
        self.wait_deadline(|| Deadline::at(instant))
    }

    /// The value if it is there, `None` if it may still come. Never waits.
    ///
    /// # Errors
    /// [`Closed`] if the sender was dropped without sending, or the value was taken before.
    pub fn try_take(&mut self) -> Result<Option<T>, Closed> {
        let Some(slot) = self.slot else { return Err(Closed) };
        // SAFETY: T1, a ticket that holds the box has not left.
        let this = unsafe { slot.as_ref() };
        let mut backoff = Backoff::new();
        loop {
            // ORDERING: Acquire pairs with the sender's VALUE (model `send_try_take`), and with its last touch: it has left the
            // box (model `send_recv_until`).
            match Word(this.word.load(Acquire)).found() {
                Found::Pending => return Ok(None),
                Found::SenderInside if !probe::has(Mutant::WaitingNotAwaited) => backoff.nap(),
                Found::SenderInside | Found::Box => break,
            }
        }
        self.slot = None;
        // SAFETY: T1, the sender has set its bit and left, and we are here once, as second: the box is ours, from `Box::leak`.
        let slot = unsafe { Box::from_raw(slot.as_ptr()) };
        free(slot).map(Some).ok_or(Closed)
    }

    /// Whether the ticket has resolved: the next call will not wait.
    pub fn is_resolved(&self) -> bool {
        let Some(slot) = self.slot else { return true };
        // SAFETY: T1, a ticket that holds the box has not left.
        let this = unsafe { slot.as_ref() };
        Word(this.word.load(Relaxed)).is_resolved()
    }

    /// The clock is read only by who has to wait.
    fn wait_deadline(&mut self, deadline: impl FnOnce() -> Deadline) -> Result<T, WaitError> {
        if let Some(value) = self.try_take()? {
            return Ok(value);
        }
        // Before the spinning, which counts.
        let deadline = deadline();
        let mut backoff = Backoff::new();
        while !self.is_resolved() && backoff.spin() {}
        loop {
            if let Some(value) = self.try_take()? {
                return Ok(value);
            }
            NoSleep::check();
            // A waker may lie there, of a task that has polled.
            self.withdraw();
            // As in `poll`.
            if self.is_resolved() || !self.register(Sleeper::Thread(thread::current())) {
                continue;
            }
            while !self.is_resolved() && !deadline.has_passed() {
                park(deadline);
            }
            // Whether we take the sleeper back or the sender has it decides the race with the deadline.
            if self.withdraw() {
                return Err(WaitError::TimedOut);
            }
        }
    }

    /// Leaves a sleeper to be woken; false if the ticket has resolved meanwhile, and nobody would wake it. The last one has been
    /// withdrawn, and the ticket was not resolved after that.
    fn register(&mut self, sleeper: Sleeper) -> bool {
        let Some(slot) = self.slot else { return false };
        // SAFETY: T1, a ticket that holds the box has not left.
        let this = unsafe { slot.as_ref() };
        // SAFETY: T2, WAITING is not set (only we set it, and who calls us has withdrawn), so the sleeper's place is ours.
        this.sleeper.with_mut(|place| unsafe { *place = Some(sleeper) });
        // ORDERING: Release gives the sleeper to the sender's Acquire (model `send_recv`). A value that is there already is taken by
        // the Acquire in `try_take`; the sender saw no WAITING then, and has left: the sleeper goes with the box.
        this.change(Release, Word::register)
    }

    /// Takes the sleeper back; false if there is none, or the sender is about to wake it.
    fn withdraw(&mut self) -> bool {
        let Some(slot) = self.slot else { return false };
        // SAFETY: T1, a ticket that holds the box has not left.
        let this = unsafe { slot.as_ref() };
        // Relaxed: what we take back is our own, and a sender that came first is awaited in `try_take`.
        let ours = this.change(Relaxed, Word::withdraw);
        if ours {
            // SAFETY: T2, we have cleared WAITING beside neither VALUE nor CLOSED: the sleeper is ours.
            drop(this.sleeper.with_mut(|sleeper| unsafe { (*sleeper).take() }));
        }
        ours
    }
}

/// Frees the box and gives its value. Both cells are visited, so that a model sees whoever is still inside.
#[allow(clippy::boxed_local, reason = "the box itself is freed here, or kept in a model")]
fn free<T>(slot: Box<Slot<T>>) -> Option<T> {
    // SAFETY: T1, the box is ours alone.
    let sleeper = slot.sleeper.with_mut(|place| unsafe { (*place).take() });
    // SAFETY: T1, as above.
    let value = slot.value.with_mut(|place| unsafe { (*place).take() });
    // In a model the memory stays, so that who comes too late is found by the checker and not by a crash.
    #[cfg(rsm_loom)]
    std::mem::forget(slot);
    drop(sleeper);
    value
}

impl<T> Future for Ticket<T> {
    type Output = Result<T, Closed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.try_take() {
                Ok(Some(value)) => return Poll::Ready(Ok(value)),
                Err(closed) => return Poll::Ready(Err(closed)),
                Ok(None) => {}
            }
            // Cloned before the old one is withdrawn, since a clone is the user's code and may panic.
            let sleeper = Sleeper::Task(context.waker().clone());
            self.withdraw();
            // Not withdrawn, and nothing there at the look before: either none was registered, or the sender has come since.
            if !self.is_resolved() && self.register(sleeper) {
                return Poll::Pending;
            }
        }
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        self.withdraw();
        let Some(slot) = self.slot else { return };
        // SAFETY: T1, a ticket that holds the box has not left.
        let this = unsafe { slot.as_ref() };
        // ORDERING: Release gives the box to a sender that comes second (model `poll_drop_send`). From one that came first it is taken
        // by the Acquire in `try_take`.
        if !Word(this.word.fetch_or(Word::leave(), Release)).is_resolved() {
            return;
        }
        // The sender came first: it may be taking the sleeper. The box is ours, as we are second.
        let _ = self.try_take();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("is_closed", &self.is_closed()).finish()
    }
}

impl<T> fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("is_resolved", &self.is_resolved()).finish()
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
