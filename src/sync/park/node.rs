//! One who waits: on the stack of a blocked thread, or inside a pinned future.
//!
//! ```text
//!   next, prev    the ring                         under the bit
//!   want, since   what, and since when             set before linking, then read under the bit
//!   who           thread or task                   moved out by who pops, under the bit
//!   overdue       written before the state, read after it
//!   state         QUEUED ── popped ──> WOKEN, GRANTED, CLOSED       the popper's last touch (N2)
//! ```
//! Whoever calls a method is where its line says, under the bit or the popper: its SAFETY comment builds on that.

use super::super::probe::{self, Mutant};
use super::super::shim::thread::Thread;
use super::super::shim::{AtomicU32, Ordering, UnsafeCell};
use std::ptr;
use std::task::Waker;

/// Whom to wake.
pub(crate) enum Sleeper {
    /// A blocked thread.
    Thread(Thread),
    /// A task that is to be polled.
    Task(Waker),
}

impl Sleeper {
    /// Wakes it. A task's waker is foreign code, so this is never done under a queue's bit.
    pub(crate) fn wake(self) {
        match self {
            Sleeper::Thread(thread) => thread.unpark(),
            Sleeper::Task(waker) => waker.wake(),
        }
    }
}

/// What was decided about a waiter that is no longer queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may try again.
    Woken = 1,
    /// It has what it wanted.
    Granted = 2,
    /// It will never get it.
    Closed = 3,
}

const QUEUED: u32 = 0;

/// A node of the ring. It lies on the stack of a blocked thread or inside a pinned future.
///
/// - N1 It is linked and unlinked only under the queue's bit.
/// - N2 Who pops it finishes with the object's word, then takes `who`, then stores `state`, then wakes the sleeper, and touches
///   the node no more once `state` is stored.
/// - N3 Its owner leaves only after it has read a verdict in `state`, or after it took the bit, found itself linked, and
///   unlinked itself. With N2: no node is touched after its stack is gone.
/// - N4 One who finds itself not linked while it holds the bit has been popped: a verdict is on its way, in a few instructions
///   of another thread.
/// - N5 Only who popped it stores a verdict; only its owner resets `state`, before it links.
pub(crate) struct Waiter {
    links: UnsafeCell<Links>,
    notes: UnsafeCell<Notes>,
    state: AtomicU32,
}

/// Under the bit. `next` is null while the node is not linked; `prev` of a popped node is its popper's, to chain what it popped.
struct Links {
    next: *const Waiter,
    prev: *const Waiter,
}

/// Set by the owner before linking; then under the bit; the popper's once popped; the owner's again after the verdict.
struct Notes {
    who: Option<Sleeper>,
    since: u64,
    want: u32,
    overdue: bool,
}

#[cfg(all(target_pointer_width = "64", not(any(rsm_loom, rsm_shuttle))))]
const _: () = assert!(size_of::<Waiter>() <= 72, "a waiter fits in 72 bytes");
const _: () = assert!(align_of::<Waiter>() >= 2, "the lowest bit of a node's address is the queue's bit");

// SAFETY: N1 to N5: the fields are reached under these rules, which hand them from thread to thread; what they hold (a thread's
// handle, a waker) may be sent.
unsafe impl Send for Waiter {}
// SAFETY: N1 to N5, as above: a shared node is only ever changed by the one whom they name.
unsafe impl Sync for Waiter {}

impl Waiter {
    /// One who wants `want`, whatever that means to the object, and has begun to wait at `since`.
    pub(crate) fn new(want: u32, since: u64) -> Waiter {
        Waiter {
            links: UnsafeCell::new(Links { next: ptr::null(), prev: ptr::null() }),
            notes: UnsafeCell::new(Notes { who: None, since, want, overdue: false }),
            state: AtomicU32::new(QUEUED),
        }
    }

