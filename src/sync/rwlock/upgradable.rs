//! A reader that may become the writer.
//!
//! ```text
//!                                           readers come and go
//!   upgradable_read ──> UpgradableGuard ──────────────────────────> dropped, downgrade: a reader
//!   one at a time            | upgrade: they leave, none comes in, nobody writes in between
//!                            v
//!                        WriteGuard ── downgrade_to_upgradable ──> UpgradableGuard
//! ```

use super::super::TimedOut;
use super::super::shim::Deadline;
use super::guard::{ReadGuard, RwLock, WriteGuard};
use super::raw::Way;
use super::word::Leaves;
use std::fmt;
use std::ops::Deref;
use std::time::{Duration, Instant};

/// The way to the value of a reader that may become the writer. There are readers beside it, but only one of its kind, and no
/// writer. Dropping it leaves, from whatever thread.
///
/// Ten threads look something up, and the first of them puts it there. Only one at a time is the one that may, so nobody looks for
/// it twice; and who only reads comes in beside it, unless another waits for its part (see below):
///
/// ```
/// use rsm::sync::rwlock::RwLock;
///
/// static CACHE: RwLock<Vec<(u32, u32)>> = RwLock::new(Vec::new());
/// fn square(of: u32) -> u32 {
///     let cache = CACHE.upgradable_read();
///     if let Some(found) = cache.iter().find(|entry| entry.0 == of) {
///         return found.1;
///     }
///     let square = of * of; // readers still come in
///     cache.upgrade().push((of, square)); // nobody has written since we looked
///     square
/// }
/// std::thread::scope(|scope| {
///     for _ in 0..10 {
///         scope.spawn(|| assert_eq!(square(7), 49));
///     }
/// });
/// assert_eq!(*CACHE.read(), [(7, 49)]);
/// ```
///
/// **Who waits for its part keeps newcomers out**, readers too, as does everyone who waits: so do not wait, inside, for a thread
/// that has yet to come in to read. It may have to wait for the next upgradable reader, that one for you, and you for it.
/// (Readers that are spread, see [the module](super), do come in then; but that a lock becomes by itself.)
///
/// It reads; to write it must become the writer:
///
/// ```
/// let lock = rsm::sync::rwlock::RwLock::new(1);
/// *lock.upgradable_read().upgrade() = 2;
/// ```
/// ```compile_fail,E0594
/// let lock = rsm::sync::rwlock::RwLock::new(1);
/// *lock.upgradable_read() = 2;
/// ```
#[must_use = "the upgradable reader leaves when its guard is dropped"]
pub struct UpgradableGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
}

impl<T: ?Sized> RwLock<T> {
    /// Comes in to read and, perhaps, to write later; unless a writer or another upgradable reader is in, or anyone waits.
    pub fn try_upgradable_read(&self) -> Option<UpgradableGuard<'_, T>> {
        self.raw.try_read_upgradable().then(|| self.upgradable())
    }

    /// Comes in to read and, perhaps, to write later, waiting if need be. One at a time, beside readers.
    pub fn upgradable_read(&self) -> UpgradableGuard<'_, T> {
        self.raw.read_upgradable(Deadline::NEVER);
        self.upgradable()
    }

    /// As [`upgradable_read`](Self::upgradable_read), waiting for at most `time`.
    ///
    /// # Errors
    /// [`TimedOut`] if that was not possible in that time.
    pub fn upgradable_read_timeout(&self, time: Duration) -> Result<UpgradableGuard<'_, T>, TimedOut> {
        let is_in = self.raw.try_read_upgradable() || self.raw.read_upgradable(Deadline::after(time));
        if is_in { Ok(self.upgradable()) } else { Err(TimedOut) }
    }

    /// As [`upgradable_read`](Self::upgradable_read), waiting until `instant` at most.
    ///
    /// # Errors
    /// [`TimedOut`] if that was not possible by then.
    pub fn upgradable_read_until(&self, instant: Instant) -> Result<UpgradableGuard<'_, T>, TimedOut> {
        if self.raw.read_upgradable(Deadline::at(instant)) { Ok(self.upgradable()) } else { Err(TimedOut) }
    }

    /// For the upgradable reader only.
    fn upgradable(&self) -> UpgradableGuard<'_, T> {
        UpgradableGuard { lock: self }
    }
}

impl<'a, T: ?Sized> UpgradableGuard<'a, T> {
    /// Becomes the writer once all readers have left; new ones do not come in meanwhile. Nobody writes in between.
    ///
    /// A reader's guard that this thread itself holds would be waited for, for ever.
    pub fn upgrade(self) -> WriteGuard<'a, T> {
        self.lock.raw.upgrade(Deadline::NEVER);
        self.into_writer()
    }

    /// Becomes the writer if no reader is in.
    ///
    /// # Errors
    /// The guard as it was, if readers are in.
    pub fn try_upgrade(self) -> Result<WriteGuard<'a, T>, Self> {
        if self.lock.raw.try_upgrade() { Ok(self.into_writer()) } else { Err(self) }
    }

    /// As [`upgrade`](Self::upgrade), waiting for at most `time`.
    ///
    /// # Errors
    /// The guard as it was, if readers were in all that time.
    pub fn upgrade_timeout(self, time: Duration) -> Result<WriteGuard<'a, T>, Self> {
        let done = self.lock.raw.try_upgrade() || self.lock.raw.upgrade(Deadline::after(time));
        if done { Ok(self.into_writer()) } else { Err(self) }
    }

    /// As [`upgrade`](Self::upgrade), waiting until `instant` at most.
    ///
    /// # Errors
    /// The guard as it was, if readers were in until then.
    pub fn upgrade_until(self, instant: Instant) -> Result<WriteGuard<'a, T>, Self> {
        if self.lock.raw.upgrade(Deadline::at(instant)) { Ok(self.into_writer()) } else { Err(self) }
    }

    /// Stays as a reader; another may be the upgradable one. Aborts the process if 2^24 - 1 readers are in.
    pub fn downgrade(self) -> ReadGuard<'a, T> {
        let lock = self.lock;
        std::mem::forget(self);
        lock.raw.leave(Leaves::UpgraderToRead);
        lock.reader(Way::Counted)
    }

    fn into_writer(self) -> WriteGuard<'a, T> {
        let lock = self.lock;
        std::mem::forget(self);
        lock.writer()
    }
}

impl<'a, T: ?Sized> WriteGuard<'a, T> {
    /// Stays as an upgradable reader: nobody writes in between. Readers that are next in line come in.
    pub fn downgrade_to_upgradable(self) -> UpgradableGuard<'a, T> {
        self.end(Leaves::WriterToUpgrader).upgradable()
    }
}

impl<T: ?Sized> Deref for UpgradableGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: R1 keeps writers out: this guard is made only for who has set UPGRADER, or was given it, and leaves when it is
        // dropped.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> Drop for UpgradableGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.raw.leave(Leaves::Upgrader);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for UpgradableGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
