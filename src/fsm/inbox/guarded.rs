//! The inbox and the word of its cell, in one place: whoever is in may change both, and nobody else either.
//!
//! ```text
//!   enter ──> Opened: the inbox, and the word as it was found ──> leave(word)
//!   rest: the word alone, in one step, where nobody has come
//!
//!    63         33 32            1   0
//!   +-------------+-------------+------+
//!   |    limit    |    word     | busy |      the limit never changes: it lies where every post looks anyway
//!   +-------------+-------------+------+
//! ```

use super::Inbox;
use crate::fsm::word::{DEPTH_MAX, Word};
use crate::sync::spin::{Entered, Spin};
use std::ops::{Deref, DerefMut};

/// An inbox behind its word.
#[repr(transparent)]
pub(crate) struct Guarded<C>(Spin<Inbox<C>>);

/// An inbox with somebody in. Dropped, it leaves the word as it was.
pub(crate) struct Opened<'a, C>(Entered<'a, Inbox<C>>);

/// A word that was left so, with what lies beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left(u64);

const WORD_SHIFT: u32 = 1;
const LIMIT_SHIFT: u32 = WORD_SHIFT + u32::BITS;
/// The greatest limit is none.
const NO_LIMIT: u64 = u64::MAX >> LIMIT_SHIFT;
const _: () = assert!((DEPTH_MAX as u64) < NO_LIMIT, "a depth that the word can say is below no limit");

impl Left {
    const fn new(word: Word, limit: u64) -> Left {
        Left((word.0 as u64) << WORD_SHIFT | limit << LIMIT_SHIFT)
    }

    pub(crate) const fn word(self) -> Word {
        Word((self.0 >> WORD_SHIFT) as u32)
    }

    const fn limit(self) -> u64 {
        self.0 >> LIMIT_SHIFT
    }

    /// How many commands the inbox holds at most.
    const fn commands_max(self) -> usize {
        if self.limit() == NO_LIMIT { usize::MAX } else { self.limit() as usize }
    }
}

impl<C> Guarded<C> {
    /// Of a cell at birth. A limit of 2^31 - 1 or more is none.
    pub(crate) fn new(inbox: Inbox<C>, limit: u32) -> Guarded<C> {
        Guarded(Spin::new(Left::new(Word::BORN, u64::from(limit).min(NO_LIMIT)).0, inbox))
    }

    /// The word, at some moment during the call.
    #[inline]
    pub(crate) fn word(&self) -> Word {
        Left(self.0.payload()).word()
    }

    /// How many commands it holds at most.
    #[inline]
    pub(crate) fn limit(&self) -> usize {
        Left(self.0.payload()).commands_max()
    }

    /// Goes in.
    #[inline]
    pub(crate) fn enter(&self) -> Opened<'_, C> {
        Opened(self.0.enter())
    }

    /// Changes the word in one step; false if it is not as it was `left`, or somebody is in.
    #[inline]
    pub(crate) fn replace(&self, left: Left, to: Word) -> bool {
        self.0.replace(left.0, Left::new(to, left.limit()).0)
    }
}

impl<C> Opened<'_, C> {
    fn found(&self) -> Left {
        Left(self.0.payload())
    }

    /// The word, as it was found.
    #[inline]
    pub(crate) fn word(&self) -> Word {
        self.found().word()
    }

    /// How many commands it holds at most.
    #[inline]
    pub(crate) fn limit(&self) -> usize {
        self.found().commands_max()
    }

    /// Whether it holds fewer, by the word alone; false too where that cannot say so.
    #[inline]
    pub(crate) fn is_below_limit(&self) -> bool {
        u64::from(self.word().depth()) < self.found().limit().min(DEPTH_MAX.into())
    }

    /// What this word will be once it is left so.
    pub(crate) fn left(&self, word: Word) -> Left {
        Left::new(word, self.found().limit())
    }

    /// Leaves, with this word.
    #[inline]
    pub(crate) fn leave(self, word: Word) {
        let left = self.left(word);
        self.0.leave_with(left.0);
    }
}

impl<C> Deref for Opened<'_, C> {
    type Target = Inbox<C>;

    #[inline]
    fn deref(&self) -> &Inbox<C> {
        &self.0
    }
}

impl<C> DerefMut for Opened<'_, C> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Inbox<C> {
        &mut self.0
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
