//! Reads that are as if there were one copy (§8), by questions that many share.
//!
//! ```text
//!   any peer                          the leader                                 its voters
//!   Read, Read, Read ── ReadAsk ───>  joins the round not yet sent ── round ──>  do you follow me still?
//!                    <─ ReadAnswer ─  confirmed by a quorum        <── answers ─
//!   Readable, at the index that was committed when the question came
//! ```
//! A question is numbered, a token never travels: a late answer to a former question cannot be taken for one to this.

use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{Ask, Index, NodeId, Round, Term, Token};
use std::collections::VecDeque;

/// The most questions of one peer that a leader keeps: more are dropped, as packets may be.
const ASKS_MAX: usize = 16;

/// Reads that this peer has open and does not confirm itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asks {
    /// The number of the next question. It covers every read that stands here when it is asked.
    next: Ask,
    /// Each with the first question that covers it, in their order.
    waiting: VecDeque<(Ask, Token)>,
    /// Whom the last question went to.
    asked: Option<(NodeId, Term)>,
}

impl Asks {
    /// Numbered on from a number drawn at the start: an answer to a question of a former life is none to ours.
    pub(super) fn new(first: Ask) -> Asks {
        Asks { next: first, waiting: VecDeque::new(), asked: None }
    }

    pub(super) fn join(&mut self, token: Token) {
        self.waiting.push_back((self.next, token));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether something must be asked of this leader: it has not been asked yet, or not for all.
    pub(super) fn wants_to_ask(&self, leader: NodeId, term: Term) -> bool {
        let newest = self.waiting.back();
        newest.is_some_and(|(covered_by, _)| *covered_by == self.next || self.asked != Some((leader, term)))
    }

    /// One question for all that is open.
    pub(super) fn ask(&mut self, leader: NodeId, term: Term) -> Ask {
        let ask = self.next;
        self.next = Ask(ask.0 + 1);
        mark!("read-asked-again", self.asked == Some((leader, term)));
        mark!("read-asked-another-leader", self.asked.is_some_and(|asked| asked != (leader, term)));
        self.asked = Some((leader, term));
        ask
    }

    /// The reads that this answer is for: those that were open when it was asked.
    pub(super) fn on_answer(&mut self, answered: Ask) -> impl Iterator<Item = Token> + '_ {
        let asked = answered < self.next;
        mark!("read-answer-late", self.waiting.front().is_none_or(|(covered_by, _)| !asked || answered < *covered_by));
        let covered = self.waiting.partition_point(|(covered_by, _)| asked && *covered_by <= answered);
        self.waiting.drain(..covered).map(|(_, token)| token)
    }

    /// Keeps those of which this is true.
    pub(super) fn retain(&mut self, is_open: impl Fn(Token) -> bool) {
        self.waiting.retain(|(_, token)| is_open(*token));
    }

    /// All of them, for a leader, who asks nobody.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Token> + '_ {
        self.waiting.drain(..).map(|(_, token)| token)
    }
}

/// Who waits for a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reader {
    /// Our own caller.
    Own(Token),
    /// Another peer's question.
    Peer(NodeId, Ask),
}

/// A read that waits for a quorum to confirm a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Waiting {
    round: Round,
    pub(super) reader: Reader,
    pub(super) index: Index,
}

/// The rounds of a leader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rounds {
    sent: Round,
    waiting: VecDeque<Waiting>,
}

impl Rounds {
    /// The latest that was sent.
    pub(super) fn sent(&self) -> Round {
        self.sent
    }

    /// Joins the round that is not sent yet. A round under way may have been answered before this read was asked for.
    pub(super) fn join(&mut self, reader: Reader, index: Index) {
        let round = mutate!(ReadJoinsSent, Round(self.sent.0 + 1), self.sent);
        if let Reader::Peer(node, _) = reader {
            let of_node = |held: &&mut Waiting| matches!(held.reader, Reader::Peer(other, _) if other == node);
            let last = self.waiting.iter_mut().rev().find(of_node);
            if let Some(held) = last.filter(|held| held.round == round) {
                mark!("read-question-replaced");
                // The peer's newer question covers all that its older one did.
                (held.reader, held.index) = (reader, index);
                return;
            }
            let of_node = |held: &&Waiting| matches!(held.reader, Reader::Peer(other, _) if other == node);
            if ASKS_MAX <= self.waiting.iter().filter(of_node).count() {
                return;
            }
        }
        self.waiting.push_back(Waiting { round, reader, index });
    }

