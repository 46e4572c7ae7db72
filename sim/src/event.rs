//! What stands in the world's queue.

use crate::net::{Copy, Harm};
use crate::ties::Source;
use bytes::Bytes;
use rsm::raft::Seq;

/// What will happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// The nth fault of the plan strikes.
    Fault(usize),
    /// A packet arrives.
    Arrive { from: usize, to: usize, copy: Copy, bytes: Bytes },
    /// A flush is over.
    Flushed { node: usize, life: u64, seq: Seq },
    /// A process begins.
    Start { node: usize },
    /// A process that stood still goes on.
    Resume { node: usize, life: u64 },
    /// A state machine that stood still goes on.
    Quick { node: usize, life: u64 },
    /// A disk that was full has room.
    Room { node: usize },
    /// A client acts.
    Client(usize),
    /// The calls of the nth time that was written down come.
    Calls(usize),
    /// A moment that somebody waits for.
    Pass,
}

impl Event {
    /// Whose it is.
    pub(crate) fn source(&self) -> Source {
        match *self {
            Event::Fault(_) | Event::Room { .. } | Event::Pass => Source::Plan,
            Event::Arrive { from, to, .. } => Source::Link(from, to),
            Event::Flushed { node, .. } => Source::Disk(node),
            Event::Start { node } | Event::Resume { node, .. } | Event::Quick { node, .. } => Source::Process(node),
            Event::Client(client) => Source::Client(client),
            Event::Calls(_) => Source::Client(0),
        }
    }

    /// Its name in the record of its step: its kind, its node, and which of its source it is, or a hash of its bytes.
    /// `number` is that of what does not know it: which life it is of, or what a client asks for.
    pub(crate) fn name(&self, number: u64) -> [u64; 3] {
        match self {
            Event::Fault(nth) => [1, *nth as u64, 0],
            Event::Arrive { from, to, copy, bytes } => {
                let harm = copy.harm.map_or(0, Harm::name);
                [2 | (*from as u64) << 8 | (*to as u64) << 16, copy.number, u64::from(crc(bytes)) ^ harm]
            }
            Event::Flushed { node, seq, .. } => [3, *node as u64, seq.0],
            Event::Start { node } => [4, *node as u64, number],
            Event::Resume { node, life } => [5, *node as u64, *life],
            Event::Quick { node, life } => [10, *node as u64, *life],
            Event::Room { node } => [7, *node as u64, number],
            Event::Client(client) => [6, *client as u64, number],
            Event::Calls(nth) => [8, *nth as u64, 0],
            Event::Pass => [9, 0, 0],
        }
    }
}

/// The packet's own checksum names its bytes.
fn crc(bytes: &Bytes) -> u32 {
    bytes.get(..4).and_then(|head| head.try_into().ok()).map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn two_events_of_one_source_have_two_names() {
        let (of, node) = (|event: Event, number| event.name(number), 1);
        let names = BTreeSet::from([
            of(Event::Start { node }, 1),
            of(Event::Start { node }, 2),
            of(Event::Room { node }, 1),
            of(Event::Room { node }, 2),
            of(Event::Resume { node, life: 1 }, 0),
            of(Event::Resume { node, life: 2 }, 0),
            of(Event::Client(1), 1),
            of(Event::Client(1), 2),
            of(Event::Flushed { node, life: 1, seq: Seq(1) }, 0),
            of(Event::Flushed { node, life: 1, seq: Seq(2) }, 0),
            of(Event::Fault(1), 0),
            of(Event::Fault(2), 0),
            of(Event::Calls(1), 0),
            of(Event::Calls(2), 0),
        ]);
        assert_eq!(names.len(), 14, "{names:?}");
    }
}
