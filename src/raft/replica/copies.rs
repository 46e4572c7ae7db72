//! What a leader has in its log and has not committed yet, by name: a copy of it need not be placed again.
//!
//! ```text
//!   admit(a) admit(b) placed(9) admit(c) placed(11)        admit(a) -> no: it is on its way
//!   committed(9)                                           a, b forgotten: from here on the sessions know them
//! ```
//! Correctness does not hang on it (a copy in the log is applied once, by its session): it keeps repeats from filling
//! the log just when commits are slow.

use crate::raft::Index;
use crate::raft::machine::Name;
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use std::collections::{BTreeSet, VecDeque};

/// Names on their way.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    names: BTreeSet<Name>,
    /// Admitted since the last `placed`.
    fresh: Vec<Name>,
    /// Those of one turn stand in the log at or before this place.
    turns: VecDeque<(Index, Vec<Name>)>,
}

impl Copies {
    /// Whether this is to be placed: it is not on its way yet, and now it is.
    pub(crate) fn admit(&mut self, name: Name) -> bool {
        let new = self.names.insert(name);
        mark!("retry-met-in-flight", !new);
        if new {
            self.fresh.push(name);
        }
        mutate!(SessionsOff, new, true)
    }

    /// Whether it is on its way.
    pub(crate) fn has(&self, name: &Name) -> bool {
        self.names.contains(name)
    }

    /// Takes back what was admitted and then refused.
    pub(crate) fn take_back(&mut self, name: &Name) {
        self.names.remove(name);
        // Refused at once: nothing of it will be placed with the others of this turn.
        self.fresh.pop_if(|last| last == name);
    }

    /// What was admitted since the last call stands at or before `last`, the end of the log.
    pub(crate) fn placed(&mut self, last: Index) {
        if !self.fresh.is_empty() {
            self.turns.push_back((last, std::mem::take(&mut self.fresh)));
        }
    }

    /// Everything up to here is committed.
    pub(crate) fn committed(&mut self, commit: Index) {
        while self.turns.front().is_some_and(|(last, _)| *last <= commit) {
            let (_, names) = self.turns.pop_front().expect("one was just seen at the front");
            names.iter().for_each(|name| _ = self.names.remove(name));
        }
    }

    /// No leader any more: what becomes of its entries is for another to say.
    pub(crate) fn clear(&mut self) {
        mark!("copies-forgotten-with-the-lead", !self.names.is_empty());
        if !(self.names.is_empty() && self.fresh.is_empty() && self.turns.is_empty()) {
            *self = Copies::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::machine::SessionId;

    fn name(sequence: u64) -> Name {
        Name::Command(SessionId(1), sequence)
    }

    #[test]
    fn a_copy_of_what_is_on_its_way_is_not_placed() {
        let mut copies = Copies::default();
        assert!(copies.admit(name(1)));
        assert!(!copies.admit(name(1)), "in the same turn");
        copies.placed(Index(9));
        assert!(!copies.admit(name(1)), "in a later turn");
        assert!(copies.admit(name(2)));
    }

    #[test]
    fn what_is_committed_is_for_the_sessions_to_judge() {
        let mut copies = Copies::default();
        copies.admit(name(1));
        copies.placed(Index(9));
        copies.committed(Index(8));
        assert!(!copies.admit(name(1)));
        copies.committed(Index(9));
        assert!(copies.admit(name(1)));
    }

    #[test]
    fn what_was_refused_may_come_again() {
        let mut copies = Copies::default();
        copies.admit(name(1));
        copies.take_back(&name(1));
        copies.placed(Index(9));
        assert!(copies.admit(name(1)));
        copies.placed(Index(11));
        copies.committed(Index(9));
        assert!(!copies.admit(name(1)), "the one that was not refused stands at 11");
    }
}
