//! One gate, one table: whatever comes from a peer passes here.
//!
//! ```text
//!   packet ── identity ── gate: whose term is higher? ── table: role x message ── handler
//!              another      higher: adopt it, follow
//!              life: drop   lower: a stale leader must learn, the rest is dropped
//! ```

use super::follower::Beat;
use super::leader::Reply;
use super::log::PLACES;
use super::reads::Reader;
use super::snapshots::Arrived;
use super::{Candidate, Consensus, Follower, Message, Role, leader};
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{Identity, Incarnation, LogId, NodeId, Term};

/// A packet's message.
pub(super) fn receive(
    core: &mut Consensus,
    role: Role,
    from: Identity,
    to: Option<Incarnation>,
    message: Message,
) -> Role {
    let for_us = to.is_none_or(|to| to == core.me.incarnation);
    if !for_us || from.node == core.me.node || !core.log.membership().has(from.node) {
        mark!("no-member-dropped", !core.log.membership().has(from.node));
        mark!("other-life-of-ours-addressed", !for_us);
        return role;
    }
    let is_known = core.bindings.bind(from.node, from.incarnation) == from.incarnation;
    if let Message::Attest { bound } = message
        && bound != core.me.incarnation
        && (is_known || matches!(role, Role::Newborn(_)))
    {
        mark!("other-life-of-ours-known");
        core.strange_to.insert(from.node);
    }
    if !is_known {
        return on_stranger(core, role, from, message);
    }
    pass(core, role, from.node, message)
}

/// Another life of a member than the one we know. It counts for nothing but, before we are born, its word on which life of
/// ours it knows.
fn on_stranger(core: &mut Consensus, role: Role, from: Identity, message: Message) -> Role {
    if let Message::Attest { bound } = message {
        // Two that each know another life of the other would answer each other for ever.
        return if let Role::Newborn(newborn) = role { newborn.on_attest(core, from.node, bound) } else { role };
    }
    let now = core.clock.now();
    mark!("stranger-dropped");
    if core.clock.told.get(&from.node).is_none_or(|&next| next <= now) {
        mark!("former-life-told");
        core.clock.told.insert(from.node, now.after(core.options.heartbeat));
        core.owed.entry(from.node).or_default().stranger = Some(from.incarnation);
    }
    role
}

impl Consensus {
    /// Whether this core is what it was before, but for what every word changes of it that comes from another life of this
    /// member: the time, what is owed to that life, and when it may be told again. For a simulator that asks.
    #[doc(hidden)]
    #[must_use]
    pub fn has_heard_a_stranger_at_most(&self, mut before: Consensus, member: NodeId) -> bool {
        before.clock.advance(self.clock.now());
        if let Some(&again) = self.clock.told.get(&member) {
            before.clock.told.insert(member, again);
        }
        if let Some(stranger) = self.owed.get(&member).and_then(|owed| owed.stranger) {
            before.owed.entry(member).or_default().stranger = Some(stranger);
        }
        before == *self
    }
}

/// The gate (§5.1).
fn pass(core: &mut Consensus, role: Role, from: NodeId, message: Message) -> Role {
    let term = message.term();
    match (&role, term) {
        (Role::Newborn(_), _) | (_, None) => table(core, role, from, message),
        (_, Some(term)) if core.term < term => {
            let unlearned = mutate!(AnswerUnlearned, false, is_an_answer(&message));
            let unheard = mutate!(RefusalUnlearned, false, is_a_refusal(&message));
            if unlearned || unheard {
                return role;
            }
            // A leader's followers are not to be had by whoever has merely lost sight of it (thesis §4.2.3).
            if let Message::Vote { transfer: false, .. } = message
                && core.is_led(&role)
            {
                mark!("vote-refused-led");
                return role;
            }
            mark!("leader-deposed-by-term", role.is_leader());
            mark!("leader-deposed-by-answer", role.is_leader() && matches!(message, Message::AppendReply { .. }));
            mark!("term-learned-from-pre-vote", matches!(message, Message::PreVoteReply { .. }));
            mark!("term-learned-from-refusal", matches!(message, Message::VoteReply { granted: false, .. }));
            let role = adopt(core, role, term);
            table(core, role, from, message)
        }
        (_, Some(term)) if term < core.term => on_lower(core, role, from, message),
        (_, Some(_)) => table(core, role, from, message),
    }
}

