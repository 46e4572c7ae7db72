//! One bit flips in what was acknowledged: it is found out, or it has changed nothing.

use super::bench::{Bench, entries, mark, put, state};
use crate::mix::Draws;
use crate::raft::storage::{Error, Reader, SimulatedDisk, Storage, Wal, format};
use crate::raft::{Entry, Recovered};

/// A log of a few segments, flushed in pieces; with an anchor at its end, or without.
fn log(seed: u64, anchor: bool) -> (Bench, Recovered, Vec<Entry>) {
    let mut draws = Draws::new(seed);
    let bench = Bench { align: [8, 512, 4096][draws.below(3) as usize], ..Bench::new() };
    let mut last = 0;
    for life in 1..=1 + draws.below(3) {
        let mut wal = bench.open().unwrap().0;
        put(&mut wal, &[state(life, Some(0))]);
        for _ in 0..1 + draws.below(6) {
            let text = "x".repeat(1 + draws.below(200) as usize);
            put(&mut wal, &[entries(last, life, [text.as_str()])]);
            last += 1;
        }
        if anchor {
            wal.idle().unwrap();
        }
    }
    let (wal, told) = bench.copy().open().unwrap();
    let entries = all(&wal, &told).unwrap();
    (bench, told, entries)
}

fn all(wal: &Wal<SimulatedDisk>, told: &Recovered) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    wal.reader().read(told.base.index.next()..told.last.index.next(), usize::MAX, &mut |entry| entries.push(entry))?;
    Ok(entries)
}

#[derive(Debug, Default, PartialEq)]
struct Verdicts {
    detected: u32,
    harmless: u32,
    silent: u32,
}

fn flips(seeds: u64, anchor: bool) -> Verdicts {
    let mut verdicts = Verdicts::default();
    for seed in 0..seeds {
        let (whole, told, entries) = log(seed, anchor);
        let mut draws = Draws::new(!seed);
        for _ in 0..10 {
            let bench = whole.copy();
            let segments = bench.segments();
            let seq = segments[draws.below(segments.len() as u64) as usize];
            // Mostly where something stands; an anchor is not synced, and not meant.
            let end = bench.records(seq).1 - if anchor { 32 } else { 0 };
            bench.disk.rot(&format::name(seq), draws.below(end), draws.below(8) as u8);
            match bench.open() {
                Err(Error::Corrupt(_) | Error::Version(_)) => verdicts.detected += 1,
                Err(error) => panic!("seed {seed}: {error}"),
                Ok((wal, again)) => match all(&wal, &again) {
                    Ok(read) if again == told && read == entries => verdicts.harmless += 1,
                    _ => verdicts.silent += 1,
                },
            }
        }
    }
    verdicts
}

#[test]
fn no_flipped_bit_of_what_is_testified_to_goes_unseen() {
    let verdicts = flips(200, true);
    assert_eq!(verdicts.silent, 0, "{verdicts:?}");
    assert!(1_000 < verdicts.detected, "{verdicts:?}");
}

#[test]
fn without_an_anchor_rot_in_the_last_flush_passes_for_a_torn_write() {
    let verdicts = flips(200, false);
    assert_ne!(verdicts.silent, 0, "the test above would see nothing: {verdicts:?}");
}

#[test]
fn no_flipped_bit_of_what_a_recovery_has_copied_goes_unseen() {
    let (whole, told, _) = log(5, false);
    whole.open().unwrap();
    let seq = *whole.segments().last().unwrap();
    let end = whole.head(seq).whole;
    for bit in (0..end * 8).step_by(37) {
        let bench = whole.copy();
        bench.disk.rot(&format::name(seq), bit / 8, (bit % 8) as u8);
        match bench.open() {
            Err(Error::Corrupt(_) | Error::Version(_)) => {}
            Err(error) => panic!("bit {bit}: {error}"),
            Ok((_, again)) => assert_eq!(again, told, "bit {bit}"),
        }
    }
}

#[test]
fn a_reader_tells_rot_that_came_after_the_log_was_opened() {
    let bench = Bench::filled();
    let (wal, told) = bench.open().unwrap();
    let (at, _) = bench.records(1).0[3];
    bench.disk.rot(&format::name(1), at + 34, 0);
    match all(&wal, &told) {
        Err(Error::Corrupt(damage)) => assert_eq!((damage.file, damage.at), (format::name(1), at)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mark_that_rots_is_found_out() {
    let bench = Bench::filled();
    bench.take(3, 1);
    let mut wal = bench.open_with(None).unwrap().0;
    put(&mut wal, &[mark(3, 1)]);
    wal.idle().unwrap();
    let seq = *bench.segments().last().unwrap();
    let (records, _) = bench.records(seq);
    let (at, _) = records[records.len() - 2];
    bench.disk.rot(&format::name(seq), at + 16, 0);
    assert_eq!(bench.damage().at, at);
}

#[test]
fn what_cannot_be_read_is_told_as_such_or_was_not_wanted() {
    let (mut failed, mut sound) = (0, 0);
    for (seed, anchor) in (0..6).flat_map(|seed| [(seed, false), (seed, true)]) {
        let (whole, told, entries) = log(seed, anchor);
        let segments = whole.segments();
        let places = segments
            .into_iter()
            .flat_map(|seq| (0..whole.records(seq).1 + 2_048).step_by(512).map(move |at| (seq, at)));
        for (seq, at) in places {
            let bench = whole.copy();
            assert!(bench.disk.spoil(&format::name(seq), at..at + 512));
            let read = bench.open().and_then(|(wal, again)| {
                assert_eq!(again, told, "seed {seed}: {at} of {seq}");
                all(&wal, &again)
            });
            match read {
                Ok(read) => assert_eq!(read, entries, "seed {seed}: {at} of {seq}"),
                Err(Error::Io(_)) => failed += 1,
                Err(error) => panic!("seed {seed}, {at} of {seq}: {error}"),
            }
            sound += u32::from(bench.disk.unread() == 0);
        }
    }
    assert!(100 <= failed && 10 <= sound, "{failed} failed, {sound} met none");
}
