//! Who lives in a pool, and what each is doing: what a drain that is late answers.

use super::Shared;
use crate::fsm::CellId;
use crate::fsm::cell::{Look, Node};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A report names so many.
const NAMED_MAX: usize = 1_000;

/// Those who live in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alive {
    /// How many they are.
    pub count: usize,
    /// Who they are: the first thousand that were met.
    pub cells: Vec<Living>,
}

/// One that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Living {
    /// Which cell.
    pub cell: CellId,
    /// Its name; empty if it was given none.
    pub name: String,
    /// How many commands are queued.
    pub depth: usize,
    /// What it is doing.
    pub doing: Doing,
}

/// What one that lives is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doing {
    /// Nothing, in the state of this [`label`](crate::fsm::Automaton::label).
    Idle(&'static str),
    /// It waits for its turn.
    Queued,
    /// It is in a turn, at least so long.
    Turn(Duration),
    /// It is in a [`blocking`](crate::fsm::Context::blocking) section, for so long.
    Blocking(Duration),
}

impl fmt::Display for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} automata are alive", self.count)?;
        for (nth, living) in self.cells.iter().enumerate() {
            write!(f, "{} {living}", if nth == 0 { ":" } else { "," })?;
        }
        if self.cells.len() < self.count { f.write_str(", and others") } else { Ok(()) }
    }
}

impl std::error::Error for Alive {}

impl fmt::Display for Living {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => write!(f, "{:016x}", self.cell.0)?,
            name => f.write_str(name)?,
        }
        match self.doing {
            Doing::Idle("") => f.write_str(" (idle"),
            Doing::Idle(label) => write!(f, " (idle in {label}"),
            Doing::Queued => f.write_str(" (queued"),
            Doing::Turn(time) => write!(f, " (in a turn for {time:?}"),
            Doing::Blocking(time) => write!(f, " (blocking for {time:?}"),
        }?;
        if self.depth == 0 { f.write_str(")") } else { write!(f, ", {} commands)", self.depth) }
    }
}

impl Shared {
    /// Who lives now, each seen at some moment of the call.
    pub(super) fn alive(&self) -> Alive {
        let _seen = self.floor.stalls.look(&self.floor.places, || ());
        let mut cells = Vec::new();
        self.census.each(|node, name| {
            cells.extend(self.living(node, name));
            cells.len() < NAMED_MAX
        });
        Alive { count: self.census.live().max(cells.len()), cells }
    }

    fn living(&self, node: Arc<dyn Node>, name: &str) -> Option<Living> {
        let (cell, depth) = (node.head().id, node.word().depth() as usize);
        let doing = match node.look() {
            Look::Dead => return None,
            Look::Idle(label) => Doing::Idle(label),
            Look::Queued => Doing::Queued,
            Look::Running => self.running(cell),
        };
        Some(Living { cell, name: name.to_owned(), depth, doing })
    }

    fn running(&self, cell: CellId) -> Doing {
        if let Some(section) = self.spares.sections().iter().find(|section| section.cell == cell) {
            return Doing::Blocking(section.since.elapsed());
        }
        // One at no place has given it away.
        let place = self.floor.places.iter().position(|place| place.cell() == Some(cell));
        Doing::Turn(place.map_or(Duration::ZERO, |nth| self.floor.stalls.since(nth).elapsed()))
    }
}
