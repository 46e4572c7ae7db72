//! A latch: when so many things are done, everyone who waits goes on.
//!
//! ```text
//!          decrement              decrement, to 0
//!      3 ------------> 2 ... ------------------------> 0      wait returns, now and for ever
//! ```
//! Reach for it for a start or an end that many wait for: all parts are up, so open for business. It does not come round again:
//! threads that meet time after time want a [`Barrier`](super::barrier::Barrier). If the last one has something to do, or if it is
//! to count up as well, it is a [`Countdown`](super::countdown::Countdown), of which this is the one without a closure.
//!
//! ```
//! use rsm::sync::latch::Latch;
//! use std::thread;
//!
//! static UP: Latch = Latch::new(3);
//!
//! thread::scope(|scope| {
//!     for part in ["disk", "network", "timers"] {
//!         scope.spawn(move || {
//!             std::hint::black_box(part); // starts up
//!             UP.decrement(1);
//!         });
//!     }
//!     // Ten requests came early. They wait for all three parts, and see what those wrote.
//!     for _ in 0..10 {
//!         scope.spawn(|| UP.wait());
//!     }
//! });
//! assert_eq!(UP.count(), 0);
//! ```
//! L1 who waits goes on when the count is zero, and not before; it sees what all did before they counted down.

use super::TimedOut;
use super::countdown::count::Count;
use super::countdown::word::{State, Word};
use super::park::Wait;
use super::shim::{Deadline, const_fn};
use std::fmt;
use std::time::{Duration, Instant};

/// A count of what is still to be done. 16 bytes, no allocation.
pub struct Latch {
    count: Count,
}

#[cfg(all(target_pointer_width = "64", not(any(rsm_loom, rsm_shuttle))))]
const _: () = assert!(size_of::<Latch>() == 16, "a latch is two words");

impl Latch {
    const_fn! {
        /// Counts down from `count`. One of 0 lets everyone pass from the beginning.
        ///
        /// # Panics
        /// If `count` is above 2^21 - 1.
        pub const fn new(count: u32) -> Latch {
            let word = Word::new(count, 0).expect("a latch counts to 2^21 - 1 at most");
            let open = if count == 0 { word.decrement(0, 0, State::Done) } else { Some(word) };
            Latch { count: Count::new(open.expect("zero is reached from zero")) }
        }
    }

    /// Counts down. Says whether this call has reached zero.
    ///
    /// # Panics
    /// Below zero, and at zero, by 0 too. Nothing has changed then.
    pub fn decrement(&self, count: u32) -> bool {
        self.count.decrement(count, |payload| payload, State::Done).is_some()
    }

    /// Whether zero is reached. Never waits.
    pub fn try_wait(&self) -> bool {
        self.count.outcome().is_some()
    }

    /// Waits until zero is reached.
    pub fn wait(&self) {
        let outcome = self.count.wait(Deadline::NEVER);
        debug_assert_eq!(outcome, Some(Ok(())), "L1: a latch has no closure that could panic");
    }

    /// Waits until zero is reached, that long at most.
    ///
    /// # Errors
    /// [`TimedOut`]: it was not reached in time.
    pub fn wait_timeout(&self, time: Duration) -> Result<(), TimedOut> {
        // The clock is read only by who has to wait.
        if self.try_wait() { Ok(()) } else { self.count.wait(Deadline::after(time)).map(drop).ok_or(TimedOut) }
    }

    /// Waits until zero is reached, until then at most.
    ///
    /// # Errors
    /// [`TimedOut`]: it was not reached in time.
    pub fn wait_until(&self, instant: Instant) -> Result<(), TimedOut> {
        self.count.wait(Deadline::at(instant)).map(drop).ok_or(TimedOut)
    }

    /// A future of [`wait`](Latch::wait). It may be dropped at any time. Do not leak it.
    pub async fn wait_async(&self) {
        let outcome = Wait::new(&self.count).await;
        debug_assert_eq!(outcome, Ok(()), "L1: a latch has no closure that could panic");
    }

    /// What is still to be counted down, at some moment during the call.
    pub fn count(&self) -> u32 {
        self.count.look().count()
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latch").field("count", &self.count()).finish()
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;
    use crate::sync::testing::{Wakes, block_on, poll};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    #[test]
    fn all_wait_until_zero_is_reached_and_never_after() {
        static LATCH: Latch = Latch::new(3);
        static PASSED: crate::sync::shim::AtomicU64 = crate::sync::shim::AtomicU64::new(0);
        thread::scope(|scope| {
            for number in 0..8 {
                scope.spawn(move || {
                    if number % 2 == 0 {
                        LATCH.wait()
                    } else {
                        block_on(LATCH.wait_async())
                    }
                    assert_eq!(LATCH.count(), 0, "L1");
                    PASSED.fetch_add(1, crate::sync::shim::Ordering::Relaxed);
                });
            }
            assert!(!LATCH.decrement(2) && !LATCH.try_wait());
            assert!(LATCH.decrement(1) && LATCH.try_wait(), "the last one is told");
        });
        assert_eq!(PASSED.load(crate::sync::shim::Ordering::Relaxed), 8);
        LATCH.wait();
        assert!(catch_unwind(|| LATCH.decrement(1)).is_err(), "C3");
    }

    #[test]
    fn a_latch_of_none_is_open_from_the_beginning() {
        let latch = Latch::new(0);
        latch.wait();
        assert_eq!((latch.try_wait(), format!("{latch:?}")), (true, "Latch { count: 0 }".to_string()));
        assert!(catch_unwind(|| Latch::new(1 << 21)).is_err());
    }

    #[test]
    fn a_wait_gives_up_at_its_deadline_and_a_dropped_future_leaves_no_trace() {
        let latch = Latch::new(1);
        assert_eq!(latch.wait_timeout(Duration::from_millis(5)), Err(TimedOut));
        assert_eq!(latch.wait_until(Instant::now()), Err(TimedOut));
        let (wakes, waker) = Wakes::new();
        let mut dropped = Box::pin(latch.wait_async());
        let mut waiting = Box::pin(latch.wait_async());
        assert!(poll(dropped.as_mut(), &waker).is_pending() && poll(waiting.as_mut(), &waker).is_pending());
        drop(dropped);
        let below = catch_unwind(AssertUnwindSafe(|| latch.decrement(2)));
        assert!(below.is_err() && latch.decrement(1), "C3: below zero nothing changes");
        assert_eq!((wakes.count(), poll(waiting.as_mut(), &waker).is_ready()), (1, true));
        assert_eq!((latch.wait_timeout(Duration::ZERO), latch.wait_until(Instant::now())), (Ok(()), Ok(())));
    }
}
