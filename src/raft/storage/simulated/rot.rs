//! What becomes of bytes that were durable: a flipped bit, a sector of zeros or of former bytes, one that nobody can read.
//!
//! ```text
//!   | 512 bytes | 512 bytes | ..      flip: one bit      zero: 0 0 0 ..      revert: as before the sync that changed it last
//! ```

use super::inode::Inode;
use super::{SimulatedDisk, State};
use std::ops::Range;

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

    /// Whether a byte of any file ever was changed so.
    #[must_use]
    pub fn has_rotten(&self) -> bool {
        self.state.lock().has_rotten
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
        state.names.remove(name);
        state.durable_names.remove(name);
    }

    fn rots(&self, name: &str, act: impl FnOnce(&mut Inode, u64) -> bool) -> bool {
        let changes = self.of_name(name, act);
        self.state.lock().has_rotten |= changes;
        changes
    }

    /// Does it to that file, on a disk with sectors of so many bytes. False if it is not there.
    fn of_name(&self, name: &str, act: impl FnOnce(&mut Inode, u64) -> bool) -> bool {
        let mut state = self.state.lock();
        let State { inodes, names, sectors, .. } = &mut *state;
        let inode = names.get(name).and_then(|inode| inodes.get_mut(inode));
        inode.is_some_and(|inode| act(inode, sectors.bytes))
    }
}
