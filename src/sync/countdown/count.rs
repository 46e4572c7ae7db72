//! What a [`Countdown`](super::Countdown) and a [`Latch`](super::super::latch::Latch) share: the word, and those who wait for its end.
//!
//! ```text
//!   decrement ── above zero: one exchange                     wait ── counted in the word, linked ── sleeps
//!             ── to zero: RUNNING or DONE, by one exchange                    ^
//!                      the closure, then `end` ── wakes all ──────────────────+
//! ```
//! The last who counts down makes the end known and wakes everyone: one exchange, and the queue only if somebody waited.

use super::super::park::{Decision, Policy, Queue, Verdict, wait};
use super::super::probe::{self, Mutant};
use super::super::shim::{AtomicU64, Deadline, Ordering, Ordering::*, const_fn};
use super::Failed;
use super::word::{State, Word};

/// A count, and those who wait until it has come to its end.
pub(crate) struct Count {
    word: AtomicU64,
    queue: Queue,
}

impl Count {
    const_fn! {
        /// Begins at this word.
        pub(crate) const fn new(word: Word) -> Count {
            Count { word: AtomicU64::new(word.0), queue: Queue::new() }
        }
    }

    /// The word, at some moment during the call.
    #[inline]
    pub(crate) fn look(&self) -> Word {
        // ORDERING: Acquire pairs with the Release of who ended it, and of each step: who sees the end, or what a step has left, sees
        // what was done before (models `countdown_has_run`, `countdown_payload_seen`).
        Word(self.word.load(Acquire))
    }

    /// Counts down, and the payload becomes `change` of it; at zero it becomes `last`, by the call that returns the word.
    pub(crate) fn decrement(&self, count: u32, change: impl Fn(u32) -> u32, last: State) -> Option<Word> {
        if probe::has(Mutant::CountdownTwoSteps) {
            return self.decrement_in_two_steps(count, change);
        }
        let mut reached = None;
        // ORDERING: Release for what this caller did; Acquire since the last one speaks for all of them, and the closure may read
        // what they wrote (model `countdown_dec_dec_wait`).
        self.change(AcqRel, |word| {
            let next = word.decrement(count, change(word.payload()), last)?;
            reached = (next.state() == last).then_some(next);
            Some(next)
        })
        .expect("C3: a countdown does not go below zero");
        if last == State::Done && reached.is_some_and(Word::is_waited) {
            self.wake(Verdict::Granted);
        }
        reached
    }

    /// The fault of [`Mutant::CountdownTwoSteps`].
    fn decrement_in_two_steps(&self, count: u32, change: impl Fn(u32) -> u32) -> Option<Word> {
        // ORDERING: as in `decrement`, in a fault that a model switches on: another may reach zero between the two.
        self.change(AcqRel, |word| word.decrement(count, change(word.payload()), State::Open));
        (self.look().count() == 0).then(|| Word(self.word.fetch_or(1 << 29, AcqRel)))
    }

    /// Counts up. False if it counts no more.
    pub(crate) fn increment(&self, count: u32) -> bool {
        // Relaxed: who counts up does so for work to come, and orders it when counting down.
        let counted = self.change(Relaxed, |word| word.increment(count));
        let is_open = counted.is_some() || self.look().state() == State::Open;
        assert!(counted.is_some() || !is_open, "a countdown counts to 2^21 - 1 at most");
        is_open
    }

    /// The closure has ended, in one way or the other.
    pub(crate) fn end(&self, how: State) {
        // ORDERING: Release pairs with the Acquire in `look`: what the closure did (model `countdown_has_run`).
        let before = self.change(Release, |word| word.end(how));
        // A second panic while the first unwinds would abort.
        assert!(before.is_some() || std::thread::panicking(), "C2: one runs, and ends once");
        if before.is_some_and(Word::is_waited) {
            self.wake(if how == State::Done { Verdict::Granted } else { Verdict::Closed });
        }
    }

    /// Waits for the end; `None` if the deadline has passed.
    pub(crate) fn wait(&self, deadline: Deadline) -> Option<Result<(), Failed>> {
        wait(&self, deadline)
    }

    /// The end, if it has come.
    pub(crate) fn outcome(&self) -> Option<Result<(), Failed>> {
        match self.look().state() {
            State::Open | State::Running => None,
            State::Done => Some(Ok(())),
            State::Failed => Some(Err(Failed)),
        }
    }

    /// Nobody links any more, so these are the last.
    fn wake(&self, verdict: Verdict) {
        self.queue.wake_all(verdict, || (), |_| ());
    }

    /// Applies a transition. The word before; `None` if the transition does not fit.
    #[cfg_attr(rsm_loom, track_caller)]
    fn change(&self, success: Ordering, mut transition: impl FnMut(Word) -> Option<Word>) -> Option<Word> {
        self.word.fetch_update(success, Relaxed, |now| transition(Word(now)).map(|next| next.0)).ok().map(Word)
    }
}

impl Policy for &Count {
    type Output = Result<(), Failed>;

    fn word(&self) -> &AtomicU64 {
        &self.word
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn attempt(&self) -> Option<Result<(), Failed>> {
        self.outcome()
    }

    fn decide(&self, word: u64) -> Decision {
        match Word(word).wait() {
            Some(next) => Decision::Wait(next.0),
            None => Decision::Retry,
        }
    }

    fn quit(&self, word: u64) -> u64 {
        word // WAITED stays: others may wait, and a wake for nobody costs little
    }

    fn finish(&self, verdict: Verdict) -> Result<(), Failed> {
        match verdict {
            Verdict::Granted => Ok(()),
            Verdict::Closed => Err(Failed),
            Verdict::Woken => unreachable!("a countdown is done or has failed"),
        }
    }

    fn give_back(&self, _: Verdict) {} // everyone was told alike
}
