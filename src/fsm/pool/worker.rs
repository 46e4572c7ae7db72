//! The life of a thread of the pool: where its next task comes from, and when it sleeps.
//!
//! ```text
//!   next:  [every 61st time: the way in first]  slot, own queue ──> the way in ──> search: steal half, three rounds ──> sleep
//!   turn:  run it; more behind than my own next -> wake another
//! ```

use super::floor::Floor;
use super::home::Shared;
use super::queues::Place;
use crate::fsm::CellId;
use crate::fsm::death::contained;
use crate::fsm::runner::Task;
use crate::fsm::turn::Limit;
use crate::mix::Draws;
use crate::sync::shim::{Ordering, local, thread};
use std::cell::Cell;
use std::sync::Arc;

/// The way in goes first so often, or a pool that keeps itself busy would never hear from outside.
const OUTSIDE_FIRST: u32 = 61;
/// How many rounds a search has: a model has seen all after one.
const ROUNDS: usize = if cfg!(rsm_loom) { 1 } else { 3 };

/// For which pool the calling thread works, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    /// The address of the pool's shared part, which its threads keep alive.
    pub(super) pool: usize,
    pub(super) at: At,
}

/// Where a thread of a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// At this place.
    Place(usize),
    /// In a turn of this cell that has blocked: another has the place, until the turn's end.
    Away(Option<CellId>),
}

local! {
    static SEAT: Cell<Option<Seat>> = Cell::new(None);
}

/// The seat of the calling thread, in whatever pool.
pub(super) fn seat() -> Option<Seat> {
    SEAT.with(Cell::get)
}

pub(super) fn sit(seat: Option<Seat>) {
    SEAT.with(|mine| mine.set(seat));
}

/// The life of a thread: it works at one place after the other.
pub(super) fn live(shared: &Arc<Shared>) {
    while let Some(nth) = shared.spares.wait_for_place() {
        let mine = Some(Seat { pool: shared.identity(), at: At::Place(nth) });
        sit(mine);
        let (mut worker, mut over) = (Worker::new(&shared.floor, nth), false);
        while !over && seat() == mine {
            // What a turn runs is contained there. Should a panic come past that, it costs neither the thread nor the place.
            contained(|| {
                turns(shared, &mut worker, mine);
                over = true;
            });
        }
        sit(None);
    }
    shared.spares.thread_is_gone();
}

/// One turn after the other at a place, until the pool is over or a turn has blocked: then another has the place.
fn turns(shared: &Shared, worker: &mut Worker<'_, Task>, mine: Option<Seat>) {
    let nth = worker.nth;
    shared.floor.after_turn(nth);
    while let Some(task) = worker.next() {
        shared.floor.places[nth].note(task.cell().0);
        let _ = task.run_within(Limit::Batch, &|| !shared.floor.has_work_beside(nth));
        if seat() != mine {
            return;
        }
        shared.floor.after_turn(nth);
    }
}

/// A thread at a place.
pub(super) struct Worker<'a, T> {
    floor: &'a Floor<T>,
    nth: usize,
    picks: u32,
    streak: u32,
    draws: Draws,
    loot: Vec<T>,
    /// The turn in which each other place was last seen, to know whether one stands still.
    looks: Vec<u64>,
}

impl<'a, T> Worker<'a, T> {
    pub(super) fn new(floor: &'a Floor<T>, nth: usize) -> Worker<'a, T> {
        let looks = vec![u64::MAX; floor.places.len()];
        Worker { floor, nth, picks: 0, streak: 0, draws: Draws::new(nth as u64), loot: Vec::new(), looks }
    }

    fn place(&self) -> &'a Place<T> {
        &self.floor.places[self.nth]
    }

    /// The next task, perhaps after a sleep; `None`: the pool is over.
    pub(super) fn next(&mut self) -> Option<T> {
        let (floor, place) = (self.floor, self.place());
        self.picks = self.picks.wrapping_add(1);
        let outside = if self.picks.is_multiple_of(OUTSIDE_FIRST) { floor.take_in(place) } else { None };
        let mine = outside.or_else(|| place.pop(&mut self.streak)).or_else(|| floor.take_in(place));
        if mine.is_some() {
            return mine;
        }
        let mut searching = floor.sleep.search();
        loop {
            if searching && let Some(task) = self.search() {
                floor.found();
                return Some(task);
            }
            if floor.way_in.leave() {
                if searching {
                    let _nobody_else = floor.sleep.found();
                }
                return None;
            }
            floor.sleep(self.nth, searching);
            searching = true;
        }
    }

    /// Looks everywhere, a few times.
    fn search(&mut self) -> Option<T> {
        for _ in 0..ROUNDS {
            let found = self.floor.take_in(self.place()).or_else(|| self.steal());
            if found.is_some() {
                return found;
            }
            if cfg!(not(rsm_loom)) {
                thread::yield_now();
            }
        }
        None
    }

    /// Half of another's queue, or what lies in the slot of one whose turn has not moved since the last look.
    fn steal(&mut self) -> Option<T> {
        let places = &self.floor.places;
        let start = self.draws.below(places.len() as u64) as usize;
        for nth in 0..places.len() {
            let victim = (start + nth) % places.len();
            if victim == self.nth || !places[victim].has_work() {
                continue;
            }
            let turns = places[victim].turns();
            let stands = std::mem::replace(&mut self.looks[victim], turns) == turns;
            places[victim].steal(stands, &mut self.loot);
            let mut loot = self.loot.drain(..);
            if let Some(first) = loot.next() {
                if loot.len() != 0 {
                    places[self.nth].extend(loot);
                }
                self.floor.steals.fetch_add(1, Ordering::Relaxed);
                return Some(first);
            }
        }
        None
    }
}
