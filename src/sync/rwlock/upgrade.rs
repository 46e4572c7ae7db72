//! From upgradable reader to writer: waiting for readers alone.
//!
//! ```text
//!   upgradable --- no reader is in -------------------------------------------------------> writer
//!        |                                                                                     ^
//!        +-- +DRAIN: nobody comes in --> spins, then links as the oldest and sleeps --woken by--+
//!        ^                                    | deadline                       the last reader
//!        +-- -DRAIN: readers come in ---------+
//! ```
//! It keeps UPGRADER all the while. As there is only one upgradable reader at a time, two can never wait for each other.

use super::super::backoff::Backoff;
use super::super::park::{NoSleep, Sleeper, Waiter, await_verdict, sleep};
use super::super::probe::{self, Mutant};
use super::super::shim::{Deadline, now_ns, thread};
use super::raw::{DRAIN, Raw};
use super::word::Word;

impl Raw {
    /// Becomes the writer if no reader is in. By the upgradable reader.
    pub(super) fn try_upgrade(&self) -> bool {
        self.enter(Word::upgrade)
    }

    /// Becomes the writer, or (false) finds the deadline passed and stays what it is. By the upgradable reader.
    pub(super) fn upgrade(&self, deadline: Deadline) -> bool {
        self.try_upgrade() || self.upgrade_slow(deadline)
    }

    #[cold]
    fn upgrade_slow(&self, deadline: Deadline) -> bool {
        while !self.note(Word::drain) {
            // They have just left, but others may come before DRAIN is set.
            if self.try_upgrade() {
                return true;
            }
        }
        let staying = Staying(self);
        let done = self.drain(deadline, || self.try_upgrade());
        if done {
            std::mem::forget(staying);
        }
        done
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

/// Dropped by one that is late, or by the panic of a wait that must not sleep: readers come in again.
struct Staying<'a>(&'a Raw);

impl Drop for Staying<'_> {
    fn drop(&mut self) {
        if !probe::is_over() {
            self.0.note(|word| Some(word.stay()));
            self.0.settle();
        }
    }
}
