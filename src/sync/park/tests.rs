use super::queue::Ring;
use super::*;
use crate::sync::shim::{AtomicU32, Ordering::Relaxed};
use crate::sync::testing;
use std::task::{RawWaker, RawWakerVTable, Waker};
use std::time::{Duration, Instant};

#[test]
fn a_token_that_comes_early_is_kept_and_two_are_one() {
    let parker = Parker::new();
    assert!(!parker.try_park());
    parker.unparker().unpark();
    parker.unparker().unpark();
    parker.park();
    assert!(!parker.try_park());
}

#[test]
fn a_thread_and_its_worker_pass_a_token_to_and_fro() {
    let (here, there) = (Parker::new(), Parker::new());
    let (to_here, to_there) = (here.unparker(), there.unparker());
    let worker = std::thread::spawn(move || {
        for _ in 0..1000 {
            there.park();
            to_here.unpark();
        }
    });
    for _ in 0..1000 {
        to_there.unpark();
        here.park();
    }
    worker.join().unwrap();
}

#[test]
fn a_wait_gives_up_at_its_deadline() {
    let parker = Parker::new();
    let start = Instant::now();
    assert!(!parker.park_timeout(Duration::from_millis(20)));
    assert!(!parker.park_until(start));
    assert!(start.elapsed() >= Duration::from_millis(20));
    parker.unparker().unpark();
    assert!(parker.park_until(start), "a token that is there is taken even if the deadline has passed");
}

#[test]
#[should_panic(expected = "never waits")]
fn under_no_sleep_a_wait_panics_before_it_links() {
    let _turn = NoSleep::new();
    Parker::new().park();
}

#[test]
fn under_no_sleep_what_need_not_wait_does_not_mind() {
    let _turn = NoSleep::new();
    let parker = Parker::new();
    parker.unparker().unpark();
    parker.park();
}

/// Q1, Q2: whatever is done to it, the ring holds what a `VecDeque` holds, in its order.
#[test]
fn the_ring_is_a_queue_from_which_anyone_may_leave() {
    let nodes: Vec<Waiter> = (0..6).map(|want| Waiter::new(want, 0)).collect();
    let (queue, mut model) = (Queue::new(), std::collections::VecDeque::<u32>::new());
    let mut seed = 1u64;
    for step in 0..20_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (act, who) = ((seed >> 33) % 5, ((seed >> 48) % 6) as u32);
        let node = &nodes[who as usize];
        let mut ring = queue.hold();
        let linked = ring.has(node);
        assert_eq!(linked, model.contains(&who), "step {step}");
        match (act, linked) {
            (0, false) => {
                ring.push_newest(node);
                model.push_back(who);
            }
            (1, false) => {
                ring.push_oldest(node);
                model.push_front(who);
            }
            (2, true) => {
                ring.unlink(node);
                model.retain(|&other| other != who);
            }
            (3, _) => assert_eq!(ring.oldest().map(|node| ring.pop(node).node().want()), model.pop_front()),
            (4, _) => assert_eq!(ring.newest().map(|node| ring.pop(node).node().want()), model.pop_back()),
            _ => {}
        }
        let ends = (ring.oldest().map(Waiter::want), ring.newest().map(Waiter::want));
        assert_eq!(ends, (model.front().copied(), model.back().copied()), "step {step}");
    }
}

/// From the new end the newest is next, unless the oldest has waited too long.
#[test]
fn the_newest_is_next_until_the_oldest_is_overdue() {
    const SINCE: u64 = 1_000;
    let nodes: Vec<Waiter> = (0..3).map(|want| Waiter::new(want, SINCE + u64::from(want))).collect();
    let queue = Queue::new();
    let mut ring = queue.hold();
    assert!(ring.next(End::Newest, SINCE).is_none() && ring.next(End::Oldest, SINCE).is_none());
    nodes.iter().for_each(|node| ring.push_newest(node));
    let wants = |ring: &Ring<'_>, end, now| ring.next(end, now).map(Waiter::want);
    let due = SINCE + OVERDUE_NS;
    assert_eq!((wants(&ring, End::Newest, due), wants(&ring, End::Oldest, due)), (Some(2), Some(0)));
    assert_eq!((wants(&ring, End::Newest, due + 1), wants(&ring, End::Oldest, due + 1)), (Some(0), Some(0)));
    nodes.iter().for_each(|node| ring.unlink(node));
}

