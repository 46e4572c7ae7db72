//! Waiting: many threads share one word.
//!
//! (The floor is being built.)

mod error;
pub mod event;
mod event_guard;
pub mod lock;
pub mod mpsc;
pub mod oneshot;
#[allow(dead_code, unused_imports)]
pub mod park;
mod permit;
pub mod rwlock;
pub mod semaphore;
pub mod turn;

#[allow(dead_code)]
pub(crate) mod backoff;
#[allow(dead_code)]
pub(crate) mod probe;
#[allow(dead_code, unused_imports, unused_macros)]
pub(crate) mod shim;

pub use error::{Closed, TimedOut, WaitError};

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
pub(crate) mod testing;

#[cfg(rsm_loom)]
#[doc(hidden)]
pub mod model;
