//! Many read, few write.

use crate::shared::{Saa, Shared};
use crossbeam_utils::sync::ShardedLock;
use rsm_peers_kit::race::{Placing, race};
use rsm_peers_kit::rounds::{CPU, Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use rsm_peers_kit::spread::geometric_mean;
use std::hint::black_box;
use std::sync::RwLock;
use std::time::{Duration, Instant};

const RATE: &str = "Mops/s";
const THREADS: [usize; 5] = [1, 2, 4, 8, 16];
/// Writes in a hundred operations.
const WRITES: [u64; 3] = [0, 1, 10];
const TIME: Duration = Duration::from_millis(60);
const HOLD: Duration = Duration::from_micros(10);

/// What the threads do.
#[derive(Clone, Copy)]
struct Mix {
    threads: usize,
    /// Writes in a hundred.
    writes: u64,
    /// Whether the first thread holds its reads for [`HOLD`].
    holds: bool,
}

fn contender<L: Shared>(mix: Mix) -> Subject {
    subject(L::NAME, move |time| {
        let lock = L::new();
        let (counts, took) = race(mix.threads, Placing::Pinned, time, |thread, stop| {
            let (mut chance, mut count) = (thread as u64 * 2 + 1, 0u64);
            while !stop.is_over() {
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if mix.holds && thread == 0 {
                    lock.read(|_| {
                        let began = Instant::now();
                        while began.elapsed() < HOLD {}
                    });
                } else if (chance >> 33) % 100 < mix.writes {
                    lock.write(|value| *value += 1);
                } else {
                    lock.read(|value| _ = black_box(*value));
                }
                count += 1;
            }
            count
        });
        Run::throughput(RATE, counts.iter().sum(), took)
    })
}

fn contenders(mix: Mix) -> Vec<Subject> {
    vec![
        contender::<rsm::sync::rwlock::RwLock<u64>>(mix),
        contender::<RwLock<u64>>(mix),
        contender::<parking_lot::RwLock<u64>>(mix),
        contender::<usync::RwLock<u64>>(mix),
        contender::<ShardedLock<u64>>(mix),
        contender::<Saa>(mix),
    ]
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "RwLock",
        "Each operation reads a number, or with the given chance raises it; nothing else happens inside. Threads pinned to the \
         processors by turns. `held`: 1 % writes, while one thread holds each of its reads for 10 us.",
    );
    for writes in WRITES {
        for threads in THREADS {
            let bench = format!("rwlock {writes} %");
            if !rounds.options.wants_point(&format!("{bench} {threads}")) {
                continue;
            }
            let mix = Mix { threads, writes, holds: false };
            section.points.push(rounds.measure(bench, threads, 5, TIME, contenders(mix)));
        }
    }
    let alone = Mix { threads: 1, writes: 100, holds: false };
    if rounds.options.wants_point("rwlock write alone") {
        section.points.push(rounds.measure("rwlock write alone", 1, 10, TIME / 4, contenders(alone)));
    }
    let held = Mix { threads: 4, writes: 1, holds: true };
    if rounds.options.wants_point("rwlock held") {
        section.points.push(rounds.measure("rwlock held", 4, 5, TIME, contenders(held)));
    }
    section.table("rwlock", RATE);
    section.table("rwlock", CPU);
    let grid: Vec<f64> = section
        .points
        .iter()
        .filter(|point| point.bench.ends_with('%'))
        .map(|point| point.ratio("rsm", "parking_lot", RATE).median)
        .collect();
    let least = grid.iter().copied().fold(f64::INFINITY, f64::min);
    let alone = section.points.iter().find(|point| point.bench == "rwlock write alone");
    let alone = alone.map_or(0.0, |point| point.ratio("parking_lot", "rsm", RATE).median);
    section.at_least("at least 2.5 x parking_lot, geometric mean of 15 points", geometric_mean(grid), 2.5);
    section.at_least("no point below 1.0 x", least, 1.0);
    section.at_most("a write alone takes at most 2 x parking_lot's time", alone, 2.0);
    section
}
