//! Automata: an inbox, a state, transitions, timers, draining. One thread of thought owns one state.
#![forbid(unsafe_code)]

mod address;
mod automaton;
mod cell;
pub mod conformance;
mod context;
mod counters;
mod death;
mod extras;
mod inbox;
mod rejected;
mod runner;
mod slots;
mod tape;
mod threads;
mod ticker;
mod timers;
mod turn;
pub mod virtual_time;
pub mod wheel;
mod word;

pub use crate::time::Time;
pub use address::{Address, WeakAddress};
pub use automaton::{Automaton, CellId, End, Input, Kind, Mode, Panic};
pub use context::Context;
pub use counters::Counters;
pub use rejected::Rejected;
pub use runner::Capacity::{self, Bounded, Unbounded};
pub use runner::{Builder, Home, HomeRef, Runner, Task};
pub use slots::Timer;
pub use threads::Threads;
pub use ticker::every;
pub use timers::Timers;
pub use virtual_time::{VirtualTime, World};
