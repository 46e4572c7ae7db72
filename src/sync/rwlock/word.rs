//! All that a reader-writer lock knows, and how it may change.
//!
//! ```text
//!   63        40 39        16 15 7   6       5      4      3      2        1      0
//!  +------------+------------+-----+-------+-------+------+------+--------+------+--------+
//!  |  readers   |  pending   | hits| GIVEN | OWED  | HEIR | DRAIN|UPGRADER|SPREAD| WRITER |
//!  +------------+------------+-----+-------+-------+------+------+--------+------+--------+
//! ```
//! - WRITER: a writer is in, or the lock is given to one.
//! - HEIR: one popped writer is awake and has not settled; nobody else is woken meanwhile.
//! - OWED: the last to leave must hand the lock to a writer, not free it.
//! - GIVEN: handed over to the heir, not yet taken up; WRITER is set in between.
//! - pending: readers and writers that wait, the heir among them. readers: those inside.
//! - hits, DRAIN, UPGRADER, SPREAD have their places but no use yet: they are 0.
//!
//! Every change is a pure function from a word to the next, or to nothing if it does not apply. These hold after each:
//!
//! - R1 WRITER => readers = 0.
//! - R2 pending > 0 and nobody in => HEIR. This is "no lost wakeup".
//! - R5 HEIR or OWED => pending > 0.
//! - R6 GIVEN => WRITER, HEIR, not OWED.
//! - R7 OWED => somebody is in.
//! - R8 The queue's bit free, no WRITER, no HEIR, nobody giving up => the oldest waiter is no reader: readers never wait for
//!   readers alone.

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

const WRITER: u64 = 1 << 0;
const HEIR: u64 = 1 << 4;
const OWED: u64 = 1 << 5;
const GIVEN: u64 = 1 << 6;
const PENDING_ONE: u64 = 1 << 16;
const READER_ONE: u64 = 1 << 40;
const COUNT_MAX: u64 = (1 << 24) - 1;

/// Who leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    Reader,
    Writer,
    /// A writer that stays as a reader.
    WriterToRead,
}

impl Word {
    pub(super) const fn readers(self) -> u32 {
        (self.0 >> 40) as u32
    }

    pub(super) const fn pending(self) -> u32 {
        ((self.0 >> 16) & COUNT_MAX) as u32
    }

    const fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    pub(super) const fn is_writing(self) -> bool {
        self.has(WRITER)
    }

    const fn is_occupied(self) -> bool {
        self.has(WRITER) || self.readers() > 0
    }

    const fn when(self, applies: bool) -> Option<Word> {
        if applies { Some(self) } else { None }
    }

    // By who wants in.

    /// A reader comes in; it does not pass anyone who waits.
    ///
    /// # Panics
    /// If 2^24 - 1 readers are in.
    pub(super) const fn read(self) -> Option<Word> {
        if self.has(WRITER) || self.pending() > 0 {
            return None;
        }
        assert!((self.readers() as u64) < COUNT_MAX, "sync/rwlock: at most 2^24 - 1 readers at a time");
        Some(Word(self.0 + READER_ONE))
    }

    /// A writer comes in, whoever is queued: this is barging.
    pub(super) const fn write(self) -> Option<Word> {
        Word(self.0 | WRITER).when(!self.is_occupied())
    }

    /// A reader joins the queue, under the bit.
    pub(super) const fn wait_read(self) -> Option<Word> {
        self.counted().when(self.has(WRITER) || self.pending() > 0)
    }

    /// A writer joins the queue, under the bit.
    pub(super) const fn wait_write(self) -> Option<Word> {
        self.counted().when(self.is_occupied())
    }

    const fn counted(self) -> Word {
        assert!((self.pending() as u64) < COUNT_MAX, "sync/rwlock: at most 2^24 - 1 threads wait for one lock");
        Word(self.0 + PENDING_ONE)
    }

    /// One in the queue gives up, under the bit.
    pub(super) const fn quit(self) -> Word {
        let left = self.0 - PENDING_ONE;
        if self.pending() == 1 { Word(left & !OWED) } else { Word(left) }
    }

    // By the heir: a writer that was popped.

