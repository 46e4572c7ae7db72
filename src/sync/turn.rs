//! A cell for one visitor at a time.
//!
//! ```text
//!            try_enter: Some
//!    free  ------------------>  busy        try_enter: None
//!          <------------------
//!             guard dropped
//! ```
//! For whoever knows from elsewhere that the cell is free, as an automaton's runner knows that nobody else runs it: `try_enter`
//! then always succeeds, and costs one exchange, half of a [`Lock`](super::lock::Lock). Sound without trusting that knowledge. It
//! never waits and has no queue; who wants to wait wants a `Lock`.
//!
//! Beside it lies a byte of notes, which anyone reads and writes at any time: what one who is not inside wants of one who is. And a
//! count, which whoever is inside adds to and anyone reads.
//!
//! - T1 A guard lives => busy, and it is the only one.
//! - T2 Who enters sees all that the last guard wrote.

use super::probe::{self, Mutant};
use super::shim::{AtomicBool, AtomicU8, AtomicU32, Ordering, UnsafeCell, const_fn};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// A value that one visitor at a time may enter, never waiting. Eight bytes behind the value.
///
/// ```
/// use rsm::sync::lock::Lock;
/// use rsm::sync::turn::Turn;
///
/// // Ten threads bring slips. Whoever finds the ledger free enters all that lie there; nobody waits for it.
/// static SLIPS: Lock<Vec<u32>> = Lock::new(Vec::new());
/// static LEDGER: Turn<Vec<u32>> = Turn::new(Vec::new());
/// fn bring(slip: u32) {
///     SLIPS.lock().push(slip);
///     while !SLIPS.lock().is_empty() {
///         // Who is in looks again after leaving, so it sees ours.
///         let Some(mut ledger) = LEDGER.try_enter() else { return };
///         ledger.append(&mut SLIPS.lock());
///     }
/// }
/// std::thread::scope(|scope| {
///     (0..10).for_each(|slip| drop(scope.spawn(move || bring(slip))));
/// });
/// assert_eq!(LEDGER.try_enter().expect("all are out").len(), 10);
/// ```
///
/// It may be shared if its value may be sent:
///
/// ```
/// fn share<T: Sync>(_: T) {}
/// share(rsm::sync::turn::Turn::new(std::cell::Cell::new(1)));
/// ```
/// ```compile_fail,E0277
/// fn share<T: Sync>(_: T) {}
/// share(rsm::sync::turn::Turn::new(std::rc::Rc::new(1)));
/// ```
#[repr(C)]
pub struct Turn<T> {
    value: UnsafeCell<T>,
    busy: AtomicBool,
    notes: AtomicU8,
    /// In what would be padding.
    count: AtomicU32,
}

/// The visit: derefs to the value, and ends when dropped.
///
/// It may be shared only if the value may:
///
/// ```
/// fn share<T: Sync>(_: T) {}
/// let turn = rsm::sync::turn::Turn::new(1);
/// share(turn.try_enter().unwrap());
/// ```
/// ```compile_fail,E0277
/// fn share<T: Sync>(_: T) {}
/// let turn = rsm::sync::turn::Turn::new(std::cell::Cell::new(1));
/// share(turn.try_enter().unwrap());
/// ```
#[must_use = "the visit ends when its guard is dropped"]
pub struct TurnGuard<'a, T> {
    turn: &'a Turn<T>,
    /// A guard is sent and shared only where `&mut T` may be.
    visits: PhantomData<&'a mut T>,
}

// SAFETY: T1: one visitor at a time reaches the value, so sharing the turn does no more than move the value between threads.
unsafe impl<T: Send> Sync for Turn<T> {}
// SAFETY: by itself: the value goes with it.
unsafe impl<T: Send> Send for Turn<T> {}
// SAFETY: a guard is the only way to the value while it lives (T1), like a `&mut T`, and its drop may come from any thread.
unsafe impl<T: Send> Send for TurnGuard<'_, T> {}
// SAFETY: T1: the value is this guard's, and shared it lends out no more than `&T`.
unsafe impl<T: Sync> Sync for TurnGuard<'_, T> {}

