//! Where automata run: what a runner offers, what a home of cells must do, and how a cell is made.
//!
//! ```text
//!   Runner ──builder──> Builder ──spawn──> a cell, and its Address
//!                                            │ its home is told: adopt, schedule(Task)
//!   Home <──schedule(Task), once for each wake──┘        Task::run ──> one turn ──> more to do: schedule again
//! ```
//! Who uses automata wants a [`Runner`]; who has threads or an event loop of their own to run them on implements [`Home`].

use super::address::Address;
use super::automaton::{Automaton, CellId, End, Panic};
use super::cell::{Cell, Node, Settings};
use super::inbox::{Guard, Inbox, Keeper, Watcher};
use super::staged::Staged;
use super::tape::Tape;
use super::timers::Timers;
use super::turn::{Alone, Limit, Report};
use super::watching::Watching;
use crate::mix::mix;
use crate::sync::ahead::fetch_ahead;
use crate::sync::drain;
use crate::sync::shim::{AtomicU64, Ordering};
use std::borrow::Cow;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Weak};

/// Something that runs automata: [`Threads`](super::Threads), [`Pool`](super::Pool), [`VirtualTime`](super::VirtualTime), or your own.
///
/// The conformance suite ([`conformance`](super::conformance)) says what each must do.
pub trait Runner {
    /// What can be said of an automaton before it lives.
    fn builder<A: Automaton>(&self, automaton: A, state: A::State) -> Builder<A>;

    /// Brings an automaton to life, with an inbox without a bound.
    fn spawn<A: Automaton>(&self, automaton: A, state: A::State) -> Address<A::Command> {
        self.builder(automaton, state).spawn()
    }

    /// Waits for a ticket, or any future, in the way of this runner: a thread sleeps, virtual time takes steps.
    fn block_on<F: Future>(&self, future: F) -> F::Output;
}

/// Where cells live: what a runner of one's own implements.
///
/// One thread for all, which could as well be an event loop that is there already:
///
/// ```
/// use rsm::fsm::{Automaton, Builder, Context, Home, HomeRef, Input, Runner, Task, Threads, Timers};
/// use std::sync::mpsc::{Sender, channel};
///
/// /// All automata stand in line for one thread.
/// struct Line(HomeRef);
/// struct Place { tasks: Sender<Task>, timers: Timers }
///
/// impl Home for Place {
///     fn schedule(&self, task: Task) {
///         // Given back where the thread is gone: dropped, it kills its automaton.
///         drop(self.tasks.send(task));
///     }
///     fn timers(&self) -> &Timers { &self.timers }
/// }
/// impl Runner for Line {
///     fn builder<A: Automaton>(&self, automaton: A, state: A::State) -> Builder<A> {
///         Builder::on(&self.0, automaton, state)
///     }
///     fn block_on<F: Future>(&self, future: F) -> F::Output { Threads.block_on(future) }
/// }
///
/// let (tasks, line) = channel::<Task>();
/// std::thread::spawn(move || line.into_iter().for_each(Task::run)); // each is one turn
/// let runner = Line(HomeRef::new(Place { tasks, timers: Timers::thread() }));
///
/// struct Sum;
/// impl Automaton for Sum {
///     type State = u32;
///     type Command = u32;
///     fn next(&mut self, sum: u32, input: Input<Self>, _: &mut Context<Self>) -> u32 {
///         match input {
///             Input::Command(number) => sum + number,
///             Input::Exit => { assert_eq!(sum, 6); sum }
///             Input::Start | Input::Transition { .. } | Input::Drain => sum,
///         }
///     }
/// }
/// let sum = runner.spawn(Sum, 0);
/// [1, 2, 3].into_iter().try_for_each(|number| sum.post(number))?;
/// sum.drain();
/// assert!(matches!(runner.block_on(sum.ended()), Ok(rsm::fsm::End::Exited)));
/// # Ok::<(), rsm::fsm::Rejected<u32>>(())
/// ```
pub trait Home: Send + Sync + 'static {
    /// Takes a cell that has something to do, once for each wake, from any thread. Each task must be [run](Task::run), later and
    /// never inside this call; one that is dropped instead kills its automaton.
    fn schedule(&self, task: Task);

    /// A cell is about to live here; its first task comes next. False: this home takes no more, and the automaton is killed before
    /// its `Start`.
    fn adopt(&self, newborn: &Task) -> bool {
        let _ = newborn;
        true
    }

    /// Whether this home takes no more, or soon will: a supervisor then brings nobody back, and ends.
    fn is_closed(&self) -> bool {
        false
    }

    /// A cell of this home is dead, adopted or not, and all who watched it were told.
    fn ended(&self, cell: CellId) {
        let _ = cell;
    }

    /// The clock and the wheel of those who live here; [`Timers::thread`] for a home that has none of its own.
    fn timers(&self) -> &Timers;

    /// Runs a section that may block. A home whose thread others wait for lets them go on first.
    fn blocking(&self, section: &mut dyn FnMut()) {
        section();
    }

    /// The home of what those who live here spawn; `None` is this one.
    fn children(&self) -> Option<HomeRef> {
        None
    }

    /// An automaton panicked, and nobody watches it. The panic hook has printed already.
    fn panicked(&self, name: &str, panic: Panic) {
        let _ = (name, panic);
    }
}

