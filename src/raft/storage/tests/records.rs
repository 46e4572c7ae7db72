//! Rows of the table of recovery that are about what records say: which may follow which, and what they leave.

use super::bench::{Bench, entries, entry, fails, mark, put, read, state};
use super::recovery::marked;
use crate::raft::consensus::Record;
use crate::raft::storage::format::{self, Kind};
use crate::raft::storage::simulated::Operation;
use crate::raft::storage::{Disk, Error, Remark, Storage};
use crate::raft::wire::entry::put_run;
use crate::raft::{Index, LogId, NodeId, Seq, Term};

fn run(term: u64, texts: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    let entries: Vec<_> = texts.iter().map(|text| entry(term, text)).collect();
    put_run(&mut body, &entries);
    body
}

#[test]
fn records_that_break_a_rule_are_damage() {
    let good = run(1, &["d"]);
    let (mut long, mut mixed) = (good.clone(), good.clone());
    long.push(0xff);
    mixed.extend(run(2, &["e"]));
    let one = 1u64.to_le_bytes();
    let unordered: Vec<u8> = [2u64, 1, 1, 1].iter().flat_map(|number| number.to_le_bytes()).collect();
    let forgeries: [(&str, Kind, u64, u64, &[u8]); 21] = [
        ("entries leave a hole", Kind::Entries, 5, 1, &good),
        ("a run does not end at its length", Kind::Entries, 4, 1, &long),
        ("an empty run", Kind::Entries, 4, 1, &[]),
        ("a run of another term than its head", Kind::Entries, 4, 2, &good),
        ("a run of two terms", Kind::Entries, 4, 1, &mixed),
        ("terms fall along the log", Kind::Entries, 4, 0, &run(0, &["d"])),
        ("beyond all logs", Kind::Entries, u64::MAX, 1, &good),
        ("a state of another length", Kind::State, 0, 2, &[0; 4]),
        ("a state of a lower term", Kind::State, 0, 0, &[]),
        ("another vote", Kind::State, 0, 1, &one),
        ("no vote where one was held", Kind::State, 0, 1, &[]),
        ("half a binding", Kind::Bind, 0, 0, &one),
        ("bindings that do not rise", Kind::Bind, 0, 0, &unordered),
        ("a birth with a body", Kind::Born, 0, 0, &one),
        ("a mark with a body", Kind::Mark, 3, 1, &one),
        ("a mark beyond all logs", Kind::Reset, u64::MAX, 1, &[]),
        ("a mark of an entry that the log does not hold", Kind::Mark, 3, 2, &[]),
        ("a mark behind the log's end", Kind::Mark, 4, 1, &[]),
        ("a reset at an entry that the log holds", Kind::Reset, 3, 1, &[]),
        ("a reset with a body", Kind::Reset, 4, 1, &one),
        ("a run of an unknown kind of entry", Kind::Entries, 4, 1, &[3, 1, 200, b'x']),
    ];
    for (what, kind, index, term, body) in forgeries {
        let bench = Bench::filled();
        let seq = *bench.segments().last().unwrap();
        let (_, at) = bench.records(seq);
        bench.forge(kind, index, term, body);
        assert_eq!(bench.damage().at, at, "{what}, not testified to");
        bench.forge(Kind::Born, 0, 0, &[]);
        assert_eq!(bench.damage().at, at, "{what}, and more behind it");
    }
}

#[test]
fn entries_below_the_last_mark_and_marks_that_fall_are_damage() {
    for (kind, index) in [(Kind::Entries, 3), (Kind::Mark, 2)] {
        let bench = marked();
        let body = if kind == Kind::Entries { run(1, &["x"]) } else { Vec::new() };
        bench.forge(kind, index, 1, &body);
        bench.damage();
    }
}

