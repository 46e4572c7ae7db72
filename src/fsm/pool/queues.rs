//! Where tasks wait: a queue and a slot for each worker, and the way in for all other threads.
//!
//! ```text
//!   Place (one for each worker)                    WayIn (one)
//!     slot   what was woken last, runs next          tasks of threads that are no worker, oldest first
//!     queue  oldest first                            seated: workers that will look here; none: nothing is let in
//! ```
//! Each lies under a lock of its own whose payload says how much there is, so that a look costs a load. A locked queue and not a
//! lock-free deque: a push or a take is one uncontended lock, slot and queue change together, a thief takes half in one go, the
//! way in and its closing are decided in one critical section, and what the models run is what everyone runs.

use crate::fsm::CellId;
use crate::sync::lock::Lock;
use crate::sync::shim::{AtomicU64, Ordering};
use std::collections::VecDeque;

/// How often in a row the slot goes first: two that wake each other would else keep all others waiting.
const SLOT_STREAK: u32 = 3;
/// A worker takes at most so many at once from the way in.
const TAKE_MAX: usize = 32;

/// What belongs to one worker, whichever thread that is. On lines of its own.
#[repr(align(128))]
pub(super) struct Place<T> {
    /// The payload: bit 0, the slot is full; above it, the length of the queue.
    local: Lock<Local<T>>,
    /// Turns begun. Written by the worker alone.
    turns: AtomicU64,
    /// Which cell is in a turn; 0 if none.
    cell: AtomicU64,
}

struct Local<T> {
    slot: Option<T>,
    queue: VecDeque<T>,
}

impl<T> Local<T> {
    fn word(&self) -> u32 {
        u32::from(self.slot.is_some()) | (self.queue.len() as u32) << 1
    }
}

/// Whether a push calls for another worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The worker itself will see to it.
    Mine,
    /// There was work before it already.
    More,
}

impl<T> Place<T> {
    pub(super) fn new() -> Place<T> {
        let local = Lock::new(Local { slot: None, queue: VecDeque::new() });
        Place { local, turns: AtomicU64::new(0), cell: AtomicU64::new(0) }
    }

    /// A task that the worker has woken goes into the slot; one that comes `again` from its own turn, to the end of the queue.
    pub(super) fn push(&self, task: T, again: bool) -> Pushed {
        let mut local = self.local.lock();
        let pushed = if local.queue.is_empty() { Pushed::Mine } else { Pushed::More };
        let back = if again { Some(task) } else { local.slot.replace(task) };
        local.queue.extend(back);
        let word = local.word();
        local.unlock_with(|_| word);
        pushed
    }

    /// What the worker does next. `streak`: how often the slot has gone first.
    pub(super) fn pop(&self, streak: &mut u32) -> Option<T> {
        if !self.has_work() {
            return None;
        }
        let mut local = self.local.lock();
        let slot_first = *streak < SLOT_STREAK || local.queue.is_empty();
        let task = if slot_first && local.slot.is_some() {
            *streak = streak.saturating_add(1);
            local.slot.take()
        } else {
            *streak = 0;
            let next = local.queue.pop_front();
            let waiting = local.slot.take();
            local.queue.extend(waiting);
            next
        };
        let word = local.word();
        local.unlock_with(|_| word);
        task
    }

    /// Appends to the queue.
    pub(super) fn extend(&self, tasks: impl Iterator<Item = T>) {
        let mut local = self.local.lock();
        local.queue.extend(tasks);
        let word = local.word();
        local.unlock_with(|_| word);
    }

    /// Half of the queue, rounded up, for a thief. With `slot`, an empty queue gives the task of the slot.
    pub(super) fn steal(&self, slot: bool, loot: &mut Vec<T>) {
        let mut local = self.local.lock();
        let half = local.queue.len().div_ceil(2);
        loot.extend(local.queue.drain(..half));
        if loot.is_empty() && slot {
            loot.extend(local.slot.take());
        }
        let word = local.word();
        local.unlock_with(|_| word);
    }

