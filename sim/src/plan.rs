//! What goes wrong in a run, drawn before it begins: a list of faults, each with its time, that can be shortened.
//!
//! ```text
//!   seed ──> Swarm     which families of faults are on, how large things are        subsets: faults mask each other
//!        └─> Plan      [Fault { at, what }]                                         one fault less leaves the rest alone
//! ```

use crate::aim::Aim;
use crate::nemesis::{self, Aimed};
use crate::net::Weather;
use crate::stream::{Purpose, Ratio, exponential, log_uniform, stream};
use rsm::mix::Draws;
use rsm::time::Time;
use std::time::Duration;

/// A millisecond, in nanoseconds.
pub const MS: u64 = 1_000_000;

/// The sizes and options of a run.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// How many peers.
    pub nodes: usize,
    /// The least election timeout.
    pub election: Duration,
    /// The heartbeat.
    pub heartbeat: Duration,
    /// A snapshot is taken after so many entries.
    pub snapshot_entries: u64,
    /// Bytes of a segment of the log.
    pub segment_bytes: u64,
    /// How many sessions are held.
    pub sessions_max: usize,
    /// How many clients, each with one operation at a time.
    pub clients: usize,
    /// How long a client rests between two operations, on average, in nanoseconds.
    pub rest: u64,
    /// What the network does.
    pub weather: Weather,
    /// The mean latency of a disk operation, in nanoseconds.
    pub disk_mean: u64,
    /// Whether events at equal times come in an order of the seed's own.
    pub ties: bool,
    /// Drift of the clocks: at most this many millionths.
    pub drift_ppm: i64,
    /// Who would stand for election asks first.
    pub pre_vote: bool,
    /// A leader that no quorum answers gives up.
    pub check_quorum: bool,
    /// The most appends on their way to one peer.
    pub window: usize,
    /// The most bytes of entries in one append.
    pub append_bytes: usize,
    /// What a peer keeps of its log in memory, beyond what is not durable.
    pub cache_bytes: usize,
    /// The most bytes of a piece of a snapshot on its way.
    pub piece_bytes: u64,
    /// Which families of faults are drawn.
    pub families: Families,
}

