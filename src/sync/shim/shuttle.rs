//! The shim over shuttle.

pub(crate) use shuttle::sync::Arc;
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize};
use std::time::{Duration, Instant};

/// Threads, as far as the floor needs them.
pub(crate) mod thread {
    pub(crate) use shuttle::thread::{Thread, current, yield_now};

    /// Begins a thread that nobody joins.
    pub(crate) fn spawn(name: &str, life: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        shuttle::thread::Builder::new().name(name.to_owned()).spawn(life).map(drop)
    }
}

/// A value of each thread's own.
macro_rules! local {
    ($(#[$meta:meta])* static $name:ident: $type:ty = $init:expr;) => {
        shuttle::thread_local! {
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

/// 0, 1, 2, ..., one after the other in the process.
pub(crate) fn next_number() -> usize {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// `std::cell::UnsafeCell`: shuttle does not look for races.
#[derive(Debug, Default)]
pub(crate) struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// A cell around `value`.
    pub(crate) const fn new(value: T) -> Self {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    /// The value again.
    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// Visits the value to read it.
    pub(crate) fn with<R>(&self, visit: impl FnOnce(*const T) -> R) -> R {
        visit(self.0.get())
    }

    /// Visits the value to change it.
    pub(crate) fn with_mut<R>(&self, visit: impl FnOnce(*mut T) -> R) -> R {
        visit(self.0.get())
    }
}

/// One pause of a spinning thread.
pub(crate) fn pause() {
    thread::yield_now();
}

/// Sleeps until a token comes; under a deadline it may return at once, since the clock is chance's.
pub(crate) fn park(deadline: Deadline) {
    match deadline.0 {
        None => shuttle::thread::park(),
        Some(_) => thread::yield_now(),
    }
}

/// Lets another thread go on.
pub(crate) fn nap(_: Duration) {
    thread::yield_now();
}

/// When a wait gives up; `None` is never. Any instant, even one that is over or that is far, has passed at one look in four.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// No wait under it gives up.
    pub(crate) const NEVER: Deadline = Deadline(None);

    /// At that instant.
    pub(crate) fn at(instant: Instant) -> Deadline {
        Deadline(Some(instant))
    }

    /// That long from now, as chance will have it.
    pub(crate) fn after(time: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(time))
    }

    /// Whether the time is over.
    pub(crate) fn has_passed(self) -> bool {
        use shuttle::rand::Rng;
        self.0.is_some() && shuttle::rand::thread_rng().gen_range(0..4) == 0
    }
}

/// Time stands still in a run.
pub(crate) fn now_ns() -> u64 {
    1
}
