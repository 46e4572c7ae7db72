//! What goes wrong in a run, drawn before it begins: a list of faults, each with its time, that can be shortened.
//!
//! ```text
//!   seed ──> Swarm     which families of faults are on, how large things are        subsets: faults mask each other
//!        └─> Plan      [Fault { at, what }]                                         one fault less leaves the rest alone
//! ```

mod kinds;
mod swarm;

pub use kinds::Harm;
pub(crate) use kinds::{FOR_EVER, OPERATIONS, SPARES, operation_word};
pub use swarm::{Families, Swarm, lasts, swarm};
pub(crate) use swarm::{INBOX, LISTS, SNAPSHOT_BYTES, TICKETS, TIMEOUT, WINDOW_BYTES, usual};

use crate::aim::Aim;
use crate::nemesis::{self, Aimed, Answer};
use crate::stream::{Purpose, exponential, log_uniform, stream};
use crate::tell::Tell;
use kinds::{
    at_leader, broken, clog, crash, cut, down, is_for_a_start, node, rot, shortage, slack, some_of, spell, stuck,
};
use rsm::mix::Draws;
use rsm::raft::storage::simulated::{Operation, Spares};
use rsm::time::Time;
use std::ops::Range;

/// A millisecond, in nanoseconds.
pub const MS: u64 = 1_000_000;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: Time,
    /// What.
    pub what: What,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Nothing passes along these links for a while.
    Cut {
        /// Which.
        shape: Shape,
        /// For how long, in nanoseconds.
        lasts: u64,
    },
    /// What is sent from one node to another is held up for a while.
    Clog {
        /// The sender.
        from: usize,
        /// The receiver.
        to: usize,
        /// For how long, in nanoseconds.
        lasts: u64,
    },
    /// Power is cut: what was not synced may be lost. The node starts again later.
    Crash {
        /// Which node.
        node: usize,
        /// When it starts again, in nanoseconds.
        down: u64,
    },
    /// Power is cut at the nth disk operation from now, in the middle of it.
    CrashAtDisk {
        /// Which node.
        node: usize,
        /// How many operations still succeed.
        operations: u64,
        /// What is left of what was not synced, if that is not drawn.
        spares: Option<Spares>,
        /// When it starts again, in nanoseconds.
        down: u64,
    },
    /// All nodes lose power at once.
    Blackout {
        /// When they start again, in nanoseconds, a little one after another.
        down: u64,
    },
    /// A process stands still, its clock does not. It goes on with the timers that are due meanwhile, or, if this lasts an
    /// odd number of nanoseconds, with the packets that wait, and its clock leaps behind those.
    Pause {
        /// Which node.
        node: usize,
        /// For how long, in nanoseconds.
        lasts: u64,
    },
    /// The state machine stands still, and with it whatever waits for it; all other parts of the process go on.
    Slow {
        /// Which node.
        node: usize,
        /// For how long, in nanoseconds.
        lasts: u64,
    },
    /// No disk operation completes for a while.
    Stuck {
        /// Which node.
        node: usize,
        /// For how long, in nanoseconds.
        lasts: u64,
    },
    /// The disk fails at what it is asked, mostly once: a sync has lost what it was to keep, a write lands in part.
    Broken {
        /// Which node.
        node: usize,
        /// At what.
        operation: Operation,
        /// How many of these still succeed.
        after: u64,
        /// How many fail then, one after another.
        times: u64,
        /// When the node starts again, in nanoseconds.
        down: u64,
    },
    /// The disk holds no byte more than it does, or few more, for a while.
    Full {
        /// Which node.
        node: usize,
        /// How many more.
        slack: u64,
        /// For how long, in nanoseconds.
        lasts: u64,
    },
    /// One packet, the next of its kind, has a fate of its own. A plan has it only from a scenario.
    Aim(Aim),
    /// A member is told what nobody has said. A plan has it only from a scenario.
    Tell(Tell<usize>),
    /// A fault that waits for a moment.
    Await(Aimed),
    /// What the disk holds comes to harm, in a part that is not written any more if bytes change. Of a place that is odd, while
    /// the process runs, else its power is cut before.
    Rot {
        /// Which node.
        node: usize,
        /// How.
        harm: Harm,
        /// Where, counted modulo what there is.
        place: u64,
        /// When it starts again, in nanoseconds; if it finds the damage, it never does.
        down: u64,
    },
    /// A process is told to end, and does so in good order.
    Drain {
        /// Which node.
        node: usize,
        /// When it starts again after its end, in nanoseconds.
        down: u64,
    },
    /// Clients reach only these peers for a while; a bit set is one of them.
    Aside {
        /// Which.
        nodes: u32,
        /// For how long, in nanoseconds.
        lasts: u64,
    },
    /// This happens to whoever leads.
    AtLeader {
        /// What.
        answer: Answer,
        /// For how long, in nanoseconds.
        lasts: u64,
    },
    /// A node's clock jumps forward.
    Leap {
        /// Which node.
        node: usize,
        /// How far, in nanoseconds.
        by: u64,
    },
    /// Power is cut, and the disk comes back as it was when the process began. No plan has this: it is beyond what any
    /// protocol survives, and shows that the checks bite.
    Rollback {
        /// Which node.
        node: usize,
        /// When it starts again, in nanoseconds.
        down: u64,
    },
    /// The node's directory is emptied while it is down.
    Wipe {
        /// Which node.
        node: usize,
        /// When it starts again, in nanoseconds.
        down: u64,
    },
}

