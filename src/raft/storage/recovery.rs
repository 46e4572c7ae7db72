//! Opening a log: every ambiguous case is decided here.
//!
//! ```text
//!   segments below a gap │ oldest .. ── prev_end exactly ──> newest  |head| testified records │ T  tail │ ? torn
//!   half-removed         │ replayed whole                                 replayed            │ copied  │ dropped
//!                                                                                             v
//!                                                              fresh    |head| bind | tail |  named once durable
//! ```
//! Below T, the greatest testimony, an unreadable record is damage. The records from T on were at most one flush, which
//! may have been acknowledged: they are kept, by being copied, since what a failed sync left behind may be readable and
//! yet not be on the disk. So may a name be that is seen: all are synced before another is given. No old tail is ever
//! appended to, and nothing acknowledged is ever written over.

use super::begin::{Beginning, Held};
use super::format::{self, HeadFault, Kind, SEGMENT_HEAD, SegmentHead, take_bindings};
use super::index::{Places, Source};
use super::past::{INDEX_MAX, Past};
use super::replay::replay;
use super::scan::Window;
use super::segment::{Segment, seal};
use super::spare::Spare;
use super::{Disk, Error, Remark, Snapshot, Stamp, WalOptions};
use crate::mix::mix;
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::{Damage, Incarnation, Index, LogId};
use std::collections::VecDeque;
use std::sync::Arc;

/// A log that is open.
#[derive(Debug)]
pub(super) struct Opened<D: Disk> {
    pub(super) past: Past,
    pub(super) places: Places<D>,
    /// The segments held, the newest included: number, and 1 + the last index before it.
    pub(super) held: VecDeque<(u64, Index)>,
    pub(super) segment: Segment<D>,
    pub(super) spare: Spare<D>,
    pub(super) remarks: Vec<Remark>,
}

/// A named segment.
struct Old<D: Disk> {
    head: SegmentHead,
    file: Arc<D::File>,
    len: u64,
}

/// What is open while it is decided.
struct Recovery<'a, D: Disk> {
    disk: &'a D,
    options: &'a WalOptions,
    stamp: Stamp,
    past: Past,
    places: Places<D>,
    remarks: Vec<Remark>,
}

/// What ends a recovery, but for an error of the disk.
struct Lost {
    seq: u64,
    at: u64,
}

/// Opens the log in this directory; makes one if there is none.
pub(super) fn open<D: Disk>(
    disk: &D,
    options: &WalOptions,
    stamp: Stamp,
    newest: Option<&Snapshot>,
) -> Result<Opened<D>, Error> {
    let names = disk.list()?;
    let mut seqs: Vec<u64> = names.iter().filter_map(|name| format::parse(name)).collect();
    seqs.sort_unstable();
    if seqs.is_empty() {
        let snapshot = names.iter().find(|name| super::snapshot::format::parse(name).is_some());
        return match snapshot {
            // The log was removed: the vote of this life went with it.
            Some(file) => Err(Error::Corrupt(damage(file.clone(), 0, Index(1), LogId::ZERO))),
            None => {
                mark!("recovery-of-nothing");
                create(disk, options, stamp)
            }
        };
    }
    let unbroken = seqs.windows(2).rposition(|pair| pair[0] + 1 != pair[1]).map_or(0, |gap| gap + 1);
    let (stragglers, run) = seqs.split_at(unbroken);
    mark!("recovery-meets-half-a-removal", !stragglers.is_empty());
    mark!("recovery-of-many-segments", 1 < run.len());
    let mut recovery =
        Recovery { disk, options, stamp, past: Past::default(), places: Places::new(), remarks: Vec::new() };
    let old = recovery.load(run)?;
    recovery.owner(&old)?;
    let tail = recovery.replay_all(&old)?;
    recovery.complete(&old, &tail, newest)?;
    recovery.go_on(&old, tail, stragglers)
}

