//! Every row of the table of recovery: what is found, and what is decided.

use super::bench::{Bench, entries, fails, mark, put, read, state};
use crate::raft::consensus::Record;
use crate::raft::storage::format::{self, Kind};
use crate::raft::storage::simulated::Operation;
use crate::raft::storage::{Disk, Error, Remark, Storage};
use crate::raft::wire::entry::put_run;
use crate::raft::{ClusterId, Incarnation, Index, LogId, NodeId, Term};

#[test]
fn unfinished_files_are_removed() {
    let bench = Bench::filled();
    bench.write("spare.tmp", 0, b"half");
    bench.write("snap-0000000000000001-0000000000000001.taken.tmp", 0, b"half");
    bench.recovered();
    assert!(!bench.disk.list().unwrap().iter().any(|name| name.ends_with(".tmp")));
}

#[test]
fn a_directory_without_segments_and_snapshots_is_new_even_if_a_spare_lies_there() {
    let bench = Bench::new();
    bench.write("spare", 0, &[0; 128 << 10]);
    let recovered = bench.recovered();
    assert_ne!(recovered.incarnation, Incarnation(0));
    assert_eq!((recovered.born, recovered.term, recovered.vote), (false, Term(0), None));
    assert_eq!((recovered.base, recovered.last), (LogId::ZERO, LogId::ZERO));
    assert_eq!(bench.segments(), [1]);
    let spares = bench.disk.list().unwrap().iter().filter(|name| *name == "spare").count();
    assert_eq!(spares, 0, "the spare that lay there was taken");
}

#[test]
fn snapshots_without_a_segment_are_damage() {
    let bench = Bench::new();
    bench.take(3, 1);
    assert!(bench.damage().file.starts_with("snap-"));
}

#[test]
fn a_newer_version_is_refused_and_nothing_is_touched() {
    let bench = Bench::filled();
    bench.write(&format::name(1), 7, &[2]);
    let before = bench.content();
    assert!(matches!(bench.open(), Err(Error::Version(2))));
    assert_eq!(bench.content(), before);
    let bench = Bench::filled();
    bench.take(1, 1);
    bench.write("snap-0000000000000001-0000000000000001", 7, &[9]);
    let before = bench.content();
    assert!(matches!(bench.open(), Err(Error::Version(9))));
    assert_eq!(bench.content(), before);
}

#[test]
fn a_named_segment_with_a_bad_head_is_damage() {
    let filled = Bench::filled();
    filled.reopen(2);
    for seq in [1, 2] {
        let rotten = filled.copy();
        rotten.disk.rot(&format::name(seq), 40, 3);
        assert_eq!(rotten.damage().file, format::name(seq));
        let renamed = filled.copy();
        renamed.behead(seq, |head| head.seq = 9);
        assert_eq!(renamed.damage().file, format::name(seq));
    }
    let torn = filled.copy();
    torn.behead(2, |head| head.first = Index(9));
    assert_eq!(torn.damage().file, format::name(2), "a first entry that is not the next one");
    for seq in [1, 2] {
        let bindless = filled.copy();
        let at = bindless.head(seq).first_record();
        bindless.forge_at(seq, at, Kind::Born, 0, 0, &[]);
        assert_eq!(bindless.damage().at, at, "no bind stands first");
    }
    let forgetful = filled.copy();
    let at = forgetful.head(2).first_record();
    let mut body = 1u64.to_le_bytes().to_vec();
    body.extend(5u64.to_le_bytes());
    forgetful.forge_at(2, at, Kind::Bind, 0, 0, &body);
    assert_eq!(forgetful.damage().file, format::name(2), "another binding than was replayed");
}

#[test]
fn a_head_that_tells_another_past_than_its_predecessors_is_damage() {
    let filled = Bench::filled();
    filled.reopen(2);
    let changes: [fn(&mut format::SegmentHead); 6] = [
        |head| head.term = Term(9),
        |head| head.vote = Some(NodeId(1)),
        |head| head.vote = None,
        |head| head.born = false,
        |head| head.incarnation = Incarnation(1),
        |head| head.snapshot = LogId::new(1, 2),
    ];
    for change in changes {
        let bench = filled.copy();
        bench.behead(2, change);
        assert_eq!(bench.damage().file, format::name(2));
    }
    let bench = filled.copy();
    bench.behead(2, |head| head.commit = Index(2));
    assert_eq!(bench.recovered().commit, Index(2), "the greater commit counts");
}

#[test]
fn the_directory_of_another_is_refused_and_says_whose_it_is() {
    let bench = Bench::filled();
    let with = |change: fn(&mut Bench)| {
        let mut other = bench.copy();
        change(&mut other);
        other
    };
    let node = with(|bench| bench.stamp.node = NodeId(1));
    assert_eq!(fails(node.open()), "the directory belongs to peer 0");
    let members = with(|bench| (bench.stamp.members, bench.stamp.cluster) = (4, ClusterId(1)));
    assert_eq!(fails(members.open()), "the directory was made for other members");
    let cluster = with(|bench| bench.stamp.cluster = ClusterId(1));
    assert!(fails(cluster.open()).starts_with("the directory belongs to another cluster"));
    let moved = with(|bench| bench.stamp.addresses = 1);
    assert_eq!(moved.open().unwrap().0.remarks(), [Remark::Addresses]);
    assert_eq!(moved.open().unwrap().0.remarks(), [], "said once");
}

/// Four segments; the log is marked at its third entry, so that only the newest is needed.
fn marked() -> Bench {
    let bench = Bench::filled();
    bench.reopen(2);
    bench.take(3, 1);
    put(&mut bench.open().unwrap().0, &[mark(3, 1)]);
    bench.reopen(4);
    bench
}

