//! All that a lock knows, and how it may change.
//!
//! ```text
//!   63            32 31             8 7    4    3       2      1      0
//!  +----------------+----------------+------+-------+------+------+--------+
//!  |    payload     |    pending     |  0   | GIVEN | OWED | HEIR | LOCKED |
//!  +----------------+----------------+------+-------+------+------+--------+
//! ```
//! - LOCKED: somebody owns it.
//! - HEIR: one popped waiter is awake and has not settled; nobody else is woken meanwhile.
//! - OWED: the next unlock must hand the lock over, not free it.
//! - GIVEN: handed over, not yet taken up; LOCKED stays set in between.
//! - pending: threads that wait, the heir among them.
//!
//! Every change is a pure function from a word to the next, or to nothing if it does not apply. These hold after each:
//!
//! - W1 HEIR or OWED => pending > 0.
//! - W2 pending > 0 and not LOCKED => HEIR. This is "no lost wakeup": someone who is awake will look.
//! - W3 GIVEN => LOCKED, HEIR, not OWED.
//! - W4 OWED => LOCKED.
//! - W5 The payload changes only in `lock`, `inherit`, `take_up` and the four releases: by the owner, or the owner-to-be; and in
//!   `replace`, which is `lock` and `free` in one step.
//! - W6 One who is told that it is the heir finds HEIR set: the word is changed first. It stays set until the heir settles.
//! - W7 One owner at a time: only who has made LOCKED of what was free, or has taken up what was GIVEN, is the owner; and only an
//!   owner clears LOCKED or sets GIVEN.

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

pub(super) const LOCKED: u64 = 1 << 0;
const HEIR: u64 = 1 << 1;
const OWED: u64 = 1 << 2;
const GIVEN: u64 = 1 << 3;
const PENDING_ONE: u64 = 1 << 8;
const PENDING_MAX: u64 = (1 << 24) - 1;
const PAYLOAD_SHIFT: u32 = 32;

impl Word {
    /// A free lock.
    pub(super) const fn new(payload: u32) -> Word {
        Word((payload as u64) << PAYLOAD_SHIFT)
    }

    pub(super) const fn payload(self) -> u32 {
        (self.0 >> PAYLOAD_SHIFT) as u32
    }

    pub(super) const fn pending(self) -> u32 {
        ((self.0 >> 8) & PENDING_MAX) as u32
    }

    const fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    pub(super) const fn is_locked(self) -> bool {
        self.has(LOCKED)
    }

    pub(super) const fn has_heir(self) -> bool {
        self.has(HEIR)
    }

    /// For the heir: whether the lock is its, to be taken up.
    pub(super) const fn is_given(self) -> bool {
        self.has(GIVEN)
    }

    const fn with(self, payload: u32) -> Word {
        Word(self.0 & 0xFFFF_FFFF | (payload as u64) << PAYLOAD_SHIFT)
    }

    const fn when(self, applies: bool) -> Option<Word> {
        if applies { Some(self) } else { None }
    }

    // By who wants the lock.

    /// Takes a free lock, whoever is queued: this is barging.
    pub(super) const fn lock(self, payload: u32) -> Option<Word> {
        Word(self.0 | LOCKED).with(payload).when(!self.has(LOCKED))
    }

    /// Takes a free lock whose payload is `from`, and frees it with `to`.
    pub(super) const fn replace(self, from: u32, to: u32) -> Option<Word> {
        self.with(to).when(!self.has(LOCKED) && self.payload() == from)
    }

    /// A newcomer joins the queue, under the bit.
    ///
    /// # Panics
    /// If 2^24 - 1 threads wait already.
    pub(super) const fn wait(self) -> Option<Word> {
        if self.has(LOCKED) { Some(self.counted()) } else { None }
    }

    /// `wait` without its condition, which only a fault does.
    pub(super) const fn counted(self) -> Word {
        assert!((self.pending() as u64) < PENDING_MAX, "sync/lock: at most 2^24 - 1 threads wait for one lock");
        Word(self.0 + PENDING_ONE)
    }

    /// One in the queue gives up, under the bit.
    pub(super) const fn quit(self) -> Word {
        let left = self.0 - PENDING_ONE;
        // Nobody is left to whom the lock could be owed.
        if self.pending() == 1 { Word(left & !OWED) } else { Word(left) }
    }

    // By the heir.

    /// Takes a free lock.
    pub(super) const fn inherit(self, payload: u32) -> Option<Word> {
        Word((self.0 | LOCKED).wrapping_sub(HEIR + PENDING_ONE)).with(payload).when(!self.has(LOCKED) && self.has(HEIR))
    }

