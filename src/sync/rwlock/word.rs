//! All that a reader-writer lock knows, and how it may change.
//!
//! ```text
//!   63        40 39        16 15 7   6       5      4      3      2        1      0
//!  +------------+------------+-----+-------+-------+------+------+--------+------+--------+
//!  |  readers   |  pending   | hits| GIVEN | OWED  | HEIR | DRAIN|UPGRADER|SPREAD| WRITER |
//!  +------------+------------+-----+-------+-------+------+------+--------+------+--------+
//! ```
//! - WRITER: a writer is in, or the lock is given to one.
//! - UPGRADER: an upgradable reader is in, beside the readers and not counted among them.
//! - DRAIN: somebody waits for readers alone, and nobody comes in meanwhile: UPGRADER, about to become WRITER, for those counted
//!   here; or WRITER for those in the slots.
//! - SPREAD: readers come in by slots (`spread`), and are not counted here unless they were let in by somebody else.
//! - hits: how often a reader's exchange has failed, up to 16: then the lock becomes SPREAD, for good.
//! - HEIR: one popped writer is awake and has not settled; nobody else is woken meanwhile.
//! - OWED: the last to leave must hand the lock to a writer, not free it.
//! - GIVEN: handed over to the heir, not yet taken up; WRITER is set in between.
//! - pending: those who wait to come in, the heir among them. readers: those inside.
//!
//! Every change is a pure function from a word to the next, or to nothing if it does not apply. These hold after each:
//!
//! - R1 WRITER => readers = 0, and not UPGRADER; and once its holder has come in, nobody is in by a slot. (A slot may be raised for
//!   a moment by one who is about to see WRITER.)
//! - R2 pending > 0 and nobody in, by this word => HEIR. This is "no lost wakeup".
//! - R3 DRAIN => UPGRADER, or SPREAD and WRITER and not GIVEN.
//! - R4 At most one upgradable reader is in: UPGRADER is set only where it and WRITER are clear, or in WRITER's place.
//! - R5 HEIR or OWED => pending > 0.
//! - R6 GIVEN => WRITER, HEIR, not OWED.
//! - R7 OWED => somebody is in.
//! - R8 The queue's bit free, no WRITER, DRAIN or HEIR, nobody giving up => the oldest waiter is a writer, or wants UPGRADER which
//!   another has. So a reader, upgradable or not, never waits for readers alone: somebody in front of it waits to write, or for
//!   the upgradable reader that is in.
//!
//! R9 is of the slots: see `spread`.

use std::io::Write;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

const WRITER: u64 = 1 << 0;
const SPREAD: u64 = 1 << 1;
const UPGRADER: u64 = 1 << 2;
const DRAIN: u64 = 1 << 3;
const HEIR: u64 = 1 << 4;
const OWED: u64 = 1 << 5;
const GIVEN: u64 = 1 << 6;
const HIT_ONE: u64 = 1 << 7;
const HITS: u64 = 0x1FF << 7;
const PENDING_ONE: u64 = 1 << 16;
const READER_ONE: u64 = 1 << 40;
/// So many failed exchanges of readers spread them.
const HITS_MAX: u64 = 16;
const COUNT_MAX: u64 = (1 << 24) - 1;
const FULL: &str = "sync/rwlock: at most 2^24 - 1 readers at a time (do they forget their guards?)";
const READERS: u64 = COUNT_MAX * READER_ONE;

/// Who leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    Reader,
    /// An upgradable reader.
    Upgrader,
    /// An upgradable reader that stays as a reader.
    UpgraderToRead,
    Writer,
    /// A writer that stays as a reader.
    WriterToRead,
    /// A writer that stays as an upgradable reader.
    WriterToUpgrader,
}

impl Leaves {
    /// Whether, without letting anyone in, somebody may be in afterwards who keeps out writers but not others.
    pub(super) const fn may_leave_others(self) -> bool {
        !matches!(self, Leaves::Reader | Leaves::Writer)
    }
}

/// Those who are let in together: they are next in line, and at most one of them is upgradable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) readers: u32,
    pub(super) upgraders: u32,
}

impl Run {
    pub(super) const READER: Run = Run { readers: 1, upgraders: 0 };
    pub(super) const UPGRADER: Run = Run { readers: 0, upgraders: 1 };

    pub(super) const fn len(self) -> u32 {
        self.readers + self.upgraders
    }
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

    pub(super) const fn is_upgradable(self) -> bool {
        self.has(UPGRADER)
    }

