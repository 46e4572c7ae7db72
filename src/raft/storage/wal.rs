//! The durable log: one stream of records in segments.
//!
//! ```text
//!   stage ──> staged, in memory ── flush: one write, one sync ──> durable, found by readers
//!                 │ does not fit                                        │ release
//!                 v                                                     v
//!         finish this segment, begin the next, seal this one    old segments are removed
//! ```
//! The first write or sync that fails is the last one: what is on the disk is not known any more, and a second sync
//! would say that all is well. Every later call answers [`Error::Poisoned`]; opening the directory anew finds out.

use super::begin::Beginning;
use super::format::{BODY_MAX, Kind, put_bindings};
use super::index::{Change, Place, Places, WalReader};
use super::past::{Marked, Past};
use super::segment::{Segment, fitting, seal};
use super::spare::{LEN_MIN, LEN_STEP, Spare};
use super::{Disk, Error, Remark, Snapshot, Stamp, Storage, recovery};
use crate::raft::consensus::Record;
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::wire::entry::{Run, put_run};
use crate::raft::{Entry, Index, NodeId, Recovered, Seq, Term};
use crate::sync::lock::Lock;
use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::sync::Arc;

/// What the head of an entry takes at most: length and term, kind, checksum.
const ENTRY_HEAD_MAX: usize = 10 + 10 + 1 + 4;
/// The bytes of the longest segment: places are 32 bits of 8 bytes.
const SEGMENT_MAX: u64 = 32 << 30;

/// Settings of the log. They may change from one start to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalOptions {
    /// The length of a segment: a multiple of 4 KiB, at least 128 KiB, below 32 GiB. 64 MiB.
    pub segment_bytes: u64,
    /// A flush is padded to a multiple of this: 8, 512 or 4096. 4096.
    ///
    /// 8 packs records. It, and 512 on sectors of 4 KiB, trusts the disk not to spoil what lies beside a write cut short.
    pub align: u32,
    /// Where the nonces and the incarnation come from: drawn afresh at each start.
    pub seed: u64,
}

impl WalOptions {
    /// The defaults, with this seed.
    #[must_use]
    pub fn new(seed: u64) -> WalOptions {
        WalOptions { segment_bytes: 64 << 20, align: 4096, seed }
    }

    fn check(&self) -> Result<(), Error> {
        let bytes = self.segment_bytes;
        if !(LEN_MIN..SEGMENT_MAX).contains(&bytes) || !bytes.is_multiple_of(LEN_STEP) {
            return Err(Error::Options("segment_bytes must be a multiple of 4 KiB, at least 128 KiB, below 32 GiB"));
        }
        if !matches!(self.align, 8 | 512 | 4096) {
            return Err(Error::Options("align must be 8, 512 or 4096"));
        }
        Ok(())
    }

    /// A record's body is no longer.
    fn body_max(&self) -> usize {
        BODY_MAX.min((self.segment_bytes / 4) as usize)
    }

    /// The end of a segment that entries leave to all else: votes find room on a full disk, and a mark behind them.
    fn reserve(&self) -> u64 {
        (64 << 10).min(self.segment_bytes / 16)
    }
}

/// The durable log of one peer.
#[derive(Debug)]
pub struct Wal<D: Disk> {
    disk: Arc<D>,
    options: WalOptions,
    stamp: Stamp,
    places: Arc<Lock<Places<D>>>,
    /// Once recovered.
    open: Option<Open<D>>,
    poisoned: bool,
    durable: Seq,
    syncs: u64,
    remarks: Vec<Remark>,
}

/// A log that records are given to.
#[derive(Debug)]
struct Open<D: Disk> {
    /// With what is staged.
    past: Past,
    /// The index of the last mark that is durable.
    marked: Index,
    held: VecDeque<(u64, Index)>,
    segment: Segment<D>,
    spare: Spare<D>,
    /// Votes and bindings may take what is kept of this segment for marks.
    spends: bool,
    /// The record that found no room, and how many of its entries are staged already.
    begun: Option<(Record, usize)>,
    /// What readers will find after the next flush.
    changes: Vec<Change>,
}

impl<D: Disk> Wal<D> {
    /// A log in this directory; nothing is read or written before [`recover`](Storage::recover).
    ///
    /// # Errors
    /// [`Error::Options`] if no log can have these.
    pub fn open(disk: Arc<D>, options: WalOptions, stamp: Stamp) -> Result<Wal<D>, Error> {
        options.check()?;
        let places = Arc::new(Lock::new(Places::new()));
        let (open, remarks) = (None, Vec::new());
        Ok(Wal { disk, options, stamp, places, open, poisoned: false, durable: Seq(0), syncs: 0, remarks })
    }

