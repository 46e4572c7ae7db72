//! A million timers: set, cancelled, moved, fired; and how late they come.

use crate::births::in_own_process;
use crate::on_tokio::runtime;
use crate::point;
use rsm::fsm::wheel::Wheel;
use rsm::fsm::{Automaton, Context, Input, Pool, Runner, Timer};
use rsm::time::Time;
use rsm_peers_kit::load::own_s;
use rsm_peers_kit::machine::resident_kib;
use rsm_peers_kit::rounds::{Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Sender};
use std::task::{self, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use tokio::time::{Sleep, sleep, sleep_until};

const SCHEDULE: &str = "schedule ns";
const CANCEL: &str = "cancel ns";
const MOVE: &str = "move ns";
const BYTES: &str = "bytes";
const CPU: &str = "cpu ns each";
const EARLY: &str = "early";
const P50: &str = "p50 late us";
const P99: &str = "p99 late us";
const PEAK: usize = 1_000_000;

/// Numbers that look like chance, the same in each run.
fn mixed(number: usize) -> u64 {
    (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16
}

/// When the timer of this number is due: over a minute, from 1 s on.
fn after(number: usize) -> Duration {
    Duration::from_nanos(1_000_000_000 + mixed(number) % 60_000_000_000)
}

/// All numbers, in no order. It is a permutation, as the factor is odd and the count of numbers a power of two.
fn shuffled(count: usize) -> impl Iterator<Item = usize> {
    let size = count.next_power_of_two();
    (0..size).map(move |number| number.wrapping_mul(0x9E37_79B1) & (size - 1)).filter(move |&number| number < count)
}

fn each(took: Duration, count: usize) -> f64 {
    took.as_nanos() as f64 / count as f64
}

/// The wheel alone.
fn of_wheel(count: usize) -> Run {
    let mut wheel = Wheel::new(Time::ZERO);
    let began = Instant::now();
    let handles: Vec<_> = (0..count).map(|n| wheel.insert(Time(after(n).as_nanos() as u64), n as u64)).collect();
    let scheduled = began.elapsed();
    let began = Instant::now();
    let cancelled = shuffled(count).filter(|&number| wheel.cancel(handles[number]).is_some()).count();
    assert_eq!(cancelled, count);
    Run { operations: 0.0, figures: vec![(SCHEDULE, each(scheduled, count)), (CANCEL, each(began.elapsed(), count))] }
}

/// An automaton that sets, cancels and moves its own timers.
struct Owner {
    count: usize,
    done: Sender<Run>,
}

impl Automaton for Owner {
    type State = ();
    type Command = u32;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        let Input::Start = input else { return };
        let count = self.count;
        let began = Instant::now();
        let timers: Vec<Timer> = (0..count).map(|number| context.after(after(number), number as u32)).collect();
        let scheduled = began.elapsed();
        let began = Instant::now();
        (0..count).for_each(|number| context.state_timeout(Duration::from_secs(60 + number as u64), 0));
        let moved = began.elapsed();
        let began = Instant::now();
        let cancelled = shuffled(count).filter(|&number| context.cancel(timers[number]).is_some()).count();
        let took = began.elapsed();
        assert_eq!(cancelled, count);
        let figures = [(SCHEDULE, scheduled), (MOVE, moved), (CANCEL, took)];
        let run = Run { operations: 0.0, figures: figures.map(|(unit, took)| (unit, each(took, count))).into() };
        self.done.send(run).expect("someone waits for it");
    }
}

fn of_automaton(count: usize) -> Run {
    let pool = Pool::new(1);
    let (done, run) = mpsc::channel();
    let _owner = pool.spawn(Owner { count, done }, ());
    run.recv().expect("it answers")
}

type Sleeps = Vec<Pin<Box<Sleep>>>;

/// Each is registered by its first look.
fn sleeps(count: usize) -> Sleeps {
    let mut context = task::Context::from_waker(Waker::noop());
    let mut one = |number| {
        let mut sleep = Box::pin(sleep(after(number)));
        assert_eq!(sleep.as_mut().poll(&mut context), Poll::Pending);
        sleep
    };
    (0..count).map(&mut one).collect()
}

fn of_tokio(count: usize) -> Run {
    runtime(1).block_on(async {
        let began = Instant::now();
        let mut all: Vec<_> = sleeps(count).into_iter().map(Some).collect();
        let scheduled = began.elapsed();
        let mut context = task::Context::from_waker(Waker::noop());
        let mut moved = Box::pin(sleep(Duration::from_secs(60)));
        let began = Instant::now();
        for number in 0..count as u64 {
            moved.as_mut().reset(tokio::time::Instant::now() + Duration::from_secs(60 + number));
            assert_eq!(moved.as_mut().poll(&mut context), Poll::Pending);
        }
        let resets = began.elapsed();
        let began = Instant::now();
        shuffled(count).for_each(|number| drop(all[number].take()));
        let figures = [(SCHEDULE, scheduled), (MOVE, resets), (CANCEL, began.elapsed())];
        Run { operations: 0.0, figures: figures.map(|(unit, took)| (unit, each(took, count))).into() }
    })
}

/// What a lot of timers is told.
struct Told {
    fired: AtomicUsize,
    early: AtomicUsize,
    /// Lateness by microsecond, what is later than all in the last.
    late_us: Vec<AtomicU64>,
}

impl Told {
    fn new() -> Arc<Told> {
        let late_us = (0..100_000).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Told { fired: AtomicUsize::new(0), early: AtomicUsize::new(0), late_us })
    }

    fn note(&self, at_ns: u64, now_ns: u64) {
        let late = (now_ns.saturating_sub(at_ns) / 1_000) as usize;
        self.late_us[late.min(self.late_us.len() - 1)].fetch_add(1, Relaxed);
        self.early.fetch_add(usize::from(now_ns < at_ns), Relaxed);
        self.fired.fetch_add(1, Relaxed);
    }

    fn quantile_us(&self, part: f64) -> f64 {
        let mut left = (self.fired.load(Relaxed) as f64 * part) as u64;
        let reached = |count: &AtomicU64| {
            let count = count.load(Relaxed);
            let is_here = left < count;
            left = left.saturating_sub(count);
            is_here
        };
        self.late_us.iter().position(reached).unwrap_or(self.late_us.len()) as f64
    }
}

