//! A burst: all that is told before the first of it is heard. What it costs to come through, and what is left of its memory; each
//! subject in a process of its own, whose heap nobody has used before.

use crate::births::in_own_process;
use crate::on_actix::OnActix;
use crate::on_kameo::OnKameo;
use crate::on_ractor::OnRactor;
use crate::on_std::OnStd;
use crate::on_tokio::{OnTokio, Recv};
use crate::on_xtra::OnXtra;
use crate::platform::Platform;
use crate::roles::Gated;
use crate::rsm_runners::OnPool;
use crate::{WORKERS, point};
use rsm_peers_kit::machine::{resident_kib, trim};
use rsm_peers_kit::rounds::{Rounds, Subject, subject};
use rsm_peers_kit::section::Section;
use std::process::ExitCode;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const TELL: &str = "tell ns";
const HEAR: &str = "hear ns";
const QUEUED: &str = "queued B";
const KEPT: &str = "kept KiB";

/// Prints nanoseconds of a tell and of a hearing, bytes of one that is queued, and what is kept in the end.
fn come_through<P: Platform>(count: u64) {
    let system = P::system(WORKERS);
    let (gate, (done, all)) = (Arc::new(Barrier::new(2)), mpsc::channel());
    let sink = P::spawn(&system, None, Gated { gate: Some(gate.clone()), left: count, done });
    P::tell(&sink, 0);
    let (before, began) = (resident_kib(), Instant::now());
    (1..count).for_each(|number| P::tell(&sink, number));
    let (told, queued) = (began.elapsed(), resident_kib());
    let began = Instant::now();
    gate.wait();
    all.recv().expect("it hears all");
    let heard = began.elapsed();
    // What is freed late is freed; and what a heap keeps for itself is no part of what an actor keeps.
    thread::sleep(Duration::from_millis(100));
    trim();
    let kept = resident_kib().saturating_sub(before);
    let each = |time: Duration| time.as_nanos() as f64 / count as f64;
    let bytes = queued.saturating_sub(before) as f64 * 1024.0 / count as f64;
    println!("{} {} {bytes} {kept}", each(told), each(heard));
    drop(sink);
}

/// A subject, what its process does, and how much it is told: what it brings about in a second or so.
type Contender = (&'static str, fn(u64), u64);

const MILLION: u64 = 1_000_000;

const CONTENDERS: [Contender; 7] = [
    (OnPool::NAME, come_through::<OnPool>, 10 * MILLION),
    (OnTokio::<Recv>::NAME, come_through::<OnTokio<Recv>>, 10 * MILLION),
    (OnStd::NAME, come_through::<OnStd>, 10 * MILLION),
    (OnActix::NAME, come_through::<OnActix>, MILLION),
    (OnRactor::NAME, come_through::<OnRactor>, MILLION),
    (OnKameo::NAME, come_through::<OnKameo>, MILLION),
    (OnXtra::NAME, come_through::<OnXtra>, MILLION),
];

/// `--burst NAME COUNT`: the process of one run.
pub(crate) fn operate(arguments: &[String]) -> Option<ExitCode> {
    let (name, count) = (arguments.first()?, arguments.get(1)?.parse().ok()?);
    let (_, come_through, _) = CONTENDERS.into_iter().find(|(contender, ..)| contender == name)?;
    come_through(count);
    Some(ExitCode::SUCCESS)
}

fn contender((name, _, count): Contender) -> Subject {
    subject(name, move |_| in_own_process(&["--burst", name, &count.to_string()], &[TELL, HEAR, QUEUED, KEPT]))
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "Burst",
        "Ten million messages of 8 bytes (of frameworks a million) to an actor that hears none before the last is told: nanoseconds \
         of each to be told and to be heard, resident bytes of each while queued, and what is still resident of it all when it has \
         been heard, the heap trimmed.",
    );
    let fewer = if rounds.options.quick { 10 } else { 1 };
    let all = CONTENDERS.map(|(name, run, count)| contender((name, run, count / fewer)));
    point(rounds, &mut section, ("burst", 1), Duration::ZERO, all.into());
    for unit in [TELL, HEAR, QUEUED, KEPT] {
        section.table("burst", unit);
    }
    let reached = section.points.first().map(|point| point.spread("rsm", KEPT).median);
    if let Some(kept) = reached {
        section.at_most("kept of ten million: at most 1 MiB (in KiB)", kept, 1_024.0);
    }
    section
}
