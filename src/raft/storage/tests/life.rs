//! What a peer counts on, from its first start on.

use super::bench::{Bench, entries, fails, mark, put, read, state};
use super::workload::{STAMP, TestDisk};
use crate::raft::consensus::Record;
use crate::raft::mutant::{Fault, choose};
use crate::raft::storage::simulated::{Operation, Spares};
use crate::raft::storage::{Disk, Error, Reader, SimulatedDisk, Storage, Wal, WalOptions, format};
use crate::raft::{Entry, Incarnation, Index, NodeId, Seq, Term};
use crate::sync::shim::{AtomicU64, Ordering};
use std::ops::Range;
use std::sync::Arc;

/// Fills segments until there are so many.
fn grow(bench: &Bench, wal: &mut Wal<SimulatedDisk>, after: u64, segments: u64) -> u64 {
    let text = "y".repeat(20_000);
    let mut last = after;
    while *bench.segments().last().unwrap() < segments {
        put(wal, &[entries(last, 1, [text.as_str()])]);
        last += 1;
    }
    last
}

/// How often the next segment had its name when power failed, or what was not found then: met by the simulator, an
/// anchor was the last record of its segment, in one sector with the seal.
fn power_fails_in_a_rotation() -> Result<u64, Error> {
    let bench = Bench { align: 512, ..Bench::new() };
    // The entry with which the second segment begins.
    let turn = grow(&bench, &mut bench.open().unwrap().0, 0, 2);
    let text = "y".repeat(20_000);
    let mut named = 0;
    for (seed, after) in (0..12).flat_map(|seed| (0..10).map(move |after| (seed, after))) {
        let bench = Bench { disk: Arc::new(SimulatedDisk::new(seed)), ..bench.clone() };
        bench.disk.set_powersafe(false);
        let mut wal = bench.open().unwrap().0;
        (0..turn - 1).for_each(|after| put(&mut wal, &[entries(after, 1, [text.as_str()])]));
        while wal.prepare().unwrap() {}
        wal.idle().unwrap();
        bench.disk.set_fuse(Some(after));
        bench.disk.set_spares(Spares::Pieces);
        let _ = wal.stage(&entries(turn - 1, 1, [text.as_str()])).and_then(|()| wal.flush(Seq(turn)));
        drop(wal);
        bench.disk.crash();
        named += u64::from(bench.segments() == [1, 2]);
        let last = bench.open()?.1.last.index;
        assert!(turn - 1 <= last.0, "seed {seed}, fuse {after}: {last}");
    }
    Ok(named)
}

#[test]
fn power_that_fails_in_a_seal_spoils_nothing_that_was_before_it() {
    let named = power_fails_in_a_rotation().unwrap();
    assert!(10 <= named, "{named} times the next segment had its name");
}

#[test]
fn an_anchor_that_is_left_where_the_seal_comes_goes_with_it() {
    let _anchor_stays = choose(Fault::AnchorSealed);
    assert!(matches!(power_fails_in_a_rotation(), Err(Error::Corrupt(_))));
}

#[test]
fn bindings_birth_and_vote_outlive_the_segments_that_they_were_written_in() {
    let bench = Bench::new();
    let mut wal = bench.open().unwrap().0;
    let bind = Record::Bind { node: NodeId(2), incarnation: Incarnation(77) };
    put(&mut wal, &[bind, Record::Born, state(1, Some(0))]);
    let last = grow(&bench, &mut wal, 0, 4);
    bench.take(last, 1);
    put(&mut wal, &[mark(last, 1)]);
    wal.release(Index(last + 1)).unwrap();
    assert_eq!(bench.segments(), [4]);
    bench.disk.crash();
    let (mut wal, recovered) = bench.open().unwrap();
    assert_eq!(recovered.bindings.get(&NodeId(2)), Some(&Incarnation(77)));
    assert!(recovered.born);
    assert_eq!((recovered.term, recovered.vote), (Term(1), Some(NodeId(0))));
    assert!(fails(wal.stage(&state(1, Some(1)))).contains("R2: one vote a term"));
}

