//! How long calm phases took, one beside the other: in few of them may it be longer than it is to be.

use super::{Calm, FRESH, PARTS, ROUNDS};
use std::fmt;

/// How long calm phases took, one beside the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calms {
    led: Vec<u64>,
    fresh: Vec<u64>,
    caught_up: Vec<u64>,
    /// Of those, so many took longer than is allowed.
    behind: usize,
}

impl Calms {
    /// One more.
    pub fn add(&mut self, calm: Calm) {
        self.led.push(calm.led);
        self.fresh.push(calm.fresh);
        self.caught_up.push(calm.caught_up);
        self.behind += usize::from(calm.allowed < calm.caught_up);
    }

    /// All of those, too.
    pub fn extend(&mut self, other: &Calms) {
        self.led.extend(&other.led);
        self.fresh.extend(&other.fresh);
        self.caught_up.extend(&other.caught_up);
        self.behind += other.behind;
    }

    /// Whether so many miss the first bound on a leader, on a fresh commit, or on catching up, that it is no bad luck.
    #[must_use]
    pub fn are_late(&self) -> bool {
        let late = |took: &[u64], bound: u64| took.iter().filter(|&&took| bound * PARTS < took).count();
        let (all, late) = (self.led.len(), [late(&self.led, ROUNDS), late(&self.fresh, FRESH), self.behind]);
        100 <= all && late.iter().any(|late| all < 100 * late)
    }
}

impl fmt::Display for Calms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |mut all: Vec<u64>| {
            all.sort_unstable();
            let at = |of_100: usize| all.get((all.len() * of_100 / 100).min(all.len().saturating_sub(1)));
            let words = [50, 99, 100].map(|of_100| {
                let parts = at(of_100).copied().unwrap_or_default();
                format!("{}.{:02}", parts / PARTS, parts % PARTS * 100 / PARTS)
            });
            words.join(", ")
        };
        let [led, fresh, caught_up] = [&self.led, &self.fresh, &self.caught_up].map(|all| told(all.clone()));
        write!(f, "{} calm phases, in longest timeouts (median, 99 of 100, most): ", self.led.len())?;
        write!(f, "all know one leader after {led}; a fresh commit after {fresh}; ")?;
        write!(f, "all have caught up after {caught_up}, {} of them later than {FRESH} and a second", self.behind)
    }
}
