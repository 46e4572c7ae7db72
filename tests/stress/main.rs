//! The primitives on real threads, for a moment: sums, order, no permit and no wake lost, with timeouts and dropped futures in
//! between. Under a sanitizer it is what the sanitizer sees (`scripts/sanitize.py`); `RSM_STRESS=n` runs it n times as long.

mod channels;
mod events;
mod gates;
mod locks;

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

/// So short that it is over before the lock, the permit or the message comes about as often as not.
const MOMENT: Duration = Duration::from_micros(20);

/// Who is not done by then has lost a wake.
const PATIENCE: Duration = Duration::from_secs(120);

/// Steps of each thread.
fn rounds() -> u32 {
    let times = std::env::var("RSM_STRESS").map_or(1, |times| times.parse().expect("RSM_STRESS is a number"));
    let once = if cfg!(miri) { 20 } else { 20_000 };
    once * times
}

/// Runs `thread` on so many threads that begin at once, each with its number, and fails if they do not end.
fn together(threads: u32, thread: impl Fn(u32) + Send + Sync + 'static) {
    let thread = Arc::new(thread);
    let all_there = Arc::new(Barrier::new(threads as usize));
    let (done, all) = channel();
    let running: Vec<_> = (0..threads)
        .map(|number| {
            let (thread, done, all_there) = (thread.clone(), done.clone(), all_there.clone());
            thread::spawn(move || {
                all_there.wait();
                thread(number);
                drop(done);
            })
        })
        .collect();
    drop(done);
    let ended = all.recv_timeout(PATIENCE);
    assert_eq!(ended, Err::<(), _>(RecvTimeoutError::Disconnected), "somebody sleeps for ever");
    running.into_iter().for_each(|thread| thread.join().expect("its assertions hold"));
}

/// Lets another thread run now and then while something is held: on few processors nobody would wait otherwise.
fn meet_others(round: u32) {
    if round.is_multiple_of(8) {
        thread::yield_now();
    }
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Polls once, lets others run, and drops the future if it is not done.
fn poll_and_drop<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => {
            thread::yield_now();
            None
        }
    }
}
