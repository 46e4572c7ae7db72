//! Everything an automaton may reach for.
//!
//! ```text
//!                    +── address, weak, post ───> our own inbox             as anyone
//!   next ──Context───+── raise, postpone, timers ──> Extras, our own        boxed when first used, lent for the turn
//!                    +── now, random, spawn, blocking ──> the home          clock, seed, threads
//! ```
//! It is made for a turn and gone with it, so nothing of it can be kept. A wrapper around an automaton [lends](Context::lend) it on.

use super::address::{Address, WeakAddress};
use super::automaton::{Automaton, End, Mode};
use super::cell::{BATCH, Port};
use super::death::watch;
use super::extras::{Due, Extras};
use super::few::Few;
use super::inbox::{Notice, System, Watcher};
use super::rejected::Rejected;
use super::runner::Builder;
use super::slots::{Timer, Wire};
use super::timers::Timers;
use super::watching::{Watch, Watching};
use super::word::{DRAIN, STOP};
use crate::mix::mix;
use crate::time::Time;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// Everything an automaton may reach for while it handles an input. Nothing else reads a clock.
///
/// Timers, raised and postponed commands belong to the automaton and die with it.
///
/// A parent that hears of its child's end, and does not wait for one that is late:
///
/// ```
/// use rsm::fsm::{Address, Automaton, Context, End, Input, Runner, VirtualTime, Watch};
/// use std::time::Duration;
///
/// struct Worker;
/// impl Automaton for Worker {
///     type State = ();
///     type Command = Duration;
///     fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
///         match input {
///             Input::Command(Duration::ZERO) => context.blocking(|| { /* write a file */ }),
///             Input::Command(pause) => _ = context.after(pause, Duration::ZERO),
///             Input::Drain => context.linger(), // for the timer: without this it would be cancelled
///             Input::Start | Input::Transition { .. } | Input::Exit => return,
///         }
///         if let Input::Command(Duration::ZERO) = input { context.stop() }
///     }
/// }
///
/// struct Parent { worker: Option<(Address<Duration>, Watch)> }
/// enum Told { Ended(End), Late }
/// impl Automaton for Parent {
///     type State = ();
///     type Command = Told;
///     fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
///         match input {
///             Input::Start => {
///                 let worker = context.spawn(Worker, ());
///                 let watch = context.watch(&worker, Told::Ended);
///                 worker.post(Duration::from_secs(1)).expect("it runs");
///                 worker.drain();
///                 self.worker = Some((worker, watch));
///                 context.after(Duration::from_secs(5), Told::Late);
///             }
///             Input::Command(Told::Ended(end)) => {
///                 assert!(matches!(end, End::Exited) && context.now().0 == 1_000_000_000);
///                 context.stop();
///             }
///             Input::Command(Told::Late) => {
///                 if let Some((worker, watch)) = self.worker.take() {
///                     context.unwatch(watch); // whatever becomes of it, we do not want to know
///                     worker.kill();
///                 }
///                 context.stop();
///             }
///             Input::Transition { .. } | Input::Drain | Input::Exit => {}
///         }
///     }
/// }
///
/// let time = VirtualTime::new(1);
/// let parent = time.spawn(Parent { worker: None }, ());
/// assert!(matches!(time.block_on(parent.ended()), Ok(End::Exited)));
/// ```
pub struct Context<A: Automaton> {
    /// Typed by the command alone, so that an automaton around another can lend it on.
    data: Data<A::Command>,
    automaton: PhantomData<fn(A)>,
}

struct Data<C: 'static> {
    port: Arc<dyn Port<C>>,
    extras: Option<Box<Extras<C>>>,
    now: Cell<Option<Time>>,
}

impl<A: Automaton> Context<A> {
    /// The time of this turn, since the runner began: read once, when first asked for, and the same throughout the turn.
    #[must_use]
    pub fn now(&self) -> Time {
        self.data.now()
    }

    /// The time at this moment, unlike [`now`](Context::now): what something took that this turn has called.
    #[must_use]
    pub fn clock(&self) -> Time {
        self.data.timers().now()
    }

    /// Our own address. While someone holds it, we do not drain by ourselves; if we drain already, it leads to one that takes nothing.
    #[must_use]
    pub fn address(&self) -> Address<A::Command> {
        Address::another(self.data.port.clone())
    }

