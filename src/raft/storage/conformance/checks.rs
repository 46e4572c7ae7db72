//! The rules, each a function with the rule as its name.

use super::history::History;
use super::oracle::Oracle;
use super::{put, read, settle};
use crate::raft::consensus::Record;
use crate::raft::storage::{Error, Reader, Snapshot, Storage};
use crate::raft::{Entry, EntryKind, Incarnation, Index, LogId, NodeId, Recovered, Seq, Term};
use bytes::Bytes;
use std::thread;

fn entry(term: u64, text: &str) -> Entry {
    Entry::new(Term(term), EntryKind::Command, Bytes::copy_from_slice(text.as_bytes()))
}

fn entries(after: u64, term: u64, texts: &[&str]) -> Record {
    Record::Entries { after: Index(after), entries: texts.iter().map(|text| entry(term, text)).collect() }
}

fn state(term: u64, vote: Option<u64>) -> Record {
    Record::State { term: Term(term), vote: vote.map(NodeId) }
}

fn snapshot(index: u64, term: u64) -> Snapshot {
    Snapshot { at: LogId::new(term, index), membership: Bytes::from_static(b"members") }
}

fn opened<S: Storage>(open: &mut impl FnMut() -> S, newest: Option<Snapshot>) -> (S, Recovered) {
    let mut store = open();
    let recovered = store.recover(newest).unwrap_or_else(|error| panic!("a sound store does not open: {error}"));
    (store, recovered)
}

pub(super) fn a_new_store_is_empty<S: Storage>(mut open: impl FnMut() -> S) {
    let (store, found) = opened(&mut open, None);
    assert_eq!((found.born, found.term, found.vote, found.commit), (false, Term(0), None, Index(0)));
    assert_eq!((found.snapshot, found.base, found.last), (LogId::ZERO, LogId::ZERO, LogId::ZERO));
    assert!(found.bindings.is_empty() && found.terms.is_empty() && found.membership.is_empty());
    assert_eq!(store.durable().ok(), Some(Seq(0)), "what `recover` told has number 0");
    drop(store);
    assert_eq!(opened(&mut open, None).1.incarnation, found.incarnation, "one place, one life");
}

pub(super) fn what_was_flushed_is_told_when_it_is_opened_anew<S: Storage>(mut open: impl FnMut() -> S) {
    let (mut store, _) = opened(&mut open, None);
    let (node, incarnation) = (NodeId(2), Incarnation(77));
    put(&mut store, &[Record::Bind { node, incarnation }, Record::Born, state(3, Some(1)), entries(0, 2, &["a", "b"])]);
    put(&mut store, &[entries(2, 3, &["c"])]);
    drop(store);
    let (store, found) = opened(&mut open, None);
    assert!(found.born);
    assert_eq!(found.bindings.get(&node), Some(&incarnation));
    assert_eq!((found.term, found.vote, found.last), (Term(3), Some(NodeId(1)), LogId::new(3, 3)));
    assert_eq!(found.terms, [(Index(1), Term(2)), (Index(3), Term(3))]);
    assert_eq!(read(&store.reader(), 1, 4), [entry(2, "a"), entry(2, "b"), entry(3, "c")]);
}

pub(super) fn a_vote_for_node_0_is_not_no_vote<S: Storage>(mut open: impl FnMut() -> S) {
    for (term, vote) in [(1, Some(0)), (2, None), (3, Some(u64::MAX))] {
        let (mut store, _) = opened(&mut open, None);
        put(&mut store, &[state(term, vote)]);
        drop(store);
        assert_eq!(opened(&mut open, None).1.vote, vote.map(NodeId));
    }
}

pub(super) fn entries_at_a_place_that_is_taken_cut_what_stood_there<S: Storage>(mut open: impl FnMut() -> S) {
    let (mut store, _) = opened(&mut open, None);
    put(&mut store, &[state(2, None), entries(0, 1, &["a", "b", "c"])]);
    put(&mut store, &[entries(1, 2, &["B"])]);
    let gone = store.reader().read(Index(3)..Index(4), usize::MAX, &mut |_| ());
    assert!(matches!(gone, Err(Error::Gone)), "entry 3 was cut");
    drop(store);
    let (store, found) = opened(&mut open, None);
    assert_eq!((found.last, found.terms), (LogId::new(2, 2), vec![(Index(1), Term(1)), (Index(2), Term(2))]));
    assert_eq!(read(&store.reader(), 1, 3), [entry(1, "a"), entry(2, "B")]);
}

pub(super) fn what_was_staged_and_not_flushed_comes_back_as_a_prefix_or_not_at_all<S: Storage>(
    mut open: impl FnMut() -> S,
) {
    let (mut store, found) = opened(&mut open, None);
    let mut oracle = Oracle::default();
    oracle.meet(found.incarnation);
    for record in [Record::Born, state(1, None), entries(0, 1, &["a", "b"]), state(2, Some(1)), entries(1, 2, &["B"])] {
        oracle.stage(&record);
        store.stage(&record).unwrap_or_else(|error| panic!("{record:?} was refused: {error}"));
    }
    drop(store);
    let (store, found) = opened(&mut open, None);
    oracle.judge(&found, &store.reader(), None).unwrap_or_else(|why| panic!("no prefix of what was staged: {why}"));
}

