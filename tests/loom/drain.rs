//! `sync/drain`: no stage starts too early, none is waited for in vain, and nobody who is to be told is missed.
//!
//! A drain is made of locks and events, whose own models show them whatever memory may show: here looks are new.

use crate::common::{Alarm, Cell, poll};
use loom::thread;
use rsm::sync::Draining;
use rsm::sync::drain::{Drain, Guard, Stage};
use rsm::sync::lock::Lock;
use rsm::sync::model::{Looks, model, model_with, strike};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(1);

fn stages<const N: usize>(names: [&'static str; N]) -> (Drain, [Stage; N]) {
    let drain = Drain::new();
    let stages = names.map(|name| drain.stage(name).expect("it is not over"));
    (drain, stages)
}

fn guard(stage: &Stage) -> Guard {
    stage.guard("member").expect("it has not started")
}

/// Two stages, two guards: the first is cloned while its stage starts, and its holder writes before it goes.
#[test]
fn two_stages_late_clone() {
    model_with("two_stages_late_clone", 3, &[Looks::Newest], || {
        let (drain, [first, second]) = stages(["first", "second"]);
        let cell = Arc::new(Cell::new(0));
        let (one, two) = (guard(&first), guard(&second));
        let early = thread::spawn({
            let cell = cell.clone();
            move || {
                let clone = one.clone();
                drop(one);
                cell.set(1);
                drop(clone);
            }
        });
        // Told by its stage, and by nothing else.
        let late = Told { guard: Lock::new(Some(two)), cell: cell.clone() };
        let late = Arc::new(late);
        late.listen();
        drain.drain();
        assert_eq!(cell.get(), 2, "what all did is seen by the one who drains");
        early.join().unwrap();
    });
}

/// A member that does its last work when it is woken, and goes.
struct Told {
    guard: Lock<Option<Guard>>,
    cell: Arc<Cell>,
}

impl Told {
    fn listen(self: &Arc<Told>) {
        let guard = self.guard.lock();
        guard.as_ref().expect("it has not gone").on_start(self.clone().into());
    }
}

impl Wake for Told {
    fn wake(self: Arc<Told>) {
        assert_eq!(self.cell.get(), 1, "D1: what the first stage did is seen by the second");
        self.cell.set(2);
        let guard = self.guard.lock().take();
        drop(guard);
    }
}

/// Two drain, and neither waits for an end that has been.
#[test]
fn drain_drain_drop() {
    model_with("drain_drain_drop", 3, &[Looks::Newest], || {
        let (drain, [stage]) = stages(["stage"]);
        let one = guard(&stage);
        let other = thread::spawn({
            let drain = drain.clone();
            move || {
                drop(one);
                drain.drain();
            }
        });
        drain.drain();
        assert!(stage.is_over());
        other.join().unwrap();
    });
}

/// A waker that is registered while the stage starts is woken, and once.
#[test]
fn on_start_against_start() {
    model_with("on_start_against_start", 3, &[Looks::Newest], || {
        let (drain, [stage]) = stages(["stage"]);
        let one = guard(&stage);
        let alarm = Alarm::new();
        let waker = alarm.waker();
        let draining = thread::spawn(move || drain.drain());
        one.on_start(waker);
        alarm.wait();
        assert!(one.stage().guard("late").is_err(), "D3: not before the start");
        drop(one);
        draining.join().unwrap();
        assert!(!alarm.has_rung(), "D3: at most once");
    });
}

/// A waker is replaced, or goes with its guard, while the stage starts: it is woken, or it is not, and nobody is missed.
#[test]
fn on_start_against_drop() {
    model("on_start_against_drop", 2, || {
        let (drain, [stage]) = stages(["stage"]);
        let (one, two) = (guard(&stage), guard(&stage));
        let alarm = Alarm::new();
        one.on_start(Waker::noop().clone());
        let leaving = thread::spawn(move || drop(one));
        let draining = thread::spawn(move || drain.drain());
        two.on_start(alarm.waker());
        alarm.wait();
        drop(two);
        leaving.join().unwrap();
        draining.join().unwrap();
        assert!(stage.is_over());
    });
}

/// A guard that is given is waited for; one that is refused finds the stage started.
#[test]
fn guard_against_start() {
    model_with("guard_against_start", 3, &[Looks::Newest], || {
        let (drain, [stage]) = stages(["stage"]);
        let cell = Arc::new(Cell::new(0));
        let coming = thread::spawn({
            let cell = cell.clone();
            move || {
                let guard = stage.guard("perhaps");
                match guard.is_ok() {
                    true => cell.set(1),
                    false => assert!(stage.is_draining(), "D4"),
                }
                guard.map(drop)
            }
        });
        drain.drain();
        // If it was given, its holder's write is before the end; if not, there is none.
        let seen = cell.get();
        let given = coming.join().unwrap();
        assert_eq!(given, if seen == 1 { Ok(()) } else { Err(Draining) }, "D1");
    });
}

/// A stage is put between one that is ending and the next, or is refused since that one has started.
#[test]
fn before_against_start() {
    model("before_against_start", 2, || {
        let (drain, [first, second]) = stages(["first", "second"]);
        let one = guard(&first);
        let cell = Arc::new(Cell::new(0));
        let leaving = thread::spawn(move || drop(one));
        let coming = thread::spawn({
            let cell = cell.clone();
            move || {
                let Ok(between) = second.before("between") else { return Err(Draining) };
                let guard = between.guard("perhaps");
                if guard.is_ok() {
                    assert!(!second.is_draining(), "D1: it waits for us");
                    cell.set(1);
                }
                guard.map(drop)
            }
        });
        drain.drain();
        let seen = cell.get();
        leaving.join().unwrap();
        let given = coming.join().unwrap();
        assert_eq!(given, if seen == 1 { Ok(()) } else { Err(Draining) });
        assert!(drain.stage("after the end").is_err());
    });
}

/// A deadline that meets the last guard's end: nobody is late without being named.
#[test]
fn drain_until_against_drop() {
    model("drain_until_against_drop", 2, || {
        let (drain, [stage]) = stages(["stage"]);
        let one = guard(&stage);
        let clock = thread::spawn(strike);
        let leaving = thread::spawn(move || drop(one));
        if let Err(late) = drain.drain_timeout(SOON) {
            assert_eq!(late.alive.len(), 1, "D2");
        }
        leaving.join().unwrap();
        clock.join().unwrap();
        assert!(drain.try_drain().is_ok());
    });
}

/// A stage is put behind the last one while that starts: it is drained, or refused.
#[test]
fn stage_against_start() {
    model_with("stage_against_start", 3, &[Looks::Newest], || {
        let (drain, [first]) = stages(["first"]);
        let one = guard(&first);
        let coming = thread::spawn({
            let drain = drain.clone();
            move || {
                let second = drain.stage("second");
                drop(one);
                second
            }
        });
        drain.drain();
        let second = coming.join().unwrap().expect("the first was not over");
        assert!(first.is_over() && second.is_over(), "D1");
        assert!(second.guard("late").is_err() && drain.stage("late").is_err());
    });
}

/// A member waits for its start as a task that gives up, and as a thread: the one that stays is told.
#[test]
fn draining_dropped_against_start() {
    model_with("draining_dropped_against_start", 3, &[Looks::Newest], || {
        let (drain, [stage]) = stages(["stage"]);
        let one = guard(&stage);
        let alarm = Alarm::new();
        let mut dropped = Box::pin(one.draining());
        assert!(poll(dropped.as_mut(), &alarm).is_pending());
        let draining = thread::spawn(move || drain.drain());
        drop(dropped);
        one.wait_draining();
        assert!(one.is_draining());
        drop(one);
        draining.join().unwrap();
    });
}

/// One drains until the clock strikes, one to the end. One preemption, for its time.
#[test]
fn drain_until_drain() {
    model("drain_until_drain", 1, || {
        let (drain, [stage]) = stages(["stage"]);
        let one = guard(&stage);
        let clock = thread::spawn(strike);
        let draining = thread::spawn({
            let drain = drain.clone();
            move || {
                drop(one);
                drain.drain();
            }
        });
        if let Err(late) = drain.drain_timeout(SOON) {
            assert!(late.alive.len() <= 1, "D2");
        }
        draining.join().unwrap();
        clock.join().unwrap();
        assert!(stage.is_over() && drain.is_over());
    });
}

/// A task gives up draining while a thread drains on.
#[test]
fn drain_dropped_drain() {
    model_with("drain_dropped_drain", 3, &[Looks::Newest], || {
        let (drain, [stage]) = stages(["stage"]);
        let one = guard(&stage);
        let mut dropped = Box::pin(drain.drain_async());
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending());
        let draining = thread::spawn({
            let drain = drain.clone();
            move || {
                drop(one);
                drain.drain();
            }
        });
        drop(dropped);
        draining.join().unwrap();
        assert!(stage.is_over() && drain.is_over());
    });
}
