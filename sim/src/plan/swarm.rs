//! The sizes and options of a run: which families of faults are on, how large things are.
//!
//! ```text
//!   seed ──> one in sixteen: nothing goes wrong, the control       one in sixteen: everything is on
//!        └─> else each family with a chance of one half, each size of its order of magnitude; one in four goes into a corner
//! ```
//! What is small is crossed within a simulated second, where a usual limit is never met.

mod corner;

use super::MS;
use crate::client::{KINDS, Kind, SHARE};
use crate::net::Weather;
use crate::stream::{Purpose, Ratio, log_uniform, stream};
use rsm::mix::Draws;
use std::time::Duration;

/// The sizes and options of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swarm {
    /// How many peers.
    pub nodes: usize,
    /// The least election timeout.
    pub election: Duration,
    /// The heartbeat.
    pub heartbeat: Duration,
    /// How long a peer tries what it was asked for.
    pub timeout: Duration,
    /// A snapshot is taken after so many entries.
    pub snapshot_entries: u64,
    /// The same, after so many bytes of commands.
    pub snapshot_bytes: u64,
    /// Bytes of a segment of the log.
    pub segment_bytes: u64,
    /// How many sessions are held.
    pub sessions_max: usize,
    /// How many clients, each with one operation at a time.
    pub clients: usize,
    /// How many lists there are for them.
    pub lists: usize,
    /// Of which kinds they are; each draws among these for itself.
    pub kinds: Vec<Kind>,
    /// How long a client rests between two operations, on average, in nanoseconds.
    pub rest: u64,
    /// How many proposals, and how many reads, may be open at a peer.
    pub tickets: usize,
    /// How many inputs wait at a peer.
    pub inbox: usize,
    /// What the network does.
    pub weather: Weather,
    /// The mean latency of a disk operation, in nanoseconds.
    pub disk_mean: u64,
    /// A write that is cut short leaves alone what lies beside it.
    pub powersafe: bool,
    /// So many bytes has a sector of a disk.
    pub sector: u64,
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
    /// The most bytes of entries on their way to one peer.
    pub window_bytes: usize,
    /// The most bytes of one entry. If it is not the log's own limit, clients ask for more now and then.
    pub entry_bytes: usize,
    /// The most bytes of entries in one append.
    pub append_bytes: usize,
    /// What a peer keeps of its log in memory, beyond what is not durable.
    pub cache_bytes: usize,
    /// The most bytes of a piece of a snapshot on its way.
    pub piece_bytes: u64,
    /// So many bytes more has each command.
    pub pad: u16,
    /// No more disks rot than the cluster promises to survive. Else only what may never happen is judged.
    pub is_budgeted: bool,
    /// Which families of faults are drawn.
    pub families: Families,
    /// Faults come so many times as rarely as they may.
    pub pace: u64,
    /// So many peers lie, the first ones: then only what nobody's word may bring about is judged.
    pub liars: usize,
    /// Some peers are of tomorrow's version, in some of their lives.
    pub tomorrow: bool,
    /// Nothing goes wrong: what is not as it should be then is the simulator's fault, or the protocol's.
    pub is_control: bool,
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
    /// Disks fail at what they are asked.
    pub broken: bool,
    /// A directory is emptied.
    pub wipes: bool,
    /// Disks are full for a while.
    pub full: bool,
    /// Clocks jump forward.
    pub leaps: bool,
    /// Old bytes rot.
    pub rot: bool,
    /// Processes are told to end.
    pub drains: bool,
    /// Clients reach only some of the peers.
    pub asides: bool,
    /// Whoever leads is struck.
    pub leaders: bool,
    /// Whoever leads is told that another does.
    pub rivals: bool,
    /// Rare moments are answered.
    pub aimed: bool,
    /// State machines lag behind their logs.
    pub slow: bool,
}

/// The sizes and options of this seed.
#[must_use]
pub fn swarm(seed: u64) -> Swarm {
    let drawn = usual(seed);
    match corner::corner(seed, extremes(&mut stream(seed, Purpose::Swarm, 0))) {
        Some(corner) => corner.of(seed, drawn),
        None => drawn,
    }
}

