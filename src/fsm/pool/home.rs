//! What all threads and cells of a pool share.

use super::PoolCounters;
use super::builder::{OnPanic, OnStall};
use super::census::Census;
use super::floor::Floor;
use super::queues::Place;
use super::spares::{Offered, Spares};
use super::worker::{At, Seat, live, seat, sit};
use crate::fsm::death::contained;
use crate::fsm::runner::{Home, HomeRef, Task};
use crate::fsm::spans;
use crate::fsm::timers::Timers;
use crate::fsm::word::Duty;
use crate::fsm::{CellId, Panic};
use crate::sync::lock::Lock;
use crate::sync::shim::{AtomicU64, Ordering, thread};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Duration;

/// What all threads and cells of a pool share.
pub(super) struct Shared {
    pub(super) floor: Floor<Task>,
    pub(super) spares: Spares,
    pub(super) census: Census,
    timers: Timers,
    name: String,
    threads_made: AtomicU64,
    on_panic: OnPanic,
    strict: Lock<Strict>,
}

/// The first panic that nobody watched, and who waits in `block_on`.
#[derive(Default)]
struct Strict {
    panic: Option<Panic>,
    /// Each under the number of its wait.
    waiting: Vec<(u64, Waker)>,
    /// Waits there were so far.
    waits: u64,
}

impl Shared {
    pub(super) fn new(workers: usize, name: String, on_panic: OnPanic, on_stall: Option<Box<OnStall>>) -> Arc<Shared> {
        Arc::new_cyclic(|shared: &Weak<Shared>| {
            let shared = shared.clone();
            let told = move |cell, time| {
                if let Some(shared) = shared.upgrade() {
                    shared.stalled(cell, time, on_stall.as_deref());
                }
            };
            Shared::of(Floor::new(workers, Box::new(told), Task::fetch_ahead), workers, name, on_panic)
        })
    }

    fn of(floor: Floor<Task>, workers: usize, name: String, on_panic: OnPanic) -> Shared {
        Shared {
            floor,
            spares: Spares::new(workers),
            census: Census::new(),
            timers: Timers::thread(),
            name,
            threads_made: AtomicU64::new(0),
            on_panic,
            strict: Lock::new(Strict::default()),
        }
    }

    pub(super) fn home(self: Arc<Self>) -> HomeRef {
        HomeRef::new(Residence(self))
    }

    /// What the seats of its threads call it: nobody else has this address while one of them lives.
    pub(super) fn identity(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The seat of the calling thread, if it is one of ours.
    fn seat(&self) -> Option<Seat> {
        seat().filter(|seat| seat.pool == self.identity())
    }

    /// The place of the calling thread, if it is one of ours and has one.
    fn place(&self) -> Option<&Place<Task>> {
        match self.seat()?.at {
            At::Place(nth) => Some(&self.floor.places[nth]),
            At::Away(_) => None,
        }
    }

    /// Whether the calling thread is in a turn here, at a place or after it has given that away.
    pub(super) fn is_ours(&self) -> bool {
        self.seat().is_some()
    }

    /// A thread that was counted before; false, and it is not counted any more, if the system has none left.
    pub(super) fn make_thread(self: &Arc<Self>) -> bool {
        let shared = self.clone();
        let name = format!("{}-{}", self.name, self.threads_made.fetch_add(1, Ordering::Relaxed));
        let made = thread::spawn(&name, move || live(&shared)).is_ok();
        if !made {
            self.spares.thread_is_gone();
        }
        made
    }

    /// Nobody is taken in any more, and all who live are told this.
    pub(super) fn close(&self, flag: u32) {
        self.census.close(flag, |node, flag| match node.signal(flag) {
            Duty::Nothing => {}
            Duty::Schedule => node.head().home.get().schedule(Task::new(node.clone())),
        });
    }

    /// Threads end once they find nothing more to do.
    pub(super) fn end(&self) {
        self.floor.end();
        self.spares.end();
    }

    /// Waits; if on a thread of ours, as a blocking section.
    pub(super) fn wait_on_behalf<R>(self: &Arc<Self>, wait: impl FnOnce() -> R) -> R {
        let (mut wait, mut result) = (Some(wait), None);
        self.blocking(&mut || result = wait.take().map(|wait| wait()));
        result.expect("a section is run before `blocking` returns")
    }

    /// Runs a section that may block: queue and place go first, so that nothing waits for it (F5).
    fn blocking(self: &Arc<Self>, section: &mut dyn FnMut()) {
        let Some(seat) = self.seat() else { return section() };
        let cell = match seat.at {
            At::Place(nth) => self.leave(nth),
            At::Away(cell) => cell,
        };
        let noted = cell.map(|cell| self.spares.enter(cell));
        let result = catch_unwind(AssertUnwindSafe(section));
        if let Some(noted) = noted {
            self.spares.leave(noted);
        }
        if let Err(panic) = result {
            resume_unwind(panic);
        }
    }

    /// The calling thread gives its place away, for the rest of this turn: of which cell?
    fn leave(self: &Arc<Self>, nth: usize) -> Option<CellId> {
        let cell = self.floor.places[nth].cell();
        sit(Some(Seat { pool: self.identity(), at: At::Away(cell) }));
        self.floor.hand_over(nth);
        if self.spares.offer(nth) == Offered::Make {
            self.make_thread();
        }
        cell
    }

    /// A turn takes long.
    fn stalled(&self, cell: CellId, time: Duration, on_stall: Option<&OnStall>) {
        if on_stall.is_some() || cfg!(feature = "tracing") {
            let name = self.census.name(cell);
            spans::stalled(cell, &name, time);
            if let Some(act) = on_stall {
                contained(|| act(&name, cell, time));
            }
        }
    }

    pub(super) fn counters(&self) -> PoolCounters {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        PoolCounters {
            wakes: read(&self.floor.sleep.wakes),
            steals: read(&self.floor.steals),
            parks: read(&self.floor.sleep.parks),
            stalls: read(&self.floor.stalls.count),
            spares: self.spares.count(self.floor.places.len()),
        }
    }

    /// In a strict pool, resumes the first panic that nobody watched.
    pub(super) fn resume_strict(&self) {
        let panic = self.strict.lock().panic.take();
        if let Some(payload) = panic.and_then(|panic| panic.take()) {
            resume_unwind(payload);
        }
    }

    /// The future; in a strict pool it panics with the first panic that nobody watched.
    pub(super) async fn unless_strict<F: Future>(&self, future: F) -> F::Output {
        let (mut future, mut waits) = (pin!(future), Waits { strict: &self.strict, number: None });
        poll_fn(|context| {
            if matches!(self.on_panic, OnPanic::Strict) {
                waits.note(context.waker());
            }
            self.resume_strict();
            future.as_mut().poll(context)
        })
        .await
    }

    /// How many wait in a strict pool.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.strict.lock().waiting.len()
    }

