//! The kinds of faults, each as it is drawn: where, what, for how long.

use super::{MS, Shape, Swarm, What};
use crate::nemesis;
use crate::stream::log_uniform;
use rsm::mix::Draws;
use rsm::raft::storage::simulated::{Operation, Spares};

pub(super) fn node(draws: &mut Draws, swarm: &Swarm) -> usize {
    draws.below(swarm.nodes as u64) as usize
}

/// Two of them.
pub(super) fn two(draws: &mut Draws, swarm: &Swarm) -> (usize, usize) {
    let one = node(draws, swarm);
    let other = (one + 1 + draws.below(swarm.nodes as u64 - 1) as usize) % swarm.nodes;
    (one, other)
}

/// Some of the nodes, not all; of how many there are each is as likely.
pub(super) fn some_of(draws: &mut Draws, swarm: &Swarm) -> u32 {
    let mut left = 1 + draws.below((swarm.nodes as u64 - 1).max(1));
    let mut nodes = 0;
    for node in 0..swarm.nodes as u64 {
        let is_one = draws.below(swarm.nodes as u64 - node) < left;
        (left, nodes) = (left - u64::from(is_one), nodes | u32::from(is_one) << node);
    }
    nodes
}

/// Mostly short, seldom so long that everything has changed meanwhile.
pub(super) fn down(draws: &mut Draws) -> u64 {
    let most = if draws.chance(1, 16) { 30_000 * MS } else { 1_500 * MS };
    log_uniform(draws.bits(), MS, most)
}

/// The same.
pub(super) fn spell(draws: &mut Draws) -> u64 {
    let most = if draws.chance(1, 10) { 6_000 * MS } else { 1_500 * MS };
    log_uniform(draws.bits(), 20 * MS, most)
}

/// The same, and now and then for as long as most runs last.
pub(super) fn long_spell(draws: &mut Draws) -> u64 {
    let most = if draws.chance(1, 16) { 20_000 * MS } else { 1_500 * MS };
    log_uniform(draws.bits(), 20 * MS, most)
}

/// Whatever lasts so long, about eleven days, has no end.
pub(crate) const FOR_EVER: u64 = 1_000_000_000 * MS;

/// Where a snapshot is taken after so few entries, many are while a disk is stuck.
const SOON: u64 = 2;

/// Some disks are stuck until their process is killed, a few for as long as most runs last.
pub(super) fn stuck(draws: &mut Draws, swarm: &Swarm) -> What {
    let is_long = draws.chance(1, 8) || swarm.snapshot_entries <= SOON;
    let most = if is_long { 30_000 * MS } else { 2_000 * MS };
    let (node, lasts) = (node(draws, swarm), log_uniform(draws.bits(), 100 * MS, most));
    What::Stuck { node, lasts: if draws.chance(1, 8) { FOR_EVER } else { lasts } }
}

pub(super) fn at_leader(draws: &mut Draws, swarm: &Swarm) -> What {
    What::AtLeader { answer: nemesis::draw_answer(draws, swarm, false), lasts: spell(draws) }
}

/// What becomes of bytes that are on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// One bit is another.
    Flip,
    /// A sector is zeros.
    Zeros,
    /// A sector is as it was before it was changed last.
    Former,
    /// Of a range each read fails, for good.
    Unreadable,
}

impl Harm {
    /// As a case names it, if it is not the usual one.
    pub(crate) fn word(self) -> Option<&'static str> {
        HARMS.iter().find(|(_, harm)| *harm == self).map(|(word, _)| *word)
    }

    /// Reads what `word` gives.
    pub(crate) fn parse(word: &str) -> Option<Harm> {
        HARMS.iter().find(|(known, _)| *known == word).map(|(_, harm)| *harm)
    }
}

const HARMS: [(&str, Harm); 3] = [("zeros", Harm::Zeros), ("former", Harm::Former), ("unreadable", Harm::Unreadable)];

/// How a case says what is left of what was not synced.
pub(crate) const SPARES: [(&str, Spares); 3] =
    [("lose", Spares::Nothing), ("tear", Spares::Pieces), ("keep", Spares::All)];

/// Most disks that are full have some room: for a part of a segment, or of a snapshot, or for some of them.
pub(super) fn slack(draws: &mut Draws, swarm: &Swarm, what: &mut What) {
    if let What::Full { slack, .. } = what {
        let drawn = log_uniform(draws.bits(), 1, 4 * swarm.segment_bytes);
        *slack = if draws.chance(1, 3) { 0 } else { drawn };
    }
}

