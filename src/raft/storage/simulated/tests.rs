use super::*;

fn written(disk: &SimulatedDisk, name: &str, bytes: &[u8]) -> SimulatedFile {
    let file = disk.open(name, true).unwrap();
    disk.write_at(&file, bytes, 0).unwrap();
    file
}

/// What a crash leaves of a file that was written, and then synced or named durably or not, over many seeds.
fn survivals(sync: bool, sync_dir: bool) -> Vec<Option<Vec<u8>>> {
    let survival = |seed| {
        let disk = SimulatedDisk::new(seed);
        let file = written(&disk, "a", &[7; 2000]);
        if sync {
            disk.sync(&file).unwrap();
        }
        if sync_dir {
            disk.sync_dir().unwrap();
        }
        disk.crash();
        disk.content("a")
    };
    (0..200).map(survival).collect()
}

#[test]
fn what_was_synced_in_a_file_with_a_durable_name_survives() {
    assert!(survivals(true, true).iter().all(|content| content.as_deref() == Some(&[7; 2000][..])));
}

#[test]
fn a_file_is_safe_while_what_a_reader_sees_of_it_would_survive() {
    let disk = SimulatedDisk::new(1);
    assert!(!disk.is_safe("a"), "there is none");
    let file = written(&disk, "a", &[7; 2000]);
    disk.sync(&file).unwrap();
    assert!(!disk.is_safe("a"), "its name is not durable");
    disk.sync_dir().unwrap();
    assert!(disk.is_safe("a"));
    disk.rename("a", "b").unwrap();
    assert!(!disk.is_safe("a") && !disk.is_safe("b"));
    disk.sync_dir().unwrap();
    assert!(disk.is_safe("b"));
    disk.write_at(&file, &[8], 0).unwrap();
    assert!(!disk.is_safe("b"), "it was written to");
    disk.fail(Operation::Sync, 0);
    disk.sync(&file).unwrap_err();
    assert!(!disk.is_safe("b"), "a sync has failed");
}

#[test]
fn what_was_not_synced_survives_whole_in_part_or_not_at_all() {
    let contents: Vec<_> = survivals(false, true).into_iter().map(Option::unwrap).collect();
    let whole = contents.iter().filter(|content| content.as_slice() == [7; 2000]).count();
    let nothing = contents.iter().filter(|content| content.is_empty()).count();
    assert!(20 < whole && 20 < nothing && whole + nothing < 180, "{whole} whole, {nothing} gone");
}

#[test]
fn what_a_crash_is_told_to_spare_it_spares_once() {
    let survives = |spares, seed| {
        let disk = SimulatedDisk::new(seed);
        let file = written(&disk, "a", &[7; 20_000]);
        disk.sync(&file).unwrap();
        disk.sync_dir().unwrap();
        disk.write_at(&file, &[8; 20_000], 0).unwrap();
        written(&disk, "b", &[9; 10]);
        disk.set_spares(spares);
        disk.crash();
        let (old, new) = (disk.content("a").unwrap(), disk.content("b"));
        let file = disk.open("a", false).unwrap();
        disk.write_at(&file, &[9; 20_000], 0).unwrap();
        disk.crash();
        (old, new, disk.content("a").unwrap())
    };
    let mut later = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let (old, new, after) = survives(Spares::Nothing, seed);
        assert_eq!((old, new), (vec![7; 20_000], None));
        later.insert(after);
        assert!(matches!(survives(Spares::All, seed), (old, Some(new), _) if old == [8; 20_000] && new == [9; 10]));
        let (torn, ..) = survives(Spares::Pieces, seed);
        assert!(torn != [7; 20_000] && torn != [8; 20_000]);
    }
    assert!(2 < later.len(), "the crash after it is left to chance");
}

#[test]
fn a_name_that_was_not_synced_may_be_lost() {
    let lost = survivals(true, false).iter().filter(|content| content.is_none()).count();
    assert!((20..180).contains(&lost), "{lost} of 200");
}

#[test]
fn a_failed_sync_loses_what_readers_still_see() {
    let disk = SimulatedDisk::new(3);
    disk.sync_dir().unwrap();
    let file = written(&disk, "a", &[7; 20_000]);
    disk.sync_dir().unwrap();
    disk.fail(Operation::Sync, 0);
    assert!(disk.sync(&file).is_err());
    assert!(disk.sync(&file).is_ok(), "the second sync knows nothing of it");
    assert_eq!(disk.content("a").unwrap(), [7; 20_000]);
    assert_ne!(disk.crash().lost_bytes, 0);
}