/// What a leader is told of its appends and heartbeats.
#[cfg(any(test, rsm_mutant))]
fn is_an_answer(message: &Message) -> bool {
    matches!(message, Message::AppendReply { .. } | Message::HeartbeatReply { .. })
}

/// That somebody has no vote for us.
#[cfg(any(test, rsm_mutant))]
fn is_a_refusal(message: &Message) -> bool {
    matches!(message, Message::PreVoteReply { granted: false, .. } | Message::VoteReply { granted: false, .. })
}

/// A higher term makes a follower of everyone (§5.1).
fn adopt(core: &mut Consensus, role: Role, term: Term) -> Role {
    let follower = leader::deposed(role, core);
    core.begin_term(term, None);
    Role::Follower(follower)
}

fn on_lower(core: &mut Consensus, role: Role, from: NodeId, message: Message) -> Role {
    let taken = mutate!(StaleTermTaken, false, matches!(message, Message::Append(_)));
    let counted = mutate!(OldVotesCount, false, matches!(message, Message::VoteReply { .. }));
    if taken || counted {
        return table(core, role, from, message);
    }
    mark!("append-of-old-term", matches!(message, Message::Append(_)));
    mark!("heartbeat-of-old-term", matches!(message, Message::Heartbeat { .. }));
    mark!("vote-of-old-term", matches!(message, Message::Vote { .. }));
    mark!("vote-reply-of-old-term", matches!(message, Message::VoteReply { granted: true, .. }));
    mark!(
        "vote-reply-of-old-term-counts-no-more",
        matches!(message, Message::VoteReply { granted: true, .. }) && matches!(role, Role::Candidate(_))
    );
    mark!("append-reply-of-old-term", role.is_leader() && matches!(message, Message::AppendReply { .. }));
    mark!("round-of-former-reign", role.is_leader() && matches!(message, Message::HeartbeatReply { .. }));
    mark!("pre-vote-of-lower-term-counts", matches!(message, Message::PreVoteReply { granted: true, .. }));
    match message {
        // Never by a heartbeat's answer: its round might be taken for one of a later reign of the same peer.
        Message::Append(append) => core.owed.entry(from).or_default().stale = Some(append.track),
        Message::Heartbeat { track, .. } => core.owed.entry(from).or_default().stale = Some(track),
        Message::Vote { .. } => core.owed.entry(from).or_default().vote = Some(false),
        // A grant is judged by what was asked: its giver's term may well be lower.
        Message::PreVoteReply { granted: true, .. } => return table(core, role, from, message),
        Message::PreVoteReply { .. }
        | Message::VoteReply { .. }
        | Message::AppendReply { .. }
        | Message::HeartbeatReply { .. }
        | Message::TimeoutNow { .. } => {}
        Message::PreVote { .. }
        | Message::Forward { .. }
        | Message::ReadAsk { .. }
        | Message::ReadAnswer { .. }
        | Message::Hello
        | Message::Attest { .. } => {}
    }
    role
}

