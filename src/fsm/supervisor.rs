//! Those who die are born again: an automaton that watches others, and does what a strategy says when one of them ends.
//!
//! ```text
//!                        one ends, and others go with it            all of these are gone            back-off is over
//!   Start ──> Up ───────────────────────────────────────> Stopping ───────────────────────> Waiting ──────────────────> Up
//!             |  ^                                        |  a restart at once ──> Up
//!             |  └─ one for one: born again, at once or after its back-off
//!             | Drain, in any of them                     | once too often, in any of them
//!             v                                           v
//!          Leaving: drained, the youngest first        Failing: stopped, the youngest first
//!             | all are gone                              | all are gone
//!             v                                           v
//!            Exit                                      a panic with TooManyRestarts, for whoever watches this one
//! ```
//! Reach for it when a part may fail and the whole must go on: what a panic tore is thrown away, and a fresh one takes its place
//! behind the same [`Door`]. An automaton that can handle an error by itself needs none.
//!
//! ```
//! use rsm::fsm::{Automaton, Context, Input, Restart, Runner, Strategy, Supervision, Supervisor, VirtualTime};
//! use rsm::sync::oneshot;
//! use std::time::Duration;
//!
//! /// Divides, and dies of a zero.
//! struct Divider;
//! impl Automaton for Divider {
//!     type State = ();
//!     type Command = (u32, u32, oneshot::Sender<u32>);
//!     fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
//!         if let Input::Command((dividend, divisor, reply)) = input {
//!             let _ = reply.send(dividend / divisor); // whoever asked may have gone
//!         }
//!     }
//! }
//!
//! let mut supervisor = Supervisor::new(Strategy::OneForOne).intensity(3, Duration::from_secs(5));
//! let door = supervisor.child("divider", Restart::Always, || (Divider, ()));
//!
//! let time = VirtualTime::new(1); // or a pool, or threads
//! let supervisor = time.spawn(supervisor, Supervision::Up);
//! let ask = |dividend, divisor| {
//!     time.run_until_idle(&mut ());
//!     let (reply, ticket) = oneshot::channel();
//!     door.post((dividend, divisor, reply)).expect("somebody lives behind the door");
//!     time.block_on(ticket).ok()
//! };
//! assert_eq!(ask(12, 4), Some(3));
//! assert_eq!(ask(1, 0), None); // it panics, and whoever asked knows
//! assert_eq!(ask(10, 5), Some(2)); // the next one, behind the same door
//!
//! let ended = supervisor.ended();
//! supervisor.drain(); // and its children with it
//! time.block_on(ended).expect("an end is always told");
//! ```
//!
//! # What holds
//!
//! - Children may be added while it lives, by [`Address::add`](super::Address::add), listed by [`children`](super::Address::children), and
//!   ended for good by [`remove`](super::Address::remove); one that is dead for good is forgotten.
//! - A child lives as long as its supervisor, whoever holds its door; the supervisor's last address dropped, all drain.
//! - Children are born in the order in which they were added, and ended in the reverse, one after the other: told to, then, when
//!   [`patience`](Supervisor::patience) is over, killed. One that hangs inside a turn cannot be ended, and is waited for.
//! - A supervisor that is stopped stops its children and does not wait; one that is killed, or panics, lets them drain.
//! - Under a stage of a [`Drain`](crate::sync::drain::Drain) the supervisor has its place, and its children have none of their own: they end
//!   in its order, and the stage is over after the supervisor.
//! - A supervisor may be the child of another: [`Child::behind`] keeps its children's doors where they are.

use super::automaton::{Automaton, End, Input};
use super::context::Context;
use super::slots;
use crate::time::Time;
use child::{Birth, Life, Order, Slot};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::panic::resume_unwind;
use std::time::Duration;

mod child;
mod door;
mod roll;
mod state;
#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;

pub use child::{Child, Restart};
pub use door::Door;
pub use roll::SupervisedChild;
use state::What;
pub use state::{Stopping, Supervision, Told, TooManyRestarts, Waiting};

/// Who is born again together with one that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Nobody: each child for itself.
    OneForOne,
    /// All of them: children that cannot go on without each other.
    OneForAll,
    /// Those added after it: each child builds on the ones before.
    RestForOne,
}

/// An automaton that brings its children back to life; see the [page](self).
pub struct Supervisor {
    strategy: Strategy,
    restarts_max: u32,
    window: Duration,
    /// The first wait before a restart, and the longest.
    back_off: [Duration; 2],
    /// By which share of itself a wait may be longer, in units of 2^-32.
    jitter: u64,
    patience: Duration,
    /// In order of their numbers.
    slots: Vec<Slot>,
    /// How many children were added.
    added: u64,
    /// When there were restarts, within the window; later by all that was waited since.
    restarts: VecDeque<Time>,
    /// Until when somebody waits for a restart.
    waits_until: Time,
    /// Whom we have told to end, in the present state.
    told: Option<u64>,
}