/// A home, shared by the cells that live in it.
#[derive(Clone)]
pub struct HomeRef(Arc<Inside>);

struct Inside {
    home: Box<dyn Home>,
    seed: u64,
    /// How many were spawned here from outside.
    roots: Arc<AtomicU64>,
    tape: Option<Arc<Tape>>,
}

impl HomeRef {
    /// Shares a home. Its automata draw from a seed of their own.
    #[must_use]
    pub fn new(home: impl Home) -> HomeRef {
        let seed = std::hash::RandomState::new().build_hasher().finish();
        HomeRef(Arc::new(Inside { home: Box::new(home), seed, roots: Arc::new(AtomicU64::new(0)), tape: None }))
    }

    /// Shares a home of virtual time: all it does follows from the seed, and is noted.
    pub(crate) fn taped(home: impl Home, seed: u64, roots: Arc<AtomicU64>, tape: Arc<Tape>) -> HomeRef {
        HomeRef(Arc::new(Inside { home: Box::new(home), seed, roots, tape: Some(tape) }))
    }

    pub(crate) fn get(&self) -> &dyn Home {
        &*self.0.home
    }

    pub(crate) fn seed(&self) -> u64 {
        self.0.seed
    }

    pub(crate) fn tape(&self) -> Option<&Arc<Tape>> {
        self.0.tape.as_ref()
    }