/// Role and message, each pair.
fn table(core: &mut Consensus, role: Role, from: NodeId, message: Message) -> Role {
    use Message as M;
    use Role as R;
    match (role, message) {
        (role, M::Hello) => {
            core.owed.entry(from).or_default().attest = true;
            role
        }

        (R::Newborn(newborn), M::Attest { bound }) => newborn.on_attest(core, from, bound),
        (role, M::Attest { .. }) => role,

        (R::Newborn(newborn), M::PreVote { .. } | M::Vote { .. } | M::Append(_) | M::Heartbeat { .. }) => {
            R::Newborn(newborn)
        }
        (R::Newborn(newborn), M::PreVoteReply { .. } | M::VoteReply { .. } | M::TimeoutNow { .. }) => {
            R::Newborn(newborn)
        }
        (R::Newborn(newborn), M::AppendReply { .. } | M::HeartbeatReply { .. }) => R::Newborn(newborn),
        (R::Newborn(newborn), M::Forward { .. } | M::ReadAsk { .. } | M::ReadAnswer { .. }) => R::Newborn(newborn),

        (role, M::PreVote { asked, last }) => on_pre_vote(core, role, from, asked, last),

        (R::PreCandidate(asker), M::PreVoteReply { asked, granted, .. }) => {
            asker.on_pre_vote_reply(core, from, asked, granted)
        }
        (role @ (R::Follower(_) | R::Candidate(_) | R::Leader(_)), M::PreVoteReply { .. }) => {
            mark!("pre-vote-reply-late");
            role
        }

        (role @ (R::Follower(_) | R::PreCandidate(_)), M::Vote { last, .. }) => on_vote(core, role, from, last),
        (role @ (R::Candidate(_) | R::Leader(_)), M::Vote { .. }) => {
            mark!("vote-refused-candidate");
            core.owed.entry(from).or_default().vote = Some(false);
            role
        }

        (R::Candidate(candidate), M::VoteReply { granted, .. }) => candidate.on_vote_reply(core, from, granted),
        (role @ (R::Follower(_) | R::PreCandidate(_) | R::Leader(_)), M::VoteReply { .. }) => {
            mark!("vote-reply-late");
            role
        }

        (role @ R::Leader(_), M::Append(_) | M::Heartbeat { .. }) => two_leaders(core, role, from),
        (role @ (R::Follower(_) | R::PreCandidate(_) | R::Candidate(_)), M::Append(append)) => {
            follow(core, role).on_append(core, from, append)
        }
        (role @ (R::Follower(_) | R::PreCandidate(_) | R::Candidate(_)), M::Heartbeat { track, commit, round, .. }) => {
            follow(core, role).on_heartbeat(core, from, Beat { track, commit, round })
        }

        (R::Leader(mut leader), M::AppendReply { track, outcome, .. }) => {
            leader.on_append_reply(core, from, track, outcome);
            R::Leader(leader)
        }
        (R::Leader(mut leader), M::HeartbeatReply { track, round, have, matched, .. }) => {
            leader.on_heartbeat_reply(core, from, Reply { track, round, have, matched });
            R::Leader(leader)
        }
        (
            role @ (R::Follower(_) | R::PreCandidate(_) | R::Candidate(_)),
            M::AppendReply { .. } | M::HeartbeatReply { .. },
        ) => role,

        (R::Follower(follower), M::TimeoutNow { .. }) => follower.on_timeout_now(core, from),
        (role @ R::PreCandidate(_), M::TimeoutNow { .. }) => {
            mark!("timeout-now");
            if core.leader == Some(from) && core.may_campaign() { Candidate::begin(core, true) } else { role }
        }
        (role @ (R::Candidate(_) | R::Leader(_)), M::TimeoutNow { .. }) => role,

        (R::Leader(mut leader), M::Forward { entries }) => {
            leader.on_forward(core, from, &entries);
            R::Leader(leader)
        }
        (R::Leader(mut leader), M::ReadAsk { ask }) => {
            leader.on_read(core, Reader::Peer(from, ask));
            R::Leader(leader)
        }
        (role @ (R::Follower(_) | R::PreCandidate(_) | R::Candidate(_)), M::Forward { .. }) => {
            mark!("forward-to-no-leader");
            role
        }
        (role @ (R::Follower(_) | R::PreCandidate(_) | R::Candidate(_)), M::ReadAsk { .. }) => {
            mark!("read-asked-of-no-leader");
            role
        }

        (role @ (R::Follower(_) | R::PreCandidate(_) | R::Candidate(_)), M::ReadAnswer { ask, index }) => {
            core.on_read_answer(ask, index);
            role
        }
        (role @ R::Leader(_), M::ReadAnswer { .. }) => role,
    }
}

