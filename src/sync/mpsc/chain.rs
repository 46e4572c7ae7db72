//! The word of a channel, and what one thread at a time may do behind its lowest bit.
//!
//! ```text
//!   63                                3    2       1      0
//!  +-----------------------------------+--------+------+------+
//!  |  length (61 bits)                 | CLOSED | NAP  | BUSY |     NAP: the receiver sleeps, or is about to
//!  +-----------------------------------+--------+------+------+
//! ```
//! BUSY is a lock of one bit: taken by a compare-and-swap, freed by a plain store of the whole word, since while it is set nobody
//! else may change any bit. So a send is one read-modify-write. Between the two stand a few instructions: no allocator, no code
//! of the user's.
//!
//! M1 length = messages in the chain whenever BUSY is clear. M2 NAP => the chain is empty and a sleeper is registered.
//! M3 first in, first out per sender; BUSY orders all. M4 no message is dropped, nothing allocated, nobody woken under BUSY.
//! M5 under BUSY no bit changes but by its holder. M6 length + reserved <= limit, where there is one.

use super::busy::{CLOSED, Entered, Inner, NAP, ONE, Padded, Refused};
use super::chunk::{Chain, Loose, SPARES_MAX, Spares, room};
use super::hand::Hand;
use crate::sync::park::Sleeper;
use crate::sync::shim::{AtomicU64, Ordering::*, UnsafeCell};

/// What the receiver found.
pub(super) enum Found {
    /// The hand holds messages.
    Some,
    /// None yet.
    Nothing,
    /// None, and none will come.
    End,
}

/// What senders and receiver share.
pub(super) struct Channel<T> {
    pub(super) word: Padded<AtomicU64>,
    pub(super) inner: Padded<UnsafeCell<Inner<T>>>,
    pub(super) limit: u64,
}

// SAFETY: messages go from the senders' threads to the receiver's, which `T: Send` permits; `inner` is reached under BUSY alone.
unsafe impl<T: Send> Sync for Channel<T> {}

impl<T> Channel<T> {
    /// An empty channel for so many messages.
    pub(super) fn new(limit: u64) -> Channel<T> {
        let inner = Inner { chain: Chain::new(), spares: Spares::new(), sleeper: None, reserved: 0, awaited: false };
        Channel { word: Padded(AtomicU64::new(0)), inner: Padded(UnsafeCell::new(inner)), limit }
    }

    /// How many messages may lie here.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Messages that lie here, at some moment during the call.
    pub(super) fn len(&self) -> u64 {
        self.word.0.load(Relaxed) / ONE
    }

    /// Whether nothing more will be taken in.
    pub(super) fn is_closed(&self) -> bool {
        self.word.0.load(Relaxed) & CLOSED != 0
    }

    /// Whether the receiver is still registered to be woken.
    pub(super) fn is_napping(&self) -> bool {
        self.word.0.load(Relaxed) & NAP != 0
    }

    /// Puts one message in. `reserved`: into a place that was granted.
    #[inline]
    pub(super) fn push(&self, message: T, reserved: bool) -> Result<(), (Refused, T)> {
        let mut entered = self.enter();
        if let Some(why) = entered.refuses(1, reserved) {
            let word = entered.word;
            entered.leave(word);
            return Err((why, message));
        }
        match entered.inner(|inner| inner.chain.push(message)) {
            Ok(()) => {
                entered.leave_with(1, reserved);
                Ok(())
            }
            Err(message) => self.push_chunk(entered, message, reserved),
        }
    }

