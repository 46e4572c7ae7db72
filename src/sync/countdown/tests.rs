use super::*;
use crate::sync::lock::Lock;
use crate::sync::shim::{AtomicU64, Ordering::Relaxed};
use crate::sync::testing::{Wakes, block_on, poll};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

#[test]
fn the_one_who_reaches_zero_runs_the_closure_and_no_other() {
    let runs = AtomicU64::new(0);
    let countdown = Countdown::new(800, |payload| (payload, runs.fetch_add(1, Relaxed) + 1));
    let results = Lock::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    if let Some(result) = countdown.decrement_with(1, |payload| payload + 1) {
                        results.lock().push(result);
                    }
                }
            });
        }
        assert_eq!(countdown.wait(), Ok(()));
        assert_eq!(runs.load(Relaxed), 1, "C1");
    });
    assert_eq!(results.into_inner(), [(800, 1)], "C1: with the payload of the last step");
    assert!(countdown.has_run() && !countdown.has_failed());
    assert_eq!((countdown.count(), countdown.payload()), (0, 800));
}

/// A change may run several times for one step; what it said last was stored, and nobody else's is lost.
#[test]
fn the_last_run_of_a_change_counts_and_each_is_on_the_thread_that_counts() {
    let countdown = Countdown::new(2000, |payload| payload);
    let ends = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (me, last) = (thread::current().id(), std::cell::Cell::new(0));
                let change = |payload: u32| {
                    assert_eq!(thread::current().id(), me);
                    last.set(payload + 1);
                    payload + 1
                };
                for _ in 0..500 {
                    let before = countdown.payload();
                    let end = countdown.decrement_with(1, change);
                    assert!(before < last.get(), "it sees what it replaces");
                    if let Some(payload) = end {
                        assert_eq!((payload, last.get()), (2000, 2000));
                        ends.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!((ends.into_inner(), countdown.payload()), (1, 2000), "C1");
}

#[test]
fn one_may_count_up_until_zero_and_never_after() {
    let countdown = Countdown::new(1, |_| ());
    assert_eq!(countdown.increment(2), Ok(()));
    assert_eq!((countdown.decrement(2), countdown.count()), (None, 1));
    assert_eq!((countdown.decrement(0), countdown.try_wait()), (None, None));
    assert_eq!(countdown.decrement(1), Some(()));
    assert_eq!((countdown.increment(1), countdown.count()), (Err(Spent), 0));
}

#[test]
fn one_may_not_count_up_while_the_closure_runs() {
    let countdown = Arc::new(Lock::new(None::<Arc<Countdown<Box<dyn FnOnce(u32) -> Result<(), Spent> + Send>>>>));
    let inside = countdown.clone();
    let closure: Box<dyn FnOnce(u32) -> Result<(), Spent> + Send> =
        Box::new(move |_| inside.lock().take().expect("it is there").increment(1));
    let shared = Arc::new(Countdown::new(1, closure));
    *countdown.lock() = Some(shared.clone());
    assert_eq!(shared.decrement(1), Some(Err(Spent)), "C2");
}

#[test]
fn below_zero_nothing_changes() {
    let countdown = Countdown::with_payload(2, 9, |payload| payload);
    let below = catch_unwind(AssertUnwindSafe(|| countdown.decrement_with(3, |_| 0)));
    assert!(below.is_err(), "C3");
    assert_eq!((countdown.count(), countdown.payload()), (2, 9));
    assert_eq!(countdown.decrement(2), Some(9));
    assert!(catch_unwind(AssertUnwindSafe(|| countdown.decrement(1))).is_err(), "C3");
    assert!(countdown.has_run());
}

#[test]
fn what_cannot_be_counted_is_refused_before_anything_changes() {
    assert!(catch_unwind(|| Countdown::new(0, |_| ())).is_err());
    assert!(catch_unwind(|| Countdown::new(1 << 21, |_| ())).is_err());
    let countdown = Countdown::new((1 << 21) - 1, |_| ());
    assert!(catch_unwind(AssertUnwindSafe(|| countdown.increment(1))).is_err());
    assert_eq!(countdown.count(), (1 << 21) - 1);
}

#[test]
fn a_panic_in_the_change_changes_nothing() {
    let countdown = Countdown::with_payload(1, 4, |payload| payload);
    let panicked = catch_unwind(AssertUnwindSafe(|| countdown.decrement_with(1, |_| panic!("in the change"))));
    assert!(panicked.is_err());
    assert_eq!((countdown.count(), countdown.payload(), countdown.decrement(1)), (1, 4, Some(4)));
}

#[test]
fn a_panic_in_the_closure_is_told_to_all_who_wait_and_goes_on() {
    let countdown = Countdown::new(1, |_| panic!("in the closure"));
    let mut task = pin!(countdown.wait_async());
    assert!(poll(task.as_mut(), std::task::Waker::noop()).is_pending());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| countdown.wait());
        let outcome: thread::Result<Option<()>> = catch_unwind(AssertUnwindSafe(|| countdown.decrement(1)));
        assert!(outcome.is_err());
        assert_eq!(waiting.join().unwrap(), Err(Failed));
    });
    assert_eq!(poll(task.as_mut(), std::task::Waker::noop()), Poll::Ready(Err(Failed)));
    assert!(countdown.has_failed() && !countdown.has_run());
    assert_eq!(countdown.try_wait(), Some(Err(Failed)));
    assert_eq!(countdown.wait_timeout(Duration::MAX), Err(WaitError::Failed));
    assert_eq!(countdown.wait_until(Instant::now()), Err(WaitError::Failed));
    assert_eq!(countdown.increment(1), Err(Spent));
}

