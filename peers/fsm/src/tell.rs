//! Messages to one actor, as fast as they can be sent.

use crate::on_actix::OnActix;
use crate::on_kameo::OnKameo;
use crate::on_ractor::OnRactor;
use crate::on_std::OnStd;
use crate::on_tokio::{OnTokio, Recv, RecvMany};
use crate::on_xtra::OnXtra;
use crate::platform::{END, LIMIT, Platform};
use crate::roles::{Count, Source};
use crate::rsm_runners::{OnPool, OnThreads};
use crate::{ALL, FRAMEWORK, Ratio, TASK, WORKERS, point, ratios};
use rsm_peers_kit::rounds::{CPU, Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const RATE: &str = "Mmsg/s";
const PRODUCERS: [usize; 3] = [1, 4, 16];
const TIME: Duration = Duration::from_millis(40);

/// Threads tell one actor for `time`; it hears all of it.
fn told<P: Platform>(producers: usize, limit: Option<usize>) -> Subject {
    subject(P::NAME, move |time| {
        let system = P::system(WORKERS);
        let (done, all) = mpsc::channel();
        let sink = P::spawn(&system, limit, Count { senders: producers, heard: 0, done });
        let tell = if limit.is_some() { P::tell_bounded } else { P::tell };
        let stop = AtomicBool::new(false);
        let began = Instant::now();
        let heard = thread::scope(|scope| {
            for _ in 0..producers {
                scope.spawn(|| {
                    let mut number = 0;
                    while !stop.load(Relaxed) {
                        tell(&sink, number);
                        number += 1;
                    }
                    tell(&sink, END);
                });
            }
            thread::sleep(time);
            stop.store(true, Relaxed);
            all.recv().expect("it counts to the end")
        });
        Run::throughput(RATE, heard, began.elapsed())
    })
}

fn unbounded(producers: usize) -> Vec<Subject> {
    vec![
        told::<OnPool>(producers, None),
        told::<OnThreads>(producers, None),
        told::<OnTokio<Recv>>(producers, None),
        told::<OnTokio<RecvMany>>(producers, None),
        told::<OnStd>(producers, None),
        told::<OnActix>(producers, None),
        told::<OnRactor>(producers, None),
        told::<OnKameo>(producers, None),
        told::<OnXtra>(producers, None),
    ]
}

fn bounded(producers: usize) -> Vec<Subject> {
    let limit = Some(LIMIT);
    vec![
        told::<OnPool>(producers, limit),
        told::<OnThreads>(producers, limit),
        told::<OnTokio<Recv>>(producers, limit),
        told::<OnTokio<RecvMany>>(producers, limit),
        told::<OnStd>(producers, limit),
        told::<OnActix>(producers, limit),
        told::<OnKameo>(producers, limit),
        told::<OnXtra>(producers, limit),
    ]
}

/// Actors of the same system tell one of them, a burst for each message that they get.
fn fanned_in<P: Platform>() -> Subject {
    const SOURCES: usize = 8;
    const BURSTS: u64 = 100;
    const BURST: u64 = 128;
    subject(P::NAME, |time| {
        let system = P::system(WORKERS);
        let (mut heard, began) = (0, Instant::now());
        while began.elapsed() < time {
            let (done, all) = mpsc::channel();
            let sink = P::spawn(&system, None, Count { senders: SOURCES, heard: 0, done });
            let sources: Vec<_> =
                (0..SOURCES).map(|_| P::spawn(&system, None, Source::<P> { sink: sink.clone() })).collect();
            for _ in 0..BURSTS {
                sources.iter().for_each(|source| P::tell(source, BURST));
            }
            sources.iter().for_each(|source| P::tell(source, END));
            heard += all.recv().expect("it counts to the end");
        }
        Run::throughput(RATE, heard, began.elapsed())
    })
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "Tell",
        "Millions of messages of 8 bytes a second that one actor hears; `threads` counts the threads that send. bounded: 1024; ours \
         and actix refuse, and their senders yield and try again; the others wait. ractor has no bound. fan-in: eight actors of \
         the same system send to one.",
    );
    for producers in PRODUCERS {
        point(rounds, &mut section, ("tell unbounded", producers), TIME, unbounded(producers));
    }
    for producers in PRODUCERS {
        point(rounds, &mut section, ("tell bounded", producers), TIME, bounded(producers));
    }
    let subjects = vec![
        fanned_in::<OnPool>(),
        fanned_in::<OnTokio<Recv>>(),
        fanned_in::<OnTokio<RecvMany>>(),
        fanned_in::<OnStd>(),
        fanned_in::<OnActix>(),
        fanned_in::<OnRactor>(),
        fanned_in::<OnKameo>(),
        fanned_in::<OnXtra>(),
    ];
    point(rounds, &mut section, ("tell fan-in", 8), TIME, subjects);
    for bench in ["tell unbounded", "tell bounded", "tell fan-in"] {
        section.table(bench, RATE);
        section.table(bench, CPU);
    }
    ratios(&mut section, RATE, true, &GOALS);
    section
}

const GOALS: [Ratio; 11] = [
    (("tell unbounded", 1), ALL, None, 2.0),
    (("tell unbounded", 1), TASK, Some("tokio task"), 3.0),
    (("tell unbounded", 1), FRAMEWORK, None, 10.0),
    (("tell unbounded", 4), ALL, None, 1.25),
    (("tell unbounded", 4), TASK, Some("tokio task"), 10.0),
    (("tell unbounded", 4), FRAMEWORK, None, 10.0),
    (("tell unbounded", 16), ALL, None, 1.0),
    (("tell bounded", 1), ALL, None, 2.0),
    (("tell bounded", 1), FRAMEWORK, None, 10.0),
    (("tell bounded", 4), ALL, None, 1.5),
    (("tell bounded", 4), FRAMEWORK, None, 10.0),
];
