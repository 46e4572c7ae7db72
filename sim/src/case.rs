//! A run as a text that lasts: the seed, and what is left of it.
//!
//! ```text
//!   seed 17 lasts 3200.000000ms clients 1 quiet
//!   at 1200.345123ms crash-at-disk 0 3 for 30.000000ms
//! ```
//! A seed alone means something at one commit only, since any new draw reshuffles what follows; a case keeps at least its
//! faults. [`minimize`](crate::minimize) writes it, `cargo sim --case FILE` runs it.

use crate::marks::floors;
use crate::nemesis::{Aimed, Answer};
use crate::net::Weather;
use crate::plan::{Fault, MS, Shape, Swarm, What};
use crate::run::{Case, Report};
use rsm::raft::Time;
use std::fmt;
use std::time::Duration;

/// A seed without some of what it would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Small {
    /// The seed.
    pub seed: u64,
    /// How long it lasts, in nanoseconds.
    pub lasts: u64,
    /// At most so many clients.
    pub clients: usize,
    /// Nothing happens to packets but their delay, unless a fault says so; no clock drifts; nothing is reordered by ties.
    pub is_quiet: bool,
    /// What goes wrong.
    pub plan: Vec<Fault>,
}

impl Small {
    /// All of a seed.
    #[must_use]
    pub fn whole(seed: u64, lasts: Duration) -> Small {
        let Case { swarm, plan, .. } = Case::new(seed, lasts);
        let lasts = u64::try_from(lasts.as_nanos()).unwrap_or(u64::MAX);
        Small { seed, lasts, clients: swarm.clients, is_quiet: false, plan }
    }

    /// Runs it.
    #[must_use]
    pub fn run(&self) -> Report {
        self.case().run()
    }

    /// All that it is a function of.
    #[must_use]
    pub fn case(&self) -> Case {
        let mut case = Case::new(self.seed, Duration::ZERO);
        (case.lasts, case.plan) = (Duration::from_nanos(self.lasts), self.plan.clone());
        case.swarm.clients = case.swarm.clients.min(self.clients);
        if self.is_quiet {
            quiet(&mut case.swarm);
        }
        case
    }
}

fn quiet(swarm: &mut Swarm) {
    swarm.weather = Weather::fair(swarm.weather.delay_min, swarm.weather.delay_mean);
    (swarm.ties, swarm.drift_ppm) = (false, 0);
}

/// A time in milliseconds, exact.
struct Exact(u64);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}ms", self.0 / MS, self.0 % MS)
    }
}

fn exact(word: &str) -> Option<u64> {
    let (whole, part) = word.strip_suffix("ms")?.split_once('.')?;
    let is_whole = part.len() == 6;
    is_whole.then_some(())?;
    whole.parse::<u64>().ok()?.checked_mul(MS)?.checked_add(part.parse().ok()?)
}

impl fmt::Display for Small {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quiet = if self.is_quiet { " quiet" } else { "" };
        write!(f, "seed {} lasts {} clients {}{quiet}", self.seed, Exact(self.lasts), self.clients)?;
        self.plan.iter().try_for_each(|fault| write!(f, "\nat {} {}", Exact(fault.at.0), Words(&fault.what)))
    }
}

/// A fault in words.
pub(crate) struct Words<'a>(pub(crate) &'a What);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            What::Cut { shape, lasts } => {
                let shape = match shape {
                    Shape::Split(sides) => format!("split {sides}"),
                    Shape::Isolate(node) => format!("isolate {node}"),
                    Shape::Leader => "leader".to_owned(),
                    Shape::Deaf(node) => format!("deaf {node}"),
                    Shape::Mute(node) => format!("mute {node}"),
                    Shape::Link(from, to) => format!("link {from} {to}"),
                    Shape::Bridge(node) => format!("bridge {node}"),
                    Shape::HalfBridge(node) => format!("half-bridge {node}"),
                    Shape::Chain => "chain".to_owned(),
                    Shape::Ring => "ring".to_owned(),
                };
                write!(f, "cut {shape} for {}", Exact(*lasts))
            }
            What::Clog { from, to, lasts } => write!(f, "clog {from} {to} for {}", Exact(*lasts)),
            What::Crash { node, down } => write!(f, "crash {node} for {}", Exact(*down)),
            What::CrashAtDisk { node, operations, down } => {
                write!(f, "crash-at-disk {node} {operations} for {}", Exact(*down))
            }
            What::Blackout { down } => write!(f, "blackout for {}", Exact(*down)),
            What::Pause { node, lasts } => write!(f, "pause {node} for {}", Exact(*lasts)),
            What::Stuck { node, lasts } => write!(f, "stuck {node} for {}", Exact(*lasts)),
            What::Broken { node, down } => write!(f, "broken {node} for {}", Exact(*down)),
            What::Rollback { node, down } => write!(f, "rollback {node} for {}", Exact(*down)),
            What::Wipe { node, down } => write!(f, "wipe {node} for {}", Exact(*down)),
            What::Full { node, lasts } => write!(f, "full {node} for {}", Exact(*lasts)),
            What::Leap { node, by } => write!(f, "leap {node} for {}", Exact(*by)),
            What::Rot { node, place, down } => write!(f, "rot {node} {place} for {}", Exact(*down)),
            What::Await(Aimed { mark, nth, answer, lasts }) => {
                write!(f, "await {mark} {nth} {} for {}", answer.words(), Exact(*lasts))
            }
            What::Drain { node, down } => write!(f, "drain {node} for {}", Exact(*down)),
            What::Aside { nodes, lasts } => write!(f, "aside {nodes} for {}", Exact(*lasts)),
            What::AtLeader { answer, lasts } => write!(f, "at-leader {} for {}", answer.words(), Exact(*lasts)),
            What::Aim(aim) => write!(f, "{aim:?}"), // no plan of a seed has it
        }
    }
}

