//! The file by which a campaign goes on where another has stopped.
//!
//! ```text
//!   campaign of 5000 ms, rsm_marks rsm_mutant, no mutant    one of another kind is refused; `drawn lengths`: as seeds draw
//!   commits 1a2b3c4 5d6e7f8                                 all that have added to it
//!   next 12000                                              the first seed that was not run
//!   broken 11417 R7: ..                                     while one stands here, nobody goes on
//!   seeds 12000, steps ..                                   the sums of those that broke no rule
//!   marks of 12000 seeds
//!   elected 70112 11983 12000                               times, seeds, of so many that could count it
//!   end                                                     so all of it was written
//! ```
//! It is written beside itself and renamed, so there is a whole one at any moment; `FILE.lock` keeps a second campaign out.

use rsm_sim::marks::Marks;
use rsm_sim::sums::Sums;
use std::fs::{self, File};
use std::io::{self, Write};
use std::process::Command;

/// What all campaigns of a file have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// The first seed that was not run.
    pub(crate) next: u64,
    /// Seeds that broke a rule, and which; they stand in no sum.
    pub(crate) broken: Vec<(u64, String)>,
    pub(crate) sums: Sums,
    pub(crate) marks: Marks,
    /// Of whatever has added to this.
    commits: Vec<String>,
}

/// The file of one campaign, which is ours until we are gone.
pub(crate) struct Kept {
    path: String,
    kind: String,
    lock: File,
}

/// A child that another thread is just starting has a copy of the open file: the lock would outlive us by that.
impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.lock.unlock(); // if it fails, closing does it
    }
}

impl Kept {
    /// Takes the file, and tells what stands there. `kind` says what its seeds have in common.
    ///
    /// # Errors
    /// It is another campaign's, of another kind, or not whole.
    pub(crate) fn open(path: &str, kind: &str) -> io::Result<(Kept, Option<Past>)> {
        let wrong = |why: String| io::Error::other(format!("{path}: {why}"));
        let lock = File::create(format!("{path}.lock")).map_err(|why| wrong(why.to_string()))?;
        lock.try_lock().map_err(|_| wrong("another campaign writes it".to_owned()))?;
        let kept = Kept { path: path.to_owned(), kind: kind.to_owned(), lock };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok((kept, None)),
            Err(why) => return Err(wrong(why.to_string())),
        };
        let before = text.lines().next().filter(|line| line.starts_with("campaign of "));
        match (before, parse(&text)) {
            (Some(before), Some(_)) if before != kind => {
                Err(wrong(format!("`{before}` stands there, and this is `{kind}`: begin a new file")))
            }
            (Some(_), Some(past)) => Ok((kept, Some(past))),
            _ => Err(wrong("not all of what --resume writes: begin a new file".to_owned())),
        }
    }

    /// Puts this in the place of what stands there.
    ///
    /// # Errors
    /// The file system's; what stood there stays.
    pub(crate) fn write(&self, past: &Past) -> io::Result<()> {
        let beside = format!("{}.tmp", self.path);
        let mut file = File::create(&beside)?;
        let Past { next, broken, sums, marks, commits } = past;
        writeln!(file, "{}\ncommits {}\nnext {next}", self.kind, commits.join(" "))?;
        broken.iter().try_for_each(|(seed, what)| writeln!(file, "broken {seed} {what}"))?;
        writeln!(file, "{sums}\n{marks}\nend")?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

impl Past {
    /// Nothing yet.
    pub(crate) fn new(next: u64) -> Past {
        Past { next, ..Past::default() }
    }

    /// The commit that is checked out adds to it from now on.
    pub(crate) fn is_added_to(&mut self) {
        let commit = commit();
        if !self.commits.contains(&commit) {
            self.commits.push(commit);
        }
    }

    /// A seed has broken a rule.
    pub(crate) fn breaks(&mut self, seed: u64, what: &str) {
        self.broken.push((seed, what.lines().collect::<Vec<_>>().join(" ")));
    }
}

/// The commit that is checked out here, as git calls it.
pub(crate) fn commit() -> String {
    let told = Command::new("git").args(["describe", "--always", "--dirty", "--exclude=*"]).output().ok();
    let told = told.filter(|told| told.status.success()).and_then(|told| String::from_utf8(told.stdout).ok());
    told.map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}

fn parse(text: &str) -> Option<Past> {
    let mut lines = text.strip_suffix("\nend\n")?.lines().skip(1).peekable();
    let commits = lines.next()?.strip_prefix("commits ")?.split(' ').map(str::to_owned).collect();
    let next = lines.next()?.strip_prefix("next ")?.parse().ok()?;
    let mut broken = Vec::new();
    while let Some(line) = lines.next_if(|line| line.starts_with("broken ")) {
        let (seed, what) = line.strip_prefix("broken ")?.split_once(' ')?;
        broken.push((seed.parse().ok()?, what.to_owned()));
    }
    let sums = Sums::parse(lines.next()?)?;
    let marks = Marks::parse(&lines.collect::<Vec<_>>().join("\n"))?;
    Some(Past { next, broken, sums, marks, commits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::tests::folder;

    #[test]
    fn a_file_is_read_as_it_was_written_and_only_if_it_is_whole() {
        let folder = folder("whole");
        let path = folder.join("file");
        let path = path.to_str().expect("a path of letters");
        let (kept, none) = Kept::open(path, "campaign of 5 ms").expect("nothing stands there");
        assert_eq!(none, None);
        let (sums, marks) = (Sums { seeds: 6, ..Sums::default() }, Marks::parse("marks of 6 seeds\nx 9 5 6"));
        let mut past = Past { next: 7, sums, marks: marks.expect("it is written so"), ..Past::default() };
        past.breaks(3, "R7: two\nlines");
        past.is_added_to();
        kept.write(&past).expect("there is room");
        assert_eq!(past.broken, [(3, "R7: two lines".to_owned())]);
        let copy = kept.lock.try_clone().expect("there are files to spare");
        drop(kept);
        let found = Kept::open(path, "campaign of 5 ms").expect("it is whole").1;
        assert_eq!(found, Some(past));
        drop(copy);
        let text = fs::read_to_string(path).expect("it was written");
        for end in 0..text.len() {
            fs::write(path, &text[..end]).expect("there is room");
            assert!(Kept::open(path, "campaign of 5 ms").is_err(), "{}", &text[..end]);
        }
        fs::remove_dir_all(folder).expect("it is ours");
    }

    #[test]
    fn a_file_is_one_campaigns_at_a_time_and_of_one_kind() {
        let folder = folder("kind");
        let path = folder.join("file");
        let path = path.to_str().expect("a path of letters");
        let kept = Kept::open(path, "campaign of 5 ms").expect("nothing stands there").0;
        let told = |kind| Kept::open(path, kind).err().map(|why| why.to_string()).unwrap_or_default();
        assert!(told("campaign of 5 ms").ends_with("another campaign writes it"), "{}", told("campaign of 5 ms"));
        let mut past = Past::new(0);
        past.is_added_to();
        kept.write(&past).expect("there is room");
        drop(kept);
        assert!(told("campaign of 6 ms").contains("`campaign of 5 ms` stands there"), "{}", told("campaign of 6 ms"));
        assert_eq!(told("campaign of 5 ms"), "");
        fs::remove_dir_all(folder).expect("it is ours");
    }
}
