//! The life of a thread of the pool: where its next task comes from, and when it sleeps.
//!
//! ```text
//!   next:  [every 61st time: the way in first]  slot, own queue ──> the way in ──> search: steal half, three rounds ──> sleep
//!   turn:  run it; more behind than my own next -> wake another
//! ```

use super::Shared;
use crate::fsm::runner::Task;
use crate::fsm::turn::Limit;
use crate::mix::Draws;
use crate::sync::shim::{Ordering, local, thread};
use std::cell::Cell;
use std::sync::Arc;

/// The way in goes first so often, or a pool that keeps itself busy would never hear from outside.
const OUTSIDE_FIRST: u32 = 61;
/// How many rounds a search has.
const ROUNDS: usize = 3;

/// Which place of which pool the calling thread has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    /// The address of the pool's shared part, which its threads keep alive.
    pub(super) pool: usize,
    pub(super) place: usize,
}

local! {
    static SEAT: Cell<Option<Seat>> = Cell::new(None);
}

/// The place of the calling thread, in whatever pool.
pub(super) fn seat() -> Option<Seat> {
    SEAT.with(Cell::get)
}

pub(super) fn sit(seat: Option<Seat>) {
    SEAT.with(|mine| mine.set(seat));
}

/// The life of a thread: it works at one place after the other.
pub(super) fn live(shared: &Arc<Shared>) {
    while let Some(place) = shared.spares.wait_for_place() {
        let seat = Seat { pool: shared.identity(), place };
        sit(Some(seat));
        Worker::new(shared, seat).work();
        sit(None);
    }
    shared.spares.thread_is_gone();
}

/// A thread at a place.
struct Worker<'a> {
    shared: &'a Shared,
    seat: Seat,
    picks: u32,
    streak: u32,
    draws: Draws,
    loot: Vec<Task>,
    /// The turn in which each other place was last seen, to know whether one stands still.
    looks: Vec<u64>,
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared, seat: Seat) -> Worker<'a> {
        let looks = vec![u64::MAX; shared.places.len()];
        Worker { shared, seat, picks: 0, streak: 0, draws: Draws::new(seat.place as u64), loot: Vec::new(), looks }
    }

    /// Runs tasks until the place has been given away, or nothing is left and nothing will come.
    fn work(&mut self) {
        let place = &self.shared.places[self.seat.place];
        while let Some(task) = self.next() {
            place.note(task.cell().0);
            let _ = task.run_within(Limit::Batch);
            if seat() != Some(self.seat) {
                return; // the turn has blocked: another has the place
            }
            place.note(0);
            if place.has_more_than_one() {
                self.shared.sleep.wake_one();
            }
        }
    }

    /// The next task; `None`: the pool is over.
    fn next(&mut self) -> Option<Task> {
        let shared = self.shared;
        let place = &shared.places[self.seat.place];
        self.picks = self.picks.wrapping_add(1);
        if self.picks.is_multiple_of(OUTSIDE_FIRST)
            && let Some(task) = shared.take_in(place)
        {
            return Some(task);
        }
        let mine = place.pop(&mut self.streak).or_else(|| shared.take_in(place));
        if mine.is_some() {
            return mine;
        }
        let mut searching = shared.sleep.search();
        loop {
            if searching && let Some(task) = self.search() {
                if shared.sleep.found() && shared.has_queues() {
                    shared.sleep.wake_one();
                }
                return Some(task);
            }
            if shared.spares.is_over() && shared.way_in.stand_up() {
                if searching {
                    let _ = shared.sleep.found();
                }
                return None;
            }
            shared.sleep.lie_down(self.seat.place, searching);
            // Decided under the lock of the way in (F5); what lies with others is a matter of speed.
            if shared.spares.is_over() {
                shared.sleep.wake_all();
            } else if shared.way_in.has_work_for_sure() || shared.has_queues() {
                shared.sleep.wake_one();
            }
            shared.sleep.wait(self.seat.place, || self.shared.watch());
            searching = true;
        }
    }

    /// Looks everywhere, a few times.
    fn search(&mut self) -> Option<Task> {
        for _ in 0..ROUNDS {
            if let Some(task) = self.shared.take_in(&self.shared.places[self.seat.place]) {
                return Some(task);
            }
            if let Some(task) = self.steal() {
                return Some(task);
            }
            thread::yield_now();
        }
        None
    }

    /// Half of another's queue, or what lies in the slot of one whose turn has not moved since the last look.
    fn steal(&mut self) -> Option<Task> {
        let places = &self.shared.places;
        let start = self.draws.below(places.len() as u64) as usize;
        for nth in 0..places.len() {
            let victim = (start + nth) % places.len();
            if victim == self.seat.place || !places[victim].has_work() {
                continue;
            }
            let turns = places[victim].turns();
            let stands = std::mem::replace(&mut self.looks[victim], turns) == turns;
            places[victim].steal(stands, &mut self.loot);
            let mut loot = self.loot.drain(..);
            if let Some(first) = loot.next() {
                if loot.len() != 0 {
                    places[self.seat.place].extend(loot);
                }
                self.shared.steals.fetch_add(1, Ordering::Relaxed);
                return Some(first);
            }
        }
        None
    }
}
