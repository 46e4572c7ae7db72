use super::*;
use crate::sync::testing::{Wakes, block_on, poll};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::thread;

fn until_arrived(barrier: &Barrier, count: u32) {
    while barrier.arrived() != count {
        thread::yield_now();
    }
}

#[test]
fn nobody_is_a_round_ahead_and_each_round_has_one_last() {
    let barrier = Barrier::new(4);
    let (steps, lasts) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for number in 0..4 {
            let (barrier, steps, lasts) = (&barrier, &steps, &lasts);
            scope.spawn(move || {
                for round in 1..=200 {
                    steps.fetch_add(1, Relaxed);
                    let last = if number == 0 { block_on(barrier.wait_async()) } else { barrier.wait() };
                    lasts.fetch_add(u64::from(last), Relaxed);
                    let seen = steps.load(Relaxed);
                    assert!((4 * round..4 * round + 4).contains(&seen), "B2, B3: {seen} steps after round {round}");
                }
            });
        }
    });
    assert_eq!((lasts.into_inner(), barrier.arrived()), (200, 0));
}

#[test]
fn more_threads_than_meet_in_one_round_may_come() {
    let barrier = Barrier::new(2);
    let (comes, lasts) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while comes.fetch_add(1, Relaxed) < 600 {
                    lasts.fetch_add(u64::from(barrier.wait()), Relaxed);
                }
            });
        }
    });
    assert_eq!((lasts.into_inner(), barrier.arrived()), (300, 0), "B2");
}

#[test]
fn one_who_gives_up_has_not_come() {
    let barrier = Barrier::new(2);
    assert_eq!(barrier.wait_timeout(Duration::from_millis(5)), Err(TimedOut));
    assert_eq!(barrier.wait_until(Instant::now()), Err(TimedOut));
    assert!(!barrier.try_wait());
    assert_eq!(barrier.arrived(), 0, "B2");
    thread::scope(|scope| {
        let other = scope.spawn(|| barrier.wait());
        until_arrived(&barrier, 1);
        assert!(barrier.try_wait(), "the other has come");
        assert!(!other.join().unwrap());
    });
    assert_eq!(barrier.wait_timeout(Duration::ZERO), Err(TimedOut));
}

#[test]
fn one_whose_round_is_over_goes_on_although_its_time_is_over_too() {
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let late = scope.spawn(|| barrier.wait_timeout(Duration::from_secs(60)));
        until_arrived(&barrier, 1);
        assert_eq!(barrier.wait_until(Instant::now()), Ok(true), "the last one need not wait");
        assert_eq!(late.join().unwrap(), Ok(false));
    });
}

#[test]
fn a_dropped_future_has_not_come() {
    let barrier = Barrier::new(2);
    let (wakes, waker) = Wakes::new();
    let mut dropped = Box::pin(barrier.wait_async());
    assert_eq!(barrier.arrived(), 0, "it comes when it is polled");
    assert!(poll(dropped.as_mut(), &waker).is_pending());
    assert!(poll(dropped.as_mut(), &waker).is_pending());
    assert_eq!(barrier.arrived(), 1);
    drop(dropped);
    assert_eq!(barrier.arrived(), 0, "B2");
    let mut first = pin!(barrier.wait_async());
    let mut second = Box::pin(barrier.wait_async());
    assert!(poll(first.as_mut(), &waker).is_pending());
    assert_eq!(poll(second.as_mut(), &waker), Poll::Ready(true));
    assert_eq!((wakes.count(), poll(first.as_mut(), &waker)), (1, Poll::Ready(false)));
}

#[test]
fn a_future_whose_round_is_over_was_counted_even_if_it_is_dropped() {
    let barrier = Barrier::new(2);
    let mut dropped = Box::pin(barrier.wait_async());
    assert!(poll(dropped.as_mut(), Waker::noop()).is_pending());
    assert!(barrier.try_wait());
    let mut next = pin!(barrier.wait_async());
    assert!(poll(next.as_mut(), Waker::noop()).is_pending());
    drop(dropped);
    assert_eq!(barrier.arrived(), 1, "B2: it takes back no arrival of the next round");
    assert!(barrier.try_wait());
    assert_eq!(poll(next.as_mut(), Waker::noop()), Poll::Ready(false));
}

#[test]
fn a_barrier_of_one_lets_everyone_pass_and_one_of_none_is_refused() {
    static ONE: Barrier = Barrier::new(1);
    assert!(ONE.wait() && ONE.try_wait() && block_on(ONE.wait_async()));
    assert_eq!(format!("{ONE:?}"), "Barrier { size: 1, round: 3, arrived: 0 }");
    assert!(std::panic::catch_unwind(|| Barrier::new(0)).is_err());
    assert!(std::panic::catch_unwind(|| Barrier::new(1 << 24)).is_err());
    fn check<T: Send + Sync>(_: &T) {}
    fn check_send<T: Send>(_: &T) {}
    check(&ONE);
    check_send(&ONE.wait_async());
    assert_eq!(ONE.size(), 1);
}