/// Another leads in our term: one of us has been elected by votes that were not given, and whoever went on might fork the log.
fn two_leaders(core: &Consensus, role: Role, from: NodeId) -> Role {
    mark!("two-leaders");
    let stops = mutate!(TwoLeadersBorne, true, false);
    assert!(
        !stops,
        "R1: at most one leader in a term (§5.2): {from} leads term {} as we do, so this peer stops",
        core.term
    );
    role
}

/// Whoever hears a leader of its own term follows it (§5.2).
fn follow(core: &mut Consensus, role: Role) -> Follower {
    match role {
        Role::Follower(follower) => follower,
        role @ (Role::Newborn(_) | Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_)) => {
            mark!("candidate-yields", matches!(role, Role::Candidate(_)));
            mark!("pre-candidate-yields", matches!(role, Role::PreCandidate(_)));
            leader::deposed(role, core)
        }
    }
}

fn on_pre_vote(core: &mut Consensus, role: Role, from: NodeId, asked: Term, last: LogId) -> Role {
    if core.leader == Some(from) && !role.is_leader() {
        mark!("pre-vote-asked-by-its-leader");
        core.clock.heard = None; // the leader itself asks: it has given up, or was started anew
    }
    let granted = core.term < asked && is_fit(core, last) && !core.is_led(&role) && !role.is_leader();
    mark!("pre-vote-granted-after-a-leader", granted && core.leader.is_some_and(|leader| leader != from));
    mark!("pre-vote-refused-led", core.term < asked && core.is_led(&role));
    mark!("pre-vote-refused-log", core.term < asked && !is_fit(core, last));
    mark!("pre-vote-refused-term", asked <= core.term);
    mark!("pre-vote-shorter-of-later-term", granted && last.index < core.log.last().index);
    core.owed.entry(from).or_default().pre_vote = Some((asked, granted));
    role
}

/// A log that ends there lacks nothing that may be committed here: the later term counts, then the length (§5.4.1).
fn is_fit(core: &Consensus, last: LogId) -> bool {
    let own = core.log.last();
    let in_order = mutate!(VoteByIndex, own <= last, own.index <= last.index);
    let fit = mutate!(VoteByBoth, in_order, own.term <= last.term && own.index <= last.index);
    mutate!(VoteForAnyLog, fit, true)
}

/// One vote a term, for a log that is not behind ours (§5.2, §5.4.1).
fn on_vote(core: &mut Consensus, role: Role, from: NodeId, last: LogId) -> Role {
    let free = mutate!(VoteTwice, core.vote.is_none_or(|vote| vote == from), true);
    let granted = free && is_fit(core, last);
    mark!("vote-refused-given", !free);
    mark!("vote-refused-log", free && !granted);
    mark!("vote-refused-longer-of-older-term", core.log.last().index < last.index && !is_fit(core, last));
    mark!("vote-granted", granted);
    mark!("vote-granted-again", granted && core.vote.is_some());
    mark!("vote-granted-to-shorter-log", granted && last.index < core.log.last().index);
    core.owed.entry(from).or_default().vote = Some(granted);
    if !granted {
        return role;
    }
    core.vote = Some(from);
    core.arm_election();
    Role::Follower(follow(core, role))
}

/// A snapshot of the leader of `term` is whole and durable as a file: as a message it passes the gate.
pub(super) fn on_snapshot_ready(core: &mut Consensus, role: Role, from: NodeId, term: Term, arrived: Arrived) -> Role {
    match role {
        Role::Newborn(newborn) => return Role::Newborn(newborn),
        Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_) => {}
    }
    mark!("snapshot-of-old-term", term < core.term);
    if term < core.term || term < arrived.at.term || PLACES <= arrived.at.index.0 {
        return role;
    }
    let role = if core.term < term { adopt(core, role, term) } else { role };
    if role.is_leader() {
        return two_leaders(core, role, from);
    }
    follow(core, role).on_snapshot(core, from, arrived)
}
