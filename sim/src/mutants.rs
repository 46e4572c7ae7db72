//! Faults put into the crate on purpose: does a run notice?
//!
//! ```text
//!   cargo sim --mutants      each mutant x five bases: seeds from there on, until a rule breaks
//!                            its line: what it does, which rules found it, in how many seeds (median, worst)
//!                            as sim/mutants.txt says? (`expected`)
//! ```
//! The mutants stand in the crate itself, behind `--cfg rsm_mutant`, which the alias `cargo sim` sets: one build for all,
//! chosen for a thread at run time. A plain build has none of them.

pub mod expected;

use crate::run::Case;
use crate::scenario::{Failed, Scenario};
use expected::Expected;
use rsm::raft::invariants::Violation;
use std::time::Duration;

/// From so many seeds on, each mutant is looked for anew.
pub const BASES: [u64; 5] = [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000];

/// From each base a mutant is looked for in so many seeds, unless told otherwise.
pub const SEEDS_MAX: u64 = 200;

/// So many stories stand in a line of the table.
const SHOWN: usize = 5;

/// What came of looking for one mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub does: &'static str,
    /// The rules that were broken first, from one base or another, in the order of these, each with its sentence.
    pub rules: Vec<String>,
    /// The stories that [show](tells) something, each with the rule that it breaks, if it breaks one, and the sentence.
    pub stories: Vec<(String, Option<String>)>,
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
        self.rules.is_empty() && self.stories.is_empty()
    }

    /// How many seeds the base in the middle took, if it found any: those in vain would stand behind the others.
    #[must_use]
    pub fn median(&self) -> Option<u64> {
        self.seeds.get(BASES.len() / 2).copied()
    }

    /// How many the one took that needed most, if each found any.
    #[must_use]
    pub fn worst(&self) -> Option<u64> {
        self.seeds.get(BASES.len() - 1).copied()
    }

    /// Its line of a table, in which stands what was not expected.
    #[must_use]
    pub fn line(&self, expected: Option<&Expected>) -> String {
        let Found { name, does, rules, stories, .. } = self;
        let by = match rules[..] {
            [] if stories.is_empty() => "open".to_owned(),
            [] => "stories".to_owned(),
            _ => expected.map_or_else(|| rules.join(", "), |expected| expected.told(rules)),
        };
        let [median, worst] = [self.median(), self.worst()].map(figure);
        let names: Vec<&str> = stories.iter().map(|(name, _)| name.as_str()).collect();
        let (first, others) = names.split_at(names.len().min(SHOWN));
        let others = if others.is_empty() { String::new() } else { format!(", and {} more", others.len()) };
        format!("| `{name}` | {does} | {by} | {median} | {worst} | {}{others} |", first.join(", "))
    }
}

