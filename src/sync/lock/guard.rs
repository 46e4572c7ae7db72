//! `Lock<T>` and its guard.
//!
//! ```text
//!   lock, lock_with(f) ──> Guard ── &T, &mut T ── dropped, unlock_with(f), unlock_fair ──> free, or the next one's
//!                                                 forgotten ──> locked, until `force_unlock`
//! ```

use super::super::TimedOut;
use super::super::shim::{Deadline, UnsafeCell, const_fn};
use super::raw::Raw;
use super::strategy::{Fifo, Lifo, Strategy};
use super::word::Snapshot;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::UnwindSafe;
use std::time::{Duration, Instant};

/// A value that one thread at a time may reach, and 32 bits that change together with that.
///
/// Ten threads count, and the number of owners so far is read without the lock:
///
/// ```
/// use rsm::sync::lock::Lock;
///
/// static COUNT: Lock<u64> = Lock::new(0);
/// std::thread::scope(|scope| {
///     for _ in 0..10 {
///         scope.spawn(|| *COUNT.lock_with(|owners| owners + 1) += 3);
///     }
/// });
/// assert_eq!((*COUNT.lock(), COUNT.payload()), (30, 10));
/// ```
///
/// A poison bit, for who wants one: set on entry and cleared on exit, so that it stays if the owner panics in between:
///
/// ```
/// use rsm::sync::lock::Lock;
///
/// const TORN: u32 = 1;
/// let lock = Lock::new((0, 0));
/// let mut pair = lock.lock_with(|bits| bits | TORN);
/// pair.0 += 1;
/// pair.1 += 1;
/// assert_eq!(pair.unlock_with(|bits| bits & !TORN), TORN);
/// assert_eq!(lock.payload() & TORN, 0);
/// ```
///
/// It may be shared if its value may be sent, and not otherwise:
///
/// ```
/// fn share<T: Sync>(_: T) {}
/// share(rsm::sync::lock::Lock::new(std::cell::Cell::new(1)));
/// ```
/// ```compile_fail,E0277
/// fn share<T: Sync>(_: T) {}
/// share(rsm::sync::lock::Lock::new(std::rc::Rc::new(1)));
/// ```
///
/// A lock that the calling thread owns already is never free for it: `lock` then waits for ever.
#[repr(C)] // The word stands first: its address is the lock's own, which saves an instruction at each use.
pub struct Lock<T: ?Sized, Q: Strategy = Fifo> {
    raw: Raw<Q>,
    value: UnsafeCell<T>,
}

/// The owner's way to the value. Dropping it unlocks, by a panic, too.
///
/// It may be shared if the value may be, and stays on its thread:
///
/// ```
/// fn share<T: Sync>(_: T) {}
/// let lock = rsm::sync::lock::Lock::new(1);
/// share(lock.lock());
/// ```
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// let lock = rsm::sync::lock::Lock::new(1);
/// send(lock.lock());
/// ```
/// ```compile_fail,E0277
/// fn share<T: Sync>(_: T) {}
/// let lock = rsm::sync::lock::Lock::new(std::cell::Cell::new(1));
/// share(lock.lock());
/// ```
#[must_use = "the lock is released when its guard is dropped"]
pub struct Guard<'a, T: ?Sized, Q: Strategy = Fifo> {
    lock: &'a Lock<T, Q>,
    /// Makes a guard neither `Send` nor `Sync`; the latter is given back below, where it holds.
    owns: PhantomData<*mut T>,
}

// SAFETY: only the owner reaches `value`, and there is one owner at a time (W7), so a shared lock does no more than move the value
// between threads.
unsafe impl<T: ?Sized + Send, Q: Strategy> Sync for Lock<T, Q> {}
// SAFETY: by itself: the value goes with it; nobody waits in a lock that can be moved.
unsafe impl<T: ?Sized + Send, Q: Strategy> Send for Lock<T, Q> {}
// As parking_lot's: a lock that is moved into a closure that panics goes with it, and its inner parts are no question of the value.
// Shared it is not `RefUnwindSafe`: nothing is poisoned, so who catches the panic may find the value half changed, and says by
// `AssertUnwindSafe` that it may.
impl<T: ?Sized + UnwindSafe, Q: Strategy> UnwindSafe for Lock<T, Q> {}
// SAFETY: W7: the value is this guard's, and shared it lends out no more than `&T`.
unsafe impl<T: ?Sized + Sync, Q: Strategy> Sync for Guard<'_, T, Q> {}

impl<T> Lock<T> {
    const_fn! {
        /// A free lock, first come, first served; its payload is 0.
        pub const fn new(value: T) -> Lock<T> {
            Lock { raw: Raw::new(0), value: UnsafeCell::new(value) }
        }
    }

