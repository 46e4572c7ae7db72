//! The same question where the answer is known: a log says where each operation took effect.
//!
//! ```text
//!   by place in the log: each saw what stood there, and none was called after a later one had returned
//! ```
//! Exact for that order, in the time of a sort.

use super::{Call, INITIAL, Operation};
use std::fmt;

/// Where an operation took effect: that of a write is the index of its entry, that of what only looked is the index up
/// to which it saw all.
pub type Place = u64;

/// Why the places that are claimed explain nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// It saw another value than stood there.
    Saw(Place, Operation, u64),
    /// It returned before something was called whose place is lower.
    Early(Place, Operation),
    /// Two writes claim this place.
    Twice(Place),
    /// It returned before it was called itself: its times are not of one clock.
    Backwards(Place, Operation),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Saw(place, operation, stood) => {
                write!(f, "{} at {place}, where {stood} stood", operation.call)
            }
            Refused::Early(place, operation) => {
                write!(f, "{} at {place} returned before another was called that took effect before it", operation.call)
            }
            Refused::Twice(place) => write!(f, "two writes at {place}"),
            Refused::Backwards(place, Operation { called, returned, call }) => {
                write!(f, "{call} at {place} was called at {called} and returned at {returned:?}")
            }
        }
    }
}

impl std::error::Error for Refused {}

/// Judges operations on one register by their places. Leave out those of which nobody knows whether they took effect,
/// unless the log has them.
///
/// # Errors
/// The first that does not fit.
pub fn register(placed: &[(Place, Operation)]) -> Result<(), Refused> {
    let looks = |operation: &Operation| operation.call.writes().is_none() || operation.call.has_lost();
    let mut placed: Vec<(Place, bool, Operation)> =
        placed.iter().map(|(place, operation)| (*place, looks(operation), *operation)).collect();
    // A swap that has lost looked at what stood before its own entry, which changed nothing: it is at its place too.
    placed.sort_by_key(|(place, looks, operation)| (*place, *looks, operation.called));
    let (mut value, mut written, mut latest_call) = (INITIAL, None, 0);
    for (place, looks, operation) in placed {
        if operation.returned.is_some_and(|returned| returned < operation.called) {
            return Err(Refused::Backwards(place, operation));
        }
        if operation.returned.is_some_and(|returned| returned < latest_call) {
            return Err(Refused::Early(place, operation));
        }
        latest_call = latest_call.max(operation.called);
        // Nobody was told what a swap without an answer has found; one that stands in the log has found what it expected.
        let sees = match operation.call {
            Call::Swap { expected, .. } if operation.returned.is_none() => Some(expected).filter(|_| !looks),
            call => call.sees().filter(|_| operation.returned.is_some()),
        };
        if sees.is_some_and(|seen| seen != value) {
            return Err(Refused::Saw(place, operation, value));
        }
        if !looks {
            if written.replace(place) == Some(place) {
                return Err(Refused::Twice(place));
            }
            value = match operation.call {
                Call::Write(new) | Call::Swap { new, .. } => new,
                Call::Read(_) => value,
            };
        }
    }
    Ok(())
}
