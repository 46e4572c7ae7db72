//! A run as text: one line a step, an object of JSON with its keys in fixed order.
//!
//! ```text
//!   {"step":7,"at":1000123,"event":"arrive","from":0,"to":2,"number":4,"harm":null,"carries":["Vote"],"digest":"5b1d.."}
//!   {"step":8,"at":1000123,"turn":"replica","node":2,"inputs":1,"role":"follower","term":3,"last":9,"commit":8,"digest":".."}
//! ```
//! `at` is true time in nanoseconds. The hash of a run covers the records of [`VirtualTime`](rsm::fsm::VirtualTime), of
//! which this is a second reading: with the words that the numbers stand for. `digest` names what was posted in the step.

use crate::aim::kind;
use crate::check::bodies;
use crate::event::Event;
use crate::net::Harm;
use crate::scenario::{Moment, Words};
use crate::world::World;
use rsm::fsm::CellId;
use rsm::fsm::virtual_time::Record;
use rsm::raft::NodeId;
use std::fmt::Write;

/// The parts of a process, in the order in which they begin. Those that come later write or send a snapshot.
const PARTS: [&str; 4] = ["replica", "disk", "machine", "receiver"];

/// The line of a step.
#[must_use]
pub(crate) fn line(record: &Record, story: &str) -> String {
    let (step, at, digest) = (record.number, record.time.0, record.digest);
    let inputs = if record.cell == CellId(0) { String::new() } else { format!(",\"inputs\":{}", record.what.commands) };
    format!("{{\"step\":{step},\"at\":{at},{story}{inputs},\"digest\":\"{digest:016x}\"}}")
}

/// An event of the world that is about to happen.
pub(crate) fn event(world: &World, event: &Event) -> String {
    match event {
        Event::Fault(nth) => {
            format!("\"event\":\"fault\",\"what\":\"{}\"", Words(&Moment::Fault(world.plan[*nth].what.clone())))
        }
        Event::Arrive { from, to, copy, bytes } => {
            let harm = match copy.harm {
                None => "null".to_owned(),
                Some(Harm::Flip(bit)) => format!("{{\"flip\":{bit}}}"),
                Some(Harm::Truncate(left)) => format!("{{\"truncate\":{left}}}"),
            };
            let kinds = bodies(bytes, NodeId(*to as u64)).map(|body| format!("\"{}\"", kind(&body)));
            let (number, kinds) = (copy.number, kinds.collect::<Vec<_>>().join(","));
            format!(
                "\"event\":\"arrive\",\"from\":{from},\"to\":{to},\"number\":{number},\"harm\":{harm},\"carries\":[{kinds}]"
            )
        }
        Event::Flushed { node, seq, .. } => format!("\"event\":\"flushed\",\"node\":{node},\"record\":{}", seq.0),
        Event::Start { node } => format!("\"event\":\"start\",\"node\":{node}"),
        Event::Resume { node, .. } => format!("\"event\":\"resume\",\"node\":{node}"),
        Event::Room { node } => format!("\"event\":\"room\",\"node\":{node}"),
        Event::Client(client) => format!("\"event\":\"client\",\"client\":{client}"),
        Event::Pass => "\"event\":\"pass\"".to_owned(),
        Event::Calls(nth) => {
            let calls = world.script.calls[*nth].iter();
            let calls = calls.map(|(node, call)| format!("\"{}\"", Words(&Moment::Call(*node, call.clone()))));
            format!("\"event\":\"calls\",\"what\":[{}]", calls.collect::<Vec<_>>().join(","))
        }
    }
}

/// A turn of one cell that has just been taken.
pub(crate) fn turn(world: &World, cell: CellId) -> String {
    let of_node = |node: &crate::node::Node| {
        let place = node.cells().into_iter().rev().position(|part| part == cell)?;
        Some((node.id, PARTS.get(place).copied().unwrap_or("sender")))
    };
    let Some((id, part)) = world.nodes.iter().find_map(of_node) else {
        return "\"turn\":\"ended\",\"node\":null".to_owned();
    };
    let mut words = format!("\"turn\":\"{part}\",\"node\":{id}");
    world.nodes[id].look(|core, role| {
        let (role, term, last, commit) = (role.name(), core.term().0, core.log().last().index.0, core.commit().0);
        // To a string: it cannot fail.
        let _ = write!(words, ",\"role\":\"{role}\",\"term\":{term},\"last\":{last},\"commit\":{commit}");
    });
    words
}
