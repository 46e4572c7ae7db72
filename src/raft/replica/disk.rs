//! The automaton that owns the store: what waits is written and synced at once, while the replica goes on.
//!
//! ```text
//!             Write: stage, and flush as the turn ends      who flushes at once says Durable to itself,
//!    Idle ──────────────────────────────────────────> Writing ──┐          and a store that returns early wakes us
//!     ▲  ▲                                             │  ▲ │   │ Write: stage too
//!     │  │        Durable: all of it is durable        │  └─┼───┘
//!     │  └─────────────────────────────────────────────┘    │ any fault
//!     └ after 10 ms: an anchor                               ▼
//!       between flushes: the next segment                 Failed          for good: what reached the disk is not known
//! ```
//! A flush comes as a turn ends, which has taken all that waited, up to a batch: so a burst is one write and one sync, or a few, and
//! nothing ever lingers.
//! A record that finds no room on the disk waits, and all that comes after it, until there is some: nothing is promised
//! meanwhile, and nothing is lost. Room is sought once a second, and when something was removed: each try fills the disk
//! to its last byte, and whatever else needs some of it meanwhile finds none.

use crate::fsm::{Automaton, Context, Input, WeakAddress};
use crate::raft::consensus::Record;
use crate::raft::mutant::mutate;
use crate::raft::replica::gauges::Gauges;
use crate::raft::storage::{Disk, Error, Memory, Remark, Snapshots, Storage, Wal};
use crate::raft::{Index, LogId, Seq, Time};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

/// How long the store lies idle before the last flush is testified to.
const ANCHOR_AFTER: Duration = Duration::from_millis(10);
/// How often room is sought on a full disk.
const PREPARE_AGAIN: Duration = Duration::from_secs(1);
/// With less room than this, more of it is sought, or with less than the replica asks for.
const ROOM_WANTED: usize = 1 << 20;

/// What a store does besides, in idle moments. The defaults suit one that needs nothing of it.
pub trait Tended: Storage {
    /// How many times the log was synced since the start.
    fn syncs(&self) -> u64 {
        0
    }

    /// What opening it found that its operator may want to know.
    fn remarks(&self) -> Vec<Remark> {
        Vec::new()
    }

    /// About 10 ms after a flush, if nothing came meanwhile.
    ///
    /// # Errors
    /// Any; after one, the store is poisoned.
    fn idle(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Between two flushes: a slice of the next segment. Whether more of it is to be done: no, if the disk had no room for
    /// it since the last [`seek`](Tended::seek).
    ///
    /// # Errors
    /// Any; after one, the store is poisoned.
    fn prepare(&mut self) -> Result<bool, Error> {
        Ok(false)
    }

    /// Whether [`prepare`](Tended::prepare) has nothing to do. While it says false `prepare` is called after each flush.
    fn is_prepared(&self) -> bool {
        false
    }

    /// There may be room again on a full disk.
    fn seek(&mut self) {}

    /// A mark is to come: what stands in front of it may take what is kept for marks. False if it might before, or if
    /// nothing is kept.
    fn spend(&mut self) -> bool {
        false
    }
}

impl Tended for Memory {
    fn is_prepared(&self) -> bool {
        true
    }
}

impl<D: Disk> Tended for Wal<D> {
    fn syncs(&self) -> u64 {
        Wal::syncs(self)
    }
    fn remarks(&self) -> Vec<Remark> {
        Wal::remarks(self).to_vec()
    }
    fn idle(&mut self) -> Result<(), Error> {
        Wal::idle(self)
    }
    fn prepare(&mut self) -> Result<bool, Error> {
        Wal::prepare(self)
    }
    fn is_prepared(&self) -> bool {
        Wal::is_prepared(self)
    }
    fn seek(&mut self) {
        Wal::seek(self);
    }
    fn spend(&mut self) -> bool {
        Wal::spend(self)
    }
}

/// What the store is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Stage these; say once they are durable.
    Write { records: Vec<(Seq, Record)>, commit: Index },
    /// Entries before this one will not be read again.
    Release(Index),
    /// The store's own `durable` may have moved, or a flush has failed.
    Durable,
    /// Nothing has come for a while.
    Anchor,
    /// There may be a slice of the next segment to make.
    Prepare,
    /// There may be room again on a full disk.
    Seek,
}

