//! What the user writes: a state, its commands, and how the one follows from the other.
//!
//! ```text
//!   log      | put a 1 | put b 2 | del a |        the same on every peer
//!                 │         │        │
//!   state    {} ──┴─> {a:1} ┴> {a:1,b:2} ┴> {b:2}      so the same states, if `apply` depends on nothing else
//! ```

use super::codec::Codec;
use crate::raft::{Index, Term};
use std::io::{self, Read, Write};

/// A state that is replicated: each peer holds one, and applies the same commands in the same order.
///
/// ```
/// use rsm::raft::{Applied, Codec, StateMachine};
/// use std::collections::BTreeMap;
/// use std::io::{self, Read, Write};
///
/// #[derive(Default)]
/// struct Stock(BTreeMap<String, u64>);
///
/// impl StateMachine for Stock {
///     type Command = (String, u64); // so many more of this
///     type Reply = u64; // how many there are now
///
///     fn apply(&mut self, (what, more): (String, u64), _at: Applied) -> u64 {
///         let held = self.0.entry(what).or_default();
///         *held = held.saturating_add(more);
///         *held
///     }
///
///     fn snapshot(&self) -> impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static {
///         let copy: Vec<(String, u64)> = self.0.iter().map(|(what, held)| (what.clone(), *held)).collect();
///         move |to: &mut dyn Write| to.write_all(&copy.to_bytes())
///     }
///
///     fn restore(from: &mut dyn Read) -> io::Result<Stock> {
///         let mut bytes = Vec::new();
///         from.read_to_end(&mut bytes)?;
///         let copy: Vec<(String, u64)> = Codec::from_bytes(&bytes).ok_or(io::ErrorKind::InvalidData)?;
///         Ok(Stock(copy.into_iter().collect()))
///     }
/// }
///
/// let peer = rsm::raft::Peer::<Stock>::builder(1, [(1, "here")]).spawn()?; // a cluster of one
/// assert_eq!(peer.propose(("nails".into(), 300))?.wait()?, 300);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `apply` must depend on nothing but the state, the command and [`Applied`]: no clock, no chance, no order of a hash
/// map. Peers that break this rule drift apart, which their digests in `status` show.
pub trait StateMachine: Send + Sync + 'static {
    /// What changes the state.
    type Command: Codec;
    /// What the caller gets back. Kept by its session until the caller has acknowledged it.
    type Reply: Codec + Clone;

    /// Carries out one command. Called once for each, in log order, on every peer.
    ///
    /// A panic here stops this peer: its open tickets resolve, and it takes part no more.
    fn apply(&mut self, command: Self::Command, at: Applied) -> Self::Reply;

    /// Takes a cheap copy of the state (an `Arc`, a persistent map, a clone). The closure writes it, elsewhere, while
    /// commands go on being applied. Equal states must write equal bytes.
    fn snapshot(&self) -> impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static;

    /// Makes a state of what a snapshot's closure has written. A constructor: nothing is ever half restored.
    ///
    /// # Errors
    /// If the bytes are no state (of kind `InvalidData`), or reading them failed.
    fn restore(from: &mut dyn Read) -> io::Result<Self>
    where
        Self: Sized;
}

/// Where in the log the command stands that is being applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// Its place, rising from command to command: a number that names this command for good.
    pub index: Index,
    /// The term of the leader that placed it.
    pub term: Term,
}

impl Applied {
    /// The command at this place.
    #[must_use]
    pub fn new(index: Index, term: Term) -> Applied {
        Applied { index, term }
    }
}
