//! Many threads want one lock: 16 points, each measured twice.

use crate::locks::{Fair, Guarded, Mutual, Saa};
use rsm::sync::lock::Lock;
use rsm_peers_kit::machine::thread_ns;
use rsm_peers_kit::race::{Placing, race};
use rsm_peers_kit::rounds::{CPU, Measured, Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use rsm_peers_kit::spread::{geometric_mean, short};
use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const RATE: &str = "Mops/s";
const SHARE: &str = "smallest share";
const WORST: &str = "worst wait us";
const TAIL: &str = "p99.9 wait us";
const ROW: &str = "longest row";
const AWAKE: &str = "longest wait awake us";
/// A waiter that is awake so long is not passed over any more.
const AWAKE_MAX_US: f64 = 1000.0;

const THREADS: [usize; 4] = [2, 4, 8, 16];
/// Steps inside and outside of the lock.
const SECTIONS: [(u32, u32); 4] = [(0, 0), (30, 60), (200, 200), (30, 600)];
const ROUNDS: u32 = 7;
const AWAKE_ROUNDS: u32 = 5;
const TIME: Duration = Duration::from_millis(70);

/// So many steps of a chain, each of which needs the one before. The factor is opaque, or the compiler would fold the steps.
#[inline]
fn work(mut chain: u64, steps: u32, factor: u64) -> u64 {
    for _ in 0..steps {
        chain = chain.wrapping_mul(factor).wrapping_add(1);
    }
    chain
}

fn factor() -> u64 {
    black_box(6_364_136_223_846_793_005)
}

fn untimed<L: Mutual>(threads: usize, placing: Placing, (inside, outside): (u32, u32)) -> Subject {
    subject(L::NAME, move |time| {
        let lock = L::new();
        let (counts, took) = race(threads, placing, time, |thread, stop| {
            let (factor, mut mine, mut count) = (factor(), thread as u64, 0u64);
            while !stop.is_over() {
                lock.with(|guarded| guarded.chain = work(guarded.chain, inside, factor));
                mine = work(mine, outside, factor);
                count += 1;
            }
            black_box(mine);
            count
        });
        Run::throughput(RATE, counts.iter().sum(), took)
    })
}

/// How often each wait was that long: by bits of the nanoseconds, eight steps to a doubling.
struct Waits([u64; 512]);

impl Waits {
    fn place(ns: u64) -> usize {
        let ns = ns.max(8);
        let doubling = ns.ilog2();
        (doubling as usize * 8 + ((ns >> (doubling - 3)) & 7) as usize).min(511)
    }

    /// The wait, in ns, that so large a part of all did not exceed.
    fn quantile(&self, part: f64) -> f64 {
        let wanted = (self.0.iter().sum::<u64>() as f64 * part) as u64;
        let mut seen = 0;
        let place = self.0.iter().position(|count| {
            seen += count;
            seen > wanted
        });
        place.map_or(0.0, |place| (8 + place % 8) as f64 / 8.0 * 2f64.powi((place / 8) as i32))
    }
}

fn timed<L: Mutual>(threads: usize, placing: Placing, (inside, outside): (u32, u32)) -> Subject {
    subject(L::NAME, move |time| {
        let lock = L::new();
        let (seen, _) = race(threads, placing, time, |thread, stop| {
            let (factor, mut mine, mut count, mut worst) = (factor(), thread as u64, 0u64, 0u64);
            let mut waits = Waits([0; 512]);
            while !stop.is_over() {
                let began = Instant::now();
                let waited = lock.with(|guarded| {
                    let waited = began.elapsed();
                    guarded.row = if guarded.last == thread { guarded.row + 1 } else { 1 };
                    guarded.last = thread;
                    guarded.longest = guarded.longest.max(guarded.row);
                    guarded.chain = work(guarded.chain, inside, factor);
                    waited.as_nanos() as u64
                });
                worst = worst.max(waited);
                waits.0[Waits::place(waited)] += 1;
                mine = work(mine, outside, factor);
                count += 1;
            }
            black_box(mine);
            (count, worst, waits)
        });
        let total: u64 = seen.iter().map(|(count, ..)| count).sum();
        let least = seen.iter().map(|(count, ..)| *count).min().unwrap_or(0);
        let mut all = Waits([0; 512]);
        seen.iter().for_each(|(_, _, waits)| all.0.iter_mut().zip(waits.0).for_each(|(sum, count)| *sum += count));
        Run::default()
            .and(SHARE, least as f64 * threads as f64 / total.max(1) as f64)
            .and(WORST, seen.iter().map(|(_, worst, _)| *worst).max().unwrap_or(0) as f64 / 1e3)
            .and(TAIL, all.quantile(0.999) / 1e3)
            .and(ROW, lock.with(|guarded| guarded.longest) as f64)
    })
}

/// How long one was awake, at the most, from asking for the lock to having it: the processor time that it used meanwhile.
fn awake<L: Mutual>(threads: usize, section: (u32, u32)) -> Subject {
    let (inside, outside) = section;
    subject(L::NAME, move |time| {
        let lock = L::new();
        let (longest, _) = race(threads, Placing::Pinned, time, |thread, stop| {
            let (factor, mut mine, mut longest) = (factor(), thread as u64, 0);
            while !stop.is_over() {
                let began = thread_ns();
                let awake = lock.with(|guarded| {
                    let awake = thread_ns() - began;
                    guarded.chain = work(guarded.chain, inside, factor);
                    awake
                });
                longest = longest.max(awake);
                mine = work(mine, outside, factor);
            }
            black_box(mine);
            longest
        });
        Run::default().and(AWAKE, longest.into_iter().max().unwrap_or(0) as f64 / 1e3)
    })
}

/// One contender in its two runs.
type Both = (fn(usize, Placing, (u32, u32)) -> Subject, fn(usize, Placing, (u32, u32)) -> Subject);

fn both<L: Mutual>() -> Both {
    (untimed::<L>, timed::<L>)
}

/// All points with these contenders.
fn points(rounds: &mut Rounds, name: &str, placing: Placing, contenders: &[Both], with_waits: bool) -> Vec<Measured> {
    let mut points = Vec::new();
    for section in SECTIONS {
        for threads in THREADS {
            let label = format!("{name} {}/{} {threads}", section.0, section.1);
            if !rounds.options.wants_point(&label) {
                continue;
            }
            let label = format!("{name} {}/{}", section.0, section.1);
            let runs = contenders.iter().map(|(untimed, _)| untimed(threads, placing, section)).collect();
            points.push(rounds.measure(label.clone(), threads, ROUNDS, TIME, runs));
            if with_waits {
                let runs = contenders.iter().map(|(_, timed)| timed(threads, placing, section)).collect();
                let label = label.replacen(name, &format!("{name} waits"), 1);
                points.push(rounds.measure(label, threads, ROUNDS, TIME, runs));
            }
        }
    }
    points
}

fn awake_points(rounds: &mut Rounds) -> Vec<Measured> {
    let all = SECTIONS.into_iter().flat_map(|section| THREADS.map(|threads| (section, threads)));
    let mut points = Vec::new();
    for (section, threads) in all {
        let label = format!("contended awake {}/{}", section.0, section.1);
        if rounds.options.wants_point(&format!("{label} {threads}")) {
            let of = [awake::<Lock<Guarded>>, awake::<Mutex<Guarded>>, awake::<parking_lot::Mutex<Guarded>>];
            let runs = of.map(|awake| awake(threads, section)).into();
            points.push(rounds.measure(label, threads, AWAKE_ROUNDS, TIME, runs));
        }
    }
    points
}

fn tables(section: &mut Section, name: &str) {
    section.table(&format!("{name} waits"), SHARE);
    section.table(&format!("{name} waits"), WORST);
    section.table(&format!("{name} waits"), TAIL);
    section.table(&format!("{name} waits"), ROW);
    SECTIONS.iter().for_each(|(inside, outside)| section.table(&format!("{name} {inside}/{outside}"), CPU));
}

/// Ratios of ours to a peer over the points of the bench `name` with these sections.
fn ratios(points: &[Measured], name: &str, sections: &[(u32, u32)], ours: &str, peer: &str, unit: &str) -> Vec<f64> {
    let benches: Vec<String> = sections.iter().map(|(inside, outside)| format!("{name} {inside}/{outside}")).collect();
    let points = points.iter().filter(|point| benches.contains(&point.bench));
    points.map(|point| point.ratio(ours, peer, unit).median).collect()
}

fn least(ratios: &[f64]) -> f64 {
    ratios.iter().copied().fold(f64::INFINITY, f64::min)
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let contenders = [
        both::<Lock<Guarded>>(),
        both::<Mutex<Guarded>>(),
        both::<parking_lot::Mutex<Guarded>>(),
        both::<usync::Mutex<Guarded>>(),
        both::<Saa>(),
    ];
    let mut section = Section::new(
        "Lock, contended",
        "\"30/60\": 30 steps inside the lock, 60 outside; a step is a multiplication and an addition that need the one before. \
         Threads pinned to the processors by turns; `contended free`: placed by the system. Waits, shares and the longest row (one \
         owner many times running) come from runs of their own, as the clock's reading slows the loop. Share: the slowest \
         thread's part, 1 if all are equal. The longest wait awake: the processor time of one wait, in which it spun, was woken and \
         was passed over, without what it slept or stood behind another thread; two readings of that clock lengthen each section.",
    );
    section.points = points(rounds, "contended", Placing::Pinned, &contenders, true);
    section.points.extend(points(rounds, "contended free", Placing::Free, &contenders[..3], false));
    section.points.extend(awake_points(rounds));
    for (inside, outside) in SECTIONS {
        section.table(&format!("contended {inside}/{outside}"), RATE);
    }
    section.table("contended free", RATE);
    tables(&mut section, "contended");
    section.table("contended awake", AWAKE);
    goals(&mut section);
    section
}

fn goals(section: &mut Section) {
    let rate = |peer, only| ratios(&section.points, "contended", only, "rsm", peer, RATE);
    let (std, all) = (rate("std", &SECTIONS), rate("parking_lot", &SECTIONS));
    let short_ones = rate("parking_lot", &SECTIONS[..2]);
    let waits = |unit| ratios(&section.points, "contended waits", &SECTIONS, "rsm", "parking_lot", unit);
    let worst = waits(WORST);
    let shares: Vec<f64> = section
        .points
        .iter()
        .filter(|point| point.bench.starts_with("contended waits"))
        .map(|point| point.spread("rsm", SHARE).median - point.spread("parking_lot", SHARE).median)
        .collect();
    section.at_least("at least 1.5 x std, geometric mean of 16 points", geometric_mean(std), 1.5);
    section.at_least("at least 1.15 x parking_lot, likewise", geometric_mean(all.iter().copied()), 1.15);
    section.at_least("at least 1.3 x parking_lot on 0/0 and 30/60", geometric_mean(short_ones), 1.3);
    section.at_least("no point below 0.9 x parking_lot", least(&all), 0.9);
    section.at_least("smallest share at least parking_lot's less 0.1, at each point", least(&shares), -0.1);
    let over = worst.iter().filter(|ratio| **ratio > 1.25).count();
    let text = format!("{} points over it; mean {}", over, short(geometric_mean(worst)));
    section.goal("worst wait at most 1.25 x parking_lot's, at each point", text, over == 0);
    let awake = section.points.iter().filter(|point| point.bench.starts_with("contended awake"));
    let longest = awake.map(|point| point.spread("rsm", AWAKE).max).fold(0.0, f64::max);
    section.at_most(
        "nobody passed over for more than 1 ms while awake: longest of all waits, us",
        longest,
        AWAKE_MAX_US,
    );
}

pub(crate) fn fair_section(rounds: &mut Rounds) -> Section {
    let contenders = [both::<Fair>(), both::<parking_lot::FairMutex<Guarded>>()];
    let mut section = Section::new(
        "Lock, strict order",
        "`unlock_fair` at every unlock against parking_lot's `FairMutex`; otherwise as above.",
    );
    section.points = points(rounds, "fair", Placing::Pinned, &contenders, true);
    SECTIONS.iter().for_each(|(inside, outside)| section.table(&format!("fair {inside}/{outside}"), RATE));
    section.table("fair waits", SHARE);
    section.table("fair waits", WORST);
    let rate = ratios(&section.points, "fair", &SECTIONS, "rsm unlock_fair", "FairMutex", RATE);
    let share = |name: &str| {
        let points = section.points.iter().filter(|point| point.bench.starts_with("fair waits"));
        let shares: Vec<f64> = points.map(|point| point.spread(name, SHARE).median).collect();
        shares.iter().sum::<f64>() / shares.len() as f64
    };
    let (ours, theirs) = (share("rsm unlock_fair"), share("FairMutex"));
    section.at_least("throughput at least FairMutex's, geometric mean", geometric_mean(rate), 1.0);
    let reached = format!("{} to {}", short(ours), short(theirs));
    section.goal("smallest share at least FairMutex's, mean of 16 points", reached, ours >= theirs);
    section
}
