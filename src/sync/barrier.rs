//! A barrier: so many threads meet, and none goes on before all have come. Then again, and again.
//!
//! ```text
//!   round 1                          round 2
//!   A ──────> |                      A ──> |
//!   B ──> |   | wait ... all go on   B ────|───> | ...
//!   C ────────|──> last              C ──────────|──> last
//! ```
//! Reach for it for work that goes in steps, where each step needs what all did in the one before. One meeting is a
//! [`Latch`](super::latch::Latch); one side that waits for the other, a pair of [`Event`](super::event::Event)s.
//!
//! ```
//! use rsm::sync::barrier::Barrier;
//! use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
//! use std::thread;
//!
//! // Eight threads smooth a ring of values: each step reads what the neighbours wrote in the one before.
//! static STEP: Barrier = Barrier::new(8);
//! let values: [[AtomicU64; 8]; 2] = Default::default();
//! values[0][0].store(1 << 20, Relaxed);
//! thread::scope(|scope| {
//!     for at in 0..8 {
//!         let values = &values;
//!         scope.spawn(move || {
//!             for step in 0..16 {
//!                 let old = |at: usize| values[step % 2][at % 8].load(Relaxed);
//!                 let new = (old(at + 7) + 2 * old(at) + old(at + 1)) / 4;
//!                 values[(step + 1) % 2][at].store(new, Relaxed);
//!                 STEP.wait(); // all have written, and nobody still reads the old ones
//!             }
//!         });
//!     }
//! });
//! assert!(values[0].iter().all(|value| value.load(Relaxed) > 100_000));
//! ```
//! **Not on one gate.** A barrier made of one [`Gate`](super::gate::Gate) that the last one opens, and the last to leave shuts, is
//! wrong: a fast thread that comes round again finds it still open, and passes in a slow one's place. Two gates by turns serve as
//! many threads as the barrier's size and no more. Here the word counts rounds, and who waits goes on when its round is over: so
//! the threads may be more than meet in one round, and may give up.
//!
//! B1 fewer than `size` have come in the round that is under way. B2 who waits goes on when the round that it came in is over, and
//! not before; one who gives up is counted in no round that ends. B3 who goes on sees what all wrote before they came.

pub(crate) mod word;

use super::TimedOut;
use super::park::{Decision, Policy, Queue, Verdict, Wait, wait};
use super::probe::{self, Mutant};
use super::shim::{AtomicU64, Deadline, Ordering::*, const_fn};
use std::fmt;
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};
use word::{SIZE_MAX, Word};

/// A meeting of so many threads or tasks, time after time. 24 bytes, no allocation.
pub struct Barrier {
    word: AtomicU64,
    queue: Queue,
    size: u32,
}

#[cfg(all(target_pointer_width = "64", not(any(rsm_loom, rsm_shuttle))))]
const _: () = assert!(size_of::<Barrier>() == 24, "a barrier is two words and its size");

impl Barrier {
    const_fn! {
        /// So many meet. One of 1 lets everyone pass.
        ///
        /// # Panics
        /// If `size` is 0, or above 2^24 - 1.
        pub const fn new(size: u32) -> Barrier {
            assert!(size > 0 && size <= SIZE_MAX, "at a barrier 1 to 2^24 - 1 meet");
            Barrier { word: AtomicU64::new(Word::NEW.0), queue: Queue::new(), size }
        }
    }

    /// Waits until all have come. Says whether this call was the last of the round: that is true of exactly one.
    pub fn wait(&self) -> bool {
        self.meet(|| Deadline::NEVER).expect("it waits for ever")
    }

    /// Goes on if the others have all come, and lets them go on. Else it has not come. Never waits.
    pub fn try_wait(&self) -> bool {
        // ORDERING: as in `arrive` (model `barrier_try`).
        let fits = |now| Some(Word(now)).filter(|word| word.lacks_one(self.size)).map(|word| word.arrive(self.size).0);
        let is_last = self.word.fetch_update(AcqRel, Relaxed, fits).is_ok();
        if is_last {
            self.wake();
        }
        is_last
    }