/// What the store says.
#[derive(Debug)]
pub(crate) enum Word {
    /// Everything up to this is durable, and so many bytes of entries fit still.
    Persisted(Seq, usize),
    /// So many bytes of entries fit: more than was said last, or none.
    Room(usize),
    /// The mark of this snapshot is durable, and older ones are gone.
    Marked(LogId),
    /// A write or a sync has failed.
    Failed(String),
}

/// Whether something is on its way.
#[derive(Debug)]
pub(crate) enum State {
    /// Everything is durable.
    Idle,
    /// Up to this is staged, up to that given to the store to sync.
    Writing { staged: Seq, flushing: Option<Seq> },
    /// A write or a sync has failed.
    Failed,
}

/// The store, its snapshots, and whom to tell.
pub(crate) struct Keeper<T: Tended, D: Disk, C: Send + 'static> {
    pub(crate) store: T,
    pub(crate) snapshots: Snapshots<D>,
    pub(crate) replica: WeakAddress<C>,
    pub(crate) say: fn(Word) -> C,
    pub(crate) gauges: Arc<Gauges>,
    /// The marks among what is staged: once one is durable, older snapshots go.
    pub(crate) marked: VecDeque<(Seq, LogId)>,
    pub(crate) preparing: bool,
    /// When the flush began that is on its way.
    pub(crate) began: Option<Time>,
    /// Why it has failed.
    pub(crate) fault: Option<Error>,
    /// A timer will seek room.
    pub(crate) seeking: bool,
    /// What was said last of the room that there is.
    pub(crate) room: usize,
    /// With less than this the replica leads nobody, and takes in nothing.
    pub(crate) room_min: usize,
    /// These found no room, or stand behind what found none.
    pub(crate) waiting: VecDeque<(Seq, Record)>,
    /// The first of these was refused, and nothing has happened since that would make room.
    pub(crate) refused: bool,
}

