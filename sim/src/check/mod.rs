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
mod history;
mod looker;

pub use answers::{Answers, Counts, agree};
pub use bounds::Kept;
pub use control::Control;
pub use history::History;
pub use looker::Looker;

use crate::marks::quietly;
use bytes::Bytes;
use rsm::raft::consensus::{Consensus, Effect, Record, Role};
use rsm::raft::invariants::{Verdict, Violation, Watch};
use rsm::raft::wire::{Body, Door, Packet};
use rsm::raft::{ClusterId, Identity, Incarnation, NodeId, Seq, Term};
use std::collections::{BTreeMap, VecDeque};

/// One for a cluster.
#[derive(Debug, Default)]
pub struct Check {
    watch: Watch,
    /// The first rule that was broken.
    broken: Option<Violation>,
    /// What each core has said to its disk, and the disk has not been given yet.
    said: BTreeMap<NodeId, VecDeque<Record>>,
    led: Option<Term>,
    /// How many elections were won.
    pub elections: u64,
    /// How many steps were taken twice, to see whether they come to the same.
    pub repeated: u64,
}

impl Check {
    /// Notes a verdict. The first rule that is broken counts.
    pub fn note(&mut self, verdict: Verdict) {
        if let Err(violation) = verdict
            && self.broken.is_none()
        {
            self.broken = Some(violation);
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
        let verdict = self.watch.started(core, role);
        self.note(verdict);
        self.said.remove(&core.me().node);
    }

    /// A process is gone.
    pub fn crashed(&mut self, node: NodeId) {
        self.watch.crashed(node);
    }

    /// A directory is gone.
    pub fn wiped(&mut self, node: NodeId) {
        self.watch.wiped(node);
    }

    /// A disk has completed a flush; the core is about to be told.
    pub fn persisted(&mut self, core: &Consensus, seq: Seq) {
        let verdict = self.watch.persisted(core, seq);
        self.note(verdict);
    }

    /// A log is given a record: the next of those that its core has said.
    pub fn given(&mut self, node: NodeId, record: &Record) {
        let said = self.said.entry(node).or_default().pop_front();
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

    /// A packet leaves a node: what stands in its bytes promises nothing that is not durable.
    pub fn departs(&mut self, core: &Consensus, to: NodeId, packet: &Bytes) {
        for message in messages(packet, to) {
            let effect = Effect::Send { to, incarnation: None, message };
            let verdict = self.watch.shadow(core.me().node).map_or(Ok(()), |shadow| shadow.promises(core, &effect));
            self.note(verdict);
        }
    }

    /// What a node's core says; asked by its [`Looker`].
    fn flushed(&mut self, core: &Consensus, role: &Role, effects: &[Effect]) {
        let verdict = self.watch.flushed(core, role, effects);
        self.note(verdict);
        let records = effects.iter().filter_map(|effect| match effect {
            Effect::Persist(_, record) => Some(record.clone()),
            _ => None,
        });
        self.said.entry(core.me().node).or_default().extend(records);
    }

    fn stepped(&mut self, core: &Consensus, role: &Role) {
        let verdict = self.watch.stepped(core, role);
        self.note(verdict);
        if role.is_leader() && self.led < Some(core.term()) {
            self.led = Some(core.term());
            self.elections += 1;
        }
    }
}

/// What stands in a packet of our own making.
pub(crate) fn bodies(packet: &Bytes, to: NodeId) -> impl Iterator<Item = Body> {
    let number =
        |at: usize| packet.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
    let us = Identity { node: to, incarnation: Incarnation(number(24)) };
    let door = Door { cluster: ClusterId(number(8)), us };
    quietly(|| Packet::open(packet.clone(), &door)).into_iter().flatten().flatten()
}

/// The core's messages in such a packet.
fn messages(packet: &Bytes, to: NodeId) -> impl Iterator<Item = rsm::raft::consensus::Message> {
    bodies(packet, to).filter_map(|body| match body {
        Body::Message(message) => Some(message),
        _ => None,
    })
}
