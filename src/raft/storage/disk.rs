//! The door to the file system: one directory, names instead of paths, ten calls.
//!
//! The real disk and the simulated one, which loses what was not synced, run the same log.

use std::fmt::Debug;
use std::io;

/// One directory. What is written is durable once [`sync`](Disk::sync) of its file has returned, a name once
/// [`sync_dir`](Disk::sync_dir) has.
pub trait Disk: Send + Sync + 'static {
    /// An open file.
    type File: Debug + Send + Sync + 'static;

    /// The names in the directory, in no order.
    ///
    /// # Errors
    /// Of the file system, as all below.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file to read and write; makes an empty one first if there is none and `create` says so.
    fn open(&self, name: &str, create: bool) -> io::Result<Self::File>;
    /// The file's length in bytes.
    fn len(&self, file: &Self::File) -> io::Result<u64>;
    /// Reads from `at` on; how many bytes came. Less than asked for at the end of the file.
    fn read_at(&self, file: &Self::File, bytes: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all of it from `at` on, growing the file.
    fn write_at(&self, file: &Self::File, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Writes so many zeros from `at` on, growing the file.
    fn zero_at(&self, file: &Self::File, len: usize, at: u64) -> io::Result<()> {
        self.write_at(file, &vec![0; len], at)
    }
    /// Makes the file's bytes durable. If it fails once, what is on the disk is unknown for good.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Gives a file another name; one that bore it already is gone.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the names durable: those made, moved and removed. Asked again after it has failed, it answers for all of
    /// them: file systems with a journal do, which fail from then on.
    fn sync_dir(&self) -> io::Result<()>;
}
