//! The models of `sync`: each primitive in every interleaving of a few threads, under a bound on preemptions.
//!
//! ```text
//!   RUSTFLAGS="--cfg rsm_loom" cargo test --target-dir target/loom --test loom -- --nocapture --test-threads 1
//! ```
//! Two-thread models run with three preemptions, those of three threads with two. Each prints its executions and its time.
#![cfg(rsm_loom)]

mod common;
mod event;
mod fsm;
mod lock;
mod mpsc;
mod oneshot;
mod park;
mod rwlock;
mod semaphore;
mod turn;
