//! A gate: while it is open all pass, while it is shut all wait; and who passes may shut it behind.
//!
//! ```text
//!                  open
//!      Shut ---------------------> Open     enter(f): number n passes, and f(n) says Stay or Shut
//!   all wait <--------------------
//!              shut, or an f(n) that says Shut
//! ```
//! Many who wait for one fact, again and again, want a gate: work that is paused and resumed, a round that begins, a window that
//! takes in so many and closes. What f sees is the number since the gate opened, counted in the same step: so "the first three" is
//! exact. A fact that comes to stay, or a pulse that lets all who wait pass, is an [`Event`](super::event::Event); permits that
//! return are a [`Semaphore`](super::semaphore::Semaphore); threads that meet, a [`Barrier`](super::barrier::Barrier).
//!
//! ```
//! use rsm::sync::gate::{Door, Gate};
//! use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
//! use std::thread;
//!
//! // Ten workers; each time the gate opens it lets three jobs through, and no more.
//! static GATE: Gate = Gate::new();
//! let done = AtomicU32::new(0);
//! let until = |count| while done.load(Relaxed) < count { thread::yield_now() };
//! thread::scope(|scope| {
//!     for _ in 0..10 {
//!         scope.spawn(|| {
//!             GATE.enter(|number| if number < 3 { Door::Stay } else { Door::Shut });
//!             done.fetch_add(1, Relaxed); // works
//!         });
//!     }
//!     for round in 1..=3 {
//!         GATE.open();
//!         until(3 * round);
//!         assert!(!GATE.is_open(), "the third has shut it");
//!     }
//!     GATE.open(); // for the last
//! });
//! assert_eq!((done.into_inner(), GATE.entries()), (10, 1));
//! ```
//! **`f`** is pure and short, and may run several times; the runs whose results are stored follow one another, and each sees the
//! count that the one before left. It never runs while others are kept out by that. If it panics nothing has changed.
//!
//! **Who is woken.** `open` wakes all who wait; each comes back and enters by itself, or finds the gate shut again and waits on, in
//! front of those who come later. Newcomers may enter before those who are still waking: with an `f` that shuts, a gate serves
//! rounds, not a queue in order. A gate that is opened and shut at once may let nobody pass.
//!
//! **A barrier on one gate is wrong**: a fast thread that comes round again enters in a slow one's place before the last one shuts.
//! It takes two gates by turns, or a [`Barrier`](super::barrier::Barrier).
//!
//! G1 entries counts those who passed since the last `open` (up to 2^32 - 1, where it stays). G2 of one opening at most one result
//! `Shut` takes effect. G3 shut => entries = 0. G4 the queue's bit being free: who is queued was queued after the last `open`.

pub(crate) mod word;

use super::TimedOut;
use super::park::{Decision, Policy, Queue, Verdict, Wait, wait};
use super::shim::{AtomicU64, Deadline, Ordering, Ordering::*, const_fn};
use std::fmt;
use std::process::abort;
use std::time::{Duration, Instant};
use word::Word;

/// What one who enters does with the door behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// It stays open.
    Stay,
    /// It shuts: whoever comes waits for the next [`open`](Gate::open).
    Shut,
}

/// A gate. 16 bytes, no allocation.
///
/// Its futures may be sent if what they ask may be:
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// static GATE: rsm::sync::gate::Gate = rsm::sync::gate::Gate::new();
/// let asked = std::rc::Rc::new(1);
/// send(GATE.enter_async(move |number| if number < *asked { rsm::sync::gate::Door::Stay } else { rsm::sync::gate::Door::Shut }));
/// ```
pub struct Gate {
    word: AtomicU64,
    queue: Queue,
}

#[cfg(all(target_pointer_width = "64", not(any(rsm_loom, rsm_shuttle))))]
const _: () = assert!(size_of::<Gate>() == 16, "a gate is two words");

impl Gate {
    const_fn! {
        /// A gate that is shut.
        pub const fn new() -> Gate {
            Gate { word: AtomicU64::new(Word::SHUT.0), queue: Queue::new() }
        }
    }

    const_fn! {
        /// A gate that is open.
        pub const fn opened() -> Gate {
            Gate { word: AtomicU64::new(Word::OPEN.0), queue: Queue::new() }
        }
    }

    /// Enters; waits while it is shut. `door` is asked what to do with the door, given our number since it opened: 1 for the first.
    /// Returns the number.
    ///
    /// What was written before the `open`, and by those who have entered since before they did, is seen by who enters.
    ///
    /// Aborts the process if 2^24 - 1 wait already; so does each other form that waits.
    pub fn enter(&self, door: impl Fn(u32) -> Door) -> u32 {
        wait(&Entering { gate: self, door }, Deadline::NEVER).expect("it waits for ever")
    }

    /// Enters if it is open. Never waits.
    pub fn try_enter(&self, door: impl Fn(u32) -> Door) -> Option<u32> {
        Entering { gate: self, door }.attempt()
    }

