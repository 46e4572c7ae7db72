//! The end: all are told to end, with calls in hand, and do so in good order.
//!
//! ```text
//!   each peer ── a change, a read ──> drain ──> answered ──> gone: no ticket, no input left, nobody has killed it
//! ```

use super::asked::{Call, Open};
use super::{Phase, told as words_of};
use crate::plan::{FOR_EVER, MS};
use rsm::raft::Time;

/// Who is told to end answers what is open for at most a second by its own clock, and syncs what is staged.
const END: u64 = 1_200 * MS;

impl Phase<'_> {
    pub(super) fn drain(&mut self) -> Option<()> {
        let mut asked = Vec::new();
        let all: Vec<usize> =
            self.world.nodes.iter().filter(|node| node.process.is_some()).map(|node| node.id).collect();
        for &id in &all {
            asked.extend([Call::Change, Call::Read].map(|call| self.ask(id, call)));
            let node = &mut self.world.nodes[id];
            // Nobody starts it again, whoever was to.
            (node.is_frozen, node.drained) = (true, Some(FOR_EVER));
            node.process.iter().for_each(|process| process.peer.drain());
        }
        // Step by step: behind the last end nothing comes, but for what is long on its way.
        let end = Time(self.time.now().0 + END);
        while self.world.nodes.iter().any(|node| node.process.is_some()) {
            if end < self.time.now() {
                let nodes = self.world.nodes.iter().map(words_of).collect::<Vec<_>>().join("; ");
                return self.broken(format!("no end of all who were told to end within {} ms: {nodes}", END / MS));
            }
            if !(self.go)(self.time, self.world) {
                return None;
            }
        }
        self.world.gather();
        let is_answered =
            |call: &Option<Open>| call.is_some_and(|(_, _, ticket)| self.world.script.came(ticket).is_some());
        let answered = asked.iter().filter(|call| is_answered(call)).count();
        if answered != asked.len() {
            return self.broken(format!("{answered} answers to {} calls before all had ended", asked.len()));
        }
        self.world.answers.all_resolved(&mut self.world.check.lock());
        Some(())
    }
}
