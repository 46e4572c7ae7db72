//! Alternated rounds.

use crate::load::{FOREIGN_MAX, Load, own_s};
use crate::options::Options;
use crate::spread::Spread;
use std::time::Duration;

/// Processor time per operation: printed beside every throughput, so that spinning is not free.
pub const CPU: &str = "cpu ns/op";

/// What one run of one subject gave: figures by their unit, and how many operations it was.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Operations, for the processor time of one; 0 if that says nothing.
    pub operations: f64,
    /// (unit, figure)
    pub figures: Vec<(&'static str, f64)>,
}

impl Run {
    /// A throughput in millions of operations per second.
    pub fn throughput(unit: &'static str, operations: u64, took: Duration) -> Run {
        Run { operations: operations as f64, figures: vec![(unit, operations as f64 / took.as_secs_f64() / 1e6)] }
    }

    /// Another figure of the same run.
    pub fn and(mut self, unit: &'static str, figure: f64) -> Run {
        self.figures.push((unit, figure));
        self
    }
}

/// One who takes part. The names of ours begin with `rsm`.
pub struct Subject {
    /// As in the tables.
    pub name: &'static str,
    run: Box<dyn FnMut(Duration) -> Run>,
}

/// A subject by its name and one run of about the given time.
pub fn subject(name: &'static str, run: impl FnMut(Duration) -> Run + 'static) -> Subject {
    Subject { name, run: Box::new(run) }
}

/// The figures of one point: a bench with so many threads.
#[derive(Debug)]
pub struct Measured {
    /// The bench's name.
    pub bench: String,
    /// The point's threads.
    pub threads: usize,
    /// In the order of the tables.
    pub subjects: Vec<&'static str>,
    /// By round, then by subject.
    rounds: Vec<Vec<Run>>,
}

impl Measured {
    fn figures<'a>(&'a self, subject: &str, unit: &'a str) -> impl Iterator<Item = f64> + 'a {
        let at = self.subjects.iter().position(|name| *name == subject);
        self.rounds.iter().filter_map(move |round| {
            let run = round.get(at?)?;
            run.figures.iter().find(|(name, _)| *name == unit).map(|(_, figure)| *figure)
        })
    }

    /// What a subject reached.
    pub fn spread(&self, subject: &str, unit: &str) -> Spread {
        Spread::of(self.figures(subject, unit))
    }

    /// `ours` by `theirs`, within each round.
    pub fn ratio(&self, ours: &str, theirs: &str, unit: &str) -> Spread {
        let pairs = self.figures(ours, unit).zip(self.figures(theirs, unit));
        Spread::of(pairs.map(|(ours, theirs)| ours / theirs.max(f64::MIN_POSITIVE)))
    }

    /// The best of those that are not ours, by its median.
    pub fn best_peer(&self, unit: &str, more_is_better: bool) -> &'static str {
        let peers: Vec<&str> = self.subjects.iter().copied().filter(|name| !name.starts_with("rsm")).collect();
        self.best_of(&peers, unit, more_is_better)
    }

    /// The best of these, by its median, if they take part.
    pub fn best_of(&self, peers: &[&str], unit: &str, more_is_better: bool) -> &'static str {
        let peers = self.subjects.iter().copied().filter(|name| peers.contains(name));
        let rank = |name: &&'static str| {
            let median = self.spread(name, unit).median;
            if more_is_better { -median } else { median }
        };
        peers.min_by(|a, b| rank(a).total_cmp(&rank(b))).unwrap_or("")
    }

    /// Every unit that some subject gave.
    pub fn units(&self) -> Vec<&'static str> {
        let mut units: Vec<&'static str> = Vec::new();
        for (unit, _) in self.rounds.iter().flatten().flat_map(|run| &run.figures) {
            if !units.contains(unit) {
                units.push(unit);
            }
        }
        units
    }
}

/// Measures point after point.
pub struct Rounds {
    /// How much, how long.
    pub options: Options,
    /// Rounds that were thrown away and repeated, as others used the machine meanwhile.
    pub thrown_away: u32,
    /// Rounds that were kept although others used the machine, as too many had been thrown away.
    pub kept_loaded: u32,
    /// Rounds in all that were kept.
    pub kept: u32,
    chance: u64,
}

impl Rounds {
    /// Nothing yet.
    pub fn new(options: Options) -> Rounds {
        Rounds { options, thrown_away: 0, kept_loaded: 0, kept: 0, chance: 0x9E37_79B9_7F4A_7C15 }
    }

    /// Lets all subjects run in each of `rounds` rounds, each for about `time`.
    pub fn measure(
        &mut self,
        bench: impl Into<String>,
        threads: usize,
        rounds: u32,
        time: Duration,
        mut subjects: Vec<Subject>,
    ) -> Measured {
        let bench = bench.into();
        let (rounds, time) = self.options.scale(rounds, time);
        subjects.retain(|subject| self.options.wants_subject(subject.name));
        let mut kept: Vec<Vec<Run>> = Vec::new();
        let mut thrown_away = 0;
        while (kept.len() as u32) < rounds {
            let before = Load::now();
            let round = self.round(&mut subjects, time);
            let loaded = before.foreign_share() > FOREIGN_MAX;
            // At most as many again: then the machine is what it is, and the page says so.
            if loaded && thrown_away < rounds {
                thrown_away += 1;
                continue;
            }
            self.kept_loaded += u32::from(loaded);
            kept.push(round);
        }
        self.thrown_away += thrown_away;
        self.kept += rounds;
        eprintln!("  {bench}, {threads} threads: {rounds} rounds, {thrown_away} thrown away");
        Measured { bench, threads, subjects: subjects.iter().map(|subject| subject.name).collect(), rounds: kept }
    }

    fn round(&mut self, subjects: &mut [Subject], time: Duration) -> Vec<Run> {
        let mut order: Vec<usize> = (0..subjects.len()).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, self.draw(last as u64 + 1) as usize);
        }
        let mut round = vec![Run::default(); subjects.len()];
        for at in order {
            let before = own_s();
            let mut run = (subjects[at].run)(time);
            if run.operations > 0.0 {
                run.figures.push((CPU, (own_s() - before) * 1e9 / run.operations));
            }
            round[at] = run;
        }
        round
    }

    /// The order of a round is chance, the same in each run of the program.
    fn draw(&mut self, below: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_within_its_round() {
        let run = |figure| Run { operations: 0.0, figures: vec![("x", figure)] };
        let rounds = vec![vec![run(2.0), run(1.0)], vec![run(40.0), run(10.0)], vec![run(3.0), run(1.0)]];
        let measured = Measured { bench: "b".into(), threads: 1, subjects: vec!["rsm", "other"], rounds };
        assert_eq!(measured.ratio("rsm", "other", "x").median, 3.0);
        assert_eq!(measured.best_peer("x", true), "other");
    }
}
