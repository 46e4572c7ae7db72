//! What comes at a time of its own, as words and back.

use super::parse::{Words as Read, aim, list, proposal};
use super::telling::tell;
use super::{Exact, Moment, Who};
use crate::aim::{Act, Aim};
use crate::marks::floors;
use crate::nemesis::{Aimed, Answer};
use crate::plan::{Harm, OPERATIONS, SPARES, Shape, What, operation_word};
use crate::script::{Call, Proposal};
use rsm::raft::storage::simulated::Operation;
use std::fmt;

/// A moment in words.
pub(crate) struct Words<'a>(pub(crate) &'a Moment);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Moment::Fault(what) => fault(what, f),
            Moment::Call(node, Call::Open(name)) => write!(f, "open {name} at {node}"),
            Moment::Call(node, Call::Read(0)) => write!(f, "read at {node}"),
            Moment::Call(node, Call::Read(list)) => write!(f, "read {list} at {node}"),
            Moment::Call(node, Call::Propose(Proposal { value, list, over, session, pad })) => {
                write!(f, "propose {value} at {node}")?;
                if *list != 0 {
                    write!(f, " to {list}")?;
                }
                over.iter().try_for_each(|over| write!(f, " over {over}"))?;
                session.iter().try_for_each(|(name, sequence)| write!(f, " in {name} {sequence}"))?;
                pad.iter().try_for_each(|pad| write!(f, " pad {pad}"))
            }
        }
    }
}

fn fault(what: &What, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut timed = what.clone();
    match what {
        What::Cut { shape, .. } => write!(f, "cut {}", of_shape(shape)),
        What::Clog { from, to, .. } => write!(f, "clog {from} -> {to}"),
        What::Crash { node, .. } => write!(f, "crash {node}"),
        What::CrashAtDisk { node, operations, spares, .. } => {
            write!(f, "crash {node} at disk {operations}")?;
            let said = SPARES.iter().filter(|(_, known)| Some(*known) == *spares);
            said.into_iter().try_for_each(|(word, _)| write!(f, " {word}"))
        }
        What::Blackout { .. } => write!(f, "blackout"),
        What::Drain { node, .. } => write!(f, "drain {node}"),
        What::Aside { nodes, .. } => write!(f, "clients reach {}", of_bits(*nodes)),
        What::AtLeader { answer, .. } => write!(f, "leader {}", answer.words()),
        What::Pause { node, .. } => write!(f, "pause {node}"),
        What::Stuck { node, .. } => write!(f, "disk {node} stuck"),
        What::Broken { node, operation: Operation::Sync, after: 0, times: 1, .. } => write!(f, "disk {node} broken"),
        What::Broken { node, operation, after, times, .. } => {
            write!(f, "disk {node} fails {} {after}", operation_word(*operation))?;
            if *times == 1 { Ok(()) } else { write!(f, " {times} times") }
        }
        What::Slow { node, .. } => write!(f, "machine {node} slow"),
        What::Full { node, slack: 0, .. } => write!(f, "disk {node} full"),
        What::Full { node, slack, .. } => write!(f, "disk {node} full but {slack}"),
        What::Rollback { node, .. } => write!(f, "disk {node} forgets"),
        What::Rot { node, harm, place, .. } => match harm.word() {
            Some(word) => write!(f, "disk {node} rots {word} {place}"),
            None => write!(f, "disk {node} rots {place}"),
        },
        What::Wipe { node, .. } => write!(f, "wipe {node}"),
        What::Leap { node, .. } => write!(f, "clock {node} leaps"),
        What::Await(Aimed { mark, nth, answer, .. }) => write!(f, "when {mark} {nth} {}", answer.words()),
        What::Aim(aim) => return aimed(aim, f),
        What::Tell(tell) => return write!(f, "{tell}"),
    }?;
    timed.lasts_mut().map_or(Ok(()), |lasts| write!(f, " for {}", Exact(*lasts)))
}

