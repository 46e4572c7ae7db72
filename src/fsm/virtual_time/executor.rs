//! Who goes next, and when nobody can, to when time jumps.

use super::clock::Clock;
use super::lives::Lives;
use super::node_clock::{NodeClock, read};
use super::own::Own;
use super::ready::Ready;
use super::trace::{Difference, Record, Rolling, Step, Trace, What};
use super::{VirtualTime, World};
use crate::fsm::CellId;
use crate::fsm::automaton::Panic;
use crate::fsm::cell::Node;
use crate::fsm::runner::{Home, HomeRef, Task};
use crate::fsm::tape::Tape;
use crate::fsm::timers::Timers;
use crate::fsm::turn::{Limit, Report};
use crate::fsm::word::{Duty, KILL};
use crate::mix::mix;
use crate::sync::park::NoSleep;
use crate::sync::shim::{AtomicBool, AtomicU64, Ordering};
use crate::time::Time;
use std::collections::BinaryHeap;
use std::sync::{Arc, Weak};

/// Purposes of draws under a seed.
const ORDER: u64 = 1;
const LENGTH: u64 = 2;
/// The world, among cells.
const WORLD: CellId = CellId(0);

/// What all handles and homes of one virtual time share.
pub(super) struct Executor {
    seed: u64,
    /// The seed of who goes next, and the seed of how long a turn is.
    order: u64,
    length: u64,
    /// It takes its choices from a trace.
    replays: bool,
    /// True time, moved by the thread that steps alone.
    now: Arc<AtomicU64>,
    roots: Arc<AtomicU64>,
    tape: Arc<Tape>,
    clocks: Own<Vec<Arc<NodeClock>>>,
    /// The true time of the earliest deadline of all clocks, as it was when they were looked at last.
    deadline: AtomicU64,
    /// One of them has changed since.
    stirred: Arc<AtomicBool>,
    state: Own<State>,
    /// An automaton has panicked, and nobody was told.
    panicked: AtomicBool,
}

/// Everything that steps change. Never locked while code of a user's runs.
struct State {
    /// The one of the least key goes, then of the least cell.
    ready: BinaryHeap<Ready>,
    lives: Lives,
    steps: u64,
    events: u64,
    hash: Rolling,
    kept: Option<Vec<Record>>,
    replay: Option<Replay>,
    panic: Option<(String, Panic)>,
    /// The last handle is gone: what comes now is dropped.
    closed: bool,
}

struct Replay {
    trace: Trace,
    difference: Option<Difference>,
    /// `None`: each step is as it is traced, or it is a difference.
    lenient: Option<Lenient>,
}

/// How far a replay has come that passes over what is not possible.
#[derive(Default)]
struct Lenient {
    /// The first record that it has not passed.
    next: usize,
    /// When the next record takes place, if that is later.
    awaits: Option<Time>,
    /// Others have something to do, but nobody whom a record names.
    stuck: bool,
}

/// What a step will be.
enum Choice {
    /// Of the cell whose life is there.
    Turn(Task, Limit, usize),
    World,
}

/// Kills what is left when the last handle is gone.
pub(super) struct Host(pub(super) Arc<Executor>);

impl Drop for Host {
    fn drop(&mut self) {
        let executor = &self.0;
        let everyone = executor.state.enter().everyone();
        for node in everyone {
            match node.signal(KILL) {
                Duty::Nothing => {}
                Duty::Schedule => executor.schedule(Task::new(node)),
            }
        }
        // One after the other: a task that is dropped kills, and what that drops may queue others.
        let next = || executor.state.enter().next_of_the_last();
        while let Some(task) = next() {
            drop(task);
        }
        let clocks = std::mem::take(&mut *executor.clocks.enter());
        drop(clocks);
    }
}

/// Where the cells of one clock live.
struct VirtualHome {
    executor: Arc<Executor>,
    clock: Arc<NodeClock>,
}

impl Home for VirtualHome {
    fn schedule(&self, task: Task) {
        self.executor.schedule(task);
    }

    fn timers(&self) -> &Timers {
        &self.clock.timers
    }

    fn panicked(&self, name: &str, panic: Panic) {
        self.executor.state.enter().panic.get_or_insert_with(|| (name.to_owned(), panic));
        // ORDERING: Relaxed, as in `read`.
        self.executor.panicked.store(true, Ordering::Relaxed);
    }
}

