//! The chapters of the course run, and print what their heads say.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every `examples/NN_name.rs`, in order.
fn chapters() -> Vec<String> {
    let files = std::fs::read_dir(root().join("examples")).expect("the examples are there");
    let mut names: Vec<_> = files
        .filter_map(|file| file.expect("a directory can be read").file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn source(name: &str) -> String {
    let path = root().join(format!("examples/{name}.rs"));
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// `cargo test` builds the examples beside its tests.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it stands");
    test.ancestors().nth(2).expect("target/<profile>/deps/<test>").join("examples").join(name)
}

/// The fenced block in the head: exactly what the chapter prints.
fn promised(source: &str) -> String {
    let head = source.lines().take_while(|line| line.starts_with("//!"));
    let mut lines = head.map(|line| line.trim_start_matches("//!")).map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.by_ref().find(|line| *line == "```text").expect("the head has a ```text block");
    lines.take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect()
}

#[test]
fn each_chapter_prints_what_its_head_says() {
    for name in chapters() {
        let run = Command::new(built(&name)).output().unwrap_or_else(|why| panic!("{name} is not built: {why}"));
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{name} ended with {}: {said}", run.status);
        let printed = String::from_utf8_lossy(&run.stdout);
        assert_eq!(printed, promised(&source(&name)), "{name} prints something else; stderr: {said}");
    }
}

#[test]
fn each_chapter_is_short_and_listed() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest is there");
    for name in chapters() {
        assert!(source(&name).lines().count() < 60, "{name} has 60 lines or more");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in Cargo.toml: nobody compiles it");
    }
}

#[test]
fn the_course_is_whole() {
    let there = chapters();
    let waiting = ["01_lock", "02_drain"];
    let reacting = ["03_automaton", "04_timers", "09_supervisor", "10_retry", "11_table", "12_tokio"];
    for name in waiting.iter().chain(&reacting).chain(&["05_leader", "06_counter", "07_pipe", "08_local"]) {
        assert!(there.iter().any(|chapter| chapter == name), "chapter {name} is missing");
    }
}

#[test]
fn a_replicated_counter_takes_twenty_lines_of_its_user() {
    let source = source("06_counter");
    let code = source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    let own = code.filter(|line| !line.starts_with("use ") && !line.starts_with("#!["));
    assert!(own.count() <= 20, "06_counter needs more than 20 lines of its user");
}

#[test]
fn the_local_cluster_takes_its_size_from_the_command_line() {
    let five = Command::new(built("08_local")).args(["--size", "5"]).output().expect("08_local is built");
    assert!(five.status.success(), "{}", String::from_utf8_lossy(&five.stderr));
    let wrong = Command::new(built("08_local")).args(["--size", "none"]).output().expect("08_local is built");
    assert!(!wrong.status.success(), "a size that is no number is refused");
}