/// A wake that panics does not keep the others from being woken.
#[test]
fn a_wake_that_panics_wakes_the_rest() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: std::sync::Arc<Self>) {
            panic!("in a wake");
        }
    }
    let (parker, first_waker) = (Parker::new(), std::sync::Arc::new(Panics).into());
    let mut first = Box::pin(parker.park_async());
    assert!(testing::poll(first.as_mut(), &first_waker).is_pending());
    let (wakes, waker) = testing::Wakes::new();
    let mut second = Box::pin(parker.park_async());
    assert!(testing::poll(second.as_mut(), &waker).is_pending());
    let queue = parker.queue();
    let woken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        queue.wake_all(Verdict::Granted, || (), |_| ());
    }));
    assert!(woken.is_err());
    assert_eq!(wakes.count(), 1);
    assert!(testing::poll(second.as_mut(), &waker).is_ready());
    assert!(testing::poll(first.as_mut(), &waker).is_ready());
}

#[test]
fn a_dropped_future_hands_on_what_it_was_granted() {
    let parker = Parker::new();
    let (_, waker) = testing::Wakes::new();
    let mut granted = Box::pin(parker.park_async());
    assert!(testing::poll(granted.as_mut(), &waker).is_pending());
    parker.unparker().unpark();
    drop(granted);
    assert!(parker.try_park(), "the token is there again");
    let mut given_up = Box::pin(parker.park_async());
    assert!(testing::poll(given_up.as_mut(), &waker).is_pending());
    drop(given_up);
    parker.unparker().unpark();
    assert!(parker.try_park());
}

#[test]
fn a_future_polled_by_another_task_wakes_that_one() {
    let parker = Parker::new();
    let ((first, first_waker), (second, second_waker)) = (testing::Wakes::new(), testing::Wakes::new());
    let mut future = Box::pin(parker.park_async());
    assert!(testing::poll(future.as_mut(), &first_waker).is_pending());
    assert!(testing::poll(future.as_mut(), &second_waker).is_pending());
    parker.unparker().unpark();
    assert_eq!((first.count(), second.count()), (0, 1));
    assert!(testing::poll(future.as_mut(), &second_waker).is_ready());
}

/// A queue, and what its waiters' wakers have done: how often each act, and whether the bit was ever held meanwhile.
#[derive(Default)]
struct Watched {
    parker: Parker,
    clones: AtomicU32,
    wakes: AtomicU32,
    drops: AtomicU32,
    under_the_bit: AtomicU32,
}

impl Watched {
    fn notes<'a>(data: *const (), act: impl FnOnce(&'a Watched) -> &'a AtomicU32) {
        // SAFETY: each waker of this test is gone before the `Watched` that it was made of.
        let watched = unsafe { &*data.cast::<Watched>() };
        act(watched).fetch_add(1, Relaxed);
        watched.under_the_bit.fetch_add(u32::from(watched.parker.queue().is_held()), Relaxed);
    }

    /// A waker whose clone, wake and drop are the user's.
    fn waker(&self) -> Waker {
        const ACTS: RawWakerVTable = RawWakerVTable::new(
            |data| {
                Watched::notes(data, |watched| &watched.clones);
                RawWaker::new(data, &ACTS)
            },
            |data| Watched::notes(data, |watched| &watched.wakes),
            |data| Watched::notes(data, |watched| &watched.wakes),
            |data| Watched::notes(data, |watched| &watched.drops),
        );
        // SAFETY: nothing is counted or freed, so any number of clones, wakes and drops, on any thread, is in order.
        unsafe { Waker::from_raw(RawWaker::new(std::ptr::from_ref(self).cast(), &ACTS)) }
    }

    fn acts(&self) -> [u32; 3] {
        [&self.clones, &self.wakes, &self.drops].map(|count| count.load(Relaxed))
    }
}

/// Q3: a waker is cloned before the bit is taken, and woken or dropped after it.
#[test]
fn nothing_of_a_waker_runs_under_the_bit() {
    let watched = Watched::default();
    let waker = watched.waker();
    fn poll(wait: &mut std::pin::Pin<Box<impl Future<Output = ()>>>, waker: &Waker) {
        assert!(testing::poll(wait.as_mut(), waker).is_pending());
    }
    let mut waits: Vec<_> = (0..100).map(|_| Box::pin(watched.parker.park_async())).collect();
    waits.iter_mut().for_each(|wait| poll(wait, &waker));
    assert_eq!(watched.acts(), [100, 0, 0]);
    // Another waker takes its place, and this one comes back.
    poll(&mut waits[0], Waker::noop());
    poll(&mut waits[0], &waker);
    assert_eq!(watched.acts(), [101, 0, 1]);
    waits.truncate(90);
    assert_eq!(watched.acts(), [101, 0, 11]);
    watched.parker.unparker().unpark();
    assert_eq!(watched.acts(), [101, 1, 11]);
    watched.parker.queue().wake_all(Verdict::Granted, || (), |_| ());
    assert_eq!(watched.acts(), [101, 90, 11]);
    assert!(waits.iter_mut().all(|wait| testing::poll(wait.as_mut(), &waker).is_ready()));
    assert_eq!(watched.under_the_bit.load(Relaxed), 0, "Q3");
}
