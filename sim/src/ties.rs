//! Which of several events of one time comes first.
//!
//! ```text
//!   tie = hash(seed, source, nth event of that source)        a source: a link, a disk, a process, a client, the plan
//! ```
//! Each source counts for itself, so a packet or a fault more changes no order among the others.

use crate::stream::{Purpose, fates, nth_fate};

/// No cluster has more.
const NODES_MAX: usize = 8;

/// Where an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The plan.
    Plan,
    /// What is sent from one node to another.
    Link(usize, usize),
    /// A node's disk.
    Disk(usize),
    /// A node's processes, as they begin and go on.
    Process(usize),
    /// A client.
    Client(usize),
}

impl Source {
    /// A small number of its own.
    fn place(self) -> usize {
        match self {
            Source::Plan => 0,
            Source::Link(from, to) => 1 + from * NODES_MAX + to,
            Source::Disk(node) => 1 + NODES_MAX * NODES_MAX + node,
            Source::Process(node) => 1 + NODES_MAX * (NODES_MAX + 1) + node,
            Source::Client(client) => 1 + NODES_MAX * (NODES_MAX + 2) + client,
        }
    }

    /// A number of its own.
    fn name(self) -> u64 {
        let (kind, one, other) = match self {
            Source::Plan => (0, 0, 0),
            Source::Link(from, to) => (1, from, to),
            Source::Disk(node) => (2, node, 0),
            Source::Process(node) => (3, node, 0),
            Source::Client(client) => (4, client, 0),
        };
        kind | (one as u64) << 8 | (other as u64) << 32
    }
}

/// Draws ties.
#[derive(Debug)]
pub struct Ties {
    seed: u64,
    /// Off, all are equal: then who came first goes first.
    on: bool,
    /// Of each source, what its draws have in common, and how many there were.
    sources: Vec<(u64, u64)>,
}

impl Ties {
    /// Ties of this seed.
    #[must_use]
    pub fn new(seed: u64, on: bool) -> Ties {
        Ties { seed, on, sources: Vec::new() }
    }

    /// The tie of the next event of this source.
    pub fn next(&mut self, source: Source) -> u32 {
        if !self.on {
            return 0;
        }
        let place = source.place();
        while self.sources.len() <= place {
            self.sources.push((0, 0));
        }
        let (of, count) = &mut self.sources[place];
        if *count == 0 {
            *of = fates(self.seed, Purpose::Tie, source.name());
        }
        *count += 1;
        nth_fate(*of, *count) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_does_not_depend_on_other_sources() {
        let sources = [Source::Plan, Source::Link(0, 1), Source::Link(1, 0), Source::Disk(1), Source::Process(1)];
        for source in sources.into_iter().chain([Source::Client(1)]) {
            let run = |busy: bool| {
                let mut ties = Ties::new(7, true);
                let others = sources.into_iter().filter(|&other| busy && other != source);
                others.for_each(|other| _ = ties.next(other));
                (0..20).map(|_| ties.next(source)).collect::<Vec<_>>()
            };
            assert_eq!(run(false), run(true), "{source:?}");
        }
    }

    #[test]
    fn each_source_has_ties_of_its_own() {
        let sources = [Source::Plan, Source::Link(0, 1), Source::Link(1, 0), Source::Disk(1), Source::Process(1)];
        let mut ties = Ties::new(7, true);
        let drawn: std::collections::BTreeSet<u32> = sources.into_iter().map(|source| ties.next(source)).collect();
        assert_eq!(drawn.len(), sources.len());
        assert_eq!(Ties::new(7, false).next(Source::Plan), 0);
    }
}
