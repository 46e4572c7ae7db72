//! Counts that cost a load and a store, so that they may stay on.

use crate::sync::shim::{AtomicU32, Ordering};
use std::time::Duration;

/// One count, written by whoever is in the cell's inbox or its turn, read by anyone. Wraps.
pub(crate) struct Tally(AtomicU32);

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally(AtomicU32::new(0))
    }

    /// The one writer adds: a load and a store, no read-modify-write.
    #[inline]
    pub(crate) fn add(&self, count: u32) {
        // Relaxed: nothing is concluded from a count about anything else. A model leaves them out, as they order nothing.
        if cfg!(not(rsm_loom)) {
            self.0.store(self.get().wrapping_add(count), Ordering::Relaxed);
        }
    }

    /// The one writer raises it to at least `value`.
    #[inline]
    pub(crate) fn raise(&self, value: u32) {
        if cfg!(not(rsm_loom)) && self.get() < value {
            self.0.store(value, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The tallies of one cell that are written inside its inbox, but none of them by an ordinary post: what is queued is in the inbox's
/// length. Of `dropped` the owner adds what is left at its death, when nobody posts any more.
#[repr(C)]
pub(crate) struct Tallies {
    /// Commands that were queued and are not any more.
    pub(crate) unqueued: Tally,
    /// The most that were queued whenever some were taken.
    pub(crate) depth_max: Tally,
    pub(crate) refused: Tally,
    pub(crate) dropped: Tally,
}

impl Tallies {
    pub(crate) fn new() -> Tallies {
        Tallies { unqueued: Tally::new(), depth_max: Tally::new(), refused: Tally::new(), dropped: Tally::new() }
    }

    /// So many are taken out of as many as are queued.
    pub(crate) fn unqueue(&self, count: usize, queued: usize) {
        self.unqueued.add(count as u32);
        self.depth_max.raise(queued as u32);
    }

    /// All counts of a cell, of whose commands so many are queued.
    pub(crate) fn read(&self, queued: usize, turns: u32, processed: u32) -> Counters {
        let queued = queued as u32;
        Counters {
            posted: self.unqueued.get().wrapping_add(queued),
            refused: self.refused.get(),
            processed,
            turns,
            dropped: self.dropped.get(),
            depth_max: self.depth_max.get().max(queued),
        }
    }
}

/// What an automaton has seen since it was spawned. Each is read for itself and wraps at 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Commands accepted.
    pub posted: u32,
    /// Commands refused.
    pub refused: u32,
    /// Commands handed to `next`: posted ones, raised ones, those of timers and notices; one that was postponed counts each time.
    /// Counted when the turn ends: who has seen the effect of a command may not find it here yet.
    pub processed: u32,
    /// Turns taken.
    pub turns: u32,
    /// Commands that were accepted or postponed and never (or never again) delivered: left at death, or displaced.
    pub dropped: u32,
    /// The most commands that were ever queued at once.
    pub depth_max: u32,
}

/// How long those waited who woke an automaton: from the post to the beginning of its turn, by the clock of its runner.
///
/// Of the posts that find it idle one in 64 is timed, so that the others read no clock. Until the first of them nothing is held; from
/// then on some 300 bytes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latency {
    /// How many were timed. Wraps at 2^32.
    pub timed: u32,
    /// The longest.
    pub max: Duration,
    /// A mean that forgets: each has an eighth of the weight, and all before it the rest.
    pub mean: Duration,
}

impl Latency {
    /// Whether a post is timed that finds its automaton idle after so many turns: one in 64, also of those who take two turns, or
    /// 64, between two posts. None before the 55th, so that whoever is seldom woken holds nothing for it.
    #[inline]
    pub(crate) const fn is_timed(turns: u32) -> bool {
        // Multiples of the golden ratio fall evenly, whatever the step from one to the next.
        turns.wrapping_mul(0x9E37_79B9) >> 26 == 63
    }

    /// One more has waited so long.
    pub(crate) fn note(&mut self, waited: Duration) {
        self.mean = if self.timed == 0 { waited } else { self.mean - self.mean / 8 + waited / 8 };
        self.max = self.max.max(waited);
        self.timed = self.timed.wrapping_add(1);
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
