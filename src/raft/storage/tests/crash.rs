//! Thousands of crashes: nothing acknowledged is lost, nothing is invented, and no crash is taken for damage.

use super::mutants::VoteAside;
use super::sweep;
use super::workload::{SOUND, Setting, Tally, Tended, TestDisk, World};
use crate::raft::storage::Wal;

/// What is left out on purpose.
#[derive(Clone, Copy, Default)]
struct Mutant {
    skip_sync: bool,
    skip_sync_dir: bool,
}

/// Ten thousand crashes, and what they cost; or the first thing that was wrong.
fn crash_test<S: Tended>(mutant: Mutant) -> Result<Tally, String> {
    let Mutant { skip_sync, skip_sync_dir } = mutant;
    let packed = Setting { align: 8, ..SOUND };
    let settings = [
        SOUND,
        packed,
        Setting { align: 512, powersafe: false, ..SOUND },
        Setting { powersafe: false, sector: 4096, ..SOUND },
        Setting { faults: true, ..SOUND },
        Setting { faults: true, ..packed },
    ];
    let mut tally = Tally::default();
    for (nth, setting) in (0..).zip(settings) {
        let setting = Setting { skip_sync, skip_sync_dir, ..setting };
        for seed in nth * 1_000..nth * 1_000 + 85 {
            let mut world = World::new(seed, setting);
            world.run::<S>(20).map_err(|why| format!("seed {seed}, {setting:?}: {why}"))?;
            tally.add(&world.tally);
        }
    }
    for seed in 0..10 {
        let setting = Setting { skip_sync, skip_sync_dir, ..SOUND };
        for procedure in [sweep::ROTATION, sweep::SNAPSHOT, sweep::OPENING] {
            let swept = sweep::sweep::<S>(&procedure, setting, seed);
            tally.add(&swept.map_err(|why| format!("{}, seed {seed}: {why}", procedure.name))?);
        }
    }
    Ok(tally)
}

#[test]
fn ten_thousand_crashes_lose_nothing_acknowledged_and_invent_nothing() {
    let tally = crash_test::<Wal<TestDisk>>(Mutant::default()).unwrap_or_else(|why| panic!("{why}"));
    assert!(10_000 <= tally.crashes, "{tally:?}");
    assert!(2_000 <= tally.lost_bytes, "{tally:?}");
    assert!(500 <= tally.torn, "{tally:?}");
    assert!(300 <= tally.lost_names, "{tally:?}");
    assert!(500 <= tally.kills && 500 <= tally.failed && 50 <= tally.full, "{tally:?}");
}

#[test]
fn a_start_behind_one_that_failed_makes_durable_what_it_goes_on_from() {
    let mut tally = Tally::default();
    for seed in 0..3 {
        for procedure in [sweep::ROTATION, sweep::SNAPSHOT, sweep::OPENING] {
            let swept = sweep::sweep_behind_failures::<Wal<TestDisk>>(&procedure, SOUND, seed);
            tally.add(&swept.unwrap_or_else(|why| panic!("{}, seed {seed}: {why}", procedure.name)));
        }
    }
    assert!(3_000 <= tally.crashes && 1_000 <= tally.lost_names, "{tally:?}");
}

/// The same test, with a mistake in the store, or between it and the disk: says what it found.
fn found<S: Tended>(mutant: Mutant) -> String {
    crash_test::<S>(mutant).expect_err("the mistake went unseen")
}

#[test]
fn a_log_that_does_not_sync_its_files_is_found_out() {
    let why = found::<Wal<TestDisk>>(Mutant { skip_sync: true, ..Mutant::default() });
    assert!(why.contains("a false alarm") || why.contains("recovered"), "{why}");
}

#[test]
fn a_log_that_does_not_sync_its_names_is_found_out() {
    let why = found::<Wal<TestDisk>>(Mutant { skip_sync_dir: true, ..Mutant::default() });
    assert!(why.contains("a false alarm") || why.contains("recovered"), "{why}");
}

#[test]
fn a_vote_outside_the_stream_is_found_out() {
    let why = found::<VoteAside>(Mutant::default());
    assert!(why.contains("recovered"), "a vote without what was staged before it: {why}");
}
