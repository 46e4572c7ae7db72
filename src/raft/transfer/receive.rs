//! Taking in a snapshot, piece by piece.

use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::storage::snapshot::Receiving;
use crate::raft::storage::{Disk, Error, Snapshot, Snapshots};
use crate::raft::wire::{Chunk, ChunkReply};
use crate::raft::{LogId, Term};

/// What follows from a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// For the sender.
    pub reply: ChunkReply,
    /// All of it is here: for the core, as `SnapshotReady`. Said for each piece that comes when it is: it may be another
    /// leader who sends, and the core hears it twice without harm.
    pub ready: Option<Ready>,
}

/// How all that a snapshot covers is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// The last mark is not behind this place: the core just acknowledges it.
    Held(LogId),
    /// As a file, whole and durable.
    Whole(Snapshot),
}

impl Ready {
    /// The last entry that is covered.
    #[must_use]
    pub fn at(&self) -> LogId {
        match self {
            Ready::Held(at) => *at,
            Ready::Whole(snapshot) => snapshot.at,
        }
    }
}

/// Receives one snapshot at a time: the newest of the last leader that sends one. Whoever is newborn takes nothing.
///
/// What it does it does on the disk before it returns: a piece is written, the last one checks, syncs and names the
/// whole file. So it lives on an automaton of its own.
#[derive(Debug)]
pub struct Receiver<D: Disk> {
    snapshots: Snapshots<D>,
    current: Option<Receiving<D>>,
    /// The latest in which a piece came.
    term: Term,
    /// The place of the last mark that was given to the log: no snapshot up to its index is needed. By index alone: whoever
    /// sends a place of a former term behind it, which no leader would, has not told us that we hold it.
    mark: LogId,
}

impl<D: Disk> Receiver<D> {
    /// Receives into this directory, whose last mark is `mark`.
    #[must_use]
    pub fn new(snapshots: Snapshots<D>, mark: LogId) -> Receiver<D> {
        Receiver { snapshots, current: None, term: Term(0), mark }
    }

    /// The log is given a mark: what is being received for a place up to it is given up.
    pub fn on_mark(&mut self, mark: LogId) {
        if self.mark.index < mark.index {
            self.mark = mark;
        }
        if self.current.as_ref().is_some_and(|current| current.at().index <= self.mark.index) {
            self.current = None;
        }
    }

    /// Takes a piece; `None`: of an older snapshot than the one that is being received, or of a former leader's other
    /// one, and not even answered.
    ///
    /// # Errors
    /// [`Error::Full`]: this transfer is given up, and what came of it is not durable. Any other stops the peer.
    pub fn take(&mut self, chunk: &Chunk) -> Result<Option<Taken>, Error> {
        if mutate!(HeldByTerm, chunk.at.index <= self.mark.index, chunk.at <= self.mark) {
            mark!("chunk-of-what-is-held");
            let ready = Some(Ready::Held(chunk.at));
            return Ok(Some(Taken { reply: reply(chunk, chunk.total), ready }));
        }
        let Some(current) = self.current(chunk)? else { return Ok(None) };
        let taken = current.chunk(chunk.offset, chunk.crc, &chunk.bytes);
        let (wanted, ready) = (current.wanted(), current.ready().cloned().map(Ready::Whole));
        if let Err(error) = taken {
            self.current = None;
            return Err(error);
        }
        Ok(Some(Taken { reply: reply(chunk, wanted), ready }))
    }

    /// What this piece belongs to, begun if need be; `None` if that stands behind what is being received. A later
    /// leader's comes first though it be older: the transfer of a former one may have died half-way.
    fn current(&mut self, chunk: &Chunk) -> Result<Option<&mut Receiving<D>>, Error> {
        let known = self.current.as_ref().map(|current| (current.at(), current.total()));
        if known != Some((chunk.at, chunk.total)) {
            let term = mutate!(LaterLeaderUnheard, self.term, chunk.term);
            if known.is_some_and(|(at, _)| (chunk.term, chunk.at.index) < (term, at.index)) {
                mark!("chunk-of-an-older-snapshot");
                return Ok(None);
            }
            mark!("transfer-gives-way", known.is_some());
            self.current = None; // first: what is dropped removes its file
            self.current = Some(self.snapshots.receive(chunk.at, chunk.total)?);
        }
        mark!(
            "transfer-goes-on-under-another-leader",
            self.term < chunk.term && self.current.as_ref().is_some_and(|current| 0 < current.wanted())
        );
        self.term = self.term.max(chunk.term);
        Ok(self.current.as_mut())
    }
}

fn reply(chunk: &Chunk, wanted: u64) -> ChunkReply {
    ChunkReply { track: chunk.track, at: chunk.at, wanted }
}
