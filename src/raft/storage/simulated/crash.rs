//! What a power failure leaves.
//!
//! Each file with writes that were not synced meets one of five fates, and so do the names.

use super::inode::{Inode, Sectors, Write};
use super::{NameChange, SimulatedDisk, State};
use crate::mix::Draws;

/// What a power failure has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crash {
    /// Bytes that readers saw and that are not there any more.
    pub lost_bytes: u64,
    /// Writes that landed in part.
    pub torn: u64,
    /// Changes of names that did not last.
    pub lost_names: u64,
    /// Of those, renames.
    pub lost_renames: u64,
}

/// What the next power failure is to spare of what was not synced, if that is not left to chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spares {
    /// Nothing.
    Nothing,
    /// Parts of sectors, and noise; of the names a prefix of the changes.
    Pieces,
    /// All of it.
    All,
}

/// What survives of the writes to one file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    All,
    None,
    /// Those before some point.
    Prefix,
    /// Whole sectors, whichever.
    Sectors,
    /// Parts of sectors, and noise.
    Shreds,
}

impl SimulatedDisk {
    /// Whether a file of this name would be there, and hold all that a reader sees of it, if the power failed now.
    #[must_use]
    pub fn is_safe(&self, name: &str) -> bool {
        let state = self.state.lock();
        let (seen, kept) = (state.names.get(name), state.durable_names.get(name));
        let inode = seen.filter(|_| seen == kept).and_then(|inode| state.inodes.get(inode));
        inode.is_some_and(|inode| inode.is_clean && inode.pending.is_empty())
    }
}

impl State {
    pub(super) fn crash(&mut self) -> Crash {
        let mut crash = Crash::default();
        let spares = self.spares.take();
        let (sectors, draws) = (self.sectors, &mut self.draws);
        for inode in self.inodes.values_mut() {
            inode.crash(spares, sectors, draws, &mut crash);
        }
        self.crash_names(spares, &mut crash);
        self.rotten.in_cache = false;
        (self.fuse, self.struck, self.failure, self.starved) = (None, None, None, false);
        self.life += 1;
        self.count_anew();
        self.collect();
        crash
    }

    /// A prefix of the changes survives, or any of them.
    fn crash_names(&mut self, spares: Option<Spares>, crash: &mut Crash) {
        let pending = std::mem::take(&mut self.pending_names);
        let all = pending.len() as u64;
        let prefix = match spares {
            None => self.draws.chance(1, 2).then(|| self.draws.below(all + 1)),
            Some(Spares::Nothing) => Some(0),
            Some(Spares::Pieces) => Some(self.draws.below(all + 1)),
            Some(Spares::All) => Some(all),
        };
        for (nth, change) in (0u64..).zip(pending) {
            let survives = prefix.map_or_else(|| self.draws.chance(1, 2), |prefix| nth < prefix);
            if survives {
                change.apply(&mut self.durable_names);
            } else {
                crash.lost_names += 1;
                crash.lost_renames += u64::from(matches!(change, NameChange::Rename { .. }));
            }
        }
        self.names = self.durable_names.clone();
    }
}

impl NameChange {
    fn apply(self, names: &mut std::collections::BTreeMap<String, u64>) {
        match self {
            NameChange::Link { name, inode } => {
                names.insert(name, inode);
            }
            NameChange::Unlink { name, inode } => {
                if names.get(&name) == Some(&inode) {
                    names.remove(&name);
                }
            }
            NameChange::Rename { from, to, inode } => {
                if names.get(&from) == Some(&inode) {
                    names.remove(&from);
                }
                names.insert(to, inode);
            }
        }
    }
}

impl Inode {
    fn crash(&mut self, spares: Option<Spares>, sectors: Sectors, draws: &mut Draws, crash: &mut Crash) {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() && self.is_clean {
            return;
        }
        if !pending.is_empty() {
            let drawn = [Fate::All, Fate::None, Fate::Prefix, Fate::Sectors, Fate::Shreds][draws.below(5) as usize];
            let fate = spares.map_or(drawn, |spares| match spares {
                Spares::Nothing => Fate::None,
                Spares::Pieces => Fate::Shreds,
                Spares::All => Fate::All,
            });
            let prefix = draws.below(pending.len() as u64 + 1) as usize;
            for (nth, write) in pending.iter().enumerate() {
                match fate {
                    Fate::All | Fate::None | Fate::Prefix => {
                        let lands = fate == Fate::All || fate == Fate::Prefix && nth < prefix;
                        if lands {
                            write.put(&mut self.durable);
                        }
                        self.ledger.settle(write.len(), lands);
                    }
                    Fate::Sectors | Fate::Shreds => {
                        crash.torn += u64::from(self.tear(write, fate == Fate::Shreds, sectors, draws));
                    }
                }
            }
        }
        crash.lost_bytes += (self.cache.len() - self.cache.alike(&self.durable)) as u64;
        self.cache.clone_from(&self.durable);
        self.is_clean = true;
    }

    /// Lets some sectors of a write through, or parts of them. Whether it is then neither there nor not there.
    fn tear(&mut self, write: &Write, shred: bool, sectors: Sectors, draws: &mut Draws) -> bool {
        let (mut whole, mut missing) = (false, false);
        for (at, bytes) in write.sectors(sectors.bytes) {
            match draws.below(if shred { 3 } else { 2 }) {
                0 => {
                    self.ledger.settle(bytes.len(), false);
                    missing = true;
                }
                1 => {
                    self.durable.write(at, &bytes);
                    self.ledger.settle(bytes.len(), true);
                    whole = true;
                }
                _ => {
                    self.shred(at, &bytes, sectors, draws);
                    (whole, missing) = (true, true);
                }
            }
        }
        whole && missing
    }

    /// The beginning of a piece lands, behind it noise. Without powersafe overwrite the noise fills the whole sector.
    fn shred(&mut self, at: u64, bytes: &[u8], sectors: Sectors, draws: &mut Draws) {
        let landed = draws.below(bytes.len() as u64) as usize;
        self.ledger.settle(landed, true);
        self.ledger.settle(bytes.len() - landed, false);
        let mut bytes = bytes.to_vec();
        bytes[landed..].fill_with(|| draws.bits() as u8);
        self.durable.write(at, &bytes);
        if !sectors.powersafe {
            let sector = at / sectors.bytes * sectors.bytes;
            bytes.resize((sectors.bytes as usize).min(self.durable.len() - sector as usize), 0);
            bytes.fill_with(|| draws.bits() as u8);
            self.durable.write(sector, &bytes);
        }
    }
}
