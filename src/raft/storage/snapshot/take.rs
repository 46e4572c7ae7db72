//! Writing a snapshot of one's own.

use super::Shared;
use super::format::{CHUNK, Footer, Head, name};
use crate::raft::LogId;
use crate::raft::storage::{Disk, Error, Snapshot};
use bytes::Bytes;
use std::io::{self, Write};
use std::sync::Arc;

/// A snapshot being written. What is dropped unfinished leaves nothing behind.
#[derive(Debug)]
pub struct Taking<D: Disk> {
    shared: Arc<Shared<D>>,
    snapshot: Snapshot,
    unfinished: String,
    file: D::File,
    end: u64,
    chunk: Vec<u8>,
    footer: Footer,
    finished: bool,
}

impl<D: Disk> Taking<D> {
    pub(super) fn new(shared: Arc<Shared<D>>, at: LogId, membership: Bytes) -> Result<Taking<D>, Error> {
        let unfinished = format!("{}.taken.tmp", name(at));
        let head = Head { at, cluster: shared.cluster, membership: membership.clone() }.encode();
        // One that was dropped half-way, and could not be removed, must not shine through behind the end.
        if shared.disk.list()?.contains(&unfinished) {
            shared.disk.remove(&unfinished)?;
        }
        let file = shared.disk.open(&unfinished, true)?;
        let snapshot = Snapshot { at, membership };
        let (chunk, footer, end) = (Vec::new(), Footer::default(), head.len() as u64);
        let taking = Taking { shared, snapshot, unfinished, file, end, chunk, footer, finished: false };
        taking.shared.disk.write_at(&taking.file, &head, 0)?;
        Ok(taking)
    }

    /// Makes it whole and durable under its name; only then may its mark be recorded.
    ///
    /// # Errors
    /// [`Error::Full`]: it is not durable, and the log stays long. Any other stops the peer, as for the log.
    pub fn finish(mut self) -> Result<Snapshot, Error> {
        self.write_chunk()?;
        self.shared.disk.write_at(&self.file, &self.footer.encode(), self.end)?;
        self.shared.publish(&self.file, &self.unfinished, self.snapshot.at)?;
        self.finished = true;
        Ok(self.snapshot.clone())
    }

    /// Writes what has gathered as one chunk.
    fn write_chunk(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let head = self.footer.count(&self.chunk);
        self.shared.disk.write_at(&self.file, &head, self.end)?;
        self.shared.disk.write_at(&self.file, &self.chunk, self.end + head.len() as u64)?;
        self.end += (head.len() + self.chunk.len()) as u64;
        self.chunk.clear();
        Ok(())
    }
}

/// The state, as the machine writes it. Small writes are gathered.
impl<D: Disk> Write for Taking<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK {
            self.write_chunk()?;
        }
        Ok(taken)
    }

    /// Does nothing: no part of a snapshot is durable before [`finish`](Taking::finish).
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<D: Disk> Drop for Taking<D> {
    fn drop(&mut self) {
        if !self.finished {
            // If this fails too, the next start removes it.
            let _ = self.shared.disk.remove(&self.unfinished);
        }
    }
}
