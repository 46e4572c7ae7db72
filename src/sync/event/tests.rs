use super::*;
use crate::sync::lock::Lock;
use crate::sync::testing::{Wakes, block_on, poll};
use std::pin::{Pin, pin};
use std::task::{Wake, Waker};
use std::thread;

const LONG: Duration = Duration::from_secs(60);

/// Waits until so many others wait.
fn until_pending(event: &Event, count: usize) {
    while event.pending() != count {
        thread::yield_now();
    }
}

#[test]
fn a_set_that_nobody_waits_for_is_kept_and_two_are_one() {
    let event = Event::new();
    assert!(!event.try_wait());
    event.set();
    event.set();
    event.wait();
    assert!(!event.try_wait(), "an auto event lets one pass");
}

#[test]
fn two_sets_and_one_waiter_are_one_grant_and_one_set() {
    let event = Event::new();
    thread::scope(|scope| {
        scope.spawn(|| event.wait());
        until_pending(&event, 1);
        event.set();
        event.set();
    });
    assert!(event.is_set(), "E2: the first was granted, the second kept");
}

#[test]
fn an_auto_event_wakes_the_oldest_first() {
    let event = Event::new();
    let (wakes, waker) = Wakes::new();
    let mut waits: Vec<_> = (0..3).map(|_| Box::pin(event.wait_async())).collect();
    for wait in &mut waits {
        assert!(poll(wait.as_mut(), &waker).is_pending());
    }
    for passed in 0..3 {
        event.set();
        assert_eq!(wakes.count(), passed as u64 + 1);
        let ready: Vec<_> = waits.iter_mut().map(|wait| poll(wait.as_mut(), &waker).is_ready()).collect();
        assert_eq!(ready.iter().position(|&ready| ready), Some(0), "{ready:?}");
        drop(waits.remove(0));
    }
    assert_eq!(event.pending(), 0);
}

#[test]
fn a_manual_event_lets_everyone_pass_until_it_is_reset() {
    let event = Event::manual();
    thread::scope(|scope| {
        (0..40).for_each(|_| drop(scope.spawn(|| event.wait())));
        until_pending(&event, 40);
        event.set();
    });
    event.wait();
    assert!(event.reset());
    assert!(!event.reset());
    assert!(!event.try_wait());
}

#[test]
fn a_pulse_releases_those_who_wait_and_nobody_who_comes_later() {
    let event = Event::manual();
    let (wakes, waker) = Wakes::new();
    let mut waits: Vec<_> = (0..70).map(|_| Box::pin(event.wait_async())).collect();
    for wait in &mut waits {
        assert!(poll(wait.as_mut(), &waker).is_pending());
    }
    event.set();
    event.reset();
    let mut late = pin!(event.wait_async());
    assert!(poll(late.as_mut(), &waker).is_pending(), "who comes after the reset waits for the next set");
    assert_eq!(wakes.count(), 70);
    assert!(waits.iter_mut().all(|wait| poll(wait.as_mut(), &waker).is_ready()), "no pulse is lost");
    assert_eq!(event.pending(), 1);
}

/// A waker that resets the event and waits for it anew, while the others are still being woken.
struct Again {
    event: &'static Event,
    waits: Lock<Vec<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.event.reset();
        let mut wait = Box::pin(self.event.wait_async());
        assert!(poll(wait.as_mut(), Waker::noop()).is_pending());
        self.waits.lock().push(wait);
    }
}

#[test]
fn one_who_links_while_the_others_are_woken_waits_for_the_next_set() {
    static EVENT: Event = Event::manual();
    let again = Arc::new(Again { event: &EVENT, waits: Lock::new(Vec::new()) });
    let waker = again.clone().into();
    let mut waits: Vec<_> = (0..40).map(|_| Box::pin(EVENT.wait_async())).collect();
    for wait in &mut waits {
        assert!(poll(wait.as_mut(), &waker).is_pending());
    }
    EVENT.set();
    assert_eq!(again.waits.lock().len(), 40, "all who waited were woken, more than one batch of them");
    assert_eq!(EVENT.pending(), 40, "and of those who came meanwhile none");
    again.waits.lock().clear();
    assert_eq!(EVENT.pending(), 0);
}

#[test]
fn a_wait_gives_up_at_its_deadline_and_loses_no_set() {
    let event = Event::new();
    assert_eq!(event.wait_timeout(Duration::from_millis(5)), Err(TimedOut));
    assert_eq!(event.wait_until(Instant::now()), Err(TimedOut));
    assert_eq!(event.pending(), 0);
    event.set();
    assert_eq!(event.wait_timeout(Duration::ZERO), Ok(()), "what is there is taken even if the time is over");
    event.set();
    assert_eq!(event.wait_timeout(Duration::MAX), Ok(()));
}

