//! `cargo sim`: runs seeds and says what happened.
#![allow(clippy::print_stdout, reason = "a command's answer goes to stdout")]

mod options;

use options::{HELP, Options};
use rsm_sim::mutants::{self, Found};
use rsm_sim::run::{Case, Report};
use rsm_sim::scenario::Scenario;
use rsm_sim::sums::Sums;
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
    if options.mutants {
        return look_for_mutants(&options);
    }
    if let Some(name) = &options.mutant
        && let Err(why) = mutants::select(Some(name))
    {
        return wrong(&why);
    }
    match &options.scenario {
        Some(path) => play(&options, path),
        None => seeds(&options),
    }
    .unwrap_or_else(|why| wrong(&why.to_string()))
}

fn wrong(why: &str) -> ExitCode {
    eprintln!("cargo sim: {why}");
    ExitCode::from(2)
}

fn seeds(options: &Options) -> io::Result<ExitCode> {
    let mut sums = Sums::default();
    for seed in options.from..options.from.saturating_add(options.seeds.unwrap_or(100)) {
        let Report { sums: of_seed, broken, hash, .. } = one(options, seed)?;
        if let Some(violation) = broken {
            println!("seed {seed} breaks {violation}");
            let mutant = options.mutant.as_ref().map(|name| format!(" --mutant {name}")).unwrap_or_default();
            println!("again: cargo sim --seed {seed} --milliseconds {}{mutant}", options.lasts.as_millis());
            return Ok(ExitCode::FAILURE);
        }
        if options.seeds == Some(1) {
            println!("hash {hash:032x}");
        }
        sums += of_seed;
    }
    println!("{sums}");
    Ok(ExitCode::SUCCESS)
}

fn one(options: &Options, seed: u64) -> io::Result<Report> {
    let case = Case::new(seed, options.lasts);
    let until = options.until.unwrap_or(u64::MAX);
    if !options.trace {
        return Ok(case.run_until(until));
    }
    printed(|each| case.trace(until, each))
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
    let told = if options.trace { printed(|each| scenario.trace(each))? } else { scenario.play() };
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
