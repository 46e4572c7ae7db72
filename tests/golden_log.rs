//! The log's format, held to bytes that are written down: by the crate, and by a second encoder that shares no line
//! with it.

use bytes::Bytes;
use rsm::raft::consensus::Record;
use rsm::raft::storage::{Disk, SimulatedDisk, Snapshots, Stamp, Storage, Wal, WalOptions};
use rsm::raft::{ClusterId, Entry, EntryKind, Incarnation, Index, LogId, NodeId, Recovered, Seq, Term};
use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;

const ONE: &str = "0000000000000001.log";
const TWO: &str = "0000000000000002.log";
const SNAPSHOT: &str = "snap-0000000000000009-0000000000000007";
const AT: LogId = LogId { term: Term(7), index: Index(9) };
const OPTIONS: WalOptions = WalOptions { segment_bytes: 128 << 10, align: 8, seed: 7 };

fn stamp() -> Stamp {
    let cluster = ClusterId(0x1122_3344_5566_7788);
    Stamp { cluster, node: NodeId(3), members: 0xa430_d846_80aa_bd0b, addresses: 0x9abc_def0 }
}

fn open(disk: &Arc<SimulatedDisk>, align: u32) -> (Wal<SimulatedDisk>, Recovered) {
    let newest = Snapshots::new(Arc::clone(disk), stamp().cluster).unwrap().newest().unwrap();
    let mut wal = Wal::open(Arc::clone(disk), WalOptions { align, ..OPTIONS }, stamp()).unwrap();
    let recovered = wal.recover(newest).unwrap();
    (wal, recovered)
}

fn take(disk: &Arc<SimulatedDisk>) {
    let snapshots = Snapshots::new(Arc::clone(disk), stamp().cluster).unwrap();
    let mut taking = snapshots.take(AT, Bytes::from_static(b"members")).unwrap();
    taking.write_all(b"the state, as the machine writes it").unwrap();
    taking.finish().unwrap();
}

/// Every kind of record there is, in flushes of one and of several, with an anchor after one of them.
fn first_segment(wal: &mut Wal<SimulatedDisk>) {
    let entry = |term, kind, bytes: &[u8]| Entry::new(Term(term), kind, Bytes::copy_from_slice(bytes));
    let counting: Vec<u8> = (0..70).collect();
    let entries = |after, entries: &[Entry]| Record::Entries { after: Index(after), entries: entries.to_vec().into() };
    let bind = Record::Bind { node: NodeId(2), incarnation: Incarnation(0xb1b2_b3b4_b5b6_b7b8) };
    let put = |wal: &mut Wal<SimulatedDisk>, records: &[Record]| {
        records.iter().for_each(|record| wal.stage(record).unwrap());
        wal.flush(Seq(wal.durable().unwrap().0 + 1)).unwrap();
    };
    put(wal, &[bind, Record::Born, Record::State { term: Term(5), vote: Some(NodeId(0)) }]);
    wal.idle().unwrap();
    let four = [
        entry(5, EntryKind::Blank, b""),
        entry(5, EntryKind::Command, b"set x 1"),
        entry(5, EntryKind::Command, &counting),
        entry(5, EntryKind::Membership, b"members"),
    ];
    put(wal, &[entries(0, &four)]);
    wal.commit(Index(2));
    let two = [entry(6, EntryKind::Command, b"in its place"), entry(7, EntryKind::Blank, b"")];
    put(wal, &[Record::State { term: Term(7), vote: None }, entries(3, &two)]);
    put(wal, &[Record::Mark { at: LogId::new(5, 3) }]);
    put(wal, &[Record::Mark { at: AT }]);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("two hexadecimal digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

fn text() -> String {
    let path = format!("{}/tests/golden/log.txt", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("tests/golden/log.txt")
}

fn vector(name: &str) -> Vec<u8> {
    let text = text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    unhex(line.expect(name))
}

/// A file is its vector, and zeros.
fn assert_is(disk: &SimulatedDisk, file: &str, name: &str) {
    let (content, golden) = (disk.content(file).unwrap(), vector(name));
    assert_eq!(hex(&content[..golden.len()]), hex(&golden), "{name}");
    assert!(content[golden.len()..].iter().all(|&byte| byte == 0), "nothing stands behind {name}");
}

#[test]
fn a_log_and_a_snapshot_are_written_as_their_golden_vectors() {
    let disk = Arc::new(SimulatedDisk::new(1));
    let (mut wal, _) = open(&disk, 8);
    first_segment(&mut wal);
    assert_is(&disk, ONE, "segment_1");
    take(&disk);
    assert_is(&disk, SNAPSHOT, "snapshot");
    drop(wal);
    let seal = vector("segment_1_sealed").len();
    open(&disk, 512);
    // What was copied is not wiped out: behind the seal stands what the torn end of a log may hold.
    assert_eq!(hex(&disk.content(ONE).unwrap()[..seal]), hex(&vector("segment_1_sealed")));
    assert_is(&disk, TWO, "segment_2");
}

/// The bytes alone, on a disk that has never seen this log.
fn disk_of(files: &[(&str, &str)]) -> Arc<SimulatedDisk> {
    let disk = SimulatedDisk::new(1);
    for (file, name) in files {
        let opened = disk.open(file, true).unwrap();
        let mut bytes = vector(name);
        if file.ends_with(".log") {
            bytes.resize(128 << 10, 0);
        }
        disk.write_at(&opened, &bytes, 0).unwrap();
    }
    Arc::new(disk)
}

#[test]
fn the_golden_vectors_are_read_as_what_was_written() {
    let told = [
        disk_of(&[(ONE, "segment_1"), (SNAPSHOT, "snapshot")]),
        disk_of(&[(ONE, "segment_1_sealed"), (TWO, "segment_2"), (SNAPSHOT, "snapshot")]),
    ];
    for disk in told {
        let (_, recovered) = open(&disk, 8);
        let bindings = [(NodeId(2), Incarnation(0xb1b2_b3b4_b5b6_b7b8))];
        assert_eq!((recovered.born, recovered.bindings), (true, bindings.into()));
        assert_eq!((recovered.term, recovered.vote), (Term(7), None));
        assert_eq!((recovered.snapshot, recovered.base, recovered.last, recovered.commit), (AT, AT, AT, Index(9)));
        assert_eq!(recovered.membership, [(Index(9), Bytes::from_static(b"members"))]);
        let snapshots = Snapshots::new(disk, stamp().cluster).unwrap();
        let mut state = String::new();
        snapshots.open(AT).unwrap().state().read_to_string(&mut state).unwrap();
        assert_eq!(state, "the state, as the machine writes it");
    }
}

#[test]
fn a_second_encoder_in_another_language_makes_the_same_log() {
    let script = format!("{}/tests/golden/log.py", env!("CARGO_MANIFEST_DIR"));
    let run = Command::new("python3").args(["-B", &script]).output();
    let run = run.unwrap_or_else(|why| panic!("the second encoder needs python3 on the path, 3.10 or newer: {why}"));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(String::from_utf8(run.stdout).expect("hexadecimal digits"), text());
}
