//! The words of the floor: numbers that must not be mixed up, each a type of its own.
//!
//! No zero means "none": node 0 is an ordinary member, and what may be missing is an `Option`.

use std::fmt;

/// Declares a number that is a word: ordered, hashed, printed as the number.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

word! {
    /// The name of a member of the cluster, given by the user.
    NodeId
}
word! {
    /// A reign, or an attempt at one: at most one leader each (§5.1). Term 0 is before the first election.
    Term
}
word! {
    /// The place of an entry in the log; the first is 1, and 0 is the place before it.
    Index
}
word! {
    /// One life of a member's directory: drawn when it is made, the same until it is emptied.
    Incarnation
}
word! {
    /// A point in the stream of records given to the store: all up to it may become durable together.
    Seq
}
word! {
    /// A leader's question "do you still follow me?", numbered upwards within its term.
    Round
}
word! {
    /// A leader's acquaintance with one peer, drawn anew each time it begins: answers to a former one count for nothing.
    Track
}
word! {
    /// A peer's question for a read index, numbered on from a number drawn at its start.
    Ask
}
word! {
    /// The caller's number for what it proposed or wants to read; answered exactly once.
    Token
}
word! {
    /// What tells one cluster's packets and directories from another's.
    ClusterId
}

impl Term {
    /// The term after this one; the greatest has none, and stays.
    #[must_use]
    pub fn next(self) -> Term {
        Term(self.0.saturating_add(1))
    }
}

impl Index {
    /// The place after this one; the greatest has none, and stays.
    #[must_use]
    pub fn next(self) -> Index {
        Index(self.0.saturating_add(1))
    }

    /// The place before this one; place 0 has none, and stays.
    #[must_use]
    pub fn previous(self) -> Index {
        Index(self.0.saturating_sub(1))
    }
}

impl Seq {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

/// An entry's identity: two logs that hold the same one are equal up to it (§5.3).
///
/// Ordered by term first, as logs are compared in elections (§5.4.1).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The term in which a leader made it.
    pub term: Term,
    /// Its place.
    pub index: Index,
}

impl LogId {
    /// Before the first entry.
    pub const ZERO: LogId = LogId { term: Term(0), index: Index(0) };

    /// The entry of `term` at `index`.
    #[must_use]
    pub const fn new(term: u64, index: u64) -> LogId {
        LogId { term: Term(term), index: Index(index) }
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.term)
    }
}

/// Who speaks: a member, and which life of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The member.
    pub node: NodeId,
    /// Its life.
    pub incarnation: Incarnation,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_compared_by_term_before_length() {
        assert!(LogId::new(2, 1) > LogId::new(1, 9));
        assert!(LogId::new(2, 2) > LogId::new(2, 1));
    }
}
