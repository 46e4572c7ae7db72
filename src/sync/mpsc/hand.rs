//! What the receiver has taken and not yet read.
//!
//! ```text
//!   Hand    chunk ──> chunk                                   the receiver reads alone, outside BUSY
//!             ^ at .. end        spares: up to 2 drained chunks, given back with the next batch
//! ```
//! C3 what lies in the hand's chunk from `at` to `end` is there, while the chunk itself says that it is empty.

use super::chunk::{Chain, Loose, SPARES_MAX, Spares};
use std::ptr::NonNull;

/// Messages of the receiver's own.
pub(super) struct Hand<T> {
    /// What is left of `chunk` (C3).
    places: NonNull<T>,
    at: usize,
    end: usize,
    /// Messages in `chain`.
    rest: usize,
    chunk: Option<Loose<T>>,
    chain: Chain<T>,
    spares: Spares<T>,
    spares_max: usize,
}

// SAFETY: whoever has it has the messages in it to himself (C1), so they may go where messages may go.
unsafe impl<T: Send> Send for Hand<T> {}
// SAFETY: by itself: by a shared reference no message can be reached.
unsafe impl<T: Send> Sync for Hand<T> {}

impl<T> Hand<T> {
    /// An empty hand.
    pub(super) const fn new() -> Hand<T> {
        Hand {
            places: NonNull::dangling(),
            at: 0,
            end: 0,
            rest: 0,
            chunk: None,
            chain: Chain::new(),
            spares: Spares::new(),
            spares_max: SPARES_MAX,
        }
    }

    /// Messages not yet read.
    pub(super) fn len(&self) -> usize {
        self.rest + (self.end - self.at)
    }

    /// Takes over a chain of that many messages. The hand must be empty. `spares` are in the channel already.
    pub(super) fn fill(&mut self, chain: Chain<T>, len: usize, spares: usize) {
        debug_assert!(self.len() == 0, "a batch is taken when the one before is read");
        self.chain = chain;
        self.rest = len;
        self.spares_max = SPARES_MAX - spares;
    }

    /// Chunks that it holds on to.
    #[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
    pub(super) fn chunks(&self) -> usize {
        self.spares.len() + usize::from(self.chunk.is_some())
    }

    /// The spares, to be given back.
    pub(super) fn spares(&mut self) -> &mut Spares<T> {
        &mut self.spares
    }

    /// The oldest message.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.at == self.end && !self.turn() {
            return None;
        }
        // SAFETY: C3, `at` lies before `end`, hence within the chunk.
        let place = unsafe { self.places.add(self.at) };
        self.at += 1;
        // SAFETY: C3, the message is there; `at` has passed it, so it is read once.
        Some(unsafe { place.read() })
    }

    /// Puts a drained chunk by as a spare, or frees it.
    pub(super) fn retire(&mut self) {
        if self.at == self.end
            && let Some(drained) = self.chunk.take()
        {
            self.spares.keep(drained, self.spares_max);
        }
    }

    /// Goes on to the next chunk; false if there is none.
    #[cold]
    fn turn(&mut self) -> bool {
        self.retire();
        let Some(mut next) = self.chain.unlink() else { return false };
        (self.places, self.at, self.end) = (next.places(), 0, next.take_len());
        self.rest -= self.end;
        self.chunk = Some(next);
        debug_assert!(self.at < self.end, "C2: a chunk in a chain is never empty");
        true
    }

    /// Drops what is left, whatever a message's drop does.
    pub(super) fn clear(&mut self) {
        struct Rest<'a, T>(&'a mut Hand<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                // Reached with messages left only if the drop of one has panicked.
                while let Some(message) = self.0.pop() {
                    drop(message);
                }
            }
        }
        let rest = Rest(self);
        while let Some(message) = rest.0.pop() {
            drop(message);
        }
    }
}

impl<T> Drop for Hand<T> {
    fn drop(&mut self) {
        self.clear();
    }
}
