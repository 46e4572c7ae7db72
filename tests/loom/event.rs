//! `sync/event`: no set is lost, none is granted twice, and the last guard speaks for all.

use crate::common::{Alarm, Cell, block_on, poll};
use loom::thread;
use rsm::sync::event::Event;
use rsm::sync::model::{Looks, model, model_with, strike};
use std::sync::Arc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(1);

#[test]
fn set_wait() {
    model("set_wait", 3, || {
        let event = Arc::new(Event::new());
        let cell = Arc::new(Cell::new(0));
        for round in 1..2 {
            let setting = thread::spawn({
                let (event, cell) = (event.clone(), cell.clone());
                move || {
                    cell.set(round);
                    event.set();
                }
            });
            event.wait();
            assert_eq!(cell.get(), round, "what was written before the set is seen after the wait");
            setting.join().unwrap();
        }
        assert!(!event.is_set());
    });
}

#[test]
fn set_set_wait() {
    model("set_set_wait", 2, || {
        let event = Arc::new(Event::new());
        let setters = [1, 2].map(|_| {
            let event = event.clone();
            thread::spawn(move || event.set())
        });
        event.wait();
        setters.into_iter().for_each(|setter| setter.join().unwrap());
        // E2: two sets are a grant and a SET, or one SET that both found.
        event.try_wait();
        assert!(!event.try_wait() && event.pending() == 0);
    });
}

#[test]
fn set_wait_wait() {
    model("set_wait_wait", 2, || {
        let event = Arc::new(Event::new());
        let waiters = [1, 2].map(|_| {
            let event = event.clone();
            thread::spawn(move || {
                event.wait();
                event.set(); // for the other
            })
        });
        event.set();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert!(event.is_set() && event.pending() == 0);
    });
}

#[test]
fn set_wait_until() {
    model("set_wait_until", 2, || {
        let event = Arc::new(Event::new());
        let clock = thread::spawn(strike);
        let setting = thread::spawn({
            let event = event.clone();
            move || event.set()
        });
        let passed = event.wait_timeout(SOON).is_ok();
        setting.join().unwrap();
        clock.join().unwrap();
        assert_eq!(event.try_wait(), !passed, "a set is taken by the wait, or is still there");
        assert_eq!(event.pending(), 0);
    });
}

/// Who comes late to a manual event sees what came before the set, though another was waiting for it.
#[test]
fn set_manual_late() {
    model("set_manual_late", 2, || {
        let event = Arc::new(Event::manual());
        let cell = Arc::new(Cell::new(0));
        let early = thread::spawn({
            let event = event.clone();
            move || event.wait()
        });
        let late = thread::spawn({
            let (event, cell) = (event.clone(), cell.clone());
            move || assert!(!event.try_wait() || cell.get() == 1)
        });
        cell.set(1);
        event.set();
        early.join().unwrap();
        late.join().unwrap();
    });
}

/// Who passes by what one who gave up has left behind sees what came before the set.
#[test]
fn set_quit_pass() {
    model("set_quit_pass", 3, || {
        for _ in 0..2 {
            let event = Arc::new(Event::new());
            let cell = Arc::new(Cell::new(0));
            let mut quits = Box::pin(event.wait_async());
            assert!(poll(quits.as_mut(), &Alarm::new()).is_pending());
            let setting = thread::spawn({
                let (event, cell) = (event.clone(), cell.clone());
                move || {
                    cell.set(1);
                    event.set();
                }
            });
            drop(quits);
            assert!(!event.try_wait() || cell.get() == 1);
            setting.join().unwrap();
        }
    });
}

/// Who only looks, or resets, sees what came before the set as well.
#[test]
fn set_seen() {
    model("set_seen", 3, || {
        for _ in 0..4 {
            let event = Arc::new(Event::manual());
            let cell = Arc::new(Cell::new(0));
            let setting = thread::spawn({
                let (event, cell) = (event.clone(), cell.clone());
                move || {
                    cell.set(1);
                    event.set();
                }
            });
            let seen = event.is_set() || event.reset();
            assert!(!seen || cell.get() == 1);
            setting.join().unwrap();
        }
    });
}

