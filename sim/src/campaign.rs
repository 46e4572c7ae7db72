//! Many seeds, on all cores, for so long, and on from where a former campaign has stopped.
//!
//! ```text
//!   a round of seeds ──> worker, worker, .. ──> Totals ──> FILE: `next 12000 of 5000 ms`, the sums and marks of all before
//! ```
//! The file is written after each round, so little is lost if the campaign is ended from outside.

use crate::options::Options;
use crate::{replay, verdict};
use rsm_sim::calm::Calms;
use rsm_sim::marks::{ARE_COUNTED, Marks};
use rsm_sim::mutants;
use rsm_sim::run::{Case, Report};
use rsm_sim::sums::Sums;
use std::fs;
use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many seeds are run unless anything else is said.
const SEEDS: u64 = 100;

/// So many seeds are a round.
const ROUND: u64 = 1_000;

/// What all seeds have come to.
#[derive(Default)]
struct Totals {
    sums: Sums,
    marks: Marks,
    /// Of this campaign alone.
    calms: Calms,
}

impl Totals {
    fn note(&mut self, report: &Report) {
        self.sums += report.sums;
        self.marks += &report.marks;
        report.calm.into_iter().for_each(|calm| self.calms.add(calm));
    }

    fn add(&mut self, other: &Totals) {
        self.sums += other.sums;
        self.marks += &other.marks;
        self.calms.extend(&other.calms);
    }
}

/// What workers share. Relaxed throughout: a number is handed out once, and stopping a seed late does no harm.
struct Shared<'a> {
    options: &'a Options,
    next: AtomicU64,
    end: u64,
    until: Option<Instant>,
    is_over: AtomicBool,
}

pub(crate) fn run(options: &Options) -> io::Result<ExitCode> {
    if options.floors && !ARE_COUNTED {
        return Err(io::Error::other("this build counts no marks: `cargo sim` builds with --cfg rsm_marks"));
    }
    let (from, mut totals) = match &options.resume {
        Some(path) => resumed(path, options.lasts)?.unwrap_or((options.from, Totals::default())),
        None => (options.from, Totals::default()),
    };
    let began = Instant::now();
    let until = options.minutes.map(|minutes| began + Duration::from_secs(60 * minutes));
    let seeds = options.seeds.unwrap_or(if until.is_some() { u64::MAX } else { SEEDS });
    let (mut next, end, before) = (from, from.saturating_add(seeds), totals.sums.simulated_ms);
    let mut broken = None;
    while next < end && broken.is_none() && until.is_none_or(|until| Instant::now() < until) {
        (next, broken) = round(options, next, end.min(next.saturating_add(ROUND)), until, &mut totals);
        if let Some(path) = &options.resume {
            let Totals { sums, marks, .. } = &totals;
            fs::write(path, format!("next {next} of {} ms\n{sums}\n{marks}\n", options.lasts.as_millis()))?;
        }
        eprintln!("seed {next}");
    }
    if let Some(report) = broken {
        return Ok(verdict(&report, &replay(options, report.seed)));
    }
    Ok(sum_up(options, &totals, totals.sums.simulated_ms - before, began.elapsed()))
}

/// Prints what it came to.
fn sum_up(options: &Options, totals: &Totals, simulated_ms: u64, took: Duration) -> ExitCode {
    let Totals { sums, marks, calms } = totals;
    let mut short = if options.floors { marks.short() } else { Vec::new() };
    if options.floors && calms.are_late() {
        short.push("more than one calm phase in a hundred has no leader in time".to_owned());
    }
    println!("{calms}");
    if options.marks {
        println!("{marks}");
    }
    let counted = if ARE_COUNTED {
        format!("{} of {} marks", marks.reached(), marks.iter().count())
    } else {
        "no marks: this build counts none".to_owned()
    };
    let per_second = u128::from(simulated_ms) / took.as_millis().max(1);
    println!("{sums}, {counted}, {per_second} cluster-seconds a second on {} threads", workers(options));
    short.iter().for_each(|line| println!("{line}"));
    if short.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn workers(options: &Options) -> usize {
    options.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Runs the seeds from `next` on, before `end`; gives where to go on, and the first that has broken a rule.
fn round(options: &Options, next: u64, end: u64, until: Option<Instant>, totals: &mut Totals) -> (u64, Option<Report>) {
    let shared = Shared { options, next: AtomicU64::new(next), end, until, is_over: AtomicBool::new(false) };
    let all = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers(options)).map(|_| scope.spawn(|| work(&shared))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a run's panic is its report's")).collect::<Vec<_>>()
    });
    let mut broken: Option<Report> = None;
    for (of_worker, violated) in all {
        totals.add(&of_worker);
        broken = broken.into_iter().chain(violated).min_by_key(|report| report.seed);
    }
    // A seed that breaks a rule is behind it too, though in no sum: it is run again by itself.
    (shared.next.load(Ordering::Relaxed).min(end), broken)
}

/// Where a former campaign of seeds that last so long has stopped, and what it has counted.
fn resumed(path: &str, lasts: Duration) -> io::Result<Option<(u64, Totals)>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(io::Error::other(format!("{path}: {why}"))),
    };
    let read = || {
        let (head, rest) = text.split_once('\n')?;
        let (next, lasted) = head.strip_prefix("next ")?.strip_suffix(" ms")?.split_once(" of ")?;
        let (sums, marks) = rest.split_once('\n')?;
        let totals = Totals { sums: Sums::parse(sums)?, marks: Marks::parse(marks)?, ..Totals::default() };
        Some((next.parse().ok()?, lasted.parse().ok()?, totals))
    };
    let (next, lasted, totals): (u64, u64, Totals) =
        read().ok_or_else(|| io::Error::other(format!("{path}: not what --resume has written; begin a new file")))?;
    if u128::from(lasted) != lasts.as_millis() {
        return Err(io::Error::other(format!("{path}: its seeds last otherwise: say --milliseconds {lasted}")));
    }
    Ok(Some((next, totals)))
}

/// Runs seeds until there is no reason to go on: what they come to, and the first report of a broken rule.
fn work(shared: &Shared<'_>) -> (Totals, Option<Report>) {
    let mut totals = Totals::default();
    // The mutant was found when the command line was read; each thread chooses for itself.
    mutants::select(shared.options.mutant.as_deref()).expect("it is known");
    loop {
        let is_late = shared.until.is_some_and(|until| until <= Instant::now());
        if is_late || shared.is_over.load(Ordering::Relaxed) {
            return (totals, None);
        }
        let seed = shared.next.fetch_add(1, Ordering::Relaxed);
        if shared.end <= seed {
            return (totals, None);
        }
        let report = Case::new(seed, shared.options.lasts).run();
        if report.broken.is_some() {
            shared.is_over.store(true, Ordering::Relaxed);
            return (totals, Some(report));
        }
        totals.note(&report);
    }
}
