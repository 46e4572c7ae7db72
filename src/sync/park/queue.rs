//! The ring of waiters, guarded by the lowest bit of one word.
//!
//! ```text
//!   63                              1  0
//!  +---------------------------------+---+
//!  |  tail of the ring, or null      | B |     tail.next is the oldest, tail the newest
//!  +---------------------------------+---+
//! ```
//! - Q1 The ring is empty iff the tail is null.
//! - Q2 Oldest to newest is the order of first linking; of waiters that were woken together, and link again, any order among
//!   themselves.
//! - Q3 B is held for a bounded number of instructions, and nothing of the user's runs meanwhile: no closure, no waker. (A sender
//!   before a full channel looks into it meanwhile, and lets who is inside go on first: bounded, too, but for preemption, as in Q4.)
//! - Q4 Who holds B may be preempted; everybody else then yields a few times, and after that sleeps 50 us between two looks: so it
//!   goes on within a time slice, and even if all who wait for B have a higher priority, as real-time classes do. (A lock-free
//!   ring was not chosen: pops are rare, and a removal from the middle, by a timeout, is where such rings go wrong.)

use super::super::backoff::Backoff;
use super::super::probe::{self, Mutant};
use super::super::shim::{AtomicPtr, Ordering, const_fn, now_ns};
use super::is_overdue;
use super::node::{Sleeper, Verdict, Waiter};
use std::ptr;

/// Which waiter is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Who has waited longest.
    Oldest,
    /// Who came last; but first the oldest, once it is overdue.
    Newest,
}

/// The waiters of one object.
pub(crate) struct Queue {
    word: AtomicPtr<Waiter>,
}

const BIT: usize = 1;

/// So many sleepers at most are popped in one hold of the bit (Q3).
pub(crate) const BATCH: u32 = 32;

impl Queue {
    const_fn! {
        /// Nobody waits.
        pub(crate) const fn new() -> Queue {
            Queue { word: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Takes the bit.
    pub(crate) fn hold(&self) -> Ring<'_> {
        let mut backoff = Backoff::new();
        loop {
            // ORDERING: Relaxed, as the exchange below looks again.
            let now = probe::look_ptr(&self.word);
            // ORDERING: Acquire pairs with the Release in `Ring::drop`: links and notes of the last holder (model
            // `park_link_link_pop`).
            if now.addr() & BIT == 0
                && self
                    .word
                    .compare_exchange(now, now.map_addr(|it| it | BIT), Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                return Ring { queue: self, tail: now };
            }
            probe::held(&self.word, BIT, &mut backoff);
        }
    }

    /// Whether somebody holds the bit.
    #[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
    pub(crate) fn is_held(&self) -> bool {
        self.word.load(Ordering::Relaxed).addr() & BIT != 0
    }

    /// Pops waiters from `end`, one after the other, as long as `take` says so, tells each `verdict` and wakes it.
    ///
    /// `take` is called under the bit, with what the waiter next in turn wants, and makes the change in the object's word if
    /// it answers true. It is called with `None`, and its answer ignored, when nobody waits (any more).
    pub(crate) fn grant(&self, end: End, verdict: Verdict, take: impl FnMut(Option<u32>) -> bool) {
        Granting { queue: self, end, verdict, take, more: true }.grant_all();
    }

    /// Tells everyone who is linked now `verdict` and wakes them; who links meanwhile waits for the next call.
    /// `begin` is called under the bit in the hold that settles who they are, `popped` under the bit with the number of those
    /// taken out by one hold: both to change the object's word.
    pub(crate) fn wake_all(&self, verdict: Verdict, begin: impl FnOnce(), popped: impl FnMut(u32)) {
        let sentinel = Waiter::new(0, 0);
        let mut ring = self.hold();
        begin();
        if ring.tail.is_null() {
            return;
        }
        // The whole ring moves over to the sentinel. A timeout unlinks itself from there by the same code: beside the sentinel
        // a node is never alone, and it is never the tail.
        ring.push_newest(&sentinel);
        ring.tail = ptr::null();
        drop(ring);
        Spliced { queue: self, sentinel: &sentinel, verdict, popped }.wake_all();
    }
}

/// In a model, who frees a queue must come after all who have used it.
#[cfg(rsm_loom)]
impl Drop for Queue {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.word.with_mut(|_| ());
        }
    }
}

/// The ring, while its bit is held.
pub(crate) struct Ring<'a> {
    queue: &'a Queue,
    tail: *const Waiter,
}

impl<'a> Ring<'a> {
    /// Whether this node is in the ring, or in one spliced off it.
    pub(crate) fn has(&self, node: &Waiter) -> bool {
        !node.next().is_null()
    }

