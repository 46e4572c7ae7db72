//! What tests of the core share: a disk in memory, and a cluster in virtual time.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

pub mod cluster;
pub mod disk;
pub mod script;
pub mod solo;

use rsm::raft::consensus::{Effect, Machine, Membership, Message, Options};
use rsm::raft::{Entry, EntryKind, NodeId, Term, Time};

pub const MS: u64 = 1_000_000;

/// The voters 0 to n - 1.
pub fn voters(n: u64) -> Membership {
    Membership::of_voters((0..n).map(|id| (NodeId(id), format!("peer-{id}"))))
}

/// What the peer of this id is told among n voters.
pub fn options(id: u64, n: u64) -> Options {
    Options::new(NodeId(id), voters(n))
}

/// A command whose bytes are this text.
pub fn command(text: &str) -> Entry {
    Entry::new(Term(0), EntryKind::Command, text.to_owned().into())
}

/// Says what follows now.
pub fn flush(machine: &mut Machine, now: Time) -> Vec<Effect> {
    let mut effects = Vec::new();
    machine.flush(now, &mut effects);
    effects
}

/// The messages among some effects, each with its receiver.
pub fn sent(effects: &[Effect]) -> Vec<(u64, Message)> {
    let message = |effect: &Effect| match effect {
        Effect::Send { to, message, .. } => Some((to.0, message.clone())),
        _ => None,
    };
    effects.iter().filter_map(message).collect()
}
