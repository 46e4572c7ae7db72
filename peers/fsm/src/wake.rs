//! How soon an actor runs: one that sleeps, and one that waits behind another's long turn.

use crate::on_actix::OnActix;
use crate::on_kameo::OnKameo;
use crate::on_ractor::OnRactor;
use crate::on_std::OnStd;
use crate::on_tokio::{OnTokio, Recv};
use crate::on_xtra::OnXtra;
use crate::platform::{END, Platform};
use crate::roles::{Clocked, Hog};
use crate::rsm_runners::{OnPool, OnThreads};
use crate::{TASK, WORKERS, blocked, point, ratios};
use rsm_peers_kit::rounds::{Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use rsm_peers_kit::spread::at_share;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const MEDIAN: &str = "p50 us";
const TAIL: &str = "p99.9 us";
const WORST: &str = "worst us";
/// How long all rest before the next is woken.
const REST: Duration = Duration::from_micros(200);

/// The quantiles of some nanoseconds.
pub(crate) fn quantiles(mut ns: Vec<u64>) -> Run {
    ns.sort_unstable();
    let at = |share| at_share(&ns, share) / 1e3;
    Run { operations: 0.0, figures: vec![(MEDIAN, at(0.5)), (TAIL, at(0.999)), (WORST, at(1.0))] }
}

/// A thread wakes an actor, again and again, after it has slept a while.
fn woken<P: Platform>() -> Subject {
    subject(P::NAME, |time| {
        let system = P::system(WORKERS);
        let (late_ns, heard) = mpsc::channel();
        let since = Instant::now();
        let actor = P::spawn(&system, None, Clocked { since, late_ns });
        let mut all = Vec::new();
        while since.elapsed() < time {
            thread::sleep(REST);
            P::tell(&actor, since.elapsed().as_nanos() as u64);
            all.push(heard.recv().expect("it answers"));
        }
        P::tell(&actor, END);
        quantiles(all)
    })
}

/// An actor wakes another and then works for long: when does the other run?
fn hostage<P: Platform>() -> Subject {
    const HOLD: Duration = Duration::from_millis(10);
    subject(P::NAME, |time| {
        let system = P::system(WORKERS);
        let (late_ns, heard) = mpsc::channel();
        let since = Instant::now();
        let victim = P::spawn(&system, None, Clocked { since, late_ns });
        let hog = P::spawn(&system, None, Hog::<P> { victim: victim.clone(), since, hold: HOLD });
        let mut all = Vec::new();
        while since.elapsed() < time {
            P::tell(&hog, 1);
            all.push(heard.recv().expect("it answers"));
            thread::sleep(HOLD * 2);
        }
        P::tell(&hog, END);
        P::tell(&victim, END);
        quantiles(all)
    })
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "Wake",
        "`woken`: from before a thread's send until the actor runs, which has slept for 200 us. `hostage`: an actor wakes another of \
         the same system of two workers, then works for 10 ms; until that other runs. `blocking`: as a hostage, on one \
         worker, and the first says that it blocks (`context.blocking`, `block_in_place`) and sleeps for 10 ms.",
    );
    let subjects = vec![
        woken::<OnPool>(),
        woken::<OnThreads>(),
        woken::<OnTokio<Recv>>(),
        woken::<OnStd>(),
        woken::<OnActix>(),
        woken::<OnRactor>(),
        woken::<OnKameo>(),
        woken::<OnXtra>(),
    ];
    point(rounds, &mut section, ("wake woken", 1), Duration::from_millis(300), subjects);
    let subjects = vec![
        hostage::<OnPool>(),
        hostage::<OnTokio<Recv>>(),
        hostage::<OnRactor>(),
        hostage::<OnKameo>(),
        hostage::<OnXtra>(),
    ];
    point(rounds, &mut section, ("wake hostage", 2), Duration::from_millis(160), subjects);
    point(rounds, &mut section, ("wake blocking", 1), Duration::from_millis(160), blocked::subjects());
    for unit in [MEDIAN, TAIL, WORST] {
        section.table("wake", unit);
    }
    let goals = [
        (("wake woken", 1), "a std thread", Some("std thread"), 1.1),
        (("wake woken", 1), TASK, Some("tokio task"), 0.5),
    ];
    ratios(&mut section, MEDIAN, false, &goals);
    for (bench, unit, most) in
        [("wake woken", TAIL, 100.0), ("wake hostage", WORST, 2_000.0), ("wake blocking", MEDIAN, 100.0)]
    {
        let point = section.points.iter().find(|point| point.bench == bench);
        if let Some(reached) = point.map(|point| point.spread("rsm", unit).median) {
            section.at_most(format!("{bench}, {unit}: at most {most}"), reached, most);
        }
    }
    section
}
