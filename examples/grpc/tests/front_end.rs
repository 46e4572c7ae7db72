//! The Python front end is tested by Python, which this runs: one test here for each of its files.
//!
//! ```text
//!   a_fresh_clone..    ---- works ---->|
//!   acknowledged..     ---- works ------------>|     with_the_machine_to_itself..
//!   the others         -- wait ->-- wait ->--->|     ---- measures ---->|
//! ```
//! Tests begin in the order of their names, as many at a time as there are cores: so the names let the two long ones be
//! the first, and what measures be the last. The others mostly wait, and need no core of their own meanwhile.
//!
//! Each file makes the environment under `target/python` if need be, by the very code that `cluster.py` uses. By hand:
//! `python3 examples/grpc/tests/test_NAME.py`.

use std::path::Path;
use std::process::Command;
use std::sync::{Once, OnceLock, PoisonError, RwLock};

/// What measures wants the machine for itself; the others share it.
static MACHINE: RwLock<()> = RwLock::new(());

/// One file of tests in Python, and what came of it.
struct File {
    name: &'static str,
    outcome: OnceLock<Result<(), String>>,
}

impl File {
    const fn new(name: &'static str) -> File {
        File { name, outcome: OnceLock::new() }
    }

    /// Runs it against the executable that cargo has just built, once; whoever comes meanwhile waits.
    fn outcome(&self) -> &Result<(), String> {
        self.outcome.get_or_init(|| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(self.name);
            let mut command = Command::new("python3");
            command.arg(&path).env("RSM_EXECUTABLE", env!("CARGO_BIN_EXE_grpc")).env("PYTHONDONTWRITEBYTECODE", "1");
            let done = command
                .output()
                .map_err(|why| format!("python3 (3.10 or newer, with venv) is needed to test the front end: {why}"))?;
            let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
            if done.status.success() { Ok(()) } else { Err(format!("{}: {}\n{out}\n{err}", self.name, done.status)) }
        })
    }

    /// Fails as the file does.
    fn passes(&self) {
        let _machine = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
        self.outcome().as_ref().unwrap_or_else(|why| panic!("{why}"));
    }
}

static SURVIVAL: File = File::new("test_survival.py");
static FIVE: File = File::new("test_five.py");
static CLIENT: File = File::new("test_client.py");
static CLUSTER: File = File::new("test_cluster.py");
static FRONT: File = File::new("test_front.py");
static DIRECTORY: File = File::new("test_directory.py");
static REFUSALS: File = File::new("test_refusals.py");
static PACKETS: File = File::new("test_packets.py");
static PIPE: File = File::new("test_pipe.py");
static CEILING: File = File::new("ceiling.py");

/// Begins the others beside the long ones, unless the command line asks for some alone: their tests find them done.
fn begin_the_others() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        if std::env::args().len() == 1 {
            std::thread::spawn(|| {
                // A cluster that starts beside a compiler is slow enough to say so, so it waits for the fresh clone.
                for file in [&FRONT, &DIRECTORY, &REFUSALS, &PACKETS, &PIPE, &FIVE, &CLIENT, &CLUSTER] {
                    let _machine = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
                    let _ = file.outcome();
                }
            });
        }
    });
}

#[test]
fn a_fresh_clone_is_up_after_the_commands_of_the_readme() {
    begin_the_others();
    FIVE.passes();
}

#[test]
fn acknowledged_writes_survive() {
    begin_the_others();
    SURVIVAL.passes();
}

#[test]
fn damage_is_dropped_and_counted() {
    PACKETS.passes();
}

#[test]
fn directories_and_lists_of_peers_fit_or_say_why_not() {
    DIRECTORY.passes();
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
fn one_command_starts_a_cluster() {
    CLUSTER.passes();
}

#[test]
fn refusals() {
    REFUSALS.passes();
}

#[test]
fn the_client() {
    CLIENT.passes();
}

#[test]
fn the_framing() {
    PIPE.passes();
}

#[test]
fn the_front_end_before_a_stand_in() {
    FRONT.passes();
}

#[test]
fn with_the_machine_to_itself_it_reaches_half_of_what_can_be_had() {
    let _machine = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    CEILING.outcome().as_ref().unwrap_or_else(|why| panic!("{why}"));
}