    /// Enters; waits that long at most.
    ///
    /// # Errors
    /// [`TimedOut`]: it did not open in time, or was shut again by others. `door` has then changed nothing.
    pub fn enter_timeout(&self, time: Duration, door: impl Fn(u32) -> Door) -> Result<u32, TimedOut> {
        let entering = Entering { gate: self, door };
        // The clock is read only by who has to wait.
        entering.attempt().or_else(|| wait(&entering, Deadline::after(time))).ok_or(TimedOut)
    }

    /// Enters; waits until then at most.
    ///
    /// # Errors
    /// [`TimedOut`]: it did not open in time, or was shut again by others. `door` has then changed nothing.
    pub fn enter_until(&self, instant: Instant, door: impl Fn(u32) -> Door) -> Result<u32, TimedOut> {
        wait(&Entering { gate: self, door }, Deadline::at(instant)).ok_or(TimedOut)
    }

    /// A future of [`enter`](Gate::enter). It may be dropped at any time: it has entered when it is ready, and not before.
    pub fn enter_async<F: Fn(u32) -> Door>(&self, door: F) -> impl Future<Output = u32> + use<'_, F> {
        Wait::new(Entering { gate: self, door })
    }

    /// Opens it; whoever waits comes and enters. The count begins anew, even if it was open. Says whether it was shut.
    pub fn open(&self) -> bool {
        // ORDERING: Release pairs with the Acquire of who enters: what was written before (model `gate_open_enter`).
        let alone = self.change(Release, |word| (word.pending() == 0).then_some(word.open()));
        let mut before = alone;
        if alone.is_none() {
            // In the hold that takes those who wait: who links after that has found it shut anew.
            // ORDERING: as above, for all who enter before the first is woken (model `gate_open_try`).
            let open = || before = self.change(Release, |word| Some(word.open()));
            self.queue.wake_all(Verdict::Woken, open, |count| {
                self.change(Relaxed, |word| word.leave(u64::from(count))).expect("who is in the ring is counted");
            });
        }
        before.is_some_and(|before| !before.is_open())
    }

    /// Shuts it. Says how many had entered since it opened, or `None` if it was shut.
    ///
    /// What those had written before they entered is seen by who shuts it. They may still be at what they entered for.
    pub fn shut(&self) -> Option<u32> {
        // ORDERING: Acquire pairs with the Release of those who have entered (model `gate_enter_shut`).
        let before = self.change(Acquire, |word| Some(word.shut()))?;
        before.is_open().then_some(before.entries())
    }

    /// Whether it was open, at some moment during the call.
    pub fn is_open(&self) -> bool {
        Word(self.word.load(Relaxed)).is_open()
    }

    /// How many had entered since it opened, at some moment during the call; 0 if it was shut.
    pub fn entries(&self) -> u32 {
        Word(self.word.load(Relaxed)).entries()
    }

    /// Threads and tasks that waited, at some moment during the call.
    pub fn pending(&self) -> usize {
        Word(self.word.load(Relaxed)).pending() as usize
    }

    /// Applies a transition. The word before; `None` if the transition does not fit.
    #[cfg_attr(rsm_loom, track_caller)]
    fn change(&self, success: Ordering, mut transition: impl FnMut(Word) -> Option<Word>) -> Option<Word> {
        self.word.fetch_update(success, Relaxed, |now| transition(Word(now)).map(|next| next.0)).ok().map(Word)
    }
}

/// One who wants to enter.
struct Entering<'a, F> {
    gate: &'a Gate,
    door: F,
}

impl<F: Fn(u32) -> Door> Policy for Entering<'_, F> {
    type Output = u32;

    fn word(&self) -> &AtomicU64 {
        &self.gate.word
    }

    fn queue(&self) -> &Queue {
        &self.gate.queue
    }

    fn attempt(&self) -> Option<u32> {
        let mut number = None;
        // ORDERING: Acquire pairs with the Release in `open` and of those who have entered before (models `gate_open_enter`,
        // `gate_enter_enter`); Release is for those who enter after us, and who shuts it (models `gate_enter_enter`,
        // `gate_enter_shut`).
        self.gate.change(AcqRel, |word| {
            number = Some(word.next()?);
            word.enter((self.door)(word.next()?))
        })?;
        number
    }

    /// The user's closure runs in `attempt` alone, never under the bit.
    fn decide(&self, word: u64) -> Decision {
        let word = Word(word);
        match word.wait() {
            Some(next) => Decision::Wait(next.0),
            None if word.is_open() => Decision::Retry,
            None => abort(), // 2^24 waiters
        }
    }

    fn quit(&self, word: u64) -> u64 {
        Word(word).leave(1).expect("who is in the ring is counted").0
    }

    fn finish(&self, _: Verdict) -> u32 {
        unreachable!("a gate wakes, and each enters by itself")
    }

    fn give_back(&self, _: Verdict) {} // all were woken: nobody waits because of us
}

impl Default for Gate {
    /// A gate that is shut.
    fn default() -> Gate {
        Gate::new()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Word(self.word.load(Relaxed));
        f.debug_struct("Gate")
            .field("is_open", &word.is_open())
            .field("entries", &word.entries())
            .field("pending", &word.pending())
            .finish()
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