    /// How many times a segment was synced since the start.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.syncs
    }

    /// What recovery met that its operator may want to know, a line each.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Work for idle moments: call it about 10 ms after a flush. Testifies to the last flush by a record that is not
    /// synced, so that even rot of what was flushed last is told from a torn write.
    ///
    /// # Errors
    /// Any; after one, the store is poisoned.
    pub fn idle(&mut self) -> Result<(), Error> {
        self.act(|wal| {
            let disk = Arc::clone(&wal.disk);
            wal.opened().segment.anchor(&*disk)
        })
    }

    /// Work for between two flushes: a slice of the next segment. Whether more of it is to be done.
    ///
    /// Call it until it says false, and again once [`is_prepared`](Wal::is_prepared) does. Once the disk had no room for it, it says false until
    /// [`seek`](Wal::seek).
    ///
    /// # Errors
    /// Any but [`Error::Full`], which [`room`](Storage::room) tells; after one, the store is poisoned.
    pub fn prepare(&mut self) -> Result<bool, Error> {
        self.act(|wal| {
            let (disk, len) = (Arc::clone(&wal.disk), wal.options.segment_bytes);
            wal.opened().spare.prepare(&*disk, len)
        })
    }

    /// Whether [`prepare`](Wal::prepare) has nothing to do.
    #[must_use]
    pub fn is_prepared(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.spare.is_settled())
    }

    /// There may be room again on a full disk: [`prepare`](Wal::prepare) will see. About once a second while
    /// [`room`](Storage::room) is short, for each try fills the disk.
    pub fn seek(&mut self) {
        if let Some(open) = &mut self.open {
            open.spare.seek();
        }
    }

    /// Does it, unless the log is poisoned; poisons it if that fails. [`Error::Full`] is kept for what may be tried again.
    fn act<T>(&mut self, act: impl FnOnce(&mut Wal<D>) -> Result<T, Error>) -> Result<T, Error> {
        let came = self.try_once(act);
        came.map_err(|error| if let Error::Full = error { Error::Io(ErrorKind::StorageFull.into()) } else { error })
    }

    fn try_once<T>(&mut self, act: impl FnOnce(&mut Wal<D>) -> Result<T, Error>) -> Result<T, Error> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        act(self).inspect_err(|_| {
            mark!("store-poisoned");
            self.poisoned = true;
        })
    }

    fn opened(&mut self) -> &mut Open<D> {
        self.open.as_mut().expect("a log is recovered first")
    }

    /// A mark is to come: what is in front of it may take what is kept for marks, which alone make room on a full disk.
    /// False if it might before.
    pub fn spend(&mut self) -> bool {
        self.open.as_mut().is_some_and(|open| !std::mem::replace(&mut open.spends, true))
    }

    /// What is kept for marks of the reserve: one flush.
    fn kept(&self) -> usize {
        let spends = self.open.as_ref().is_some_and(|open| open.spends);
        if spends { 0 } else { self.options.align.max(512) as usize }
    }

    /// Makes room for a record whose body is that long, and leaves so much free, if there is any on the disk.
    fn make_room(&mut self, body: usize, kept: usize) -> Result<bool, Error> {
        let body = body + kept;
        // Twice: the spare may be one of another length, made before the settings changed.
        for _ in 0..2 {
            if self.opened().segment.fits(body) {
                return Ok(true);
            }
            if !self.rotate()? {
                return Ok(false);
            }
        }
        if self.opened().segment.fits(body) { Ok(true) } else { Err(Error::TooLarge) }
    }

    /// Stages a record that is no run of entries.
    fn put(&mut self, kind: Kind, index: Index, term: Term, body: &[u8]) {
        self.opened().segment.put(kind, index, term, |out| out.extend_from_slice(body));
    }

    /// Stages entries of one term, in as many records as it takes. Gives those that found no room on the disk.
    fn put_entries<'a>(&mut self, mut index: Index, mut run: &'a [Entry]) -> Result<&'a [Entry], Error> {
        let (body_max, reserve) = (self.options.body_max(), self.options.reserve());
        let mut rotated = 0;
        while let Some(first) = run.first() {
            let open = self.opened();
            let taken = fitting(run, body_max.min(open.segment.room(reserve).unwrap_or(0)));
            if taken == 0 {
                if body_max < Run::default().len_of(first) || rotated == 2 {
                    return Err(Error::TooLarge);
                }
                if !self.rotate()? {
                    break;
                }
                rotated += 1;
                continue;
            }
            let (part, rest) = run.split_at(taken);
            open.past.entries(index, first.term, taken as u64).map_err(Error::Rule)?;
            for (at, entry) in (index.0..).zip(part) {
                open.past.member(Index(at), entry.kind, &entry.bytes);
            }
            let at = open.segment.put(Kind::Entries, index, first.term, |out| put_run(out, part));
            let place = Place::new(index, open.segment.seq, at);
            open.changes.push(Change::Put { place, last: open.past.last() });
            (index, run, rotated) = (open.past.last().next(), rest, 0);
        }
        Ok(run)
    }

    /// Finishes this segment and goes on in the next: it is named before the seal says that there is one. False if
    /// the disk has no room for another.
    fn rotate(&mut self) -> Result<bool, Error> {
        mutate!(AnchorSealed, self.opened().segment.take_anchor_back(), ());
        self.write()?;
        let (disk, options, stamp) = (Arc::clone(&self.disk), self.options, self.stamp);
        let spare = &mut self.opened().spare;
        spare.seek();
        while spare.prepare(&*disk, options.segment_bytes)? {}
        if !matches!(spare, Spare::Ready { .. }) {
            mark!("segment-without-room");
            return Ok(false);
        }
        mark!("segment-begun");
        let open = self.opened();
        let (seq, prev_end, first) = (open.segment.seq + 1, open.segment.tail(), open.past.last().next());
        let next = Beginning { options: &options, stamp, seq, prev_end, past: &open.past, copied: &[] };
        let (segment, _) = next.write(&*disk, &mut open.spare)?;
        seal(&*disk, &open.segment.file, open.segment.nonce, prev_end)?;
        open.held.push_back((seq, first));
        let source = segment.source();
        (open.segment, open.spends) = (segment, false);
        self.syncs += 2;
        self.places.lock().add(seq, source);
        Ok(true)
    }

    /// Makes what is staged durable, and visible to readers.
    fn write(&mut self) -> Result<(), Error> {
        let (disk, reserve) = (Arc::clone(&self.disk), self.options.reserve());
        let open = self.opened();
        let before = open.segment.tail();
        let synced = open.segment.flush(&*disk)?;
        mark!("segment-nearly-full", synced && open.segment.is_nearly_full(before, reserve));
        open.marked = open.past.snapshot.index;
        let changes = std::mem::take(&mut open.changes);
        self.syncs += u64::from(synced);
        let mut places = self.places.lock();
        changes.iter().for_each(|&change| places.apply(change));
        drop(places);
        self.opened().changes = reuse(changes);
        Ok(())
    }

    /// False if it finds no room on the disk: then it may be given once more, before any other.
    fn stage_one(&mut self, record: &Record) -> Result<bool, Error> {
        let staged = match self.opened().begun.take() {
            Some((begun, staged)) if begun == *record => {
                mark!("record-begun-is-finished");
                staged
            }
            Some(_) => return Err(Error::Rule("a record that found no room is given again before any other")),
            None => 0,
        };
        match record {
            Record::Bind { node, incarnation } => {
                let mut body = Vec::with_capacity(16);
                put_bindings(&mut body, &BTreeMap::from([(*node, *incarnation)]));
                if !self.make_room(body.len(), self.kept())? {
                    return Ok(false);
                }
                self.opened().past.bindings.insert(*node, *incarnation);
                self.put(Kind::Bind, Index(0), Term(0), &body);
            }
            Record::Born => {
                if !self.make_room(0, self.kept())? {
                    return Ok(false);
                }
                self.opened().past.born = true;
                self.put(Kind::Born, Index(0), Term(0), &[]);
            }
            Record::State { term, vote } => {
                if !self.make_room(8, self.kept())? {
                    return Ok(false);
                }
                let past = &mut self.opened().past;
                past.state(*term, *vote).map_err(Error::Rule)?;
                let commit = past.commit;
                let body = vote.map(|NodeId(node)| node.to_le_bytes());
                self.put(Kind::State, commit, *term, body.as_ref().map_or(&[], |body| &body[..]));
            }
            Record::Mark { at } => {
                if !self.make_room(0, 0)? {
                    return Ok(false);
                }
                let open = self.opened();
                let kind = match open.past.mark(*at).map_err(Error::Rule)? {
                    Marked::Held => Kind::Mark,
                    Marked::Emptied => {
                        mark!("mark-empties-the-log");
                        open.changes.push(Change::Empty { last: at.index });
                        Kind::Reset
                    }
                };
                self.put(kind, at.index, at.term, &[]);
            }
            Record::Entries { after, entries } => {
                let in_all = self.stage_entries(*after, entries, staged)?;
                if 0 < in_all && in_all < entries.len() {
                    mark!("record-staged-in-part");
                    self.opened().begun = Some((record.clone(), in_all));
                }
                return Ok(in_all == entries.len());
            }
        }
        Ok(true)
    }

    /// Stages them but for so many, which were staged before. How many are staged now: the rest finds no room.
    fn stage_entries(&mut self, after: Index, entries: &[Entry], staged: usize) -> Result<usize, Error> {
        if entries.is_empty() {
            return Err(Error::Rule("a record of entries holds at least one"));
        }
        let mut index = Index(after.0 + staged as u64).next();
        for run in entries[staged..].chunk_by(|one, next| one.term == next.term) {
            let rest = self.put_entries(index, run)?;
            index = Index(index.0 + (run.len() - rest.len()) as u64);
            if !rest.is_empty() {
                break;
            }
        }
        Ok((index.previous().0 - after.0) as usize)
    }

    /// Forgets the records before `keep`, then removes the segments that nothing leads to any more.
    fn remove_before(&mut self, keep: Index) -> Result<(), Error> {
        let (disk, shared) = (Arc::clone(&self.disk), Arc::clone(&self.places));
        let open = self.opened();
        let keep = keep.min(open.marked.next());
        let oldest = {
            let mut places = shared.lock();
            places.forget(keep);
            places.oldest()
        };
        if let Some((first, _)) = oldest {
            open.past.release(first);
        }
        let mut removed = false;
        while let [(seq, _), (_, next), ..] = *open.held.make_contiguous() {
            if keep < next {
                break;
            }
            assert!(oldest.is_none_or(|(_, holds)| seq < holds), "no segment goes that an entry is read from");
            mark!("segment-removed");
            shared.lock().drop_source(seq);
            disk.remove(&super::format::name(seq))?;
            open.held.pop_front();
            removed = true;
        }
        if removed {
            disk.sync_dir()?;
            self.seek();
        }
        Ok(())
    }
}