    /// Whether we take commands, or drain: one load, where an [`address`](Self::address) of ours would be one more to keep us from that.
    #[must_use]
    pub fn mode(&self) -> Mode {
        Mode::of(self.data.port.node().word())
    }

    /// Our name; empty if we were given none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.data.extras.as_ref().and_then(|extras| extras.settings()).map_or("", |settings| &settings.name)
    }

    /// Our own address, weakly: what to hand to those whose address we hold.
    #[must_use]
    pub fn weak(&self) -> WeakAddress<A::Command> {
        self.data.port.clone().weak()
    }

    /// Posts to ourselves, behind all that is queued, like anyone.
    ///
    /// # Errors
    /// Hands the command back if the inbox is full, or we drain or end.
    pub fn post(&self, command: A::Command) -> Result<(), Rejected<A::Command>> {
        // We are in our turn, so no wake is owed.
        self.data.port.post(command).map(|_| ())
    }

    /// Has a command delivered before every queued one, after those raised before it. Never refused.
    pub fn raise(&mut self, command: A::Command) {
        self.data.extras().queues().raised.push_back(command);
    }

    /// Keeps a command until the kind of our state has changed: then it comes again, before all that was not delivered yet,
    /// in order of arrival. At the end of draining it comes once more in any case.
    pub fn postpone(&mut self, command: A::Command) {
        self.data.extras().queues().postponed.push_back(command);
    }

    /// Has `command` delivered if we are still in a state of this kind `after` that time. There is one such timeout: a later
    /// call replaces it. Set by the call that leaves a state, it belongs to the state entered. Moving it costs a few
    /// nanoseconds, so it may be set anew with each input.
    pub fn state_timeout(&mut self, after: Duration, command: A::Command) {
        let (extras, wire) = self.data.wired();
        drop(extras.slots.set_alarm(wire.now.after(after), command, &wire));
    }

    /// Ends the state timeout.
    pub fn no_state_timeout(&mut self) {
        if let Some(extras) = self.data.extras.as_mut() {
            drop(extras.slots.clear_alarm());
        }
    }

    /// Has `command` delivered after that time, in whatever state. Of what is due the earliest deadline comes first, then what
    /// was set first; all of it before queued commands, and never early.
    pub fn after(&mut self, time: Duration, command: A::Command) -> Timer {
        let (extras, wire) = self.data.wired();
        extras.slots.set(wire.now.after(time), command, &wire)
    }

    /// Has `command` delivered at that time; in the next turn, if it is over.
    pub fn at(&mut self, time: Time, command: A::Command) -> Timer {
        let (extras, wire) = self.data.wired();
        extras.slots.set(time, command, &wire)
    }

    /// Ends a timer and hands its command back. `None`: it was delivered, was cancelled, or came from [`every`](Self::every).
    /// Final: a command that was handed back, or belongs to no timer any more, is not delivered, even if it was due.
    pub fn cancel(&mut self, timer: Timer) -> Option<A::Command> {
        let Data { port, extras, .. } = &mut self.data;
        extras.as_mut()?.slots.cancel(timer, port)
    }

    /// Has what `make` makes delivered every `period`, first after one. The next deadline is the one before and a period, however
    /// late we are; periods that were missed are skipped. Each is late by a share of the period up to `jitter` (0 to 1), drawn
    /// anew, so that many of one period do not come together.
    pub fn every(&mut self, period: Duration, jitter: f64, make: fn() -> A::Command) -> Timer {
        let (extras, wire) = self.data.wired();
        extras.slots.set_every(period, jitter, make, &wire)
    }

    /// As [`Address::drain`], for ourselves.
    pub fn drain(&mut self) {
        // We are in our turn, so no wake is owed; the same below.
        let _ = self.data.port.node().signal(DRAIN);
    }

    /// As [`Address::stop`], for ourselves: this call completes, then comes `Exit`.
    pub fn stop(&mut self) {
        let _ = self.data.port.node().signal(STOP);
    }

    /// Said in `Drain`, before or after it: not to end with the last command, but to go on for death notices, timers and what is raised.
    /// Whoever lingers ends by [`stop`](Self::stop).
    pub fn linger(&mut self) {
        let extras = self.data.extras();
        extras.lingers = extras.lingers.saturating_add(1);
        self.data.port.node().linger();
    }

    /// Takes one `linger` back. With the last of them we end as if it had not been said: by the last command, then `Exit`.
    pub(crate) fn linger_no_more(&mut self) {
        let extras = self.data.extras();
        extras.lingers = extras.lingers.saturating_sub(1);
        if extras.lingers == 0 {
            self.data.port.node().linger_no_more();
        }
    }

    /// Brings a child to life, on the same runner.
    #[must_use = "an automaton whose last address is dropped drains"]
    pub fn spawn<B: Automaton>(&mut self, automaton: B, state: B::State) -> Address<B::Command> {
        self.builder(automaton, state).spawn()
    }

    /// What can be said of a child before it lives.
    pub fn builder<B: Automaton>(&mut self, automaton: B, state: B::State) -> Builder<B> {
        let extras = self.data.extras();
        extras.children += 1;
        let nth = extras.children;
        let above = extras.settings().and_then(|settings| settings.staged.clone());
        let head = self.data.port.node().head();
        Builder::child(&head.home, head.id, nth, automaton, state).above(above)
    }

    /// Tells us of the end of another, as a command that overtakes all queued ones and is never refused; soon, if it is dead
    /// already. Each watch tells exactly once, unless [`unwatch`](Self::unwatch) ends it. What `tell` makes of the end is made in
    /// our own turn.
    pub fn watch<D>(&mut self, address: &Address<D>, tell: impl FnOnce(End) -> A::Command + Send + 'static) -> Watch {
        let watching = Watching::new(self.weak(), tell);
        watch(address.port().node(), Watcher::Cell(watching.clone()));
        Watch::new(watching)
    }

    /// Ends a watch. Final, as [`cancel`](Self::cancel) is: the end is not told any more, even if it has come and its notice waits.
    /// False if it was told before.
    pub fn unwatch(&mut self, watch: Watch) -> bool {
        watch.end()
    }

    /// Runs what may block, and lets others that wait for this thread go on first. A pool has at most 512 threads for such sections.
    pub fn blocking<R>(&mut self, section: impl FnOnce() -> R) -> R {
        let (mut section, mut result) = (Some(section), None);
        self.data.port.node().head().home.get().blocking(&mut || {
            result = section.take().map(|section| section());
        });
        result.expect("a home runs a blocking section before it returns")
    }

    /// 64 bits of chance from this automaton's own stream: in virtual time a function of the seed.
    pub fn random(&mut self) -> u64 {
        let extras = self.data.extras();
        extras.draws += 1;
        let draw = extras.draws;
        let head = self.data.port.node().head();
        mix(head.home.seed(), head.id.0, draw)
    }
}

