//! Above the log: the user's state, and the sessions by which each command takes effect once. (Being built.)

pub mod codec;
pub mod command;
pub mod sessions;
pub mod state_machine;

pub use codec::Codec;
pub use command::{CLIENT_WINDOW, Caller, Nonce, Open, PEER_WINDOW, SessionId};
pub use sessions::{SESSIONS_MAX, Sessions, Verdict};
pub use state_machine::{Applied, StateMachine};
