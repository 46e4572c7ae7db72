//! Both sides' common ground: the channel, the count of its senders, and those who wait for room in it.
//!
//! ```text
//!   full:    sender ──> not_full: oldest <── ... <── newest       each leaves a mark behind BUSY that somebody waits
//!   taken:   all places are free; one is set aside in the same step if the mark is there, others as long as there are some:
//!            each for one waiting sender, oldest first, which is then woken and sends into it
//! ```
//! Newcomers take any place that is not set aside, whoever waits: so a running sender does not stand behind a sleeping one.
//! Yet each batch lets at least the oldest in, so nobody starves.
//!
//! B1 a sender waits only behind a full channel, and its mark is seen by the `take` that ends this. B2 a place set aside is sent
//! into by the sender it was granted to, or given back and granted to the next. B3 the queue's bit may be held while BUSY is
//! entered, never the other way round.

use super::chain::{Channel, Found};
use super::hand::Hand;
use super::word::Refused;
use crate::sync::Closed;
use crate::sync::backoff::Backoff;
use crate::sync::park::{Decision, End, Policy, Queue, Verdict};
use crate::sync::shim::{AtomicU64, AtomicUsize, Ordering::*};

/// All that senders and receiver share.
pub(super) struct Shared<T> {
    pub(super) channel: Channel<T>,
    pub(super) senders: AtomicUsize,
    not_full: Queue,
    /// How many senders are linked in `not_full`. Changes under its bit.
    waiting: AtomicU64,
}

impl<T> Shared<T> {
    pub(super) fn new(limit: u64) -> Shared<T> {
        Shared {
            channel: Channel::new(limit),
            senders: AtomicUsize::new(1),
            not_full: Queue::new(),
            waiting: AtomicU64::new(0),
        }
    }

    /// Takes all into the hand, and lets waiting senders in.
    #[inline]
    pub(super) fn take(&self, hand: &mut Hand<T>) -> Found {
        let (found, set_aside) = self.channel.take(hand);
        if let Some(set_aside) = set_aside {
            self.let_in(set_aside);
        }
        found
    }

    /// Nothing more is taken in.
    pub(super) fn close(&self) {
        self.channel.close();
        self.turn_away();
    }

    /// Nothing more is taken in, and what is there is dropped.
    pub(super) fn close_and_clear(&self) {
        let rest = self.channel.close_and_take();
        self.turn_away();
        // Outside the channel, and last: a message's drop may send to this very channel, or panic.
        drop(rest);
    }

    /// How many senders wait.
    #[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Relaxed)
    }

    /// Those who wait will never get in. Nobody links once the channel is closed.
    fn turn_away(&self) {
        self.not_full.wake_all(
            Verdict::Closed,
            || {},
            |count| {
                self.waiting.fetch_sub(u64::from(count), Relaxed);
            },
        );
    }

    /// Grants places to waiting senders, oldest first: those `set_aside` already, and what others are free.
    fn let_in(&self, mut set_aside: u64) {
        self.not_full.grant(End::Oldest, Verdict::Granted, |next| {
            if next.is_none() {
                // Those who had left a mark have given up meanwhile. Given back under the bit: whoever links after this
                // looks again first, and finds the place free (B1).
                (0..std::mem::take(&mut set_aside)).for_each(|_| self.channel.unreserve());
                return false;
            }
            if set_aside > 0 {
                set_aside -= 1;
            } else if self.channel.reserve().is_err() {
                return false;
            }
            self.waiting.fetch_sub(1, Relaxed);
            true
        });
    }
}

/// One who wants a place, to send into it: what it will send stays with it, so giving up loses nothing.
pub(super) struct Seeking<'a, T>(&'a Shared<T>);

impl<'a, T> Seeking<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>) -> Self {
        Seeking(shared)
    }
}

impl<T> Policy for Seeking<'_, T> {
    /// A place is set aside, which is to be sent into now: [`Channel::push`], reserved.
    type Output = Result<(), Closed>;

    fn word(&self) -> &AtomicU64 {
        &self.0.waiting
    }

    fn queue(&self) -> &Queue {
        &self.0.not_full
    }

    fn attempt(&self) -> Option<Self::Output> {
        match self.0.channel.reserve() {
            Ok(()) => Some(Ok(())),
            Err(Refused::Closed) => Some(Err(Closed)),
            Err(Refused::Full) => None,
        }
    }

    /// None: room comes when the receiver has worked off its batch, and each attempt would be in its way, and in that of the
    /// senders beside us.
    fn patience(&self) -> Backoff {
        Backoff::none()
    }

    fn decide(&self, word: u64) -> Decision {
        if self.0.channel.must_wait() { Decision::Wait(word + 1) } else { Decision::Retry }
    }

    fn quit(&self, word: u64) -> u64 {
        word - 1
    }

    fn finish(&self, verdict: Verdict) -> Self::Output {
        match verdict {
            Verdict::Granted => Ok(()),
            Verdict::Closed => Err(Closed),
            Verdict::Woken => unreachable!("a sender is granted a place or turned away"),
        }
    }

    fn give_back(&self, verdict: Verdict) {
        match verdict {
            Verdict::Granted => {
                self.0.channel.unreserve();
                self.0.let_in(0);
            }
            Verdict::Closed | Verdict::Woken => {}
        }
    }
}
