//! A node's own idea of the time.

use crate::sync::shim::{AtomicU64, Ordering};
use crate::time::Time;
use std::time::Duration;

/// How a node's clock stands to true time: where it starts, how fast it runs. Integers only.
///
/// ```text
///   node time = offset + t + t * ppm / 1,000,000 + leaps so far          t is true time
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// What it shows at the beginning.
    pub offset: Time,
    /// Millionths by which it runs fast, or slow if negative; more than -1,000,000.
    pub ppm: i32,
}

/// A clock's rate is counted in millionths.
const MILLION: u64 = 1_000_000;

/// (value * by + more) / over, rounded down, at most `u64::MAX`.
fn scaled(value: u64, by: u64, over: u64, more: u64) -> u64 {
    // A clock is asked at each step: 128 bits only for times that are hours away.
    if let Some(product) = value.checked_mul(by).and_then(|product| product.checked_add(more)) {
        return product / over;
    }
    let scaled = (u128::from(value) * u128::from(by) + u128::from(more)) / u128::from(over);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// A clock that has leapt now and then.
#[derive(Debug)]
pub(super) struct Leaping {
    clock: Clock,
    leapt: AtomicU64,
    /// It shows no more than this.
    held: AtomicU64,
}

impl Leaping {
    pub(super) fn new(clock: Clock) -> Leaping {
        assert!(-1_000_000 < clock.ppm, "a clock may be slow, but never stands still or runs back");
        Leaping { clock, leapt: AtomicU64::new(0), held: AtomicU64::new(u64::MAX) }
    }

    pub(super) fn leap(&self, by: Duration) {
        // ORDERING: Relaxed: one thread steps, and who leaps is on it.
        self.leapt.store(Time(self.leapt.load(Ordering::Relaxed)).after(by).0, Ordering::Relaxed);
    }

    /// From now on it shows what it shows at this true time.
    pub(super) fn hold(&self, truth: Time) {
        let shown = self.show(truth);
        // ORDERING: Relaxed here and below, as in `leap`.
        self.held.store(shown.0, Ordering::Relaxed);
    }

    /// It goes on as if it had never stood. Whether it had.
    pub(super) fn release(&self) -> bool {
        self.held.swap(u64::MAX, Ordering::Relaxed) != u64::MAX
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed) != u64::MAX
    }

    /// What it shows at the beginning, with all leaps so far.
    fn begun(&self) -> u64 {
        // ORDERING: Relaxed, as in `leap`.
        self.clock.offset.0.saturating_add(self.leapt.load(Ordering::Relaxed))
    }

    /// What it shows for a million of true time.
    fn rate(&self) -> u64 {
        MILLION.saturating_add_signed(i64::from(self.clock.ppm))
    }

    /// What it shows at a true time.
    pub(super) fn show(&self, truth: Time) -> Time {
        let run = scaled(truth.0, self.rate(), MILLION, 0);
        Time(self.begun().saturating_add(run).min(self.held.load(Ordering::Relaxed)))
    }

    /// The first true time at which it shows `time` or more, unless it is held; `MAX` if it never will.
    pub(super) fn when(&self, time: Time) -> Time {
        let run = time.0.saturating_sub(self.begun());
        // t * rate / million, rounded down, is `run` or more from the least t on with t * rate >= run * million.
        Time(scaled(run, MILLION, self.rate(), self.rate() - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Draws;

    #[test]
    fn a_clock_shows_a_time_at_its_first_true_moment_and_not_before() {
        let mut draws = Draws::new(1);
        for _ in 0..2_000 {
            let ppm = draws.below(200_001) as i32 - 100_000;
            let clock = Leaping::new(Clock { offset: Time(draws.bits() >> (8 + draws.below(50))), ppm });
            clock.leap(Duration::from_nanos(draws.bits() >> 30));
            let time = Time(clock.show(Time::ZERO).0 + (draws.bits() >> (8 + draws.below(50))));
            let when = clock.when(time);
            assert!(time <= clock.show(when), "{clock:?} {time:?}");
            assert!(when == Time::ZERO || clock.show(Time(when.0 - 1)) < time, "{clock:?} {time:?}");
        }
    }

    #[test]
    fn a_clock_that_runs_true_shows_the_time() {
        let clock = Leaping::new(Clock::default());
        assert_eq!((clock.show(Time(77)), clock.when(Time(77))), (Time(77), Time(77)));
        assert_eq!(clock.when(Time::MAX), Time::MAX);
    }

    #[test]
    fn fifty_thousand_millionths_are_a_twentieth() {
        let fast = Leaping::new(Clock { offset: Time(10), ppm: 50_000 });
        assert_eq!(fast.show(Time(1_000)), Time(1_060));
        let slow = Leaping::new(Clock { offset: Time(10), ppm: -50_000 });
        assert_eq!(slow.show(Time(1_000)), Time(960));
    }
}
