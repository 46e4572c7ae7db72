//! The keeper alone: its store is a list of what it was asked for.

use super::*;
use crate::fsm::{Address, Runner, VirtualTime};
use crate::raft::storage::snapshot::format;
use crate::raft::storage::{Reader, SimulatedDisk, Snapshot, Stamp, WalOptions};
use crate::raft::{ClusterId, Entry, NodeId, Recovered, Term};
use crate::sync::lock::Lock;
use std::ops::Range;

type Meanwhile = Box<dyn FnOnce(&mut Asked) + Send>;

/// What a store was asked for, and what it is to answer.
#[derive(Default)]
struct Asked {
    staged: u64,
    /// How often a record was refused, and how often room was sought.
    refused: u64,
    sought: u64,
    flushed: Vec<Seq>,
    /// Says that everything is durable at once; else `durable` is said.
    at_once: bool,
    durable: Seq,
    fails: bool,
    /// An earlier flush has failed.
    poisoned: bool,
    /// What happens during the next flush, to this and beside it.
    meanwhile: Option<Meanwhile>,
    full: bool,
    /// Has room for marks alone, until it is told to spend it.
    keeps: bool,
    room: usize,
    waker: Option<Waker>,
}

#[derive(Clone)]
struct Fake(Arc<Lock<Asked>>);

impl Reader for Fake {
    fn read(&self, _: Range<Index>, _: usize, _: &mut dyn FnMut(Entry)) -> Result<(), Error> {
        Err(Error::Gone)
    }
}

impl Storage for Fake {
    type Reader = Fake;
    fn recover(&mut self, _: Option<Snapshot>) -> Result<Recovered, Error> {
        Ok(Recovered::default())
    }
    fn stage(&mut self, record: &Record) -> Result<(), Error> {
        let mut asked = self.0.lock();
        if asked.poisoned {
            return Err(Error::Poisoned);
        }
        if asked.full || asked.keeps && !matches!(record, Record::Mark { .. }) {
            asked.refused += 1;
            return Err(Error::Full);
        }
        asked.staged += 1;
        Ok(())
    }
    fn flush(&mut self, seq: Seq) -> Result<(), Error> {
        let mut asked = self.0.lock();
        asked.flushed.push(seq);
        if asked.at_once {
            asked.durable = seq;
        }
        if let Some(meanwhile) = asked.meanwhile.take() {
            meanwhile(&mut asked);
        }
        asked.poisoned = asked.fails;
        if asked.fails { Err(Error::Io(std::io::Error::other("it is gone"))) } else { Ok(()) }
    }
    fn durable(&self) -> Result<Seq, Error> {
        let asked = self.0.lock();
        if asked.poisoned { Err(Error::Poisoned) } else { Ok(asked.durable) }
    }
    fn release(&mut self, _: Index) -> Result<(), Error> {
        Ok(())
    }
    fn reader(&self) -> Fake {
        self.clone()
    }
    fn on_durable(&mut self, wake: Waker) {
        self.0.lock().waker = Some(wake);
    }
    fn room(&self) -> usize {
        self.0.lock().room
    }
}

impl Tended for Fake {
    fn is_prepared(&self) -> bool {
        true
    }
    fn seek(&mut self) {
        self.0.lock().sought += 1;
    }
    fn spend(&mut self) -> bool {
        std::mem::take(&mut self.0.lock().keeps)
    }
}

/// Hears what the keeper says.
struct Ear(Arc<Lock<Vec<Word>>>);

impl Automaton for Ear {
    type State = ();
    type Command = Word;
    fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
        if let Input::Command(word) = input {
            self.0.lock().push(word);
        }
    }
}

struct Bench {
    time: VirtualTime,
    asked: Arc<Lock<Asked>>,
    heard: Arc<Lock<Vec<Word>>>,
    disk: Arc<SimulatedDisk>,
    keeper: Address<Command>,
    _ear: Address<Word>,
}

impl Bench {
    fn new(asked: Asked) -> Bench {
        let asked = Arc::new(Lock::new(asked));
        Bench::over(Fake(Arc::clone(&asked)), asked, Arc::new(SimulatedDisk::new(1)))
    }

