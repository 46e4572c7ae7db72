//! The core: Raft as a pure automaton. What is, what comes, and when; hence what will be, and what to say.
//!
//! ```text
//!                          attested by enough
//!        Newborn ────────────────────────────┐
//!                                            v        its time is up
//!                     higher term, or    Follower ──────────────────> PreCandidate <──┐
//!                     a leader's word  <───  ^  <───────────────────    │             │ its time
//!   from every role ────────────────────────>│                         │ a quorum     │ is up
//!                                            │        a quorum          v would        │
//!                               Leader <─────┼────────────────────── Candidate ───────┘
//!                                  └─────────┘
//!                        no quorum answers, the disk is stuck or full
//! ```
//! [`Consensus`] is what every role shares, [`Role`] what one alone knows; [`Machine`] is both, for whoever wants no
//! runner. A turn is any number of inputs, each through [`next`](Consensus::next), then one
//! [`flush`](Consensus::flush). What is said is the difference between what the state says and what was said last, so a
//! hundred proposals of one turn are one record, one append for each follower; and nothing that was forgotten on one
//! arrow stays forgotten. Every effect may be carried out at once: promises are held back here (`promises.rs`).
//!
//! Next: [`storage`](super::storage), which keeps what is promised.

mod accessors;
pub mod birth;
mod candidate;
pub mod clock;
pub mod effect;
mod flush;
mod follower;
mod gate;
pub mod input;
mod leader;
pub mod log;
mod machine;
pub mod membership;
pub mod message;
mod newborn;
pub mod options;
pub mod progress;
mod promises;
pub mod quorum;
mod reads;
mod role;
mod snapshots;

pub use accessors::Kept;
pub use birth::Bindings;
pub use candidate::{Candidate, PreCandidate};
pub use clock::{Alarm, Clock};
pub use effect::{Committed, Effect, News, Record, Refusal};
pub use follower::Follower;
pub use input::Input;
pub use leader::Leader;
pub use log::Log;
pub(crate) use log::weight;
pub use machine::Machine;
pub use membership::{Duty, Member, Membership};
pub use message::{Append, Message, Outcome};
pub use newborn::Newborn;
pub use options::{Options, Unfit};
pub use progress::{Mode, Progress};
pub use role::{Role, RoleName};

use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{Ask, Entry, Identity, Index, LogId, NodeId, Recovered, Round, Seq, Term, Time, Token};
use flush::Said;
use promises::{Owed, Stream};
use reads::Asks;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What every role shares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Consensus {
    /// Shared by copies, as the memberships in the log are: whoever checks or explores copies whole cores.
    options: Arc<Options>,
    me: Identity,
    born: bool,
    term: Term,
    vote: Option<NodeId>,
    log: Log,
    /// Known to be committed; may lie beyond what is durable here.
    commit: Index,
    /// The greatest commit that a leader told, perhaps beyond what is known to equal its log.
    told_commit: Index,
    /// Handed to the state machine.
    applied: Index,
    /// Who was heard as the leader of this term, perhaps ourselves, and perhaps long ago.
    leader: Option<NodeId>,
    /// The greatest round heard in this term.
    round_heard: Option<Round>,
    bindings: Bindings,
    /// Members that know another life of ours.
    strange_to: BTreeSet<NodeId>,
    owed: BTreeMap<NodeId, Owed>,
    asks: Asks,
    /// What must be said once and follows from no state: answers to tokens of a role that is no more.
    answers: Vec<Effect>,
    /// A snapshot that the state machine has not been told of.
    install: Option<LogId>,
    stream: Stream,
    said: Said,
    /// The store has room for entries.
    room: bool,
    /// No write has completed for an election timeout.
    stuck: bool,
    draining: bool,
    clock: Clock,
}

