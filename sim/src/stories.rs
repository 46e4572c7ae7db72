//! All stories, and whether each proves what it is for.

use crate::say::say;
use rsm_sim::marks;
use rsm_sim::mutants;
use rsm_sim::mutants::expected::{self, Expected, FILE};
use rsm_sim::scenario::{Failed, Guards, Scenario, Told, number};
use std::fs;
use std::io;
use std::process::ExitCode;

/// Where stories lie, seen from the root of the repository.
const STORIES: &str = "sim/scenarios";

/// One of them.
pub(crate) struct Story {
    pub(crate) name: String,
    pub(crate) scenario: Scenario,
    text: String,
}

/// Each of them, in the order of their names.
pub(crate) fn all() -> io::Result<Vec<Story>> {
    let mut stories = Vec::new();
    for entry in fs::read_dir(STORIES).map_err(|why| io::Error::other(format!("{STORIES}: {why}")))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path)?;
        let scenario = Scenario::parse(&text).map_err(|why| io::Error::other(format!("{name}: {why}")))?;
        stories.push(Story { name, scenario, text });
    }
    stories.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(stories)
}

/// The number of the bug that each is named for, and its script.
pub(crate) fn numbered() -> io::Result<Vec<(String, Scenario)>> {
    Ok(all()?.into_iter().map(|story| (number(&story.name).to_owned(), story.scenario)).collect())
}

/// Tells them all: each holds, meets its marks, and fails under each of its mutants as it should.
pub(crate) fn tell_all() -> io::Result<ExitCode> {
    if !marks::ARE_COUNTED || mutants::all().is_empty() {
        return Err(io::Error::other("this build has no marks or no mutants: `cargo sim` builds with both cfgs"));
    }
    // What a mutant panics with is why its story fails.
    std::panic::set_hook(Box::new(|_| ()));
    let (stories, mut wrong) = (all()?, 0);
    let expected = expected::parse(&fs::read_to_string(FILE)?).map_err(io::Error::other)?;
    for story in &stories {
        let name = &story.name;
        match proves(story, &expected) {
            Ok(line) => say!("{name}: {line}"),
            Err(why) => {
                wrong += 1;
                say!("{name}: {why}");
            }
        }
    }
    say!("{} stories, {wrong} of which do not prove what they are for", stories.len());
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a story shows.
///
/// # Errors
/// What it does not.
fn proves(story: &Story, expected: &[Expected]) -> Result<String, String> {
    let Story { scenario, text, .. } = story;
    let Guards { mutants, marks, fails } = Guards::of(text);
    if mutants.is_empty() || marks.is_empty() {
        return Err("it names no mutant, or no mark: `# mutant: .. mark: ..`".to_owned());
    }
    let Told { came, marks: met, .. } = scenario.play_counted();
    came.map_err(|failed| format!("fails: {failed}"))?;
    if let Some(name) = marks.iter().find(|name| met.times(name) == 0) {
        return Err(format!("holds, and never meets {name}"));
    }
    let mut line = format!("holds, meets {}", marks.join(" "));
    let mut is_said = fails.is_none();
    for name in &mutants {
        mutants::select(Some(name))?;
        let told = scenario.play();
        mutants::select(None)?;
        let failed = told.err().ok_or_else(|| format!("holds under the mutant {name} too"))?;
        if !mutants::tells(&failed) {
            return Err(format!("cannot be told under the mutant {name}: {failed}"));
        }
        let one =
            expected.iter().find(|one| one.name == *name).ok_or_else(|| format!("no line of {FILE} is {name}'s"))?;
        if let Some(why) = one.unexpected_in(text, &failed) {
            return Err(format!("fails under the mutant {name}, and not as it should: {why}"));
        }
        is_said |= failed.broken.is_none();
        line.push_str(&format!("; under {name} fails at {}", place(&failed)));
    }
    if is_said {
        Ok(line)
    } else {
        Err("breaks a rule under each of its mutants, and says that a line fails".to_owned())
    }
}

/// Where a story fails, and by which rule.
fn place(failed: &Failed) -> String {
    let broken = failed.broken.as_ref().map(|broken| format!(": {}", broken.rule)).unwrap_or_default();
    match failed.line {
        0 => format!("its end{broken}"),
        line => format!("line {line}{broken}"),
    }
}
