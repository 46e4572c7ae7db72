//! What the parts of one simulated cluster share.
//!
//! ```text
//!   replicas, logs, clients ── push ──> Gathered ── take ──> world         asked after each step, mostly in vain: one load
//!   all of them ── lock ──> Shared                                         one exchange, half of what a lock costs
//! ```
//! They are all on one thread, so nobody ever waits. That they need not be is what the types ask for: a replica's observer
//! might be sent.

use rsm::sync::turn::{Turn, TurnGuard};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// What one part at a time looks into.
pub struct Shared<T>(Turn<T>);

impl<T> Shared<T> {
    /// Nobody looks into it yet.
    pub const fn new(value: T) -> Shared<T> {
        Shared(Turn::new(value))
    }

    /// Looks into it.
    ///
    /// # Panics
    /// If somebody does already.
    #[inline]
    pub fn lock(&self) -> TurnGuard<'_, T> {
        self.0.try_enter().expect("all parts of a cluster are on one thread, and none looks while another does")
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Shared::new(T::default())
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

/// What gathers until the step is over.
#[derive(Debug)]
pub struct Gathered<T> {
    all: Shared<Vec<T>>,
    /// There is something.
    is_any: AtomicBool,
}

impl<T> Default for Gathered<T> {
    fn default() -> Self {
        Gathered { all: Shared::default(), is_any: AtomicBool::new(false) }
    }
}

impl<T> Gathered<T> {
    /// One more.
    pub fn push(&self, one: T) {
        self.all.lock().push(one);
        // Relaxed here and below: the simulation is one thread.
        self.is_any.store(true, Ordering::Relaxed);
    }

    /// What has gathered, if anything has.
    #[inline]
    pub fn take(&self) -> Option<Vec<T>> {
        if !self.is_any.load(Ordering::Relaxed) {
            return None;
        }
        self.is_any.store(false, Ordering::Relaxed);
        Some(std::mem::take(&mut *self.all.lock()))
    }

    /// The memory of what was taken, for what comes next.
    pub fn give_back(&self, empty: Vec<T>) {
        let mut all = self.all.lock();
        if all.is_empty() {
            *all = empty;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_gathered_is_taken_once_and_its_memory_used_again() {
        let gathered = Gathered::default();
        assert_eq!(gathered.take(), None);
        (0..9).for_each(|one| gathered.push(one));
        let mut taken = gathered.take().expect("there is something");
        assert_eq!((taken.len(), gathered.take()), (9, None));
        taken.clear();
        gathered.give_back(taken);
        gathered.push(9);
        assert!(gathered.take().is_some_and(|taken| taken == [9] && 9 <= taken.capacity()));
    }

    #[test]
    #[should_panic(expected = "none looks while another does")]
    fn who_looks_while_another_does_is_found_and_waits_for_nobody() {
        let shared = Shared::new(1);
        let _one = shared.lock();
        let _other = shared.lock();
    }
}