impl Executor {
    pub(super) fn new(seed: u64) -> Executor {
        Executor::with(seed, None)
    }

    pub(super) fn replaying(trace: Trace) -> Executor {
        Executor::with(trace.seed, Some(Replay { trace, difference: None, lenient: None }))
    }

    pub(super) fn replaying_leniently(trace: Trace) -> Executor {
        Executor::with(trace.seed, Some(Replay { trace, difference: None, lenient: Some(Lenient::default()) }))
    }

    fn with(seed: u64, replay: Option<Replay>) -> Executor {
        let state = State {
            ready: BinaryHeap::new(),
            lives: Lives::default(),
            steps: 0,
            events: 0,
            hash: Rolling::default(),
            kept: None,
            replay,
            panic: None,
            closed: false,
        };
        Executor {
            seed,
            order: mix(seed, ORDER, 0),
            length: mix(seed, LENGTH, 0),
            replays: state.replay.is_some(),
            now: Arc::new(AtomicU64::new(0)),
            roots: Arc::new(AtomicU64::new(0)),
            tape: Arc::new(Tape::new()),
            clocks: Own::new(Vec::new()),
            deadline: AtomicU64::new(u64::MAX),
            stirred: Arc::default(),
            state: Own::new(state),
            panicked: AtomicBool::new(false),
        }
    }

    pub(super) fn home(self: Arc<Self>, clock: Clock) -> (Arc<NodeClock>, HomeRef) {
        let clock = Arc::new(NodeClock::new(self.now.clone(), clock, self.stirred.clone()));
        self.clocks.enter().push(clock.clone());
        let (seed, roots, tape) = (self.seed, self.roots.clone(), self.tape.clone());
        let home = VirtualHome { executor: self, clock: clock.clone() };
        (clock, HomeRef::taped(home, seed, roots, tape))
    }

    fn key(&self, cell: CellId, turn: u64) -> u64 {
        mix(self.order, cell.0, turn)
    }

    fn schedule(&self, task: Task) {
        let cell = task.cell();
        let mut state = self.state.enter();
        if state.closed {
            drop(state);
            return drop(task); // it kills, and what it drops is the user's
        }
        let place = state.lives.place(cell);
        let life = state.lives.at(place);
        life.node.get_or_insert_with(|| task.downgrade());
        match &mut life.paused {
            Some(waiting) => *waiting = Some(task),
            None => {
                let key = (self.key(cell, life.turns), cell);
                state.ready.push(Ready { key, place, task });
            }
        }
    }

    /// One step, if it comes at `end` or before.
    pub(super) fn step(&self, time: &VirtualTime, end: Time, world: &mut impl World) -> Option<Record> {
        let choice = loop {
            let wheels = self.fire();
            let events = world.next();
            if let Some(choice) = self.choose(events.is_some_and(|at| at <= self.now())) {
                break choice;
            }
            if self.is_over() {
                return None;
            }
            let events = events.filter(|&at| self.now() < at).unwrap_or(Time::MAX);
            let next = wheels.min(events).min(self.awaits().unwrap_or(Time::MAX));
            if end < next || next == Time::MAX {
                return None;
            }
            self.pass(next);
            // Nobody was ready, and no timer makes anybody so: what a replay chooses must be looked for.
            if events == next && next < wheels && !self.replays {
                break self.state.enter().world();
            }
        };
        let (cell, report, words) = match choice {
            Choice::World => (WORLD, None, world.run(time)),
            Choice::Turn(task, limit, place) => {
                let cell = task.cell();
                let report = {
                    let _awake = NoSleep::new();
                    task.run_within(limit, &|| false)
                };
                (cell, Some((report, place)), world.turned(cell, time))
            }
        };
        self.record(cell, report, words)
    }

    /// Signals whose timers are due, on all clocks; gives the next deadline, `MAX` if there is none. Clocks of which none has
    /// changed are left alone until then.
    fn fire(&self) -> Time {
        // ORDERING: Relaxed here and below, as in `read`.
        if self.stirred.load(Ordering::Relaxed) || self.deadline.load(Ordering::Relaxed) <= self.now().0 {
            self.stirred.store(false, Ordering::Relaxed);
            let deadline = self.clocks.enter().iter().map(|clock| clock.fire()).min().unwrap_or(Time::MAX);
            self.deadline.store(deadline.0, Ordering::Relaxed);
        }
        Time(self.deadline.load(Ordering::Relaxed))
    }

