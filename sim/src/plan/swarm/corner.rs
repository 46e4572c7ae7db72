//! Corners: in one seed of four some sizes go together that, each drawn for itself, hardly ever meet.
//!
//! ```text
//!   parcels      entries larger than an append is to be, and than what is left of a window of few bytes
//!   crowd        many clients, who wait for less time than a window of an entry or two takes to serve them all
//!   heavy        commands of which a few fill a segment, and a few at once more than the next one, too
//!   snapshots    one for each entry or two, of a log that grows fast over a disk that is slow
//! ```
//! Whatever else a seed has drawn stays as it is.

use super::{Families, Swarm};
use crate::client::{KINDS, Kind};
use crate::plan::MS;
use crate::stream::{Purpose, log_uniform, stream};
use rsm::mix::Draws;
use std::time::Duration;

/// Into which corner a seed goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Corner {
    Parcels,
    Crowd,
    Heavy,
    Snapshots,
}

/// Streams of their own; by these the seeds that tests take plain clusters from, 3 before all, are in no corner.
const WHICH: u64 = 47;
const SIZES: u64 = 48;

/// The corner of this seed. Where nothing goes wrong only commands may be large: all else would look as if something did.
/// Where everything does all sizes are small already.
pub(super) fn corner(seed: u64, (is_control, all): (bool, bool)) -> Option<Corner> {
    let mut draws = stream(seed, Purpose::Swarm, WHICH);
    let is_in_one = draws.chance(1, if is_control { 2 } else { 4 });
    let drawn = match draws.below(6) {
        _ if is_control => Corner::Heavy,
        0 | 1 => Corner::Parcels,
        2 | 3 => Corner::Crowd,
        4 => Corner::Heavy,
        _ => Corner::Snapshots,
    };
    (is_in_one && (is_control || !all)).then_some(drawn)
}

impl Corner {
    /// The sizes of a seed that goes there.
    pub(super) fn of(self, seed: u64, swarm: Swarm) -> Swarm {
        let draws = &mut stream(seed, Purpose::Swarm, SIZES);
        let mut drawn = match self {
            Corner::Parcels => parcels(draws, swarm),
            Corner::Crowd => crowd(draws, swarm),
            Corner::Heavy => heavy(draws, swarm),
            Corner::Snapshots => snapshots(draws, swarm),
        };
        // What seeds mostly meet is met elsewhere than here: most would wait in vain.
        drawn.families.aimed = false;
        drawn
    }
}

fn parcels(draws: &mut Draws, swarm: Swarm) -> Swarm {
    let entry_bytes = log_uniform(draws.bits(), 512, 8 << 10) as usize;
    let append_bytes = log_uniform(draws.bits(), 64, entry_bytes as u64 / 2) as usize;
    let window_bytes = append_bytes + log_uniform(draws.bits(), 64, entry_bytes as u64) as usize;
    let window = log_uniform(draws.bits(), 2, 16) as usize;
    Swarm { entry_bytes, append_bytes, window_bytes, window, pad: 0, rest: rest(draws, swarm.clients), ..swarm }
}

/// It takes a few in the longest delays that a calm network has, of which each has room for an entry or two, to keep as many
/// waiting as there are.
fn crowd(draws: &mut Draws, swarm: Swarm) -> Swarm {
    let clients = log_uniform(draws.bits(), 40, 64) as usize;
    let mut bytes = || log_uniform(draws.bits(), 64, 160) as usize;
    let (append_bytes, window_bytes) = (bytes(), bytes());
    let election = log_uniform(draws.bits(), 400 * MS, 1_000 * MS);
    let beats = 3 + draws.below(5);
    let timeout = Duration::from_nanos(log_uniform(draws.bits(), 200 * MS, 500 * MS));
    let kinds = vec![Kind::Flooder, Kind::Flooder, BUSY[draws.below(BUSY.len() as u64) as usize]];
    let mut weather = swarm.weather;
    (weather.delay_min, weather.delay_mean) = (election / 64, election / 32);
    Swarm {
        nodes: swarm.nodes.max(2),
        clients,
        lists: super::lists(swarm.lists, clients),
        kinds,
        append_bytes,
        window_bytes,
        election: Duration::from_nanos(election),
        heartbeat: Duration::from_nanos(election / beats),
        timeout,
        weather,
        pad: 0,
        rest: rest(draws, 6),
        ..swarm
    }
}

