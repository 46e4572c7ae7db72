//! What a disk is to fail at.

use super::Operation;

/// Of operations of this kind so many succeed, and then so many fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) operation: Operation,
    pub(super) after: u64,
    pub(super) times: u64,
}

impl Failure {
    /// Counts an operation, and says whether it fails.
    pub(super) fn meets(&mut self, operation: Operation) -> bool {
        if operation != self.operation || self.times == 0 {
            return false;
        }
        if 0 < self.after {
            self.after -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}
