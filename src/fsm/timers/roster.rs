//! Whom the timers signal, by number: so an entry of the wheel names a cell in four bytes, and no count of the cell moves when a
//! timer is set or cancelled.
//!
//! ```text
//!   wheel entry { member 3, tag 7 } ──> members [ cell ][ free ][ cell ][ cell ] ──> "tag 7 is due"
//!                                                 |  first timer: enrol ... death: leave, and the number is another's
//! ```
//! In chunks, as the entries of the wheel: growth copies little, and the memory of a crowd is given back.

use crate::fsm::cell::Node;
use std::sync::{Arc, Weak};

/// The number of a cell that has set a timer, for as long as that cell lives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member(u32);

impl Member {
    /// As an entry of the wheel knows it.
    pub(super) fn number(&self) -> u32 {
        self.0
    }
}

const CHUNK_SHIFT: u32 = 12;
const CHUNK: usize = 1 << CHUNK_SHIFT;
/// No number.
const NONE: u32 = u32::MAX;

/// A cell, weakly (F9), or the next free number of the chunk.
enum Place {
    Cell(Weak<dyn Node>),
    Free(u32),
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Place>() == 16, "a cell that has timers is 16 bytes here");

struct Chunk {
    places: Vec<Place>,
    free: u32,
    live: usize,
}

/// All cells that have set a timer and live.
pub(super) struct Roster {
    chunks: Vec<Chunk>,
    /// Every chunk before this one is full.
    open: usize,
}

impl Roster {
    pub(super) const fn new() -> Roster {
        Roster { chunks: Vec::new(), open: 0 }
    }

    pub(super) fn enrol(&mut self, cell: Weak<dyn Node>) -> Member {
        while self.chunks.get(self.open).is_some_and(|chunk| chunk.live == CHUNK) {
            self.open += 1;
        }
        if self.open == self.chunks.len() {
            self.chunks.push(Chunk { places: Vec::new(), free: NONE, live: 0 });
        }
        let number = (self.open as u32) << CHUNK_SHIFT;
        let chunk = &mut self.chunks[self.open];
        chunk.live += 1;
        let (free, len) = (chunk.free, chunk.places.len() as u32);
        let Some(place) = chunk.places.get_mut(free as usize) else {
            chunk.places.push(Place::Cell(cell));
            return Member(number | len);
        };
        if let Place::Free(next) = std::mem::replace(place, Place::Cell(cell)) {
            chunk.free = next;
        }
        Member(number | free)
    }

    /// Frees a number. Hands the cell back, to be dropped after the unlock.
    pub(super) fn leave(&mut self, Member(number): Member) -> Option<Weak<dyn Node>> {
        let at = (number >> CHUNK_SHIFT) as usize;
        let chunk = self.chunks.get_mut(at)?;
        let place = chunk.places.get_mut(number as usize % CHUNK)?;
        let Place::Cell(cell) = std::mem::replace(place, Place::Free(chunk.free)) else { return None };
        chunk.free = number % CHUNK as u32;
        chunk.live -= 1;
        self.open = self.open.min(at);
        while self.chunks.last().is_some_and(|last| last.live == 0) {
            self.chunks.pop();
        }
        self.open = self.open.min(self.chunks.len());
        Some(cell)
    }

    /// Who has this number, if it lives.
    pub(super) fn cell(&self, number: u32) -> Option<Arc<dyn Node>> {
        let chunk = self.chunks.get((number >> CHUNK_SHIFT) as usize)?;
        match chunk.places.get(number as usize % CHUNK)? {
            Place::Cell(cell) => cell.upgrade(),
            Place::Free(_) => None,
        }
    }

    /// Has the processor fetch that cell: how many refer to it.
    pub(super) fn touch(&self, number: u32) -> usize {
        let place = |chunk: &Chunk| match chunk.places.get(number as usize % CHUNK) {
            Some(Place::Cell(cell)) => cell.strong_count(),
            Some(Place::Free(_)) | None => 0,
        };
        self.chunks.get((number >> CHUNK_SHIFT) as usize).map_or(0, place)
    }

    #[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.live).sum()
    }

    #[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }
}
