//! The inbox and the word of its cell, in one place: whoever is in may change both, and nobody else either.
//!
//! ```text
//!   enter ──> Opened: the inbox, and the word as it was found ──> leave(word)
//!   rest: the word alone, in one step, where nobody has come
//! ```

use super::Inbox;
use crate::fsm::word::Word;
use crate::sync::spin::{Entered, Spin};
use std::ops::{Deref, DerefMut};

/// An inbox behind its word.
#[repr(transparent)]
pub(crate) struct Guarded<C>(Spin<Inbox<C>>);

/// An inbox with somebody in. Dropped, it leaves the word as it was.
pub(crate) struct Opened<'a, C>(Entered<'a, Inbox<C>>);

const fn payload(word: Word) -> u64 {
    (word.0 as u64) << 1
}

const fn word(payload: u64) -> Word {
    Word((payload >> 1) as u32)
}

impl<C> Guarded<C> {
    pub(crate) fn new(inbox: Inbox<C>) -> Guarded<C> {
        Guarded(Spin::new(payload(Word::BORN), inbox))
    }

    /// The word, at some moment during the call.
    #[inline]
    pub(crate) fn word(&self) -> Word {
        word(self.0.payload())
    }

    /// Goes in.
    #[inline]
    pub(crate) fn enter(&self) -> Opened<'_, C> {
        Opened(self.0.enter())
    }

    /// Changes the word in one step; false if it is not `from`, or somebody is in.
    #[inline]
    pub(crate) fn replace(&self, from: Word, to: Word) -> bool {
        self.0.replace(payload(from), payload(to))
    }
}

impl<C> Opened<'_, C> {
    /// The word, as it was found.
    #[inline]
    pub(crate) fn word(&self) -> Word {
        word(self.0.payload())
    }

    /// Leaves, with this word.
    #[inline]
    pub(crate) fn leave(self, word: Word) {
        self.0.leave_with(payload(word));
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
