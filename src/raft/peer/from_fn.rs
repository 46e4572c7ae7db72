//! A closure as a state machine: for a first program.

use crate::raft::machine::{Applied, Codec, StateMachine};
use std::fmt;
use std::io::{self, Read, Write};
use std::ops::Deref;
use std::sync::Arc;

/// What a closure does with a state, a command and its place.
pub(crate) type Behaviour<S, C, R> = Arc<dyn Fn(&mut S, C, Applied) -> R + Send + Sync>;

/// A state whose behaviour is a closure; dereferences to it. Made by [`Peer::from_fn`](super::Peer::from_fn).
pub struct FromFn<S, C, R> {
    state: S,
    behaviour: Behaviour<S, C, R>,
}

impl<S, C, R> FromFn<S, C, R> {
    pub(crate) fn new(state: S, behaviour: Behaviour<S, C, R>) -> FromFn<S, C, R> {
        FromFn { state, behaviour }
    }
}

impl<S, C, R> Deref for FromFn<S, C, R> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.state
    }
}

impl<S: fmt::Debug, C, R> fmt::Debug for FromFn<S, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}

/// Decodes a whole state.
pub(crate) fn read_state<S: Codec>(from: &mut dyn Read) -> io::Result<S> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    S::from_bytes(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the bytes are no state"))
}

impl<S, C, R> StateMachine for FromFn<S, C, R>
where
    S: Codec + Clone + Sync,
    C: Codec,
    R: Codec + Clone + Sync,
{
    type Command = C;
    type Reply = R;

    fn apply(&mut self, command: C, at: Applied) -> R {
        (self.behaviour)(&mut self.state, command, at)
    }

    fn snapshot(&self) -> impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static {
        let state = self.state.clone();
        move |to: &mut dyn Write| to.write_all(&state.to_bytes())
    }

    /// A peer that was made by [`Peer::from_fn`](super::Peer::from_fn) restores by itself, with its closure.
    fn restore(_from: &mut dyn Read) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "a closure cannot be read from a snapshot"))
    }
}
