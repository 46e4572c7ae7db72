//! Stories told to a cluster: a script of what goes wrong, and of what must come of it.
//!
//! ```text
//!   cluster 3 seed 7                      # the head: also `snapshots 8`, `sessions 4`, and more
//!   run until leader as L
//!   name R other-than L
//!   cut L <-> R
//!   propose a at L -> ok
//!   heal
//!   expect R holds a within 5T
//! ```
//! A node is a number, or a name; `others` are all but those on the other side of the arrow. A time is `300ms`, `2s`, or
//! `5T`: 500 ms, that is five least election timeouts of a cluster whose head names no other.
//!
//! | verb | what it does |
//! |---|---|
//! | `run 3T`, `run until COND [within 50T]` | time passes |
//! | `expect COND`, `expect COND within 5T`, `expect never COND for 5T` | or the story has failed |
//! | `name R other-than L M` | the first node that is neither |
//! | `cut A -> B`, `cut A <-> B`, `heal`, `clog A -> B 50ms` | links |
//! | `drop next KIND [from A] [to B]` | one packet; also `dup`, `delay`, with `by 300ms`; `skip 2` lets two pass |
//! | `tell A from B Heartbeat`, with what it says otherwise: `term A.term-1 commit 7` | at once, whatever the links: a message that B has not sent |
//! | `crash A`, `crash A at disk 3`, `kill A`, `restart A`, `wipe A`, `drain A` | processes: a crash loses what was not synced |
//! | `crash A lose`, also `tear`, `keep`, with `at disk 3` or without | and nothing of it is left to the seed |
//! | `pause A 2T`, `clock A 2T`, `disk A stuck 2T`, `disk A full 2T`, `disk A broken` | what they run on |
//! | `open s at A`, `propose a at A [in s 3] [-> ok]`, `read at A [-> a b]` | clients; an arrow waits for the answer |
//! | `await a ok` | the answer to what was proposed without an arrow |
//! | `run to 300ms` | time passes up to there |
//! | `calm` | the phase after the faults: see [`calm`](crate::calm) |
//! | `at 40ms ..` | something comes at its time, whatever the lines around it say and wait for |
//!
//! What a message says has the names of its fields (`term`, `track`, `prev-term`, `prev`, `matched`, `conflict`, `at`, ..), and is a
//! number, or `A.term`, `A.last`, `A.last-term`, `A.commit`, `A.snapshot`, and so much more or less. What is not said is 0, but for the
//! receiver's term, and the track in which the leader of both knows the other. `entries 2`, `entry-term 1` and `granted 0` are said
//! so too; and of any kind `extension 7`, which is of that tag, and `life 1`: another than the one of B that A knows. A peer may stop
//! over what it is told, as over a second leader; whatever else comes of it, all rules are asked. `lie to A from B ..` says what A
//! has to believe: from then on is asked what is asked where members lie (`liar`).
//!
//! An answer is `ok`, `refused` (never applied), `expired`, or `unknown`. Conditions: `leader as M other-than L`, `no leader`, `L leads`,
//! `L follows M`, `L is newborn`, `L commits 5`, `L holds a`, `L lacks a`, `L down`, `L snapshot 8`, `elections 1`,
//! `term 2` (no node is in a higher one), `all equal`. All rules of [`check`](crate::check) are on throughout.
//!
//! What comes `at` its time is what a seed may draw; so a seed that breaks a rule is [made small](crate::minimize) to a
//! story of such lines, in which nothing of the plan is drawn any more, nor of clients. Nodes are numbers there. What strikes
//! nothing and what cannot be asked is passed over, as in a seed.
//!
//! | at its time | |
//! |---|---|
//! | `cut 0 -> others for 20ms`, `clog 0 -> 1 for 20ms` | also `0,2 <-> others`, `leader <-> others`, `bridge 4`, `half-bridge 4`, `chain`, `ring` |
//! | `crash 0 for 30ms`, `crash 0 at disk 3 for 30ms`, with `lose` and the like before `for`, `blackout for 30ms`, `wipe 0 for 30ms`, `drain 0 for 30ms` | and it starts again |
//! | `disk 0 stuck for 30ms` | also `broken`, `fails write 3`, `fails sync-names 0 2 times`, `full`, `full but 4096`, `forgets`, `rots 17`, `rots zeros 17`, `former`, `unreadable`; `machine 0 slow` |
//! | `pause 0 for 30ms`, `clock 0 leaps for 30ms`, `leader pause for 30ms` | whoever leads: as is answered below |
//! | `when cut-durable 3 crash for 30ms` | whoever meets that mark for the third time is answered: [`nemesis`](crate::nemesis) |
//! | `drop next Append from 0 to 1`, also `dup`, `delay`, `flip` | with `by 3ms`, of a flip `bit 300` |
//! | `tell 1 from 0 Heartbeat term 1.term`, also `lie to` | as above |
//! | `open s at 0`, `propose b at 2 to 1 over a in s 3`, `read 1 at 2` | list 1, if `a` stands last there; also `pad 700`: so many bytes more; no state machine survives what is proposed `to 255` |
//!
//! Where what breaks a rule is the load of many, or how they answer to what they see, the head says `clients 30`: so many
//! act of their own, each as the seed draws it among `kinds writer,plain`, with a `rest` of 5 ms between two operations; they
//! share four lists unless it says `lists 1`.
//!
//! A line `# mutant: .. mark: .. fails: ..` says [what the story proves](Guards).
//!
//! The seed of the head decides what no line says: timeouts, delays, what a crash spares of unsynced bytes, whose turn it is.
//! With `seeds 8` behind it a story is told eight times, with that seed and those after it: it holds with all of them, and
//! fails under a mutant with one.

