//! The shim over loom.

use super::super::model;
pub(crate) use loom::cell::UnsafeCell as Watched;
pub(crate) use loom::sync::Arc;
use std::time::{Duration, Instant};
pub(crate) use weaken::*;

mod weaken;

/// Threads, as far as the floor needs them.
pub(crate) mod thread {
    pub(crate) use loom::thread::yield_now;
    use std::sync::Arc;

    /// A handle to wake a thread. Its token is ours: loom's own `unpark` forgets one for a thread that has yielded.
    #[derive(Clone)]
    pub(crate) struct Thread(Arc<loom::sync::Notify>);

    impl Thread {
        /// Leaves a token: the thread's next, or present, `park` returns.
        pub(crate) fn unpark(&self) {
            self.0.notify();
        }

        pub(super) fn park(&self) {
            self.0.wait();
        }
    }

    loom::thread_local! {
        static ME: Thread = Thread(Arc::new(loom::sync::Notify::new()));
    }

    /// The calling thread.
    pub(crate) fn current() -> Thread {
        ME.with(Thread::clone)
    }

    /// Begins a thread that nobody joins.
    pub(crate) fn spawn(name: &str, life: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        loom::thread::Builder::new().name(name.to_owned()).spawn(life).map(drop)
    }
}

/// A value of each thread's own.
macro_rules! local {
    ($(#[$meta:meta])* static $name:ident: $type:ty = $init:expr;) => {
        loom::thread_local! {
            $(#[$meta])*
            static $name: $type = $init;
        }
    };
}
pub(crate) use local;

/// As many as a small machine has.
pub(crate) fn cpus() -> usize {
    2
}

/// 0, 1, 2, ..., one after the other in an execution.
pub(crate) fn next_number() -> usize {
    model::next_number()
}

/// loom's cell. Every visit is checked against all others for races.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T: ?Sized>(Watched<T>);

impl<T> UnsafeCell<T> {
    /// A cell around `value`.
    pub(crate) fn new(value: T) -> Self {
        UnsafeCell(Watched::new(value))
    }

    /// The value again.
    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// Visits the value to read it.
    pub(crate) fn with<R>(&self, visit: impl FnOnce(*const T) -> R) -> R {
        self.0.with(visit)
    }

    /// Visits the value to change it.
    pub(crate) fn with_mut<R>(&self, visit: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(visit)
    }
}

/// One pause of a spinning thread: here it must let another go on.
pub(crate) fn pause() {
    thread::yield_now();
}

/// Sleeps until a token comes or the model's clock strikes; may return early.
pub(crate) fn park(deadline: Deadline) {
    let me = thread::current();
    // One who misses the clock's strike would sleep for ever: so the clock knows whom to wake.
    if deadline.0.is_none() || model::wake_on_strike(&me) {
        me.park();
    }
}

/// Lets another thread go on.
pub(crate) fn nap(_: Duration) {
    thread::yield_now();
}

/// When a wait gives up; `None` is never. An instant that is over has passed; every later one passes when the model's clock
/// strikes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// No wait under it gives up.
    pub(crate) const NEVER: Deadline = Deadline(None);

    /// At that instant.
    pub(crate) fn at(instant: Instant) -> Deadline {
        Deadline(Some(instant))
    }

    /// At once if `time` is zero, else when the clock strikes.
    pub(crate) fn after(time: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(time.saturating_mul(1_000_000)))
    }

    /// Whether the time is over.
    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now() || model::has_struck())
    }
}

/// Time stands still in a model.
pub(crate) fn now_ns() -> u64 {
    1
}
