//! What watches a run: the rules of `docs/invariants.md`, asked after each step, and what they need to know.
//!
//! ```text
//!   replica ── each next, each flush ──> Looker ──┐
//!   log ────── each record that it is given ──────┼──> Check ──> the first rule that does not hold
//!   world ──── each packet, completion, crash ────┘
//! ```

mod answers;
mod bounds;
mod control;
mod departs;
mod history;
mod looker;
mod reference;
mod refusals;
mod sessions;
mod snapshots;
mod wasted;

pub use answers::{Answers, Asked, Counts, State, agree};
pub use bounds::{Kept, Life, behind};
pub use control::{Control, Undisturbed};
pub use history::History;
pub use looker::Looker;
pub use reference::{EACH, Reference};
use snapshots::FileSums;
pub use wasted::{Leaves, Patience};

use crate::marks::quietly;
use bytes::Bytes;
use rsm::raft::consensus::{Consensus, Effect, Membership, News, Record, Role};
use rsm::raft::invariants::{Verdict, Violation, Watch, state};
use rsm::raft::wire::{Body, Door, Head, Packet, Refused};
use rsm::raft::{ClusterId, Identity, Incarnation, LogId, NodeId, Seq, Term};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wasted::Wasted;

/// One for a cluster.
#[derive(Debug, Default)]
pub struct Check {
    watch: Watch,
    /// The first rule that was broken.
    broken: Option<Violation>,
    /// Whether one was, for those who ask after each step.
    is_broken: Arc<AtomicBool>,
    /// What each core has said to its disk, and the disk has not been given yet.
    said: Vec<VecDeque<(Seq, Record)>>,
    /// The rules that are asked, if not all are.
    asked: Option<&'static [&'static str]>,
    led: Option<Term>,
    /// What all that is committed comes to.
    reference: Reference,
    /// Of the states of peers that have ended, the one that has applied most.
    farthest: Option<State>,
    /// What the file of each snapshot says that it holds.
    snapshots: BTreeMap<LogId, (NodeId, FileSums)>,
    /// How long the file of each snapshot is of which a piece was sent.
    totals: BTreeMap<LogId, u64>,
    /// How many snapshots were of a place of which there was one before.
    pub alike: u64,
    /// How many session tables in snapshots were held against the reference's.
    pub tables: u64,
    /// How many states were held against the reference's on the way.
    pub states: u64,
    /// Of each peer that is not born whom it has said to wait for, and who knows another life of it.
    waits: BTreeMap<NodeId, (BTreeSet<NodeId>, BTreeSet<NodeId>)>,
    /// What has gone to peers that are down.
    wasted: Wasted,
    /// How many elections were won.
    pub elections: u64,
    /// How many steps were taken twice, to see whether they come to the same.
    pub repeated: u64,
}

impl Check {
    /// Of a cluster that holds so many sessions.
    #[must_use]
    pub fn new(sessions_max: usize) -> Check {
        Check { reference: Reference::new(sessions_max), ..Check::default() }
    }

