//! All rules over one cluster in one thread: told what happens, it says what must not have happened.

use super::by_node::ByNode;
use super::install::Arriving;
use super::{
    Ghost, Glance, History, Shadow, Verdict, Violation, append_only, bounds, followed, holds, monotone, one_change,
    order, own_copy, own_term, quorums_meet, state,
};
use crate::raft::consensus::birth::attesters_of;
use crate::raft::consensus::{Consensus, Effect, Membership, Message, News, Record, Role};
use crate::raft::{EntryKind, Identity, Incarnation, Index, LogId, NodeId, Seq, Term};
use std::collections::BTreeMap;

/// One for a cluster, across all crashes.
///
/// ```text
///   started     after `Machine::new`          crashed, wiped    what happens to a process and its directory
///   persisted   when a disk completes, before the core is told
///   arrives     before the core is told of a snapshot
///   stepped     after each `next`: a leader may come and go within a turn
///   flushed     after each `flush`, before its effects are carried out
/// ```
#[derive(Clone, Debug, Default)]
pub struct Watch {
    history: History,
    ghost: Ghost,
    peers: ByNode<Peer>,
    /// The membership in which each term's leader counts, and where it stands in the leader's log.
    memberships: BTreeMap<Term, (Index, Membership)>,
}

#[derive(Clone, Debug, Default)]
struct Peer {
    shadow: Shadow,
    /// The last look, while it lives.
    glance: Option<Glance>,
    /// The term in which it leads, and where the membership stands that its reign counts in, as both were noted last.
    reign: Option<(Term, Index)>,
    /// The term that it led as it last said what follows.
    led: Option<Term>,
    /// The snapshot that it is about to be told of. Mostly there is none, and this is looked at after each step.
    arriving: Option<Box<Arriving>>,
    /// What its state machine was given.
    applied: Index,
    incarnation: Incarnation,
}

impl Watch {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new() -> Watch {
        Watch::default()
    }

    /// What is committed.
    #[must_use]
    pub fn ghost(&self) -> &Ghost {
        &self.ghost
    }

    /// What this peer's disk holds.
    #[must_use]
    pub fn shadow(&self, node: NodeId) -> Option<&Shadow> {
        self.peers.get(node).map(|peer| &peer.shadow)
    }

    /// A disk holds this from before anything was watched.
    ///
    /// # Errors
    /// As [`Image::apply`](super::Image::apply).
    pub fn keeps(&mut self, node: NodeId, record: &Record) -> Verdict {
        self.peers.of(node).shadow.keep(record)
    }

    /// A process has begun, from what its store kept.
    ///
    /// # Errors
    /// R11: something durable is lost. R14: this very life is running already, or is born beside another. R7: what it
    /// takes for committed is not. R13: two changes of members are uncommitted.
    pub fn started(&mut self, core: &Consensus, role: &Role) -> Verdict {
        let Identity { node, incarnation } = core.me();
        let peer = self.peers.of(node);
        holds("R14", peer.glance.is_none(), || format!("{node} runs twice"))?;
        peer.incarnation = incarnation;
        peer.shadow.restart(core)?;
        peer.glance = Some(Glance::of(core, role));
        // What reached the disk unannounced counts from now on: this peer may acknowledge it.
        let membership = self.memberships.get(&core.term()).map_or(core.membership(), |held| &held.1);
        self.ghost.holds(node, core.term(), membership, peer.shadow.durable())?;
        for (&node, &incarnation) in &peer.shadow.durable().bindings {
            self.history.binds(core.me().node, Identity { node, incarnation });
        }
        if peer.shadow.durable().born {
            self.history.is_durable(core.me(), &Record::Born)?;
        }
        peer.applied = core.applied();
        self.ghost.covers(core.log().snapshot())?;
        self.ghost.knows(core.log().base().index, core.commit(), |index| core.log().term_at(index))?;
        one_change(core.log(), |id| self.ghost.has(id))?;
        state(core, role).or_else(|violation| before_the_first_flush(violation, core))
    }

    /// A process is gone; its disk keeps what was durable, and perhaps more.
    pub fn crashed(&mut self, node: NodeId) {
        if let Some(peer) = self.peers.get_mut(node) {
            (peer.glance, peer.reign, peer.led, peer.arriving) = (None, None, None, None);
        }
    }