fn of_shape(shape: &Shape) -> String {
    match shape {
        Shape::Split(sides) => format!("{} <-> others", of_bits(*sides)),
        Shape::Isolate(node) => format!("{node} <-> others"),
        Shape::Leader => "leader <-> others".to_owned(),
        Shape::Deaf(node) => format!("others -> {node}"),
        Shape::Mute(node) => format!("{node} -> others"),
        Shape::Link(from, to) => format!("{from} -> {to}"),
        Shape::Bridge(node) => format!("bridge {node}"),
        Shape::HalfBridge(node) => format!("half-bridge {node}"),
        Shape::Chain => "chain".to_owned(),
        Shape::Ring => "ring".to_owned(),
    }
}

/// Nodes, a bit set being one of them.
fn of_bits(nodes: u32) -> String {
    let nodes = (0..u32::BITS).filter(|node| nodes >> node & 1 == 1).map(|node| node.to_string());
    nodes.collect::<Vec<_>>().join(",")
}

fn bits(word: &str) -> Option<u32> {
    let node = |word: &str| word.parse::<u32>().ok().filter(|node| *node < u32::BITS);
    word.split(',').try_fold(0, |nodes, word| Some(nodes | 1 << node(word)?))
}

fn aimed(aim: &Aim, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Aim { from, to, kind, skip, act } = aim;
    let name = match act {
        Act::Drop => "drop",
        Act::Double(_) => "dup",
        Act::Delay(_) => "delay",
        Act::Flip(_) => "flip",
    };
    write!(f, "{name} next {}", kind.unwrap_or("packet"))?;
    from.iter().try_for_each(|from| write!(f, " from {from}"))?;
    to.iter().try_for_each(|to| write!(f, " to {to}"))?;
    if 0 < *skip {
        write!(f, " skip {skip}")?;
    }
    match act {
        Act::Drop => Ok(()),
        Act::Double(by) | Act::Delay(by) => write!(f, " by {}", Exact(*by)),
        Act::Flip(bit) => write!(f, " bit {bit}"),
    }
}

/// Reads what [`Words`] writes, of a cluster of so many nodes.
pub(super) fn moment(words: &mut Read<'_>, nodes: usize) -> Result<Moment, String> {
    let node = |number: u64| {
        let is_node = usize::try_from(number).ok().filter(|&node| node < nodes);
        is_node.ok_or_else(|| format!("{number} is no node here"))
    };
    let at = |who: Who| match who {
        Who::Number(number) => node(number as u64),
        Who::Name(_) | Who::Others => Err("a node by its number expected".to_owned()),
    };
    let moment = match words.next()? {
        "open" => {
            let name = words.name()?;
            words.must("at")?;
            Moment::Call(node(words.number()?)?, Call::Open(name))
        }
        "propose" => {
            let (proposal, who) = proposal(words)?;
            Moment::Call(at(who)?, Call::Propose(proposal))
        }
        "read" => {
            let list = if words.peek() == Some("at") { 0 } else { list(words)? };
            words.must("at")?;
            Moment::Call(node(words.number()?)?, Call::Read(list))
        }
        act @ ("drop" | "dup" | "delay" | "flip") => {
            let (mut aim, from, to) = aim(act, words)?;
            (aim.from, aim.to) = (from.map(at).transpose()?, to.map(at).transpose()?);
            Moment::Fault(What::Aim(aim))
        }
        verb @ ("tell" | "lie") => {
            if verb == "lie" {
                words.must("to")?;
            }
            Moment::Fault(What::Tell(tell(words, verb == "lie")?.map(|who| at(who.clone()))?))
        }
        verb => Moment::Fault(timed(verb, words, nodes)?),
    };
    Ok(moment)
}

/// A fault that lasts.
fn timed(verb: &str, words: &mut Read<'_>, nodes: usize) -> Result<What, String> {
    let mut said = vec![verb];
    while !words.takes("for") {
        said.push(words.next()?);
    }
    let time = words.time()?;
    let what = of_words(&said, time).ok_or_else(|| format!("`{}` is nothing that comes at a time", said.join(" ")))?;
    let is_here = what.clone().nodes_mut().into_iter().all(|node| *node < nodes);
    if is_here { Ok(what) } else { Err(format!("`{}` names no node here", said.join(" "))) }
}

