//! The stable address of one who is born again and again.
//!
//! ```text
//!   clients ── Address ──> Door ──> the one who lives now, its inbox        died ──> the next one
//!                            between two lives: Dead(command), handed back, never stored
//! ```
//! A door counts its addresses for itself, and the supervisor holds one of them: so the last in user hands dropped drains nobody,
//! and behind a door one lives as long as the supervisor says. What the door holds of the dead is a cell without code of its user's.

use crate::fsm::address::{Address, WeakAddress};
use crate::fsm::automaton::{CellId, End};
use crate::fsm::cell::{Head, Look, Node, Port, schedule};
use crate::fsm::counters::{Counters, Latency};
use crate::fsm::inbox::{Guard, Notice, Seat, Watcher};
use crate::fsm::rejected::Rejected;
use crate::fsm::turn::{Alone, Limit, Report};
use crate::fsm::word::{Duty, Phase, Word};
use crate::sync::lock::Lock;
use crate::sync::shim::AtomicU32;
use crate::time::Time;
use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::task::Waker;

/// The stable address of a supervised child: an [`Address`] that leads to whoever lives behind it now.
///
/// Between two lives, before the first and after the last a post is refused with [`Dead`](Rejected::Dead), and handed back: a door
/// stores nothing. Who asks for its end, or watches it, before the first life is told [`Killed`](End::Killed) at once, as of one that is
/// dead: wait for [`present`](Self::present). `drain`, `stop`, `kill`, `ended` and `watch` concern the present life, and the supervisor then does what the
/// child's [`Restart`](super::Restart) says. A post through a door costs a lock more.
///
/// Made by [`Supervisor::child`](super::Supervisor::child); by hand only for a child of a supervisor that is itself born again.
pub struct Door<C: 'static> {
    address: Address<C>,
    frame: Arc<Frame<C>>,
}

/// What all addresses of a door share with the supervisor.
pub(super) struct Frame<C: 'static> {
    addresses: AtomicU32,
    /// The last who was born. It may be dead.
    behind: Lock<Option<Arc<dyn Port<C>>>>,
    /// What is held as long as there is a door.
    guards: Lock<Vec<Guard>>,
}

impl<C: Send + 'static> Door<C> {
    /// A door with nobody behind it yet.
    #[must_use]
    pub fn new() -> Door<C> {
        let frame = Frame { addresses: AtomicU32::new(1), behind: Lock::new(None), guards: Lock::new(Vec::new()) };
        let frame = Arc::new(frame);
        Door { address: Address::first(frame.clone()), frame }
    }

    pub(super) fn frame(&self) -> &Arc<Frame<C>> {
        &self.frame
    }
}

impl<C: 'static> Door<C> {
    /// The door's address, for those who need not know that it is one.
    #[must_use]
    pub fn address(&self) -> Address<C> {
        self.address.clone()
    }

    /// The address of whoever lives behind it at present, and of no other: for one who wants to know of just this life.
    #[must_use]
    pub fn present(&self) -> Option<Address<C>> {
        let behind = self.frame.behind()?;
        if behind.node().word().is_dead() { None } else { behind.weak().upgrade() }
    }
}

impl<C: 'static> Deref for Door<C> {
    type Target = Address<C>;

    fn deref(&self) -> &Address<C> {
        &self.address
    }
}

impl<C: 'static> Clone for Door<C> {
    fn clone(&self) -> Self {
        Door { address: self.address.clone(), frame: self.frame.clone() }
    }
}

impl<C: Send + 'static> Default for Door<C> {
    fn default() -> Self {
        Door::new()
    }
}

impl<C: 'static> fmt::Debug for Door<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Door").field(&self.address).finish()
    }
}

impl<C: 'static> Frame<C> {
    /// Another stands behind it from here on.
    pub(super) fn place(&self, newborn: Arc<dyn Port<C>>) {
        let before = self.behind.lock().replace(newborn);
        drop(before);
    }

    fn behind(&self) -> Option<Arc<dyn Port<C>>> {
        self.behind.lock().clone()
    }

    /// Does it with whoever is behind; `None` if nobody ever was.
    fn with<R>(&self, act: impl FnOnce(&Arc<dyn Port<C>>) -> R) -> Option<R> {
        self.behind().as_ref().map(act)
    }
}

