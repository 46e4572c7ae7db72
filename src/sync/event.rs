//! An event: something happened, and whoever waits for it goes on.
//!
//! ```text
//!              set                                        set, or the last guard dropped
//!   Unset ----------> Set     auto: lets one pass,    Unset ----------> Set     manual: lets all pass
//!         <----------                                       <----------
//!       one waiter passed                                reset, or a first guard
//! ```
//! An auto event ([`Event::new`]) wakes one waiter per `set`, oldest first; a `set` that nobody waits for is kept, two are one.
//! A manual one ([`Event::manual`]) stays set until it is reset. Threads and tasks wait in the same order.
//!
//! **Guards.** [`Event::guard`] makes a guard that can be cloned; when the last clone is dropped, panic or not, the event is set.
//! So "all workers are gone" is one event: give each a guard, and wait.
//!
//! ```
//! use rsm::sync::event::Event;
//! use std::thread;
//!
//! let gone = Event::manual();
//! thread::scope(|scope| {
//!     // The first guard is taken before any worker runs; else the event could be set before the second starts.
//!     let guard = gone.guard();
//!     for worker in 0..10 {
//!         let guard = guard.clone();
//!         scope.spawn(move || {
//!             let _until_the_end = guard;
//!             std::hint::black_box(worker); // works
//!         });
//!     }
//!     drop(guard); // the workers hold the rest
//!     gone.wait(); // all ten are gone, and what they wrote can be read
//! });
//! ```
//! Counting many things wants a [`Semaphore`](super::semaphore::Semaphore), one value a [`Ticket`](super::oneshot::Ticket).
//!
//! A `set` may still be on its way out when the one it let pass goes on. So to have passed is no leave to free the event: its owner must
//! know that all who set have returned (an [`Arc`] does, and so does a [`thread::scope`](std::thread::scope)).
//!
//! E1 each time the guards fall to 0, exactly one last drop sets. E2 auto: sets = grants + SET, but for sets that found it set.
//! E3 auto, the queue's bit being free: pending > 0 => not SET. E4 manual: a set releases all who were queued before it, and none
//! who comes after a later reset.

pub(crate) mod word;

use super::TimedOut;
pub use super::event_guard::{Guard, OwnedGuard};
use super::park::{Decision, End, Policy, Queue, Verdict, Wait, wait};
use super::shim::{AtomicU64, Deadline, Ordering::*, const_fn};
use std::fmt;
use std::future::Future;
use std::process::abort;
use std::sync::Arc;
use std::time::{Duration, Instant};
use word::Word;

/// An event, auto-reset ([`new`](Event::new)) or manual-reset ([`manual`](Event::manual)). 16 bytes, no allocation.
pub struct Event {
    pub(super) word: AtomicU64,
    queue: Queue,
}

#[cfg(all(target_pointer_width = "64", not(any(rsm_loom, rsm_shuttle))))]
const _: () = assert!(size_of::<Event>() == 16, "an event is two words");

impl Event {
    const_fn! {
        /// An auto-reset event, not set: each `set` lets one waiter pass.
        pub const fn new() -> Event {
            Event { word: AtomicU64::new(Word::AUTO.0), queue: Queue::new() }
        }
    }

    const_fn! {
        /// A manual-reset event, not set: once set it lets everyone pass, until it is reset.
        pub const fn manual() -> Event {
            Event { word: AtomicU64::new(Word::MANUAL.0), queue: Queue::new() }
        }
    }

    /// Sets it. Auto: the oldest waiter passes, or the next to come. Manual: all who wait pass, and all who come.
    ///
    /// What was written before is seen by whoever passes.
    pub fn set(&self) {
        // ORDERING: Release pairs with the Acquire of whoever passes (model `set_wait`); who finds it set changes it all the same,
        // so that its writes, too, are seen by the one who passes.
        if self.change(Release, |word| word.set().filter(|_| word.pending() == 0)).is_some() {
            return;
        }
        if Word(self.word.load(Relaxed)).is_auto() {
            self.grant_one();
        } else {
            // In the hold that takes those who wait: one who comes after a later `reset` is not among them.
            // ORDERING: Release as above, for those who come later (model `set_manual_late`); who is queued sees it by its node's
            // state.
            let set = || _ = self.change(Release, Word::set);
            self.queue.wake_all(Verdict::Granted, set, |count| {
                self.change(Relaxed, |word| word.leave(u64::from(count))).expect("who is in the ring is counted");
            });
        }
    }

    /// Auto, with waiters: the oldest passes; if they are gone meanwhile, it is set.
    fn grant_one(&self) {
        let mut done = false;
        self.queue.grant(End::Oldest, Verdict::Granted, |next| {
            // Under the bit nobody links or leaves.
            if !done {
                // ORDERING: Release as in `set`, if nobody is left (model `set_quit_pass`); who is granted sees it by its node's
                // state.
                let change = |word: Word| if next.is_some() { word.leave(1) } else { word.set() };
                self.change(Release, change).expect("who is in the ring is counted, and nobody else");
            }
            !std::mem::replace(&mut done, true)
        });
    }

