//! What records take in the log, and whether there is room for them: counted here, since the store is elsewhere.
//!
//! ```text
//!   the store said:   |<───────────────────────────── room ──────────────────────────────>|
//!   since then        |  out: not durable yet,  |  a vote,   |  cost:      |  what the    |
//!                     |  each flush padded      |  a mark..  |  what came  |  flush pads  |
//! ```
//! Entries that find no room wait, and so do the votes and marks behind them, for which there is some still, and a mark alone
//! makes more. So none are taken in that might not find it.

use super::Settings;
use crate::raft::consensus::Record;
use crate::raft::{Entries, Entry, Seq};
use std::collections::VecDeque;
use std::mem;

/// What a record of the log takes besides its entries, and each of these besides its bytes.
const RECORD_COST: usize = 64;
const ENTRY_COST: usize = 8;
/// What may stand in front of entries in their flush: a mark, a term and its vote, bindings.
const BESIDE: usize = 8 * RECORD_COST;
/// What a flush takes besides its records: an anchor in front of it, and what it is padded with.
const FLUSH_COST: usize = 4_096 + RECORD_COST;

/// What the entry takes that a leader begins with.
const FIRST_COST: usize = ENTRY_COST + RECORD_COST;

/// What an entry takes in the log, in a record of its own.
pub(super) fn cost_of(entry: &Entry) -> usize {
    entry.bytes.len() + ENTRY_COST + RECORD_COST
}

/// What a record takes in the log.
fn cost_of_record(record: &Record) -> usize {
    match record {
        Record::Entries { entries, .. } => cost_of_run(entries),
        Record::Bind { .. } | Record::Born | Record::State { .. } | Record::Mark { .. } => RECORD_COST,
    }
}

/// What entries take in the log: a record for each of their terms.
fn cost_of_run(entries: &Entries) -> usize {
    let [first, .., last] = &entries[..] else { return entries.first().map_or(0, cost_of) };
    let of_one_term = |one: &Entry, next: &Entry| one.term == next.term;
    let records = if of_one_term(first, last) { 1 } else { entries.chunk_by(of_one_term).count() };
    entries.bytes() + ENTRY_COST * entries.len() + RECORD_COST * records
}

impl Settings {
    /// With less room than this a peer leads nobody, and takes in nothing: the largest entry fits, and the largest append
    /// that the core builds of what it holds. One whose entries are read back is limited in their bytes alone: it may be
    /// more, by a few for each of them.
    pub(super) fn room_min(&self) -> usize {
        let largest = self.append_bytes_max.max(self.entry_bytes_max);
        largest.saturating_add(ENTRY_COST + RECORD_COST + BESIDE + FLUSH_COST)
    }
}

/// The room that there is, as far as it is known here.
#[derive(Debug)]
pub(super) struct Room {
    /// What the store had room for when it last said so.
    said: usize,
    /// Whether that was enough, as the core was told.
    plenty: bool,
    /// What records take that the store had perhaps not counted then, and the sum of it.
    unsynced: VecDeque<(Seq, usize)>,
    taken: usize,
    /// What was handed to the core since the last flush.
    handed: usize,
}

impl Room {
    pub(super) fn new(said: usize) -> Room {
        Room { said, plenty: true, unsynced: VecDeque::new(), taken: 0, handed: 0 }
    }

    /// What the store said last.
    pub(super) fn said(&self) -> usize {
        self.said
    }

    /// Whether the core was told that there is enough.
    pub(super) fn is_plenty(&self) -> bool {
        self.plenty
    }

    /// Whether more may fit than can be said: what is out takes less, for sure, than it is counted for.
    pub(super) fn is_unsure(&self) -> bool {
        0 < self.taken + self.handed
    }

    /// The store says so.
    pub(super) fn say(&mut self, room: usize) {
        self.said = room;
    }

    /// The store says so, and that everything up to there is durable.
    pub(super) fn durable(&mut self, seq: Seq, room: usize) {
        self.said = room;
        while let Some((at, cost)) = self.unsynced.front().copied()
            && at <= seq
        {
            self.unsynced.pop_front();
            self.taken -= cost;
        }
    }

    /// What the core is to be told, if it is news: whether there is as much as this.
    pub(super) fn turned(&mut self, room_min: usize) -> Option<bool> {
        let plenty = room_min <= self.said;
        (mem::replace(&mut self.plenty, plenty) != plenty).then_some(plenty)
    }

    /// Whether the core may be handed what may make a leader of a candidate: if so, the entry that it would begin with
    /// counts as handed; else the core is to be told that there is not enough.
    pub(super) fn admits_lead(&mut self, room_min: usize) -> bool {
        self.plenty = self.plenty && room_min <= self.said && self.admits(FIRST_COST);
        self.plenty
    }

    /// Whether the core may be handed entries that take so much: if so, they count as handed.
    pub(super) fn admits(&mut self, cost: usize) -> bool {
        let fits = fits(self.said, self.taken + self.handed, cost);
        if fits {
            self.handed += cost;
        }
        fits
    }

    /// How many of a leader's entries the core may be handed, from the first on: so many count as handed.
    ///
    /// Not all or none: who is not short of room seeks none, and more may come at once than it ever has.
    pub(super) fn admits_first(&mut self, entries: &Entries) -> usize {
        if self.admits(cost_of_run(entries)) {
            return entries.len();
        }
        let (mut count, mut cost, mut term) = (0, 0, None);
        for entry in entries.iter() {
            let record = if term.replace(entry.term) == Some(entry.term) { 0 } else { RECORD_COST };
            let more = cost + record + ENTRY_COST + entry.bytes.len();
            if !fits(self.said, self.taken + self.handed, more) {
                break;
            }
            (count, cost) = (count + 1, more);
        }
        self.handed += cost;
        count
    }

    /// The core has said what follows from what it was handed.
    pub(super) fn flushed(&mut self) {
        self.handed = 0;
    }

    /// This record is given to the store.
    pub(super) fn given(&mut self, seq: Seq, record: &Record) {
        let cost = cost_of_record(record);
        self.unsynced.push_back((seq, cost));
        self.taken += cost;
    }

    /// All that a turn gives the store was given. It is flushed together: by a flush of its own, as far as is known here.
    pub(super) fn written(&mut self) {
        if let Some((_, cost)) = self.unsynced.back_mut() {
            *cost += FLUSH_COST;
            self.taken += FLUSH_COST;
        }
    }
}

/// Whether entries that take so much surely find room, behind what is out and what their own turn may put in front.
fn fits(room: usize, out: usize, cost: usize) -> bool {
    cost == 0 || out + BESIDE + cost + FLUSH_COST <= room
}

#[cfg(test)]
mod tests;
