//! Every row of the table of recovery: what is found, and what is decided.

use super::bench::{Bench, entries, fails, mark, put, state};
use crate::raft::consensus::Record;
use crate::raft::storage::format::{self, Kind};
use crate::raft::storage::{Disk, Error, Remark};
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
    let numbered = Bench::filled();
    let (beyond, content) = (1 << 32, numbered.disk.content(&format::name(1)).unwrap());
    numbered.write(&format::name(beyond), 0, &content);
    numbered.disk.remove(&format::name(1)).unwrap();
    numbered.behead(beyond, |head| head.seq = beyond);
    assert_eq!(numbered.damage().file, format::name(beyond), "no log comes to that number");
    let torn = filled.copy();
    torn.behead(2, |head| head.first = Index(9));
    assert_eq!(torn.damage().file, format::name(2), "a first entry that is not the next one");
    for seq in [1, 2] {
        let bindless = filled.copy();
        let at = bindless.head(seq).first_record();
        bindless.forge_at(seq, at, Kind::Born, 0, 0, &[]);
        assert_eq!(bindless.damage().at, at, "no bind stands first");
    }
}

#[test]
fn a_segment_whose_bindings_are_not_those_replayed_is_damage() {
    let bench = Bench::filled();
    let bind = |incarnation| Record::Bind { node: NodeId(2), incarnation: Incarnation(incarnation) };
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[bind(7)]);
    wal.idle().unwrap();
    bench.reopen(3);
    let at = bench.head(3).first_record();
    let mut body = Vec::new();
    format::put_bindings(&mut body, &[(NodeId(2), Incarnation(8))].into());
    bench.forge_at(3, at, Kind::Bind, 0, 0, &body);
    let damage = bench.damage();
    assert_eq!((damage.file, damage.at), (format::name(3), at));
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
pub(super) fn marked() -> Bench {
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
fn what_a_removal_has_left_makes_room_for_the_start_on_a_full_disk() {
    let bench = marked();
    bench.disk.forget(&format::name(2));
    bench.disk.set_capacity(bench.disk.used());
    bench.recovered();
    assert_eq!(bench.segments(), [3, 4, 5]);
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
fn a_seal_testifies_to_all_that_stands_before_it() {
    let bench = Bench::filled();
    let (at, _) = *bench.records(1).0.last().unwrap();
    bench.forge(Kind::Seal, 0, 0, &[]);
    bench.disk.rot(&format::name(1), at + 33, 1);
    assert_eq!(bench.damage().at, at, "it would pass for torn without the seal");
}

#[test]
fn a_newest_segment_that_ends_in_a_seal_has_lost_its_successor() {
    let bench = Bench::filled();
    bench.reopen(3);
    bench.disk.forget(&format::name(3));
    assert_eq!(bench.damage().file, format::name(3));
}
