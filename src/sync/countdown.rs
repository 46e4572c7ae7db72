//! A countdown: when so many things are done, the one who did the last runs the closure, and whoever waits goes on.
//!
//! ```text
//!          decrement              decrement, to 0              the closure returned
//!   OPEN: 3 -------> OPEN: 2 ... ----------------> RUNNING: 0 ---------------------> DONE       wait: Ok
//!          <-------                                           ---------------------> FAILED     wait: Failed
//!          increment                                           the closure panicked
//! ```
//! Reach for it where the end of many things is the beginning of one: the parts of a file are there, so put it together; the last
//! user is gone, so clean up. Nobody need stand by and wait for that. Each may leave a word in the 32 bits of
//! [payload](Countdown::payload) as it counts down. With nothing to run, a [`Latch`](super::latch::Latch) does; if the number is
//! not known before and threads may panic, the guards of an [`Event`](super::event::Event).
//!
//! ```
//! use rsm::sync::countdown::Countdown;
//! use rsm::sync::lock::Lock;
//! use std::thread;
//!
//! // A file comes in ten parts, on ten threads, in any order. Whoever brings the last one puts it together.
//! let parts: Lock<Vec<(u8, String)>> = Lock::new(Vec::new());
//! let missing = Countdown::new(10, |longest| {
//!     let mut parts = std::mem::take(&mut *parts.lock());
//!     parts.sort();
//!     (longest, parts.into_iter().map(|(_, text)| text).collect::<String>())
//! });
//! let files = thread::scope(|scope| {
//!     let bring = |number: u8| {
//!         let text = number.to_string();
//!         let length = text.len() as u32;
//!         parts.lock().push((number, text));
//!         missing.decrement_with(1, |longest| longest.max(length)) // the longest so far, in the same step
//!     };
//!     let threads: Vec<_> = (1..=10).map(|number| scope.spawn(move || bring(number))).collect();
//!     missing.wait().expect("the closure does not panic");
//!     threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
//! });
//! assert_eq!(files, [(2, "12345678910".to_string())]); // of one of the ten, and of no other
//! ```
//! **Once.** A countdown that has reached zero stays there: to count up after that is [`Spent`], not a second life, as the closure
//! has begun and who waited has gone. So whoever hands counts out one by one keeps one of its own until it is done.
//!
//! **The closure of [`decrement_with`](Countdown::decrement_with)** is pure and short, and may run several times: the run whose
//! result is stored is the last one. If it panics nothing has changed. The countdown's own closure runs once, on the thread of the
//! last `decrement`, with no lock held; it must not wait for this countdown.
//!
//! C1 the closure runs at most once; it is dropped if it never ran. C2 it counts exactly as long as it is above zero; RUNNING is
//! entered at zero only, and never left backwards. C3 it does not go below zero.

pub(crate) mod count;
pub(crate) mod word;

use super::TimedOut;
use super::park::Wait;
use super::shim::{Deadline, UnsafeCell, const_fn};
use count::Count;
use std::error::Error;
use std::fmt;
use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};
use word::{State, Word};

/// A count of what is still to be done, and what is to happen then: `F`, an `FnOnce(u32) -> R` that is given the payload.
/// 16 bytes and the closure, no allocation.
///
/// It may be shared if its closure may be sent:
///
/// ```compile_fail,E0277
/// fn share<T: Sync>(_: T) {}
/// let counted = std::rc::Rc::new(1);
/// share(rsm::sync::countdown::Countdown::new(1, move |_| drop(counted)));
/// ```
pub struct Countdown<F> {
    count: Count,
    /// There as long as it counts; then it is the one's who has reached zero.
    closure: UnsafeCell<MaybeUninit<F>>,
}

#[cfg(all(target_pointer_width = "64", not(any(rsm_loom, rsm_shuttle))))]
const _: () =
    assert!(size_of::<Countdown<()>>() == 16 && size_of::<Countdown<fn()>>() == 24, "two words and the closure");

// SAFETY: a shared countdown gives its closure to the one thread that reaches zero (C1), which is sending it. What it returns
// stays there.
unsafe impl<F: Send> Sync for Countdown<F> {}
// SAFETY: by itself: the closure goes with it.
unsafe impl<F: Send> Send for Countdown<F> {}

impl<F: UnwindSafe> UnwindSafe for Countdown<F> {}
impl<F: UnwindSafe> RefUnwindSafe for Countdown<F> {}

/// The closure panicked: what was to happen at zero has not happened whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// It has reached zero before, and counts no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent;

/// Why a wait with a deadline did not see the closure return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// The deadline came first. Nothing was changed; ask again if you like.
    TimedOut,
    /// The closure panicked.
    Failed,
}

impl<F: FnOnce(u32) -> R, R> Countdown<F> {
    const_fn! {
        /// Counts down from `count`; the payload begins at 0.
        ///
        /// # Panics
        /// If `count` is 0, as nobody would come to run the closure, or above 2^21 - 1.
        pub const fn new(count: u32, closure: F) -> Countdown<F> {
            Countdown::with_payload(count, 0, closure)
        }
    }

    const_fn! {
        /// Counts down from `count`, and with this payload to begin with.
        ///
        /// # Panics
        /// If `count` is 0, as nobody would come to run the closure, or above 2^21 - 1.
        pub const fn with_payload(count: u32, payload: u32, closure: F) -> Countdown<F> {
            assert!(count > 0, "a countdown begins above zero: who hands counts out keeps one until it is done");
            let word = Word::new(count, payload).expect("a countdown counts to 2^21 - 1 at most");
            Countdown { count: Count::new(word), closure: UnsafeCell::new(MaybeUninit::new(closure)) }
        }
    }