    /// Whether somebody waits for a round that is not sent yet.
    pub(super) fn wants_round(&self) -> bool {
        self.waiting.back().is_some_and(|last| self.sent < last.round)
    }

    /// Sends the next round.
    pub(super) fn begin(&mut self) -> Round {
        self.sent = Round(self.sent.0 + 1);
        self.sent
    }

    /// Who need wait no longer: a quorum has answered this round, or a later one.
    pub(super) fn confirmed(&mut self, round: Round) -> impl Iterator<Item = Waiting> + '_ {
        let confirmed = self.waiting.partition_point(|held| held.round <= round);
        self.waiting.drain(..confirmed)
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Keeps others' questions, and those of our callers' reads of which this is true.
    pub(super) fn retain_own(&mut self, is_open: impl Fn(Token) -> bool) {
        self.waiting.retain(|held| match held.reader {
            Reader::Own(token) => is_open(token),
            Reader::Peer(..) => true,
        });
    }

    /// Our own callers' reads, for the role that comes after.
    pub(super) fn own(&self) -> impl Iterator<Item = Token> + '_ {
        self.waiting.iter().filter_map(|held| match held.reader {
            Reader::Own(token) => Some(token),
            Reader::Peer(..) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEADER: (NodeId, Term) = (NodeId(1), Term(3));

    #[test]
    fn an_answer_resolves_the_reads_that_were_open_when_it_was_asked() {
        let mut asks = Asks::new(Ask(40));
        asks.join(Token(1));
        let first = asks.ask(LEADER.0, LEADER.1);
        asks.join(Token(2));
        assert!(asks.wants_to_ask(LEADER.0, LEADER.1));
        let second = asks.ask(LEADER.0, LEADER.1);
        asks.join(Token(3));
        assert_eq!(asks.on_answer(first).collect::<Vec<_>>(), [Token(1)]);
        assert_eq!(asks.on_answer(second).collect::<Vec<_>>(), [Token(2)]);
        assert_eq!(asks.on_answer(Ask(second.0 + 1)).count(), 0, "never asked");
        assert_eq!(asks.on_answer(Ask(39)).count(), 0, "a former life's");
    }

    #[test]
    fn another_leader_is_asked_again() {
        let mut asks = Asks::new(Ask(0));
        asks.join(Token(1));
        asks.ask(LEADER.0, LEADER.1);
        assert!(!asks.wants_to_ask(LEADER.0, LEADER.1));
        assert!(asks.wants_to_ask(NodeId(2), Term(4)));
    }

    #[test]
    fn a_read_waits_for_a_round_that_was_sent_after_it_came() {
        let mut rounds = Rounds::default();
        let under_way = rounds.begin();
        rounds.join(Reader::Own(Token(1)), Index(5));
        assert_eq!(rounds.confirmed(under_way).count(), 0);
        assert!(rounds.wants_round());
        let next = rounds.begin();
        assert!(!rounds.wants_round());
        assert_eq!(rounds.confirmed(next).map(|held| held.index).collect::<Vec<_>>(), [Index(5)]);
    }

    #[test]
    fn the_questions_of_one_peer_are_bounded() {
        let mut rounds = Rounds::default();
        for ask in 0..100 {
            rounds.join(Reader::Peer(NodeId(2), Ask(2 * ask)), Index(0));
            rounds.join(Reader::Peer(NodeId(2), Ask(2 * ask + 1)), Index(0));
            rounds.begin();
        }
        let kept: Vec<_> = rounds.confirmed(rounds.sent()).map(|held| held.reader).collect();
        assert_eq!(kept.len(), ASKS_MAX);
        assert_eq!(kept[0], Reader::Peer(NodeId(2), Ask(1)), "one for each round, the newest");
    }
}
