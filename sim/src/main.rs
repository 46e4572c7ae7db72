//! `cargo sim`: runs seeds and says what happened.

mod bench;
mod campaign;
mod hunt;
mod options;
mod say;
mod stories;

use options::{HELP, Options};
use rsm_sim::html::About;
use rsm_sim::marks::{self, Marks};
use rsm_sim::minimize::{Minimized, Whole, minimize};
use rsm_sim::mutants;
use rsm_sim::run::{Report, Stop};
use rsm_sim::scenario::{Failed, Scenario, Told};
use rsm_sim::sums::Sums;
use rsm_sim::sweep::sweep;
use say::{heard, say};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

// Nothing of it is called by name: linked, it is the process's `malloc`, and so the system's allocator of std.
#[cfg(all(rsm_marks, not(target_family = "wasm")))]
use mimalloc as _;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            say!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(why) => return wrong(&why),
    };
    if std::env::var_os("RSM_MUTANT").is_some() {
        return wrong("RSM_MUTANT is set, which would change some runs and not others: say --mutant instead");
    }
    be_quiet_about_stops();
    if options.bench {
        return bench::run();
    }
    if options.bench_seed {
        let began = Instant::now();
        let report = bench::one(options.from.unwrap_or(0), options.compared());
        return verdict(&report, began.elapsed(), "cargo sim --bench-seed");
    }
    if options.mutants {
        return hunt::run(&options).unwrap_or_else(|why| wrong(&why.to_string()));
    }
    if let Some(name) = &options.mutant
        && let Err(why) = mutants::select(Some(name))
    {
        return wrong(&why);
    }
    if options.sweep {
        return sweep_all(options.mutant.as_deref());
    }
    if options.stories {
        return stories::tell_all().unwrap_or_else(|why| wrong(&why.to_string()));
    }
    let came = match &options.scenario {
        Some(path) => play(&options, path),
        None => match options.seed {
            Some(seed) if options.minimize => make_small(&options, seed),
            Some(seed) => one(&options, seed),
            None => campaign::run(&options),
        },
    };
    came.unwrap_or_else(|why| wrong(&why.to_string()))
}

/// A peer that stops over a lie is no news: a campaign would be full of them. In another run it is told as what broke.
fn be_quiet_about_stops() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !rsm_sim::is_stop(info.payload()) {
            tell(info);
        }
    }));
}

/// Every node's life, at every operation of its disk.
fn sweep_all(mutant: Option<&str>) -> ExitCode {
    let all = std::thread::scope(|scope| {
        // Each thread chooses for itself.
        let of = |node| {
            mutants::select(mutant).expect("it was chosen before");
            sweep(node, u64::MAX, |_, _| ())
        };
        let sweeps = [0, 1, 2].map(|node| scope.spawn(move || of(node)));
        sweeps.map(|sweep| sweep.join().expect("a run's panic is its report's"))
    });
    for (node, swept) in all.iter().enumerate() {
        if let Some((operation, report)) = &swept.broken {
            let violation = report.broken.as_ref().map(ToString::to_string).unwrap_or_default();
            say!("power fails at operation {operation} of node {node}'s disk: breaks {violation}");
            return ExitCode::FAILURE;
        }
        say!("power has failed before, in and behind each of {} operations of node {node}'s disk", swept.operations);
    }
    ExitCode::SUCCESS
}

fn wrong(why: &str) -> ExitCode {
    eprintln!("cargo sim: {why}");
    ExitCode::from(2)
}

