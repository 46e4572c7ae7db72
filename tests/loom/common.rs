//! What the models share: a task's waker that a model's thread can wait for.

use loom::sync::Notify;
use loom::sync::atomic::{
    AtomicBool,
    Ordering::{AcqRel, Acquire},
};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Rings when its waker is woken. A wake that is lost leaves who waits for it asleep for ever, which loom reports.
pub(crate) struct Alarm(Arc<Bell>);

struct Bell {
    rang: AtomicBool,
    notify: Notify,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // An exchange and not a store: loom does not know that a store cannot come between the halves of an exchange.
        self.rang.swap(true, AcqRel);
        self.notify.notify();
    }
}

impl Alarm {
    pub(crate) fn new() -> Alarm {
        Alarm(Arc::new(Bell { rang: AtomicBool::new(false), notify: Notify::new() }))
    }

    pub(crate) fn waker(&self) -> Waker {
        self.0.clone().into()
    }

    /// Until it has rung. loom's own notice may come for nothing.
    pub(crate) fn wait(&self) {
        while !self.0.rang.swap(false, AcqRel) {
            self.0.notify.wait();
        }
    }

    /// Whether it has rung since it was last waited for.
    pub(crate) fn has_rung(&self) -> bool {
        self.0.rang.load(Acquire)
    }
}

/// Polls once, to be woken by this alarm.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>, alarm: &Alarm) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&alarm.waker()))
}

/// Runs a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    let alarm = Alarm::new();
    loop {
        match poll(future.as_mut(), &alarm) {
            Poll::Ready(output) => return output,
            Poll::Pending => alarm.wait(),
        }
    }
}

/// A number that loom watches: a write that is not ordered against another visit fails the model.
pub(crate) struct Cell(loom::cell::Cell<u32>);

// SAFETY: loom itself fails the model if two threads are in it at once; that is what it is for.
unsafe impl Sync for Cell {}

impl Cell {
    pub(crate) fn new(value: u32) -> Cell {
        Cell(loom::cell::Cell::new(value))
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.get()
    }

    pub(crate) fn set(&self, value: u32) {
        self.0.set(value);
    }
}
