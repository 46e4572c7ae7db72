//! Many seeds, on all cores, for so long, and on from where a former campaign has stopped.
//!
//! ```text
//!   next seed ──> worker, worker, .. ──> sums ──> FILE: `next 12000 of 5000 ms`, and the sums of all before
//! ```

use crate::options::Options;
use crate::{replay, verdict};
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

/// What workers share. Relaxed throughout: a number is handed out once, and stopping a seed late does no harm.
struct Shared<'a> {
    options: &'a Options,
    next: AtomicU64,
    end: u64,
    until: Option<Instant>,
    is_over: AtomicBool,
}

pub(crate) fn run(options: &Options) -> io::Result<ExitCode> {
    let (from, mut sums) = match &options.resume {
        Some(path) => resumed(path, options.lasts)?.unwrap_or((options.from, Sums::default())),
        None => (options.from, Sums::default()),
    };
    let until = options.minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    let seeds = options.seeds.unwrap_or(if until.is_some() { u64::MAX } else { SEEDS });
    let end = from.saturating_add(seeds);
    let shared = Shared { options, next: AtomicU64::new(from), end, until, is_over: AtomicBool::new(false) };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let all = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| work(&shared))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a run's panic is its report's")).collect::<Vec<_>>()
    });
    let mut broken: Option<Report> = None;
    for (of_worker, violated) in all {
        sums += of_worker;
        broken = broken.into_iter().chain(violated).min_by_key(|report| report.seed);
    }
    // A seed that breaks a rule is behind it too, though in no sum: it is run again by itself.
    if let Some(path) = &options.resume {
        let next = shared.next.load(Ordering::Relaxed).min(end);
        fs::write(path, format!("next {next} of {} ms\n{sums}\n", options.lasts.as_millis()))?;
    }
    if let Some(report) = broken {
        return Ok(verdict(&report, &replay(options, report.seed)));
    }
    println!("{sums}");
    Ok(ExitCode::SUCCESS)
}

/// Where a former campaign of seeds that last so long has stopped, and what it has counted.
fn resumed(path: &str, lasts: Duration) -> io::Result<Option<(u64, Sums)>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(io::Error::other(format!("{path}: {why}"))),
    };
    let read = || {
        let (head, sums) = text.split_once('\n')?;
        let (next, lasted) = head.strip_prefix("next ")?.strip_suffix(" ms")?.split_once(" of ")?;
        Some((next.parse().ok()?, lasted.parse().ok()?, Sums::parse(sums)?))
    };
    let (next, lasted, sums): (u64, u64, Sums) =
        read().ok_or_else(|| io::Error::other(format!("{path}: not what --resume has written; begin a new file")))?;
    if u128::from(lasted) != lasts.as_millis() {
        return Err(io::Error::other(format!("{path}: its seeds last otherwise: say --milliseconds {lasted}")));
    }
    Ok(Some((next, sums)))
}

/// Runs seeds until there is no reason to go on: their sums, and the first report of a broken rule.
fn work(shared: &Shared<'_>) -> (Sums, Option<Report>) {
    let mut sums = Sums::default();
    // The mutant was found when the command line was read; each thread chooses for itself.
    mutants::select(shared.options.mutant.as_deref()).expect("it is known");
    loop {
        let is_late = shared.until.is_some_and(|until| until <= Instant::now());
        if is_late || shared.is_over.load(Ordering::Relaxed) {
            return (sums, None);
        }
        let seed = shared.next.fetch_add(1, Ordering::Relaxed);
        if shared.end <= seed {
            return (sums, None);
        }
        let report = Case::new(seed, shared.options.lasts).run();
        if report.broken.is_some() {
            shared.is_over.store(true, Ordering::Relaxed);
            return (sums, Some(report));
        }
        sums += report.sums;
        if seed.is_multiple_of(1_000) {
            eprintln!("seed {seed}");
        }
    }
}