    const_fn! {
        /// The same, with another payload to begin with.
        pub const fn with_payload(value: T, payload: u32) -> Lock<T> {
            Lock { raw: Raw::new(payload), value: UnsafeCell::new(value) }
        }
    }
}

#[cfg(all(feature = "lock_api", not(rsm_loom)))]
impl<Q: Strategy> Lock<(), Q> {
    /// A free lock of either order.
    pub(super) const fn raw() -> Self {
        Lock { raw: Raw::new(0), value: UnsafeCell::new(()) }
    }
}

impl<T> Lock<T, Lifo> {
    const_fn! {
        /// A free lock; of those who wait, who came last is served first.
        pub const fn lifo(value: T) -> Lock<T, Lifo> {
            Lock { raw: Raw::new(0), value: UnsafeCell::new(value) }
        }
    }
}

impl<T, Q: Strategy> Lock<T, Q> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized, Q: Strategy> Lock<T, Q> {
    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<Guard<'_, T, Q>> {
        self.raw.try_lock().then(|| self.guard())
    }

    /// Takes the lock, waiting for it if need be.
    ///
    /// # Panics
    /// If 2^24 - 1 threads wait already; nothing has changed then.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T, Q> {
        self.raw.lock(Deadline::NEVER);
        self.guard()
    }

    /// Takes the lock, waiting for at most `time`.
    ///
    /// # Errors
    /// [`TimedOut`] if it was not free in that time. A lock that is free is taken even if `time` is zero.
    pub fn lock_timeout(&self, time: Duration) -> Result<Guard<'_, T, Q>, TimedOut> {
        // The clock is read only by who has to wait.
        if self.raw.try_lock() || self.raw.lock(Deadline::after(time)) { Ok(self.guard()) } else { Err(TimedOut) }
    }

    /// Takes the lock, waiting until `instant` at most.
    ///
    /// # Errors
    /// [`TimedOut`] if it was not free by then. A lock that is free is taken even if the instant has passed.
    pub fn lock_until(&self, instant: Instant) -> Result<Guard<'_, T, Q>, TimedOut> {
        if self.raw.lock(Deadline::at(instant)) { Ok(self.guard()) } else { Err(TimedOut) }
    }

    /// Takes the lock and, in the same atomic step, changes its payload.
    ///
    /// `change` sees the payload that it replaces. It may run several times, always on this thread; the last run's result, and no
    /// other's, is stored. So it must be pure and short, and must not touch this lock.
    ///
    /// # Panics
    /// If `change` does. Then nothing has changed, and this thread's place in the queue is given up.
    #[inline]
    pub fn lock_with(&self, change: impl Fn(u32) -> u32) -> Guard<'_, T, Q> {
        self.raw.lock_with(&change, Deadline::NEVER);
        self.guard()
    }

    /// As [`lock_with`](Self::lock_with), if the lock is free.
    pub fn try_lock_with(&self, change: impl Fn(u32) -> u32) -> Option<Guard<'_, T, Q>> {
        self.raw.try_lock_with(&change).then(|| self.guard())
    }

    /// As [`lock_with`](Self::lock_with), waiting for at most `time`.
    ///
    /// # Errors
    /// [`TimedOut`] if it was not free in that time; the payload is unchanged.
    pub fn lock_with_timeout(&self, time: Duration, change: impl Fn(u32) -> u32) -> Result<Guard<'_, T, Q>, TimedOut> {
        let taken = self.raw.try_lock_with(&change) || self.raw.lock_with(&change, Deadline::after(time));
        if taken { Ok(self.guard()) } else { Err(TimedOut) }
    }

    /// As [`lock_with`](Self::lock_with), waiting until `instant` at most.
    ///
    /// # Errors
    /// [`TimedOut`] if it was not free by then; the payload is unchanged.
    pub fn lock_with_until(&self, instant: Instant, change: impl Fn(u32) -> u32) -> Result<Guard<'_, T, Q>, TimedOut> {
        if self.raw.lock_with(&change, Deadline::at(instant)) { Ok(self.guard()) } else { Err(TimedOut) }
    }

    /// Changes the payload to `to` if nobody owns the lock and it is `from`; as to lock and to unlock, in one atomic step, and never
    /// waiting. False, and nothing is changed, otherwise. A look at the payload afterwards says no more about why.
    ///
    /// A flag that many raise, and only the first of them has work with, costs the others nothing:
    ///
    /// ```
    /// use rsm::sync::lock::Lock;
    ///
    /// const QUIET: u32 = 0;
    /// const RAISED: u32 = 1;
    /// let queue = Lock::new(vec![1, 2, 3]);
    /// assert!(queue.replace_payload(QUIET, RAISED)); // the first: it calls who empties the queue
    /// assert!(!queue.replace_payload(QUIET, RAISED)); // raised already
    /// let mut work = queue.lock();
    /// assert!(!queue.replace_payload(RAISED, QUIET)); // locked: it is the owner's
    /// work.clear();
    /// assert_eq!(work.unlock_with(|_| QUIET), RAISED);
    /// ```
    #[inline]
    pub fn replace_payload(&self, from: u32, to: u32) -> bool {
        self.raw.replace(from, to)
    }

    /// The payload at some instant during the call. One load, which orders nothing.
    #[inline]
    pub fn payload(&self) -> u32 {
        self.raw.look().payload()
    }

    /// How many threads wait, or are about to, or are woken and not yet served, at some instant during the call.
    pub fn pending(&self) -> u32 {
        self.raw.look().pending()
    }

    /// Payload, waiters and whether it is locked, all at one instant.
    pub fn snapshot(&self) -> Snapshot {
        self.raw.look().into()
    }

    /// As [`snapshot`](Self::snapshot); what the owners up to then wrote elsewhere (in atomics, say) may be read after it.
    pub fn snapshot_acquire(&self) -> Snapshot {
        self.raw.look_acquire().into()
    }

    /// The value of a lock that is not shared.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: by itself: `&mut self` says that there is no guard, and that nobody locks meanwhile.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    /// Unlocks what a forgotten guard has left locked: with `mem::forget(guard)` a raw lock.
    ///
    /// # Safety
    /// The lock is held by a guard that has been forgotten, and nobody else has unlocked, or will unlock, on its behalf.
    pub unsafe fn force_unlock(&self) {
        self.raw.unlock();
    }

    /// As [`Guard::unlock_with`], on behalf of a forgotten guard.
    ///
    /// # Safety
    /// As [`force_unlock`](Self::force_unlock).
    pub unsafe fn force_unlock_with(&self, change: impl FnOnce(u32) -> u32) -> u32 {
        self.guard().unlock_with(change)
    }

    /// As [`Guard::unlock_fair`], on behalf of a forgotten guard.
    ///
    /// # Safety
    /// As [`force_unlock`](Self::force_unlock).
    pub unsafe fn force_unlock_fair(&self) {
        self.raw.unlock_fair();
    }

    /// For the owner only.
    fn guard(&self) -> Guard<'_, T, Q> {
        Guard { lock: self, owns: PhantomData }
    }
}