impl Supervisor {
    /// Without children yet. Unless it is told otherwise: three restarts in five seconds, at once, and five seconds of patience.
    #[must_use]
    pub fn new(strategy: Strategy) -> Supervisor {
        Supervisor {
            strategy,
            restarts_max: 3,
            window: Duration::from_secs(5),
            back_off: [Duration::ZERO; 2],
            jitter: 0,
            patience: Duration::from_secs(5),
            slots: Vec::new(),
            added: 0,
            restarts: VecDeque::new(),
            waits_until: Time::ZERO,
            told: None,
        }
    }

    /// It gives up when more than so many restarts fall in a window of that length; never, if they may be `u32::MAX`. A group that is
    /// born again counts once. Time in which somebody waits for a restart does not count: so a child that dies at each birth ends
    /// in giving up, however long its waits are.
    #[must_use]
    pub fn intensity(mut self, restarts: u32, window: Duration) -> Supervisor {
        (self.restarts_max, self.window) = (restarts, window);
        self
    }

    /// The first restart of a window waits for `first`, each further one twice as long, at most `longest`. When no restart is left
    /// in the window the next waits for `first` again. The restarts are counted for all children together, as those of the
    /// intensity are; there must be enough of them for the longest wait to be reached.
    #[must_use]
    pub fn back_off(mut self, first: Duration, longest: Duration) -> Supervisor {
        self.back_off = [first, longest];
        self
    }

    /// Each wait before a restart is longer by a share of itself up to `share` (0 to 1), so that those who fell together do not
    /// rise together; so it may exceed the longest wait by as much. Drawn from the supervisor's own stream of chance ([`Context::random`]): in virtual time by the seed.
    #[must_use]
    pub fn jitter(mut self, share: f64) -> Supervisor {
        self.jitter = slots::share(share);
        self
    }

    /// How long a child that is told to end may take before it is killed.
    #[must_use]
    pub fn patience(mut self, time: Duration) -> Supervisor {
        self.patience = time;
        self
    }

    /// Adds a child, which `make` makes for each of its lives; returns its door.
    pub fn child<A: Automaton>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        restart: Restart,
        make: impl FnMut() -> (A, A::State) + Send + 'static,
    ) -> Door<A::Command> {
        self.add(Child::new(name, restart, make))
    }

    /// As [`child`](Self::child), for one of whom more is to be said.
    pub fn add<A: Automaton>(&mut self, child: Child<A>) -> Door<A::Command> {
        let (slot, door) = child.into_slot();
        let _ = self.take_in(slot);
        door
    }

    /// The youngest so far; returns its number.
    fn take_in(&mut self, slot: Slot) -> u64 {
        let nth = self.added;
        self.added += 1;
        self.slots.push(Slot { nth, ..slot });
        nth
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.slots.iter().map(|slot| &slot.name).collect::<Vec<_>>();
        f.debug_struct("Supervisor").field("strategy", &self.strategy).field("children", &names).finish_non_exhaustive()
    }
}

impl Automaton for Supervisor {
    type State = Supervision;
    type Command = Told;

    fn next(&mut self, state: Supervision, input: Input<Self>, context: &mut Context<Self>) -> Supervision {
        use Supervision::{Failing, Leaving, Stopping, Up, Waiting};
        match (state, input) {
            (state @ (Up | Stopping(_) | Waiting(_) | Leaving | Failing(_)), Input::Start) => {
                match self.begin_from(0, context) {
                    Birth::Lives => state,
                    Birth::Refused => Leaving,
                }
            }
            (Up | Stopping(_) | Waiting(_) | Leaving, Input::Drain) => {
                context.linger();
                Leaving
            }
            (Failing(why), Input::Drain) => {
                context.linger();
                Failing(why)
            }
            (state @ (Up | Stopping(_) | Waiting(_) | Leaving | Failing(_)), Input::Exit) => {
                self.living_from(0).for_each(|slot| slot.line.order(Order::Stop));
                state
            }
            (state @ (Up | Waiting(_)), Input::Transition { .. }) => state,
            (Stopping(group), Input::Transition { .. }) => {
                self.told = None;
                self.go_down(group, context)
            }
            (Leaving, Input::Transition { .. }) => {
                self.told = None;
                self.leave(context)
            }
            (Failing(why), Input::Transition { .. }) => {
                self.told = None;
                self.fail(why, context)
            }
            (state, Input::Command(Told(what))) => self.on_told(state, what, context),
        }
    }

