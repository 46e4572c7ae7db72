//! Waiting for readers alone: an upgradable reader for those counted in the word, a writer for those in the slots.
//!
//! ```text
//!   upgradable --- no reader is in -------------------------------------------------------> writer
//!        |                                                                                     ^
//!        +-- +DRAIN: nobody comes in --> spins, then links as the oldest and sleeps --woken by--+
//!        ^                                    | deadline                       the last reader
//!        +-- -DRAIN: readers come in ---------+
//!
//! writer (just now), slots not all 0
//!        |                               deadline: leaves again, to what it was
//!        +-- +DRAIN --> spins, then links as the oldest and sleeps --woken by the last reader--> -DRAIN, writer (in)
//! ```
//! An upgrade keeps UPGRADER all the while, or WRITER. As there is only one upgradable reader at a time, two can never wait for each other.

use super::super::backoff::Backoff;
use super::super::park::{NoSleep, Sleeper, Waiter, await_verdict, sleep};
use super::super::probe::{self, Mutant, model_fence};
use super::super::shim::{Deadline, now_ns, thread};
use super::raw::{DRAIN, Raw};
use super::word::{Leaves, Word};

impl Raw {
    /// Becomes the writer if no reader is in. By the upgradable reader.
    pub(super) fn try_upgrade(&self) -> bool {
        self.spread.is_empty() && self.claim(Word::upgrade) && self.stays_if_alone(Leaves::WriterToUpgrader)
    }

    /// Becomes the writer, or (false) finds the deadline passed and stays what it is. By the upgradable reader.
    pub(super) fn upgrade(&self, deadline: Deadline) -> bool {
        (self.claim(Word::upgrade) || self.upgrade_slow(deadline))
            && self.awaits_slots(deadline, Leaves::WriterToUpgrader)
    }

    #[cold]
    fn upgrade_slow(&self, deadline: Deadline) -> bool {
        while !self.note(Word::drain) {
            // They have just left, but others may come before DRAIN is set.
            if self.claim(Word::upgrade) {
                return true;
            }
        }
        let staying = Staying(self);
        let done = self.drain(deadline, || self.claim(Word::upgrade));
        if done {
            std::mem::forget(staying);
        }
        done
    }

    /// By a writer that has just claimed the lock: whether nobody is in by a slot. If not, it leaves again, to what it was.
    pub(super) fn stays_if_alone(&self, back: Leaves) -> bool {
        let alone = self.are_slots_empty();
        if !alone {
            self.leave(back);
        }
        alone
    }

    #[inline]
    fn are_slots_empty(&self) -> bool {
        if !self.look().is_spread() {
            return true; // who spreads the lock after our claim finds WRITER in the word, as do all who come by slots
        }
        model_fence();
        self.spread.is_empty()
    }

    /// By a writer that has just claimed the lock: waits for those who are in by slots; or (false) finds the deadline passed and
    /// leaves again, to what it was.
    #[inline]
    pub(super) fn awaits_slots(&self, deadline: Deadline, back: Leaves) -> bool {
        self.are_slots_empty() || self.drain_slots(deadline, back)
    }

    #[cold]
    fn drain_slots(&self, deadline: Deadline, back: Leaves) -> bool {
        let claim = Claim { raw: self, back };
        self.claim(|word| Some(word.drain_slots()));
        model_fence();
        if !self.drain(deadline, || self.spread.is_empty()) {
            return false;
        }
        self.note(|word| Some(word.stay()));
        std::mem::forget(claim);
        true
    }

    /// Waits until it is `through`, as those have left who were in; or (false) finds the deadline passed. DRAIN is set.
    pub(super) fn drain(&self, deadline: Deadline, through: impl Fn() -> bool) -> bool {
        let mut backoff = Backoff::new();
        while backoff.spin() {
            if through() {
                return true;
            }
        }
        NoSleep::check();
        let node = Waiter::new(DRAIN, now_ns());
        while !self.link_drainer(&node, &through) {
            let late = sleep(&node, deadline).is_none();
            if !late || !self.unlink_drainer(&node) {
                await_verdict(&node);
            }
            let passed = through();
            if passed || late {
                return passed;
            }
        }
        true
    }

    /// Links who waits for others to leave, as the oldest: or finds (true) that it need not wait.
    fn link_drainer(&self, node: &Waiter, through: &impl Fn() -> bool) -> bool {
        drop(node.swap_who(Some(Sleeper::Thread(thread::current()))));
        let mut ring = self.queue.hold();
        // The second look: one who left after the first found nobody to wake. Who leaves after this one takes the bit after us,
        // and finds us linked.
        let passed = !probe::has(Mutant::DrainWithoutSecondLook) && through();
        if !passed {
            probe::mark("drainer sleeps");
            ring.push_oldest(node);
        }
        passed
    }

    /// Takes the node back; or finds (false) that it has been popped.
    fn unlink_drainer(&self, node: &Waiter) -> bool {
        let mut ring = self.queue.hold();
        let linked = ring.has(node);
        if linked {
            ring.unlink(node);
        }
        linked
    }
}

/// WRITER, while readers are still in by slots. Dropped by one that is late, or by the panic of a wait that must not sleep.
struct Claim<'a> {
    raw: &'a Raw,
    back: Leaves,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.raw.leave(self.back);
    }
}

/// DRAIN, before a reader has become the writer. Dropped by one that is late, or by the panic of a wait that must not sleep: readers come in again.
struct Staying<'a>(&'a Raw);

impl Drop for Staying<'_> {
    fn drop(&mut self) {
        if !probe::is_over() {
            self.0.note(|word| Some(word.stay()));
            self.0.settle();
        }
    }
}
