//! Where the durable entries are, and reading them.
//!
//! ```text
//!   index    91        120       140            155   one place of 16 bytes a record, not an entry
//!   record   ├─────────┼─────────┼──────────────┤
//!                         ^ 133: the last place at or before it; read up to the next one's first
//! ```
//! What is not durable is not here. The lock is held for look-ups and changes alone: no reader waits for a disk.

use super::format::{self, Kind};
use super::scan::Window;
use super::{Disk, Error, Reader};
use crate::raft::wire::entry::Spans;
use crate::raft::{Damage, Entry, Index, LogId};
use crate::sync::lock::Lock;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// Where a record of entries is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Of its first entry.
    index: Index,
    segment: u32,
    /// In units of 8 bytes.
    at: u32,
}

impl Place {
    /// A segment's length is limited so that this holds; a 2^32nd segment is refused at its birth.
    pub(super) fn new(index: Index, segment: u64, at: u64) -> Place {
        let segment = u32::try_from(segment).expect("segments are numbered below 2^32");
        Place { index, segment, at: u32::try_from(at / 8).expect("a segment is below 32 GiB") }
    }
}

/// What a record changes for readers, once it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Entries up to `last` stand there; what stood at or behind the first of them is cut.
    Put { place: Place, last: Index },
    /// There are none, up to this one.
    Empty { last: Index },
}

/// A segment that is read from.
#[derive(Debug)]
pub(super) struct Source<D: Disk> {
    pub(super) file: Arc<D::File>,
    pub(super) nonce: u64,
    pub(super) len: u64,
}

/// The places of all durable entries.
#[derive(Debug)]
pub(super) struct Places<D: Disk> {
    places: VecDeque<Place>,
    last: Index,
    sources: BTreeMap<u32, Source<D>>,
}

impl<D: Disk> Places<D> {
    pub(super) fn new() -> Places<D> {
        Places { places: VecDeque::new(), last: Index(0), sources: BTreeMap::new() }
    }

    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Put { place, last } => {
                // Mostly it goes on where the log ended.
                if self.places.back().is_some_and(|last| place.index <= last.index) {
                    let kept = self.places.partition_point(|other| other.index < place.index);
                    self.places.truncate(kept);
                }
                self.places.push_back(place);
                self.last = last;
            }
            Change::Empty { last } => {
                self.places.clear();
                self.last = last;
            }
        }
    }

    pub(super) fn add(&mut self, segment: u64, source: Source<D>) {
        self.sources.insert(segment as u32, source);
    }

    /// No entry of that segment is found any more.
    pub(super) fn drop_source(&mut self, segment: u64) {
        self.sources.remove(&(segment as u32));
    }

    /// Forgets the records that end before `keep`.
    pub(super) fn forget(&mut self, keep: Index) {
        while self.places.get(1).map_or(self.last.next(), |next| next.index) <= keep {
            if self.places.pop_front().is_none() {
                return;
            }
        }
    }

    /// The first entry held, and the segment it is in: no later entry is in an earlier segment.
    pub(super) fn oldest(&self) -> Option<(Index, u64)> {
        self.places.front().map(|place| (place.index, u64::from(place.segment)))
    }

    /// The record that holds that entry, and the first one behind the record.
    fn find(&self, index: Index) -> Option<(Place, Index)> {
        let behind = self.places.partition_point(|place| place.index <= index);
        let place = *self.places.get(behind.checked_sub(1)?)?;
        let end = self.places.get(behind).map_or(self.last.next(), |next| next.index);
        (index < end).then_some((place, end))
    }

    /// The last record of that one's segment that holds an entry before `end`.
    fn last_beside(&self, place: Place, end: Index) -> Place {
        let behind = self.places.partition_point(|other| other.index < end && other.segment <= place.segment);
        behind.checked_sub(1).and_then(|last| self.places.get(last)).copied().unwrap_or(place)
    }
}

/// Reads durable entries back from the segments; never waits for a write or a sync.
#[derive(Debug)]
pub struct WalReader<D: Disk> {
    pub(super) disk: Arc<D>,
    pub(super) places: Arc<Lock<Places<D>>>,
}

