//! All that a barrier knows, and how it changes. Pure.
//!
//! ```text
//!   63                        24 23              0
//!  +----------------------------+-----------------+
//!  |          round             |     arrived     |      arrived: in this round; below the barrier's size
//!  +----------------------------+-----------------+
//! ```

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

const ROUND_ONE: u64 = 1 << 24;
/// The largest size.
pub(crate) const SIZE_MAX: u32 = (1 << 24) - 1;

impl Word {
    /// The first round, nobody has come.
    pub(crate) const NEW: Word = Word(0);

    /// Those who have come in this round.
    pub(crate) const fn arrived(self) -> u32 {
        (self.0 % ROUND_ONE) as u32
    }

    /// The number of the round. It comes back after 2^40: nobody sleeps through so many.
    pub(crate) const fn round(self) -> u64 {
        self.0 / ROUND_ONE
    }

    /// Whether the next to come is the last of its round.
    pub(crate) const fn lacks_one(self, size: u32) -> bool {
        self.arrived() + 1 == size
    }

    /// One more has come. With the last one the next round begins.
    pub(crate) const fn arrive(self, size: u32) -> Word {
        if self.lacks_one(size) { self.next() } else { Word(self.0 + 1) }
    }

    const fn next(self) -> Word {
        Word((self.0 - self.arrived() as u64).wrapping_add(ROUND_ONE))
    }

    /// One who has come in that round goes away again; `None` if the round is over.
    pub(crate) const fn leave(self, round: u64) -> Option<Word> {
        if self.round() == round && self.arrived() > 0 { Some(Word(self.0 - 1)) } else { None }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;

    const ROUND_MAX: u64 = (1 << 40) - 1;

    #[test]
    fn every_transition_changes_what_it_says_and_nothing_else() {
        let mut seen = 0;
        for size in [1, 2, 3, SIZE_MAX] {
            for round in [0, 1, 2, ROUND_MAX] {
                for arrived in [0, 1, 2, SIZE_MAX - 2, SIZE_MAX - 1].into_iter().filter(|arrived| *arrived < size) {
                    let word = Word(round << 24 | u64::from(arrived));
                    assert_eq!((word.round(), word.arrived()), (round, arrived));
                    let last = arrived == size - 1;
                    let next = if last { ((round + 1) & ROUND_MAX, 0) } else { (round, arrived + 1) };
                    let came = word.arrive(size);
                    assert_eq!(((came.round(), came.arrived()), word.lacks_one(size)), (next, last), "{word:?}");
                    assert!(came.arrived() < size, "B1: {word:?}");
                    let left = word.leave(round).map(|left| (left.round(), left.arrived()));
                    assert_eq!(left, (arrived > 0).then(|| (round, arrived - 1)), "{word:?}");
                    assert_eq!(came.leave(round).is_none(), last, "B2: {word:?}");
                    assert_eq!((word.leave(round + 1), word.leave(round.wrapping_sub(1))), (None, None), "B2");
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, (1 + 2 + 3 + 5) * 4, "the table has {seen} rows");
    }
}
