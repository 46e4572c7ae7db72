//! All benches of one comparison, written down.

use crate::rounds::Rounds;
use crate::section::Section;
use crate::{load, machine};
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

/// What one run of a comparison found.
pub struct Report {
    /// The floor's name: it marks its part of the page.
    pub floor: &'static str,
    /// The peers' names and versions.
    pub versions: String,
    /// The benches.
    pub sections: Vec<Section>,
}

impl Report {
    /// The page's part: the machine, the method's figures, then the benches.
    pub fn markdown(&self, rounds: &Rounds, seconds: u64) -> String {
        let met: usize = self.sections.iter().map(|section| section.score().0).sum();
        let all: usize = self.sections.iter().map(|section| section.score().1).sum();
        let mut text = format!(
            "Machine: {}.\nPeers: {}.\nThe run took {seconds} s and kept {} rounds; {} were thrown away as others used more than \
             {:.0} % of the machine meanwhile, {} were kept although they did. Goals met: {met} of {all}.\n",
            machine::shape(),
            self.versions,
            rounds.kept,
            rounds.thrown_away,
            load::FOREIGN_MAX * 100.0,
            rounds.kept_loaded,
        );
        if rounds.options.quick {
            text.push_str("**A smoke run: its figures say nothing.**\n");
        }
        self.sections.iter().for_each(|section| _ = write!(text, "\n{}", section.markdown()));
        text
    }

    /// One object a line: bench, threads, subject, unit, median, min, max.
    pub fn json(&self) -> String {
        let mut text = String::new();
        for point in self.sections.iter().flat_map(|section| &section.points) {
            for subject in &point.subjects {
                for unit in point.units() {
                    let spread = point.spread(subject, unit);
                    let _ = writeln!(
                        text,
                        "{{\"bench\":\"{}\",\"threads\":{},\"subject\":\"{subject}\",\"unit\":\"{unit}\",\"median\":{},\"min\":{},\"max\":{}}}",
                        point.bench, point.threads, spread.median, spread.min, spread.max
                    );
                }
            }
        }
        text
    }

    /// Puts `part` into the page, in place of what stands between the floor's two marks.
    ///
    /// # Errors
    /// The page cannot be read or written, or has no such marks.
    pub fn put_into(&self, page: &Path, part: &str) -> io::Result<()> {
        let text = fs::read_to_string(page)?;
        fs::write(page, replaced(&text, self.floor, part)?)
    }
}

fn replaced(page: &str, floor: &str, part: &str) -> io::Result<String> {
    let (begin, end) = (format!("<!-- {floor}: begin -->"), format!("<!-- {floor}: end -->"));
    let missing = || io::Error::new(io::ErrorKind::InvalidData, format!("the page lacks the lines {begin} and {end}"));
    let (head, rest) = page.split_once(&begin).ok_or_else(missing)?;
    let (_, tail) = rest.split_once(&end).ok_or_else(missing)?;
    Ok(format!("{head}{begin}\n{part}{end}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_floors_part_of_the_page_is_replaced() {
        let page = "mine\n<!-- sync: begin -->\nold\n<!-- sync: end -->\nalso mine\n";
        let new = replaced(page, "sync", "new\n").expect("the marks are there");
        assert_eq!(new, "mine\n<!-- sync: begin -->\nnew\n<!-- sync: end -->\nalso mine\n");
        assert!(replaced(page, "fsm", "new\n").is_err());
    }
}
