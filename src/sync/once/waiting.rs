//! Who waits for a value, and what for.
//!
//! ```text
//!   Running    the value, or the run: it makes the value itself         counted as pending    a failed run is handed to it
//!   Watching   the value that others make, through failed runs          counted as watching   at most sent behind the next Running
//! ```

use super::Once;
use super::word::Word;
use crate::sync::park::{Decision, Policy, Queue, Verdict};
use crate::sync::shim::{AtomicU64, Ordering::*};
use std::process::abort;

/// What a node of the queue wants.
pub(super) const TO_RUN: u32 = 1;
pub(super) const TO_WATCH: u32 = 0;

/// One who makes the value if nobody has: what it waits for is the value, or (`None`) to be the one who runs.
pub(super) struct Running<'a, T>(pub(super) &'a Once<T>);

/// One who waits for others to make the value; or (`None`) is told to wait further back.
pub(super) struct Watching<'a, T>(pub(super) &'a Once<T>);

impl<'a, T> Policy for Running<'a, T> {
    type Output = Option<&'a T>;

    fn word(&self) -> &AtomicU64 {
        &self.0.word
    }

    fn queue(&self) -> &Queue {
        &self.0.queue
    }

    fn want(&self) -> u32 {
        TO_RUN
    }

    fn attempt(&self) -> Option<Option<&'a T>> {
        if let Some(value) = self.0.get() {
            return Some(Some(value));
        }
        // ORDERING: Acquire pairs with the Release in `fail`: what a failed run did (model `once_fail_init`).
        self.0.change(Acquire, Word::begin).map(|_| None)
    }

    fn decide(&self, word: u64) -> Decision {
        let word = Word(word);
        match (word.begin(), word.wait()) {
            (Some(next), _) => Decision::Take(next.0),
            (None, Some(next)) => Decision::Wait(next.0),
            (None, None) if word.is_ready() => Decision::Retry,
            (None, None) => abort(), // 2^24 waiters
        }
    }

    fn quit(&self, word: u64) -> u64 {
        Word(word).quit().expect("O4: who is in the ring is counted").0
    }

    fn finish(&self, _: Verdict) -> Option<&'a T> {
        None // it was empty, or the run was handed over
    }

    fn give_back(&self, verdict: Verdict) {
        match verdict {
            Verdict::Granted => self.0.fail(),     // the run was ours
            Verdict::Woken | Verdict::Closed => {} // it has a value: all were told
        }
    }
}

impl<'a, T> Policy for Watching<'a, T> {
    type Output = Option<&'a T>;

    fn word(&self) -> &AtomicU64 {
        &self.0.word
    }

    fn queue(&self) -> &Queue {
        &self.0.queue
    }

    fn want(&self) -> u32 {
        TO_WATCH
    }

    fn attempt(&self) -> Option<Option<&'a T>> {
        self.0.get().map(Some)
    }

    fn decide(&self, word: u64) -> Decision {
        let word = Word(word);
        match word.watch() {
            Some(next) => Decision::Wait(next.0),
            None if word.is_ready() => Decision::Retry,
            None => abort(), // 2^24 waiters
        }
    }

    fn quit(&self, word: u64) -> u64 {
        Word(word).unwatch().expect("who is in the ring is counted").0
    }

    fn finish(&self, _: Verdict) -> Option<&'a T> {
        None // one who would try is let before it
    }

    fn give_back(&self, _: Verdict) {}
}
