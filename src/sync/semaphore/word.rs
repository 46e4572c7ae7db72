//! All that a semaphore knows, and how it changes. Pure.
//!
//! ```text
//!   63            32 31            8 7    1    0
//!  +----------------+---------------+------+--------+
//!  |    permits     |    pending    |  0   | CLOSED |
//!  +----------------+---------------+------+--------+
//! ```

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

const CLOSED: u64 = 1 << 0;
const PENDING_ONE: u64 = 1 << 8;
const PERMIT_ONE: u64 = 1 << 32;
pub(crate) const PENDING_MAX: u64 = (1 << 24) - 1;

impl Word {
    /// Open, nobody waits.
    pub(crate) const fn new(permits: u32) -> Word {
        Word(permits as u64 * PERMIT_ONE)
    }

    pub(crate) const fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// Waiters that are queued.
    pub(crate) const fn pending(self) -> u64 {
        (self.0 / PENDING_ONE) & PENDING_MAX
    }

    /// Permits that nobody holds.
    pub(crate) const fn permits(self) -> u32 {
        (self.0 / PERMIT_ONE) as u32
    }

    const fn with_permits(self, permits: u32) -> Word {
        Word(self.0 % PERMIT_ONE + permits as u64 * PERMIT_ONE)
    }

    /// A newcomer takes permits. It passes those who wait only where that is the strategy.
    pub(crate) const fn take(self, want: u32, may_pass: bool) -> Option<Word> {
        if self.is_closed() || self.permits() < want || (self.pending() > 0 && !may_pass) {
            return None;
        }
        Some(self.with_permits(self.permits() - want))
    }

    /// `take` where nobody waits: the ordinary case, told by two comparisons.
    pub(crate) const fn take_alone(self, want: u32) -> Option<Word> {
        if self.0 as u32 == 0 && self.permits() >= want {
            Some(Word(self.0.wrapping_sub(want as u64 * PERMIT_ONE)))
        } else {
            None
        }
    }

    /// One more waits.
    pub(crate) const fn wait(self) -> Option<Word> {
        if self.is_closed() || self.pending() == PENDING_MAX { None } else { Some(Word(self.0 + PENDING_ONE)) }
    }

    /// A waiter is given what it wants.
    pub(crate) const fn grant(self, want: u32) -> Option<Word> {
        match (self.leave(1), self.permits() >= want) {
            (Some(next), true) => Some(next.with_permits(self.permits() - want)),
            (None, _) | (_, false) => None,
        }
    }

    /// So many wait no longer: they gave up, or it was closed.
    pub(crate) const fn leave(self, count: u64) -> Option<Word> {
        if self.pending() < count { None } else { Some(Word(self.0 - count * PENDING_ONE)) }
    }

    /// More permits; `None` if they would be more than 2^32 - 1.
    pub(crate) const fn release(self, count: u32) -> Option<Word> {
        match self.0.checked_add(count as u64 * PERMIT_ONE) {
            Some(more) => Some(Word(more)),
            None => None,
        }
    }

    /// More permits, but not beyond `max`; what is beyond it already stays. And how many were added.
    pub(crate) const fn release_capped(self, count: u32, max: u32) -> (Word, u32) {
        let room = max.saturating_sub(self.permits());
        let added = if count < room { count } else { room };
        (self.with_permits(self.permits() + added), added)
    }

    /// Fewer permits, down to none. And how many were taken away.
    pub(crate) const fn reduce(self, count: u32) -> (Word, u32) {
        let taken = if count < self.permits() { count } else { self.permits() };
        (self.with_permits(self.permits() - taken), taken)
    }

    /// Closed, for good.
    pub(crate) const fn close(self) -> Word {
        Word(self.0 | CLOSED)
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;

    fn words() -> impl Iterator<Item = Word> {
        let pending = [0, 1, 2, PENDING_MAX];
        let permits = [0, 1, 2, u64::from(u32::MAX)];
        (0..2u64)
            .flat_map(move |closed| pending.map(|pending| (closed, pending)))
            .flat_map(move |(closed, pending)| permits.map(|permits| Word(closed | pending << 8 | permits << 32)))
    }

    const COUNTS: [u32; 5] = [0, 1, 2, 3, u32::MAX];

    fn parts(word: Word) -> (u32, u64, bool) {
        (word.permits(), word.pending(), word.is_closed())
    }

    #[test]
    fn every_transition_changes_what_it_says_and_nothing_else() {
        for word in words() {
            let (permits, pending, closed) = parts(word);
            for count in COUNTS {
                for may_pass in [false, true] {
                    let fits = !closed && permits >= count && (pending == 0 || may_pass);
                    let taken = word.take(count, may_pass);
                    assert_eq!(
                        taken.map(parts),
                        fits.then(|| (permits - count, pending, closed)),
                        "{word:?} take {count}"
                    );
                }
                let alone = !closed && permits >= count && pending == 0;
                assert_eq!(
                    word.take_alone(count).map(parts),
                    alone.then(|| (permits - count, 0, false)),
                    "{word:?} take {count} where nobody waits"
                );
                let fits = pending > 0 && permits >= count;
                assert_eq!(
                    word.grant(count).map(parts),
                    fits.then(|| (permits - count, pending - 1, closed)),
                    "{word:?} grant {count}"
                );
                let sum = permits.checked_add(count).map(|sum| (sum, pending, closed));
                assert_eq!(word.release(count).map(parts), sum, "{word:?} release {count}");
                let (less, taken) = word.reduce(count);
                assert_eq!(parts(less), (permits - taken, pending, closed));
                assert_eq!(taken, count.min(permits));
                for max in COUNTS {
                    let (next, added) = word.release_capped(count, max);
                    let wide = (u64::from(permits) + u64::from(count)).min(u64::from(max)).max(u64::from(permits));
                    assert_eq!(parts(next), (wide as u32, pending, closed), "{word:?} {count} up to {max}");
                    assert_eq!(added, next.permits() - permits);
                }
            }
            let waits = !closed && pending < PENDING_MAX;
            assert_eq!(word.wait().map(parts), waits.then(|| (permits, pending + 1, closed)));
            assert_eq!(word.leave(1).map(parts), (pending > 0).then(|| (permits, pending - 1, closed)));
            assert_eq!(parts(word.close()), (permits, pending, true));
        }
    }

    #[test]
    fn who_is_closed_takes_nobody_in() {
        for word in words().map(Word::close) {
            assert_eq!((word.take(0, true), word.wait()), (None, None), "S3: {word:?}");
        }
    }
}