pub(super) fn the_numbers_of_what_is_durable_never_fall<S: Storage>(mut open: impl FnMut() -> S) {
    let (mut store, _) = opened(&mut open, None);
    let mut before = Seq(0);
    for seq in [1, 2, 5, 9].map(Seq) {
        store.stage(&state(seq.0, None)).unwrap_or_else(|error| panic!("{error}"));
        store.flush(seq).unwrap_or_else(|error| panic!("{error}"));
        let now = store.durable().unwrap_or_else(|error| panic!("{error}"));
        assert!(before <= now && now <= seq, "{before} was durable, then {now} of {seq}");
        before = now;
        settle(&mut store, seq);
    }
}

pub(super) fn a_mark_that_the_log_holds_leaves_entries_on_both_sides<S: Storage>(mut open: impl FnMut() -> S) {
    let (mut store, _) = opened(&mut open, None);
    put(&mut store, &[Record::Born, state(2, None), entries(0, 1, &["a", "b"]), entries(2, 2, &["c"])]);
    put(&mut store, &[Record::Mark { at: LogId::new(1, 2) }]);
    assert_eq!(read(&store.reader(), 1, 4).len(), 3, "nothing was released");
    drop(store);
    let (store, found) = opened(&mut open, Some(snapshot(2, 1)));
    assert_eq!((found.snapshot, found.last), (LogId::new(1, 2), LogId::new(2, 3)));
    assert_eq!(found.membership, [(Index(2), Bytes::from_static(b"members"))]);
    assert!(found.base.index <= Index(2), "the log begins at or before the snapshot");
    assert_eq!(read(&store.reader(), 3, 4), [entry(2, "c")]);
}

pub(super) fn a_mark_that_the_log_does_not_hold_empties_it<S: Storage, O: FnMut() -> S>(mut fresh: impl FnMut() -> O) {
    // Inside the log and in another term; right behind its end; far beyond it.
    for (index, term) in [(2, 2), (4, 2), (9, 2)] {
        let mut open = fresh();
        let (mut store, _) = opened(&mut open, None);
        put(&mut store, &[Record::Born, state(2, None), entries(0, 1, &["a", "b", "c"])]);
        let at = LogId::new(term, index);
        put(&mut store, &[Record::Mark { at }, entries(index, 2, &["next"])]);
        let gone = store.reader().read(Index(1)..Index(2), usize::MAX, &mut |_| ());
        assert!(matches!(gone, Err(Error::Gone)), "entry 1 went with the mark at {at:?}");
        drop(store);
        let (store, found) = opened(&mut open, Some(snapshot(index, term)));
        assert_eq!((found.snapshot, found.base, found.last), (at, at, LogId::new(2, index + 1)));
        assert_eq!(read(&store.reader(), index + 1, index + 2), [entry(2, "next")]);
    }
}

pub(super) fn a_newer_snapshot_is_marked_before_anything_is_told<S: Storage, O: FnMut() -> S>(
    mut fresh: impl FnMut() -> O,
) {
    // In the log; beyond it, and of a term that was not met yet: then there was no vote in it.
    for (newest, term, vote) in [(snapshot(1, 1), Term(1), Some(NodeId(0))), (snapshot(8, 5), Term(5), None)] {
        let mut open = fresh();
        let (mut store, _) = opened(&mut open, None);
        put(&mut store, &[Record::Born, state(1, Some(0)), entries(0, 1, &["a", "b"])]);
        drop(store);
        for _ in 0..2 {
            let (_, found) = opened(&mut open, Some(newest.clone()));
            assert_eq!((found.snapshot, found.term, found.vote), (newest.at, term, vote));
        }
    }
    let mut open = fresh();
    drop(opened(&mut open, None));
    let (_, found) = opened(&mut open, Some(snapshot(3, 1)));
    assert_eq!((found.snapshot, found.term), (LogId::ZERO, Term(0)), "one that was never born has no snapshot");
}

pub(super) fn memberships_are_told_in_order_and_cut_with_the_log<S: Storage>(mut open: impl FnMut() -> S) {
    let member = |term, text: &'static str| {
        let bytes = Bytes::from_static(text.as_bytes());
        Entry::new(Term(term), EntryKind::Membership, bytes)
    };
    let (mut store, _) = opened(&mut open, None);
    let first = [member(1, "one"), entry(1, "a"), member(1, "three"), member(1, "four")];
    let first = Record::Entries { after: Index(0), entries: first.to_vec().into() };
    let second = Record::Entries { after: Index(3), entries: vec![entry(2, "b"), member(2, "five")].into() };
    put(&mut store, &[Record::Born, state(2, None), first, second, Record::Mark { at: LogId::new(1, 2) }]);
    drop(store);
    let (_, found) = opened(&mut open, Some(snapshot(2, 1)));
    let told = [(2, "members"), (3, "three"), (5, "five")];
    assert_eq!(found.membership, told.map(|(index, text)| (Index(index), Bytes::from_static(text.as_bytes()))));
}

