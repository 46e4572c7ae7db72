//! A pipe between two programs: whole chunks over any stream of bytes.
//!
//! ```text
//!   chunk    varint length | kind u8 | rest        length counts kind and rest: 1 to 8 MiB
//!   batch    (varint length | packet)*             one way to fill a rest
//! ```
//! Reach for it where a program in another language carries your packets: it reads a length and a kind, and files the
//! rest without looking inside. What the kinds mean is up to the two ends; those of a piped peer are in `docs/pipe.md`,
//! with the format byte by byte.
//!
//! Where a chunk begins nothing is forgiven: a wrong length means that the framing is [`Lost`], and every later chunk
//! with it. Inside a chunk nothing is fatal to the stream. No bytes, however hostile, make it panic, or allocate more
//! than has come.
//!
//! The end of the course.

mod batch;
mod chunk;
mod feed;
mod outbox;
mod reader;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Torn, put_packet};
pub use chunk::{CHUNK_MAX, Chunk, Lost, Splitter, put_chunk};
pub(crate) use feed::offer;
pub use feed::{Heard, feed};
pub use outbox::{Outbox, PACKET_MAX};
pub use reader::{Broken, Reader};
