//! Many seeds, on all cores, for so long, and on from where a former campaign has stopped.
//!
//! ```text
//!   a round of seeds ──> worker, worker, .. ──> Totals ──> Past, kept in FILE: where to go on, sums and marks, what broke
//! ```
//! The file is written after each round, so little is lost if the campaign is ended from outside. A seed that breaks a
//! rule stands in it, and nobody goes on until it is mended.

mod file;
mod progress;

use crate::bench;
use crate::options::Options;
use crate::replay;
use crate::say::say;
pub(crate) use file::commit;
use file::{Kept, Past};
use progress::Progress;
use rsm_sim::calm::Calms;
use rsm_sim::effects::Effects;
use rsm_sim::marks::{ARE_COUNTED, Marks, Pairs};
use rsm_sim::mutants;
use rsm_sim::run::Report;
use rsm_sim::sums::Sums;
use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many seeds are run unless anything else is said.
const SEEDS: u64 = 100;

/// So many seeds are a round.
const ROUND: u64 = 1_000;

/// What all seeds of a round have come to.
#[derive(Default)]
struct Totals {
    sums: Sums,
    marks: Marks,
    pairs: Pairs,
    calms: Calms,
    effects: Effects,
    /// Those that broke a rule, which are in no sum.
    broken: Vec<Report>,
}

impl Totals {
    fn note(&mut self, report: Report) {
        if report.broken.is_some() {
            self.broken.push(report);
            return;
        }
        self.sums += report.sums;
        self.marks += &report.marks;
        self.pairs.note(&report.marks);
        self.effects += &report.effects;
        report.calm.into_iter().for_each(|calm| self.calms.add(calm));
    }

    fn add(&mut self, other: Totals) {
        self.sums += other.sums;
        self.marks += &other.marks;
        self.pairs.add(&other.pairs);
        self.calms.extend(&other.calms);
        self.effects += &other.effects;
        self.broken.extend(other.broken);
        self.broken.sort_by_key(|report| report.seed);
    }
}

/// How a seed is run.
type Run<'a> = &'a (dyn Fn(u64) -> Report + Sync);

/// What workers share. Relaxed throughout: a number is handed out once, and stopping a seed late does no harm.
struct Shared<'a> {
    options: &'a Options,
    run: Run<'a>,
    next: AtomicU64,
    end: u64,
    until: Option<Instant>,
    is_over: AtomicBool,
    progress: &'a Progress,
}