impl Consensus {
    /// The core and its first role, from what a store has kept.
    ///
    /// The state machine is taken to stand at the recovered snapshot: what is committed behind it is applied again.
    ///
    /// # Errors
    /// [`Unfit`], if these options or this store cannot be worked with.
    pub fn new(options: Options, recovered: Recovered, seed: u64, now: Time) -> Result<(Consensus, Role), Unfit> {
        let memberships = options.check(&recovered)?;
        let Recovered { incarnation, born, term, vote, commit, snapshot, base, terms, last, .. } = recovered;
        // A snapshot's file may have become durable before the term it came with (R11: a log above its own term).
        let raised = term < snapshot.term.max(last.term);
        let voted = mutate!(EntriesClearVote, vote, vote.filter(|_| last.term < term));
        mark!("term-raised-by-snapshot", raised);
        mark!("begins-newborn", !born);
        mark!("begins-with-its-vote-and-entries-of-that-term", vote.is_some() && last.term == term);
        let first_ask = |clock: &mut Clock| Ask(clock.draw() >> 1);
        let mut clock = Clock::new(seed, now);
        let mut core = Consensus {
            me: Identity { node: options.id, incarnation },
            born,
            term: mutate!(TermForgotten, term, Term(0)).max(snapshot.term).max(last.term),
            vote: if raised { None } else { mutate!(VoteForgotten, voted, None) },
            log: Log::new(snapshot, base, terms, last.index, memberships),
            commit: snapshot.index.max(commit.min(last.index)),
            told_commit: Index(0),
            applied: snapshot.index,
            leader: None,
            round_heard: None,
            bindings: mutate!(BindingsForgotten, Bindings::recovered(&recovered.bindings), Bindings::default()),
            strange_to: BTreeSet::new(),
            owed: BTreeMap::new(),
            asks: Asks::new(first_ask(&mut clock)),
            answers: Vec::new(),
            install: None,
            stream: Stream::new(term, vote),
            said: Said::new(born, snapshot),
            room: true,
            stuck: false,
            draining: false,
            clock,
            options: Arc::new(options),
        };
        let role = if born { Follower::begin(&mut core) } else { Newborn::begin(&mut core) };
        Ok((core, role))
    }

    /// What will be. Changes state; says nothing yet.
    ///
    /// # Panics
    /// R1: a second leader in one term. R10: a cut of what is committed. To go on would fork the log.
    pub fn next(&mut self, role: Role, input: Input, now: Time) -> Role {
        self.clock.advance(now);
        match input {
            Input::Tick => self.on_tick(role),
            Input::Receive { from, to, message } => gate::receive(self, role, from, to, message),
            Input::Propose { entry, token } => self.on_propose(role, entry, token),
            Input::Read { token, until } => self.on_read(role, token, until),
            Input::Room(room) => self.on_room(role, room),
            Input::Persisted(seq) => self.on_persisted(role, seq),
            Input::Snapshotted { at, membership } => self.on_snapshotted(role, at, membership),
            Input::SnapshotReady { from, term, track, at, membership } => {
                gate::on_snapshot_ready(self, role, from, term, snapshots::Arrived { track, at, membership })
            }
            Input::SnapshotSent { to, track } => {
                let then = mutate!(OlderTransferUnheard, Progress::on_snapshot_sent, self.of_newest(&role, to));
                role.on_transfer_end(to, track, then)
            }
            Input::SnapshotFailed { to, track } => role.on_transfer_end(to, track, Progress::on_snapshot_failed),
            Input::Drain => {
                self.draining = true;
                role
            }
        }
    }

    /// What a transfer's end does, if it is of the newest snapshot.
    #[cfg(any(test, rsm_mutant))]
    fn of_newest(&self, role: &Role, to: NodeId) -> fn(&mut Progress) {
        let is_brought = |progress: &Progress| matches!(progress.mode, progress::Mode::Snapshot { at, .. } if at == self.log.snapshot());
        let is_newest = match role {
            Role::Leader(leader) => leader.progress().any(|(id, progress)| id == to && is_brought(progress)),
            Role::Newborn(_) | Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => true,
        };
        if is_newest { Progress::on_snapshot_sent } else { |_| () }
    }

    fn on_tick(&mut self, mut role: Role) -> Role {
        if self.clock.rings(Alarm::Reads) {
            self.give_up_reads(&mut role);
        }
        if self.clock.rings(Alarm::Writes) {
            mark!("disk-stuck");
            self.stuck = true;
        }
        match role {
            Role::Newborn(newborn) => Role::Newborn(newborn),
            Role::Follower(follower) => follower.on_tick(self),
            Role::PreCandidate(pre_candidate) => pre_candidate.on_tick(self),
            Role::Candidate(candidate) => candidate.on_tick(self),
            Role::Leader(leader) => leader.on_tick(self),
        }
    }

    fn on_propose(&mut self, role: Role, entry: Entry, token: Token) -> Role {
        let why = match role {
            _ if self.draining => Refusal::Draining,
            Role::Leader(mut leader) => {
                leader.on_propose(self, entry, token);
                return Role::Leader(leader);
            }
            Role::Newborn(_) | Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {
                Refusal::NotLeader(self.leader(&role))
            }
        };
        self.answers.push(Effect::Refused { token, why });
        role
    }

