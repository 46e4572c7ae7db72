//! Why a proposal or a read did not bring what was asked for.

use std::fmt;

/// What went wrong with one proposal, read or session.
///
/// The caller's question is always the same: may it have taken effect? [`may_have_applied`](Failure::may_have_applied)
/// answers it. If it may, only the same session and sequence make a repetition safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// No room here and now: too many proposals are open, the session's window is full, or the disk is.
    Full,
    /// The command is larger than the log takes.
    TooLarge,
    /// The peer is shutting down.
    Draining,
    /// The caller's numbers are none that a session has, or the command does not decode.
    Invalid,
    /// The session is not held any more, or the sequence lies below what its caller has acknowledged.
    Expired,
    /// No answer came in time.
    Unknown,
    /// The peer has ended.
    Gone,
}

impl Failure {
    /// Whether the command may have been applied, or may still be. `false` is a promise: not then, not later. It speaks of
    /// this call alone: another one of the same session and sequence, here or at another peer, may have been applied.
    #[must_use]
    pub const fn may_have_applied(self) -> bool {
        match self {
            Failure::Full | Failure::TooLarge | Failure::Draining | Failure::Invalid => false,
            Failure::Expired | Failure::Unknown | Failure::Gone => true,
        }
    }

    /// The one word that stands for it in replies and logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Failure::Full => "full",
            Failure::TooLarge => "too large",
            Failure::Draining => "draining",
            Failure::Invalid => "invalid",
            Failure::Expired => "expired",
            Failure::Unknown => "unknown",
            Failure::Gone => "gone",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::Full => "no room now, try again later",
            Failure::TooLarge => "the command is larger than the log takes",
            Failure::Draining => "the peer is shutting down, ask another",
            Failure::Invalid => "the session, the sequence or the command is malformed",
            Failure::Expired => "the session is not held any more: the command may have been applied, open another",
            Failure::Unknown => "no answer in time: the command may have been applied",
            Failure::Gone => "the peer has ended: the command may have been applied",
        })
    }
}

impl std::error::Error for Failure {}
