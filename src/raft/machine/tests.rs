//! The machine alone: its replica is an ear, its log a list.

use super::automaton::{Command, Machine, Policy, Reading, State, Word};
use super::view::Held;
use super::{Caller, Codec, Nonce, Open, SessionId, Sessions, snapshot};
use crate::fsm::{Address, Automaton, Context, Input, Runner, VirtualTime};
use crate::raft::consensus::{Committed, Membership};
use crate::raft::peer::tests::{Adder, UNWRITABLE};
use crate::raft::peer::{Failure, Limits, Shared};
use crate::raft::storage::snapshot::format;
use crate::raft::storage::{Error, Reader, SimulatedDisk, Snapshots};
use crate::raft::wire::Door;
use crate::raft::{ClusterId, Entry, EntryKind, Identity, Incarnation, Index, LogId, NodeId, Term};
use crate::sync::lock::Lock;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A log of which nothing is left.
#[derive(Clone)]
struct Gone;

impl Reader for Gone {
    fn read(&self, _: Range<Index>, _: usize, _: &mut dyn FnMut(Entry)) -> Result<(), Error> {
        Err(Error::Gone)
    }
}

/// Hears what the machine says.
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

/// A machine, and all that it touches.
struct Bench {
    time: VirtualTime,
    shared: Arc<Shared<Adder>>,
    snapshots: Snapshots<SimulatedDisk>,
    heard: Arc<Lock<Vec<Word>>>,
    machine: Address<Command<Adder>>,
    _ear: Address<Word>,
}

fn shared() -> Arc<Shared<Adder>> {
    let us = Identity { node: NodeId(0), incarnation: Incarnation(1) };
    let limits = Limits {
        timeout: Duration::from_secs(5),
        heartbeat: Duration::from_millis(50),
        inbox_max: 9,
        tickets_max: 9,
        sessions_max: 9,
    };
    let held = Held { state: Adder::default(), applied: LogId::ZERO };
    let restore = Box::new(<Adder as super::StateMachine>::restore);
    Shared::new(Door { cluster: ClusterId(1), us }, String::new(), limits, restore, held, 1)
}

impl Bench {
    fn new(policy: Policy) -> Bench {
        let time = VirtualTime::new(1);
        let snapshots = Snapshots::new(Arc::new(SimulatedDisk::new(1)), ClusterId(1)).expect("an empty directory");
        let (shared, heard) = (shared(), Arc::new(Lock::new(Vec::new())));
        let ear = time.spawn(Ear(Arc::clone(&heard)), ());
        let machine = Machine {
            shared: Arc::clone(&shared),
            sessions: Sessions::new(9),
            applied: LogId::ZERO,
            membership: Membership::default(),
            reader: Gone,
            snapshots: snapshots.clone(),
            policy,
            since: (0, 0),
            writer: None,
            written: Index(0),
            marked: Index(0),
            replica: ear.downgrade(),
            say: |word| word,
            reads: BTreeMap::new(),
            reads_seen: 0,
            watch: None,
            came: Vec::new(),
            watcher: None,
        };
        let machine = time.spawn(machine, State::Current);
        Bench { time, shared, snapshots, heard, machine, _ear: ear }
    }

    /// It is told all of this at once.
    fn tell(&self, commands: impl IntoIterator<Item = Command<Adder>>) {
        commands.into_iter().for_each(|command| drop(self.machine.post(command)));
        self.time.run_for(Duration::from_millis(1), &mut ());
    }

    fn sum(&self) -> (u64, Index) {
        let held = self.shared.held.read();
        (held.state.sum, held.applied.index)
    }

    fn failures(&self) -> Vec<String> {
        let heard = self.heard.lock();
        heard.iter().filter_map(|word| if let Word::Failed(why) = word { Some(why.clone()) } else { None }).collect()
    }
}

const NEVER: Policy = Policy { entries: u64::MAX, bytes: u64::MAX };

fn open() -> Entry {
    Entry::new(Term(1), EntryKind::Open, Open { nonce: Nonce([7; 16]), window: 64 }.to_bytes())
}

fn add(session: u64, sequence: u64, number: u64) -> Entry {
    let caller = Caller { session: SessionId(session), sequence, low: 1 };
    Entry::new(Term(1), EntryKind::Command, caller.command(&number.to_bytes()))
}

fn apply(first: u64, entries: Vec<Entry>) -> Command<Adder> {
    Command::Apply(Committed::Entries { first: Index(first), entries: entries.into() })
}