    /// Takes up the lock that was handed over.
    pub(super) const fn take_up(self, payload: u32) -> Option<Word> {
        Word(self.0.wrapping_sub(GIVEN + HEIR + PENDING_ONE)).with(payload).when(self.has(GIVEN))
    }

    /// Has waited too long: the next unlock must hand the lock over.
    pub(super) const fn demand(self) -> Option<Word> {
        Word(self.0 | OWED).when(self.has(LOCKED) && self.has(HEIR) && !self.has(GIVEN))
    }

    /// Joins the queue again, at its old end, under the bit. What is owed stays owed.
    pub(super) const fn sleep_again(self) -> Option<Word> {
        Word(self.0 & !HEIR).when(self.has(LOCKED) && self.has(HEIR) && !self.has(GIVEN))
    }

    /// Gives up.
    pub(super) const fn quit_heir(self) -> Option<Word> {
        Word((self.0 & !OWED).wrapping_sub(HEIR + PENDING_ONE))
            .when(self.has(LOCKED) && self.has(HEIR) && !self.has(GIVEN))
    }

    /// The first of two steps into which only a fault takes `inherit` apart.
    pub(super) const fn step_down(self) -> Option<Word> {
        Word(self.0.wrapping_sub(HEIR + PENDING_ONE)).when(!self.has(LOCKED) && self.has(HEIR))
    }

    // By the owner.

    /// Frees the lock: nobody waits, or the heir is awake.
    pub(super) const fn free(self, payload: u32) -> Option<Word> {
        let applies = self.has(LOCKED) && !self.has(OWED) && !self.has(GIVEN);
        Word(self.0 & !LOCKED).with(payload).when(applies && (self.pending() == 0 || self.has(HEIR)))
    }

    /// `free` that overlooks what is owed, which only a fault does.
    pub(super) const fn free_owing(self, payload: u32) -> Option<Word> {
        Word(self.0 & !LOCKED).with(payload).when(self.has(LOCKED) && self.has(OWED) && self.has(HEIR))
    }

    /// `free` with the payload as it is, where nobody waits: the ordinary case, told by one comparison (W1, W3 leave no other flag).
    pub(super) const fn free_alone(self) -> Option<Word> {
        Word(self.0.wrapping_sub(LOCKED)).when(self.0 as u32 == LOCKED as u32)
    }

    /// Frees the lock and makes a waiter, just popped, the heir.
    pub(super) const fn free_waking(self, payload: u32) -> Option<Word> {
        let applies = self.has(LOCKED) && !self.has(OWED) && !self.has(HEIR) && self.pending() > 0;
        Word(self.0 & !LOCKED | HEIR).with(payload).when(applies)
    }

    /// Hands the lock to the heir, who is awake.
    pub(super) const fn give_warm(self, payload: u32) -> Option<Word> {
        Word(self.0 & !OWED | GIVEN).with(payload).when(self.has(LOCKED) && self.has(OWED) && self.has(HEIR))
    }

    /// Hands the lock to a waiter, just popped, who becomes the heir.
    pub(super) const fn give_cold(self, payload: u32) -> Option<Word> {
        Word(self.0 & !OWED | GIVEN | HEIR).with(payload).when(self.has(LOCKED) && self.has(OWED) && !self.has(HEIR))
    }

    /// W1 to W4.
    #[cfg(any(test, rsm_loom))]
    pub(super) fn holds(self) -> bool {
        let waits = self.pending() > 0;
        let w1 = waits || !(self.has(HEIR) || self.has(OWED));
        let w2 = self.has(HEIR) || self.has(LOCKED) || !waits;
        let w3 = !self.has(GIVEN) || self.has(LOCKED) && self.has(HEIR) && !self.has(OWED);
        let w4 = !self.has(OWED) || self.has(LOCKED);
        w1 && w2 && w3 && w4
    }

    /// The word as a fair unlock sees it: whoever waits is owed the lock.
    pub(super) const fn owing(self) -> Word {
        if self.pending() > 0 { Word(self.0 | OWED) } else { self }
    }
}

/// What a lock was at some instant, by one load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The 32 bits that change with locking and unlocking.
    pub payload: u32,
    /// Threads that were waiting, or about to, or woken and not yet served.
    pub pending: u32,
    /// Whether somebody owned it.
    pub is_locked: bool,
}

