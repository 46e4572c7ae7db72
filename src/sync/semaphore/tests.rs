use super::*;
use crate::sync::testing::{Wakes, block_on, poll};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

const LONG: Duration = Duration::from_secs(60);

fn until_pending<Q: Strategy>(semaphore: &Semaphore<Q>, count: usize) {
    while semaphore.pending() != count {
        thread::yield_now();
    }
}

#[test]
fn permits_return_when_they_are_dropped_panic_or_not() {
    let semaphore = Semaphore::new(5);
    let two = semaphore.acquire(2).unwrap();
    let three = semaphore.try_acquire(3).unwrap();
    assert_eq!((two.count(), three.count(), semaphore.available()), (2, 3, 0));
    assert_eq!(semaphore.try_acquire(1).unwrap_err(), Refused::NoPermits);
    drop(two);
    assert_eq!(semaphore.available(), 2);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _three = three;
        std::panic::resume_unwind(Box::new("holder dies"));
    }));
    assert!(panicked.is_err());
    assert_eq!(semaphore.available(), 5, "S1");
}

#[test]
fn permits_may_be_split_forgotten_and_made() {
    let semaphore = Semaphore::new(5);
    let mut four = semaphore.acquire(4).unwrap();
    let one = four.split(1).unwrap();
    assert!(four.split(4).is_none());
    one.forget();
    drop(four);
    assert_eq!(semaphore.available(), 4);
    assert_eq!(semaphore.forget_permits(1), 1);
    assert_eq!(semaphore.drain_permits(), 3);
    assert_eq!(semaphore.drain_permits(), 0);
    semaphore.release(2);
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn more_permits_than_can_be_counted_are_refused_before_anything_changes() {
    let semaphore = Semaphore::new(u32::MAX - 1);
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.release(2))).is_err());
    assert_eq!(semaphore.available(), u32::MAX - 1);
    semaphore.release(1);
    assert_eq!(semaphore.release_capped(7, u32::MAX), 0);
}

#[test]
fn a_capped_release_adds_up_to_its_cap_and_takes_nothing_away() {
    let semaphore = Semaphore::new(3);
    assert_eq!(semaphore.release_capped(10, 5), 2);
    assert_eq!(semaphore.release_capped(10, 4), 0);
    assert_eq!(semaphore.available(), 5);
    let taken = semaphore.acquire(5).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| semaphore.acquire(2).unwrap().forget());
        until_pending(&semaphore, 1);
        assert_eq!(semaphore.release_capped(2, 2), 2);
    });
    taken.forget();
}

#[test]
fn nobody_passes_one_who_waits_in_strict_order() {
    let semaphore = Semaphore::new(3);
    let (wakes, waker) = Wakes::new();
    let mut big = pin!(semaphore.acquire_async(10));
    assert!(poll(big.as_mut(), &waker).is_pending());
    assert_eq!(semaphore.try_acquire(1).unwrap_err(), Refused::NoPermits, "three are there, for the big one");
    let mut small = pin!(semaphore.acquire_async(1));
    assert!(poll(small.as_mut(), &waker).is_pending());
    semaphore.release(7);
    assert_eq!(wakes.count(), 1);
    assert!(poll(small.as_mut(), &waker).is_pending());
    let Poll::Ready(Ok(ten)) = poll(big.as_mut(), &waker) else { panic!("it was its turn") };
    drop(ten);
    assert!(poll(small.as_mut(), &waker).is_ready());
}

#[test]
fn last_come_is_first_served_where_that_is_the_strategy() {
    let semaphore = Semaphore::lifo(0);
    let mut waits: Vec<_> = (0..3).map(|_| Box::pin(semaphore.acquire_async(1))).collect();
    let waker = std::task::Waker::noop();
    for wait in &mut waits {
        assert!(poll(wait.as_mut(), waker).is_pending());
    }
    semaphore.release(1);
    let Poll::Ready(Ok(permit)) = poll(waits[2].as_mut(), waker) else { panic!("the newest is served") };
    permit.forget();
    assert!(poll(waits[0].as_mut(), waker).is_pending());
    semaphore.release(2);
    assert!(waits[..2].iter_mut().all(|wait| poll(wait.as_mut(), waker).is_ready()));
}

#[test]
fn newcomers_pass_where_that_is_the_strategy() {
    let semaphore = Semaphore::lifo(1);
    let mut big = pin!(semaphore.acquire_async(2));
    assert!(poll(big.as_mut(), std::task::Waker::noop()).is_pending());
    assert!(semaphore.try_acquire(1).is_ok());
}

#[test]
fn one_who_gives_up_lets_in_those_who_stood_behind() {
    let semaphore = Semaphore::new(1);
    let (wakes, waker) = Wakes::new();
    let mut two = Box::pin(semaphore.acquire_async(2));
    let mut one = pin!(semaphore.acquire_async(1));
    assert!(poll(two.as_mut(), &waker).is_pending());
    assert!(poll(one.as_mut(), &waker).is_pending());
    drop(two);
    assert_eq!(wakes.count(), 1, "S2: the quitter wanted two with one there, and the next wants one");
    assert!(poll(one.as_mut(), &waker).is_ready());
}

#[test]
fn one_whose_time_is_over_lets_in_those_who_stood_behind() {
    let semaphore = Semaphore::new(1);
    thread::scope(|scope| {
        let two = scope.spawn(|| semaphore.acquire_timeout(2, Duration::from_millis(20)).map(drop));
        until_pending(&semaphore, 1);
        assert!(semaphore.acquire_timeout(1, LONG).is_ok());
        assert_eq!(two.join().unwrap(), Err(WaitError::TimedOut));
    });
    assert_eq!((semaphore.available(), semaphore.pending()), (1, 0));
}

