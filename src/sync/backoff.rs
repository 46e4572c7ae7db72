//! How a thread waits a moment before it goes to sleep. No other spin loop exists in the crate.
//!
//! ```text
//!   rest      step   0   1   2   3 .. 9    then
//!   n pauses  waits  1   2   4   yield     `spin`: false, time to sleep      `nap`: sleeps 50 us, for as long as it takes
//!                    pauses
//! ```
//! A yield lets run who has the same priority, a sleep also who has a lower one: so `nap` waits for what another thread does in a
//! few instructions, even if that was preempted by us.
//! Spin on loads only; try a compare-and-swap only when the load shows a chance: a failed one takes the line from its owner.

use super::shim::{Deadline, nap, pause, thread};
use std::time::Duration;

/// How long [`Backoff::nap`] sleeps once it has yielded enough.
const NAP: Duration = Duration::from_micros(50);

/// How long a newcomer leaves a lock alone that it has found taken: 2 us where a pause is 40 cycles, 5 or 6 us where it is 140. Each
/// look takes the line from the owner, who would do ten short sections in that time: so whoever looks less often gets in sooner,
/// and so do all. Who is late already does not wait for it.
const REST_PAUSES: u32 = 128;

/// Longer and longer moments, up to a number of yields.
pub(crate) struct Backoff {
    step: u32,
    doublings: u32,
    /// A moment of pauses is at most so long, as a power of two.
    longest_log: u32,
    yields: u32,
}

impl Backoff {
    /// The ordinary one: 1, 2, 4 pauses, then 7 yields. More doublings changed nothing on two cores; what helps a contended lock is
    /// a [rest](Self::rested) before the first look.
    pub(crate) const fn new() -> Backoff {
        Backoff::with(3, 7)
    }

    /// The ordinary one of a newcomer at a lock that is taken, once it has rested.
    pub(crate) fn rested(deadline: Deadline) -> Backoff {
        let mut backoff = Backoff::new();
        // Models do not rest, so they are spared the look at the clock.
        if !cfg!(any(rsm_loom, rsm_shuttle)) {
            backoff.rest(Backoff::pauses_before(deadline));
        }
        backoff
    }

    /// How long a newcomer rests: not at all if it is late already.
    fn pauses_before(deadline: Deadline) -> u32 {
        if deadline.has_passed() { 0 } else { REST_PAUSES }
    }

    /// One whose first `doublings` moments are 1, 2, 4, ... pauses long, and the next `yields` a yield each.
    pub(crate) const fn with(doublings: u32, yields: u32) -> Backoff {
        Backoff { step: 0, doublings, longest_log: u32::MAX, yields }
    }

    /// One that is over at once.
    pub(crate) const fn none() -> Backoff {
        Backoff::with(0, 0)
    }

    /// One that looks again after every second pause, 64 times, and never yields: 2 us where a pause is 40 cycles, 5 or 6 where it is
    /// 140. For an answer that is on its way from another processor. With half of it, one who had linked once was so slow that the
    /// other linked, too, and so on for good; with gaps that double, the answer was seen late.
    pub(crate) const fn steady() -> Backoff {
        Backoff { step: 0, doublings: 64, longest_log: 1, yields: 0 }
    }

    /// Waits a moment, or says false: it is time to sleep. Says so at once in a model, where the moments would only hide the sleep.
    #[inline]
    pub(crate) fn spin(&mut self) -> bool {
        if cfg!(any(rsm_loom, rsm_shuttle)) || self.is_over() {
            return false;
        }
        self.moment();
        true
    }

    /// Waits a moment, however often it is asked: for what another thread does in a bounded number of instructions. Once the
    /// yields are used up it sleeps a little, so that a preempted thread runs, whatever its priority.
    #[inline]
    pub(crate) fn nap(&mut self) {
        if self.is_over() { nap(NAP) } else { self.moment() }
    }

    /// Pauses so many times without a look: for one who would only be in the way of those it waits for.
    pub(crate) fn rest(&mut self, pauses: u32) {
        if !cfg!(any(rsm_loom, rsm_shuttle)) {
            (0..pauses).for_each(|_| pause());
        }
    }

    fn is_over(&self) -> bool {
        self.step >= self.doublings + self.yields
    }

    fn moment(&mut self) {
        if self.step < self.doublings && !cfg!(any(rsm_loom, rsm_shuttle)) {
            (0..1u32 << self.step.min(self.longest_log)).for_each(|_| pause());
        } else {
            thread::yield_now();
        }
        self.step += 1;
        // Two spinners that only let each other go on make as many interleavings as one likes: what follows is run, not explored.
        #[cfg(rsm_loom)]
        if self.step == 3 {
            loom::skip_branch();
        }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_steady_one_ends_after_64_looks_without_a_yield() {
        let mut backoff = Backoff::steady();
        assert_eq!(std::iter::from_fn(|| backoff.spin().then_some(())).count(), 64);
        assert_eq!(backoff.step, backoff.doublings, "all of them were pauses");
    }

    #[test]
    fn one_that_is_over_at_once_spins_not_at_all() {
        let mut backoff = Backoff::none();
        assert!(!backoff.spin());
        assert_eq!(backoff.step, 0, "and has not waited a moment");
    }

    #[test]
    fn a_newcomer_rests_unless_it_is_late_and_then_spins_as_ever() {
        let late = Deadline::at(Instant::now());
        for (deadline, pauses) in
            [(Deadline::NEVER, REST_PAUSES), (Deadline::after(NAP * 1_000_000), REST_PAUSES), (late, 0)]
        {
            assert_eq!(Backoff::pauses_before(deadline), pauses, "{deadline:?}");
            let mut backoff = Backoff::rested(deadline);
            assert_eq!(std::iter::from_fn(|| backoff.spin().then_some(())).count(), 3 + 7);
        }
    }

    #[test]
    fn spinning_ends_after_its_doublings_and_yields() {
        let mut backoff = Backoff::new();
        let moments = std::iter::from_fn(|| backoff.spin().then_some(())).count();
        assert_eq!(moments, 3 + 7);
        let start = Instant::now();
        backoff.nap();
        assert!(start.elapsed() >= NAP, "it sleeps, so that a thread of a lower priority runs");
        assert!(!backoff.spin());
    }
}
