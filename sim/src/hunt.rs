//! The mutants, looked for in turn, and held against what is to find them.
//!
//! ```text
//!   sim/mutants.txt ──> which, dearest first ──> a thread, another ──> Found ──> the table
//!          ↑                                                             │
//!          ├── rules, seeds, stories: as expected? <─────────────────────┘
//!          │                           │
//!          └── --record: median and worst, if so
//! ```

use crate::options::Options;
use crate::say::say;
use crate::stories;
use rsm_sim::mutants::expected::{self, Expected, FILE};
use rsm_sim::mutants::{self, BASES, Found, SEEDS_MAX};
use rsm_sim::scenario::Scenario;
use std::fs;
use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Its name, and what it does.
type Mutant = (&'static str, &'static str);

pub(crate) fn run(options: &Options) -> io::Result<ExitCode> {
    let all = mutants::all();
    if all.is_empty() {
        return Err(io::Error::other("this build has no mutants: `cargo sim` builds with --cfg rsm_mutant"));
    }
    let in_file = |why: io::Error| io::Error::other(format!("{FILE}: {why}"));
    let text = fs::read_to_string(FILE).map_err(in_file)?;
    let expected = expected::parse(&text).map_err(io::Error::other)?;
    let stories = if options.fast { Vec::new() } else { stories::numbered()? };
    let fast = expected::fast(&expected);
    let is_asked_for = |name: &str| {
        let is_of_half = !options.fast || fast.iter().any(|one| one.name == name);
        is_of_half && options.mutant.as_deref().is_none_or(|wanted| wanted == name)
    };
    let chosen: Vec<Mutant> = all.iter().copied().filter(|(name, _)| is_asked_for(name)).collect();
    if chosen.is_empty() {
        return Err(io::Error::other("no such mutant; --mutants lists them all"));
    }
    let found = look_for(options, &chosen, &expected, &stories);
    print(&found, &expected, most(options));
    let wanting = wanting(&found, &expected, &all, if options.fast { Expected::wants_fast } else { Expected::wants });
    wanting.iter().for_each(|line| say!("{line}"));
    if options.record {
        match anew(&text, &found, &wanting) {
            Some(text) => fs::write(FILE, text).map_err(in_file)?,
            None => say!("nothing is recorded: {FILE} stays as it is"),
        }
    }
    Ok(if wanting.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// From each base so many seeds.
fn most(options: &Options) -> u64 {
    options.seeds.unwrap_or(SEEDS_MAX)
}

fn of<'a>(name: &str, expected: &'a [Expected]) -> Option<&'a Expected> {
    expected.iter().find(|one| one.name == name)
}

/// Looks for each of them, on two threads; in the order in which they were chosen.
fn look_for(options: &Options, chosen: &[Mutant], expected: &[Expected], stories: &[(String, Scenario)]) -> Vec<Found> {
    // What a mutant panics with is its report's.
    std::panic::set_hook(Box::new(|_| ()));
    let mut dearest = chosen.to_vec();
    dearest.sort_by_key(|(name, _)| of(name, expected).map(Expected::dearest));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found: Vec<Found> = Vec::new();
        loop {
            // ORDERING: Relaxed: each number is handed out once, whatever the order.
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(&mutant) = dearest.get(at) else { return found };
            let came = mutants::look(mutant, stories, most(options), options.compared()).expect("it is listed");
            eprintln!("{}", came.line(of(came.name, expected)));
            found.push(came);
        }
    };
    let mut found = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut found = work();
        found.extend(other.join().expect("a run's panic is its report's"));
        found
    });
    found.sort_by_key(|found| chosen.iter().position(|(name, _)| *name == found.name));
    found
}

/// The table, and the sentence below it, as the page of what is verified has them.
fn print(found: &[Found], expected: &[Expected], most: u64) {
    say!("| mutant | what it does | found by | median seeds | worst of {} | and by stories |", BASES.len());
    say!("|---|---|---|---|---|---|");
    found.iter().for_each(|found| say!("{}", found.line(of(found.name, expected))));
    let count = |is: &dyn Fn(&Found) -> bool| found.iter().filter(|found| is(found)).count();
    let (open, rare) = (count(&Found::is_open), count(&|found| !found.is_found_from_most()));
    say!("\nOf these {}, {open} are open; three bases of five do not find {rare} in {most} seeds.", found.len());
}

/// What is not as it should be, a line each.
fn wanting(
    found: &[Found],
    expected: &[Expected],
    all: &[Mutant],
    wants: impl Fn(&Expected, &Found) -> Vec<String>,
) -> Vec<String> {
    let is_none = |one: &&Expected| !all.iter().any(|(name, _)| *name == one.name);
    let of_none = expected.iter().filter(is_none).map(|one| format!("{}: no mutant, in {FILE}", one.name));
    let unknown = || vec![format!("no line in {FILE}")];
    let of_each = found.iter().flat_map(|found| {
        let whys = of(found.name, expected).map_or_else(unknown, |expected| wants(expected, found));
        whys.into_iter().map(|why| format!("{}: {why}", found.name))
    });
    of_none.chain(of_each).collect()
}

/// The file with the figures of this run; none while something is wanting: who has gone blind to a mutant would write that
/// down as what is to be.
fn anew(text: &str, found: &[Found], wanting: &[String]) -> Option<String> {
    wanting.is_empty().then(|| expected::recorded(text, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "x 3 R3 seeds 7 8\n";

    /// What is written of a mutant that was found so, among these that there are; else what is wanting.
    fn record(name: &'static str, rule: &str, seeds: &[u64], all: &[Mutant]) -> Result<String, Vec<String>> {
        let (rules, seeds) = (vec![rule.to_owned()], seeds.to_vec());
        let found = [Found { name, does: "Y.", rules, stories: Vec::new(), seeds }];
        let wanting = wanting(&found, &expected::parse(TEXT).expect("it is a line"), all, Expected::wants);
        anew(TEXT, &found, &wanting).ok_or(wanting)
    }

    #[test]
    fn nothing_is_recorded_while_something_is_wanting() {
        let (x, both) = ([("x", "Y.")], [("x", "Y."), ("z", "Y.")]);
        let written = record("x", "R3", &[1, 2, 9], &x).expect("it is as it should be");
        assert_eq!(written.split_whitespace().collect::<Vec<_>>(), ["x", "3", "R3", "seeds", "9", "-"]);
        for (told, why) in [
            (record("x", "R3", &[1, 2], &x), "x: 2 of 5 bases find it"),
            (record("x", "R7", &[1; 5], &x), "x: R7, where R3 was expected"),
            (record("z", "R3", &[1; 5], &both), "z: no line in sim/mutants.txt"),
            (record("x", "R3", &[1; 5], &both[1..]), "x: no mutant, in sim/mutants.txt"),
        ] {
            assert_eq!(told, Err(vec![why.to_owned()]));
        }
    }
}
