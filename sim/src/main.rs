//! `cargo sim`: runs seeds and says what happened.
#![allow(clippy::print_stdout, reason = "a command's answer goes to stdout")]

mod bench;
mod campaign;
mod options;

use options::{HELP, Options};
use rsm_sim::case::Small;
use rsm_sim::html::About;
use rsm_sim::marks;
use rsm_sim::minimize::{Minimized, minimize};
use rsm_sim::mutants::{self, Found};
use rsm_sim::run::{Case, Report, Stop};
use rsm_sim::scenario::Scenario;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(why) => return wrong(&why),
    };
    if options.bench {
        return bench::run();
    }
    if options.bench_seed {
        return verdict(&bench::one(options.lasts), "cargo sim --bench-seed");
    }
    if options.mutants {
        return look_for_mutants(&options);
    }
    if let Some(name) = &options.mutant
        && let Err(why) = mutants::select(Some(name))
    {
        return wrong(&why);
    }
    let came = match (&options.scenario, &options.case) {
        (Some(path), _) => play(&options, path),
        (None, Some(path)) => again(&options, path),
        (None, None) if options.minimize => make_small(&options),
        (None, None) if options.seeds == Some(1) => one(&options),
        (None, None) => campaign::run(&options),
    };
    came.unwrap_or_else(|why| wrong(&why.to_string()))
}

fn wrong(why: &str) -> ExitCode {
    eprintln!("cargo sim: {why}");
    ExitCode::from(2)
}

/// One seed, and its hash.
fn one(options: &Options) -> io::Result<ExitCode> {
    let mark = options.stop_at.as_deref().map(numbered).transpose()?;
    let (whole, stop) = (Case::new(options.from, options.lasts), Stop { step: options.until, mark });
    let case = if options.unaimed { whole.unaimed() } else { whole };
    if let Some(file) = &options.html {
        let title = format!("Seed {}", options.from);
        let again = replay(options, options.from);
        return draw(options, stop, (file, &title), &Small::whole(options.from, options.lasts), again);
    }
    let report = if options.trace { printed(|each| case.trace(stop, each))? } else { case.run_until(stop) };
    println!("hash {:032x}", report.hash);
    Ok(verdict(&report, &replay(options, options.from)))
}

/// The number of a mark.
fn numbered(name: &str) -> io::Result<usize> {
    let why = if marks::ARE_COUNTED { "sim/marks.txt lists them" } else { "this build counts few" };
    marks::place(name).ok_or_else(|| io::Error::other(format!("no mark `{name}`: {why}")))
}

/// How to run a seed again.
fn replay(options: &Options, seed: u64) -> String {
    format!("cargo sim --seed {seed} --milliseconds {}{}", options.lasts.as_millis(), with_mutant(options))
}

fn with_mutant(options: &Options) -> String {
    options.mutant.as_ref().map(|name| format!(" --mutant {name}")).unwrap_or_default()
}

