//! Mutual exclusion, by everyone.

use std::cell::UnsafeCell;
use std::sync::Mutex;

/// What the locks guard.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Guarded {
    /// Changed by every owner.
    pub(crate) chain: u64,
    /// The last owner, how often in a row it has been, and the most that anyone has been.
    pub(crate) last: usize,
    pub(crate) row: u64,
    pub(crate) longest: u64,
}

/// A lock around [`Guarded`].
pub(crate) trait Mutual: Sync + Send + 'static {
    const NAME: &'static str;
    fn new() -> Self;
    fn with<R>(&self, visit: impl FnOnce(&mut Guarded) -> R) -> R;
}

macro_rules! mutual {
    ($lock:ty, $name:literal, $new:expr, |$this:ident| $guard:expr) => {
        impl Mutual for $lock {
            const NAME: &'static str = $name;

            fn new() -> Self {
                $new
            }

            #[inline]
            fn with<R>(&self, visit: impl FnOnce(&mut Guarded) -> R) -> R {
                let $this = self;
                visit(&mut $guard)
            }
        }
    };
}

mutual!(Mutex<Guarded>, "std", Mutex::default(), |this| this.lock().unwrap());
mutual!(parking_lot::Mutex<Guarded>, "parking_lot", parking_lot::Mutex::default(), |this| this.lock());
mutual!(parking_lot::FairMutex<Guarded>, "FairMutex", parking_lot::FairMutex::default(), |this| this.lock());
mutual!(usync::Mutex<Guarded>, "usync", usync::Mutex::default(), |this| this.lock());
mutual!(tokio::sync::Mutex<Guarded>, "tokio", tokio::sync::Mutex::default(), |this| this.blocking_lock());
mutual!(async_lock::Mutex<Guarded>, "async-lock", async_lock::Mutex::default(), |this| this.lock_blocking());
mutual!(rsm::sync::lock::Lock<Guarded>, "rsm", rsm::sync::lock::Lock::default(), |this| this.lock());

/// Ours, with the payload changed by every owner.
pub(crate) struct Payload(rsm::sync::lock::Lock<Guarded>);

mutual!(Payload, "rsm lock_with", Payload(rsm::sync::lock::Lock::default()), |this| this
    .0
    .lock_with(|owners| owners.wrapping_add(1)));

/// Ours, handed over at every unlock.
pub(crate) struct Fair(rsm::sync::lock::Lock<Guarded>);

impl Mutual for Fair {
    const NAME: &'static str = "rsm unlock_fair";

    fn new() -> Self {
        Fair(rsm::sync::lock::Lock::default())
    }

    #[inline]
    fn with<R>(&self, visit: impl FnOnce(&mut Guarded) -> R) -> R {
        let mut guard = self.0.lock();
        let result = visit(&mut guard);
        guard.unlock_fair();
        result
    }
}

/// saa's lock has no value of its own.
pub(crate) struct Saa {
    lock: saa::Lock,
    value: UnsafeCell<Guarded>,
}

// SAFETY: the value is reached only by the lock's owner.
unsafe impl Sync for Saa {}

impl Mutual for Saa {
    const NAME: &'static str = "saa";

    fn new() -> Self {
        Saa { lock: saa::Lock::new(), value: UnsafeCell::default() }
    }

    #[inline]
    fn with<R>(&self, visit: impl FnOnce(&mut Guarded) -> R) -> R {
        self.lock.lock_sync();
        // SAFETY: the lock is ours until it is released below, and it is never poisoned.
        let result = visit(unsafe { &mut *self.value.get() });
        self.lock.release_lock();
        result
    }
}
