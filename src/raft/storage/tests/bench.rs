//! A log on a simulated disk, to be tampered with.

use super::workload::STAMP;
use crate::raft::consensus::Record;
use crate::raft::storage::format::{self, Kind, SEGMENT_HEAD, SegmentHead};
use crate::raft::storage::scan::Window;
use crate::raft::storage::segment::put_record;
use crate::raft::storage::{Disk, Error, Reader, SimulatedDisk, Snapshot, Snapshots, Stamp, Storage, Wal, WalOptions};
use crate::raft::{Damage, Entry, EntryKind, Index, LogId, NodeId, Recovered, Term};
use bytes::Bytes;
use std::io::Write;
use std::sync::Arc;

/// One directory and who opens it.
#[derive(Clone)]
pub(super) struct Bench {
    pub(super) disk: Arc<SimulatedDisk>,
    pub(super) stamp: Stamp,
    pub(super) align: u32,
    pub(super) seed: u64,
}

pub(super) fn entry(term: u64, text: &str) -> Entry {
    Entry::new(Term(term), EntryKind::Command, Bytes::copy_from_slice(text.as_bytes()))
}

pub(super) fn entries<'a>(after: u64, term: u64, texts: impl IntoIterator<Item = &'a str>) -> Record {
    let entries = texts.into_iter().map(|text| entry(term, text)).collect();
    Record::Entries { after: Index(after), entries }
}

pub(super) fn state(term: u64, vote: Option<u64>) -> Record {
    Record::State { term: Term(term), vote: vote.map(NodeId) }
}

pub(super) fn mark(index: u64, term: u64) -> Record {
    Record::Mark { at: LogId::new(term, index) }
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench { disk: Arc::new(SimulatedDisk::new(7)), stamp: STAMP, align: 8, seed: 1 }
    }

    /// A peer with three entries of term 1, which has voted for node 0; each record flushed by itself.
    pub(super) fn filled() -> Bench {
        let bench = Bench::new();
        let mut wal = bench.open().unwrap().0;
        for record in
            [Record::Born, state(1, Some(0)), entries(0, 1, ["a"]), entries(1, 1, ["b"]), entries(2, 1, ["c"])]
        {
            put(&mut wal, &[record]);
        }
        bench
    }

    /// The same bytes on another disk.
    pub(super) fn copy(&self) -> Bench {
        Bench { disk: Arc::new(self.disk.copy(3)), ..self.clone() }
    }

    pub(super) fn wal(&self) -> Wal<SimulatedDisk> {
        let options = WalOptions { segment_bytes: 128 << 10, align: self.align, seed: self.seed };
        Wal::open(Arc::clone(&self.disk), options, self.stamp).unwrap()
    }

    pub(super) fn snapshots(&self) -> Result<Snapshots<SimulatedDisk>, Error> {
        Snapshots::new(Arc::clone(&self.disk), self.stamp.cluster)
    }

    /// As a peer starts: the newest whole snapshot, then the log.
    pub(super) fn open(&self) -> Result<(Wal<SimulatedDisk>, Recovered), Error> {
        let newest = self.snapshots()?.newest()?;
        self.open_with(newest)
    }

    pub(super) fn open_with(&self, newest: Option<Snapshot>) -> Result<(Wal<SimulatedDisk>, Recovered), Error> {
        let mut wal = self.wal();
        let recovered = wal.recover(newest)?;
        Ok((wal, recovered))
    }

    pub(super) fn recovered(&self) -> Recovered {
        self.open().map(|(_, recovered)| recovered).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Opening says that something is damaged.
    pub(super) fn damage(&self) -> Damage {
        match self.open() {
            Err(Error::Corrupt(damage)) => damage,
            Err(error) => panic!("not damage: {error}"),
            Ok((_, recovered)) => panic!("opened: {recovered:?}"),
        }
    }

    pub(super) fn take(&self, index: u64, term: u64) {
        let mut taking =
            self.snapshots().unwrap().take(LogId::new(term, index), Bytes::from_static(b"members")).unwrap();
        taking.write_all(b"state").unwrap();
        taking.finish().unwrap();
    }

    pub(super) fn write(&self, name: &str, at: u64, bytes: &[u8]) {
        let file = self.disk.open(name, true).unwrap();
        self.disk.write_at(&file, bytes, at).unwrap();
        self.disk.sync(&file).unwrap();
        self.disk.sync_dir().unwrap();
    }

    /// All files and what is in them.
    pub(super) fn content(&self) -> Vec<(String, Vec<u8>)> {
        let names = self.disk.list().unwrap();
        names.into_iter().map(|name| (name.clone(), self.disk.content(&name).unwrap())).collect()
    }

    pub(super) fn segments(&self) -> Vec<u64> {
        self.disk.list().unwrap().iter().filter_map(|name| format::parse(name)).collect()
    }

    pub(super) fn head(&self, seq: u64) -> SegmentHead {
        let content = self.disk.content(&format::name(seq)).unwrap();
        SegmentHead::decode(content[..SEGMENT_HEAD].try_into().unwrap()).unwrap()
    }

    /// Rewrites the head of a segment, its checksum made anew.
    pub(super) fn behead(&self, seq: u64, change: impl FnOnce(&mut SegmentHead)) {
        let mut head = self.head(seq);
        change(&mut head);
        self.write(&format::name(seq), 0, &head.encode());
    }

    /// Where each record of a segment is, and what kind; and where they end.
    pub(super) fn records(&self, seq: u64) -> (Vec<(u64, Kind)>, u64) {
        let head = self.head(seq);
        let file = self.disk.open(&format::name(seq), false).unwrap();
        let mut window = Window::new(&*self.disk, &file, head.nonce, self.disk.len(&file).unwrap());
        let (mut found, mut at) = (Vec::new(), head.first_record());
        while let Some(record) = window.head(at).unwrap() {
            found.push((at, record.kind));
            at += record.record_len();
        }
        (found, at)
    }

    /// Writes a record that is right in form behind the last one of the newest segment.
    pub(super) fn forge(&self, kind: Kind, index: u64, term: u64, body: &[u8]) {
        let seq = *self.segments().last().unwrap();
        let (_, at) = self.records(seq);
        self.forge_at(seq, at, kind, index, term, body);
    }

    pub(super) fn forge_at(&self, seq: u64, at: u64, kind: Kind, index: u64, term: u64, body: &[u8]) {
        let head = self.head(seq);
        let mut out = Vec::new();
        let what = (kind, Index(index), Term(term));
        put_record(&mut out, head.nonce, at, head.first_record(), what, |out| out.extend(body));
        self.write(&format::name(seq), at, &out);
    }

    /// Opens until the log has so many segments.
    pub(super) fn reopen(&self, segments: u64) {
        while *self.segments().last().unwrap() < segments {
            self.recovered();
        }
    }
}

/// Stages these and flushes them together.
pub(super) fn put<S: Storage>(store: &mut S, records: &[Record]) {
    records.iter().for_each(|record| store.stage(record).unwrap());
    let seq = store.durable().unwrap().next();
    store.flush(seq).unwrap();
}

pub(super) fn read<S: Storage>(store: &S, from: u64, to: u64) -> Result<Vec<String>, Error> {
    let mut texts = Vec::new();
    let each = &mut |entry: Entry| texts.push(String::from_utf8(entry.bytes.to_vec()).unwrap());
    store.reader().read(Index(from)..Index(to), usize::MAX, each).map(|()| texts)
}

pub(super) fn fails<T>(result: Result<T, Error>) -> String {
    result.map(|_| ()).expect_err("it succeeded").to_string()
}
