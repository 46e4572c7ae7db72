//! Time as a number: nanoseconds since some beginning, so that whoever thinks about time need not reach for a clock.

use std::fmt;
use std::time::Duration;

/// A moment: nanoseconds since the runner began (584 years of them). Sums saturate.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// The beginning.
    pub const ZERO: Time = Time(0);
    /// Never.
    pub const MAX: Time = Time(u64::MAX);

    /// This much later; never, if that lies beyond what 64 bits can say.
    #[must_use]
    pub const fn after(self, by: Duration) -> Time {
        let nanos = by.as_nanos();
        if nanos > u64::MAX as u128 { Time::MAX } else { Time(self.0.saturating_add(nanos as u64)) }
    }

    /// How much later this is than `earlier`; zero if it is not later.
    #[must_use]
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} ms", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_saturate_instead_of_wrapping() {
        assert_eq!(Time(u64::MAX - 1).after(Duration::from_nanos(5)), Time::MAX);
        assert_eq!(Time(7).after(Duration::MAX), Time::MAX);
        assert_eq!(Time(3).since(Time(9)), Duration::ZERO);
        assert_eq!(Time(9).since(Time(3)), Duration::from_nanos(6));
    }
}
