//! Chance that can be repeated: every draw is a function of a seed and of what is drawn for.
//!
//! Two parts that draw from one sequence disturb each other: one draw more here, and everything there is different.
//! [`mix`] of a seed and a purpose has no sequence; [`Draws`] is one part's own.

/// Spreads the bits of a number over all 64 (the finalizer of splitmix64, a bijection).
#[must_use]
pub const fn spread(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// One draw for what `a` and `b` name, under a seed.
#[must_use]
pub const fn mix(seed: u64, a: u64, b: u64) -> u64 {
    let once = spread(seed.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ spread(a));
    spread(once.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ spread(b.wrapping_add(1)))
}

/// One part's own sequence of draws (splitmix64).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Draws(u64);

impl Draws {
    /// The sequence of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Draws {
        Draws(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        spread(self.0)
    }

    /// A number below `end`, each equally likely but for a bias below 2^-64 times `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// True in `of` cases out of `among` on average.
    pub fn chance(&mut self, of: u64, among: u64) -> bool {
        self.below(among) < of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_each_of_its_three_numbers_and_on_nothing_else() {
        let draw = mix(1, 2, 3);
        assert_eq!(draw, mix(1, 2, 3));
        assert!(![mix(2, 2, 3), mix(1, 3, 3), mix(1, 2, 4), mix(1, 3, 2)].contains(&draw));
    }

    #[test]
    fn draws_below_a_number_reach_all_of_them_and_no_other() {
        let mut draws = Draws::new(7);
        let mut seen = [0; 5];
        (0..1_000).for_each(|_| seen[draws.below(5) as usize] += 1);
        assert!(seen.iter().all(|&times| 140 < times), "{seen:?}");
        assert_eq!(draws.below(0), 0);
    }
}
