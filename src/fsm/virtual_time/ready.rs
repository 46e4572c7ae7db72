//! Who has something to do, in the order of a seed.

use crate::fsm::CellId;
use crate::fsm::runner::Task;
use std::cmp;

/// A cell that has something to do, and when its turn comes among those: the least comes first out of a heap.
pub(super) struct Ready {
    pub(super) key: (u64, CellId),
    pub(super) place: usize,
    pub(super) task: Task,
}

impl Ord for Ready {
    fn cmp(&self, other: &Ready) -> cmp::Ordering {
        other.key.cmp(&self.key)
    }
}

impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Ready) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ready {
    fn eq(&self, other: &Ready) -> bool {
        self.key == other.key
    }
}

impl Eq for Ready {}
