//! What the command line asks for.

use rsm_sim::plan;
use rsm_sim::run::Case;
use std::time::Duration;

/// So long a seed lasts where figures are compared, unless told otherwise.
const COMPARED: Duration = Duration::from_secs(5);

/// What `--help` prints.
pub(crate) const HELP: &str = "cargo sim: a cluster in a seed

  cargo sim --seeds N          runs the seeds 0 to N - 1
  cargo sim --seed S           runs one seed
      --from S                 the first seed of many, instead of 0
      --milliseconds M         for so long each, in simulated time; else each for 5 to 60 seconds, as its seed draws
      --trace                  of one seed: a line for each step, as JSON
      --until N                of one seed: stops after the step of this number
      --break MARK             of one seed: stops after the step that meets this mark
      --unaimed                of one seed: without the faults that wait for marks, as a build that counts none
  cargo sim --bench            says how fast it is, and where the time goes
  cargo sim --bench-seed       runs a part of that load, the seed --from (0), for --milliseconds M (5000)
  cargo sim --minutes M        runs seeds for so long, on all cores
      --workers N              on so many threads, instead of one for each core
      --marks                  of many seeds: how often, and in how many of them, each mark was met; the rarest pairs
      --floors                 of many seeds: fails if a mark of sim/marks.txt was met too rarely, or is none any more, or if more
                               than half of the faults of a kind had no effect
      --resume FILE            goes on where FILE says, and adds its sums to it
  cargo sim --seed S --minimize  makes a seed that breaks a rule small, and prints it as a story, to be kept as a file
  cargo sim --scenario FILE    tells a story of sim/scenarios; also with --trace
      --seed S                 with another seed for what none of its lines says; --seeds N: with many
  cargo sim --stories          tells them all: each holds, meets its marks, and fails under its mutants
  cargo sim --sweep            power fails at each disk operation of a short life, three runs for each, node by node
  cargo sim --mutants          looks for each fault that was put in on purpose, in --seeds N (200) at most, of --milliseconds M
                               (5000); each must be found by a rule, and by seeds or a story, as sim/mutants.txt says
      --fast                   only the half that shows soonest; each must be found by seeds alone, from five bases
      --record                 writes the seeds that it took, median and worst, into sim/mutants.txt
  --html FILE                  with --seed, --scenario, --minimize: draws the run, as a page for a browser
      --mutant M               of seeds, of one story (--scenario) and of the sweep: with this one in place; with --mutants: only
                               this one

Traces and the last line go to stdout: the sum of what has happened, of the marks that were met, and how fast it was, or what was
broken and how to run it again.
A reader that closes stdout, as `head` does, misses what follows, and changes nothing else.
Exit code 0: no rule was broken, each story does what it is for, each mutant was found.
          1: not so; or, with --floors, a mark is short of its floor, more than half of the faults of a kind had no effect, or more
          than one calm phase in a hundred is late.
          2: wrong use, or a file that cannot be read or written.

  cargo sim --seeds 500
  cargo sim --seed 4
  cargo sim --seed 4 --trace --until 4000
  cargo sim --seed 4 --html out.html";

/// What to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The one seed to run.
    pub(crate) seed: Option<u64>,
    /// `None` unless told.
    pub(crate) from: Option<u64>,
    /// `None` unless told.
    pub(crate) seeds: Option<u64>,
    /// As each seed draws it unless told.
    pub(crate) lasts: Option<Duration>,
    pub(crate) trace: bool,
    pub(crate) until: Option<u64>,
    pub(crate) minutes: Option<u64>,
    pub(crate) workers: Option<usize>,
    pub(crate) marks: bool,
    pub(crate) unaimed: bool,
    pub(crate) bench: bool,
    pub(crate) bench_seed: bool,
    pub(crate) floors: bool,
    pub(crate) stop_at: Option<String>,
    pub(crate) resume: Option<String>,
    pub(crate) minimize: bool,
    pub(crate) scenario: Option<String>,
    pub(crate) mutant: Option<String>,
    pub(crate) mutants: bool,
    pub(crate) fast: bool,
    pub(crate) record: bool,
    pub(crate) sweep: bool,
    pub(crate) stories: bool,
    pub(crate) html: Option<String>,
}

impl Options {
    /// Reads arguments; `None` if they ask for help.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
        let mut options = Options::default();
        // The alias ends in `--`, and `cargo sim -- --seeds 5` is the same as without.
        let mut arguments = arguments.filter(|argument| argument != "--");
        let mut given = Vec::new();
        while let Some(name) = arguments.next() {
            let mut word = || arguments.next().ok_or_else(|| format!("{name} needs a value; see --help"));
            let mut number = || {
                let value = word()?;
                value.parse::<u64>().map_err(|_| format!("{name} needs a number, not `{value}`"))
            };
            match name.as_str() {
                "--help" => return Ok(None),
                "--seeds" => options.seeds = Some(number()?),
                "--seed" => options.seed = Some(number()?),
                "--from" => options.from = Some(number()?),
                "--milliseconds" => options.lasts = Some(Duration::from_millis(number()?)),
                "--workers" => options.workers = Some((number()? as usize).max(1)),
                "--unaimed" => options.unaimed = true,
                "--bench" => options.bench = true,
                "--bench-seed" => options.bench_seed = true,
                "--marks" => options.marks = true,
                "--floors" => options.floors = true,
                "--break" => options.stop_at = Some(word()?),
                "--trace" => options.trace = true,
                "--until" => options.until = Some(number()?),
                "--minutes" => options.minutes = Some(number()?),
                "--resume" => options.resume = Some(word()?),
                "--minimize" => options.minimize = true,
                "--scenario" => options.scenario = Some(word()?),
                "--mutant" => options.mutant = Some(word()?),
                "--mutants" => options.mutants = true,
                "--fast" => options.fast = true,
                "--record" => options.record = true,
                "--sweep" => options.sweep = true,
                "--stories" => options.stories = true,
                "--html" => options.html = Some(word()?),
                _ => return Err(format!("{name} is not known; see --help")),
            }
            given.push(name);
        }
        fits(&given)?;
        Ok(Some(options))
    }

    /// What this seed is.
    pub(crate) fn case(&self, seed: u64) -> Case {
        Case::new(seed, self.lasts.unwrap_or_else(|| plan::lasts(seed)))
    }

    /// How long each seed lasts where figures are compared.
    pub(crate) fn compared(&self) -> Duration {
        self.lasts.unwrap_or(COMPARED)
    }
}

