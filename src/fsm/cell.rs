//! The cell: an automaton with all that makes it run.
//!
//! ```text
//!   Address ──> Port<C> ──+                         +── Node <── Task, timers
//!    posts, notices       +──>      Cell<A>    <────+            turns, signals
//!                              inbox   behind the word: who may do what, decided in one place
//!                              body    Turn: the automaton, its state, its batch; entered by the one that runs it
//! ```
//! `Arc` keeps the memory, `addresses` says whether anyone can still post. A cell that is dead holds no code of its user's, so
//! its last reference may be dropped anywhere.

mod post;

use super::address::WeakAddress;
use super::automaton::{Automaton, CellId, End};
use super::counters::{Counters, Latency, Tallies, Tally};
use super::death::{drop_all, wake_all};
use super::extras::Extras;
use super::inbox::{Guard, Guarded, Inbox, Notice, Seat, System, Watcher};
use super::rejected::Rejected;
use super::runner::{HomeRef, Task};
use super::staged::Staged;
use super::turn::{Alone, Limit, Report};
use super::word::{ALERTS, DUE, Duty, Phase, Word};
use crate::sync::shim::AtomicU32;
use crate::sync::turn::Turn;
use crate::time::Time;
use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::task::Waker;

/// What is the same for every cell, whatever runs in it. The order is that of [`Cell`].
#[repr(C)]
pub(crate) struct Head {
    pub(crate) home: HomeRef,
    pub(crate) id: CellId,
    /// How many addresses there are.
    pub(crate) addresses: AtomicU32,
    pub(crate) tallies: Tallies,
    /// Turns taken.
    pub(crate) turns: Tally,
}

/// An automaton with all that makes it run.
///
/// In this order: what each post writes comes first (the inbox), what changes with each input last (automaton, state, notes),
/// and the 64 bytes or more of all else in between. So they do not take each other's cache line, although a cell is not aligned to lines.
#[repr(C)]
pub(crate) struct Cell<A: Automaton> {
    pub(crate) inbox: Guarded<A::Command>,
    pub(crate) head: Head,
    /// Its notes: the flags among [`ALERTS`], and [`DUE`], that someone, perhaps `next` itself, has set in the word. The word decides;
    /// this is what the owner of the turn looks at between two inputs, and before it goes on with commands in hand, so that it leaves alone the line of the inbox.
    /// Its count: commands handed to `next`.
    pub(crate) body: Turn<Body<A>>,
}

/// What the owner of the turn has to itself. The order is that of [`Cell`].
#[repr(C)]
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
    fn counters(&self) -> Counters;
    fn latency(&self) -> Latency;
    /// The word at some instant of the call.
    fn word(&self) -> Word;
    /// The word, from inside: what was done before it became so is seen too.
    fn word_in_order(&self) -> Word;
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
    fn run(self: Arc<Self>, limit: Limit, alone: Alone<'_>) -> Report;
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
        let extras = if plain { None } else { Some(Box::new(Extras::new(Some(Box::new(settings))))) };
        let live = Some(Live { automaton, state: Some(state), stage: Stage::Born });
        Cell {
            inbox: Guarded::new(inbox, limit),
            head: Head { home, id, addresses: AtomicU32::new(1), tallies: Tallies::new(), turns: Tally::new() },
            body: Turn::new(Body { batch: Vec::new(), extras, live }),
        }
    }

    /// The inbox of one that nobody knows of yet begins with what its predecessor left.
    pub(crate) fn begin_with(&self, commands: Vec<A::Command>) {
        let mut inbox = self.inbox.enter();
        commands.into_iter().for_each(|command| inbox.push_growing(command));
        let depth = inbox.len();
        let next = inbox.word().with_depth(depth);
        inbox.leave(next);
    }
}

impl<A: Automaton> Cell<A> {
    /// What was asked of the owner of the turn: flags among [`ALERTS`].
    #[inline]
    pub(crate) fn alerts(&self) -> u32 {
        self.body.notes().into()
    }

    /// Says in the notes what the word does, for one who is inside the inbox.
    pub(crate) fn note_alerts(&self, word: Word) {
        let notes = (word.0 & (ALERTS | DUE)) as u8;
        if self.body.notes() != notes {
            self.body.set_notes(notes);
        }
    }

