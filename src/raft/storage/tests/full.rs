//! A full disk: what room is promised is there, and what finds none is neither lost nor a fault.

use super::bench::{Bench, entries, mark, put, read, state};
use super::workload::STAMP;
use crate::mix::Draws;
use crate::raft::consensus::Record;
use crate::raft::mark::{count, place, reset};
use crate::raft::storage::{Disk, Error, Remark, SimulatedDisk, Storage, Wal, WalOptions};
use crate::raft::{Entry, EntryKind, Incarnation, Index, LogId, NodeId, Seq, Term};
use bytes::Bytes;
use std::sync::Arc;

#[test]
fn a_full_disk_is_told_by_room_before_it_is_met_and_votes_find_room_still() {
    let bench = Bench::new();
    bench.disk.set_capacity(128 << 10);
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[Record::Born, state(1, None)]);
    assert!(!wal.prepare().unwrap() || !wal.prepare().unwrap(), "no room for a spare");
    let mut last = 0;
    let text = "z".repeat(1_000);
    while 1_100 <= wal.room() {
        put(&mut wal, &[entries(last, 1, [text.as_str()])]);
        last += 1;
    }
    assert!(100 < last && *bench.segments().last().unwrap() == 1);
    for term in 2..150 {
        put(&mut wal, &[state(term, Some(0))]);
    }
    let taking = bench.snapshots().unwrap().take(LogId::new(1, last), Bytes::new());
    assert!(matches!(taking, Err(Error::Full)), "the log stays long");
    assert!(!bench.disk.list().unwrap().iter().any(|name| name.ends_with(".tmp")));
    put(&mut wal, &[state(150, Some(0))]);
}

#[test]
fn one_run_at_a_time_leaves_the_reserve_to_votes_and_marks_and_two_do_not() {
    for two in [false, true] {
        let bench = Bench { align: 4096, ..Bench::new() };
        bench.disk.set_capacity(128 << 10);
        let mut wal = bench.open().unwrap().0;
        put(&mut wal, &[Record::Born, state(1, None)]);
        while wal.prepare().unwrap() {}
        let (mut last, mut waits) = (0, false);
        while !waits && 172 <= wal.room() {
            let out = if two && wal.room() < 4096 { 2 } else { 1 };
            for _ in 0..out {
                match wal.stage(&entries(last, 1, ["y".repeat(100).as_str()])) {
                    Ok(()) => wal.flush(Seq(last + 10)).unwrap(),
                    staged => waits = matches!(staged, Err(Error::Full)),
                }
                last += u64::from(!waits);
            }
        }
        assert_eq!(waits, two, "each has fitted the room that was read, and the first was padded");
        assert!(20 < last && *bench.segments().last().unwrap() == 1);
        if !two {
            put(&mut wal, &[state(2, Some(0))]);
            put(&mut wal, &[mark(last, 1)]);
        }
    }
}

#[test]
fn room_comes_back_when_space_does() {
    let bench = Bench::new();
    bench.disk.set_capacity(128 << 10);
    let mut wal = bench.open().unwrap().0;
    while wal.prepare().unwrap() {}
    let without = wal.room();
    bench.disk.set_capacity(u64::MAX);
    assert_eq!(wal.room(), without, "what is not there yet is not promised");
    wal.seek();
    while wal.prepare().unwrap() {}
    assert!(without + 100_000 < wal.room() + wal.entry_bytes_max());
}

#[test]
fn entries_of_any_length_fit_the_room_that_was_promised() {
    for (seed, align) in (0..60).zip([8, 512, 4096].into_iter().cycle()) {
        let (bench, mut draws) = (Bench { align, ..Bench::new() }, Draws::new(seed));
        bench.disk.set_capacity(256 << 10);
        let mut wal = bench.open().unwrap().0;
        while wal.prepare().unwrap() {}
        put(&mut wal, &[Record::Born, state(1, None)]);
        let (max, mut last) = (wal.entry_bytes_max() as u64, 0);
        loop {
            let len = [1 + draws.below(100), 1 + draws.below(max), max][draws.below(3) as usize];
            if wal.room() < len as usize + 64 {
                break;
            }
            put(&mut wal, &[entries(last, 1, ["y".repeat(len as usize).as_str()])]);
            last += 1;
        }
        assert!(4 < last, "seed {seed}: {last}");
    }
}

