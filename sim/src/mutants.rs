//! Faults put into the crate on purpose: does a run notice?
//!
//! ```text
//!   cargo sim --mutants      each mutant x five bases: seeds from there on, until a rule breaks
//!                            its line: what it does, which rule found it, in how many seeds (median, worst)
//! ```
//! The mutants stand in the crate itself, behind `--cfg rsm_mutant`, which the alias `cargo sim` sets: one build for all,
//! chosen for a thread at run time. A plain build has none of them.

use crate::run::Case;
use crate::scenario::Scenario;
use rsm::raft::invariants::Violation;
use std::time::Duration;

/// From so many seeds on, each mutant is looked for anew.
pub const BASES: [u64; 5] = [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000];

/// So many stories stand in a line of the table.
const SHOWN: usize = 5;

/// What came of looking for one mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub does: &'static str,
    /// The rule that was broken first from the first base that finds one; `None` if none does.
    pub rule: Option<String>,
    /// The stories that fail.
    pub stories: Vec<String>,
    /// How many seeds it took from each base, in rising order; those in vain are missing.
    pub seeds: Vec<u64>,
}

impl Found {
    /// Whether some rule broke from each base.
    #[must_use]
    pub fn is_found_from_all(&self) -> bool {
        self.seeds.len() == BASES.len()
    }

    /// Whether most bases find one.
    #[must_use]
    pub fn is_found_from_most(&self) -> bool {
        BASES.len() / 2 < self.seeds.len()
    }

    /// Whether nothing finds it: no seed, and no story.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.rule.is_none() && self.stories.is_empty()
    }

    /// Its line of a table.
    #[must_use]
    pub fn line(&self) -> String {
        let Found { name, does, rule, stories, seeds } = self;
        let rule = rule.as_deref().unwrap_or(if stories.is_empty() { "open" } else { "stories" });
        // Those in vain would stand behind the others.
        let number = |at: usize| seeds.get(at).map_or_else(|| "-".to_owned(), u64::to_string);
        let (median, worst) = (number(BASES.len() / 2), number(BASES.len() - 1));
        let (first, others) = stories.split_at(stories.len().min(SHOWN));
        let others = if others.is_empty() { String::new() } else { format!(", and {} more", others.len()) };
        format!("| `{name}` | {does} | {rule} | {median} | {worst} | {}{others} |", first.join(", "))
    }
}

/// Looks for a mutant on this thread, in the stories of these names, and in at most so many seeds from each base.
///
/// # Errors
/// If there is no such mutant here.
pub fn look(
    (name, does): (&'static str, &'static str),
    stories: &[(String, Scenario)],
    most: u64,
    lasts: Duration,
) -> Result<Found, String> {
    select(Some(name))?;
    let fails = |story: &&(String, Scenario)| story.1.play().is_err();
    let stories = stories.iter().filter(fails).map(|(name, _)| name.clone()).collect();
    let mut found = Found { name, does, rule: None, stories, seeds: Vec::new() };
    for base in BASES {
        let broken = |nth: u64| {
            let broken = Case::new(base + nth, lasts).run().broken.filter(shows);
            broken.map(|violation| (nth + 1, violation))
        };
        let Some((seeds, violation)) = (0..most).find_map(broken) else { continue };
        found.seeds.push(seeds);
        found.rule.get_or_insert_with(|| rule(violation.rule, &violation.what));
    }
    found.seeds.sort_unstable();
    select(None)?;
    Ok(found)
}

/// Whether a mutant counts as found by it. A peer that ends for no reason of a rule shows that something is wrong, and not
/// what.
fn shows(violation: &Violation) -> bool {
    rule(violation.rule, &violation.what) != "R23"
}

