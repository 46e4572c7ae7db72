//! The rules that hold whatever happens, as functions: what the simulator, the tests and debug builds ask.
//!
//! ```text
//!   one state       order, bounds, membership               a Glance, or the core itself
//!   two states      monotone, append-only                   a Glance before, a Glance after
//!   a history       History (who led, who voted, what was written, who was born)
//!   a disk's past   Shadow (what is durable, fed from records and completions, never from the core's own claims)
//!   a cluster       Ghost (what is committed, because a quorum holds it, whoever knows of it)
//!   all of them     Watch: one for a cluster, told what happens, asked after each step
//! ```
//! Numbers are those of `docs/invariants.md`. Reach for [`Watch`] if you run a cluster in one thread, for the functions
//! if you hold states alone.

mod by_node;
mod ghost;
mod history;
mod install;
mod shadow;
#[cfg(test)]
mod tests;
mod watch;

pub use ghost::Ghost;
pub use history::History;
pub use shadow::{Image, Shadow};
pub use watch::Watch;

use super::consensus::{Consensus, Kept, Log, Membership, Progress, Role};
use super::{Index, LogId, NodeId, Term};
use std::fmt;

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which, as `docs/invariants.md` numbers it.
    pub rule: &'static str,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

impl std::error::Error for Violation {}

/// Whether a rule holds.
pub type Verdict = Result<(), Violation>;

/// The rule holds if this does; else `what` says what was seen.
pub(super) fn holds(rule: &'static str, condition: bool, what: impl FnOnce() -> String) -> Verdict {
    if condition { Ok(()) } else { Err(Violation { rule, what: what() }) }
}

/// The numbers of one peer at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Glance {
    /// Who.
    pub node: NodeId,
    /// Its term.
    pub term: Term,
    /// Whether it leads.
    pub leads: bool,
    /// Known to be committed.
    pub commit: Index,
    /// Handed to its state machine.
    pub applied: Index,
    /// Its log is readable after it.
    pub base: LogId,
    /// The end of its newest snapshot.
    pub snapshot: LogId,
    /// Durable, snapshots included once their mark is.
    pub durable: Index,
    /// The end of its log.
    pub last: LogId,
}

impl Glance {
    /// What a core shows of itself.
    #[must_use]
    pub fn of(core: &Consensus, role: &Role) -> Glance {
        let log = core.log();
        Glance {
            node: core.me().node,
            term: core.term(),
            leads: role.is_leader(),
            commit: core.commit(),
            applied: core.applied(),
            base: log.base(),
            snapshot: log.snapshot(),
            durable: log.durable(),
            last: log.last(),
        }
    }
}

/// R12: base ≤ applied ≤ commit ≤ last, applied ≤ durable ≤ last, and the term covers the log.
///
/// # Errors
/// What is out of order.
pub fn order(now: &Glance) -> Verdict {
    // A snapshot's file is whole and durable before anybody speaks of it, whether or not its mark is.
    let durable = now.durable.max(now.snapshot.index);
    let ordered = now.base.index <= now.applied
        && now.applied <= now.commit
        && now.commit <= now.last.index
        && now.applied <= durable
        && durable <= now.last.index
        && now.base <= now.snapshot
        && now.last.term <= now.term;
    holds("R12", ordered, || format!("out of order: {now:?}"))
}

/// R11: term, commit, applied, base and snapshot never fall in a life.
///
/// # Errors
/// What fell.
pub fn monotone(before: &Glance, after: &Glance) -> Verdict {
    let rose = before.term <= after.term
        && before.commit <= after.commit
        && before.applied <= after.applied
        && before.base.index <= after.base.index
        && before.snapshot.index <= after.snapshot.index;
    holds("R11", rose, || format!("fell: {before:?} -> {after:?}"))
}

/// R5: a leader never cuts its own log (§5.3). `term_at` is of the log after.
///
/// # Errors
/// What is gone.
pub fn append_only(before: &Glance, after: &Glance, term_at: impl Fn(Index) -> Option<Term>) -> Verdict {
    let same_reign = before.leads && after.leads && before.term == after.term;
    let kept = !same_reign || term_at(before.last.index) == Some(before.last.term);
    holds("R5", kept, || format!("the leader {} of {} has cut {:?}", after.node, after.term, before.last))
}

/// R9: a leader moves the commit to an entry of its own term (§5.4.2).
///
/// # Errors
/// Which entry it was.
pub fn own_term(before: &Glance, after: &Glance, term_at: impl Fn(Index) -> Option<Term>) -> Verdict {
    let moved = before.leads && after.leads && before.term == after.term && before.commit < after.commit;
    let own = !moved || term_at(after.commit) == Some(after.term);
    holds("R9", own, || format!("the leader of {} commits {} of {:?}", after.term, after.commit, term_at(after.commit)))
}

