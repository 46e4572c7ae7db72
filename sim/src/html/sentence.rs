//! What went wrong, in words; and words as JSON.

use crate::plan::{Harm, MS, Shape, What, operation_word};
use std::fmt::Write;

/// A moment that is marked: a fault, or a line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// `cut`, `crash`, `line`: chooses the sign.
    pub(crate) sign: &'static str,
    /// Whose lane it stands on; `None` if it is everybody's.
    pub(crate) node: Option<usize>,
    /// A sentence.
    pub(crate) words: String,
}

impl Mark {
    /// A line of a script is reached.
    pub(crate) fn line(number: usize, text: &str) -> Mark {
        let sign = match text.split_whitespace().next().unwrap_or_default() {
            "cut" | "clog" => "cut",
            "heal" => "heal",
            "crash" | "kill" => "crash",
            "restart" => "start",
            "wipe" => "wipe",
            "pause" => "pause",
            "disk" => "disk",
            "clock" => "clock",
            "drop" | "dup" | "delay" => "packet",
            _ => "line",
        };
        Mark { sign, node: None, words: format!("line {number}: {text}") }
    }

    /// A fault strikes; or it does not, since there is nothing left for it to strike.
    pub(crate) fn fault(what: &What, nodes: usize, leader: Option<usize>, has_struck: bool) -> Mark {
        let (sign, node, mut words) = of_fault(what, nodes, leader);
        if !has_struck {
            words.push_str(" (without effect: it is down, cut, or spent already)");
        }
        Mark { sign: if has_struck { sign } else { "withheld" }, node, words }
    }
}

fn lasting(nanoseconds: u64) -> String {
    match nanoseconds {
        0..MS => format!("for {} us", nanoseconds / 1_000),
        MS..10_000_000_000_000 => format!("for {} ms", nanoseconds / MS),
        _ => "until further notice".to_owned(),
    }
}

fn again(nanoseconds: u64) -> String {
    match nanoseconds {
        0..10_000_000_000_000 => format!("starts again {} ms later", nanoseconds / MS),
        _ => "stays down until it is started again".to_owned(),
    }
}

fn of_fault(what: &What, nodes: usize, leader: Option<usize>) -> (&'static str, Option<usize>, String) {
    match what {
        What::Cut { shape, lasts } => ("cut", None, format!("{} {}", of_shape(shape, nodes, leader), lasting(*lasts))),
        What::Clog { from, to, lasts } => {
            ("clog", None, format!("what peer {from} sends to peer {to} is held up {}", lasting(*lasts)))
        }
        What::Crash { node, down } => (
            "crash",
            Some(*node),
            format!("peer {node} loses power, with all that was not synced; it {}", again(*down)),
        ),
        What::CrashAtDisk { node, operations, down, .. } => {
            let words =
                format!("peer {node} is to lose power after {operations} more disk operations, and {}", again(*down));
            ("crash", Some(*node), words)
        }
        What::Rot { node, harm, place, down } => {
            let power = if place.is_multiple_of(2) { "loses power, and " } else { "runs as " };
            let words = format!("peer {node} {power}{}; it {}", of_harm(*harm), again(*down));
            ("crash", Some(*node), words)
        }
        What::Await(aimed) => {
            let (mark, nth, lasts) = (aimed.mark, aimed.nth, lasting(aimed.lasts));
            let answer = aimed.answer.words();
            (
                "pause",
                None,
                format!("from here on, whoever meets `{mark}` for the {nth}. time is answered: {answer} {lasts}"),
            )
        }
        What::Blackout { down } => ("crash", None, format!("all peers lose power; each {}", again(*down))),
        What::Pause { node, lasts } => (
            "pause",
            Some(*node),
            format!("peer {node} stands still {}; its clock and its disk go on", lasting(*lasts)),
        ),
        What::Stuck { node, lasts } => {
            ("disk", Some(*node), format!("the disk of peer {node} hangs {}", lasting(*lasts)))
        }
        What::Broken { node, operation, after, times, down } => {
            let what = operation_word(*operation);
            let which = if *after == 0 { "the next".to_owned() } else { format!("after {after} more, the next") };
            let on = if *times == 1 { String::new() } else { format!(", and more, {times} in all") };
            ("disk", Some(*node), format!("{which} {what} of peer {node}'s disk fails{on}; it {}", again(*down)))
        }
        What::Slow { node, lasts } => (
            "pause",
            Some(*node),
            format!("the state machine of peer {node} stands still {}; all else goes on", lasting(*lasts)),
        ),
        What::Full { node, slack: 0, lasts } => {
            ("disk", Some(*node), format!("the disk of peer {node} is full {}", lasting(*lasts)))
        }
        What::Full { node, slack, lasts } => {
            ("disk", Some(*node), format!("the disk of peer {node} has room for {slack} bytes {}", lasting(*lasts)))
        }
        What::Drain { node, down } => {
            ("crash", Some(*node), format!("peer {node} is told to end, in good order; it {}", again(*down)))
        }
        What::Aside { nodes: of, lasts } => {
            let reached = (0..nodes).filter(|node| of >> node & 1 == 1).map(|node| node.to_string());
            let reached = reached.collect::<Vec<_>>().join(" and ");
            ("cut", None, format!("clients reach only peer {reached} {}", lasting(*lasts)))
        }
        What::AtLeader { answer, lasts } => {
            let who = leader.map_or("nobody, since nobody leads".to_owned(), |leader| format!("peer {leader}"));
            ("pause", leader, format!("whoever leads is struck, {who}: {} {}", answer.words(), lasting(*lasts)))
        }
        What::Aim(aim) => ("packet", aim.from, format!("one packet is aimed at: {aim:?}")),
        What::Tell(tell) => {
            ("packet", Some(tell.to), format!("what nobody has said comes in the name of peer {}: {tell}", tell.from))
        }
        What::Leap { node, by } => ("clock", Some(*node), format!("the clock of peer {node} leaps {} ms", by / MS)),
        What::Rollback { node, down } => {
            ("crash", Some(*node), format!("the disk of peer {node} forgets what was durable; it {}", again(*down)))
        }
        What::Wipe { node, down } => {
            ("wipe", Some(*node), format!("the directory of peer {node} is emptied; it {}", again(*down)))
        }
    }
}

