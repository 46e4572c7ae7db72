//! A fault that waits for one packet: the next one from here to there that carries a message of this kind.
//!
//! ```text
//!   packet ── carries a Vote? from 0 to 2? ── the first such ──> lost | doubled | late | one bit flipped
//! ```
//! Chance rarely hits the packet that matters. A scenario names it.

use rsm::raft::consensus::Message;
use rsm::raft::wire::Body;

/// Which packet, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aim {
    /// The sender; `None` is any.
    pub from: Option<usize>,
    /// The receiver; `None` is any.
    pub to: Option<usize>,
    /// The kind of message that it carries, as [`kind`] names it; `None` is any.
    pub kind: Option<&'static str>,
    /// How many such packets pass before.
    pub skip: u64,
    /// What becomes of it.
    pub act: Act,
}

/// What becomes of a packet that was aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is lost.
    Drop,
    /// It comes a second time, so much later, in nanoseconds.
    Double(u64),
    /// It comes so much later, in nanoseconds.
    Delay(u64),
    /// This bit of it is flipped, counted modulo its length.
    Flip(u64),
}

/// The kinds of messages, by name.
pub const KINDS: [&str; 16] = [
    "PreVote",
    "PreVoteReply",
    "Vote",
    "VoteReply",
    "Append",
    "AppendReply",
    "Heartbeat",
    "HeartbeatReply",
    "Forward",
    "ReadAsk",
    "ReadAnswer",
    "TimeoutNow",
    "Hello",
    "Attest",
    "Chunk",
    "ChunkReply",
];

/// The kind of what a packet carries.
#[must_use]
pub fn kind(body: &Body) -> &'static str {
    match body {
        Body::Message(message) => kind_of(message),
        Body::Hello { .. } => "Hello",
        Body::Chunk(_) => "Chunk",
        Body::ChunkReply(_) => "ChunkReply",
        _ => "unknown", // the crate may add kinds
    }
}

fn kind_of(message: &Message) -> &'static str {
    match message {
        Message::PreVote { .. } => "PreVote",
        Message::PreVoteReply { .. } => "PreVoteReply",
        Message::Vote { .. } => "Vote",
        Message::VoteReply { .. } => "VoteReply",
        Message::Append(_) => "Append",
        Message::AppendReply { .. } => "AppendReply",
        Message::Heartbeat { .. } => "Heartbeat",
        Message::HeartbeatReply { .. } => "HeartbeatReply",
        Message::Forward { .. } => "Forward",
        Message::ReadAsk { .. } => "ReadAsk",
        Message::ReadAnswer { .. } => "ReadAnswer",
        Message::TimeoutNow { .. } => "TimeoutNow",
        Message::Hello => "Hello",
        Message::Attest { .. } => "Attest",
        _ => "unknown", // as above
    }
}

impl Act {
    /// How much later, in nanoseconds.
    pub(crate) fn by_mut(&mut self) -> Option<&mut u64> {
        match self {
            Act::Drop | Act::Flip(_) => None,
            Act::Double(by) | Act::Delay(by) => Some(by),
        }
    }
}

impl Aim {
    /// Whether this packet is the one; if it is like it, but passes before, that is counted.
    pub(crate) fn takes(&mut self, from: usize, to: usize, kinds: &[&str]) -> bool {
        let is_like = self.from.is_none_or(|node| node == from)
            && self.to.is_none_or(|node| node == to)
            && self.kind.is_none_or(|kind| kinds.contains(&kind));
        if is_like && 0 < self.skip {
            self.skip -= 1;
            return false;
        }
        is_like
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_takes_the_packet_it_names_and_lets_those_before_it_pass() {
        let mut aim = Aim { from: Some(0), to: None, kind: Some("Vote"), skip: 1, act: Act::Drop };
        assert!(!aim.takes(1, 2, &["Vote"]), "another sender");
        assert!(!aim.takes(0, 2, &["Append"]), "another kind");
        assert!(!aim.takes(0, 2, &["Append", "Vote"]), "one passes before");
        assert!(aim.takes(0, 1, &["Append", "Vote"]));
    }
}
