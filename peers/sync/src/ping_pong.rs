//! Two threads that wait for each other by turns.

use crate::signals::{OURS, PEERS, Signal};
use rsm_peers_kit::machine::pin;
use rsm_peers_kit::rounds::{CPU, Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const TRIP: &str = "us/round trip";

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
                // The first trip waits until the other is there.
                (ping.set)();
                (pong.wait)();
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
        "Two threads on two processors set each other's signal by turns. `running`: at once. `asleep`: each is busy for 1 ms \
         before it answers, which is longer than any contender spins, so that the other really sleeps; the work is taken off.",
    );
    for (bench, work, time) in [("running", 0, 40), ("asleep", 1000, 60)] {
        let work = Duration::from_micros(work);
        let subjects = OURS.into_iter().chain(PEERS).map(|signal| play(signal, work)).collect();
        let bench = format!("ping-pong {bench}");
        section.points.push(rounds.measure(bench, 2, 7, Duration::from_millis(time), subjects));
    }
    turned(&mut section);
    for (at, most) in [(0, 0.5), (1, 1.05)] {
        for (ours, _) in &OURS[..2] {
            let point = &section.points[at];
            let best = point.best_peer(TRIP, false);
            let (label, ratio) = (point.bench.clone(), point.ratio(ours, best, TRIP).median);
            section.at_most(format!("{label}, {ours}: at most {most} x the best peer ({best})"), ratio, most);
        }
    }
    section
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
