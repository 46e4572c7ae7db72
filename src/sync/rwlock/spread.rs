//! Counters for readers that would otherwise push one word to and fro between their processors.
//!
//! ```text
//!   lock | word | queue | spread o-+---->  | slot 0 | slot 1 | ...      each on lines of its own; 1 to 8 of them
//!                                              ^        ^
//!                                   threads 0, 2, ..    1, 3, ...       a thread keeps its slot, for all locks
//!
//!   a reader                                     a writer
//!   slot + 1              (SeqCst)               word + WRITER                (SeqCst)
//!   word: no WRITER?      (SeqCst)               all slots 0?                 (SeqCst)
//!   then it is in                                then it is in
//!
//!   a reader that leaves                         a writer that waits
//!   slot - 1              (SeqCst)               word + DRAIN                 (SeqCst)
//!   word: DRAIN?          (SeqCst)               all slots 0?                 (SeqCst)
//!   all slots 0?          (SeqCst)               then it is in; else it links, looks once more, and sleeps
//!   then it wakes who sleeps
//! ```
//! Each side writes first and then looks at what the other writes. The bad outcome is that both look at what was there before:
//! the reader sees no WRITER, the writer no reader, and both are in; or nobody wakes who waits. Under one order of all SeqCst
//! accesses one of the two writes comes first, and the other side's look after it sees it. With Acquire and Release alone both
//! writes may still be on their way while both look (a store buffer), hence SeqCst. In the same way two readers that leave by two
//! slots cannot both overlook that they were the last.
//!
//! - R9 A lock's pointer goes once, from null to as many slots as each lock of the process has, and they stay until it is dropped.

use super::super::probe::model_fence;
use super::super::shim::{AtomicPtr, AtomicU32, Ordering, const_fn, cpus, local, next_number};
use std::cell::Cell;
use std::ptr;

/// The most slots a lock has: a writer looks at all of them.
const SLOTS_MAX: usize = 8;

/// More readers than this in one slot are threads that forget their guards: the count must not come round.
const READERS_MAX: u32 = u32::MAX / 2;

/// A count of readers, on cache lines of its own (two: processors fetch them in pairs).
#[repr(align(128))]
pub(super) struct Slot {
    readers: AtomicU32,
}

/// The slots of a lock, once its readers have collided often enough.
pub(super) struct Spread {
    slots: AtomicPtr<Slot>,
}

/// How many slots each lock of this process has: it never changes.
///
/// A thread that is bound to one processor cannot tell how many there are. But readers that collide run on several.
fn count() -> usize {
    match cpus() {
        _ if cfg!(rsm_loom) => 2,
        1 => SLOTS_MAX,
        many => many.next_power_of_two().min(SLOTS_MAX),
    }
}

/// A thread that has no slot yet.
const NONE: usize = usize::MAX;

local! {
    /// The calling thread's slot, below `count()`. It has no destructor, so it is there in those of others.
    static MINE: Cell<usize> = Cell::new(NONE);
}

#[cold]
fn choose() -> usize {
    next_number() % count()
}

#[inline]
fn mine() -> usize {
    let known = MINE.try_with(Cell::get).unwrap_or(0);
    if known != NONE {
        return known;
    }
    let chosen = choose();
    let _gone = MINE.try_with(|mine| mine.set(chosen));
    chosen
}

impl Slot {
    /// One reader more.
    ///
    /// # Panics
    /// If 2^31 readers are in by this slot.
    #[inline]
    pub(super) fn raise(&self) {
        // ORDERING: SeqCst, before the look at the word; litmus in the head of this file (loom cannot see it: it takes SeqCst for
        // AcqRel).
        let before = self.readers.fetch_add(1, Ordering::SeqCst);
        if before >= READERS_MAX {
            self.refuse();
        }
        model_fence();
    }

    /// One reader less.
    #[inline]
    pub(super) fn lower(&self) {
        // ORDERING: SeqCst, before the look at the word; litmus in the head of this file. Its Release says to a writer that this
        // reader reads no more (model `rwlock_spread_read_write`).
        self.readers.fetch_sub(1, Ordering::SeqCst);
        model_fence();
    }

    #[cold]
    fn refuse(&self) -> ! {
        self.lower();
        panic!("sync/rwlock: at most 2^31 readers at a time by one slot");
    }
}

impl Spread {
    const_fn! {
        /// No slots yet.
        pub(super) const fn new() -> Spread {
            Spread { slots: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    #[inline]
    fn first(&self) -> *mut Slot {
        // ORDERING: Acquire pairs with the Release in `install`: the slots are made before they are shown (model
        // `rwlock_spread_install`).
        self.slots.load(Ordering::Acquire)
    }

    /// The calling thread's slot, if there are slots.
    #[inline]
    pub(super) fn mine(&self) -> Option<&Slot> {
        let first = self.first();
        if first.is_null() {
            return None;
        }
        // SAFETY: R9: `install` has made `count()` slots there, of which ours is one.
        let ours = unsafe { first.add(mine()) };
        // SAFETY: R9: it is there, and they stay until the lock is dropped.
        Some(unsafe { &*ours })
    }

    fn all(&self) -> &[Slot] {
        let first = self.first();
        if first.is_null() {
            return &[];
        }
        // SAFETY: R9: so many slots are there, and stay until the lock is dropped.
        unsafe { std::slice::from_raw_parts(first, count()) }
    }

    /// Whether no reader is in by a slot. By a writer after it has marked the word, or a reader after it has lowered its slot.
    pub(super) fn is_empty(&self) -> bool {
        // ORDERING: SeqCst, after the word or the slot was changed; litmus in the head of this file. Its Acquire pairs with the
        // Release in `lower` (model `rwlock_spread_read_write`).
        self.all().iter().all(|slot| slot.readers.load(Ordering::SeqCst) == 0)
    }

    /// How many readers are in by slots; exact only while nobody moves.
    pub(super) fn readers(&self) -> u32 {
        // ORDERING: Relaxed: each is true at some instant, and no more is promised.
        self.all().iter().map(|slot| slot.readers.load(Ordering::Relaxed)).sum()
    }

    /// Makes the slots, unless another has.
    pub(super) fn install(&self) {
        let slots: Box<[Slot]> = (0..count()).map(|_| Slot { readers: AtomicU32::new(0) }).collect();
        let first = Box::into_raw(slots).cast::<Slot>();
        // ORDERING: Release pairs with the Acquire in `first` (model `rwlock_spread_install`).
        if self.slots.compare_exchange(ptr::null_mut(), first, Ordering::Release, Ordering::Relaxed).is_err() {
            // SAFETY: by itself: made above, and shown to nobody.
            unsafe { free(first) };
        }
    }
}

/// # Safety
/// `first` comes from `install`, nobody else reaches it, and it is not freed twice.
unsafe fn free(first: *mut Slot) {
    // SAFETY: R9: `install` has made them as a boxed slice of `count()`, and who calls us is the last to know them.
    drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(first, count())) });
}

impl Drop for Spread {
    fn drop(&mut self) {
        if super::super::probe::is_over() {
            return;
        }
        let first = self.first();
        if !first.is_null() {
            // SAFETY: R9: guards borrow the lock, so no reader is left, nor anyone who could find the slots.
            unsafe { free(first) };
        }
    }
}
