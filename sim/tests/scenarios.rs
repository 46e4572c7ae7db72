//! Every story of `sim/scenarios` holds, and can be read at a glance.

use rsm_sim::html::About;
use rsm_sim::marks::{ARE_COUNTED, floors};
use rsm_sim::mutants::SEEDS_MAX;
use rsm_sim::mutants::expected::{self, Expected};
use rsm_sim::scenario::{Guards, Scenario, Told, number};
use std::fs;
use std::io::Write;
use std::path::Path;

/// Each story's name, and its text.
fn stories() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let paths = fs::read_dir(&folder).expect("the folder is there").map(|entry| entry.expect("it can be read").path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("names are plain").to_owned();
        (name, fs::read_to_string(path).expect("it can be read"))
    };
    let mut stories: Vec<_> = paths.map(read).collect();
    stories.sort();
    stories
}

/// That it fails under its mutants is asked by `cargo sim --stories`, of a build that has them.
#[test]
fn every_story_holds_meets_its_marks_and_has_at_most_twenty_lines() {
    let (stories, mut failed) = (stories(), Vec::new());
    for (name, text) in &stories {
        assert!(text.lines().count() <= 20, "{name} is a story too long");
        let scenario = Scenario::parse(text).unwrap_or_else(|why| panic!("{name}: {why}"));
        if let [mark, ..] = scenario.waits_in_vain_for()[..] {
            // Past the capture of tests: who reads the log shall see it.
            let words = format!("SKIPPED: {name} waits for {mark}, which only `cargo sim` counts\n");
            std::io::stderr().write_all(words.as_bytes()).expect("stderr is there");
            continue;
        }
        let Told { came, marks: met, .. } = scenario.play_counted();
        failed.extend(came.err().map(|why| format!("{name}: {why}")));
        let marks = Guards::of(text).marks.into_iter().filter(|mark| ARE_COUNTED && met.times(mark) == 0);
        failed.extend(marks.map(|mark| format!("{name} never meets {mark}")));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(33 <= stories.len(), "{} stories", stories.len());
}

#[test]
fn every_story_names_a_mutant_a_mark_and_a_line_that_there_are() {
    let mutants = include_str!("../../src/raft/mutant.rs");
    for (name, text) in stories() {
        let Guards { mutants: of, marks, fails } = Guards::of(&text);
        assert!(!of.is_empty() && !marks.is_empty(), "{name} names no mutant, or no mark");
        of.iter().for_each(|mutant| assert!(mutants.contains(&format!(" \"{mutant}\" ")), "{name}: no {mutant}"));
        marks.iter().for_each(|mark| assert!(floors().contains_key(mark.as_str()), "{name}: no {mark}"));
        let times = |fails: &String| {
            text.lines().filter(|line| line.split('#').next().unwrap_or_default().trim() == fails).count()
        };
        assert!(fails.iter().all(|fails| times(fails) == 1), "{name}: {fails:?} is to fail, and stands there once");
    }
}

/// The mutants that the crate declares: the name of each, and what it does.
fn declared() -> Vec<(&'static str, &'static str)> {
    let (_, listed) =
        include_str!("../../src/raft/mutant.rs").split_once("faults! {").expect("they are declared there");
    let listed = listed.split_once("\n    }").expect("to its end").0;
    let of = |line: &'static str| match line.split('"').collect::<Vec<_>>()[..] {
        [_, name, _, does, _] => Some((name, does)),
        _ => None,
    };
    listed.lines().filter_map(of).collect()
}

/// What is to find each of them.
fn expected() -> Vec<Expected> {
    expected::parse(include_str!("../mutants.txt")).expect("it is whole")
}

