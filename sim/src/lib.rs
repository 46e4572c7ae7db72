//! A cluster in a seed: real peers on simulated network, clocks and disks, with everything that can go wrong.
//!
//! ```text
//!   seed ──> swarm, plan ──> World (network, disks, clients, faults) ──┐
//!                                                                      ├──> VirtualTime: one step after another
//!            Peer (replica, log, state machine, transfers: the real) ──┘        │ after each: Check, the rules
//!                                                                               v
//!                                                     Report: what happened, a hash of it, what was broken
//! ```
//! The peers are those that a user runs; replaced are `send`, the disk, the clock, the seed, and threads. A run is a
//! function of its seed.
#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod account;
pub mod aim;
pub mod calm;
pub mod check;
pub mod client;
mod copied;
pub mod effects;
mod ended;
mod event;
pub mod html;
mod liar;
pub mod lin;
pub mod lists;
mod load;
pub mod marks;
pub mod minimize;
pub mod mutants;
pub mod nemesis;
pub mod net;
pub mod node;
mod numbers;
pub mod parts;
pub mod plan;
pub mod queue;
pub mod run;
pub mod scenario;
mod script;
pub mod shared;
pub mod store;
mod stray;
pub mod stream;
mod strike;
pub mod sums;
pub mod sweep;
pub mod tell;
pub mod ties;
mod trace;
mod version;
mod wasted;
pub mod world;

pub use liar::is_stop;
