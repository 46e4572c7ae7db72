//! A peer that stands for election, and one that first asks whether it could win.

use super::{Consensus, Effect, Follower, Leader, Message, Role, quorum};
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{NodeId, Term};
use std::collections::BTreeSet;

/// What only a pre-candidate knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PreCandidate {
    granted: BTreeSet<NodeId>,
    /// The term that it would stand in.
    asked: Term,
    said: bool,
}

impl PreCandidate {
    /// Asks in no term of its own: whoever cannot win must not disturb those who work (thesis §9.6).
    pub(super) fn begin(core: &mut Consensus) -> Role {
        core.arm_election();
        let granted = BTreeSet::from([core.me.node]);
        PreCandidate { granted, asked: core.term.next(), said: false }.decide(core)
    }

    /// The term that it would stand in.
    #[must_use]
    pub fn asked(&self) -> Term {
        self.asked
    }

    pub(super) fn on_tick(self, core: &mut Consensus) -> Role {
        if core.clock.rings(super::Alarm::Election) {
            mark!("pre-vote-in-vain");
            retry(core)
        } else {
            Role::PreCandidate(self)
        }
    }

    pub(super) fn on_pre_vote_reply(mut self, core: &mut Consensus, from: NodeId, asked: Term, granted: bool) -> Role {
        mark!("pre-vote-reply-of-old-question", asked != self.asked);
        if granted && asked == self.asked {
            self.granted.insert(from);
        }
        self.decide(core)
    }

    fn decide(self, core: &mut Consensus) -> Role {
        let won = quorum::is_agreed(core.log.membership(), |id| self.granted.contains(&id));
        if !won {
            return Role::PreCandidate(self);
        }
        let role = Candidate::begin(core, false);
        mutate!(PreVotesCount, role, elected(role, self.granted))
    }

    pub(super) fn flush(&mut self, core: &Consensus, effects: &mut Vec<Effect>) {
        if !std::mem::replace(&mut self.said, true) {
            let message = Message::PreVote { asked: self.asked, last: core.log.last() };
            effects.extend(core.other_voters().map(|to| core.send(to, message.clone())));
        }
    }
}

/// What only a candidate knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Who has granted its vote; ourselves only once our own is durable.
    granted: BTreeSet<NodeId>,
    /// The leader itself told us to stand.
    transfer: bool,
    said: bool,
}

impl Candidate {
    /// Begins a term with a vote for ourselves (§5.2).
    pub(super) fn begin(core: &mut Consensus, transfer: bool) -> Role {
        core.begin_term(core.term.next(), Some(core.me.node));
        core.arm_election();
        Role::Candidate(Candidate { granted: BTreeSet::new(), transfer, said: false })
    }

    pub(super) fn on_tick(self, core: &mut Consensus) -> Role {
        if !core.clock.rings(super::Alarm::Election) {
            return Role::Candidate(self);
        }
        mark!("vote-split");
        // A split vote: try anew, after another draw (§5.2).
        retry(core)
    }

    pub(super) fn on_vote_reply(mut self, core: &mut Consensus, from: NodeId, granted: bool) -> Role {
        if granted {
            self.granted.insert(from);
        }
        self.decide(core)
    }

    /// Leads once a quorum has granted; our own vote counts once it is durable.
    pub(super) fn decide(mut self, core: &mut Consensus) -> Role {
        if core.stream.has_vote(core.term, core.vote) {
            self.granted.insert(core.me.node);
        }
        let won = quorum::is_agreed(core.log.membership(), |id| self.granted.contains(&id));
        mark!("elected-before-own-vote-is-durable", won && !self.granted.contains(&core.me.node));
        if won { Leader::begin(core, self.granted.into_iter().collect()) } else { Role::Candidate(self) }
    }

    pub(super) fn flush(&mut self, core: &Consensus, effects: &mut Vec<Effect>) {
        let durable = mutate!(RequestEarly, core.stream.has_vote(core.term, core.vote), true);
        mark!("request-held", !self.said && !durable);
        if !self.said && durable {
            mark!("vote-asked");
            self.said = true;
            let message = Message::Vote { term: core.term, last: core.log.last(), transfer: self.transfer };
            effects.extend(core.other_voters().map(|to| core.send(to, message.clone())));
        }
    }
}

/// A candidate whom these have elected already.
#[cfg(any(test, rsm_mutant))]
fn elected(role: Role, granted: BTreeSet<NodeId>) -> Role {
    match role {
        Role::Candidate(candidate) => Role::Candidate(Candidate { granted, ..candidate }),
        role => role,
    }
}

fn retry(core: &mut Consensus) -> Role {
    if !core.may_campaign() {
        mark!("campaign-given-up");
        return Follower::begin(core);
    }
    if core.options.pre_vote { PreCandidate::begin(core) } else { Candidate::begin(core, false) }
}
