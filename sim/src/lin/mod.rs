//! Did a store behave as if there were one copy of it? Judged from what its users did and saw, and from nothing else.
//!
//! ```text
//!   a  [w1      ]     [r2]          each operation takes effect once, at some moment between its call and its return:
//!   b      [w2 ]  [r2   ]           here w1, w2, r2, r2. Had `a` read 1 at the end, no order would do.
//!
//!   history ── by key ──> zones    quick: is there an order of the values? exact without swaps
//!                    └──> search   exact: every order that may matter, with three shortcuts
//! ```
//! For registers whose values are never written twice: a store under test writes numbers that it counts up. Record each
//! operation with the time at which it was called and the time at which it returned, of one clock, and [`check`] them:
//!
//! ```
//! use rsm_sim::lin::{Call, Operation, check};
//!
//! let history = [
//!     ("x", Operation { called: 0, returned: Some(9), call: Call::Write(1) }),
//!     ("x", Operation { called: 10, returned: Some(12), call: Call::Read(1) }),
//!     ("x", Operation { called: 13, returned: Some(15), call: Call::Read(0) }), // 0 is what was there at first
//! ];
//! let refused = check(&history).unwrap_err();
//! assert!(refused.to_string().contains("no order"));
//! ```
//! An operation that was never answered has no `returned`: it may have taken effect at any time after its call, or never.
//! Whoever made it goes on as somebody else, since its later operations do not follow it. Operations on one key should
//! overlap by no more than sixteen: the search is linear in length and exponential in overlap.
//!
//! Who knows where in a log each operation took effect has an easier question, which [`witness`] answers.

mod draw;
mod search;
#[cfg(test)]
mod tests;
pub mod witness;
mod zones;

pub use draw::parse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What stood in each register at first. Nobody writes it.
pub const INITIAL: u64 = 0;

/// The most configurations that a search holds at once.
const CONFIGURATIONS_MAX: usize = 1 << 20;

/// One operation on one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// When it was called.
    pub called: u64,
    /// When it returned; `None` if that is not known to have happened.
    pub returned: Option<u64>,
    /// What it did.
    pub call: Call,
}

/// What an operation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Wrote this value, which nothing else writes.
    Write(u64),
    /// Saw this value.
    Read(u64),
    /// Wrote `new` if the register held `expected`.
    Swap {
        /// What it must have held.
        expected: u64,
        /// What it holds then; nothing else writes it.
        new: u64,
        /// What it did hold. Of no meaning if the operation has not returned.
        found: u64,
    },
}

/// Why a history is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// Two operations write this value, or one writes the initial value: then this checker cannot judge.
    Repeated(u64),
    /// This one returned before it was called: its times are not of one clock.
    Backwards(Operation),
    /// There is no order in which one copy could have done this: a part of the history that shows it.
    NotLinearizable(Vec<Operation>),
    /// Too many operations overlap. That is a failure of the test's set-up, not a verdict.
    GaveUp,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Repeated(value) => write!(f, "{value} is written twice: give each write a value of its own"),
            Refused::Backwards(Operation { called, returned, call }) => {
                write!(f, "{call} was called at {called} and returned at {returned:?}: give it two times of one clock")
            }
            Refused::NotLinearizable(part) => write!(f, "no order explains these:\n{}", draw::bars(part)),
            Refused::GaveUp => f.write_str("too many operations overlap: let fewer clients share a key"),
        }
    }
}

impl std::error::Error for Refused {}

/// Judges a history, key by key.
///
/// # Errors
/// The first key whose operations no order explains, or that cannot be judged.
pub fn check<K: Ord + Clone>(history: &[(K, Operation)]) -> Result<(), Refused> {
    let mut keys: BTreeMap<K, Vec<Operation>> = BTreeMap::new();
    for (key, operation) in history {
        keys.entry(key.clone()).or_default().push(*operation);
    }
    keys.values().try_for_each(|operations| register(operations))
}

/// Judges the operations on one register, in any order.
///
/// # Errors
/// If no order explains them, or they cannot be judged.
pub fn register(operations: &[Operation]) -> Result<(), Refused> {
    match judge(operations) {
        Err(Refused::NotLinearizable(_)) => Err(Refused::NotLinearizable(shortest(operations))),
        verdict => verdict,
    }
}

fn judge(operations: &[Operation]) -> Result<(), Refused> {
    let events = Events::new(operations)?;
    if !zones::holds(&events) {
        return Err(Refused::NotLinearizable(Vec::new()));
    }
    search::run(&events, CONFIGURATIONS_MAX)
}

/// The beginning that fails first, without what can be left out of it.
fn shortest(operations: &[Operation]) -> Vec<Operation> {
    let fails = |part: &[Operation]| matches!(judge(part), Err(Refused::NotLinearizable(_)));
    let mut returns: Vec<u64> = operations.iter().filter_map(|operation| operation.returned).collect();
    returns.sort_unstable();
    // What fails at one moment fails at all later ones.
    let first = returns.partition_point(|&at| !fails(&until(operations, at)));
    let mut part = returns.get(first).map_or_else(|| operations.to_vec(), |&at| until(operations, at));
    if let Some(orphan) = orphan(&part) {
        return vec![orphan];
    }
    let mut piece = part.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < part.len() {
            let mut less = part.clone();
            less.drain(at..(at + piece).min(part.len()));
            // Without its write every value comes from nowhere, which would explain nothing: its readers go too.
            while let Some(orphan) = orphan(&less) {
                less.retain(|operation| *operation != orphan);
            }
            if fails(&less) { part = less } else { at += piece }
        }
        if piece == 1 {
            return part;
        }
        piece = piece.div_ceil(2);
    }
}