mod edit;
mod guards;
mod head;
mod moment;
mod parse;
mod play;
mod record;
mod telling;
#[cfg(test)]
mod tests;

use crate::aim::Aim;
use crate::marks::place;
use crate::plan::{MS, Swarm, What};
use crate::script::{Call, Proposal};
use crate::tell::Tell;
pub(crate) use guards::plain;
pub use guards::{Guards, number};
pub(crate) use head::OPTIONS;
pub(crate) use moment::Words;
pub use play::{Failed, Told};
pub(crate) use record::{Record, Recorded};
use rsm::raft::storage::simulated::Spares;
use std::fmt;

/// A story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    pub(crate) head: Head,
    /// What comes at its time, in nanoseconds.
    pub(crate) moments: Vec<(u64, Moment)>,
    /// Each with its line.
    steps: Vec<(usize, Verb)>,
}

impl Scenario {
    /// The marks that lines of it wait for and that this build never meets: told here, it would be another story.
    #[must_use]
    pub fn waits_in_vain_for(&self) -> Vec<&'static str> {
        let mark = |moment: &Moment| match moment {
            Moment::Fault(What::Await(aimed)) => Some(aimed.mark),
            Moment::Fault(_) | Moment::Call(..) => None,
        };
        self.moments.iter().filter_map(|(_, moment)| mark(moment)).filter(|mark| place(mark).is_none()).collect()
    }
}

/// What the cluster is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seed: u64,
    /// It is told with so many seeds, from that one on.
    pub(crate) seeds: u64,
    pub(crate) swarm: Swarm,
}

/// What may come at a time of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Fault(What),
    /// A node is asked.
    Call(usize, Call),
}

/// A time in milliseconds, exact.
pub(crate) struct Exact(pub(crate) u64);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 / MS)?;
        let part = format!("{:06}", self.0 % MS);
        let part = part.trim_end_matches('0');
        if part.is_empty() { write!(f, "ms") } else { write!(f, ".{part}ms") }
    }
}

/// A node, as a script names it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Number(usize),
    Name(String),
    Others,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verb {
    Run(u64),
    /// Up to this time.
    To(u64),
    Calm,
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
    Tell(Tell<Who>),
    /// At which operation of its disk, and what is spared of what was not synced, if the script says so.
    Crash(Who, Option<u64>, Option<Spares>),
    Drain(Who),
    Kill(Who),
    Restart(Who),
    Wipe(Who),
    Pause(Who, u64),
    Clock(Who, u64),
    Stuck(Who, u64),
    Full(Who, u64),
    Broken(Who),
    Open(String, Who),
    Propose(Proposal, Who, Option<Answer>),
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
