//! What was said to the disk, and what waits to be said to peers until the disk has answered.
//!
//! ```text
//!    said only once durable                           | the term | and the vote | more
//!    -------------------------------------------------+----------+--------------+----------------------------
//!    a request for a vote, a vote granted, our own    |    x     |      x       |
//!    a refusal, a pre-vote's answer, a heartbeat's    |    x     |              |
//!    an append's acknowledgement                      |    x     |              | the entries, or the mark
//!    an attestation                                   |          |              | the binding
//! ```
//! This is where a vote given twice in a term would come from (§5.2): say it, crash, forget it, say another.

use super::effect::Record;
use crate::raft::mutant::mutate;
use crate::raft::{Incarnation, NodeId, Seq, Term, Track};

/// The stream of records, as far as it is given to the disk and as far as it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stream {
    given: Seq,
    durable: Seq,
    /// What the last `State` record said.
    state: (Term, Option<NodeId>),
    term_given: Seq,
    state_given: Seq,
    born_given: Seq,
}

impl Stream {
    /// A stream that has said this, durably.
    pub(super) fn new(term: Term, vote: Option<NodeId>) -> Stream {
        let zero = Seq(0);
        let state = (term, vote);
        Stream { given: zero, durable: zero, state, term_given: zero, state_given: zero, born_given: zero }
    }

    /// The number of the next record.
    pub(super) fn give(&mut self) -> Seq {
        self.given = self.given.next();
        self.given
    }

    /// The record of birth.
    pub(super) fn give_born(&mut self) -> (Seq, Record) {
        self.born_given = self.give();
        (self.born_given, Record::Born)
    }

    /// The record of term and vote, if the disk has not been given them yet.
    pub(super) fn give_state(&mut self, term: Term, vote: Option<NodeId>) -> Option<(Seq, Record)> {
        (self.state != (term, vote)).then(|| {
            let seq = self.give();
            if self.state.0 != term {
                self.term_given = seq;
            }
            self.state_given = seq;
            self.state = (term, vote);
            (seq, Record::State { term, vote })
        })
    }

    /// Everything up to `seq` is durable. False if that is nothing new, or was never given.
    pub(super) fn on_persisted(&mut self, seq: Seq) -> bool {
        let news = self.durable < seq && seq <= self.given;
        if news {
            self.durable = mutate!(PersistedIsAll, seq, self.given);
        }
        news
    }

    pub(super) fn durable(&self) -> Seq {
        self.durable
    }

    /// Whether the disk owes us an answer.
    pub(super) fn is_in_flight(&self) -> bool {
        self.durable < self.given
    }

    /// Whether this term is durable, and that we may speak in it at all.
    pub(super) fn has_term(&self, term: Term) -> bool {
        self.state.0 == term && self.term_given.max(self.born_given) <= self.durable
    }

    /// Whether this vote in this term is durable.
    pub(super) fn has_vote(&self, term: Term, vote: Option<NodeId>) -> bool {
        let given = mutate!(VoteWithTerm, self.state_given, self.term_given);
        self.state == (term, vote) && given <= self.durable
    }
}

/// The newest answer of each kind that a member still waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Owed {
    /// Whether our vote is its own.
    pub(super) vote: Option<bool>,
    /// What it asked to stand in, and whether we would vote for it.
    pub(super) pre_vote: Option<(Term, bool)>,
    /// It leads, or led, in a term that is over: it must learn of ours.
    pub(super) stale: Option<Track>,
    /// It asks which life of it we know.
    pub(super) attest: bool,
    /// Another life of it asks the same.
    pub(super) stranger: Option<Incarnation>,
}

impl Owed {
    /// Whether anything is owed.
    pub(super) fn waits(&self) -> bool {
        let Owed { vote, pre_vote, stale, attest, stranger } = self;
        *attest || vote.is_some() || pre_vote.is_some() || stale.is_some() || stranger.is_some()
    }

    /// Our term is another: what we said of votes in the old one is void.
    pub(super) fn on_new_term(&mut self) {
        (self.vote, self.pre_vote) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_durable_before_a_vote_in_it_is() {
        let mut stream = Stream::new(Term(4), None);
        let (first, _) = stream.give_state(Term(5), None).unwrap();
        let (second, _) = stream.give_state(Term(5), Some(NodeId(0))).unwrap();
        assert!(!stream.has_term(Term(5)));
        stream.on_persisted(first);
        assert!(stream.has_term(Term(5)) && !stream.has_vote(Term(5), Some(NodeId(0))));
        stream.on_persisted(second);
        assert!(stream.has_vote(Term(5), Some(NodeId(0))));
        assert!(!stream.has_vote(Term(5), Some(NodeId(1))));
        assert!(!stream.has_term(Term(6)));
    }

    #[test]
    fn the_same_state_is_said_once() {
        let mut stream = Stream::new(Term(4), Some(NodeId(2)));
        assert_eq!(stream.give_state(Term(4), Some(NodeId(2))), None);
        assert!(stream.give_state(Term(4), None).is_some());
        assert_eq!(stream.give_state(Term(4), None), None);
    }

    #[test]
    fn a_disk_that_claims_what_it_was_never_given_is_not_believed() {
        let mut stream = Stream::new(Term(0), None);
        assert!(!stream.on_persisted(Seq(1)));
        let seq = stream.give();
        assert!(stream.on_persisted(seq));
        assert!(!stream.on_persisted(seq));
    }

    #[test]
    fn whoever_is_not_durably_born_does_not_speak_even_in_term_zero() {
        let mut stream = Stream::new(Term(0), None);
        let (seq, _) = stream.give_born();
        assert!(!stream.has_term(Term(0)));
        stream.on_persisted(seq);
        assert!(stream.has_term(Term(0)));
    }
}
