//! Every story of `sim/scenarios` holds, and can be read at a glance.

use rsm_sim::html::About;
use rsm_sim::scenario::Scenario;
use std::fs;
use std::path::Path;

#[test]
fn every_story_holds_and_has_at_most_twenty_lines() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").file_name().into_string().expect("names are plain"))
        .collect();
    names.sort();
    let mut failed = Vec::new();
    for name in &names {
        let text = fs::read_to_string(folder.join(name)).expect("it can be read");
        assert!(text.lines().count() <= 20, "{name} is a story too long");
        let told = Scenario::parse(&text).and_then(|scenario| scenario.play().map_err(|why| why.to_string()));
        failed.extend(told.err().map(|why| format!("{name}: {why}")));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(20 <= names.len(), "{} stories", names.len());
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
    assert_eq!(told, Ok(()), "a picture changes nothing");
    assert!(page.contains("[\"cut\",null,\"line ") && page.contains("\"broken\":null"));
    let untrue = format!("{text}\nexpect no leader");
    let (told, page) = Scenario::parse(&untrue).expect("it is a story").picture(&untrue, About::default());
    assert!(told.is_err() && page.contains("\"broken\":[\"the story\",\"line "), "it says what does not hold");
}
