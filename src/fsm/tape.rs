//! What virtual time notes of each turn, so that two runs can be compared.

use crate::fsm::automaton::CellId;
use crate::mix::mix;
use crate::sync::lock::Lock;

/// A digest of what happened since it was last taken: kinds of inputs, and who was posted to, in order.
pub(crate) struct Tape(Lock<u64>);

impl Tape {
    pub(crate) fn new() -> Tape {
        Tape(Lock::new(0))
    }

    pub(crate) fn input(&self, number: u64) {
        self.add(number);
    }

    pub(crate) fn posted(&self, cell: CellId) {
        self.add(cell.0);
    }

    fn add(&self, number: u64) {
        let mut digest = self.0.lock();
        *digest = mix(*digest, number, 0);
    }

    /// The digest, and begins another.
    pub(crate) fn take(&self) -> u64 {
        std::mem::take(&mut *self.0.lock())
    }
}
