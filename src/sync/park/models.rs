//! The models of the parking layer, on the smallest object that uses it: a word of permits and a queue.
//!
//! They stand here because they speak of nodes and bits, which nobody outside sees; `tests/loom/park.rs` runs them.

use super::super::model::{Looks, model, model_with};
use super::super::shim::{AtomicU64, Deadline, Ordering, UnsafeCell};
use super::{Decision, End, Policy, Queue, Verdict, Wait, wait};
use loom::sync::{Arc, Notify};
use loom::thread;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

const PERMIT: u64 = 1 << 32;

/// Permits in the upper half of the word, waiters in the lower; and a value that they guard: each holder of a permit may look.
struct Permits {
    word: AtomicU64,
    queue: Queue,
    value: UnsafeCell<u32>,
}

// SAFETY: the value is written before a permit is released and read after one is taken; that is what the models show.
unsafe impl Sync for Permits {}
// SAFETY: as above.
unsafe impl Send for Permits {}

impl Permits {
    fn new() -> Arc<Permits> {
        Arc::new(Permits { word: AtomicU64::new(0), queue: Queue::new(), value: UnsafeCell::new(0) })
    }

    fn set(&self, value: u32) {
        // SAFETY: before any permit is there, nobody looks.
        self.value.with_mut(|place| unsafe { *place = value });
    }

    fn see(&self) -> u32 {
        // SAFETY: after a permit was taken, nobody sets.
        self.value.with(|place| unsafe { *place })
    }

    fn word(&self) -> (u64, u64) {
        let word = self.word.load(Ordering::Relaxed);
        (word / PERMIT, word % PERMIT)
    }

    /// One permit more: to who waits longest, or to the word.
    fn release(&self) {
        let mut given = false;
        self.queue.grant(End::Oldest, Verdict::Granted, |waiter| {
            if given {
                return false;
            }
            given = true;
            match waiter {
                Some(_) => self.word.fetch_sub(1, Ordering::Relaxed),
                // ORDERING: Release pairs with the Acquire of who takes the permit at the word.
                None => self.word.fetch_add(PERMIT, Ordering::Release),
            };
            waiter.is_some()
        });
    }

    /// Waits for a permit; whether it got one.
    fn acquire(&self, deadline: Deadline) -> bool {
        wait(&ForPermit(self), deadline).is_some()
    }
}

struct ForPermit<P>(P);

impl<P: std::ops::Deref<Target = Permits>> Policy for ForPermit<P> {
    type Output = u32;

    fn word(&self) -> &AtomicU64 {
        &self.0.word
    }

    fn queue(&self) -> &Queue {
        &self.0.queue
    }

    fn attempt(&self) -> Option<u32> {
        None // everybody goes through the queue: it is what is modelled
    }

    fn decide(&self, word: u64) -> Decision {
        if word >= PERMIT { Decision::Take(word - PERMIT) } else { Decision::Wait(word + 1) }
    }

    fn quit(&self, word: u64) -> u64 {
        word - 1
    }

    fn finish(&self, _: Verdict) -> u32 {
        self.0.see()
    }

    fn give_back(&self, _: Verdict) {
        self.0.release();
    }
}

/// A future on the heap, so that a ring can be made without threads and given up by them.
type Pending = Pin<Box<Wait<ForPermit<Arc<Permits>>>>>;

/// A waker whose wake can be waited for.
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.notify();
    }
}

fn bell() -> (std::sync::Arc<Bell>, Waker) {
    let bell = std::sync::Arc::new(Bell(Notify::new()));
    (bell.clone(), bell.into())
}

fn poll(pending: &mut Pending, waker: &Waker) -> Poll<u32> {
    pending.as_mut().poll(&mut Context::from_waker(waker))
}

/// A future that is linked.
fn linked(permits: &Arc<Permits>) -> Pending {
    let mut pending = Box::pin(Wait::new(ForPermit(permits.clone())));
    assert!(poll(&mut pending, &bell().1).is_pending());
    pending
}

/// (a) Two link while a third grants: nobody is forgotten, and each sees what was done before the grant.
pub fn link_link_pop() {
    model("park_link_link_pop", 2, || {
        let permits = Permits::new();
        let waiters = [0, 1].map(|_| {
            let permits = permits.clone();
            thread::spawn(move || {
                assert!(permits.acquire(Deadline::NEVER));
                assert_eq!(permits.see(), 7);
            })
        });
        permits.set(7);
        permits.release();
        permits.release();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(permits.word(), (0, 0));
    });
}

