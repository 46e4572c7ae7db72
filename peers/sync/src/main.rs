//! `cargo peers sync`: the primitives of the floor `sync` against the best of their field, on this machine, in one run.
#![allow(clippy::print_stdout, reason = "a command's answer goes to stdout")]

mod block_on;
mod channels;
mod contended;
mod instructions;
mod latency;
mod locks;
mod memory;
mod mpsc;
mod once;
mod ping_pong;
mod rwlock;
mod semaphore;
mod shared;
mod signals;
mod uncontended;

use rsm_peers_kit::machine;
use rsm_peers_kit::options::Options;
use rsm_peers_kit::report::Report;
use rsm_peers_kit::rounds::Rounds;
use rsm_peers_kit::section::Section;
use std::process::ExitCode;
use std::time::Instant;

const HELP: &str = "cargo peers sync: the primitives of sync against their peers

  --json FILE        one JSON object a line for every figure
  --markdown FILE    replaces the generated part of a page (docs/benchmarks.md)
  --only PREFIX      only the benches whose name begins so: BENCHES;
                     or some points of one, as 'contended 0/0 2' with two threads
  --quick            a smoke run of some seconds, whose figures say nothing

Without --markdown the tables go to stdout. A quiet machine and about ten minutes are needed.";

type Bench = fn(&mut Rounds) -> Section;

const BENCHES: [(&str, Bench); 12] = [
    ("instructions", instructions::section),
    ("uncontended", uncontended::section),
    ("contended", contended::section),
    ("fair", contended::fair_section),
    ("rwlock", rwlock::section),
    ("once", once::section),
    ("ping-pong", ping_pong::section),
    ("semaphore", semaphore::section),
    ("mpsc", mpsc::section),
    ("send_all", mpsc::send_all_section),
    ("latency", latency::section),
    ("memory", memory::section),
];

const PEERS: [&str; 10] = [
    "async-lock",
    "crossbeam-channel",
    "crossbeam-utils",
    "event-listener",
    "flume",
    "kanal",
    "parking_lot",
    "saa",
    "tokio",
    "usync",
];

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => return refuse(&why),
    };
    match options.rest.first().map(String::as_str) {
        None => run(options),
        // What the bench `instructions` runs under valgrind.
        Some("--operate") => instructions::operate(&options.rest[1..]),
        // What the bench `memory` runs.
        Some("--burst") if options.rest.get(1).is_some_and(|name| memory::operate(name)) => ExitCode::SUCCESS,
        Some(_) => refuse(&help()),
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(2)
}

fn help() -> String {
    HELP.replace("BENCHES", &BENCHES.map(|(name, _)| name).join(", "))
}

fn run(options: Options) -> ExitCode {
    let began = Instant::now();
    let mut rounds = Rounds::new(options.clone());
    let mut sections = Vec::new();
    if !machine::hurry() {
        eprintln!("the process may not be put before others: expect wider spreads");
    }
    for (name, bench) in BENCHES.into_iter().filter(|(name, _)| options.wants(name)) {
        eprintln!("{name}");
        sections.push(bench(&mut rounds));
    }
    let lock = include_str!("../../../Cargo.lock");
    let report = Report { floor: "sync", versions: machine::versions(lock, &PEERS), sections };
    let part = report.markdown(&rounds, began.elapsed().as_secs());
    let written = match &options.markdown {
        Some(page) => report.put_into(page, &part),
        None => {
            println!("{part}");
            Ok(())
        }
    };
    let written = written.and_then(|()| match &options.json {
        Some(file) => std::fs::write(file, report.json()),
        None => Ok(()),
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => refuse(&format!("the outcome cannot be written: {why}")),
    }
}
