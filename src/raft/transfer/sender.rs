//! A transfer and its file.

use super::send::{Pace, Sending, Verdict};
use crate::raft::storage::{Disk, Error, Snapshots, snapshot::SnapshotFile};
use crate::raft::wire::{Chunk, ChunkReply};
use crate::raft::{LogId, Term, Time, Track};
use bytes::Bytes;

/// Sends one snapshot to one peer. Its file is not removed while this lives.
#[derive(Debug)]
pub struct Sender<D: Disk> {
    file: SnapshotFile<D>,
    sending: Sending,
}

impl<D: Disk> Sender<D> {
    /// Begins the transfer that the core has asked for by `SendSnapshot`.
    ///
    /// # Errors
    /// [`Error::Gone`] if there is no such snapshot any more, [`Error::Io`]: say `SnapshotFailed`.
    pub fn new(
        snapshots: &Snapshots<D>,
        at: LogId,
        term: Term,
        track: Track,
        pace: Pace,
        now: Time,
    ) -> Result<Sender<D>, Error> {
        let file = snapshots.open(at)?;
        let sending = Sending::new(at, term, track, file.total(), pace, now);
        Ok(Sender { file, sending })
    }

    /// Hears an answer.
    pub fn on_reply(&mut self, reply: &ChunkReply, now: Time) {
        self.sending.on_reply(reply, now);
    }

    /// Reads and gives what shall be sent now; then says how it ended, if it did. Ask again after each answer, and at
    /// the [`deadline`](Sender::deadline).
    ///
    /// # Errors
    /// [`Error::Io`], also if the file is shorter than it was: say `SnapshotFailed`.
    pub fn turn(&mut self, now: Time, send: &mut dyn FnMut(Chunk)) -> Result<Option<Verdict>, Error> {
        while let Some(piece) = self.sending.piece(now) {
            let mut bytes = vec![0; piece.len as usize];
            let mut read = 0;
            while read < bytes.len() {
                match self.file.read_at(&mut bytes[read..], piece.offset + read as u64)? {
                    0 => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
                    some => read += some,
                }
            }
            send(self.sending.chunk(piece, Bytes::from(bytes)));
        }
        Ok(self.sending.verdict(now))
    }

    /// When to take a turn though nothing has come.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.sending.deadline()
    }
}
