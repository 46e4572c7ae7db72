//! The automaton that owns the state: applies what is committed, snapshots, restores, serves reads.
//!
//! ```text
//!                 Apply, Read                    the entries are gone: a later snapshot was installed
//!     Current ◀──┐          ──────────────────────────────────────────────────────────▶ Behind
//!        ▲  └────┘                                                                        │ ▲  │ Apply: skipped
//!        └──────────────────────────── Install ───────────────────────────────────────────┘ └──┘
//! ```
//! It has a thread of its own, since a slow `apply` must not silence heartbeats. A snapshot is written by a child, while
//! commands go on being applied. What came of a turn's commands is told at the end of it, all at once.

use super::Codec;
use super::command::{Caller, Name, Open};
use super::sessions::{Sessions, Verdict};
use super::snapshot;
use super::state_machine::{Applied, StateMachine};
use super::view::Held;
use crate::fsm::{Address, Automaton, Context, End, Input, WeakAddress};
use crate::raft::consensus::{Committed, Membership};
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::peer::{Failure, Shared};
use crate::raft::replica::in_flight::{Came, Told};
use crate::raft::storage::{Disk, Error, Reader, Snapshot, Snapshots};
use crate::raft::{Entry, EntryKind, Index, LogId, Time};
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// How many bytes of entries are read back at once.
const READ_BYTES: usize = 1 << 20;

/// A read: what to do with the state, or why it cannot be.
pub(crate) type Reading<S> = Box<dyn FnOnce(Result<&Held<S>, Failure>) + Send>;

/// Looks at the state and its sessions behind each entry that is applied.
pub(crate) type Watcher<S> = Box<dyn FnMut(Index, &S, &Sessions<<S as StateMachine>::Reply>) + Send>;

/// What came of an entry, and which it was.
type Named<R> = (Name, Came<R>);

/// What the machine is told.
pub(crate) enum Command<S> {
    /// These are committed, and durable here.
    Apply(Committed),
    /// Go on from this snapshot.
    Install(LogId),
    /// Serve once this is applied, unless that takes longer.
    Read { index: Index, timeout: Duration, run: Reading<S> },
    /// The child has written a snapshot, or not.
    Written(Result<Snapshot, Error>),
    /// That child has ended.
    WriterEnded(End),
    /// The mark of this snapshot is durable: another may be written, though nothing more is committed.
    Marked(LogId),
    /// Some read may have waited too long.
    Overdue,
}

/// What the machine says.
#[derive(Debug)]
pub(crate) enum Word {
    /// There are tickets to be tried.
    Look,
    /// A snapshot's file is whole and durable.
    Snapshotted { at: LogId, membership: Membership },
    /// It cannot go on.
    Failed(String),
}

/// Whether the next entry can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Applies.
    Current,
    /// Waits for a snapshot: entries that were to be applied are gone.
    Behind,
    /// It cannot go on.
    Failed,
}

/// When to take a snapshot: after so many entries, or so many bytes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

/// The state's owner.
pub(crate) struct Machine<S: StateMachine, K: Reader, D: Disk, C: Send + 'static> {
    pub(crate) sessions: Sessions<S::Reply>,
    /// The last entry that is applied.
    pub(crate) applied: LogId,
    /// In force there.
    pub(crate) membership: Membership,
    pub(crate) reader: K,
    pub(crate) snapshots: Snapshots<D>,
    pub(crate) policy: Policy,
    /// Entries and bytes applied since the last snapshot.
    pub(crate) since: (u64, u64),
    /// The child that is writing a snapshot.
    pub(crate) writer: Option<Address<()>>,
    /// Where the last one ends that was written, and the last of which the mark is known to be durable.
    pub(crate) written: Index,
    pub(crate) marked: Index,
    pub(crate) shared: Arc<Shared<S>>,
    pub(crate) replica: WeakAddress<C>,
    pub(crate) say: fn(Word) -> C,
    /// By the index that they wait for, and the order in which they came.
    pub(crate) reads: BTreeMap<(Index, u64), (Time, Reading<S>)>,
    pub(crate) reads_seen: u64,
    /// When a timer will give up those that have waited too long.
    pub(crate) watch: Option<Time>,
    /// What came of this turn's entries.
    pub(crate) came: Vec<Named<S::Reply>>,
    pub(crate) watcher: Option<Watcher<S>>,
}