/// The same, each drawn for itself.
pub(crate) fn usual(seed: u64) -> Swarm {
    let mut draws = stream(seed, Purpose::Swarm, 0);
    let (is_control, all) = extremes(&mut draws);
    let nodes = [1, 2, 3, 3, 3, 4, 5, 5, 7][draws.below(9) as usize];
    let election_max = if draws.chance(1, 16) { 2_000 * MS } else { 250 * MS };
    let election = log_uniform(draws.bits(), 40 * MS, election_max);
    // Of many clients each is the slower.
    let clients = log_uniform(draws.bits(), 1, 32);
    let mut small = |among: u64, most: u64, usual: usize| {
        let drawn = log_uniform(draws.bits(), 1, most) as usize;
        if (draws.chance(1, among) || all) && !is_control { drawn } else { usual }
    };
    let (tickets, inbox) = (small(4, 8, TICKETS), small(8, 16, INBOX / 64) * 64);
    let limits = limits(seed, is_control, all);
    let is_budgeted = is_control || all || !stream(seed, Purpose::Swarm, 3).chance(1, 16);
    let liars = if is_control { 0 } else { liars(seed, nodes) };
    // Without faults nobody is brought one snapshot after the other: each is there before as many entries have come.
    let patience = if is_control { (256, 1 << 10) } else { (0, 0) };
    let disk_max = if is_control { election / 160 } else { 5 * MS };
    Swarm {
        nodes,
        election: Duration::from_nanos(election),
        heartbeat: Duration::from_nanos(election / (3 + draws.below(5) + limits.more_beats)),
        timeout: limits.timeout,
        snapshot_entries: limits.snapshot_entries.unwrap_or(log_uniform(draws.bits(), 2, 60)).max(patience.0),
        snapshot_bytes: limits.snapshot_bytes,
        segment_bytes: [128 << 10, 256 << 10][draws.below(2) as usize],
        // Without faults none is evicted: there are as many as clients and peers.
        sessions_max: 4 + draws.below(60) as usize + if is_control { 32 + nodes } else { 0 },
        clients: clients as usize,
        lists: lists(lists_drawn(seed), clients as usize),
        kinds: if is_control { kinds_in_peace() } else { kinds(seed, all) },
        rest: log_uniform(draws.bits(), MS, 40 * MS) * clients.div_ceil(3),
        tickets,
        inbox,
        weather: patchy(seed, all, weather(&mut draws, election, is_control, all)),
        disk_mean: disk_mean(seed, election, is_control, log_uniform(draws.bits(), MS / 50, disk_max)),
        powersafe: draws.chance(1, 2),
        sector: limits.sector,
        ties: draws.chance(1, 2),
        drift_ppm: [0, 50, 500, 50_000][draws.below(4) as usize],
        pre_vote: !draws.chance(1, 8) || is_control,
        check_quorum: !draws.chance(1, 8) || is_control,
        window: log_uniform(draws.bits(), 1, 64) as usize,
        window_bytes: limits.window_bytes,
        entry_bytes: limits.entry_bytes,
        append_bytes: log_uniform(draws.bits(), 64, 64 << 10) as usize,
        cache_bytes: log_uniform(draws.bits(), 64, 64 << 10) as usize,
        piece_bytes: log_uniform(draws.bits(), 64, piece_max(seed)).max(patience.1),
        pad: if is_control || limits.entry_bytes != usize::MAX { 0 } else { pad(seed) },
        is_budgeted,
        families: Families {
            rivals: rivals(seed, is_control || 0 < liars, nodes),
            ..families(&mut draws, (0 < liars).then_some(seed), is_control, all, is_budgeted)
        },
        pace: if draws.chance(1, 2) { log_uniform(draws.bits(), 1, 5) } else { 1 },
        liars,
        tomorrow: liars == 0 && !is_control && (all || stream(seed, Purpose::Version, 0).chance(1, 8)),
        is_control,
    }
}

/// Whether nothing goes wrong, and whether everything does, if not.
fn extremes(draws: &mut Draws) -> (bool, bool) {
    (draws.chance(1, 16), draws.chance(1, 16))
}