impl<T: Tended, D: Disk, C: Send + 'static> Keeper<T, D, C> {
    fn tell(&self, word: Word) {
        if let Some(replica) = self.replica.upgrade() {
            // A replica that is gone asks for nothing.
            let _ = replica.post((self.say)(word));
        }
    }

    /// Of a flush that has failed its own error is told, and not that of who came by it first.
    fn fail(&mut self, error: Error) -> State {
        let error = self.fault.take().unwrap_or(error);
        self.tell(Word::Failed(error.to_string()));
        State::Failed
    }

    /// A state behind one that has found no room takes its place: it tells all that the other did, and its number, once it
    /// is durable, covers the other's. What is kept for marks would not do for terms without end.
    fn wait(&mut self, seq: Seq, record: Record) {
        match (self.waiting.back_mut(), &record) {
            (Some(last @ (_, Record::State { .. })), Record::State { .. }) if self.refused => *last = (seq, record),
            _ => self.waiting.push_back((seq, record)),
        }
    }

    /// Stages what waits, as far as there is room.
    fn stage(&mut self, state: State, context: &mut Context<Self>) -> Result<State, Error> {
        let mut last = None;
        self.refused = self.refused && !self.spend();
        while !self.refused
            && let Some((seq, record)) = self.waiting.front()
        {
            match self.store.stage(record) {
                Err(Error::Full) => {
                    self.refused = !self.spend();
                    continue;
                }
                staged => staged?,
            }
            if let Record::Mark { at } = record {
                self.marked.push_back((*seq, *at));
            }
            last = Some(*seq);
            self.waiting.pop_front();
        }
        self.tell_none();
        self.seek_later(context);
        let Some(last) = last else { return Ok(state) };
        Ok(match state {
            State::Idle => State::Writing { staged: last, flushing: None },
            State::Writing { flushing, .. } => State::Writing { staged: last, flushing },
            State::Failed => State::Failed,
        })
    }

    /// A mark that waits behind a vote: where the last of the room has gone, nothing else makes any.
    /// Behind entries it would wait all the same.
    fn spend(&mut self) -> bool {
        let is_behind_entries = matches!(self.waiting.front(), Some((_, Record::Entries { .. })));
        !is_behind_entries
            && self.waiting.iter().any(|(_, record)| matches!(record, Record::Mark { .. }))
            && self.store.spend()
    }

    fn room_left(&self) -> usize {
        if self.waiting.is_empty() { self.store.room() } else { 0 }
    }

    fn is_short(&self) -> bool {
        self.room_left() < self.room_min.max(ROOM_WANTED)
    }

    /// What the store says is durable now is told.
    fn settle(&mut self, staged: Seq, flushing: Seq, context: &mut Context<Self>) -> Result<State, Error> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let durable = self.store.durable()?;
        self.gauges.syncs(self.store.syncs());
        if durable < flushing {
            return Ok(State::Writing { staged, flushing: Some(flushing) });
        }
        if let Some(began) = self.began.take() {
            self.gauges.flushed(context.now().since(began));
        }
        if !self.seeking && self.is_short() {
            self.seek();
        }
        // Only what is there already is promised: so who is short of it waits for the next segment.
        while self.is_short() && self.store.prepare()? {}
        self.room = self.room_left();
        self.tell(Word::Persisted(durable, self.room));
        // Not once all that is staged is durable: under a steady load there is always more.
        let known = self.marked.partition_point(|(seq, _)| *seq <= durable);
        let newest = self.marked.drain(..known).next_back();
        if let Some((_, at)) = newest {
            self.snapshots.keep(at)?;
            self.tell(Word::Marked(at));
            self.seek();
        }
        // The flush itself may have taken the last of it, and nothing more may ever be written.
        self.seek_later(context);
        self.prepare_soon(context);
        Ok(if durable < staged { State::Writing { staged, flushing: None } } else { State::Idle })
    }

    /// Whether all of it is durable already.
    fn flush_store(&mut self, staged: Seq) -> Result<bool, Error> {
        self.store.flush(staged)?;
        Ok(staged <= self.store.durable()?)
    }

    /// More room than was said is said: who has heard of little takes nothing in, and would never write again.
    fn tell_room(&mut self) {
        let room = self.room_left();
        if self.room < room {
            self.room = room;
            mutate!(RoomUntold, self.tell(Word::Room(room)), ());
        }
    }

    /// What finds no room when nothing is on its way, no flush would tell.
    fn tell_none(&mut self) {
        if !self.waiting.is_empty() && self.room != 0 {
            self.room = 0;
            self.tell(Word::Room(0));
        }
    }

    /// There may be room again.
    fn seek(&mut self) {
        self.refused = false;
        self.store.seek();
    }

    fn seek_later(&mut self, context: &mut Context<Self>) {
        if !self.seeking && self.is_short() {
            self.seeking = true;
            context.after(PREPARE_AGAIN, Command::Seek);
        }
    }

    /// What waits tries first: what has found no room then is not sought a second time.
    fn seek_room(&mut self, state: State, context: &mut Context<Self>) -> Result<State, Error> {
        self.seek();
        let state = self.stage(state, context)?;
        self.tell_room();
        self.prepare_soon(context);
        Ok(state)
    }

    fn prepare_soon(&mut self, context: &mut Context<Self>) {
        if !self.preparing && (!self.store.is_prepared() || !self.waiting.is_empty()) {
            self.preparing = context.post(Command::Prepare).is_ok();
        }
    }

    fn on_command(&mut self, state: State, command: Command, context: &mut Context<Self>) -> Result<State, Error> {
        match (state, command) {
            (State::Failed, _) => Ok(State::Failed),
            (state @ (State::Idle | State::Writing { .. }), Command::Write { records, commit }) => {
                self.store.commit(commit);
                records.into_iter().for_each(|(seq, record)| self.wait(seq, record));
                self.stage(state, context)
            }
            (state @ (State::Idle | State::Writing { .. }), Command::Release(keep)) => {
                self.store.release(keep)?;
                self.seek_room(state, context)
            }
            (State::Writing { staged, flushing: Some(flushing) }, Command::Durable) => {
                self.settle(staged, flushing, context)
            }
            (state @ (State::Idle | State::Writing { flushing: None, .. }), Command::Durable) => Ok(state),
            (State::Idle, Command::Anchor) => self.store.idle().map(|()| State::Idle),
            (state @ State::Writing { .. }, Command::Anchor) => Ok(state),
            (state @ (State::Idle | State::Writing { .. }), Command::Prepare) => {
                self.preparing = false;
                if self.store.prepare()? {
                    self.prepare_soon(context);
                    return Ok(state);
                }
                let state = self.stage(state, context)?;
                self.tell_room();
                Ok(state)
            }
            (state @ (State::Idle | State::Writing { .. }), Command::Seek) => {
                self.seeking = false;
                self.seek_room(state, context)
            }
        }
    }
}