    /// Whether a replay has nothing more to say.
    fn is_over(&self) -> bool {
        if !self.replays {
            return false;
        }
        let state = self.state.enter();
        let records = |replay: &Replay| replay.trace.records.len();
        let over = |replay: &Replay| match &replay.lenient {
            None => replay.difference.is_some() || records(replay) as u64 == state.steps,
            Some(lenient) => lenient.stuck || records(replay) == lenient.next,
        };
        state.replay.as_ref().is_some_and(over)
    }

    /// When the next record takes place that a lenient replay lets time pass for.
    fn awaits(&self) -> Option<Time> {
        if !self.replays {
            return None;
        }
        self.state.enter().replay.as_ref()?.lenient.as_ref()?.awaits
    }

    /// Who goes now; `None` if nobody can.
    fn choose(&self, world_due: bool) -> Option<Choice> {
        let mut state = self.state.enter();
        if let Some(replay) = &state.replay {
            return match replay.lenient {
                None => state.choose_as_traced(world_due),
                Some(_) => state.choose_leniently(world_due, self.now()),
            };
        }
        let first = state.ready.peek().map(|ready| ready.key.0);
        let world = world_due.then(|| self.key(WORLD, state.events));
        match (first, world) {
            (None, None) => None,
            (Some(key), Some(world)) if world < key => Some(state.world()),
            (None, Some(_)) => Some(state.world()),
            (Some(_), _) => {
                let Ready { key: (_, cell), place, task } = state.ready.pop()?;
                let turn = state.turn(place);
                Some(Choice::Turn(task, Limit::Drawn(mix(self.length, cell.0, turn)), place))
            }
        }
    }

    /// Notes a step; `None` if it is the one in which a replay parts from its trace.
    #[inline]
    fn record(&self, cell: CellId, report: Option<(Report, usize)>, world: [u64; 3]) -> Option<Record> {
        let mut state = self.state.enter();
        let what = match report {
            None => What { step: Step::World, commands: 0, kinds: [0; 2], ended: false },
            Some((report, place)) => {
                let life = state.lives.at(place);
                let kinds = report.kinds.map(|kind| life.sight(kind));
                if report.ended {
                    state.lives.remove(cell);
                }
                What { step: Step::Turn, commands: report.commands, kinds, ended: report.ended }
            }
        };
        let record = Record { time: self.now(), number: state.steps, cell, what, world, digest: self.tape.take() };
        state.note(record)
    }

    pub(super) fn now(&self) -> Time {
        read(&self.now)
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Time moves to `time`, unless it is there or beyond.
    pub(super) fn pass(&self, time: Time) {
        // ORDERING: Relaxed, as in `read`.
        self.now.fetch_max(time.0, Ordering::Relaxed);
    }

    pub(super) fn pause(&self, cell: CellId) {
        let mut state = self.state.enter();
        let place = state.lives.place(cell);
        if state.lives.at(place).paused.is_none() {
            let task = state.take(cell).map(|ready| ready.task);
            state.lives.at(place).paused = Some(task);
        }
    }

    pub(super) fn resume(&self, cell: CellId) {
        let mut state = self.state.enter();
        let Some(place) = state.lives.find(cell) else { return };
        let life = state.lives.at(place);
        let (turns, waiting) = (life.turns, life.paused.take());
        if let Some(Some(task)) = waiting {
            let key = (self.key(cell, turns), cell);
            state.ready.push(Ready { key, place, task });
        }
    }

    pub(super) fn take_panic(&self) -> Option<(String, Panic)> {
        // ORDERING: Relaxed, as in `read`.
        if self.panicked.load(Ordering::Relaxed) { self.state.enter().panic.take() } else { None }
    }

    pub(super) fn hash(&self) -> u128 {
        self.state.enter().hash.value()
    }

    pub(super) fn keep_trace(&self) {
        self.state.enter().kept.get_or_insert_default();
    }

    pub(super) fn trace(&self) -> Trace {
        Trace { seed: self.seed, records: self.state.enter().kept.clone().unwrap_or_default() }
    }

    pub(super) fn difference(&self) -> Option<Difference> {
        let state = self.state.enter();
        let replay = state.replay.as_ref().filter(|replay| replay.lenient.is_none())?;
        // One that has come less far than its trace has parted from it there, whatever the reason.
        let missed = || replay.trace.records.get(state.steps as usize);
        replay.difference.clone().or_else(|| Some(Difference { expected: Some(*missed()?), found: None }))
    }
}

impl State {
    /// All cells that live, none of them paused any more.
    fn everyone(&mut self) -> Vec<Arc<dyn Node>> {
        let mut nodes = Vec::new();
        for (cell, place) in self.lives.all() {
            let life = self.lives.at(place);
            if let Some(task) = life.paused.take().flatten() {
                self.ready.push(Ready { key: (0, cell), place, task });
            }
            nodes.extend(life.node.as_ref().and_then(Weak::upgrade));
        }
        nodes
    }

