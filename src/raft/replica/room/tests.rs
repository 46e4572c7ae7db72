//! What is counted here, alone and before a log.

use super::*;
use crate::mix::Draws;
use crate::raft::storage::{Error, SimulatedDisk, Stamp, Storage, Wal, WalOptions};
use crate::raft::{ClusterId, EntryKind, Incarnation, Index, LogId, NodeId, Term};
use std::sync::Arc;

/// What a flush with entries of 100 bytes takes, and what may stand in front of them.
const ONE: usize = BESIDE + 172 + FLUSH_COST;

#[test]
fn what_may_stand_in_front_and_what_a_flush_is_padded_with_count() {
    assert!(fits(ONE, 0, 172));
    assert!(!fits(ONE - 1, 0, 172));
    assert!(fits(ONE + 172, 172, 172), "another of the same turn shares the flush");
    assert!(!fits(ONE + 172, 173, 172));
}

#[test]
fn what_is_on_its_way_counts_until_it_is_durable_and_a_vote_is_too() {
    let vote = Record::State { term: Term(1), vote: None };
    let entries = Record::Entries { after: Index(0), entries: vec![Entry::blank(Term(1))].into() };
    let mut room = Room::new(ONE);
    for (seq, record) in [(Seq(1), vote), (Seq(2), entries)] {
        assert!(room.admits(172) && !room.admits(172), "one is handed to the core");
        room.flushed();
        room.given(seq, &record);
        room.written();
        assert!(!room.admits(172), "{record:?} may not be counted in what the store said");
        room.say(ONE + FLUSH_COST);
        assert!(!room.admits(172), "nor what its flush is padded with");
        room.durable(seq, ONE);
    }
    assert!(room.admits(172));
}

#[test]
fn the_core_is_told_once_that_there_is_less_than_enough() {
    let mut room = Room::new(4_032);
    assert_eq!((room.turned(9_000), room.turned(9_000), room.is_plenty()), (Some(false), None, false));
    room.say(9_000);
    assert_eq!((room.turned(9_000), room.turned(9_000), room.is_plenty()), (Some(true), None, true));
}

#[test]
fn nobody_begins_to_lead_with_less_than_enough_or_beside_what_may_take_it() {
    let mut room = Room::new(ONE);
    assert!(room.admits_lead(ONE) && !room.admits(101) && room.admits(100), "its first entry counts");
    room.flushed();
    room.given(Seq(1), &Record::Born);
    room.written();
    assert!(!room.admits_lead(ONE));
    assert_eq!(room.turned(ONE), Some(true), "later perhaps");
    room.durable(Seq(1), ONE - 1);
    assert_eq!((room.admits_lead(ONE), room.turned(ONE)), (false, None));
}

#[test]
fn what_takes_nothing_fits_where_there_is_no_room() {
    assert!(fits(0, 172, 0));
}