    fn over(store: impl Tended, asked: Arc<Lock<Asked>>, disk: Arc<SimulatedDisk>) -> Bench {
        let (time, heard) = (VirtualTime::new(1), Arc::new(Lock::new(Vec::new())));
        let ear = time.spawn(Ear(Arc::clone(&heard)), ());
        let keeper = Keeper {
            store,
            snapshots: Snapshots::new(Arc::clone(&disk), ClusterId(1)).expect("an empty directory"),
            replica: ear.downgrade(),
            say: |word| word,
            gauges: Arc::default(),
            marked: VecDeque::new(),
            preparing: false,
            began: None,
            fault: None,
            seeking: false,
            room: 0,
            room_min: 0,
            waiting: VecDeque::new(),
            refused: false,
        };
        let keeper = time.spawn(keeper, State::Idle);
        Bench { time, asked, heard, disk, keeper, _ear: ear }
    }

    fn write(&self, seq: u64) {
        self.write_record(seq, Record::State { term: Term(seq), vote: None });
    }

    fn write_record(&self, seq: u64, record: Record) {
        self.write_all(vec![(Seq(seq), record)]);
    }

    fn write_all(&self, records: Vec<(Seq, Record)>) {
        self.keeper.post(Command::Write { records, commit: Index(0) }).expect("it lives");
    }

    /// Up to this it is durable, and the store says so.
    fn is_durable(&self, seq: u64) {
        let mut asked = self.asked.lock();
        asked.durable = Seq(seq);
        let waker = asked.waker.clone();
        drop(asked);
        waker.expect("it was given one").wake();
        self.run();
    }

    fn run(&self) {
        self.time.run_for(Duration::from_millis(100), &mut ());
    }

    /// Up to where it was said to be durable, each time.
    fn persisted(&self) -> Vec<u64> {
        self.heard
            .lock()
            .iter()
            .filter_map(|w| if let Word::Persisted(seq, _) = w { Some(seq.0) } else { None })
            .collect()
    }
}

fn at_once() -> Asked {
    Asked { at_once: true, ..Asked::default() }
}

#[test]
fn what_waits_is_flushed_at_once_and_told_at_once() {
    let bench = Bench::new(at_once());
    bench.run();
    (1..=3).for_each(|seq| bench.write(seq));
    bench.run();
    assert_eq!((bench.asked.lock().flushed.clone(), bench.persisted()), (vec![Seq(3)], vec![3]));
    bench.write(4);
    bench.run();
    assert_eq!((bench.asked.lock().flushed.clone(), bench.persisted()), (vec![Seq(3), Seq(4)], vec![3, 4]));
}

#[test]
fn nothing_is_promised_before_a_store_that_returns_early_says_that_it_is_durable() {
    let bench = Bench::new(Asked::default());
    bench.write(1);
    bench.run();
    bench.write(2);
    bench.run();
    assert_eq!((bench.asked.lock().flushed.clone(), bench.persisted()), (vec![Seq(1)], vec![]), "one flush at a time");
    bench.is_durable(1);
    assert_eq!((bench.asked.lock().flushed.clone(), bench.persisted()), (vec![Seq(1), Seq(2)], vec![1]));
    bench.is_durable(2);
    assert_eq!(bench.persisted(), [1, 2]);
}

#[test]
fn a_snapshot_whose_mark_is_durable_replaces_the_older_ones_however_much_is_still_to_be_written() {
    let bench = Bench::new(Asked::default());
    let (old, middle, new) = (LogId::new(1, 3), LogId::new(1, 6), LogId::new(1, 9));
    let held = || bench.disk.list().expect("it can be listed");
    for at in [old, middle] {
        bench.disk.open(&format::name(at), true).expect("there is room");
    }
    bench.write_record(1, Record::Mark { at: middle });
    bench.run();
    // Before each flush is over there is more: never is all of it durable at once.
    bench.write(2);
    bench.run();
    assert_eq!(held().len(), 2, "the mark is not durable yet");
    bench.is_durable(1);
    assert_eq!(held(), [format::name(middle)]);
    bench.disk.open(&format::name(new), true).expect("there is room");
    bench.write_record(3, Record::Mark { at: new });
    bench.run();
    bench.is_durable(2);
    bench.write_record(4, Record::Mark { at: LogId::new(1, 12) });
    bench.run();
    bench.is_durable(3);
    assert_eq!(held(), [format::name(new)], "a later mark does not hold up an earlier one");
}

