//! A semaphore: so many permits, and whoever finds none waits for one.
//!
//! ```text
//!                     acquire(n)                                drop
//!   permits: 3 ───────────────────> Permit of n ── works ──────────────> permits: 3
//!        ^            too few: the oldest waiter is served first, whole             |
//!        └──────────────────────────────────────────────────────────────────────────┘
//! ```
//! Reach for it where only so many may do a thing at once: connections, jobs, bytes in memory. A [`Semaphore::new`] serves in
//! strict order, so a big wish is not starved by small ones; a [`Semaphore::lifo`] wakes who came last, and lets newcomers pass,
//! which keeps caches warm and starves patience. [`close`](Semaphore::close) turns everyone away, now and later: the end of
//! a pool. With one permit and strict order every section costs a switch of threads: that wants a [`Lock`](super::lock::Lock).
//!
//! ```
//! use rsm::sync::semaphore::Semaphore;
//! use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
//! use std::thread;
//!
//! // Twenty jobs, of which three may use the disk at once.
//! static DISK: Semaphore = Semaphore::new(3);
//! let (now, most) = (AtomicU32::new(0), AtomicU32::new(0));
//! thread::scope(|scope| {
//!     for _ in 0..20 {
//!         scope.spawn(|| {
//!             let _permit = DISK.acquire(1).expect("nobody closes it");
//!             most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
//!             thread::yield_now(); // writes
//!             now.fetch_sub(1, Relaxed);
//!         });
//!     }
//! });
//! assert!(most.into_inner() <= 3);
//! assert_eq!(DISK.available(), 3);
//!
//! DISK.close();
//! assert!(DISK.acquire(1).is_err(), "nobody comes in any more, nor waits");
//! ```
//!
//! Who releases may look at the semaphore once more after its permits have gone to another, to serve the next in line. So a permit
//! in hand is no leave to free the semaphore: its owner must know that all who release have returned (an [`Arc`](std::sync::Arc) does).
//!
//! S1 permits + held = issued. S2 the queue's bit being free and pending > 0: the next waiter, as it was when last looked for, wants
//! more than there is, or a `settle` is on its way. (Newest first, who came last keeps those behind it waiting until it has what it
//! wants, also once one of them is overdue: that is looked at when permits come back, or somebody gives up.) S3 closed => pending falls to 0 and stays.

pub(crate) mod word;

use super::lock::{Fifo, Lifo, Strategy};
use super::park::{Decision, End, Policy, Queue, Verdict, Wait, wait};
pub use super::permit::{OwnedPermit, Permit};
use super::probe::{self, Mutant};
use super::shim::{AtomicU64, Deadline, Ordering, Ordering::*, const_fn};
use super::{Closed, WaitError};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::process::abort;
use std::time::{Duration, Instant};
use word::Word;

/// Permits, and those who wait for some. `Q` says in which order: [`Fifo`] or [`Lifo`]. 16 bytes, no allocation.
///
/// At most 2^24 - 1 wait at a time: one more aborts the process, without a word.
pub struct Semaphore<Q = Fifo> {
    word: AtomicU64,
    queue: Queue,
    strategy: PhantomData<fn() -> Q>,
}

#[cfg(all(target_pointer_width = "64", not(any(rsm_loom, rsm_shuttle))))]
const _: () = assert!(size_of::<Semaphore>() == 16, "a semaphore is two words");

/// Why there is no permit at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Fewer permits than wanted are there now, or others wait for them.
    NoPermits,
    /// The semaphore was closed.
    Closed,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::NoPermits => "too few permits are there, try again later",
            Refused::Closed => "the semaphore is closed",
        })
    }
}

impl Error for Refused {}

impl Semaphore {
    const_fn! {
        /// So many permits, given out in strict order: nobody passes one who waits.
        pub const fn new(permits: u32) -> Semaphore {
            Semaphore { word: AtomicU64::new(Word::new(permits).0), queue: Queue::new(), strategy: PhantomData }
        }
    }
}

impl Semaphore<Lifo> {
    const_fn! {
        /// So many permits; who came last is served first, and newcomers may pass those who wait.
        pub const fn lifo(permits: u32) -> Semaphore<Lifo> {
            Semaphore { word: AtomicU64::new(Word::new(permits).0), queue: Queue::new(), strategy: PhantomData }
        }
    }
}

