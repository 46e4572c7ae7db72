//! The state as it is applied here: read at once, by anyone, at the price of being a little old.

use super::state_machine::StateMachine;
use crate::raft::{Index, LogId};
use crate::sync::rwlock::{ReadGuard, ReadOnly};
use std::ops::Deref;

/// The state and where it stands: both of the same instant.
#[derive(Debug)]
pub struct Held<S> {
    pub(crate) state: S,
    pub(crate) applied: LogId,
}

/// A handle on the applied state of a peer; clones are handles on the same.
#[derive(Debug)]
pub struct State<S>(pub(crate) ReadOnly<Held<S>>);

impl<S> Clone for State<S> {
    fn clone(&self) -> Self {
        State(self.0.clone())
    }
}

impl<S: StateMachine> State<S> {
    /// The state of this instant. While the view lives nothing is applied here: look, and let go.
    ///
    /// After a panic of [`apply`](StateMachine::apply) it is what that panic left.
    #[must_use]
    pub fn read(&self) -> View<'_, S> {
        View(self.0.read())
    }
}

/// The state of one instant; dereferences to it.
#[derive(Debug)]
pub struct View<'a, S>(ReadGuard<'a, Held<S>>);

impl<S> View<'_, S> {
    /// Up to here the log is applied to it.
    #[must_use]
    pub fn index(&self) -> Index {
        self.0.applied.index
    }
}

impl<S> Deref for View<'_, S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.0.state
    }
}
