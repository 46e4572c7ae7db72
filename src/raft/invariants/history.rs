//! What has happened anywhere, ever: who led, who voted, what was written where, who was born.

use super::{Verdict, holds};
use crate::mix::spread;
use crate::raft::consensus::{Membership, Record};
use crate::raft::{Entry, Identity, Incarnation, Index, LogId, NodeId, Term};
use std::collections::{BTreeMap, BTreeSet};

/// One for a cluster, across all crashes.
#[derive(Clone, Debug, Default)]
pub struct History {
    leaders: BTreeMap<Term, NodeId>,
    votes: BTreeMap<(Identity, Term), NodeId>,
    /// Who has voted for whom.
    given: BTreeMap<(Term, NodeId), BTreeSet<NodeId>>,
    /// Each entry's content, and the term of the one before it.
    authors: BTreeMap<LogId, (u64, Option<Term>)>,
    born: BTreeMap<NodeId, Incarnation>,
    /// Who has bound this life, durably.
    bound: BTreeMap<Identity, BTreeSet<NodeId>>,
}

/// What an entry's content comes to.
pub(super) fn digest(entry: &Entry) -> u64 {
    let (words, rest) = entry.bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let begun = spread(entry.kind as u64 + ((entry.bytes.len() as u64) << 8));
    words.iter().chain([&last]).fold(begun, |digest, word| spread(digest ^ u64::from_le_bytes(*word)))
}

impl History {
    /// R1: at most one leader in a term (§5.2). True if this reign is new.
    ///
    /// # Errors
    /// Who else led.
    pub fn leads(&mut self, node: NodeId, term: Term) -> Result<bool, super::Violation> {
        let before = self.leaders.insert(term, node);
        holds("R1", before.is_none_or(|other| other == node), || format!("{before:?} and {node} lead term {term}"))?;
        Ok(before.is_none())
    }

    /// R1: whoever leads has the votes of a majority of its membership, given in this very term (§5.2). Its own needs no
    /// saying. The core's own count is not asked: it is what is judged here.
    ///
    /// # Errors
    /// Who has voted for it.
    pub fn is_elected(&self, node: NodeId, term: Term, membership: &Membership) -> Verdict {
        let given = self.given.get(&(term, node));
        let votes = |id: &NodeId| *id == node || given.is_some_and(|given| given.contains(id));
        let by_most = membership.sets().all(|set| set.voters().count() / 2 < set.voters().filter(votes).count());
        holds("R1", by_most, || format!("{node} leads term {term}, in which it has the votes of {given:?}"))
    }

    /// R2: one vote in a term, across restarts too (§5.2). To stand is to vote for oneself.
    ///
    /// # Errors
    /// Whom it voted for before.
    pub fn votes(&mut self, voter: Identity, term: Term, candidate: NodeId) -> Verdict {
        let first = *self.votes.entry((voter, term)).or_insert(candidate);
        self.given.entry((term, candidate)).or_default().insert(voter.node);
        holds("R2", first == candidate, || format!("{voter:?} votes for {first} and {candidate} in term {term}"))
    }

    /// R4: an entry of one term at one place has one content and one predecessor anywhere (§5.3); so logs that hold the
    /// same entry are equal up to it. `previous`: the term of the entry before the first, if it is known.
    ///
    /// # Errors
    /// Which entry has two.
    pub fn writes(&mut self, after: Index, previous: Option<Term>, entries: &[Entry]) -> Verdict {
        let (mut index, mut previous) = (after, previous);
        for entry in entries {
            index = index.next();
            let id = LogId { term: entry.term, index };
            let digest = digest(entry);
            let (content, before) = self.authors.entry(id).or_insert((digest, previous));
            let same = *content == digest && (before.is_none() || previous.is_none() || *before == previous);
            holds("R4", same, || format!("two entries are {id:?}, after {before:?} and {previous:?}"))?;
            *before = before.or(previous);
            previous = Some(entry.term);
        }
        Ok(())
    }

    /// R14: two lives of one member are never both born. Told of each record that is durable.
    ///
    /// # Errors
    /// Which other life was born.
    pub fn is_durable(&mut self, of: Identity, record: &Record) -> Verdict {
        match record {
            Record::Born => {
                let first = *self.born.entry(of.node).or_insert(of.incarnation);
                holds("R14", first == of.incarnation, || {
                    format!("two lives of {} are born: {first} and {of:?}", of.node)
                })
            }
            &Record::Bind { node, incarnation } => {
                self.binds(of.node, Identity { node, incarnation });
                Ok(())
            }
            Record::State { .. } | Record::Mark { .. } | Record::Entries { .. } => Ok(()),
        }
    }

    /// This member has bound that life, durably, whatever became of its disk since.
    pub(super) fn binds(&mut self, member: NodeId, life: Identity) {
        self.bound.entry(life).or_default().insert(member);
    }

    /// R14: who is born was bound by so many of the other voters. The core's own count is not asked: it is what is judged
    /// here.
    ///
    /// # Errors
    /// Who has bound it.
    pub fn is_attested(&self, life: Identity, membership: &Membership, needed: usize) -> Verdict {
        let bound = self.bound.get(&life);
        let counts = |id: &&NodeId| **id != life.node && membership.has_voter(**id);
        let enough = needed <= bound.map_or(0, |bound| bound.iter().filter(counts).count());
        holds("R14", enough, || format!("{life:?} is born, and {needed} were to bind it: {bound:?}"))
    }
}
