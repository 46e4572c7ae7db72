//! What is to find each mutant, and what that took last: `sim/mutants.txt`, a line for each, in the order of the crate.
//!
//! ```text
//!   name               bugs  rules   finder    median  worst
//!   read-joins-sent    64    R17     seeds+64      33     57
//!
//!   what is expected <── written by hand ──┘       └── by --record, from a run
//! ```
//! A mutant that another rule finds is not found: what should have seen its harm is blind to it. So a run is held against
//! this file, and the half that the gate looks for follows from it. A rule of many sentences says which one is meant, by the
//! words with which it begins: `liveness:no-leader`.

use super::{BASES, Found, figure, seen};
use crate::scenario::{Failed, Guards, plain};
use std::cmp::Reverse;

/// Where it lies, seen from the root of the repository.
pub const FILE: &str = "sim/mutants.txt";

/// A mutant's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its name.
    pub name: String,
    /// Which bugs of others it stands for: the numbers of `docs/bugs-of-others.md`.
    pub bugs: Vec<u64>,
    /// By one of these rules it is found: `R7`, whatever its sentence says, or `R11:came-back`, in the one that begins so.
    pub rules: Vec<String>,
    /// Whether seeds must find it.
    pub by_seeds: bool,
    /// The story that must fail.
    pub by_story: Option<String>,
    /// How many seeds it took from the base in the middle; `None` if that finds nothing.
    pub median: Option<u64>,
    /// How many from the one that took longest; `None` if one finds nothing.
    pub worst: Option<u64>,
}

impl Expected {
    fn of(line: &str) -> Option<Expected> {
        let [name, bugs, rules, finder, median, worst] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return None;
        };
        let bugs = bugs.split(',').filter(|&bug| bug != "-").map(|bug| bug.parse().ok());
        let (by_seeds, by_story) = match finder.split_once('+') {
            None if finder == "seeds" => (true, None),
            None => (false, Some(finder)),
            Some(("seeds", story)) => (true, Some(story)),
            Some(_) => return None,
        };
        let seeds = |word: &str| if word == "-" { Some(None) } else { word.parse().ok().map(Some) };
        Some(Expected {
            name: name.to_owned(),
            bugs: bugs.collect::<Option<_>>()?,
            rules: rules.split(',').map(str::to_owned).collect(),
            by_seeds,
            by_story: by_story.map(str::to_owned),
            median: seeds(median)?,
            worst: seeds(worst)?,
        })
    }

    /// Which of its rules this is, with the words of its sentence.
    fn of_its_own(&self, found: &str) -> Option<&str> {
        let is_whole = |rest: &str| rest.is_empty() || rest.starts_with([':', '-']);
        let is_it = |rule: &&String| found.strip_prefix(rule.as_str()).is_some_and(is_whole);
        self.rules.iter().find(is_it).map(String::as_str)
    }

    /// What it was found by, as its line names it, or what is wrong about that, in words.
    #[must_use]
    pub fn told(&self, found: &[String]) -> String {
        let known = || found.iter().filter_map(|rule| self.of_its_own(rule));
        let firsts = known().enumerate().filter(|(nth, rule)| !known().take(*nth).any(|former| former == *rule));
        self.unexpected(found).unwrap_or_else(|| firsts.map(|(_, rule)| rule).collect::<Vec<_>>().join(", "))
    }

    /// The rules that it was found by and should not have been, in words; `None` if there are none.
    #[must_use]
    pub fn unexpected(&self, found: &[String]) -> Option<String> {
        let others: Vec<&str> =
            found.iter().map(String::as_str).filter(|rule| self.of_its_own(rule).is_none()).collect();
        let were = if self.rules.len() == 1 { "was" } else { "were" };
        (!others.is_empty()).then(|| format!("{}, where {} {were} expected", others.join(", "), self.rules.join(", ")))
    }

    /// What is wrong with how this story has failed under it, in words: another rule broke; or none, and another line fails
    /// than the story says.
    #[must_use]
    pub fn unexpected_in(&self, story: &str, failed: &Failed) -> Option<String> {
        if let Some(broken) = &failed.broken {
            return self.unexpected(&[seen(broken)]);
        }
        let line = plain(story.lines().nth(failed.line.saturating_sub(1)).unwrap_or_default());
        match Guards::of(story).fails {
            None => Some(format!("breaks no rule at `{line}`, and no line of it is to fail: `fails: {line}`?")),
            Some(fails) => (fails != line).then(|| format!("breaks no rule at `{line}`, where `{fails}` is to fail")),
        }
    }

    /// What `found` lacks, a reason each.
    #[must_use]
    pub fn wants(&self, found: &Found) -> Vec<String> {
        let few = self.by_seeds && !found.is_found_from_most();
        let story = self.by_story.as_ref().and_then(|story| self.wants_of(story, found));
        [self.unexpected(&found.rules), few.then(|| few_bases(found)), story].into_iter().flatten().collect()
    }

    /// What it lacks as one of the fast half: each base must find it, and no stories are told.
    #[must_use]
    pub fn wants_fast(&self, found: &Found) -> Vec<String> {
        let few = !found.is_found_from_all();
        [self.unexpected(&found.rules), few.then(|| few_bases(found))].into_iter().flatten().collect()
    }

    /// What the story lacks that must fail. Whether it fails at the line that it says, `cargo sim --stories` asks.
    fn wants_of(&self, story: &str, found: &Found) -> Option<String> {
        let Some((_, rule)) = found.stories.iter().find(|(told, _)| told == story) else {
            return Some(format!("the story {story} does not show it"));
        };
        let other = rule.as_ref().and_then(|rule| self.unexpected(std::slice::from_ref(rule)));
        other.map(|other| format!("the story {story}: {other}"))
    }

    /// Those that cost most come first, so that all threads of a run end together.
    #[must_use]
    pub fn dearest(&self) -> impl Ord {
        Reverse((self.worst.unwrap_or(u64::MAX), self.median))
    }
}