    /// Queues what the system tells: behind no command, and never refused but by the dead.
    fn tell(&self, what: System<A::Command>) -> Duty {
        let mut inbox = self.inbox.enter();
        let word = inbox.word();
        if word.is_dead() {
            drop(inbox);
            drop(what);
            return Duty::Nothing;
        }
        inbox.tell(what);
        let (next, duty) = word.signal(DUE);
        self.note_alerts(next);
        inbox.leave(next);
        duty
    }
}

impl<A: Automaton> Node for Cell<A> {
    fn head(&self) -> &Head {
        &self.head
    }

    fn counters(&self) -> Counters {
        let inbox = self.inbox.enter();
        self.head.tallies.read(inbox.len(), self.head.turns.get(), self.body.counted())
    }

    fn latency(&self) -> Latency {
        self.inbox.enter().latency()
    }

    fn word(&self) -> Word {
        self.inbox.word()
    }

    fn word_in_order(&self) -> Word {
        self.inbox.enter().word()
    }

    fn signal(&self, flag: u32) -> Duty {
        let mut inbox = self.inbox.enter();
        let (next, duty) = inbox.word().signal(flag);
        // In here: a turn that begins later sees it; one that goes on sees it soon, or by the word at its end.
        self.note_alerts(next);
        let waiting = inbox.take_waiting();
        inbox.leave(next);
        wake_all(waiting); // there will be no room: they are refused
        duty
    }

    fn due(&self, tag: u32, now: Time) -> Duty {
        self.tell(System::Due { tag, now })
    }

    fn linger(&self) {
        let inbox = self.inbox.enter();
        let next = inbox.word().linger();
        inbox.leave(next);
    }

    fn linger_no_more(&self) {
        let inbox = self.inbox.enter();
        let next = inbox.word().linger_no_more();
        inbox.leave(next);
    }

    fn watch(&self, watcher: Watcher) -> Option<(Watcher, End)> {
        let mut inbox = self.inbox.enter();
        match inbox.end(inbox.word().phase()) {
            Some(end) => Some((watcher, end)),
            None => {
                let gone = inbox.watch(watcher);
                drop(inbox);
                drop_all(gone); // F4: what they hold is the user's
                None
            }
        }
    }

    fn attach(&self, guard: Guard) -> Option<Guard> {
        let mut inbox = self.inbox.enter();
        if inbox.word().is_dead() {
            return Some(guard);
        }
        inbox.attach(guard);
        None
    }

    fn run(self: Arc<Self>, limit: Limit, alone: Alone<'_>) -> Report {
        self.turn(limit, alone)
    }

    fn abandon(self: Arc<Self>) {
        self.give_up();
    }

    fn look(self: Arc<Self>) -> Look {
        let inbox = self.inbox.enter();
        let word = inbox.word();
        let Some(running) = word.look() else {
            return match word.phase() {
                Phase::Queued | Phase::Idle => Look::Queued,
                // Between two turns, with commands in hand.
                Phase::Running | Phase::Notified if !self.body.is_entered() => Look::Queued,
                Phase::Running | Phase::Notified => Look::Running,
                Phase::Exited | Phase::Killed | Phase::Panicked => Look::Dead,
            };
        };
        inbox.leave(running);
        let label = self.look_inside();
        Look::Idle(label)
    }

    fn name(&self) -> Cow<'static, str> {
        // A task is asked for its name before it runs, so nobody is inside.
        let body = self.body.try_enter();
        let extras = body.as_ref().and_then(|body| body.extras.as_ref());
        extras.map_or(Cow::Borrowed(""), |extras| extras.name())
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

#[cfg(all(target_pointer_width = "64", not(rsm_loom), not(rsm_shuttle)))]
const _: () = {
    use super::automaton::Input;
    use super::context::Context;
    use std::mem::offset_of;

    /// Nine bytes of automaton and state, of which the automaton's know what they are not.
    struct Small(#[expect(dead_code, reason = "only its size counts")] &'static u8);
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
        size_of::<Cell<Small>>() <= 136,
        "a million idle automata are 176 bytes each: 136 and 16 of counts, 160 in the allocator, and 16 in the pool's list"
    );
    const LINE: usize = 64;
    let posters = offset_of!(Cell<Small>, head);
    let owner = offset_of!(Cell<Small>, body) + offset_of!(Body<Small>, live);
    assert!(posters + LINE <= owner, "a post and an input never write to the same line");
};
