//! What a supervisor knows of one child, and how it brings it to life.

use super::Supervisor;
use super::door::Door;
use super::roll::Killer;
use super::state::{Told, What};
use crate::fsm::address::Address;
use crate::fsm::automaton::{Automaton, CellId, End, Panic};
use crate::fsm::cell::{BATCH, Node};
use crate::fsm::context::Context;
use crate::fsm::death::drop_all;
use crate::fsm::inbox::Keeper;
use crate::fsm::rejected::Rejected;
use crate::fsm::runner::Capacity;
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// After which ends a child is born again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// After each.
    Always,
    /// After a panic: one that was drained, stopped or killed stays dead.
    OnPanic,
    /// Never, not even with its siblings.
    Never,
}

impl Restart {
    pub(super) fn after(self, end: &End) -> bool {
        match (self, end) {
            (Restart::Always, End::Exited | End::Killed | End::Panicked(_)) => true,
            (Restart::OnPanic, End::Panicked(_)) => true,
            (Restart::OnPanic, End::Exited | End::Killed) => false,
            (Restart::Never, End::Exited | End::Killed | End::Panicked(_)) => false,
        }
    }
}

/// What can be said of a child before it lives; see [`Supervisor::add`], and [`Address::add`] for a supervisor that lives.
#[must_use = "a child lives once it was added to a supervisor"]
pub struct Child<A: Automaton> {
    name: Cow<'static, str>,
    restart: Restart,
    make: Box<dyn FnMut() -> (A, A::State) + Send>,
    door: Door<A::Command>,
    shape: Shape,
    keeps: bool,
    patience: Option<Duration>,
}

/// What is said of each life to its builder.
#[derive(Clone, Copy)]
struct Shape {
    capacity: Capacity,
    overwrites: bool,
    batch: u32,
}

impl<A: Automaton> Child<A> {
    /// A child by that name, which `make` makes anew for each of its lives, in its supervisor's turn. A panic in `make`, or of a
    /// runner that has no room for the child, counts as a panic of the child.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        restart: Restart,
        make: impl FnMut() -> (A, A::State) + Send + 'static,
    ) -> Child<A> {
        let shape = Shape { capacity: Capacity::Unbounded, overwrites: false, batch: BATCH };
        let (door, patience) = (Door::new(), None);
        Child { name: name.into(), restart, make: Box::new(make), door, shape, keeps: false, patience }
    }

    /// How long it may take to end once it is told to, before it is killed; as its supervisor's [`patience`](Supervisor::patience)
    /// unless said.
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = Some(time);
        self
    }

    /// Puts it behind a door that is there already, and outlives this supervisor: for a supervisor that is itself born again. Of
    /// two children behind one door it leads to the one that was born last.
    pub fn behind(mut self, door: &Door<A::Command>) -> Self {
        self.door = door.clone();
        self
    }

    /// Bounds its inbox.
    pub fn inbox(mut self, capacity: Capacity) -> Self {
        self.shape.capacity = capacity;
        self
    }

    /// As [`Builder::overwrite_oldest`](crate::fsm::Builder::overwrite_oldest).
    pub fn overwrite_oldest(mut self) -> Self {
        self.shape.overwrites = true;
        self
    }

    /// As [`Builder::batch`](crate::fsm::Builder::batch).
    pub fn batch(mut self, commands: u32) -> Self {
        self.shape.batch = commands;
        self
    }

    /// What its inbox holds when it ends is what that of its next life begins with, the postponed first, whatever its bound. The
    /// command in hand is not among it: it may be what the child died of. Without this it is dropped, the senders of replies with
    /// it.
    pub fn keep_inbox(mut self) -> Self {
        self.keeps = true;
        self
    }

    /// For its supervisor, and its door.
    pub(super) fn into_slot(self) -> (Slot, Door<A::Command>) {
        let Child { name, restart, make, door, shape, keeps, patience } = self;
        let keeper = keeps.then(Keeper::default);
        let made = Made { name: name.clone(), make, door: door.clone(), shape, keeper, address: None };
        (Slot { nth: 0, name, restart, life: Life::Waits, patience, line: Box::new(made) }, door)
    }
}