impl<C: Send + 'static> Port<C> for Frame<C> {
    fn node(&self) -> &dyn Node {
        self
    }

    fn into_node(self: Arc<Self>) -> Arc<dyn Node> {
        self
    }

    fn post(&self, command: C) -> Result<Duty, Rejected<C>> {
        match self.behind() {
            Some(behind) => behind.post(command).map(|duty| done(&behind, duty)),
            None => Err(Rejected::Dead(command)),
        }
    }

    fn post_or_wait(&self, command: C, seat: &mut Option<Seat>, waker: &Waker) -> Result<Duty, Rejected<C>> {
        match self.behind() {
            Some(behind) => behind.post_or_wait(command, seat, waker).map(|duty| done(&behind, duty)),
            None => Err(Rejected::Dead(command)),
        }
    }

    /// Who had its seat with one who is dead has none any more, so the present one is asked.
    fn leave(&self, seat: &Seat) {
        self.with(|behind| behind.leave(seat));
    }

    fn notice(&self, make: Notice<C>) -> Duty {
        self.with(|behind| done(behind, behind.notice(make))).unwrap_or(Duty::Nothing)
    }

    fn weak(self: Arc<Self>) -> WeakAddress<C> {
        let port: Arc<dyn Port<C>> = self;
        WeakAddress::of(Arc::downgrade(&port))
    }
}

/// The duty of a change behind the door is done here, for the door itself is in no queue.
fn done<C: 'static>(behind: &Arc<dyn Port<C>>, duty: Duty) -> Duty {
    schedule(behind, duty);
    Duty::Nothing
}

impl<C: Send + 'static> Node for Frame<C> {
    fn head(&self) -> &Head {
        unreachable!("a door owes no wake and lives nowhere: homes see those behind it")
    }

    fn addresses(&self) -> &AtomicU32 {
        &self.addresses
    }

    fn id(&self) -> CellId {
        self.with(|behind| behind.node().id()).unwrap_or(CellId(0))
    }

    fn counters(&self) -> Counters {
        self.with(|behind| behind.node().counters()).unwrap_or_default()
    }

    fn latency(&self) -> Latency {
        self.with(|behind| behind.node().latency()).unwrap_or_default()
    }

    fn word(&self) -> Word {
        self.with(|behind| behind.node().word()).unwrap_or(Word::BORN.die(Phase::Killed))
    }

    fn word_in_order(&self) -> Word {
        self.with(|behind| behind.node().word_in_order()).unwrap_or(Word::BORN.die(Phase::Killed))
    }

    fn signal(&self, flag: u32) -> Duty {
        self.with(|behind| done(behind, behind.node().signal(flag))).unwrap_or(Duty::Nothing)
    }

    fn due(&self, _: u32, _: Time) -> Duty {
        Duty::Nothing // timers hold cells
    }

    fn linger(&self) {} // a context's own is a cell

    fn linger_no_more(&self) {}

    fn watch(&self, watcher: Watcher) -> Option<(Watcher, End)> {
        match self.behind() {
            Some(behind) => behind.node().watch(watcher),
            None => Some((watcher, End::Killed)),
        }
    }

    fn attach(&self, guard: Guard) -> Option<Guard> {
        self.guards.lock().push(guard);
        None
    }

    fn run(self: Arc<Self>, _: Limit, _: Alone<'_>) -> Report {
        unreachable!("a door is in no queue")
    }

    fn abandon(self: Arc<Self>) {}

    fn look(self: Arc<Self>) -> Look {
        self.with(|behind| behind.clone().into_node().look()).unwrap_or(Look::Dead)
    }

    fn name(&self) -> Cow<'static, str> {
        self.with(|behind| behind.node().name()).unwrap_or_default()
    }

    fn any(&self) -> &dyn Any {
        self
    }
}
