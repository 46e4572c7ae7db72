//! Turns that stand still, as a watcher sees them: no turn reads a clock for it.

use super::queues::Place;
use super::sleep::Seen;
use crate::fsm::CellId;
use crate::fsm::few::Few;
use crate::sync::lock::Lock;
use crate::sync::shim::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A turn that takes longer, and has not said that it may block, is counted.
const LONG: Duration = Duration::from_millis(100);

/// Who is told of a turn that takes long, once: of which cell, and how long it has been seen to.
pub(super) type Told = Box<dyn Fn(CellId, Duration) + Send + Sync>;

/// What was seen of each place.
pub(super) struct Stalls {
    sights: Lock<Vec<Sight>>,
    pub(super) count: AtomicU64,
    told: Told,
}

#[derive(Clone, Copy)]
struct Sight {
    turns: u64,
    /// When this turn was first seen.
    since: Instant,
    counted: bool,
}

impl Stalls {
    pub(super) fn new(places: usize, told: Told) -> Stalls {
        let sight = Sight { turns: 0, since: Instant::now(), counted: false };
        Stalls { sights: Lock::new(vec![sight; places]), count: AtomicU64::new(0), told }
    }

    /// Looks at all places. Calls `hostage` if a turn stands still since the look before, with work behind it; then tells of those
    /// that have come to take long.
    pub(super) fn look<T>(&self, places: &[Place<T>], hostage: impl FnOnce()) -> Seen {
        let (now, mut seen, mut held) = (Instant::now(), Seen::Nothing, false);
        let (mut sights, mut long) = (self.sights.lock(), Few::None);
        for (place, sight) in places.iter().zip(sights.iter_mut()) {
            // In this order, and the worker writes in the other: so the cell is that of the turn counted, or of an older one.
            let (cell, turns) = (place.cell(), place.turns());
            if turns != sight.turns {
                *sight = Sight { turns, since: now, counted: false };
                seen = Seen::Turns;
            } else if let Some(cell) = cell {
                held |= place.has_work();
                let time = now.duration_since(sight.since);
                if !sight.counted && LONG <= time {
                    sight.counted = true;
                    self.count.fetch_add(1, Ordering::Relaxed);
                    long.push((cell, time));
                }
            }
        }
        drop(sights);
        if held {
            hostage();
        }
        long.into_iter().for_each(|(cell, time)| (self.told)(cell, time)); // F4: not under the lock, for it may be the user's
        seen
    }

    /// Since when at least the present turn of that place has been going on.
    pub(super) fn since(&self, nth: usize) -> Instant {
        self.sights.lock()[nth].since
    }
}
