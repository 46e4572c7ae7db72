//! A stage, and the guards of those who belong to it.
//!
//! ```text
//!   members (a lock)   STARTED?   seats: [ name, waker? ][ name, - ][ name, waker? ]      one for each guard and each clone
//!        |                 |
//!        | start: no guard is given any more; the wakers are taken out, and woken after the unlock
//!        v                 v
//!   started: Event     gone: Event      set by the start, and by the last guard that leaves a started stage
//! ```

use super::super::event::Event;
use super::super::lock::Lock;
use super::super::slab::Slab;
use super::super::{Draining, TimedOut};
use super::line::Line;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

/// One stage of a [`Drain`](super::Drain): those who go together. A handle; clones are the same stage.
#[derive(Clone)]
pub struct Stage {
    pub(super) line: Arc<Line>,
    pub(super) body: Arc<Body>,
}

/// Keeps a stage from being over. When the last one is dropped, by a panic too, the next stage starts.
///
/// Whoever belongs to a stage holds one. A clone, which never fails, is of the same stage and goes by the same name. It is `Send`
/// and `Sync`, and borrows nothing: made for threads, tasks and automata that outlive the caller.
///
/// One that is dropped at once guards nothing, so the compiler says so:
///
/// ```
/// #![deny(unused_must_use)]
/// # fn main() -> Result<(), rsm::sync::Draining> {
/// let stage = rsm::sync::drain::Drain::new().stage("workers")?;
/// let _guard = stage.guard("one")?;
/// # Ok(()) }
/// ```
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # fn main() -> Result<(), rsm::sync::Draining> {
/// let stage = rsm::sync::drain::Drain::new().stage("workers")?;
/// stage.guard("one")?;
/// # Ok(()) }
/// ```
#[must_use = "a guard that is dropped at once keeps nothing from ending"]
pub struct Guard {
    stage: Stage,
    seat: usize,
    named: Arc<Named>,
}

/// One who was still there at a deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alive {
    /// The name its guard was taken under.
    pub name: Cow<'static, str>,
    /// What it was doing, if it can tell: an automaton says its state. Else empty.
    pub doing: String,
}

/// What all clones of one guard share.
struct Named {
    /// In order of taking.
    number: u64,
    name: Cow<'static, str>,
}

/// The payload of a stage's lock once it has started: so whoever was refused a guard finds it draining, by one load.
const STARTED: u32 = 1;

/// What a stage is.
pub(super) struct Body {
    pub(super) name: Cow<'static, str>,
    members: Lock<Members>,
    /// Set a moment after STARTED, as that wakes foreign code.
    started: Event,
    gone: Event,
}

struct Members {
    seats: Slab<Seat>,
    /// Guards given out so far.
    given: u64,
}

struct Seat {
    named: Arc<Named>,
    waker: Option<Waker>,
    doing: Option<Doing>,
}

type Doing = Arc<dyn Fn() -> String + Send + Sync>;

/// What a start leaves to be done once the locks are free.
#[must_use]
pub(super) struct Start {
    body: Arc<Body>,
    wakers: Vec<Waker>,
    is_empty: bool,
}

impl Stage {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.body.name
    }

    /// The stage of that name in front of this one, the nearest if there are several; made directly in front if there is none.
    ///
    /// For trees: who belongs to this stage puts its children into the one before, so that they end first.
    ///
    /// # Errors
    /// [`Draining`]: there is none, and this stage has started, so nothing can come before it any more.
    pub fn before(&self, name: impl Into<Cow<'static, str>>) -> Result<Stage, Draining> {
        let body = self.line.before(&self.body, name.into(), None)?;
        Ok(Stage { line: self.line.clone(), body })
    }

    /// As [`before`](Stage::before), but one behind a stage named `root` is another's: several stages may go by one name.
    pub(crate) fn before_of(&self, root: &str, name: String) -> Result<Stage, Draining> {
        let body = self.line.before(&self.body, name.into(), Some(root))?;
        Ok(Stage { line: self.line.clone(), body })
    }

    /// Takes a guard. The name is what a drain that is [late](super::Late) calls its holder; it need not be unique.
    ///
    /// # Errors
    /// [`Draining`]: the stage has started.
    pub fn guard(&self, name: impl Into<Cow<'static, str>>) -> Result<Guard, Draining> {
        let name = name.into();
        let mut members = self.body.members.lock();
        if members.payload() == STARTED {
            return Err(Draining);
        }
        let (seat, named) = members.seat(name);
        drop(members);
        Ok(Guard { stage: self.clone(), seat, named })
    }

    /// Whether the stage has started: its members should end, and no [`guard`](Stage::guard) is given any more. One load.
    pub fn is_draining(&self) -> bool {
        self.body.members.snapshot_acquire().payload == STARTED
    }

    /// Whether the stage is over: it has started, and its last guard is gone. One load.
    pub fn is_over(&self) -> bool {
        self.body.is_over()
    }

    /// Guards that are alive, at some moment during the call. An automaton under [`drain_with`](crate::fsm::Builder::drain_with)
    /// holds two.
    pub fn guards(&self) -> usize {
        self.body.members.lock().seats.len()
    }

    /// Who is there, each guard with its clones once, in order of taking. O(n).
    pub fn alive(&self) -> Vec<Alive> {
        self.body.alive(usize::MAX).1
    }
}

impl Guard {
    /// The stage it guards.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The name it was taken under.
    pub fn name(&self) -> &str {
        &self.named.name
    }

    /// Whether the stage has started: its members should end. One load.
    pub fn is_draining(&self) -> bool {
        self.stage.is_draining()
    }

    /// Waits until the stage starts.
    pub fn wait_draining(&self) {
        self.stage.body.started.wait();
    }