/// One seed, and its hash.
fn one(options: &Options, seed: u64) -> io::Result<ExitCode> {
    let mark = options.stop_at.as_deref().map(numbered).transpose()?;
    let (whole, stop) = (options.case(seed), Stop { step: options.until, mark });
    let (case, began) = (if options.unaimed { whole.unaimed() } else { whole }, Instant::now());
    if let Some(file) = &options.html {
        let again = replay(options, seed);
        let about =
            About { title: format!("Seed {seed}"), replay: again.clone(), script: case.to_string(), ..about(options) };
        let (report, page) = case.picture(stop, about);
        let took = began.elapsed();
        write_page(file, &page)?;
        return Ok(verdict(&report, took, &again));
    }
    let report = if options.trace { printed(|each| case.trace(stop, each))? } else { case.run_until(stop) };
    let took = began.elapsed();
    say!("hash {:032x}", report.hash);
    if report.is_stopped {
        say!("stopped before its end: what must hold there was not asked");
    }
    if let Some(name) = options.stop_at.as_deref().filter(|name| report.marks.times(name) == 0) {
        eprintln!("cargo sim: {name} was never met");
    }
    Ok(verdict(&report, took, &replay(options, seed)))
}

/// The number of a mark.
fn numbered(name: &str) -> io::Result<usize> {
    let why = if marks::ARE_COUNTED { "sim/marks.txt lists them" } else { "this build counts few" };
    marks::place(name).ok_or_else(|| io::Error::other(format!("no mark `{name}`: {why}")))
}

/// How to run a seed again.
fn replay(options: &Options, seed: u64) -> String {
    let unaimed = if options.unaimed { " --unaimed" } else { "" };
    let lasts = options.lasts.map(|lasts| format!(" --milliseconds {}", lasts.as_millis())).unwrap_or_default();
    format!("{} --seed {seed}{lasts}{unaimed}{}", command(), with_mutant(options))
}

/// How this build was run.
fn command() -> &'static str {
    if marks::ARE_COUNTED && !mutants::all().is_empty() { "cargo sim" } else { "cargo run -p rsm-sim --" }
}

fn with_mutant(options: &Options) -> String {
    options.mutant.as_ref().map(|name| format!(" --mutant {name}")).unwrap_or_default()
}

/// What a page says of all runs with these options.
fn about(options: &Options) -> About {
    let mutant = options.mutant.as_ref().and_then(|name| mutants::all().into_iter().find(|(known, _)| known == name));
    About { mutant: mutant.map(|(name, does)| (name.to_owned(), does.to_owned())), ..About::default() }
}

fn write_page(file: &str, page: &str) -> io::Result<()> {
    fs::write(file, page).map_err(|why| io::Error::other(format!("{file}: {why}")))?;
    eprintln!("{file}: {} KiB, for any browser", page.len() >> 10);
    Ok(())
}

/// Says what came of a run that took so long.
fn verdict(report: &Report, took: Duration, again: &str) -> ExitCode {
    match &report.broken {
        Some(violation) => {
            say!("seed {} breaks {violation}", report.seed);
            say!("again: {again}  # at {}", campaign::commit());
            ExitCode::FAILURE
        }
        None => {
            sum_up(&report.sums, &report.marks, took);
            ExitCode::SUCCESS
        }
    }
}

/// The last line: what has happened, and how fast it was.
fn sum_up(sums: &Sums, marks: &Marks, took: Duration) {
    say!("{sums}, {}, {}", marks.in_words(), bench::speed(sums.simulated_ms, took));
}

/// For so long a seed is made small, of the time for which this thread has a processor: what others do costs it nothing.
const PATIENCE: Duration = Duration::from_secs(50);

