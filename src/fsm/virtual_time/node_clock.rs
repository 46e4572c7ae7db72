//! The clock of a node, and the wheel that turns by it.
//!
//! ```text
//!   true time ──clock──> node time ──> wheel      looked at when it has changed, or its next deadline has come
//! ```

use super::clock::{Clock, Leaping};
use crate::fsm::timers::Timers;
use crate::sync::shim::{AtomicBool, AtomicU64, Ordering};
use crate::time::Time;
use std::sync::Arc;
use std::time::Duration;

/// The clock of a node, and its wheel.
pub(super) struct NodeClock {
    truth: Arc<AtomicU64>,
    clock: Arc<Leaping>,
    pub(super) timers: Timers,
    /// The true time of its earliest deadline, as it was when the wheel was last looked at.
    next: AtomicU64,
    /// The clock has leapt since, was held or released.
    leapt: AtomicBool,
    /// Of all clocks: this one is to be looked at before its next deadline.
    stirred: Arc<AtomicBool>,
}

impl NodeClock {
    pub(super) fn new(truth: Arc<AtomicU64>, clock: Clock, stirred: Arc<AtomicBool>) -> NodeClock {
        let clock = Arc::new(Leaping::new(clock));
        let (shown, time) = (clock.clone(), truth.clone());
        let timers = Timers::by(move || shown.show(read(&time)), stirred.clone());
        let (next, leapt) = (AtomicU64::new(u64::MAX), AtomicBool::new(false));
        NodeClock { truth, clock, timers, next, leapt, stirred }
    }

    pub(super) fn show(&self) -> Time {
        self.clock.show(read(&self.truth))
    }

    pub(super) fn leap(&self, by: Duration) {
        self.clock.leap(by);
        self.stir();
    }

    pub(super) fn hold(&self) {
        self.clock.hold(read(&self.truth));
        self.stir();
    }

    pub(super) fn release(&self) {
        if self.clock.release() {
            self.stir();
        }
    }

    /// What it shows has changed, and not by the way of time alone.
    fn stir(&self) {
        // ORDERING: Relaxed here and below, as in `read`.
        self.leapt.store(true, Ordering::Relaxed);
        self.stirred.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_held(&self) -> bool {
        self.clock.is_held()
    }

    /// Signals whose timers are due, and gives the true time of the next deadline; `MAX` if there is none. A wheel on
    /// which nothing has changed is left alone until then.
    pub(super) fn fire(&self) -> Time {
        let now = read(&self.truth);
        let is_due = self.next.load(Ordering::Relaxed) <= now.0;
        if self.timers.have_changed() || is_due || self.leapt.load(Ordering::Relaxed) {
            self.leapt.store(false, Ordering::Relaxed);
            let deadline = self.timers.fire_and_next().filter(|_| !self.clock.is_held());
            let next = deadline.map_or(Time::MAX, |at| self.clock.when(at).max(now));
            self.next.store(next.0, Ordering::Relaxed);
        }
        Time(self.next.load(Ordering::Relaxed))
    }
}

pub(super) fn read(time: &AtomicU64) -> Time {
    // ORDERING: Relaxed: one thread steps, and the others of a test see time by what they are told.
    Time(time.load(Ordering::Relaxed))
}
