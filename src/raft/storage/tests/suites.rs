//! Our own stores pass the suite that others' must pass.

use super::bench::Bench;
use super::workload::STAMP;
use crate::raft::Incarnation;
use crate::raft::storage::{Memory, RealDisk, Wal, WalOptions, conformance};
use std::path::PathBuf;
use std::sync::Arc;

#[test]
fn the_memory_store_conforms() {
    conformance::run(|| {
        let kept = Memory::new(Incarnation(7));
        move || kept.reopen()
    });
}

#[test]
fn the_log_conforms_on_a_simulated_disk() {
    for align in [8, 4096] {
        conformance::run(|| {
            let bench = Bench { align, ..Bench::new() };
            move || bench.wal()
        });
    }
}

#[test]
fn the_log_conforms_where_the_power_fails() {
    let options = WalOptions { segment_bytes: 128 << 10, ..WalOptions::new(1) };
    conformance::run_on_disk(20, |disk| Wal::open(disk, options, STAMP).unwrap());
}

/// A directory of the file system that goes when it is dropped.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("rsm-storage-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_log_conforms_in_a_directory_of_the_file_system() {
    let scratch = Scratch::new("conforms");
    let mut places = 0;
    conformance::run(|| {
        places += 1;
        let path = scratch.0.join(places.to_string());
        move || {
            let options = WalOptions { segment_bytes: 128 << 10, ..WalOptions::new(1) };
            Wal::open(Arc::new(RealDisk::open(&path).unwrap()), options, STAMP).unwrap()
        }
    });
}
