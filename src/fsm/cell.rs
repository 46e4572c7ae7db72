//! The cell: an automaton with all that makes it run.
//!
//! ```text
//!   Address ──> Port<C> ──+                         +── Node <── Task, timers
//!    posts, notices       +──>      Cell<A>    <────+            turns, signals
//!                              inbox   Lock, the word in its payload: who may do what, decided in one place
//!                              body    Turn: the automaton, its state, its batch; entered by the one that runs it
//! ```
//! `Arc` keeps the memory, `addresses` says whether anyone can still post. A cell that is dead holds no code of its user's, so
//! its last reference may be dropped anywhere.

use super::address::WeakAddress;
use super::automaton::{Automaton, CellId, End};
use super::counters::{Counters, Tallies};
use super::death::wake_all;
use super::extras::Extras;
use super::inbox::{Guard, Inbox, Notice, Seat, System, Watcher};
use super::rejected::Rejected;
use super::runner::{HomeRef, Task};
use super::staged::Staged;
use super::turn::{Limit, Report};
use super::word::{DUE, Duty, Phase, Refusal, Word};
use crate::sync::lock::{self, Lock};
use crate::sync::shim::AtomicU32;
use crate::sync::turn::Turn;
use crate::time::Time;
use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::task::Waker;

/// What is the same for every cell, whatever runs in it.
pub(crate) struct Head {
    pub(crate) id: CellId,
    pub(crate) home: HomeRef,
    pub(crate) tallies: Tallies,
    /// How many addresses there are.
    pub(crate) addresses: AtomicU32,
    /// How many commands the inbox holds.
    pub(crate) limit: u32,
}

/// An automaton with all that makes it run.
pub(crate) struct Cell<A: Automaton> {
    pub(crate) inbox: Lock<Inbox<A::Command>>,
    pub(crate) head: Head,
    pub(crate) body: Turn<Body<A>>,
}

/// What the owner of the turn has to itself.
pub(crate) struct Body<A: Automaton> {
    /// Commands taken from the inbox, the oldest last.
    pub(crate) batch: Vec<A::Command>,
    pub(crate) extras: Option<Box<Extras<A::Command>>>,
    /// `None` once it is dead.
    pub(crate) live: Option<Live<A>>,
}

/// An automaton that lives.
pub(crate) struct Live<A: Automaton> {
    pub(crate) automaton: A,
    /// `None` while `next` has it.
    pub(crate) state: Option<A::State>,
    pub(crate) stage: Stage,
}

/// How far it has come in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// `Start` is to be delivered.
    Born,
    Started,
    /// `Drain` was delivered.
    Draining,
    /// What was still postponed at the end is delivered once more.
    Last,
}

/// What a builder says of a cell that concerns its turns.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) batch: u32,
    pub(crate) name: Cow<'static, str>,
    /// Its place in a drain, for its children.
    pub(crate) staged: Option<Staged>,
}

impl Settings {
    fn is_default(&self) -> bool {
        self.batch == BATCH && self.name.is_empty() && self.staged.is_none()
    }
}

/// How many commands a turn delivers unless a builder says otherwise.
pub(crate) const BATCH: u32 = 128;

impl Default for Settings {
    fn default() -> Self {
        Settings { batch: BATCH, name: Cow::Borrowed(""), staged: None }
    }
}

/// What homes and timers do with a cell.
pub(crate) trait Node: Send + Sync + 'static {
    fn head(&self) -> &Head;
    /// How many addresses there are.
    fn addresses(&self) -> &AtomicU32 {
        &self.head().addresses
    }
    /// Which automaton it is.
    fn id(&self) -> CellId {
        self.head().id
    }
    fn counters(&self) -> Counters {
        self.head().tallies.read()
    }
    /// The word at some instant of the call.
    fn word(&self) -> Word;
    /// Drain, stop or kill, by its flag.
    fn signal(&self, flag: u32) -> Duty;
    /// A timer is due.
    fn due(&self, tag: u32, now: Time) -> Duty;
    /// It will not end with its last command.
    fn linger(&self);
    /// It will, after all.
    fn linger_no_more(&self);
    /// Notes who is to be told of the end; hands it back if it has come.
    fn watch(&self, watcher: Watcher) -> Option<(Watcher, End)>;
    /// Notes what is to be released at the end; hands it back if it has come.
    fn attach(&self, guard: Guard) -> Option<Guard>;
    /// One turn.
    fn run(self: Arc<Self>, limit: Limit) -> Report;
    /// Death without a turn, for nobody will run it.
    fn abandon(self: Arc<Self>);
    /// What it is doing, seen from outside. An idle cell is entered for the look.
    fn look(self: Arc<Self>) -> Look;
    fn name(&self) -> Cow<'static, str>;
    fn any(&self) -> &dyn Any;
}

/// What a look from outside found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing to do, in the state of that label.
    Idle(&'static str),
    Queued,
    Running,
    Dead,
}

