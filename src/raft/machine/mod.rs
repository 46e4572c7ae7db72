//! Above the log: the user's state, and the sessions by which each command takes effect once. (Being built.)

pub(crate) mod automaton;
pub mod codec;
pub mod command;
pub mod sessions;
pub(crate) mod snapshot;
pub mod state_machine;
pub mod view;

pub use codec::Codec;
pub use command::{CLIENT_WINDOW, Caller, Name, Nonce, Open, PEER_WINDOW, SessionId};
pub use sessions::{SESSIONS_MAX, Sessions, Verdict};
pub use state_machine::{Applied, StateMachine};
pub use view::{State, View};
