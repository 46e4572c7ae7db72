//! How long a message is under way when there is time, and how long a send takes when there is none.

use crate::channels::*;
use rsm_peers_kit::machine::pin;
use rsm_peers_kit::race::{Placing, race};
use rsm_peers_kit::rounds::{Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use std::thread;
use std::time::{Duration, Instant};

const MEDIAN: &str = "p50 us";
const TAIL: &str = "p99.9 us";
const EVERY: Duration = Duration::from_micros(1);

/// Median and p99.9 of some nanoseconds.
fn quantiles(mut ns: Vec<u64>) -> Run {
    ns.sort_unstable();
    let at = |part: f64| ns.get((ns.len() as f64 * part) as usize).map_or(0.0, |ns| *ns as f64 / 1e3);
    Run { operations: ns.len() as f64, figures: vec![(MEDIAN, at(0.5)), (TAIL, at(0.999))] }
}

/// One sender, a message every microsecond: from before the send until it is received.
fn paced<C: Channel<Message = u64>>() -> Subject {
    subject(C::NAME, |time| {
        let (sender, mut receiver) = C::make(None);
        let began = Instant::now();
        let ns = thread::scope(|scope| {
            scope.spawn(move || {
                pin(0);
                let mut next = began.elapsed();
                while next < time {
                    while began.elapsed() < next {}
                    C::send(&sender, began.elapsed().as_nanos() as u64);
                    next = (next + EVERY).max(began.elapsed());
                }
            });
            let receive = scope.spawn(move || {
                pin(1);
                let mut ns = Vec::with_capacity(time.as_micros() as usize * 2);
                while C::receive(&mut receiver, |sent| ns.push(began.elapsed().as_nanos() as u64 - sent)) {}
                ns
            });
            receive.join().expect("a receiver does not panic")
        });
        quantiles(ns)
    })
}

/// Four senders, as fast as they can: how long each send takes.
fn saturated<C: Channel<Message = u64>>() -> Subject {
    subject(C::NAME, |time| {
        let (sender, mut receiver) = C::make(None);
        let receive = thread::spawn(move || while C::receive(&mut receiver, |_| ()) {});
        let senders: Vec<_> = (0..4).map(|_| C::clone(&sender)).collect();
        drop(sender);
        let senders = parking_lot::Mutex::new(senders);
        let (all, _) = race(4, Placing::Free, time, |_, stop| {
            let sender = senders.lock().pop().expect("one for each");
            let mut ns = Vec::with_capacity(1 << 21);
            while !stop.is_over() && ns.len() < ns.capacity() {
                let began = Instant::now();
                C::send(&sender, 0);
                ns.push(began.elapsed().as_nanos() as u64);
            }
            ns
        });
        receive.join().expect("a receiver does not panic");
        quantiles(all.concat())
    })
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "mpsc, latency",
        "`paced`: one sender on one processor sends every microsecond, the receiver sits on another; from before the send until it \
         is received. `send`: four senders as fast as they can, placed by the system; how long a send takes. Both with the \
         reading of the clock.",
    );
    macro_rules! all {
        ($run:ident) => {
            vec![
                $run::<RsmTake<u64>>(),
                $run::<RsmRecv<u64>>(),
                $run::<StdRecv<u64>>(),
                $run::<CrossbeamRecv<u64>>(),
                $run::<FlumeRecv<u64>>(),
                $run::<KanalRecv<u64>>(),
                $run::<TokioRecv<u64>>(),
            ]
        };
    }
    section.points.push(rounds.measure("latency paced", 1, 5, Duration::from_millis(40), all!(paced)));
    section.points.push(rounds.measure("latency send", 4, 5, Duration::from_millis(40), all!(saturated)));
    section.table("latency", MEDIAN);
    section.table("latency", TAIL);
    section
}