impl<T: Tended, D: Disk, C: Send + 'static> Automaton for Keeper<T, D, C> {
    type State = State;
    type Command = Command;

    fn next(&mut self, state: State, input: Input<Self>, context: &mut Context<Self>) -> State {
        match (state, input) {
            (state, Input::Start) => {
                self.store.on_durable(waker(context.weak()));
                // Whatever there is to prepare: how much room there is shall be told, too.
                self.preparing = context.post(Command::Prepare).is_ok();
                state
            }
            (state, Input::Command(command)) => {
                self.on_command(state, command, context).unwrap_or_else(|error| self.fail(error))
            }
            (State::Idle, Input::Transition { .. }) => {
                context.state_timeout(ANCHOR_AFTER, Command::Anchor);
                State::Idle
            }
            (State::Writing { staged, .. }, Input::Exit) => {
                // Nobody waits for it any more; whatever was promised was durable before.
                let _ = self.store.flush(staged);
                State::Idle
            }
            (state @ (State::Writing { .. } | State::Failed), Input::Transition { .. })
            | (state @ (State::Idle | State::Failed), Input::Exit)
            | (state, Input::Drain) => state,
        }
    }

    /// What was staged is flushed, unless a flush is on its way.
    fn flush(&mut self, state: &mut State, context: &mut Context<Self>) {
        let State::Writing { staged, flushing: flushing @ None } = state else { return };
        (*flushing, self.began) = (Some(*staged), Some(context.now()));
        let is_over = self.flush_store(*staged).unwrap_or_else(|fault| {
            self.fault = Some(fault);
            true
        });
        if is_over {
            // What follows is for the next turn, which has a time of its own. Refused only while the automaton drains.
            let _ = context.post(Command::Durable);
        }
    }

    fn label(state: &State) -> &'static str {
        match state {
            State::Idle => "idle",
            State::Writing { .. } => "writing",
            State::Failed => "failed",
        }
    }
}

/// Posts `Durable` when woken.
struct Woken(WeakAddress<Command>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        if let Some(keeper) = self.0.upgrade() {
            // A keeper that is gone owes nobody a word.
            let _ = keeper.post(Command::Durable);
        }
    }
}

fn waker(keeper: WeakAddress<Command>) -> Waker {
    Arc::new(Woken(keeper)).into()
}

#[cfg(test)]
mod tests;
