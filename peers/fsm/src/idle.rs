//! A million automata that have nothing to do: what they cost, how soon each is woken once, and all are drained.

use crate::births::in_own_process;
use crate::platform::{Message, Platform};
use crate::roles::Idle;
use crate::rsm_runners::{OnPool, player};
use crate::{WORKERS, point};
use rsm::fsm::{Address, VirtualTime};
use rsm_peers_kit::load::own_s;
use rsm_peers_kit::rounds::{Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use std::io::Read;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::{Duration, Instant};

const DRAIN: &str = "s";
const CPU: &str = "cpu ms";
const CALLS: &str = "system calls";
const WOKEN: &str = "ns each";
const NOT_ONCE: &str = "not once";
const MILLION: usize = 1_000_000;

/// `--drain COUNT`, `--woken COUNT`, `--woken-virtual COUNT` and `--idle COUNT SECONDS`: the processes of one run.
pub(crate) fn operate(arguments: &[String]) -> Option<ExitCode> {
    let count = arguments.get(1)?.parse().ok()?;
    if arguments.first()? == "--woken-virtual" {
        woken_in_virtual_time(count);
        return Some(ExitCode::SUCCESS);
    }
    let alive = Arc::new(AtomicUsize::new(count));
    let pool = OnPool::system(WORKERS);
    let addresses: Vec<_> = (0..count).map(|_| OnPool::spawn(&pool, None, Idle::new(&alive))).collect();
    // A watcher comes to rest a tenth of a second after the last turn.
    thread::sleep(Duration::from_secs(1));
    match arguments.first()?.as_str() {
        "--drain" => {
            let began = Instant::now();
            pool.drain_timeout(Duration::from_secs(60)).expect("all end in time");
            println!("{}", began.elapsed().as_secs_f64());
        }
        "--woken" => woken(&addresses, || ()),
        "--idle" => {
            let seconds = arguments.get(2)?.parse().ok()?;
            let used = own_s();
            thread::sleep(Duration::from_secs(seconds));
            println!("{}", (own_s() - used) * 1e3);
        }
        _ => return None,
    }
    drop(addresses);
    Some(ExitCode::SUCCESS)
}

/// Wakes each once; prints nanoseconds each, and how many took not just one turn for it. `step` is what makes them take turns.
fn woken(addresses: &[Address<Message>], step: impl Fn()) {
    let turns = |address: &Address<Message>| address.counters().turns;
    let before: Vec<_> = addresses.iter().map(turns).collect();
    let began = Instant::now();
    addresses.iter().for_each(|address| OnPool::tell::<Idle>(address, 0));
    step();
    while !addresses.iter().all(|address| address.counters().processed != 0) {
        thread::sleep(Duration::from_micros(200));
    }
    let took = began.elapsed();
    thread::sleep(Duration::from_millis(200)); // a second turn of one would have shown itself
    let once = |(address, before): &(&Address<Message>, u32)| {
        address.counters().processed == 1 && turns(address) == before + 1
    };
    let wrong = addresses.iter().zip(before).filter(|pair| !once(pair)).count();
    println!("{} {wrong}", took.as_nanos() as f64 / addresses.len() as f64);
}

/// The same in virtual time.
fn woken_in_virtual_time(count: usize) {
    let (time, alive) = (VirtualTime::new(1), Arc::new(AtomicUsize::new(count)));
    let addresses: Vec<_> = (0..count).map(|_| player(&time, Idle::new(&alive))).collect();
    time.run_until_idle(&mut ());
    woken(&addresses, || _ = time.run_until_idle(&mut ()));
}

/// What `strace` sees the threads of a pool do in three seconds; nothing where there is none.
fn calls(count: usize) -> Run {
    let program = std::env::current_exe().expect("a running program has a path");
    let arguments = ["--idle", &count.to_string(), "6"];
    let idle = Command::new(program).args(arguments).stdout(Stdio::null()).spawn();
    let mut idle: Child = idle.expect("it can be run again");
    thread::sleep(Duration::from_secs(2));
    let attached = Command::new("timeout")
        .args(["-s", "INT", "3", "strace", "-f", "-qq", "-p", &idle.id().to_string()])
        .stderr(Stdio::piped())
        .spawn();
    let mut figures = Vec::new();
    if let Ok(mut strace) = attached {
        let mut said = String::new();
        let read = strace.stderr.take().map(|mut from| from.read_to_string(&mut said));
        let _ = strace.wait();
        // Each thread is shown in the call that it waits in, once; whatever it does besides ends that call.
        let done = said.lines().filter(|line| !line.contains("<detached ...>") && !line.contains("unfinished")).count();
        let waits = said.lines().any(|line| line.contains("futex"));
        if matches!(read, Some(Ok(_))) && waits {
            figures.push((CALLS, done as f64));
        }
    }
    let _ = idle.wait();
    Run { operations: 0.0, figures }
}

fn process(name: &'static str, arguments: Vec<String>, units: &'static [&'static str]) -> Subject {
    subject(name, move |_| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        in_own_process(&arguments, units)
    })
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "Idle",
        "A million idle automata of ours on a pool of two: drained, in seconds; woken once each by one thread (and in virtual time), in \
         nanoseconds each until all have heard, and how many took another number of turns than one; and left alone, in processor time of ten \
         seconds and in system calls of three (`strace`).",
    );
    let (count, seconds) = if rounds.options.quick { (MILLION / 10, 2) } else { (MILLION, 10) };
    let drain = process("rsm", vec!["--drain".into(), count.to_string()], &[DRAIN]);
    point(rounds, &mut section, ("idle drain", 2), Duration::ZERO, vec![drain]);
    let woken = |name, how: &str| process(name, vec![how.into(), count.to_string()], &[WOKEN, NOT_ONCE]);
    for (bench, subjects) in [
        ("idle woken", vec![woken("rsm", "--woken"), woken("rsm virtual time", "--woken-virtual")]),
        ("idle cpu", vec![process("rsm", vec!["--idle".into(), count.to_string(), seconds.to_string()], &[CPU])]),
        ("idle calls", vec![subject("rsm", move |_| calls(count))]),
    ] {
        if rounds.options.wants_point(bench) {
            section.points.push(rounds.measure(bench, 2, 1, Duration::ZERO, subjects));
        }
    }
    let goals = [
        ("idle drain", DRAIN, "drain of a million: at most 0.5 s", 0.5),
        ("idle woken", NOT_ONCE, "a million woken: each takes one turn", 0.0),
        ("idle cpu", CPU, "a million idle, ten seconds: less than 1 ms of processor time", 1.0),
        ("idle calls", CALLS, "a million idle: no system call", 0.0),
    ];
    section.table("idle woken", WOKEN);
    for (bench, unit, wants, most) in goals {
        section.table(bench, unit);
        let point = section.points.iter().find(|point| point.bench == bench);
        let reached = point.filter(|point| point.units().contains(&unit)).map(|point| point.spread("rsm", unit).median);
        if let Some(reached) = reached {
            section.at_most(wants, reached, most);
        }
    }
    section
}
