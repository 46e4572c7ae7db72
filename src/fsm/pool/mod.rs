//! A pool: few threads for any number of automata.
//!
//! ```text
//!   post from outside ──> way in ──+                        +── steals half when idle ──+
//!                                  v                        v                           |
//!   worker 0   [slot] [ queue ] ──> a turn of at most `batch` commands ──> more left? back of the queue
//!   worker 1   [slot] [ queue ]       wakes others: into my slot, the one before it to my queue
//!   ...                               blocking(f): the queue and the place go to another thread first
//! ```
//! A million idle automata cost a million times their memory and nothing else: a pool with nothing to do makes no system call.
//!
//! For automata that mostly wait, and many of them. One that works or blocks for long says so by
//! [`blocking`](crate::fsm::Context::blocking), or gets a thread of its own ([`Threads`]): a turn that
//! takes long keeps its worker, though not what waits behind it, which starts elsewhere within 2 ms if a worker is idle.
//!
//! At most 512 threads stand beside the workers. When so many are in sections, or the system has no thread left, the place that the
//! next section gives away stays free until one of them ends: so automata that wait for each other in sections must be fewer.
//!
//! # Why no task is left while all sleep
//!
//! A worker that finds nothing lies down, looks once more, and sleeps on a token of its own. Whoever lets a task in from outside
//! looks, after it, whether somebody must be woken.
//!
//! There is one word, `searching:16 | sleeping:16`, which is the payload of the lock around the stack of sleepers: stack and word cannot
//! disagree. The latest sleeper is woken first, for its caches are warm. A token each, kept until it is taken.
//!
//! ```text
//!   waker                                        sleeper
//!   W1 under the lock of the way in: push        S1 under the lock of the stack: push me; sleeping + 1, searching - 1
//!   W2 look at the word:                         S2 under the lock of the way in: look; found -> wake one (perhaps myself)
//!      searching > 0 or sleeping = 0 -> done     S3 wait for my token until I am off the stack; then I am searching
//!      else under the lock of the stack: pop a
//!      sleeper; searching + 1, sleeping - 1;
//!      then leave its token
//! ```
//! **F5.** Suppose a task stays on the way in (the injector) while all workers sleep for good. Let L be the worker whose last S1
//! is the latest of all. Its S2 took the lock of the way in either before the task's W1 or after it.
//!
//! - Before: then all last S1 happen before the W2 of the task (by that lock), so W2 sees a word at least as new as the last S1.
//! - After: then L found the task, and looked at the word after its own S1, the latest of all.
//!
//! In both cases someone looks at a word that is newer than every last S1. In it `searching` counts only those who were taken off the
//! stack after their last S1, whose token is under way; and if it is 0, all are on the stack and one is taken. So one of them wakes:
//! it was not asleep for good.
//!
//! A worker empties its own queue before it sleeps, so what lies there needs no proof. When another helps with it is a matter of
//! speed: the last one that searches and finds something calls another if there is more, and a sleeper watches while others work.
//! Nothing here is a fence: locks carry the order, and the models of the gate run this code and no stand-in
//! (`fsm_pool_let_in_sleep`, `fsm_pool_let_in_sleep_sleep`, `fsm_pool_let_in_end`, `fsm_pool_found_push`, `fsm_pool_rest_wake`).

mod alive;
mod builder;
mod census;
mod floor;
mod home;
#[cfg(rsm_loom)]
#[doc(hidden)]
pub mod models;
mod queues;
mod sleep;
mod spares;
mod stalls;
#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
mod worker;

pub use alive::{Alive, Doing, Living};
pub use builder::PoolBuilder;
use home::Shared;

use super::automaton::Automaton;
use super::runner::{Builder, HomeRef, Runner};
use super::threads::Threads;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the drop of a pool waits for its automata to drain, and again for those it has killed.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs automata on a few threads that share the work.
///
/// Dropped, it drains for up to a second, then kills what is left and waits up to a second for that; then up to a third one for its
/// threads, of which one whose turn has not ended is left behind. Dropped in a turn of its own, in a
/// [`blocking`](crate::fsm::Context::blocking) section too, it kills at once, and waits for nobody.
///
/// ```
/// use rsm::fsm::{Automaton, Context, Input, Pool, Runner};
/// use rsm::sync::oneshot::{self, Sender};
/// use std::time::Duration;
///
/// struct Squares;
/// impl Automaton for Squares {
///     type State = ();
///     type Command = (u64, Sender<u64>);
///     fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
///         if let Input::Command((number, reply)) = input {
///             let _ = reply.send(number * number); // whoever asked may have gone
///         }
///     }
/// }
///
/// let pool = Pool::new(2);
/// let many: Vec<_> = (0..1_000).map(|_| pool.spawn(Squares, ())).collect();
/// let (reply, ticket) = oneshot::channel();
/// many[7].post((12, reply)).expect("it runs, and its inbox has no bound");
/// assert_eq!(pool.block_on(ticket), Ok(144));
/// pool.drain_timeout(Duration::from_secs(10)).expect("all end in time");
/// ```
pub struct Pool {
    shared: Arc<Shared>,
    home: HomeRef,
}

