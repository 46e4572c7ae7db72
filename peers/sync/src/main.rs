//! `cargo peers sync`: the primitives of the floor `sync` against the best of their field, on this machine, in one run.
#![allow(clippy::print_stdout, reason = "a process of its own answers there")]

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

use rsm_peers_kit::command::{Bench, Comparison};
use std::process::ExitCode;

const HELP: &str = "cargo peers sync: the primitives of sync against their peers

  --json FILE        one JSON object a line for every figure
  --markdown FILE    replaces the generated part of a page (docs/benchmarks.md)
  --only PREFIX      only the benches whose name begins so: BENCHES;
                     or some points of one, as 'contended 0/0 2' with two threads
  --quick            a smoke run of some seconds, whose figures say nothing

Without --markdown the tables go to stdout. A quiet machine and about six minutes are needed.";

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
    let lock = include_str!("../../../Cargo.lock");
    Comparison { floor: "sync", help: HELP, benches: &BENCHES, peers: &PEERS, lock, operate }.main()
}

fn operate(arguments: &[String]) -> Option<ExitCode> {
    match (arguments.first()?.as_str(), arguments.get(1)) {
        // What the bench `instructions` runs under valgrind.
        ("--operate", _) => Some(instructions::operate(&arguments[1..])),
        // What the bench `memory` runs.
        ("--burst", Some(name)) if memory::operate(name) => Some(ExitCode::SUCCESS),
        _ => None,
    }
}