    /// What is still queued. Nothing is: then what comes later is dropped where it comes.
    fn next_of_the_last(&mut self) -> Option<Task> {
        let next = self.ready.pop();
        self.closed = next.is_none();
        next.map(|ready| ready.task)
    }

    /// Takes this cell out of those that are ready, if it is one of them.
    fn take(&mut self, cell: CellId) -> Option<Ready> {
        let mut ready = std::mem::take(&mut self.ready).into_vec();
        let nth = ready.iter().position(|ready| ready.key.1 == cell);
        let taken = nth.map(|nth| ready.swap_remove(nth));
        self.ready = ready.into();
        taken
    }

    /// Counts a turn of the cell; returns how many there were before.
    fn turn(&mut self, place: usize) -> u64 {
        let life = self.lives.at(place);
        life.turns += 1;
        life.turns - 1
    }

    fn world(&mut self) -> Choice {
        self.events += 1;
        Choice::World
    }

    /// The choice that the trace made, if it is possible now.
    fn choose_as_traced(&mut self, world_due: bool) -> Option<Choice> {
        let steps = self.steps as usize;
        let replay = self.replay.as_mut().filter(|replay| replay.difference.is_none())?;
        let expected = *replay.trace.records.get(steps)?;
        if expected.what.step == Step::World {
            return if world_due { self.go(expected) } else { self.part(expected, false) };
        }
        let choice = self.go(expected);
        if choice.is_some() { choice } else { self.part(expected, world_due) }
    }

    /// The next of the trace's choices that is possible now, or none yet. Time passes for a record although others have something
    /// to do: their turns were left out. While nobody has, the program may be about to post what the next record wants.
    fn choose_leniently(&mut self, world_due: bool, now: Time) -> Option<Choice> {
        let idle = self.ready.is_empty() && !world_due;
        let replay = self.replay.as_mut()?;
        let lenient = replay.lenient.as_mut()?;
        (lenient.awaits, lenient.stuck) = (None, !idle);
        for (nth, &record) in replay.trace.records.iter().enumerate().skip(lenient.next) {
            if now < record.time {
                (lenient.awaits, lenient.stuck) = (Some(record.time), false);
                return None;
            }
            let possible = match record.what.step {
                Step::World => world_due,
                Step::Turn => self.ready.iter().any(|ready| ready.key.1 == record.cell),
            };
            if possible {
                lenient.next = nth + 1;
                return self.go(record);
            }
            if idle {
                return None;
            }
        }
        None
    }

    /// The step of a record that is possible.
    fn go(&mut self, record: Record) -> Option<Choice> {
        if record.what.step == Step::World {
            return Some(self.world());
        }
        let Ready { task, place, .. } = self.take(record.cell)?;
        self.turn(place);
        Some(Choice::Turn(task, Limit::Exactly(record.what.commands), place))
    }

    /// The trace's choice is not possible: that is a difference once nothing else can make it so, which is when something
    /// else could go instead.
    fn part(&mut self, expected: Record, world_due: bool) -> Option<Choice> {
        if (world_due || !self.ready.is_empty())
            && let Some(replay) = self.replay.as_mut()
        {
            replay.difference = Some(Difference { expected: Some(expected), found: None });
        }
        None
    }

    fn note(&mut self, record: Record) -> Option<Record> {
        let steps = self.steps as usize;
        if let Some(replay) = self.replay.as_mut().filter(|replay| replay.lenient.is_none()) {
            let expected = replay.trace.records.get(steps).copied();
            if expected != Some(record) {
                replay.difference = Some(Difference { expected, found: Some(record) });
                return None;
            }
        }
        self.steps += 1;
        self.hash.add(&record);
        if let Some(kept) = self.kept.as_mut() {
            kept.push(record);
        }
        Some(record)
    }
}
