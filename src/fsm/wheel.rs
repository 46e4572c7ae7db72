//! Timers as a pure structure: no clock, no thread, and a deadline is never rounded.
//!
//! ```text
//!   tick = ns >> 20 (1.05 ms)      level = highest 6-bit digit in which the deadline's tick differs from the present one
//!   level 0  |.|.|#|.| ... 64 slots of one tick
//!   level 1  |.|#|.|.| ... of 64 ticks               8 levels hold all 44 bits of a tick: no list for the far future
//!   near     a heap of what lies within the present tick, in the exact order (deadline, arming)
//!   slot     [ entry 7 ][ entry 3, cancelled ][ entry 12 ]    in order of arming: who cancels leaves the slot alone
//! ```
//! A slot is where an entry waits, never when it fires: within the present tick the heap orders by nanosecond, so timers of equal
//! periods do not herd on the edges of slots. An entry moves at most once per level in its life, in practice not at all or twice.
//!
//! Whoever sleeps until the next deadline wants [`Wheel::wake`]; whoever jumps to it, [`Wheel::next`].

use crate::time::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU32;

mod slab;
mod slot;
#[cfg(test)]
mod tests;

use slab::Slab;
use slot::{Slot, Waiting};

/// Nanoseconds of a tick, as a power of two.
const TICK_SHIFT: u32 = 20;
const LEVELS: usize = 8;
const SLOTS: usize = 64;
const DIGIT: u32 = SLOTS.trailing_zeros();
const _: () = assert!((u64::BITS - TICK_SHIFT) <= DIGIT * LEVELS as u32, "eight levels hold every tick: no clamp");

/// Names one entry of a wheel, as long as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    index: u32,
    generation: NonZeroU32,
}

/// Values that fall due, each at its nanosecond.
///
/// ```
/// use rsm::fsm::wheel::Wheel;
/// use rsm::time::Time;
///
/// let mut wheel = Wheel::new(Time::ZERO);
/// let tea = wheel.insert(Time(180_000_000_000), "tea");
/// wheel.insert(Time(60_000_000_000), "egg");
/// assert_eq!(wheel.next(), Some(Time(60_000_000_000)));
/// assert_eq!(wheel.cancel(tea), Some("tea"));
/// let mut due = Vec::new();
/// wheel.advance(Time(200_000_000_000), |at, what| due.push((at, what)));
/// assert_eq!(due, [(Time(60_000_000_000), "egg")]);
/// ```
#[derive(Clone, Debug)]
pub struct Wheel<T> {
    now: u64,
    entries: Slab<T>,
    /// A level has its slots once it is used.
    levels: [Option<Box<[Slot; SLOTS]>>; LEVELS],
    /// Which slots of a level are occupied. All lie behind the present digit of that level.
    occupied: [u64; LEVELS],
    near: BinaryHeap<Reverse<Near>>,
    arrivals: u64,
    /// Copies in `near` whose entry was cancelled. The first one is never such.
    stale: usize,
}

/// An entry's place in the heap. Entries of one deadline have always been in one list, in order of arming, so their order of
/// arrival here is that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Near {
    at: u64,
    arrival: u64,
    index: u32,
    generation: NonZeroU32,
}

impl<T> Wheel<T> {
    /// What one entry takes, the value included.
    pub(crate) const ENTRY_BYTES: usize = Slab::<T>::ENTRY_BYTES + size_of::<Waiting>();

