//! A value that is made once, by whoever needs it first; the others wait for it, and later ones find it there.
//!
//! ```text
//!            get_or_init: one runs           it has made the value
//!   EMPTY ------------------------> RUNNING ------------------------> READY     get: one load, for ever
//!         <------------------------   |  ^
//!            it failed, nobody waits  +--+ it failed: the oldest who waits runs now, and nobody comes in between
//! ```
//! Reach for it for what is dear to make, or only known later: a table, a connection, the configuration of a process. It may be a
//! static. A value that is made anew from time to time wants a [`Renew`](super::renew::Renew), one fact without a value an
//! [`Event`](super::event::Event), one value to one receiver a [`Ticket`](super::oneshot::Ticket).
//!
//! ```
//! use rsm::sync::once::Once;
//! use std::thread;
//!
//! static PRIMES: Once<Vec<u32>> = Once::new();
//!
//! fn primes() -> &'static [u32] {
//!     PRIMES.get_or_init(|| (2..100u32).filter(|n| (2..*n).all(|d| n % d != 0)).collect())
//! }
//!
//! thread::scope(|scope| {
//!     // Ten threads need the table at once; one makes it.
//!     for _ in 0..10 {
//!         scope.spawn(|| assert_eq!(primes().len(), 25));
//!     }
//! });
//! assert_eq!(PRIMES.get().map(|primes| primes[24]), Some(97));
//! ```
//! **When the making fails.** A panic, or an `Err` of [`get_or_try_init`](Once::get_or_try_init), leaves nothing behind: no poison. Of those who
//! wait with a closure of their own, the oldest runs its own. Who merely [waits](Once::wait) goes on waiting.
//!
//! **Forms.** What looks or waits for a value of others: [`get`](Once::get), [`wait`](Once::wait). What makes it:
//! [`get_or_init`](Once::get_or_init), fallible [`get_or_try_init`](Once::get_or_try_init); what brings it:
//! [`set`](Once::set). These three wait only for others who make it now; so `try_` before the name, `_timeout`, `_until` and `_async`
//! after it say what is done then. A future may itself wait while it makes the value.
//!
//! **A closure that asks for the value it makes** would wait for itself for ever. Builds with debug assertions panic instead.
//!
//! O1 a `&T` exists => READY. O2 READY is left only by `&mut`. O3 READY => nobody is counted. O4 who waits to try itself waits for
//! a run that is under way: when one fails, either nobody waits so, or the oldest of them runs. O5 what makes a value does not ask
//! for it.

mod error;
pub(crate) mod owner;
mod set;
mod task;
mod waiting;
pub(crate) mod word;

use super::TimedOut;
use super::park::{End, Policy, Queue, Verdict, wait};
use super::probe::{self, Mutant};
use super::shim::{AtomicU64, Deadline, Ordering, Ordering::*, UnsafeCell, const_fn};
pub use error::{InitError, SetTimeoutError, TrySetError};
use owner::Owner;
use std::convert::Infallible;
use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};
use waiting::{Running, TO_RUN, Watching};
use word::Word;

/// A value that is made once. 16 bytes beside the value (8 more with debug assertions), no allocation.
///
/// It may be shared if its value may be sent and shared:
///
/// ```compile_fail,E0277
/// static CELL: rsm::sync::once::Once<std::rc::Rc<u32>> = rsm::sync::once::Once::new();
/// ```
/// ```compile_fail,E0277
/// fn share<T: Sync>(_: T) {}
/// share(rsm::sync::once::Once::from(std::cell::Cell::new(1)));
/// ```
/// So may its futures be sent, if what makes the value may be, too:
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(rsm::sync::once::Once::<std::cell::Cell<u32>>::new().wait_async());
/// ```
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// let mine = std::rc::Rc::new(1);
/// send(rsm::sync::once::Once::<u32>::new().get_or_init_async(async || *mine));
/// ```
/// It is taken back only while nobody has a `&T`:
///
/// ```compile_fail,E0502
/// let mut once = rsm::sync::once::Once::from(1);
/// let seen = once.get();
/// once.reset();
/// println!("{seen:?}");
/// ```
// The value comes first, so that a `&Once` is its address: `get` adds nothing to it.
#[repr(C)]
pub struct Once<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    word: AtomicU64,
    queue: Queue,
    owner: Owner,
}