    /// From now on these rules alone are asked, of one state each: where somebody lies there is no history to hold it against.
    pub fn asks_only(&mut self, rules: &'static [&'static str]) {
        self.asked = Some(rules);
    }

    fn said(&mut self, node: NodeId) -> &mut VecDeque<(Seq, Record)> {
        let nth = usize::try_from(node.0).expect("nodes are numbered from 0");
        if self.said.len() <= nth {
            self.said.resize_with(nth + 1, VecDeque::new);
        }
        &mut self.said[nth]
    }

    /// Notes a verdict. The first rule that is broken counts.
    pub fn note(&mut self, verdict: Verdict) {
        if let Err(violation) = verdict
            && self.broken.is_none()
            && self.asked.is_none_or(|asked| asked.contains(&violation.rule))
        {
            self.broken = Some(violation);
            // Relaxed: the simulation is one thread.
            self.is_broken.store(true, Ordering::Relaxed);
        }
    }

    /// Notes that a rule is broken.
    pub fn break_rule(&mut self, rule: &'static str, what: String) {
        self.note(Err(Violation { rule, what }));
    }

    /// The first rule that was broken.
    #[must_use]
    pub fn broken(&self) -> Option<&Violation> {
        self.broken.as_ref()
    }

    /// Set once a rule is broken.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_broken)
    }

    /// How many entries are committed, whoever knows of it.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.watch.ghost().len().0
    }

    /// The term and the vote in it that a node's disk holds.
    #[must_use]
    pub fn durable_vote(&self, node: NodeId) -> Option<(Term, Option<NodeId>)> {
        self.watch.shadow(node).map(|shadow| (shadow.durable().term, shadow.durable().vote))
    }

    /// A process has begun.
    pub fn started(&mut self, core: &Consensus, role: &Role) {
        if self.asked.is_some() {
            return;
        }
        let verdict = self.watch.started(core, role);
        self.note(verdict);
        self.reference.follow(self.watch.ghost());
        self.said(core.me().node).clear();
    }

    /// R11: a process that is not to run would begin so, on the disk of a node that is down. Of an emptied one nothing was
    /// promised.
    pub fn would_start(&mut self, core: &Consensus) {
        if let Some(mut shadow) = self.watch.shadow(core.me().node).cloned() {
            self.note(shadow.restart(core));
        }
    }

    /// Its disk is taken to hold this, too.
    #[cfg(test)]
    pub(crate) fn has_kept(&mut self, node: NodeId, record: &Record) {
        self.watch.keeps(node, record).expect("a good past");
    }

    /// A process is gone.
    pub fn crashed(&mut self, node: NodeId) {
        self.forget_what_is_said(node);
        self.watch.crashed(node);
    }

    /// A directory is gone.
    pub fn wiped(&mut self, node: NodeId) {
        self.watch.wiped(node);
    }

    /// A disk has completed a flush; the core is about to be told.
    pub fn persisted(&mut self, core: &Consensus, seq: Seq) {
        if self.asked.is_some() {
            return;
        }
        let node = core.me().node;
        let missing = self.said(node).front().filter(|(said, _)| *said <= seq);
        let what = missing.map(|(said, record)| {
            format!("{node} takes {seq:?} for durable, and its log was not given {said:?}: {record:?}")
        });
        what.into_iter().for_each(|what| self.break_rule("R3", what));
        let verdict = self.watch.persisted(core, seq);
        self.note(verdict);
        self.reference.follow(self.watch.ghost());
    }

    /// A core is about to be told that this snapshot of its leader's is here.
    fn arrives(&mut self, core: &Consensus, at: LogId, membership: &Membership) {
        if self.asked.is_none() {
            self.watch.arrives(core, at, membership);
        }
    }

    /// A log is given a record: the next of those that its core has said.
    pub fn given(&mut self, node: NodeId, record: &Record) {
        let is_state = |record: Option<&Record>| matches!(record, Some(Record::State { .. }));
        let queue = self.said(node);
        let mut said = queue.pop_front().map(|(_, record)| record);
        // On a full disk the later of two states that wait takes the place of the earlier.
        while said.as_ref() != Some(record) && is_state(said.as_ref()) && is_state(queue.front().map(|(_, next)| next))
        {
            said = queue.pop_front().map(|(_, record)| record);
        }
        if said.as_ref() != Some(record) {
            self.break_rule("R3", format!("{node} said {said:?}, its log is given {record:?}"));
        }
    }

    /// Each packet that is damaged, or not for a node, or not from a member as it lives now, is counted there once.
    pub fn counts(&mut self, node: usize, strays: u64, refused: u64) {
        if strays != refused {
            self.break_rule("R22", format!("{node} was sent {strays} packets to refuse, and has counted {refused}"));
        }
    }

    /// R18: a peer has ended in this state, which is compared with the one that has applied most.
    pub fn ends(&mut self, state: State) {
        if let Some(farthest) = self.farthest.take() {
            agree(self, &farthest, &state);
            self.farthest = Some(farthest).filter(|farthest| state.applied < farthest.applied);
        }
        self.farthest.get_or_insert(state);
    }

    /// The state that has applied most, of those that have ended.
    #[must_use]
    pub fn farthest(&self) -> Option<&State> {
        self.farthest.as_ref()
    }

    /// What a node's core says; asked by its [`Looker`].
    fn flushed(&mut self, core: &Consensus, role: &Role, effects: &[Effect]) {
        if self.asked.is_some() {
            return self.note(state(core, role));
        }
        let verdict = self.watch.flushed(core, role, effects);
        self.note(verdict);
        let me = core.me().node;
        for effect in effects {
            match effect {
                Effect::Persist(seq, record) => {
                    self.reference.writes(record);
                    self.said(me).push_back((*seq, record.clone()));
                }
                Effect::News(News::Newborn { awaited }) => {
                    self.waits.entry(me).or_default().0 = awaited.iter().copied().collect();
                }
                Effect::News(News::OtherLife { known_to }) => {
                    self.waits.entry(me).or_default().1 = known_to.iter().copied().collect();
                }
                _ => {}
            }
        }
    }

    /// Whom a peer has said to wait for, in this life of it, before it is born; and who knows another life of it.
    #[must_use]
    pub fn says_that_it_waits_for(&self, node: NodeId) -> (BTreeSet<NodeId>, BTreeSet<NodeId>) {
        self.waits.get(&node).cloned().unwrap_or_default()
    }

    /// As if it had said nothing of the kind.
    pub(crate) fn forget_what_is_said(&mut self, node: NodeId) {
        self.waits.remove(&node);
    }

    fn stepped(&mut self, core: &Consensus, role: &Role) {
        let is_lied_to = self.asked.is_some();
        let verdict = if is_lied_to { Ok(()) } else { self.watch.stepped(core, role) };
        self.note(verdict);
        if role.is_leader() && self.led < Some(core.term()) {
            self.led = Some(core.term());
            self.elections += 1;
        }
    }
}

