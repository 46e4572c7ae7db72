//! Bringing a value that is made already.
//!
//! ```text
//!                   nobody makes it: it is there
//!   set(value) ──> < another makes it: waits for that one, unless told not to, or only so long     Busy, TimedOut: value
//!                   there is one, or is by now                                                     handed back: value
//! ```

use super::{Once, SetTimeoutError, TrySetError};
use crate::sync::TimedOut;
use std::future::ready;
use std::time::{Duration, Instant};

/// What is to be put in, until it is.
struct Brought<T>(Option<T>);

impl<T> Brought<T> {
    fn take(&mut self) -> T {
        self.0.take().expect("a closure runs once")
    }

    /// The value again, if it was not needed.
    fn into_outcome(self) -> Result<(), T> {
        self.0.map_or(Ok(()), Err)
    }

    /// The value again, of one that was not put in.
    fn into_inner(self) -> T {
        self.0.expect("it was not put in")
    }
}

impl<T> Once<T> {
    /// Puts the value in. If another makes it now, waits for that one.
    ///
    /// # Errors
    /// The value, if there was one already.
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut mine = Brought(Some(value));
        self.get_or_init(|| mine.take());
        mine.into_outcome()
    }

    /// Puts the value in, but never waits for others.
    ///
    /// # Errors
    /// [`TrySetError`] with the value: there was one already, or another makes it now.
    pub fn try_set(&self, value: T) -> Result<(), TrySetError<T>> {
        let mut mine = Brought(Some(value));
        match self.try_get_or_init(|| mine.take()) {
            Some(_) => mine.into_outcome().map_err(TrySetError::Set),
            None => Err(TrySetError::Busy(mine.into_inner())),
        }
    }

    /// Puts the value in. If another makes it now, waits for that one, that long at most.
    ///
    /// # Errors
    /// [`SetTimeoutError`] with the value: there was one already, or another was still making it.
    pub fn set_timeout(&self, value: T, time: Duration) -> Result<(), SetTimeoutError<T>> {
        let mut mine = Brought(Some(value));
        match self.get_or_init_timeout(time, || mine.take()) {
            Ok(_) => mine.into_outcome().map_err(SetTimeoutError::Set),
            Err(TimedOut) => Err(SetTimeoutError::TimedOut(mine.into_inner())),
        }
    }

    /// Puts the value in. If another makes it now, waits for that one, until then at most.
    ///
    /// # Errors
    /// [`SetTimeoutError`] with the value: there was one already, or another was still making it.
    pub fn set_until(&self, value: T, instant: Instant) -> Result<(), SetTimeoutError<T>> {
        let mut mine = Brought(Some(value));
        match self.get_or_init_until(instant, || mine.take()) {
            Ok(_) => mine.into_outcome().map_err(SetTimeoutError::Set),
            Err(TimedOut) => Err(SetTimeoutError::TimedOut(mine.into_inner())),
        }
    }

    /// A future of [`set`](Once::set). Dropped before it is done, it has put nothing in, and the value is dropped with it. Do not
    /// leak it.
    ///
    /// # Errors
    /// The value, if there was one already.
    pub async fn set_async(&self, value: T) -> Result<(), T> {
        let mut mine = Brought(Some(value));
        self.get_or_init_async(|| ready(mine.take())).await;
        mine.into_outcome()
    }
}