#[test]
fn a_vote_for_node_0_is_a_vote_after_a_crash() {
    let bench = Bench::new();
    put(&mut bench.open().unwrap().0, &[Record::Born, state(5, Some(0))]);
    bench.disk.crash();
    let (mut wal, recovered) = bench.open().unwrap();
    assert_eq!((recovered.term, recovered.vote), (Term(5), Some(NodeId(0))));
    assert!(fails(wal.stage(&state(5, Some(1)))).contains("R2: one vote a term"));
    let (mut wal, _) = bench.open().unwrap();
    assert!(fails(wal.stage(&state(5, None))).contains("R2: one vote a term"));
    let (mut wal, _) = bench.open().unwrap();
    put(&mut wal, &[state(5, Some(0)), state(6, Some(1))]);
}

#[test]
fn a_directory_keeps_its_incarnation_and_another_gets_another() {
    let bench = Bench::new();
    let first = bench.recovered().incarnation;
    let again = Bench { seed: 99, ..bench.clone() };
    assert_eq!(again.recovered().incarnation, first);
    assert_ne!(Bench { seed: 99, ..Bench::new() }.recovered().incarnation, first);
}

#[test]
fn a_failed_sync_poisons_the_log_for_ever() {
    for operation in [Operation::Write, Operation::Sync] {
        let bench = Bench::filled();
        let mut wal = bench.open().unwrap().0;
        wal.stage(&entries(3, 1, ["d"])).unwrap();
        bench.disk.fail(operation, 0);
        assert!(matches!(wal.flush(Seq(1)), Err(Error::Io(_))));
        for _ in 0..2 {
            assert!(matches!(wal.flush(Seq(2)), Err(Error::Poisoned)));
            assert!(matches!(wal.stage(&Record::Born), Err(Error::Poisoned)));
            assert!(matches!(wal.durable(), Err(Error::Poisoned)));
            assert!(matches!(wal.release(Index(1)), Err(Error::Poisoned)));
            assert!(matches!(wal.idle(), Err(Error::Poisoned)));
            assert!(matches!(wal.prepare(), Err(Error::Poisoned)));
            assert_eq!(wal.room(), 0);
        }
        assert_eq!(read(&wal, 1, 4).unwrap(), ["a", "b", "c"], "what was durable is read still");
    }
}

#[test]
fn an_entry_that_no_segment_takes_is_refused_at_the_limit() {
    let bench = Bench::new();
    let mut wal = bench.open().unwrap().0;
    let max = wal.entry_bytes_max();
    put(&mut wal, &[state(1, None), entries(0, 1, ["e".repeat(max).as_str()])]);
    assert!(matches!(wal.stage(&entries(1, 1, ["e".repeat(max + 32).as_str()])), Err(Error::TooLarge)));
    assert_eq!(bench.recovered().last.index, Index(1));
}

#[test]
fn settings_may_change_between_two_starts() {
    let bench = Bench::new();
    let mut last = 0;
    for (segment_bytes, align) in [(128 << 10, 8), (1 << 20, 4096), (256 << 10, 512), (128 << 10, 8)] {
        let options = WalOptions { segment_bytes, align, seed: last };
        let mut wal = Wal::open(Arc::clone(&bench.disk), options, bench.stamp).unwrap();
        let recovered = wal.recover(None).unwrap();
        assert_eq!(recovered.last.index, Index(last));
        put(&mut wal, &[state(1, None)]);
        while wal.prepare().unwrap() {}
        for _ in 0..10 {
            let text = "o".repeat(wal.entry_bytes_max());
            put(&mut wal, &[entries(last, 1, [text.as_str()])]);
            last += 1;
        }
    }
}

#[test]
fn settings_that_no_log_can_have_are_refused() {
    let bench = Bench::new();
    for (segment_bytes, align) in [(64 << 10, 8), ((128 << 10) + 8, 8), (64 << 30, 8), (1 << 20, 1024), (1 << 20, 0)] {
        let options = WalOptions { segment_bytes, align, seed: 1 };
        let refused = Wal::open(Arc::clone(&bench.disk), options, bench.stamp);
        assert!(matches!(refused, Err(Error::Options(_))), "{segment_bytes} {align}");
    }
}

