//! `cargo sim`: runs seeds and says what happened.
#![allow(clippy::print_stdout, reason = "a command's answer goes to stdout")]

mod options;

use options::{HELP, Options};
use rsm_sim::run::{Case, Report};
use rsm_sim::sums::Sums;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
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
    match go(&options) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("cargo sim: {why}");
            ExitCode::from(2)
        }
    }
}

fn go(options: &Options) -> io::Result<ExitCode> {
    let mut sums = Sums::default();
    for seed in options.from..options.from.saturating_add(options.seeds) {
        let Report { sums: of_seed, broken, hash, .. } = one(options, seed)?;
        if let Some(violation) = broken {
            println!("seed {seed} breaks {violation}");
            println!("again: cargo sim --seed {seed} --milliseconds {}", options.lasts.as_millis());
            return Ok(ExitCode::FAILURE);
        }
        if options.seeds == 1 {
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
    let (mut out, mut written) = (BufWriter::new(io::stdout().lock()), Ok(()));
    let report = case.trace(until, |line| {
        if written.is_ok() {
            written = writeln!(out, "{line}");
        }
    });
    written.and_then(|()| out.flush())?;
    Ok(report)
}