#[test]
fn of_a_long_append_as_many_entries_are_taken_as_fit() {
    let of_byte = |term| Entry::new(Term(term), EntryKind::Command, vec![7].into());
    let many: Entries = [3, 3, 3, 4, 4, 5].map(of_byte).into_iter().collect();
    let run = |count| many.iter().take(count).cloned().collect::<Entries>();
    for count in 0..=many.len() {
        let least = BESIDE + cost_of_run(&run(count)) + FLUSH_COST;
        assert_eq!(Room::new(least).admits_first(&many), count);
        let mut room = Room::new(least + 72);
        assert!(room.admits_first(&run(count)) == count && !room.admits(73) && room.admits(72), "they count");
    }
    assert_eq!(Room::new(0).admits_first(&Entries::NONE), 0);
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

/// A log of small segments on a disk that has room for no third one, and what its replica knows of it.
struct Counted {
    draws: Draws,
    log: Wal<SimulatedDisk>,
    room: Room,
    last: LogId,
    term: Term,
    marked: Index,
    given: Seq,
    /// Durable, but the log has not said so; said, but the replica has not heard so.
    flushed: Option<Seq>,
    said: VecDeque<(Seq, usize)>,
}

impl Counted {
    fn new(seed: u64) -> Counted {
        let stamp = Stamp { cluster: ClusterId(9), node: NodeId(0), members: 5, addresses: 6 };
        let align = [8, 512, 4_096][seed as usize % 3];
        let disk = Arc::new(SimulatedDisk::new(seed));
        disk.set_capacity((256 << 10) + 300);
        let options = WalOptions { segment_bytes: 128 << 10, align, seed };
        let mut log = Wal::open(disk, options, stamp).expect("sound options");
        log.recover(None).expect("an empty directory");
        while log.prepare().expect("a sound disk") {}
        let room = Room::new(log.room());
        let (draws, last, marked) = (Draws::new(seed), LogId::ZERO, Index(0));
        Counted { draws, log, room, last, term: Term(1), marked, given: Seq(0), flushed: None, said: VecDeque::new() }
    }

    /// Entries of its term: many short ones, or some of any length.
    fn run(&mut self) -> Entries {
        let max = self.log.entry_bytes_max() as u64;
        let (count, most) = if self.draws.chance(3, 4) { (60, 200) } else { (4, max) };
        let count = self.draws.below(count);
        let entry = |draws: &mut Draws| {
            let kind = [EntryKind::Command, EntryKind::Command, EntryKind::Open][draws.below(3) as usize];
            Entry::new(self.term, kind, vec![7; 1 + draws.below(most) as usize].into())
        };
        (0..count).map(|_| entry(&mut self.draws)).collect()
    }

    /// What a turn gives the store; entries as far as they are admitted.
    fn turn(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        if self.draws.chance(1, 16) {
            let node = 1 + self.draws.below(6);
            records.push(Record::Bind { node: NodeId(node), incarnation: Incarnation(node) });
        }
        if self.draws.chance(1, 16) {
            self.term = self.term.next();
            records.push(Record::State { term: self.term, vote: None });
        }
        if self.draws.chance(1, 16) && self.marked < self.last.index {
            self.marked = self.last.index;
            records.push(Record::Mark { at: self.last });
        }
        let run = self.run();
        let count = self.room.admits_first(&run);
        if 0 < count {
            let entries = run[..count].iter().cloned().collect();
            records.push(Record::Entries { after: self.last.index, entries });
            self.last = LogId { term: self.term, index: Index(self.last.index.0 + count as u64) };
        }
        self.room.flushed();
        records
    }

    /// Gives them to the log, which flushes and says so when it likes. Whether all found room.
    fn write(&mut self, records: Vec<Record>) -> bool {
        for record in &records {
            self.given = self.given.next();
            self.room.given(self.given, record);
        }
        if !records.is_empty() {
            self.room.written();
        }
        for record in &records {
            match (self.log.stage(record), record) {
                (Ok(()), _) => {}
                (Err(Error::Full), Record::Bind { .. } | Record::State { .. } | Record::Mark { .. }) => return false,
                (staged, record) => panic!("{staged:?} of {} bytes", cost_of_record(record)),
            }
        }
        self.said.extend(self.flushed.take().map(|seq| (seq, self.log.room())));
        if self.draws.chance(2, 3) {
            self.log.flush(self.given).expect("a sound disk");
            self.flushed = Some(self.given);
        }
        if self.draws.chance(1, 4) {
            self.log.idle().expect("a sound disk");
        }
        while self.draws.chance(1, 2)
            && let Some((seq, room)) = self.said.pop_front()
        {
            self.room.durable(seq, room);
        }
        true
    }
}

/// Else it would be staged in part, and votes and marks would wait behind the rest.
#[test]
fn entries_that_are_admitted_find_room_to_the_last_whatever_is_on_its_way() {
    let mut entries = [u64::MAX, 0];
    for seed in 0..90 {
        let mut counted = Counted::new(seed);
        // At last what is kept for votes has gone to votes.
        loop {
            let records = counted.turn();
            if !counted.write(records) {
                break;
            }
        }
        let last = counted.last.index.0;
        entries = [entries[0].min(last), entries[1].max(last)];
    }
    assert!(15 < entries[0] && 1_000 < entries[1], "from {} to {} entries", entries[0], entries[1]);
}