#[test]
fn a_seed_that_is_used_again_takes_no_record_of_a_spare_that_was_begun_before() {
    let bench = Bench::filled();
    // A recovery that dies after it has written the fresh segment, before it has named it.
    bench.disk.fail(Operation::Rename, 1);
    assert!(bench.open().is_err());
    bench.disk.kill();
    let begun = bench.disk.content("spare").unwrap();
    assert_ne!(begun[..128], [0; 128]);
    // Its tail is not what it was: the last record has rotted, which passes for torn.
    let (records, _) = bench.records(1);
    bench.disk.rot(&format::name(1), records.last().unwrap().0 + 33, 0);
    let recovered = bench.recovered();
    assert_eq!(recovered.last.index, Index(2));
    assert_eq!(bench.recovered().last.index, Index(2), "no record of the spare's former life came back");
}

#[test]
fn what_is_staged_is_not_read_and_what_is_flushed_is() {
    let bench = Bench::filled();
    let mut wal = bench.open().unwrap().0;
    let reader = wal.reader();
    let texts = |from: u64, to: u64| {
        let mut texts = Vec::new();
        let each = &mut |entry: Entry| texts.push(String::from_utf8(entry.bytes.to_vec()).unwrap());
        reader.read(Index(from)..Index(to), usize::MAX, each).map(|()| texts)
    };
    wal.stage(&state(2, None)).unwrap();
    wal.stage(&entries(1, 2, ["B", "C", "D"])).unwrap();
    assert_eq!(texts(1, 4).unwrap(), ["a", "b", "c"], "the cut is not durable either");
    assert!(matches!(texts(4, 5), Err(Error::Gone)));
    wal.flush(Seq(1)).unwrap();
    assert_eq!(texts(1, 5).unwrap(), ["a", "B", "C", "D"]);
}

#[test]
fn a_read_gives_at_least_one_entry_and_stops_at_its_limit() {
    let bench = Bench::new();
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[state(1, None), entries(0, 1, ["one", "two", "three", "four"]), entries(4, 1, ["five"])]);
    let count = |from: u64, bytes_max| {
        let mut count = 0;
        wal.reader().read(Index(from)..Index(6), bytes_max, &mut |_| count += 1).unwrap();
        count
    };
    assert_eq!([count(1, 0), count(1, 3), count(1, 6), count(1, 10), count(1, 11)], [1, 1, 2, 2, 3]);
    assert_eq!([count(4, 4), count(4, 8), count(2, usize::MAX)], [1, 2, 4]);
}

#[test]
fn what_was_released_is_gone_and_the_rest_is_read() {
    let bench = Bench::new();
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[state(1, None)]);
    let last = grow(&bench, &mut wal, 0, 5);
    let marked = last - 2;
    put(&mut wal, &[mark(marked, 1)]);
    wal.release(Index(last + 1)).unwrap();
    assert!(matches!(read(&wal, marked, last + 1), Err(Error::Gone)), "the mark limits what may go");
    assert_eq!(read(&wal, marked + 1, last + 1).unwrap().len(), 2);
    assert!(bench.segments()[0] > 2);
}

#[test]
fn nothing_is_released_beyond_the_last_durable_mark() {
    let bench = Bench::new();
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[state(1, None)]);
    let last = grow(&bench, &mut wal, 0, 3);
    wal.stage(&mark(last, 1)).unwrap();
    wal.release(Index(last + 1)).unwrap();
    assert_eq!(bench.segments(), [1, 2, 3]);
}

#[test]
fn each_flush_costs_one_sync_and_one_without_records_none() {
    let bench = Bench::new();
    let mut wal = bench.open().unwrap().0;
    let before = wal.syncs();
    put(&mut wal, &[state(1, None), entries(0, 1, ["a", "b"])]);
    assert_eq!(wal.syncs(), before + 1);
    wal.idle().unwrap();
    put(&mut wal, &[]);
    assert_eq!(wal.syncs(), before + 1);
}