#[test]
fn a_record_without_room_is_not_lost_and_not_a_fault() {
    // Of this thread, on which another test may have run before.
    reset();
    let bench = Bench::new();
    bench.disk.set_capacity(128 << 10);
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[Record::Born, state(1, None)]);
    let text = "z".repeat(1_000);
    let many = entries(0, 1, vec![text.as_str(); 300]);
    assert!(matches!(wal.stage(&many), Err(Error::Full)), "a part of it fits");
    wal.flush(Seq(1)).unwrap();
    assert!(matches!(wal.stage(&many), Err(Error::Full)), "still");
    assert!(matches!(wal.durable(), Ok(Seq(1))));
    bench.disk.set_capacity(u64::MAX);
    put(&mut wal, &[many, state(2, Some(1)), entries(300, 2, ["last"])]);
    assert_eq!(read(&wal, 1, 302).unwrap(), [vec![text; 300], vec!["last".into()]].concat());
    assert_eq!(bench.recovered().last, LogId::new(2, 301));
    // Here alone: no replica comes to this.
    let met = [place("record-staged-in-part"), place("record-begun-is-finished")].map(count);
    assert_eq!(met, [2, 2]);
}

#[test]
fn what_has_found_no_room_half_way_is_given_again_and_nothing_else_is() {
    let text = "z".repeat(1_000);
    for other in [entries(0, 1, ["other"; 300]), state(2, None), Record::Mark { at: LogId::new(1, 1) }] {
        let bench = Bench::new();
        bench.disk.set_capacity(128 << 10);
        let mut wal = bench.open().unwrap().0;
        put(&mut wal, &[Record::Born, state(1, None)]);
        assert!(matches!(wal.stage(&entries(0, 1, vec![text.as_str(); 300])), Err(Error::Full)), "a part of it fits");
        assert!(
            matches!(wal.stage(&other), Err(Error::Rule(_))),
            "its first entries would be skipped, and never missed"
        );
        assert!(matches!(wal.durable(), Err(Error::Poisoned)));
    }
}

#[test]
fn the_next_segment_is_not_tried_again_before_room_is_sought() {
    let bench = Bench::new();
    bench.disk.set_capacity(128 << 10);
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[Record::Born, state(1, None)]);
    while wal.prepare().unwrap() {}
    let tried = |wal: &mut Wal<SimulatedDisk>| {
        let before = bench.disk.operations();
        while wal.prepare().unwrap() {}
        bench.disk.operations() - before
    };
    assert_eq!(tried(&mut wal), 0, "each try fills the disk to its last byte");
    wal.seek();
    assert_ne!(tried(&mut wal), 0);
    assert_eq!(tried(&mut wal), 0);
}

#[test]
fn a_log_has_room_for_its_largest_entry_without_a_segment_to_come() {
    let (disk, stamp) = (Arc::new(SimulatedDisk::new(1)), STAMP);
    let mut wal = Wal::open(Arc::clone(&disk), WalOptions::new(1), stamp).unwrap();
    wal.recover(None).unwrap();
    // As the replica asks, which is short of room while it is told less.
    let enough = wal.entry_bytes_max() + 72 + 512 + 4_160;
    assert!(enough <= wal.room(), "right after it was opened: {}", wal.room());
    put(&mut wal, &[Record::Born, state(1, None)]);
    let largest = Entry::new(Term(1), EntryKind::Command, vec![7; wal.entry_bytes_max()].into());
    let mut last = 0;
    while disk.list().unwrap().iter().filter(|name| name.ends_with(".log")).count() < 2 {
        put(&mut wal, &[Record::Entries { after: Index(last), entries: vec![largest.clone()].into() }]);
        last += 1;
    }
    assert!(enough <= wal.room(), "right behind a rotation: {}", wal.room());
}

/// Reads what room there is once, and hands out as much in flush after flush, as the driver does.
#[test]
fn what_is_promised_at_once_is_there_but_for_what_each_flush_is_padded_with() {
    for (seed, align) in (0..80).zip([8, 512, 4096].into_iter().cycle()) {
        let (bench, mut draws) = (Bench { align, ..Bench::new() }, Draws::new(seed));
        bench.disk.set_capacity((256 << 10) + 300);
        let mut wal = bench.open().unwrap().0;
        while wal.prepare().unwrap() {}
        put(&mut wal, &[Record::Born, state(1, None)]);
        let (mut room, mut last, mut flushes) = (wal.room() as u64, 0, 0);
        // Short ones, and such as leave the end of a segment empty.
        let (longest, fewest) = if seed % 2 == 0 { (2_000, 10) } else { (wal.entry_bytes_max() as u64, 1) };
        loop {
            let len = 1 + draws.below(longest);
            let cost = len + 72 + u64::from(align);
            if room < cost {
                break;
            }
            room -= cost;
            put(&mut wal, &[entries(last, 1, ["y".repeat(len as usize).as_str()])]);
            (last, flushes) = (last + 1, flushes + 1);
        }
        assert!(fewest < flushes, "seed {seed}: {flushes}");
    }
}