/// What an address does with a cell, or with one seen in another language.
pub(crate) trait Port<C: 'static>: Send + Sync + 'static {
    fn node(&self) -> &dyn Node;
    fn into_node(self: Arc<Self>) -> Arc<dyn Node>;
    fn post(&self, command: C) -> Result<Duty, Rejected<C>>;
    /// As `post`; but refused for want of room, its sender waits for it in that seat, and is woken when its turn has come.
    fn post_or_wait(&self, command: C, seat: &mut Option<Seat>, waker: &Waker) -> Result<Duty, Rejected<C>>;
    /// The holder of a seat gives up.
    fn leave(&self, seat: &Seat);
    fn notice(&self, make: Notice<C>) -> Duty;
    fn weak(self: Arc<Self>) -> WeakAddress<C>;
}

/// The lock of an inbox, held.
type InboxGuard<'a, C> = lock::Guard<'a, Inbox<C>>;

/// Does what a change of the word obliges to.
pub(crate) fn schedule<C: 'static>(port: &Arc<dyn Port<C>>, duty: Duty) {
    match duty {
        Duty::Nothing => {}
        Duty::Schedule => port.node().head().home.get().schedule(Task::new(port.clone().into_node())),
    }
}

impl<A: Automaton> Cell<A> {
    pub(crate) fn new(
        home: HomeRef,
        id: CellId,
        limit: u32,
        inbox: Inbox<A::Command>,
        settings: Settings,
        automaton: A,
        state: A::State,
    ) -> Cell<A> {
        // The defaults need no box: most automata say nothing.
        let plain = settings.is_default();
        let extras = if plain { None } else { Some(Box::new(Extras::new(settings))) };
        let live = Some(Live { automaton, state: Some(state), stage: Stage::Born });
        Cell {
            inbox: Lock::new(inbox),
            head: Head { id, home, tallies: Tallies::new(), addresses: AtomicU32::new(1), limit },
            body: Turn::new(Body { batch: Vec::new(), extras, live }),
        }
    }

    /// The inbox of one that nobody knows of yet begins with what its predecessor left.
    pub(crate) fn begin_with(&self, commands: Vec<A::Command>) {
        let mut inbox = self.inbox.lock();
        self.head.tallies.posted.add(commands.len() as u32);
        commands.into_iter().for_each(|command| inbox.push(command));
        let depth = inbox.len();
        self.head.tallies.depth_max.raise(depth as u32);
        inbox.unlock_with(|word| Word(word).with_depth(depth).0);
    }

    /// The word, stable while the caller holds the lock.
    pub(crate) fn now(&self) -> Word {
        Word(self.inbox.payload())
    }
}

impl<A: Automaton> Port<A::Command> for Cell<A> {
    fn node(&self) -> &dyn Node {
        self
    }

    fn into_node(self: Arc<Self>) -> Arc<dyn Node> {
        self
    }

    fn post(&self, command: A::Command) -> Result<Duty, Rejected<A::Command>> {
        let inbox = self.inbox.lock();
        match self.refusal(&inbox) {
            Some(refuse) => Err(self.refuse(inbox, refuse, command)),
            None => Ok(self.accept(inbox, command)),
        }
    }

    fn post_or_wait(
        &self,
        command: A::Command,
        seat: &mut Option<Seat>,
        waker: &Waker,
    ) -> Result<Duty, Rejected<A::Command>> {
        let ours = Arc::new(waker.clone()); // F4: not under the lock, for it is the user's.
        let mut inbox = self.inbox.lock();
        match self.refusal(&inbox) {
            Some(refuse) if self.now().refusal().is_some() => return Err(self.refuse(inbox, refuse, command)),
            None if inbox.is_first(seat.as_ref()) => {
                let before = seat.take().and_then(|seat| inbox.leave(&seat));
                let duty = self.accept(inbox, command);
                drop(before);
                self.make_way();
                return Ok(duty);
            }
            Some(_) | None => {}
        }
        let before = inbox.wait(seat.get_or_insert_default(), ours);
        drop(inbox);
        drop(before);
        Err(Rejected::Full(command))
    }

    fn leave(&self, seat: &Seat) {
        let waker = self.inbox.lock().leave(seat);
        drop(waker);
        self.make_way(); // it may have been woken, and the next must not wait for one that is gone
    }

    fn notice(&self, make: Notice<A::Command>) -> Duty {
        self.tell(System::Notice(make))
    }

    fn weak(self: Arc<Self>) -> WeakAddress<A::Command> {
        let port: Arc<dyn Port<A::Command>> = self;
        WeakAddress::of(Arc::downgrade(&port))
    }
}

/// Gives a command back with its reason.
type Refuse<C> = fn(C) -> Rejected<C>;

impl<A: Automaton> Cell<A> {
    /// Whether a command would be refused now, and how.
    fn refusal(&self, inbox: &Inbox<A::Command>) -> Option<Refuse<A::Command>> {
        match self.now().refusal() {
            Some(Refusal::Dead) => Some(Rejected::Dead),
            Some(Refusal::Draining) => Some(Rejected::Draining),
            None if self.head.limit as usize <= inbox.len() && !inbox.overwrites() => Some(Rejected::Full),
            None => None,
        }
    }

