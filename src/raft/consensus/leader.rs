//! The peer that leads a term: it alone places entries, and says what is committed.

use super::progress::{Mode, Progress};
use super::reads::{Reader, Rounds};
use super::{Alarm, Append, Consensus, Effect, Follower, Message, Refusal, Role, quorum};
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{Entries, Entry, EntryKind, Index, LogId, NodeId, Round, Term, Token, Track};
use std::collections::BTreeMap;

/// What only a leader knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leader {
    /// Who elected it, itself among them.
    votes: Vec<NodeId>,
    progress: BTreeMap<NodeId, Progress>,
    /// Its first entry: once that is committed, it knows what is (§8).
    term_start: Index,
    rounds: Rounds,
    /// The latest round that went to everyone.
    pulse: Round,
    /// Proposals placed in this turn, whose callers have not been told yet.
    placed: Vec<(Token, Index)>,
}

impl Leader {
    /// Up to where all have the log that have answered within an election timeout, or will have it once the snapshot is
    /// there that they are brought.
    pub(super) fn wanted(&self, core: &Consensus) -> Option<Index> {
        let now = core.clock.now();
        let answers = |id: &NodeId| core.heard(*id).is_some_and(|heard| now < heard.after(core.options.election));
        let has = |progress: &Progress| match progress.mode {
            Mode::Snapshot { at, .. } => at.index,
            Mode::Probe { .. } | Mode::Replicate => progress.matched,
        };
        self.progress.iter().filter(|(id, _)| answers(id)).map(|(_, progress)| has(progress)).min()
    }

    /// Follows everyone anew, and places a blank entry: by its commit, all before it is known to be committed (§8).
    pub(super) fn begin(core: &mut Consensus, votes: Vec<NodeId>) -> Role {
        mark!("elected");
        mark!("elected-with-entries-uncommitted", core.commit < core.log.last().index);
        mark!("elected-alone", core.log.membership().ids().count() == 1);
        let next = core.log.last().index.next();
        let others: Vec<NodeId> = core.log.membership().ids().filter(|&id| id != core.me.node).collect();
        let now = core.clock.now();
        core.clock.answered = others.iter().map(|&id| (id, now)).collect();
        core.clock.disarm(Alarm::Election);
        core.clock.arm(Alarm::Heartbeat, core.options.heartbeat);
        core.clock.arm(Alarm::CheckQuorum, core.options.election);
        core.leader = Some(core.me.node);
        let progress = |(nth, id)| (id, Progress::new(Track(nth), next));
        let mut leader = Leader {
            votes,
            progress: (1..).zip(others).map(progress).collect(),
            term_start: core.log.push(Entry::blank(core.term)),
            rounds: Rounds::default(),
            pulse: Round(0),
            placed: Vec::new(),
        };
        let open: Vec<Token> = core.asks.take().collect();
        mark!("reads-taken-over", !open.is_empty());
        open.into_iter().for_each(|token| leader.on_read(core, Reader::Own(token)));
        Role::Leader(Box::new(leader))
    }

    /// Answers what was placed; reads go on without us.
    pub(super) fn leave(mut self, core: &mut Consensus) {
        self.say_placed(core.term, &mut core.answers);
        mark!("reads-left-behind", self.rounds.own().next().is_some());
        mark!("leader-leaves-uncommitted", core.commit < core.log.last().index);
        self.rounds.own().for_each(|token| core.asks.join(token));
        core.clock.answered.clear();
        core.clock.heard = None;
        [Alarm::Heartbeat, Alarm::CheckQuorum, Alarm::Commit].into_iter().for_each(|alarm| core.clock.disarm(alarm));
    }

    /// Who elected it.
    #[must_use]
    pub fn votes(&self) -> &[NodeId] {
        &self.votes
    }

