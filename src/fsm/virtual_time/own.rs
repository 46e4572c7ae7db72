//! What belongs to the one thread that steps, although others come by now and then: who posts from outside, who asks for a hash.
//!
//! ```text
//!   step, again and again ──enter──> T       one exchange, where a lock takes two: a step enters three times
//!   somebody else ──naps until it is free──┘
//! ```
//! Sections are short, and none is entered from within itself: that would wait for ever. No automaton takes a turn in one.

use crate::sync::backoff::Backoff;
use crate::sync::turn::{Turn, TurnGuard};

pub(super) struct Own<T>(Turn<T>);

impl<T> Own<T> {
    pub(super) fn new(value: T) -> Own<T> {
        Own(Turn::new(value))
    }

    #[inline]
    pub(super) fn enter(&self) -> TurnGuard<'_, T> {
        self.0.try_enter().unwrap_or_else(|| self.enter_slow())
    }

    #[cold]
    fn enter_slow(&self) -> TurnGuard<'_, T> {
        let mut backoff = Backoff::new();
        loop {
            backoff.nap();
            if let Some(inside) = self.0.try_enter() {
                return inside;
            }
        }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;
    use crate::sync::shim::{AtomicBool, Ordering};

    #[test]
    fn who_comes_while_another_is_in_sees_what_that_one_left() {
        let (value, came) = (Own::new(0), AtomicBool::new(false));
        let mut inside = value.enter();
        std::thread::scope(|scope| {
            // As `enter` does, but for a word in between.
            let other = scope.spawn(|| {
                let met = value.0.try_enter().is_none();
                came.store(true, Ordering::Relaxed);
                assert!(met, "another is in");
                *value.enter_slow()
            });
            while !came.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            *inside = 7;
            drop(inside);
            assert_eq!(other.join().ok(), Some(7));
        });
    }

    #[test]
    fn who_comes_while_another_is_in_waits_and_nobody_is_lost() {
        let sum = Own::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| *sum.enter() += 1));
            }
        });
        assert_eq!(*sum.enter(), 40_000);
    }
}
