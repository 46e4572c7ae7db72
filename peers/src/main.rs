//! `cargo peers`: one floor against the best of its field.
//!
//! ```text
//!   cargo peers sync ...  ──>  cargo run --release -p rsm-peers-sync -- ...
//! ```
//! Each floor's comparison is a package of its own, so that one does not compile the peers of another; and this one has no
//! dependency at all, so that nothing is compiled before it is known what is wanted.
#![allow(clippy::print_stdout, reason = "a command's answer goes to stdout")]

use std::process::{Command, ExitCode};

/// What can be compared, and the package that does it.
const FLOORS: [(&str, &str); 2] = [("sync", "rsm-peers-sync"), ("fsm", "rsm-peers-fsm")];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).skip_while(|argument| argument == "--");
    let Some(name) = arguments.next() else { return usage() };
    let Some((_, package)) = FLOORS.into_iter().find(|(floor, _)| *floor == name) else { return usage() };
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["run", "--release", "--quiet", "-p", package, "--"]).args(arguments);
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(why) => {
            eprintln!("cargo cannot be run: {why}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    println!("cargo peers FLOOR [options]: compares a floor with its peers; --help behind the floor says more\n");
    FLOORS.into_iter().for_each(|(floor, package)| println!("  cargo peers {floor:<6} ({package})"));
    ExitCode::from(2)
}
