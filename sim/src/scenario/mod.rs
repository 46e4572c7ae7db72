//! Stories told to a cluster: a script of what goes wrong, and of what must come of it.
//!
//! ```text
//!   cluster 3 seed 7                      # the head: also `snapshots 8`, `sessions 4`
//!   run until leader as L
//!   name R other-than L
//!   cut L <-> R
//!   propose a at L -> ok
//!   heal
//!   expect R holds a within 5T
//! ```
//! A node is a number, or a name; `others` are all but those on the other side of the arrow. A time is `300ms`, `2s`, or
//! `5T`: five least election timeouts.
//!
//! | verb | what it does |
//! |---|---|
//! | `run 3T`, `run until COND [within 50T]` | time passes |
//! | `expect COND`, `expect COND within 5T`, `expect never COND for 5T` | or the story has failed |
//! | `name R other-than L M` | the first node that is neither |
//! | `cut A -> B`, `cut A <-> B`, `heal`, `clog A -> B 50ms` | links |
//! | `drop next KIND [from A] [to B]` | one packet; also `dup`, `delay`, with `by 300ms`; `skip 2` lets two pass |
//! | `crash A`, `crash A at disk 3`, `kill A`, `restart A`, `wipe A` | processes: a crash loses what was not synced |
//! | `pause A 2T`, `clock A 2T`, `disk A stuck 2T`, `disk A broken` | what they run on |
//! | `open s at A`, `propose a at A [in s 3] [-> ok]`, `read at A [-> a b]` | clients; an arrow waits for the answer |
//! | `await a ok` | the answer to what was proposed without an arrow |
//!
//! An answer is `ok`, `refused` (never applied), `expired`, or `unknown`. Conditions: `leader as M other-than L`, `no leader`, `L leads`,
//! `L follows M`, `L is newborn`, `L commits 5`, `L holds a`, `L lacks a`, `L down`, `L snapshot 8`, `elections 1`,
//! `term 2` (no node is in a higher one), `all equal`. All rules of [`check`](crate::check) are on throughout.

mod parse;
mod play;
#[cfg(test)]
mod tests;

use crate::aim::Aim;
pub use play::Failed;

/// A story.
#[derive(Clone, Debug)]
pub struct Scenario {
    head: Head,
    steps: Vec<(usize, Verb)>,
}

/// What the cluster is.
#[derive(Clone, Copy, Debug)]
struct Head {
    nodes: usize,
    seed: u64,
    snapshots: u64,
    sessions: usize,
}

/// A node, as a script names it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Number(usize),
    Name(String),
    Others,
}

/// One line.
#[derive(Clone, Debug)]
enum Verb {
    Run(u64),
    /// Until it holds, which it must within so long.
    Until(Condition, u64),
    Expect(Condition),
    Never(Condition, u64),
    Name(String, Vec<Who>),
    /// From one to the other, and back if it says so.
    Cut(Who, Who, bool),
    Heal,
    Clog(Who, Who, u64),
    /// The ends of the link are filled in when the names are known.
    Aim(Aim, Option<Who>, Option<Who>),
    Crash(Who, Option<u64>),
    Kill(Who),
    Restart(Who),
    Wipe(Who),
    Pause(Who, u64),
    Clock(Who, u64),
    Stuck(Who, u64),
    Broken(Who),
    Open(String, Who),
    Propose {
        value: String,
        at: Who,
        session: Option<(String, u64)>,
        answer: Option<Answer>,
    },
    Read(Who, Option<Vec<String>>),
    Await(String, Answer),
}

/// What came of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Ok,
    Refused,
    Expired,
    Unknown,
}

/// What may be true of a cluster.
#[derive(Clone, Debug)]
enum Condition {
    /// Leads in the highest term, and is none of these.
    Leader(String, Vec<Who>),
    NoLeader,
    Leads(Who),
    Follows(Who, Who),
    Is(Who, String),
    Commits(Who, u64),
    Holds(Who, String),
    Lacks(Who, String),
    Down(Who),
    Snapshot(Who, u64),
    Elections(u64),
    Term(u64),
    AllEqual,
}
