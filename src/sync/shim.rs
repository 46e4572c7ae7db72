//! The one door to atomics, cells, parking and the clock: std's, or those of a model checker.
//!
//! ```text
//!                     +-- std        every ordinary build
//!   sync, fsm --> shim+-- loom       --cfg rsm_loom: all interleavings, and what weak memory may show
//!                     +-- shuttle    --cfg rsm_shuttle: many random interleavings
//! ```
//! No other file of the crate names `std::sync::atomic`. What the three do not share is evened out here: loom's types are not
//! `const` (`const_fn!`), its cells are visited by closures (`UnsafeCell::with`), and a model has no clock: there a deadline
//! passes when a thread of the model says so (`model::strike`), hence at any moment.

#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "rsm needs 64-bit atomics: the state, the waiting count and the payload of a lock change together, in one word of 64 bits"
);

#[cfg(rsm_loom)]
#[path = "shim/loom.rs"]
mod under;
#[cfg(all(rsm_shuttle, not(rsm_loom)))]
#[path = "shim/shuttle.rs"]
mod under;
#[cfg(not(any(rsm_loom, rsm_shuttle)))]
#[path = "shim/std.rs"]
mod under;

pub(crate) use std::sync::atomic::Ordering;
pub(crate) use under::*;

/// Atomics for statics of the process (a log level), which no model looks at: loom's cannot be made at compile time.
#[cfg(not(any(rsm_loom, rsm_shuttle)))]
pub(crate) mod process {
    pub(crate) use std::sync::atomic::AtomicU32;
}

/// A `const fn` in ordinary builds, a plain one under loom, whose atomics cannot be made at compile time.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(rsm_loom))]
        $(#[$meta])*
        $vis const fn $($rest)*
        #[cfg(rsm_loom)]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}
pub(crate) use const_fn;