pub(super) fn what_was_released_is_gone_and_all_else_is_told<S: Storage>(mut open: impl FnMut() -> S) {
    let (mut store, _) = opened(&mut open, None);
    let (node, incarnation) = (NodeId(2), Incarnation(77));
    put(&mut store, &[Record::Bind { node, incarnation }, Record::Born, state(1, Some(0))]);
    for index in 0..40 {
        put(&mut store, &[entries(index, 1, &["a"])]);
    }
    put(&mut store, &[Record::Mark { at: LogId::new(1, 30) }]);
    store.release(Index(31)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read(&store.reader(), 31, 41).len(), 10);
    drop(store);
    let (store, found) = opened(&mut open, Some(snapshot(30, 1)));
    assert_eq!((found.born, found.term, found.vote), (true, Term(1), Some(NodeId(0))));
    assert_eq!(found.bindings.get(&node), Some(&incarnation));
    assert_eq!((found.snapshot, found.last), (LogId::new(1, 30), LogId::new(1, 40)));
    assert!(found.base.index <= Index(30));
    assert_eq!(read(&store.reader(), 31, 41).len(), 10);
}

pub(super) fn a_read_gives_at_least_one_entry_and_stops_at_its_limit<S: Storage>(mut open: impl FnMut() -> S) {
    let (mut store, _) = opened(&mut open, None);
    put(&mut store, &[state(1, None), entries(0, 1, &["one", "two", "three"]), entries(3, 1, &["four"])]);
    let count = |from: u64, bytes_max| {
        let mut count = 0;
        let read = store.reader().read(Index(from)..Index(5), bytes_max, &mut |_| count += 1);
        read.map(|()| count)
    };
    for (from, bytes_max, expected) in [(1, 0, 1), (1, 5, 1), (1, 6, 2), (3, 9, 2), (1, usize::MAX, 4)] {
        assert_eq!(count(from, bytes_max).ok(), Some(expected), "from {from}, at most {bytes_max} bytes");
    }
    assert!(matches!(count(0, 1), Err(Error::Gone)), "there is no entry 0");
    assert!(matches!(store.reader().read(Index(5)..Index(6), 1, &mut |_| ()), Err(Error::Gone)), "nor an entry 5");
}

pub(super) fn readers_on_other_threads_see_whole_entries_throughout<S: Storage>(mut open: impl FnMut() -> S) {
    let (mut store, _) = opened(&mut open, None);
    put(&mut store, &[state(1, None), entries(0, 1, &["first"])]);
    let reader = store.reader();
    thread::scope(|scope| {
        scope.spawn(move || {
            // Until the last one is durable.
            while reader.read(Index(50)..Index(51), usize::MAX, &mut |_| ()).is_err() {
                assert_eq!(read(&reader, 1, 2), [entry(1, "first")]);
            }
        });
        for index in 1..50 {
            put(&mut store, &[entries(index, 1, &["more"])]);
        }
    });
}

pub(super) fn a_random_history_is_told_as_it_was<S: Storage>(mut open: impl FnMut() -> S, seed: u64) {
    let mut history = History::new(seed, 2_000);
    let mut oracle = Oracle::default();
    let mut newest = None;
    for _ in 0..6 {
        let (mut store, found) = opened(&mut open, newest.clone());
        oracle.meet(found.incarnation);
        let judged = oracle.judge(&found, &store.reader(), newest.as_ref());
        judged.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        for _ in 0..history.draws.below(30) {
            if history.draws.chance(1, 10)
                && let Some(at) = history.snapshot(&oracle.acknowledged, &oracle.staged, Index(0))
            {
                newest = Some(Snapshot { at, membership: Bytes::from_static(b"members") });
                let term = oracle.staged.term.max(at.term);
                let raise = (oracle.staged.term < term).then_some(Record::State { term, vote: None });
                let records: Vec<Record> = raise.into_iter().chain([Record::Mark { at }]).collect();
                records.iter().for_each(|record| oracle.stage(record));
                put(&mut store, &records);
                oracle.flushed();
                store.release(at.index.next()).unwrap_or_else(|error| panic!("{error}"));
            } else if let Some(record) = history.next(&oracle.staged) {
                oracle.stage(&record);
                if history.draws.chance(1, 2) {
                    put(&mut store, &[record]);
                    oracle.flushed();
                } else {
                    store.stage(&record).unwrap_or_else(|error| panic!("{record:?} was refused: {error}"));
                }
            }
        }
    }
}