fn few_bases(found: &Found) -> String {
    format!("{} of {} bases find it", found.seeds.len(), BASES.len())
}

/// The lines of the file; one that begins with `#` is for its reader.
///
/// # Errors
/// Which line is none.
pub fn parse(text: &str) -> Result<Vec<Expected>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let of = |line| Expected::of(line).ok_or_else(|| format!("{FILE}: `{line}` does not say what is to find a mutant"));
    lines.map(of).collect()
}

/// The half that shows in the fewest seeds, from each base: what the gate looks for.
#[must_use]
pub fn fast(all: &[Expected]) -> Vec<&Expected> {
    let mut soonest: Vec<&Expected> = all.iter().filter(|one| one.by_seeds && one.worst.is_some()).collect();
    soonest.sort_by_key(|one| (one.median, one.worst));
    soonest.truncate(all.len().div_ceil(2));
    soonest
}

/// The file anew, with what it took to find these; nothing else in it changes.
#[must_use]
pub fn recorded(text: &str, found: &[Found]) -> String {
    let of = |line: &str| {
        let [name, bugs, rules, finder, ..] = line.split_whitespace().collect::<Vec<_>>()[..] else { return None };
        let found = found.iter().find(|found| found.name == name)?;
        let [median, worst] = [found.median(), found.worst()].map(figure);
        Some(format!("{name:<26} {bugs:<6} {rules:<32} {finder:<10} {median:>6} {worst:>6}"))
    };
    text.lines().map(|line| of(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsm::raft::invariants::Violation;

    /// What is committed.
    const TEXT: &str = include_str!("../../mutants.txt");

    fn expected(line: &str) -> Expected {
        let lines = parse(line).expect("it is a line");
        lines.into_iter().next().expect("it is one")
    }

    fn found(rules: &[&str], stories: &[(&str, Option<&str>)], seeds: &[u64]) -> Found {
        let story = |(name, rule): &(&str, Option<&str>)| ((*name).to_owned(), rule.map(str::to_owned));
        Found {
            name: "x",
            does: "Y.",
            rules: rules.iter().map(|&rule| rule.to_owned()).collect(),
            stories: stories.iter().map(story).collect(),
            seeds: seeds.to_vec(),
        }
    }

    #[test]
    fn a_line_says_what_is_to_find_a_mutant_and_what_that_took() {
        let both = expected("# of a table\n\nx 3,62 R3,R11 seeds+03 2 -\n");
        assert_eq!((both.name.as_str(), both.bugs, both.rules), ("x", vec![3, 62], vec!["R3".into(), "R11".into()]));
        assert_eq!((both.by_seeds, both.by_story.as_deref()), (true, Some("03")));
        assert_eq!((both.median, both.worst), (Some(2), None));
        let seeds = expected("x - R3 seeds 1 2");
        assert_eq!((seeds.bugs, seeds.by_seeds, seeds.by_story), (vec![], true, None));
        let story = expected("x - R3 seal - -");
        assert_eq!((story.by_seeds, story.by_story.as_deref(), story.median), (false, Some("seal"), None));
        for line in [
            "x",
            "x - R3 seeds 1",
            "x - R3 seeds 1 2 3",
            "x three R3 seeds 1 2",
            "x - R3 03+seeds 1 2",
            "x - R3 seeds 1 y",
        ] {
            assert!(parse(line).unwrap_err().contains(&format!("`{line}`")), "{line}");
        }
    }

    #[test]
    fn a_mutant_that_another_rule_finds_is_wanting_and_says_so() {
        let (one, two) = (expected("x - R8 seeds 1 2"), expected("x - R8,R7 seeds 1 2"));
        let by = |rules: &[&str]| found(rules, &[], &[1, 2, 3, 4, 5]);
        assert_eq!(one.wants(&by(&["R8"])), [""; 0]);
        assert_eq!(one.wants(&by(&["R8", "R7"])), ["R7, where R8 was expected"]);
        assert_eq!(two.wants_fast(&by(&["R8", "R7"])), [""; 0]);
        assert_eq!(two.wants_fast(&by(&["R20", "R7", "R1"])), ["R20, R1, where R8, R7 were expected"]);
    }

    #[test]
    fn a_mutant_that_another_sentence_of_its_rule_finds_is_wanting_and_says_so() {
        let one = expected("x - liveness:no-fresh-commit,R1 seeds+43 1 2");
        let by = |rules: &[&str], told: &str| one.wants(&found(rules, &[("43", Some(told))], &[1, 2, 3, 4, 5]));
        let (commit, leader) = ("liveness:no-fresh-commit-among", "liveness:no-leader-of-their-own");
        assert_eq!(by(&[commit, "R1:leads-term"], commit), [""; 0]);
        let were = "where liveness:no-fresh-commit, R1 were expected";
        assert_eq!(by(&[commit, leader], commit), [format!("{leader}, {were}")]);
        assert_eq!(by(&[commit], leader), [format!("the story 43: {leader}, {were}")]);
        // Neither a part of a word nor a part of a number is enough.
        for other in ["liveness:no-fresh-commits", "R11:fell", "liveness"] {
            assert_eq!(one.told(&[other.to_owned()]), format!("{other}, {were}"));
        }
        let all = [commit, "R1:leads-term", "R1:and-lead-term"].map(str::to_owned);
        assert_eq!(one.told(&all), "liveness:no-fresh-commit, R1", "as its line names them, each once");
    }

    #[test]
    fn a_story_fails_by_a_rule_of_its_mutant_or_at_the_line_that_it_names() {
        let one = expected("x - R7,liveness:no-fresh 33 - -");
        let by = |rule, what: &str| Some(Violation { rule, what: what.to_owned() });
        let failed = |line, broken| Failed { line, why: String::new(), broken, is_untrue: true };
        let told =
            "# A title\n# mutant: x mark: y fails: expect A holds b\nexpect A holds a\nexpect A holds b   # at last";
        let silent = "# A title\n# mutant: x mark: y\nexpect A holds a";
        for story in [told, silent] {
            assert_eq!(one.unexpected_in(story, &failed(3, by("R7", "is taken for committed"))), None);
            let other = one.unexpected_in(story, &failed(3, by("R8", "node 1 lacks 3"))).expect("it is another rule");
            assert!(other.ends_with("where R7, liveness:no-fresh were expected"), "{other}");
            let other =
                one.unexpected_in(story, &failed(3, by("liveness", "no leader of 3"))).expect("another sentence");
            assert!(other.starts_with("liveness:no-leader"), "{other}");
        }
        assert_eq!(one.unexpected_in(told, &failed(4, None)), None);
        let other = one.unexpected_in(told, &failed(3, None)).expect("it is another line");
        assert_eq!(other, "breaks no rule at `expect A holds a`, where `expect A holds b` is to fail");
        let other = one.unexpected_in(silent, &failed(3, None)).expect("no line is to fail");
        assert!(other.starts_with("breaks no rule at `expect A holds a`, and no line"), "{other}");
    }

    #[test]
    fn who_is_to_find_a_mutant_must() {
        let (seeds, story) = (expected("x - R8 seeds 1 2"), expected("x - R8 09 - -"));
        let most = found(&["R8"], &[], &[1, 2, 7, 9]);
        assert_eq!(seeds.wants(&found(&["R8"], &[], &[1, 2])), ["2 of 5 bases find it"]);
        assert_eq!(seeds.wants(&most), [""; 0]);
        assert_eq!(seeds.wants_fast(&most), ["4 of 5 bases find it"]);
        assert_eq!(story.wants(&found(&[], &[("08", None)], &[])), ["the story 09 does not show it"]);
        assert_eq!(story.wants(&found(&[], &[("09", None)], &[])), [""; 0]);
        assert_eq!(story.wants(&found(&[], &[("09", Some("R8"))], &[])), [""; 0]);
        let other = story.wants(&found(&[], &[("09", Some("R7"))], &[]));
        assert_eq!(other, ["the story 09: R7, where R8 was expected"]);
    }

    #[test]
    fn the_fast_half_takes_the_fewest_seeds_and_each_base_finds_it() {
        let text =
            "late - R1 seeds 9 9\nsoon - R1 seeds 1 5\ntold - R1 09 1 1\nfull - R1 seeds 1 -\nsooner - R1 seeds 1 2\n";
        let all = parse(text).expect("they are lines");
        let names = |half: &[&Expected]| half.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&fast(&all)), ["sooner", "soon", "late"]);
        let mut order: Vec<&Expected> = all.iter().collect();
        order.sort_by_key(|one| one.dearest());
        assert_eq!(names(&order), ["full", "late", "soon", "sooner", "told"]);
        let committed = parse(TEXT).expect("it is whole");
        assert_eq!(fast(&committed).len(), committed.len().div_ceil(2));
    }

    #[test]
    fn what_is_recorded_is_two_figures_of_each_that_was_looked_for() {
        let text = "# x of old\nx 3 R3 seeds+03 7 8\ny - R1 seeds 1 2\n";
        let line = "x                          3      R3                               seeds+03        9      -";
        let of = |seeds: &[u64]| [found(&["R3"], &[], seeds)];
        assert_eq!(recorded(text, &of(&[1, 2, 9, 10])), format!("# x of old\n{line}\ny - R1 seeds 1 2\n"));
        assert_eq!(parse(line).map(|lines| lines[0].worst), Ok(None));
        let committed = parse(TEXT).expect("it is whole");
        let again = |one: &Expected| {
            let seeds = match (one.median, one.worst) {
                (Some(median), Some(worst)) => vec![0, 0, median, median, worst],
                (Some(median), None) => vec![0, 0, median],
                (None, _) => Vec::new(),
            };
            Found { name: one.name.clone().leak(), ..found(&[], &[], &seeds) }
        };
        let again: Vec<Found> = committed.iter().map(again).collect();
        assert_eq!(recorded(TEXT, &again), TEXT, "as --record writes it");
    }
}
