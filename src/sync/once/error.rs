//! Why a value was not put in, or not made. What was not put in is handed back.
//!
//! ```text
//!   try_set                            Set: there is one      Busy: another makes it now
//!   set_timeout, set_until             Set: there is one      TimedOut: another was still making it
//!   get_or_try_init_timeout, _until    Failed: our own make   TimedOut: another was still making it
//! ```

use crate::sync::TimedOut;
use std::error::Error;
use std::fmt;

/// Why a value was not put in at once. It is still the caller's, so here it is again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySetError<T> {
    /// There is a value already.
    Set(T),
    /// Another makes the value now.
    Busy(T),
}

/// Why a value was not put in in time. It is still the caller's, so here it is again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SetTimeoutError<T> {
    /// There is a value already.
    Set(T),
    /// Another was still making the value at the deadline.
    TimedOut(T),
}

/// Why a value was not made in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitError<E> {
    /// Another was still making the value at the deadline. Nothing was changed; ask again if you like.
    TimedOut,
    /// It was our turn to make it, and this is why that failed.
    Failed(E),
}

impl<T> TrySetError<T> {
    /// The value again.
    pub fn into_inner(self) -> T {
        match self {
            TrySetError::Set(value) | TrySetError::Busy(value) => value,
        }
    }
}

impl<T> SetTimeoutError<T> {
    /// The value again.
    pub fn into_inner(self) -> T {
        match self {
            SetTimeoutError::Set(value) | SetTimeoutError::TimedOut(value) => value,
        }
    }
}

impl<E> From<TimedOut> for InitError<E> {
    fn from(_: TimedOut) -> InitError<E> {
        InitError::TimedOut
    }
}

const SET: &str = "there is a value already";

impl<T> fmt::Display for TrySetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySetError::Set(_) => SET,
            TrySetError::Busy(_) => "another makes the value now, try again later",
        })
    }
}

impl<T> fmt::Display for SetTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetTimeoutError::Set(_) => SET,
            SetTimeoutError::TimedOut(_) => "timed out: another was still making the value, try again later",
        })
    }
}

impl<E: fmt::Display> fmt::Display for InitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InitError::TimedOut => f.write_str("timed out: another was still making the value, try again later"),
            InitError::Failed(why) => why.fmt(f),
        }
    }
}

// An error for every value: what `Debug` shows of it is the text alone.
impl<T> fmt::Debug for TrySetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> fmt::Debug for SetTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> Error for TrySetError<T> {}
impl<T> Error for SetTimeoutError<T> {}
impl<E: Error> Error for InitError<E> {}
