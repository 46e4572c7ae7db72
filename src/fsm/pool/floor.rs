//! Where workers meet: their places, the way in, and who sleeps. It knows nothing of automata, so models run it with numbers.

use super::queues::{Ahead, Place, Pushed, WayIn};
use super::sleep::{Seen, Sleep};
use super::stalls::{Stalls, Told};
use crate::sync::shim::AtomicU64;

pub(super) struct Floor<T> {
    pub(super) places: Box<[Place<T>]>,
    pub(super) way_in: WayIn<T>,
    pub(super) sleep: Sleep,
    pub(super) stalls: Stalls,
    pub(super) steals: AtomicU64,
}

impl<T> Floor<T> {
    /// `told` hears of turns that take long; `ahead` is shown the task behind each that is taken from the front of a queue.
    pub(super) fn new(workers: usize, told: Told, ahead: Ahead<T>) -> Floor<T> {
        Floor {
            places: (0..workers).map(|_| Place::new(ahead)).collect(),
            way_in: WayIn::new(workers),
            sleep: Sleep::new(workers),
            stalls: Stalls::new(workers, told),
            steals: AtomicU64::new(0),
        }
    }

    /// From outside, or from a thread that has given its place away. Hands the task back if nobody will ever take it.
    pub(super) fn let_in(&self, task: T) -> Result<(), T> {
        self.way_in.push(task)?;
        self.sleep.wake_one();
        Ok(())
    }

    /// From the worker at this place; `again`: from the end of the task's own turn.
    pub(super) fn push(&self, place: &Place<T>, task: T, again: bool) {
        match place.push(task, again) {
            Pushed::Mine => {}
            Pushed::More => self.sleep.wake_one(),
        }
    }

    /// What a worker does next of what came from outside.
    pub(super) fn take_in(&self, place: &Place<T>) -> Option<T> {
        self.way_in.take(self.places.len(), place)
    }

    /// Whether the worker at this place would find work, at once or by stealing. A few loads for each place.
    pub(super) fn has_work_beside(&self, nth: usize) -> bool {
        self.places[nth].has_work() || self.way_in.has_work() || self.has_queues()
    }

    /// The worker at this place has ended a turn: whether it left more behind than it can do next.
    pub(super) fn after_turn(&self, nth: usize) {
        let place = &self.places[nth];
        place.note(0);
        if place.has_more_than_one() {
            self.sleep.wake_one();
        }
    }

    /// One that searched has found something: the last one calls another if there is more. For who let a task in meanwhile may have
    /// seen it search and called nobody, and its turn may never end.
    pub(super) fn found(&self) {
        // Under its lock: a mere look at the way in may be older than the last push, whose look at the word is older than `found`
        // (model `fsm_pool_found_push`).
        if self.sleep.found() && (self.way_in.look().0 || self.has_queues()) {
            self.sleep.wake_one();
        }
    }

    /// Whether a queue of a place holds work. A few loads.
    fn has_queues(&self) -> bool {
        self.places.iter().any(Place::has_queue)
    }

    /// The worker at this place has found nothing: sleeps until it is called, and searches then.
    pub(super) fn sleep(&self, nth: usize, searching: bool) {
        self.sleep.lie_down(nth, searching);
        let (work, over) = self.way_in.look();
        if over {
            self.sleep.wake_all(); // whoever lay down meanwhile, too
        } else if work || self.has_queues() {
            self.sleep.wake_one();
        }
        self.sleep.wait(nth, || self.watch());
    }

    /// What a watcher does: what lies on the way in, or behind a turn that stands still, is taken by one who sleeps.
    fn watch(&self) -> Seen {
        if self.way_in.has_work() {
            self.sleep.wake_one();
        }
        self.stalls.look(&self.places, || self.sleep.wake_one())
    }

    /// The worker at this place goes into a section that may block: what waits for it is let in for others.
    pub(super) fn hand_over(&self, nth: usize) {
        let place = &self.places[nth];
        for task in place.clear() {
            let taken = self.let_in(task);
            debug_assert!(taken.is_ok(), "F5: a place that has a worker keeps the way in open");
        }
        place.note(0);
    }

    /// Workers leave once they find nothing more to do.
    pub(super) fn end(&self) {
        self.way_in.end();
        self.sleep.wake_all();
    }
}