fn of_harm(harm: Harm) -> &'static str {
    match harm {
        Harm::Flip => "an old bit of its disk changes",
        Harm::Zeros => "an old sector of its disk becomes zeros",
        Harm::Former => "an old sector of its disk becomes what it was before",
        Harm::Unreadable => "a part of its disk can be read by nobody any more",
    }
}

fn of_shape(shape: &Shape, nodes: usize, leader: Option<usize>) -> String {
    let side = |sides: u32, is_in: bool| {
        let of = (0..nodes).filter(|node| (sides >> node & 1 == 1) == is_in).map(|node| node.to_string());
        of.collect::<Vec<_>>().join(" and ")
    };
    match shape {
        Shape::Split(sides) => format!("the network splits: {} | {}", side(*sides, true), side(*sides, false)),
        Shape::Isolate(node) => format!("peer {node} is cut off from all others"),
        Shape::Leader => match leader {
            Some(leader) => format!("the leader, peer {leader}, is cut off from all others"),
            None => "the leader is cut off, but nobody leads".to_owned(),
        },
        Shape::Deaf(node) => format!("peer {node} speaks and hears nothing"),
        Shape::Mute(node) => format!("peer {node} hears and is not heard"),
        Shape::Link(from, to) => format!("nothing passes from peer {from} to peer {to}"),
        Shape::Bridge(node) => format!("two halves meet only through peer {node}"),
        Shape::HalfBridge(node) => match leader {
            Some(leader) => format!("the leader, peer {leader}, meets the others only through peer {node}"),
            None => format!("the leader is to meet the others only through peer {node}, but nobody leads"),
        },
        Shape::Chain => "each peer meets only its neighbours, in a row".to_owned(),
        Shape::Ring => "each peer meets only its neighbours, in a ring".to_owned(),
    }
}

/// Text as a string of JSON that may stand in a page.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            // A page would take `</script>` for its own.
            '<' | '\u{0}'..='\u{1f}' | '\u{2028}' | '\u{2029}' => _ = write!(out, "\\u{:04x}", letter as u32),
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// An array of JSON.
pub(super) fn list(parts: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", parts.into_iter().collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_cannot_end_the_script_that_it_stands_in() {
        assert_eq!(quoted("a \"b\"\\\n</script>\u{1}"), "\"a \\\"b\\\"\\\\\\n\\u003c/script>\\u0001\"");
    }

    #[test]
    fn a_fault_is_a_sentence_and_a_withheld_one_says_so() {
        let cut = What::Cut { shape: Shape::Split(0b011), lasts: 40 * MS };
        let mark = Mark::fault(&cut, 3, None, true);
        assert_eq!((mark.sign, mark.words.as_str()), ("cut", "the network splits: 0 and 1 | 2 for 40 ms"));
        let crash = What::Crash { node: 2, down: u64::MAX / 4 };
        let mark = Mark::fault(&crash, 3, None, false);
        assert_eq!((mark.sign, mark.node), ("withheld", Some(2)));
        assert!(mark.words.contains("stays down") && mark.words.contains("without effect"), "{}", mark.words);
    }
}