    /// Waits until the stage starts, that long at most.
    ///
    /// # Errors
    /// [`TimedOut`]: it has not started in time.
    pub fn wait_draining_timeout(&self, time: Duration) -> Result<(), TimedOut> {
        self.stage.body.started.wait_timeout(time)
    }

    /// Waits until the stage starts, until then at most.
    ///
    /// # Errors
    /// [`TimedOut`]: it has not started in time.
    pub fn wait_draining_until(&self, instant: Instant) -> Result<(), TimedOut> {
        self.stage.body.started.wait_until(instant)
    }

    /// A future of [`wait_draining`](Guard::wait_draining), for a task to race with its work. May be dropped at any time.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + '_ {
        self.stage.body.started.wait_async()
    }

    /// Has `waker` woken once when the stage starts; at once if it has. A later one of the same guard takes its place, each clone
    /// has its own, and a guard that is dropped takes it along.
    ///
    /// For those who neither wait nor poll, but can be told: what it wakes should make its holder end. If it panics, all others are
    /// woken before the panic reaches the one who drains; if two do, the process aborts.
    pub fn on_start(&self, waker: Waker) {
        let mut members = self.stage.body.members.lock();
        if members.payload() == STARTED {
            drop(members);
            waker.wake();
            return;
        }
        let seat = members.seats.get_mut(self.seat).expect("D2: a guard has a seat as long as it lives");
        let before = seat.waker.replace(waker);
        drop(members);
        drop(before); // foreign code
    }

    /// What to say of the holder, beside its name, if it is [alive](Alive) at a deadline. Called by the one whose deadline it is,
    /// under no lock; so if it panics, that one's drain does.
    pub fn tells(&self, doing: impl Fn() -> String + Send + Sync + 'static) {
        let mut members = self.stage.body.members.lock();
        let seat = members.seats.get_mut(self.seat).expect("D2: a guard has a seat as long as it lives");
        let before = seat.doing.replace(Arc::new(doing));
        drop(members);
        drop(before); // foreign code
    }

    /// A guard of the same stage under a name of its own. Like a clone it never fails, started or not.
    pub(crate) fn another(&self, name: String) -> Guard {
        let (seat, named) = self.stage.body.members.lock().seat(name.into());
        Guard { stage: self.stage.clone(), seat, named }
    }
}

impl Clone for Guard {
    fn clone(&self) -> Guard {
        // This guard has a seat, so the stage is not over, whether or not it has started.
        let seat = Seat { named: self.named.clone(), waker: None, doing: None };
        let seat = self.stage.body.members.lock().seats.insert(seat);
        Guard { stage: self.stage.clone(), seat, named: self.named.clone() }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let body = &self.stage.body;
        let mut members = body.members.lock();
        let seat = members.seats.remove(self.seat).expect("D2: a guard has a seat as long as it lives");
        let is_last = members.payload() == STARTED && members.seats.is_empty();
        drop(members);
        if is_last {
            // Nobody takes a seat in a started stage but by a clone, and there is nobody to clone: so this comes once.
            body.gone.set();
        }
        drop(seat); // foreign code
    }
}

impl Members {
    /// A seat, and the name that is listed for it.
    fn seat(&mut self, name: Cow<'static, str>) -> (usize, Arc<Named>) {
        self.given += 1;
        let named = Arc::new(Named { number: self.given, name });
        (self.seats.insert(Seat { named: named.clone(), waker: None, doing: None }), named)
    }
}

impl Body {
    pub(super) fn new(name: Cow<'static, str>) -> Body {
        Body {
            name,
            members: Lock::new(Members { seats: Slab::new(), given: 0 }),
            started: Event::manual(),
            gone: Event::manual(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.gone.is_set()
    }

    /// Set once the stage has started and its last guard is gone.
    pub(super) fn gone(&self) -> &Event {
        &self.gone
    }

    /// From here on no guard is given. Called once, under the line's lock.
    pub(super) fn start(self: &Arc<Body>) -> Start {
        let mut members = self.members.lock();
        // D3: who registers later finds the stage started.
        let wakers = members.seats.iter_mut().filter_map(|seat| seat.waker.take()).collect();
        let is_empty = members.seats.is_empty();
        members.unlock_with(|_| STARTED);
        Start { body: self.clone(), wakers, is_empty }
    }

    /// How many are there, and the first so many of them.
    pub(super) fn alive(&self, most: usize) -> (usize, Vec<Alive>) {
        let mut all: BTreeMap<u64, (Arc<Named>, Option<Doing>)> = BTreeMap::new();
        for seat in self.members.lock().seats.iter() {
            let entry = all.entry(seat.named.number).or_insert_with(|| (seat.named.clone(), None));
            entry.1 = entry.1.take().or_else(|| seat.doing.clone());
        }
        let count = all.len();
        let all = all.into_values().take(most).map(|(named, doing)| {
            let doing = doing.map_or_else(String::new, |doing| doing());
            Alive { name: named.name.clone(), doing }
        });
        (count, all.collect())
    }
}

impl Start {
    /// Tells everyone. The locks are free.
    pub(super) fn tell(self) {
        /// Goes on with the rest although a wake panicked.
        struct Rest(std::vec::IntoIter<Waker>);
        impl Rest {
            fn wake_all(&mut self) {
                self.0.by_ref().for_each(Waker::wake);
            }
        }
        impl Drop for Rest {
            fn drop(&mut self) {
                self.wake_all();
            }
        }
        if self.is_empty {
            self.body.gone.set();
        }
        let mut rest = Rest(self.wakers.into_iter());
        self.body.started.set();
        rest.wake_all();
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("name", &self.name())
            .field("is_draining", &self.is_draining())
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("name", &self.name()).field("stage", &self.stage.name()).finish()
    }
}
