//! Taking in a snapshot that another peer sends, piece by piece.

use super::Shared;
use super::format::{self, name};
use crate::raft::LogId;
use crate::raft::consensus::Membership;
use crate::raft::mark::mark;
use crate::raft::storage::{Disk, Error, Snapshot};
use std::io;
use std::sync::Arc;

/// A snapshot's file on its way here. What is dropped unfinished leaves nothing behind.
///
/// Its sender may change half-way: files are taken by place, not by who sends them.
#[derive(Debug)]
pub struct Receiving<D: Disk> {
    shared: Arc<Shared<D>>,
    at: LogId,
    total: u64,
    unfinished: String,
    /// While it is not ready.
    file: Option<D::File>,
    have: u64,
    ready: Option<Snapshot>,
}

impl<D: Disk> Receiving<D> {
    pub(super) fn new(shared: Arc<Shared<D>>, at: LogId, total: u64) -> Result<Receiving<D>, Error> {
        let unfinished = format!("{}.received.tmp", name(at));
        let mut receiving = Receiving { shared, at, total, unfinished, file: None, have: 0, ready: None };
        if receiving.shared.disk.list()?.contains(&name(at)) {
            // Before it is looked at: from there on the mark of an older one leaves it alone.
            receiving.shared.name_durably(at, || Ok(()))?;
            match receiving.shared.verify(at) {
                Ok(whole) if names_members(&whole) => {
                    mark!("snapshot-is-here-already");
                    receiving.ready = Some(whole);
                }
                Ok(_) | Err(Error::Corrupt(_)) => {}
                // Removed meanwhile, for a newer one.
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if receiving.ready.is_none() {
            receiving.begin()?;
        }
        Ok(receiving)
    }

    /// The last entry that it covers.
    #[must_use]
    pub fn at(&self) -> LogId {
        self.at
    }

    /// The length of the file.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The offset of the next byte that is missing; the file's length once it is whole and durable, and not before.
    #[must_use]
    pub fn wanted(&self) -> u64 {
        if self.ready.is_some() { self.total } else { self.have }
    }

    /// The snapshot, once it is whole and durable.
    #[must_use]
    pub fn ready(&self) -> Option<&Snapshot> {
        self.ready.as_ref()
    }

    /// Takes the bytes that stand at `offset`, if they are what is missing next and `sum` is their CRC32C; else drops
    /// them. The last ones make it ready, or, if the whole is not what it should be, begin it anew.
    ///
    /// # Errors
    /// [`Error::Full`] ends this transfer; any other stops the peer, as for the log.
    pub fn chunk(&mut self, offset: u64, sum: u32, bytes: &[u8]) -> Result<(), Error> {
        let Some(file) = &self.file else { return Ok(()) };
        let fits = offset == self.have && bytes.len() as u64 <= self.total - self.have;
        mark!("chunk-out-of-place", !fits);
        if !fits || bytes.is_empty() || crc32c::crc32c(bytes) != sum {
            return Ok(());
        }
        self.shared.disk.write_at(file, bytes, offset)?;
        self.have += bytes.len() as u64;
        if self.have == self.total { self.complete() } else { Ok(()) }
    }

    /// All bytes are here.
    fn complete(&mut self) -> Result<(), Error> {
        let Some(file) = self.file.take() else { return Ok(()) };
        match self.shared.judge(self.at, format::verify(&*self.shared.disk, &file)) {
            Ok(whole) if names_members(&whole) => {
                self.shared.publish(&file, &self.unfinished, self.at)?;
                self.ready = Some(whole);
                Ok(())
            }
            Err(Error::Io(error)) => Err(error.into()),
            // Whoever sent it, sent another file under this name, or one that no start could read: one more attempt is all that
            // can be made.
            Ok(_) | Err(_) => self.begin(),
        }
    }

    /// From offset 0, in an empty file.
    fn begin(&mut self) -> Result<(), Error> {
        self.have = 0;
        self.file = None;
        if self.shared.disk.list()?.contains(&self.unfinished) {
            self.shared.disk.remove(&self.unfinished)?;
        }
        self.file = Some(self.shared.disk.open(&self.unfinished, true)?);
        Ok(())
    }
}

fn names_members(snapshot: &Snapshot) -> bool {
    Membership::decode(&snapshot.membership).is_some()
}

impl<D: Disk> Drop for Receiving<D> {
    fn drop(&mut self) {
        if self.ready.is_none() {
            // If this fails too, the next start removes it.
            let _ = self.shared.disk.remove(&self.unfinished);
        }
    }
}
