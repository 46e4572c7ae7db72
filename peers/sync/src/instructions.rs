//! Instructions of one operation, counted by valgrind: exact, and the same in every run.

use crate::channels::*;
use crate::locks::{Guarded, Mutual, Payload, Saa};
use crate::semaphore::Permits;
use rsm_peers_kit::rounds::{Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::Duration;

/// A bench, a subject, and that subject's operation so many times.
type Operation = (&'static str, &'static str, fn(u32));

fn lock<L: Mutual>(times: u32) {
    let lock = L::new();
    (0..times).for_each(|_| black_box(&lock).with(|guarded| guarded.chain += 1));
}

fn permit<S: Permits>(times: u32) {
    let semaphore = S::new(8);
    (0..times).for_each(|_| black_box(&semaphore).cycle(1));
}

/// The receiver is there but does not look, so this is the sends alone, with what memory they need.
fn send<C: Channel<Message = u64>>(times: u32) {
    let (sender, receiver) = C::make(None);
    (0..times).for_each(|time| C::send(black_box(&sender), u64::from(time)));
    std::mem::forget((sender, receiver));
}

fn send_64_and_receive<C: Channel<Message = u64>>(times: u32) {
    let (sender, mut receiver) = C::make(None);
    for _ in 0..times / 64 {
        (0..64).for_each(|time| C::send(black_box(&sender), time));
        let mut received = 0;
        while received < 64 {
            C::receive(black_box(&mut receiver), |message| {
                black_box(message);
                received += 1;
            });
        }
    }
}

fn once(times: u32) {
    let once = crate::once::ours();
    (0..times).for_each(|_| _ = black_box(black_box(&once).get()));
}

fn once_lock(times: u32) {
    let once = crate::once::std();
    (0..times).for_each(|_| _ = black_box(black_box(&once).get()));
}

const COUNT: &str = "instructions";

const LOCK: &str = "lock and unlock";
const PERMIT: &str = "acquire and release";
const ONCE: &str = "get";
const SEND: &str = "send";
const BOTH: &str = "send and receive, 64 by turns";

const OPERATIONS: [Operation; 27] = [
    (LOCK, "rsm", lock::<rsm::sync::lock::Lock<Guarded>>),
    (LOCK, "rsm lock_with", lock::<Payload>),
    (LOCK, "std", lock::<Mutex<Guarded>>),
    (LOCK, "parking_lot", lock::<parking_lot::Mutex<Guarded>>),
    (LOCK, "usync", lock::<usync::Mutex<Guarded>>),
    (LOCK, "saa", lock::<Saa>),
    (PERMIT, "rsm", permit::<rsm::sync::semaphore::Semaphore>),
    (PERMIT, "saa", permit::<saa::Semaphore>),
    (PERMIT, "tokio", permit::<tokio::sync::Semaphore>),
    (PERMIT, "async-lock", permit::<async_lock::Semaphore>),
    (PERMIT, "sem_t", permit::<crate::semaphore::Posix>),
    (ONCE, "rsm", once),
    (ONCE, "std OnceLock", once_lock),
    (SEND, "rsm", send::<RsmTake<u64>>),
    (SEND, "std", send::<StdRecv<u64>>),
    (SEND, "crossbeam", send::<CrossbeamRecv<u64>>),
    (SEND, "flume", send::<FlumeRecv<u64>>),
    (SEND, "kanal", send::<KanalRecv<u64>>),
    (SEND, "tokio", send::<TokioRecv<u64>>),
    (BOTH, "rsm take", send_64_and_receive::<RsmTake<u64>>),
    (BOTH, "rsm recv", send_64_and_receive::<RsmRecv<u64>>),
    (BOTH, "std", send_64_and_receive::<StdRecv<u64>>),
    (BOTH, "crossbeam", send_64_and_receive::<CrossbeamRecv<u64>>),
    (BOTH, "flume drain", send_64_and_receive::<FlumeMany<u64>>),
    (BOTH, "kanal", send_64_and_receive::<KanalRecv<u64>>),
    (BOTH, "kanal drain_into", send_64_and_receive::<KanalMany<u64>>),
    (BOTH, "tokio recv_many", send_64_and_receive::<TokioMany<u64>>),
];

/// `--operate NUMBER TIMES`: what runs under valgrind.
pub(crate) fn operate(arguments: &[String]) -> ExitCode {
    let number = |at: usize| arguments.get(at).and_then(|argument| argument.parse::<u32>().ok());
    match (number(0).and_then(|number| OPERATIONS.get(number as usize)), number(1)) {
        (Some((_, _, operation)), Some(times)) => {
            operation(black_box(times));
            ExitCode::SUCCESS
        }
        _ => ExitCode::from(2),
    }
}

/// Instructions of the program with the operation so many times.
fn count(operation: usize, times: u32) -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    let said = command.args(["--operate", &operation.to_string(), &times.to_string()]).output().ok()?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    said.lines().find_map(|line| line.split("Collected :").nth(1)?.trim().parse().ok())
}

/// The difference of two runs: the start and end of the program fall out.
fn each(operation: usize) -> Option<f64> {
    const FEW: u32 = 6400;
    const MANY: u32 = 64 * 1000 + FEW;
    let (few, many) = (count(operation, FEW)?, count(operation, MANY)?);
    Some((many as f64 - few as f64) / f64::from(MANY - FEW))
}

fn contender(at: usize, subject_name: &'static str) -> Subject {
    subject(subject_name, move |_| {
        let figures = each(at).into_iter().map(|count| (COUNT, count)).collect();
        Run { operations: 0.0, figures }
    })
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "Instructions",
        "Counted by `valgrind --tool=callgrind`, one thread, nobody else: exact, and the same in every run. The loop around the \
         operation is counted with it, the same for all.",
    );
    for bench in [LOCK, PERMIT, ONCE, SEND, BOTH] {
        let numbered = OPERATIONS.iter().enumerate().filter(|(_, (of, ..))| *of == bench);
        let subjects = numbered.map(|(at, (_, name, _))| contender(at, name)).collect();
        let name = format!("instructions {bench}");
        section.points.push(rounds.measure(&name, 1, 1, Duration::ZERO, subjects));
        section.table(&name, COUNT);
    }
    let of = |point: usize, subject: &str| section.points[point].spread(subject, COUNT).median;
    let lock = of(0, "rsm") - of(0, "std").min(of(0, "parking_lot"));
    let once = of(2, "rsm") - of(2, "std OnceLock");
    section.at_most("lock and unlock: at most the best of std and parking_lot plus 2", lock, 2.0);
    section.at_most("`Once::get`: no more than `OnceLock::get`", once, 0.0);
    section
}