/// Which links are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Those between the two sides; a bit set is the one side.
    Split(u32),
    /// All of one node.
    Isolate(usize),
    /// All of whoever leads when it begins.
    Leader,
    /// To one node from all others: it speaks and does not hear.
    Deaf(usize),
    /// From one node to all others: it hears and is not heard.
    Mute(usize),
    /// One link, one way.
    Link(usize, usize),
    /// Every other of the rest from its neighbours, but for one that meets everyone: the two halves meet only through it.
    Bridge(usize),
    /// All of whoever leads but those to and from one node, which meets everyone.
    HalfBridge(usize),
    /// All but those between neighbours in a row.
    Chain,
    /// The same, where the first and the last are neighbours too.
    Ring,
}

/// No family has this stream.
const SLACKS: u64 = 64;

/// What is to be waited for is so in the first part of a run, one of so many.
const EARLIER: u64 = 8;

/// The faults of this seed, in order of time, all before `until`.
#[must_use]
pub fn plan(seed: u64, swarm: &Swarm, until: Time) -> Vec<Fault> {
    let on = swarm.families;
    let has_links = 1 < swarm.nodes;
    // Each family has a stream of its own and a mean time between its faults.
    type Make = fn(&mut Draws, &Swarm) -> What;
    let families: [(bool, u64, Make); 17] = [
        (on.cuts && has_links, 500, cut),
        (on.clogs && has_links, 900, clog),
        (on.crashes, 300, crash),
        (on.blackouts, 3_000, |draws, _| What::Blackout { down: down(draws) }),
        (on.pauses, 1_200, |draws, swarm| What::Pause { node: node(draws, swarm), lasts: spell(draws) }),
        (on.stuck, 1_500, stuck),
        (on.broken, 900, broken),
        (on.wipes, 4_000, |draws, swarm| What::Wipe { node: node(draws, swarm), down: down(draws) }),
        (on.full, 1_500, |draws, swarm| What::Full { node: node(draws, swarm), slack: 0, lasts: shortage(draws) }),
        (on.leaps, 2_000, |draws, swarm| What::Leap { node: node(draws, swarm), by: spell(draws) }),
        (on.rot, if swarm.is_budgeted { 5_000 } else { 700 }, rot),
        (on.aimed, 750, |draws, swarm| What::Await(nemesis::draw(draws, swarm))),
        (on.drains, 1_500, |draws, swarm| What::Drain { node: node(draws, swarm), down: down(draws) }),
        (on.asides && has_links, 1_000, |draws, swarm| What::Aside {
            nodes: some_of(draws, swarm),
            lasts: spell(draws),
        }),
        (on.leaders, 350, at_leader),
        (on.slow, 1_200, |draws, swarm| What::Slow { node: node(draws, swarm), lasts: spell(draws) }),
        (on.rivals, 1_500, |_, _| What::AtLeader { answer: Answer::Rival, lasts: MS }),
    ];
    let mut faults = Vec::new();
    let mut slacks = stream(seed, Purpose::Plan, SLACKS);
    for (family, (_, mean_ms, make)) in families.into_iter().enumerate().filter(|(_, (is_on, ..))| *is_on) {
        let mut draws = stream(seed, Purpose::Plan, family as u64);
        let mut at = Time::ZERO;
        loop {
            at = Time(at.0 + exponential(draws.bits(), mean_ms * MS * swarm.pace) + MS);
            if until <= at {
                break;
            }
            let mut what = make(&mut draws, swarm);
            slack(&mut slacks, swarm, &mut what);
            flap(&mut draws, at, until, &what, &mut faults);
            give_up(&mut draws, at, until, &what, &mut faults);
            if fails_on(&mut draws, at, until, &what, &mut faults) {
                continue;
            }
            let at = as_it_starts(&mut draws, at, &what, &mut faults);
            // Who waits from early on waits in vain less often.
            let at = if matches!(what, What::Await(_)) { Time(at.0 / EARLIER) } else { at };
            faults.push(Fault { at, what });
        }
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

/// For so long links flap.
const FLAPPING: Range<u64> = 1_000 * MS..30_000 * MS;

/// Now and then the same links are cut again, and again.
fn flap(draws: &mut Draws, at: Time, until: Time, what: &What, faults: &mut Vec<Fault>) {
    let What::Cut { shape, .. } = what else { return };
    if !draws.chance(1, 8) {
        return;
    }
    let mut spell = || log_uniform(draws.bits(), 20 * MS, 500 * MS);
    let (lasts, pause) = (spell(), spell());
    let times = log_uniform(draws.bits(), FLAPPING.start, FLAPPING.end).div_ceil(lasts + pause).max(2);
    let again = (1..times).map(|nth| Time(at.0 + nth * (lasts + pause))).take_while(|&at| at < until);
    faults.extend(again.map(|at| Fault { at, what: What::Cut { shape: shape.clone(), lasts } }));
}

/// Who has waited for a disk for long enough kills its process.
fn give_up(draws: &mut Draws, at: Time, until: Time, what: &What, faults: &mut Vec<Fault>) {
    if let What::Stuck { node, lasts: FOR_EVER } = *what {
        let (after, down) = (log_uniform(draws.bits(), 100 * MS, 8_000 * MS), down(draws));
        let at = Time(at.0 + after);
        faults.extend((at < until).then_some(Fault { at, what: What::Crash { node, down } }));
    }
}

/// What a node meets as it starts comes just behind a power failure.
fn as_it_starts(draws: &mut Draws, at: Time, what: &What, faults: &mut Vec<Fault>) -> Time {
    let (What::CrashAtDisk { node, .. } | What::Broken { node, .. }) = *what else { return at };
    if !is_for_a_start(draws, what) {
        return at;
    }
    let down = log_uniform(draws.bits(), MS, 100 * MS);
    faults.push(Fault { at, what: What::Crash { node, down } });
    Time(at.0 + 1)
}

/// Mostly a disk that cannot keep names cannot for a while: the next starts fail, and power fails in one of them.
fn fails_on(draws: &mut Draws, at: Time, until: Time, what: &What, faults: &mut Vec<Fault>) -> bool {
    let What::Broken { node, operation: operation @ Operation::SyncDir, down, .. } = *what else { return false };
    let (times, operations, later) = (log_uniform(draws.bits(), 2, 8), draws.below(40), kinds::down(draws));
    if !draws.chance(2, 3) {
        return false;
    }
    let again = [
        What::Crash { node, down: later },
        What::Broken { node, operation, after: 0, times, down },
        What::CrashAtDisk { node, operations, spares: None, down },
    ];
    faults.extend(
        (0..).map(|by| Time(at.0 + by)).zip(again).filter(|(at, _)| *at < until).map(|(at, what)| Fault { at, what }),
    );
    true
}

impl Shape {
    /// The links of this shape among so many nodes, `leader` being who leads.
    #[must_use]
    pub fn links(&self, nodes: usize, leader: Option<usize>) -> Vec<(usize, usize)> {
        let all = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to))).filter(|(from, to)| from != to);
        let cut = |from: usize, to: usize| match *self {
            Shape::Split(sides) => (sides >> from) & 1 != (sides >> to) & 1,
            Shape::Isolate(node) => from == node || to == node,
            Shape::Leader => leader.is_some_and(|leader| from == leader || to == leader),
            Shape::Deaf(node) => to == node,
            Shape::Mute(node) => from == node,
            Shape::Link(one, other) => (from, to) == (one, other),
            Shape::Bridge(node) => {
                let half = |id: usize| (id - usize::from(node < id)) % 2;
                from != node && to != node && half(from) != half(to)
            }
            Shape::HalfBridge(node) => {
                let is_leaders = leader.is_some_and(|leader| from == leader || to == leader);
                is_leaders && from != node && to != node
            }
            Shape::Chain => from.abs_diff(to) != 1,
            Shape::Ring => ![1, nodes - 1].contains(&from.abs_diff(to)),
        };
        all.filter(|&(from, to)| cut(from, to)).collect()
    }
}

#[cfg(test)]
mod tests;
