//! Why a message was not sent, or none was received. What was not sent is handed back.
//!
//! ```text
//!   send                    SendError                    the receiver is gone
//!   try_send                TrySendError: Full           or it is full just now
//!   send_timeout, _until    SendTimeoutError: TimedOut   or it stayed full
//!   try_recv, try_take      TryRecvError: Empty, Closed  nothing now, or for good
//! ```

use std::error::Error;
use std::fmt;

/// The receiver is gone, or has closed the channel. The message is still the caller's, so here it is again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why a message was not sent at once. It is still the caller's, so here it is again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The channel holds as many messages as it may.
    Full(T),
    /// The receiver is gone, or has closed the channel.
    Closed(T),
}

/// Why a message was not sent in time. It is still the caller's, so here it is again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The channel was full until the deadline.
    TimedOut(T),
    /// The receiver is gone, or has closed the channel.
    Closed(T),
}

/// Why nothing was received at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// No message is there now.
    Empty,
    /// No message is there, and none will come: all senders are gone, or the channel was closed.
    Closed,
}

impl<T> TrySendError<T> {
    /// The message again.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(message) | TrySendError::Closed(message) => message,
        }
    }
}

impl<T> SendTimeoutError<T> {
    /// The message again.
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::TimedOut(message) | SendTimeoutError::Closed(message) => message,
        }
    }
}

const FULL: &str = "the channel is full, try again later";
const CLOSED: &str = "the channel is closed: nobody will receive";

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CLOSED)
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => FULL,
            TrySendError::Closed(_) => CLOSED,
        })
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendTimeoutError::TimedOut(_) => "timed out: the channel stayed full, try again later",
            SendTimeoutError::Closed(_) => CLOSED,
        })
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "no message is there, try again later",
            TryRecvError::Closed => "the channel is closed: nobody will send",
        })
    }
}

// An error for every message: what `Debug` shows of it is the text alone.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> Error for SendError<T> {}
impl<T> Error for TrySendError<T> {}
impl<T> Error for SendTimeoutError<T> {}
impl Error for TryRecvError {}
