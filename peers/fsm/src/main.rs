//! `cargo peers fsm`: automata against the best actor frameworks, a task and a thread, on this machine, in one run.
#![allow(clippy::print_stdout, reason = "a process of its own answers there")]

mod births;
mod blocked;
mod burst;
mod fairness;
mod hops;
mod idle;
mod on_actix;
mod on_kameo;
mod on_ractor;
mod on_std;
mod on_tokio;
mod on_xtra;
mod platform;
mod roles;
mod rsm_runners;
mod tell;
mod timers;
mod wake;

use rsm_peers_kit::command::{Bench, Comparison};
use rsm_peers_kit::rounds::{Rounds, Subject};
use rsm_peers_kit::section::Section;
use std::process::ExitCode;
use std::time::Duration;

const HELP: &str = "cargo peers fsm: automata against their peers

  --json FILE        one JSON object a line for every figure
  --markdown FILE    replaces the generated part of a page (docs/benchmarks.md)
  --only PREFIX      only the benches whose name begins so: BENCHES;
                     or some points of one, as 'hops ring'
  --subject PREFIX   only the subjects whose name begins so
  --quick            a smoke run of some seconds, whose figures say nothing

Without --markdown the tables go to stdout. A quiet machine and about three minutes are needed.";

/// Threads of every system that shares its work.
const WORKERS: usize = 2;

/// Which of the subjects are frameworks.
const FRAMEWORKS: [&str; 4] = ["actix", "ractor", "kameo", "xtra"];

const BENCHES: [(&str, Bench); 8] = [
    ("tell", tell::section),
    ("hops", hops::section),
    ("births", births::section),
    ("burst", burst::section),
    ("wake", wake::section),
    ("fairness", fairness::section),
    ("timers", timers::section),
    ("idle", idle::section),
];

const PEERS: [&str; 5] = ["actix", "ractor", "kameo", "xtra", "tokio"];

fn main() -> ExitCode {
    let lock = include_str!("../../../Cargo.lock");
    Comparison { floor: "fsm", help: HELP, benches: &BENCHES, peers: &PEERS, lock, operate }.main()
}

/// What a bench does in a process of its own.
fn operate(arguments: &[String]) -> Option<ExitCode> {
    match arguments.first()?.as_str() {
        "--live" => births::operate(&arguments[1..]),
        "--burst" => burst::operate(&arguments[1..]),
        "--fire" => timers::operate(&arguments[1..]),
        "--drain" | "--idle" | "--woken" | "--woken-virtual" => idle::operate(arguments),
        _ => None,
    }
}

/// Measures a point and adds it, if it is wanted; 5 rounds.
fn point(
    rounds: &mut Rounds,
    section: &mut Section,
    (bench, threads): (&str, usize),
    time: Duration,
    subjects: Vec<Subject>,
) {
    if rounds.options.wants_point(bench) {
        section.points.push(rounds.measure(bench, threads, ROUNDS, time, subjects));
    }
}

/// Rounds of a point.
const ROUNDS: u32 = 5;

/// What one point must reach against peers: (bench, threads), whom, who that is if it is one subject, and the ratio.
type Ratio = ((&'static str, usize), &'static str, Option<&'static str>, f64);

/// Prints these ratios of `rsm` as goals. Where nobody is named it is the best of the frameworks, or of all if `whom` says so.
fn ratios(section: &mut Section, unit: &'static str, more_is_better: bool, goals: &[Ratio]) {
    for &((bench, threads), whom, peer, wanted) in goals {
        let found = section.points.iter().find(|point| point.bench == bench && point.threads == threads);
        let Some(point) = found else { continue };
        let peer = peer.unwrap_or_else(|| match whom {
            ALL => point.best_peer(unit, more_is_better),
            _ => point.best_of(&FRAMEWORKS, unit, more_is_better),
        });
        let reached = point.ratio("rsm", peer, unit).median;
        let how = if more_is_better { "at least" } else { "at most" };
        let wants = format!("{bench}, {threads}: {how} {wanted} x {whom} ({peer})");
        match more_is_better {
            true => section.at_least(wants, reached, wanted),
            false => section.at_most(wants, reached, wanted),
        }
    }
}

/// Whom a ratio is to.
const ALL: &str = "the best of all";
const FRAMEWORK: &str = "the best framework";
const TASK: &str = "tokio's task";
