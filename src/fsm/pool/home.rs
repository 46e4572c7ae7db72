//! What all threads and cells of a pool share.

use super::PoolCounters;
use super::builder::OnPanic;
use super::census::Census;
use super::floor::Floor;
use super::queues::Place;
use super::spares::{Offered, Spares};
use super::worker::{live, seat, sit};
use crate::fsm::runner::{Home, HomeRef, Task};
use crate::fsm::timers::Timers;
use crate::fsm::word::Duty;
use crate::fsm::{CellId, Panic};
use crate::sync::lock::Lock;
use crate::sync::shim::{AtomicU64, Ordering, thread};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Waker;

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
    waiting: Vec<Waker>,
}

impl Shared {
    pub(super) fn new(workers: usize, name: String, on_panic: OnPanic) -> Shared {
        Shared {
            floor: Floor::new(workers),
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

    /// The place of the calling thread, if it is one of ours and has one.
    fn place(&self) -> Option<&Place<Task>> {
        let seat = seat().filter(|seat| seat.pool == self.identity())?;
        Some(&self.floor.places[seat.place])
    }

    /// Whether the calling thread works here.
    pub(super) fn is_ours(&self) -> bool {
        self.place().is_some()
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
        self.census.close(|node| match node.signal(flag) {
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
        let Some(mine) = seat().filter(|seat| seat.pool == self.identity()) else { return section() };
        let cell = self.floor.places[mine.place].cell();
        sit(None);
        self.floor.hand_over(mine.place);
        if self.spares.offer(mine.place) == Offered::Make {
            self.make_thread();
        }
        let noted = cell.map(|cell| self.spares.enter(cell));
        let result = catch_unwind(AssertUnwindSafe(section));
        if let Some(noted) = noted {
            self.spares.leave(noted);
        }
        if let Err(panic) = result {
            resume_unwind(panic);
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
        let mut future = pin!(future);
        poll_fn(|context| {
            if matches!(self.on_panic, OnPanic::Strict) {
                let waiting = &mut self.strict.lock().waiting;
                if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                    waiting.push(context.waker().clone());
                }
            }
            self.resume_strict();
            future.as_mut().poll(context)
        })
        .await
    }

    fn panicked(&self, name: &str, panic: Panic) {
        match &self.on_panic {
            OnPanic::Nothing => {}
            OnPanic::Call(act) => {
                // The hook has printed it. A payload whose drop panics would end the worker.
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| act(name, &panic))) {
                    std::mem::forget(payload);
                }
            }
            OnPanic::Strict => {
                let mut strict = self.strict.lock();
                strict.panic.get_or_insert(panic);
                let waiting = std::mem::take(&mut strict.waiting);
                drop(strict);
                waiting.into_iter().for_each(Waker::wake);
            }
        }
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
