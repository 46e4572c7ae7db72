//! Above the log: the user's state, and the sessions by which each command takes effect once.
//!
//! ```text
//!   entry ──> session: new? ──> decode ──> apply(&mut state, command, at) ──> reply, kept for who asks again
//!                │ known: the kept reply, without applying
//!                │ expired: nothing
//!   every so often: snapshot = sessions + state, written aside
//! ```
//! [`StateMachine`] is what a user writes, [`Codec`] how commands and replies travel, [`Sessions`] the table of who has
//! proposed what. The automaton that owns all three never shares them; others see the state through [`State`].

pub(crate) mod automaton;
pub mod codec;
pub mod command;
#[cfg(feature = "serde")]
mod serde;
pub mod sessions;
pub(crate) mod snapshot;
pub mod state_machine;
pub mod view;

#[cfg(feature = "serde")]
pub use self::serde::Serde;
pub use codec::Codec;

pub use command::{CLIENT_WINDOW, Caller, Name, Nonce, Open, PEER_WINDOW, SessionId};
pub use sessions::{SESSIONS_MAX, Sessions, Verdict};
pub use state_machine::{Applied, StateMachine};
pub use view::{State, View};

#[cfg(test)]
mod tests;