    fn on_read(&mut self, mut role: Role, token: Token, until: Time) -> Role {
        if self.draining {
            self.answers.push(Effect::Refused { token, why: Refusal::Draining });
            return role;
        }
        self.clock.open_read(token, until);
        match &mut role {
            Role::Leader(leader) => leader.on_read(self, reads::Reader::Own(token)),
            Role::Newborn(_) | Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {
                mutate!(ReadLocally, self.asks.join(token), self.answer_read(token, self.commit));
            }
        }
        role
    }

    fn on_room(&mut self, role: Role, room: bool) -> Role {
        self.room = room;
        match role {
            Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_) if !room => {
                mark!("leader-leaves-full-disk", role.is_leader());
                role.step_down(self)
            }
            Role::Newborn(_) | Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_) => role,
        }
    }

    fn on_persisted(&mut self, role: Role, seq: Seq) -> Role {
        if !self.stream.on_persisted(seq) {
            mark!("persisted-old");
            return role;
        }
        self.stuck = false;
        self.clock.disarm(Alarm::Writes);
        if self.stream.is_in_flight() {
            self.clock.arm(Alarm::Writes, self.options.election);
        }
        self.log.on_persisted(seq);
        match role {
            Role::Candidate(candidate) => candidate.decide(self),
            Role::Leader(mut leader) => {
                mutate!(OwnWriteUncounted, leader.advance_commit(self), ());
                Role::Leader(leader)
            }
            Role::Newborn(_) | Role::Follower(_) | Role::PreCandidate(_) => role,
        }
    }

    /// A new term: nobody has our vote, nobody leads.
    fn begin_term(&mut self, term: Term, vote: Option<NodeId>) {
        assert!(self.term < term, "R11: a peer's term never falls (§5.1)");
        (self.term, self.vote, self.leader, self.round_heard) = (term, vote, None, None);
        self.owed.values_mut().for_each(Owed::on_new_term);
    }

    /// A leader of our term has spoken: is it new to us? Only what is new shows that it lives.
    fn hear(&mut self, leader: NodeId, round: Option<Round>) {
        let first = self.leader.is_none();
        mark!("leader-first-heard", first);
        assert!(first || self.leader == Some(leader), "R1: at most one leader in a term (§5.2)");
        let new_round = round.is_some_and(|round| self.round_heard.is_none_or(|heard| heard < round));
        if new_round {
            self.round_heard = round;
        }
        if first || new_round {
            self.leader = Some(leader);
            self.clock.heard = Some(self.clock.now());
            self.arm_election();
        }
    }

    fn arm_election(&mut self) {
        self.clock.arm_between(Alarm::Election, self.options.election);
    }

    /// Whether some leader is alive to us: a candidate then gets nothing (thesis §4.2.3).
    fn is_led(&self, role: &Role) -> bool {
        let heard = match role {
            Role::Leader(_) => Some(self.quorum_heard()),
            Role::Newborn(_) | Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => self.clock.heard,
        };
        heard.is_some_and(|at| self.clock.now() < at.after(self.options.election))
    }

    /// When a quorum, ourselves among it, had last answered: a leader's.
    fn quorum_heard(&self) -> Time {
        quorum::agreed(self.log.membership(), |id| {
            if id == self.me.node { Time::MAX } else { self.clock.answered.get(&id).copied().unwrap_or_default() }
        })
    }

    /// Only a voter that could also write what it would lead with.
    fn may_campaign(&self) -> bool {
        let term_left = self.term.0 < u64::MAX - 1;
        self.room && !self.stuck && term_left && self.log.membership().has_voter(self.me.node)
    }

    /// Commits as far as a leader told, and the log is known to equal its log.
    fn follow_commit(&mut self, told: Index, verified: Index) {
        mark!("commit-told-beyond-verified", verified < told);
        mark!("commit-beyond-durable", self.log.durable() < self.commit);
        self.told_commit = self.told_commit.max(told);
        self.commit = self.commit.max(self.told_commit.min(verified));
    }

    fn give_up_reads(&mut self, role: &mut Role) {
        for token in self.clock.expire_reads() {
            mark!("read-given-up");
            self.answers.push(Effect::Refused { token, why: Refusal::Unknown });
        }
        let open = &self.clock.until;
        self.asks.retain(|token| open.contains_key(&token));
        if let Role::Leader(leader) = role {
            leader.forget_reads(|token| open.contains_key(&token));
        }
    }

    /// Answers a read, once; not if it was given up.
    fn answer_read(&mut self, token: Token, index: Index) {
        if self.clock.until.remove(&token).is_some() {
            self.answers.push(Effect::Readable { token, index });
        }
    }
}
