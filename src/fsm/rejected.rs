//! Why a command was not taken.

use std::fmt;

/// Why a command was not taken. It is still the caller's, so here it is again.
#[derive(PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejected<C> {
    /// The inbox holds as many commands as it may.
    Full(C),
    /// The automaton takes no new work, ever again.
    Draining(C),
    /// The automaton is no more, or about to be.
    Dead(C),
}

impl<C> Rejected<C> {
    /// The command.
    #[must_use]
    pub fn into_inner(self) -> C {
        match self {
            Rejected::Full(command) | Rejected::Draining(command) | Rejected::Dead(command) => command,
        }
    }

    /// The same refusal of the command in another form.
    #[must_use]
    pub fn map<D>(self, change: impl FnOnce(C) -> D) -> Rejected<D> {
        match self {
            Rejected::Full(command) => Rejected::Full(change(command)),
            Rejected::Draining(command) => Rejected::Draining(change(command)),
            Rejected::Dead(command) => Rejected::Dead(change(command)),
        }
    }
}

impl<C> fmt::Display for Rejected<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rejected::Full(_) => "the inbox is full, try again later",
            Rejected::Draining(_) => "the automaton is draining",
            Rejected::Dead(_) => "the automaton has ended",
        })
    }
}

// An error for every command: what `Debug` shows of it is the text alone.
impl<C> fmt::Debug for Rejected<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl<C> std::error::Error for Rejected<C> {}