impl Address<Told> {
    /// Adds a child to a supervisor that lives; returns its door. It is the youngest: born soon, or, while a group is on its way
    /// down or waits, with the group. One that comes when its supervisor ends never lives: its door refuses. A supervisor that is
    /// itself born again comes back with the children it was made with: those added to it are gone.
    ///
    /// # Errors
    /// If the supervisor drains or has ended, or its inbox is full. What is handed back is the order, with the child in it, and its
    /// door is lost: one who will try again with another child of the same door keeps it by [`Child::behind`].
    pub fn add<A: Automaton>(&self, child: Child<A>) -> Result<Door<A::Command>, Rejected<Told>> {
        let (slot, door) = child.into_slot();
        self.post(Told(What::Add(slot))).map(|()| door)
    }
}

/// A child, as its supervisor sees it.
pub(super) struct Slot {
    /// Its number: how many were added before it.
    pub(super) nth: u64,
    pub(super) name: Cow<'static, str>,
    pub(super) restart: Restart,
    pub(super) life: Life,
    /// How long it may take to end; `None`: as its supervisor says.
    pub(super) patience: Option<Duration>,
    pub(super) line: Box<dyn Line>,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.restart)
    }
}

/// Whether it lives. One that is dead for good has no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It does, or its end was not told yet.
    Lives,
    /// It will be born.
    Waits,
}

/// How a life is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Drain,
    Stop,
    Kill,
}

/// How a child came to life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Birth {
    /// It lives, or `make` panicked and its end is raised: one end will be told.
    Lives,
    /// The runner takes nobody in any more.
    Refused,
}

/// All lives of one child, one after the other.
pub(super) trait Line: Send {
    fn begin(&mut self, nth: u64, context: &mut Context<Supervisor>) -> Birth;
    fn order(&self, order: Order);
    /// Whether this is its door.
    fn is_behind(&self, door: &dyn Node) -> bool;
    /// Which automaton it is; `None` if none was born.
    fn cell(&self) -> Option<CellId>;
    /// What will kill the present life, and no other.
    fn killer(&self) -> Option<Killer>;
    /// It was its last life.
    fn forget(&mut self);
}

struct Made<A: Automaton> {
    name: Cow<'static, str>,
    make: Box<dyn FnMut() -> (A, A::State) + Send>,
    door: Door<A::Command>,
    shape: Shape,
    keeper: Option<Keeper<A::Command>>,
    address: Option<Address<A::Command>>,
}

impl<A: Automaton> Made<A> {
    fn spawn(&mut self, context: &mut Context<Supervisor>) -> Address<A::Command> {
        let (automaton, state) = (self.make)();
        // No stage of its own: in which order children end is for their supervisor to say.
        let builder = context.builder(automaton, state).above(None).name(self.name.clone());
        let builder = builder.inbox(self.shape.capacity).batch(self.shape.batch);
        let builder = if self.shape.overwrites { builder.overwrite_oldest() } else { builder };
        match &self.keeper {
            Some(keeper) => builder.kept(keeper).spawn(),
            None => builder.spawn(),
        }
    }
}

impl<A: Automaton> Line for Made<A> {
    fn begin(&mut self, nth: u64, context: &mut Context<Supervisor>) -> Birth {
        // Contained: what makes it is the user's, and a runner may have no room for it.
        let address = match catch_unwind(AssertUnwindSafe(|| self.spawn(context))) {
            Ok(address) => address,
            Err(payload) => {
                self.address = None;
                context.raise(Told(What::Ended { nth, end: End::Panicked(Panic::new(payload)) }));
                return Birth::Lives;
            }
        };
        // Inside, so that whoever finds it dead finds the turns it had.
        if address.port().node().word_in_order().is_dead() && address.counters().turns == 0 {
            return Birth::Refused; // dead without a turn, and nobody else knew of it
        }
        context.watch(&address, move |end| Told(What::Ended { nth, end }));
        self.door.frame().place(address.port().clone());
        self.address = Some(address);
        Birth::Lives
    }

    fn order(&self, order: Order) {
        let Some(address) = &self.address else { return };
        match order {
            Order::Drain => address.drain(),
            Order::Stop => address.stop(),
            Order::Kill => address.kill(),
        }
    }

    fn is_behind(&self, door: &dyn Node) -> bool {
        std::ptr::eq(self.door.port().node().addresses(), door.addresses())
    }

    fn cell(&self) -> Option<CellId> {
        self.address.as_ref().map(Address::cell)
    }

    fn killer(&self) -> Option<Killer> {
        let weak = self.address.as_ref()?.downgrade();
        Some(Killer::new(move || {
            if let Some(late) = weak.upgrade() {
                late.kill();
            }
        }))
    }

    fn forget(&mut self) {
        self.address = None;
        if let Some(keeper) = &self.keeper {
            let kept = std::mem::take(&mut *keeper.lock());
            drop_all(kept);
        }
    }
}