impl<S: StateMachine, K: Reader, D: Disk, C: Send + 'static> Machine<S, K, D, C> {
    fn tell(&self, word: Word) {
        if let Some(replica) = self.replica.upgrade() {
            // A replica that is gone asks for nothing.
            let _ = replica.post((self.say)(word));
        }
    }

    fn fail(&self, why: String) -> State {
        self.tell(Word::Failed(why));
        State::Failed
    }

    fn apply(&mut self, committed: Committed) -> Result<State, String> {
        match committed {
            Committed::Entries { first, entries } => {
                assert_eq!(first, self.applied.index.next(), "R12: entries are applied in order, each once");
                self.apply_all(&entries)?;
                Ok(State::Current)
            }
            Committed::Range(range) => self.apply_range(range),
        }
    }

    fn apply_range(&mut self, range: Range<Index>) -> Result<State, String> {
        assert_eq!(range.start, self.applied.index.next(), "R12: entries are applied in order, each once");
        while self.applied.index.next() < range.end {
            let mut entries = Vec::new();
            let rest = self.applied.index.next()..range.end;
            match self.reader.read(rest, READ_BYTES, &mut |entry| entries.push(entry)) {
                Ok(()) => self.apply_all(&entries)?,
                Err(Error::Gone) => {
                    mark!("machine-left-behind");
                    return Ok(State::Behind);
                }
                Err(error) => return Err(format!("entry {}: {error}", self.applied.index.next())),
            }
        }
        Ok(State::Current)
    }

    fn apply_all(&mut self, entries: &[Entry]) -> Result<(), String> {
        let awaited = !self.shared.flight.lock().is_empty();
        let held = Arc::clone(&self.shared.held);
        let mut held = held.write();
        for entry in entries {
            let index = self.applied.index.next();
            let came = self.apply_one(&mut held.state, entry, index)?;
            self.applied = LogId { term: entry.term, index };
            held.applied = self.applied;
            if let Some(watcher) = &mut self.watcher {
                watcher(index, &held.state, &self.sessions);
            }
            self.since = (self.since.0 + 1, self.since.1 + entry.bytes.len() as u64);
            if awaited {
                self.came.extend(came);
            }
        }
        self.shared.gauges.applied(self.applied.index);
        self.shared.gauges.sessions(self.sessions.len());
        Ok(())
    }

    fn apply_one(&mut self, state: &mut S, entry: &Entry, index: Index) -> Result<Option<Named<S::Reply>>, String> {
        // A peer that skipped what it cannot read, beside one that can, would fork the state.
        let unreadable =
            || format!("entry {index} ({:?}) does not decode; was it written by another version?", entry.kind);
        match entry.kind {
            EntryKind::Blank => Ok(None),
            EntryKind::Membership => {
                self.membership = Membership::decode(&entry.bytes).ok_or_else(unreadable)?;
                Ok(None)
            }
            EntryKind::Open => {
                let open = Open::of(&entry.bytes).ok_or_else(unreadable)?;
                Ok(Some((Name::Open(open.nonce), Came::Opened(self.sessions.open(open, index)))))
            }
            EntryKind::Command => {
                let (caller, command) = Caller::of(&entry.bytes).ok_or_else(unreadable)?;
                let name = Name::Command(caller.session, caller.sequence);
                let verdict = self.sessions.judge(caller, index);
                let came = match mutate!(SessionsOff, verdict, Verdict::New) {
                    Verdict::New => {
                        let command = S::Command::from_bytes(command).ok_or_else(unreadable)?;
                        let reply = state.apply(command, Applied::new(index, entry.term));
                        self.sessions.keep(caller, index, reply.clone());
                        Came::Replied(index, reply)
                    }
                    Verdict::Known(at, reply) => Came::Replied(at, reply),
                    Verdict::Expired => Came::Expired,
                };
                Ok(Some((name, came)))
            }
        }
    }

    fn install(&mut self, at: LogId) -> Result<State, String> {
        let restored = snapshot::restore(&self.snapshots, at, self.shared.limits.sessions_max, &self.shared.restore);
        let restored = match restored {
            Ok(restored) => restored,
            // A newer one was installed meanwhile: it stands behind this in the queue.
            Err(Error::Gone) if self.snapshots.replaced(at) => {
                mark!("install-overtaken");
                return Ok(State::Behind);
            }
            Err(Error::Gone) => return Err(format!("the snapshot at {at:?} is gone, and none has replaced it")),
            Err(error) => return Err(error.to_string()),
        };
        mark!("state-installed");
        mark!("state-installed-with-tickets-open", !self.shared.flight.lock().is_empty());
        (self.sessions, self.membership, self.applied) = (restored.sessions, restored.membership, at);
        *self.shared.held.write() = Held { state: restored.state, applied: at };
        self.since = (0, 0);
        self.settle();
        self.shared.flight.lock().installed();
        self.shared.gauges.applied(at.index);
        self.shared.gauges.sessions(self.sessions.len());
        Ok(State::Current)
    }

    /// Tells what came of the entries applied so far.
    fn settle(&mut self) {
        if self.came.is_empty() {
            return;
        }
        let mut told = Told::default();
        let mut flight = self.shared.flight.lock();
        let mut look = false;
        for (name, came) in self.came.drain(..) {
            look |= flight.applied(name, came, &mut told);
        }
        drop(flight);
        told.tell();
        if look {
            self.tell(Word::Look);
        }
    }

    fn serve(&mut self) {
        if self.reads.first_key_value().is_none_or(|((index, _), _)| self.applied.index < *index) {
            return;
        }
        let held = self.shared.held.read();
        while let Some(first) = self.reads.first_entry()
            && first.key().0 <= self.applied.index
        {
            let (_, run) = first.remove();
            // A closure that panics loses its own answer, and nothing else: it could only look.
            let _ = catch_unwind(AssertUnwindSafe(|| run(Ok(&held))));
        }
    }

    fn on_read(&mut self, index: Index, timeout: Duration, run: Reading<S>, context: &mut Context<Self>) {
        let until = context.now().after(timeout);
        self.reads_seen += 1;
        self.reads.insert((index, self.reads_seen), (until, run));
        if self.applied.index < index {
            mark!("read-waits-to-be-applied");
            self.watch(until, context);
        }
    }

    /// Gives up the reads that have waited long enough; comes again for the others.
    fn overdue(&mut self, context: &mut Context<Self>) {
        let now = context.now();
        let late: Vec<(Index, u64)> =
            self.reads.iter().filter(|(_, (until, _))| *until <= now).map(|(key, _)| *key).collect();
        for key in late {
            mark!("read-overdue-at-the-machine");
            if let Some((_, run)) = self.reads.remove(&key) {
                run(Err(Failure::Unknown));
            }
        }
        let next = self.reads.values().map(|(until, _)| *until).min();
        self.watch = None;
        if let Some(until) = next {
            self.watch(until, context);
        }
    }

    fn watch(&mut self, until: Time, context: &mut Context<Self>) {
        if self.watch.is_none_or(|armed| until < armed) {
            self.watch = Some(until);
            context.at(until, Command::Overdue);
        }
    }

    /// None is begun before the mark of the last one is durable: each stays until then, and while the disk stands still they
    /// would be as many as there are entries to apply.
    fn snapshot_by_policy(&mut self, context: &mut Context<Self>) {
        let due = self.policy.entries <= self.since.0 || self.policy.bytes <= self.since.1;
        if self.writer.is_some() || self.since.0 == 0 || !due {
            return;
        }
        let waits = self.marked < self.written;
        mark!("snapshot-waits-for-the-mark-of-the-last", waits);
        if mutate!(SnapshotsUnmarked, waits, false) {
            return;
        }
        let members = snapshot::encode_membership(&self.membership);
        let held = self.shared.held.read();
        let snapshots = self.snapshots.clone();
        let write = snapshot::prepare(&held.state, &self.sessions, snapshots, self.applied, members);
        drop(held);
        mark!("snapshot-begun");
        mark!("snapshot-begun-for-its-bytes", self.since.0 < self.policy.entries);
        self.since = (0, 0);
        let writer = Writer { write: Some(Box::new(write)), machine: context.weak() };
        let writer = context.builder(writer, ()).name("snapshot").guard(self.shared.guard()).spawn();
        context.watch(&writer, Command::WriterEnded);
        self.shared.can_kill(&writer);
        self.writer = Some(writer);
    }

    fn on_written(&mut self, written: Result<Snapshot, Error>) -> Result<(), String> {
        self.writer = None;
        match written {
            Ok(Snapshot { at, membership }) => {
                self.written = at.index;
                let membership = Membership::decode(&membership).expect("a membership that was encoded here decodes");
                self.tell(Word::Snapshotted { at, membership });
                Ok(())
            }
            // The log stays long, and the next one is tried when its time comes.
            Err(Error::Full) => {
                mark!("snapshot-without-room");
                Ok(())
            }
            Err(error) => Err(format!("snapshot: {error}")),
        }
    }

    fn on_command(&mut self, state: State, command: Command<S>, context: &mut Context<Self>) -> Result<State, String> {
        match (state, command) {
            (State::Failed, _) => return Ok(State::Failed),
            (State::Current, Command::Apply(committed)) => return self.apply(committed),
            (State::Behind, Command::Apply(_)) => {}
            (State::Current | State::Behind, Command::Install(at)) => return self.install(at),
            (State::Current | State::Behind, Command::Read { index, timeout, run }) => {
                self.on_read(index, timeout, run, context);
            }
            (State::Current | State::Behind, Command::Written(written)) => self.on_written(written)?,
            // By the user's own code; else it has said what came of it, or the whole peer is killed.
            (State::Current | State::Behind, Command::WriterEnded(End::Panicked(panic))) => {
                return Err(format!("snapshot: {}", panic.message()));
            }
            (State::Current | State::Behind, Command::WriterEnded(End::Exited | End::Killed)) => {}
            // One that was brought meanwhile may be newer than what is being written.
            (State::Current | State::Behind, Command::Marked(at)) => self.marked = self.marked.max(at.index),
            (State::Current | State::Behind, Command::Overdue) => self.overdue(context),
        }
        Ok(state)
    }
}

