//! What opening a store found that is no error, but worth a line.

use crate::raft::LogId;
use std::fmt;

/// One line for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// The members' addresses are not those of the last start.
    Addresses,
    /// The end of the log was torn; nothing of it had been promised.
    Torn {
        /// The segment.
        file: String,
        /// Where the torn record begins.
        at: u64,
    },
    /// A snapshot's file that no mark names was not used.
    PassedOver {
        /// Its file.
        file: String,
    },
    /// A whole snapshot had no mark yet; it has one now.
    Marked {
        /// The last entry that it covers.
        at: LogId,
    },
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::Addresses => f.write_str("the members' addresses have changed since the last start"),
            Remark::Torn { file, at } => write!(f, "{file}: a write was torn at byte {at}; nothing of it was promised"),
            Remark::PassedOver { file } => write!(f, "{file}: passed over, the log and an older snapshot stand"),
            Remark::Marked { at } => write!(f, "the snapshot at {at:?} was whole but not recorded; it is now"),
        }
    }
}