impl<C: 'static> Data<C> {
    fn extras(&mut self) -> &mut Extras<C> {
        self.extras.get_or_insert_with(|| Box::new(Extras::new(None)))
    }

    fn timers(&self) -> &Timers {
        self.port.node().head().home.get().timers()
    }

    fn now(&self) -> Time {
        let now = self.now.get().unwrap_or_else(|| self.timers().now());
        self.now.set(Some(now));
        now
    }

    /// What is set aside, and the way to the wheel.
    fn wired(&mut self) -> (&mut Extras<C>, Wire<'_, C>) {
        let now = self.now();
        let extras = self.extras.get_or_insert_with(|| Box::new(Extras::new(None)));
        (extras, Wire { port: &self.port, now })
    }
}

/// What a supervisor asks.
impl<A: Automaton> Context<A> {
    /// Whether our runner takes nobody in any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.data.port.node().head().home.get().is_closed()
    }
}

/// What a wrapper around an automaton does with it.
impl<A: Automaton> Context<A> {
    /// Lends all of it to the automaton inside, which speaks the same language, for one call. It comes back also from a panic.
    pub(crate) fn lend<B: Automaton<Command = A::Command>, R>(&mut self, call: impl FnOnce(&mut Context<B>) -> R) -> R {
        let Data { port, extras, now } = &mut self.data;
        let data = Data { port: port.clone(), extras: extras.take(), now: now.clone() };
        let mut lent = Lent { owner: &mut self.data, inner: Context { data, automaton: PhantomData::<fn(B)> } };
        call(&mut lent.inner)
    }

