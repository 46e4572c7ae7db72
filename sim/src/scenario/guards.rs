//! What a story guards against, in its own words: a line for its reader, that [`Scenario`](super::Scenario) passes over.
//!
//! ```text
//!   # mutant: vote-for-any-log mark: pre-vote-refused-log
//! ```
//! Under each of these mutants it must fail, or it proves nothing of them; without any it must meet each of these marks, or
//! what it is about does not happen in it.

/// The number of the bug that a story is named for, or the word in its place: by it a story is called where there is no room.
#[must_use]
pub fn number(name: &str) -> &str {
    name.split('-').nth(1).unwrap_or(name)
}

/// The names on that line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// The mutants under which the story fails.
    pub mutants: Vec<String>,
    /// The marks that it meets.
    pub marks: Vec<String>,
}

impl Guards {
    /// Those of a story's text; none if it has no such line.
    #[must_use]
    pub fn of(text: &str) -> Guards {
        let line = text.lines().find_map(|line| line.strip_prefix("# mutant:")).unwrap_or_default();
        let (mutants, marks) = line.split_once("mark:").unwrap_or((line, ""));
        let names = |words: &str| words.split_whitespace().map(str::to_owned).collect();
        Guards { mutants: names(mutants), marks: names(marks) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_names_its_mutants_and_its_marks_on_one_line() {
        let guards = Guards::of("# A title\n# mutant: one other mark: third\ncluster 3");
        assert_eq!((guards.mutants, guards.marks), (vec!["one".to_owned(), "other".into()], vec!["third".to_owned()]));
        assert_eq!(Guards::of("# A title\ncluster 3\n# mutant: one").mutants, ["one"]);
        assert_eq!(Guards::of("# A title\ncluster 3"), Guards::default());
    }
}