#[test]
fn a_dropped_future_hands_on_what_it_had_been_given() {
    let event = Event::new();
    let (wakes, waker) = Wakes::new();
    let mut first = Box::pin(event.wait_async());
    let mut second = Box::pin(event.wait_async());
    assert!(poll(first.as_mut(), &waker).is_pending());
    assert!(poll(second.as_mut(), &waker).is_pending());
    event.set();
    drop(first); // it was granted, and never polled again
    assert_eq!(wakes.count(), 2);
    assert!(poll(second.as_mut(), &waker).is_ready());
    event.set();
    let mut third = Box::pin(event.wait_async());
    assert!(poll(third.as_mut(), &waker).is_ready());
}

#[test]
fn a_future_polled_by_another_task_wakes_that_one_alone() {
    let event = Event::new();
    let (first, first_waker) = Wakes::new();
    let (second, second_waker) = Wakes::new();
    let mut wait = pin!(event.wait_async());
    assert!(poll(wait.as_mut(), &first_waker).is_pending());
    assert!(poll(wait.as_mut(), &second_waker).is_pending());
    event.set();
    assert_eq!((first.count(), second.count()), (0, 1));
    assert!(poll(wait.as_mut(), &first_waker).is_ready());
}

#[test]
fn the_event_is_set_when_the_last_guard_is_dropped_and_not_before() {
    let event = Event::manual();
    let guard = event.guard();
    let other = guard.clone();
    assert_eq!(event.guards(), 2);
    drop(guard);
    assert!(!event.is_set());
    drop(other);
    assert!(event.is_set());
    let again = event.guard();
    assert!(!event.is_set(), "the first guard of a manual event begins a new round");
    drop(again);
    assert!(event.is_set());
}

#[test]
fn guards_that_go_with_their_threads_wake_who_waits_for_all() {
    let event = Arc::new(Event::new());
    let guard = event.owned_guard();
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let guard = guard.clone();
            thread::spawn(move || {
                let _guard = guard;
                assert!(worker != 3, "one of the workers panics, and its guard goes all the same");
            })
        })
        .collect();
    drop(guard);
    assert_eq!(event.wait_timeout(LONG), Ok(()));
    assert_eq!((event.guards(), event.is_set()), (0, false));
    let panics = workers.into_iter().map(|worker| worker.join()).filter(Result::is_err).count();
    assert_eq!(panics, 1);
}

#[test]
fn an_owned_guard_keeps_its_event_alive() {
    let event = Arc::new(Event::manual());
    let guard = event.owned_guard();
    let weak = Arc::downgrade(&event);
    drop(event);
    assert_eq!(guard.event().guards(), 1);
    drop(guard);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_ping_and_a_pong_take_turns() {
    let (ping, pong) = (Event::new(), Event::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            (0..1000).for_each(|_| {
                ping.wait();
                pong.set();
            })
        });
        (0..1000).for_each(|_| {
            ping.set();
            pong.wait();
        });
    });
    assert!(!ping.is_set() && !pong.is_set());
}

#[test]
fn tasks_and_threads_wait_in_one_order() {
    let event = Event::new();
    let passed = crate::sync::shim::AtomicU64::new(0);
    thread::scope(|scope| {
        for number in 0..8 {
            let (event, passed) = (&event, &passed);
            scope.spawn(move || {
                if number % 2 == 0 {
                    event.wait()
                } else {
                    block_on(event.wait_async())
                }
                passed.fetch_add(1, Relaxed);
            });
        }
        for wave in 1..=8 {
            event.set();
            while passed.load(Relaxed) < wave {
                thread::yield_now();
            }
            assert_eq!(passed.load(Relaxed), wave, "one set, one passes");
        }
    });
}

#[test]
fn an_event_may_be_a_static_and_shared() {
    static EVENT: Event = Event::manual();
    fn check<T: Send + Sync>(_: &T) {}
    check(&EVENT);
    check(&EVENT.guard());
    fn check_send<T: Send>(_: &T) {}
    check_send(&EVENT.wait_async());
    assert!(EVENT.is_set(), "the guard was the last");
}

/// A waker may drop another waiting future, on this very thread: nobody whom a wake is for is without a verdict by then.
#[test]
fn a_wake_may_drop_another_who_is_woken_with_it() {
    struct Drops(Lock<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);
    impl Wake for Drops {
        fn wake(self: Arc<Self>) {
            let other = self.0.lock().take();
            drop(other);
        }
    }
    let (done, mut ended) = crate::sync::oneshot::channel();
    thread::spawn(move || {
        static EVENT: Event = Event::manual();
        let event = &EVENT;
        let drops = Arc::new(Drops(Lock::new(None)));
        let mut first = Box::pin(event.wait_async());
        assert!(poll(first.as_mut(), &Waker::from(drops.clone())).is_pending());
        let mut second = Box::pin(event.wait_async());
        assert!(poll(second.as_mut(), &Wakes::new().1).is_pending());
        *drops.0.lock() = Some(second);
        event.set();
        assert!(drops.0.lock().is_none() && poll(first.as_mut(), Waker::noop()).is_ready());
        done.send(()).unwrap();
    });
    assert_eq!(ended.wait_timeout(LONG / 6), Ok(()), "Q3: nobody waits for a verdict while foreign code runs");
}
