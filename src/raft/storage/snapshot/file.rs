//! Reading a snapshot: its state, to restore from; its raw bytes, to send.

use super::Shared;
use super::format::{Chunks, Fault, Head, name};
use crate::raft::LogId;
use crate::raft::storage::{Disk, Error, Snapshot};
use std::io::{self, Read};
use std::sync::Arc;

/// An open snapshot. Its file is not removed while this lives.
#[derive(Debug)]
pub struct SnapshotFile<D: Disk> {
    disk: Arc<D>,
    file: D::File,
    snapshot: Snapshot,
    head: Head,
    total: u64,
    _open: Arc<()>,
}

impl<D: Disk> SnapshotFile<D> {
    pub(super) fn open(shared: &Shared<D>, at: LogId) -> Result<SnapshotFile<D>, Error> {
        // Entered before it is opened: `keep` then leaves it alone.
        let handle = Arc::new(());
        shared.ledger.lock().opens(at, &handle);
        let file = shared.disk.open(&name(at), false).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Gone,
            _ => error.into(),
        })?;
        let head = Head::read(&*shared.disk, &file);
        let snapshot = shared.judge(at, head)?;
        let head = Head { at, cluster: shared.cluster, membership: snapshot.membership.clone() };
        let total = shared.disk.len(&file)?;
        Ok(SnapshotFile { disk: Arc::clone(&shared.disk), file, snapshot, head, total, _open: handle })
    }

    /// Which one it is, and the membership in force there.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The length of the file.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The file's own bytes from `offset` on, to be sent as they are; how many there were.
    ///
    /// # Errors
    /// Of the file system.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.read_at(&self.file, bytes, offset)
    }

    /// The state, as the machine wrote it. Each chunk is verified before a byte of it is given.
    #[must_use]
    pub fn state(&self) -> State<'_, D> {
        State { of: self, chunks: Chunks::new(&self.head, self.total), chunk: Vec::new(), taken: 0 }
    }
}

/// Reads the state of a snapshot. Damage is an error of the kind `Other`: `InvalidData` is what was written so.
#[derive(Debug)]
pub struct State<'a, D: Disk> {
    of: &'a SnapshotFile<D>,
    chunks: Chunks,
    chunk: Vec<u8>,
    taken: usize,
}

impl<D: Disk> Read for State<'_, D> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.chunk.len() {
            self.taken = 0;
            match self.chunks.next(&*self.of.disk, &self.of.file, &mut self.chunk) {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(Fault::Io(error)) => return Err(error),
                Err(Fault::Damaged | Fault::Version(_)) => {
                    let file = name(self.of.snapshot.at);
                    return Err(io::Error::other(format!("{file} is damaged")));
                }
            }
        }
        let given = bytes.len().min(self.chunk.len() - self.taken);
        bytes[..given].copy_from_slice(&self.chunk[self.taken..self.taken + given]);
        self.taken += given;
        Ok(given)
    }
}