/// A full disk is met once the segment and the next one are used up.
pub(super) fn shortage(draws: &mut Draws) -> u64 {
    log_uniform(draws.bits(), 300 * MS, 4_000 * MS)
}

pub(super) fn crash(draws: &mut Draws, swarm: &Swarm) -> What {
    let (node, down) = (node(draws, swarm), down(draws));
    // A process that is killed, or has nothing to write, asks its disk for few.
    let most = if draws.chance(1, 8) { 40 } else { 12 };
    let operations = log_uniform(draws.bits(), 1, most) - 1;
    let at_disk = What::CrashAtDisk { node, operations, spares: None, down };
    if draws.chance(2, 3) { at_disk } else { What::Crash { node, down } }
}

/// What a disk may fail at, as a case names it. The more of it there is, the more of it may succeed before.
pub(crate) const OPERATIONS: [(&str, Operation); 7] = [
    ("sync", Operation::Sync),
    ("write", Operation::Write),
    ("read", Operation::Read),
    ("create", Operation::Create),
    ("rename", Operation::Rename),
    ("remove", Operation::Remove),
    ("sync-names", Operation::SyncDir),
];

/// How a case names what a disk fails at.
pub(crate) fn operation_word(operation: Operation) -> &'static str {
    OPERATIONS.iter().find(|(_, known)| *known == operation).map_or("sync", |(word, _)| word)
}

pub(super) fn broken(draws: &mut Draws, swarm: &Swarm) -> What {
    let (node, down) = (node(draws, swarm), down(draws));
    // Of syncs there are most: nothing else can be lost so.
    let operation = match draws.below(12) {
        0..4 => Operation::Sync,
        4..6 => Operation::Write,
        6 => Operation::Read,
        7 => Operation::SyncDir,
        nth => OPERATIONS[nth as usize - 5].1,
    };
    // What there is little of fails at once, mostly.
    let is_rare = !matches!(operation, Operation::Sync | Operation::Write | Operation::Read);
    let (few, many) = if is_rare { (1, 3) } else { (2, 20) };
    let most = if draws.chance(1, 8) { many } else { few };
    let after = log_uniform(draws.bits(), 1, most) - 1;
    What::Broken { node, operation, after, times: 1, down }
}

/// Whether it is meant for a start, which asks its disk for much in no time, whoever leads and whatever clients want.
pub(super) fn is_for_a_start(draws: &mut Draws, what: &What) -> bool {
    match what {
        What::CrashAtDisk { .. } => draws.chance(1, 2),
        What::Broken { operation: Operation::Sync | Operation::Write, .. } => draws.chance(1, 3),
        What::Broken { .. } => draws.chance(2, 3),
        _ => false,
    }
}

pub(super) fn rot(draws: &mut Draws, swarm: &Swarm) -> What {
    let (node, place) = (node(draws, swarm), draws.bits());
    // By its highest bits, of which hardly any place depends.
    let harm = match place >> 60 {
        0..6 => Harm::Flip,
        6..9 => Harm::Zeros,
        9..12 => Harm::Former,
        _ => Harm::Unreadable,
    };
    What::Rot { node, harm, place, down: down(draws) }
}

pub(super) fn clog(draws: &mut Draws, swarm: &Swarm) -> What {
    let (from, to) = two(draws, swarm);
    What::Clog { from, to, lasts: spell(draws) }
}

pub(super) fn cut(draws: &mut Draws, swarm: &Swarm) -> What {
    let (one, other) = two(draws, swarm);
    let by_coin = 1 + draws.below((1 << swarm.nodes) - 1) as u32;
    let by_size = some_of(draws, swarm);
    // Of two nodes, and of three, there are not so many.
    let shapes = [0, 0, 7, 10, 11, 11, 11, 11][swarm.nodes];
    let shape = match draws.below(shapes) {
        0 => Shape::Split(if draws.chance(1, 2) { by_coin } else { by_size }),
        1 => Shape::Isolate(one),
        2..=3 => Shape::Leader,
        4 => Shape::Deaf(one),
        5 => Shape::Mute(one),
        6 => Shape::Link(one, other),
        7 => Shape::HalfBridge(one),
        8 => Shape::Bridge(one),
        9 => Shape::Chain,
        _ => Shape::Ring,
    };
    What::Cut { shape, lasts: long_spell(draws) }
}
