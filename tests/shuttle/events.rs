use crate::{SOON, explore, together};
use rsm::sync::event::Event;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Waker};

/// Four threads and four tasks wait for one event, each passes it on; two others give up meanwhile, as a thread and as a task.
#[test]
fn eight_threads_and_tasks_pass_one_event_on() {
    explore("event_auto", || {
        let event = Arc::new(Event::new());
        let passed = Arc::new(AtomicU32::new(0));
        let threads = (0..10).map(|thread| {
            let (event, passed) = (event.clone(), passed.clone());
            Box::new(move || {
                let passes = match thread {
                    0..4 => {
                        event.wait();
                        true
                    }
                    4..8 => {
                        shuttle::future::block_on(event.wait_async());
                        true
                    }
                    8 => event.wait_timeout(SOON).is_ok(),
                    _ => {
                        let mut wait = pin!(event.wait_async());
                        let passes = wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
                        shuttle::thread::yield_now();
                        passes // or is dropped, and hands on what it was given
                    }
                };
                if passes {
                    passed.fetch_add(u32::from(thread < 8), Relaxed);
                    event.set();
                }
            }) as Box<dyn FnOnce() + Send>
        });
        let setter = event.clone();
        let setting = Box::new(move || setter.set()) as Box<dyn FnOnce() + Send>;
        together(threads.chain(std::iter::once(setting)).collect());
        assert_eq!(passed.load(Relaxed), 8, "each who waits is woken once");
        assert!(event.try_wait() && !event.try_wait() && event.pending() == 0, "E2: one set was passed on");
    });
}

/// The guards of six workers, handed out by one another; the end is seen by a thread and a task.
#[test]
fn the_last_guard_of_many_sets_the_event_once() {
    explore("event_guards", || {
        let event = Arc::new(Event::manual());
        let gone = Arc::new(AtomicU32::new(0));
        let first = event.owned_guard();
        let workers = (0..6).map(|worker| {
            let (guard, gone) = (first.clone(), gone.clone());
            Box::new(move || {
                let another = (worker % 2 == 0).then(|| guard.clone());
                drop(guard);
                gone.fetch_add(1, Relaxed);
                drop(another);
            }) as Box<dyn FnOnce() + Send>
        });
        let mut threads: Vec<_> = workers.collect();
        drop(first);
        let (waiter, task) = (event.clone(), event.clone());
        let end = gone.clone();
        threads.push(Box::new(move || {
            waiter.wait();
            assert!(3 <= end.load(Relaxed), "E1: those with two guards have dropped the last");
        }));
        threads.push(Box::new(move || shuttle::future::block_on(task.wait_async())));
        together(threads);
        assert!(event.is_set() && event.guards() == 0 && event.pending() == 0 && gone.load(Relaxed) == 6);
    });
}