impl<Q: Strategy> Semaphore<Q> {
    /// Takes `count` permits. Waits until so many are there, and it is our turn.
    ///
    /// # Errors
    /// [`Closed`]: the semaphore was closed before.
    #[inline]
    pub fn acquire(&self, count: u32) -> Result<Permit<'_, Q>, Closed> {
        if self.take_alone(count) { Ok(Permit::new(self, count)) } else { self.acquire_slowly(count) }
    }

    #[cold]
    fn acquire_slowly(&self, count: u32) -> Result<Permit<'_, Q>, Closed> {
        wait(&Acquiring { semaphore: self, count }, Deadline::NEVER).unwrap_or(Err(Closed))
    }

    /// Takes `count` permits if they are there and nobody waits for them. Never waits.
    ///
    /// # Errors
    /// [`Refused`]: too few now, or closed.
    #[inline]
    pub fn try_acquire(&self, count: u32) -> Result<Permit<'_, Q>, Refused> {
        if self.take_alone(count) { Ok(Permit::new(self, count)) } else { self.try_acquire_slowly(count) }
    }

    /// One look at the word, and an exchange if there is a chance.
    #[inline]
    fn take_alone(&self, count: u32) -> bool {
        let now = probe::look(&self.word);
        Word(now).take_alone(count).is_some_and(|next| {
            // ORDERING: Acquire takes what was done with the permits before (model `acquire_release`).
            self.word.compare_exchange(now, next.0, Acquire, Relaxed).is_ok()
        })
    }

    fn try_acquire_slowly(&self, count: u32) -> Result<Permit<'_, Q>, Refused> {
        match (Acquiring { semaphore: self, count }).attempt() {
            Some(Ok(permit)) => Ok(permit),
            Some(Err(Closed)) => Err(Refused::Closed),
            None => Err(Refused::NoPermits),
        }
    }

    /// Takes `count` permits. Waits that long at most.
    ///
    /// # Errors
    /// [`WaitError`]: the time is over, or the semaphore was closed.
    pub fn acquire_timeout(&self, count: u32, time: Duration) -> Result<Permit<'_, Q>, WaitError> {
        self.acquire_deadline(count, || Deadline::after(time))
    }

    /// Takes `count` permits. Waits until then at most.
    ///
    /// # Errors
    /// [`WaitError`]: the time is over, or the semaphore was closed.
    pub fn acquire_until(&self, count: u32, instant: Instant) -> Result<Permit<'_, Q>, WaitError> {
        self.acquire_deadline(count, || Deadline::at(instant))
    }

    /// A future of [`acquire`](Semaphore::acquire). Dropped, it hands on what it had been given. Do not leak it.
    pub fn acquire_async(&self, count: u32) -> impl Future<Output = Result<Permit<'_, Q>, Closed>> + Send + '_ {
        Wait::new(Acquiring { semaphore: self, count })
    }

    /// The clock is read only by who has to wait.
    fn acquire_deadline(&self, count: u32, deadline: impl FnOnce() -> Deadline) -> Result<Permit<'_, Q>, WaitError> {
        match self.try_acquire(count) {
            Ok(permit) => Ok(permit),
            Err(Refused::Closed) => Err(WaitError::Closed),
            Err(Refused::NoPermits) => match wait(&Acquiring { semaphore: self, count }, deadline()) {
                Some(outcome) => outcome.map_err(WaitError::from),
                None => Err(WaitError::TimedOut),
            },
        }
    }

    /// Adds permits, new ones or such as were [forgotten](Permit::forget), and serves those who wait. A permit's drop does this.
    ///
    /// # Panics
    /// If there would be more than 2^32 - 1. Nothing has changed then.
    #[inline]
    pub fn release(&self, count: u32) {
        // ORDERING: Release gives what was done with the permits to who takes them next (model `acquire_release`).
        let before = self.change(Release, |word| word.release(count));
        let before = before.expect("a semaphore holds at most 2^32 - 1 permits");
        if before.pending() > 0 {
            self.settle();
        }
    }

    /// Adds permits, as long as there are fewer than `max`, and serves those who wait. Says how many were added.
    ///
    /// For permits that trickle in, so that they do not pile up while nobody takes them.
    pub fn release_capped(&self, count: u32, max: u32) -> u32 {
        let mut added = 0;
        // ORDERING: Release as in `release` (model `release_capped_take`).
        let before = self.change(Release, |word| {
            let (next, so_many) = word.release_capped(count, max);
            added = so_many;
            Some(next)
        });
        if before.is_some_and(|before| before.pending() > 0) {
            self.settle();
        }
        added
    }

    /// Takes up to `count` of the permits that nobody holds out of the world. Says how many.
    pub fn forget_permits(&self, count: u32) -> u32 {
        let mut taken = 0;
        // ORDERING: Acquire, as one who takes permits (model `release_forget`).
        self.change(Acquire, |word| {
            let (next, so_many) = word.reduce(count);
            taken = so_many;
            Some(next)
        });
        taken
    }

    /// Takes all the permits that nobody holds out of the world. Says how many.
    pub fn drain_permits(&self) -> u32 {
        self.forget_permits(u32::MAX)
    }

    /// Turns everyone away, now and later: those who wait, and all later calls, fail with [`Closed`]. Permits given out stay valid.
    pub fn close(&self) {
        // ORDERING: Release, as who is turned away may go on knowing what came before the closing (model `close_seen`).
        self.change(Release, |word| Some(word.close()));
        // Nobody links once the word says closed, so these are the last.
        self.queue.wake_all(
            Verdict::Closed,
            || {},
            |count| {
                self.change(Relaxed, |word| word.leave(u64::from(count))).expect("who is in the ring is counted");
            },
        );
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `close` (model `close_seen`).
        Word(self.word.load(Acquire)).is_closed()
    }

    /// Permits that nobody held, at some moment during the call.
    pub fn available(&self) -> u32 {
        Word(self.word.load(Relaxed)).permits()
    }

    /// Threads and tasks that waited, at some moment during the call.
    pub fn pending(&self) -> usize {
        Word(self.word.load(Relaxed)).pending() as usize
    }

    /// Serves waiters in turn, as long as there is enough for the next. Permits are in the word or wholly with one holder: no
    /// waiter is ever half served, so one who gives up has nothing to give back.
    ///
    /// Who adds permits between our last look and the end of the bit has seen that somebody waits, and settles itself.
    #[cold]
    fn settle(&self) {
        let end = if Q::LIFO { End::Newest } else { End::Oldest };
        self.queue.grant(end, Verdict::Granted, |next| match next {
            // ORDERING: Acquire takes what all did who released these permits, for the node's state to pass on (model
            // `acquire_two_release_release`). Nothing is to be released: an exchange hands on what those before it have.
            Some(want) => self.change(Acquire, |word| word.grant(want)).is_some(),
            None => false,
        });
    }

    #[inline]
    #[cfg_attr(rsm_loom, track_caller)]
    fn change(&self, success: Ordering, mut transition: impl FnMut(Word) -> Option<Word>) -> Option<Word> {
        self.word.fetch_update(success, Relaxed, |now| transition(Word(now)).map(|next| next.0)).ok().map(Word)
    }
}

