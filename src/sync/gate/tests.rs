use super::*;
use crate::sync::testing::{Wakes, block_on, is_outside, poll};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::thread;

fn stay(_: u32) -> Door {
    Door::Stay
}

fn shut(_: u32) -> Door {
    Door::Shut
}

fn until_pending(gate: &Gate, count: usize) {
    while gate.pending() != count {
        thread::yield_now();
    }
}

#[test]
fn all_pass_while_it_is_open_and_none_while_it_is_shut() {
    let gate = Gate::new();
    assert_eq!((gate.try_enter(stay), gate.shut()), (None, None));
    assert!(gate.open());
    assert_eq!((gate.try_enter(stay), gate.enter(stay), gate.entries()), (Some(1), 2, 2), "G1");
    assert_eq!((gate.shut(), gate.entries()), (Some(2), 0), "G3");
    assert_eq!(gate.try_enter(stay), None);
    assert_eq!(Gate::opened().try_enter(stay), Some(1));
}

#[test]
fn each_opening_counts_from_one() {
    let gate = Gate::opened();
    assert_eq!((gate.enter(stay), gate.enter(stay)), (1, 2));
    assert!(!gate.open(), "it was open");
    assert_eq!(gate.enter(stay), 1, "G1");
}

#[test]
fn each_opening_lets_as_many_pass_as_the_door_says() {
    let gate = Gate::new();
    let passed = crate::sync::shim::AtomicU64::new(0);
    thread::scope(|scope| {
        for number in 0..9 {
            let (gate, passed) = (&gate, &passed);
            scope.spawn(move || {
                let door = |number| if number < 3 { Door::Stay } else { Door::Shut };
                let number = if number % 2 == 0 { gate.enter(door) } else { block_on(gate.enter_async(door)) };
                assert!((1..=3).contains(&number), "G2");
                passed.fetch_add(1, Relaxed);
            });
        }
        for round in 1..=3 {
            // All others have found it shut and are queued, or come later: whoever passes is counted.
            gate.open();
            while passed.load(Relaxed) < 3 * round {
                thread::yield_now();
            }
            assert_eq!((passed.load(Relaxed), gate.is_open()), (3 * round, false), "G2");
        }
    });
    assert_eq!(gate.pending(), 0);
}

#[test]
fn opening_wakes_all_and_who_finds_it_shut_again_keeps_its_place() {
    let gate = Gate::new();
    let (wakes, waker) = Wakes::new();
    let mut waits: Vec<_> = (0..3).map(|_| Box::pin(gate.enter_async(shut))).collect();
    waits.iter_mut().for_each(|wait| assert!(poll(wait.as_mut(), &waker).is_pending()));
    gate.open();
    assert_eq!((wakes.count(), gate.pending()), (3, 0));
    assert_eq!(poll(waits[1].as_mut(), &waker), Poll::Ready(1));
    assert!(poll(waits[0].as_mut(), &waker).is_pending() && poll(waits[2].as_mut(), &waker).is_pending());
    assert_eq!(gate.pending(), 2);
    gate.open();
    gate.shut();
    assert!(poll(waits[0].as_mut(), &waker).is_pending(), "shut again before it came: it waits on");
    gate.open();
    assert_eq!(poll(waits[0].as_mut(), &waker), Poll::Ready(1));
}

#[test]
fn a_crowd_is_woken_whole() {
    let gate = Gate::new();
    let (wakes, waker) = Wakes::new();
    let mut crowd: Vec<_> = (0..70).map(|_| Box::pin(gate.enter_async(stay))).collect();
    crowd.iter_mut().for_each(|wait| assert!(poll(wait.as_mut(), &waker).is_pending()));
    assert!(gate.open());
    assert_eq!((wakes.count(), gate.pending()), (70, 0));
    let mut numbers: Vec<_> = crowd.into_iter().map(block_on).collect();
    numbers.sort_unstable();
    assert_eq!((numbers, gate.entries()), ((1..=70).collect(), 70), "G1");
}