/// So long after the last was set the first is due.
const LEAD: Duration = Duration::from_millis(2_500);

/// One that has a single timer: a while after its beginning; then again, so many times, after the same while.
struct Alarmed {
    offset_ns: u64,
    again: u32,
    at: Time,
    told: Arc<Told>,
}

impl Automaton for Alarmed {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Start => {
                self.at = Time(self.offset_ns);
                context.at(self.at, ());
            }
            Input::Command(()) => {
                self.told.note(self.at.0, context.clock().0);
                if self.again != 0 {
                    self.again -= 1;
                    self.at = context.clock().after(Duration::from_nanos(self.offset_ns));
                    context.at(self.at, ());
                }
            }
            Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
    }
}

/// A million automata or tasks whose timers are due within one second; the processor time of that, and how late they are.
fn fire(ours: bool, count: usize, workers: usize) {
    let told = Told::new();
    let offset = move |number: usize| LEAD + Duration::from_nanos(mixed(number) % 1_000_000_000);
    let (pool, tasks) = match ours {
        true => (Some(Pool::new(workers)), None),
        false => (None, Some(runtime(workers))),
    };
    let before = resident_kib();
    let began = Instant::now();
    let mut addresses = Vec::new();
    if let Some(pool) = &pool {
        addresses.extend((0..count).map(|number| {
            let offset_ns = offset(number).as_nanos() as u64;
            pool.spawn(Alarmed { offset_ns, again: 0, at: Time::ZERO, told: told.clone() }, ())
        }));
    }
    if let Some(tasks) = &tasks {
        (0..count).for_each(|number| {
            let (at, told) = (began + offset(number), told.clone());
            tasks.spawn(async move {
                sleep_until(at.into()).await;
                told.note((at - began).as_nanos() as u64, began.elapsed().as_nanos() as u64);
            });
        });
    }
    let wait = |until: Duration| thread::sleep(until.saturating_sub(began.elapsed()));
    wait(LEAD - Duration::from_millis(50));
    let bytes = (resident_kib() - before) as f64 * 1024.0 / count as f64;
    let used = own_s();
    wait(LEAD + Duration::from_millis(1_100));
    while told.fired.load(Relaxed) != count {
        thread::sleep(Duration::from_millis(1));
    }
    let cpu = (own_s() - used) * 1e9 / count as f64;
    println!("{cpu} {} {} {} {bytes}", told.early.load(Relaxed), told.quantile_us(0.5), told.quantile_us(0.99));
}

/// `--fire rsm|tokio COUNT WORKERS`: the process of one run.
pub(crate) fn operate(arguments: &[String]) -> Option<ExitCode> {
    let number = |at: usize| arguments.get(at)?.parse().ok();
    fire(arguments.first()? == "rsm", number(1)?, number(2)?);
    Some(ExitCode::SUCCESS)
}