impl<S: StateMachine, K: Reader, D: Disk, C: Send + 'static> Automaton for Machine<S, K, D, C> {
    type State = State;
    type Command = Command<S>;

    fn next(&mut self, state: State, input: Input<Self>, context: &mut Context<Self>) -> State {
        match input {
            Input::Command(command) => self.on_command(state, command, context).unwrap_or_else(|why| self.fail(why)),
            Input::Start | Input::Transition { .. } | Input::Drain | Input::Exit => state,
        }
    }

    fn flush(&mut self, state: &mut State, context: &mut Context<Self>) {
        self.settle();
        match state {
            State::Current => {
                self.serve();
                self.snapshot_by_policy(context);
            }
            State::Behind | State::Failed => {}
        }
    }

    fn label(state: &State) -> &'static str {
        match state {
            State::Current => "current",
            State::Behind => "behind",
            State::Failed => "failed",
        }
    }
}

/// Writes one snapshot, then is gone.
struct Writer<S: Send + 'static> {
    write: Option<Box<dyn FnOnce() -> Result<Snapshot, Error> + Send>>,
    machine: WeakAddress<Command<S>>,
}

impl<S: Send + 'static> Automaton for Writer<S> {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        if let (Input::Start, Some(write)) = (input, self.write.take()) {
            let written = context.blocking(write);
            if let Some(machine) = self.machine.upgrade() {
                // A machine that is gone takes no snapshots.
                let _ = machine.post(Command::Written(written));
            }
            context.stop();
        }
    }
}