    const fn is_occupied(self) -> bool {
        self.has(WRITER | UPGRADER) || self.readers() > 0
    }

    pub(super) const fn is_spread(self) -> bool {
        self.has(SPREAD)
    }

    /// Whether a reader that has raised its slot is in.
    pub(super) const fn lets_in_by_slot(self) -> bool {
        self.0 & (SPREAD | WRITER | DRAIN) == SPREAD
    }

    /// Whether a reader may come in, by one way or the other.
    pub(super) const fn is_open(self) -> bool {
        !self.has(WRITER | DRAIN) && (self.has(SPREAD) || self.pending() == 0)
    }

    /// Whether a writer waits for readers in the slots.
    pub(super) const fn drains_slots(self) -> bool {
        self.has(DRAIN) && self.has(WRITER)
    }

    /// Whether readers have collided often enough to be spread.
    pub(super) const fn is_crowded(self) -> bool {
        self.hits() >= HITS_MAX && !self.has(SPREAD)
    }

    const fn hits(self) -> u64 {
        (self.0 & HITS) / HIT_ONE
    }

    /// So many more exchanges of a reader have failed.
    pub(super) const fn hit(self, times: u64) -> Word {
        let hits = self.hits() + times;
        let hits = if hits < HITS_MAX { hits } else { HITS_MAX };
        Word(self.0 & !HITS | (hits * HIT_ONE))
    }

    /// Readers come in by slots from now on.
    pub(super) const fn spread(self) -> Option<Word> {
        Word(self.0 | SPREAD).when(!self.has(SPREAD))
    }

    /// Whether the last of those has left for whom an upgradable reader waits.
    pub(super) const fn is_drained(self) -> bool {
        self.has(DRAIN) && self.has(UPGRADER) && self.readers() == 0
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
        if self.has(WRITER | DRAIN) || self.pending() > 0 {
            return None;
        }
        assert!(self.has_room(1), "{}", FULL);
        Some(Word(self.0 + READER_ONE))
    }

    /// As [`read`](Word::read) where nobody but readers is in, or waits: the common case, in two comparisons.
    pub(super) const fn read_alone(self) -> Option<Word> {
        Word(self.0.wrapping_add(READER_ONE)).when(self.0 & !(HITS | READERS) == 0 && self.0 < READERS)
    }

    const fn has_room(self, readers: u32) -> bool {
        self.readers() as u64 + readers as u64 <= COUNT_MAX
    }

    /// So many readers more, of whom none can be refused any more: they are popped, or have been in. Aborts if they are too many.
    fn with_readers(self, count: u32) -> Word {
        if !self.has_room(count) {
            // To unwind would leave some of them in, and not counted: nor may the message panic, where stderr is closed.
            let _ = writeln!(std::io::stderr(), "{FULL}");
            std::process::abort();
        }
        Word(self.0 + count as u64 * READER_ONE)
    }

    /// An upgradable reader comes in, beside readers; it does not pass anyone who waits.
    pub(super) const fn read_upgradable(self) -> Option<Word> {
        Word(self.0 | UPGRADER).when(!self.has(WRITER | UPGRADER) && self.pending() == 0)
    }

    /// A writer comes in, whoever is queued: this is barging.
    pub(super) const fn write(self) -> Option<Word> {
        Word(self.0 | WRITER).when(!self.is_occupied())
    }

    /// A reader joins the queue, under the bit.
    pub(super) const fn wait_read(self) -> Option<Word> {
        self.counted().when(!self.is_open())
    }