/// How long this seed lasts before its calm phase, in simulated time, unless it is told.
#[must_use]
pub fn lasts(seed: u64) -> Duration {
    let mut draws = stream(seed, Purpose::Swarm, 9);
    // Whole octaves, and again what is too long: cut off there, one seed in ten would last for just as long as one may.
    let any = || log_uniform(draws.bits(), 5_000, 16 * 5_000 - 1);
    let lasts = std::iter::repeat_with(any).find(|&milliseconds| milliseconds <= 60_000);
    Duration::from_millis(lasts.expect("nine in ten are shorter"))
}

/// One, where all meet; a few; or many, where few do.
fn lists_drawn(seed: u64) -> usize {
    let mut draws = stream(seed, Purpose::Swarm, 10);
    let many = log_uniform(draws.bits(), 16, 64) as usize;
    [1, LISTS, many][draws.below(3) as usize]
}

/// So many, but no more clients than may share one.
fn lists(drawn: usize, clients: usize) -> usize {
    drawn.max(clients.div_ceil(SHARE))
}

/// Each kind of client with a chance of one half, and always one of those that each cluster has: a bug of one kind shows
/// where no other is in its way.
fn kinds(seed: u64, all: bool) -> Vec<Kind> {
    let mut draws = stream(seed, Purpose::Swarm, 5);
    let (on, mut kinds) = (draws.bits(), KINDS.to_vec());
    kinds.retain(|&kind| all || (on >> kind as u64) & 1 == 1);
    if !kinds.iter().any(|kind| kind.is_busy()) {
        let mut busy = KINDS.to_vec();
        busy.retain(|kind| kind.is_busy());
        kinds.push(busy[draws.below(busy.len() as u64) as usize]);
    }
    kinds
}

/// All kinds, but for those that cost another its session.
fn kinds_in_peace() -> Vec<Kind> {
    KINDS.map(|kind| if kind == Kind::Flooder { Kind::Writer } else { kind }).to_vec()
}

/// In few seeds disks are slow, as far as an election, which waits for two of their flushes, can succeed.
fn disk_mean(seed: u64, election: u64, is_control: bool, usual: u64) -> u64 {
    let mut draws = stream(seed, Purpose::Swarm, 8);
    let slow = log_uniform(draws.bits(), 5 * MS, 60 * MS).min(election / 4);
    if draws.chance(1, 8) && !is_control { slow } else { usual }
}

/// In few seeds one lies, or any number of them.
fn liars(seed: u64, nodes: usize) -> usize {
    let mut draws = stream(seed, Purpose::Swarm, 4);
    let some = if draws.chance(1, 2) { 1 } else { 1 + draws.below(nodes as u64) as usize };
    if draws.chance(1, 32) && 1 < nodes { some } else { 0 }
}

/// In half of the seeds even a snapshot of few seconds comes in many pieces.
fn piece_max(seed: u64) -> u64 {
    if stream(seed, Purpose::Swarm, 13).chance(1, 2) { 512 } else { 64 << 10 }
}

/// In few seeds a leader is told that another leads in its term; who lies says so anyhow.
fn rivals(seed: u64, is_told_nothing: bool, nodes: usize) -> bool {
    stream(seed, Purpose::Swarm, 12).chance(1, 12) && !is_told_nothing && 1 < nodes
}

/// Limits that most seeds never meet.
struct Limits {
    timeout: Duration,
    snapshot_entries: Option<u64>,
    snapshot_bytes: u64,
    window_bytes: usize,
    entry_bytes: usize,
    sector: u64,
    /// So many heartbeats more come in an election timeout.
    more_beats: u64,
}

fn limits(seed: u64, is_control: bool, all: bool) -> Limits {
    let mut draws = stream(seed, Purpose::Swarm, 2);
    let mut some = |among: u64, low: u64, high: u64| {
        let drawn = log_uniform(draws.bits(), low, high);
        ((draws.chance(1, among) || all) && !is_control).then_some(drawn)
    };
    // Where nothing goes wrong the longest first election is awaited.
    let usual = if is_control { TIMEOUT * 10 } else { TIMEOUT };
    Limits {
        timeout: some(4, 200 * MS, 5_000 * MS).map_or(usual, Duration::from_nanos),
        snapshot_entries: some(6, 60, 1_000).or(some(12, 1, 1)),
        snapshot_bytes: some(4, 256, 32 << 10).unwrap_or(SNAPSHOT_BYTES),
        window_bytes: some(3, 64, 64 << 10).map_or(WINDOW_BYTES, |bytes| bytes as usize),
        entry_bytes: some(6, 96, 1_024).map_or(usize::MAX, |bytes| bytes as usize),
        sector: some(2, 1, 1).map_or(512, |_| 4_096),
        more_beats: some(12, 1, 3).unwrap_or_default(),
    }
}

