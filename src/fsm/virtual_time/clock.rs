//! A node's own idea of the time.

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

/// A clock that has leapt now and then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaping {
    clock: Clock,
    leapt: u64,
}

impl Leaping {
    pub(super) fn new(clock: Clock) -> Leaping {
        assert!(-1_000_000 < clock.ppm, "a clock may be slow, but never stands still or runs back");
        Leaping { clock, leapt: 0 }
    }

    pub(super) fn leap(&mut self, by: Duration) {
        self.leapt = Time(self.leapt).after(by).0;
    }

    /// What it shows at a true time.
    pub(super) fn show(self, truth: Time) -> Time {
        let t = i128::from(truth.0);
        let shown = i128::from(self.clock.offset.0)
            + t
            + (t * i128::from(self.clock.ppm)).div_euclid(1_000_000)
            + i128::from(self.leapt);
        Time(u64::try_from(shown).unwrap_or(u64::MAX))
    }

    /// The first true time at which it shows `time` or more; `MAX` if it never will.
    pub(super) fn when(self, time: Time) -> Time {
        // It runs monotonically, so the moment is found by halving, exactly, whatever the rounding of `show`.
        let (mut early, mut late) = (0u64, u64::MAX);
        if self.show(Time(late)) < time {
            return Time::MAX;
        }
        while early < late {
            let middle = early + (late - early) / 2;
            if self.show(Time(middle)) < time {
                early = middle + 1;
            } else {
                late = middle;
            }
        }
        Time(early)
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
            let mut clock = Leaping::new(Clock { offset: Time(draws.bits() >> (8 + draws.below(50))), ppm });
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
