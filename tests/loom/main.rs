//! The models of `sync` and `fsm`: each primitive in every interleaving of a few threads, under a bound on preemptions.
//!
//! ```text
//!   RUSTFLAGS="--cfg rsm_loom" cargo test --profile model --target-dir target/loom --test loom -- --nocapture
//! ```
//! Two-thread models run with three preemptions, larger ones with two or three; some have one less, for their time
//! (`docs/verification-sync.md`). Each prints its executions and its time. Models that speak of nodes and bits stand beside their files, `src/{sync,fsm}/*/models.rs`, and are run from here.
//!
//! A model whose name says that something "is found" switches on a fault ([`rsm::sync::model::Mutant`]) and holds that it fails.
#![cfg(rsm_loom)]

mod barrier;
mod cancel;
mod catch;
mod common;
mod countdown;
mod drain;
mod event;
mod freed;
mod fsm;
mod gate;
mod lock;
mod lock_pairs;
mod meter;
mod mpsc;
mod mpsc_pairs;
mod once;
mod oneshot;
mod park;
mod rwlock;
mod rwlock_pairs;
mod rwlock_tries;
mod semaphore;
mod semaphore_pairs;
mod spin;
mod turn;