pub(crate) fn run(options: &Options) -> io::Result<ExitCode> {
    if options.floors && !ARE_COUNTED {
        return Err(io::Error::other("this build counts no marks: `cargo sim` builds with --cfg rsm_marks"));
    }
    let is_clean = go(options, &|seed| options.case(seed).run())?;
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What all seeds of a campaign have in common.
fn kind(options: &Options) -> String {
    let cfgs = [("rsm_marks", ARE_COUNTED), ("rsm_mutant", !mutants::all().is_empty())];
    let cfgs: Vec<&str> = cfgs.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect();
    let cfgs = if cfgs.is_empty() { "plain build".to_owned() } else { cfgs.join(" ") };
    let mutant = options.mutant.as_deref().filter(|&name| name != "null");
    let mutant = mutant.map_or_else(|| "no mutant".to_owned(), |name| format!("mutant {name}"));
    let lasts = options.lasts.map_or_else(|| "drawn lengths".to_owned(), |lasts| format!("{} ms", lasts.as_millis()));
    format!("campaign of {lasts}, {cfgs}, {mutant}")
}

/// Runs seeds; whether no rule was broken, and no mark is short.
fn go(options: &Options, run: Run<'_>) -> io::Result<bool> {
    let (kept, past) = match &options.resume {
        Some(path) => Kept::open(path, &kind(options)).map(|(kept, past)| (Some(kept), past))?,
        None => (None, None),
    };
    if let (Some(past), Some(from)) =
        (&past, options.from.filter(|&from| past.as_ref().is_some_and(|past| past.next != from)))
    {
        return Err(io::Error::other(format!(
            "its file goes on with seed {}, not {from}: leave --from out",
            past.next
        )));
    }
    let mut past = past.unwrap_or_else(|| Past::new(options.from.unwrap_or_default()));
    if let (false, Some(path)) = (past.broken.is_empty(), &options.resume) {
        past.broken.iter().for_each(|(seed, what)| told(options, *seed, what));
        say!("{path}: these stand there; once they are mended, take their lines out of it to go on");
        return Ok(false);
    }
    past.is_added_to();
    let began = Instant::now();
    let until = options.minutes.map(|minutes| began + Duration::from_secs(60 * minutes));
    let seeds = options.seeds.unwrap_or(if until.is_some() { u64::MAX } else { SEEDS });
    let (end, before) = (past.next.saturating_add(seeds), past.sums.simulated_ms);
    let (mut calms, mut effects, mut pairs) = (Calms::default(), Effects::default(), Pairs::default());
    let progress = Progress::new((seeds != u64::MAX).then_some(seeds), until.map(|until| until - began));
    while past.next < end && past.broken.is_empty() && until.is_none_or(|until| Instant::now() < until) {
        let last = end.min(past.next.saturating_add(ROUND));
        let is_over = AtomicBool::new(false);
        let (next, totals) = round(&Shared {
            options,
            run,
            next: AtomicU64::new(past.next),
            end: last,
            until,
            is_over,
            progress: &progress,
        });
        progress.clear();
        past.next = next;
        past.sums += totals.sums;
        past.marks += &totals.marks;
        calms.extend(&totals.calms);
        effects += &totals.effects;
        pairs.add(&totals.pairs);
        // What is broken is told before anything else can go wrong.
        for report in &totals.broken {
            let what = report.broken.as_ref().map(ToString::to_string).unwrap_or_default();
            told(options, report.seed, &what);
            past.breaks(report.seed, &what);
        }
        match kept.as_ref().map_or(Ok(()), |kept| kept.write(&past)) {
            Err(why) if past.broken.is_empty() => return Err(why),
            Err(why) => eprintln!("cargo sim: what is broken stands in no file: {why}"),
            Ok(()) => eprintln!("seed {next}"),
        }
    }
    let is_clean = past.broken.is_empty();
    if is_clean {
        say!("{effects}");
        if options.marks {
            say!("{pairs}");
        }
    }
    let simulated_ms = past.sums.simulated_ms - before;
    Ok(is_clean && sum_up(options, &past, (&calms, &effects), simulated_ms, began.elapsed()))
}

/// Says what a seed has broken.
fn told(options: &Options, seed: u64, what: &str) {
    say!("seed {seed} breaks {what}\nagain: {}  # at {}", replay(options, seed), commit());
}

/// Prints what it came to; whether it is as it should be, if that is asked: no mark is short, no nemesis mis-aimed, no calm late.
fn sum_up(
    options: &Options,
    past: &Past,
    (calms, effects): (&Calms, &Effects),
    simulated_ms: u64,
    took: Duration,
) -> bool {
    let Past { sums, marks, .. } = past;
    let mut short = if options.floors { marks.short() } else { Vec::new() };
    short.extend(effects.mis_aimed());
    if options.floors && calms.are_late() {
        short.push("more than one calm phase in a hundred has no leader, or no fresh commit, in time".to_owned());
    }
    say!("{calms}");
    if options.marks {
        say!("{marks}");
    }
    say!("{sums}, {}, {} on {} threads", marks.in_words(), bench::speed(simulated_ms, took), workers(options));
    short.iter().for_each(|line| say!("{line}"));
    short.is_empty() || !options.floors
}

fn workers(options: &Options) -> usize {
    options.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Runs seeds; gives the first that was not run, and what the others come to.
fn round(shared: &Shared<'_>) -> (u64, Totals) {
    let mut totals = Totals::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers(shared.options)).map(|_| scope.spawn(|| work(shared))).collect();
        let all = workers.into_iter().map(|worker| worker.join().expect("a run's panic is its report's"));
        all.for_each(|of_worker| totals.add(of_worker));
    });
    (shared.next.load(Ordering::Relaxed).min(shared.end), totals)
}

