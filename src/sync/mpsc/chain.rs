//! What senders and receiver share, and what one thread at a time may do behind the channel's [word](super::word).
//!
//! ```text
//!   word    | length | CLOSED | NAP | BUSY |
//!   inner   chain, spares, sleeper, places           reached by who has BUSY alone
//! ```
//! BUSY is the bit of a [`Spin`]: taken by a compare-and-swap, freed by a plain store of the whole word, since while it is set
//! nobody else may change any bit. So a send is one read-modify-write. Between the two stand a few instructions: no allocator, no
//! code of the user's.
//!
//! M1 length = messages in the chain whenever BUSY is clear. M2 NAP => the chain is empty and a sleeper is registered.
//! M3 first in, first out per sender; BUSY orders all. M4 no message is dropped, nothing allocated, nobody woken under BUSY.
//! M5 under BUSY no bit changes but by its holder. M6 length + reserved <= limit, where there is one.

use super::busy::{Entered, Inner, Padded};
use super::chunk::{Chain, Loose, SPARES_MAX, Spares, room};
use super::hand::Hand;
use super::word::{Places, Refused, Word};
use crate::sync::park::Sleeper;
use crate::sync::spin::Spin;

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
    /// On lines of their own, word and inner: so who looks at the word is not in the way of who is in.
    pub(super) inner: Spin<Padded<Inner<T>>>,
    pub(super) limit: u64,
}

impl<T> Channel<T> {
    /// An empty channel for so many messages.
    pub(super) fn new(limit: u64) -> Channel<T> {
        let inner = Inner { chain: Chain::new(), spares: Spares::new(), sleeper: None, places: Places::NEW };
        Channel { inner: Spin::new(Word::NEW.0, Padded(inner)), limit }
    }

    /// How many messages may lie here.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// The word, at some moment during the call.
    #[inline]
    pub(super) fn look(&self) -> Word {
        Word(self.inner.payload())
    }

    /// Messages that lie here, at some moment during the call.
    pub(super) fn len(&self) -> u64 {
        self.look().len()
    }

    /// Whether nothing more will be taken in.
    pub(super) fn is_closed(&self) -> bool {
        self.look().is_closed()
    }

    /// Whether the receiver is still registered to be woken.
    pub(super) fn is_napping(&self) -> bool {
        self.look().is_napping()
    }

    /// Puts one message in. `reserved`: into a place that was granted.
    #[inline]
    pub(super) fn push(&self, message: T, reserved: bool) -> Result<(), (Refused, T)> {
        let mut entered = self.enter();
        if let Some(why) = entered.refuses(1, reserved) {
            drop(entered);
            return Err((why, message));
        }
        match entered.inner().chain.push(message) {
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
        let spare = entered.inner().spares.pop();
        let mut chunk = match spare {
            Some(spare) => spare,
            None => {
                // The allocator is not called under BUSY.
                drop(entered);
                let fresh = Loose::new(room::<T>());
                entered = self.enter();
                if let Some(why) = entered.refuses(1, reserved) {
                    drop(entered);
                    return Err((why, message));
                }
                // Another sender may have linked one meanwhile.
                match entered.inner().chain.push(message) {
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
        entered.inner().chain.link(chunk);
        entered.leave_with(1, reserved);
        Ok(())
    }

    /// Puts a chunk of many in at once, all or none: if none, they come back. Its memory comes back if it is not needed.
    pub(super) fn push_all(&self, chunk: Loose<T>) -> Result<Option<Loose<T>>, (Refused, Loose<T>)> {
        let len = chunk.len() as u64;
        let mut entered = self.enter();
        if let Some(why) = entered.refuses(len, false) {
            drop(entered);
            return Err((why, chunk));
        }
        let emptied = entered.inner().push_all(chunk);
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
        let word = entered.word;
        let Some(taken) = word.take() else {
            drop(entered);
            return (if word.is_closed() { Found::End } else { Found::Nothing }, None);
        };
        let inner = entered.inner();
        inner.spares.refill(hand.spares());
        let chain = std::mem::replace(&mut inner.chain, Chain::new());
        let (places, set_aside) = inner.places.take(self.limit);
        inner.places = places;
        let spares = inner.spares.len();
        entered.leave(taken);
        hand.fill(chain, word.len() as usize, spares);
        (Found::Some, set_aside)
    }

    /// Registers the receiver to be woken by the next message or the end; false if there is something to see already.
    pub(super) fn nap(&self, sleeper: Sleeper, hand: &mut Hand<T>) -> bool {
        let mut entered = self.enter();
        let Some(napping) = entered.word.nap() else {
            drop(entered);
            return false;
        };
        let inner = entered.inner();
        inner.spares.refill(hand.spares());
        let old = inner.sleeper.replace(sleeper);
        entered.leave(napping);
        drop(old);
        true
    }

    /// Takes the receiver's sleeper back; false if a sender has taken it: then there is something to see.
    pub(super) fn wake_up(&self) -> bool {
        let mut entered = self.enter();
        let word = entered.word.awake();
        let sleeper = entered.sleeper();
        entered.leave(word);
        sleeper.is_some()
    }

    /// Takes nothing more in. What lies here may still be taken.
    pub(super) fn close(&self) {
        let mut entered = self.enter();
        let word = entered.word.close();
        let sleeper = entered.sleeper();
        entered.leave(word);
        wake(sleeper);
    }

    /// Takes nothing more in, and gives what lies here: to be dropped outside.
    pub(super) fn close_and_take(&self) -> Hand<T> {
        let mut entered = self.enter();
        let sleeper = entered.sleeper();
        let chain = std::mem::replace(&mut entered.inner().chain, Chain::new());
        let len = entered.word.len() as usize;
        entered.leave(Word::close_and_take());
        drop(sleeper);
        let mut hand = Hand::new();
        hand.fill(chain, len, SPARES_MAX);
        hand
    }

    /// Whether one who wants to send must wait. If so, it leaves a mark, which the next `take` will see.
    pub(super) fn must_wait(&self) -> bool {
        let mut entered = self.enter();
        let full = matches!(entered.refuses(1, false), Some(Refused::Full));
        if full {
            let places = &mut entered.inner().places;
            *places = places.mark();
        }
        drop(entered);
        full
    }

    /// Sets a place aside for one who is to send into it. If there is none, leaves a mark.
    pub(super) fn reserve(&self) -> Result<(), Refused> {
        let mut entered = self.enter();
        let refused = entered.refuses(1, false);
        let places = &mut entered.inner().places;
        match refused {
            None => *places = places.set_aside(),
            Some(Refused::Full) => *places = places.mark(),
            Some(Refused::Closed) => {}
        }
        drop(entered);
        refused.map_or(Ok(()), Err)
    }

    /// Gives a place that was set aside back.
    pub(super) fn unreserve(&self) {
        let mut entered = self.enter();
        let places = &mut entered.inner().places;
        *places = places.given();
        drop(entered);
    }

    /// Spares kept here.
    #[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
    pub(super) fn spares(&self) -> usize {
        let mut entered = self.enter();
        let spares = entered.inner().spares.len();
        drop(entered);
        spares
    }
}

fn wake(sleeper: Option<Sleeper>) {
    if let Some(sleeper) = sleeper {
        sleeper.wake();
    }
}