#[test]
fn a_dropped_future_hands_its_grant_on() {
    let semaphore = Semaphore::new(0);
    let (wakes, waker) = Wakes::new();
    let mut first = Box::pin(semaphore.acquire_async(3));
    let mut second = pin!(semaphore.acquire_async(2));
    assert!(poll(first.as_mut(), &waker).is_pending());
    assert!(poll(second.as_mut(), &waker).is_pending());
    semaphore.release(3);
    drop(first); // it was granted, and never polled again
    assert_eq!(wakes.count(), 2);
    let Poll::Ready(Ok(permit)) = poll(second.as_mut(), &waker) else { panic!("the grant went on") };
    assert_eq!(semaphore.available(), 1);
    drop(permit);
    assert_eq!(semaphore.available(), 3);
}

#[test]
fn closing_turns_away_those_who_wait_and_those_who_come() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.acquire(1).unwrap();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..40).map(|_| scope.spawn(|| semaphore.acquire(1).map(drop))).collect();
        until_pending(&semaphore, 40);
        semaphore.close();
        assert!(waiting.into_iter().all(|wait| wait.join().unwrap() == Err(Closed)));
    });
    assert!(semaphore.is_closed());
    drop(held);
    assert_eq!(semaphore.available(), 1, "what was given out stays valid, and returns");
    assert_eq!(semaphore.acquire(1).unwrap_err(), Closed);
    assert_eq!(semaphore.try_acquire(1).unwrap_err(), Refused::Closed);
    assert_eq!(semaphore.acquire_timeout(1, LONG).unwrap_err(), WaitError::Closed);
    assert_eq!(semaphore.acquire_until(1, Instant::now()).unwrap_err(), WaitError::Closed);
    assert_eq!(block_on(semaphore.acquire_async(1)).unwrap_err(), Closed);
    assert_eq!(semaphore.pending(), 0, "S3");
}

#[test]
fn a_wait_gives_up_at_its_deadline() {
    let semaphore = Semaphore::new(0);
    assert_eq!(semaphore.acquire_timeout(1, Duration::from_millis(5)).unwrap_err(), WaitError::TimedOut);
    assert_eq!(semaphore.acquire_until(1, Instant::now()).unwrap_err(), WaitError::TimedOut);
    semaphore.release(1);
    assert!(semaphore.acquire_timeout(1, Duration::ZERO).is_ok(), "what is there is taken even if the time is over");
    assert!(semaphore.acquire_timeout(1, Duration::MAX).is_ok());
}

#[test]
fn an_owned_permit_keeps_its_semaphore_alive() {
    let semaphore = Arc::new(Semaphore::new(2));
    let permit = semaphore.acquire(2).unwrap().owned_by(&semaphore);
    let weak = Arc::downgrade(&semaphore);
    drop(semaphore);
    let returned = thread::spawn(move || {
        let semaphore = weak.upgrade().expect("the permit keeps it");
        assert_eq!((permit.count(), semaphore.available()), (2, 0));
        drop(permit);
        semaphore.available()
    });
    assert_eq!(returned.join().unwrap(), 2);
}

#[test]
fn threads_and_tasks_share_permits_and_none_is_lost() {
    let semaphore = Semaphore::new(3);
    let held = crate::sync::shim::AtomicU64::new(0);
    thread::scope(|scope| {
        for number in 0..8u32 {
            let (semaphore, held) = (&semaphore, &held);
            scope.spawn(move || {
                for round in 0..500 {
                    let count = 1 + (number + round) % 3;
                    let permit = match number % 3 {
                        0 => semaphore.acquire(count).unwrap(),
                        1 => block_on(semaphore.acquire_async(count)).unwrap(),
                        _ => match semaphore.acquire_timeout(count, Duration::from_micros(u64::from(round % 7))) {
                            Ok(permit) => permit,
                            Err(_) => continue,
                        },
                    };
                    let now = held.fetch_add(u64::from(count), Relaxed) + u64::from(count);
                    assert!(now <= 3, "S1: {now} permits of 3 are held");
                    held.fetch_sub(u64::from(count), Relaxed);
                    drop(permit);
                }
            });
        }
    });
    assert_eq!((semaphore.available(), semaphore.pending()), (3, 0));
}

/// More than one hold of the queue's bit pops.
#[test]
fn a_wake_that_panics_keeps_no_one_of_a_crowd_from_its_grant() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("in a wake"));
        }
    }
    let semaphore = Semaphore::new(0);
    let mut crowd: Vec<_> = (0..70).map(|_| Box::pin(semaphore.acquire_async(1))).collect();
    let ((wakes, waker), panics) = (Wakes::new(), Arc::new(Panics).into());
    for (number, future) in crowd.iter_mut().enumerate() {
        assert!(poll(future.as_mut(), if number == 0 { &panics } else { &waker }).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.release(70))).is_err());
    assert_eq!((wakes.count(), semaphore.pending(), semaphore.available()), (69, 0, 0));
    let granted = crowd
        .into_iter()
        .filter_map(|mut future| matches!(poll(future.as_mut(), &waker), Poll::Ready(Ok(_))).then_some(()));
    assert_eq!(granted.count(), 70);
}

#[test]
fn a_semaphore_of_either_order_may_be_a_static() {
    static FIFO: Semaphore = Semaphore::new(1);
    static LIFO: Semaphore<Lifo> = Semaphore::lifo(1);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| drop((FIFO.acquire(1).unwrap(), LIFO.acquire(1).unwrap())));
        }
    });
    assert_eq!([FIFO.available(), LIFO.available()], [1, 1]);
    assert_eq!([FIFO.pending(), LIFO.pending()], [0, 0]);
}