/// What stops a peer says which rule it stands for: then it counts for that rule.
pub(crate) fn rule(rule: &str, what: &str) -> String {
    let is_rule = |word: &&str| {
        let number = word.strip_prefix('R').and_then(|word| word.strip_suffix(':'));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut words = what.split([' ', '"']);
    words.find(is_rule).map_or(rule, |word| word.trim_end_matches(':')).to_owned()
}

/// What tells one violation from another: its rule, and the words of its sentence up to the first number behind them.
/// A rule may hold several sentences, and what breaks another one is another fault.
pub(crate) fn cause(broken: &Violation) -> (String, String) {
    let rule = rule(broken.rule, &broken.what);
    let named = broken.what.split_once(&format!("{rule}: "));
    let sentence = named.map_or(broken.what.as_str(), |(_, rest)| rest);
    let has_number = |word: &str| word.contains(|letter: char| letter.is_ascii_digit());
    let words: Vec<&str> = sentence.split(' ').skip_while(|word| has_number(word)).collect();
    let words = words.join(" ");
    let end = words.find(|letter: char| letter.is_ascii_digit()).unwrap_or(words.len());
    (rule, words[..end].to_owned())
}

/// All mutants of this build: each with its name, and what it does.
#[must_use]
pub fn all() -> Vec<(&'static str, &'static str)> {
    #[cfg(rsm_mutant)]
    return rsm::raft::mutant::names().collect();
    #[cfg(not(rsm_mutant))]
    Vec::new()
}

/// The half that shows in the fewest seeds, as the table of `docs/verification.md` says.
const FAST: [&str; 35] = [
    "sessions-off",
    "pre-votes-count",
    "vote-twice",
    "vote-for-any-log",
    "vote-cleared",
    "vote-forgotten",
    "term-forgotten",
    "bindings-forgotten",
    "born-at-once",
    "bound-anew",
    "grant-early",
    "refusal-early",
    "request-early",
    "attest-early",
    "ack-early",
    "pulse-ack-early",
    "own-copy-early",
    "persisted-is-all",
    "log-persisted-is-all",
    "cut-stays-durable",
    "sync-dropped",
    "segment-unsynced",
    "old-terms-count",
    "less-is-quorum",
    "old-append-cuts",
    "conflict-stays",
    "read-locally",
    "apply-uncommitted",
    "reply-forgotten",
    "low-ignored",
    "snapshot-without-sessions",
    "snapshot-without-replies",
    "commit-untold",
    "conflict-unanswered",
    "entries-clear-vote",
];

/// The mutants of the fast half, which the gate looks for.
///
/// # Errors
/// If one of them is none of this build's.
pub fn fast() -> Result<Vec<(&'static str, &'static str)>, String> {
    let known = all();
    let find = |name| known.iter().copied().find(|(known, _)| *known == name);
    FAST.into_iter().map(|name| find(name).ok_or_else(|| format!("no mutant `{name}` in this build"))).collect()
}

/// Chooses a mutant for this thread, or none.
///
/// # Errors
/// If there is no such mutant, or this build has none.
pub fn select(name: Option<&str>) -> Result<(), String> {
    #[cfg(rsm_mutant)]
    let is_known = rsm::raft::mutant::select(name);
    #[cfg(not(rsm_mutant))]
    let is_known = name.is_none();
    match name {
        Some(name) if !is_known && all().is_empty() => {
            Err(format!("no mutant `{name}`: this build has none; `cargo sim` builds with --cfg rsm_mutant"))
        }
        Some(name) if !is_known => Err(format!("no mutant `{name}`; --mutants lists them")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_build_has_no_mutants_and_says_so() {
        assert_eq!(all().is_empty(), !cfg!(rsm_mutant));
        if !cfg!(rsm_mutant) {
            assert!(select(Some("vote-twice")).unwrap_err().contains("rsm_mutant"));
        }
        assert_eq!(select(None), Ok(()));
    }

    #[test]
    fn what_stops_a_peer_counts_for_the_rule_it_names() {
        assert_eq!(rule("R23", "a panic: R10: a committed entry is never cut"), "R10");
        assert_eq!(rule("R23", "a panic: index out of bounds: the len is 3"), "R23");
        assert_eq!(rule("R23", "4 has ended by itself: Some(\"disk: refused: R2: one vote a term\")"), "R2");
        assert_eq!(rule("R7", "node 1 commits 3"), "R7");
    }

    #[test]
    fn a_mutant_is_not_found_by_an_end_that_names_no_rule() {
        let shown = |what: &str| shows(&Violation { rule: "R23", what: what.to_owned() });
        assert!(shown("a panic: R10: a committed entry is never cut"));
        assert!(!shown("a panic: index out of bounds: the len is 3"));
        assert!(!shown("4 has ended by itself: Some(\"state machine: the snapshot does not decode\")"));
    }

    /// Its page has a line for each mutant: what does it, what finds it, in how many seeds in the median.
    #[test]
    fn the_fast_half_is_the_one_that_the_table_says() {
        let page = include_str!("../../docs/verification.md");
        let table = page.lines().skip_while(|line| !line.starts_with("| mutant |")).skip(2);
        let rows = table.map_while(|line| {
            let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
            Some((cells[0].trim_end_matches('`').to_owned(), cells[3].parse().unwrap_or(u64::MAX)))
        });
        let rows: Vec<(String, u64)> = rows.collect();
        let mut medians: Vec<u64> = rows.iter().map(|(_, median)| *median).collect();
        medians.sort_unstable();
        assert_eq!(FAST.len(), rows.len().div_ceil(2), "of {}", rows.len());
        let limit = medians[FAST.len() - 1];
        for name in FAST {
            let median = rows.iter().find(|(known, _)| known == name).map(|(_, median)| *median);
            assert!(median.is_some_and(|median| median <= limit), "`{name}` takes {median:?}, the half {limit}");
        }
    }

    #[test]
    fn what_breaks_one_rule_in_two_ways_has_two_causes() {
        let of = |rule, what: &str| cause(&Violation { rule, what: what.to_owned() });
        for (rule, one, same, other) in [
            ("R11", "fell: Glance { term: Term(4)", "fell: Glance { term: Term(5)", "3 does not start again: damaged"),
            ("R20", "40 steps, and no end", "9 steps, and no end", "faults are not accounted for: 4 faults, 1 to come"),
            (
                "R23",
                "a panic: index out of bounds: 3",
                "a panic: index out of bounds: 4",
                "2 sends 1 what nobody can read",
            ),
            ("R23", "a panic: R10: a cut at 3", "a panic: R10: a cut at 4", "a panic: R10: another word"),
            (
                "liveness",
                "no fresh commit among {1, 2}",
                "no fresh commit among {0}",
                "no one log, applied among {1, 2}",
            ),
        ] {
            assert_eq!(of(rule, one), of(rule, same));
            assert_ne!(of(rule, one), of(rule, other));
        }
        assert_eq!(of("R23", "a panic: R10: a cut at 3"), ("R10".to_owned(), "a cut at ".to_owned()));
    }

    #[test]
    fn a_base_that_finds_nothing_stands_behind_those_that_do() {
        let found = |seeds: Vec<u64>| Found {
            name: "x",
            does: "Y.",
            rule: Some("R1".into()),
            stories: vec!["a".into()],
            seeds,
        };
        assert_eq!(found(vec![1, 2, 3, 4, 9]).line(), "| `x` | Y. | R1 | 3 | 9 | a |");
        assert_eq!(found(vec![1, 2, 7]).line(), "| `x` | Y. | R1 | 7 | - | a |");
        assert_eq!(found(vec![1, 2]).line(), "| `x` | Y. | R1 | - | - | a |");
        assert!(!found(vec![1, 2]).is_found_from_all() && !found(vec![1, 2]).is_found_from_most());
        assert!(found(vec![1, 2, 7]).is_found_from_most());
        let told = Found { rule: None, ..found(Vec::new()) };
        assert_eq!(told.line(), "| `x` | Y. | stories | - | - | a |");
        let open = Found { stories: Vec::new(), ..told.clone() };
        assert_eq!(
            (open.line().as_str(), open.is_open(), told.is_open()),
            ("| `x` | Y. | open | - | - |  |", true, false)
        );
        let stories = ["01", "02", "03", "05", "06", "09", "11"].map(str::to_owned).to_vec();
        let line = Found { stories, ..found(vec![1, 2, 3, 4, 9]) }.line();
        assert_eq!(line, "| `x` | Y. | R1 | 3 | 9 | 01, 02, 03, 05, 06, and 2 more |");
    }
}
