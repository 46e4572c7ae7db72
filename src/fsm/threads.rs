//! A thread for each automaton.
//!
//! ```text
//!   Threads.spawn(automaton) ──> a thread: turn, turn, .. sleep until a post or a timer .. turn ──death──> the thread ends
//!        its child ──> another thread
//! ```
//! For a few that work much or block; many that mostly wait want a [`Pool`](super::Pool).

use super::automaton::Automaton;
use super::runner::{Builder, Home, HomeRef, Runner, Task};
use super::timers::Timers;
use super::turn::Limit;
use crate::sync::lock::Lock;
use crate::sync::park::{Parker, Unparker};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Runs each automaton on a thread of its own, which sleeps while there is nothing to do, and ends with it.
///
/// For a few automata that work much, block, or must not wait for others: a spawn costs a thread. Children get threads too.
///
/// The runner itself is nothing: `Threads.spawn(..)`.
///
/// # Panics
/// A spawn panics if the system has no thread left, as [`std::thread::spawn`] does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads;

impl Runner for Threads {
    fn builder<A: Automaton>(&self, automaton: A, state: A::State) -> Builder<A> {
        Builder::on(&OwnThread::home(), automaton, state)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let parker = Parker::new();
        let waker = Waker::from(Arc::new(Unpark(parker.unparker())));
        let mut future = pin!(future);
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => return output,
                Poll::Pending => parker.park(),
            }
        }
    }
}

/// Wakes a thread that waits for a future.
struct Unpark(Unparker);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// The home of one cell: a thread that does nothing else.
///
/// ```text
///   schedule: place the task, unpark          thread: fire what is due ──> run the task ──+
///                                                ^        | no task                      |
///                                                +── park until the wheel's `wake` <─────+
/// ```
/// The token of the parker is the proof that no wake is lost (F5): whoever places a task leaves a token after it, and the thread
/// looks for the task after it took the token.
struct OwnThread {
    place: Lock<Place>,
    unparker: Unparker,
    timers: Timers,
}

/// Where the one task of the one cell lies.
enum Place {
    /// No thread yet: the first task begins it.
    Unborn(Parker),
    Empty,
    Task(Task),
}

impl OwnThread {
    fn home() -> HomeRef {
        let (home, parker) = OwnThread::new();
        *home.place.lock() = Place::Unborn(parker);
        HomeRef::new(Resident(home))
    }

    /// Without a task; the parker is its thread's.
    fn new() -> (Arc<OwnThread>, Parker) {
        let parker = Parker::new();
        let place = Lock::new(Place::Empty);
        let home = OwnThread { place, unparker: parker.unparker(), timers: Timers::new() };
        (Arc::new(home), parker)
    }

    /// The life of the thread.
    fn live(&self, parker: &Parker) {
        loop {
            self.timers.fire();
            let place = std::mem::replace(&mut *self.place.lock(), Place::Empty);
            match place {
                Place::Task(task) => {
                    if task.run_within(Limit::Batch, &|| true).ended {
                        return;
                    }
                }
                Place::Unborn(_) | Place::Empty => match self.timers.wake().and_then(|at| self.timers.instant(at)) {
                    Some(at) => {
                        let _ = parker.park_until(at);
                    }
                    None => parker.park(),
                },
            }
        }
    }
}

/// A share in an own thread's home.
struct Resident(Arc<OwnThread>);

impl Resident {
    fn begin(&self, parker: Parker, name: &str) {
        let mut thread = std::thread::Builder::new();
        if !name.is_empty() {
            thread = thread.name(name.replace('\0', " "));
        }
        let home = self.0.clone();
        if let Err(why) = thread.spawn(move || home.live(&parker)) {
            // The task goes, so the automaton is killed and nobody waits for it.
            // It is the user's to drop, so not in one statement with the lock (F4).
            let task = std::mem::replace(&mut *self.0.place.lock(), Place::Empty);
            drop(task);
            panic!("the system has no thread left for an automaton: {why}");
        }
    }
}

impl Home for Resident {
    fn schedule(&self, task: Task) {
        let mut place = self.0.place.lock();
        let name = matches!(*place, Place::Unborn(_)).then(|| task.name());
        let before = std::mem::replace(&mut *place, Place::Task(task));
        drop(place);
        match before {
            Place::Empty => self.0.unparker.unpark(),
            Place::Task(_) => unreachable!("F2: a cell is queued once, and this home has one"),
            Place::Unborn(parker) => self.begin(parker, &name.unwrap_or_default()),
        }
    }

    fn timers(&self) -> &Timers {
        &self.0.timers
    }

    fn children(&self) -> Option<HomeRef> {
        Some(OwnThread::home())
    }
}

#[cfg(rsm_loom)]
pub(super) mod models;
