//! Why a peer did not start.

use crate::raft::NodeId;
use crate::raft::consensus::options::Unfit;
use crate::raft::storage::Error;
use std::path::PathBuf;
use std::{fmt, io};

/// What did not fit, in one line that says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpawnError {
    /// This id is not among the members.
    NotAMember {
        /// The id.
        id: NodeId,
        /// The members.
        members: Vec<NodeId>,
    },
    /// This id is listed twice.
    Twice(NodeId),
    /// The store does not open, or is not this peer's.
    Store(Error),
    /// What the store holds cannot be worked with, or the settings cannot.
    Unfit(Unfit),
    /// The pipe of a piped peer cannot be used.
    Pipe(io::Error),
    /// As the other says, of this directory.
    Dir(PathBuf, Box<SpawnError>),
}

impl SpawnError {
    /// Names the directory, where it is about one.
    pub(super) fn of(self, dir: PathBuf) -> SpawnError {
        match self {
            SpawnError::Store(_) | SpawnError::Unfit(Unfit::Damaged(_) | Unfit::Membership(_)) => {
                SpawnError::Dir(dir, Box::new(self))
            }
            other => other,
        }
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnError::NotAMember { id, members } => {
                let members: Vec<_> = members.iter().map(ToString::to_string).collect();
                write!(f, "{id} is not one of the members {}: give this peer one of their ids", members.join(", "))
            }
            SpawnError::Twice(id) => write!(f, "{id} is listed twice among the members: each needs an id of its own"),
            SpawnError::Store(error) => error.fmt(f),
            SpawnError::Unfit(unfit) => unfit.fmt(f),
            SpawnError::Pipe(error) => write!(f, "the pipe cannot be used: {error}"),
            SpawnError::Dir(dir, error) => write!(f, "{}: {error}", dir.display()),
        }
    }
}

impl std::error::Error for SpawnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SpawnError::Store(error) => Some(error),
            SpawnError::Unfit(unfit) => Some(unfit),
            SpawnError::Pipe(error) => Some(error),
            SpawnError::Dir(_, error) => Some(&**error),
            SpawnError::NotAMember { .. } | SpawnError::Twice(_) => None,
        }
    }
}
