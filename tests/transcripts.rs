//! Every file of `tests/transcripts` is a story: what happens, and what each peer then says, word for word.
//!
//! After a change that is meant to change the words, `RSM_TRANSCRIPTS=write cargo test --test transcripts` writes them
//! anew: read the difference before you believe it.

mod support;

use std::path::Path;
use support::script::Script;

/// The story with what really follows each line of input.
fn play(story: &str) -> String {
    let (mut script, mut told) = (Script::default(), String::new());
    for line in story.lines() {
        let input = line.strip_prefix("> ");
        if input.is_some() || line.starts_with('#') || line.is_empty() {
            told += line;
            told.push('\n');
        }
        told += &input.map(|input| script.run(input)).unwrap_or_default();
    }
    told
}

fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(name);
    let story = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let told = play(&story);
    if std::env::var("RSM_TRANSCRIPTS").is_ok_and(|value| value == "write") {
        std::fs::write(&path, &told).unwrap();
    } else if story != told {
        let nth = story.lines().zip(told.lines()).position(|(a, b)| a != b);
        let nth = nth.unwrap_or(story.lines().count().min(told.lines().count()));
        let at = |text: &str| text.lines().nth(nth).unwrap_or("(the end)").to_owned();
        panic!("{name}, line {}: the story says\n  {}\nbut this happens:\n  {}", nth + 1, at(&story), at(&told));
    }
}

macro_rules! stories {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(concat!(stringify!($name), ".txt"));
        })*

        #[test]
        fn every_story_is_told() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
            let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
            let told = [$(concat!(stringify!($name), ".txt")),*];
            let untold: Vec<String> = files.filter(|file| !told.contains(&file.as_str())).collect();
            assert!(untold.is_empty(), "{untold:?}");
        }
    };
}

stories! { election split_vote conflict snapshot proposal read cut_off_peer }
