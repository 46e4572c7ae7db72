//! The Python front end is tested by Python, which this runs: one test here for each of its files.
//!
//! Each file makes the environment under `target/python` if need be, by the very code that `cluster.py` uses. By hand:
//! `python3 examples/grpc/tests/test_NAME.py`.

use std::path::Path;
use std::process::Command;
use std::sync::RwLock;

/// What measures wants the machine for itself; the others share it.
static MACHINE: RwLock<()> = RwLock::new(());

/// Runs a file of Python tests against the executable that cargo has just built.
fn run(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
    let mut command = Command::new("python3");
    command.arg(&path).env("RSM_EXECUTABLE", env!("CARGO_BIN_EXE_grpc")).env("PYTHONDONTWRITEBYTECODE", "1");
    let done = command.output();
    let done =
        done.unwrap_or_else(|why| panic!("python3 (3.10 or newer, with venv) is needed to test the front end: {why}"));
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{file}: {}\n{out}\n{err}", done.status);
}

fn shared(file: &str) {
    let _machine = MACHINE.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    run(file);
}

#[test]
fn every_test_file_is_run() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let this = include_str!("front_end.rs");
    for entry in std::fs::read_dir(here).expect("the tests are there") {
        let name = entry.expect("the tests can be listed").file_name().into_string().expect("names are text");
        let is_test = name.starts_with("test_") || name == "ceiling.py";
        assert!(!is_test || this.contains(&format!("(\"{name}\")")), "{name} is never run");
    }
}

#[test]
fn the_framing() {
    shared("test_pipe.py");
}

#[test]
fn refusals() {
    shared("test_refusals.py");
}

#[test]
fn the_front_end_before_a_stand_in() {
    shared("test_front.py");
}

#[test]
fn the_client() {
    shared("test_client.py");
}

#[test]
fn a_cluster_from_one_command() {
    shared("test_cluster.py");
}

#[test]
fn what_was_acknowledged_survives() {
    shared("test_survival.py");
}

#[test]
fn directories_and_lists_of_peers_fit_or_say_why_not() {
    shared("test_directory.py");
}

#[test]
fn damage_is_dropped_and_counted() {
    shared("test_packets.py");
}

#[test]
fn the_five_commands_of_the_readme() {
    shared("test_five.py");
}

#[test]
fn at_least_half_of_what_can_be_had() {
    let _machine = MACHINE.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    run("ceiling.py");
}