    /// As [`wait`](Barrier::wait), that long at most.
    ///
    /// # Errors
    /// [`TimedOut`]: too few had come. This one then has not come either: it is counted no more.
    pub fn wait_timeout(&self, time: Duration) -> Result<bool, TimedOut> {
        self.meet(|| Deadline::after(time))
    }

    /// As [`wait`](Barrier::wait), until then at most.
    ///
    /// # Errors
    /// [`TimedOut`]: too few had come. This one then has not come either: it is counted no more.
    pub fn wait_until(&self, instant: Instant) -> Result<bool, TimedOut> {
        self.meet(|| Deadline::at(instant))
    }

    /// A future of [`wait`](Barrier::wait). It comes when it is first polled; dropped before all have come, it has not come.
    pub async fn wait_async(&self) -> bool {
        let Some(arrival) = self.arrive() else { return true };
        Wait::new(&arrival).await;
        false
    }

    /// How many meet.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// How many had come in the round that was under way, at some moment during the call.
    pub fn arrived(&self) -> u32 {
        Word(self.word.load(Relaxed)).arrived()
    }

    /// The clock is read only by who has to wait.
    fn meet(&self, deadline: impl FnOnce() -> Deadline) -> Result<bool, TimedOut> {
        let Some(arrival) = self.arrive() else { return Ok(true) };
        if wait(&&arrival, deadline()).is_none() {
            let arrival = ManuallyDrop::new(arrival);
            if arrival.take_back() {
                return Err(TimedOut);
            }
            // Too late for that: it goes on like the others, by a look of its own.
            (&*arrival).attempt().expect("B2: who cannot go away has met the others");
        }
        Ok(false)
    }

    /// Comes. `None`: as the last one, and the round is over.
    fn arrive(&self) -> Option<Arrival<'_>> {
        // ORDERING: Release for what this caller did; Acquire since the last one speaks for all, and goes on (model
        // `barrier_rounds`).
        let before = self.word.fetch_update(AcqRel, Relaxed, |now| Some(Word(now).arrive(self.size).0));
        let before = Word(before.expect("one may always come"));
        if before.lacks_one(self.size) {
            self.wake();
            return None;
        }
        Some(Arrival { barrier: self, round: before.round() })
    }

    /// Those of a new round who are woken with the others find that theirs is not over, and wait on.
    fn wake(&self) {
        if self.size > 1 {
            self.queue.wake_all(Verdict::Woken, || (), |_| ());
        }
    }
}

/// One who has come, and waits for its round to be over. Dropped before that, it has not come.
struct Arrival<'a> {
    barrier: &'a Barrier,
    round: u64,
}

impl Arrival<'_> {
    /// It has not come. False if the round is over: then it has.
    fn take_back(&self) -> bool {
        let leave = |now| {
            let round = if probe::has(Mutant::BarrierLeavesLate) { Word(now).round() } else { self.round };
            Word(now).leave(round).map(|next| next.0)
        };
        // Relaxed: to be counted no more orders nothing.
        self.barrier.word.fetch_update(Relaxed, Relaxed, leave).is_ok()
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        self.take_back();
    }
}

impl Policy for &Arrival<'_> {
    type Output = ();

    fn word(&self) -> &AtomicU64 {
        &self.barrier.word
    }

    fn queue(&self) -> &Queue {
        &self.barrier.queue
    }

    fn attempt(&self) -> Option<()> {
        // ORDERING: Acquire pairs with the Release of all who came (model `barrier_until`).
        (Word(self.barrier.word.load(Acquire)).round() != self.round).then_some(())
    }

    /// It is counted already, when it came.
    fn decide(&self, word: u64) -> Decision {
        if Word(word).round() == self.round { Decision::Wait(word) } else { Decision::Retry }
    }

    fn quit(&self, word: u64) -> u64 {
        word // `take_back` decides, by one exchange, whether it was too late for that
    }

    fn finish(&self, _: Verdict) {
        unreachable!("a barrier wakes, and each looks at the round itself")
    }

    fn give_back(&self, _: Verdict) {} // all were woken: nobody waits because of us
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Word(self.word.load(Relaxed));
        f.debug_struct("Barrier")
            .field("size", &self.size)
            .field("round", &word.round())
            .field("arrived", &word.arrived())
            .finish()
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