#[test]
fn after_a_fault_nothing_is_written_and_nothing_is_promised() {
    let bench = Bench::new(Asked { fails: true, ..at_once() });
    bench.write(1);
    bench.run();
    bench.write(2);
    bench.run();
    assert_eq!((bench.asked.lock().staged, bench.persisted()), (1, vec![]));
    let failures = bench.heard.lock().iter().filter(|word| matches!(word, Word::Failed(_))).count();
    assert_eq!(failures, 1);
}

#[test]
fn of_a_flush_that_fails_the_cause_is_told_whatever_comes_meanwhile() {
    let bench = Bench::new(Asked { fails: true, ..at_once() });
    bench.run();
    let (keeper, records) = (bench.keeper.clone(), vec![(Seq(2), Record::State { term: Term(2), vote: None })]);
    bench.asked.lock().meanwhile = Some(Box::new(move |_| {
        keeper.post(Command::Write { records, commit: Index(0) }).expect("it lives");
    }));
    bench.write(1);
    bench.run();
    let heard = bench.heard.lock();
    assert!(matches!(&heard[..], [Word::Failed(why)] if why.contains("it is gone")), "{heard:?}");
}

#[test]
fn a_write_that_fails_after_its_flush_has_returned_is_told_once_the_keeper_is_woken() {
    let bench = Bench::new(Asked::default());
    bench.write(1);
    bench.run();
    bench.asked.lock().poisoned = true;
    bench.is_durable(0);
    let heard = bench.heard.lock();
    assert!(matches!(heard[..], [Word::Failed(_)]), "{heard:?}");
}

#[test]
fn what_is_staged_when_the_keeper_drains_is_flushed() {
    let bench = Bench::new(at_once());
    bench.run();
    (1..=2).for_each(|seq| bench.write(seq));
    bench.keeper.drain();
    bench.run();
    assert_eq!(bench.asked.lock().flushed.last(), Some(&Seq(2)));
}

#[test]
fn room_that_comes_back_is_told_though_nothing_is_written() {
    let bench = Bench::new(at_once());
    bench.run();
    bench.asked.lock().room = 9_000_000;
    bench.time.run_for(PREPARE_AGAIN * 2, &mut ());
    let heard = bench.heard.lock();
    assert!(matches!(heard[..], [Word::Room(9_000_000)]), "{heard:?}");
}

/// The last record has found its room, and what it leaves is too little: nothing else would ever look again.
#[test]
fn room_that_falls_short_in_a_flush_is_sought() {
    let bench = Bench::new(Asked { room: 9_000_000, ..at_once() });
    bench.run();
    bench.asked.lock().meanwhile = Some(Box::new(|asked| asked.room = 1_000));
    bench.write(1);
    bench.run();
    bench.asked.lock().room = 9_000_000;
    bench.time.run_for(PREPARE_AGAIN * 2, &mut ());
    let heard = bench.heard.lock();
    let is_told = matches!(heard[..], [Word::Room(9_000_000), Word::Persisted(Seq(1), 1_000), Word::Room(9_000_000)]);
    assert!(is_told, "{heard:?}");
}

#[test]
fn a_record_that_finds_no_room_waits_and_so_does_what_comes_after_it() {
    let bench = Bench::new(Asked { room: 5_000_000, ..at_once() });
    bench.run();
    bench.write(1);
    bench.run();
    bench.asked.lock().full = true;
    bench.write(2);
    bench.run();
    bench.write_record(3, Record::Born);
    bench.time.run_for(PREPARE_AGAIN * 3, &mut ());
    assert_eq!((bench.asked.lock().staged, bench.persisted()), (1, vec![1]));
    bench.asked.lock().full = false;
    bench.time.run_for(PREPARE_AGAIN * 2, &mut ());
    assert_eq!((bench.asked.lock().staged, bench.persisted()), (3, vec![1, 3]));
    assert!(!bench.heard.lock().iter().any(|word| matches!(word, Word::Failed(_))));
}

#[test]
fn on_a_full_disk_room_is_sought_once_a_second_however_much_comes() {
    let bench = Bench::new(Asked { full: true, ..at_once() });
    bench.run();
    for seq in 1..=50 {
        bench.write(seq);
        bench.run();
    }
    let asked = bench.asked.lock();
    // Fifty writes in five seconds.
    assert!((4..=7).contains(&asked.sought) && (4..=7).contains(&asked.refused), "{} {}", asked.sought, asked.refused);
}

