//! A replicated state machine, and the automaton that agrees on it.
#![forbid(unsafe_code)]

pub mod consensus;
pub mod entry;
pub mod invariants;
pub mod machine;
mod mutant;
pub mod peer;
pub mod piped;
pub mod recovered;
pub mod replica;
pub mod storage;
pub mod transfer;
pub mod types;
pub mod wire;

pub use crate::time::Time;
pub use entry::{Entries, Entry, EntryKind};
pub use machine::{Applied, Caller, Codec, SessionId, StateMachine};
pub use peer::{Builder, Done, Failure, FromFn, Outcome, Peer, Pending, SpawnError, Status};
pub use piped::Piped;
pub use recovered::{Damage, Recovered};
pub use types::{Ask, ClusterId, Identity, Incarnation, Index, LogId, NodeId, Round, Seq, Term, Token, Track};