    /// What is known of each other member.
    pub fn progress(&self) -> impl Iterator<Item = (NodeId, &Progress)> + '_ {
        self.progress.iter().map(|(&id, progress)| (id, progress))
    }

    /// Its first entry.
    #[must_use]
    pub fn term_start(&self) -> Index {
        self.term_start
    }

    /// How many reads wait for a quorum to confirm a round.
    #[must_use]
    pub fn waiting_reads(&self) -> usize {
        self.rounds.len()
    }

    /// Reads that were given up wait no more.
    pub(super) fn forget_reads(&mut self, is_open: impl Fn(Token) -> bool) {
        self.rounds.retain_own(is_open);
    }

    /// The progress of a peer, if an answer in this track is about it.
    pub(super) fn tracked(&mut self, peer: NodeId, track: Track) -> Option<&mut Progress> {
        self.progress.get_mut(&peer).filter(|progress| mutate!(TracksIgnored, progress.track == track, true))
    }

    pub(super) fn on_tick(self: Box<Self>, core: &mut Consensus) -> Role {
        mark!("leader-leaves-stuck-disk", core.stuck);
        let mut gives_up = mutate!(StuckStays, core.stuck, false);
        if core.clock.rings(Alarm::CheckQuorum) {
            let until = core.quorum_heard().after(core.options.election);
            gives_up |= mutate!(QuorumUnchecked, core.options.check_quorum && until <= core.clock.now(), false);
            mark!("leader-leaves-no-quorum", core.options.check_quorum && until <= core.clock.now());
            let now = core.clock.now();
            let again = if now < until { until } else { now.after(core.options.heartbeat) };
            core.clock.arm_at(Alarm::CheckQuorum, again);
        }
        if gives_up { Role::Leader(self).step_down(core) } else { Role::Leader(self) }
    }

    pub(super) fn on_propose(&mut self, core: &mut Consensus, entry: Entry, token: Token) {
        match refusal(core, &entry) {
            Some(why) => {
                mark!("proposal-refused");
                core.answers.push(Effect::Refused { token, why });
            }
            None => {
                let index = place(core, entry);
                self.placed.push((token, index));
            }
        }
    }

    /// Another peer's proposals. Nobody is told what becomes of them: the log shows it.
    pub(super) fn on_forward(&mut self, core: &mut Consensus, from: NodeId, entries: &Entries) {
        for entry in entries.iter().filter(|entry| is_proposal(entry.kind)) {
            mark!("forward-refused", refusal(core, entry).is_some());
            if refusal(core, entry).is_none() {
                mark!("forward-placed");
                let index = place(core, entry.clone());
                self.progress.entry(from).and_modify(|progress| progress.forwarded = index);
            }
        }
    }

    pub(super) fn on_read(&mut self, core: &Consensus, reader: Reader) {
        mark!("read-before-own-commit", core.commit < self.term_start);
        mark!("read-while-a-round-is-under-way", self.confirmed_round(core) < self.rounds.sent());
        mark!("read-behind-the-last-answer", self.confirmed_round(core) == self.rounds.sent());
        // The commit may lag behind what a predecessor has answered, but the first entry of this term lies beyond it.
        self.rounds.join(reader, mutate!(ReadBeforeOwn, core.commit.max(self.term_start), core.commit));
    }

    pub(super) fn on_append_reply(
        &mut self,
        core: &mut Consensus,
        from: NodeId,
        track: Track,
        outcome: super::Outcome,
    ) {
        let (last, base) = (core.log.last().index, core.log.base().index);
        mark!("ack-of-another-track", self.tracked(from, track).is_none());
        let Some(progress) = self.tracked(from, track) else { return };
        match outcome {
            super::Outcome::Matched(index) if index <= last => {
                mark!("ack-old", index < progress.matched);
                if progress.on_matched(index, base) {
                    self.advance_commit(core);
                }
            }
            super::Outcome::Matched(_) => {
                mark!("ack-beyond-our-log");
            }
            super::Outcome::Conflict { term, index } => {
                // Where we hold the conflicting term too, the logs are equal up to the end of the shorter run of it.
                let before = Index(progress.next.0.saturating_sub(2));
                let shared = core.log.last_of(term, before).filter(|&end| index <= end);
                mark!("conflict-goes-back-far", index.0 + 1 < progress.next.0.saturating_sub(1));
                mark!("conflict-shares-a-term", shared.is_some());
                progress.on_conflict(shared.map_or(index, Index::next));
            }
        }
    }

    pub(super) fn on_heartbeat_reply(&mut self, core: &mut Consensus, from: NodeId, reply: Reply) {
        let (last, base) = (core.log.last().index, core.log.base().index);
        let (sent, pulse) = (self.rounds.sent(), self.pulse);
        let Some(progress) = self.tracked(from, reply.track) else { return };
        if last < reply.have.max(reply.matched) || sent < reply.round {
            mark!("round-answered-impossibly");
            return;
        }
        progress.answered = progress.answered.max(reply.round);
        progress.on_have(reply.have, pulse <= reply.round);
        let news = progress.on_matched(reply.matched, base);
        let now = core.clock.now();
        mark!("answered-past-32-bits-of-milliseconds", 1 << 32 <= now.0 / 1_000_000);
        core.clock.answered.insert(from, mutate!(AnsweredIn32Bits, now, super::clock::in_32_bits(now)));
        if news {
            self.advance_commit(core);
        }
    }

    /// Commits what a quorum holds durably, if it is of this term (§5.3, §5.4.2).
    pub(super) fn advance_commit(&mut self, core: &mut Consensus) {
        let agreed_with = |own| {
            let matched = |id| self.progress.get(&id).map_or(Index(0), |progress| progress.matched);
            quorum::agreed(core.log.membership(), |id| if id == core.me.node { own } else { matched(id) })
        };
        let agreed = agreed_with(mutate!(OwnCopyEarly, core.log.durable(), core.log.last().index));
        mark!("commit-waits-for-own-copy", agreed < agreed_with(core.log.last().index));
        // Entries of older terms are not counted, even on a quorum: a later leader could still replace them
        // (§5.4.2, figure 8). They commit along with the first entry of our own term.
        mark!("commit-waits-for-own-term", core.commit < agreed && agreed < self.term_start);
        mark!("commit-beyond-own-disk", core.commit < agreed && core.log.durable() < agreed);
        mark!(
            "commit-brings-old-terms",
            core.commit < agreed && core.commit < self.term_start && self.term_start <= agreed
        );
        if core.commit < agreed && mutate!(OldTermsCount, self.term_start <= agreed, true) {
            debug_assert_eq!(core.log.term_at(agreed), Some(core.term), "R9: a leader commits in its own term");
            core.commit = agreed;
        }
    }

    fn say_placed(&mut self, term: Term, effects: &mut Vec<Effect>) {
        effects.extend(self.placed.drain(..).map(|(token, index)| Effect::Placed { token, index, term }));
    }

    pub(super) fn flush(&mut self, core: &mut Consensus, effects: &mut Vec<Effect>) {
        self.say_placed(core.term, effects);
        // A cluster of one commits by its own disk, and confirms by itself.
        self.answer_reads(core, effects);
        let pulse = core.clock.rings(Alarm::Heartbeat);
        if pulse {
            core.clock.arm(Alarm::Heartbeat, core.options.heartbeat);
        }
        let asks = !pulse && self.rounds.wants_round() && self.confirmed_round(core) == self.rounds.sent();
        if pulse || asks {
            let round = self.rounds.begin();
            self.pulse = if pulse { round } else { self.pulse };
            self.answer_reads(core, effects);
        }
        let tells = core.clock.rings(Alarm::Commit);
        let mut batch = None;
        for (&to, progress) in &mut self.progress {
            if pulse {
                progress.on_pulse();
            }
            let before = progress.told;
            replicate(core, to, progress, &mut batch, effects);
            let told_late = progress.told < core.commit.min(progress.matched);
            let at_once = progress.told < progress.forwarded && progress.forwarded <= core.commit.min(progress.matched);
            let asked = asks && core.log.membership().has_voter(to);
            if pulse || asked || (told_late && (tells || at_once)) {
                heartbeat(core, to, progress, self.rounds.sent(), effects);
            } else if told_late && !core.clock.is_armed(Alarm::Commit) {
                core.clock.arm(Alarm::Commit, core.options.commit_delay);
            }
            debug_assert!(before <= progress.told, "a commit once told is never taken back");
        }
    }

    fn confirmed_round(&self, core: &Consensus) -> Round {
        quorum::agreed(core.log.membership(), |id| {
            let own = self.rounds.sent();
            if id == core.me.node { own } else { self.progress.get(&id).map_or(Round(0), |progress| progress.answered) }
        })
    }

    /// Nothing is confirmed before an entry of this term is committed: `term_start` might be cut yet (§8).
    fn answer_reads(&mut self, core: &mut Consensus, effects: &mut Vec<Effect>) {
        if mutate!(ReadBeforeOwn, core.commit < self.term_start, false) {
            return;
        }
        if self.rounds.is_empty() {
            return effects.append(&mut core.answers);
        }
        let confirmed = mutate!(ReadUnasked, self.confirmed_round(core), Round(u64::MAX));
        for held in self.rounds.confirmed(confirmed) {
            mark!("read-confirmed");
            mark!("read-confirmed-for-another", matches!(held.reader, Reader::Peer(..)));
            match held.reader {
                Reader::Own(token) => core.answer_read(token, held.index),
                Reader::Peer(to, ask) => effects.push(core.send(to, Message::ReadAnswer { ask, index: held.index })),
            }
        }
        effects.append(&mut core.answers);
    }
}

