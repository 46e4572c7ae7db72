//! What stands in an entry above the core: a session's command, or the opening of one.
//!
//! ```text
//!   command   varint session | varint sequence | varint (sequence - low) | bytes
//!   open      nonce 16 | varint window
//! ```

use crate::raft::{Entry, EntryKind};
use crate::varint;
use bytes::Bytes;

/// How many proposals of a client's own session may be open at once.
pub const CLIENT_WINDOW: u64 = 64;
/// How many proposals of a peer's own session may be open at once.
pub const PEER_WINDOW: u64 = 8_192;

/// The name of a session: the index of the entry that opened it, so never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// Who proposes, and which of its proposals this is. Whoever repeats a command, repeats session and sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The caller's session, as `open` has named it.
    pub session: SessionId,
    /// The number of the proposal, from 1 upwards.
    pub sequence: u64,
    /// Every sequence below it has been answered to the caller: those replies are kept no longer.
    pub low: u64,
}

impl Caller {
    /// Whether a session with this window may say so.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        0 < self.sequence && self.low <= self.sequence
    }

    /// Whether the proposal lies too far ahead of what has been answered.
    #[must_use]
    pub fn is_beyond(&self, window: u64) -> bool {
        window <= self.sequence.saturating_sub(self.low)
    }

    /// The entry's bytes for this caller's command.
    #[must_use]
    pub fn command(&self, command: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(command.len() + 12);
        varint::put(&mut out, self.session.0);
        varint::put(&mut out, self.sequence);
        varint::put(&mut out, self.sequence - self.low);
        out.extend_from_slice(command);
        out.into()
    }

    /// Who proposed this entry, and where in it the command begins; `None` if it is no command's.
    #[must_use]
    pub fn of(entry: &[u8]) -> Option<(Caller, &[u8])> {
        let mut rest = entry;
        let session = SessionId(varint::take(&mut rest)?);
        let sequence = varint::take(&mut rest)?;
        let low = sequence.checked_sub(varint::take(&mut rest)?)?;
        let caller = Caller { session, sequence, low };
        caller.is_valid().then_some((caller, rest))
    }
}

/// What tells one opening of a session from another: drawn by who opens it, the same in every copy of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub [u8; 16]);

/// The opening of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Names this opening until the log has named the session.
    pub nonce: Nonce,
    /// How many proposals may be open at once.
    pub window: u64,
}

impl Open {
    /// The entry's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut out = self.nonce.0.to_vec();
        varint::put(&mut out, self.window);
        out.into()
    }

    /// What this entry opens; `None` if it is no opening.
    #[must_use]
    pub fn of(entry: &[u8]) -> Option<Open> {
        let (nonce, mut rest) = entry.split_first_chunk::<16>()?;
        let window = varint::take(&mut rest)?;
        rest.is_empty().then_some(Open { nonce: Nonce(*nonce), window })
    }
}

/// What an entry is known by, wherever it stands: its copies bear the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A session's command.
    Command(SessionId, u64),
    /// An opening.
    Open(Nonce),
}

impl Name {
    /// The name of this entry; `None` for kinds that have none, and for bytes that are not what their kind says.
    #[must_use]
    pub fn of(entry: &Entry) -> Option<Name> {
        match entry.kind {
            EntryKind::Command => {
                Caller::of(&entry.bytes).map(|(caller, _)| Name::Command(caller.session, caller.sequence))
            }
            EntryKind::Open => Open::of(&entry.bytes).map(|open| Name::Open(open.nonce)),
            EntryKind::Blank | EntryKind::Membership => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_comes_back_with_its_caller() {
        let caller = Caller { session: SessionId(300), sequence: 9, low: 4 };
        let bytes = caller.command(b"abc");
        assert_eq!(&bytes[..], [0xac, 0x02, 9, 5, b'a', b'b', b'c']);
        assert_eq!(Caller::of(&bytes), Some((caller, &b"abc"[..])));
    }

    #[test]
    fn a_caller_that_no_session_has_is_refused() {
        assert_eq!(Caller::of(&[1, 0, 0]), None, "sequences begin at 1");
        assert_eq!(Caller::of(&[1, 4, 5]), None, "low is never above the sequence, nor below 0");
        assert_eq!(Caller::of(&[1, 4]), None);
    }

    #[test]
    fn an_opening_is_its_nonce_and_its_window_and_nothing_more() {
        let open = Open { nonce: Nonce(*b"0123456789abcdef"), window: 64 };
        let bytes = open.to_bytes();
        assert_eq!(Open::of(&bytes), Some(open));
        assert_eq!(Open::of(&bytes[..16]), None);
        assert_eq!(Open::of(&[&bytes[..], &[0]].concat()), None);
    }

    #[test]
    fn a_window_is_counted_from_the_first_that_is_not_answered() {
        let at = |sequence, low| Caller { session: SessionId(1), sequence, low }.is_beyond(64);
        assert!(!at(64, 1) && at(65, 1));
        assert!(!at(63, 0) && at(64, 0));
        assert!(!at(163, 100) && at(164, 100));
    }
}
