//! What records take in the log, and whether there is room for them: counted here, since the store is elsewhere.
//!
//! ```text
//!   the store said:   |<──────────────────── room ───────────────────────>|
//!   since then        |  out: not durable yet  |  cost: what has come     |
//! ```

use super::Settings;
use crate::raft::{Entries, Entry};

/// What a record of the log takes besides its entries, and each of these besides its bytes.
pub(super) const RECORD_COST: usize = 64;
const ENTRY_COST: usize = 8;
/// What may stand in front of entries in their flush: a mark, a term and its vote, bindings.
const BESIDE: usize = 8 * RECORD_COST;

/// What an entry takes in the log, in a record of its own.
pub(super) fn cost_of(entry: &Entry) -> usize {
    entry.bytes.len() + ENTRY_COST + RECORD_COST
}

/// What entries take in the log: a record for each of their terms.
pub(super) fn cost_of_run(entries: &Entries) -> usize {
    let [first, .., last] = &entries[..] else { return entries.first().map_or(0, cost_of) };
    let of_one_term = |one: &Entry, next: &Entry| one.term == next.term;
    let records = if of_one_term(first, last) { 1 } else { entries.chunk_by(of_one_term).count() };
    entries.bytes() + ENTRY_COST * entries.len() + RECORD_COST * records
}

impl Settings {
    /// With less room than this a peer leads nobody, and takes in one run at a time: the largest entry fits, and the
    /// largest append that the core builds of what it holds. One whose entries are read back is limited in their bytes
    /// alone: it may be more, by a few for each of them.
    pub(super) fn room_min(&self) -> usize {
        self.append_bytes_max.max(self.entry_bytes_max).saturating_add(ENTRY_COST + RECORD_COST)
    }

    /// What a leader's entries take: no more than who is not short of room has, for it would seek none, and what it does
    /// not take in comes again as it was. What finds no room then waits for some.
    pub(super) fn cost_of_append(&self, entries: &Entries) -> usize {
        cost_of_run(entries).min(self.room_min())
    }
}

/// Whether entries that take so much may be taken in, besides what is out.
///
/// Who is short of room takes one run at a time: what a flush is padded with is in no count, and entries that wait for
/// room have votes and marks wait behind them, which would find some still.
pub(super) fn fits(room: usize, out: usize, cost: usize, roomy: bool) -> bool {
    cost == 0 || if roomy { out + cost <= room } else { out == 0 && cost + BESIDE <= room }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{EntryKind, Term};

    const PLENTY: bool = true;
    const SHORT: bool = false;

    #[test]
    fn who_is_short_of_room_takes_one_run_at_a_time() {
        assert!(fits(10_000, 172, 172, PLENTY));
        assert!(!fits(10_000, 9_900, 172, PLENTY));
        assert!(fits(4_032, 0, 172, SHORT));
        assert!(!fits(4_032, 172, 172, SHORT), "the first is padded, and takes all of it");
        assert!(!fits(4_032, RECORD_COST, 172, SHORT), "so is a vote");
        assert!(!fits(4_032, 0, 4_032, SHORT), "a vote of the same turn stands in front");
    }

    #[test]
    fn what_takes_nothing_fits_where_there_is_no_room() {
        assert!(fits(0, 172, 0, PLENTY) && fits(0, 172, 0, SHORT));
    }

    #[test]
    fn no_append_is_more_than_who_is_not_short_of_room_has() {
        let heartbeat = std::time::Duration::from_millis(50);
        let (append_bytes_max, entry_bytes_max) = (4_000, 1_000);
        let settings =
            Settings { heartbeat, election: heartbeat, append_bytes_max, entry_bytes_max, piece_bytes: 1_000 };
        let of_byte = Entry::new(Term(3), EntryKind::Command, vec![7].into());
        let many: Entries = vec![of_byte; 4_000].into();
        assert!(settings.room_min() < cost_of_run(&many));
        assert!(fits(settings.room_min(), 0, settings.cost_of_append(&many), PLENTY));
        let few: Entries = many.iter().take(9).cloned().collect();
        assert_eq!(settings.cost_of_append(&few), cost_of_run(&few));
    }

    #[test]
    fn each_term_of_a_run_is_a_record() {
        let blanks = |terms: &[u64]| terms.iter().map(|term| Entry::blank(Term(*term))).collect();
        assert_eq!(cost_of_run(&blanks(&[])), 0);
        assert_eq!(cost_of_run(&blanks(&[3, 3, 3])), RECORD_COST + 3 * ENTRY_COST);
        assert_eq!(cost_of_run(&blanks(&[3, 4, 4, 7])), 3 * RECORD_COST + 4 * ENTRY_COST);
        let one = Entry::new(Term(3), EntryKind::Command, vec![7; 100].into());
        assert_eq!(cost_of_run(&vec![one.clone()].into()), cost_of(&one));
    }
}
