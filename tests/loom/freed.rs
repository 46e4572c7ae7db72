//! A lock lies in what its last owner frees: whoever owned it before has left it for good, by whatever way.

use crate::rwlock::overdue_and_not;
use loom::thread;
use rsm::sync::lock::{Guard, Lock};
use rsm::sync::model::model;
use rsm::sync::rwlock::RwLock;
use std::ops::DerefMut;

/// What two share without counting who does: the second to own it frees it.
struct Shared<T>(*const T);
// SAFETY: what is shared may be; it is freed by the last owner, who comes after the other (its lock sees to that).
unsafe impl<T: Sync> Send for Shared<T> {}

impl<T: Sync + 'static> Shared<T> {
    /// Two threads own it by `own`, one after the other, and leave by `leave`.
    fn meet<G: DerefMut<Target = u32> + 'static>(lock: T, own: fn(&'static T) -> G, leave: fn(G)) {
        let shared: *const T = Box::into_raw(Box::new(lock));
        let there = Shared(shared);
        let other = thread::spawn(move || there.own_and_free(own, leave));
        Shared(shared).own_and_free(own, leave);
        other.join().unwrap();
    }

    fn own_and_free<G: DerefMut<Target = u32>>(self, own: fn(&'static T) -> G, leave: fn(G)) {
        // SAFETY: it is freed by whoever leaves as the last, which is us or one who comes later; until then it is as good as static.
        let mut left = own(unsafe { &*self.0 });
        *left -= 1;
        let last = *left == 0;
        // The reference ends here; what follows is the way out, which must not touch the lock once another can own it.
        leave(left);
        if last {
            // SAFETY: nobody else will come.
            drop(unsafe { Box::from_raw(self.0.cast_mut()) });
        }
    }
}

fn next_owner_frees(name: &str, leave: fn(Guard<'static, u32>)) {
    overdue_and_not(|| model(name, 3, move || Shared::meet(Lock::new(2), Lock::lock, leave)));
}

#[test]
fn the_next_owner_may_free_the_lock() {
    next_owner_frees("lock_freed_by_next_owner", drop);
    next_owner_frees("lock_freed_after_unlock_with", |guard| _ = guard.unlock_with(|payload| payload + 1));
    next_owner_frees("lock_freed_after_unlock_fair", Guard::unlock_fair);
}

#[test]
fn the_next_writer_may_free_the_lock() {
    overdue_and_not(|| {
        model("rwlock_freed_by_next_writer", 3, || Shared::meet(RwLock::new(2), RwLock::write, drop));
    });
}
