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
use super::counters::Tallies;
use super::extras::Extras;
use super::inbox::{Guard, Inbox, Notice, System, Watcher};
use super::rejected::Rejected;
use super::runner::{HomeRef, Task};
use super::staged::Staged;
use super::turn::{Limit, Report};
use super::word::{DUE, Duty, Phase, Refusal, Word};
use crate::sync::lock::Lock;
use crate::sync::shim::AtomicU32;
use crate::sync::turn::Turn;
use crate::time::Time;
use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

/// What is the same for every cell, whatever runs in it.
pub(crate) struct Head {
    pub(crate) id: CellId,
    pub(crate) home: HomeRef,
    pub(crate) tallies: Tallies,
    /// How many addresses there are.
    pub(crate) addresses: AtomicU32,
    /// How many commands the inbox holds.
    limit: u32,
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
    fn notice(&self, make: Notice<C>) -> Duty;
    fn weak(self: Arc<Self>) -> WeakAddress<C>;
}

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
        let tallies = &self.head.tallies;
        let mut inbox = self.inbox.lock();
        let word = self.now();
        let full = self.head.limit as usize <= inbox.len();
        let refuse: fn(A::Command) -> Rejected<A::Command> = match word.refusal() {
            Some(Refusal::Dead) => Rejected::Dead,
            Some(Refusal::Draining) => Rejected::Draining,
            None => Rejected::Full,
        };
        if word.refusal().is_some() || (full && !inbox.overwrites()) {
            tallies.refused.add(1);
            drop(inbox);
            return Err(refuse(command));
        }
        let displaced = if full { inbox.pop_oldest() } else { None };
        inbox.push(command);
        let depth = inbox.len();
        tallies.posted.add(1);
        tallies.depth_max.raise(depth as u32);
        tallies.dropped.add(u32::from(displaced.is_some()));
        let (next, duty) = word.with_depth(depth).wake();
        inbox.unlock_with(|_| next.0);
        drop(displaced); // F4: its `Drop` is the user's, so it comes after the unlock.
        if let Some(tape) = self.head.home.tape() {
            tape.posted(self.head.id);
        }
        Ok(duty)
    }

    fn notice(&self, make: Notice<A::Command>) -> Duty {
        self.tell(System::Notice(make))
    }

    fn weak(self: Arc<Self>) -> WeakAddress<A::Command> {
        let port: Arc<dyn Port<A::Command>> = self;
        WeakAddress::of(Arc::downgrade(&port))
    }
}

impl<A: Automaton> Cell<A> {
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
        let inbox = self.inbox.lock();
        let (next, duty) = self.now().signal(flag);
        inbox.unlock_with(|_| next.0);
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