#[test]
fn guards() {
    model("guards", 2, || {
        let event = Arc::new(Event::manual());
        let cells = [Arc::new(Cell::new(0)), Arc::new(Cell::new(0))];
        let guard = event.owned_guard();
        let workers = cells.clone().map(|cell| {
            let guard = guard.clone();
            thread::spawn(move || {
                cell.set(1);
                drop(guard);
            })
        });
        drop(guard);
        event.wait();
        assert!(cells.iter().all(|cell| cell.get() == 1), "E1: the last one speaks for all");
        assert_eq!(event.guards(), 0);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn guard_clone_drop_wait() {
    model("guard_clone_drop_wait", 2, || {
        let event = Arc::new(Event::new());
        let guard = event.owned_guard();
        let other = guard.clone();
        let first = thread::spawn(move || drop(guard.clone()));
        let second = thread::spawn(move || drop(other));
        event.wait();
        first.join().unwrap();
        second.join().unwrap();
        assert!(!event.is_set(), "E1: exactly one last drop sets");
    });
}

#[test]
fn set_reset_wait() {
    model("set_reset_wait", 3, || {
        let event = Arc::new(Event::manual());
        let waiting = thread::spawn({
            let event = event.clone();
            move || event.wait()
        });
        event.set();
        event.reset();
        // One who had linked before the set is released by it; one who came too late needs this.
        event.set();
        waiting.join().unwrap();
        assert_eq!(event.pending(), 0);
    });
}

/// E4: whoever was queued before the set passes, though the event is reset at once; whoever gives up or comes meanwhile.
fn pulse(name: &str, meanwhile: impl Fn(&Event) + Send + Sync + 'static) {
    model_with(name, 3, &[Looks::Newest], move || {
        let event = Arc::new(Event::manual());
        let mut quits = Box::pin(event.wait_async());
        assert!(poll(quits.as_mut(), &Alarm::new()).is_pending());
        let mut queued = Box::pin(event.wait_async());
        assert!(poll(queued.as_mut(), &Alarm::new()).is_pending());
        let setting = thread::spawn({
            let event = event.clone();
            move || {
                event.set();
                assert!(event.reset(), "nobody else resets");
            }
        });
        drop(quits);
        meanwhile(&event);
        setting.join().unwrap();
        assert!(poll(queued.as_mut(), &Alarm::new()).is_ready(), "E4: it was queued before the set");
        assert!(!event.is_set() && event.pending() == 0);
    });
}

#[test]
fn a_pulse_releases_those_who_are_queued() {
    pulse("pulse_quit", |_| ());
    pulse("pulse_quit_wait", |event| {
        let mut late = Box::pin(event.wait_async());
        let _passes_or_not = poll(late.as_mut(), &Alarm::new());
    });
}

/// Who saw the event set, reset it and waits anew is not released by the set that it had seen.
#[test]
fn set_see_reset_wait() {
    model("set_see_reset_wait", 2, || {
        let event = Arc::new(Event::manual());
        let other = thread::spawn({
            let event = event.clone();
            move || event.wait_timeout(SOON)
        });
        let setting = thread::spawn({
            let event = event.clone();
            move || event.set()
        });
        if event.reset() {
            let alarm = Alarm::new();
            let mut late = Box::pin(event.wait_async());
            assert!(poll(late.as_mut(), &alarm).is_pending());
            setting.join().unwrap();
            assert!(poll(late.as_mut(), &alarm).is_pending(), "the set was over before");
        } else {
            setting.join().unwrap();
        }
        strike();
        let _ = other.join().unwrap();
    });
}

#[test]
fn future_drop_set_wait() {
    model("future_drop_set_wait", 2, || {
        let event = Arc::new(Event::new());
        let mut dropped = Box::pin(event.wait_async());
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending());
        let setting = thread::spawn({
            let event = event.clone();
            move || event.set()
        });
        let waiting = thread::spawn({
            let event = event.clone();
            move || block_on(event.wait_async())
        });
        drop(dropped);
        setting.join().unwrap();
        waiting.join().unwrap();
        assert!(!event.is_set() && event.pending() == 0, "E2: handed on, once");
    });
}

/// One waits, one comes by and tries: of two sets each has one, in whatever order.
#[test]
fn set_wait_try() {
    model("set_wait_try", 2, || {
        let event = Arc::new(Event::new());
        let waiting = thread::spawn({
            let event = event.clone();
            move || event.wait()
        });
        let trying = thread::spawn({
            let event = event.clone();
            move || event.try_wait()
        });
        event.set();
        if trying.join().unwrap() {
            event.set();
        }
        waiting.join().unwrap();
        assert!(!event.is_set() && event.pending() == 0, "E2");
    });
}

/// A set and a reset meet one who gives up: nobody stays counted.
#[test]
fn set_reset_wait_until() {
    model("set_reset_wait_until", 2, || {
        let event = Arc::new(Event::manual());
        let clock = thread::spawn(strike);
        let waiting = thread::spawn({
            let event = event.clone();
            move || event.wait_timeout(SOON).is_ok()
        });
        event.set();
        assert!(event.reset(), "nobody else resets");
        clock.join().unwrap();
        waiting.join().unwrap();
        assert!(!event.is_set() && event.pending() == 0);
    });
}

/// A new guard is made while the last one goes: who waits passes at the end of the one round, or of the other.
#[test]
fn guard_against_last() {
    model("guard_against_last", 2, || {
        let event = Arc::new(Event::manual());
        let cell = Arc::new(Cell::new(0));
        let last = event.owned_guard();
        let waiting = thread::spawn({
            let (event, cell) = (event.clone(), cell.clone());
            move || {
                event.wait();
                assert_eq!(cell.get(), 1, "E1: the first round's guard has gone");
            }
        });
        let leaving = thread::spawn(move || {
            cell.set(1);
            drop(last);
        });
        drop(event.owned_guard());
        leaving.join().unwrap();
        waiting.join().unwrap();
        assert!(event.is_set() && event.guards() == 0 && event.pending() == 0);
    });
}

/// Two set a manual event while one waits and one comes by: both pass, and it stays set.
#[test]
fn set_set_wait_manual() {
    model("set_set_wait_manual", 2, || {
        let event = Arc::new(Event::manual());
        let cells = [Arc::new(Cell::new(0)), Arc::new(Cell::new(0))];
        let setters = cells.clone().map(|cell| {
            let event = event.clone();
            thread::spawn(move || {
                cell.set(1);
                event.set();
            })
        });
        event.wait();
        setters.into_iter().for_each(|setter| setter.join().unwrap());
        assert!(event.is_set() && event.pending() == 0);
        assert!(cells.iter().all(|cell| cell.get() == 1));
    });
}

/// The last guard goes while one who waits for it gives up.
#[test]
fn last_guard_until() {
    model("last_guard_until", 2, || {
        let event = Arc::new(Event::new());
        let cell = Arc::new(Cell::new(0));
        let last = event.owned_guard();
        let clock = thread::spawn(strike);
        let leaving = thread::spawn({
            let cell = cell.clone();
            move || {
                cell.set(1);
                drop(last);
            }
        });
        let passed = event.wait_timeout(SOON).is_ok();
        assert!(!passed || cell.get() == 1, "E1");
        leaving.join().unwrap();
        clock.join().unwrap();
        assert_eq!((event.try_wait(), event.guards(), event.pending()), (!passed, 0, 0), "E1: it has set once");
    });
}

/// The last guard goes while another sets, and one waits.
#[test]
fn last_guard_set_wait() {
    model("last_guard_set_wait", 2, || {
        let event = Arc::new(Event::new());
        let last = event.owned_guard();
        let leaving = thread::spawn(move || drop(last));
        let setting = thread::spawn({
            let event = event.clone();
            move || event.set()
        });
        event.wait();
        leaving.join().unwrap();
        setting.join().unwrap();
        // As of two who set: a grant and a SET, or one SET that both found.
        event.try_wait();
        assert_eq!((event.try_wait(), event.guards(), event.pending()), (false, 0, 0), "E2");
    });
}

/// Two give up at the same strike of the clock while it is set once: one has passed, or it is still set. One preemption, for its time.
#[test]
fn until_until_set() {
    model("until_until_set", 1, || {
        let event = Arc::new(Event::new());
        let clock = thread::spawn(strike);
        let late = [(); 2].map(|()| {
            let event = event.clone();
            thread::spawn(move || u32::from(event.wait_timeout(SOON).is_ok()))
        });
        event.set();
        clock.join().unwrap();
        let passed = late.into_iter().map(|late| late.join().unwrap()).sum::<u32>();
        assert_eq!((passed + u32::from(event.try_wait()), event.pending()), (1, 0), "E2");
    });
}

/// One sets, one takes the set back, one waits: what was taken back is set anew, and the wait passes once.
#[test]
fn set_reset_wait_auto() {
    model("set_reset_wait_auto", 2, || {
        let event = Arc::new(Event::new());
        let setting = thread::spawn({
            let event = event.clone();
            move || event.set()
        });
        let resetting = thread::spawn({
            let event = event.clone();
            move || {
                if event.reset() {
                    event.set();
                }
            }
        });
        event.wait();
        setting.join().unwrap();
        resetting.join().unwrap();
        assert!(!event.is_set() && event.pending() == 0, "E2: one set, one grant");
    });
}

/// The last guard goes while another resets: whoever was queued passes, and it is set unless it was reset after that.
#[test]
fn last_guard_reset() {
    model("last_guard_reset", 3, || {
        let event = Arc::new(Event::manual());
        let last = event.owned_guard();
        let mut queued = Box::pin(event.wait_async());
        assert!(poll(queued.as_mut(), &Alarm::new()).is_pending());
        let leaving = thread::spawn(move || drop(last));
        let reset = event.reset();
        leaving.join().unwrap();
        assert!(poll(queued.as_mut(), &Alarm::new()).is_ready(), "E4: it was queued before the set");
        assert_eq!((event.is_set(), event.pending()), (!reset, 0), "E1: it was set once");
    });
}
