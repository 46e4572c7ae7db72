//! What can go wrong with a store.

use crate::raft::Damage;
use std::{fmt, io};

/// Why a store did not do what it was asked. After a failed write or sync it never does anything again.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file system said no.
    Io(io::Error),
    /// No room on the disk.
    Full,
    /// The entry is larger than a segment may take.
    TooLarge,
    /// An earlier write or sync has failed: what reached the disk is not known, so nothing more is promised.
    Poisoned,
    /// The range is not in the log any more.
    Gone,
    /// Another process holds the directory.
    Locked,
    /// The directory belongs to another node, cluster or list of members.
    Owner {
        /// What it belongs to, in one line.
        belongs: String,
    },
    /// Written by a newer version of this crate.
    Version(u8),
    /// What was durable is not readable any more.
    Corrupt(Damage),
    /// A record that may not follow those before it: nothing of it was written.
    Rule(&'static str),
    /// A setting that no store can have.
    Options(&'static str),
}

/// What a system says that opens no more files, for this process or for all of them.
pub(super) const FILES_SPENT: &[i32] = if cfg!(windows) { &[4] } else { &[24, 23] };

impl Error {
    /// Whether the disk may be sound, and whoever asks again later is answered: the system lacks memory, or opens no more
    /// files.
    pub(crate) fn is_shortage(&self) -> bool {
        let Error::Io(error) = self else { return false };
        let is_spent = error.raw_os_error().is_some_and(|code| FILES_SPENT.contains(&code));
        is_spent || error.kind() == io::ErrorKind::OutOfMemory
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                write!(f, "bytes that make no sense: {error}")
            }
            Error::Io(error) => write!(f, "the disk failed: {error}"),
            Error::Full => f.write_str("no room on the disk: free some, then start again"),
            Error::TooLarge => f.write_str("the entry is larger than a quarter of a segment: raise segment_bytes"),
            Error::Poisoned => f.write_str("an earlier write failed: start the peer again"),
            Error::Gone => f.write_str("the entries are no longer in the log"),
            Error::Locked => f.write_str("the directory is in use by another process"),
            Error::Owner { belongs } => write!(f, "the directory {belongs}"),
            Error::Version(version) => {
                write!(f, "written in format {version} by a newer version of this crate: use that one")
            }
            Error::Corrupt(damage) => write!(
                f,
                "{} is damaged at byte {}: entries from {} on are lost, {:?} was held; put back a good copy",
                damage.file, damage.at, damage.lost_from, damage.witnessed
            ),
            Error::Rule(rule) => write!(f, "the record was refused: {rule}"),
            Error::Options(rule) => f.write_str(rule),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        // A quota that is used up is a full disk to whoever writes.
        let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if is_full { Error::Full } else { Error::Io(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_is_used_up_is_a_full_disk() {
        let is_full = |kind: io::ErrorKind| matches!(Error::from(io::Error::from(kind)), Error::Full);
        assert!(is_full(io::ErrorKind::StorageFull) && is_full(io::ErrorKind::QuotaExceeded));
        assert!(!is_full(io::ErrorKind::FileTooLarge));
    }
}