#[test]
fn what_is_kept_for_marks_is_spent_once_one_waits_behind_a_vote() {
    let (vote, mark) = (Record::State { term: Term(1), vote: None }, Record::Mark { at: LogId::new(1, 3) });
    let bench = Bench::new(Asked { keeps: true, ..at_once() });
    bench.run();
    bench.write_record(1, vote.clone());
    bench.run();
    assert!(bench.asked.lock().keeps, "no mark is there yet");
    bench.write_record(2, mark.clone());
    bench.run();
    assert_eq!((bench.asked.lock().staged, bench.persisted()), (2, vec![2]), "at once, and not in a second");
    let bench = Bench::new(Asked { keeps: true, ..at_once() });
    bench.run();
    bench.write_all(vec![(Seq(1), vote), (Seq(2), mark)]);
    bench.run();
    assert_eq!((bench.asked.lock().staged, bench.persisted()), (2, vec![2]), "both came together");
}

#[test]
fn what_is_kept_for_marks_is_not_spent_on_entries() {
    let bench = Bench::new(Asked { keeps: true, ..at_once() });
    bench.run();
    let entries = Record::Entries { after: Index(0), entries: vec![Entry::blank(Term(1))].into() };
    bench.write_all(vec![(Seq(1), entries), (Seq(2), Record::Mark { at: LogId::new(1, 1) })]);
    bench.run();
    let asked = bench.asked.lock();
    assert!(asked.keeps && asked.refused == 1, "tried {} times", asked.refused);
}

#[test]
fn however_many_terms_pass_while_a_vote_waits_a_mark_behind_them_finds_room() {
    let disk = Arc::new(SimulatedDisk::new(1));
    disk.set_capacity(128 << 10);
    let stamp = Stamp { cluster: ClusterId(1), node: NodeId(0), members: 5, addresses: 6 };
    let options = WalOptions { segment_bytes: 128 << 10, align: 512, ..WalOptions::new(1) };
    let mut wal = Wal::open(Arc::clone(&disk), options, stamp).expect("it can have these");
    wal.recover(None).expect("there is room for one segment");
    let bench = Bench::over(wal, Arc::default(), disk);
    let entries = Record::Entries { after: Index(0), entries: vec![Entry::blank(Term(1))].into() };
    bench.write_all(vec![(Seq(1), Record::Born), (Seq(2), Record::State { term: Term(1), vote: None })]);
    bench.write_record(3, entries);
    for seq in 4..400 {
        bench.write(seq);
        bench.run();
    }
    let durable = bench.persisted().last().copied();
    assert!(durable < Some(300), "{durable:?}: votes wait");
    bench.write_record(400, Record::Mark { at: LogId::new(1, 1) });
    bench.run();
    assert_eq!(bench.persisted().last(), Some(&400));
}

#[test]
fn of_two_states_that_wait_the_later_is_written_and_tells_of_both() {
    let bench = Bench::new(Asked { full: true, ..at_once() });
    bench.run();
    (1..=3).for_each(|seq| bench.write(seq));
    bench.write_record(4, Record::Born);
    bench.write(5);
    bench.run();
    assert_eq!(bench.persisted(), []);
    bench.asked.lock().full = false;
    bench.time.run_for(PREPARE_AGAIN * 2, &mut ());
    assert_eq!((bench.asked.lock().staged, bench.persisted()), (3, vec![5]));
}

#[test]
fn what_is_removed_lets_what_waits_try_again_at_once() {
    let bench = Bench::new(Asked { full: true, ..at_once() });
    bench.run();
    bench.write(1);
    bench.run();
    bench.asked.lock().full = false;
    bench.keeper.post(Command::Release(Index(1))).expect("it lives");
    bench.run();
    assert_eq!((bench.asked.lock().staged, bench.persisted()), (1, vec![1]));
}

#[test]
fn the_first_record_without_room_tells_that_there_is_none() {
    let bench = Bench::new(Asked { room: 9_000_000, ..at_once() });
    bench.run();
    bench.time.run_for(PREPARE_AGAIN * 2, &mut ());
    bench.asked.lock().full = true;
    bench.write(1);
    bench.run();
    bench.write(2);
    bench.run();
    let heard = bench.heard.lock();
    assert!(matches!(heard[..], [Word::Room(9_000_000), Word::Room(0)]), "{heard:?}");
}