impl<D: Disk> Clone for WalReader<D> {
    fn clone(&self) -> Self {
        WalReader { disk: Arc::clone(&self.disk), places: Arc::clone(&self.places) }
    }
}

/// What one look under the lock gives.
struct Found<D: Disk> {
    place: Place,
    end: Index,
    file: Arc<D::File>,
    nonce: u64,
    len: u64,
    /// The last one that is wanted of those in its segment.
    last: Place,
}

impl<D: Disk> WalReader<D> {
    fn find(&self, wanted: &Range<Index>) -> Result<Found<D>, Error> {
        let places = self.places.lock();
        let (place, end) = places.find(wanted.start).ok_or(Error::Gone)?;
        let source = places.sources.get(&place.segment).ok_or(Error::Gone)?;
        let last = places.last_beside(place, wanted.end);
        Ok(Found { place, end, file: Arc::clone(&source.file), nonce: source.nonce, len: source.len, last })
    }
}

/// Counts what was read, and says when it is enough.
struct Limit {
    bytes: usize,
    bytes_max: usize,
    any: bool,
}

impl Limit {
    fn admits(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        !std::mem::replace(&mut self.any, true) || self.bytes <= self.bytes_max
    }
}

impl<D: Disk> Reader for WalReader<D> {
    fn read(&self, range: Range<Index>, bytes_max: usize, each: &mut dyn FnMut(Entry)) -> Result<(), Error> {
        let mut limit = Limit { bytes: 0, bytes_max, any: false };
        let mut next = range.start;
        while next < range.end {
            let found = self.find(&(next..range.end))?;
            let window = Window::<D>::new(&self.disk, &found.file, found.nonce, found.len);
            let way = 8 * u64::from(found.last.at.saturating_sub(found.place.at));
            let mut window = window.expecting(usize::try_from(way).unwrap_or(usize::MAX).min(bytes_max));
            // As many records as stand in this segment, one after the other, through one window.
            let mut here = Some((found.place, found.end));
            while let Some((place, end)) = here {
                let wanted = next..end.min(range.end);
                if !read_record(&mut window, place, wanted.clone(), &mut limit, each)? {
                    return Ok(());
                }
                next = wanted.end;
                here = if next < range.end { self.places.lock().find(next) } else { None };
                // What was written behind them meanwhile, the window may have looked at before it was.
                let is_in_view = |other: &Place| place.at < other.at && other.at <= found.last.at;
                here = here.filter(|(other, _)| other.segment == place.segment && is_in_view(other));
            }
        }
        Ok(())
    }
}

/// The entries of `wanted` from the record there; false once there are enough.
fn read_record<D: Disk>(
    window: &mut Window<'_, D>,
    place: Place,
    wanted: Range<Index>,
    limit: &mut Limit,
    each: &mut dyn FnMut(Entry),
) -> Result<bool, Error> {
    let at = u64::from(place.at) * 8;
    let damaged = || corrupt(place, wanted.start);
    let head = window.head(at)?.filter(|head| head.kind == Kind::Entries && head.index == place.index);
    let head = head.ok_or_else(damaged)?;
    let body = window.body(at, &head)?.ok_or_else(damaged)?;
    let whole = Bytes::copy_from_slice(body);
    let mut index = place.index;
    for span in Spans::new(&whole, 0) {
        if index == wanted.end {
            return Ok(true);
        }
        let span = span.map_err(|_| damaged())?;
        if wanted.start <= index {
            if !limit.admits(span.range.len()) {
                return Ok(false);
            }
            each(span.entry(&whole));
        }
        index = index.next();
    }
    if index == wanted.end { Ok(true) } else { Err(damaged()) }
}

fn corrupt(place: Place, lost_from: Index) -> Error {
    let file = format::name(u64::from(place.segment));
    Error::Corrupt(Damage { file, at: u64::from(place.at) * 8, lost_from, witnessed: LogId::ZERO })
}

const _: () = assert!(size_of::<Place>() == 16, "16 bytes a record");
