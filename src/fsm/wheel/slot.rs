//! A slot of a wheel: numbers in order of arming, so that neither who cancels nor who comes in looks at another entry.

use super::slab::Slab;
use std::num::NonZeroU32;

/// What waits for the beginning of a slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    /// In order of arming, those cancelled among them.
    waiting: Vec<Waiting>,
    /// How many of them wait still.
    live: u32,
}

/// An entry in a slot, unless it was cancelled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) index: u32,
    pub(super) generation: NonZeroU32,
}

/// Room for so many is kept, however few wait.
pub(super) const FEW: usize = 32;

impl Slot {
    /// One more waits. Room for it is made among the cancelled, if they are half of all.
    pub(super) fn add<T>(&mut self, one: Waiting, entries: &Slab<T>) {
        if self.waiting.len() == self.waiting.capacity() && 2 * self.live as usize <= self.waiting.len() {
            self.forget(entries);
        }
        self.waiting.push(one);
        self.live += 1;
    }

    /// One of them was cancelled, and is no more among the entries; says how many wait still. Memory is given back once they take an
    /// eighth of it: so each look at one that was cancelled is paid for by a cancel.
    pub(super) fn leave<T>(&mut self, entries: &Slab<T>) -> u32 {
        self.live -= 1;
        if self.live == 0 {
            self.waiting.clear();
        }
        if FEW < self.waiting.capacity() && 8 * self.live as usize <= self.waiting.capacity() {
            self.forget(entries);
            self.waiting.shrink_to(2 * self.live as usize);
        }
        self.live
    }

    /// Forgets those cancelled.
    pub(super) fn forget<T>(&mut self, entries: &Slab<T>) {
        self.waiting.retain(|one| entries.has(one.index, one.generation));
    }

    /// All, those cancelled among them; none waits here any more.
    pub(super) fn take(&mut self) -> Vec<Waiting> {
        self.live = 0;
        std::mem::take(&mut self.waiting)
    }

    /// The memory of what was taken, for the next who come.
    pub(super) fn give_back(&mut self, mut taken: Vec<Waiting>) {
        if taken.capacity() <= FEW && self.waiting.is_empty() {
            taken.clear();
            self.waiting = taken;
        }
    }

    /// When the first of them is due.
    pub(super) fn earliest<T>(&self, entries: &Slab<T>) -> Option<u64> {
        self.waiting.iter().filter_map(|one| entries.due(one.index, one.generation)).min()
    }

    /// How many wait, and for how many there is room.
    #[cfg(test)]
    pub(super) fn live_and_room(&self) -> (usize, usize) {
        (self.live as usize, self.waiting.capacity())
    }
}
