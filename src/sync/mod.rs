//! Waiting: many threads share one word.
//!
//! ```text
//!   lock    rwlock    event ...  semaphore  mpsc    oneshot          what you use
//!     |        |        |          |         |        |
//!     |        |        |          |         |        |              each: one word, whose every change is a pure function,
//!     +--------+--------+----------+         |        |              tested for every word, then applied by one exchange
//!              |                             |        |
//!            park   the ring of waiters, threads and tasks alike     who waits, and in which order
//!              |                             |        |
//!   -----------+-----------------------------+--------+--------
//!            shim   atomics, parking, the clock                      or a model checker's, which runs them in every order
//! ```
//!
//! Part I of the course. If you are new here: read [`lock`], which has most of what follows in it; then [`event`], [`semaphore`] and
//! [`mpsc`], which wait for something else than their turn; then [`drain`], for the end. The chapters are `01_lock` and `02_drain`
//! in `examples/`. To look something up:
//!
//! | you have | you want | see |
//! |---|---|---|
//! | a value that several threads change | a [`lock::Lock`]: one at a time, and 32 bits that change with it | [`lock`] |
//! | a value that is read much and changed rarely | a [`rwlock::RwLock`], and a [`rwlock::ReadOnly`] to give away | [`rwlock`] |
//! | a value whose one visitor is known from elsewhere | a [`turn::Turn`]: it never waits | [`turn`] |
//! | a value that is made once, by who needs it first | a [`once::Once`], which costs one load; a [`renew::Renew`], if it goes stale | [`once`], [`renew`] |
//! | one fact that many wait for, or the end of many that one waits for | an [`event::Event`], and its guards | [`event`] |
//! | the end of many things that is the beginning of one | a [`countdown::Countdown`]: the last one runs it; or a [`latch::Latch`] | [`countdown`], [`latch`] |
//! | many who pass, or wait until they may, or only the first few | a [`gate::Gate`] | [`gate`] |
//! | threads that go on together, step after step | a [`barrier::Barrier`] | [`barrier`] |
//! | parts that must end one after the other | a [`drain::Drain`]: stages, and guards of those who belong to them | [`drain`] |
//! | work that may have to be broken off, by hand or by a deadline | a [`cancel::Cancel`], and its children | [`cancel`] |
//! | a thing that only so many may do at once | a [`semaphore::Semaphore`] | [`semaphore`] |
//! | a thing that may happen so often in a time | a [`meter::Meter`] | [`meter`] |
//! | many messages to one thread or task | a channel, [`mpsc::unbounded`] or [`mpsc::bounded`] | [`mpsc`] |
//! | one answer to one question | a [`oneshot::Ticket`]: it always resolves | [`oneshot`] |
//! | a wait of your own making | a [`park::Parker`]: a token that is never lost | [`park`] |
//! | a state that reacts to commands | not this floor: an [automaton](crate::fsm) | [`fsm`](crate::fsm) |
//!
//! What they share:
//!
//! - A call that may wait comes in four forms or five, so that what you know of one you know of all:
//!
//!   | form | if it cannot be done now | if it is not done |
//!   |---|---|---|
//!   | `try_x` | says so | `None`, `false`, or why |
//!   | `x` | waits | only if it never will be: [`Closed`], if there is such an end |
//!   | `x_timeout`, `x_until` | waits that long, or until then, at most | [`TimedOut`], or an error that has it among its reasons; nothing has changed |
//!   | `x_async` | is a future: cancel-safe, for any executor, in one queue with the threads | as `x` |
//!
//!   What you gave comes back where it was not taken; of many at once, the part that was not. Time over and wish fulfilled at the same moment is fulfilled. A time that
//!   the clock cannot count to is never over. [`lock`], [`rwlock`] and [`renew`] have no futures, as what they lend out is not to
//!   be held across an await; a [`turn`] never waits. A few names say it better: a [`Ticket`](oneshot::Ticket) is its own future,
//!   [`Cancel::cancelled`](cancel::Cancel::cancelled) and [`Guard::draining`](drain::Guard::draining) are futures, and to try to
//!   [wait for a value](once::Once::wait) is to [get](once::Once::get) it.
//! - `new` is `const`: all but channels, tickets, drains, cancels and parkers may be statics. Nothing allocates to wait.
//! - Nobody starves where first come is first served, which is the rule; where the last is served first (`lifo` of [`Lock`](lock::Lock)
//!   and [`Semaphore`](semaphore::Semaphore)) the page says what holds. Who is woken, and when, stands on each page.
//! - Nothing is poisoned. A panic lets go of what it held.
//! - Locks of both kinds, events, gates, semaphores and `Once` count who waits, up to 2^24 - 1 threads and tasks at a time. One more
//!   panics at a lock of either kind, having changed nothing, and aborts the process at the others.
//!
//! Their invariants are numbered on each page and listed in `docs/invariants.md`; `tests/loom` holds them in every interleaving
//! of two to four threads with a few preemptions (`docs/verification-sync.md` says how many, and what that cannot see). This is the only floor with unsafe code.
//!
//! Next: [`fsm`](crate::fsm), where one thread owns one state.

pub mod barrier;
pub mod cancel;
pub mod countdown;
pub mod drain;
mod error;
pub mod event;
mod event_guard;
pub mod gate;
pub mod latch;
pub mod lock;
pub mod meter;
pub mod mpsc;
pub mod once;
pub mod oneshot;
pub mod park;
mod permit;
pub mod renew;
pub mod rwlock;
pub mod semaphore;
mod slab;
pub mod turn;

pub(crate) mod ahead;
pub(crate) mod backoff;
pub(crate) mod probe;
pub(crate) mod shim;
pub(crate) mod spin;

pub use error::{Busy, Closed, Draining, TimedOut, WaitError};

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod bounds;
#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
pub(crate) mod testing;

#[cfg(rsm_loom)]
#[doc(hidden)]
pub mod model;

#[cfg(rsm_loom)]
#[doc(hidden)]
pub use spin::models as spin_models;
