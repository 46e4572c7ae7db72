//! Who runs the closure, in builds with debug assertions: so that one who asks for what it is itself making is told, and does not
//! wait for itself for ever. In other builds, and in models, it is nothing at all.
//!
//! ```text
//!   enter ──> thread = its number ── Owned dropped ──> 0          check: panics if it is our own number (O5)
//! ```

/// The thread that makes the value now, if any.
#[derive(Debug)]
pub(crate) struct Owner {
    #[cfg(all(debug_assertions, not(any(rsm_loom, rsm_shuttle))))]
    thread: super::super::shim::AtomicUsize,
}

/// As long as it lives, the thread that made it is the owner.
pub(crate) struct Owned<'a> {
    #[cfg_attr(not(all(debug_assertions, not(any(rsm_loom, rsm_shuttle)))), expect(dead_code, reason = "see `Owner`"))]
    owner: &'a Owner,
}

#[cfg(all(debug_assertions, not(any(rsm_loom, rsm_shuttle))))]
mod on {
    use super::super::super::shim::{AtomicUsize, Ordering::Relaxed};
    use super::{Owned, Owner};

    thread_local! {
        /// Its address is the thread's number. It has no destructor, so that it is there until the very end of a thread.
        static HERE: u8 = const { 0 };
    }

    fn this_thread() -> usize {
        HERE.with(|here| std::ptr::from_ref(here).addr())
    }

    impl Owner {
        /// Nobody.
        pub(crate) const fn new() -> Owner {
            Owner { thread: AtomicUsize::new(0) }
        }

        /// The calling thread, from now on.
        pub(crate) fn enter(&self) -> Owned<'_> {
            // Relaxed: a thread sees its own stores, and no other stores its number.
            self.thread.store(this_thread(), Relaxed);
            Owned { owner: self }
        }

        /// Called by who may have to wait for the owner.
        pub(crate) fn check(&self) {
            let ours = self.thread.load(Relaxed) == this_thread();
            assert!(!ours, "O5: what makes a value does not ask for that value");
        }
    }

    impl Drop for Owned<'_> {
        fn drop(&mut self) {
            self.owner.thread.store(0, Relaxed);
        }
    }
}

#[cfg(not(all(debug_assertions, not(any(rsm_loom, rsm_shuttle)))))]
impl Owner {
    /// Nobody.
    pub(crate) const fn new() -> Owner {
        Owner {}
    }

    /// The calling thread, from now on.
    pub(crate) fn enter(&self) -> Owned<'_> {
        Owned { owner: self }
    }

    /// Called by who may have to wait for the owner.
    pub(crate) fn check(&self) {}
}
