//! Where a supervisor stands, what it hears, and what it dies of.

use crate::fsm::automaton::End;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The states of a supervisor. It begins [`Up`](Supervision::Up).
#[derive(Debug, Default)]
pub enum Supervision {
    /// Each child lives, is dead for good, or waits for its restart by itself.
    #[default]
    Up,
    /// A group is being ended, to be born again.
    Stopping(Stopping),
    /// A group waits out its back-off.
    Waiting(Waiting),
    /// All children are drained.
    Leaving,
    /// All children are stopped, for restarts were too many.
    Failing(TooManyRestarts),
}

/// A group on its way down.
#[derive(Debug)]
pub struct Stopping {
    /// The first of the group; it reaches to the end.
    pub(super) from: usize,
    /// The back-off that follows.
    pub(super) wait: Duration,
}

/// A group that is dead.
#[derive(Debug)]
pub struct Waiting {
    pub(super) from: usize,
}

/// What a supervisor hears: it comes from its children and its timers alone.
#[derive(Debug)]
pub struct Told(pub(super) What);

#[derive(Debug)]
pub(super) enum What {
    /// A child ended.
    Ended { nth: usize, end: End },
    /// The back-off of one child is over.
    Return { nth: usize },
    /// The back-off of a group is over.
    Again,
    /// The one that was told to end has not.
    Late,
}

/// What a supervisor that gives up panics with: [`Panic::take`](crate::fsm::Panic::take) hands it out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TooManyRestarts {
    /// Who ended once too often.
    pub child: Cow<'static, str>,
    /// How.
    pub end: End,
    /// How many restarts there may be in a window.
    pub restarts: u32,
    /// How long that is.
    pub window: Duration,
}

impl fmt::Display for TooManyRestarts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooManyRestarts { child, end, restarts, window } = self;
        write!(f, "the child `{child}` ended once too often for {restarts} restarts in {window:?}: {end:?}")
    }
}

impl std::error::Error for TooManyRestarts {}