    /// The name of the next cell that is spawned from outside.
    fn root(&self) -> CellId {
        // ORDERING: Relaxed: only the number matters.
        CellId(mix(self.0.seed, ROOT, self.0.roots.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Whose children those are that were spawned from outside.
const ROOT: u64 = u64::MAX;

/// A cell that has something to do. It can be neither cloned nor run twice.
///
/// Dropped without having run, it kills its automaton: an end that is told, never a silence.
pub struct Task(Option<Arc<dyn Node>>);

impl Task {
    pub(crate) fn new(node: Arc<dyn Node>) -> Task {
        Task(Some(node))
    }

    fn node(&self) -> &Arc<dyn Node> {
        self.0.as_ref().expect("a task is emptied by its run alone, which takes it")
    }

    /// Runs one turn: what the system has to say, up to `batch` commands, `flush`. What is left comes back to the home by
    /// [`schedule`](Home::schedule).
    pub fn run(self) {
        let _ = self.run_within(Limit::Batch, &|| false);
    }

    pub(crate) fn downgrade(&self) -> Weak<dyn Node> {
        Arc::downgrade(self.node())
    }

    pub(crate) fn run_within(mut self, limit: Limit, alone: Alone<'_>) -> Report {
        let node = self.0.take().expect("a task is emptied by its run alone, which takes it");
        node.run(limit, alone)
    }

    /// Its turn comes soon: has the processor fetch its cell meanwhile.
    #[inline]
    pub(crate) fn fetch_ahead(&self) {
        fetch_ahead(&**self.node());
    }

    /// Which cell.
    #[must_use]
    pub fn cell(&self) -> CellId {
        self.node().head().id
    }

    /// The automaton's name; empty if it was given none.
    #[must_use]
    pub fn name(&self) -> Cow<'static, str> {
        self.node().name()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(node) = self.0.take() {
            node.abandon();
        }
    }
}

/// How many commands an inbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// As many as memory does.
    Unbounded,
    /// So many, at least one; 2^31 - 1 or more are as many as memory does. What the present turn has in hand does not count.
    Bounded(u32),
}

/// What can be said of an automaton before it lives.
#[must_use = "a builder does nothing until `spawn`"]
pub struct Builder<A: Automaton> {
    home: HomeRef,
    id: CellId,
    automaton: A,
    state: A::State,
    settings: Settings,
    capacity: Capacity,
    overwrites: bool,
    guards: Vec<Guard>,
    watchers: Vec<Watcher>,
    /// Where the parent stands in a drain.
    above: Option<Staged>,
    /// Where it leaves the commands that are left at its death.
    keeper: Option<Keeper<A::Command>>,
    /// What its inbox begins with.
    first: Vec<A::Command>,
}

impl<A: Automaton> Builder<A> {
    /// A cell of that home: how a runner makes its builders.
    pub fn on(home: &HomeRef, automaton: A, state: A::State) -> Builder<A> {
        Builder::of(home.clone(), home.root(), automaton, state)
    }

    /// A child of the cell `parent`, its `nth`.
    pub(crate) fn child(home: &HomeRef, parent: CellId, nth: u64, automaton: A, state: A::State) -> Builder<A> {
        let id = CellId(mix(home.seed(), parent.0, nth));
        Builder::of(home.get().children().unwrap_or_else(|| home.clone()), id, automaton, state)
    }

    fn of(home: HomeRef, id: CellId, automaton: A, state: A::State) -> Builder<A> {
        Builder {
            home,
            id,
            automaton,
            state,
            settings: Settings::default(),
            capacity: Capacity::Unbounded,
            overwrites: false,
            guards: Vec::new(),
            watchers: Vec::new(),
            above: None,
            keeper: None,
            first: Vec::new(),
        }
    }

    /// A child of one that stands there in a drain.
    pub(crate) fn above(mut self, above: Option<Staged>) -> Self {
        self.above = above;
        self
    }

    /// Leaves there the commands that are left at its death, and begins with those that are there now.
    pub(crate) fn kept(mut self, keeper: &Keeper<A::Command>) -> Self {
        self.first = std::mem::take(&mut *keeper.lock());
        self.keeper = Some(keeper.clone());
        self
    }

    /// Bounds the inbox. A post that finds it full is refused.
    pub fn inbox(mut self, capacity: Capacity) -> Self {
        self.capacity = capacity;
        self
    }

    /// A post that finds the inbox full displaces the oldest command, which is dropped and counted, instead of being refused.
    /// For news of which only the latest matter. What the system tells (drain, timers, death notices) cannot be displaced.
    ///
    /// ```
    /// # use rsm::fsm::{Automaton, Bounded, Context, Input, Runner, VirtualTime};
    /// # struct Gauge;
    /// # impl Automaton for Gauge {
    /// #     type State = Vec<u32>;
    /// #     type Command = u32;
    /// #     fn next(&mut self, mut seen: Vec<u32>, input: Input<Self>, _: &mut Context<Self>) -> Vec<u32> {
    /// #         if let Input::Command(value) = input { seen.push(value) }
    /// #         seen
    /// #     }
    /// # }
    /// let time = VirtualTime::new(1);
    /// let gauge = time.builder(Gauge, Vec::new()).inbox(Bounded(2)).overwrite_oldest().spawn();
    /// (1..=5).for_each(|value| gauge.post(value).expect("never full"));
    /// time.run_until_idle(&mut ());
    /// assert_eq!(time.look::<Gauge, _>(&gauge, |_, seen| seen.clone()), Some(vec![4, 5]));
    /// assert_eq!(gauge.counters().dropped, 3);
    /// ```
    pub fn overwrite_oldest(mut self) -> Self {
        self.overwrites = true;
        self
    }

    /// How many commands one turn delivers at most before its flush, at least one; 128 unless said otherwise.
    pub fn batch(mut self, commands: u32) -> Self {
        self.settings.batch = commands.max(1);
        self
    }

    /// A name for threads, logs and reports.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Holds anything until the automaton is dead, then drops it: an event's guard, a permit, an address.
    pub fn guard(mut self, guard: impl Send + 'static) -> Self {
        self.guards.push(Box::new(guard));
        self
    }

    /// Puts the automaton under a stage of a [`Drain`](crate::sync::drain::Drain): when the stage starts it drains, by itself, and
    /// the stage is over only after its death. A drain that is late names it, and says in which state it is. A later call
    /// replaces this one.
    ///
    /// Its children, and theirs, come under stages of their own in front of it (`name: depth 1`, and so on), so that the deepest
    /// end first, unless their builders name another. One whose stage in front has started already goes with its parent. Hence
    /// two things to know:
    /// - A parent still takes commands when its children's stage has started: what it posts to them then is refused. Those it hands
    ///   work to belong under a stage behind its own, which their builders name.
    /// - What it spawns once its own stage has started drains from birth. It is given its work as its state, not by a post.
    ///
    /// One that must be drained by a command of its own, since it still has to hear others while it drains, takes its stage's guard
    /// by [`guard`](Self::guard), and keeps a clone. In [`Start`](super::Input::Start) it says
    /// [`on_start`](crate::sync::drain::Guard::on_start) with a waker that posts that command to its [weak](super::Context::weak)
    /// address. Not earlier: a stage that starts before the waker knows where to post would wake it in vain.
    ///
    /// ```
    /// use rsm::fsm::{Automaton, Context, Input, Runner, Threads};
    /// use rsm::sync::{drain::Drain, lock::Lock};
    ///
    /// static WRITTEN: Lock<Vec<u32>> = Lock::new(Vec::new());
    /// struct Writer;
    /// impl Automaton for Writer {
    ///     type State = ();
    ///     type Command = u32;
    ///     fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
    ///         if let Input::Command(line) = input {
    ///             WRITTEN.lock().push(line);
    ///         }
    ///     }
    /// }
    /// struct Reader(rsm::fsm::Address<u32>);
    /// impl Automaton for Reader {
    ///     type State = ();
    ///     type Command = u32;
    ///     fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
    ///         if let Input::Command(line) = input {
    ///             self.0.post(line * line).expect("the writers end after us");
    ///         }
    ///     }
    /// }
    ///
    /// let drain = Drain::new();
    /// let (readers, writers) = (drain.stage("readers")?, drain.stage("writers")?);
    /// let writer = Threads.builder(Writer, ()).drain_with(writers.guard("writer")?).spawn();
    /// let reader = Threads.builder(Reader(writer), ()).drain_with(readers.guard("reader")?).spawn();
    /// (0..5).for_each(|line| reader.post(line).expect("it has not been drained"));
    /// drain.drain(); // the reader, then the writer: nothing that was read is lost
    /// assert_eq!(*WRITTEN.lock(), [0, 1, 4, 9, 16]);
    /// # Ok::<(), rsm::sync::Draining>(())
    /// ```
    pub fn drain_with(mut self, guard: drain::Guard) -> Self {
        self.settings.staged = Some(Staged::under(guard));
        self
    }

    /// Tells another automaton of the end of this one, as `watch` of a context does.
    pub fn watched_by<D: Send + 'static>(
        mut self,
        watcher: &Address<D>,
        tell: impl FnOnce(End) -> D + Send + 'static,
    ) -> Self {
        self.watchers.push(Watcher::Cell(Watching::new(watcher.downgrade(), tell)));
        self
    }

    /// Brings the automaton to life. `Start` is the first that it hears.
    #[must_use = "an automaton whose last address is dropped drains"]
    pub fn spawn(mut self) -> Address<A::Command> {
        self.inherit();
        let staged = self.settings.staged.clone();
        let limit = match self.capacity {
            Capacity::Unbounded => u32::MAX,
            Capacity::Bounded(limit) => limit.max(1),
        };
        let mut inbox = Inbox::new(self.overwrites, self.guards, self.watchers);
        if let Some(keeper) = self.keeper {
            inbox.keep(keeper);
        }
        let cell = Cell::new(self.home, self.id, limit, inbox, self.settings, self.automaton, self.state);
        if !self.first.is_empty() {
            cell.begin_with(self.first);
        }
        let address = Address::first(Arc::new(cell));
        if let Some(staged) = staged {
            staged.join(&address);
        }
        let newborn = Task::new(address.port().clone().into_node());
        let home = address.port().node().head().home.get();
        if home.adopt(&newborn) {
            home.schedule(newborn)
        } else {
            drop(newborn)
        }
        address
    }

    /// A child whose builder names no stage comes under one in front of its parent's.
    fn inherit(&mut self) {
        if let (Some(above), None) = (&self.above, &self.settings.staged) {
            let name = match &*self.settings.name {
                "" => format!("{:016x}", self.id.0),
                name => name.to_owned(),
            };
            self.settings.staged = Some(above.of_child(name));
        }
    }
}