/// What stands in a packet of our own making.
pub(crate) fn bodies(packet: &Bytes, to: NodeId) -> impl Iterator<Item = Body> {
    opened(packet.clone(), to).into_iter().flatten().flatten()
}

/// The same, and who says it; `None` if there is no sense in it.
pub(crate) fn packet(packet: &Bytes, to: NodeId) -> Option<(Head, Vec<Body>)> {
    let packet = opened(packet.clone(), to).ok()?;
    Some((*packet.head(), packet.flatten().collect()))
}

/// Opens such a packet.
fn opened(packet: Bytes, to: NodeId) -> Result<Packet, Refused> {
    let number =
        |at: usize| packet.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
    let us = Identity { node: to, incarnation: Incarnation(number(24)) };
    let door = Door { cluster: ClusterId(number(8)), us };
    quietly(|| Packet::open(packet, &door))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsm::raft::consensus::{Machine, Options};
    use rsm::raft::{Recovered, Time};

    /// What a check says of a node of three once this has happened.
    fn told(happens: impl FnOnce(&mut Check, &Consensus, &Role)) -> Option<&'static str> {
        let members = Membership::of_voters((0..3).map(|id| (NodeId(id), "")));
        let recovered = Recovered { incarnation: Incarnation(10), ..Recovered::default() };
        let node = Machine::new(Options::new(NodeId(0), members), recovered, 1, Time(0)).expect("a newborn");
        let mut check = Check::default();
        check.started(node.core(), node.role());
        happens(&mut check, node.core(), node.role());
        check.broken().map(|violation| violation.rule)
    }

    #[test]
    fn nothing_is_durable_that_the_log_was_not_given() {
        let says = [Effect::Persist(Seq(1), Record::Born)];
        let given = |check: &mut Check, core: &Consensus, role: &Role| {
            check.flushed(core, role, &says);
            check.given(NodeId(0), &Record::Born);
            check.persisted(core, Seq(1));
        };
        assert_eq!(told(given), None);
        let kept_back = |check: &mut Check, core: &Consensus, role: &Role| {
            check.flushed(core, role, &says);
            check.persisted(core, Seq(0));
            assert_eq!(check.broken(), None);
            check.persisted(core, Seq(1));
        };
        assert_eq!(told(kept_back), Some("R3"));
    }
}