    /// Comes into a free lock.
    pub(super) const fn inherit(self) -> Option<Word> {
        Word((self.0 | WRITER).wrapping_sub(HEIR + PENDING_ONE)).when(!self.is_occupied() && self.has(HEIR))
    }

    /// Takes up the lock that was handed over.
    pub(super) const fn take_up(self) -> Option<Word> {
        Word(self.0.wrapping_sub(GIVEN + HEIR + PENDING_ONE)).when(self.has(GIVEN))
    }

    const fn must_wait(self) -> bool {
        self.is_occupied() && self.has(HEIR) && !self.has(GIVEN)
    }

    /// Has waited too long: the last to leave must hand the lock over.
    pub(super) const fn demand(self) -> Option<Word> {
        Word(self.0 | OWED).when(self.must_wait())
    }

    /// Joins the queue again, at its old end, under the bit. What is owed stays owed.
    pub(super) const fn sleep_again(self) -> Option<Word> {
        Word(self.0 & !HEIR).when(self.must_wait())
    }

    /// Gives up.
    pub(super) const fn quit_heir(self) -> Option<Word> {
        Word((self.0 & !OWED).wrapping_sub(HEIR + PENDING_ONE)).when(self.must_wait())
    }

    // By who is in, and leaves.

    const fn without(self, leaves: Leaves) -> Word {
        match leaves {
            Leaves::Reader => Word(self.0 - READER_ONE),
            Leaves::Writer => Word(self.0 - WRITER),
            Leaves::WriterToRead => Word(self.0 - WRITER + READER_ONE),
        }
    }

    /// Leaves without popping anyone: others are still in, or nobody waits, or the heir is awake (and is given the lock if it
    /// is owed).
    pub(super) const fn leave(self, leaves: Leaves) -> Option<Word> {
        let left = self.without(leaves);
        let needs_no_wake = self.pending() == 0 || self.has(HEIR);
        match (left.is_occupied(), leaves) {
            (true, Leaves::Reader) => Some(left),
            (true, Leaves::Writer | Leaves::WriterToRead) => left.when(needs_no_wake),
            (false, _) if left.has(OWED) => Word(left.0 & !OWED | GIVEN | WRITER).when(left.has(HEIR)),
            (false, _) => left.when(needs_no_wake),
        }
    }

    /// Leaves and makes a writer, just popped, the heir; it is given the lock if it is owed.
    pub(super) const fn leave_waking(self, leaves: Leaves) -> Word {
        let left = self.without(leaves);
        if left.has(OWED) && !left.is_occupied() {
            Word(left.0 & !OWED | GIVEN | WRITER | HEIR)
        } else {
            Word(left.0 | HEIR)
        }
    }

    /// Leaves and lets in `count` readers, just popped; not if this word is older than their coming. A debt is theirs who are
    /// next: it is paid.
    pub(super) const fn leave_granting(self, leaves: Leaves, count: u32) -> Option<Word> {
        if self.pending() < count { None } else { Some(self.without(leaves).granted(count)) }
    }

    /// Stays as a reader, with a writer next in turn.
    pub(super) const fn leave_to_read(self) -> Word {
        self.without(Leaves::WriterToRead)
    }

    /// Lets in `count` readers who are next because the writer before them gave up.
    pub(super) const fn settle(self, count: u32) -> Option<Word> {
        if self.has(WRITER) || self.has(HEIR) { None } else { Some(self.granted(count)) }
    }

    /// R1, R2, R5 to R7.
    #[cfg(any(test, rsm_loom))]
    pub(super) fn holds(self) -> bool {
        let (waits, writer, readers) = (self.pending() > 0, self.has(WRITER), self.readers() > 0);
        let r1 = !(writer && readers);
        let r2 = !waits || writer || readers || self.has(HEIR);
        let r5 = waits || !(self.has(HEIR) || self.has(OWED));
        let r6 = !self.has(GIVEN) || writer && self.has(HEIR) && !self.has(OWED);
        let r7 = !self.has(OWED) || writer || readers;
        r1 && r2 && r5 && r6 && r7
    }

