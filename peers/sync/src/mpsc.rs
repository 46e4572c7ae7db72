//! Many senders, one receiver, as fast as they can.

use crate::channels::*;
use rsm_peers_kit::machine::pin;
use rsm_peers_kit::race::Placing;
use rsm_peers_kit::rounds::{CPU, Measured, Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use rsm_peers_kit::spread::geometric_mean;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

const RATE: &str = "Mmsg/s";
const PRODUCERS: [usize; 4] = [1, 2, 4, 8];
const LIMITS: [Option<usize>; 2] = [None, Some(1024)];
const TIME: Duration = Duration::from_millis(40);
const TAKE: &str = "rsm take";

/// How one channel is driven.
#[derive(Clone, Copy)]
struct Drive {
    producers: usize,
    limit: Option<usize>,
    placing: Placing,
}

/// Sends for `time`, then receives what is left. `produce` sends until told to stop and says how many it were.
fn drive<C: Channel>(
    drive: Drive,
    time: Duration,
    produce: impl Fn(&C::Sender, &AtomicBool) -> u64 + Copy + Send,
) -> Run {
    let (sender, mut receiver) = C::make(drive.limit);
    let stop = AtomicBool::new(false);
    let stop = &stop;
    let place = move |thread| {
        if drive.placing == Placing::Pinned {
            pin(thread);
        }
    };
    thread::scope(|scope| {
        let began = Instant::now();
        for producer in 0..drive.producers {
            let sender = C::clone(&sender);
            scope.spawn(move || {
                place(producer + 1);
                black_box(produce(&sender, stop));
            });
        }
        drop(sender);
        let received = scope.spawn(move || {
            place(0);
            let mut received = 0u64;
            while C::receive(&mut receiver, |message| {
                black_box(message);
                received += 1;
            }) {}
            received
        });
        thread::sleep(time);
        stop.store(true, Relaxed);
        let received = received.join().expect("a receiver does not panic");
        Run::throughput(RATE, received, began.elapsed())
    })
}

fn contender<C: Channel<Message: Default>>(how: Drive) -> Subject {
    subject(C::NAME, move |time| {
        drive::<C>(how, time, |sender, stop| {
            let mut sent = 0;
            while !stop.load(Relaxed) {
                C::send(sender, black_box(C::Message::default()));
                sent += 1;
            }
            sent
        })
    })
}

fn peers<T: Default + Send + Sync + 'static>(how: Drive) -> Vec<Subject> {
    vec![
        contender::<StdRecv<T>>(how),
        contender::<StdMany<T>>(how),
        contender::<CrossbeamRecv<T>>(how),
        contender::<CrossbeamMany<T>>(how),
        contender::<FlumeRecv<T>>(how),
        contender::<FlumeMany<T>>(how),
        contender::<KanalRecv<T>>(how),
        contender::<KanalMany<T>>(how),
        contender::<TokioRecv<T>>(how),
        contender::<TokioMany<T>>(how),
    ]
}

fn points<T: Default + Send + Sync + 'static>(rounds: &mut Rounds, name: &str, placing: Placing) -> Vec<Measured> {
    let mut points = Vec::new();
    for limit in LIMITS {
        for producers in PRODUCERS {
            let bench = format!("{name} {}", if limit.is_some() { "bounded" } else { "unbounded" });
            if !rounds.options.wants_point(&format!("{bench} {producers}")) {
                continue;
            }
            let how = Drive { producers, limit, placing };
            let mut subjects = vec![contender::<RsmTake<T>>(how), contender::<RsmRecv<T>>(how)];
            subjects.extend(peers::<T>(how));
            points.push(rounds.measure(bench, producers, 7, TIME, subjects));
        }
    }
    points
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "mpsc, saturated",
        "Millions of messages received a second; `threads` counts the senders, the receiver is one more. `mpsc`: 8 bytes, placed \
         by the system. `mpsc pinned`: the receiver on one processor, the senders on all by turns. `mpsc 64 bytes`: larger \
         messages, placed by the system. bounded: 1024. Of each peer both verbs: one message, and many.",
    );
    section.points = points::<u64>(rounds, "mpsc", Placing::Free);
    section.points.extend(points::<u64>(rounds, "mpsc pinned", Placing::Pinned));
    section.points.extend(points::<[u64; 8]>(rounds, "mpsc 64 bytes", Placing::Free));
    section.table("mpsc", RATE);
    section.table("mpsc", CPU);
    for (name, exact) in [("mpsc", true), ("mpsc pinned", false), ("mpsc 64 bytes", false)] {
        for ours in [TAKE, "rsm recv"] {
            let ratios = best_ratios(&section.points, name, ours);
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let mean = geometric_mean(ratios);
            let shown = format!("{name}, {ours}: at least 1.3 x the best of all peers, geometric mean of 8 points");
            section.at_least(shown, mean, 1.3);
            if exact {
                section.at_least(format!("{name}, {ours}: no point below 1.0 x"), least, 1.0);
            }
        }
    }
    section
}

/// Ours by the best peer of each point.
fn best_ratios(points: &[Measured], name: &str, ours: &str) -> Vec<f64> {
    let labels = [format!("{name} unbounded"), format!("{name} bounded")];
    let points = points.iter().filter(|point| labels.contains(&point.bench));
    points.map(|point| point.ratio(ours, point.best_peer(RATE, true), RATE).median).collect()
}

pub(crate) fn send_all_section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "mpsc, 64 messages at a time",
        "`send_all` of 64 messages of 8 bytes and `take`, against the peers' single sends (they have no other), received by \
         either verb. bounded: 1024.",
    );
    for (limit, producers) in LIMITS.into_iter().flat_map(|limit| PRODUCERS.map(|producers| (limit, producers))) {
        let how = Drive { producers, limit, placing: Placing::Free };
        let bench = if limit.is_some() { "send_all bounded" } else { "send_all unbounded" };
        let mut subjects = vec![subject("rsm send_all", move |time| {
            drive::<RsmTake<u64>>(how, time, |sender, stop| {
                let mut sent = 0;
                while !stop.load(Relaxed) {
                    assert!(sender.send_all(sent..sent + 64).is_ok(), "the receiver is there");
                    sent += 64;
                }
                sent
            })
        })];
        subjects.extend(peers::<u64>(how));
        section.points.push(rounds.measure(bench, producers, 7, TIME, subjects));
    }
    section.table("send_all", RATE);
    let ratios =
        section.points.iter().map(|point| point.ratio("rsm send_all", point.best_peer(RATE, true), RATE).median);
    let mean = geometric_mean(ratios);
    section.at_least("send_all of 64: at least 3 x the best of all peers, geometric mean of 8 points", mean, 3.0);
    section
}