fn of_words(words: &[&str], time: u64) -> Option<What> {
    let number = |word: &str| word.parse::<usize>().ok();
    let (lasts, down) = (time, time);
    Some(match *words {
        ["cut", ref shape @ ..] => What::Cut { shape: parse_shape(shape)?, lasts },
        ["clog", from, "->", to] => What::Clog { from: number(from)?, to: number(to)?, lasts },
        ["crash", node] => What::Crash { node: number(node)?, down },
        ["crash", node, "at", "disk", operations] => {
            What::CrashAtDisk { node: number(node)?, operations: operations.parse().ok()?, spares: None, down }
        }
        ["crash", node, "at", "disk", operations, spares] => {
            let (_, spares) = *SPARES.iter().find(|(word, _)| *word == spares)?;
            let (node, operations) = (number(node)?, operations.parse().ok()?);
            What::CrashAtDisk { node, operations, spares: Some(spares), down }
        }
        ["blackout"] => What::Blackout { down },
        ["pause", node] => What::Pause { node: number(node)?, lasts },
        ["disk", node, "stuck"] => What::Stuck { node: number(node)?, lasts },
        ["disk", node, "broken"] => {
            What::Broken { node: number(node)?, operation: Operation::Sync, after: 0, times: 1, down }
        }
        ["disk", node, "fails", operation, after, ref often @ ..] => {
            let (_, operation) = *OPERATIONS.iter().find(|(word, _)| *word == operation)?;
            let times = match often {
                [] => 1,
                [times, "times"] => times.parse().ok().filter(|times| *times != 0)?,
                _ => return None,
            };
            What::Broken { node: number(node)?, operation, after: after.parse().ok()?, times, down }
        }
        ["machine", node, "slow"] => What::Slow { node: number(node)?, lasts },
        ["disk", node, "full"] => What::Full { node: number(node)?, slack: 0, lasts },
        ["disk", node, "full", "but", slack] => What::Full { node: number(node)?, slack: slack.parse().ok()?, lasts },
        ["disk", node, "forgets"] => What::Rollback { node: number(node)?, down },
        ["disk", node, "rots", place] => {
            What::Rot { node: number(node)?, harm: Harm::Flip, place: place.parse().ok()?, down }
        }
        ["disk", node, "rots", harm, place] => {
            What::Rot { node: number(node)?, harm: Harm::parse(harm)?, place: place.parse().ok()?, down }
        }
        ["drain", node] => What::Drain { node: number(node)?, down },
        ["clients", "reach", nodes] => What::Aside { nodes: bits(nodes)?, lasts },
        ["leader", ref answer @ ..] => What::AtLeader { answer: Answer::parse(answer)?, lasts },
        ["wipe", node] => What::Wipe { node: number(node)?, down },
        ["clock", node, "leaps"] => What::Leap { node: number(node)?, by: time },
        ["when", mark, nth, ref answer @ ..] => {
            let (mark, _) = floors().get_key_value(mark)?;
            What::Await(Aimed { mark, nth: nth.parse().ok()?, answer: Answer::parse(answer)?, lasts })
        }
        _ => return None,
    })
}

fn parse_shape(words: &[&str]) -> Option<Shape> {
    let number = |word: &str| word.parse::<usize>().ok();
    Some(match *words {
        ["leader", "<->", "others"] => Shape::Leader,
        ["bridge", node] => Shape::Bridge(number(node)?),
        ["half-bridge", node] => Shape::HalfBridge(number(node)?),
        ["chain"] => Shape::Chain,
        ["ring"] => Shape::Ring,
        ["others", "->", node] => Shape::Deaf(number(node)?),
        [node, "->", "others"] => Shape::Mute(number(node)?),
        [from, "->", to] => Shape::Link(number(from)?, number(to)?),
        [side, "<->", "others"] => match bits(side)? {
            sides if sides.is_power_of_two() => Shape::Isolate(sides.trailing_zeros() as usize),
            sides => Shape::Split(sides),
        },
        _ => return None,
    })
}
