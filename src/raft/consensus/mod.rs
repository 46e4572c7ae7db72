//! The core: Raft as a pure automaton. (Being built.)

pub mod effect;
pub mod input;
pub mod membership;
pub mod message;
pub mod options;

pub use effect::{Committed, Effect, News, Record, Refusal};
pub use input::Input;
pub use membership::{Duty, Member, Membership};
pub use message::{Append, Message, Outcome};
pub use options::Options;