#[test]
fn a_disk_that_fails_often_does_so_in_a_row_and_then_no_more() {
    let disk = SimulatedDisk::new(3);
    disk.fail_often(Operation::SyncDir, 1, 2);
    written(&disk, "a", &[7; 10]);
    let came: Vec<bool> = (0..5).map(|_| disk.sync_dir().is_ok()).collect();
    assert_eq!((came, disk.failed(Operation::SyncDir)), (vec![true, false, false, true, true], 2));
}

#[test]
fn a_read_fails_once_and_the_next_one_sees_what_stands_there() {
    let disk = SimulatedDisk::new(3);
    let file = written(&disk, "a", &[7; 10]);
    disk.fail(Operation::Read, 1);
    let mut bytes = [0; 10];
    assert_eq!(disk.read_at(&file, &mut bytes, 0).unwrap(), 10);
    let operations = disk.operations();
    assert_eq!(disk.read_at(&file, &mut bytes, 0).unwrap_err().to_string(), "input/output error");
    assert_eq!(disk.read_at(&file, &mut bytes, 0).unwrap(), 10);
    assert_eq!((disk.failed(Operation::Read), disk.failed(Operation::Sync)), (1, 0));
    assert_eq!(disk.operations(), operations, "it changes nothing, so no fuse counts it");
}

#[test]
fn the_fuse_strikes_each_operation_in_turn_and_then_all_fails() {
    let act = |disk: &SimulatedDisk| -> io::Result<()> {
        let file = disk.open("a", true)?;
        disk.write_at(&file, b"x", 0)?;
        disk.sync(&file)?;
        disk.rename("a", "b")?;
        disk.sync_dir()?;
        disk.remove("b")
    };
    let struck = |after| {
        let disk = SimulatedDisk::new(after);
        disk.set_fuse(Some(after));
        let failed = act(&disk).is_err();
        assert_eq!(failed, disk.list().is_err());
        disk.struck().map(|(operation, _)| operation)
    };
    use Operation::{Create, Remove, Rename, Sync, SyncDir, Write};
    let expected = [Create, Write, Sync, Rename, SyncDir, Remove].map(Some);
    assert_eq!((0..6).map(struck).collect::<Vec<_>>(), expected);
    assert_eq!(struck(6), None);
}

#[test]
fn a_killed_process_leaves_its_writes_and_loses_its_files() {
    let disk = SimulatedDisk::new(1);
    let file = written(&disk, "a", b"written");
    disk.kill();
    assert!(disk.read_at(&file, &mut [0], 0).is_err());
    assert_eq!(disk.content("a").unwrap(), b"written");
}

#[test]
fn a_full_disk_takes_no_more() {
    let disk = SimulatedDisk::new(1);
    disk.set_capacity(10);
    let file = written(&disk, "a", &[1; 10]);
    assert_eq!(disk.write_at(&file, &[2], 10).unwrap_err().kind(), io::ErrorKind::StorageFull);
    disk.write_at(&file, &[3; 10], 0).unwrap();
}

#[test]
fn of_what_finds_no_room_a_part_may_land() {
    let landed = |seed| {
        let disk = SimulatedDisk::new(seed);
        disk.set_capacity(10);
        let file = written(&disk, "a", &[1; 4]);
        assert_eq!(disk.write_at(&file, &[2; 9], 3).unwrap_err().kind(), io::ErrorKind::StorageFull);
        let bytes = disk.content("a").unwrap();
        assert!(bytes.len() <= 10 && bytes[..3] == [1; 3] && bytes[4..].iter().all(|&byte| byte == 2), "{bytes:?}");
        bytes.iter().filter(|&&byte| byte == 2).count()
    };
    let all: std::collections::BTreeSet<usize> = (0..200).map(landed).collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), (0..=7).collect::<Vec<_>>());
}