    /// An empty wheel; `now` is where [`advance`](Self::advance) starts from.
    #[must_use]
    pub fn new(now: Time) -> Wheel<T> {
        Wheel {
            now: now.0,
            entries: Slab::new(),
            levels: [const { None }; LEVELS],
            occupied: [0; LEVELS],
            near: BinaryHeap::new(),
            arrivals: 0,
            stale: 0,
        }
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Has `value` fall due at `at`, after all that were inserted for the same time before; with the next
    /// [`advance`](Self::advance) if that is over. O(1) over many, of which one may look at all that wait in its slot; O(log n)
    /// within the present tick.
    pub fn insert(&mut self, at: Time, value: T) -> Handle {
        if self.entries.is_last_generation() {
            self.forget();
        }
        let (index, generation) = self.entries.insert(at.0, value);
        self.place(Waiting { index, generation }, at.0);
        Handle { index, generation }
    }

    /// Takes the value back, if it is still there. O(1) over many, of which one may look at all that wait in its slot.
    pub fn cancel(&mut self, timer: Handle) -> Option<T> {
        let at = self.entries.due(timer.index, timer.generation)?;
        let value = self.entries.remove(timer.index);
        match self.slot(at) {
            Some((level, slot)) => self.leave(level, slot),
            None => {
                self.stale += 1;
                self.tidy();
            }
        }
        if self.entries.is_of_a_former_lap(timer.generation) {
            self.forget();
        }
        Some(value)
    }

    /// As [`cancel`](Self::cancel) of each, in order; quicker, if they lie scattered: a first look at all of them
    /// lets the processor fetch these together, and not one after the other. Some hundreds at a time fit into its nearest cache.
    pub fn cancel_all(&mut self, timers: &[Handle], mut cancelled: impl FnMut(T)) {
        std::hint::black_box(timers.iter().fold(0, |seen, timer| seen ^ self.entries.touch(timer.index)));
        timers.iter().filter_map(|&timer| self.cancel(timer)).for_each(&mut cancelled);
    }

    /// A time before which nothing falls due; the earliest deadline itself, once it lies in the present tick. O(levels).
    ///
    /// Who sleeps until then, advances and asks again wakes at most once per level in vain.
    #[must_use]
    pub fn wake(&self) -> Option<Time> {
        match self.near.peek() {
            Some(Reverse(first)) => Some(Time(first.at)),
            None => self.first_slot().map(|(level, slot)| Time(self.start(level, slot) << TICK_SHIFT)),
        }
    }

    /// The earliest deadline. Walks one slot.
    #[must_use]
    pub fn next(&self) -> Option<Time> {
        if let Some(Reverse(first)) = self.near.peek() {
            return Some(Time(first.at));
        }
        let (level, slot) = self.first_slot()?;
        self.levels[level].as_ref()?[slot].earliest(&self.entries).map(Time)
    }

    /// Hands out all that falls due up to `now`, itself included, in order of deadline, then of arming, and moves there.
    /// A `now` that lies behind counts as the present one. The cost is by what falls due and moves, not by the time passed.
    pub fn advance(&mut self, now: Time, mut due: impl FnMut(Time, T)) {
        let now = now.0.max(self.now);
        loop {
            self.fire(now, &mut due);
            match self.first_slot() {
                Some((level, slot)) if self.start(level, slot) <= now >> TICK_SHIFT => self.open(level, slot),
                Some(_) | None => break,
            }
        }
        self.now = now;
    }

    /// Hands out what the heap holds up to `now`.
    fn fire(&mut self, now: u64, due: &mut impl FnMut(Time, T)) {
        while let Some(&Reverse(first)) = self.near.peek() {
            if now < first.at {
                break;
            }
            self.near.pop();
            let value = self.entries.remove(first.index);
            self.tidy();
            due(Time(first.at), value);
        }
    }

    /// Moves to the beginning of an occupied slot and spreads its entries over the levels below, in order.
    fn open(&mut self, level: usize, slot: usize) {
        self.now = self.start(level, slot) << TICK_SHIFT;
        self.occupied[level] &= !(1 << slot);
        let Some(slots) = self.levels[level].as_mut() else { return };
        let waiting = slots[slot].take();
        for &one in &waiting {
            if let Some(at) = self.entries.due(one.index, one.generation) {
                self.place(one, at);
            }
        }
        if let Some(slots) = self.levels[level].as_mut() {
            slots[slot].give_back(waiting);
        }
    }

    /// Where an entry of this deadline waits: `None` is the heap.
    fn slot(&self, at: u64) -> Option<(usize, usize)> {
        let (tick, present) = (at >> TICK_SHIFT, self.now >> TICK_SHIFT);
        if tick <= present {
            return None;
        }
        let level = (u64::BITS - 1 - (tick ^ present).leading_zeros()) / DIGIT;
        Some((level as usize, (tick >> (DIGIT * level)) as usize % SLOTS))
    }

    /// The occupied slot that begins first. What lies on a lower level is earlier.
    fn first_slot(&self) -> Option<(usize, usize)> {
        let level = self.occupied.iter().position(|&bits| bits != 0)?;
        Some((level, self.occupied[level].trailing_zeros() as usize))
    }

    /// The tick at which a slot begins: the digits above are the present ones, those below are 0.
    fn start(&self, level: usize, slot: usize) -> u64 {
        let shift = DIGIT * level as u32;
        let above = (self.now >> TICK_SHIFT) >> shift & !(SLOTS as u64 - 1);
        (above | slot as u64) << shift
    }

    fn place(&mut self, one: Waiting, at: u64) {
        match self.slot(at) {
            None => {
                self.arrivals += 1;
                let Waiting { index, generation } = one;
                self.near.push(Reverse(Near { at, arrival: self.arrivals, index, generation }));
            }
            Some((level, slot)) => {
                let slots =
                    self.levels[level].get_or_insert_with(|| Box::new(std::array::from_fn(|_| Slot::default())));
                slots[slot].add(one, &self.entries);
                self.occupied[level] |= 1 << slot;
            }
        }
    }

    /// One of a slot was cancelled, and is no more among the entries.
    fn leave(&mut self, level: usize, slot: usize) {
        let Some(slots) = self.levels[level].as_mut() else { return };
        if slots[slot].leave(&self.entries) == 0 {
            self.occupied[level] &= !(1 << slot);
        }
    }

    /// What was cancelled is forgotten everywhere, so that none is taken for another once the generations have begun anew: as
    /// they do, and with each that is cancelled after it and was inserted before.
    fn forget(&mut self) {
        let entries = &self.entries;
        for slot in self.levels.iter_mut().flatten().flat_map(|slots| slots.iter_mut()) {
            slot.forget(entries);
        }
        self.near.retain(|Reverse(near)| entries.has(near.index, near.generation));
        self.stale = 0;
    }

    /// Keeps the first of the heap alive, and the stale copies in it fewer than the others.
    fn tidy(&mut self) {
        let entries = &self.entries;
        let lives = |near: &Near| entries.has(near.index, near.generation);
        if self.near.len() < 2 * self.stale {
            self.near.retain(|Reverse(near)| lives(near));
            self.stale = 0;
        }
        while self.near.peek().is_some_and(|Reverse(first)| !lives(first)) {
            self.near.pop();
            self.stale -= 1;
        }
    }
}
