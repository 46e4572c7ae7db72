//! A view that can only read.
//!
//! ```text
//!   Arc<RwLock<T>> ── owner: reads, writes
//!         |
//!         +── ReadOnly ── clone ──> ReadOnly ...      reads, and keeps the lock alive
//! ```

use super::super::TimedOut;
use super::guard::{ReadGuard, RwLock};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An owned view of a shared [`RwLock`], to give away: it can read, and nothing else.
///
/// ```
/// use rsm::sync::rwlock::{ReadOnly, RwLock};
/// use std::sync::Arc;
///
/// // One thread keeps the prices; ten others get a view, and cannot change them by mistake.
/// let prices = Arc::new(RwLock::new(vec![10, 20]));
/// let shops: Vec<_> = (0..10)
///     .map(|_| {
///         let prices = ReadOnly::of(&prices);
///         std::thread::spawn(move || prices.read().iter().sum::<u32>())
///     })
///     .collect();
/// prices.write().push(30);
/// assert!(shops.into_iter().all(|shop| [30, 60].contains(&shop.join().unwrap())));
/// ```
///
/// It may be sent, and shared, if the value may be both:
///
/// ```compile_fail,E0277
/// use rsm::sync::rwlock::{ReadOnly, RwLock};
///
/// fn send<T: Send>(_: T) {}
/// send(ReadOnly::of(&std::sync::Arc::new(RwLock::new(std::cell::Cell::new(1)))));
/// ```
pub struct ReadOnly<T: ?Sized> {
    lock: Arc<RwLock<T>>,
}

impl<T: ?Sized> ReadOnly<T> {
    /// A view of `lock`, which it keeps alive.
    pub fn of(lock: &Arc<RwLock<T>>) -> ReadOnly<T> {
        ReadOnly { lock: lock.clone() }
    }

    /// As [`RwLock::try_read`].
    pub fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        self.lock.try_read()
    }

    /// As [`RwLock::read`].
    pub fn read(&self) -> ReadGuard<'_, T> {
        self.lock.read()
    }

    /// As [`RwLock::read_timeout`].
    ///
    /// # Errors
    /// [`TimedOut`] if it could not come in in that time.
    pub fn read_timeout(&self, time: Duration) -> Result<ReadGuard<'_, T>, TimedOut> {
        self.lock.read_timeout(time)
    }

    /// As [`RwLock::read_until`].
    ///
    /// # Errors
    /// [`TimedOut`] if it could not come in by then.
    pub fn read_until(&self, instant: Instant) -> Result<ReadGuard<'_, T>, TimedOut> {
        self.lock.read_until(instant)
    }

    /// How many readers are in, at some instant during the call.
    pub fn readers(&self) -> u32 {
        self.lock.readers()
    }
}

impl<T: ?Sized> Clone for ReadOnly<T> {
    fn clone(&self) -> Self {
        ReadOnly { lock: self.lock.clone() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ReadOnly<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadOnly").field(&self.lock).finish()
    }
}
