//! Births, deaths and what a life costs in memory: each subject in a process of its own, whose heap nobody has used before.

use crate::on_actix::OnActix;
use crate::on_kameo::OnKameo;
use crate::on_ractor::OnRactor;
use crate::on_std::OnStd;
use crate::on_tokio::{OnTokio, Recv};
use crate::on_xtra::OnXtra;
use crate::platform::Platform;
use crate::roles::Idle;
use crate::rsm_runners::OnPool;
use crate::{TASK, WORKERS, point, ratios};
use rsm_peers_kit::machine::resident_kib;
use rsm_peers_kit::rounds::{Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const SPAWN: &str = "spawn ns";
const STOP: &str = "stop ns";
const BYTES: &str = "resident B";

/// Prints nanoseconds of a birth, of a death, and bytes of a life without its address.
fn live<P: Platform>(count: usize) {
    let system = P::system(WORKERS);
    warm_up::<P>(&system);
    let alive = Arc::new(AtomicUsize::new(count));
    let mut addresses = Vec::with_capacity(count);
    let before = resident_kib();
    let began = Instant::now();
    for _ in 0..count {
        addresses.push(P::spawn(&system, None, Idle::new(&alive)));
    }
    let spawned = began.elapsed();
    // What they do at birth is over once memory stays as it is.
    let mut resident = resident_kib();
    loop {
        thread::sleep(Duration::from_millis(50));
        let now = resident_kib();
        if now == resident {
            break;
        }
        resident = now;
    }
    let address_b = size_of_val(&addresses[..1]) as f64;
    let bytes = (resident - before) as f64 * 1024.0 / count as f64 - address_b;
    let began = Instant::now();
    addresses.into_iter().for_each(P::stop);
    while alive.load(SeqCst) != 0 {
        thread::sleep(Duration::from_micros(200));
    }
    let stopped = began.elapsed();
    let each = |time: Duration| time.as_nanos() as f64 / count as f64;
    println!("{} {} {bytes}", each(spawned), each(stopped));
}

/// What a system allocates once is no part of a life.
fn warm_up<P: Platform>(system: &P::System) {
    const FEW: usize = 100;
    let alive = Arc::new(AtomicUsize::new(FEW));
    let few: Vec<_> = (0..FEW).map(|_| P::spawn(system, None, Idle::new(&alive))).collect();
    few.into_iter().for_each(P::stop);
    while alive.load(SeqCst) != 0 {
        thread::sleep(Duration::from_micros(200));
    }
}

/// A subject, what its process does, and how many lives it is given: as many as it brings about in a second or so.
type Contender = (&'static str, fn(usize), usize);

const MILLION: usize = 1_000_000;

const CONTENDERS: [Contender; 7] = [
    (OnPool::NAME, live::<OnPool>, MILLION),
    (OnTokio::<Recv>::NAME, live::<OnTokio<Recv>>, MILLION),
    (OnStd::NAME, live::<OnStd>, 2_000),
    (OnActix::NAME, live::<OnActix>, MILLION / 10),
    (OnRactor::NAME, live::<OnRactor>, MILLION / 10),
    (OnKameo::NAME, live::<OnKameo>, MILLION / 10),
    (OnXtra::NAME, live::<OnXtra>, MILLION / 10),
];

/// `--live NAME COUNT`: the process of one run.
pub(crate) fn operate(arguments: &[String]) -> Option<ExitCode> {
    let (name, count) = (arguments.first()?, arguments.get(1)?.parse().ok()?);
    let (_, live, _) = CONTENDERS.into_iter().find(|(contender, ..)| contender == name)?;
    live(count);
    Some(ExitCode::SUCCESS)
}

/// What the process printed, under these units.
pub(crate) fn in_own_process(arguments: &[&str], units: &[&'static str]) -> Run {
    let program = std::env::current_exe().expect("a running program has a path");
    let said = Command::new(program).args(arguments).output().expect("it can be run again");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let figures = said.split_whitespace().filter_map(|figure| figure.parse().ok());
    Run { operations: 0.0, figures: units.iter().copied().zip(figures).collect() }
}

fn contender((name, _, count): Contender) -> Subject {
    subject(name, move |_| in_own_process(&["--live", name, &count.to_string()], &[SPAWN, STOP, BYTES]))
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "Birth, death, memory",
        "A million actors (rsm, tokio), 100,000 (frameworks), 2,000 (threads), brought to life from one thread, then told to end: \
         nanoseconds of each until the last is gone, and resident bytes of each while idle, without the caller's address. \
         `10 million`: ours alone, once.",
    );
    let count = if rounds.options.quick { 10 } else { 1 };
    let all = CONTENDERS.map(|(name, live, lives)| contender((name, live, lives / count)));
    point(rounds, &mut section, ("births", 1), Duration::ZERO, all.into());
    if rounds.options.wants_point("births 10 million") {
        let all = vec![contender((OnPool::NAME, live::<OnPool>, 10 * MILLION / count))];
        section.points.push(rounds.measure("births 10 million", 1, 1, Duration::ZERO, all));
    }
    for unit in [SPAWN, STOP, BYTES] {
        section.table("births", unit);
    }
    goals(&mut section);
    section
}

fn goals(section: &mut Section) {
    let reached = |bench: &str, unit| {
        let point = section.points.iter().find(|point| point.bench == bench)?;
        Some(point.spread("rsm", unit).median)
    };
    let bytes = reached("births 10 million", BYTES);
    let figures =
        [(SPAWN, 250.0), (STOP, 200.0), (BYTES, 192.0)].map(|(unit, most)| (unit, most, reached("births", unit)));
    for (unit, most, reached) in figures {
        if let Some(reached) = reached {
            section.at_most(format!("{unit}, a million: at most {most}"), reached, most);
        }
    }
    for unit in [SPAWN, STOP] {
        ratios(section, unit, false, &[(("births", 1), TASK, Some("tokio task"), 0.25)]);
    }
    if let Some(bytes) = bytes {
        let address_b = size_of::<<OnPool as Platform>::Address<Idle>>() as f64;
        let gib = (bytes + address_b) * 10.0 * MILLION as f64 / f64::from(1 << 30);
        section.at_most("10 million with their addresses: at most 2.2 GiB", gib, 2.2);
    }
}
