//! Two threads that wait for each other by turns.

use crate::signals::{OURS, PEERS, Signal};
use rsm_peers_kit::machine::pin;
use rsm_peers_kit::rounds::{CPU, Measured, Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const TRIP: &str = "us/round trip";
/// Who uses more of the processors than the thriftiest by this factor does not sleep.
const SLEEPS: f64 = 1.15;

/// Busy for that long.
fn busy(time: Duration) {
    if !time.is_zero() {
        let began = Instant::now();
        while began.elapsed() < time {}
    }
}

/// Round trips for about `time`, each side busy for `work` before it answers: that much is taken off.
fn play((name, make): Signal, work: Duration) -> Subject {
    subject(name, move |time| {
        let (ping, mut pong) = (make(), make());
        let mut ping_wait = ping.wait;
        let over = AtomicBool::new(false);
        let (trips, took) = thread::scope(|scope| {
            let (over, pong_set) = (&over, pong.set);
            scope.spawn(move || {
                pin(1);
                loop {
                    ping_wait();
                    if over.load(SeqCst) {
                        return;
                    }
                    busy(work);
                    pong_set();
                }
            });
            let serve = scope.spawn(move || {
                pin(0);
                let (began, mut trips) = (Instant::now(), 0u32);
                while began.elapsed() < time {
                    // The clock is read once in a while only, unless the trips are long anyway.
                    for _ in 0..if work.is_zero() { 16 } else { 1 } {
                        busy(work);
                        (ping.set)();
                        (pong.wait)();
                        trips += 1;
                    }
                }
                let took = began.elapsed();
                over.store(true, SeqCst);
                (ping.set)();
                (trips, took)
            });
            serve.join().expect("a player does not panic")
        });
        let trip = took.as_secs_f64() / f64::from(trips) - 2.0 * work.as_secs_f64();
        Run { operations: f64::from(trips), figures: vec![(TRIP, trip * 1e6)] }
    })
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "Event and semaphore, ping-pong",
        "Two threads on two processors set each other's signal by turns. `running`: at once. `asleep`: each is busy for 100 us \
         before it answers, so that the other sleeps meanwhile; the work is taken off. Asleep, a peer counts as the best only if it \
         sleeps: some spin through the whole 100 us, as their processor time shows, and save the kernel's part.",
    );
    for (bench, work, time) in [("running", 0, 40), ("asleep", 100, 60)] {
        let work = Duration::from_micros(work);
        let subjects = OURS.into_iter().chain(PEERS).map(|signal| play(signal, work)).collect();
        let bench = format!("ping-pong {bench}");
        section.points.push(rounds.measure(bench, 2, 7, Duration::from_millis(time), subjects));
    }
    turned(&mut section);
    for (at, most) in [(0, 0.5), (1, 1.05)] {
        for (ours, _) in &OURS[..2] {
            let point = &section.points[at];
            let best = if at == 0 { point.best_peer(TRIP, false) } else { best_sleeper(point) };
            let (label, ratio) = (point.bench.clone(), point.ratio(ours, best, TRIP).median);
            section.at_most(format!("{label}, {ours}: at most {most} x the best peer ({best})"), ratio, most);
        }
    }
    section
}

/// The best of the peers that use about as little of the processors as the thriftiest: the others never sleep.
fn best_sleeper(point: &Measured) -> &'static str {
    let cpu = |name: &str| point.spread(name, CPU).median;
    let trip = |name: &str| point.spread(name, TRIP).median;
    let peers = || PEERS.into_iter().map(|(name, _)| name);
    let least = peers().map(cpu).fold(f64::INFINITY, f64::min);
    let sleepers = peers().filter(|name| cpu(name) <= least * SLEEPS);
    sleepers.min_by(|a, b| trip(a).total_cmp(&trip(b))).unwrap_or("")
}

/// Many subjects and few points: a line for each subject.
fn turned(section: &mut Section) {
    let mut text = String::from(
        "| | running, us a round trip | cpu ns | asleep, us a round trip | cpu ns |\n|---|---|---|---|---|",
    );
    for (name, _) in OURS.into_iter().chain(PEERS) {
        text.push_str(&format!("\n| {name} |"));
        for point in &section.points {
            text.push_str(&format!(" {} | {} |", point.spread(name, TRIP), point.spread(name, CPU)));
        }
    }
    section.free_table(text);
}