    fn label(state: &Supervision) -> &'static str {
        match state {
            Supervision::Up => "Up",
            Supervision::Stopping(_) => "Stopping",
            Supervision::Waiting(_) => "Waiting",
            Supervision::Leaving => "Leaving",
            Supervision::Failing(_) => "Failing",
        }
    }
}

/// Where one is after a birth: a runner that takes nobody in any more ends, and so do we.
fn up(birth: Birth) -> Supervision {
    match birth {
        Birth::Lives => Supervision::Up,
        Birth::Refused => Supervision::Leaving,
    }
}

/// A wait is doubled less often than so.
const DOUBLINGS_MAX: usize = 32;

/// What becomes of one that ended.
enum Verdict {
    /// It is dead for good.
    Gone,
    /// It is to be born again, after this time.
    Again(Duration),
    /// So it was, but once too often.
    TooMany(TooManyRestarts),
}

impl Supervisor {
    fn on_told(&mut self, state: Supervision, what: What, context: &mut Context<Self>) -> Supervision {
        use Supervision::{Failing, Leaving, Stopping, Up, Waiting};
        use What::{Add, Again, Ended, Late, List, Overdue, Remove, Return};
        match (state, what) {
            (Stopping(group), Ended { nth, .. }) if group.from <= nth => {
                // We told it to end, or were about to.
                match self.slot(nth) {
                    Some(slot) if slot.restart != Restart::Never => slot.life = Life::Waits,
                    Some(_) | None => self.forget(nth),
                }
                self.go_down(group, context)
            }
            (Up | Stopping(_) | Waiting(_), Ended { nth, .. }) if context.is_closed() => {
                self.forget(nth); // our runner ends, and so do we: that was no failure
                Leaving
            }
            (state @ (Up | Stopping(_) | Waiting(_)), Ended { nth, end }) => match self.judge(nth, end, context) {
                Verdict::Gone => state,
                Verdict::Again(wait) => self.restart(state, nth, wait, context),
                Verdict::TooMany(why) => Failing(why),
            },
            (Leaving, Ended { nth, .. }) => {
                self.forget(nth);
                self.leave(context)
            }
            (Failing(why), Ended { nth, .. }) => {
                self.forget(nth);
                self.fail(why, context)
            }
            (Up, Return { nth }) => up(self.begin(nth, context)),
            (Up, Add(slot)) => {
                let nth = self.take_in(slot);
                up(self.begin(nth, context))
            }
            (state @ (Stopping(_) | Waiting(_)), Add(slot)) => {
                let _with_the_group = self.take_in(slot);
                state
            }
            (state @ (Leaving | Failing(_)), Add(_) | Remove(_)) => state,
            (state @ (Up | Stopping(_) | Waiting(_)), Remove(door)) => {
                self.remove(&*door, context);
                state
            }
            (state, List(reply)) => {
                let _gone = reply.send(self.slots.iter().map(Slot::listed).collect());
                state
            }
            (state, Overdue(life)) => {
                life.kill(); // nothing to the dead, and it is no other's life
                state
            }
            (Waiting(group), Again) => up(self.begin_from(group.from, context)),
            (state @ (Stopping(_) | Leaving | Failing(_)), Late) => {
                let from = if let Stopping(group) = &state { group.from } else { 0 };
                self.living_from(from).take(1).for_each(|slot| slot.line.order(Order::Kill));
                state
            }
            (state @ (Stopping(_) | Waiting(_) | Leaving | Failing(_)), Return { .. }) => state,
            (state @ (Up | Stopping(_) | Leaving | Failing(_)), Again) => state,
            (state @ (Up | Waiting(_)), Late) => state,
        }
    }

    /// Counts a restart if there is to be one. The window is looked at in our own turn alone.
    fn judge(&mut self, nth: u64, end: End, context: &mut Context<Self>) -> Verdict {
        let name = match self.slot(nth) {
            Some(slot) if slot.restart.after(&end) => {
                slot.life = Life::Waits;
                slot.name.clone()
            }
            Some(_) | None => {
                self.forget(nth);
                return Verdict::Gone;
            }
        };
        let now = context.now();
        while self.restarts.front().is_some_and(|&then| self.window <= now.since(then)) {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now.max(self.waits_until)); // as if all waits were over
        let (restarts, window) = (self.restarts_max, self.window);
        if restarts == u32::MAX && DOUBLINGS_MAX < self.restarts.len() {
            self.restarts.pop_front(); // it never gives up, so only the waits ask how many there were
        }
        if restarts < self.restarts.len() as u32 {
            return Verdict::TooMany(TooManyRestarts { child: name, end, restarts, window });
        }
        let wait = self.wait(context);
        self.do_not_count(now, wait);
        Verdict::Again(wait)
    }