#[test]
fn what_is_gone_is_skipped_if_a_snapshot_stands_for_it() {
    let bench = Bench::new(NEVER);
    let mut sessions = Sessions::new(9);
    sessions.open(Open { nonce: Nonce([7; 16]), window: 64 }, Index(1));
    let at = LogId::new(1, 10);
    let state = Adder { sum: 55, added: vec![55] };
    let members = snapshot::encode_membership(&Membership::default());
    snapshot::prepare(&state, &sessions, bench.snapshots.clone(), at, members)().expect("written");
    bench.tell([
        Command::Apply(Committed::Range(Index(1)..Index(6))),
        apply(6, vec![add(1, 6, 1_000)]),
        Command::Install(at),
        apply(11, vec![add(1, 7, 1)]),
    ]);
    assert_eq!((bench.sum(), bench.failures()), ((56, Index(11)), vec![]));
}

#[test]
fn a_snapshot_that_a_newer_one_has_replaced_is_skipped() {
    let bench = Bench::new(NEVER);
    let at = LogId::new(1, 10);
    let (state, members) = (Adder { sum: 55, added: vec![55] }, snapshot::encode_membership(&Membership::default()));
    snapshot::prepare(&state, &Sessions::new(9), bench.snapshots.clone(), at, members)().expect("written");
    bench.snapshots.keep(at).expect("an older one may go");
    bench.tell([Command::Install(LogId::new(1, 5)), apply(6, vec![add(1, 6, 1_000)]), Command::Install(at)]);
    assert_eq!((bench.sum(), bench.failures()), ((55, Index(10)), vec![]));
}

#[test]
fn a_snapshot_that_is_gone_without_a_newer_one_stops_the_machine() {
    let bench = Bench::new(NEVER);
    bench.tell([Command::Install(LogId::new(1, 5)), apply(6, vec![add(1, 6, 1_000)])]);
    let failures = bench.failures();
    assert!(failures.len() == 1 && failures[0].contains("snapshot"), "{failures:?}");
}

#[test]
fn a_committed_entry_that_does_not_decode_stops_the_machine_and_is_named() {
    let bench = Bench::new(NEVER);
    let caller = Caller { session: SessionId(1), sequence: 2, low: 1 };
    let unreadable = Entry::new(Term(1), EntryKind::Command, caller.command(b"no number at all"));
    bench.tell([apply(1, vec![open(), add(1, 1, 5), unreadable, add(1, 3, 7)]), apply(5, vec![add(1, 4, 7)])]);
    assert_eq!(bench.sum(), (5, Index(2)), "nothing behind it is applied");
    let failures = bench.failures();
    assert!(failures.len() == 1 && failures[0].starts_with("entry 3 "), "{failures:?}");
}

#[test]
fn a_read_is_served_once_its_index_is_applied_or_its_time_is_over() {
    let bench = Bench::new(NEVER);
    let seen = Arc::new(Lock::new(Vec::new()));
    let read = |index, timeout| {
        let seen = Arc::clone(&seen);
        let run: Reading<Adder> = Box::new(move |held| seen.lock().push(held.map(|held| held.state.sum)));
        Command::Read { index: Index(index), timeout: Duration::from_millis(timeout), run }
    };
    bench.tell([read(2, 5_000), read(3, 20), apply(1, vec![open()])]);
    assert_eq!(*seen.lock(), []);
    bench.tell([apply(2, vec![add(1, 1, 5)])]);
    assert_eq!(*seen.lock(), [Ok(5)]);
    bench.time.run_for(Duration::from_millis(30), &mut ());
    assert_eq!(*seen.lock(), [Ok(5), Err(Failure::Unknown)]);
}

#[test]
fn a_read_whose_closure_panics_harms_nobody_else() {
    let bench = Bench::new(NEVER);
    let run: Reading<Adder> = Box::new(|_| panic!("the caller's own"));
    bench.tell([Command::Read { index: Index(0), timeout: Duration::from_secs(1), run }]);
    bench.tell([apply(1, vec![open(), add(1, 1, 5)])]);
    assert_eq!((bench.sum(), bench.failures()), ((5, Index(2)), vec![]));
}

