//! What any store must keep to, as a suite: run it against your own.
//!
//! ```text
//!   fresh() ──> an empty place ── open() ──> a store ── dropped ── open() ──> a store that knows all that was durable
//! ```
//! ```
//! use rsm::raft::Incarnation;
//! use rsm::raft::storage::{Memory, conformance};
//!
//! conformance::run(|| {
//!     let kept = Memory::new(Incarnation(7));
//!     move || kept.reopen()
//! });
//! ```
//! A check that fails panics, and its name is the rule that was broken. A store over a [`Disk`](super::Disk) passes
//! [`run_on_disk`] too, where the power fails.

mod checks;
mod disk;
pub(crate) mod history;
pub(crate) mod oracle;

pub use disk::run_on_disk;

use super::{Reader, Storage};
use crate::raft::{Entry, Index, Seq};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

/// Checks a store. `fresh` gives an empty place; what it gives opens the store in that place, each time anew, once the
/// one before was dropped.
///
/// # Panics
/// If a rule is broken: its name stands in the message.
pub fn run<S: Storage, O: FnMut() -> S>(mut fresh: impl FnMut() -> O) {
    checks::a_new_store_is_empty(fresh());
    checks::what_was_flushed_is_told_when_it_is_opened_anew(fresh());
    checks::a_vote_for_node_0_is_not_no_vote(fresh());
    checks::entries_at_a_place_that_is_taken_cut_what_stood_there(fresh());
    checks::what_was_staged_and_not_flushed_comes_back_as_a_prefix_or_not_at_all(fresh());
    checks::the_numbers_of_what_is_durable_never_fall(fresh());
    checks::a_mark_that_the_log_holds_leaves_entries_on_both_sides(fresh());
    checks::a_mark_that_the_log_does_not_hold_empties_it(&mut fresh);
    checks::a_newer_snapshot_is_marked_before_anything_is_told(&mut fresh);
    checks::memberships_are_told_in_order_and_cut_with_the_log(fresh());
    checks::what_was_released_is_gone_and_all_else_is_told(fresh());
    checks::a_read_gives_at_least_one_entry_and_stops_at_its_limit(fresh());
    checks::readers_on_other_threads_see_whole_entries_throughout(fresh());
    for seed in 0..20 {
        checks::a_random_history_is_told_as_it_was(fresh(), seed);
    }
}

/// Waits until that number is durable.
fn settle<S: Storage>(store: &mut S, seq: Seq) {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    store.on_durable(Waker::from(Arc::new(Unpark(thread::current()))));
    while store.durable().unwrap_or_else(|error| panic!("{error}")) < seq {
        thread::park();
    }
}

/// Stages these, flushes them, and waits.
fn put<S: Storage>(store: &mut S, records: &[crate::raft::consensus::Record]) {
    for record in records {
        store.stage(record).unwrap_or_else(|error| panic!("{record:?} was refused: {error}"));
    }
    let seq = store.durable().unwrap_or_else(|error| panic!("{error}")).next();
    store.flush(seq).unwrap_or_else(|error| panic!("{error}"));
    settle(store, seq);
}

/// The entries of a range, all of them.
fn read<R: Reader>(reader: &R, from: u64, to: u64) -> Vec<Entry> {
    let mut entries = Vec::new();
    let read = reader.read(Index(from)..Index(to), usize::MAX, &mut |entry| entries.push(entry));
    read.unwrap_or_else(|error| panic!("entries {from} to {to} are durable: {error}"));
    entries
}
