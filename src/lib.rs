//! Building blocks for distributed systems, in three floors, each standing on the one below.
//!
//! ```text
//!   raft    a replicated state machine, and the automaton that agrees on it     pure core, durable log, peers
//!   ─────────────────────────────────────────────────────────────────────────
//!   fsm     automata: an inbox, a state, transitions, timers, draining          one thread owns one state
//!   ─────────────────────────────────────────────────────────────────────────
//!   sync    locks, events, semaphores, channels, tickets                        many threads share one word
//! ```
//!
//! The crate does no network I/O: its user carries opaque bytes, which may be lost, doubled or reordered. Communication is
//! half-duplex: messages are passed, and never acknowledged directly.
//!
//! # The course
//!
//! The pages chain, from the bottom up; each chapter is a program of under sixty lines that prints what its head says.
//!
//! | part | page | chapters (`examples/`) |
//! |---|---|---|
//! | I Waiting | [`sync`] | `01_lock`, `02_drain` |
//! | II Reacting | [`fsm`] | `03_automaton`, `04_timers`, `09_supervisor`, `10_retry`, `11_table`, `12_tokio` |
//! | III Agreeing | [`raft`], [`raft::consensus`] | `05_leader`, `06_counter` |
//! | IV Living | [`raft::storage`], [`raft::wire`], [`pipe`] | `07_pipe`, `08_local` |
//!
//! Next: [`sync`].

pub mod fsm;
pub mod mix;
#[cfg(not(any(rsm_loom, rsm_shuttle)))] // what a model checker's types can run is the two lower floors
pub mod pipe;
#[cfg(not(any(rsm_loom, rsm_shuttle)))]
pub mod raft;
pub mod sync;
pub mod time;
pub mod varint;

/// The style guide's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../STYLE.md")]
struct Style;