#[test]
fn without_powersafe_overwrite_a_torn_write_spoils_its_neighbours() {
    let spoilt = |powersafe, sector, neighbour: std::ops::Range<usize>| {
        let spoils = |seed| {
            let disk = SimulatedDisk::new(seed);
            disk.set_powersafe(powersafe);
            disk.set_sector(sector);
            let file = written(&disk, "a", &[7; 8192]);
            disk.sync(&file).unwrap();
            disk.sync_dir().unwrap();
            disk.write_at(&file, &[8; 10], 612).unwrap();
            disk.crash();
            disk.content("a").unwrap()[neighbour.clone()].iter().any(|&byte| byte != 7)
        };
        (0..200).filter(|&seed| spoils(seed)).count()
    };
    assert_eq!(spoilt(true, 512, 512..612) + spoilt(true, 4096, 512..612), 0);
    assert!(5 < spoilt(false, 512, 512..612) && 5 < spoilt(false, 4096, 512..612));
    assert_eq!(spoilt(false, 512, 0..512) + spoilt(false, 4096, 4096..8192), 0, "beyond its sector it spoils nothing");
    assert!(5 < spoilt(false, 4096, 0..512), "which may be large");
}

#[test]
fn a_sector_that_rots_is_zeros_or_what_it_was_before_it_was_changed_last() {
    let disk = SimulatedDisk::new(1);
    let file = written(&disk, "a", &[7; 1_000]);
    disk.sync(&file).unwrap();
    disk.write_at(&file, &[8; 5_000], 500).unwrap();
    disk.sync(&file).unwrap();
    disk.sync_dir().unwrap();
    let before = disk.content("a").unwrap();
    let changed = |rot: &dyn Fn(&SimulatedDisk) -> bool| {
        let disk = disk.copy(2);
        let changes = rot(&disk);
        let seen = disk.content("a").unwrap();
        disk.crash();
        assert_eq!(disk.content("a").unwrap(), seen, "the disk and the cache");
        let at: Vec<usize> = (0..seen.len()).filter(|&at| seen[at] != before[at]).collect();
        assert_eq!((changes, seen.len()), (!at.is_empty(), before.len()));
        at.first().zip(at.last()).map(|(&first, &last)| (first..last + 1, seen[first]))
    };
    assert_eq!(changed(&|disk| disk.zero("a", 600)), Some((512..1_024, 0)));
    assert_eq!(changed(&|disk| disk.zero("a", 5_400)), Some((5_120..5_500, 0)), "no longer than the file");
    assert_eq!(changed(&|disk| disk.zero("a", 5_900)), None);
    assert_eq!(changed(&|disk| disk.zero("b", 0)), None);
    assert_eq!(changed(&|disk| disk.revert("a", 0)), Some((500..512, 7)));
    assert_eq!(changed(&|disk| disk.revert("a", 513)), Some((512..1_024, 7)), "and zeros behind what was the end");
    assert_eq!(changed(&|disk| disk.revert("a", 3_000)), Some((500..512, 7)), "there is none behind it");
    let file = written(&disk, "c", &[9; 100]);
    disk.sync(&file).unwrap();
    assert!(disk.revert("c", 50) && disk.content("c").unwrap() == [0; 100], "nothing stood there before");
}

#[test]
fn what_rots_in_the_cache_alone_is_rotten_until_power_fails() {
    let rots: [fn(&SimulatedDisk) -> bool; 3] =
        [|disk| disk.rot("a", 50, 1), |disk| disk.zero("a", 50), |disk| disk.revert("a", 50)];
    for rot in rots {
        let disk = SimulatedDisk::new(1);
        let file = written(&disk, "a", &[7; 100]);
        disk.sync_dir().unwrap();
        assert!(!disk.is_rotten() && rot(&disk) && disk.is_rotten(), "nothing of it is on the disk");
        assert_ne!(disk.content("a").unwrap(), [7; 100]);
        // What is synced is what was written.
        disk.sync(&file).unwrap();
        disk.kill();
        assert!(disk.is_rotten() && disk.content("a").unwrap() != [7; 100], "a process reads the same cache");
        disk.crash();
        assert!(!disk.is_rotten() && disk.content("a").unwrap() == [7; 100]);
        assert!(rot(&disk) && disk.is_rotten(), "now it is on the disk");
        disk.crash();
        assert!(disk.is_rotten() && disk.content("a").unwrap() != [7; 100], "and stays there");
    }
}

#[test]
fn what_nobody_can_read_fails_for_good_and_all_else_is_read() {
    let disk = SimulatedDisk::new(1);
    let file = written(&disk, "a", &[7; 1_000]);
    assert!(disk.spoil("a", 300..400) && !disk.spoil("a", 1_000..1_001) && !disk.spoil("b", 0..1));
    let read = |at, len: usize| disk.read_at(&file, &mut vec![0; len], at).map_err(|error| error.to_string());
    let fails = || Err("input/output error".to_owned());
    assert_eq!((read(0, 300), read(0, 301), read(400, 700)), (Ok(300), Ok(300), Ok(600)));
    assert_eq!((read(300, 1), read(399, 9), read(350, 0)), (fails(), fails(), Ok(0)));
    assert_eq!(read(399, 9), fails(), "for good");
    assert_eq!((disk.unread(), disk.failed(Operation::Read)), (3, 0));
    disk.rename("a", "b").unwrap();
    let file = disk.open("b", false).unwrap();
    assert!(disk.read_at(&file, &mut [0], 350).is_err(), "whatever its name");
}