impl<T> Turn<T> {
    const_fn! {
        /// A free cell around `value`.
        pub const fn new(value: T) -> Turn<T> {
            Turn {
                value: UnsafeCell::new(value),
                busy: AtomicBool::new(false),
                notes: AtomicU8::new(0),
                count: AtomicU32::new(0),
            }
        }
    }

    /// Enters if nobody is in.
    #[inline]
    pub fn try_enter(&self) -> Option<TurnGuard<'_, T>> {
        if probe::has(Mutant::TurnLoadStore) {
            // ORDERING: as below, in a fault that a model switches on: in two steps another may enter between them.
            let busy = self.busy.load(Ordering::Acquire);
            self.busy.store(true, Ordering::Release);
            return (!busy).then(|| TurnGuard { turn: self, visits: PhantomData });
        }
        // An exchange and not a swap: one that fails writes nothing, so a store alone says who is in.
        // ORDERING: Acquire pairs with the Release in the guard's drop: T2 (model `turn_enter_leave`).
        let entered = self.busy.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        entered.is_ok().then(|| TurnGuard { turn: self, visits: PhantomData })
    }

    /// Whether somebody is in, or was a moment ago. One load, which orders nothing.
    pub(crate) fn is_entered(&self) -> bool {
        // ORDERING: Relaxed: news, as notes are.
        self.busy.load(Ordering::Relaxed)
    }

    /// The notes: 0 unless someone has [set](Self::set_notes) them. One load, which orders nothing, inside or not.
    #[inline]
    pub fn notes(&self) -> u8 {
        // ORDERING: Relaxed: notes are news, and carry nothing but themselves.
        self.notes.load(Ordering::Relaxed)
    }

    /// Sets the notes, all of them: who writes some of several must keep other writers away. One store, which orders nothing.
    #[inline]
    pub fn set_notes(&self, notes: u8) {
        // ORDERING: Relaxed, as in `notes`.
        self.notes.store(notes, Ordering::Relaxed);
    }

    /// Counts so many more; said inside alone. A load and a store, and it wraps.
    #[inline]
    pub(crate) fn count(&self, more: u32) {
        // ORDERING: Relaxed: nothing is concluded from a count about anything else. A model leaves it out, as it orders nothing.
        if cfg!(not(rsm_loom)) {
            self.count.store(self.counted().wrapping_add(more), Ordering::Relaxed);
        }
    }

    /// How much was counted. One load, which orders nothing.
    #[inline]
    pub(crate) fn counted(&self) -> u32 {
        // ORDERING: Relaxed, as in `count`.
        self.count.load(Ordering::Relaxed)
    }

    /// The value of a turn that is not shared.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: by itself: `&mut self` says that there is no guard, and that nobody enters meanwhile.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T> Deref for TurnGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: T1: while we live nobody else enters, and `&self` keeps our own writes away.
        self.turn.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for TurnGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: T1: while we live nobody else enters, and `&mut self` is the only way in through us.
        self.turn.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for TurnGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // ORDERING: Release pairs with the Acquire in `try_enter`: T2 (model `turn_enter_leave`).
        self.turn.busy.store(false, probe::unless(Mutant::TurnRelaxedLeave, Ordering::Release));
    }
}

impl<T: Default> Default for Turn<T> {
    fn default() -> Self {
        Turn::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Turn<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_enter() {
            Some(value) => f.debug_tuple("Turn").field(&*value).finish(),
            None => f.write_str("Turn(busy)"),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for TurnGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;

    static IN_A_STATIC: Turn<u32> = Turn::new(7);

    #[test]
    fn one_visitor_at_a_time_and_a_panic_ends_the_visit() {
        let inside = IN_A_STATIC.try_enter();
        assert!(inside.is_some() && IN_A_STATIC.try_enter().is_none());
        assert_eq!(format!("{IN_A_STATIC:?}"), "Turn(busy)");
        drop(inside);
        let panicked = std::panic::catch_unwind(|| {
            let _inside = IN_A_STATIC.try_enter();
            panic!("inside");
        });
        assert!(panicked.is_err());
        assert_eq!(*IN_A_STATIC.try_enter().expect("the panic ended the visit"), 7);
    }

    #[test]
    fn a_turn_that_is_not_shared_gives_its_value_without_entering() {
        let mut turn = Turn::new(1);
        *turn.get_mut() += 1;
        assert_eq!(turn.into_inner(), 2);
    }
}
