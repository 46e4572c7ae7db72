//! The order in which waiters are served.
//!
//! ```text
//!   oldest ── ... ── newest        Fifo pops here <── oldest        newest ──> Lifo pops here, unless the oldest is overdue
//! ```
//! A [`Lock`](super::Lock) or a [`Semaphore`](super::super::semaphore::Semaphore) whose users are alike, and many, may be served newest first:
//!
//! ```
//! use rsm::sync::lock::{Lifo, Lock};
//!
//! // Thirty threads share a cache; whoever came last has the warmest one, and who waited too long goes first.
//! static CACHE: Lock<Vec<u32>, Lifo> = Lock::lifo(Vec::new());
//! std::thread::scope(|scope| {
//!     for number in 0..30 {
//!         scope.spawn(move || CACHE.lock().push(number));
//!     }
//! });
//! assert_eq!(CACHE.lock().len(), 30);
//! ```

use super::super::park::End;

/// Which waiter is next: [`Fifo`] or [`Lifo`].
pub trait Strategy: sealed::Sealed {}

/// First come, first served. The default.
#[derive(Clone, Copy, Debug)]
pub enum Fifo {}

/// Last come, first served, as its caches are still warm; but who is overdue goes first.
#[derive(Clone, Copy, Debug)]
pub enum Lifo {}

impl Strategy for Fifo {}
impl Strategy for Lifo {}

mod sealed {
    /// The end that is popped; only the floor's own strategies have one.
    pub trait Sealed {
        #[doc(hidden)]
        const LIFO: bool;
    }
    impl Sealed for super::Fifo {
        const LIFO: bool = false;
    }
    impl Sealed for super::Lifo {
        const LIFO: bool = true;
    }
}

/// The end of the ring that a strategy pops.
pub(crate) const fn end<Q: Strategy>() -> End {
    if Q::LIFO { End::Newest } else { End::Oldest }
}
