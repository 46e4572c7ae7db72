//! `cargo sim`: runs seeds and says what happened.
#![allow(clippy::print_stdout, reason = "a command's answer goes to stdout")]

use rsm_sim::run::{Report, run};
use rsm_sim::sums::Sums;
use std::process::ExitCode;
use std::time::Duration;

const HELP: &str = "cargo sim: a cluster in a seed

  cargo sim --seeds N          runs the seeds 0 to N - 1
  cargo sim --seed S           runs one seed
      --from S                 the first seed of many, instead of 0
      --milliseconds M         for so long each, in simulated time (5000)

Exit code 0: no rule was broken. 1: one was; the line says which, and how to run that seed again. 2: wrong use.

  cargo sim --seeds 500
  cargo sim --seed 17";

struct Options {
    from: u64,
    seeds: u64,
    lasts: Duration,
}

fn options(arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options { from: 0, seeds: 100, lasts: Duration::from_secs(5) };
    let mut arguments = arguments.filter(|argument| argument != "--");
    while let Some(name) = arguments.next() {
        if name == "--help" {
            return Ok(None);
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a number; see --help"))?;
        let value: u64 = value.parse().map_err(|_| format!("{name} needs a number, not `{value}`"))?;
        match name.as_str() {
            "--seeds" => options.seeds = value,
            "--seed" => (options.from, options.seeds) = (value, 1),
            "--from" => options.from = value,
            "--milliseconds" => options.lasts = Duration::from_millis(value),
            _ => return Err(format!("{name} is not known; see --help")),
        }
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("cargo sim: {why}");
            return ExitCode::from(2);
        }
    };
    let mut sums = Sums::default();
    for seed in options.from..options.from.saturating_add(options.seeds) {
        let Report { sums: of_seed, broken, hash, .. } = run(seed, options.lasts);
        if let Some(violation) = broken {
            println!("seed {seed} breaks {violation}");
            println!("again: cargo sim --seed {seed} --milliseconds {}", options.lasts.as_millis());
            return ExitCode::FAILURE;
        }
        if options.seeds == 1 {
            println!("hash {hash:032x}");
        }
        sums += of_seed;
    }
    println!("{sums}");
    ExitCode::SUCCESS
}