    /// Puts one message in that found no room in the newest chunk.
    #[cold]
    fn push_chunk<'a>(
        &'a self,
        mut entered: Entered<'a, T>,
        mut message: T,
        reserved: bool,
    ) -> Result<(), (Refused, T)> {
        let spare = entered.inner(|inner| inner.spares.pop());
        let mut chunk = match spare {
            Some(spare) => spare,
            None => {
                // The allocator is not called under BUSY.
                let word = entered.word;
                entered.leave(word);
                let fresh = Loose::new(room::<T>());
                entered = self.enter();
                if let Some(why) = entered.refuses(1, reserved) {
                    let word = entered.word;
                    entered.leave(word);
                    return Err((why, message));
                }
                // Another sender may have linked one meanwhile.
                match entered.inner(|inner| inner.chain.push(message)) {
                    Ok(()) => {
                        entered.leave_with(1, reserved);
                        return Ok(());
                    }
                    Err(back) => message = back,
                }
                fresh
            }
        };
        chunk.push(message);
        entered.inner(|inner| inner.chain.link(chunk));
        entered.leave_with(1, reserved);
        Ok(())
    }

    /// Puts a chunk of many in at once, all or none: if none, they come back. Its memory comes back if it is not needed.
    pub(super) fn push_all(&self, chunk: Loose<T>) -> Result<Option<Loose<T>>, (Refused, Loose<T>)> {
        let len = chunk.len() as u64;
        let mut entered = self.enter();
        if let Some(why) = entered.refuses(len, false) {
            let word = entered.word;
            entered.leave(word);
            return Err((why, chunk));
        }
        let emptied = entered.inner(|inner| inner.push_all(chunk));
        entered.leave_with(len, false);
        Ok(emptied)
    }

    /// Takes all that lies here into the hand, unless something is left in it. If senders wait for room: how many places
    /// were set aside for them in the same step, one or none.
    pub(super) fn take(&self, hand: &mut Hand<T>) -> (Found, Option<u64>) {
        if hand.len() > 0 {
            return (Found::Some, None);
        }
        hand.retire();
        if self.len() == 0 && !self.is_closed() {
            return (Found::Nothing, None);
        }
        let mut entered = self.enter();
        let (len, word) = (entered.len(), entered.word);
        if len == 0 {
            let found = if entered.is_closed() { Found::End } else { Found::Nothing };
            entered.leave(word);
            return (found, None);
        }
        let limit = self.limit;
        let (chain, spares, set_aside) = entered.inner(|inner| {
            inner.spares.refill(hand.spares());
            let chain = std::mem::replace(&mut inner.chain, Chain::new());
            (chain, inner.spares.len(), inner.set_aside(limit))
        });
        // NAP is not set: it would mean that the chain is empty (M2).
        entered.leave(word & CLOSED);
        hand.fill(chain, len as usize, spares);
        (Found::Some, set_aside)
    }

    /// Registers the receiver to be woken by the next message or the end; false if there is something to see already.
    pub(super) fn nap(&self, sleeper: Sleeper, hand: &mut Hand<T>) -> bool {
        let mut entered = self.enter();
        let word = entered.word;
        if entered.len() > 0 || entered.is_closed() {
            entered.leave(word);
            return false;
        }
        let old = entered.inner(|inner| {
            inner.spares.refill(hand.spares());
            inner.sleeper.replace(sleeper)
        });
        entered.leave(word | NAP);
        drop(old);
        true
    }

    /// Takes the receiver's sleeper back; false if a sender has taken it: then there is something to see.
    pub(super) fn wake_up(&self) -> bool {
        let mut entered = self.enter();
        let word = entered.word;
        let sleeper = entered.sleeper();
        entered.leave(word & !NAP);
        sleeper.is_some()
    }

    /// Takes nothing more in. What lies here may still be taken.
    pub(super) fn close(&self) {
        let mut entered = self.enter();
        let word = entered.word;
        let sleeper = entered.sleeper();
        entered.leave((word | CLOSED) & !NAP);
        wake(sleeper);
    }

    /// Takes nothing more in, and gives what lies here: to be dropped outside.
    pub(super) fn close_and_take(&self) -> Hand<T> {
        let mut entered = self.enter();
        let sleeper = entered.sleeper();
        let chain = entered.inner(|inner| std::mem::replace(&mut inner.chain, Chain::new()));
        let len = entered.len() as usize;
        entered.leave(CLOSED);
        drop(sleeper);
        let mut hand = Hand::new();
        hand.fill(chain, len, SPARES_MAX);
        hand
    }

    /// Whether one who wants to send must wait. If so, it leaves a mark, which the next `take` will see.
    pub(super) fn must_wait(&self) -> bool {
        let mut entered = self.enter();
        let word = entered.word;
        let full = matches!(entered.refuses(1, false), Some(Refused::Full));
        if full {
            entered.inner(|inner| inner.awaited = true);
        }
        entered.leave(word);
        full
    }

    /// Sets a place aside for one who is to send into it. If there is none, leaves a mark.
    pub(super) fn reserve(&self) -> Result<(), Refused> {
        let mut entered = self.enter();
        let word = entered.word;
        let refused = entered.refuses(1, false);
        entered.inner(|inner| match refused {
            None => inner.reserved += 1,
            Some(Refused::Full) => inner.awaited = true,
            Some(Refused::Closed) => {}
        });
        entered.leave(word);
        refused.map_or(Ok(()), Err)
    }

    /// Gives a place that was set aside back.
    pub(super) fn unreserve(&self) {
        let mut entered = self.enter();
        let word = entered.word;
        entered.inner(|inner| inner.reserved -= 1);
        entered.leave(word);
    }

    /// Spares kept here.
    #[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
    pub(super) fn spares(&self) -> usize {
        let mut entered = self.enter();
        let word = entered.word;
        let spares = entered.inner(|inner| inner.spares.len());
        entered.leave(word);
        spares
    }
}

fn wake(sleeper: Option<Sleeper>) {
    if let Some(sleeper) = sleeper {
        sleeper.wake();
    }
}
