//! Waiting: many threads share one word.
//!
//! (The floor is being built.)

pub mod event;
pub mod lock;
pub mod mpsc;
pub mod oneshot;
#[allow(dead_code, unused_imports)]
pub mod park;
pub mod rwlock;
pub mod semaphore;
pub mod turn;

#[allow(dead_code)]
pub(crate) mod backoff;
#[allow(dead_code, unused_imports, unused_macros)]
pub(crate) mod shim;

mod timed_out;
pub use timed_out::TimedOut;

#[cfg(rsm_loom)]
#[doc(hidden)]
pub mod model;