    fn panicked(&self, name: &str, panic: Panic) {
        match &self.on_panic {
            OnPanic::Nothing => {}
            OnPanic::Call(act) => contained(|| act(name, &panic)),
            OnPanic::Strict => {
                let mut strict = self.strict.lock();
                strict.panic.get_or_insert(panic);
                let waiting = std::mem::take(&mut strict.waiting);
                drop(strict);
                // Wakers are others' code, and this is a death: what one throws concerns neither.
                waiting.into_iter().for_each(|(_, waker)| contained(move || waker.wake()));
            }
        }
    }
}

/// One who waits in a strict pool: a panic wakes it, until its wait is over. A task may wait several times at once.
struct Waits<'a> {
    strict: &'a Lock<Strict>,
    number: Option<u64>,
}

impl Waits<'_> {
    /// Again with each poll: a panic that another was given has forgotten all who waited.
    fn note(&mut self, waker: &Waker) {
        let mine = waker.clone();
        let mut strict = self.strict.lock();
        let number = *self.number.get_or_insert(strict.waits);
        strict.waits = strict.waits.max(number + 1);
        let before = match strict.waiting.iter_mut().find(|(one, _)| *one == number) {
            Some((_, waker)) => Some(std::mem::replace(waker, mine)),
            None => {
                strict.waiting.push((number, mine));
                None
            }
        };
        drop(strict);
        drop(before);
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let Some(mine) = self.number.take() else { return };
        let mut strict = self.strict.lock();
        let at = strict.waiting.iter().position(|(one, _)| *one == mine);
        let gone = at.map(|at| strict.waiting.swap_remove(at));
        drop(strict);
        drop(gone);
    }
}

/// A share in a pool, as the home of its cells.
struct Residence(Arc<Shared>);

impl Home for Residence {
    fn schedule(&self, task: Task) {
        let shared = &self.0;
        match shared.place() {
            // Nobody will ever run what comes back: it is dropped, which kills.
            None => drop(shared.floor.let_in(task)),
            Some(place) => {
                let again = place.cell() == Some(task.cell());
                shared.floor.push(place, task, again);
            }
        }
    }

    fn adopt(&self, newborn: &Task) -> bool {
        self.0.census.adopt(newborn)
    }

    fn is_closed(&self) -> bool {
        self.0.census.is_closed()
    }

    fn ended(&self, cell: CellId) {
        self.0.census.ended(cell);
    }

    fn timers(&self) -> &Timers {
        &self.0.timers
    }

    fn blocking(&self, section: &mut dyn FnMut()) {
        self.0.blocking(section);
    }

    fn panicked(&self, name: &str, panic: Panic) {
        self.0.panicked(name, panic);
    }
}