    /// Who has waited longest. What is found here and below is lent until the bit is free, or its node popped: after that its owner
    /// may leave (N3), though `'a` is longer.
    pub(crate) fn oldest(&self) -> Option<&'a Waiter> {
        // SAFETY: Q1: a tail that is not null is a linked node, which lives until it is unlinked under the bit (N3).
        let tail = unsafe { self.tail.as_ref() }?;
        // SAFETY: Q1, N3: the ring is closed, so its tail's `next` is a linked node, which lives, too.
        unsafe { tail.next().as_ref() }
    }

    /// Who came last.
    pub(crate) fn newest(&self) -> Option<&'a Waiter> {
        // SAFETY: Q1, N3, as in `oldest`.
        unsafe { self.tail.as_ref() }
    }

    /// Who is next, from this end.
    pub(crate) fn next(&self, end: End, now: u64) -> Option<&'a Waiter> {
        match end {
            End::Oldest => self.oldest(),
            End::Newest => self.oldest().filter(|node| is_overdue(node.since(), now)).or(self.newest()),
        }
    }

    /// Links a node as the newest. Its owner must not leave before N3 allows.
    pub(crate) fn push_newest(&mut self, node: &Waiter) {
        self.push_oldest(node);
        self.tail = node;
    }

    /// Links a node as the oldest: one that was woken and has to wait again keeps its place.
    pub(crate) fn push_oldest(&mut self, node: &Waiter) {
        node.reset();
        match (self.newest(), self.oldest()) {
            (Some(newest), Some(oldest)) => {
                node.set_prev(newest);
                node.set_next(oldest);
                newest.set_next(node);
                oldest.set_prev(node);
            }
            (None, _) | (_, None) => {
                node.set_prev(node);
                node.set_next(node);
                self.tail = node;
            }
        }
    }

    /// Links a node right behind `first`, which is the oldest and stays it.
    pub(crate) fn push_behind(&mut self, first: &'a Waiter, node: &Waiter) {
        debug_assert!(self.oldest().is_some_and(|oldest| ptr::eq(oldest, first)), "`first` is the oldest");
        let tail = self.tail;
        // The ring as `first` closes it: behind the tail is in front of the oldest.
        self.tail = first;
        self.push_oldest(node);
        self.tail = if ptr::eq(tail, first) { node } else { tail };
    }

    /// Takes a linked node out of the ring: its owner, who gives up.
    pub(crate) fn unlink(&mut self, node: &Waiter) {
        debug_assert!(self.has(node), "N1: only a linked node is unlinked");
        let (next, prev) = (node.next(), node.prev());
        if ptr::eq(next, node) {
            self.tail = ptr::null();
        } else {
            // SAFETY: `next` is linked, beside this node, so it lives (N3).
            unsafe { &*next }.set_prev(prev);
            // SAFETY: N3: so is `prev`.
            unsafe { &*prev }.set_next(next);
            if ptr::eq(self.tail, node) {
                self.tail = prev;
            }
        }
        node.set_next(ptr::null());
        node.set_prev(ptr::null());
    }

    /// Takes a linked node out of the ring, to tell its owner a verdict.
    pub(crate) fn pop(&mut self, node: &'a Waiter) -> Pop {
        self.unlink(node);
        Pop(node)
    }
}

impl Drop for Ring<'_> {
    fn drop(&mut self) {
        // ORDERING: Release pairs with the Acquire in `hold` (model `park_link_link_pop`). Last touch of the object by one who
        // pops before it lets go of the object's word.
        self.queue.word.store(self.tail.cast_mut(), Ordering::Release);
        probe::freed(&self.queue.word);
    }
}

/// A popped node. Its owner waits for the verdict, so it lives until `tell`.
pub(crate) struct Pop(*const Waiter);

// SAFETY: N2: who has a popped node has it to himself, so any thread may tell it its verdict.
unsafe impl Send for Pop {}

impl Pop {
    /// The node.
    pub(crate) fn node(&self) -> &Waiter {
        // SAFETY: N3: the owner does not leave before the verdict, which only `tell` gives, by value.
        unsafe { &*self.0 }
    }

    /// Says what was decided; to be woken afterwards, by the sleeper returned.
    pub(crate) fn tell(self, verdict: Verdict) -> Option<Sleeper> {
        let who = self.node().swap_who(None);
        probe::model_yield();
        // SAFETY: N2: it was popped, and this is by value: no verdict was told before.
        unsafe { Waiter::tell(self.0, verdict) };
        if probe::has(Mutant::TouchAfterTell) {
            // SAFETY: by itself: a fault, against N2, that a model switches on. No thread of a model runs in between: the node is there.
            unsafe { (*self.0).next() };
        }
        probe::model_yield();
        who
    }
}

