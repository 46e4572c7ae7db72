//! What is committed, whoever knows of it: an entry that a quorum has held durably while it was in the entry's term.
//!
//! ```text
//!   disks complete ──> for each term: how far does each hold its leader's entries? ──> the quorum's share is committed
//! ```
//! A leader's word is not asked. So a commit that should not be shows at the step that makes it, not minutes later.

use super::by_node::ByNode;
use super::history::digest;
use super::shadow::Image;
use super::{Verdict, holds};
use crate::raft::consensus::{Committed, Membership};
use crate::raft::{Index, LogId, NodeId, Term};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug)]
struct Agreed {
    term: Term,
    content: u64,
    /// The term in which it came to be committed.
    by: Term,
}

/// One for a cluster.
#[derive(Clone, Debug, Default)]
pub struct Ghost {
    entries: Vec<Agreed>,
    /// For each term, how far each member's disk holds that term's entries.
    matched: BTreeMap<Term, ByNode<Index>>,
    /// The greatest place for which each member's copy was counted.
    counted: ByNode<Index>,
    /// Room to sort places in.
    places: Vec<Index>,
}

impl Ghost {
    /// How far the log is committed.
    #[must_use]
    pub fn len(&self) -> Index {
        Index(self.entries.len() as u64)
    }

    /// Whether nothing is committed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The term of a committed entry.
    #[must_use]
    pub fn term_at(&self, index: Index) -> Option<Term> {
        self.at(index).map(|entry| entry.term)
    }

    /// Whether this very entry is committed.
    #[must_use]
    pub fn has(&self, id: LogId) -> bool {
        self.term_at(id.index) == Some(id.term)
    }

    fn at(&self, index: Index) -> Option<&Agreed> {
        self.entries.get(usize::try_from(index.0.checked_sub(1)?).ok()?)
    }

    /// R6: the disk of `node`, which is in `term`, holds this. What a quorum of that term's membership holds is
    /// committed from now on.
    ///
    /// # Errors
    /// Another entry was committed there.
    pub fn holds(&mut self, node: NodeId, term: Term, membership: &Membership, disk: &Image) -> Verdict {
        let last = disk.last();
        if last.term != term {
            return Ok(());
        }
        let matched = self.matched.entry(term).or_default();
        let mine = matched.of(node);
        *mine = (*mine).max(last.index);
        let agreed = agreed(membership, &mut self.places, |id| matched.get(id).copied().unwrap_or_default());
        for (member, &index) in matched.iter().filter(|_| agreed != Index(0)) {
            let counted = self.counted.of(member);
            *counted = (*counted).max(agreed.min(index));
        }
        let place = agreed.min(self.len());
        let same = disk.entry(place).is_none_or(|(term, content)| {
            self.at(place).is_none_or(|entry| (entry.term, entry.content) == (term, content))
        });
        holds("R6", same, || format!("two entries are committed at {place}, the second by term {term}"))?;
        while self.len() < agreed {
            let Some((term_of, content)) = disk.entry(self.len().next()) else { break };
            self.entries.push(Agreed { term: term_of, content, by: term });
        }
        Ok(())
    }

    /// R7: what a peer takes for committed is committed. Asked for each new commit; `term_at` is of its log.
    ///
    /// # Errors
    /// What it takes for committed.
    pub fn knows(&self, before: Index, commit: Index, term_at: impl Fn(Index) -> Option<Term>) -> Verdict {
        holds("R7", commit <= self.len(), || format!("{commit} is taken for committed, {} is", self.len()))?;
        let mut index = before;
        while index < commit {
            index = index.next();
            let (theirs, ours) = (term_at(index), self.term_at(index));
            let same = theirs.is_none() || theirs == ours;
            holds("R7", same, || format!("{index}@{theirs:?} is taken for committed, {index}@{ours:?} is"))?;
        }
        Ok(())
    }

    /// R7: a snapshot ends at a committed entry.
    ///
    /// # Errors
    /// What it covers instead.
    pub fn covers(&self, at: LogId) -> Verdict {
        let covers = at.index == Index(0) || self.has(at);
        holds("R7", covers, || format!("a snapshot ends at {at:?}, where {:?} is committed", self.term_at(at.index)))
    }

    /// R12, R7: what a peer hands to its state machine begins after what it has handed over before, and is what is
    /// committed there. Says how far that is now.
    ///
    /// # Errors
    /// What it hands over instead.
    pub fn applies(&self, applied: Index, next: &Committed) -> Result<Index, super::Violation> {
        let (first, last) = match next {
            Committed::Entries { first, entries } => (*first, Index(first.0 + entries.len() as u64 - 1)),
            Committed::Range(range) => (range.start, Index(range.end.0 - 1)),
        };
        let in_order = first == applied.next() && first <= last;
        holds("R12", in_order, || format!("{first} to {last} are applied after {applied}"))?;
        holds("R7", last <= self.len(), || format!("{last} is applied, {} is committed", self.len()))?;
        if let Committed::Entries { entries, .. } = next {
            for (at, entry) in (first.0..).zip(entries.iter()) {
                let same = |ours: &Agreed| (ours.term, ours.content) == (entry.term, digest(entry));
                let what = || format!("{at}@{} is applied, {:?} is committed", entry.term, self.at(Index(at)));
                holds("R7", self.at(Index(at)).is_some_and(same), what)?;
            }
        }
        Ok(last)
    }

    /// R8: a new leader's log holds what was committed in earlier terms (§5.4).
    ///
    /// # Errors
    /// Which entry it lacks.
    pub fn elects(&self, term: Term, base: LogId, term_at: impl Fn(Index) -> Option<Term>) -> Verdict {
        let last = Index(self.entries.partition_point(|entry| entry.by < term) as u64);
        let held = if last <= base.index {
            base.index == Index(0) || self.has(base)
        } else {
            term_at(last) == self.term_at(last)
        };
        holds("R8", held, || format!("the leader of {term} lacks {last}@{:?}", self.term_at(last)))
    }

    /// R10: nothing is cut that the peer itself knows to be committed, or that was counted as held by it.
    ///
    /// # Errors
    /// What is cut.
    pub fn cuts(&self, node: NodeId, after: Index, commit: Index) -> Verdict {
        let counted = self.counted.get(node).copied().unwrap_or_default();
        let kept = commit.max(counted) <= after;
        holds("R10", kept, || format!("{node} cuts its log to {after}; committed {commit}, counted {counted}"))
    }
}

/// How far a majority of each set of voters has got. The core's own count is not asked: it is what is judged here.
fn agreed(membership: &Membership, places: &mut Vec<Index>, reached: impl Fn(NodeId) -> Index) -> Index {
    let in_sets = membership.sets().map(|set| {
        places.clear();
        places.extend(set.voters().map(&reached));
        places.sort_unstable_by(|one, other| other.cmp(one));
        places.get(places.len() / 2).copied().unwrap_or_default()
    });
    in_sets.min().unwrap_or_default()
}