/// The same memory, empty.
fn reuse<T>(mut items: Vec<T>) -> Vec<T> {
    items.clear();
    items
}

impl<D: Disk> Storage for Wal<D> {
    type Reader = WalReader<D>;

    fn recover(&mut self, newest: Option<Snapshot>) -> Result<Recovered, Error> {
        // The disk may have no room for the first segment: then there is no peer that could try again.
        self.try_once(|wal| {
            let opened = recovery::open(&*wal.disk, &wal.options, wal.stamp, newest.as_ref())?;
            let recovery::Opened { past, places, held, segment, spare, remarks } = opened;
            *wal.places.lock() = places;
            wal.remarks = remarks;
            let owed = newest.as_ref().map(|newest| past.owed(newest)).unwrap_or_default();
            let marked = past.snapshot.index;
            // A state that is owed stands in front of its mark.
            let (spends, begun, changes) = (true, None, Vec::new());
            wal.open = Some(Open { past, marked, held, segment, spare, spends, begun, changes });
            for record in &owed {
                mark!("recovery-owes-a-mark");
                if !wal.stage_one(record)? {
                    return Err(Error::Full);
                }
                if let Record::Mark { at } = *record {
                    wal.remarks.push(Remark::Marked { at });
                }
            }
            wal.opened().spends = false;
            wal.write()?;
            let recovered = wal.opened().past.recovered(newest.as_ref());
            Ok(recovered.expect("recovery has refused a log that begins behind its snapshot"))
        })
    }

