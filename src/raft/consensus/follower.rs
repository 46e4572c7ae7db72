//! A peer that follows a leader, or waits for one.

use super::log::Met;
use super::{Alarm, Append, Candidate, Consensus, Effect, Message, Outcome, PreCandidate, Role};
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{Index, NodeId, Round, Term, Track};

/// What only a follower knows. It holds for one term and its leader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Follower {
    /// Our log equals the leader's up to here. Nothing beyond is committed on its word.
    pub(super) verified: Index,
    /// What it was told that we hold durably.
    acked: Index,
    /// The leader's latest acquaintance with us.
    track: Track,
    /// The append that an answer is owed to, if one is.
    answer: Option<Answer>,
    /// The round that an answer is owed to, if one is.
    round: Option<Round>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Answer {
    Acknowledge,
    Conflict { term: Term, index: Index },
}

impl Follower {
    /// Knows nothing of the term's leader. An election that was near stays as near: only news of a leader puts it off.
    pub(super) fn begin(core: &mut Consensus) -> Role {
        Role::Follower(Follower::new(core))
    }

    pub(super) fn new(core: &mut Consensus) -> Follower {
        if !core.clock.is_armed(Alarm::Election) {
            core.arm_election();
        }
        mutate!(
            VerifiedAtOnce,
            Follower::default(),
            Follower { verified: core.log.last().index, ..Follower::default() }
        )
    }

    /// Our log is known to equal the leader's up to here.
    #[must_use]
    pub fn verified(&self) -> Index {
        self.verified
    }

    pub(super) fn on_tick(self, core: &mut Consensus) -> Role {
        if !core.clock.rings(Alarm::Election) {
            return Role::Follower(self);
        }
        if !core.may_campaign() {
            mark!("campaign-forborne");
            core.arm_election();
            return Role::Follower(self);
        }
        // The §5.2 timeout; asking first keeps a peer that was cut off from raising everyone's term (thesis §9.6).
        if core.options.pre_vote { PreCandidate::begin(core) } else { Candidate::begin(core, false) }
    }

    /// The leader wants a successor at once (thesis §3.10).
    pub(super) fn on_timeout_now(self, core: &mut Consensus, from: NodeId) -> Role {
        if core.leader == Some(from) && core.may_campaign() {
            Candidate::begin(core, true)
        } else {
            Role::Follower(self)
        }
    }

    pub(super) fn on_append(mut self, core: &mut Consensus, from: NodeId, append: Append) -> Role {
        core.hear(from, None);
        self.track = self.track.max(append.track);
        if mutate!(VoteCleared, false, true) {
            core.vote = None;
        }
        // An append without entries needs no room, nor does its answer: by it alone a leader that is new, or has cut
        // its log, learns where we stand; hence the commit of what we hold, and the snapshot that makes room. One with
        // entries is as good as lost even if it does not attach: of a window whose first is dropped none does, and to
        // say so would bring it all again, pulse after pulse. A probe that is not answered comes again without.
        if !core.room && mutate!(ProbeDropped, !append.entries.is_empty(), true) {
            mark!("append-dropped-full-disk");
            return Role::Follower(self);
        }
        mark!("probe-heard-full-disk", !core.room);
        match core.log.attach(append.term, append.prev, &append.entries, core.commit) {
            Met::Equal(index) => {
                // A leader that took back what it had said would leave less than was known to equal its log.
                let end = core.log.last().index;
                self.verified = mutate!(VerifiedStays, self.verified.max(index).min(end), self.verified.max(index));
                // One answer is owed, for the whole of it: none before for what it merely follows.
                self.acked = self.acked.max(append.prev.index.min(core.log.durable()));
                self.answer = Some(Answer::Acknowledge);
            }
            Met::Conflict { term, index } => {
                self.answer = mutate!(ConflictUnanswered, Some(Answer::Conflict { term, index }), None);
            }
            Met::Malformed => {}
        }
        self.learn_commit(core, append.commit);
        Role::Follower(self)
    }

    pub(super) fn on_heartbeat(mut self, core: &mut Consensus, from: NodeId, beat: Beat) -> Role {
        mark!("heartbeat-heard-full-disk", !core.room);
        let before = core.round_heard;
        core.hear(from, Some(beat.round));
        self.track = self.track.max(beat.track);
        if before != core.round_heard {
            self.round = Some(beat.round); // a round is answered once
        } else {
            mark!("round-heard-twice");
        }
        self.learn_commit(core, beat.commit);
        Role::Follower(self)
    }

    /// A leader never tells us a commit beyond what we have acknowledged to it, so it also says that much is equal.
    /// Else a follower that begins anew in an idle leader's term would hear of no commit for ever.
    fn learn_commit(&mut self, core: &mut Consensus, commit: Index) {
        self.verified = self.verified.max(commit.min(core.log.last().index));
        core.follow_commit(commit, self.verified);
    }

    /// A snapshot of the leader covers everything up to here, and is ours now.
    pub(super) fn on_installed(&mut self, core: &mut Consensus, index: Index, track: Track) {
        self.track = self.track.max(track);
        self.verified = self.verified.max(index);
        self.answer = Some(Answer::Acknowledge);
        core.follow_commit(index, self.verified);
    }

    pub(super) fn flush(&mut self, core: &mut Consensus, effects: &mut Vec<Effect>) {
        let Some(leader) = core.leader.filter(|&leader| leader != core.me.node) else { return };
        if !core.stream.has_term(core.term) {
            return;
        }
        let (term, track) = (core.term, self.track);
        let matched = mutate!(AckEarly, self.verified.min(core.log.durable()), self.verified);
        if let Some(round) = self.round.take() {
            mark!("round-answered-behind-disk", matched < self.verified);
            let durable = mutate!(PulseAckEarly, matched, self.verified);
            let message = Message::HeartbeatReply { term, track, round, have: self.verified, matched: durable };
            self.acked = self.acked.max(matched);
            effects.push(core.send(leader, message));
        }
        let outcome = match self.answer {
            Some(Answer::Conflict { term, index }) => Some(Outcome::Conflict { term, index }),
            // An append that waits for the disk is acknowledged when `durable` has moved.
            Some(Answer::Acknowledge) if matched == self.verified => Some(Outcome::Matched(matched)),
            Some(Answer::Acknowledge) | None => {
                mark!("ack-held", self.answer.is_some());
                (self.acked < matched).then_some(Outcome::Matched(matched))
            }
        };
        if let Some(outcome) = outcome {
            self.answer = None;
            self.acked = self.acked.max(matched);
            effects.push(core.send(leader, Message::AppendReply { term, track, outcome }));
        }
    }
}

/// A heartbeat, as far as a follower is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beat {
    pub(super) track: Track,
    pub(super) commit: Index,
    pub(super) round: Round,
}