/// One who wants permits.
struct Acquiring<'a, Q: Strategy> {
    semaphore: &'a Semaphore<Q>,
    count: u32,
}

impl<'a, Q: Strategy> Acquiring<'a, Q> {
    fn may_pass() -> bool {
        Q::LIFO
    }

    fn permit(&self) -> Permit<'a, Q> {
        Permit::new(self.semaphore, self.count)
    }
}

impl<'a, Q: Strategy> Policy for Acquiring<'a, Q> {
    type Output = Result<Permit<'a, Q>, Closed>;

    fn word(&self) -> &AtomicU64 {
        &self.semaphore.word
    }

    fn queue(&self) -> &Queue {
        &self.semaphore.queue
    }

    fn want(&self) -> u32 {
        self.count
    }

    fn attempt(&self) -> Option<Self::Output> {
        // ORDERING: Acquire takes what the releaser of these permits did (model `acquire_release`).
        if self.semaphore.change(Acquire, |word| word.take(self.count, Self::may_pass())).is_some() {
            return Some(Ok(self.permit()));
        }
        self.semaphore.is_closed().then_some(Err(Closed))
    }

    fn decide(&self, word: u64) -> Decision {
        let word = Word(word);
        match (word.take(self.count, Self::may_pass()), word.wait()) {
            (Some(next), _) => Decision::Take(next.0),
            (None, Some(next)) => Decision::Wait(next.0),
            (None, None) if word.is_closed() => Decision::Retry,
            (None, None) => abort(), // 2^24 waiters
        }
    }

    fn quit(&self, word: u64) -> u64 {
        Word(word).leave(1).expect("who is in the ring is counted").0
    }

    /// The quitter may have wanted ten with three there, and the next wants one.
    fn has_quit(&self) {
        if self.semaphore.pending() > 0 && !probe::has(Mutant::QuitWithoutSettle) {
            self.semaphore.settle();
        }
    }

    fn finish(&self, verdict: Verdict) -> Self::Output {
        match verdict {
            Verdict::Granted => Ok(self.permit()),
            Verdict::Closed => Err(Closed),
            Verdict::Woken => unreachable!("a semaphore grants or closes"),
        }
    }

    fn give_back(&self, verdict: Verdict) {
        match verdict {
            Verdict::Granted => self.semaphore.release(self.count),
            Verdict::Closed | Verdict::Woken => {}
        }
    }
}

impl<Q> fmt::Debug for Semaphore<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Word(self.word.load(Relaxed));
        f.debug_struct("Semaphore")
            .field("permits", &word.permits())
            .field("pending", &word.pending())
            .field("is_closed", &word.is_closed())
            .finish()
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
