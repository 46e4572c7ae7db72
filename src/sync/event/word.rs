//! All that an event knows, and how it changes. Pure.
//!
//! ```text
//!   63            32 31            8 7   2      1     0
//!  +----------------+---------------+-----+------+-----+
//!  |  guards        |   pending     |  0  | AUTO | SET |
//!  +----------------+---------------+-----+------+-----+
//! ```

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

const SET: u64 = 1 << 0;
const AUTO: u64 = 1 << 1;
const PENDING_ONE: u64 = 1 << 8;
const GUARD_ONE: u64 = 1 << 32;
pub(crate) const PENDING_MAX: u64 = (1 << 24) - 1;
pub(crate) const GUARDS_MAX: u64 = u32::MAX as u64;

impl Word {
    /// Not set, nobody waits; it resets itself.
    pub(crate) const AUTO: Word = Word(AUTO);
    /// Not set, nobody waits; it stays set.
    pub(crate) const MANUAL: Word = Word(0);

    pub(crate) const fn is_set(self) -> bool {
        self.0 & SET != 0
    }

    pub(crate) const fn is_auto(self) -> bool {
        self.0 & AUTO != 0
    }

    /// Waiters that are queued.
    pub(crate) const fn pending(self) -> u64 {
        (self.0 / PENDING_ONE) & PENDING_MAX
    }

    /// Guards that are alive.
    pub(crate) const fn guards(self) -> u64 {
        self.0 / GUARD_ONE
    }

    /// Sets it. With waiters behind an auto event this is not for you: one of them is granted instead (E3).
    pub(crate) const fn set(self) -> Option<Word> {
        if self.is_auto() && self.pending() > 0 { None } else { Some(Word(self.0 | SET)) }
    }

    /// Passes, if it is set: and closes the door behind, if it is auto.
    pub(crate) const fn take(self) -> Option<Word> {
        match (self.is_set(), self.is_auto()) {
            (false, _) => None,
            (true, false) => Some(self),
            (true, true) => Some(Word(self.0 & !SET)),
        }
    }

    /// One more waits, as it is not set.
    pub(crate) const fn wait(self) -> Option<Word> {
        if self.is_set() || self.pending() == PENDING_MAX { None } else { Some(Word(self.0 + PENDING_ONE)) }
    }

    /// So many wait no longer: they were granted, or gave up.
    pub(crate) const fn leave(self, count: u64) -> Option<Word> {
        if self.pending() < count { None } else { Some(Word(self.0 - count * PENDING_ONE)) }
    }

    /// Not set any more.
    pub(crate) const fn reset(self) -> Word {
        Word(self.0 & !SET)
    }

    /// One more guard. The first one begins a round: what a manual event was set for is over.
    pub(crate) const fn guard(self) -> Option<Word> {
        match self.guards() {
            GUARDS_MAX => None,
            0 if !self.is_auto() => Some(Word(self.reset().0 + GUARD_ONE)),
            _ => Some(Word(self.0 + GUARD_ONE)),
        }
    }

    /// One guard less, and whether that was the last and somebody waits: then `set` is yet to be called. With nobody waiting,
    /// the last one sets the event in the same step.
    pub(crate) const fn unguard(self) -> Option<(Word, bool)> {
        match self.guards() {
            0 => None,
            1 if self.pending() == 0 => Some((Word((self.0 - GUARD_ONE) | SET), false)),
            1 => Some((Word(self.0 - GUARD_ONE), true)),
            _ => Some((Word(self.0 - GUARD_ONE), false)),
        }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;

    /// Each flag set x pending x guards that E3 allows.
    fn words() -> impl Iterator<Item = Word> {
        let pending = [0, 1, 2, PENDING_MAX];
        let guards = [0, 1, 2, GUARDS_MAX];
        (0..4u64)
            .flat_map(move |flags| pending.map(|pending| (flags, pending)))
            .flat_map(move |(flags, pending)| guards.map(|guards| Word(flags | pending << 8 | guards << 32)))
            .filter(|word| is_sound(*word))
    }

    /// E3, the bit being free: an auto event is not set while somebody waits.
    fn is_sound(word: Word) -> bool {
        !(word.is_auto() && word.is_set() && word.pending() > 0)
    }

    #[test]
    fn every_transition_keeps_the_invariant_and_what_it_does_not_speak_of() {
        let mut seen = 0;
        for word in words() {
            let (pending, guards) = (word.pending(), word.guards());
            let same = |next: Word, pending: u64, guards: u64| {
                assert!(is_sound(next), "E3 after {word:?} -> {next:?}");
                assert_eq!(
                    (next.is_auto(), next.pending(), next.guards()),
                    (word.is_auto(), pending, guards),
                    "{word:?}"
                );
            };
            for next in [word.set(), word.take(), Some(word.reset())].into_iter().flatten() {
                same(next, pending, guards);
                seen += 1;
            }
            if let Some(next) = word.wait() {
                same(next, pending + 1, guards);
            }
            for count in [1, 2] {
                if let Some(next) = word.leave(count) {
                    same(next, pending - count, guards);
                }
            }
            if let Some(next) = word.guard() {
                same(next, pending, guards + 1);
            }
            if let Some((next, _)) = word.unguard() {
                same(next, pending, guards - 1);
            }
        }
        assert!(seen > 100, "the table has {seen} rows");
    }

    #[test]
    fn a_set_is_taken_once_from_an_auto_event_and_for_ever_from_a_manual_one() {
        for word in words() {
            let Some(set) = word.set() else {
                assert!(word.is_auto() && word.pending() > 0, "only waiters keep an auto event from being set");
                continue;
            };
            assert!(set.is_set() && set.wait().is_none(), "nobody waits for what is there");
            let taken = set.take().expect("what is set can be taken");
            assert_eq!(taken.is_set(), !set.is_auto());
            assert!(word.is_set() || word.take().is_none(), "nobody takes what is not set");
        }
    }

    #[test]
    fn the_last_guard_sets_and_only_the_last() {
        for word in words() {
            let Some((next, must_set)) = word.unguard() else {
                assert_eq!(word.guards(), 0, "E1: below zero nothing falls");
                continue;
            };
            let last = word.guards() == 1;
            assert_eq!(must_set, last && word.pending() > 0, "with waiters, `set` is yet to come");
            assert_eq!(next.is_set(), word.is_set() || last && !must_set, "{word:?}");
        }
    }

    #[test]
    fn the_first_guard_of_a_manual_event_begins_a_round() {
        for word in words() {
            let Some(next) = word.guard() else {
                assert_eq!(word.guards(), GUARDS_MAX);
                continue;
            };
            let first = word.guards() == 0 && !word.is_auto();
            assert_eq!(next.is_set(), word.is_set() && !first);
        }
    }

    #[test]
    fn counts_never_overflow_into_their_neighbours() {
        assert_eq!(Word(PENDING_MAX << 8).wait(), None);
        assert_eq!(Word(GUARDS_MAX << 32).guard(), None);
        assert_eq!(Word::AUTO.leave(1), None);
        assert_eq!(Word::MANUAL.unguard(), None);
    }
}
