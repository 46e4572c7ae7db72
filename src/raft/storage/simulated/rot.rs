//! What becomes of bytes that were durable: a flipped bit, a sector of zeros or of former bytes, one that nobody can read.
//!
//! ```text
//!   | 512 bytes | 512 bytes | ..      flip: one bit      zero: 0 0 0 ..      revert: as before the sync that changed it last
//! ```
//! What was not synced, or was lost by a sync that failed, is in the cache alone. What rots there is read until power fails,
//! and never after: a sync writes what it was given.

use super::inode::Inode;
use super::{SimulatedDisk, State};
use std::ops::Range;

/// Where something is other than it was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rotten {
    pub(super) in_cache: bool,
    pub(super) on_disk: bool,
}

impl Rotten {
    fn is_anywhere(self) -> bool {
        self.in_cache || self.on_disk
    }
}

impl SimulatedDisk {
    /// Flips one bit of a file, on the disk and in the cache. False if the file is shorter in both, or is not there.
    pub fn rot(&self, name: &str, at: u64, bit: u8) -> bool {
        self.rots(name, |inode, _| inode.flip(at, bit))
    }

    /// Of a file the sector with this byte becomes zeros, on the disk and in the cache. False if that changes neither.
    pub fn zero(&self, name: &str, at: u64) -> bool {
        self.rots(name, |inode, sector| inode.zero(at, sector))
    }

    /// Of a file a sector becomes what it was before the sync that changed it last, on the disk and in the cache: the first
    /// one, from this byte on, in which something stood before, or else the sector with this byte: it was zeros. False if that changes
    /// neither.
    pub fn revert(&self, name: &str, at: u64) -> bool {
        self.rots(name, |inode, sector| inode.revert(at, sector))
    }

    /// Whether a byte of any file was changed so: ever on the disk, or in the cache since power failed last.
    #[must_use]
    pub fn is_rotten(&self) -> bool {
        self.state.lock().rotten.is_anywhere()
    }

    /// Of a file each read of some of these bytes fails from here on, with an input/output error; one that begins before
    /// them ends there. False if the file is shorter, or is not there.
    pub fn spoil(&self, name: &str, bytes: Range<u64>) -> bool {
        self.of_name(name, |inode, _| {
            let is_there = bytes.start < inode.cache.len() as u64;
            if is_there {
                inode.unreadable = Some(bytes);
            }
            is_there
        })
    }

    /// How many reads have failed so.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.state.lock().unread
    }

    /// Makes a file vanish, durably, as if it had never been.
    pub fn forget(&self, name: &str) {
        let mut state = self.state.lock();
        state.name(name, None);
        state.durable_names.remove(name);
    }

    fn rots(&self, name: &str, act: impl FnOnce(&mut Inode, u64) -> Rotten) -> bool {
        let changed = self.of_name(name, act);
        let rotten = &mut self.state.lock().rotten;
        rotten.in_cache |= changed.in_cache;
        rotten.on_disk |= changed.on_disk;
        changed.is_anywhere()
    }

    /// Does it to that file, on a disk with sectors of so many bytes; nothing if it is not there.
    fn of_name<R: Default>(&self, name: &str, act: impl FnOnce(&mut Inode, u64) -> R) -> R {
        let mut state = self.state.lock();
        let State { inodes, names, sectors, .. } = &mut *state;
        let inode = names.get(name).and_then(|inode| inodes.get_mut(inode));
        inode.map(|inode| act(inode, sectors.bytes)).unwrap_or_default()
    }
}
