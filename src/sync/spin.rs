//! A value for brief visits, behind one bit of a word whose other bits are a payload. For the floors' own use.
//!
//! ```text
//!    63                            1    0
//!   +-------------------------------+------+
//!   |            payload            | BUSY |
//!   +-------------------------------+------+
//!
//!   enter: compare-and-swap ──> Entered: the value, the payload ──> leave_with(payload): a store
//!   replace: both in one exchange, where nobody is in and the payload is as expected
//! ```
//! Beside a [`Lock`](super::lock::Lock) it lacks a queue, and so costs half: whoever leaves stores the whole word, as nobody else may
//! change it meanwhile, and a store need not wait until what was written inside has left the processor, as an exchange must. Who
//! finds it taken looks again and again, and naps. So a visit is a few instructions: it moves values, and nothing of a user's runs
//! in it, nobody is woken, what is dropped is carried out first. The allocator is called before, where that is often.
//!
//! - S1 BUSY is set => one is in, and no bit changes but by its leaving.
//! - S2 Who enters sees all that those before it have written.
//! - S3 A panic inside leaves, with the payload as it was.

#[cfg(rsm_loom)]
pub mod models;

use super::backoff::Backoff;
use super::probe::{self, Mutant};
use super::shim::{AtomicU64, Ordering::*, UnsafeCell};
use std::marker::PhantomData;
use std::mem;
use std::ops::{Deref, DerefMut};

const BUSY: u64 = 1;

/// A value that one at a time visits, briefly. Eight bytes beside the value, which comes behind them.
#[repr(C)]
pub(crate) struct Spin<T> {
    word: AtomicU64,
    value: UnsafeCell<T>,
}

// SAFETY: S1: one visitor at a time reaches the value, so sharing it does no more than move the value between threads.
unsafe impl<T: Send> Sync for Spin<T> {}
// SAFETY: by itself: the value goes with it.
unsafe impl<T: Send> Send for Spin<T> {}

/// The visit: derefs to the value, and leaves when dropped.
#[must_use = "the visit ends when it is dropped"]
pub(crate) struct Entered<'a, T> {
    spin: &'a Spin<T>,
    payload: u64,
    /// Shared only where `&mut T` may be.
    visits: PhantomData<&'a mut T>,
}

impl<T> Spin<T> {
    /// Nobody is in. The payload is even, here and below: its lowest bit is not its own.
    pub(crate) fn new(payload: u64, value: T) -> Spin<T> {
        debug_assert!(payload & BUSY == 0, "S1: the lowest bit is not the payload's");
        Spin { word: AtomicU64::new(payload), value: UnsafeCell::new(value) }
    }

    /// The payload, at some moment during the call; by one load, which orders nothing.
    #[inline]
    pub(crate) fn payload(&self) -> u64 {
        probe::look_beside_stores(&self.word) & !BUSY
    }

    /// Enters if nobody was in at this look.
    #[inline]
    fn try_enter(&self, payload: u64) -> Option<Entered<'_, T>> {
        if probe::has(Mutant::SpinLoadStore) && payload & BUSY == 0 {
            // ORDERING: none, in a fault that a model switches on: in two steps another may enter between them.
            self.word.store(payload | BUSY, Relaxed);
            return Some(Entered { spin: self, payload, visits: PhantomData });
        }
        let is_free = payload & BUSY == 0
            // ORDERING: Acquire takes what the last visitor did: S2 (model `spin_enter_leave`).
            && self.word.compare_exchange_weak(payload, payload | BUSY, Acquire, Relaxed).is_ok();
        is_free.then(|| Entered { spin: self, payload, visits: PhantomData })
    }

    /// Enters.
    #[inline]
    pub(crate) fn enter(&self) -> Entered<'_, T> {
        match self.try_enter(probe::look_beside_stores(&self.word)) {
            Some(entered) => entered,
            None => self.enter_slowly(),
        }
    }

    #[cold]
    fn enter_slowly(&self) -> Entered<'_, T> {
        let mut backoff = Backoff::with(6, 10);
        loop {
            if let Some(entered) = self.try_enter(probe::look_beside_stores(&self.word)) {
                return entered;
            }
            backoff.nap();
        }
    }

    /// Enters and leaves in one step, with the payload `to`; false if somebody is in, or the payload is not `from`.
    #[inline]
    pub(crate) fn replace(&self, from: u64, to: u64) -> bool {
        debug_assert!((from | to) & BUSY == 0, "S1: the lowest bit is not the payload's");
        // ORDERING: Acquire and Release, as of a visit (model `spin_replace`).
        self.word.compare_exchange(from, to, AcqRel, Relaxed).is_ok()
    }
}

impl<T> Entered<'_, T> {
    /// The payload, as it was found.
    #[inline]
    pub(crate) fn payload(&self) -> u64 {
        self.payload
    }

    /// Leaves, and says what the payload is from now on.
    #[inline]
    pub(crate) fn leave_with(self, payload: u64) {
        debug_assert!(payload & BUSY == 0, "S1: the lowest bit is not the payload's");
        self.spin.leave(payload);
        mem::forget(self);
    }
}

impl<T> Spin<T> {
    #[inline]
    fn leave(&self, payload: u64) {
        // ORDERING: Release gives what we did to the next who enters: S2 (model `spin_enter_leave`). A store will do: S1.
        self.word.store(payload, Release);
    }
}

impl<T> Drop for Entered<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.spin.leave(self.payload);
    }
}

impl<T> Deref for Entered<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: S1: while we are in nobody else is, and `&self` keeps our own writes away.
        self.spin.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for Entered<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: S1: while we are in nobody else is, and `&mut self` is the only way in through us.
        self.spin.value.with_mut(|value| unsafe { &mut *value })
    }
}

/// In a model, who frees a spin must come after all who have used it.
#[cfg(rsm_loom)]
impl<T> Drop for Spin<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.word.with_mut(|_| ());
        }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_visit_says_what_is_left_and_one_that_panics_leaves_what_it_found() {
        let spin = Spin::new(2, 'a');
        let mut inside = spin.enter();
        *inside = 'b';
        assert!(!spin.replace(2, 6) && spin.payload() == 2, "S1: somebody is in");
        inside.leave_with(4);
        assert!(!spin.replace(2, 6), "it is 4");
        assert!(spin.replace(4, 6));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _inside = spin.enter();
            panic!("inside");
        }));
        assert!(panicked.is_err());
        let inside = spin.enter();
        assert_eq!((*inside, inside.payload()), ('b', 6), "S3");
    }
}
