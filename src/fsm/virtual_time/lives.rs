//! What the executor knows of each cell, found by its name once a step.
//!
//! ```text
//!   cell ──by name──> place ──> Life { turns, kinds, paused }      a place is good until its cell has ended
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

/// All cells that were seen and have not ended.
#[derive(Default)]
pub(super) struct Lives {
    places: BTreeMap<CellId, usize>,
    lives: Vec<Life>,
    free: Vec<usize>,
}

impl Lives {
    /// The place of a cell; a new one, if it was never seen.
    pub(super) fn place(&mut self, cell: CellId) -> usize {
        let Lives { places, lives, free } = self;
        *places.entry(cell).or_insert_with(|| {
            free.pop().unwrap_or_else(|| {
                lives.push(Life::default());
                lives.len() - 1
            })
        })
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
