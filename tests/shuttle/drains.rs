use crate::{SOON, explore, together};
use rsm::fsm::Time;
use rsm::sync::cancel::Cancel;
use rsm::sync::drain::{Drain, Guard, Stage};
use rsm::sync::meter::Meter;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

type Thread = Box<dyn FnOnce() + Send>;

/// How many are alive in each of three stages.
type Alive = Arc<[AtomicU32; 3]>;

/// A member: waits for its stage in one of three ways, hands its guard on, and goes.
fn member(guard: Guard, stage: usize, alive: &Alive, way: u32) {
    alive[stage].fetch_add(1, Relaxed);
    match way {
        0 => guard.wait_draining(),
        1 => shuttle::future::block_on(guard.draining()),
        _ => {
            while guard.wait_draining_timeout(SOON).is_err() {
                shuttle::thread::yield_now();
            }
        }
    }
    assert!(alive[..stage].iter().all(|before| before.load(Relaxed) == 0), "D1");
    let clone = guard.clone();
    drop(guard);
    alive[stage].fetch_sub(1, Relaxed);
    drop(clone);
}

/// Comes when it may be too late.
fn late_member(stages: &[Stage; 3], alive: &Alive) {
    if let Ok(guard) = stages[1].guard("late") {
        member(guard, 1, alive, 2);
    }
    if let Ok(between) = stages[2].before("between") {
        if let Ok(guard) = between.guard("late") {
            assert!(!stages[2].is_draining(), "D1: it waits for us");
            drop(guard);
        }
    }
}

/// Two members in each of three stages, one who comes late, and two who drain, of whom one gives up and tries again.
#[test]
fn three_stages_end_one_after_the_other() {
    explore("drain", || {
        let drain = Drain::new();
        let stages = ["accept", "work", "store"].map(|name| drain.stage(name).expect("it is not over"));
        let alive = Alive::default();
        let mut threads: Vec<Thread> = Vec::new();
        for (number, stage) in stages.iter().enumerate() {
            for way in 0..2 {
                let (guard, alive) = (stage.guard("member").expect("it has not started"), alive.clone());
                threads.push(Box::new(move || member(guard, number, &alive, way)));
            }
        }
        let (late, counted) = (stages.clone(), alive.clone());
        threads.push(Box::new(move || late_member(&late, &counted)));
        let (first, second) = (drain.clone(), drain.clone());
        threads.push(Box::new(move || {
            while let Err(late) = first.drain_timeout(SOON) {
                assert!(!late.alive.is_empty(), "D2");
                shuttle::thread::yield_now();
            }
        }));
        threads.push(Box::new(move || shuttle::future::block_on(second.drain_async())));
        together(threads);
        assert!(drain.is_over() && stages.iter().all(Stage::is_over));
    });
}

/// A tree of two branches: one is cancelled by itself, then all; below, some wait, some are born, and some go.
#[test]
fn all_below_are_cancelled_and_nobody_sleeps_on() {
    explore("cancel", || {
        let top = Cancel::new();
        let branches = [top.child(), top.child()];
        let leaves = branches.each_ref().map(Cancel::child);
        let mut threads: Vec<Thread> = Vec::new();
        for (branch, leaf) in branches.iter().cloned().zip(leaves.clone()) {
            let (waits, task, born) = (leaf.clone(), leaf.clone(), branch.clone());
            threads.push(Box::new(move || waits.wait()));
            threads.push(Box::new(move || shuttle::future::block_on(task.cancelled())));
            threads.push(Box::new(move || {
                drop(branch.child());
                // It is cancelled before what is above it: C1.
                born.child().wait();
            }));
            threads.push(Box::new(move || {
                let mut dropped = pin!(leaf.cancelled());
                let over = dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
                shuttle::thread::yield_now();
                assert!(!over || leaf.is_cancelled());
            }));
        }
        let [one, _] = branches;
        let leaf = leaves[0].clone();
        threads.push(Box::new(move || {
            one.cancel();
            assert!(leaf.is_cancelled(), "C1");
        }));
        let all = top.clone();
        threads.push(Box::new(move || all.cancel()));
        together(threads);
        assert!(top.is_cancelled() && leaves.iter().all(Cancel::is_cancelled), "C1");
    });
}

/// Some take places, some pass if they may at once, some give their places back: no place is taken by two.
#[test]
fn places_are_taken_by_one_each() {
    explore("meter", || {
        let meter = Arc::new(Meter::new(1, Duration::from_nanos(10), 1));
        let now = Meter::now();
        let places = Arc::new(Mutex::new(Vec::<Time>::new()));
        let threads = (0..6).map(|thread| {
            let (meter, places) = (meter.clone(), places.clone());
            Box::new(move || {
                for _ in 0..2 {
                    let place = match thread % 3 {
                        0 => meter.reserve(now, 1).ok(),
                        1 => meter.try_pass(now, 1).is_ok().then_some(now),
                        _ => {
                            let mut passing = pin!(meter.pass_async(1, |_| std::future::pending::<()>()));
                            let passed = passing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
                            shuttle::thread::yield_now();
                            passed.then_some(now) // or is dropped, and gives its place back
                        }
                    };
                    places.lock().unwrap().extend(place);
                }
            }) as Thread
        });
        together(threads.collect());
        let mut places = places.lock().unwrap().clone();
        places.sort_unstable();
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "G1: {places:?}");
        assert!(places.len() >= 4 && places.iter().all(|place| (place.0 - now.0) % 10 == 0), "G2");
    });
}