fn fired(name: &'static str, count: usize, workers: usize) -> Subject {
    let (count, workers) = (count.to_string(), workers.to_string());
    subject(name, move |_| in_own_process(&["--fire", name, &count, &workers], &[CPU, EARLY, P50, P99, BYTES]))
}

/// How late one timer at a time is, where nothing else is to do.
fn late_ours(time: Duration) -> Run {
    let (pool, told) = (Pool::new(2), Told::new());
    let offset_ns = 1_370_000;
    let alarmed = Alarmed { offset_ns, again: u32::MAX, at: Time::ZERO, told: told.clone() };
    let _address = pool.spawn(alarmed, ());
    thread::sleep(time);
    lateness(&told)
}

fn late_tokio(time: Duration) -> Run {
    let (tasks, told) = (runtime(2), Told::new());
    let noted = told.clone();
    tasks.spawn(async move {
        let began = Instant::now();
        loop {
            let at = Instant::now() + Duration::from_nanos(1_370_000);
            sleep_until(at.into()).await;
            noted.note((at - began).as_nanos() as u64, began.elapsed().as_nanos() as u64);
        }
    });
    thread::sleep(time);
    lateness(&told)
}

fn lateness(told: &Told) -> Run {
    let early = told.early.load(Relaxed) as f64;
    let figures = vec![(EARLY, early), (P50, told.quantile_us(0.5)), (P99, told.quantile_us(0.99))];
    Run { operations: 0.0, figures }
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "Timers",
        "A million over a minute: set, then cancelled in no order; moved: one state timeout (of tokio: one `Sleep` that is reset). \
         `rsm wheel` is the structure alone, `rsm` an automaton's own timers. fire: a million automata (tasks), a timer each, due within \
         one second, in a process of its own; processor time until all have fired, lateness by the clock that each read, and \
         resident bytes of all that belongs to one. late: one timer at a time, every 1.37 ms, on a system that does nothing else.",
    );
    let quick = if rounds.options.quick { 10 } else { 1 };
    let peak = PEAK / quick;
    let subjects = vec![
        subject("rsm", move |_| of_automaton(peak)),
        subject("rsm wheel", move |_| of_wheel(peak)),
        subject("tokio", move |_| of_tokio(peak)),
    ];
    point(rounds, &mut section, ("timers set", 1), Duration::ZERO, subjects);
    for workers in [1, 2] {
        let bench = ["timers fire 1", "timers fire 2"][workers - 1];
        if rounds.options.wants_point(bench) {
            let subjects = vec![fired("rsm", peak, workers), fired("tokio", peak, workers)];
            section.points.push(rounds.measure(bench, workers, 3, Duration::ZERO, subjects));
        }
    }
    let subjects = vec![subject("rsm", late_ours), subject("tokio", late_tokio)];
    point(rounds, &mut section, ("timers late", 2), Duration::from_millis(500), subjects);
    for unit in [SCHEDULE, CANCEL, MOVE] {
        section.table("timers set", unit);
    }
    for unit in [CPU, EARLY, P50, P99, BYTES] {
        section.table("timers fire", unit);
    }
    for unit in [EARLY, P50, P99] {
        section.table("timers late", unit);
    }
    goals(&mut section);
    section
}

fn goals(section: &mut Section) {
    let points = std::mem::take(&mut section.points);
    let find = |bench: &str| points.iter().find(|point| point.bench == bench);
    if let Some(set) = find("timers set") {
        for ours in ["rsm", "rsm wheel"] {
            let ratio = |unit| set.ratio(ours, "tokio", unit).median;
            section.at_most(format!("schedule, {ours}: at most 0.5 x tokio's"), ratio(SCHEDULE), 0.5);
            section.at_most(format!("cancel, {ours}: at most 0.3 x tokio's"), ratio(CANCEL), 0.3);
        }
        section.at_most("moving a state timeout: at most 10 ns", set.spread("rsm", MOVE).median, 10.0);
    }
    for bench in ["timers fire 1", "timers fire 2"] {
        let Some(fire) = find(bench) else { continue };
        let ratio = fire.ratio("rsm", "tokio", CPU).median;
        section.at_most(format!("{bench} workers: less processor time than tokio's"), ratio, 1.0);
        section.at_most(format!("{bench} workers: none early"), fire.spread("rsm", EARLY).max, 0.0);
    }
    if let Some(late) = find("timers late") {
        section.at_most("late, idle: none early", late.spread("rsm", EARLY).max, 0.0);
        section.at_most("late, idle: p99 below 100 us", late.spread("rsm", P99).median, 100.0);
    }
    section.points = points;
}