/// For how many bytes the disk is asked, to read so many entries of so many bytes, a record each, in a log of 3,000 of them
/// at most; what they take of it; and in how many segments they stand.
fn asked(bytes: usize, align: u32, range: Range<u64>, bytes_max: usize) -> [u64; 3] {
    let disk =
        TestDisk { disk: SimulatedDisk::new(7), skip_sync: false, skip_sync_dir: false, asked: AtomicU64::new(0) };
    let (disk, options) = (Arc::new(disk), WalOptions { segment_bytes: 1 << 20, align, seed: 1 });
    let mut wal = Wal::open(Arc::clone(&disk), options, STAMP).unwrap();
    wal.recover(None).unwrap();
    let text = "y".repeat(bytes);
    for after in 0..range.end + 9 {
        wal.stage(&entries(after, 1, [text.as_str()])).unwrap();
        wal.flush(Seq(after + 1)).unwrap();
    }
    let before = disk.asked.load(Ordering::Relaxed);
    let mut came = 0;
    wal.reader().read(Index(range.start)..Index(range.end), bytes_max, &mut |_| came += 1).unwrap();
    let takes = (bytes as u64 + 40).next_multiple_of(u64::from(align));
    let segments = disk.list().unwrap().iter().filter(|name| format::parse(name).is_some()).count();
    [disk.asked.load(Ordering::Relaxed) - before, came * takes, segments as u64]
}

#[test]
fn a_read_asks_the_disk_for_what_is_wanted_and_little_more() {
    for (bytes, align, range) in [
        (400, 512, 1..2),
        (400, 512, 7..9),
        (400, 512, 20..120),
        (400, 512, 1..401),
        (8_000, 4_096, 3..9),
        (20_000, 8, 1..21),
        (3_000, 4_096, 1..150),
    ] {
        let [asked, wanted, segments] = asked(bytes, align, range.clone(), usize::MAX);
        // The last record is as long as the others, and some are met by two windows.
        let more = 4_096 + (1 + wanted / (256 << 10)) * (bytes as u64 + 4_096);
        assert!((wanted..=wanted + more).contains(&asked), "{range:?} of {bytes}: {asked} for {wanted}");
        assert_eq!(segments, 1);
    }
    let [asked, ..] = asked(400, 512, 1..401, 10_000);
    assert!(asked <= 10_000 + 3 * 4_096, "{asked} for 10,000");
}

#[test]
fn a_read_across_segments_asks_little_more_of_each() {
    let [asked, wanted, segments] = asked(8_000, 4_096, 100..140, usize::MAX);
    assert_eq!(segments, 2);
    assert!(asked <= wanted + 2 * 3 * 8_192, "{asked} for {wanted}");
}

#[test]
fn what_is_written_in_the_midst_of_a_read_is_read_or_not_there_and_never_damage() {
    let bench = Bench { align: 512, ..Bench::new() };
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[state(1, None)]);
    (0..4).for_each(|after| put(&mut wal, &[entries(after, 1, ["old"])]));
    let (reader, mut texts) = (wal.reader(), Vec::new());
    let mut each = |entry: Entry| {
        if texts.is_empty() {
            put(&mut wal, &[state(2, None)]);
            put(&mut wal, &[entries(2, 2, ["new"])]);
            (3..6).for_each(|after| put(&mut wal, &[entries(after, 2, ["new"])]));
        }
        texts.push(String::from_utf8(entry.bytes.to_vec()).unwrap());
    };
    reader.read(Index(1)..Index(7), usize::MAX, &mut each).unwrap();
    assert_eq!(texts, ["old", "old", "new", "new", "new", "new"]);
}

#[test]
fn what_is_read_ahead_and_cannot_be_read_fails_nothing() {
    let bench = Bench { align: 512, ..Bench::new() };
    let mut wal = bench.open().unwrap().0;
    put(&mut wal, &[state(1, None)]);
    (0..20).for_each(|after| put(&mut wal, &[entries(after, 1, ["one"])]));
    let (records, end) = bench.records(1);
    // The one that holds the tenth entry, and all behind it.
    let tenth = records.iter().filter(|(_, kind)| *kind == format::Kind::Entries).nth(9).unwrap().0;
    assert!(bench.disk.spoil(&format::name(1), tenth..end));
    assert_eq!(read(&wal, 1, 10).unwrap().len(), 9);
    assert!(matches!(read(&wal, 1, 11), Err(Error::Io(_))));
}
