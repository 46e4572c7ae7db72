//! What follows from the state, each thing once: the difference to what was said last.

use super::effect::Committed;
use super::{Alarm, Consensus, Effect, Message, News, Outcome, Record, Role};
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{Index, LogId, NodeId, Seq, Term, Time, invariants};

/// What was said already.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Said {
    born: bool,
    /// The snapshot whose mark was given to the disk, and with which record.
    mark: LogId,
    mark_seq: Seq,
    /// The snapshot that observers know of.
    checkpoint: LogId,
    installed: bool,
    commit: Index,
    strange_to: usize,
    standing: Option<Standing>,
}

impl Said {
    pub(super) fn new(born: bool, mark: LogId) -> Said {
        Said {
            born,
            mark,
            mark_seq: Seq(0),
            checkpoint: mark,
            installed: false,
            commit: Index(0),
            strange_to: 0,
            standing: None,
        }
    }
}

/// What observers know of our role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Standing {
    Newborn { attested_by: usize },
    Idle { term: Term },
    Following { leader: NodeId, term: Term },
    PreCandidate { asked: Term },
    Candidate { term: Term },
    Leading { term: Term },
}

impl Consensus {
    /// Says everything that now follows from the state, each thing once. `effects` is added to.
    pub fn flush(&mut self, role: &mut Role, now: Time, effects: &mut Vec<Effect>) {
        self.clock.advance(now);
        self.log.seal();
        self.persist(effects);
        effects.append(&mut self.answers);
        let is_told = mutate!(CommitCutShort, false, self.said.commit == self.commit);
        self.say_news(role, effects);
        match role {
            Role::Newborn(newborn) => newborn.flush(self, effects),
            Role::Follower(follower) => follower.flush(self, effects),
            Role::PreCandidate(pre_candidate) => pre_candidate.flush(self, effects),
            Role::Candidate(candidate) => candidate.flush(self, effects),
            Role::Leader(leader) => leader.flush(self, effects),
        }
        self.say_owed(effects);
        self.ask_leader(role, effects);
        if !is_told {
            self.apply(effects);
        }
        self.compact(role, effects);
        debug_assert_eq!(invariants::state(self, role), Ok(()), "after each flush");
    }

    /// Whether the mark of a snapshot that a leader has brought is on its way to the disk.
    #[must_use]
    pub fn is_installing(&self) -> bool {
        let is_given = self.said.mark == self.log.snapshot();
        let is_brought = if is_given { self.said.installed } else { self.install.is_some() };
        is_brought && !(is_given && self.said.mark_seq <= self.stream.durable())
    }