    fn refuse(
        &self,
        inbox: InboxGuard<'_, A::Command>,
        refuse: Refuse<A::Command>,
        command: A::Command,
    ) -> Rejected<A::Command> {
        self.head.tallies.refused.add(1);
        drop(inbox);
        refuse(command)
    }

    /// Queues a command.
    fn accept(&self, mut inbox: InboxGuard<'_, A::Command>, command: A::Command) -> Duty {
        let tallies = &self.head.tallies;
        let displaced = if self.head.limit as usize <= inbox.len() { inbox.pop_oldest() } else { None };
        inbox.push(command);
        let depth = inbox.len();
        tallies.posted.add(1);
        tallies.depth_max.raise(depth as u32);
        tallies.dropped.add(u32::from(displaced.is_some()));
        let (next, duty) = self.now().with_depth(depth).wake();
        inbox.unlock_with(|_| next.0);
        drop(displaced); // F4: its `Drop` is the user's, so it comes after the unlock.
        if let Some(tape) = self.head.home.tape() {
            tape.posted(self.head.id);
        }
        duty
    }

    /// Wakes the first who waits for room, if there is some.
    fn make_way(&self) {
        let first = self.inbox.lock().first_waiting(self.head.limit);
        wake_all(first);
    }

    /// Queues what the system tells: behind no command, and never refused but by the dead.
    fn tell(&self, what: System<A::Command>) -> Duty {
        let mut inbox = self.inbox.lock();
        let word = self.now();
        if word.is_dead() {
            drop(inbox);
            drop(what);
            return Duty::Nothing;
        }
        inbox.tell(what);
        let (next, duty) = word.signal(DUE);
        inbox.unlock_with(|_| next.0);
        duty
    }
}

impl<A: Automaton> Node for Cell<A> {
    fn head(&self) -> &Head {
        &self.head
    }

    fn word(&self) -> Word {
        self.now()
    }

    fn signal(&self, flag: u32) -> Duty {
        let mut inbox = self.inbox.lock();
        let (next, duty) = self.now().signal(flag);
        let waiting = inbox.take_waiting();
        inbox.unlock_with(|_| next.0);
        wake_all(waiting); // there will be no room: they are refused
        duty
    }

    fn due(&self, tag: u32, now: Time) -> Duty {
        self.tell(System::Due { tag, now })
    }

    fn linger(&self) {
        let inbox = self.inbox.lock();
        let next = self.now().linger();
        inbox.unlock_with(|_| next.0);
    }

    fn linger_no_more(&self) {
        let inbox = self.inbox.lock();
        let next = self.now().linger_no_more();
        inbox.unlock_with(|_| next.0);
    }

    fn watch(&self, watcher: Watcher) -> Option<(Watcher, End)> {
        let mut inbox = self.inbox.lock();
        match inbox.end(self.now().phase()) {
            Some(end) => Some((watcher, end)),
            None => {
                // Tickets that were given up hold nothing of the user's.
                inbox.watch(watcher);
                None
            }
        }
    }

    fn attach(&self, guard: Guard) -> Option<Guard> {
        let mut inbox = self.inbox.lock();
        if self.now().is_dead() {
            return Some(guard);
        }
        inbox.attach(guard);
        None
    }

    fn run(self: Arc<Self>, limit: Limit) -> Report {
        self.turn(limit)
    }

    fn abandon(self: Arc<Self>) {
        self.give_up();
    }

    fn look(self: Arc<Self>) -> Look {
        let inbox = self.inbox.lock();
        let word = self.now();
        let Some(running) = word.look() else {
            return match word.phase() {
                Phase::Queued | Phase::Idle => Look::Queued,
                Phase::Running | Phase::Notified => Look::Running,
                Phase::Exited | Phase::Killed | Phase::Panicked => Look::Dead,
            };
        };
        inbox.unlock_with(|_| running.0);
        let label = self.look_inside();
        Look::Idle(label)
    }

    fn name(&self) -> Cow<'static, str> {
        // A task is asked for its name before it runs, so nobody is inside.
        let body = self.body.try_enter();
        let extras = body.as_ref().and_then(|body| body.extras.as_ref());
        extras.map_or(Cow::Borrowed(""), |extras| extras.settings.name.clone())
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

#[cfg(all(target_pointer_width = "64", not(rsm_loom), not(rsm_shuttle)))]
const _: () = {
    use super::automaton::Input;
    use super::context::Context;

    /// Eight bytes of automaton and state.
    struct Small(#[expect(dead_code, reason = "only its size counts")] u32);
    enum State {
        #[expect(dead_code, reason = "only its size counts")]
        Only(u8),
    }
    impl Automaton for Small {
        type State = State;
        type Command = u64;
        fn next(&mut self, state: State, _: Input<Self>, _: &mut Context<Self>) -> State {
            state
        }
    }
    assert!(
        size_of::<Cell<Small>>() <= 144,
        "a million idle automata are 192 bytes each, counts and allocator included"
    );
};
