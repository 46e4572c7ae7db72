//! What stands around the automata of a simulation.

use super::VirtualTime;
use crate::fsm::CellId;
use crate::time::Time;

/// Everything around the automata: network, disks, clients, a plan of faults. One object with streams of chance of its own, so
/// that loss, delay and torn writes live in one place; the executor knows posts and times alone.
///
/// The closures by which automata send write into something that the world reads, in [`turned`](Self::turned); what it delivers
/// it posts to addresses it holds. `()` is the empty world.
pub trait World {
    /// When its next event is due; `None` if there is none.
    fn next(&self) -> Option<Time>;

    /// Carries out that one event: posts, crashes, spawns. What it returns goes into the step's record.
    fn run(&mut self, time: &VirtualTime) -> [u64; 3];

    /// After each turn: collects what the cell sent, checks its node. What it returns goes into the step's record.
    fn turned(&mut self, cell: CellId, time: &VirtualTime) -> [u64; 3] {
        let _ = (cell, time);
        [0; 3]
    }
}

impl World for () {
    fn next(&self) -> Option<Time> {
        None
    }

    fn run(&mut self, _: &VirtualTime) -> [u64; 3] {
        [0; 3]
    }
}
