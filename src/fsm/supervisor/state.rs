//! Where a supervisor stands, what it hears, and what it dies of.

use super::child::Slot;
use super::roll::{Killer, SupervisedChild};
use crate::fsm::automaton::End;
use crate::fsm::cell::Node;
use crate::sync::oneshot;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
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
    /// The first of the group, by number; it reaches to the end.
    pub(super) from: u64,
    /// The back-off that follows.
    pub(super) wait: Duration,
}

/// A group that is dead.
#[derive(Debug)]
pub struct Waiting {
    pub(super) from: u64,
}

/// What a supervisor hears: of its children, by its timers, and who is to be added
/// ([`Address::add`](crate::fsm::Address::add)).
#[derive(Debug)]
pub struct Told(pub(super) What);

pub(super) enum What {
    /// A child ended.
    Ended { nth: u64, end: End },
    /// The back-off of one child is over.
    Return { nth: u64 },
    /// The back-off of a group is over.
    Again,
    /// The one that was told to end has not.
    Late,
    /// One more child.
    Add(Slot),
    /// The child behind this door, for good.
    Remove(Arc<dyn Node>),
    /// One that was removed has not ended.
    Overdue(Killer),
    /// Who the children are.
    List(oneshot::Sender<Vec<SupervisedChild>>),
}

impl fmt::Debug for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Ended { nth, end } => write!(f, "Ended {{ nth: {nth}, end: {end:?} }}"),
            What::Return { nth } => write!(f, "Return {{ nth: {nth} }}"),
            What::Again => f.write_str("Again"),
            What::Late => f.write_str("Late"),
            What::Add(slot) => write!(f, "Add({slot:?})"),
            What::Remove(door) => write!(f, "Remove({:?})", door.id()),
            What::Overdue(_) => f.write_str("Overdue"),
            What::List(_) => f.write_str("List"),
        }
    }
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
