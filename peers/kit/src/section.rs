//! One bench on the page: what it is, its tables, and which goals are met.

use crate::rounds::Measured;
use crate::spread::short;
use std::fmt::Write;

/// A bench on the page.
#[derive(Debug, Default)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// What is measured, and how.
    pub text: String,
    /// The points, for the figures.
    pub points: Vec<Measured>,
    tables: Vec<String>,
    goals: Vec<Goal>,
}

/// What was to be reached.
#[derive(Debug)]
struct Goal {
    wants: String,
    reached: String,
    is_met: bool,
}

impl Section {
    /// Without a table yet.
    pub fn new(title: impl Into<String>, text: impl Into<String>) -> Section {
        Section { title: title.into(), text: text.into(), ..Section::default() }
    }

    /// A table of all points whose bench begins with the words of `bench`: a line each, a column for each subject of any of them.
    pub fn table(&mut self, bench: &str, unit: &str) {
        let begins = |name: &str| name.strip_prefix(bench).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        let points: Vec<&Measured> = self.points.iter().filter(|point| begins(&point.bench)).collect();
        let mut subjects: Vec<&str> = Vec::new();
        for &name in points.iter().flat_map(|point| &point.subjects) {
            if !subjects.contains(&name) {
                subjects.push(name);
            }
        }
        if subjects.is_empty() {
            return;
        }
        let mut text = format!("| {unit} | threads |");
        subjects.iter().for_each(|name| _ = write!(text, " {name} |"));
        text.push_str("\n|---|---|");
        subjects.iter().for_each(|_| text.push_str("---|"));
        for point in points {
            let _ = write!(text, "\n| {} | {} |", point.bench, point.threads);
            for name in &subjects {
                let spread = point.spread(name, unit);
                let shown = if spread.max == 0.0 { "-".to_owned() } else { spread.to_string() };
                let _ = write!(text, " {shown} |");
            }
        }
        self.tables.push(text);
    }

    /// A table of its own making.
    pub fn free_table(&mut self, text: String) {
        self.tables.push(text);
    }

    /// A goal that is a least ratio.
    pub fn at_least(&mut self, wants: impl Into<String>, reached: f64, least: f64) {
        self.goal(wants, short(reached), reached >= least);
    }

    /// A goal that is a greatest figure.
    pub fn at_most(&mut self, wants: impl Into<String>, reached: f64, most: f64) {
        self.goal(wants, short(reached), reached <= most);
    }

    /// A goal in words.
    pub fn goal(&mut self, wants: impl Into<String>, reached: impl Into<String>, is_met: bool) {
        self.goals.push(Goal { wants: wants.into(), reached: reached.into(), is_met });
    }

    /// Goals that are met, and all of them.
    pub fn score(&self) -> (usize, usize) {
        (self.goals.iter().filter(|goal| goal.is_met).count(), self.goals.len())
    }

    /// As the page has it.
    pub fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n{}\n", self.title, self.text);
        for table in &self.tables {
            let _ = write!(text, "\n{table}\n");
        }
        if !self.goals.is_empty() {
            text.push_str("\n| goal | reached | |\n|---|---|---|\n");
            for goal in &self.goals {
                let met = if goal.is_met { "met" } else { "**not met**" };
                let _ = writeln!(text, "| {} | {} | {met} |", goal.wants, goal.reached);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::rounds::{Rounds, Run, subject};
    use std::time::Duration;

    #[test]
    fn a_table_holds_its_bench_and_what_says_more_words_but_not_a_longer_word() {
        let mut rounds = Rounds::new(Options::default());
        let mut section = Section::new("title", "text");
        for bench in ["a 30/60", "a 30/600", "a 30/60 free"] {
            let run = subject("rsm", |_| Run { operations: 0.0, figures: vec![("x", 1.0)] });
            section.points.push(rounds.measure(bench, 1, 1, Duration::ZERO, vec![run]));
        }
        section.table("a 30/60", "x");
        let lines: Vec<&str> = section.tables[0].lines().skip(2).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("| a 30/60 |") && lines[1].starts_with("| a 30/60 free |"), "{lines:?}");
    }

    #[test]
    fn who_takes_no_part_in_a_point_leaves_a_gap_and_nobody_moves_into_it() {
        let mut rounds = Rounds::new(Options::default());
        let mut section = Section::new("title", "text");
        for (bench, names) in [("a one", ["rsm", "b"]), ("a two", ["b", "c"])] {
            let run = |name| subject(name, |_| Run { operations: 0.0, figures: vec![("x", 2.0)] });
            section.points.push(rounds.measure(bench, 1, 1, Duration::ZERO, names.map(run).into()));
        }
        section.table("a", "x");
        let cell = "2.00 [2.00-2.00]";
        let lines: Vec<&str> = section.tables[0].lines().collect();
        assert_eq!(lines[0], "| x | threads | rsm | b | c |");
        assert_eq!(lines[2], format!("| a one | 1 | {cell} | {cell} | - |"));
        assert_eq!(lines[3], format!("| a two | 1 | - | {cell} | {cell} |"));
    }
}
