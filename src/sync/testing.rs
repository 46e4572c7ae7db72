//! What the floor's tests share: a waker that counts, and the smallest executor.

use super::park::Queue;
use super::shim::{AtomicU64, Ordering::Relaxed};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Counts how often it was woken.
#[derive(Default)]
pub(crate) struct Wakes(AtomicU64);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Wakes {
    /// A count, and a waker that adds to it.
    pub(crate) fn new() -> (Arc<Wakes>, Waker) {
        let wakes = Arc::new(Wakes::default());
        (wakes.clone(), wakes.into())
    }

    /// How often it was woken.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Polls once.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Whether this thread does not hold the bit of that queue: another that does frees it soon.
pub(crate) fn is_outside(queue: &Queue) -> bool {
    let looks = 0..1_000_000;
    looks.into_iter().any(|_| {
        let held = queue.is_held();
        if held {
            std::thread::yield_now();
        }
        !held
    })
}

/// Runs a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(std::thread::current())).into();
    loop {
        match poll(future.as_mut(), &waker) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