/// What `cargo sim --mutants` prints stands there as it is: a row for each mutant of the crate, in their order, and the
/// sentence below says how many they are, and how many of them most bases do not find. It is of the run that was recorded.
#[test]
fn the_table_of_mutants_has_a_row_for_each_as_it_was_recorded_and_no_other() {
    let page = include_str!("../../docs/verification.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .skip_while(|line| !line.starts_with("| mutant |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let named: Vec<(&str, &str)> = rows.iter().map(|row| (row[0].trim_matches('`'), row[1])).collect();
    assert!(60 <= rows.len() && named == declared(), "{} rows, or another order", rows.len());
    for (row, expected) in rows.iter().zip(expected()) {
        // What no seed finds, a story does: then no rule stands there.
        let found: Vec<String> = row[2].split(", ").filter(|word| *word != "stories").map(str::to_owned).collect();
        assert_eq!(expected.unexpected(&found), None, "{}", row[0]);
        let figures = [expected.median, expected.worst];
        assert_eq!([row[3].parse().ok(), row[4].parse().ok()], figures, "{}: `--record` had others", row[0]);
    }
    let unfound = rows.iter().filter(|row| row[3] == "-").count();
    let open = rows.iter().filter(|row| row[2] == "open").count();
    let sentence = format!(
        "Of these {}, {open} are open; three bases of five do not find {unfound} in {SEEDS_MAX} seeds",
        rows.len()
    );
    assert!(page.contains(&sentence), "the page must say: {sentence}");
}

/// Of these it is told which sentence is meant, since each has several.
const OF_MANY_SENTENCES: [&str; 3] = ["liveness", "control", "R11"];

/// Rules and bugs are those of their pages; where a story names a mutant one is required, and the
/// mutant stands for its bug.
#[test]
fn what_is_to_find_each_mutant_stands_in_the_list_in_their_order() {
    let (rules, bugs) = (include_str!("../../docs/invariants.md"), include_str!("../../docs/bugs-of-others.md"));
    let (expected, stories) = (expected(), stories());
    let names: Vec<&str> = expected.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, declared().iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for Expected { name, bugs: numbers, rules: of, by_seeds, by_story, median, .. } in &expected {
        let has_row = |rule: &String| {
            let rule = rule.split(':').next().unwrap_or_default();
            ["liveness", "control"].contains(&rule) || rules.contains(&format!("\n| {rule} | "))
        };
        assert!(of.iter().all(has_row), "{name}: {of:?}");
        assert!(!of.iter().any(|rule| OF_MANY_SENTENCES.contains(&rule.as_str())), "{name}: which sentence of {of:?}?");
        assert!(numbers.iter().all(|bug| bugs.contains(&format!("\n| {bug} | "))), "{name}: {numbers:?}");
        assert!(!by_seeds || median.is_some(), "{name}: no seeds find it, which must");
        let told = stories.iter().filter(|(_, text)| Guards::of(text).mutants.contains(name));
        let told: Vec<&str> = told.map(|(name, _)| number(name)).collect();
        assert_eq!(by_story.is_some(), !told.is_empty(), "{name}, which {told:?} name");
        assert!(by_story.as_deref().is_none_or(|story| told.contains(&story)), "{name}, which {told:?} name");
        let bug = by_story.as_deref().and_then(|story| story.parse().ok());
        assert!(bug.is_none_or(|bug| numbers.contains(&bug)), "{name} stands for {bug:?}, by its story");
    }
}

/// Each bug of others that is told has a row on their page, with what tells it, and each that is not waits on the page of
/// what is checked.
#[test]
fn the_page_of_bugs_of_others_leads_to_every_story_and_names_what_waits() {
    let page = include_str!("../../docs/bugs-of-others.md");
    let checked = include_str!("../../docs/verification.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let rows: Vec<(&str, &str)> = rows.filter(|(number, _)| number.parse::<u64>().is_ok()).collect();
    assert!(checked.contains(&format!("lists {} bugs", rows.len())), "{} rows", rows.len());
    for (name, _) in stories().iter().filter(|(name, _)| name.starts_with("bug-")) {
        let number = name["bug-".len()..].split('-').next().expect("it has a number").trim_start_matches('0');
        let row = rows.iter().find(|row| row.0 == number).unwrap_or_else(|| panic!("no row of {name}"));
        assert!(row.1.contains(&format!("(../sim/scenarios/{name}.txt)")), "{name} is not in its row");
    }
    assert_eq!(
        page.matches("(../sim/scenarios/bug-").count(),
        stories().iter().filter(|s| s.0.starts_with("bug-")).count()
    );
    for (number, row) in rows {
        let here = row.trim_end_matches(" |").rsplit(" | ").next().expect("a last part");
        let waits = here.rsplit_once("waits for ").map(|(_, feature)| feature);
        let waiting = checked.lines().find(|line| line.starts_with("| ") && line.contains(&format!(" {number} (")));
        assert_eq!(waits, waiting.map(|line| line[2..].split(" | ").next().expect("a first part")), "{number}");
    }
}

/// Under its mutant it breaks R8, in a build that has mutants: `python3 scripts/shrink.py` shows the like of all.
#[test]
fn the_story_that_is_left_of_a_seed_holds_and_is_short() {
    let text = include_str!("../../docs/pictures/a-short-log-wins.txt");
    let scenario = Scenario::parse(text).expect("it is a story");
    assert_eq!(scenario.play(), Ok(()));
    assert!((1..=25).contains(&scenario.events()), "{}", scenario.events());
}

#[test]
fn the_story_of_the_committed_picture_holds() {
    let text = include_str!("../../docs/pictures/an-election-under-a-partition.txt");
    let scenario = Scenario::parse(text).expect("it is a story");
    assert_eq!(scenario.play(), Ok(()));
    let (told, page) = scenario.picture(text, About { title: "a story".into(), ..About::default() });
    assert_eq!(told.came, Ok(()), "a picture changes nothing");
    assert!(page.contains("[\"cut\",null,\"line ") && page.contains("\"broken\":null"));
    let untrue = format!("{text}\nexpect no leader");
    let (told, page) = Scenario::parse(&untrue).expect("it is a story").picture(&untrue, About::default());
    assert!(told.came.is_err() && page.contains("\"broken\":[\"the story\",\"line "), "it says what does not hold");
}
