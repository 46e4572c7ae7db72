//! What a model may switch on in the product's code, and count there. Outside models all of it is nothing at all.

use super::backoff::Backoff;
use super::shim::{AtomicPtr, AtomicU64, Ordering};

/// A fault that a model switches on, to show that it would be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(rsm_loom), allow(unreachable_pub, reason = "models alone reach it"))]
pub enum Mutant {
    /// `sync/park`, `sync/lock`: a waiter counts itself without looking whether it must still wait.
    NoSecondLook,
    /// `sync/park`: the store of a waiter's verdict orders nothing.
    RelaxedState,
    /// `sync/park`: who tells a waiter its verdict looks at the waiter once more.
    TouchAfterTell,
    /// `sync/lock`: the heir is told before the word says that it is one.
    WokenBeforeCas,
    /// `sync/lock`: the lock is inherited in two steps.
    InheritTwice,
    /// `sync/lock`: who unlocks does not see that the lock is owed: it frees it, as by subtracting its bit.
    OwedOverlooked,
    /// `sync/rwlock`: a writer that gives up does not see to the readers behind it.
    QuitWithoutReaders,
    /// `sync/rwlock`: one who waits for those inside to leave does not look again before it sleeps.
    DrainWithoutSecondLook,
    /// `sync/semaphore`: one who gives up does not look whom its leaving lets in.
    QuitWithoutSettle,
    /// `sync/oneshot`: the receiver does not wait until the sender has left the box.
    WaitingNotAwaited,
    /// `sync/once`: a run that fails does not look who waits for it.
    OnceFailsSilently,
    /// `sync/countdown`: reaching zero and becoming the one who runs the closure are two steps.
    CountdownTwoSteps,
    /// `sync/barrier`: who gives up takes its arrival back without looking at the round.
    BarrierLeavesLate,
    /// `sync/turn`: entering is a load, then a store.
    TurnLoadStore,
    /// `sync/turn`: leaving orders nothing.
    TurnRelaxedLeave,
    /// `sync/spin`: entering is a load, then a store.
    SpinLoadStore,
}

/// Whether this fault is switched on.
#[inline(always)]
pub(crate) fn has(_mutant: Mutant) -> bool {
    #[cfg(rsm_loom)]
    return super::model::has(_mutant);
    #[cfg(not(rsm_loom))]
    false
}

/// The ordering, unless this fault weakens it.
#[inline(always)]
pub(crate) fn unless(mutant: Mutant, order: Ordering) -> Ordering {
    if has(mutant) { Ordering::Relaxed } else { order }
}

/// A look at a word before an exchange that decides: an ordinary load that orders nothing.
///
/// Models of two threads see whatever memory may show to it, models of more the newest value, or they would never end: an old
/// one does no more than make the exchange fail.
#[inline(always)]
pub(crate) fn look(word: &AtomicU64) -> u64 {
    #[cfg(rsm_loom)]
    if super::model::looks_are_new() {
        return word.fetch_or(0, Ordering::Relaxed);
    }
    word.load(Ordering::Relaxed)
}

/// As [`look`], at a word that others leave by a store: loom lets a store come between the halves of an exchange, which would then
/// bring back what was there before. One that fails stores nothing.
#[inline(always)]
pub(crate) fn look_beside_stores(word: &AtomicU64) -> u64 {
    #[cfg(rsm_loom)]
    if super::model::looks_are_new() {
        return word
            .compare_exchange(u64::MAX, u64::MAX, Ordering::Relaxed, Ordering::Relaxed)
            .unwrap_or_else(|now| now);
    }
    word.load(Ordering::Relaxed)
}

/// As [`look`], at the word of a queue.
#[inline(always)]
pub(crate) fn look_ptr<T>(word: &AtomicPtr<T>) -> *mut T {
    #[cfg(rsm_loom)]
    if super::model::looks_are_new() {
        let null = std::ptr::null_mut();
        return word.compare_exchange(null, null, Ordering::Relaxed, Ordering::Relaxed).unwrap_or_else(|now| now);
    }
    word.load(Ordering::Relaxed)
}

/// Waits a moment for `bit` of a queue's word to be freed. In a model: until its holder says [`freed`], as two threads that
/// both yield until a third goes on would yield to each other for ever.
#[inline(always)]
pub(crate) fn held<T>(_word: &AtomicPtr<T>, _bit: usize, backoff: &mut Backoff) {
    #[cfg(rsm_loom)]
    {
        // The newest value, or one might wait for what has happened already.
        let null = std::ptr::null_mut();
        let now = _word.compare_exchange(null, null, Ordering::Relaxed, Ordering::Relaxed).unwrap_or_else(|now| now);
        if now.addr() & _bit != 0 {
            super::model::block(std::ptr::from_ref(_word).addr());
        }
    }
    if !cfg!(rsm_loom) {
        backoff.nap();
    }
}

/// The bit of this word has just been freed.
#[inline(always)]
pub(crate) fn freed<T>(_word: &AtomicPtr<T>) {
    #[cfg(rsm_loom)]
    super::model::unblock(std::ptr::from_ref(_word).addr());
}

/// Between a SeqCst access and the next, where the one order of all of them counts: loom takes SeqCst for AcqRel, but knows fences.
#[inline(always)]
pub(crate) fn model_fence() {
    // ORDERING: SeqCst, for what it stands in (models `rwlock_spread_read_write`, `rwlock_spread_last_reader`).
    #[cfg(rsm_loom)]
    super::shim::fence(Ordering::SeqCst);
}

/// Whether a model has failed and unwinds: nothing of it may be touched any more.
#[inline(always)]
pub(crate) fn is_over() -> bool {
    cfg!(rsm_loom) && std::thread::panicking()
}

/// Counts that a model has come by here.
#[inline(always)]
pub(crate) fn mark(_place: &'static str) {
    #[cfg(rsm_loom)]
    super::model::mark(_place);
}

/// A place where a model may switch threads although no access stands there.
///
/// Two real bugs stayed hidden from loom until such yields stood in the windows of a hand-over.
#[inline(always)]
pub(crate) fn model_yield() {
    #[cfg(rsm_loom)]
    if super::model::yields() {
        super::shim::thread::yield_now();
    }
    #[cfg(rsm_shuttle)]
    super::shim::thread::yield_now();
}
