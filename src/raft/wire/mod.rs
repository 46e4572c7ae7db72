//! Messages as bytes, and back: least bytes, entries that share one allocation, total on whatever bytes come.
//!
//! ```text
//!   Body ──put──> Packer ──seal──> bytes ─ ─ the user's network ─ ─> Packet::open ──> Body, or why not: Refused
//!                                                                     crc, version, cluster, life, then the rest
//! ```
//! Written by hand: the log and every follower's packet hold the same bytes of an entry ([`entry`]), and a decoder of
//! three hundred lines can be read, and fuzzed, whole. The formats stand byte by byte in `docs/wire.md`; `tests/golden/`
//! holds a vector of each kind, which a second encoder in another language makes too.
//!
//! Next: [`pipe`](crate::pipe), which puts it into a stream.

pub mod bytes;
pub mod entry;
mod message;
mod packet;
mod read;
mod refused;
#[cfg(test)]
mod tests;
mod write;

pub use message::{Body, Chunk, ChunkReply, LEVEL};
pub use packet::{Door, GROUP, Head, Packer, Packet, VERSION};
pub use refused::Refused;
pub use write::put;