/// What a pool has done so far. Each is read for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolCounters {
    /// Workers woken because there was work.
    pub wakes: u64,
    /// Times that a worker took work from another.
    pub steals: u64,
    /// Times that a worker went to sleep.
    pub parks: u64,
    /// Turns that took longer than 100 ms without saying that they might block, as far as an idle worker saw them. Who it was:
    /// [`on_stall`](PoolBuilder::on_stall).
    pub stalls: u64,
    /// Threads beside the workers now: in blocking sections, or kept for one.
    pub spares: usize,
}

impl Pool {
    /// A pool of so many threads, at least one.
    ///
    /// # Panics
    /// If the system has no thread left.
    #[must_use]
    pub fn new(workers: usize) -> Pool {
        Pool::builder().workers(workers).build()
    }

    /// What can be said of a pool before it runs.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::new()
    }

    fn of(shared: Arc<Shared>) -> Pool {
        Pool { home: shared.clone().home(), shared }
    }

    /// How many threads run turns.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.shared.floor.places.len()
    }

    /// Drains all automata, and waits for their end. What is spawned from here on is dead from birth. Then the workers end, for which
    /// it waits up to a second more; the thread of the timers ends with the pool and the last address of its automata. It may
    /// be called again, and by several threads.
    ///
    /// # Errors
    /// Says who is still alive at the deadline, and in which state. Nobody was killed, and all go on draining. In a turn of this pool
    /// it can have no other outcome: whoever calls is alive.
    ///
    /// # Panics
    /// In a strict pool, with the first panic that nobody watched.
    pub fn drain_until(&self, deadline: Instant) -> Result<(), Alive> {
        self.shared.close(super::word::DRAIN);
        let drained = self.shared.wait_on_behalf(|| self.shared.census.empty.wait_until(deadline).is_ok());
        self.shared.resume_strict();
        if !drained {
            return Err(self.shared.alive());
        }
        self.shared.end();
        self.shared.spares.wait_gone(Instant::now() + PATIENCE);
        Ok(())
    }

    /// As [`drain_until`](Self::drain_until), for this long.
    ///
    /// # Errors
    /// As there.
    pub fn drain_timeout(&self, time: Duration) -> Result<(), Alive> {
        let now = Instant::now();
        // 30 years are for ever.
        self.drain_until(now.checked_add(time).unwrap_or(now + Duration::from_secs(1_000_000_000)))
    }

    /// A future of [`drain_until`](Self::drain_until) without a deadline: all are told when it is first polled, and the workers are once it
    /// is ready, for whose end it does not wait. Dropped before, it takes nothing back; who drains again goes on. Awaited in a turn of this
    /// pool it never ends: that turn is one of those it waits for.
    ///
    /// A task with a deadline of its runtime's:
    ///
    /// ```
    /// use rsm::fsm::{Automaton, Context, Input, Pool, Runner};
    /// use std::time::Duration;
    ///
    /// struct Idle;
    /// impl Automaton for Idle {
    ///     type State = ();
    ///     type Command = ();
    ///     fn next(&mut self, (): (), _: Input<Self>, _: &mut Context<Self>) {}
    /// }
    ///
    /// let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// let pool = Pool::new(2);
    /// let many: Vec<_> = (0..1_000).map(|_| pool.spawn(Idle, ())).collect();
    /// tokio.block_on(async {
    ///     if tokio::time::timeout(Duration::from_secs(10), pool.drain_async()).await.is_err() {
    ///         panic!("{}", pool.alive());
    ///     }
    /// });
    /// assert!(many[7].post(()).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// In a strict pool, with the first panic that nobody watched.
    pub fn drain_async(&self) -> impl Future<Output = ()> + Send + 'static {
        let shared = self.shared.clone();
        async move {
            shared.close(super::word::DRAIN);
            shared.unless_strict(shared.census.empty.wait_async()).await;
            shared.resume_strict();
            shared.end();
        }
    }

    /// Who is alive, and what each is doing. An idle automaton is entered for the look, between its turns.
    #[must_use]
    pub fn alive(&self) -> Alive {
        self.shared.alive()
    }

    /// What it has done so far.
    #[must_use]
    pub fn counters(&self) -> PoolCounters {
        self.shared.counters()
    }
}

impl Runner for Pool {
    fn builder<A: Automaton>(&self, automaton: A, state: A::State) -> Builder<A> {
        Builder::on(&self.home, automaton, state)
    }

    /// Waits on this thread. In a turn of this pool, as a blocking section.
    ///
    /// # Panics
    /// In a strict pool, with the first panic that nobody watched.
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.shared.wait_on_behalf(|| Threads.block_on(self.shared.unless_strict(future)))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let shared = &self.shared;
        if shared.is_ours() {
            shared.close(super::word::KILL);
            return shared.end();
        }
        shared.close(super::word::DRAIN);
        if shared.census.empty.wait_timeout(PATIENCE).is_err() {
            shared.close(super::word::KILL);
            let _ = shared.census.empty.wait_timeout(PATIENCE);
        }
        shared.end();
        shared.spares.wait_gone(Instant::now() + PATIENCE);
    }
}