    /// When to come back if nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.clock.deadline()
    }

    /// The disk's share, in the one order that leaves no hole: a mark may empty the log that entries then fill.
    fn persist(&mut self, effects: &mut Vec<Effect>) {
        let Consensus { stream, bindings, log, said, .. } = self;
        let before = effects.len();
        bindings.stage(|node, incarnation| {
            let seq = stream.give();
            effects.push(Effect::Persist(seq, Record::Bind { node, incarnation }));
            seq
        });
        if self.born && !std::mem::replace(&mut said.born, true) {
            let (seq, record) = stream.give_born();
            effects.push(Effect::Persist(seq, record));
        }
        if let Some((seq, record)) = stream.give_state(self.term, self.vote) {
            effects.push(Effect::Persist(seq, record));
        }
        if said.mark != log.snapshot() {
            let seq = stream.give();
            (said.mark, said.mark_seq, said.installed) = (log.snapshot(), seq, self.install.is_some());
            log.stage_mark(seq);
            effects.push(Effect::Persist(seq, Record::Mark { at: log.snapshot() }));
        }
        log.stage(|after, entries| {
            let seq = stream.give();
            effects.push(Effect::Persist(seq, Record::Entries { after, entries }));
            seq
        });
        if before < effects.len() && !self.clock.is_armed(Alarm::Writes) && !self.stuck {
            self.clock.arm(Alarm::Writes, self.options.election);
        }
    }

    /// A message to a member, addressed to the life of it that we know.
    pub(super) fn send(&self, to: NodeId, message: Message) -> Effect {
        Effect::Send { to, incarnation: self.bindings.of(to), message }
    }

    /// Answers that every role may owe, each as soon as it can be stood by.
    fn say_owed(&mut self, effects: &mut Vec<Effect>) {
        // Mostly nobody waits for an answer.
        if self.owed.is_empty() {
            return;
        }
        let Consensus { owed, stream, bindings, term, vote, .. } = self;
        let (term, has_term, has_vote) = (*term, stream.has_term(*term), stream.has_vote(*term, *vote));
        let (has_term, has_vote) = (mutate!(RefusalEarly, has_term, true), mutate!(GrantEarly, has_vote, true));
        for (&to, owed) in owed.iter_mut() {
            mark!("grant-held", owed.vote == Some(true) && !has_vote);
            mark!("refusal-held", owed.vote == Some(false) && !has_term);
            mark!("pre-vote-reply-held", owed.pre_vote.is_some() && !has_term);
            let incarnation = bindings.of(to);
            let mut say = |message| effects.push(Effect::Send { to, incarnation, message });
            if let Some(granted) = owed.vote.filter(|granted| if *granted { has_vote } else { has_term }) {
                mark!("grant-sent", granted);
                owed.vote = None;
                say(Message::VoteReply { term, granted });
            }
            if let Some((asked, granted)) = owed.pre_vote.filter(|_| has_term) {
                owed.pre_vote = None;
                say(Message::PreVoteReply { term, asked, granted });
            }
            if let Some(track) = owed.stale.filter(|_| has_term) {
                mark!("old-leader-told");
                owed.stale = None;
                let outcome = Outcome::Conflict { term: Term(0), index: Index(0) };
                say(Message::AppendReply { term, track, outcome });
            }
            mark!("attestation-held", owed.attest && !bindings.is_durable(to, stream.durable()));
            let Some(bound) = incarnation.filter(|_| bindings.is_durable(to, stream.durable())) else { continue };
            if std::mem::take(&mut owed.attest) {
                say(Message::Attest { bound });
            }
            if let Some(stranger) = owed.stranger.take() {
                let message = Message::Attest { bound };
                effects.push(Effect::Send { to, incarnation: Some(stranger), message });
            }
        }
        owed.retain(|_, owed| owed.waits());
    }

    /// Open reads are asked for at once, and again at each heartbeat until they are answered or given up.
    fn ask_leader(&mut self, role: &Role, effects: &mut Vec<Effect>) {
        if self.asks.is_empty() {
            self.clock.disarm(Alarm::Asks);
            return;
        }
        let is_time = self.clock.rings(Alarm::Asks);
        let again = mutate!(ReadAskedOnce, is_time, false);
        if let Some(leader) = self.leader(role)
            && (again || self.asks.wants_to_ask(leader, self.term))
        {
            let ask = self.asks.ask(leader, self.term);
            effects.push(self.send(leader, Message::ReadAsk { ask }));
        }
        if !self.clock.is_armed(Alarm::Asks) {
            self.clock.arm(Alarm::Asks, self.options.heartbeat);
        }
    }

    /// What is committed and durable here, in order, each index once.
    fn apply(&mut self, effects: &mut Vec<Effect>) {
        if let Some(at) = self.install.take() {
            effects.push(Effect::Install { at });
        }
        let durable = mutate!(ApplyUndurable, self.log.durable(), self.log.last().index);
        let end = mutate!(ApplyUncommitted, self.commit.min(durable), durable);
        if end <= self.applied {
            return;
        }
        let range = self.applied.next()..end.next();
        let cached = self.log.cached_from().clamp(range.start, range.end);
        if range.start < cached {
            mark!("apply-from-disk");
            effects.push(Effect::Apply(Committed::Range(range.start..cached)));
        }
        let parts = self.log.parts(cached..range.end);
        effects.extend(parts.map(|(first, entries)| Effect::Apply(Committed::Entries { first, entries })));
        self.applied = end;
    }

    /// Lets go of what nobody needs: in the log once the mark is durable, in memory once the entries are.
    fn compact(&mut self, role: &Role, effects: &mut Vec<Effect>) {
        let marked = self.said.mark_seq <= self.stream.durable();
        if marked && self.said.checkpoint != self.said.mark {
            self.said.checkpoint = self.said.mark;
            let (at, installed) = (self.said.mark, self.said.installed);
            effects.push(Effect::News(News::Checkpoint { at, installed }));
            let moved = self.log.release(self.released(role));
            if moved || installed {
                effects.push(Effect::Release(self.log.first()));
            }
        }
        self.log.shrink(self.options.cache_bytes);
    }

    fn say_news(&mut self, role: &Role, effects: &mut Vec<Effect>) {
        if self.said.strange_to != self.strange_to.len() {
            self.said.strange_to = self.strange_to.len();
            let known_to = self.strange_to.iter().copied().collect();
            effects.push(Effect::News(News::OtherLife { known_to }));
        }
        let standing = self.standing(role);
        if self.said.standing != Some(standing) {
            self.said.standing = Some(standing);
            effects.push(Effect::News(self.news_of(role, standing)));
        }
        if self.said.commit < self.commit {
            self.said.commit = self.commit;
            effects.push(Effect::News(News::Committed(self.commit)));
        }
    }

    fn standing(&self, role: &Role) -> Standing {
        let term = self.term;
        match role {
            Role::Newborn(newborn) => Standing::Newborn { attested_by: newborn.attested_by().len() },
            Role::Follower(_) => match self.leader(role) {
                Some(leader) => Standing::Following { leader, term },
                None => Standing::Idle { term },
            },
            Role::PreCandidate(pre_candidate) => Standing::PreCandidate { asked: pre_candidate.asked() },
            Role::Candidate(_) => Standing::Candidate { term },
            Role::Leader(_) => Standing::Leading { term },
        }
    }

    fn news_of(&self, role: &Role, standing: Standing) -> News {
        match (standing, role) {
            (Standing::Newborn { .. }, Role::Newborn(newborn)) => {
                News::Newborn { awaited: newborn.awaited(self).collect() }
            }
            (Standing::Leading { term }, Role::Leader(leader)) => {
                News::Leading { term, votes: leader.votes().to_vec() }
            }
            (Standing::Following { leader, term }, _) => News::Following { leader, term },
            (Standing::PreCandidate { asked }, _) => News::PreCandidate { asked },
            (Standing::Candidate { term }, _) => News::Candidate { term },
            (Standing::Idle { term } | Standing::Leading { term }, _) => News::Idle { term },
            (Standing::Newborn { .. }, _) => News::Newborn { awaited: Vec::new() },
        }
    }
}