    /// An upgradable reader joins the queue, under the bit.
    pub(super) const fn wait_upgradable(self) -> Option<Word> {
        self.counted().when(self.has(WRITER | UPGRADER) || self.pending() > 0)
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

    // By the upgradable reader that is in.

    /// Becomes the writer: nobody else is in.
    pub(super) const fn upgrade(self) -> Option<Word> {
        Word((self.0 | WRITER) & !(UPGRADER | DRAIN)).when(self.has(UPGRADER) && self.readers() == 0)
    }

    /// Waits for those who are in, and keeps others out.
    pub(super) const fn drain(self) -> Option<Word> {
        Word(self.0 | DRAIN).when(self.has(UPGRADER) && self.readers() > 0)
    }

    /// The writer waits for those who are in by slots.
    pub(super) const fn drain_slots(self) -> Word {
        Word(self.0 | DRAIN)
    }

    /// Waits no more, and stays what it is.
    pub(super) const fn stay(self) -> Word {
        Word(self.0 & !DRAIN)
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

    fn without(self, leaves: Leaves) -> Word {
        match leaves {
            Leaves::Reader => Word(self.0 - READER_ONE),
            Leaves::Upgrader => Word(self.0 - UPGRADER),
            Leaves::UpgraderToRead => Word(self.with_readers(1).0 - UPGRADER),
            // If it waits for slots, it gives up.
            Leaves::Writer => Word((self.0 - WRITER) & !DRAIN),
            Leaves::WriterToRead => Word((self.0 - WRITER + READER_ONE) & !DRAIN),
            Leaves::WriterToUpgrader => Word((self.0 - WRITER + UPGRADER) & !DRAIN),
        }
    }

    /// As [`leave`](Word::leave) where nobody of another kind is in, and nobody waits: the common case, in one comparison.
    pub(super) const fn leave_alone(self, leaves: Leaves) -> Option<Word> {
        match leaves {
            Leaves::Reader => Word(self.0.wrapping_sub(READER_ONE)).when(self.0 & !(HITS | READERS) == 0),
            Leaves::Writer => Word(self.0 & !WRITER).when(self.0 & !(HITS | SPREAD) == WRITER),
            Leaves::Upgrader | Leaves::UpgraderToRead | Leaves::WriterToRead | Leaves::WriterToUpgrader => None,
        }
    }

    /// Leaves without popping anyone: others are still in, or nobody waits, or the heir is awake (and is given the lock if it
    /// is owed).
    pub(super) fn leave(self, leaves: Leaves) -> Option<Word> {
        let left = self.without(leaves);
        let needs_no_wake = self.pending() == 0 || self.has(HEIR);
        match (left.is_occupied(), leaves) {
            (true, Leaves::Reader) => Some(left),
            // UPGRADER or WRITER is free now, and may be what the oldest waits for.
            (true, _) => left.when(needs_no_wake),
            (false, _) if left.has(OWED) => Word(left.0 & !OWED | GIVEN | WRITER).when(left.has(HEIR)),
            (false, _) => left.when(needs_no_wake),
        }
    }

    /// Leaves and makes a writer, just popped, the heir; it is given the lock if it is owed.
    pub(super) fn leave_waking(self, leaves: Leaves) -> Word {
        let left = self.without(leaves);
        if left.has(OWED) && !left.is_occupied() {
            Word(left.0 & !OWED | GIVEN | WRITER | HEIR)
        } else {
            Word(left.0 | HEIR)
        }
    }

    /// Leaves and lets in a run, just popped; not if this word is older than their coming. A debt is theirs who are next: it is
    /// paid.
    pub(super) fn leave_granting(self, leaves: Leaves, run: Run) -> Option<Word> {
        if self.pending() < run.len() { None } else { Some(self.without(leaves).granted(run)) }
    }

    /// Leaves others inside, or itself in another part: they keep out who is next in line, if anyone is.
    pub(super) fn leave_others(self, leaves: Leaves) -> Option<Word> {
        let left = self.without(leaves);
        left.when(left.is_occupied())
    }

    /// Lets in those who are next because the one before them gave up.
    pub(super) fn settle(self, run: Run) -> Option<Word> {
        let refuses = self.has(WRITER | DRAIN | HEIR) || run.upgraders > 0 && self.has(UPGRADER);
        if refuses { None } else { Some(self.granted(run)) }
    }

    /// R1 to R7.
    #[cfg(any(test, rsm_loom))]
    pub(super) fn holds(self) -> bool {
        let (waits, writer, occupied) = (self.pending() > 0, self.has(WRITER), self.is_occupied());
        let r1 = !writer || self.readers() == 0 && !self.has(UPGRADER);
        let r2 = !waits || occupied || self.has(HEIR);
        let r3 = !self.has(DRAIN) || self.has(UPGRADER) || self.has(SPREAD) && writer && !self.has(GIVEN);
        let r5 = waits || !(self.has(HEIR) || self.has(OWED));
        let r6 = !self.has(GIVEN) || writer && self.has(HEIR) && !self.has(OWED);
        let r7 = !self.has(OWED) || occupied;
        r1 && r2 && r3 && r5 && r6 && r7
    }

    fn granted(self, run: Run) -> Word {
        let left = self.with_readers(run.readers).0 - run.len() as u64 * PENDING_ONE;
        Word((left + run.upgraders as u64 * UPGRADER) & !OWED)
    }
}

#[cfg(test)]
mod tests;