impl Small {
    /// Reads what [`Display`](fmt::Display) writes; what follows `#` is for its reader.
    ///
    /// # Errors
    /// Which line is none.
    pub fn parse(text: &str) -> Result<Small, String> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).enumerate();
        let mut lines = lines.filter(|(_, line)| !line.is_empty());
        let (at, head) = lines.next().ok_or("an empty case")?;
        let mut small =
            parse_head(head).ok_or_else(|| format!("line {}: `seed 17 lasts 5.000000ms clients 3`", at + 1))?;
        for (at, line) in lines {
            small.plan.push(parse_fault(line).ok_or_else(|| format!("line {}: `{line}` is no fault", at + 1))?);
        }
        Ok(small)
    }
}

fn parse_head(line: &str) -> Option<Small> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (words, is_quiet) = words.strip_suffix(&["quiet"]).map_or((words.as_slice(), false), |words| (words, true));
    let ["seed", seed, "lasts", lasts, "clients", clients] = words else { return None };
    let (seed, clients) = (seed.parse().ok()?, clients.parse().ok()?);
    Some(Small { seed, lasts: exact(lasts)?, clients, is_quiet, plan: Vec::new() })
}

fn parse_fault(line: &str) -> Option<Fault> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["at", at, what @ .., "for", time] = words.as_slice() else { return None };
    let (at, time) = (Time(exact(at)?), exact(time)?);
    let number = |word: &str| word.parse::<usize>().ok();
    let (lasts, down) = (time, time);
    let what = match *what {
        ["cut", ref shape @ ..] => What::Cut { shape: parse_shape(shape)?, lasts },
        ["clog", from, to] => What::Clog { from: number(from)?, to: number(to)?, lasts },
        ["crash", node] => What::Crash { node: number(node)?, down },
        ["crash-at-disk", node, operations] => {
            What::CrashAtDisk { node: number(node)?, operations: operations.parse().ok()?, down }
        }
        ["blackout"] => What::Blackout { down },
        ["pause", node] => What::Pause { node: number(node)?, lasts },
        ["stuck", node] => What::Stuck { node: number(node)?, lasts },
        ["broken", node] => What::Broken { node: number(node)?, down },
        ["rollback", node] => What::Rollback { node: number(node)?, down },
        ["wipe", node] => What::Wipe { node: number(node)?, down },
        ["full", node] => What::Full { node: number(node)?, lasts },
        ["rot", node, place] => What::Rot { node: number(node)?, place: place.parse().ok()?, down },
        ["await", mark, nth, ref answer @ ..] => {
            let (mark, _) = floors().get_key_value(mark)?;
            What::Await(Aimed { mark, nth: nth.parse().ok()?, answer: Answer::parse(answer)?, lasts })
        }
        ["drain", node] => What::Drain { node: number(node)?, down },
        ["aside", nodes] => What::Aside { nodes: nodes.parse().ok()?, lasts },
        ["at-leader", ref answer @ ..] => What::AtLeader { answer: Answer::parse(answer)?, lasts },
        ["leap", node] => What::Leap { node: number(node)?, by: time },
        _ => return None,
    };
    Some(Fault { at, what })
}

fn parse_shape(words: &[&str]) -> Option<Shape> {
    let number = |word: &str| word.parse::<usize>().ok();
    Some(match *words {
        ["split", sides] => Shape::Split(sides.parse().ok()?),
        ["isolate", node] => Shape::Isolate(number(node)?),
        ["leader"] => Shape::Leader,
        ["deaf", node] => Shape::Deaf(number(node)?),
        ["mute", node] => Shape::Mute(number(node)?),
        ["link", from, to] => Shape::Link(number(from)?, number(to)?),
        ["bridge", node] => Shape::Bridge(number(node)?),
        ["half-bridge", node] => Shape::HalfBridge(number(node)?),
        ["chain"] => Shape::Chain,
        ["ring"] => Shape::Ring,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTS: Duration = Duration::from_secs(5);

    #[test]
    fn a_case_is_read_as_it_was_written() {
        for seed in 0..60 {
            let mut small = Small::whole(seed, LASTS);
            small.is_quiet = seed % 2 == 0;
            assert_eq!(Small::parse(&small.to_string()), Ok(small));
        }
        assert!(Small::parse("seed 1 lasts 5ms clients 1").is_err());
        assert!(Small::parse("seed 1 lasts 5.000000ms clients 1\nat 1.000000ms dance 1 for 1.000000ms").is_err());
    }

    #[test]
    fn the_whole_of_a_seed_is_the_seed() {
        assert_eq!(Small::whole(3, LASTS).run().hash, Case::new(3, LASTS).run().hash);
    }
}
