//! What a log holds.
//!
//! ```text
//!   Entry    term | kind | bytes | sum       its place is where it stands
//!   Entries  a run of them, shared: log, store and every follower's packet hold the same allocation
//! ```

use super::types::Term;
use bytes::Bytes;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Entries of at least this many bytes carry a checksum of their own.
pub const SUMMED_FROM: usize = 64;

/// What an entry's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EntryKind {
    /// Nothing: a new leader's first entry, by which it learns what is committed (§8).
    Blank = 0,
    /// A session's command.
    Command = 1,
    /// Opens a session.
    Open = 2,
    /// The cluster's members, in force from where it stands.
    Membership = 3,
}

impl EntryKind {
    /// The kind of this number, if this version knows one.
    #[must_use]
    pub const fn from_u8(kind: u8) -> Option<EntryKind> {
        Some(match kind {
            0 => EntryKind::Blank,
            1 => EntryKind::Command,
            2 => EntryKind::Open,
            3 => EntryKind::Membership,
            _ => return None,
        })
    }
}

/// One entry of the log. Cloning it shares the bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The term of the leader that placed it; 0 while it is on its way to one.
    pub term: Term,
    /// What `bytes` are.
    pub kind: EntryKind,
    /// The content, opaque to the log.
    pub bytes: Bytes,
    /// CRC32C of `bytes` if there are at least [`SUMMED_FROM`], else 0. Made once, where the bytes were taken in.
    pub sum: u32,
}

impl Entry {
    /// An entry with its checksum made: for bytes that begin their life here.
    #[must_use]
    pub fn new(term: Term, kind: EntryKind, bytes: Bytes) -> Entry {
        let sum = Entry::sum_of(&bytes);
        Entry { term, kind, bytes, sum }
    }

    /// A leader's first entry.
    #[must_use]
    pub fn blank(term: Term) -> Entry {
        Entry { term, kind: EntryKind::Blank, bytes: Bytes::new(), sum: 0 }
    }

    /// Whether the bytes are still those that the checksum was made of. Asked by whoever takes an entry in.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.sum == Entry::sum_of(&self.bytes)
    }

    fn sum_of(bytes: &[u8]) -> u32 {
        if bytes.len() < SUMMED_FROM { 0 } else { crc32c::crc32c(bytes) }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{}[{}]", self.kind, self.term, self.bytes.len())
    }
}

/// A run of consecutive entries. Cloning it shares them.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Entries(Option<Arc<[Entry]>>);

impl Entries {
    /// No entries; allocates nothing.
    pub const NONE: Entries = Entries(None);

    /// Whether these are the very same, shared: then they are equal, without a look at any.
    #[must_use]
    pub fn are_shared_with(&self, other: &Entries) -> bool {
        matches!((&self.0, &other.0), (Some(one), Some(other)) if Arc::ptr_eq(one, other))
    }

    /// The sum of the lengths of all bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.iter().map(|entry| entry.bytes.len()).sum()
    }
}

impl Deref for Entries {
    type Target = [Entry];
    fn deref(&self) -> &[Entry] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<Vec<Entry>> for Entries {
    fn from(entries: Vec<Entry>) -> Entries {
        if entries.is_empty() { Entries::NONE } else { Entries(Some(entries.into())) }
    }
}

impl FromIterator<Entry> for Entries {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Entries {
        // One allocation, and none but for entries, where the iterator knows its length.
        let shared: Arc<[Entry]> = entries.into_iter().collect();
        if shared.is_empty() { Entries::NONE } else { Entries(Some(shared)) }
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_of_a_long_entry_is_seen() {
        let mut entry = Entry::new(Term(1), EntryKind::Command, Bytes::from(vec![7; SUMMED_FROM]));
        assert!(entry.is_sound());
        let mut spoiled = entry.bytes.to_vec();
        spoiled[9] ^= 4;
        entry.bytes = spoiled.into();
        assert!(!entry.is_sound());
    }

    #[test]
    fn an_empty_run_is_none() {
        assert_eq!(Entries::from(vec![]), Entries::NONE);
        assert_eq!(Entries::NONE.len(), 0);
    }
}