/// (b) One gives up while it is granted: it has the permit, or the word has.
pub fn quit_pop() {
    model("park_quit_pop", 3, || {
        for _ in 0..2 {
            let permits = Permits::new();
            let quitter = {
                let permits = permits.clone();
                thread::spawn(move || permits.acquire(Deadline::at(Instant::now())))
            };
            permits.set(7);
            permits.release();
            let taken = quitter.join().unwrap();
            assert_eq!(permits.word(), (!taken as u64, 0));
        }
    });
}

/// (c) In a ring of three the two older ones give up while one is granted: the permit ends with the third, or with the word if
/// all that were granted handed it on.
pub fn two_quit_pop() {
    model("park_two_quit_pop", 2, || {
        let permits = Permits::new();
        let (first, second, mut third) = (linked(&permits), linked(&permits), linked(&permits));
        let quitters = [first, second].map(|pending| thread::spawn(move || drop(pending)));
        permits.set(7);
        permits.release();
        quitters.into_iter().for_each(|quitter| quitter.join().unwrap());
        assert_eq!(poll(&mut third, &bell().1), Poll::Ready(7), "the last in the ring has it");
        assert_eq!(permits.word(), (0, 0));
    });
}

/// (d) A future is polled by a second task while it is popped: it is done, or the second task is woken.
pub fn repoll_pop() {
    model_with("park_repoll_pop", 3, &[Looks::Newest], || {
        for _ in 0..2 {
            let permits = Permits::new();
            let mut pending = linked(&permits);
            let popper = {
                let permits = permits.clone();
                thread::spawn(move || {
                    permits.set(7);
                    permits.release();
                })
            };
            let (bell, waker) = bell();
            while poll(&mut pending, &waker).is_pending() {
                bell.0.wait();
            }
            popper.join().unwrap();
            assert_eq!(permits.word(), (0, 0));
        }
    });
}

/// (e) Everyone who is linked is woken, in one go; who links late is not, and waits for the next.
pub fn wake_all_late() {
    model("park_wake_all_late", 2, || {
        let permits = Permits::new();
        let mut early = [linked(&permits), linked(&permits)];
        let quitter = linked(&permits);
        permits.set(7);
        let late = {
            let permits = permits.clone();
            thread::spawn(move || assert!(permits.acquire(Deadline::NEVER)))
        };
        let quitter = thread::spawn(move || drop(quitter));
        let popped = |count: u32| {
            permits.word.fetch_sub(count as u64, Ordering::Relaxed);
        };
        permits.queue.wake_all(Verdict::Granted, || (), popped);
        for pending in &mut early {
            assert_eq!(poll(pending, &bell().1), Poll::Ready(7));
        }
        quitter.join().unwrap();
        // The quitter may have handed on what it was granted, and the late one may have been early: so this is one too many, or two.
        permits.release();
        late.join().unwrap();
        assert_eq!(permits.word().1, 0);
    });
}

/// (f) Two wake all at once, beside one who gives up: each is woken by one of the two, and counted out once.
pub fn wake_all_wake_all() {
    model("park_wake_all_wake_all", 2, || {
        let permits = Permits::new();
        let mut early = [linked(&permits), linked(&permits)];
        let quitter = linked(&permits);
        permits.set(7);
        let wake_all = |permits: &Permits| {
            let popped = |count: u32| {
                permits.word.fetch_sub(count as u64, Ordering::Relaxed);
            };
            permits.queue.wake_all(Verdict::Granted, || (), popped);
        };
        let other = {
            let permits = permits.clone();
            thread::spawn(move || wake_all(&permits))
        };
        let quitter = thread::spawn(move || drop(quitter));
        wake_all(&permits);
        other.join().unwrap();
        for pending in &mut early {
            assert_eq!(poll(pending, &bell().1), Poll::Ready(7));
        }
        quitter.join().unwrap();
        assert_eq!(permits.word().1, 0);
    });
}

/// (g) A future is polled by a second task while all are woken: it is done, or the second task is woken.
pub fn wake_all_repoll() {
    model("park_wake_all_repoll", 2, || {
        let permits = Permits::new();
        let (mut pending, mut other) = (linked(&permits), linked(&permits));
        let waking = {
            let permits = permits.clone();
            thread::spawn(move || {
                permits.set(7);
                let popped = |count: u32| {
                    permits.word.fetch_sub(count as u64, Ordering::Relaxed);
                };
                permits.queue.wake_all(Verdict::Granted, || (), popped);
            })
        };
        let (bell, waker) = bell();
        while poll(&mut pending, &waker).is_pending() {
            bell.0.wait();
        }
        waking.join().unwrap();
        assert_eq!(poll(&mut other, &waker), Poll::Ready(7));
        assert_eq!(permits.word(), (0, 0));
    });
}
