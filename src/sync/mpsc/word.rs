//! All that a channel's word says, and how it changes; and how places are set aside for those who wait. Pure.
//!
//! ```text
//!   63                                3    2       1      0
//!  +-----------------------------------+--------+------+------+
//!  |  length (61 bits)                 | CLOSED | NAP  | BUSY |     NAP: the receiver sleeps, or is about to
//!  +-----------------------------------+--------+------+------+
//!
//!   limit:  [ messages that lie there | places set aside | free ]     the first two never exceed it (M6)
//! ```
//! BUSY is not the word's own: it is the bit of the [`Spin`](crate::sync::spin::Spin) whose payload the word is. Every transition is
//! by who has it.

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

const NAP: u64 = 1 << 1;
const CLOSED: u64 = 1 << 2;
const ONE: u64 = 1 << 3;
/// The limit of an unbounded channel: what the length can count.
pub(super) const LIMIT_MAX: u64 = u64::MAX / ONE;

/// Why a message does not go in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Closed,
}

impl Word {
    /// Nothing lies there, nobody is in.
    pub(super) const NEW: Word = Word(0);

    /// Messages in the chain (M1).
    pub(super) const fn len(self) -> u64 {
        self.0 / ONE
    }

    /// Whether nothing more is taken in.
    pub(super) const fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// Whether a sleeper is registered (M2).
    pub(super) const fn is_napping(self) -> bool {
        self.0 & NAP != 0
    }

    const fn when(self, applies: bool) -> Option<Word> {
        if applies { Some(self) } else { None }
    }

    /// Leaves so many messages more. If the receiver sleeps, it is to be [woken](Word::awake).
    pub(super) const fn push(self, count: u64) -> Word {
        Word(self.0 + count * ONE)
    }

    /// Leaves nobody asleep: the sleeper was taken out.
    pub(super) const fn awake(self) -> Word {
        Word(self.0 & !NAP)
    }

    /// Leaves nothing: all was taken, and there was something.
    pub(super) const fn take(self) -> Option<Word> {
        // NAP is not set: it would mean that the chain is empty (M2).
        Word(self.0 & CLOSED).when(self.len() > 0)
    }

    /// Leaves a sleeper registered, where there is nothing to see (M2).
    pub(super) const fn nap(self) -> Option<Word> {
        Word(self.0 | NAP).when(self.len() == 0 && !self.is_closed())
    }

    /// Leaves it closed, and nobody asleep. What lies there stays.
    pub(super) const fn close(self) -> Word {
        Word(self.awake().0 | CLOSED)
    }

    /// Leaves it closed and empty.
    pub(super) const fn close_and_take() -> Word {
        Word(CLOSED)
    }
}

/// What is known of those who wait for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// Granted to senders that have not sent yet.
    set_aside: u64,
    /// A mark: since the last `take`, somebody found the channel full and waits.
    awaited: bool,
}

impl Places {
    /// Nobody waits.
    pub(super) const NEW: Places = Places { set_aside: 0, awaited: false };

    /// Whether so many more go in beside `len` that lie there.
    pub(super) const fn have_room(self, count: u64, len: u64, limit: u64) -> bool {
        len + self.set_aside + count <= limit
    }

    /// One place is set aside, of those that are free.
    pub(super) const fn set_aside(self) -> Places {
        Places { set_aside: self.set_aside + 1, awaited: self.awaited }
    }

    /// One that was set aside is sent into, or free again.
    pub(super) const fn given(self) -> Places {
        Places { set_aside: self.set_aside - 1, awaited: self.awaited }
    }

    /// Somebody is about to wait (B1).
    pub(super) const fn mark(self) -> Places {
        Places { set_aside: self.set_aside, awaited: true }
    }

