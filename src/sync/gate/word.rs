//! All that a gate knows, and how it changes. Pure.
//!
//! ```text
//!   63            32 31            8 7       1    0
//!  +----------------+---------------+---------+------+
//!  |    entries     |    pending    |    0    | OPEN |       entries: since it opened
//!  +----------------+---------------+---------+------+
//! ```

use super::Door;

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

const OPEN: u64 = 1 << 0;
const PENDING_ONE: u64 = 1 << 8;
const ENTRY_ONE: u64 = 1 << 32;
/// So many may wait.
pub(crate) const PENDING_MAX: u64 = (1 << 24) - 1;

impl Word {
    /// Shut, nobody waits.
    pub(crate) const SHUT: Word = Word(0);
    /// Open, nobody has entered.
    pub(crate) const OPEN: Word = Word(OPEN);

    pub(crate) const fn is_open(self) -> bool {
        self.0 & OPEN != 0
    }

    /// Those who wait, linked or about to be woken.
    pub(crate) const fn pending(self) -> u64 {
        (self.0 / PENDING_ONE) & PENDING_MAX
    }

    /// Those who have entered since it opened: 2^32 - 1 stands for any number above as well.
    pub(crate) const fn entries(self) -> u32 {
        (self.0 / ENTRY_ONE) as u32
    }

    const fn with(self, is_open: bool, entries: u32) -> Word {
        Word((self.0 & (PENDING_MAX * PENDING_ONE)) | is_open as u64 | ((entries as u64) * ENTRY_ONE))
    }

    /// The number of the next to enter, if it is open.
    pub(crate) const fn next(self) -> Option<u32> {
        if self.is_open() { Some(self.entries().saturating_add(1)) } else { None }
    }

    /// The next enters, and leaves the door like that.
    pub(crate) const fn enter(self, door: Door) -> Option<Word> {
        match (self.next(), door) {
            (None, _) => None,
            (Some(number), Door::Stay) => Some(self.with(true, number)),
            (Some(_), Door::Shut) => Some(self.with(false, 0)),
        }
    }

    /// Open, and counting from zero.
    pub(crate) const fn open(self) -> Word {
        self.with(true, 0)
    }

    /// Shut.
    pub(crate) const fn shut(self) -> Word {
        self.with(false, 0)
    }

    /// One more waits, as it is shut.
    pub(crate) const fn wait(self) -> Option<Word> {
        if self.is_open() || self.pending() == PENDING_MAX { None } else { Some(Word(self.0 + PENDING_ONE)) }
    }

    /// So many wait no longer: they were woken, or gave up.
    pub(crate) const fn leave(self, count: u64) -> Option<Word> {
        if self.pending() < count { None } else { Some(Word(self.0 - count * PENDING_ONE)) }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;

    /// G3: shut => nobody counts as having entered.
    fn is_sound(word: Word) -> bool {
        word.is_open() || word.entries() == 0
    }

    /// Shut and open x pending x entries that G3 allows.
    fn words() -> impl Iterator<Item = Word> {
        let pending = [0, 1, 2, PENDING_MAX];
        let entries = [0, 1, 2, u64::from(u32::MAX) - 1, u64::from(u32::MAX)];
        (0..2u64)
            .flat_map(move |open| pending.map(|pending| (open, pending)))
            .flat_map(move |(open, pending)| entries.map(|entries| Word(open | pending << 8 | entries << 32)))
            .filter(|word| is_sound(*word))
    }

    fn parts(word: Word) -> (bool, u64, u32) {
        (word.is_open(), word.pending(), word.entries())
    }

    #[test]
    fn every_transition_changes_what_it_says_and_nothing_else() {
        let mut seen = 0;
        let mut row = |next: Option<Word>, want: Option<(bool, u64, u32)>, what: &str, word: Word| {
            assert_eq!(next.map(parts), want, "{what} of {word:?}");
            assert!(next.is_none_or(is_sound), "G3 after {what} of {word:?}");
            seen += 1;
        };
        for word in words() {
            let (open, pending, entries) = parts(word);
            let number = if entries == u32::MAX { u32::MAX } else { entries + 1 };
            assert_eq!(word.next(), open.then_some(number));
            row(word.enter(Door::Stay), open.then_some((true, pending, number)), "enter", word);
            row(word.enter(Door::Shut), open.then_some((false, pending, 0)), "enter and shut", word);
            row(Some(word.open()), Some((true, pending, 0)), "open", word);
            row(Some(word.shut()), Some((false, pending, 0)), "shut", word);
            let room = !open && pending < PENDING_MAX;
            row(word.wait(), room.then_some((false, pending + 1, entries)), "wait", word);
            for count in [1, 2] {
                row(word.leave(count), (pending >= count).then(|| (open, pending - count, entries)), "leave", word);
            }
        }
        assert_eq!(seen, 7 * (4 + 20), "the table has {seen} rows");
    }
}
