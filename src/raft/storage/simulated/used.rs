//! How many names there are, and how many bytes their files have together: kept as files grow and names change, since it is
//! asked each step.

use super::image::Piece;
use super::{SimulatedDisk, SimulatedFile, State};

impl State {
    /// Writes these pieces of a file, which may grow by them.
    pub(super) fn put(&mut self, file: &SimulatedFile, pieces: impl Iterator<Item = Piece>) {
        let before = self.bytes_of(*file.inode);
        if let Some(inode) = self.inodes.get_mut(&file.inode) {
            inode.write(pieces);
        }
        let growth = self.bytes_of(*file.inode) - before;
        if growth != 0 {
            self.used += growth * self.names.values().filter(|inode| **inode == *file.inode).count() as u64;
        }
    }

    /// How many bytes a file has.
    fn bytes_of(&self, inode: u64) -> u64 {
        self.inodes.get(&inode).map_or(0, |inode| inode.cache.len() as u64)
    }

    /// This name leads there from now on, or nowhere.
    pub(super) fn name(&mut self, name: &str, inode: Option<u64>) {
        let before = match inode {
            Some(inode) => self.names.insert(name.to_string(), inode),
            None => self.names.remove(name),
        };
        let bytes = |inode: Option<u64>| inode.map_or(0, |inode| self.bytes_of(inode));
        self.used = self.used + bytes(inode) - bytes(before);
    }

    /// All names are other ones, or their files are.
    pub(super) fn count_anew(&mut self) {
        self.used = self.names.values().map(|inode| self.bytes_of(*inode)).sum();
    }
}

impl SimulatedDisk {
    /// How many bytes all files that have a name have together.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.holds().1
    }

    /// How many names there are, and how many bytes their files have together.
    #[must_use]
    pub fn holds(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.names.len() as u64, state.used)
    }

    /// How many names begin so.
    #[must_use]
    pub fn begin_with(&self, prefix: &str) -> u64 {
        let state = self.state.lock();
        state.names.keys().filter(|name| name.starts_with(prefix)).count() as u64
    }
}