/// Runs a case, and writes the page that shows it.
fn draw(
    options: &Options,
    stop: Stop,
    (file, title): (&str, &str),
    small: &Small,
    again: String,
) -> io::Result<ExitCode> {
    let about = About { title: title.to_owned(), replay: again.clone(), script: small.to_string(), ..about(options) };
    let (report, page) = small.case().picture(stop, about);
    write_page(file, &page)?;
    Ok(verdict(&report, &again))
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

/// Says what came of a run.
fn verdict(report: &Report, again: &str) -> ExitCode {
    match &report.broken {
        Some(violation) => {
            println!("seed {} breaks {violation}", report.seed);
            println!("again: {again}");
            ExitCode::FAILURE
        }
        None => {
            println!("{}", report.sums);
            ExitCode::SUCCESS
        }
    }
}

fn again(options: &Options, path: &str) -> io::Result<ExitCode> {
    let text = fs::read_to_string(path).map_err(|why| io::Error::other(format!("{path}: {why}")))?;
    let small = Small::parse(&text).map_err(|why| io::Error::other(format!("{path}: {why}")))?;
    let again = format!("cargo sim --case {path}{}", with_mutant(options));
    match &options.html {
        Some(file) => draw(options, Stop::default(), (file, &title(path, &text)), &small, again),
        None => Ok(verdict(&small.run(), &again)),
    }
}

/// As many runs are spent on making a seed small.
const RUNS_MAX: u32 = 2_000;

fn make_small(options: &Options) -> io::Result<ExitCode> {
    let whole = Small::whole(options.from, options.lasts);
    let Some(Minimized { small, rule, before, runs }) = minimize(&whole, RUNS_MAX) else {
        println!("seed {} breaks no rule", options.from);
        return Ok(ExitCode::SUCCESS);
    };
    println!("# breaks {rule}; {before} faults before, {} now, after {runs} runs", small.plan.len());
    println!("{small}");
    if let Some(file) = &options.html {
        let title = format!("Seed {}, made small", options.from);
        let again = format!("{} --minimize", replay(options, options.from));
        return draw(options, Stop::default(), (file, &title), &small, again);
    }
    Ok(ExitCode::FAILURE)
}

/// What comes of a run whose lines go to stdout.
fn printed<R>(run: impl FnOnce(&mut dyn FnMut(&str)) -> R) -> io::Result<R> {
    let (mut out, mut written) = (BufWriter::new(io::stdout().lock()), Ok(()));
    let came = run(&mut |line| {
        if written.is_ok() {
            written = writeln!(out, "{line}");
        }
    });
    written.and_then(|()| out.flush())?;
    Ok(came)
}

fn play(options: &Options, path: &str) -> io::Result<ExitCode> {
    let text = fs::read_to_string(path).map_err(|why| io::Error::other(format!("{path}: {why}")))?;
    let scenario = Scenario::parse(&text).map_err(|why| io::Error::other(format!("{path}: {why}")))?;
    let told = match &options.html {
        Some(file) => {
            let again = format!("cargo sim --scenario {path}{}", with_mutant(options));
            let about = About { title: title(path, &text), replay: again, ..about(options) };
            let (told, page) = scenario.picture(&text, about);
            write_page(file, &page)?;
            told
        }
        None if options.trace => printed(|each| scenario.trace(each))?,
        None => scenario.play(),
    };
    match told {
        Ok(()) => {
            println!("{path}: holds");
            Ok(ExitCode::SUCCESS)
        }
        Err(failed) => {
            println!("{path}: {failed}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What a story says of itself, or how its file is named.
fn title(path: &str, text: &str) -> String {
    let said = text.lines().next().and_then(|line| line.strip_prefix('#')).map(str::trim);
    said.unwrap_or(path).to_owned()
}

/// Where stories lie, seen from the root of the repository.
const STORIES: &str = "sim/scenarios";

/// Each story with the number of the bug that it is named for.
fn stories() -> io::Result<Vec<(String, Scenario)>> {
    let mut stories = Vec::new();
    for entry in fs::read_dir(STORIES).map_err(|why| io::Error::other(format!("{STORIES}: {why}")))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let number = name.split('-').nth(1).unwrap_or(&name).to_owned();
        let scenario = Scenario::parse(&fs::read_to_string(&path)?);
        stories.push((number, scenario.map_err(|why| io::Error::other(format!("{name}: {why}")))?));
    }
    stories.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(stories)
}

fn look_for_mutants(options: &Options) -> ExitCode {
    let all = mutants::all();
    if all.is_empty() {
        return wrong("this build has no mutants: `cargo sim` builds with --cfg rsm_mutant");
    }
    let stories = match stories() {
        Ok(stories) => stories,
        Err(why) => return wrong(&why.to_string()),
    };
    // What a mutant panics with is its report's.
    std::panic::set_hook(Box::new(|_| ()));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found: Vec<(usize, Found)> = Vec::new();
        loop {
            // ORDERING: Relaxed: each number is handed out once, whatever the order.
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(&mutant) = all.get(at) else { return found };
            let most = options.seeds.unwrap_or(200);
            let came = mutants::look(mutant, &stories, most, options.lasts).expect("it is listed");
            eprintln!("{}", came.line());
            found.push((at, came));
        }
    };
    let mut found = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut found = work();
        found.extend(other.join().expect("a run's panic is its report's"));
        found
    });
    found.sort_by_key(|(at, _)| *at);
    println!(
        "| mutant | what it does | found by | median seeds | worst of {} | and by stories |",
        mutants::BASES.len()
    );
    println!("|---|---|---|---|---|---|");
    found.iter().for_each(|(_, found)| println!("{}", found.line()));
    let is_open = |found: &Found| found.rule.is_none() && found.stories.is_empty();
    let open = found.iter().filter(|(_, found)| is_open(found));
    let open: Vec<&str> = open.map(|(_, found)| found.name).collect();
    println!("{} mutants, {} open: {}", found.len(), open.len(), open.join(" "));
    if open.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
