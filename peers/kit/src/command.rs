//! The command of one comparison: what it is asked, and where its outcome goes.

use crate::machine;
use crate::options::Options;
use crate::report::Report;
use crate::rounds::Rounds;
use crate::section::Section;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// One heading of the page.
pub type Bench = fn(&mut Rounds) -> Section;

/// What is compared.
pub struct Comparison {
    /// The floor's name: it marks its part of the page.
    pub floor: &'static str,
    /// What `--help` says; in it `BENCHES` stands for their names.
    pub help: &'static str,
    /// In the order of the page.
    pub benches: &'static [(&'static str, Bench)],
    /// The peers' packages.
    pub peers: &'static [&'static str],
    /// The text of the `Cargo.lock` that has their versions.
    pub lock: &'static str,
    /// What the program does for a bench that wants a process of its own: by its arguments, if it knows them.
    pub operate: fn(&[String]) -> Option<ExitCode>,
}

impl Comparison {
    /// The whole program.
    pub fn main(&self) -> ExitCode {
        let options = match Options::parse(std::env::args().skip(1)) {
            Ok(options) => options,
            Err(why) => return refuse(&why),
        };
        if options.rest.is_empty() {
            return self.run(options);
        }
        (self.operate)(&options.rest).unwrap_or_else(|| refuse(&self.help()))
    }

    fn versions(&self) -> String {
        machine::versions(self.lock, &format!("rsm-peers-{}", self.floor), self.peers)
    }

    fn help(&self) -> String {
        let names: Vec<&str> = self.benches.iter().map(|(name, _)| *name).collect();
        self.help.replace("BENCHES", &names.join(", "))
    }

    fn run(&self, options: Options) -> ExitCode {
        let began = Instant::now();
        let mut rounds = Rounds::new(options.clone());
        let mut sections = Vec::new();
        if !machine::hurry() {
            eprintln!("the process may not be put before others: expect wider spreads");
        }
        for (name, bench) in self.benches.iter().filter(|(name, _)| options.wants(name)) {
            eprintln!("{name}");
            sections.push(bench(&mut rounds));
        }
        let report = Report { floor: self.floor, versions: self.versions(), sections };
        let part = report.markdown(&rounds, began.elapsed().as_secs());
        let written = match &options.markdown {
            Some(page) => report.put_into(page, &part),
            None => writeln!(std::io::stdout(), "{part}"),
        };
        let written = written.and_then(|()| match &options.json {
            Some(file) => std::fs::write(file, report.json()),
            None => Ok(()),
        });
        match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => refuse(&format!("the outcome cannot be written: {why}")),
        }
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(2)
}
