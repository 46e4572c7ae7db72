//! What may be asked of the core, by whoever drives it, watches it, or checks it.

use super::{Bindings, Clock, Consensus, Log, Membership, Options, Role};
use crate::raft::{Ask, Entry, Identity, Index, NodeId, Seq, Term, Time};

/// How much a core keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Answers not said yet; none after a flush.
    pub answers: usize,
    /// Members that answers may be owed to.
    pub owed: usize,
    /// Members whose strangers were told.
    pub told: usize,
    /// What the cached entries weigh.
    pub cached: usize,
    /// Whether the oldest of them may not go, since it is not durable yet.
    pub oldest_needed: bool,
}

impl Consensus {
    /// What it was told at its start.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Who we are.
    #[must_use]
    pub fn me(&self) -> Identity {
        self.me
    }

    /// Whether this life may vote.
    #[must_use]
    pub fn is_born(&self) -> bool {
        self.born
    }

    /// The current term.
    #[must_use]
    pub fn term(&self) -> Term {
        self.term
    }

    /// Whom we vote for in it.
    #[must_use]
    pub fn vote(&self) -> Option<NodeId> {
        self.vote
    }

    /// Whether a vote that was given waits for the disk before it is said.
    #[must_use]
    pub fn holds_back_a_grant(&self) -> bool {
        self.owed.values().any(|owed| owed.vote == Some(true))
    }

    /// Who leads, as far as we know: ourselves, or whom we follow.
    #[must_use]
    pub fn leader(&self, role: &Role) -> Option<NodeId> {
        match role {
            Role::Leader(_) => Some(self.me.node),
            Role::Follower(_) => self.leader.filter(|&leader| leader != self.me.node),
            Role::Newborn(_) | Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }

    /// Known to be committed; may lie beyond what is durable here.
    #[must_use]
    pub fn commit(&self) -> Index {
        self.commit
    }

    /// Handed to the state machine.
    #[must_use]
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// Terms, base, last, durable, snapshot, cached entries.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The membership in force.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        self.log.membership()
    }

    /// Which life of each other member is known.
    #[must_use]
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// Members that know another life of ours: our directory was emptied.
    pub fn strange_to(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.strange_to.iter().copied()
    }

    /// The latest moment that was told.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Every time, and the generator.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A leader's: when this member last answered a round, or when the reign began.
    #[must_use]
    pub fn heard(&self, member: NodeId) -> Option<Time> {
        self.clock.answered.get(&member).copied()
    }

    /// The same of all others, by rising id: of nobody, unless we lead.
    pub fn all_heard(&self) -> impl Iterator<Item = (NodeId, Time)> + '_ {
        self.clock.answered.iter().map(|(&member, &at)| (member, at))
    }

    /// When what the leader says was last new to us.
    #[must_use]
    pub fn leader_heard(&self) -> Option<Time> {
        self.clock.heard
    }

    /// All records up to here are known to be durable.
    #[must_use]
    pub fn persisted(&self) -> Seq {
        self.stream.durable()
    }

    /// Whether the store owes an answer.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.stream.is_in_flight()
    }

    /// Whether no write has completed for an election timeout.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Whether nothing new is taken.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// What stands in the log and is not known to be committed, as far as its bytes are in memory: what a copy of a
    /// proposal is looked for in.
    pub fn uncommitted(&self) -> impl Iterator<Item = (Index, &Entry)> + '_ {
        self.log.cached(self.commit.next())
    }

    /// How much it keeps that others could make grow.
    #[must_use]
    pub fn kept(&self) -> Kept {
        Kept {
            answers: self.answers.len(),
            owed: self.owed.len(),
            told: self.clock.told.len(),
            cached: self.log.cached_weight(),
            oldest_needed: self.log.needs_oldest(),
        }
    }

    /// Other voters, by rising id.
    pub(super) fn other_voters(&self) -> impl Iterator<Item = NodeId> + '_ {
        let members = self.log.membership();
        members.ids().filter(move |&id| id != self.me.node && members.has_voter(id))
    }

    /// The leader has confirmed from where on a read is linearizable.
    pub(super) fn on_read_answer(&mut self, ask: Ask, index: Index) {
        let tokens: Vec<_> = self.asks.on_answer(ask).collect();
        tokens.into_iter().for_each(|token| self.answer_read(token, index));
    }
}
