//! A replicated state machine, and the automaton that agrees on it.
//!
//! A few peers hold the same state, because they apply the same commands in the same order. One of them, the leader, says
//! the order; a command counts once a majority holds it durably. As long as a majority is up and connected, the state is
//! there, can be read and changed, and loses nothing, whichever peers die.
//!
//! ```text
//!  your program        Peer: propose, read, state, news, status, drain          a handle, cloned freely
//!  ───────────────────────────────────────────────────────────────────────────────────────────────────
//!  replica ──────────────────┬──────────── disk ───────────┬──── machine ───────┬──── transfer
//!  packets in, packets out   │  one write, one sync        │  your `apply`,     │  snapshots, piece by
//!  tickets, timers           │  for all that waits         │  reads, snapshots  │  piece
//!  ──────────────────────────┴─────────────────────────────┴────────────────────┴──────────────────────
//!  consensus   PURE: (role, input, now) -> role; flush -> effects     no clock, thread, file, chance of its own
//! ```
//!
//! # The first program
//!
//! A closure says what a command does to the state. The network is yours: `send` is called with opaque packets, which may
//! be lost, doubled and reordered, and [`Peer::receive`] takes them in at the other end. Here it is a table of peers.
//!
//! ```
//! use rsm::raft::{FromFn, Peer};
//! use rsm::sync::lock::Lock;
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let peers: Arc<Lock<Vec<Peer<FromFn<u64, u64, u64>>>>> = Arc::default();
//! for id in 0..3 {
//!     let network = Arc::clone(&peers);
//!     let peer = Peer::from_fn(id, [(0, "a"), (1, "b"), (2, "c")], |count: &mut u64, add: u64, _| {
//!         *count += add;
//!         *count
//!     })
//!     .send(move |to, _address, packet| network.lock().get(to as usize).map(|peer| peer.receive(packet)))
//!     .spawn()?;
//!     peers.lock().push(peer);
//! }
//! let peers = peers.lock().clone();
//! assert_eq!(peers[0].propose(5)?.wait()?, 5); // at any peer: forwarded, applied exactly once
//! assert_eq!(peers[2].read(|count| **count)?.wait()?, 5); // at any peer: never older than the call
//! peers.iter().for_each(Peer::drain);
//! peers.iter().for_each(Peer::wait_ended); // else the program ends before them
//! # Ok(())
//! # }
//! ```
//! A read looks at the state through its `FromFn`, hence the second star. With [`dir`](Builder::dir) log and snapshots lie in a directory, and a restart goes on from there. A state of one's own,
//! with cheap copies and a snapshot format, implements [`StateMachine`].
//!
//! # What is promised
//!
//! - **A reply means that it is done**: applied here, held durably by a majority, and applied once, whatever was lost and
//!   repeated on the way. A command is named by its session and sequence; copies get the first one's reply.
//! - **No reply is not "no"**: [`Failure::may_have_applied`] says whether the command may have taken effect.
//! - **Every ticket resolves**: by the reply, by its deadline (5 s), or by the end of the peer.
//! - **A read sees everything that was acknowledged before it was asked for**, at any peer ([`Peer::read`]).
//!   [`Peer::state`] is at once, and perhaps a little old.
//! - **A peer that cannot keep its promises ends**: a failed sync is never tried again, a command that cannot be decoded is
//!   never skipped. [`Peer::fault`] says why.
//!
//! # Where to read on
//!
//! [`peer`] is the handle, [`machine`] what you write, [`replica`] what runs; [`consensus`] is the thinking, a pure
//! function of its inputs; [`storage`] keeps it, [`wire`] carries it. [`piped`] puts a peer behind a pair of pipes, for a
//! front end in any language. The paper's sections stand at the lines that obey them: <https://raft.github.io/raft.pdf>
//! (§), and the thesis where it goes further.
//!
//! Next: [`consensus`], the thinking.
#![forbid(unsafe_code)]

pub mod consensus;
pub mod entry;
pub mod invariants;
pub mod machine;
#[cfg(not(any(test, rsm_marks)))]
mod mark;
#[cfg(any(test, rsm_marks))]
pub mod mark;
#[cfg(not(rsm_mutant))]
mod mutant;
#[cfg(rsm_mutant)]
pub mod mutant;
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
