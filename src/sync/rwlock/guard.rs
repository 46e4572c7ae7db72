//! `RwLock<T>` and its guards.
//!
//! ```text
//!   read ───> ReadGuard ── &T ── dropped, on any thread
//!               ^  ^
//!     downgrade |  | downgrade
//!               |  UpgradableGuard <── upgradable_read
//!               |     | upgrade  ^ downgrade_to_upgradable
//!               |     v          |
//!   write ──> WriteGuard ── &T, &mut T ── dropped, on its thread
//! ```

use super::super::TimedOut;
use super::super::shim::{Deadline, UnsafeCell, const_fn};
use super::raw::{Raw, Way};
use super::word::Leaves;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::UnwindSafe;
use std::time::{Duration, Instant};

/// A value that many threads may read at a time, or one may change.
///
/// Ten readers always see a pair whose halves agree, whatever the writer does:
///
/// ```
/// use rsm::sync::rwlock::RwLock;
///
/// static PAIR: RwLock<(u32, u32)> = RwLock::new((0, 0));
/// std::thread::scope(|scope| {
///     for _ in 0..10 {
///         scope.spawn(|| {
///             let pair = PAIR.read();
///             assert_eq!(pair.0, pair.1);
///         });
///     }
///     scope.spawn(|| {
///         let mut pair = PAIR.write();
///         pair.0 += 1;
///         pair.1 += 1;
///         let pair = pair.downgrade(); // nobody writes in between
///         assert_eq!(*pair, (1, 1));
///     });
/// });
/// ```
///
/// It may be shared if its value may be sent and shared:
///
/// ```
/// fn share<T: Sync>(_: T) {}
/// share(rsm::sync::rwlock::RwLock::new(1));
/// ```
/// ```compile_fail,E0277
/// fn share<T: Sync>(_: T) {}
/// share(rsm::sync::rwlock::RwLock::new(std::cell::Cell::new(1)));
/// ```
pub struct RwLock<T: ?Sized> {
    pub(super) raw: Raw,
    pub(super) value: UnsafeCell<T>,
}

/// A reader's way to the value; there may be others. Dropping it leaves, from whatever thread.
///
/// So it may be sent, if the value may be shared:
///
/// ```
/// fn send<T: Send>(_: T) {}
/// let lock = rsm::sync::rwlock::RwLock::new(1);
/// send(lock.read());
/// ```
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// let lock = rsm::sync::rwlock::RwLock::new(std::cell::Cell::new(1));
/// send(lock.read());
/// ```
#[must_use = "the reader leaves when its guard is dropped"]
pub struct ReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    way: Way<'a>,
}

/// The writer's way to the value. Dropping it leaves, by a panic, too.
///
/// It may be shared if the value may be, and stays on its thread:
///
/// ```
/// fn share<T: Sync>(_: T) {}
/// let lock = rsm::sync::rwlock::RwLock::new(1);
/// share(lock.write());
/// ```
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// let lock = rsm::sync::rwlock::RwLock::new(1);
/// send(lock.write());
/// ```
#[must_use = "the writer leaves when its guard is dropped"]
pub struct WriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// Makes a guard neither `Send` nor `Sync`; the latter is given back below, where it holds.
    owns: PhantomData<*mut T>,
}

// SAFETY: R1: either readers on several threads have `&T` at a time, which `T: Sync` permits, or one writer may move the value, which
// `T: Send` permits.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}
// SAFETY: by itself: the value goes with it; nobody waits in a lock that can be moved.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// As for a `Lock`, which says why it is no more.
impl<T: ?Sized + UnwindSafe> UnwindSafe for RwLock<T> {}
// SAFETY: R1: the value is this guard's, and shared it lends out no more than `&T`.
unsafe impl<T: ?Sized + Sync> Sync for WriteGuard<'_, T> {}

impl<T> RwLock<T> {
    const_fn! {
        /// A lock that is free.
        pub const fn new(value: T) -> RwLock<T> {
            RwLock { raw: Raw::new(), value: UnsafeCell::new(value) }
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Comes in to read, unless a writer is in or anyone waits.
    ///
    /// # Panics
    /// If 2^24 - 1 readers are in (2^31 by one slot, once they are spread): somebody forgets their guards.
    #[inline]
    pub fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        self.raw.try_read().map(|way| self.reader(way))
    }

    /// Comes in to read, waiting if need be.
    ///
    /// # Panics
    /// If 2^24 - 1 readers are in (2^31 by one slot, once they are spread), or so many wait: nothing has changed then.
    #[inline(always)] // left to itself the compiler calls it, which costs a tenth of a read
    pub fn read(&self) -> ReadGuard<'_, T> {
        let way = self.raw.read(Deadline::NEVER).expect("a wait without a deadline succeeds");
        self.reader(way)
    }

