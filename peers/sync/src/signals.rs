//! One thread tells another that it may go on, by everyone.

use rsm_peers_kit::block_on::block_on;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::{self, Thread};

/// The two ends of a signal: `set` lets one `wait` pass.
pub(crate) struct Ends {
    pub(crate) set: Box<dyn Fn() + Send>,
    pub(crate) wait: Box<dyn FnMut() + Send>,
}

/// A signal's name, and how one is made.
pub(crate) type Signal = (&'static str, fn() -> Ends);

fn ends(set: impl Fn() + Send + 'static, wait: impl FnMut() + Send + 'static) -> Ends {
    Ends { set: Box::new(set), wait: Box::new(wait) }
}

/// A shared object, one way to set it and one to wait for it.
fn shared<T: Send + Sync + 'static>(
    object: T,
    set: impl Fn(&T) + Send + 'static,
    wait: impl Fn(&T) + Send + 'static,
) -> Ends {
    let object = Arc::new(object);
    let other = object.clone();
    ends(move || set(&object), move || wait(&other))
}

pub(crate) const OURS: [Signal; 3] = [
    ("rsm Event", || shared(rsm::sync::event::Event::new(), |event| event.set(), |event| event.wait())),
    ("rsm Semaphore", || {
        let wait = |it: &rsm::sync::semaphore::Semaphore| it.acquire(1).expect("it is never closed").forget();
        shared(rsm::sync::semaphore::Semaphore::new(0), |it| it.release(1), wait)
    }),
    ("rsm Parker", || {
        let parker = rsm::sync::park::Parker::new();
        let unparker = parker.unparker();
        ends(move || unparker.unpark(), move || parker.park())
    }),
];

pub(crate) const PEERS: [Signal; 14] = [
    ("std park", std_park),
    ("std Condvar", || {
        let set = |(flag, changed): &(Mutex<bool>, Condvar)| {
            *flag.lock().unwrap() = true;
            changed.notify_one();
        };
        let wait = |(flag, changed): &(Mutex<bool>, Condvar)| {
            *changed.wait_while(flag.lock().unwrap(), |flag| !*flag).unwrap() = false;
        };
        shared((Mutex::new(false), Condvar::new()), set, wait)
    }),
    ("std channel(1)", || {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        ends(move || sender.send(()).unwrap(), move || receiver.recv().unwrap())
    }),
    ("parking_lot Condvar", || {
        let set = |(flag, changed): &(parking_lot::Mutex<bool>, parking_lot::Condvar)| {
            *flag.lock() = true;
            changed.notify_one();
        };
        let wait = |(flag, changed): &(parking_lot::Mutex<bool>, parking_lot::Condvar)| {
            let mut flag = flag.lock();
            changed.wait_while(&mut flag, |flag| !*flag);
            *flag = false;
        };
        shared((parking_lot::Mutex::new(false), parking_lot::Condvar::new()), set, wait)
    }),
    ("usync Condvar", || {
        let set = |(flag, changed): &(usync::Mutex<bool>, usync::Condvar)| {
            *flag.lock() = true;
            changed.notify_one();
        };
        let wait = |(flag, changed): &(usync::Mutex<bool>, usync::Condvar)| {
            let mut flag = flag.lock();
            while !*flag {
                changed.wait(&mut flag);
            }
            *flag = false;
        };
        shared((usync::Mutex::new(false), usync::Condvar::new()), set, wait)
    }),
    ("crossbeam Parker", || {
        let parker = crossbeam_utils::sync::Parker::new();
        let unparker = parker.unparker().clone();
        ends(move || unparker.unpark(), move || parker.park())
    }),
    ("crossbeam(1)", || {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        ends(move || sender.send(()).unwrap(), move || receiver.recv().unwrap())
    }),
    ("flume(1)", || {
        let (sender, receiver) = flume::bounded(1);
        ends(move || sender.send(()).unwrap(), move || receiver.recv().unwrap())
    }),
    ("kanal(1)", || {
        let (sender, receiver) = kanal::bounded(1);
        ends(move || sender.send(()).unwrap(), move || receiver.recv().unwrap())
    }),
    ("event-listener", || {
        let set = |(flag, event): &(AtomicBool, event_listener::Event)| {
            flag.store(true, SeqCst);
            event.notify(1);
        };
        let wait = |(flag, event): &(AtomicBool, event_listener::Event)| {
            while !flag.swap(false, SeqCst) {
                event_listener::listener!(event => listener);
                if flag.swap(false, SeqCst) {
                    break;
                }
                event_listener::Listener::wait(listener);
            }
        };
        shared((AtomicBool::new(false), event_listener::Event::new()), set, wait)
    }),
    ("tokio Notify", || {
        shared(tokio::sync::Notify::new(), |it| it.notify_one(), |it: &tokio::sync::Notify| block_on(it.notified()))
    }),
    ("tokio Semaphore", || {
        let wait = |it: &tokio::sync::Semaphore| block_on(it.acquire()).expect("it is never closed").forget();
        shared(tokio::sync::Semaphore::new(0), |it| it.add_permits(1), wait)
    }),
    ("async-lock Semaphore", || {
        let wait = |it: &async_lock::Semaphore| it.acquire_blocking().forget();
        shared(async_lock::Semaphore::new(0), |it| it.add_permits(1), wait)
    }),
    ("saa Semaphore", || {
        let set = |it: &saa::Semaphore| assert!(it.release(), "a permit was taken");
        shared(saa::Semaphore::with_permits(0), set, |it: &saa::Semaphore| it.acquire_sync())
    }),
];

/// What `std::thread::park` comes to when the token is our own.
fn std_park() -> Ends {
    let set = |(token, waiter): &(AtomicBool, OnceLock<Thread>)| {
        token.swap(true, SeqCst);
        if let Some(waiter) = waiter.get() {
            waiter.unpark();
        }
    };
    let wait = |(token, waiter): &(AtomicBool, OnceLock<Thread>)| {
        waiter.get_or_init(thread::current);
        while !token.swap(false, SeqCst) {
            thread::park();
        }
    };
    shared((AtomicBool::new(false), OnceLock::new()), set, wait)
}
