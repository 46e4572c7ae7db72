//! What sets an event when its last clone is dropped: the building block of draining.
//!
//! ```text
//!   event.guard() ──> Guard ── clone ──> Guard ──> a worker's thread     count: 2
//!                       |                  |
//!                      drop               drop, or panic                 count: 0, and the event is set, once
//! ```

use super::event::Event;
use std::fmt;
use std::sync::Arc;

/// Keeps an [`Event`] from being set by the others' end: when the last clone is dropped, the event is set.
#[must_use = "a guard that is dropped at once sets the event at once"]
pub struct Guard<'a> {
    pub(super) event: &'a Event,
}

/// A [`Guard`] that keeps its event alive. The count stands in the event's word: there is no second allocation.
///
/// ```
/// use rsm::sync::event::Event;
/// use std::sync::Arc;
///
/// // Ten threads that nobody joins; one of them panics, and counts as gone all the same.
/// let gone = Arc::new(Event::manual());
/// let guard = gone.owned_guard();
/// for worker in 0..10 {
///     let guard = guard.clone();
///     std::thread::spawn(move || {
///         let _until_the_end = guard;
///         if worker == 5 {
///             std::panic::resume_unwind(Box::new("this one dies"));
///         }
///     });
/// }
/// drop(guard);
/// gone.wait();
/// ```
#[must_use = "a guard that is dropped at once sets the event at once"]
pub struct OwnedGuard {
    pub(super) event: Arc<Event>,
}

impl Guard<'_> {
    /// The event it guards.
    pub fn event(&self) -> &Event {
        self.event
    }
}

impl OwnedGuard {
    /// The event it guards.
    pub fn event(&self) -> &Arc<Event> {
        &self.event
    }
}

impl Clone for Guard<'_> {
    fn clone(&self) -> Self {
        self.event.add_guard();
        Guard { event: self.event }
    }
}

impl Clone for OwnedGuard {
    fn clone(&self) -> Self {
        self.event.add_guard();
        OwnedGuard { event: self.event.clone() }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.event.drop_guard();
    }
}

impl Drop for OwnedGuard {
    fn drop(&mut self) {
        self.event.drop_guard();
    }
}

impl fmt::Debug for Guard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("event", self.event).finish()
    }
}

impl fmt::Debug for OwnedGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedGuard").field("event", &self.event).finish()
    }
}