#[cfg(all(target_pointer_width = "64", not(any(rsm_loom, rsm_shuttle))))]
const _: () = assert!(
    size_of::<Once<()>>() == 16 + size_of::<Owner>() && size_of::<Once<[u64; 3]>>() == 40 + size_of::<Owner>(),
    "a once is two words and its value, and with debug assertions who makes it"
);

// SAFETY: `&T` on several threads takes `T: Sync`; a value that is made on one thread and dropped or taken on another, `T: Send`.
// It is written before READY, by the one who runs, and read after (O1).
unsafe impl<T: Send + Sync> Sync for Once<T> {}
// SAFETY: by itself: the value goes with it.
unsafe impl<T: Send> Send for Once<T> {}

impl<T: UnwindSafe> UnwindSafe for Once<T> {}
impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for Once<T> {}

impl<T> Once<T> {
    const_fn! {
        /// No value yet.
        pub const fn new() -> Once<T> {
            Once {
                value: UnsafeCell::new(MaybeUninit::uninit()),
                word: AtomicU64::new(Word::EMPTY.0),
                queue: Queue::new(),
                owner: Owner::new(),
            }
        }
    }

    /// The value, if it is there. Never waits: one load and a test, the code of std's `OnceLock::get`.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: O1: it is READY.
        if self.is_set() { Some(unsafe { self.value() }) } else { None }
    }

    /// The value.
    ///
    /// # Safety
    /// It was seen READY.
    #[inline(always)]
    unsafe fn value(&self) -> &T {
        // SAFETY: O1, O2: as it is READY the value was written, and it is not taken back as long as we are borrowed.
        self.value.with(|value| unsafe { &*value.cast::<T>() })
    }

    /// Whether the value is there.
    #[inline]
    pub fn is_set(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `finish`: who sees READY sees the value (model `once_init_init_get`).
        Word(self.word.load(Acquire)).is_ready()
    }

    /// The value; made by `make` if it is not there. If another makes it now, waits for that one.
    ///
    /// Aborts the process if 2^24 - 1 wait already; so does each other form that waits.
    ///
    /// # Panics
    /// If `make` does; then the next who waits makes it. With debug assertions, if `make` asks for this very value.
    #[inline]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if !self.is_set() {
            let Ok(_) = self.init_ever(|| Ok::<T, Infallible>(make()));
        }
        // SAFETY: O1, O2: it is READY, or was just made so.
        unsafe { self.value() }
    }

    /// As [`get_or_init`](Once::get_or_init), with a `make` that may fail: then there is still no value, and the next who waits
    /// tries to make it.
    ///
    /// # Errors
    /// That of `make`. Others' errors are theirs.
    #[inline]
    pub fn get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        match self.get() {
            Some(value) => Ok(value),
            None => self.init_ever(make),
        }
    }

    /// As [`get_or_init`](Once::get_or_init), but never waits for others: `None` if another makes the value now.
    pub fn try_get_or_init(&self, make: impl FnOnce() -> T) -> Option<&T> {
        unfailing(self.try_get_or_try_init(|| Ok(make())))
    }

    /// As [`get_or_try_init`](Once::get_or_try_init), but never waits for others: `None` if another makes the value now.
    ///
    /// # Errors
    /// That of `make`.
    pub fn try_get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Option<Result<&T, E>> {
        Some(match Running(self).attempt()? {
            Some(value) => Ok(value),
            None => self.run(make),
        })
    }

    /// As [`get_or_init`](Once::get_or_init), waiting for others that long at most. The time that `make` takes does not count.
    ///
    /// # Errors
    /// [`TimedOut`]: another was still making it.
    pub fn get_or_init_timeout(&self, time: Duration, make: impl FnOnce() -> T) -> Result<&T, TimedOut> {
        self.get().map_or_else(|| unfailing(self.init(Deadline::after(time), || Ok(make()))).ok_or(TimedOut), Ok)
    }

    /// As [`get_or_init`](Once::get_or_init), waiting for others until then at most. The time that `make` takes does not count.
    ///
    /// # Errors
    /// [`TimedOut`]: another was still making it.
    pub fn get_or_init_until(&self, instant: Instant, make: impl FnOnce() -> T) -> Result<&T, TimedOut> {
        self.get().map_or_else(|| unfailing(self.init(Deadline::at(instant), || Ok(make()))).ok_or(TimedOut), Ok)
    }

    /// As [`get_or_try_init`](Once::get_or_try_init), waiting for others that long at most. The time that `make` takes does not
    /// count.
    ///
    /// # Errors
    /// [`InitError`]: another was still making it, or `make` failed.
    pub fn get_or_try_init_timeout<E>(
        &self,
        time: Duration,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<&T, InitError<E>> {
        self.get().map_or_else(|| in_time(self.init(Deadline::after(time), make)), Ok)
    }

    /// As [`get_or_try_init`](Once::get_or_try_init), waiting for others until then at most. The time that `make` takes does not
    /// count.
    ///
    /// # Errors
    /// [`InitError`]: another was still making it, or `make` failed.
    pub fn get_or_try_init_until<E>(
        &self,
        instant: Instant,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<&T, InitError<E>> {
        self.get().map_or_else(|| in_time(self.init(Deadline::at(instant), make)), Ok)
    }

    /// Waits for the value, which others make.
    ///
    /// Aborts the process if 2^24 - 1 wait already; so does each other form that waits.
    pub fn wait(&self) -> &T {
        self.get().or_else(|| self.watch(Deadline::NEVER)).expect("it waits for ever")
    }

    /// Waits for the value, which others make, that long at most.
    ///
    /// # Errors
    /// [`TimedOut`]: nobody had made it.
    pub fn wait_timeout(&self, time: Duration) -> Result<&T, TimedOut> {
        self.get().or_else(|| self.watch(Deadline::after(time))).ok_or(TimedOut)
    }

    /// Waits for the value, which others make, until then at most.
    ///
    /// # Errors
    /// [`TimedOut`]: nobody had made it.
    pub fn wait_until(&self, instant: Instant) -> Result<&T, TimedOut> {
        self.get().or_else(|| self.watch(Deadline::at(instant))).ok_or(TimedOut)
    }

    /// Threads and tasks that waited, at some moment during the call.
    pub fn pending(&self) -> usize {
        let word = Word(self.word.load(Relaxed));
        (word.pending() + word.watching()) as usize
    }

    /// Takes the value back: the next who needs it makes it anew.
    pub fn take(&mut self) -> Option<T> {
        self.get()?;
        self.word.store(Word::EMPTY.0, Relaxed);
        // SAFETY: O1, O2: it was READY, so the value is there; now it is EMPTY, and by `&mut` nobody was in between: it is read once.
        Some(self.value.with_mut(|value| unsafe { value.cast::<T>().read() }))
    }

    /// Drops the value: the next who needs it makes it anew.
    pub fn reset(&mut self) {
        drop(self.take());
    }

    /// The value of a once that is not shared, to change it.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.get()?;
        // SAFETY: O1, O2: it is READY, so the value is there, and `&mut self` is the only way to it.
        Some(self.value.with_mut(|value| unsafe { &mut *value.cast::<T>() }))
    }

    /// The value.
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }

    #[cold]
    #[inline(never)]
    fn init_ever<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        self.init(Deadline::NEVER, make).expect("it waits for ever")
    }

    /// `None`: the deadline has passed.
    fn init<E>(&self, deadline: Deadline, make: impl FnOnce() -> Result<T, E>) -> Option<Result<&T, E>> {
        self.owner.check();
        Some(match wait(&Running(self), deadline)? {
            Some(value) => Ok(value),
            None => self.run(make),
        })
    }

    /// By the one whom the word made the one who runs.
    fn run<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        let run = Run(self);
        let owned = self.owner.enter();
        let value = make()?;
        drop(owned);
        Ok(run.end(value))
    }

    /// `None`: the deadline has passed.
    #[cold]
    #[inline(never)]
    fn watch(&self, deadline: Deadline) -> Option<&T> {
        self.owner.check();
        loop {
            if let Some(value) = wait(&Watching(self), deadline)? {
                return Some(value);
            }
        }
    }

    /// By who runs, the value being written.
    fn finish(&self) {
        // ORDERING: Release pairs with the Acquire in `is_set`: the value (model `once_init_init_get`).
        if self.change(Release, |word| word.finish().filter(|_| word.is_alone())).is_some() {
            return;
        }
        // Nobody links any more once it is READY, so these are the last; who gives up meanwhile is counted no more.
        // ORDERING: as above: who is woken looks at the word again, others see it first (model `once_finish_get`).
        let finish = || _ = self.change(Release, Word::finish).expect("O2: who runs finishes");
        self.queue.wake_all(Verdict::Woken, finish, |_| ());
    }

    /// By who runs, having failed: the oldest who would try runs now; with none, it is empty again. Who merely watches and stands
    /// before that one is told to go behind it.
    fn fail(&self) {
        let mut done = false;
        self.queue.grant(End::Oldest, Verdict::Granted, |next| {
            // Under the bit nobody links or leaves, and a run is ended by no one else.
            let pending = Word(self.word.load(Relaxed)).pending() > 0;
            let (change, is_last): (fn(Word) -> Option<Word>, bool) = match next {
                _ if done => return false,
                Some(TO_RUN) if pending => (Word::hand_over, true),
                Some(_) if pending => (Word::unwatch, false),
                Some(_) | None => (Word::fail, true),
            };
            done = is_last;
            // ORDERING: Release pairs with the Acquire of the next `begin`: what the failed run did (model `once_fail_init`). One
            // who is handed the run sees it by its node's state.
            self.change(Release, change).expect("O4: who is in the ring is counted");
            pending
        });
    }

    /// Applies a transition. The word before; `None` if the transition does not fit.
    #[cfg_attr(rsm_loom, track_caller)]
    fn change(&self, success: Ordering, transition: impl Fn(Word) -> Option<Word>) -> Option<Word> {
        self.word.fetch_update(success, Relaxed, |now| transition(Word(now)).map(|next| next.0)).ok().map(Word)
    }
}

