//! A run as text: one line a step, an object of JSON with its keys in fixed order.
//!
//! ```text
//!   {"step":7,"at":1000123,"event":"arrive","from":0,"to":2,"number":4,"harm":null,"carries":["Vote"],"digest":"5b1d.."}
//!   {"step":8,"at":1000123,"turn":"replica","node":2,"role":"follower","term":3,"last":9,"commit":8,"inputs":1,"digest":".."}
//!   {"step":9,"at":1000130,"event":"client","client":3,"clients":[{"client":3,"operation":5,"asks":1,"for":"append 3.5 to list 2"}],"digest":".."}
//!   {"step":40,"at":1900222,"turn":"machine",..,"clients":[{"client":3,"operation":5,"told":"index 9: 4 there, the last 0.6"}],..}
//! ```
//! What clients ask and are told stands in the step in which it happens; the value 3.5 is that of client 3's operation 5.
//! `at` is true time in nanoseconds. The hash of a run covers the records of [`VirtualTime`](rsm::fsm::VirtualTime), of
//! which this is a second reading: with the words that the numbers stand for. `digest` names what was posted in the step.

use crate::aim::kind;
use crate::check::bodies;
use crate::client::{Came, Told};
use crate::event::Event;
use crate::html::Ask;
use crate::lists::Seen;
use crate::net::Harm;
use crate::scenario::{Moment, Words};
use crate::script::Outcomes;
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
                Some(Harm::Burst(draw)) => format!("{{\"burst\":{draw}}}"),
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
        Event::Quick { node, .. } => format!("\"event\":\"quick\",\"node\":{node}"),
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

/// A client asks a peer.
pub(crate) fn asks(client: usize, (node, operation, ask): (usize, u64, Ask)) -> String {
    let words = match ask {
        Ask::Open => "open a session".to_owned(),
        Ask::Append(list, value) => format!("append {client}.{value} to list {list}"),
        Ask::Swap(list, value) => format!("append {client}.{value} to list {list}, if what was seen is the last there"),
        Ask::Read(list) => format!("read list {list}"),
    };
    format!("{{\"client\":{client},\"operation\":{operation},\"asks\":{node},\"for\":\"{words}\"}}")
}

/// A client is told.
pub(crate) fn told(Told { client, operation, outcome, .. }: &Told) -> String {
    format!("{{\"client\":{client},\"operation\":{operation},\"told\":\"{}\"}}", in_words(*outcome))
}

/// The call of a story that was the nth to be made is answered.
pub(crate) fn answered(nth: usize, outcome: Outcomes) -> String {
    format!("{{\"call\":{nth},\"told\":\"{}\"}}", in_words(outcome))
}

fn in_words(outcome: Outcomes) -> String {
    match outcome {
        Ok((index, Came::Opened(_))) => format!("index {index}: a session"),
        Ok((index, Came::Seen(Seen { len: 0, .. }))) => format!("index {index}: nothing there"),
        Ok((index, Came::Seen(Seen { len, last }))) => {
            let (client, operation) = ((last >> 32).saturating_sub(1), last & 0xffff_ffff);
            format!("index {index}: {len} there, the last {client}.{operation}")
        }
        Err(why) => why.word().to_owned(),
    }
}

/// What clients have asked and were told in a step; nothing if nothing.
pub(crate) fn clients(said: &[String]) -> String {
    if said.is_empty() { String::new() } else { format!(",\"clients\":[{}]", said.join(",")) }
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