    fn stage(&mut self, record: &Record) -> Result<(), Error> {
        if self.act(|wal| wal.stage_one(record))? { Ok(()) } else { Err(Error::Full) }
    }

    fn flush(&mut self, seq: Seq) -> Result<(), Error> {
        self.act(|wal| {
            // What a rotation has synced already needs no second sync; nor does an anchor.
            if wal.opened().segment.is_staged() {
                wal.write()?;
            }
            wal.durable = wal.durable.max(seq);
            Ok(())
        })
    }

    fn durable(&self) -> Result<Seq, Error> {
        if self.poisoned { Err(Error::Poisoned) } else { Ok(self.durable) }
    }

    fn release(&mut self, keep: Index) -> Result<(), Error> {
        self.act(|wal| wal.remove_before(keep))
    }

    fn reader(&self) -> WalReader<D> {
        WalReader { disk: Arc::clone(&self.disk), places: Arc::clone(&self.places) }
    }

    fn commit(&mut self, index: Index) {
        if let Some(open) = &mut self.open {
            open.past.commit = open.past.commit.max(index);
        }
    }

    fn room(&self) -> usize {
        let Some(open) = self.open.as_ref().filter(|_| !self.poisoned) else { return 0 };
        let (reserve, largest) = (self.options.reserve(), self.options.body_max());
        let rest = open.segment.room(reserve).unwrap_or(0);
        // One that is not whole yet may never be.
        let Spare::Ready { len, .. } = open.spare else { return rest };
        // What stands before the first entries of a segment, and their padding.
        let begin = 16 * open.past.bindings.len() as u64 + 3 * u64::from(self.options.align).max(128);
        // What does not fit the rest of this segment leaves it empty.
        len.saturating_sub(reserve + begin) as usize + rest.saturating_sub(largest)
    }

    fn entry_bytes_max(&self) -> usize {
        self.options.body_max() - ENTRY_HEAD_MAX
    }
}

#[cfg(test)]
mod tests;