    /// A directory is gone.
    pub fn wiped(&mut self, node: NodeId) {
        self.peers.remove(node);
    }

    /// A disk has completed everything up to `seq`. `core` is in the state in which it will be told.
    ///
    /// # Errors
    /// R6, R11, R12, R14.
    pub fn persisted(&mut self, core: &Consensus, seq: Seq) -> Verdict {
        let Watch { history, ghost, peers, memberships } = self;
        let node = core.me().node;
        let Some(peer) = peers.get_mut(node) else { return Ok(()) };
        let term = core.term();
        let membership = memberships.get(&term).map_or(core.membership(), |held| &held.1);
        peer.shadow.persist(seq, |record, image| {
            history.is_durable(core.me(), record)?;
            match record {
                Record::Entries { .. } | Record::Mark { .. } => ghost.holds(node, term, membership, image),
                Record::Bind { .. } | Record::Born | Record::State { .. } => Ok(()),
            }
        })
    }

    /// A core is about to be told that this snapshot of its leader's is here.
    pub fn arrives(&mut self, core: &Consensus, at: LogId, membership: &Membership) {
        self.peers.of(core.me().node).arriving = Some(Box::new(Arriving::new(core.log(), at, membership)));
    }

    /// A core has taken an input.
    ///
    /// # Errors
    /// R1, R3, R5, R7, R8, R9, R11, R12, R19.
    pub fn stepped(&mut self, core: &Consensus, role: &Role) -> Verdict {
        self.glances(core, role, Glance::of(core, role))
    }

    /// A core is seen, which may have changed since it was last. What is not a glance's own may have: so may a snapshot that
    /// arrives, what its disk holds, and where its membership stands.
    pub(super) fn glances(&mut self, core: &Consensus, role: &Role, after: Glance) -> Verdict {
        let Watch { history, ghost, peers, memberships } = self;
        let term_at = |index| core.log().term_at(index);
        let peer = peers.of(after.node);
        if let Some(arriving) = peer.arriving.take() {
            arriving.has_come(core)?;
        }
        let reign = after.leads.then(|| (after.term, core.log().membership_at()));
        // Noted once for each: what stands in the history already is held against it by whoever comes there later.
        if reign != peer.reign {
            peer.reign = reign;
            if let Some((term, place)) = reign {
                if history.leads(after.node, term)? {
                    history.is_elected(after.node, term, core.membership())?;
                    ghost.elects(term, after.base, term_at)?;
                }
                if memberships.get(&term).is_none_or(|held| held.0 != place) {
                    memberships.insert(term, (place, core.membership().clone()));
                }
            }
        }
        // Two states that are one can break no rule of two, and its order was looked at: so it is after most steps.
        if peer.glance != Some(after) {
            order(&after)?;
            if let Some(before) = peer.glance.replace(after) {
                monotone(&before, &after)?;
                append_only(&before, &after, term_at)?;
                own_term(&before, &after, term_at)?;
                ghost.knows(before.commit, after.commit, term_at)?;
                let holds_it = || peer.shadow.holds_up_to(core.log(), after.commit);
                own_copy((&before, &after), core.membership(), holds_it, |id| matched(role, id))?;
            }
        }
        let disk = peer.shadow.durable();
        let durable = after.durable <= disk.last().index.max(after.snapshot.index);
        holds("R12", durable, || format!("{after:?} takes for durable what is not: {disk:?}"))
    }