/// A history up to this moment.
fn until(operations: &[Operation], at: u64) -> Vec<Operation> {
    let called = operations.iter().filter(|operation| operation.called <= at);
    let returned = |operation: &Operation| operation.returned.filter(|&returned| returned <= at);
    called.map(|operation| Operation { returned: returned(operation), ..*operation }).collect()
}

/// An operation that saw a value that nothing wrote.
fn orphan(operations: &[Operation]) -> Option<Operation> {
    let written: BTreeSet<u64> =
        operations.iter().filter_map(|operation| operation.call.writes()).chain([INITIAL]).collect();
    let is_orphan = |operation: &&Operation| operation.call.sees().is_some_and(|value| !written.contains(&value));
    operations.iter().filter(|operation| operation.returned.is_some()).find(is_orphan).copied()
}

/// The operations that can matter, and the moments of their calls and returns in one order.
#[derive(Debug)]
struct Events {
    operations: Vec<Ranked>,
    /// In order of time: an operation, and whether it returns here.
    order: Vec<(usize, bool)>,
}

/// An operation with its place among all calls and returns.
#[derive(Clone, Copy, Debug)]
struct Ranked {
    called: usize,
    /// `usize::MAX` if it has not returned.
    returned: usize,
    call: Call,
    /// Its value was seen, so it has taken effect.
    is_seen: bool,
}

impl Events {
    fn new(all: &[Operation]) -> Result<Events, Refused> {
        let mut written = BTreeSet::from([INITIAL]);
        for operation in all {
            if operation.returned.is_some_and(|returned| returned < operation.called) {
                return Err(Refused::Backwards(*operation));
            }
            if let Some(value) = operation.call.writes()
                && !written.insert(value)
            {
                return Err(Refused::Repeated(value));
            }
        }
        let seen = seen(all);
        let matters = |operation: &&Operation| {
            operation.returned.is_some() || operation.call.writes().is_some_and(|value| seen.contains(&value))
        };
        let kept: Vec<Operation> = all.iter().filter(matters).map(|operation| known(*operation)).collect();
        // What returns when another is called overlaps it: calls come first.
        let mut moments: Vec<(u64, bool, usize)> = Vec::new();
        for (nth, operation) in kept.iter().enumerate() {
            moments.push((operation.called, false, nth));
            moments.extend(operation.returned.map(|at| (at, true, nth)));
        }
        moments.sort_unstable();
        let of = |operation: &Operation| Ranked {
            called: 0,
            returned: usize::MAX,
            call: operation.call,
            is_seen: operation.call.writes().is_some_and(|value| seen.contains(&value)),
        };
        let mut operations: Vec<Ranked> = kept.iter().map(of).collect();
        for (rank, (_, returns, nth)) in moments.iter().enumerate() {
            if *returns { operations[*nth].returned = rank } else { operations[*nth].called = rank }
        }
        Ok(Events { operations, order: moments.into_iter().map(|(_, returns, nth)| (nth, returns)).collect() })
    }
}

/// A swap that has not returned, but whose value was seen, has found what it expected.
fn known(operation: Operation) -> Operation {
    let call = match operation.call {
        Call::Swap { expected, new, .. } if operation.returned.is_none() => {
            Call::Swap { expected, new, found: expected }
        }
        call => call,
    };
    Operation { call, ..operation }
}

/// Every value that somebody saw, or that a swap that has won must have seen.
fn seen(all: &[Operation]) -> BTreeSet<u64> {
    let mut seen: BTreeSet<u64> = all
        .iter()
        .filter(|operation| operation.returned.is_some())
        .filter_map(|operation| operation.call.sees())
        .collect();
    loop {
        let before = seen.len();
        for operation in all {
            if let Call::Swap { expected, new, .. } = operation.call
                && operation.returned.is_none()
                && seen.contains(&new)
            {
                seen.insert(expected);
            }
        }
        if seen.len() == before {
            return seen;
        }
    }
}

impl Call {
    /// The value that it writes, if it writes one. A swap that has not returned may have.
    fn writes(self) -> Option<u64> {
        match self {
            Call::Write(value) => Some(value),
            Call::Swap { new, .. } => Some(new),
            Call::Read(_) => None,
        }
    }

    /// The value that it saw.
    fn sees(self) -> Option<u64> {
        match self {
            Call::Write(_) => None,
            Call::Read(value) | Call::Swap { found: value, .. } => Some(value),
        }
    }

    /// Whether it is a swap that has lost: no more than a read.
    fn has_lost(self) -> bool {
        matches!(self, Call::Swap { expected, found, .. } if expected != found)
    }
}