    /// The time of a wait is no part of the window. Where it overlaps with another's, it is left out once.
    fn do_not_count(&mut self, now: Time, wait: Duration) {
        let until = now.after(wait);
        let more = until.since(now.max(self.waits_until));
        self.waits_until = until.max(self.waits_until);
        self.restarts.iter_mut().for_each(|then| *then = then.after(more));
    }

    /// How long the latest restart of the window waits.
    fn wait(&self, context: &mut Context<Self>) -> Duration {
        let [first, longest] = self.back_off;
        let doublings = (self.restarts.len() - 1).min(DOUBLINGS_MAX - 1);
        let wait = first.saturating_mul(1 << doublings).min(longest);
        if wait.is_zero() || self.jitter == 0 {
            return wait;
        }
        wait.saturating_add(slots::jittered(wait, self.jitter, context.random()))
    }

    /// One is to be born again, and by the strategy others with it.
    fn restart(&mut self, state: Supervision, nth: u64, wait: Duration, context: &mut Context<Self>) -> Supervision {
        let from = match self.strategy {
            Strategy::OneForOne => {
                if wait.is_zero() {
                    return up(self.begin(nth, context));
                }
                context.after(wait, Told(What::Return { nth }));
                return state;
            }
            Strategy::OneForAll => 0,
            Strategy::RestForOne => nth,
        };
        match state {
            // The group on its way down has become larger: no transition will come.
            Supervision::Stopping(group) => self.go_down(Stopping { from, wait: wait.max(group.wait) }, context),
            Supervision::Up | Supervision::Waiting(_) | Supervision::Leaving | Supervision::Failing(_) => {
                Supervision::Stopping(Stopping { from, wait })
            }
        }
    }

    /// Tells the youngest of a group to end; once all are gone, the group rests, or comes back.
    fn go_down(&mut self, group: Stopping, context: &mut Context<Self>) -> Supervision {
        let Stopping { from, wait } = group;
        if self.end_youngest(from, Order::Stop, context) {
            return Supervision::Stopping(group);
        }
        if wait.is_zero() {
            return up(self.begin_from(from, context));
        }
        context.state_timeout(wait, Told(What::Again)); // of the state that we enter
        Supervision::Waiting(Waiting { from })
    }

    fn leave(&mut self, context: &mut Context<Self>) -> Supervision {
        if !self.end_youngest(0, Order::Drain, context) {
            context.stop();
        }
        Supervision::Leaving
    }

    fn fail(&mut self, why: TooManyRestarts, context: &mut Context<Self>) -> Supervision {
        if !self.end_youngest(0, Order::Stop, context) {
            resume_unwind(Box::new(why)); // no hook prints: whoever watches us is told
        }
        Supervision::Failing(why)
    }

    /// Tells the last added of those from `from` on that live to end, once; false if none does.
    fn end_youngest(&mut self, from: u64, order: Order, context: &mut Context<Self>) -> bool {
        let Some(slot) = self.living_from(from).next() else { return false };
        let (nth, patience) = (slot.nth, slot.patience.unwrap_or(self.patience));
        if self.told != Some(nth) {
            slot.line.order(order);
            self.told = Some(nth);
            context.state_timeout(patience, Told(What::Late));
        }
        true
    }

    /// Those that live from `from` on, the last added first.
    fn living_from(&self, from: u64) -> impl Iterator<Item = &Slot> {
        self.slots.iter().rev().take_while(move |slot| from <= slot.nth).filter(|slot| slot.life == Life::Lives)
    }

    /// Where the child of that number stands.
    fn place(&self, nth: u64) -> Option<usize> {
        self.slots.binary_search_by_key(&nth, |slot| slot.nth).ok()
    }

    fn slot(&mut self, nth: u64) -> Option<&mut Slot> {
        self.place(nth).map(|at| &mut self.slots[at])
    }

    /// Brings those that wait to life, from `from` on.
    fn begin_from(&mut self, from: u64, context: &mut Context<Self>) -> Birth {
        let group: Vec<_> = self.slots.iter().map(|slot| slot.nth).filter(|&nth| from <= nth).collect();
        let refused = group.into_iter().any(|nth| self.begin(nth, context) == Birth::Refused);
        if refused { Birth::Refused } else { Birth::Lives }
    }

    /// Brings it to life, if it waits for that.
    fn begin(&mut self, nth: u64, context: &mut Context<Self>) -> Birth {
        let Some(slot) = self.slot(nth).filter(|slot| slot.life == Life::Waits) else { return Birth::Lives };
        let birth = slot.line.begin(nth, context);
        match birth {
            Birth::Lives => slot.life = Life::Lives,
            Birth::Refused => self.forget(nth),
        }
        birth
    }

    /// It is dead for good.
    fn forget(&mut self, nth: u64) {
        if let Some(at) = self.place(nth) {
            self.slots.remove(at).line.forget();
        }
    }
}