/// An answer to a heartbeat, as far as a leader is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    pub(super) track: Track,
    pub(super) round: Round,
    pub(super) have: Index,
    pub(super) matched: Index,
}

/// What may come from outside to be placed; the rest a leader makes itself.
fn is_proposal(kind: EntryKind) -> bool {
    match kind {
        EntryKind::Command | EntryKind::Open => true,
        EntryKind::Blank | EntryKind::Membership => false,
    }
}

fn refusal(core: &Consensus, entry: &Entry) -> Option<Refusal> {
    if !core.room {
        Some(Refusal::Full)
    } else if core.options.entry_bytes_max < entry.bytes.len() {
        Some(Refusal::TooLarge)
    } else {
        None
    }
}

fn place(core: &mut Consensus, entry: Entry) -> Index {
    core.log.push(Entry { term: core.term, ..entry })
}

/// Sends what the peer lacks, as far as its window goes.
fn replicate(
    core: &Consensus,
    to: NodeId,
    progress: &mut Progress,
    batch: &mut Option<(Index, Entries, usize)>,
    effects: &mut Vec<Effect>,
) {
    let options = &core.options;
    // A whole append must fit the rest of the window, or find it empty.
    let full = options.window_bytes.saturating_sub(options.append_bytes_max);
    while progress.may_send(options.window_appends, full) {
        if progress.mode == Mode::Replicate && core.log.last().index < progress.next {
            break;
        }
        let previous = progress.next.previous();
        let Some(term) = core.log.term_at(previous) else {
            if progress.is_worth_entries() {
                mark!("snapshot-offered");
                progress.begin_snapshot(core.log.snapshot());
                break;
            }
            mark!("probe-of-who-lacks-what-was-cut");
            // Nobody answers: a snapshot would go to waste. Where the log begins is asked for until somebody does.
            progress.next = core.log.first();
            continue;
        };
        if progress.next < core.log.cached_from() {
            progress.on_uncached();
        }
        let prev = LogId { term, index: previous };
        let commit = core.commit.min(progress.matched);
        let mut append = Append { term: core.term, track: progress.track, prev, entries: Entries::NONE, commit };
        let has_entries = progress.next <= core.log.last().index && progress.is_worth_entries();
        mark!("append-probes-empty", !has_entries && progress.next <= core.log.last().index);
        if has_entries && progress.next < core.log.cached_from() {
            mark!("append-read-from-disk");
            effects.push(load(core, to, append, progress.next));
            progress.told = progress.told.max(commit);
            progress.on_sent(progress.next, options.append_bytes_max);
            continue;
        }
        let mut weight = 0;
        if has_entries {
            let from = progress.next;
            let known = batch.take().filter(|(first, ..)| *first == from);
            let (entries, sum) = known
                .map_or_else(|| core.log.batch(from, options.append_bytes_max), |(_, entries, sum)| (entries, sum));
            *batch = Some((from, entries.clone(), sum));
            (append.entries, weight) = (entries, sum);
        }
        // One entry alone may be more than an append is to be.
        if !progress.has_room(weight, options.window_bytes) {
            break;
        }
        progress.told = progress.told.max(commit);
        let end = Index(progress.next.0 + append.entries.len() as u64);
        effects.push(core.send(to, Message::Append(append)));
        progress.on_sent(end, weight);
    }
    if let Mode::Snapshot { at, said } = &mut progress.mode
        && mutate!(SnapshotUnoffered, !std::mem::replace(said, true), false)
    {
        effects.push(Effect::SendSnapshot { to, at: *at, term: core.term, track: progress.track });
    }
}

/// What the peer lacks lies on disk alone: the driver reads it and sends.
fn load(core: &Consensus, to: NodeId, append: Append, from: Index) -> Effect {
    let range = from..core.log.cached_from();
    let terms = core.log.terms_of(range.clone());
    let incarnation = core.bindings.of(to);
    Effect::Load { to, incarnation, append, range, terms, bytes_max: core.options.append_bytes_max }
}

fn heartbeat(core: &Consensus, to: NodeId, progress: &mut Progress, round: Round, effects: &mut Vec<Effect>) {
    mark!("commit-told-is-capped", progress.matched < core.commit);
    let commit = mutate!(CapOff, core.commit.min(progress.matched), core.commit);
    progress.told = progress.told.max(commit);
    let told = mutate!(CommitUntold, commit, Index(0));
    let message = Message::Heartbeat { term: core.term, track: progress.track, commit: told, round };
    effects.push(core.send(to, message));
}

/// A follower of the term, for whoever must give up its own role before.
pub(super) fn deposed(role: Role, core: &mut Consensus) -> Follower {
    role.leave(core);
    Follower::new(core)
}
