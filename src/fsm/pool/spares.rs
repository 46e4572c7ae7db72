//! Threads without a place, and places without a thread: how a turn may block without holding up others.
//!
//! ```text
//!   turn ── blocking(f) ──> queue to the way in; place offered ──> f ──> rest of the turn ──> a free place?
//!                              | a spare thread waits: it is woken             yes: worker again
//!                              | none: a new one is made, at most 512          no: a spare, for 10 s, then it ends
//!                              | none can be made: the place stays free
//! ```
//! A place that is offered is taken by whoever looks first; the thread that offered it looks too, once its turn is over. So no place
//! stays empty while a thread of the pool has nothing to do.

use crate::fsm::CellId;
use crate::sync::event::Event;
use crate::sync::lock::Lock;
use crate::sync::park::{Parker, Unparker};
use std::time::{Duration, Instant};

/// Threads of one pool beside its workers, at most.
const SPARES_MAX: usize = 512;
/// How long a spare thread waits for a place.
const KEPT: Duration = Duration::from_secs(10);

/// The threads of a pool, and the places that none has.
pub(super) struct Spares {
    inside: Lock<Inside>,
    /// Set once all threads are gone, after the end was told.
    gone: Event,
    threads_max: usize,
    kept: Duration,
}

struct Inside {
    /// Places without a thread.
    vacant: Vec<usize>,
    waiting: Vec<(u64, Unparker)>,
    sections: Vec<Section>,
    threads: usize,
    /// Names whoever waits, or is in a section.
    next: u64,
    over: bool,
}

/// A cell in a section that may block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    pub(super) cell: CellId,
    pub(super) since: Instant,
    number: u64,
}

/// What the one who offers a place must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Offered {
    /// Nothing: a thread will take it.
    Taken,
    /// Make a thread, which is counted already.
    Make,
}

impl Spares {
    /// With a thread for each place, counted before they are made.
    pub(super) fn new(workers: usize) -> Spares {
        Spares::keeping(workers, KEPT)
    }

    /// As `new`, where a spare thread waits so long for a place.
    pub(super) fn keeping(workers: usize, kept: Duration) -> Spares {
        let inside = Inside {
            vacant: (0..workers).rev().collect(),
            waiting: Vec::new(),
            sections: Vec::new(),
            threads: workers,
            next: 0,
            over: false,
        };
        Spares { inside: Lock::new(inside), gone: Event::manual(), threads_max: workers + SPARES_MAX, kept }
    }

    /// Offers a place.
    pub(super) fn offer(&self, place: usize) -> Offered {
        let mut inside = self.inside.lock();
        inside.vacant.push(place);
        let woken = inside.waiting.pop();
        let make = woken.is_none() && inside.threads < self.threads_max;
        inside.threads += usize::from(make);
        drop(inside);
        if let Some((_, unparker)) = woken {
            unparker.unpark();
        }
        if make { Offered::Make } else { Offered::Taken }
    }

    /// A free place, at once or before a spare thread is given up; `None`: the thread is to end.
    pub(super) fn wait_for_place(&self) -> Option<usize> {
        let (parker, deadline) = (Parker::new(), Instant::now() + self.kept);
        let mut late = false;
        loop {
            let mut inside = self.inside.lock();
            if let Some(place) = inside.vacant.pop() {
                return Some(place);
            }
            if late || inside.over {
                return None;
            }
            inside.next += 1;
            let me = inside.next;
            inside.waiting.push((me, parker.unparker()));
            drop(inside);
            late = !parker.park_until(deadline);
            self.inside.lock().waiting.retain(|(waiting, _)| *waiting != me);
        }
    }

    /// Notes that a cell begins to block.
    pub(super) fn enter(&self, cell: CellId) -> Section {
        let mut inside = self.inside.lock();
        inside.next += 1;
        let section = Section { cell, since: Instant::now(), number: inside.next };
        inside.sections.push(section);
        section
    }

    /// It blocks no more.
    pub(super) fn leave(&self, section: Section) {
        self.inside.lock().sections.retain(|one| one.number != section.number);
    }

    /// Who blocks now.
    pub(super) fn sections(&self) -> Vec<Section> {
        self.inside.lock().sections.clone()
    }

    /// From now on threads end when they find nothing to do.
    pub(super) fn end(&self) {
        let mut inside = self.inside.lock();
        inside.over = true;
        let waiting = std::mem::take(&mut inside.waiting);
        let gone = inside.threads == 0;
        drop(inside);
        waiting.iter().for_each(|(_, unparker)| unparker.unpark());
        if gone {
            self.gone.set();
        }
    }

    /// A thread is gone, or could not be made.
    pub(super) fn thread_is_gone(&self) {
        let mut inside = self.inside.lock();
        inside.threads -= 1;
        let gone = inside.over && inside.threads == 0;
        drop(inside);
        if gone {
            self.gone.set();
        }
    }

    /// Waits until all threads are gone; false if some are not by then.
    pub(super) fn wait_gone(&self, deadline: Instant) -> bool {
        self.gone.wait_until(deadline).is_ok()
    }

    /// Threads that are no workers now.
    pub(super) fn count(&self, workers: usize) -> usize {
        self.inside.lock().threads.saturating_sub(workers)
    }
}