/// Each command, by the option that asks for it, and what else goes with it. The first that is asked for counts.
const COMMANDS: [(&str, &[&str]); 9] = [
    ("--bench", &[]),
    ("--bench-seed", &["--from", "--milliseconds"]),
    ("--sweep", &["--mutant"]),
    ("--stories", &[]),
    ("--mutants", &["--seeds", "--milliseconds", "--fast", "--record", "--mutant"]),
    ("--scenario", &["--seed", "--seeds", "--trace", "--html", "--mutant"]),
    ("--minimize", &["--seed", "--milliseconds", "--html", "--mutant"]),
    ("--seed", &["--milliseconds", "--trace", "--until", "--break", "--unaimed", "--html", "--mutant"]),
    ("--seeds", &["--from", "--milliseconds", "--minutes", "--workers", "--marks", "--floors", "--resume", "--mutant"]),
];

/// What asks for two forms of one output, for one run and for many, or to record what is no common measure.
const APART: [(&str, &str); 6] = [
    ("--trace", "--html"),
    ("--seed", "--seeds"),
    ("--seeds", "--trace"),
    ("--seeds", "--html"),
    ("--seeds", "--record"),
    ("--milliseconds", "--record"),
];

/// Nothing that is asked for is passed over in silence.
fn fits(given: &[String]) -> Result<(), String> {
    let is_given = |name: &str| given.iter().any(|given| given == name);
    let last = &COMMANDS[COMMANDS.len() - 1];
    let (command, with) = COMMANDS.iter().find(|(command, _)| is_given(command)).unwrap_or(last);
    if let Some(other) = given.iter().find(|name| name != command && !with.contains(&name.as_str())) {
        let needs = COMMANDS.iter().filter(|(_, with)| with.contains(&other.as_str())).map(|(command, _)| *command);
        let needs = needs.collect::<Vec<_>>().join(", ");
        let needs = if needs.is_empty() { "nothing else".to_owned() } else { needs };
        return Err(format!("{other} does not go with {command}, but with {needs}; see --help"));
    }
    if *command == "--minimize" && !is_given("--seed") {
        return Err("--minimize is of one seed: say which with --seed".to_owned());
    }
    match APART.iter().find(|(one, other)| is_given(one) && is_given(other)) {
        Some((one, other)) => Err(format!("{one} and {other} do not go together")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Option<Options>, String> {
        Options::parse(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_lone_dash_dash_changes_nothing() {
        assert_eq!(parse("--seeds 5"), parse("-- --seeds 5"));
        assert_eq!(parse("--seeds 5").unwrap().unwrap().seeds, Some(5));
    }

    #[test]
    fn each_option_goes_with_the_commands_that_help_names() {
        for words in [
            "--seeds 5 --from 3 --milliseconds 9 --minutes 1 --workers 2 --marks --floors --resume x --mutant y",
            "--seed 1 --milliseconds 9 --until 3 --break x --unaimed --trace --mutant y",
            "--seed 1 --minimize --html x",
            "--scenario x --trace",
            "--scenario x --seeds 40 --mutant y",
            "--scenario x --seed 3 --html y",
            "--seed 1 --unaimed --html x",
            "--mutants --seeds 3 --mutant x",
            "--mutants --record",
            "--bench",
            "--stories",
            "--bench-seed --from 3 --milliseconds 9",
            "",
        ] {
            assert!(parse(words).is_ok_and(|options| options.is_some()), "{words}: {:?}", parse(words));
        }
        for (_, with) in COMMANDS {
            with.iter().for_each(|name| assert!(HELP.contains(name), "--help does not speak of {name}"));
        }
    }

    #[test]
    fn wrong_use_is_told_with_the_word_that_is_wrong() {
        for (words, wrong) in [
            ("--seeds", "--seeds"),
            ("--seeds x", "`x`"),
            ("--sead 1", "--sead"),
            ("--trace", "--seed"),
            ("--seeds 5 --html x", "--html"),
            ("--seed 17 --seeds 5", "--seeds"),
            ("--seeds 5 --seed 17", "--seeds"),
            ("--seed 1 --resume x", "--resume"),
            ("--seed 1 --marks", "--marks"),
            ("--seed 1 --minutes 1", "--minutes"),
            ("--seeds 5 --unaimed", "--unaimed"),
            ("--seed 1 --minimize --unaimed", "--unaimed"),
            ("--minimize", "--seed"),
            ("--scenario x --until 5", "--until"),
            ("--seed 1 --trace --html x", "--html"),
            ("--mutants --from 5", "--from"),
            ("--mutants --seeds 5 --record", "--record"),
            ("--mutants --milliseconds 9 --record", "--record"),
            ("--seeds 5 --record", "--mutants"),
            ("--bench --mutant x", "--mutant"),
            ("--stories --mutant x", "--mutant"),
        ] {
            let told = parse(words).unwrap_err();
            assert!(told.contains(wrong), "{words}: {told}");
        }
    }
}
