//! `sync/barrier`: nobody goes on before all have come, and who gives up has not come.

use crate::common::{Alarm, Cell, poll};
use loom::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};
use loom::thread;
use rsm::sync::TimedOut;
use rsm::sync::barrier::Barrier;
use rsm::sync::model::{Looks, Mutant, finds, model, model_with, strike};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(1);

/// A barrier of two, and for each round a cell for each thread.
struct Shared {
    barrier: Barrier,
    cells: [[Cell; 2]; 2],
}

fn shared() -> Arc<Shared> {
    Arc::new(Shared { barrier: Barrier::new(2), cells: std::array::from_fn(|_| [Cell::new(0), Cell::new(0)]) })
}

fn spawn<T: 'static>(shared: &Arc<Shared>, run: impl FnOnce(&Shared) -> T + 'static) -> thread::JoinHandle<T> {
    let shared = shared.clone();
    thread::spawn(move || run(&shared))
}

#[test]
fn two_meet_round_after_round() {
    model_with("barrier_rounds", 3, &[Looks::Newest], || {
        let it = shared();
        let meet = |it: &Shared, mine: usize| {
            let rounds = it.cells.iter().map(|cells| {
                cells[mine].set(1);
                let last = it.barrier.wait();
                assert_eq!(cells[1 - mine].get(), 1, "B3");
                last
            });
            rounds.collect::<Vec<_>>()
        };
        let other = spawn(&it, move |it| meet(it, 1));
        let mine = meet(&it, 0);
        let theirs = other.join().unwrap();
        assert!(mine.iter().zip(&theirs).all(|(mine, theirs)| mine != theirs), "each round has one last");
        assert_eq!(it.barrier.arrived(), 0);
    });
}

#[test]
fn one_who_only_tries_sees_what_the_other_wrote_and_is_seen() {
    model("barrier_try", 3, || {
        let it = shared();
        let trying = spawn(&it, |it| {
            it.cells[0][1].set(1);
            let met = it.barrier.try_wait();
            assert!(!met || it.cells[0][0].get() == 1, "B3");
            met
        });
        it.cells[0][0].set(1);
        let mut coming = Box::pin(it.barrier.wait_async());
        let alarm = Alarm::new();
        let met = poll(coming.as_mut(), &alarm).is_ready() || poll(coming.as_mut(), &alarm).is_ready();
        assert!(!met || it.cells[0][1].get() == 1, "B3");
        assert_eq!(u32::from(!trying.join().unwrap()), it.barrier.arrived(), "B2");
    });
}

/// Four come, two to a round, whoever they are: one who is slow to wake goes on although others have met since.
#[test]
fn more_than_meet_in_one_round_may_come() {
    model_with("barrier_of_two_for_four", 3, &[Looks::Newest], || {
        let it = shared();
        let mut comes = [(); 3].map(|()| Box::pin(it.barrier.wait_async()));
        let mut come = |number: usize| poll(comes[number].as_mut(), &Alarm::new());
        assert!(come(0).is_pending());
        let other = spawn(&it, |it| it.barrier.wait());
        let early = [come(1), come(2)];
        let last = other.join().unwrap();
        let late = [come(0), if early[1].is_ready() { early[1] } else { come(2) }];
        let ready = |come: &&Poll<bool>| come.is_ready();
        assert!(early[..1].iter().chain(&late).filter(ready).count() >= 2, "B2");
        let lasts =
            [early[0], late[0], late[1], Poll::Ready(last)].into_iter().filter(|come| *come == Poll::Ready(true));
        assert_eq!((lasts.count(), it.barrier.arrived()), (2, 0), "B2");
    });
}

/// Both give up when the clock strikes: both have met, or neither. One who was late takes back no arrival of the next round.
fn until() {
    model("barrier_until", 2, || {
        let it = shared();
        let clock = thread::spawn(strike);
        let other = spawn(&it, |it| {
            it.cells[0][1].set(1);
            let met = it.barrier.wait_timeout(SOON);
            assert!(met.is_err() || it.cells[0][0].get() == 1, "B3");
            met
        });
        it.cells[0][0].set(1);
        let mine = it.barrier.wait_timeout(SOON);
        assert!(mine.is_err() || it.cells[0][1].get() == 1, "B3");
        let alarm = Alarm::new();
        let mut next = Box::pin(it.barrier.wait_async());
        if mine.is_ok() {
            assert!(poll(next.as_mut(), &alarm).is_pending());
        }
        let theirs = other.join().unwrap();
        clock.join().unwrap();
        match (mine, theirs) {
            (Ok(mine), Ok(theirs)) => assert!(mine != theirs && it.barrier.arrived() == 1, "B2"),
            (mine, theirs) => {
                assert_eq!((mine, theirs, it.barrier.arrived()), (Err(TimedOut), Err(TimedOut), 0), "B2");
            }
        }
    });
}