    /// All that lay there was taken. If somebody waits: how many places were set aside for the oldest, one unless all are already.
    pub(super) const fn take(self, limit: u64) -> (Places, Option<u64>) {
        if !self.awaited {
            return (self, None);
        }
        let one = (self.set_aside < limit) as u64;
        (Places { set_aside: self.set_aside + one, awaited: false }, Some(one))
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;

    /// (length, closed, nap).
    type Parts = (u64, bool, bool);

    fn parts(word: Word) -> Parts {
        (word.len(), word.is_closed(), word.is_napping())
    }

    /// M2 and, as closing wakes: NAP => nothing lies there, and it is not closed. M5: the lowest bit is another's.
    fn is_sound(word: Word) -> bool {
        word.0 & 1 == 0 && (!word.is_napping() || word.len() == 0 && !word.is_closed())
    }

    /// Each set of flags x length that M2 allows.
    fn words() -> impl Iterator<Item = Word> {
        let lengths = [0, 1, 2, LIMIT_MAX - 2, LIMIT_MAX];
        let all = lengths.into_iter().flat_map(|len| (0..4).map(move |flags| Word(len * ONE + flags * NAP)));
        all.filter(|word| is_sound(*word))
    }

    #[test]
    fn every_transition_of_every_word_changes_what_it_says_and_nothing_else() {
        let mut seen = 0;
        let mut row = |next: Option<Word>, want: Option<Parts>, what: &str, word: Word| {
            assert_eq!(next.map(parts), want, "{what} of {word:?}");
            assert!(next.is_none_or(is_sound), "M2 after {what} of {word:?}");
            seen += 1;
        };
        for word in words() {
            let (len, closed, nap) = parts(word);
            row(Some(word.awake()), Some((len, closed, false)), "awake", word);
            row(word.take(), (len > 0).then_some((0, closed, false)), "take", word);
            row(word.nap(), (len == 0 && !closed).then_some((0, false, true)), "nap", word);
            row(Some(word.close()), Some((len, true, false)), "close", word);
            row(Some(Word::close_and_take()), Some((0, true, false)), "close_and_take", word);
            for count in [1, 2].into_iter().filter(|count| len + count <= LIMIT_MAX) {
                assert_eq!(parts(word.push(count)), (len + count, closed, nap), "push of {word:?}");
                row(Some(word.push(count).awake()), Some((len + count, closed, false)), "push, awake", word);
            }
        }
        // Of four sets of flags three or two are allowed; where the length is the largest nothing is pushed.
        assert_eq!(seen, 5 * (3 + 2 * 4) + 2 * (3 + 2 * 3), "the table has {seen} rows");
    }

    #[test]
    fn what_lies_there_and_what_is_set_aside_never_exceed_the_limit() {
        let mut seen = 0;
        for limit in 1..4 {
            for (len, set_aside, awaited) in all_places(limit) {
                let places = Places { set_aside, awaited };
                for count in 1..4 {
                    assert_eq!(places.have_room(count, len, limit), len + set_aside + count <= limit, "M6");
                }
                if places.have_room(1, len, limit) {
                    assert_eq!(places.set_aside(), Places { set_aside: set_aside + 1, awaited }, "M6");
                }
                if set_aside > 0 {
                    assert_eq!(places.given(), Places { set_aside: set_aside - 1, awaited });
                }
                assert_eq!(places.mark(), Places { set_aside, awaited: true });
                let (taken, one) = places.take(limit);
                assert!(taken.set_aside <= limit && !taken.awaited, "M6, of {places:?}: {taken:?}");
                assert_eq!(one, awaited.then_some(u64::from(set_aside < limit)), "B1: who waits is let in by it");
                assert_eq!(taken.set_aside, set_aside + one.unwrap_or(0));
                seen += 1;
            }
        }
        assert_eq!(seen, 2 * (3 + 6 + 10));
    }

    /// What lies there x what is set aside x the mark, as M6 allows.
    fn all_places(limit: u64) -> impl Iterator<Item = (u64, u64, bool)> {
        (0..=limit)
            .flat_map(move |len| (0..=limit - len).map(move |set_aside| (len, set_aside)))
            .flat_map(|(len, set_aside)| [false, true].map(|awaited| (len, set_aside, awaited)))
    }
}
