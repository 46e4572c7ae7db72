//! What the caller wants.

use std::path::PathBuf;
use std::time::Duration;

/// The options that every comparison knows.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the figures go, one JSON object a line.
    pub json: Option<PathBuf>,
    /// The page whose generated part is replaced.
    pub markdown: Option<PathBuf>,
    /// A smoke run: few and short rounds, whose figures say nothing.
    pub quick: bool,
    /// Only benches whose name begins so.
    pub only: Option<String>,
    /// Only subjects whose name begins so: for a profile.
    pub subject: Option<String>,
    /// What the comparison itself wants to be told.
    pub rest: Vec<String>,
}

impl Options {
    /// From a command line, without the program's name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options::default();
        let mut arguments = arguments.skip_while(|argument| argument == "--");
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value"));
            match argument.as_str() {
                "--json" => options.json = Some(value()?.into()),
                "--markdown" => options.markdown = Some(value()?.into()),
                "--only" => options.only = Some(value()?),
                "--subject" => options.subject = Some(value()?),
                "--quick" => options.quick = true,
                _ => options.rest.push(argument),
            }
        }
        Ok(options)
    }

    /// Whether something of a bench of this name is wanted.
    pub fn wants(&self, bench: &str) -> bool {
        self.only.as_deref().is_none_or(|only| bench.starts_with(only) || only.starts_with(bench))
    }

    /// Whether a point of this name is wanted.
    pub fn wants_point(&self, point: &str) -> bool {
        self.only.as_deref().is_none_or(|only| point.starts_with(only))
    }

    /// Whether a subject of this name is wanted.
    pub fn wants_subject(&self, subject: &str) -> bool {
        self.subject.as_deref().is_none_or(|wanted| subject.starts_with(wanted))
    }

    /// Rounds and their length, in a smoke run less of both.
    pub fn scale(&self, rounds: u32, time: Duration) -> (u32, Duration) {
        if self.quick { (rounds.min(2), time / 8) } else { (rounds, time) }
    }
}