    /// Comes in to read, waiting for at most `time`.
    ///
    /// # Errors
    /// [`TimedOut`] if that was not possible in that time.
    pub fn read_timeout(&self, time: Duration) -> Result<ReadGuard<'_, T>, TimedOut> {
        // The clock is read only by who has to wait.
        let way = self.raw.try_read().or_else(|| self.raw.read(Deadline::after(time)));
        way.map(|way| self.reader(way)).ok_or(TimedOut)
    }

    /// Comes in to read, waiting until `instant` at most.
    ///
    /// # Errors
    /// [`TimedOut`] if that was not possible by then.
    pub fn read_until(&self, instant: Instant) -> Result<ReadGuard<'_, T>, TimedOut> {
        self.raw.read(Deadline::at(instant)).map(|way| self.reader(way)).ok_or(TimedOut)
    }

    /// Comes in to write if nobody is in.
    #[inline]
    pub fn try_write(&self) -> Option<WriteGuard<'_, T>> {
        self.raw.try_write().then(|| self.writer())
    }

    /// Comes in to write, waiting if need be.
    ///
    /// # Panics
    /// If 2^24 - 1 threads wait already; nothing has changed then.
    #[inline]
    pub fn write(&self) -> WriteGuard<'_, T> {
        self.raw.write(Deadline::NEVER);
        self.writer()
    }

    /// Comes in to write, waiting for at most `time`.
    ///
    /// # Errors
    /// [`TimedOut`] if that was not possible in that time.
    pub fn write_timeout(&self, time: Duration) -> Result<WriteGuard<'_, T>, TimedOut> {
        if self.raw.try_write() || self.raw.write(Deadline::after(time)) { Ok(self.writer()) } else { Err(TimedOut) }
    }

    /// Comes in to write, waiting until `instant` at most.
    ///
    /// # Errors
    /// [`TimedOut`] if that was not possible by then.
    pub fn write_until(&self, instant: Instant) -> Result<WriteGuard<'_, T>, TimedOut> {
        if self.raw.write(Deadline::at(instant)) { Ok(self.writer()) } else { Err(TimedOut) }
    }

    /// How many readers are in, the upgradable one among them; exact only while nobody comes or leaves.
    pub fn readers(&self) -> u32 {
        self.raw.readers()
    }

    /// How many threads wait to come in, at some instant during the call.
    pub fn pending(&self) -> u32 {
        self.raw.look().pending()
    }

    /// The value of a lock that is not shared.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: by itself: `&mut self` says that there is no guard, and that nobody comes in meanwhile.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    /// For who is in to read only.
    #[inline]
    pub(super) fn reader<'a>(&'a self, way: Way<'a>) -> ReadGuard<'a, T> {
        ReadGuard { lock: self, way }
    }

    /// Spreads the readers now, as if they had collided.
    #[cfg(any(rsm_loom, rsm_shuttle))]
    #[doc(hidden)]
    pub fn spread_out(&self) {
        self.raw.spread_out();
    }

    /// For the writer only.
    pub(super) fn writer(&self) -> WriteGuard<'_, T> {
        WriteGuard { lock: self, owns: PhantomData }
    }
}

impl<'a, T: ?Sized> WriteGuard<'a, T> {
    /// Stays as a reader: nobody writes in between. Readers that are next in line come in, too.
    pub fn downgrade(self) -> ReadGuard<'a, T> {
        self.end(Leaves::WriterToRead).reader(Way::Counted)
    }

    /// Leaves; what is left of us in the lock is the caller's affair.
    pub(super) fn end(self, leaves: Leaves) -> &'a RwLock<T> {
        let lock = self.lock;
        std::mem::forget(self);
        lock.raw.leave(leaves);
        lock
    }
}

impl<T: ?Sized> Deref for ReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: R1 keeps writers out: a reader's guard is made only for who is counted in, and leaves when it is dropped.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> Deref for WriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: R1 keeps everyone else out, and `&self` our own writes: a writer's guard is made only for who has set WRITER, or
        // was given it.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for WriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: R1, as in `deref`; `&mut self` is the only way in through us.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized> Drop for ReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw.leave_read(self.way);
    }
}

impl<T: ?Sized> Drop for WriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw.leave(Leaves::Writer);
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_read() {
            Some(value) => f.debug_tuple("RwLock").field(&&*value).finish(),
            None if self.raw.look().is_writing() => f.write_str("RwLock(written)"),
            None => f.write_str("RwLock(waited for)"),
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
