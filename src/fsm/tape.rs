//! What virtual time notes of each turn, so that two runs can be compared.

use crate::fsm::automaton::CellId;
use crate::mix::mix;
use crate::sync::shim::{AtomicU64, Ordering};

/// A digest of what happened since it was last taken: kinds of inputs, and who was posted to, in order.
pub(crate) struct Tape(AtomicU64);

impl Tape {
    pub(crate) fn new() -> Tape {
        Tape(AtomicU64::new(0))
    }

    pub(crate) fn input(&self, number: u64) {
        self.add(number);
    }

    pub(crate) fn posted(&self, cell: CellId) {
        self.add(cell.0);
    }

    fn add(&self, number: u64) {
        // ORDERING: Relaxed here and below: one thread steps. What another posts meanwhile comes at no certain moment
        // anyway, and so two such runs are not compared.
        self.0.store(mix(self.0.load(Ordering::Relaxed), number, 0), Ordering::Relaxed);
    }

    /// The digest, and begins another.
    pub(crate) fn take(&self) -> u64 {
        let digest = self.0.load(Ordering::Relaxed);
        self.0.store(0, Ordering::Relaxed);
        digest
    }
}