    /// A core has said what follows. `effects`: of this flush alone.
    ///
    /// # Errors
    /// R2, R3, R4, R7, R10, R12, R13, R14, R17, R19, R20.
    pub fn flushed(&mut self, core: &Consensus, role: &Role, effects: &[Effect]) -> Verdict {
        let now = Glance::of(core, role);
        self.glances(core, role, now)?;
        followed(core, role)?;
        bounds(core)?;
        // A leader's first flush may have to say what one before it has answered.
        let has_led = now.leads && self.peers.of(now.node).led.replace(now.term) == Some(now.term);
        effects.iter().try_for_each(|effect| match effect {
            Effect::Readable { index, .. } => self.reads(core, has_led, *index),
            Effect::Persist(seq, record) => self.on_record(core, *seq, record),
            Effect::Send { to, message, .. } => self.on_message(core, *to, message, effect),
            Effect::Apply(committed) => {
                let peer = self.peers.of(core.me().node);
                peer.applied = self.ghost.applies(peer.applied, committed)?;
                Ok(())
            }
            Effect::Install { at } => self.on_install(core, *at),
            Effect::News(News::Born { .. }) => {
                self.history.is_attested(core.me(), core.membership(), attesters_of(core))
            }
            Effect::Load { .. }
            | Effect::Placed { .. }
            | Effect::Refused { .. }
            | Effect::SendSnapshot { .. }
            | Effect::Release(_)
            | Effect::News(_) => Ok(()),
        })
    }

    fn on_record(&mut self, core: &Consensus, seq: Seq, record: &Record) -> Verdict {
        let peer = self.peers.of(core.me().node);
        let cut = peer.shadow.give(seq, record);
        if let Some(after) = cut {
            self.ghost.cuts(core.me().node, after, core.commit())?;
        }
        if let Record::Mark { at } = record {
            self.ghost.covers(*at)?;
        }
        let Record::Entries { after, entries } = record else { return Ok(()) };
        self.history.writes(*after, core.log().term_at(*after), entries)?;
        let memberships = entries.iter().filter(|entry| entry.kind == EntryKind::Membership);
        let mut before = None;
        for next in memberships.filter_map(|entry| Membership::decode(&entry.bytes)) {
            quorums_meet(before.as_ref().unwrap_or(core.log().membership_before(*after)), &next)?;
            before = Some(next);
        }
        before.map_or(Ok(()), |_| one_change(core.log(), |id| self.ghost.has(id)))
    }

    /// R19: a snapshot and the log that goes on from it change together, and it goes on from what is committed.
    fn on_install(&mut self, core: &Consensus, at: LogId) -> Verdict {
        let (log, peer) = (core.log(), self.peers.of(core.me().node));
        self.ghost.covers(at)?;
        let goes_on = log.base() == at || log.term_at(at.index) == Some(at.term);
        let whole = goes_on && log.snapshot() == at && peer.applied < at.index && at.index <= core.applied();
        let was = std::mem::replace(&mut peer.applied, at.index);
        holds("R19", whole, || format!("{at:?} is installed over {was}, the log being {log:?}"))
    }

    /// R17: what is read is committed; and of a leader who says from where on, so is an entry of its own term: before that
    /// it does not know of all that was acknowledged (§8).
    fn reads(&self, core: &Consensus, is_leaders: bool, index: Index) -> Verdict {
        let (node, committed) = (core.me().node, self.ghost.len());
        holds("R17", index <= committed, || format!("{node} reads at {index}, {committed} is committed"))?;
        let knows = !is_leaders || self.ghost.term_at(core.commit()) == Some(core.term());
        let what = || format!("the leader {node} of {} reads at {index}, and knows of {}", core.term(), core.commit());
        holds("R17", knows, what)
    }

    fn on_message(&mut self, core: &Consensus, to: NodeId, message: &Message, effect: &Effect) -> Verdict {
        if let Message::ReadAnswer { index, .. } = message {
            self.reads(core, true, *index)?;
        }
        if let Message::Vote { term, .. } = message {
            self.history.votes(core.me(), *term, core.me().node)?;
        }
        if let Message::VoteReply { term, granted: true } = message {
            self.history.votes(core.me(), *term, to)?;
        }
        self.peers.of(core.me().node).shadow.promises(core, effect)
    }
}

/// How far a leader knows the log of a peer to be durable and its own.
fn matched(role: &Role, id: NodeId) -> Index {
    let Role::Leader(leader) = role else { return Index(0) };
    leader.progress().find(|(peer, _)| *peer == id).map_or(Index(0), |(_, progress)| progress.matched)
}

/// What a start has to say is not said yet: that alone is no growth.
fn before_the_first_flush(violation: Violation, core: &Consensus) -> Verdict {
    if violation.rule == "R20" && core.kept().answers != 0 { Ok(()) } else { Err(violation) }
}