/// A door may be asked several times for one entry; what it said last was stored.
#[test]
fn the_last_answer_of_a_door_counts_and_each_is_given_on_the_thread_that_enters() {
    let gate = Gate::new();
    let numbers = crate::sync::lock::Lock::new(Vec::new());
    thread::scope(|scope| {
        for task in [false, false, true, true] {
            let (gate, numbers) = (&gate, &numbers);
            scope.spawn(move || {
                let (me, last) = (thread::current().id(), std::cell::Cell::new(0));
                let door = |number| {
                    assert_eq!(thread::current().id(), me);
                    last.set(number);
                    Door::Stay
                };
                for _ in 0..500 {
                    let number = if task { block_on(gate.enter_async(door)) } else { gate.enter(door) };
                    assert_eq!(number, last.get());
                    numbers.lock().push(number);
                }
            });
        }
        gate.open();
    });
    let mut numbers = numbers.into_inner();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=2000).collect::<Vec<_>>(), "G1: one after the other");
}

#[test]
fn no_door_is_asked_under_the_bit() {
    static GATE: Gate = Gate::new();
    fn door(_: u32) -> Door {
        assert!(is_outside(&GATE.queue), "Q3: no door is asked under the bit");
        Door::Shut
    }
    thread::scope(|scope| {
        let workers = [false, false, true].map(|task| {
            scope.spawn(move || {
                (0..300).for_each(|_| _ = if task { block_on(GATE.enter_async(door)) } else { GATE.enter(door) });
            })
        });
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            GATE.open();
            thread::yield_now();
        }
    });
    assert_eq!(GATE.pending(), 0);
}

#[test]
fn a_panic_at_the_door_changes_nothing() {
    let gate = Gate::opened();
    assert!(catch_unwind(AssertUnwindSafe(|| gate.enter(|_| panic!("at the door")))).is_err());
    assert_eq!((gate.is_open(), gate.entries(), gate.pending()), (true, 0, 0));
    gate.shut();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| gate.enter(|_| panic!("at the door")));
        until_pending(&gate, 1);
        gate.open();
        assert!(waiting.join().is_err());
    });
    assert_eq!((gate.is_open(), gate.entries(), gate.pending()), (true, 0, 0), "its place in the queue is given up");
}

#[test]
fn a_wait_gives_up_at_its_deadline() {
    let gate = Gate::new();
    assert_eq!(gate.enter_timeout(Duration::from_millis(5), stay), Err(TimedOut));
    assert_eq!(gate.enter_until(Instant::now(), stay), Err(TimedOut));
    assert_eq!(gate.pending(), 0);
    gate.open();
    assert_eq!(gate.enter_timeout(Duration::ZERO, stay), Ok(1), "an open gate is passed even if the time is over");
    assert_eq!(gate.enter_until(Instant::now(), stay), Ok(2));
}

#[test]
fn a_dropped_future_has_not_entered() {
    let gate = Gate::new();
    let mut dropped = Box::pin(gate.enter_async(shut));
    let mut waiting = pin!(gate.enter_async(shut));
    assert!(poll(dropped.as_mut(), Waker::noop()).is_pending());
    assert!(poll(waiting.as_mut(), Waker::noop()).is_pending());
    gate.open();
    drop(dropped); // it was woken, and never polled again
    assert_eq!(poll(waiting.as_mut(), Waker::noop()), Poll::Ready(1));
    let mut queued = Box::pin(gate.enter_async(shut));
    assert!(poll(queued.as_mut(), Waker::noop()).is_pending());
    drop(queued);
    assert_eq!((gate.pending(), gate.is_open()), (0, false));
}

#[test]
fn a_gate_may_be_a_static_and_shared() {
    static GATE: Gate = Gate::opened();
    fn check<T: Send + Sync>(_: &T) {}
    fn check_send<T: Send>(_: &T) {}
    check(&GATE);
    check_send(&GATE.enter_async(stay));
    assert_eq!(format!("{GATE:?}"), "Gate { is_open: true, entries: 0, pending: 0 }");
}