    /// How many commands are postponed.
    pub(crate) fn postponed(&self) -> usize {
        self.data.extras.as_ref().map_or(0, |extras| extras.postponed())
    }
}

/// A context that another has for the time of a call.
struct Lent<'a, B: Automaton> {
    owner: &'a mut Data<B::Command>,
    inner: Context<B>,
}

impl<B: Automaton> Drop for Lent<'_, B> {
    fn drop(&mut self) {
        self.owner.extras = self.inner.data.extras.take();
        self.owner.now.set(self.inner.data.now.get());
    }
}

/// What the turn does with it.
impl<A: Automaton> Context<A> {
    pub(crate) fn new(port: Arc<dyn Port<A::Command>>, extras: Option<Box<Extras<A::Command>>>) -> Context<A> {
        Context { data: Data { port, extras, now: Cell::new(None) }, automaton: PhantomData }
    }

    pub(crate) fn into_extras(self) -> Option<Box<Extras<A::Command>>> {
        self.data.extras
    }

    pub(crate) fn batch(&self) -> u32 {
        self.data.extras.as_ref().and_then(|extras| extras.settings()).map_or(BATCH, |settings| settings.batch)
    }

    pub(crate) fn has_more(&self) -> bool {
        self.data.extras.as_ref().is_some_and(|extras| extras.has_more())
    }

    /// Gives back what a burst took, for one that may rest.
    pub(crate) fn shrink(&mut self) {
        if let Some(extras) = self.data.extras.as_mut() {
            extras.shrink();
        }
    }

    /// Frees what is postponed; false if nothing is.
    pub(crate) fn free_postponed(&mut self) -> bool {
        match self.data.extras.as_mut() {
            Some(extras) if extras.postponed() != 0 => {
                extras.free();
                true
            }
            Some(_) | None => false,
        }
    }

    /// Keeps the cell alive until its death, as it lingers.
    pub(crate) fn keep(&mut self) {
        let node = self.data.port.clone().into_node();
        self.data.extras().kept = Some(node);
    }

    pub(crate) fn begin_call(&mut self) {
        if let Some(extras) = self.data.extras.as_mut() {
            extras.slots.begin_call();
        }
    }

    /// The kind has changed: its timeout ends, what was postponed comes again.
    pub(crate) fn leave_kind(&mut self) {
        if let Some(extras) = self.data.extras.as_mut() {
            drop(extras.slots.leave_kind());
            extras.free();
        }
    }

    pub(crate) fn next_command(&mut self) -> Option<A::Command> {
        self.data.extras.as_mut()?.next()
    }

    /// Takes in what the system tells.
    pub(crate) fn hear(&mut self, what: System<A::Command>) {
        match what {
            System::Notice(make) => self.data.extras().queues().notices.push_back(make),
            System::Due { tag, now } => {
                let (extras, wire) = self.data.wired();
                extras.slots.signalled(tag, now, &wire);
            }
        }
    }

    /// Tells the wheel what this turn has set and cancelled.
    pub(crate) fn tell_wheel(&mut self) {
        let Data { port, extras, .. } = &mut self.data;
        if let Some(extras) = extras.as_mut().filter(|extras| extras.slots.has_changes()) {
            extras.slots.tell_wheel(port);
        }
    }

    pub(crate) fn has_due(&self) -> bool {
        self.data.extras.as_ref().is_some_and(|extras| !extras.slots.ready.is_empty())
    }

    pub(crate) fn take_due(&mut self) -> Few<Due> {
        self.data.extras.as_mut().map(|extras| extras.slots.take_ready()).unwrap_or_default()
    }

    pub(crate) fn fire(&mut self, due: Due) -> Option<A::Command> {
        let (extras, wire) = self.data.wired();
        extras.slots.fire(due, &wire)
    }

    pub(crate) fn notices(&self) -> usize {
        self.data.extras.as_ref().map_or(0, |extras| extras.notices())
    }

    pub(crate) fn next_notice(&mut self) -> Option<Notice<A::Command>> {
        self.data.extras.as_mut()?.next_notice()
    }
}