/// Runs seeds until there is no reason to go on.
fn work(shared: &Shared<'_>) -> Totals {
    let mut totals = Totals::default();
    // The mutant was found when the command line was read; each thread chooses for itself.
    mutants::select(shared.options.mutant.as_deref()).expect("it is known");
    loop {
        let is_late = shared.until.is_some_and(|until| until <= Instant::now());
        if is_late || shared.is_over.load(Ordering::Relaxed) {
            return totals;
        }
        let seed = shared.next.fetch_add(1, Ordering::Relaxed);
        if shared.end <= seed {
            return totals;
        }
        let report = (shared.run)(seed);
        if report.broken.is_some() {
            shared.is_over.store(true, Ordering::Relaxed);
        }
        totals.note(report);
        shared.progress.one_more();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsm::raft::invariants::Violation;
    use rsm::sync::barrier::Barrier;
    use rsm_sim::plan::{Fault, MS, Shape, What};
    use rsm_sim::run::Case;
    use std::fs;
    use std::path::PathBuf;

    /// An empty folder of this test's own.
    pub(super) fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("rsm-sim-campaign-{name}-{}", std::process::id()));
        fs::create_dir(&folder).expect("nothing stands there");
        folder
    }

    fn report(seed: u64, is_broken: bool) -> Report {
        let broken = is_broken.then(|| Violation { rule: "R7", what: format!("of {seed}") });
        let (sums, marks) = (Sums { seeds: 1, ..Sums::default() }, Marks::default());
        Report {
            seed,
            sums,
            marks,
            effects: Effects::default(),
            calm: None,
            hash: 0,
            ended: rsm::time::Time::ZERO,
            is_stopped: false,
            broken,
        }
    }

    fn options(file: &std::path::Path) -> Options {
        let resume = Some(file.to_str().expect("a path of letters").to_owned());
        Options { seeds: Some(10), workers: Some(2), resume, ..Options::default() }
    }

    #[test]
    fn every_seed_that_breaks_a_rule_is_told_and_nobody_goes_on_while_one_stands_in_the_file() {
        let folder = folder("broken");
        let (file, both) = (folder.join("file"), Barrier::new(2));
        let options = options(&file);
        let run = |seed| {
            if 4 <= seed {
                both.wait();
            }
            report(seed, 4 <= seed)
        };
        assert!(!go(&options, &run).expect("there is room"));
        let text = fs::read_to_string(&file).expect("it was written");
        assert!(text.contains("\nnext 6\nbroken 4 R7: of 4\nbroken 5 R7: of 5\nseeds 4, "), "{text}");
        let never = |_| -> Report { unreachable!("what is broken was not mended") };
        assert!(!go(&options, &never).expect("it is whole"));
        let mended: Vec<&str> = text.lines().filter(|line| !line.starts_with("broken")).collect();
        fs::write(&file, mended.join("\n") + "\n").expect("there is room");
        assert!(go(&options, &|seed| report(seed, false)).expect("it is whole"));
        let text = fs::read_to_string(&file).expect("it was written");
        assert!(text.contains("\nnext 16\nseeds 14, "), "{text}");
        fs::remove_dir_all(folder).expect("it is ours");
    }

    #[test]
    fn a_seed_lasts_as_long_as_it_draws_unless_told_and_is_run_again_by_its_line() {
        let five = Some(Duration::from_secs(5));
        for (lasts, said) in [(None, "campaign of drawn lengths, "), (five, "campaign of 5000 ms, ")] {
            let options = Options { lasts, ..Options::default() };
            assert!(kind(&options).starts_with(said), "{}", kind(&options));
            for seed in 0..20 {
                let line = replay(&options, seed);
                let words = line.split_whitespace().skip_while(|word| *word != "--seed").map(str::to_owned);
                let again = Options::parse(words).expect("it is right").expect("it asks for a run");
                let lasts = again.case(seed).lasts;
                assert_eq!(
                    (again.seed, lasts),
                    (Some(seed), options.lasts.unwrap_or(rsm_sim::plan::lasts(seed))),
                    "{line}"
                );
                assert_eq!(lasts, options.case(seed).lasts);
            }
        }
    }

    #[test]
    fn faults_that_have_no_effect_fail_where_floors_are_asked() {
        let run = |seed| {
            let mut case = Case::new(seed, Duration::from_millis(5));
            let nothing = What::Cut { shape: Shape::Link(0, 0), lasts: MS };
            case.plan = vec![Fault { at: rsm::time::Time(MS), what: nothing }; 1_000];
            // Of one seed most marks would fall short.
            Report { marks: Marks::default(), ..case.run() }
        };
        let is_as_it_should_be = |floors| {
            let options = Options { seeds: Some(1), workers: Some(1), floors, ..Options::default() };
            go(&options, &run).expect("it writes no file")
        };
        assert_eq!([false, true].map(is_as_it_should_be), [true, false]);
    }

    #[test]
    fn what_is_broken_is_told_though_the_file_cannot_be_written() {
        let folder = folder("gone");
        let options = options(&folder.join("file"));
        let run = |is_broken| {
            let folder = folder.clone();
            move |seed| {
                _ = fs::remove_dir_all(&folder);
                report(seed, is_broken)
            }
        };
        assert!(!go(&options, &run(true)).expect("it is told all the same"));
        fs::create_dir(&folder).expect("it is gone");
        assert!(go(&options, &run(false)).is_err());
    }
}
