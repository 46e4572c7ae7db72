//! Snapshots from peer to peer: big bytes never pass through the core, which says only what to send and hears what came of it.
//!
//! ```text
//!   leader                                                      follower
//!   core: SendSnapshot ──> Sending ── Chunk, Chunk, .. ──────>  Receiver ── a .tmp, then the snapshot's own name
//!                             │    <────── ChunkReply: wanted ──   │
//!   core: Probe again  <── SnapshotSent, SnapshotFailed            └──> SnapshotReady ──> core: Mark, Install, Matched
//! ```
//! A file goes as it is, in pieces that carry their place: whoever has half of it goes on from there, also with another
//! sender. Lost, doubled and late pieces are harmless. [`Sending`] is pure, [`Receiver`] touches the disk alone;
//! neither has a clock.

mod receive;
mod send;
#[cfg(test)]
mod tests;

pub use receive::{Ready, Receiver, Taken};
pub use send::{Pace, Piece, Sending, Verdict};
