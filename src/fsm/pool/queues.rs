//! Where tasks wait: a queue and a slot for each worker, and the way in for all other threads.
//!
//! ```text
//!   Place (one for each worker)                    WayIn (one)
//!     slot   what was woken last, runs next          tasks of threads that are no worker, oldest first
//!     queue  oldest first                            seated: workers that will look here; none: nothing is let in
//! ```
//! Queue and way in lie each under a lock of its own whose payload says how much there is, so that a look costs a load. A locked queue
//! and not a lock-free deque: a push or a take is one uncontended lock, a thief takes half in one go, the way in and its closing are
//! decided in one critical section, and what the models run is what everyone runs.
//!
//! The slot is a [`Turn`], at half the price of a lock, and never waited for. Only a thief can be in the worker's way, and it has come
//! to take what is there: so a worker that finds it inside has nothing to take, and queues what it would put there.

use crate::fsm::CellId;
use crate::sync::lock::{self, Lock};
use crate::sync::shim::{AtomicBool, AtomicU64, Ordering};
use crate::sync::turn::Turn;
use std::collections::VecDeque;

/// How often in a row the slot goes first: two that wake each other would else keep all others waiting.
const SLOT_STREAK: u32 = 3;
/// A worker takes at most so many at once from the way in.
const TAKE_MAX: usize = 128;

/// What belongs to one worker, whichever thread that is. On lines of its own.
#[repr(align(128))]
pub(super) struct Place<T> {
    /// The payload: its length.
    queue: Lock<VecDeque<T>>,
    slot: Turn<Option<T>>,
    /// Whether the slot is full, for a look. Set by the worker alone.
    is_full: AtomicBool,
    /// Turns begun. Written by the worker alone.
    turns: AtomicU64,
    /// Which cell is in a turn; 0 if none.
    cell: AtomicU64,
    /// What is done with the task that comes after the next.
    ahead: Ahead<T>,
}

/// Has the processor fetch what a task that will run soon lies in.
pub(super) type Ahead<T> = fn(&T);

/// The lock of a queue, held.
type Queue<'a, T> = lock::Guard<'a, VecDeque<T>>;

/// Unlocks, and leaves the length beside.
fn unlock<T>(queue: Queue<'_, T>) {
    let len = queue.len() as u32;
    queue.unlock_with(|_| len);
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
    pub(super) fn new(ahead: Ahead<T>) -> Place<T> {
        Place {
            queue: Lock::new(VecDeque::new()),
            slot: Turn::new(None),
            is_full: AtomicBool::new(false),
            turns: AtomicU64::new(0),
            cell: AtomicU64::new(0),
            ahead,
        }
    }

    /// A task that the worker has woken goes into the slot; one that comes `again` from its own turn, to the end of the queue.
    pub(super) fn push(&self, task: T, again: bool) -> Pushed {
        let pushed = if self.has_queue() { Pushed::More } else { Pushed::Mine };
        let back = if again { Some(task) } else { self.put(task) };
        if let Some(back) = back {
            let mut queue = self.queue.lock();
            queue.push_back(back);
            unlock(queue);
        }
        pushed
    }

    /// Puts a task into the slot; what lay there before, or the task itself if a thief is in, is for the queue.
    fn put(&self, task: T) -> Option<T> {
        let Some(mut slot) = self.slot.try_enter() else { return Some(task) };
        // Relaxed: for the worker itself, and for thieves, who look again inside.
        self.is_full.store(true, Ordering::Relaxed);
        slot.replace(task)
    }

    /// What lies in the slot, unless a thief is taking it.
    fn take_slot(&self) -> Option<T> {
        if !self.is_full.load(Ordering::Relaxed) {
            return None;
        }
        let mut slot = self.slot.try_enter()?;
        self.is_full.store(false, Ordering::Relaxed);
        slot.take()
    }

    /// What the worker does next. `streak`: how often the slot has gone first.
    pub(super) fn pop(&self, streak: &mut u32) -> Option<T> {
        if (*streak < SLOT_STREAK || !self.has_queue())
            && let Some(task) = self.take_slot()
        {
            *streak = streak.saturating_add(1);
            return Some(task);
        }
        if !self.has_queue() {
            return self.take_slot(); // the queue may just have been stolen
        }
        *streak = 0;
        let waiting = self.take_slot();
        let mut queue = self.queue.lock();
        queue.extend(waiting);
        let next = queue.pop_front();
        queue.front().into_iter().for_each(self.ahead);
        let spare = spare(&mut queue);
        unlock(queue);
        drop(spare);
        next
    }

    /// Appends to the queue.
    pub(super) fn extend(&self, tasks: impl Iterator<Item = T>) {
        let mut queue = self.queue.lock();
        queue.extend(tasks);
        unlock(queue);
    }

    /// Half of the queue, rounded up, for a thief. With `slot`, an empty queue gives the task of the slot.
    pub(super) fn steal(&self, slot: bool, loot: &mut Vec<T>) {
        let mut queue = self.queue.lock();
        let half = queue.len().div_ceil(2);
        loot.extend(queue.drain(..half));
        let spare = spare(&mut queue);
        unlock(queue);
        drop(spare);
        if loot.is_empty() && slot {
            loot.extend(self.take_slot());
        }
    }

    /// All of it, for the worker goes into a section that may block.
    pub(super) fn clear(&self) -> Vec<T> {
        let slot = self.take_slot();
        let mut queue = self.queue.lock();
        let tasks = slot.into_iter().chain(queue.drain(..)).collect();
        let spare = spare(&mut queue);
        unlock(queue);
        drop(spare);
        tasks
    }

    /// For how many tasks there is room.
    #[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
    pub(super) fn capacity(&self) -> usize {
        self.queue.lock().capacity()
    }

    /// Whether there is a task. Two loads.
    pub(super) fn has_work(&self) -> bool {
        self.is_full.load(Ordering::Relaxed) || self.has_queue()
    }

    /// Whether the queue holds some, the slot aside. One load.
    pub(super) fn has_queue(&self) -> bool {
        self.queue.payload() != 0
    }

    /// Whether more is there than the worker's own next. Two loads.
    pub(super) fn has_more_than_one(&self) -> bool {
        1 < u32::from(self.is_full.load(Ordering::Relaxed)) + self.queue.payload()
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
        let spare = spare(&mut inside.tasks);
        let word = inside.word();
        inside.unlock_with(|_| word);
        drop(spare);
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

/// An empty queue keeps room for so many tasks: a burst's memory is given back.
const SPARE_MAX: usize = 1_024;

/// Takes the memory of an empty queue out if it is much, to be given back after the unlock.
fn spare<T>(queue: &mut VecDeque<T>) -> VecDeque<T> {
    if queue.is_empty() && SPARE_MAX < queue.capacity() { std::mem::take(queue) } else { VecDeque::new() }
}