/// R3, a leader's part: it counts its own copy once that is durable. `holds_it`: whether its disk holds all up to the new
/// commit; `matched`: how far it knows the others to.
///
/// # Errors
/// What it commits too early.
pub fn own_copy(
    (before, after): (&Glance, &Glance),
    membership: &Membership,
    holds_it: impl Fn() -> bool,
    matched: impl Fn(NodeId) -> Index,
) -> Verdict {
    let moved = before.leads && after.leads && before.term == after.term && before.commit < after.commit;
    let others = || decides(membership, |id| id != after.node && after.commit <= matched(id));
    let counts = !moved || holds_it() || others();
    let (node, commit) = (after.node, after.commit);
    holds("R3", counts, || {
        format!("the leader {node} commits {commit}, held by neither its disk nor enough of the others")
    })
}

/// R12, a leader's part: what is matched lies in the log, what comes next behind it, and windows are kept.
///
/// # Errors
/// Which peer's progress is wrong.
pub fn progress(last: Index, window: (usize, usize), peer: NodeId, progress: &Progress) -> Verdict {
    let (appends, weight) = progress.on_way();
    let fits = appends <= window.0 && (weight <= window.1 || appends == 1);
    let ordered = progress.matched <= last && progress.matched < progress.next && progress.next <= last.next();
    holds("R12", fits && ordered, || format!("progress of {peer}, log to {last}, window {window:?}: {progress:?}"))
}

/// R12 and R20 of a core: its numbers, its leader's view of each peer, and what it keeps.
///
/// # Errors
/// The first that does not hold.
pub fn state(core: &Consensus, role: &Role) -> Verdict {
    order(&Glance::of(core, role))?;
    followed(core, role)?;
    bounds(core)
}

/// R12, a leader's part: its view of each other member, and of nobody else.
fn followed(core: &Consensus, role: &Role) -> Verdict {
    let Role::Leader(leader) = role else { return Ok(()) };
    let (options, last) = (core.options(), core.log().last().index);
    let window = (options.window_appends, options.window_bytes);
    leader.progress().try_for_each(|(peer, of)| progress(last, window, peer, of))?;
    let others = || core.membership().ids().filter(|&id| id != core.me().node);
    holds("R12", leader.progress().map(|(peer, _)| peer).eq(others()), || {
        let followed: Vec<_> = leader.progress().map(|(peer, _)| peer).collect();
        format!("{followed:?} are followed, the other members are {:?}", others().collect::<Vec<_>>())
    })
}

/// R20, the core's part: what it keeps for others is bounded by how many they are, what it keeps of the log by options.
///
/// # Errors
/// What grows.
pub fn bounds(core: &Consensus) -> Verdict {
    let (kept, membership) = (core.kept(), core.membership());
    // Mostly so few that one half of the members is enough.
    let half = membership.members.len();
    let members = if kept.owed.max(kept.told) <= half { half } else { membership.ids().count() };
    within(&kept, members, core.options().cache_bytes)
}

/// R20 of what a core keeps among so many members, with a cache of so many bytes.
fn within(kept: &Kept, members: usize, cache: usize) -> Verdict {
    holds("R20", kept.answers == 0, || format!("{} answers left unsaid", kept.answers))?;
    holds("R20", kept.owed <= members && kept.told <= members, || format!("answers owed to strangers: {kept:?}"))?;
    holds("R20", kept.cached <= cache || kept.oldest_needed, || format!("cache over {cache}: {kept:?}"))
}

/// So many members are tried in all their subsets.
const TRIED_MAX: usize = 20;

/// R13: every quorum of one membership meets every quorum of the next, so no two can decide apart (§6).
///
/// # Errors
/// Two quorums that do not meet; more members than can be tried.
pub fn quorums_meet(one: &Membership, next: &Membership) -> Verdict {
    let mut ids: Vec<NodeId> = one.ids().chain(next.ids()).collect();
    ids.sort_unstable();
    ids.dedup();
    holds("R13", ids.len() <= TRIED_MAX, || format!("{} members are more than can be tried", ids.len()))?;
    let chosen = |subset: u64, id: NodeId| ids.binary_search(&id).is_ok_and(|nth| subset >> nth & 1 == 1);
    let apart = |subset: &u64| decides(one, |id| chosen(*subset, id)) && decides(next, |id| !chosen(*subset, id));
    let witness = (0..1u64 << ids.len()).find(apart);
    holds("R13", witness.is_none(), || format!("{one:?} and {next:?} can decide apart: {witness:?} of {ids:?}"))
}

/// R13: of the changes of members in a log one at most is not committed, so none begins from what may be undone (§6). Asked
/// of each log that is given such an entry, and as a peer starts: nothing else makes another of them uncommitted.
///
/// # Errors
/// Where they stand.
pub fn one_change(log: &Log, is_committed: impl Fn(LogId) -> bool) -> Verdict {
    let open = |index: &Index| log.term_at(*index).is_some_and(|term| !is_committed(LogId { term, index: *index }));
    let mut changes = log.changes().filter(|index| *index != Index(0) && open(index));
    let (first, second) = (changes.next(), changes.next());
    holds("R13", second.is_none(), || format!("changes at {first:?} and {second:?} are both uncommitted"))
}

/// Whether these are more than half of each set of voters: counted here, not by the core.
fn decides(membership: &Membership, yes: impl Fn(NodeId) -> bool) -> bool {
    membership.sets().all(|set| set.voters().count() < 2 * set.voters().filter(|&id| yes(id)).count())
}
