//! The words in which a primitive says that it did not do what it was asked.
//!
//! ```text
//!   Closed      it will never happen: the other side is gone
//!   TimedOut    it has not happened yet: ask again
//!   Busy        another is at it just now: ask again
//!   WaitError   a wait with a deadline may end in either
//!   Draining    no newcomer is taken any more: what is there is finished, then it ends
//! ```
//! A call that takes something of yours and fails hands it back; those errors stand beside their primitives.

use std::error::Error;
use std::fmt;

/// The other side is gone for good: waiting longer would be waiting for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// The deadline came first. Nothing was changed; ask again if you like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

/// Another is at it just now, and this call does not wait. Nothing was changed; ask again if you like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// It is being shut down: what is there is finished, no newcomer is taken. It stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draining;

/// Why a wait with a deadline ended without what it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// The deadline came first. Nothing was changed; ask again if you like.
    TimedOut,
    /// The other side is gone for good.
    Closed,
}

impl From<Closed> for WaitError {
    fn from(_: Closed) -> WaitError {
        WaitError::Closed
    }
}

impl From<TimedOut> for WaitError {
    fn from(_: TimedOut) -> WaitError {
        WaitError::TimedOut
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed: the other side is gone")
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out, try again later")
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("busy: another is at it now, try again later")
    }
}

impl fmt::Display for Draining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("draining: no newcomer is taken any more")
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitError::TimedOut => TimedOut.fmt(f),
            WaitError::Closed => Closed.fmt(f),
        }
    }
}

impl Error for Closed {}
impl Error for TimedOut {}
impl Error for Busy {}
impl Error for Draining {}
impl Error for WaitError {}