impl<'a, T: ?Sized, Q: Strategy> Guard<'a, T, Q> {
    /// The payload, which nobody else changes while we own the lock.
    pub fn payload(&self) -> u32 {
        self.lock.payload()
    }

    /// Unlocks and, in the same atomic step, changes the payload. Returns what it was before. `change` runs once, while the lock
    /// is still held.
    ///
    /// # Panics
    /// If `change` does; the lock is then unlocked, its payload unchanged.
    #[inline]
    pub fn unlock_with(self, change: impl FnOnce(u32) -> u32) -> u32 {
        let before = self.payload();
        let after = change(before);
        self.let_go().raw.unlock_with(after);
        before
    }

    /// Unlocks; the lock goes to whoever has waited longest (in the order of its strategy), even if others come by meanwhile.
    /// With it on every unlock the order is strict, which costs much on short sections.
    pub fn unlock_fair(self) {
        self.let_go().raw.unlock_fair();
    }

    /// The lock, still locked; from here on that is the caller's affair.
    fn let_go(self) -> &'a Lock<T, Q> {
        let lock = self.lock;
        std::mem::forget(self);
        lock
    }
}

impl<T: ?Sized, Q: Strategy> Deref for Guard<'_, T, Q> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: W7: a guard is made only for who has won the lock, and undone only when it lets go; meanwhile the word turns
        // every other thread away, and `&self` turns our own writes away.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized, Q: Strategy> DerefMut for Guard<'_, T, Q> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: W7, as in `deref`; `&mut self` is the only way in through us.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized, Q: Strategy> Drop for Guard<'_, T, Q> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw.unlock();
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Lock::new(T::default())
    }
}

impl<T> From<T> for Lock<T> {
    fn from(value: T) -> Self {
        Lock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug, Q: Strategy> fmt::Debug for Lock<T, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(value) => f.debug_tuple("Lock").field(&&*value).finish(),
            None => f.write_str("Lock(locked)"),
        }
    }
}

impl<T: ?Sized + fmt::Debug, Q: Strategy> fmt::Debug for Guard<'_, T, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display, Q: Strategy> fmt::Display for Guard<'_, T, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