/// A new directory: a fresh incarnation, and a first segment that says so.
fn create<D: Disk>(disk: &D, options: &WalOptions, stamp: Stamp) -> Result<Opened<D>, Error> {
    let past = Past::new(Incarnation(mix(options.seed, 0, stamp.node.0)));
    let mut spare = Spare::find(disk)?;
    let first = Beginning { options, stamp, seq: 1, prev_end: 0, past: &past, copied: &[] };
    let (segment, _) = first.write(disk, &mut spare)?;
    let mut places = Places::new();
    places.add(segment.seq, segment.source());
    let held = VecDeque::from([(1, Index(1))]);
    Ok(Opened { past, places, held, segment, spare, remarks: Vec::new() })
}

fn damage(file: String, at: u64, lost_from: Index, witnessed: LogId) -> Damage {
    Damage { file, at, lost_from, witnessed }
}

impl<D: Disk> Recovery<'_, D> {
    /// Opens the segments of the run and reads their heads.
    fn load(&self, run: &[u64]) -> Result<Vec<Old<D>>, Error> {
        let mut old = Vec::with_capacity(run.len());
        for &seq in run {
            let name = format::name(seq);
            let file = Arc::new(self.disk.open(&name, false)?);
            let len = self.disk.len(&file)?;
            let mut bytes = [0; SEGMENT_HEAD];
            let read = self.disk.read_at(&file, &mut bytes, 0)?;
            let head = SegmentHead::decode(&bytes);
            match head {
                Err(HeadFault::Version(version)) => return Err(Error::Version(version)),
                Ok(head)
                    if read == SEGMENT_HEAD
                        && head.seq == seq
                        && seq <= u64::from(u32::MAX)
                        && head.first.0 <= INDEX_MAX =>
                {
                    old.push(Old { head, file, len });
                }
                // Names are given only after a sync, so this is no torn write.
                Ok(_) | Err(HeadFault::Damaged) => {
                    return Err(Error::Corrupt(damage(name, 0, Index(1), LogId::ZERO)));
                }
            }
        }
        Ok(old)
    }

    /// Whether the directory is ours.
    fn owner(&mut self, old: &[Old<D>]) -> Result<(), Error> {
        let Some(newest) = old.last() else { return Ok(()) };
        let (theirs, ours) = (newest.head.stamp, self.stamp);
        let belongs = if theirs.node != ours.node {
            format!("belongs to peer {}", theirs.node)
        } else if theirs.members != ours.members {
            "was made for other members".to_string()
        } else if theirs.cluster != ours.cluster {
            format!("belongs to another cluster, {:016x}: of another name, or with other limits", theirs.cluster.0)
        } else {
            if theirs.addresses != ours.addresses {
                self.remarks.push(Remark::Addresses);
            }
            return Ok(());
        };
        Err(Error::Owner { belongs })
    }

    /// Replays all that is testified; gives what may be, behind it, and where that begins.
    fn replay_all(&mut self, old: &[Old<D>]) -> Result<(u64, Vec<Held>), Error> {
        let Some(oldest) = old.first() else { return Ok((0, Vec::new())) };
        let mut window = Window::<D>::new(self.disk, &oldest.file, oldest.head.nonce, 0);
        for (nth, segment) in old.iter().enumerate() {
            let before = nth.checked_sub(1).map(|before| &old[before]);
            self.enter(before, segment, old)?;
            let next = old.get(nth + 1);
            // Behind the end that its successor names, nothing of it counts.
            let end = next.map_or(segment.len, |next| next.head.prev_end.min(segment.len));
            window.turn_to(&segment.file, segment.head.nonce, end);
            let Some(next) = next else {
                let testified = window.testified(&segment.head)?;
                self.replay_segment(&mut window, segment, testified, old)?;
                return Ok((testified, self.tail(&mut window, segment, testified)?));
            };
            self.replay_segment(&mut window, segment, next.head.prev_end, old)?;
        }
        Ok((0, Vec::new()))
    }

    /// The head of a segment: the oldest tells the past, each later one must say what has been replayed.
    fn enter(&mut self, before: Option<&Old<D>>, segment: &Old<D>, old: &[Old<D>]) -> Result<(), Error> {
        let head = &segment.head;
        let Some(before) = before else {
            self.past = Past::at_header(head.first, head.snapshot);
            (self.past.incarnation, self.past.born) = (head.incarnation, head.born);
            (self.past.term, self.past.vote, self.past.commit) = (head.term, head.vote, head.commit);
            return Ok(());
        };
        let stamp = Stamp { addresses: before.head.stamp.addresses, ..head.stamp };
        let past = &mut self.past;
        let same = past.last().next() == head.first
            && (past.term, past.vote, past.born) == (head.term, head.vote, head.born)
            && (past.snapshot, past.incarnation) == (head.snapshot, head.incarnation)
            && stamp == before.head.stamp;
        past.commit = past.commit.max(head.commit);
        if same { Ok(()) } else { Err(self.corrupt(Lost { seq: head.seq, at: 0 }, old)) }
    }

    /// Replays the records of a segment up to `end`, where one must end.
    fn replay_segment(
        &mut self,
        window: &mut Window<'_, D>,
        segment: &Old<D>,
        end: u64,
        old: &[Old<D>],
    ) -> Result<(), Error> {
        let seq = segment.head.seq;
        let mut at = segment.head.first_record();
        let mut first = true;
        while at < end || first {
            let lost = Lost { seq, at };
            let Some(head) = window.head(at)? else { return Err(self.corrupt(lost, old)) };
            let next = at + head.record_len();
            let Some(body) = window.body(at, &head)? else { return Err(self.corrupt(lost, old)) };
            let fits = if first { self.first_record(head.kind, body, seq == old[0].head.seq) } else { true };
            // A seal stands where a segment ends, never before.
            let replayed = replay(&mut self.past, &head, body, (seq, at));
            let Ok(change) = replayed else { return Err(self.corrupt(lost, old)) };
            if !fits || end < next || head.kind == Kind::Seal {
                return Err(self.corrupt(lost, old));
            }
            change.into_iter().for_each(|change| self.places.apply(change));
            (at, first) = (next, false);
        }
        self.places.add(seq, Source { file: Arc::clone(&segment.file), nonce: segment.head.nonce, len: segment.len });
        Ok(())
    }

    /// The first record of a segment is a bind with all bindings: of what has been replayed, if anything has.
    fn first_record(&self, kind: Kind, body: &[u8], oldest: bool) -> bool {
        let bindings = (kind == Kind::Bind).then(|| take_bindings(body)).flatten();
        bindings.is_some_and(|bindings| oldest || bindings == self.past.bindings)
    }

    /// The records behind the testimony: at most a flush and an anchor. The first unreadable one ends them.
    fn tail(&mut self, window: &mut Window<'_, D>, segment: &Old<D>, mut at: u64) -> Result<Vec<Held>, Error> {
        let mut tail = Vec::new();
        while let Some(head) = window.head(at)? {
            let Some(body) = window.body(at, &head)? else { break };
            if head.kind == Kind::Seal {
                // It has a successor, which is lost.
                let successor = format::name(segment.head.seq + 1);
                let lost_from = self.past.last().next();
                return Err(Error::Corrupt(damage(successor, 0, lost_from, LogId::ZERO)));
            }
            tail.push(Held { head, body: body.to_vec() });
            at += head.record_len();
        }
        let torn = window.get(at, format::RECORD_HEAD)?.is_some_and(|bytes| bytes.iter().any(|&byte| byte != 0));
        // A later piece of a flush has landed, and an earlier one has not.
        mark!("recovery-meets-a-hole", !torn && window.shows_more(at));
        if torn {
            mark!("recovery-meets-a-torn-record");
            self.remarks.push(Remark::Torn { file: format::name(segment.head.seq), at });
        }
        Ok(tail)
    }

    /// Whether the tail breaks no rule, the oldest segment held is old enough, and the last mark has its snapshot.
    fn complete(&self, old: &[Old<D>], tail: &(u64, Vec<Held>), newest: Option<&Snapshot>) -> Result<(), Error> {
        let (end, tail) = tail;
        let mut past = self.past.clone();
        let mut at = *end;
        let seq = old[old.len() - 1].head.seq;
        for Held { head, body } in tail {
            if replay(&mut past, head, body, (seq, at)).is_err() {
                return Err(self.corrupt(Lost { seq, at }, old));
            }
            at += head.record_len();
        }
        let snapshot = past.snapshot;
        let oldest = old[0].head.first;
        if snapshot.index.next() < oldest {
            let missing = format::name(old[0].head.seq.saturating_sub(1));
            return Err(Error::Corrupt(damage(missing, 0, snapshot.index.next(), LogId::ZERO)));
        }
        let owed = newest.is_some_and(|newest| !past.owed(newest).is_empty());
        let covered = snapshot == LogId::ZERO || newest.is_some_and(|newest| newest.at == snapshot);
        if owed || covered {
            return Ok(());
        }
        let file = super::snapshot::format::name(snapshot);
        Err(Error::Corrupt(damage(file, 0, Index(1), snapshot)))
    }

    /// Removes what a removal left; begins a fresh segment with the tail in it; closes the newest of the old ones.
    fn go_on(mut self, old: &[Old<D>], (end, tail): (u64, Vec<Held>), stragglers: &[u64]) -> Result<Opened<D>, Error> {
        let disk = self.disk;
        let newest = &old[old.len() - 1];
        let (stamp, options, seq) = (self.stamp, self.options, newest.head.seq + 1);
        let copied: Vec<Held> =
            tail.into_iter().filter(|held| !matches!(held.head.kind, Kind::Anchor | Kind::Pad)).collect();
        mark!("recovery-copies-a-tail", !copied.is_empty());
        mark!("recovery-without-a-tail", copied.is_empty());
        // A start that failed may have left names that are seen and not durable: none may last behind one that goes.
        mutate!(NamesTrusted, disk.sync_dir()?, ());
        // First, for a disk that is full.
        for &straggler in stragglers {
            disk.remove(&format::name(straggler))?;
        }
        if !stragglers.is_empty() {
            disk.sync_dir()?;
        }
        let mut spare = Spare::find(disk)?;
        mark!("recovery-finds-a-spare", matches!(spare, Spare::Ready { .. }));
        let fresh = Beginning { options, stamp, seq, prev_end: end, past: &self.past, copied: &copied };
        let (segment, at) = fresh.write(disk, &mut spare)?;
        seal(disk, &newest.file, newest.head.nonce, end)?;
        self.places.add(seq, segment.source());
        let first = self.past.last().next();
        for (Held { head, body }, at) in copied.iter().zip(at) {
            let change = replay(&mut self.past, head, body, (seq, at)).expect("it was replayed on a copy of the past");
            change.into_iter().for_each(|change| self.places.apply(change));
        }
        let held = old.iter().map(|old| (old.head.seq, old.head.first)).chain([(seq, first)]).collect();
        let Recovery { past, places, remarks, .. } = self;
        Ok(Opened { past, places, held, segment, spare, remarks })
    }

    /// What is lost, and of what there is proof that it was held: looked for in all that follows.
    fn corrupt(&self, lost: Lost, old: &[Old<D>]) -> Error {
        mark!("recovery-refuses-damage");
        let mut witnessed =
            LogId { term: self.past.term_at(self.past.last()).unwrap_or_default(), index: self.past.last() };
        for segment in old.iter().filter(|segment| lost.seq <= segment.head.seq) {
            let from = if segment.head.seq == lost.seq { lost.at + 8 } else { segment.head.first_record() };
            let mut window = Window::<D>::new(self.disk, &segment.file, segment.head.nonce, segment.len);
            // The error is told in any case; what cannot be read witnesses nothing.
            let found = window.witnessed(from.max(segment.head.first_record()));
            witnessed = witnessed.max(found.unwrap_or_default()).max(segment.head.snapshot);
        }
        Error::Corrupt(damage(format::name(lost.seq), lost.at, self.past.last().next(), witnessed))
    }
}
