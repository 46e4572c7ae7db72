//! A visitor among a thousand who always have something to do.

use crate::on_actix::OnActix;
use crate::on_kameo::OnKameo;
use crate::on_ractor::OnRactor;
use crate::on_tokio::{OnTokio, Recv};
use crate::on_xtra::OnXtra;
use crate::platform::{END, Platform};
use crate::roles::{Clocked, Greedy, Later};
use crate::rsm_runners::OnPool;
use crate::{WORKERS, point};
use rsm_peers_kit::rounds::{Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use rsm_peers_kit::spread::at_share;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const GREEDY: usize = 1_000;
/// Commands of one turn of ours.
const BATCH: u64 = 128;
const REST: Duration = Duration::from_millis(1);
/// A visitor that is not heard for so long is starved.
const PATIENCE: Duration = Duration::from_secs(1);

const MEDIAN: &str = "p50 us";
const TAIL: &str = "p99 us";
const WORST: &str = "worst us";
const BOUND: &str = "p99 of its bound";
const COST: &str = "ns/command";

fn visited<P: Platform>() -> Subject {
    subject(P::NAME, |time| {
        let system = P::system(WORKERS);
        let (heard, alive) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(GREEDY)));
        let greedy: Vec<_> = (0..GREEDY)
            .map(|_| {
                let me: Later<P::Address<Greedy<P>>> = Later::default();
                let role = Greedy::<P> { me: me.clone(), count: 0, heard: heard.clone(), alive: alive.clone() };
                let address = P::spawn(&system, None, role);
                assert!(me.set(address.clone()).is_ok(), "it is set once");
                address
            })
            .collect();
        let (late_ns, late) = mpsc::channel();
        let since = Instant::now();
        let visitor = P::spawn(&system, None, Clocked { since, late_ns });
        greedy.iter().for_each(|one| P::tell(one, 0));
        let (mut all, mut starved) = (Vec::new(), false);
        while since.elapsed() < time && !starved {
            thread::sleep(REST);
            P::tell(&visitor, since.elapsed().as_nanos() as u64);
            let heard = late.recv_timeout(PATIENCE);
            starved = heard.is_err();
            all.push(heard.unwrap_or(PATIENCE.as_nanos() as u64));
        }
        greedy.iter().for_each(|one| P::tell(one, END));
        while alive.load(SeqCst) != 0 {
            thread::sleep(REST);
        }
        let took = since.elapsed();
        if starved {
            late.recv().expect("it is heard once the others are gone");
        }
        P::tell(&visitor, END);
        // What a round of all takes, if each has a batch: the workers share it.
        let each_ns = took.as_nanos() as f64 / heard.load(SeqCst) as f64;
        let bound_us = 2.0 * GREEDY as f64 * BATCH as f64 * each_ns / 1e3;
        all.sort_unstable();
        let at = |share| at_share(&all, share) / 1e3;
        let cost = each_ns * WORKERS as f64;
        let figures =
            [(MEDIAN, at(0.5)), (TAIL, at(0.99)), (WORST, at(1.0)), (BOUND, at(0.99) / bound_us), (COST, cost)];
        Run { operations: 0.0, figures: figures.into() }
    })
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "Fairness",
        "A thousand actors that tell themselves something for ever, and a visitor on the same system, told once a millisecond by a \
         thread: microseconds until it hears. The bound is 2 x (1,000 x 128 x the cost of a command / workers), with the cost that \
         the same run had: 128 is how many commands a turn of ours has, so for others it is a mere scale. A million microseconds: it \
         was not heard for a second, and asked no more.",
    );
    let subjects = vec![
        visited::<OnPool>(),
        visited::<OnTokio<Recv>>(),
        visited::<OnActix>(),
        visited::<OnRactor>(),
        visited::<OnKameo>(),
        visited::<OnXtra>(),
    ];
    point(rounds, &mut section, ("fairness", WORKERS), Duration::from_millis(500), subjects);
    for unit in [MEDIAN, TAIL, WORST, BOUND, COST] {
        section.table("fairness", unit);
    }
    let reached = section.points.first().map(|point| point.spread("rsm", BOUND).median);
    if let Some(reached) = reached {
        section.at_most("the visitor's p99, of its bound: at most 1", reached, 1.0);
    }
    section
}
