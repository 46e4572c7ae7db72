//! Faults on purpose: one line of the crate replaced by a worse one, chosen at run time, to see that a test notices.
//!
//! ```text
//!   mutate!(SESSIONS_OFF, good, bad)      plain build             it is `good`: no branch, no name in the binary
//!                                         cfg(test), rsm_mutant   `bad` while this thread's fault is SESSIONS_OFF
//! ```
//! A cfg and not a feature: features unify, and would reach a user's binary.

/// The good expression, or the bad one while its fault is chosen. Nothing but the good one in a plain build.
#[cfg(any(test, rsm_mutant))]
macro_rules! mutate {
    ($fault:ident, $good:expr, $bad:expr) => {
        if $crate::raft::mutant::is_on($crate::raft::mutant::Fault::$fault) { $bad } else { $good }
    };
}

/// The good expression, or the bad one while its fault is chosen. Nothing but the good one in a plain build.
#[cfg(not(any(test, rsm_mutant)))]
macro_rules! mutate {
    ($fault:ident, $good:expr, $bad:expr) => {
        $good
    };
}

pub(crate) use mutate;

#[cfg(any(test, rsm_mutant))]
pub(crate) use switch::*;

#[cfg(any(test, rsm_mutant))]
mod switch {
    use std::cell::Cell;

    /// The faults that can be chosen.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Fault {
        /// Commands are applied whatever their session says, and a leader places copies of what is on its way.
        SessionsOff,
    }

    thread_local! {
        #[cfg_attr(not(rsm_mutant), expect(clippy::missing_const_for_thread_local, reason = "under `rsm_mutant` it is not"))]
        static CHOSEN: Cell<Option<Fault>> = Cell::new(named());
    }

    /// Whether this fault is chosen on this thread.
    pub(crate) fn is_on(fault: Fault) -> bool {
        CHOSEN.get() == Some(fault)
    }

    /// Chooses a fault for this thread until the value is dropped.
    #[cfg(test)]
    pub(crate) fn choose(fault: Fault) -> Chosen {
        CHOSEN.set(Some(fault));
        Chosen
    }

    /// A fault is chosen.
    #[cfg(test)]
    pub(crate) struct Chosen;

    #[cfg(test)]
    impl Drop for Chosen {
        fn drop(&mut self) {
            CHOSEN.set(None);
        }
    }

    /// The fault that the environment names: a whole process, whose threads are its own, is asked so.
    #[cfg(rsm_mutant)]
    fn named() -> Option<Fault> {
        match std::env::var("RSM_MUTANT").as_deref() {
            Ok("sessions-off") => Some(Fault::SessionsOff),
            _ => None,
        }
    }

    #[cfg(not(rsm_mutant))]
    const fn named() -> Option<Fault> {
        None
    }
}