    /// The verdict, once there is one.
    #[inline]
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        // ORDERING: Acquire pairs with the Release in `tell`: the owner sees what the popper saw when it decided, and the
        // popper's last touch of this node comes before the owner leaves (model `park_link_link_pop`).
        match self.state.load(Ordering::Acquire) {
            QUEUED => None,
            1 => Some(Verdict::Woken),
            2 => Some(Verdict::Granted),
            _ => Some(Verdict::Closed),
        }
    }

    /// N2: the popper's last touch. By a pointer: once the verdict is stored the node may be gone, and a reference to it that is
    /// an argument would still promise that it is there.
    ///
    /// # Safety
    /// The caller has popped the node and not told it a verdict yet.
    pub(super) unsafe fn tell(node: *const Waiter, verdict: Verdict) {
        // SAFETY: N3: until it has a verdict the node's owner does not leave.
        let state = unsafe { &(*node).state };
        // ORDERING: Release pairs with the Acquire in `verdict` (model `park_link_link_pop`).
        state.store(verdict as u32, probe::unless(Mutant::RelaxedState, Ordering::Release));
    }

    /// N5: by the owner, before it links (again).
    pub(super) fn reset(&self) {
        // ORDERING: Relaxed, as the link that follows is published by the bit.
        self.state.store(QUEUED, Ordering::Relaxed);
    }

    pub(super) fn next(&self) -> *const Waiter {
        // SAFETY: N1: links are read under the bit, or by who popped the node.
        self.links.with(|links| unsafe { (*links).next })
    }

    pub(super) fn prev(&self) -> *const Waiter {
        // SAFETY: N1, as in `next`.
        self.links.with(|links| unsafe { (*links).prev })
    }

    pub(super) fn set_next(&self, next: *const Waiter) {
        // SAFETY: N1: links are changed under the bit, or by who popped the node; the closure lends nothing out.
        self.links.with_mut(|links| unsafe { (*links).next = next });
    }

    pub(super) fn set_prev(&self, prev: *const Waiter) {
        // SAFETY: N1, as in `set_next`.
        self.links.with_mut(|links| unsafe { (*links).prev = prev });
    }

    /// What it wants. Under the bit, or by the popper.
    pub(crate) fn want(&self) -> u32 {
        // SAFETY: N5: changed only by the owner before it links, hence not while anybody may ask.
        self.notes.with(|notes| unsafe { (*notes).want })
    }

    /// When it began to wait. Under the bit.
    pub(crate) fn since(&self) -> u64 {
        // SAFETY: N5, as in `want`.
        self.notes.with(|notes| unsafe { (*notes).since })
    }

    /// It begins to wait now. By the owner, before it links.
    pub(super) fn set_since(&self, since: u64) {
        // SAFETY: N1, N5: while it is not linked the node is its owner's alone.
        self.notes.with_mut(|notes| unsafe { (*notes).since = since });
    }

    /// Whether its popper found that it had waited too long. Asked by the owner after the verdict.
    pub(crate) fn is_overdue(&self) -> bool {
        // SAFETY: N2: written by the popper before the verdict; after it the node is its owner's.
        self.notes.with(|notes| unsafe { (*notes).overdue })
    }

    /// Marks it as one who has waited too long. By the popper, before the verdict.
    pub(crate) fn mark_overdue(&self, overdue: bool) {
        // SAFETY: between the pop and the verdict the node is its popper's alone (N2, N4).
        self.notes.with_mut(|notes| unsafe { (*notes).overdue = overdue });
    }

    /// Puts in whom to wake, and returns who was there before: for the caller to drop, outside the bit.
    /// By the owner before it links, or under the bit while linked; by the popper (with `None`) once popped.
    pub(crate) fn swap_who(&self, who: Option<Sleeper>) -> Option<Sleeper> {
        // SAFETY: N1, N2: each of the three has the notes to itself at that time.
        self.notes.with_mut(|notes| unsafe { std::mem::replace(&mut (*notes).who, who) })
    }

    /// Whether waking it wakes this task. Under the bit.
    pub(super) fn will_wake(&self, waker: &Waker) -> bool {
        // SAFETY: N1: under the bit nobody changes the notes of a linked node but the holder.
        self.notes.with(|notes| match unsafe { &(*notes).who } {
            Some(Sleeper::Task(mine)) => mine.will_wake(waker),
            Some(Sleeper::Thread(_)) | None => false,
        })
    }
}

/// N2, N3, in a model: whoever ends a node comes after all who have touched it.
#[cfg(rsm_loom)]
impl Drop for Waiter {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.links.with_mut(|_| ());
            self.notes.with_mut(|_| ());
            self.state.with_mut(|_| ());
        }
    }
}