    /// All of it, for the worker goes into a section that may block.
    pub(super) fn clear(&self) -> Vec<T> {
        let mut local = self.local.lock();
        let slot = local.slot.take();
        let tasks = slot.into_iter().chain(local.queue.drain(..)).collect();
        local.unlock_with(|_| 0);
        tasks
    }

    /// Whether there is a task. One load.
    pub(super) fn has_work(&self) -> bool {
        self.local.payload() != 0
    }

    /// Whether the queue holds some, the slot aside. One load.
    pub(super) fn has_queue(&self) -> bool {
        1 < self.local.payload()
    }

    /// Whether more is there than the worker's own next. One load.
    pub(super) fn has_more_than_one(&self) -> bool {
        let word = self.local.payload();
        1 < (word & 1) + (word >> 1)
    }

    /// A turn of that cell begins, or ends (0).
    pub(super) fn note(&self, cell: u64) {
        // Relaxed: for those who look from outside, and for the worker itself.
        if cell != 0 {
            let turns = self.turns.load(Ordering::Relaxed);
            self.turns.store(turns.wrapping_add(1), Ordering::Relaxed);
        }
        self.cell.store(cell, Ordering::Relaxed);
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Who is in a turn here.
    pub(super) fn cell(&self) -> Option<CellId> {
        Some(CellId(self.cell.load(Ordering::Relaxed))).filter(|cell| cell.0 != 0)
    }
}

/// Where tasks come from that no worker has woken.
pub(super) struct WayIn<T> {
    /// The payload: how many tasks there are, saturating.
    inside: Lock<Inside<T>>,
}

struct Inside<T> {
    tasks: VecDeque<T>,
    /// Places whose worker will look here again.
    seated: usize,
    /// Workers leave when they find nothing to do.
    over: bool,
}

impl<T> Inside<T> {
    fn word(&self) -> u32 {
        u32::try_from(self.tasks.len()).unwrap_or(u32::MAX)
    }
}

impl<T> WayIn<T> {
    pub(super) fn new(seated: usize) -> WayIn<T> {
        WayIn { inside: Lock::new(Inside { tasks: VecDeque::new(), seated, over: false }) }
    }

    /// Hands a task back if nobody will ever take it.
    pub(super) fn push(&self, task: T) -> Result<(), T> {
        let mut inside = self.inside.lock();
        if inside.over && inside.seated == 0 {
            return Err(task);
        }
        inside.tasks.push_back(task);
        let word = inside.word();
        inside.unlock_with(|_| word);
        Ok(())
    }

    /// The oldest task, and a fair share of the others for `place`, which its `workers` may steal from there.
    pub(super) fn take(&self, workers: usize, place: &Place<T>) -> Option<T> {
        if !self.has_work() {
            return None;
        }
        let mut inside = self.inside.lock();
        let first = inside.tasks.pop_front();
        let share = (inside.tasks.len() / workers).min(TAKE_MAX - 1);
        // The locks of places are taken inside this one, never the other way round.
        if share != 0 {
            place.extend(inside.tasks.drain(..share));
        }
        if inside.tasks.is_empty() && SPARE_MAX < inside.tasks.capacity() {
            inside.tasks = VecDeque::new(); // of plain memory: nothing of a user's is dropped
        }
        let word = inside.word();
        inside.unlock_with(|_| word);
        first
    }

    /// Whether there is a task. One load, which may be old news.
    pub(super) fn has_work(&self) -> bool {
        self.inside.payload() != 0
    }

    /// Whether there is a task, and whether all is over: decided under the lock, so what is missed came later than the look (F5).
    pub(super) fn look(&self) -> (bool, bool) {
        let inside = self.inside.lock();
        (!inside.tasks.is_empty(), inside.over)
    }

    /// Workers leave from now on when they find nothing to do.
    pub(super) fn end(&self) {
        self.inside.lock().over = true;
    }

    /// Whether a worker that has found nothing leaves for good: all is over, and nothing is there. The last one closes the way in.
    pub(super) fn leave(&self) -> bool {
        let mut inside = self.inside.lock();
        let leaves = inside.over && inside.tasks.is_empty();
        inside.seated -= usize::from(leaves);
        leaves
    }
}

/// An empty way in keeps room for so many tasks: a burst's memory is given back.
const SPARE_MAX: usize = 1_024;