    const fn granted(self, count: u32) -> Word {
        assert!(self.readers() as u64 + count as u64 <= COUNT_MAX, "sync/rwlock: at most 2^24 - 1 readers at a time");
        Word((self.0 - count as u64 * PENDING_ONE + count as u64 * READER_ONE) & !OWED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word that may exist: all sets of flags; readers and pending 0, 1, 2, almost full.
    fn words() -> impl Iterator<Item = Word> {
        let counts = [0, 1, 2, COUNT_MAX - 2];
        let flags = (0..16u64).map(|bits| (bits & 1) | ((bits >> 1) * HEIR));
        flags
            .flat_map(move |flags| counts.map(|readers| (flags, readers)))
            .flat_map(move |(flags, readers)| {
                counts.map(|pending| Word(flags | (readers * READER_ONE) | (pending * PENDING_ONE)))
            })
            .filter(|word| word.holds())
    }

    /// What a change does to readers and pending.
    type Change = (&'static str, fn(Word) -> Option<Word>, i64, i64);

    fn leaves(word: Word, who: Leaves) -> bool {
        !word.has(GIVEN) && if who == Leaves::Reader { word.readers() > 0 } else { word.has(WRITER) }
    }

    /// Someone was popped: it is counted, and there is no heir.
    fn popped(word: Word, count: u32) -> bool {
        !word.has(HEIR) && word.pending() >= count
    }

    const CHANGES: [Change; 16] = [
        ("read", Word::read, 1, 0),
        ("write", Word::write, 0, 0),
        ("wait_read", Word::wait_read, 0, 1),
        ("wait_write", Word::wait_write, 0, 1),
        ("quit", |word| (word.pending() > word.has(HEIR) as u32).then(|| word.quit()), 0, -1),
        ("inherit", Word::inherit, 0, -1),
        ("take_up", Word::take_up, 0, -1),
        ("demand", Word::demand, 0, 0),
        ("sleep_again", Word::sleep_again, 0, 0),
        ("quit_heir", Word::quit_heir, 0, -1),
        ("leave", |word| leaves(word, Leaves::Writer).then(|| word.leave(Leaves::Writer)).flatten(), 0, 0),
        ("leave", |word| leaves(word, Leaves::Reader).then(|| word.leave(Leaves::Reader)).flatten(), -1, 0),
        ("downgrade", |word| leaves(word, Leaves::Writer).then(|| word.leave(Leaves::WriterToRead)).flatten(), 1, 0),
        (
            "leave_waking",
            |word| (leaves(word, Leaves::Reader) && popped(word, 1)).then(|| word.leave_waking(Leaves::Reader)),
            -1,
            0,
        ),
        (
            "leave_granting",
            |word| {
                (leaves(word, Leaves::Writer) && popped(word, 1))
                    .then(|| word.leave_granting(Leaves::Writer, 1))
                    .flatten()
            },
            1,
            -1,
        ),
        ("settle", |word| if popped(word, 2) { word.settle(2) } else { None }, 2, -2),
    ];

    #[test]
    fn every_change_of_every_word_keeps_the_invariants() {
        for (name, change, readers, pending) in CHANGES {
            let mut applied = 0;
            for word in words() {
                let Some(next) = change(word) else { continue };
                applied += 1;
                assert!(next.holds(), "{name} of {:#x} gives {:#x}", word.0, next.0);
                assert_eq!(next.readers() as i64 - word.readers() as i64, readers, "{name} of {:#x}", word.0);
                assert_eq!(next.pending() as i64 - word.pending() as i64, pending, "{name} of {:#x}", word.0);
            }
            assert!(applied > 0, "{name} applies to some word");
        }
    }

    #[test]
    fn who_leaves_pops_only_when_there_is_someone_and_no_heir() {
        for word in words() {
            for who in [Leaves::Reader, Leaves::Writer, Leaves::WriterToRead] {
                if leaves(word, who) && word.leave(who).is_none() {
                    assert!(popped(word, 1), "{:#x}, {who:?}", word.0);
                }
            }
        }
    }

    #[test]
    fn an_heir_has_always_exactly_one_way_on() {
        for word in words().filter(|word| word.has(HEIR)) {
            let takes = word.inherit().is_some() as u32 + word.take_up().is_some() as u32;
            assert_eq!(takes + word.sleep_again().is_some() as u32, 1, "{:#x}", word.0);
            assert_eq!(takes + word.quit_heir().is_some() as u32, 1, "{:#x}", word.0);
        }
    }
}
