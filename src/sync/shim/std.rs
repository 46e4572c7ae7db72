//! The shim over std.

pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize};
use std::time::{Duration, Instant};

/// Threads, as far as the floor needs them.
pub(crate) mod thread {
    pub(crate) use std::thread::{Thread, current, yield_now};

    /// Begins a thread that nobody joins.
    pub(crate) fn spawn(name: &str, life: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        std::thread::Builder::new().name(name.replace('\0', " ")).spawn(life).map(drop)
    }
}

/// How many processors there are for us, settled once for the process.
pub(crate) fn cpus() -> usize {
    static CPUS: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *CPUS.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// 0, 1, 2, ..., one after the other in the process; comes round after `usize::MAX`.
pub(crate) fn next_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // ORDERING: Relaxed: a number orders nothing.
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// A value of each thread's own.
macro_rules! local {
    ($(#[$meta:meta])* static $name:ident: $type:ty = $init:expr;) => {
        std::thread_local! {
            $(#[$meta])*
            static $name: $type = const { $init };
        }
    };
}
pub(crate) use local;

/// `std::cell::UnsafeCell`, visited by closures so that loom can watch.
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
    #[inline(always)]
    pub(crate) fn with<R>(&self, visit: impl FnOnce(*const T) -> R) -> R {
        visit(self.0.get())
    }

    /// Visits the value to change it.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, visit: impl FnOnce(*mut T) -> R) -> R {
        visit(self.0.get())
    }
}

/// One pause of a spinning thread.
#[inline(always)]
pub(crate) fn pause() {
    std::hint::spin_loop();
}

/// Sleeps until a token comes or the time is over; may return early.
pub(crate) fn park(deadline: Deadline) {
    match deadline.0 {
        None => std::thread::park(),
        Some(at) => std::thread::park_timeout(at.saturating_duration_since(Instant::now())),
    }
}

/// Sleeps for a while, whatever happens. Only a spinner whose peer seems to be preempted does this.
pub(crate) fn nap(time: Duration) {
    std::thread::sleep(time);
}

/// When a wait gives up; `None` is never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// No wait under it gives up.
    pub(crate) const NEVER: Deadline = Deadline(None);

    /// At that instant.
    pub(crate) fn at(instant: Instant) -> Deadline {
        Deadline(Some(instant))
    }

    /// That long from now; never, if the clock cannot count so far.
    pub(crate) fn after(time: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(time))
    }

    /// Whether the time is over. Reads the clock, unless it never will be.
    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }
}

/// Nanoseconds since some moment before the first call, never 0.
pub(crate) fn now_ns() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    // 2^64 ns are 584 years.
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64 + 1
}