#[test]
fn segments_below_a_gap_are_half_removed_if_a_mark_covers_them() {
    let bench = marked();
    bench.disk.forget(&format::name(2));
    let recovered = bench.recovered();
    assert_eq!(recovered.last, LogId::new(1, 3));
    assert_eq!(bench.segments(), [3, 4, 5], "the straggler is gone");
    let bench = Bench::filled();
    bench.reopen(4);
    bench.disk.forget(&format::name(2));
    assert_eq!(bench.damage().lost_from, Index(1), "no mark makes up for entries 1 to 3");
}

#[test]
fn a_mark_in_the_tail_counts_for_what_may_be_missing() {
    let bench = Bench::filled();
    bench.reopen(3);
    bench.take(3, 1);
    // The mark is flushed, and nothing testifies to it.
    put(&mut bench.open().unwrap().0, &[mark(3, 1)]);
    bench.disk.forget(&format::name(1));
    bench.disk.forget(&format::name(2));
    assert_eq!(bench.recovered().snapshot, LogId::new(1, 3));
}

#[test]
fn an_older_segment_must_end_exactly_where_its_successor_says() {
    let filled = Bench::filled();
    filled.reopen(2);
    let end = filled.head(2).prev_end;
    for other in [end - 8, end + 8] {
        let bench = filled.copy();
        bench.behead(2, |head| head.prev_end = other);
        bench.damage();
    }
    let rotten = filled.copy();
    rotten.disk.rot(&format::name(1), end - 30, 0);
    assert_eq!(rotten.damage().lost_from, Index(2), "the third was copied");
}

#[test]
fn what_stands_behind_the_end_of_an_older_segment_is_ignored() {
    let bench = Bench::filled();
    bench.reopen(2);
    let end = bench.head(2).prev_end;
    bench.write(&format::name(1), end, &[0xff; 100]);
    assert_eq!(bench.recovered().last, LogId::new(1, 3));
}

#[test]
fn damage_below_the_testimony_says_what_is_lost_and_what_was_held() {
    let bench = Bench::filled();
    let (records, _) = bench.records(1);
    let (at, kind) = records[3];
    assert_eq!(kind, Kind::Entries);
    bench.disk.rot(&format::name(1), at + 33, 1);
    let damage = bench.damage();
    assert_eq!((damage.file, damage.at), (format::name(1), at));
    assert_eq!((damage.lost_from, damage.witnessed), (Index(1), LogId::new(1, 3)));
}

#[test]
fn what_is_torn_above_the_testimony_is_dropped_with_a_remark() {
    let bench = Bench::filled();
    let (records, _) = bench.records(1);
    let (at, _) = *records.last().unwrap();
    // Rot in the very last flush, to which nothing testifies: the one case that is not decidable.
    bench.disk.rot(&format::name(1), at + 33, 1);
    let (wal, recovered) = bench.open().unwrap();
    assert_eq!(recovered.last, LogId::new(1, 2));
    assert_eq!(wal.remarks(), [Remark::Torn { file: format::name(1), at }]);
}

#[test]
fn an_anchor_makes_rot_of_the_last_flush_damage() {
    let bench = Bench::new();
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[state(1, None), entries(0, 1, ["a"])]);
    wal.idle().unwrap();
    let (records, _) = bench.records(1);
    let (at, kind) = records[records.len() - 2];
    assert_eq!(kind, Kind::Entries);
    bench.disk.rot(&format::name(1), at + 33, 1);
    assert_eq!(bench.damage().at, at);
}

#[test]
fn records_that_nothing_testifies_to_are_kept_by_being_copied() {
    let bench = Bench::filled();
    assert_eq!(bench.recovered().last, LogId::new(1, 3));
    let (records, end) = bench.records(2);
    let kinds: Vec<Kind> = records.iter().map(|&(_, kind)| kind).collect();
    assert_eq!(kinds, [Kind::Bind, Kind::Entries]);
    assert_eq!(bench.head(2).whole, end, "what was copied is testified to at once");
    assert_eq!(bench.records(1).0.last().unwrap().1, Kind::Seal);
}

#[test]
fn rot_in_what_was_copied_is_damage_though_nothing_was_written_since() {
    let bench = Bench::filled();
    bench.recovered();
    let (records, _) = bench.records(2);
    bench.disk.rot(&format::name(2), records[1].0 + 33, 1);
    assert_eq!(bench.damage().file, format::name(2));
}

#[test]
fn valid_records_beyond_a_torn_one_are_dropped_with_it() {
    let bench = Bench::new();
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[state(1, None)]);
    // One flush of three records, of which the first is torn.
    put(&mut wal, &[entries(0, 1, ["a"]), entries(1, 1, ["b"]), state(2, None)]);
    let (records, _) = bench.records(1);
    bench.write(&format::name(1), records[2].0, &[0; 32]);
    let recovered = bench.recovered();
    assert_eq!((recovered.last, recovered.term), (LogId::ZERO, Term(1)));
}

#[test]
fn a_newest_segment_that_ends_in_a_seal_has_lost_its_successor() {
    let bench = Bench::filled();
    bench.reopen(3);
    bench.disk.forget(&format::name(3));
    assert_eq!(bench.damage().file, format::name(3));
}

fn run(term: u64, texts: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    let entries: Vec<_> = texts.iter().map(|text| super::bench::entry(term, text)).collect();
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
    wal.flush(crate::raft::Seq(1)).unwrap_err();
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
    let (at, kind) = *records.last().unwrap();
    assert_eq!(kind, Kind::Entries);
    // The last record again, as a stale sector would bring it: right in itself, at another place.
    bench.write(&format::name(1), end, &content[at as usize..end as usize]);
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