#[test]
fn entries_at_a_place_that_is_taken_cut_what_stood_there() {
    let bench = Bench::filled();
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[state(2, None), entries(1, 2, ["B"])]);
    let (wal, recovered) = bench.open().unwrap();
    assert_eq!(recovered.last, LogId::new(2, 2));
    assert_eq!(recovered.terms, [(Index(1), Term(1)), (Index(2), Term(2))]);
    assert_eq!(read(&wal, 1, 3).unwrap(), ["a", "B"]);
}

#[test]
fn entries_above_our_term_raise_it_and_leave_no_vote() {
    let bench = Bench::filled();
    bench.forge(Kind::Entries, 4, 6, &run(6, &["d"]));
    let recovered = bench.recovered();
    assert_eq!((recovered.term, recovered.vote), (Term(6), None));
}

#[test]
fn a_mark_that_the_log_holds_leaves_entries_on_both_sides() {
    let bench = Bench::filled();
    bench.take(2, 1);
    put(&mut bench.open().unwrap().0, &[mark(2, 1)]);
    let (wal, recovered) = bench.open().unwrap();
    assert_eq!((recovered.snapshot, recovered.base), (LogId::new(1, 2), LogId::ZERO));
    assert_eq!(recovered.membership, [(Index(2), bytes::Bytes::from_static(b"members"))]);
    assert_eq!(read(&wal, 1, 4).unwrap(), ["a", "b", "c"]);
}

#[test]
fn a_mark_that_the_log_does_not_hold_empties_it() {
    for (index, term) in [(2, 2), (7, 1)] {
        let bench = Bench::filled();
        bench.take(index, term);
        put(&mut bench.open_with(None).unwrap().0, &[state(2, None), mark(index, term)]);
        let (wal, recovered) = bench.open().unwrap();
        let at = LogId::new(term, index);
        assert_eq!((recovered.snapshot, recovered.base, recovered.last), (at, at, at));
        assert!(matches!(read(&wal, 1, 2), Err(Error::Gone)));
    }
}

#[test]
fn a_stale_tail_stays_cut_when_what_stood_before_it_is_released() {
    let bench = Bench::filled();
    bench.open().unwrap().0.idle().unwrap();
    // The last segment begins behind entry 3, and holds a stale entry 4; then a snapshot of another entry 3 comes.
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[state(2, None), entries(3, 2, ["stale"])]);
    bench.take(3, 5);
    put(&mut wal, &[state(5, None), mark(3, 5)]);
    wal.release(Index(4)).unwrap();
    assert_eq!(bench.segments(), [3]);
    let at = LogId::new(5, 3);
    let recovered = bench.recovered();
    assert_eq!((recovered.snapshot, recovered.base, recovered.last), (at, at, at));
}

#[test]
fn a_mark_without_its_snapshot_is_damage() {
    let bench = marked();
    let name = "snap-0000000000000003-0000000000000001";
    let gone = bench.copy();
    gone.disk.forget(name);
    assert_eq!(gone.damage().file, name);
    let rotten = bench.copy();
    rotten.disk.rot(name, 80, 1);
    assert_eq!(rotten.damage().file, name);
    assert_eq!(bench.recovered().snapshot, LogId::new(1, 3));
}

#[test]
fn a_whole_snapshot_newer_than_the_last_mark_is_marked_before_anything_is_told() {
    let bench = Bench::filled();
    bench.take(3, 1);
    let (wal, recovered) = bench.open().unwrap();
    assert_eq!((recovered.snapshot, recovered.last), (LogId::new(1, 3), LogId::new(1, 3)));
    assert_eq!((recovered.term, recovered.vote), (Term(1), Some(NodeId(0))));
    assert!(wal.remarks().contains(&Remark::Marked { at: LogId::new(1, 3) }));
    bench.disk.crash();
    let seq = *bench.segments().last().unwrap();
    assert!(bench.records(seq).0.iter().any(|&(_, kind)| kind == Kind::Mark), "it was durable");
}