#[test]
fn one_who_gives_up_has_met_the_other_or_has_not_come() {
    until();
}

#[test]
fn one_who_takes_back_an_arrival_of_the_next_round_is_found() {
    finds(Mutant::BarrierLeavesLate, until);
}

#[test]
fn a_future_that_is_dropped_has_met_the_other_or_has_not_come() {
    model("barrier_future_drop", 3, || {
        let it = shared();
        let has_gone = Arc::new(AtomicBool::new(false));
        let mut dropped = Box::pin(it.barrier.wait_async());
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending());
        let other = spawn(&it, {
            let has_gone = has_gone.clone();
            move |it| {
                let too_late = has_gone.load(Acquire);
                let met = it.barrier.try_wait();
                assert!(!too_late || !met, "B2: who has gone is not met");
                (met, it.barrier.wait_until(Instant::now()))
            }
        });
        drop(dropped);
        has_gone.store(true, Release);
        let (tried, waited) = other.join().unwrap();
        assert!(!tried || waited == Err(TimedOut), "B2: it was met once at most");
        assert_eq!(it.barrier.arrived(), 0);
    });
}

/// A future gives up beside one who is blocked, and another comes by: whoever is blocked has met one of the two, or its time is over.
#[test]
fn a_future_that_is_dropped_beside_one_who_waits_has_met_it_or_has_not_come() {
    model_with("barrier_future_drop_wait", 3, &[Looks::Newest], || {
        let it = shared();
        let other = spawn(&it, |it| it.barrier.wait_timeout(SOON));
        let mut dropped = Box::pin(it.barrier.wait_async());
        let met = poll(dropped.as_mut(), &Alarm::new()).is_ready();
        drop(dropped);
        let tried = it.barrier.try_wait();
        strike();
        let waited = other.join().unwrap();
        assert!(!(met && tried), "B2: it has met one");
        assert!(waited.is_ok() || !met && !tried, "B2");
        assert_eq!(it.barrier.arrived(), 0);
    });
}

/// Of three one is there already, one gives up at any moment, and one only tries: all have met, or it alone is there still.
#[test]
fn of_three_one_may_give_up() {
    model("barrier_three_until", 2, || {
        let barrier = Arc::new(Barrier::new(3));
        let mut first = Box::pin(barrier.wait_async());
        assert!(poll(first.as_mut(), &Alarm::new()).is_pending());
        let clock = thread::spawn(strike);
        let late = thread::spawn({
            let barrier = barrier.clone();
            move || barrier.wait_timeout(SOON)
        });
        let tried = barrier.try_wait();
        clock.join().unwrap();
        let late = late.join().unwrap();
        assert_eq!((late.is_ok(), poll(first.as_mut(), &Alarm::new()).is_ready()), (tried, tried), "B2");
        assert_eq!((late.ok().is_some_and(|last| last), barrier.arrived()), (false, u32::from(!tried)), "B1");
    });
}

/// Two try to be the second of two: one is.
#[test]
fn of_two_who_try_one_meets_who_waits() {
    model("barrier_try_try", 3, || {
        for _ in 0..2 {
            let it = shared();
            let mut first = Box::pin(it.barrier.wait_async());
            assert!(poll(first.as_mut(), &Alarm::new()).is_pending());
            let other = spawn(&it, |it| it.barrier.try_wait());
            let mine = it.barrier.try_wait();
            assert!(mine != other.join().unwrap(), "B2");
            assert_eq!((poll(first.as_mut(), &Alarm::new()), it.barrier.arrived()), (Poll::Ready(false), 0), "B1");
        }
    });
}

/// One waits for the other, who gives up and comes again.
#[test]
fn one_who_gives_up_may_come_again() {
    model("barrier_until_wait", 2, || {
        let it = shared();
        let clock = thread::spawn(strike);
        let other = spawn(&it, |it| {
            it.cells[0][1].set(1);
            it.barrier.wait_timeout(SOON).unwrap_or_else(|TimedOut| it.barrier.wait())
        });
        it.cells[0][0].set(1);
        let mine = it.barrier.wait();
        assert_eq!(it.cells[0][1].get(), 1, "B3");
        clock.join().unwrap();
        assert!(mine != other.join().unwrap() && it.barrier.arrived() == 0, "B2");
    });
}
