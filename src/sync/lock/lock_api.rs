//! `Lock<()>` as a raw mutex of the crate `lock_api`, for whoever is written against its traits (feature `lock_api`).
//!
//! ```text
//!   lock_api::Mutex<Lock<()>, T>  --lock, try_lock_until, ...-->  Lock::lock, ...: the guard is forgotten
//!                                 --drop, unlock_fair, bump---->  Lock::force_unlock, force_unlock_fair
//! ```
//! The payload is beside it as ever: `mutex.raw().payload()`. A guard stays on its thread, as ours does.

use super::guard::{Guard, Lock};
use super::strategy::Strategy;
use lock_api::{GuardNoSend, RawMutex, RawMutexFair, RawMutexTimed};
use std::time::{Duration, Instant};

/// What `lock_api` keeps of our guard.
fn raw<Q: Strategy>(guard: Guard<'_, (), Q>) -> GuardNoSend {
    std::mem::forget(guard);
    GuardNoSend::new()
}

// SAFETY: a `Lock` has one owner at a time (W7); each method that says that it has locked has made a guard and forgotten it, and the
// lock stays locked until it is unlocked on that guard's behalf.
unsafe impl<Q: Strategy> RawMutex for Lock<(), Q> {
    #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants a constant to make locks from")]
    const INIT: Self = Lock::raw();

    type Guard = GuardNoSend;

    #[inline]
    fn lock(&self) -> GuardNoSend {
        raw(Lock::lock(self))
    }

    #[inline]
    fn try_lock(&self) -> Option<GuardNoSend> {
        Lock::try_lock(self).map(raw)
    }

    #[inline]
    unsafe fn unlock(&self, _: GuardNoSend) {
        // SAFETY: W7: the caller owns the lock by a guard that was forgotten above, and gives that up here.
        unsafe { self.force_unlock() };
    }

    fn is_locked(&self) -> bool {
        self.snapshot().is_locked
    }
}

// SAFETY: W7, as above.
unsafe impl<Q: Strategy> RawMutexFair for Lock<(), Q> {
    unsafe fn unlock_fair(&self, _: GuardNoSend) {
        // SAFETY: W7, as in `unlock`.
        unsafe { self.force_unlock_fair() };
    }
}

// SAFETY: W7, as above.
unsafe impl<Q: Strategy> RawMutexTimed for Lock<(), Q> {
    type Duration = Duration;
    type Instant = Instant;

    fn try_lock_for(&self, timeout: Duration) -> Option<GuardNoSend> {
        self.lock_timeout(timeout).ok().map(raw)
    }

    fn try_lock_until(&self, timeout: Instant) -> Option<GuardNoSend> {
        self.lock_until(timeout).ok().map(raw)
    }
}