fn make_small(options: &Options, seed: u64) -> io::Result<ExitCode> {
    let (began, of) = (bench::worked(), with_mutant(options));
    let spent = || bench::worked().saturating_sub(began);
    let case = options.case(seed);
    // What a candidate panics with is its verdict's.
    std::panic::set_hook(Box::new(|_| ()));
    let Minimized { scenario, rule, before, runs, of_ten } = match minimize(&case, PATIENCE, |_| spent()) {
        Ok(small) => small,
        Err(Whole::Holds) => {
            say!("seed {seed} breaks no rule");
            return Ok(ExitCode::SUCCESS);
        }
        Err(Whole::Untold(rule)) => {
            say!("seed {seed} breaks {rule}, and no story of it does that was tried");
            say!("again: {}", replay(options, seed));
            return Ok(ExitCode::FAILURE);
        }
    };
    let mutant = options.mutant.as_ref().map(|name| format!(" under the mutant {name}")).unwrap_or_default();
    let (now, took) = (scenario.events(), spent().as_secs());
    let beside = match scenario.clients() {
        0 => String::new(),
        clients => format!(", clients of their own: {clients}"),
    };
    let text = format!(
        "# Seed {seed}{mutant} breaks {rule}; what is left of it when made small\n\
         # {now} faults and calls of {before}{beside}, found in {runs} runs; {rule} breaks with {of_ten} of the seeds 1 to 10\n\
         {scenario}\n"
    );
    say!("{}", text.trim_end());
    eprintln!("{took} s; keep it as a file, and replay it by {} --scenario FILE{of}", command());
    if let Some(file) = &options.html {
        let about = About {
            title: title(file, &text),
            replay: format!("{} --minimize", replay(options, seed)),
            ..about(options)
        };
        let (_, page) = scenario_of(&text)?.picture(&text, about);
        write_page(file, &page)?;
    }
    Ok(ExitCode::FAILURE)
}

fn scenario_of(text: &str) -> io::Result<Scenario> {
    Scenario::parse(text).map_err(io::Error::other)
}

/// What comes of a run whose lines go to stdout.
fn printed<R>(run: impl FnOnce(&mut dyn FnMut(&str)) -> R) -> io::Result<R> {
    let (mut out, mut written) = (BufWriter::new(io::stdout().lock()), Ok(()));
    let came = run(&mut |line| {
        if written.is_ok() {
            written = writeln!(out, "{line}");
        }
    });
    heard(written.and_then(|()| out.flush()))?;
    Ok(came)
}

fn play(options: &Options, path: &str) -> io::Result<ExitCode> {
    let text = fs::read_to_string(path).map_err(|why| io::Error::other(format!("{path}: {why}")))?;
    let scenario = scenario_of(&text).map_err(|why| io::Error::other(format!("{path}: {why}")))?;
    if let [mark, ..] = scenario.waits_in_vain_for()[..] {
        let why = format!("{path} waits for `{mark}`, which this build does not count: `cargo sim --scenario` does");
        return Err(io::Error::other(why));
    }
    let scenario = match (options.seed, options.seeds) {
        (Some(seed), _) => scenario.with_seed(seed),
        (None, Some(seeds)) => return Ok(play_all(path, &scenario, seeds)),
        (None, None) => scenario,
    };
    let began = Instant::now();
    let Told { came, sums, marks } = match &options.html {
        Some(file) => {
            let again = format!("{} --scenario {path}{}", command(), with_mutant(options));
            let about = About { title: title(path, &text), replay: again, ..about(options) };
            let (told, page) = scenario.picture(&text, about);
            write_page(file, &page)?;
            told
        }
        None if options.trace => printed(|each| scenario.trace(each))?,
        None => scenario.play_counted(),
    };
    match came {
        Ok(()) => {
            say!("{path}: holds");
            sum_up(&sums, &marks, began.elapsed());
            Ok(ExitCode::SUCCESS)
        }
        Err(failed) => {
            say!("{path}: {failed}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A story with many seeds for what none of its lines says: what a change of draws leaves of one, it leaves of many.
fn play_all(path: &str, scenario: &Scenario, seeds: u64) -> ExitCode {
    let told =
        (1..=seeds).filter_map(|seed| scenario.clone().with_seed(seed).play().err().map(|failed| (seed, failed)));
    let failed: Vec<(u64, Failed)> = told.collect();
    match failed.first() {
        Some((seed, why)) => {
            say!("{path}: fails with {} of {seeds} seeds, first with {seed}: {why}", failed.len());
            ExitCode::FAILURE
        }
        None => {
            say!("{path}: holds with {seeds} seeds");
            ExitCode::SUCCESS
        }
    }
}

/// What a story says of itself, or how its file is named.
fn title(path: &str, text: &str) -> String {
    let said = text.lines().next().and_then(|line| line.strip_prefix('#')).map(str::trim);
    said.unwrap_or(path).to_owned()
}