/// Families of faults that a run may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Families {
    /// Links are cut, in every shape of partition.
    pub cuts: bool,
    /// Links are clogged.
    pub clogs: bool,
    /// Processes are killed and started again.
    pub crashes: bool,
    /// All processes lose power at once.
    pub blackouts: bool,
    /// Processes stand still for a while.
    pub pauses: bool,
    /// Disks are stuck for a while.
    pub stuck: bool,
    /// A sync fails.
    pub broken: bool,
    /// A directory is emptied.
    pub wipes: bool,
    /// Disks are full for a while.
    pub full: bool,
    /// Clocks jump forward.
    pub leaps: bool,
    /// Old bytes rot.
    pub rot: bool,
    /// Rare moments are answered.
    pub aimed: bool,
}

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
        /// When it starts again, in nanoseconds.
        down: u64,
    },
    /// All nodes lose power at once.
    Blackout {
        /// When they start again, in nanoseconds, a little one after another.
        down: u64,
    },
    /// A process stands still, its clock does not.
    Pause {
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
    /// The next sync fails, and has lost what it was to keep.
    Broken {
        /// Which node.
        node: usize,
        /// When the node starts again, in nanoseconds.
        down: u64,
    },
    /// The disk holds no byte more than it does, for a while.
    Full {
        /// Which node.
        node: usize,
        /// For how long, in nanoseconds.
        lasts: u64,
    },
    /// One packet, the next of its kind, has a fate of its own. A plan has it only from a scenario.
    Aim(Aim),
    /// A fault that waits for a moment.
    Await(Aimed),
    /// Power is cut, and of what the disk holds one bit has changed, in a part that is not written any more.
    Rot {
        /// Which node.
        node: usize,
        /// Where, counted modulo what there is.
        place: u64,
        /// When it starts again, in nanoseconds; if it finds the damage, it never does.
        down: u64,
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
    /// All but those of one node: the others meet only through it.
    Bridge(usize),
}

/// The sizes and options of this seed.
#[must_use]
pub fn swarm(seed: u64) -> Swarm {
    let mut draws = stream(seed, Purpose::Swarm, 0);
    let calm = draws.chance(1, 16);
    let all = draws.chance(1, 16);
    let nodes = [1, 2, 3, 3, 3, 4, 5, 5, 7][draws.below(9) as usize];
    let election = log_uniform(draws.bits(), 40 * MS, 250 * MS);
    Swarm {
        nodes,
        election: Duration::from_nanos(election),
        heartbeat: Duration::from_nanos(election / (3 + draws.below(5))),
        snapshot_entries: log_uniform(draws.bits(), 3, 60),
        segment_bytes: [128 << 10, 256 << 10][draws.below(2) as usize],
        sessions_max: 4 + draws.below(60) as usize,
        clients: 1 + draws.below(6) as usize,
        rest: log_uniform(draws.bits(), MS, 40 * MS),
        weather: weather(&mut draws, election, calm),
        disk_mean: log_uniform(draws.bits(), MS / 50, 5 * MS),
        ties: draws.chance(1, 2),
        drift_ppm: [0, 50, 500, 50_000][draws.below(4) as usize],
        pre_vote: calm || !draws.chance(1, 8),
        check_quorum: calm || !draws.chance(1, 8),
        window: log_uniform(draws.bits(), 1, 64) as usize,
        append_bytes: log_uniform(draws.bits(), 64, 64 << 10) as usize,
        cache_bytes: log_uniform(draws.bits(), 64, 64 << 10) as usize,
        piece_bytes: log_uniform(draws.bits(), 64, 64 << 10),
        families: families(&mut draws, calm, all),
    }
}

/// A network in which an election can succeed: its mean delay is a small part of the least timeout.
fn weather(draws: &mut Draws, election: u64, calm: bool) -> Weather {
    let delay_mean = log_uniform(draws.bits(), MS / 10, election / 12);
    let mut some = |most: u64, among: u32| {
        let on = !calm && draws.chance(1, 2);
        let of = draws.below(most) as u32;
        if on { Ratio::new(of, among) } else { Ratio::default() }
    };
    let (loss, double) = (some(300, 1_000), some(200, 1_000));
    let (flip, late) = (some(10, 1_000), some(4, 1_000));
    Weather { delay_min: delay_mean / 4, delay_mean, loss, double, flip, late }
}

fn families(draws: &mut Draws, calm: bool, all: bool) -> Families {
    let mut on = || (draws.chance(1, 2) || all) && !calm;
    Families {
        cuts: on(),
        clogs: on(),
        crashes: on(),
        blackouts: on(),
        pauses: on(),
        stuck: on(),
        broken: on(),
        wipes: on(),
        full: on(),
        leaps: on(),
        rot: on(),
        aimed: on(),
    }
}

/// The faults of this seed, in order of time, all before `until`.
#[must_use]
pub fn plan(seed: u64, swarm: &Swarm, until: Time) -> Vec<Fault> {
    let on = swarm.families;
    // Each family has a stream of its own and a mean time between its faults.
    type Make = fn(&mut Draws, &Swarm) -> What;
    let families: [(bool, u64, Make); 12] = [
        (on.cuts, 500, cut),
        (on.clogs, 900, clog),
        (on.crashes, 230, crash),
        (on.blackouts, 3_000, |draws, _| What::Blackout { down: down(draws) }),
        (on.pauses, 1_200, |draws, swarm| What::Pause { node: node(draws, swarm), lasts: spell(draws) }),
        (on.stuck, 1_500, |draws, swarm| What::Stuck { node: node(draws, swarm), lasts: spell(draws) }),
        (on.broken, 2_500, |draws, swarm| What::Broken { node: node(draws, swarm), down: down(draws) }),
        (on.wipes, 4_000, |draws, swarm| What::Wipe { node: node(draws, swarm), down: down(draws) }),
        (on.full, 1_500, |draws, swarm| What::Full { node: node(draws, swarm), lasts: shortage(draws) }),
        (on.leaps, 2_000, |draws, swarm| What::Leap { node: node(draws, swarm), by: spell(draws) }),
        (on.rot, 5_000, rot),
        (on.aimed, 400, |draws, _| What::Await(nemesis::draw(draws))),
    ];
    let mut faults = Vec::new();
    for (family, (_, mean_ms, make)) in families.into_iter().enumerate().filter(|(_, (is_on, ..))| *is_on) {
        let mut draws = stream(seed, Purpose::Plan, family as u64);
        let mut at = Time::ZERO;
        loop {
            at = Time(at.0 + exponential(draws.bits(), mean_ms * MS) + MS);
            if until <= at {
                break;
            }
            faults.push(Fault { at, what: make(&mut draws, swarm) });
        }
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

fn node(draws: &mut Draws, swarm: &Swarm) -> usize {
    draws.below(swarm.nodes as u64) as usize
}

fn down(draws: &mut Draws) -> u64 {
    log_uniform(draws.bits(), MS, 1_500 * MS)
}

fn spell(draws: &mut Draws) -> u64 {
    log_uniform(draws.bits(), 20 * MS, 1_500 * MS)
}

/// A full disk is met once the segment and the next one are used up.
fn shortage(draws: &mut Draws) -> u64 {
    log_uniform(draws.bits(), 300 * MS, 4_000 * MS)
}

fn crash(draws: &mut Draws, swarm: &Swarm) -> What {
    let (node, down) = (node(draws, swarm), down(draws));
    let operations = draws.below(30);
    if draws.chance(2, 3) { What::CrashAtDisk { node, operations, down } } else { What::Crash { node, down } }
}

fn rot(draws: &mut Draws, swarm: &Swarm) -> What {
    What::Rot { node: node(draws, swarm), place: draws.bits(), down: down(draws) }
}

fn clog(draws: &mut Draws, swarm: &Swarm) -> What {
    What::Clog { from: node(draws, swarm), to: node(draws, swarm), lasts: spell(draws) }
}

fn cut(draws: &mut Draws, swarm: &Swarm) -> What {
    let (one, other) = (node(draws, swarm), node(draws, swarm));
    let sides = 1 + draws.below((1 << swarm.nodes) - 1) as u32;
    let shape = match draws.below(7) {
        0 => Shape::Split(sides),
        1 => Shape::Isolate(one),
        2 => Shape::Leader,
        3 => Shape::Deaf(one),
        4 => Shape::Mute(one),
        5 => Shape::Link(one, other),
        _ => Shape::Bridge(one),
    };
    What::Cut { shape, lasts: spell(draws) }
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
            Shape::Bridge(node) => from != node && to != node && from % 2 != to % 2,
        };
        all.filter(|&(from, to)| cut(from, to)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_one_plan_in_order_of_time() {
        let swarm = swarm(11);
        let faults = plan(11, &swarm, Time(5_000 * MS));
        assert_eq!(faults, plan(11, &swarm, Time(5_000 * MS)));
        assert!(faults.is_sorted_by_key(|fault| fault.at));
    }

    #[test]
    fn a_family_that_is_off_leaves_the_others_as_they_were() {
        let mut with = swarm(3);
        with.families = Families { cuts: true, crashes: true, ..Families::default() };
        let mut without = with.clone();
        without.families.cuts = false;
        let crashes = |faults: Vec<Fault>| -> Vec<_> {
            faults.into_iter().filter(|fault| !matches!(fault.what, What::Cut { .. })).collect()
        };
        let until = Time(60_000 * MS);
        assert_eq!(crashes(plan(3, &with, until)), crashes(plan(3, &without, until)));
    }

    #[test]
    fn every_family_and_every_shape_is_drawn_by_some_seed() {
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..200 {
            for fault in plan(seed, &swarm(seed), Time(5_000 * MS)) {
                let name = format!("{:?}", fault.what);
                kinds.insert(name.split([' ', '(']).next().unwrap_or_default().to_owned());
                if let What::Cut { shape, .. } = fault.what {
                    kinds.insert(format!("{shape:?}").split('(').next().unwrap_or_default().to_owned());
                }
            }
        }
        assert_eq!(kinds.len(), 13 + 7, "{kinds:?}");
    }

    #[test]
    fn a_bridge_joins_two_halves_that_do_not_meet() {
        let links = Shape::Bridge(4).links(5, None);
        assert!(links.contains(&(0, 1)) && !links.contains(&(0, 2)) && !links.contains(&(0, 4)));
    }
}