#[test]
fn votes_without_end_are_not_the_end_of_a_peer_on_a_full_disk() {
    let bench = Bench::new();
    bench.disk.set_capacity(128 << 10);
    let mut wal = bench.open().unwrap().0;
    let voted = (1..).find(|term| wal.stage(&state(*term, Some(0))).and_then(|()| wal.flush(Seq(*term))).is_err());
    let voted = voted.expect("it is full at last");
    assert!(matches!(wal.durable(), Ok(Seq(seq)) if seq + 1 == voted));
    bench.disk.set_capacity(u64::MAX);
    put(&mut wal, &[state(voted, Some(0))]);
    assert_eq!(bench.recovered().term, Term(voted));
}

#[test]
fn a_mark_behind_the_last_vote_finds_room() {
    for align in [8, 512, 4096] {
        let bench = Bench { align, ..Bench::new() };
        bench.disk.set_capacity(128 << 10);
        let mut wal = bench.open().unwrap().0;
        put(&mut wal, &[Record::Born, state(1, None), entries(0, 1, ["a", "b"])]);
        let mut term = 1;
        while wal.stage(&state(term + 1, Some(0))).is_ok() {
            term += 1;
            wal.flush(Seq(term)).unwrap();
        }
        assert!(matches!(wal.stage(&state(term + 1, Some(0))), Err(Error::Full)), "still");
        assert!(wal.spend());
        put(&mut wal, &[state(term + 1, Some(0)), mark(2, 1)]);
        assert!(!wal.spend(), "once in a segment");
        bench.disk.set_capacity(u64::MAX);
        put(&mut wal, &vec![state(term + 2, Some(0)); 200]);
        assert!(bench.segments().len() == 2 && wal.spend(), "the next one has its own");
    }
}

/// The last flush fills its segment but for what is kept for marks, and so the one that a start copies it to.
#[test]
fn a_start_writes_the_mark_that_it_owes_with_what_is_kept_for_marks() {
    for align in [8, 512, 4096] {
        let bench = Bench { align, ..Bench::new() };
        bench.disk.set_capacity(128 << 10);
        let mut wal = bench.open().unwrap().0;
        [Record::Born, entries(0, 1, ["a", "b"])].iter().for_each(|record| wal.stage(record).unwrap());
        let full = (2..).find(|term| wal.stage(&state(*term, None)).is_err()).unwrap();
        bench.disk.set_capacity(u64::MAX);
        bench.take(2, full);
        bench.disk.set_capacity(bench.disk.used() + (128 << 10));
        let (wal, recovered) = bench.open().unwrap_or_else(|error| panic!("align {align}: {error}"));
        assert_eq!((recovered.snapshot, recovered.term), (LogId::new(full, 2), Term(full)));
        assert_eq!((wal.remarks(), bench.segments().len()), (&[Remark::Marked { at: recovered.snapshot }][..], 2));
    }
}

/// At once, so that no flush's padding makes up for what was forgotten.
#[test]
fn what_the_next_segment_begins_with_is_not_promised() {
    let fits = |align: u32, binds: u64| {
        let bench = Bench { align, ..Bench::new() };
        bench.disk.set_capacity((256 << 10) + 300);
        let mut wal = bench.open().unwrap().0;
        while wal.prepare().unwrap() {}
        let bind = |node| Record::Bind { node: NodeId(node), incarnation: Incarnation(node) };
        put(&mut wal, &[Record::Born, state(1, None)].into_iter().chain((0..binds).map(bind)).collect::<Vec<_>>());
        let (mut last, mut before) = (0, usize::MAX);
        // What is left of this segment then counts for nothing.
        while wal.room() != before {
            before = wal.room();
            put(&mut wal, &[entries(last, 1, ["y".repeat(8_000).as_str()])]);
            last += 1;
        }
        let (mut room, mut all) = (wal.room(), Vec::new());
        while 72 < room {
            let len = (room - 72).min(wal.entry_bytes_max());
            all.push(entries(last, 1, ["y".repeat(len).as_str()]));
            (room, last) = (room - len - 72, last + 1);
        }
        let staged = all.iter().all(|record| wal.stage(record).is_ok());
        staged && wal.flush(Seq(9_999)).is_ok() && bench.segments().len() == 2
    };
    let cases = [(8, 0), (512, 0), (4096, 0), (4096, 253), (8, 1_000)];
    assert_eq!(cases.into_iter().filter(|(align, binds)| !fits(*align, *binds)).collect::<Vec<_>>(), []);
}

#[test]
fn a_log_starts_on_a_full_disk_if_its_spare_is_ready() {
    let bench = Bench::filled();
    let mut wal = bench.open().unwrap().0;
    while wal.prepare().unwrap() {}
    bench.disk.set_capacity(0);
    assert_eq!(bench.recovered().last.index, Index(3));
    assert!(matches!(bench.open(), Err(Error::Full)), "the second start finds no spare");
}
