//! What has become of every byte that was written.

/// Bytes of one disk, from its making on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Written.
    pub written: u64,
    /// Of those, the ones that are durable, or were until others took their place.
    pub durable: u64,
    /// Those that a crash, a failed sync or the end of their file has cost.
    pub lost: u64,
    /// Those that wait for a sync.
    pub pending: u64,
}

impl Ledger {
    /// Whether each byte is accounted for.
    #[must_use]
    pub const fn balances(&self) -> bool {
        self.written == self.durable + self.lost + self.pending
    }

    pub(super) const fn plus(self, other: Ledger) -> Ledger {
        Ledger {
            written: self.written + other.written,
            durable: self.durable + other.durable,
            lost: self.lost + other.lost,
            pending: self.pending + other.pending,
        }
    }

    /// What still waits is lost.
    pub(super) const fn ended(self) -> Ledger {
        Ledger { lost: self.lost + self.pending, pending: 0, ..self }
    }

    pub(super) fn settle(&mut self, bytes: usize, is_durable: bool) {
        *(if is_durable { &mut self.durable } else { &mut self.lost }) += bytes as u64;
    }
}