#[test]
fn a_snapshot_of_a_higher_term_raises_ours_and_leaves_no_vote() {
    let bench = Bench::filled();
    bench.take(9, 4);
    let recovered = bench.recovered();
    assert_eq!((recovered.term, recovered.vote, recovered.last), (Term(4), None, LogId::new(4, 9)));
    let again = bench.recovered();
    assert_eq!((again.term, again.vote, again.last), (Term(4), None, LogId::new(4, 9)));
}

#[test]
fn a_damaged_snapshot_that_no_mark_names_is_passed_over() {
    let bench = Bench::filled();
    bench.take(2, 1);
    put(&mut bench.open().unwrap().0, &[mark(2, 1)]);
    bench.take(3, 1);
    bench.disk.rot("snap-0000000000000003-0000000000000001", 70, 1);
    let snapshots = bench.snapshots().unwrap();
    let newest = snapshots.newest().unwrap();
    assert_eq!(snapshots.remarks().len(), 1);
    let (_, recovered) = bench.open_with(newest).unwrap();
    assert_eq!(recovered.snapshot, LogId::new(1, 2));
    snapshots.keep(recovered.snapshot).unwrap();
    let left: Vec<String> = bench.disk.list().unwrap().into_iter().filter(|name| name.starts_with("snap-")).collect();
    assert_eq!(left, ["snap-0000000000000002-0000000000000001"]);
}

#[test]
fn a_snapshot_of_one_that_was_never_born_is_passed_over() {
    let bench = Bench::new();
    bench.recovered();
    bench.take(3, 1);
    let recovered = bench.recovered();
    assert_eq!((recovered.snapshot, recovered.last, recovered.term), (LogId::ZERO, LogId::ZERO, Term(0)));
}

#[test]
fn what_a_failed_sync_left_in_the_cache_is_written_anew() {
    let bench = Bench::filled();
    let mut wal = bench.open().unwrap().0;
    wal.stage(&entries(3, 1, ["d"])).unwrap();
    bench.disk.fail(Operation::Sync, 0);
    wal.flush(Seq(1)).unwrap_err();
    bench.disk.kill();
    assert_eq!(bench.recovered().last, LogId::new(1, 4), "readers still see it");
    bench.disk.crash();
    assert_eq!(bench.recovered().last, LogId::new(1, 4), "what was told is on the disk");
}

#[test]
fn a_testimony_that_rots_is_repeated_by_the_next_one() {
    let bench = Bench::filled();
    let (records, _) = bench.records(1);
    let [.., (victim, _), (testimony, _), _] = records[..] else { panic!("too few records") };
    bench.disk.rot(&format::name(1), victim + 33, 0);
    bench.disk.rot(&format::name(1), testimony + 12, 0);
    assert_eq!(bench.damage().at, victim);
}

#[test]
fn a_record_of_another_segment_or_place_is_no_record_of_this_one() {
    let bench = Bench::filled();
    let (records, end) = bench.records(1);
    let content = bench.disk.content(&format::name(1)).unwrap();
    let [.., (at, Kind::Entries), (next, Kind::Entries)] = records[..] else { panic!("two records of entries") };
    // Entry 2 again, as a stale sector would bring it: right in itself, at another place, where it would cut entry 3.
    bench.write(&format::name(1), end, &content[at as usize..next as usize]);
    assert_eq!(bench.recovered().last, LogId::new(1, 3));
    let (_, end) = bench.records(2);
    bench.write(&format::name(2), end, &content[at as usize..at as usize + 40]);
    assert_eq!(bench.recovered().last, LogId::new(1, 3));
}

#[test]
fn a_rule_that_a_record_would_break_is_told_before_it_is_written() {
    let bench = Bench::filled();
    let mut wal = bench.open().unwrap().0;
    let refused = fails(wal.stage(&state(1, Some(1))));
    assert_eq!(refused, "the record was refused: R2: one vote a term");
    assert!(matches!(wal.stage(&Record::Born), Err(Error::Poisoned)));
    assert_eq!(bench.recovered().vote, Some(NodeId(0)));
}
