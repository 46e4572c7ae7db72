//! Why something that came from outside was dropped.

use super::entry::Fault;
use std::fmt;

/// Why a packet, or one message of it, was dropped: each reason has its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refused {
    /// Damaged on the way: the packet's checksum is wrong, or an entry's own.
    Checksum,
    /// Of another cluster, to another member, of an unknown group, or from somebody who is no member.
    Cluster,
    /// To another life of ours, or from another life of a member than the one that is known.
    Incarnation,
    /// Of another version, or with a flag set that this version does not know.
    Version,
    /// A message, a critical extension or an entry of a kind that this version does not know.
    Kind,
    /// It breaks the format.
    Malformed,
    /// It is whole and for us, but the inbox is full.
    Full,
}

impl Refused {
    /// All of them, in the order in which a status lists them.
    pub const ALL: [Refused; 7] = [
        Refused::Checksum,
        Refused::Cluster,
        Refused::Incarnation,
        Refused::Version,
        Refused::Kind,
        Refused::Malformed,
        Refused::Full,
    ];

    /// Its name in a status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Refused::Checksum => "checksum",
            Refused::Cluster => "cluster",
            Refused::Incarnation => "incarnation",
            Refused::Version => "version",
            Refused::Kind => "kind",
            Refused::Malformed => "malformed",
            Refused::Full => "full",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Checksum => "a wrong checksum",
            Refused::Cluster => "another cluster or another member",
            Refused::Incarnation => "another life of a member",
            Refused::Version => "an unknown version",
            Refused::Kind => "an unknown kind",
            Refused::Malformed => "a broken format",
            Refused::Full => "a full inbox",
        })
    }
}

impl std::error::Error for Refused {}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Refused {
        match fault {
            Fault::Malformed => Refused::Malformed,
            Fault::Kind(_) => Refused::Kind,
            Fault::Checksum => Refused::Checksum,
        }
    }
}