impl From<Word> for Snapshot {
    fn from(word: Word) -> Snapshot {
        Snapshot { payload: word.payload(), pending: word.pending(), is_locked: word.is_locked() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: u32 = 0xBEEF;

    /// Every word that may exist: all sets of flags, pending 0, 1, 2, almost and quite full.
    fn words() -> impl Iterator<Item = Word> {
        let pendings = [0, 1, 2, PENDING_MAX - 1, PENDING_MAX];
        (0..16)
            .flat_map(move |flags| pendings.map(|pending| Word(flags | (pending * PENDING_ONE)).with(7)))
            .filter(|word| word.holds())
    }

    type Change = fn(Word) -> Option<Word>;

    /// (name, change, whether it may set the payload, what it does to pending)
    const CHANGES: [(&str, Change, bool, i64); 13] = [
        ("replace", |word| word.replace(7, NEW), true, 0),
        ("lock", |word| word.lock(NEW), true, 0),
        ("wait", |word| if word.pending() as u64 == PENDING_MAX { None } else { word.wait() }, false, 1),
        // One in the queue, hence not the heir, and not one whom an unlock has popped.
        ("quit", |word| (word.pending() > word.has(HEIR) as u32).then(|| word.quit()), false, -1),
        ("inherit", |word| word.inherit(NEW), true, -1),
        ("take_up", |word| word.take_up(NEW), true, -1),
        ("demand", Word::demand, false, 0),
        ("sleep_again", Word::sleep_again, false, 0),
        ("quit_heir", Word::quit_heir, false, -1),
        ("free", |word| word.free(NEW), true, 0),
        ("free_waking", |word| word.free_waking(NEW), true, 0),
        ("give_warm", |word| word.give_warm(NEW), true, 0),
        ("give_cold", |word| word.give_cold(NEW), true, 0),
    ];

    #[test]
    fn every_change_of_every_word_keeps_w1_to_w5() {
        for (name, change, sets, pending) in CHANGES {
            let mut applied = 0;
            for word in words() {
                let Some(next) = change(word) else { continue };
                applied += 1;
                assert!(next.holds(), "{name} of {:#x} gives {:#x}", word.0, next.0);
                assert_eq!(next.payload(), if sets { NEW } else { 7 }, "W5: {name}");
                assert_eq!(next.pending() as i64 - word.pending() as i64, pending, "{name} of {:#x}", word.0);
            }
            assert!(applied > 0, "{name} applies to some word");
        }
    }

    #[test]
    fn an_owner_comes_only_by_taking_what_has_none_and_goes_only_by_letting_go() {
        let is_owned = |word: Word| word.has(LOCKED) && !word.has(GIVEN);
        for (name, change, ..) in CHANGES {
            for word in words() {
                let Some(next) = change(word) else { continue };
                let (before, after) = match name {
                    "lock" | "inherit" | "take_up" => (false, true),
                    "free" | "free_waking" | "give_warm" | "give_cold" => (true, false),
                    "replace" => (false, false),
                    _ => (is_owned(word), is_owned(word)),
                };
                assert_eq!((is_owned(word), is_owned(next)), (before, after), "W7: {name} of {:#x}", word.0);
            }
        }
    }

    #[test]
    fn where_nobody_waits_freeing_is_one_comparison() {
        for word in words() {
            let expected = if word.pending() == 0 { word.free(7) } else { None };
            assert!(word.free_alone() == expected, "{:#x}", word.0);
        }
    }

    #[test]
    fn an_owner_can_always_release_with_what_it_has_popped() {
        for word in words().filter(|word| word.has(LOCKED) && !word.has(GIVEN)) {
            for seen in [word, word.owing()] {
                let without = seen.free(NEW).or(seen.give_warm(NEW));
                let with = seen.free_waking(NEW).or(seen.give_cold(NEW));
                assert!(without.is_some() != with.is_some(), "{:#x}: one way out, and only one", seen.0);
                assert!(with.is_none() || seen.pending() > 0, "{:#x}: whom to pop", seen.0);
            }
        }
    }

    #[test]
    fn an_heir_has_always_exactly_one_way_on() {
        for word in words().filter(|word| word.has(HEIR)) {
            let takes = word.inherit(NEW).is_some() as u32 + word.take_up(NEW).is_some() as u32;
            assert_eq!(takes + word.sleep_again().is_some() as u32, 1, "{:#x}", word.0);
            assert_eq!(takes + word.quit_heir().is_some() as u32, 1, "{:#x}", word.0);
        }
    }

    #[test]
    #[should_panic(expected = "at most 2^24 - 1 threads")]
    fn a_full_count_of_waiters_is_refused() {
        let _ = Word(LOCKED | (PENDING_MAX * PENDING_ONE)).wait();
    }
}
