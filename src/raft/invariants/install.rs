//! R19: a leader's snapshot takes the place of what it covers whole: base, log and members change together.

use super::{Verdict, holds};
use crate::raft::consensus::{Consensus, Log, Membership};
use crate::raft::{Index, LogId};

/// A snapshot that a core is about to be told of, and the log that it meets.
#[derive(Clone, Debug)]
pub(super) struct Arriving {
    at: LogId,
    membership: Membership,
    /// Whether the log held that very entry, so that what follows it is to stay.
    matches: bool,
    before: Outline,
}

/// What an install may change of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outline {
    snapshot: LogId,
    base: LogId,
    last: LogId,
    /// Where each change of members stands.
    changes: Vec<Index>,
}

impl Outline {
    fn of(log: &Log) -> Outline {
        Outline { snapshot: log.snapshot(), base: log.base(), last: log.last(), changes: log.changes().collect() }
    }
}

impl Arriving {
    pub(super) fn new(log: &Log, at: LogId, membership: &Membership) -> Arriving {
        let matches = log.term_at(at.index) == Some(at.term);
        Arriving { at, membership: membership.clone(), matches, before: Outline::of(log) }
    }

    /// R19, once the core has been told: it is installed whole, or not at all. What follows its end stays if and only if
    /// the log held that end.
    ///
    /// # Errors
    /// What the log has become instead.
    pub(super) fn has_come(&self, core: &Consensus) -> Verdict {
        let Arriving { at, membership, matches, before } = self;
        let (log, after) = (core.log(), Outline::of(core.log()));
        if after == *before {
            return Ok(());
        }
        let kept = before.changes.iter().filter(|&&index| *matches && at.index < index);
        let last = if *matches { before.last } else { *at };
        let changes = std::iter::once(at.index).chain(kept.copied()).collect();
        let whole = after == Outline { snapshot: *at, base: *at, last, changes }
            && log.membership_before(at.index) == membership
            && core.applied() == at.index;
        holds("R19", whole, || format!("{self:?} has come, and to {} is applied: {after:?}", core.applied()))
    }
}
