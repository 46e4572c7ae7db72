//! Many readers or one writer, by everyone.

use crossbeam_utils::sync::ShardedLock;
use std::cell::UnsafeCell;
use std::sync::RwLock;

/// A reader-writer lock around a number.
pub(crate) trait Shared: Sync + Send + 'static {
    const NAME: &'static str;
    fn new() -> Self;
    fn read<R>(&self, visit: impl FnOnce(&u64) -> R) -> R;
    fn write<R>(&self, visit: impl FnOnce(&mut u64) -> R) -> R;
}

macro_rules! shared {
    ($lock:ty, $name:literal, |$this:ident| $read:expr, $write:expr) => {
        impl Shared for $lock {
            const NAME: &'static str = $name;

            fn new() -> Self {
                <$lock>::new(0)
            }

            #[inline]
            fn read<R>(&self, visit: impl FnOnce(&u64) -> R) -> R {
                let $this = self;
                visit(&$read)
            }

            #[inline]
            fn write<R>(&self, visit: impl FnOnce(&mut u64) -> R) -> R {
                let $this = self;
                visit(&mut $write)
            }
        }
    };
}

shared!(rsm::sync::rwlock::RwLock<u64>, "rsm", |this| this.read(), this.write());
shared!(RwLock<u64>, "std", |this| this.read().unwrap(), this.write().unwrap());
shared!(parking_lot::RwLock<u64>, "parking_lot", |this| this.read(), this.write());
shared!(usync::RwLock<u64>, "usync", |this| this.read(), this.write());
shared!(ShardedLock<u64>, "ShardedLock", |this| this.read().unwrap(), this.write().unwrap());

/// saa's lock has no value of its own.
pub(crate) struct Saa {
    lock: saa::Lock,
    value: UnsafeCell<u64>,
}

// SAFETY: the value is reached only by readers or the one writer.
unsafe impl Sync for Saa {}

impl Shared for Saa {
    const NAME: &'static str = "saa";

    fn new() -> Self {
        Saa { lock: saa::Lock::new(), value: UnsafeCell::default() }
    }

    #[inline]
    fn read<R>(&self, visit: impl FnOnce(&u64) -> R) -> R {
        self.lock.share_sync();
        // SAFETY: while it is shared nobody writes, and it is never poisoned.
        let result = visit(unsafe { &*self.value.get() });
        self.lock.release_share();
        result
    }

    #[inline]
    fn write<R>(&self, visit: impl FnOnce(&mut u64) -> R) -> R {
        self.lock.lock_sync();
        // SAFETY: the lock is ours until it is released below.
        let result = visit(unsafe { &mut *self.value.get() });
        self.lock.release_lock();
        result
    }
}