fn heavy(draws: &mut Draws, swarm: Swarm) -> Swarm {
    let pad = log_uniform(draws.bits(), 4 << 10, 12 << 10) as u16;
    let clients = log_uniform(draws.bits(), 4, 24) as usize;
    let nodes = if draws.chance(1, 3) { 1 } else { swarm.nodes };
    let drawn = Swarm {
        nodes,
        pad,
        clients,
        lists: super::lists(swarm.lists, clients),
        segment_bytes: 128 << 10,
        entry_bytes: usize::MAX,
        rest: rest(draws, clients),
        ..swarm
    };
    // An append for each command is what is counted then: none is in parts, none is read back.
    let whole = 1 << 20;
    if drawn.is_control { Swarm { append_bytes: whole, cache_bytes: whole, ..drawn } } else { drawn }
}

fn snapshots(draws: &mut Draws, swarm: Swarm) -> Swarm {
    let snapshot_entries = log_uniform(draws.bits(), 1, 3);
    let clients = log_uniform(draws.bits(), 12, 32) as usize;
    let nodes = if draws.chance(1, 2) { 1 } else { swarm.nodes.max(3) };
    let election = swarm.election.min(Duration::from_nanos(log_uniform(draws.bits(), 40 * MS, 120 * MS)));
    let heartbeat = swarm.heartbeat.min(election / 3);
    let disk_mean = log_uniform(draws.bits(), 4 * MS, 30 * MS).min(election.as_nanos() as u64 / 4);
    let sessions_max = 4 + draws.below(12) as usize;
    let kinds = vec![BUSY[draws.below(BUSY.len() as u64) as usize], KINDS[draws.below(KINDS.len() as u64) as usize]];
    // Who leads for long brings the most of them to one whose disk is stuck.
    let others = if draws.chance(1, 2) { Families::default() } else { swarm.families };
    let families = Families { stuck: true, ..others };
    let mut weather = swarm.weather;
    weather.delay_mean = weather.delay_mean.min(election.as_nanos() as u64 / 12);
    weather.delay_min = weather.delay_min.min(weather.delay_mean);
    Swarm {
        nodes,
        snapshot_entries,
        clients,
        lists: super::lists(swarm.lists, clients),
        election,
        heartbeat,
        disk_mean,
        sessions_max,
        kinds,
        families,
        weather,
        rest: rest(draws, clients) / 2,
        ..swarm
    }
}

/// Clients that go on changing something, whatever others do.
const BUSY: [Kind; 3] = [Kind::Writer, Kind::Plain, Kind::Retrier];

/// Who works in a corner rests little; of many clients each is the slower.
fn rest(draws: &mut Draws, clients: usize) -> u64 {
    log_uniform(draws.bits(), 2 * MS, 10 * MS) * clients.div_ceil(3) as u64
}

#[cfg(test)]
mod tests {
    use super::super::{swarm, usual};
    use super::*;

    #[test]
    fn one_seed_in_four_is_in_a_corner_and_of_the_controls_half_have_large_commands() {
        let mut drawn = [0; 4];
        let (mut heavy, mut controls) = (0, 0);
        for seed in 0..4_000 {
            let is_control = usual(seed).is_control;
            let corner = corner(seed, (is_control, false));
            controls += u64::from(is_control);
            heavy += u64::from(is_control && corner == Some(Corner::Heavy));
            corner.filter(|_| !is_control).into_iter().for_each(|corner| drawn[corner as usize] += 1);
        }
        let often = [2, 2, 1, 1].map(|sixths| 120 * sixths..200 * sixths);
        assert!(drawn.iter().zip(often).all(|(times, often)| often.contains(times)), "{drawn:?}");
        assert!((controls * 4 / 10..controls * 6 / 10).contains(&heavy), "{heavy} of {controls}");
        assert_eq!((0..400).filter(|&seed| corner(seed, (false, true)).is_some()).count(), 0);
    }

    #[test]
    fn in_each_corner_those_sizes_meet_for_which_it_is_there() {
        for seed in 0..400 {
            let of = |corner: Corner| corner.of(seed, usual(seed));
            let parcels = of(Corner::Parcels);
            assert!(
                parcels.append_bytes < parcels.entry_bytes && parcels.append_bytes < parcels.window_bytes,
                "{seed}"
            );
            let crowd = of(Corner::Crowd);
            let waits = crowd.weather.delay_mean * crowd.clients as u64;
            assert!(crowd.timeout.as_nanos() as u64 <= waits, "{seed}");
            let heavy = of(Corner::Heavy);
            assert!(heavy.segment_bytes / 32 <= u64::from(heavy.pad), "{seed}");
            let snapshots = of(Corner::Snapshots);
            assert!(snapshots.snapshot_entries <= 3 && snapshots.families.stuck, "{seed}");
            assert_eq!(swarm(seed).is_control, usual(seed).is_control);
        }
    }
}
