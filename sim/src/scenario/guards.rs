//! What a story guards against, in its own words: a line for its reader, that [`Scenario`](super::Scenario) passes over.
//!
//! ```text
//!   # mutant: probing-stays mark: probed-in-vain-and-back fails: expect A holds d within 3T
//! ```
//! Under each of these mutants it must fail, or it proves nothing of them: by a rule that is to find the mutant, or, where none
//! breaks, at the line that it names. Without any it must meet each of these marks, or what it is about does not happen in it.

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
    /// The line that fails under those mutants that break no rule, if there are such.
    pub fails: Option<String>,
}

impl Guards {
    /// Those of a story's text; none if it has no such line.
    #[must_use]
    pub fn of(text: &str) -> Guards {
        let line = text.lines().find_map(|line| line.strip_prefix("# mutant:")).unwrap_or_default();
        let (line, fails) = line.split_once("fails:").map_or((line, None), |(line, fails)| (line, Some(plain(fails))));
        let (mutants, marks) = line.split_once("mark:").unwrap_or((line, ""));
        let names = |words: &str| words.split_whitespace().map(str::to_owned).collect();
        Guards { mutants: names(mutants), marks: names(marks), fails: fails.map(str::to_owned) }
    }
}

/// What a line says, without what it says to its reader.
pub(crate) fn plain(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_names_its_mutants_its_marks_and_the_line_that_fails_on_one_line() {
        let guards = Guards::of("# A title\n# mutant: one other mark: third\ncluster 3");
        assert_eq!((guards.mutants, guards.marks), (vec!["one".to_owned(), "other".into()], vec!["third".to_owned()]));
        assert_eq!(guards.fails, None);
        assert_eq!(Guards::of("# A title\ncluster 3\n# mutant: one").mutants, ["one"]);
        let guards = Guards::of("# A title\n# mutant: one mark: third fails: expect L holds a  # at last");
        assert_eq!((guards.marks, guards.fails.as_deref()), (vec!["third".to_owned()], Some("expect L holds a")));
        assert_eq!(Guards::of("# A title\ncluster 3"), Guards::default());
    }
}
