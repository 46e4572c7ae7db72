//! How long a turn is.

/// How many commands a turn delivers at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// As many as the automaton's batch.
    Batch,
    /// 1 + this, modulo the batch.
    Drawn(u64),
    /// So many.
    Exactly(u32),
}

impl Limit {
    /// Of an automaton with that batch.
    pub(super) fn of(self, batch: u32) -> u32 {
        match self {
            Limit::Batch => batch,
            Limit::Drawn(draw) => 1 + (draw % u64::from(batch)) as u32,
            Limit::Exactly(commands) => commands,
        }
    }
}
