//! What a packet carries.
//!
//! ```text
//!   message    varint length | kind u8 | fields | varint n | (varint tag | varint length | bytes)*     n extensions
//! ```
//! An older reader passes over what it does not know: a message of an unknown kind by its length, an extension by its
//! own. An extension whose tag is even is critical: whoever does not know it refuses the message. Tags rise.

use crate::raft::consensus::Message;
use crate::raft::{LogId, Term, Track};
use bytes::Bytes;

/// The core's messages, and those of transfers, which the core never sees.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body {
    /// For the core. Its `Hello` is the next variant, never this one: [`Body::from`] makes the right one.
    Message(Message),
    /// The core's `Hello`, and what the sender is able to do.
    Hello {
        /// The sender's feature level; 0 if it does not say.
        level: u64,
    },
    /// A piece of a snapshot.
    Chunk(Chunk),
    /// The answer to a piece.
    ChunkReply(ChunkReply),
}

/// A piece of a snapshot's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The leader's term.
    pub term: Term,
    /// The leader's acquaintance with the receiver.
    pub track: Track,
    /// The last entry that the snapshot covers.
    pub at: LogId,
    /// How many bytes the file has.
    pub total: u64,
    /// Where in the file this piece begins.
    pub offset: u64,
    /// CRC32C of the piece.
    pub crc: u32,
    /// The piece.
    pub bytes: Bytes,
}

/// How much of a snapshot has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkReply {
    /// The track of the chunk.
    pub track: Track,
    /// The snapshot.
    pub at: LogId,
    /// Where the next piece should begin; the file's length once all is safe.
    pub wanted: u64,
}

impl From<Message> for Body {
    fn from(message: Message) -> Body {
        if message == Message::Hello { Body::Hello { level: LEVEL } } else { Body::Message(message) }
    }
}

/// What this version is able to do beyond the first one.
pub const LEVEL: u64 = 0;
/// The extension of `Hello` that says it.
pub(super) const LEVEL_TAG: u64 = 1;

/// The numbers of the kinds.
pub(super) mod kind {
    pub(crate) const PRE_VOTE: u8 = 1;
    pub(crate) const PRE_VOTE_REPLY: u8 = 2;
    pub(crate) const VOTE: u8 = 3;
    pub(crate) const VOTE_REPLY: u8 = 4;
    pub(crate) const APPEND: u8 = 5;
    pub(crate) const APPEND_REPLY: u8 = 6;
    pub(crate) const HEARTBEAT: u8 = 7;
    pub(crate) const HEARTBEAT_REPLY: u8 = 8;
    pub(crate) const FORWARD: u8 = 9;
    pub(crate) const READ_ASK: u8 = 10;
    pub(crate) const READ_ANSWER: u8 = 11;
    pub(crate) const TIMEOUT_NOW: u8 = 12;
    pub(crate) const HELLO: u8 = 13;
    pub(crate) const ATTEST: u8 = 14;
    pub(crate) const CHUNK: u8 = 15;
    pub(crate) const CHUNK_REPLY: u8 = 16;
}

/// What came of an append, as a number.
pub(super) mod outcome {
    pub(crate) const MATCHED: u8 = 0;
    pub(crate) const CONFLICT: u8 = 1;
}
