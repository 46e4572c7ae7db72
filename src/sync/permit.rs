//! Permits in hand: they return to their semaphore when they are dropped, panic or not.
//!
//! ```text
//!                              split(1)
//!   Semaphore ── acquire(3) ──> Permit of 3 ──> Permit of 2, Permit of 1 ── dropped ──> back in the semaphore
//!                                  |                         |
//!                                  | owned_by(&arc)          | forget: gone, S1 holds for one permit less
//!                                  v
//!                              OwnedPermit: of a thread or task that outlives the caller
//! ```
//! A batch that is worked off bit by bit gives back as it goes; and what is handed to a thread keeps the semaphore alive:
//!
//! ```
//! use rsm::sync::semaphore::Semaphore;
//! use std::sync::Arc;
//!
//! // Ten KiB may be on their way at once. One message of six is sent in pieces, each by a thread of its own.
//! let memory = Arc::new(Semaphore::new(10));
//! let mut message = memory.acquire(6).expect("nobody closes it");
//! let pieces: Vec<_> = (0..3)
//!     .map(|_| {
//!         let piece = message.split(2).expect("six are three times two").owned_by(&memory);
//!         std::thread::spawn(move || drop(piece)) // sent: the next message may have its memory
//!     })
//!     .collect();
//! assert_eq!(message.count(), 0);
//! pieces.into_iter().for_each(|piece| piece.join().unwrap());
//! assert_eq!(memory.available(), 10);
//! ```

use super::lock::{Fifo, Strategy};
use super::semaphore::Semaphore;
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// So many permits of a [`Semaphore`], returned when dropped.
#[must_use = "a permit that is dropped at once permits nothing"]
pub struct Permit<'a, Q: Strategy = Fifo> {
    semaphore: &'a Semaphore<Q>,
    count: u32,
}

/// A [`Permit`] that keeps its semaphore alive, for threads and tasks that outlive the caller.
#[must_use = "a permit that is dropped at once permits nothing"]
pub struct OwnedPermit<Q: Strategy = Fifo> {
    semaphore: Arc<Semaphore<Q>>,
    count: u32,
}

impl<'a, Q: Strategy> Permit<'a, Q> {
    #[inline]
    pub(super) fn new(semaphore: &'a Semaphore<Q>, count: u32) -> Self {
        Permit { semaphore, count }
    }

    /// How many permits it is.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Takes the permits out of the world: they do not return. [`Semaphore::release`] makes new ones.
    pub fn forget(self) {
        let _ = ManuallyDrop::new(self);
    }

    /// Splits `count` permits off, to be returned on their own; `None` if it has not so many.
    pub fn split(&mut self, count: u32) -> Option<Permit<'a, Q>> {
        self.count = self.count.checked_sub(count)?;
        Some(Permit { semaphore: self.semaphore, count })
    }

    /// The same permits, with a share of the semaphore instead of a borrow of it.
    ///
    /// # Panics
    /// If `semaphore` is another one.
    pub fn owned_by(self, semaphore: &Arc<Semaphore<Q>>) -> OwnedPermit<Q> {
        assert!(std::ptr::eq(self.semaphore, &**semaphore), "a permit is owned by its own semaphore");
        let count = ManuallyDrop::new(self).count;
        OwnedPermit { semaphore: semaphore.clone(), count }
    }
}

impl<Q: Strategy> OwnedPermit<Q> {
    /// How many permits it is.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Takes the permits out of the world: they do not return. [`Semaphore::release`] makes new ones.
    pub fn forget(mut self) {
        self.count = 0;
    }
}

impl<Q: Strategy> Drop for Permit<'_, Q> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.release(self.count);
    }
}

impl<Q: Strategy> Drop for OwnedPermit<Q> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.release(self.count);
    }
}

impl<Q: Strategy> fmt::Debug for Permit<'_, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("count", &self.count).finish()
    }
}

impl<Q: Strategy> fmt::Debug for OwnedPermit<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("count", &self.count).finish()
    }
}