/// Popped nodes, chained by `prev` in the order of popping. Dropped, it tells and wakes them all, even if a wake panics.
///
/// Up to [`BATCH`] are told before the first is woken: a wake is foreign code, which may drop another of them, or wait for one
/// who does, and that one waits for its verdict. Only an object whose waiters are all threads may pop more.
pub(crate) struct Popped {
    first: *const Waiter,
    last: *const Waiter,
    len: u32,
    verdict: Verdict,
}

impl Popped {
    /// None yet; these will be told `verdict`.
    pub(crate) fn new(verdict: Verdict) -> Popped {
        Popped { first: ptr::null(), last: ptr::null(), len: 0, verdict }
    }

    /// One more.
    pub(crate) fn push(&mut self, pop: Pop) {
        if self.first.is_null() {
            self.first = pop.0;
        } else {
            // SAFETY: the last of our popped nodes has no verdict yet, so it lives and is ours (N2, N3).
            unsafe { &*self.last }.set_prev(pop.0);
        }
        self.last = pop.0;
        self.len += 1;
    }

    /// How many.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    fn tell_first(&mut self) -> Option<Sleeper> {
        // SAFETY: N2, N3, as in `push`.
        let first = unsafe { self.first.as_ref() }?;
        self.first = first.prev();
        Pop(first).tell(self.verdict)
    }

    /// False once all are told and woken.
    fn wake_some(&mut self) -> bool {
        if self.len == 1 {
            self.tell_first().into_iter().for_each(Sleeper::wake);
        } else if !self.first.is_null() {
            let mut told = Told([const { None }; BATCH as usize].into_iter());
            told.0.as_mut_slice().iter_mut().for_each(|place| *place = self.tell_first());
            told.wake_all();
        }
        !self.first.is_null()
    }
}

impl Drop for Popped {
    fn drop(&mut self) {
        /// Goes on with the rest although a wake panicked.
        struct Rest<'a>(&'a mut Popped);
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                while self.0.wake_some() {}
            }
        }
        let rest = Rest(self);
        while rest.0.wake_some() {}
    }
}

/// Sleepers whose verdicts are told. They are all woken, even if a wake panics.
struct Told(std::array::IntoIter<Option<Sleeper>, { BATCH as usize }>);

impl Told {
    fn wake_all(&mut self) {
        self.0.by_ref().flatten().for_each(Sleeper::wake);
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.wake_all();
    }
}

/// A grant that goes on although a wake panicked.
struct Granting<'a, F: FnMut(Option<u32>) -> bool> {
    queue: &'a Queue,
    end: End,
    verdict: Verdict,
    take: F,
    /// `take` has not refused yet.
    more: bool,
}

impl<F: FnMut(Option<u32>) -> bool> Granting<'_, F> {
    fn grant_all(&mut self) {
        while std::mem::replace(&mut self.more, false) {
            self.grant_some();
        }
    }

    fn grant_some(&mut self) {
        let now = if self.end == End::Newest { now_ns() } else { 0 };
        let (mut more, mut popped) = (true, Popped::new(self.verdict));
        let mut ring = self.queue.hold();
        for _ in 0..BATCH {
            let next = ring.next(self.end, now);
            more = (self.take)(next.map(Waiter::want)) && next.is_some();
            match next {
                Some(node) if more => popped.push(ring.pop(node)),
                Some(_) | None => break,
            }
        }
        drop(ring);
        self.more = more;
        drop(popped); // tells and wakes
    }
}

impl<F: FnMut(Option<u32>) -> bool> Drop for Granting<'_, F> {
    fn drop(&mut self) {
        self.grant_all();
    }
}

/// A ring that hangs on a sentinel on its owner's stack, who therefore may not leave before it is empty: panic or not.
struct Spliced<'a, F: FnMut(u32)> {
    queue: &'a Queue,
    sentinel: &'a Waiter,
    verdict: Verdict,
    popped: F,
}

impl<F: FnMut(u32)> Spliced<'_, F> {
    fn wake_all(mut self) {
        while self.wake_some() {}
    }

    /// False once the sentinel is alone.
    fn wake_some(&mut self) -> bool {
        let mut popped = Popped::new(self.verdict);
        let mut ring = self.queue.hold();
        for _ in 0..BATCH {
            let oldest = self.sentinel.next();
            if ptr::eq(oldest, self.sentinel) {
                break;
            }
            // SAFETY: it is linked beside the sentinel, so it lives (N3).
            popped.push(ring.pop(unsafe { &*oldest }));
        }
        if popped.len() > 0 {
            (self.popped)(popped.len());
        }
        drop(ring);
        popped.len() > 0
    }
}

impl<F: FnMut(u32)> Drop for Spliced<'_, F> {
    fn drop(&mut self) {
        while self.wake_some() {}
    }
}
