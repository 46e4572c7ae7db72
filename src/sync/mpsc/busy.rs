//! The lowest bit of a channel's word, and what is reached behind it alone.
//!
//! ```text
//!   enter: compare-and-swap, Acquire ──> Entered { word } ── inner: chain, spares, sleeper ── leave(word): store, Release
//! ```
//! What stands between the two is a few instructions (M4, M5 in [`chain`](super::chain)).

use super::chain::Channel;
use super::chunk::{Chain, Loose, Spares};
use super::word::{LIMIT_MAX, Places, Refused, Word};
use crate::sync::backoff::Backoff;
use crate::sync::park::Sleeper;
use crate::sync::shim::Ordering::*;

/// Bytes of messages that are copied into another chunk rather than linked with their own.
const COPIED_MAX: usize = 1024;

/// On a line of its own (two, as they are fetched in pairs), so that neighbours do not pull at it.
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// What BUSY guards.
pub(super) struct Inner<T> {
    pub(super) chain: Chain<T>,
    pub(super) spares: Spares<T>,
    pub(super) sleeper: Option<Sleeper>,
    pub(super) places: Places,
}

/// BUSY is ours. Must be left by [`leave`](Entered::leave), and soon: whoever panics in between stops the channel for ever.
pub(super) struct Entered<'a, T> {
    channel: &'a Channel<T>,
    pub(super) word: Word,
}

impl<T> Entered<'_, T> {
    /// Visits what BUSY guards.
    #[inline]
    pub(super) fn inner<R>(&mut self, visit: impl FnOnce(&mut Inner<T>) -> R) -> R {
        // SAFETY: M5, BUSY is ours, so nobody else is in `inner`; `&mut self` turns our own second visit away.
        self.channel.inner.0.with_mut(|inner| visit(unsafe { &mut *inner }))
    }

    /// Takes the sleeper out, to be woken after leaving, if NAP says that there is one. NAP must fall with it.
    #[inline]
    pub(super) fn sleeper(&mut self) -> Option<Sleeper> {
        if !self.word.is_napping() {
            return None;
        }
        self.inner(|inner| inner.sleeper.take())
    }

    /// Counts messages that were just put in, frees BUSY, and wakes the receiver if it sleeps.
    #[inline]
    pub(super) fn leave_with(mut self, count: u64, reserved: bool) {
        if reserved {
            self.inner(|inner| inner.places = inner.places.given());
        }
        let word = self.word.push(count);
        if word.is_napping() { self.leave_waking(word.awake()) } else { self.leave(word) }
    }

    #[cold]
    fn leave_waking(mut self, word: Word) {
        let sleeper = self.sleeper();
        self.leave(word);
        sleeper.into_iter().for_each(Sleeper::wake);
    }

    /// Frees BUSY and changes nothing.
    pub(super) fn leave_as_it_was(self) {
        let word = self.word.leave();
        self.leave(word);
    }

    /// Frees BUSY and says what the word is from now on.
    #[inline]
    pub(super) fn leave(self, word: Word) {
        // ORDERING: Release gives what we did to the next Acquire of BUSY (model `send_send_take`). A store will do: M5.
        self.channel.word.0.store(word.0, Release);
    }
}

impl<T> Channel<T> {
    /// Takes BUSY.
    #[inline]
    pub(super) fn enter(&self) -> Entered<'_, T> {
        let word = self.look();
        if let Some(busy) = word.enter()
            // ORDERING: Acquire takes what the last holder of BUSY did (model `send_send_take`).
            && self.word.0.compare_exchange_weak(word.0, busy.0, Acquire, Relaxed).is_ok()
        {
            return Entered { channel: self, word };
        }
        self.enter_slowly()
    }

    #[cold]
    fn enter_slowly(&self) -> Entered<'_, T> {
        let mut backoff = Backoff::with(6, 10);
        loop {
            let word = self.look();
            if let Some(busy) = word.enter()
                // ORDERING: Acquire as in `enter` (model `send_send_take`).
                && self.word.0.compare_exchange_weak(word.0, busy.0, Acquire, Relaxed).is_ok()
            {
                return Entered { channel: self, word };
            }
            backoff.nap();
        }
    }
}

impl<T> Entered<'_, T> {
    /// Why so many messages may not go in. A granted place is taken whatever the length.
    #[inline]
    pub(super) fn refuses(&mut self, count: u64, reserved: bool) -> Option<Refused> {
        if self.word.is_closed() {
            return Some(Refused::Closed);
        }
        let (limit, len) = (self.channel.limit, self.word.len());
        // Only a bounded channel has places set aside; an unbounded one does not look.
        if reserved || limit == LIMIT_MAX || self.inner(|inner| inner.places.have_room(count, len, limit)) {
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