/// So many seeds, or a dash where some were in vain.
fn figure(seeds: Option<u64>) -> String {
    seeds.map_or_else(|| "-".to_owned(), |seeds| seeds.to_string())
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
    let fails = |(name, story): &(String, Scenario)| {
        let broken = story.play().err().filter(tells)?.broken;
        Some((name.clone(), broken.as_ref().map(seen)))
    };
    let stories = stories.iter().filter_map(fails).collect();
    let mut found = Found { name, does, rules: Vec::new(), stories, seeds: Vec::new() };
    for base in BASES {
        let broken = |nth: u64| {
            let broken = Case::new(base + nth, lasts).run().broken.filter(shows);
            broken.map(|violation| (nth + 1, violation))
        };
        let Some((seeds, violation)) = (0..most).find_map(broken) else { continue };
        found.seeds.push(seeds);
        let seen = seen(&violation);
        if !found.rules.contains(&seen) {
            found.rules.push(seen);
        }
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

/// Whether a story that fails so shows that something is wrong: it breaks a rule, or a line promises what does not come true.
/// One with a line that cannot be carried out has become another story.
#[must_use]
pub fn tells(failed: &Failed) -> bool {
    failed.broken.as_ref().map_or(failed.is_untrue, shows)
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

/// The [cause] in one word: the rule, and the sentence with hyphens, as in `liveness:no-fresh-commit-among`.
fn seen(broken: &Violation) -> String {
    let (rule, sentence) = cause(broken);
    let is_between = |letter: char| !letter.is_alphanumeric();
    let words: Vec<&str> = sentence.split(is_between).filter(|word| !word.is_empty()).collect();
    format!("{rule}:{}", words.join("-"))
}

/// All mutants of this build: each with its name, and what it does.
#[must_use]
pub fn all() -> Vec<(&'static str, &'static str)> {
    #[cfg(rsm_mutant)]
    return rsm::raft::mutant::names().collect();
    #[cfg(not(rsm_mutant))]
    Vec::new()
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

    #[test]
    fn a_story_that_cannot_be_told_finds_nothing() {
        let failed = |line: &str| {
            let text = format!("cluster 3 seed 1\nrun until leader as L\nname A other-than L\nkill A\n{line}");
            Scenario::parse(&text).expect("it is a story").play().expect_err(line)
        };
        for untrue in [
            "expect A leads",
            "expect never A down for 1T",
            "run until A leads within 1T",
            "propose a at L -> refused",
            "propose a at L\nawait a refused",
            "propose a at L -> ok\nread at L -> b",
        ] {
            assert!(tells(&failed(untrue)), "{untrue}: {}", failed(untrue));
        }
        for undone in ["kill A", "restart L", "crash A", "propose a at A -> ok", "read at A -> a"] {
            assert!(!tells(&failed(undone)), "{undone}: {}", failed(undone));
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
    fn what_was_seen_is_the_rule_and_the_sentence_in_one_word() {
        let of = |rule, what: &str| seen(&Violation { rule, what: what.to_owned() });
        assert_eq!(of("liveness", "no fresh commit among {1, 2} within 9 ms"), "liveness:no-fresh-commit-among");
        assert_eq!(of("R11", "3 does not start again: damaged"), "R11:does-not-start-again-damaged");
        assert_eq!(of("R23", "a panic: R11: a peer's term never falls"), "R11:a-peer-s-term-never-falls");
        assert_eq!(of("R21", "7"), "R21:");
    }

    #[test]
    fn a_base_that_finds_nothing_stands_behind_those_that_do() {
        let story = |name: &str| (name.to_owned(), None);
        let found = |seeds: Vec<u64>| Found {
            name: "x",
            does: "Y.",
            rules: vec!["R1".into()],
            stories: vec![story("a")],
            seeds,
        };
        assert_eq!(found(vec![1, 2, 3, 4, 9]).line(None), "| `x` | Y. | R1 | 3 | 9 | a |");
        assert_eq!(found(vec![1, 2, 7]).line(None), "| `x` | Y. | R1 | 7 | - | a |");
        assert_eq!(found(vec![1, 2]).line(None), "| `x` | Y. | R1 | - | - | a |");
        assert!(!found(vec![1, 2]).is_found_from_all() && !found(vec![1, 2]).is_found_from_most());
        assert!(found(vec![1, 2, 7]).is_found_from_most());
        let told = Found { rules: Vec::new(), ..found(Vec::new()) };
        assert_eq!(told.line(None), "| `x` | Y. | stories | - | - | a |");
        let open = Found { stories: Vec::new(), ..told.clone() };
        assert_eq!(
            (open.line(None).as_str(), open.is_open(), told.is_open()),
            ("| `x` | Y. | open | - | - |  |", true, false)
        );
        let stories = ["01", "02", "03", "05", "06", "09", "11"].map(story).to_vec();
        let line = Found { stories, ..found(vec![1, 2, 3, 4, 9]) }.line(None);
        assert_eq!(line, "| `x` | Y. | R1 | 3 | 9 | 01, 02, 03, 05, 06, and 2 more |");
    }

    #[test]
    fn its_line_names_each_rule_that_found_it_or_those_that_should_not_have() {
        let expected = |line: &str| expected::parse(line).expect("it is a line").remove(0);
        let rules = vec!["R7".to_owned(), "R8".to_owned()];
        let found = Found { name: "x", does: "Y.", rules, stories: Vec::new(), seeds: vec![1; 5] };
        let (both, one) = (expected("x - R8,R7 seeds 1 1"), expected("x - R8 seeds 1 1"));
        assert_eq!(found.line(Some(&both)), "| `x` | Y. | R7, R8 | 1 | 1 |  |");
        assert_eq!(found.line(Some(&one)), "| `x` | Y. | R7, where R8 was expected | 1 | 1 |  |");
    }
}