/// Of few seeds commands are so large that segments are soon full.
fn pad(seed: u64) -> u16 {
    let mut draws = stream(seed, Purpose::Swarm, 1);
    if draws.chance(1, 12) { log_uniform(draws.bits(), 256, 8 << 10) as u16 } else { 0 }
}

/// How many lists there are for clients unless a seed draws another number.
pub(crate) const LISTS: usize = 4;
/// How long a peer tries what it was asked for unless a seed draws another time.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);
/// After so many bytes a snapshot is taken, unless a seed draws fewer: never.
pub(crate) const SNAPSHOT_BYTES: u64 = 64 << 20;
/// So many bytes are on their way to one peer unless a seed draws fewer.
pub(crate) const WINDOW_BYTES: usize = 4 << 20;
/// How many inputs wait at a peer unless a seed draws fewer.
pub(crate) const INBOX: usize = 16_384;
/// The same, of open proposals, and of open reads.
pub(crate) const TICKETS: usize = 65_536;

/// Where packets are lost, not each link loses as many, in one seed of three.
fn patchy(seed: u64, all: bool, weather: Weather) -> Weather {
    let is_patchy = stream(seed, Purpose::Swarm, 11).chance(1, 3) || all;
    Weather { is_patchy: is_patchy && weather.loss != Ratio::default(), ..weather }
}

/// A network in which an election can succeed: its mean delay is a small part of the least timeout.
fn weather(draws: &mut Draws, election: u64, is_control: bool, all: bool) -> Weather {
    if is_control {
        // No draw of a delay is a twentieth of it.
        let mean = log_uniform(draws.bits(), MS / 100, election / 160);
        return Weather { is_fifo: draws.chance(1, 8), ..Weather::fair(mean / 4, mean) };
    }
    let mean = log_uniform(draws.bits(), MS / 10, election / 12);
    let mut some = |most: u64, among: u32| {
        let on = draws.chance(1, 2) || all;
        let of = draws.below(most) as u32;
        if on { Ratio::new(of, among) } else { Ratio::default() }
    };
    let (loss, double, replay) = (some(300, 1_000), some(200, 1_000), some(200, 1_000));
    let (flip, truncate, late) = (some(10, 1_000), some(10, 1_000), some(4, 1_000));
    let spread = if draws.chance(1, 3) || all { log_uniform(draws.bits(), 2, 10) } else { 1 };
    let is_fifo = draws.chance(1, 8);
    let (crowd, bytes) = (log_uniform(draws.bits(), 2, 32), log_uniform(draws.bits(), 20_000, 2_000_000));
    let crowd_max = (draws.chance(1, 3) || all).then_some(crowd as usize);
    let bandwidth = (draws.chance(1, 3) || all).then_some(bytes);
    let fair = Weather::fair(mean / 4, mean);
    Weather { loss, double, replay, flip, truncate, late, spread, is_fifo, crowd_max, bandwidth, ..fair }
}

/// Where somebody lies each family that is drawn stays with a chance of one half: a lie is to meet a cluster that works.
fn families(draws: &mut Draws, lied_in: Option<u64>, is_control: bool, all: bool, is_budgeted: bool) -> Families {
    let mut spare = lied_in.map(|seed| stream(seed, Purpose::Swarm, 6));
    let mut on = || {
        let is_drawn = (draws.chance(1, 2) || all) && !is_control;
        is_drawn && spare.as_mut().is_none_or(|spare| spare.chance(1, 2))
    };
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
        rot: on() || !is_budgeted,
        drains: on(),
        asides: on(),
        leaders: on(),
        rivals: false,
        aimed: on(),
        slow: on(),
    }
}

#[cfg(test)]
mod tests;
