//! When to send which piece of a snapshot's file.
//!
//! ```text
//!   0 ........ wanted ........ next ............ total
//!     theirs            │         not sent yet
//!                       └ on their way: at most four pieces
//! ```

use crate::raft::mark::mark;
use crate::raft::wire::{Chunk, ChunkReply};
use crate::raft::{LogId, Term, Time, Track};
use bytes::Bytes;
use std::time::Duration;

/// How many pieces may be on their way.
const WINDOW: u64 = 4;

/// How large the pieces are, and how long to be patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The most bytes of a piece. 256 KiB.
    pub chunk_bytes: u64,
    /// After so long without an answer that moves it on, what is on its way is sent again. A heartbeat.
    pub resend: Duration,
    /// After so long without any answer it has failed. An election timeout.
    pub give_up: Duration,
}

impl Pace {
    /// Pieces of 256 KiB, sent again after a heartbeat, given up after an election timeout.
    #[must_use]
    pub fn new(heartbeat: Duration, election: Duration) -> Pace {
        Pace { chunk_bytes: 256 << 10, resend: heartbeat, give_up: election }
    }
}

/// A piece of the file that shall go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u64,
}

/// What came of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They hold all of it, safely.
    Sent,
    /// They did not answer, or begin anew when they have all of it: what arrives there is not what was taken here.
    Failed,
}

/// One snapshot on its way to one peer. Pure: it says what to read and send, and when to ask it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    at: LogId,
    term: Term,
    track: Track,
    total: u64,
    pace: Pace,
    /// What the best answer so far asked for: all before it is theirs.
    wanted: u64,
    /// What the last answer asked for, if it was less: late, or they have lost what they had.
    fallen: Option<u64>,
    /// All was sent, and they have nothing.
    spoilt: bool,
    next: u64,
    heard: Time,
    moved: Time,
}

impl Sending {
    /// The transfer of the snapshot at `at`, a file of `total` bytes, as the core has said in this term and track.
    #[must_use]
    pub fn new(at: LogId, term: Term, track: Track, total: u64, pace: Pace, now: Time) -> Sending {
        Sending {
            at,
            term,
            track,
            total,
            pace,
            wanted: 0,
            fallen: None,
            spoilt: false,
            next: 0,
            heard: now,
            moved: now,
        }
    }

    /// The next piece to send now; `None`: nothing, before an answer or the [`deadline`](Sending::deadline).
    pub fn piece(&mut self, now: Time) -> Option<Piece> {
        if self.moved.after(self.pace.resend) <= now && self.wanted < self.next {
            mark!("chunk-sent-again");
            mark!("transfer-resumed-half-way", 0 < self.fallen.unwrap_or(self.wanted));
            // What is on its way is taken for lost, or they for having lost what they had.
            let fallen = self.fallen.take();
            self.spoilt |= fallen == Some(0) && self.next == self.total;
            self.wanted = fallen.unwrap_or(self.wanted);
            self.next = self.wanted;
            self.moved = now;
        }
        let window_end = self.wanted.saturating_add(WINDOW * self.pace.chunk_bytes).min(self.total);
        if window_end <= self.next || self.verdict(now).is_some() {
            return None;
        }
        let piece = Piece { offset: self.next, len: self.pace.chunk_bytes.min(self.total - self.next) };
        self.next += piece.len;
        Some(piece)
    }

    /// The message for a piece whose bytes have been read.
    #[must_use]
    pub fn chunk(&self, piece: Piece, bytes: Bytes) -> Chunk {
        let Sending { at, term, track, total, .. } = *self;
        Chunk { term, track, at, total, offset: piece.offset, crc: crc32c::crc32c(&bytes), bytes }
    }

    /// Hears an answer. One of another transfer, or one that asks for more than there is, says nothing.
    pub fn on_reply(&mut self, reply: &ChunkReply, now: Time) {
        if (reply.track, reply.at) != (self.track, self.at) || self.total < reply.wanted {
            return;
        }
        self.heard = now;
        if reply.wanted < self.wanted {
            mark!("transfer-falls-back");
            self.fallen = Some(reply.wanted);
            return;
        }
        self.fallen = None;
        if self.wanted < reply.wanted {
            self.wanted = reply.wanted;
            self.next = self.next.max(self.wanted);
            self.moved = now;
        }
    }

    /// How it ended; `None` while it goes on.
    #[must_use]
    pub fn verdict(&self, now: Time) -> Option<Verdict> {
        if self.wanted == self.total {
            Some(Verdict::Sent)
        } else if self.spoilt || self.heard.after(self.pace.give_up) <= now {
            Some(Verdict::Failed)
        } else {
            None
        }
    }

    /// When to ask again though nothing has come.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.moved.after(self.pace.resend).min(self.heard.after(self.pace.give_up))
    }
}