    /// Not set any more: who comes from now on waits. Says whether it was set. Who waited when it was set still passes.
    pub fn reset(&self) -> bool {
        // ORDERING: Acquire, as one who resets goes on knowing that it was set, like one who passes (model `set_seen`).
        let before = self.change(Acquire, |word| Some(word.reset()));
        before.is_some_and(Word::is_set)
    }

    /// Passes if it is set (an auto event is then no longer). Never waits.
    pub fn try_wait(&self) -> bool {
        self.attempt().is_some()
    }

    /// Waits until it is set.
    ///
    /// Aborts the process if 2^24 - 1 wait already; so does each other form that waits.
    pub fn wait(&self) {
        wait(&self, Deadline::NEVER);
    }

    /// Waits until it is set, that long at most.
    ///
    /// # Errors
    /// [`TimedOut`]: it was not set in time. No `set` is lost by that.
    pub fn wait_timeout(&self, time: Duration) -> Result<(), TimedOut> {
        // The clock is read only by who has to wait.
        if self.try_wait() { Ok(()) } else { wait(&self, Deadline::after(time)).ok_or(TimedOut) }
    }

    /// Waits until it is set, until then at most.
    ///
    /// # Errors
    /// [`TimedOut`]: it was not set in time. No `set` is lost by that.
    pub fn wait_until(&self, instant: Instant) -> Result<(), TimedOut> {
        wait(&self, Deadline::at(instant)).ok_or(TimedOut)
    }

    /// A future of [`wait`](Event::wait). Dropped, it hands on what it had been given. Do not leak it.
    pub fn wait_async(&self) -> impl Future<Output = ()> + Send + '_ {
        Wait::new(self)
    }

    /// A guard: when its last clone is dropped, the event is set. The first guard of a manual event resets it.
    ///
    /// When all are gone and another is made, a new round begins. Between the two the event was set: so who hands guards out
    /// one by one keeps one of them until it is done.
    pub fn guard(&self) -> Guard<'_> {
        self.add_guard();
        Guard { event: self }
    }

    /// A guard that keeps the event alive, for threads that outlive the caller.
    pub fn owned_guard(self: &Arc<Event>) -> OwnedGuard {
        self.add_guard();
        OwnedGuard { event: self.clone() }
    }

    /// Guards that are alive, at some moment during the call.
    pub fn guards(&self) -> usize {
        Word(self.word.load(Relaxed)).guards() as usize
    }

    /// Whether it was set, at some moment during the call.
    pub fn is_set(&self) -> bool {
        // ORDERING: Acquire, as one who sees it set goes on as if it had passed (model `set_seen`).
        Word(self.word.load(Acquire)).is_set()
    }

    /// Threads and tasks that waited, at some moment during the call.
    pub fn pending(&self) -> usize {
        Word(self.word.load(Relaxed)).pending() as usize
    }

    pub(super) fn add_guard(&self) {
        // Relaxed: a guard orders something when it is dropped.
        if self.change(Relaxed, Word::guard).is_none() {
            abort(); // 2^32 guards: somebody leaks them
        }
    }

    pub(super) fn drop_guard(&self) {
        let mut must_set = false;
        // ORDERING: Release for what this guard's holder did; Acquire since the last one, who sets, speaks for all of them
        // (model `guards`).
        self.change(AcqRel, |word| {
            let (next, must) = word.unguard()?;
            must_set = must;
            Some(next)
        })
        .expect("E1: a guard is counted as long as it lives");
        if must_set {
            self.set();
        }
    }

    /// Applies a transition. The word before; `None` if the transition does not fit.
    #[cfg_attr(rsm_loom, track_caller)]
    fn change(&self, success: super::shim::Ordering, mut transition: impl FnMut(Word) -> Option<Word>) -> Option<Word> {
        self.word.fetch_update(success, Relaxed, |now| transition(Word(now)).map(|next| next.0)).ok().map(Word)
    }
}

impl Policy for &Event {
    type Output = ();

    fn word(&self) -> &AtomicU64 {
        &self.word
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn attempt(&self) -> Option<()> {
        let word = Word(self.word.load(Relaxed));
        if !word.is_set() {
            return None;
        }
        // ORDERING: Acquire pairs with the Release in `set` (model `set_wait`).
        self.change(Acquire, Word::take).map(drop)
    }

    fn decide(&self, word: u64) -> Decision {
        let word = Word(word);
        match (word.take(), word.wait()) {
            (Some(next), _) => Decision::Take(next.0),
            (None, Some(next)) => Decision::Wait(next.0),
            (None, None) => abort(), // 2^24 waiters
        }
    }

    fn quit(&self, word: u64) -> u64 {
        Word(word).leave(1).expect("who is in the ring is counted").0
    }

    fn finish(&self, _: Verdict) {}

    fn give_back(&self, _: Verdict) {
        // A manual event has granted to everyone alike: there is nothing to hand on.
        if Word(self.word.load(Relaxed)).is_auto() {
            self.set();
        }
    }
}

impl Default for Event {
    /// An auto-reset event, not set.
    fn default() -> Event {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Word(self.word.load(Relaxed));
        f.debug_struct("Event")
            .field("is_set", &word.is_set())
            .field("is_auto", &word.is_auto())
            .field("pending", &word.pending())
            .field("guards", &word.guards())
            .finish()
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
