//! The file system itself.

use super::bench::{entries, put, read, state};
use super::suites::Scratch;
use super::workload::STAMP;
use crate::raft::storage::{Disk, Error, RealDisk, Storage, Wal, WalOptions};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn wal(disk: RealDisk) -> Wal<RealDisk> {
    let options = WalOptions { segment_bytes: 128 << 10, ..WalOptions::new(1) };
    Wal::open(Arc::new(disk), options, STAMP).unwrap()
}

#[test]
fn a_directory_is_made_with_those_above_it_and_is_locked_while_it_is_open() {
    let scratch = Scratch::new("locked");
    let path = scratch.0.join("a/b/c");
    let disk = RealDisk::open(&path).unwrap();
    assert!(path.is_dir());
    assert!(matches!(RealDisk::open(&path), Err(Error::Locked)));
    drop(disk);
    assert!(RealDisk::open(&path).is_ok());
}

/// As a child does that is just being started.
#[test]
fn a_disk_that_is_dropped_is_locked_no_more_though_a_copy_of_the_lock_is_open() {
    let scratch = Scratch::new("copied");
    let disk = RealDisk::open(&scratch.0).unwrap();
    let copy = disk.lock.try_clone().unwrap();
    drop(disk);
    assert!(RealDisk::open(&scratch.0).is_ok());
    drop(copy);
}

#[test]
fn a_file_where_the_directory_should_be_is_an_error_and_not_a_panic() {
    let scratch = Scratch::new("file");
    fs::write(&scratch.0, b"not a directory").unwrap();
    assert!(matches!(RealDisk::open(&scratch.0), Err(Error::Io(_))));
    fs::remove_file(&scratch.0).unwrap();
}

#[test]
fn the_disk_does_what_its_calls_say() {
    let scratch = Scratch::new("calls");
    let disk = RealDisk::open(&scratch.0).unwrap();
    assert!(disk.open("a", false).is_err());
    let file = disk.open("a", true).unwrap();
    disk.write_at(&file, b"behind a hole", 10).unwrap();
    assert_eq!(disk.len(&file).unwrap(), 23);
    let mut bytes = [1; 30];
    assert_eq!(disk.read_at(&file, &mut bytes, 8).unwrap(), 15);
    assert_eq!(&bytes[..15], b"\0\0behind a hole");
    disk.sync(&file).unwrap();
    let again = disk.open("a", true).unwrap();
    assert_eq!(disk.len(&again).unwrap(), 23, "opening cuts nothing");
    disk.rename("a", "b").unwrap();
    disk.sync_dir().unwrap();
    let mut names = disk.list().unwrap();
    names.sort();
    assert_eq!(names, ["LOCK", "b"]);
    disk.remove("b").unwrap();
    assert_eq!(disk.list().unwrap(), ["LOCK"]);
}

#[test]
fn a_log_in_a_directory_goes_on_where_it_was() {
    let scratch = Scratch::new("goes-on");
    for life in 0..3u64 {
        let mut wal = wal(RealDisk::open(&scratch.0).unwrap());
        let recovered = wal.recover(None).unwrap();
        assert_eq!(recovered.last.index.0, life * 3);
        put(&mut wal, &[state(life + 1, Some(0)), entries(life * 3, life + 1, ["a", "b", "c"])]);
        assert_eq!(read(&wal, 1, life * 3 + 4).unwrap().len() as u64, life * 3 + 3);
    }
    let mut names: Vec<String> =
        fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let logs = [1, 2, 3].map(|seq| format!("{seq:016x}.log"));
    assert_eq!(names, [&logs[..], &["LOCK".to_string()]].concat());
}

/// Where it will be, once it is made, whatever links lead there.
fn real(scratch: &Scratch) -> PathBuf {
    let (above, name) = (scratch.0.parent().unwrap(), scratch.0.file_name().unwrap());
    fs::canonicalize(above).unwrap().join(name)
}

/// Which directories a start syncs, from the innermost on; it fails at this one.
fn synced(path: &Path, failing: Option<&Path>) -> (bool, Vec<PathBuf>) {
    let mut synced = Vec::new();
    let opened = RealDisk::open_with(path, &mut |directory| {
        synced.push(directory.to_path_buf());
        if failing == Some(directory) { Err(ErrorKind::Other.into()) } else { Ok(()) }
    });
    (opened.is_ok(), synced)
}

/// It may be that the start which has made them has failed, or was killed, before their names were durable.
#[test]
fn a_directory_that_was_made_and_never_opened_is_named_durably_before_it_is_used() {
    let scratch = Scratch::new("named");
    let root = real(&scratch);
    let path = root.join("a/b");
    let above: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_path_buf).collect();
    assert_eq!(synced(&path, Some(&above[1])), (false, above[..2].to_vec()));
    assert!(!root.exists(), "all is made again by the next");
    fs::create_dir_all(&path).unwrap();
    assert_eq!(synced(&path, Some(&above[1])), (false, above[..2].to_vec()), "nobody knows who made it");
    assert_eq!(synced(&path, None), (true, above), "all of them again");
    assert_eq!(synced(&path, None), (true, Vec::new()), "it was opened before");
}

/// Their owners have made what stands in them.
#[test]
fn a_directory_above_that_is_not_to_be_synced_is_passed_over_if_nothing_is_made_in_it() {
    use ErrorKind::{InvalidInput, Other, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    for (kind, passes) in [
        (PermissionDenied, true),
        (InvalidInput, true),
        (Unsupported, true),
        (ReadOnlyFilesystem, true),
        (Other, false),
    ] {
        let scratch = Scratch::new("unread");
        let root = real(&scratch);
        let path = root.join("a");
        let mut refuses = |directory: &Path| if directory == root { Err(kind.into()) } else { Ok(()) };
        for _ in 0..2 {
            assert!(RealDisk::open_with(&path, &mut refuses).is_err(), "{kind}: made in it, and perhaps not for good");
        }
        fs::create_dir_all(&path).unwrap();
        assert_eq!(RealDisk::open_with(&path, &mut refuses).is_ok(), passes, "{kind}");
    }
}

#[cfg(unix)]
#[test]
fn of_a_link_the_names_above_where_it_leads_are_synced() {
    let scratch = Scratch::new("link");
    let root = real(&scratch);
    let (path, link) = (root.join("a/b"), root.join("link"));
    fs::create_dir_all(&path).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let (is_open, synced) = synced(&link, None);
    assert!(is_open && synced.contains(&root.join("a")), "{synced:?}");
}
