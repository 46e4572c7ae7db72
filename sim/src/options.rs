//! What the command line asks for.

use std::time::Duration;

/// What `--help` prints.
pub(crate) const HELP: &str = "cargo sim: a cluster in a seed

  cargo sim --seeds N          runs the seeds 0 to N - 1
  cargo sim --seed S           runs one seed
      --from S                 the first seed of many, instead of 0
      --milliseconds M         for so long each, in simulated time (5000)
      --trace                  of one seed: a line for each step, as JSON
      --until N                of one seed: stops after the step of this number
      --break MARK             of one seed: stops after the step that meets this mark
      --unaimed                of one seed: without the faults that wait for marks, as a build that counts none
  cargo sim --bench            says how fast it is, and where the time goes
  cargo sim --bench-seed       runs a part of that load, for --milliseconds M
  cargo sim --minutes M        runs seeds for so long, on all cores
      --workers N              on so many threads, instead of one for each core
      --marks                  of many seeds: how often, and in how many of them, each mark was met
      --floors                 of many seeds: fails if a mark of sim/marks.txt was met too rarely
      --resume FILE            goes on where FILE says, and adds its sums to it
  cargo sim --seed S --minimize  makes a seed that breaks a rule small, and prints it as a story, to be kept as a file
  cargo sim --scenario FILE    tells a story of sim/scenarios; also with --trace
      --seed S                 with another seed for what none of its lines says
  cargo sim --mutants          looks for each fault that was put in on purpose, in --seeds N (200) at most
  --html FILE                  with --seed, --scenario, --minimize: draws the run, as a page for a browser
      --mutant M               of all but --mutants: with this one in place

Traces and the last line go to stdout: the sum of what has happened, or what was broken and how to run it again.
Exit code 0: no rule was broken. 1: one was. 2: wrong use.

  cargo sim --seeds 500
  cargo sim --seed 17
  cargo sim --seed 17 --trace --until 4000
  cargo sim --seed 17 --html out.html";

/// What to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) from: u64,
    /// `None` unless told.
    pub(crate) seeds: Option<u64>,
    pub(crate) lasts: Duration,
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
    pub(crate) html: Option<String>,
}

impl Options {
    /// Reads arguments; `None` if they ask for help.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
        let mut options = Options { lasts: Duration::from_secs(5), ..Options::default() };
        // The alias ends in `--`, and `cargo sim -- --seeds 5` is the same as without.
        let mut arguments = arguments.filter(|argument| argument != "--");
        while let Some(name) = arguments.next() {
            let mut word = || arguments.next().ok_or_else(|| format!("{name} needs a value; see --help"));
            let mut number = || {
                let value = word()?;
                value.parse::<u64>().map_err(|_| format!("{name} needs a number, not `{value}`"))
            };
            match name.as_str() {
                "--help" => return Ok(None),
                "--seeds" => options.seeds = Some(number()?),
                "--seed" => (options.from, options.seeds) = (number()?, Some(1)),
                "--from" => options.from = number()?,
                "--milliseconds" => options.lasts = Duration::from_millis(number()?),
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
                "--html" => options.html = Some(word()?),
                _ => return Err(format!("{name} is not known; see --help")),
            }
        }
        let is_one = options.seeds == Some(1) || options.scenario.is_some();
        if options.minimize && options.seeds != Some(1) {
            return Err("--minimize is of one seed: say which with --seed".to_owned());
        }
        if (options.trace || options.until.is_some() || options.stop_at.is_some()) && !is_one {
            return Err("--trace, --until and --break are of one seed: say which with --seed".to_owned());
        }
        if options.html.is_some() && !is_one {
            return Err("--html is of one run: say which with --seed or --scenario".to_owned());
        }
        Ok(Some(options))
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
    fn wrong_use_is_told_with_the_word_that_is_wrong() {
        for (words, wrong) in [
            ("--seeds", "--seeds"),
            ("--seeds x", "`x`"),
            ("--sead 1", "--sead"),
            ("--trace", "--seed"),
            ("--seeds 5 --html x", "--html"),
        ] {
            let told = parse(words).unwrap_err();
            assert!(told.contains(wrong), "{words}: {told}");
        }
    }
}
