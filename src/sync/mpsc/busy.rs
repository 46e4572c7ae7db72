//! What is reached behind the channel's word alone.
//!
//! ```text
//!   enter ──> Entered { word } ── inner: chain, spares, sleeper ── leave(word)           one exchange, one store (Spin)
//! ```
//! What stands between the two is a few instructions (M4, M5 in [`chain`](super::chain)).

use super::chain::Channel;
use super::chunk::{Chain, Loose, Spares};
use super::word::{LIMIT_MAX, Places, Refused, Word};
use crate::sync::park::Sleeper;
use crate::sync::spin;

/// Bytes of messages that are copied into another chunk rather than linked with their own.
const COPIED_MAX: usize = 1024;

/// On a line of its own (two, as they are fetched in pairs), so that neighbours do not pull at it.
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// What lies behind the word.
pub(super) struct Inner<T> {
    pub(super) chain: Chain<T>,
    pub(super) spares: Spares<T>,
    pub(super) sleeper: Option<Sleeper>,
    pub(super) places: Places,
}

/// We are in, and must leave soon. Dropped, it leaves the word as it was.
pub(super) struct Entered<'a, T> {
    inside: spin::Entered<'a, Padded<Inner<T>>>,
    limit: u64,
    pub(super) word: Word,
}

impl<T> Entered<'_, T> {
    /// What lies behind the word.
    #[inline]
    pub(super) fn inner(&mut self) -> &mut Inner<T> {
        &mut self.inside.0
    }

    /// Takes the sleeper out, to be woken after leaving, if NAP says that there is one. NAP must fall with it.
    #[inline]
    pub(super) fn sleeper(&mut self) -> Option<Sleeper> {
        if !self.word.is_napping() {
            return None;
        }
        self.inner().sleeper.take()
    }

    /// Counts messages that were just put in, leaves, and wakes the receiver if it sleeps.
    #[inline]
    pub(super) fn leave_with(mut self, count: u64, reserved: bool) {
        if reserved {
            let places = &mut self.inner().places;
            *places = places.given();
        }
        let word = self.word.push(count);
        if word.is_napping() {
            let sleeper = self.inner().sleeper.take();
            self.leave(word.awake());
            wake(sleeper);
        } else {
            self.leave(word);
        }
    }

    /// Leaves, and says what the word is from now on.
    #[inline]
    pub(super) fn leave(self, word: Word) {
        self.inside.leave_with(word.0);
    }
}

/// Out of line, and without the visit: whatever takes that by address has it written to the stack at each send, and the next exchange
/// waits for these stores.
#[cold]
fn wake(sleeper: Option<Sleeper>) {
    sleeper.into_iter().for_each(Sleeper::wake);
}

impl<T> Channel<T> {
    /// Goes in.
    #[inline]
    pub(super) fn enter(&self) -> Entered<'_, T> {
        let inside = self.inner.enter();
        let word = Word(inside.payload());
        Entered { inside, limit: self.limit, word }
    }
}

impl<T> Entered<'_, T> {
    /// Why so many messages may not go in. A granted place is taken whatever the length.
    #[inline]
    pub(super) fn refuses(&mut self, count: u64, reserved: bool) -> Option<Refused> {
        if self.word.is_closed() {
            return Some(Refused::Closed);
        }
        let (limit, len) = (self.limit, self.word.len());
        // Only a bounded channel has places set aside; an unbounded one does not look.
        if reserved || limit == LIMIT_MAX || self.inner().places.have_room(count, len, limit) {
            return None;
        }
        Some(Refused::Full)
    }
}

impl<T> Inner<T> {
    /// Copies a few messages into the newest chunk and gives the emptied one back, or links theirs.
    pub(super) fn push_all(&mut self, mut chunk: Loose<T>) -> Option<Loose<T>> {
        let few = chunk.len() * size_of::<T>() <= COPIED_MAX;
        if few && self.chain.append(&mut chunk) {
            return Some(chunk);
        }
        self.chain.link(chunk);
        None
    }
}