    /// Counts down. Reaching zero it runs the closure, here and now, and returns what that returned; whoever waits goes on then.
    ///
    /// # Panics
    /// Below zero, and at zero, by 0 too: nothing has changed then. And if the closure does: whoever waits is told that it has [`Failed`].
    pub fn decrement(&self, count: u32) -> Option<R> {
        self.decrement_with(count, |payload| payload)
    }

    /// Counts down and changes the payload, in one step; the closure is given the payload of the step that reached zero.
    ///
    /// # Panics
    /// As [`decrement`](Countdown::decrement); and if `change` does: nothing has changed then.
    pub fn decrement_with(&self, count: u32, change: impl Fn(u32) -> u32) -> Option<R> {
        let reached = self.count.decrement(count, change, State::Running)?;
        // SAFETY: C1, C2: this exchange, and no other, has gone from OPEN to RUNNING, so the closure is there, and ours: nobody
        // else takes it, and it is not dropped with the countdown.
        let closure = self.closure.with_mut(|closure| unsafe { closure.cast::<F>().read() });
        let failing = Failing(&self.count);
        let outcome = closure(reached.payload());
        std::mem::forget(failing);
        self.count.end(State::Done);
        Some(outcome)
    }
}

impl<F> Countdown<F> {
    /// Counts up, as more is to be done.
    ///
    /// # Errors
    /// [`Spent`]: it had reached zero before, and stays there.
    ///
    /// # Panics
    /// If it would be above 2^21 - 1. Nothing has changed then.
    pub fn increment(&self, count: u32) -> Result<(), Spent> {
        if self.count.increment(count) { Ok(()) } else { Err(Spent) }
    }

    /// Whether it is done, or (`None`) still under way. Never waits.
    ///
    /// # Errors
    /// [`Failed`]: the closure panicked.
    pub fn try_wait(&self) -> Option<Result<(), Failed>> {
        self.count.outcome()
    }

    /// Waits until the closure has returned. What it did, and what all did who counted down, can be read then.
    ///
    /// # Errors
    /// [`Failed`]: the closure panicked.
    pub fn wait(&self) -> Result<(), Failed> {
        self.count.wait(Deadline::NEVER).expect("it waits for ever")
    }

    /// Waits until the closure has returned, that long at most.
    ///
    /// # Errors
    /// [`WaitError`]: the time is over, or the closure panicked.
    pub fn wait_timeout(&self, time: Duration) -> Result<(), WaitError> {
        // The clock is read only by who has to wait.
        let outcome = self.try_wait().or_else(|| self.count.wait(Deadline::after(time)));
        outcome.ok_or(TimedOut)?.map_err(WaitError::from)
    }

    /// Waits until the closure has returned, until then at most.
    ///
    /// # Errors
    /// [`WaitError`]: the time is over, or the closure panicked.
    pub fn wait_until(&self, instant: Instant) -> Result<(), WaitError> {
        self.count.wait(Deadline::at(instant)).ok_or(TimedOut)?.map_err(WaitError::from)
    }

    /// A future of [`wait`](Countdown::wait). It may be dropped at any time. Do not leak it.
    pub fn wait_async(&self) -> impl Future<Output = Result<(), Failed>> + Send + use<'_, F> {
        Wait::new(&self.count)
    }

    /// What is still to be counted down, at some moment during the call.
    pub fn count(&self) -> u32 {
        self.count.look().count()
    }

    /// The payload, at some moment during the call.
    ///
    /// Who finds in it what a step has left may conclude that this step was taken, and sees what its thread did before. Nothing
    /// more, as long as it counts: [`count`](Countdown::count) is another look, at another moment, and a step that leaves the
    /// payload as it is does not show. From zero on it changes no more; that is before the closure runs, not after it.
    pub fn payload(&self) -> u32 {
        self.count.look().payload()
    }

    /// Whether the closure has returned.
    pub fn has_run(&self) -> bool {
        self.count.look().state() == State::Done
    }

    /// Whether the closure has panicked.
    pub fn has_failed(&self) -> bool {
        self.count.look().state() == State::Failed
    }
}

/// A closure that has not returned yet. Dropped, it has panicked.
struct Failing<'a>(&'a Count);

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        self.0.end(State::Failed);
    }
}

impl<F> Drop for Countdown<F> {
    fn drop(&mut self) {
        if self.count.look().state() == State::Open {
            // SAFETY: C1, C2: it never reached zero, so the closure is still there, and by `&mut` nobody will run it.
            self.closure.with_mut(|closure| unsafe { closure.cast::<F>().drop_in_place() });
        }
    }
}

impl From<TimedOut> for WaitError {
    fn from(_: TimedOut) -> WaitError {
        WaitError::TimedOut
    }
}

impl From<Failed> for WaitError {
    fn from(_: Failed) -> WaitError {
        WaitError::Failed
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the countdown's closure panicked")
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the countdown has reached zero, make a new one")
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitError::TimedOut => TimedOut.fmt(f),
            WaitError::Failed => Failed.fmt(f),
        }
    }
}

impl Error for Failed {}
impl Error for Spent {}
impl Error for WaitError {}

impl<F> fmt::Debug for Countdown<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.count.look();
        f.debug_struct("Countdown")
            .field("count", &word.count())
            .field("payload", &word.payload())
            .field("state", &word.state())
            .finish()
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