#[test]
fn a_closure_that_never_ran_is_dropped_and_one_that_ran_is_not_dropped_again() {
    let value = Arc::new(());
    let held = value.clone();
    let countdown = Countdown::new(2, move |_| drop(held));
    countdown.decrement(1);
    assert_eq!(Arc::strong_count(&value), 2);
    drop(countdown);
    assert_eq!(Arc::strong_count(&value), 1, "C1");
    let held = value.clone();
    let countdown = Countdown::new(1, move |_| held);
    let back = countdown.decrement(1);
    drop(countdown);
    assert_eq!(Arc::strong_count(&value), 2, "C1");
    drop(back);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_wait_gives_up_at_its_deadline() {
    let countdown = Countdown::new(1, |_| ());
    assert_eq!(countdown.wait_timeout(Duration::from_millis(5)), Err(WaitError::TimedOut));
    assert_eq!(countdown.wait_until(Instant::now()), Err(WaitError::TimedOut));
    countdown.decrement(1);
    assert_eq!(countdown.wait_timeout(Duration::ZERO), Ok(()), "what is there is taken even if the time is over");
    assert_eq!(countdown.wait_until(Instant::now()), Ok(()));
}

#[test]
fn a_dropped_future_leaves_no_trace() {
    let countdown = Countdown::new(1, |_| ());
    let (wakes, waker) = Wakes::new();
    let mut dropped = Box::pin(countdown.wait_async());
    let mut waiting = pin!(countdown.wait_async());
    assert!(poll(dropped.as_mut(), &waker).is_pending());
    assert!(poll(waiting.as_mut(), &waker).is_pending());
    drop(dropped);
    countdown.decrement(1);
    assert_eq!(wakes.count(), 1);
    assert_eq!(poll(waiting.as_mut(), &waker), Poll::Ready(Ok(())));
}

#[test]
fn many_threads_and_tasks_wait_for_one_countdown() {
    static ENDS: AtomicU64 = AtomicU64::new(0);
    static COUNTDOWN: Countdown<fn(u32) -> u32> = Countdown::new(3, |payload| payload);
    thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                let outcome = if number % 2 == 0 { COUNTDOWN.wait() } else { block_on(COUNTDOWN.wait_async()) };
                assert_eq!(outcome, Ok(()));
                ENDS.fetch_add(1, Relaxed);
            });
        }
        assert_eq!(COUNTDOWN.decrement_with(2, |payload| payload + 2), None);
        assert_eq!(COUNTDOWN.decrement_with(1, |payload| payload * 10), Some(20));
    });
    assert_eq!(ENDS.load(Relaxed), 8);
}

#[test]
fn a_countdown_may_be_shared_if_its_closure_may_be_sent() {
    fn check<T: Send + Sync>(_: &T) {}
    fn check_send<T: Send>(_: &T) {}
    let cell = std::cell::Cell::new(1);
    let countdown = Countdown::new(1, move |_| cell.get());
    check(&countdown);
    check_send(&countdown.wait_async());
    let open = format!("{countdown:?}");
    assert_eq!(open, "Countdown { count: 1, payload: 0, state: Open }");
}
