//! What a burst leaves behind: each in a process of its own, whose heap nobody has used before.

use crate::channels::*;
use rsm_peers_kit::machine::resident_kib;
use rsm_peers_kit::rounds::{Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use std::process::Command;
use std::time::Duration;

const PEAK: &str = "peak MiB";
const LEFT: &str = "left MiB";

/// The messages of a burst.
const BURST: u64 = 10_000_000;

/// Sends the burst from another thread, then reads it to its end; prints what was in use at the peak and is left while the
/// receiver is still there, less what there was before.
fn burst<C: Channel<Message = u64>>() {
    let before = resident_kib();
    let (sender, mut receiver) = C::make(None);
    let send = std::thread::spawn(move || (0..BURST).for_each(|message| C::send(&sender, message)));
    send.join().expect("a sender does not panic");
    let peak = resident_kib() - before;
    while C::receive(&mut receiver, |_| ()) {}
    let left = resident_kib().saturating_sub(before);
    drop(receiver);
    println!("{peak} {left}");
}

const CHANNELS: [(&str, fn()); 7] = [
    ("rsm take", burst::<RsmTake<u64>>),
    ("rsm recv", burst::<RsmRecv<u64>>),
    ("std", burst::<StdRecv<u64>>),
    ("crossbeam", burst::<CrossbeamRecv<u64>>),
    ("flume", burst::<FlumeRecv<u64>>),
    ("kanal", burst::<KanalRecv<u64>>),
    ("tokio", burst::<TokioRecv<u64>>),
];

/// The process of one burst.
pub(crate) fn operate(name: &str) -> bool {
    let found = CHANNELS.into_iter().find(|(channel, _)| *channel == name);
    found.map(|(_, burst)| burst()).is_some()
}

fn contender(name: &'static str) -> Subject {
    subject(name, move |_| {
        let program = std::env::current_exe().expect("a running program has a path");
        let said = Command::new(program).args(["--burst", name]).output().expect("it can be run again");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let kib: Vec<f64> = said.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
        let figures = [PEAK, LEFT].into_iter().zip(kib).map(|(unit, kib)| (unit, kib / 1024.0)).collect();
        Run { operations: 0.0, figures }
    })
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "mpsc, memory after a burst",
        "10 million messages of 8 bytes are sent, then read. Resident memory at the peak, and afterwards while the receiver still \
         exists, both less what there was before.",
    );
    let subjects = CHANNELS.into_iter().map(|(name, _)| contender(name)).collect();
    section.points.push(rounds.measure("memory burst", 1, 5, Duration::ZERO, subjects));
    section.table("memory", PEAK);
    section.table("memory", LEFT);
    for ours in ["rsm take", "rsm recv"] {
        let left = section.points[0].spread(ours, LEFT).max;
        section.at_most(format!("{ours}: back within 1 MiB"), left, 1.0);
    }
    section
}
