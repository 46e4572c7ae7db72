//! What the executor knows of each cell, found by its name once a step.
//!
//! ```text
//!   cell ──by name──> place ──> Life { turns, kinds, paused }      a place is good until its cell has ended
//!      └──recent────────┘                                          names are spread bits: a few of them find one seen lately
//! ```

use crate::fsm::CellId;
use crate::fsm::cell::Node;
use crate::fsm::runner::Task;
use std::collections::BTreeMap;
use std::sync::Weak;

/// What is known of one cell.
#[derive(Default)]
pub(super) struct Life {
    pub(super) turns: u64,
    /// Kinds in order of first sight.
    kinds: Vec<u64>,
    /// Paused, with the task that waits, if it has one.
    pub(super) paused: Option<Option<Task>>,
    /// To end it when the last handle is gone, although it is idle.
    pub(super) node: Option<Weak<dyn Node>>,
}

/// So many bits of a name say where among the recent ones it stands, if it does.
const RECENT_BITS: u32 = 6;

/// All cells that were seen and have not ended.
#[derive(Default)]
pub(super) struct Lives {
    places: BTreeMap<CellId, usize>,
    /// Some of these, where each is found at once.
    recent: Vec<Option<(CellId, usize)>>,
    lives: Vec<Life>,
    free: Vec<usize>,
}

/// Where a cell stands among the recent ones.
fn slot(cell: CellId) -> usize {
    (cell.0 >> (u64::BITS - RECENT_BITS)) as usize
}

impl Lives {
    /// The place of a cell; a new one, if it was never seen.
    pub(super) fn place(&mut self, cell: CellId) -> usize {
        match self.recent.get(slot(cell)) {
            Some(&Some((seen, place))) if seen == cell => place,
            Some(_) | None => self.place_anew(cell),
        }
    }

    #[cold]
    fn place_anew(&mut self, cell: CellId) -> usize {
        let Lives { places, recent, lives, free } = self;
        let place = *places.entry(cell).or_insert_with(|| {
            free.pop().unwrap_or_else(|| {
                lives.push(Life::default());
                lives.len() - 1
            })
        });
        recent.resize(1 << RECENT_BITS, None);
        recent[slot(cell)] = Some((cell, place));
        place
    }

    /// The place of a cell that was seen.
    pub(super) fn find(&self, cell: CellId) -> Option<usize> {
        self.places.get(&cell).copied()
    }

    /// What is known of the cell there.
    pub(super) fn at(&mut self, place: usize) -> &mut Life {
        &mut self.lives[place]
    }

    /// A cell has ended.
    pub(super) fn remove(&mut self, cell: CellId) {
        if let Some(place) = self.places.remove(&cell) {
            self.lives[place] = Life::default();
            self.free.push(place);
            self.recent[slot(cell)] = None; // whoever stands there
        }
    }

    /// All of them and their places, by rising cell.
    pub(super) fn all(&self) -> Vec<(CellId, usize)> {
        self.places.iter().map(|(&cell, &place)| (cell, place)).collect()
    }
}

impl Life {
    /// The number of a kind, in order of first sight from 1; 0 is none.
    pub(super) fn sight(&mut self, kind: Option<u64>) -> u8 {
        let Some(kind) = kind else { return 0 };
        let place = self.kinds.iter().position(|&seen| seen == kind).unwrap_or_else(|| {
            self.kinds.push(kind);
            self.kinds.len() - 1
        });
        u8::try_from(place + 1).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_found_at_its_place_until_it_has_ended_whoever_was_seen_since() {
        let (mut lives, other) = (Lives::default(), CellId(8));
        let cell = CellId(7); // of the same slot
        let place = lives.place(cell);
        lives.at(place).turns = 5;
        assert_ne!(lives.place(other), place);
        assert_eq!((lives.place(cell), lives.place(cell)), (place, place));
        lives.remove(cell);
        let third = lives.place(CellId(u64::MAX));
        assert_eq!((third, lives.at(third).turns), (place, 0), "its place is another's");
        assert_ne!(lives.place(cell), place, "nor is it found there any more");
    }
}
