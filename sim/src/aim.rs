//! A fault that waits for one packet: the next one from here to there that carries a message of this kind.
//!
//! ```text
//!   packet ── carries a Vote? from 0 to 2? ── the first such ──> lost | doubled | late | one bit flipped
//! ```
//! Chance rarely hits the packet that matters. A scenario names it; what answers a moment names all of a kind for a while.

use rsm::raft::consensus::Message;
use rsm::raft::wire::Body;
use rsm::time::Time;

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

/// All packets that are aimed at.
#[derive(Debug, Default)]
pub(crate) struct Aims(Vec<Standing>);

/// An aim, and how long it stands.
#[derive(Debug)]
struct Standing {
    aim: Aim,
    /// It takes what is sent later than this, up to its end; `None`: it takes the first.
    spell: Option<(Time, Time)>,
}

impl Aims {
    /// The first packet that this fits.
    pub(crate) fn at_one(&mut self, aim: Aim) {
        self.0.push(Standing { aim, spell: None });
    }

    /// All that this fits, of those that are sent later than now, up to `end`.
    pub(crate) fn at_all(&mut self, aim: Aim, now: Time, end: Time) {
        self.0.push(Standing { aim, spell: Some((now, end)) });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those whose end has come take nothing any more.
    pub(crate) fn forget(&mut self, now: Time) {
        self.0.retain(|standing| standing.spell.is_none_or(|(_, end)| now <= end));
    }

    /// What becomes of a packet, if it is aimed at.
    pub(crate) fn take(&mut self, (from, to): (usize, usize), now: Time, kinds: &[&str]) -> Option<Act> {
        let is_on = |standing: &Standing| standing.spell.is_none_or(|(since, _)| since < now);
        let nth = self.0.iter_mut().position(|one| is_on(one) && one.aim.takes(from, to, kinds))?;
        let act = self.0[nth].aim.act;
        if self.0[nth].spell.is_none() {
            self.0.remove(nth);
        }
        Some(act)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_at_all_takes_each_that_is_sent_later_until_its_end() {
        let aim = Aim { from: None, to: Some(1), kind: Some("VoteReply"), skip: 0, act: Act::Drop };
        let mut aims = Aims::default();
        aims.at_all(aim, Time(5), Time(9));
        let mut take = |at, kinds: &[&str]| {
            aims.forget(Time(at));
            (aims.take((0, 1), Time(at), kinds), aims.is_empty())
        };
        assert_eq!(take(5, &["VoteReply"]), (None, false), "sent in the same step");
        assert_eq!(take(6, &["Append"]), (None, false));
        assert_eq!(take(6, &["VoteReply"]), (Some(Act::Drop), false));
        assert_eq!(take(9, &["VoteReply"]), (Some(Act::Drop), false));
        assert_eq!(take(10, &["VoteReply"]), (None, true));
    }

    #[test]
    fn an_aim_takes_the_packet_it_names_and_lets_those_before_it_pass() {
        let mut aim = Aim { from: Some(0), to: None, kind: Some("Vote"), skip: 1, act: Act::Drop };
        assert!(!aim.takes(1, 2, &["Vote"]), "another sender");
        assert!(!aim.takes(0, 2, &["Append"]), "another kind");
        assert!(!aim.takes(0, 2, &["Append", "Vote"]), "one passes before");
        assert!(aim.takes(0, 1, &["Append", "Vote"]));
    }
}