#[test]
fn a_rename_that_is_lost_is_told_apart() {
    let lost = |seed| {
        let disk = SimulatedDisk::new(seed);
        written(&disk, "a", b"x");
        disk.sync_dir().unwrap();
        disk.rename("a", "b").unwrap();
        written(&disk, "c", b"x");
        let crash = disk.crash();
        assert_eq!(crash.lost_renames, u64::from(disk.content("b").is_none()));
        (crash.lost_names, crash.lost_renames)
    };
    let all: std::collections::BTreeSet<_> = (0..100).map(lost).collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [(0, 0), (1, 0), (1, 1), (2, 1)]);
}

#[test]
fn a_removed_file_is_read_by_those_who_have_it_open() {
    let disk = SimulatedDisk::new(1);
    let file = written(&disk, "a", b"held");
    disk.remove("a").unwrap();
    disk.sync_dir().unwrap();
    let mut bytes = [0; 4];
    assert_eq!(disk.read_at(&file, &mut bytes, 0).unwrap(), 4);
    assert_eq!(&bytes, b"held");
}

#[test]
fn every_byte_that_was_written_is_durable_lost_or_pending() {
    let mut seen = Ledger::default();
    for seed in 0..200 {
        let disk = SimulatedDisk::new(seed);
        disk.set_powersafe(seed % 2 == 0);
        let file = written(&disk, "a", &[7; 5_000]);
        disk.sync(&file).unwrap();
        disk.sync_dir().unwrap();
        disk.write_at(&file, &[8; 3_000], 100).unwrap();
        disk.fail(Operation::Sync, 0);
        disk.sync(&file).expect_err("it fails");
        disk.write_at(&file, &[9; 3_000], 900).unwrap();
        let gone = written(&disk, "b", &[1; 700]);
        disk.remove("b").unwrap();
        drop(gone);
        let before = disk.ledger();
        assert!(before.balances() && before.written == 11_700 && 3_000 <= before.pending, "{before:?}");
        disk.crash();
        let after = disk.ledger();
        assert!(after.balances() && after.pending == 0 && 5_000 <= after.durable, "{after:?}");
        seen = seen.plus(after);
    }
    assert!(!Ledger { lost: seen.lost + 1, ..seen }.balances(), "a byte that is lost twice is seen");
    assert!(300_000 < seen.lost && 1_200_000 < seen.durable, "{seen:?}");
}

#[test]
fn what_is_used_is_what_all_files_that_have_a_name_hold() {
    for seed in 0..60 {
        let (disk, mut draws, mut held) = (SimulatedDisk::new(seed), Draws::new(seed), Vec::new());
        disk.set_capacity(20_000);
        for _ in 0..80 {
            let mut name = || ["a", "b", "c", "d"][draws.below(4) as usize];
            let (one, other) = (name(), name());
            // What fails for want of room, of a file or of power is no less an operation.
            match draws.below(10) {
                0 => _ = disk.rename(one, other),
                1 => _ = disk.remove(one),
                2 => _ = disk.sync_dir(),
                3 if draws.chance(1, 4) => disk.forget(one),
                4 if draws.chance(1, 4) => {
                    disk.set_fuse(draws.chance(1, 2).then_some(1));
                    held.clear();
                    disk.crash();
                }
                _ => {
                    let file = disk.open(one, true).unwrap();
                    let (len, at) = (draws.below(3_000) as usize, draws.below(4_000));
                    _ = if draws.chance(1, 2) {
                        disk.write_at(&file, &vec![1; len], at)
                    } else {
                        disk.zero_at(&file, len, at)
                    };
                    if draws.chance(1, 2) {
                        _ = disk.sync(&file);
                    }
                    held.push(file);
                }
            }
            let names = ["a", "b", "c", "d"].iter();
            let all: usize = names.filter_map(|name| disk.content(name)).map(|content| content.len()).sum();
            assert_eq!(disk.used(), all as u64, "seed {seed}");
        }
    }
}