/// The outcome of a `make` that does not fail.
fn unfailing<T>(outcome: Option<Result<&T, Infallible>>) -> Option<&T> {
    outcome.map(|Ok(value)| value)
}

/// The outcome of a `make` that may fail, before a deadline.
fn in_time<T, E>(outcome: Option<Result<&T, E>>) -> Result<&T, InitError<E>> {
    outcome.ok_or(InitError::TimedOut)?.map_err(InitError::Failed)
}

/// The run, by the one whom the word made the one who runs. Dropped with nothing made, by a panic, an error or with its future, it
/// hands on.
struct Run<'a, T>(&'a Once<T>);

impl<'a, T> Run<'a, T> {
    /// The value is made.
    fn end(self, value: T) -> &'a T {
        let once = ManuallyDrop::new(self).0;
        // SAFETY: it is RUNNING, by us: nobody else writes, and nobody reads before READY (O1).
        once.value.with_mut(|place| unsafe { place.cast::<T>().write(value) });
        once.finish();
        once.get().expect("O2: it is ready, and stays so")
    }
}

impl<T> Drop for Run<'_, T> {
    fn drop(&mut self) {
        if probe::has(Mutant::OnceFailsSilently) {
            // ORDERING: as in `fail`, in a fault that a model switches on: it looks for nobody.
            self.0.word.fetch_sub(1, Release);
        } else {
            self.0.fail();
        }
    }
}

impl<T> Drop for Once<T> {
    fn drop(&mut self) {
        self.reset();
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Once::new()
    }
}

impl<T> From<T> for Once<T> {
    fn from(value: T) -> Self {
        let once = Once::new();
        let set = once.set(value);
        debug_assert!(set.is_ok(), "O1: a new once has no value");
        once
    }
}

impl<T: fmt::Debug> fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(value) => f.debug_tuple("Once").field(value).finish(),
            None => f.write_str("Once(empty)"),
        }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