#[test]
fn a_snapshot_is_taken_by_count_or_by_bytes_and_holds_the_sessions() {
    for policy in [Policy { entries: 3, bytes: u64::MAX }, Policy { entries: u64::MAX, bytes: 20 }] {
        let bench = Bench::new(policy);
        bench.tell([apply(1, vec![open(), add(1, 1, 5), add(1, 2, 6)])]);
        let heard = bench.heard.lock();
        let [Word::Snapshotted { at, .. }] = heard[..] else { panic!("{heard:?}") };
        assert_eq!(at, LogId::new(1, 3));
        let restored = snapshot::restore(&bench.snapshots, at, 9, &bench.shared.restore).expect("it is whole");
        assert_eq!((restored.state.sum, restored.sessions.len()), (11, 1));
    }
}

/// Each stays on the disk until a mark behind it is durable.
#[test]
fn no_other_snapshot_is_written_before_the_mark_of_the_last_one_is_durable() {
    let bench = Bench::new(Policy { entries: 1, bytes: u64::MAX });
    let written = || {
        let heard = bench.heard.lock();
        let of = |word: &Word| if let Word::Snapshotted { at, .. } = word { Some(at.index.0) } else { None };
        heard.iter().filter_map(of).collect::<Vec<_>>()
    };
    bench.tell([apply(1, vec![open()])]);
    bench.tell([apply(2, vec![add(1, 1, 5)])]);
    bench.tell([apply(3, vec![add(1, 2, 6)])]);
    assert_eq!(written(), [1]);
    bench.tell([Command::Marked(LogId::new(1, 1))]);
    assert_eq!(written(), [1, 3], "though nothing more is applied");
    // One that was brought since stands for it.
    bench.tell([Command::Marked(LogId::new(1, 9))]);
    bench.tell([apply(4, vec![add(1, 3, 7)])]);
    assert_eq!(written(), [1, 3, 4]);
}

/// The checksums are right: it was written so.
#[test]
fn a_snapshot_that_makes_no_sense_is_no_fault_of_the_disk_and_its_part_is_named() {
    let mut sessions = Vec::new();
    Sessions::<u64>::new(9).encode(&mut sessions);
    let mut good = vec![sessions.len() as u8];
    good.extend(sessions);
    let cases: [(&[u8], &str); 5] = [
        (&[], "its head"),
        (&[0xff; 11], "its head"),
        (&[3, 0xff, 0xff, 0xff], "its sessions"),
        (&good, "its state"),
        (&[&good[..], b"short"].concat(), "its state"),
    ];
    for (bytes, part) in cases {
        let (bench, at) = (Bench::new(NEVER), LogId::new(1, 3));
        let members = snapshot::encode_membership(&Membership::default());
        let mut taking = bench.snapshots.take(at, members).expect("there is room");
        taking.write_all(bytes).and_then(|()| taking.finish().map_err(io::Error::other)).expect("there is room");
        let restored = snapshot::restore(&bench.snapshots, at, 9, &bench.shared.restore).map(|_| ());
        let why = restored.expect_err("it makes no sense").to_string();
        assert!(why.contains(part) && !why.contains("the disk failed"), "{part}: {why}");
    }
}

#[test]
fn a_snapshot_that_has_rotted_is_a_fault_of_the_disk() {
    let (disk, at) = (Arc::new(SimulatedDisk::new(1)), LogId::new(1, 3));
    let snapshots = Snapshots::new(Arc::clone(&disk), ClusterId(1)).expect("an empty directory");
    let members = snapshot::encode_membership(&Membership::default());
    let mut taking = snapshots.take(at, members).expect("there is room");
    let mut bytes = Vec::new();
    Sessions::<u64>::new(9).encode(&mut bytes);
    bytes.insert(0, bytes.len() as u8);
    bytes.resize(1_000, 7);
    taking.write_all(&bytes).and_then(|()| taking.finish().map_err(io::Error::other)).expect("there is room");
    disk.rot(&format::name(at), 500, 1);
    let restored = snapshot::restore(&snapshots, at, 9, &shared().restore).map(|_| ());
    let why = restored.expect_err("it is damaged").to_string();
    assert!(why.contains("the disk failed") && why.contains("is damaged"), "{why}");
}

#[test]
fn a_snapshot_whose_writer_panics_stops_the_machine() {
    let bench = Bench::new(Policy { entries: 2, bytes: u64::MAX });
    bench.tell([apply(1, vec![open(), add(1, 1, UNWRITABLE)])]);
    let failures = bench.failures();
    assert!(failures.len() == 1 && failures[0].contains("no snapshot holds"), "{failures:?}");
}
