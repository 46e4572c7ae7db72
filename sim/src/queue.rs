//! What will happen, in order of time; at equal times in the order that the run's seed says.
//!
//! ```text
//!   heap of (time, tie, number, slot) ──slot──> slab of events         integers only: the order is total and repeatable
//! ```

use rsm::time::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Events that wait for their time.
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Reverse<(Time, u32, u64, u32)>>,
    slab: Vec<Option<E>>,
    free: Vec<u32>,
    number: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Queue { heap: BinaryHeap::new(), slab: Vec::new(), free: Vec::new(), number: 0 }
    }
}

impl<E> Queue<E> {
    /// Puts `event` at `at`; among others of that time `tie` decides, and then who came first.
    pub fn push(&mut self, at: Time, tie: u32, event: E) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slab.push(None);
            u32::try_from(self.slab.len() - 1).expect("fewer than 2^32 events wait at once")
        });
        self.slab[slot as usize] = Some(event);
        self.heap.push(Reverse((at, tie, self.number, slot)));
        self.number += 1;
    }

    /// When the next one is due.
    #[must_use]
    pub fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes the next one.
    pub fn pop(&mut self) -> Option<(Time, E)> {
        let Reverse((at, _, _, slot)) = self.heap.pop()?;
        self.free.push(slot);
        let event = self.slab[slot as usize].take().expect("a queued slot holds its event");
        Some((at, event))
    }

    /// Gives each that waits the time that `later` names for it, from the first to the last; that is its own or a later one.
    pub fn put_off(&mut self, mut later: impl FnMut(Time, &mut E) -> Time) {
        let mut all = std::mem::take(&mut self.heap).into_vec();
        all.sort_unstable_by(|one, other| other.cmp(one));
        for Reverse((at, _, _, slot)) in &mut all {
            *at = later(*at, self.slab[*slot as usize].as_mut().expect("a queued slot holds its event"));
        }
        self.heap = all.into();
    }

    /// All that wait, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &E> + '_ {
        self.slab.iter().flatten()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_then_by_tie_then_by_arrival() {
        let mut queue = Queue::default();
        for (at, tie, name) in [(2, 0, "d"), (1, 9, "c"), (1, 3, "a"), (1, 3, "b")] {
            queue.push(Time(at), tie, name);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, name)| name).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }

    #[test]
    fn what_is_put_off_comes_at_its_new_time() {
        let mut queue = Queue::default();
        for at in [3, 1, 2, 9] {
            queue.push(Time(at), 0, at);
        }
        let mut seen = Vec::new();
        queue.put_off(|at, event| {
            seen.push(*event);
            if *event == 2 { Time(5) } else { at }
        });
        assert_eq!(seen, [1, 2, 3, 9]);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(at, event)| (at.0, event)).collect();
        assert_eq!(order, [(1, 1), (3, 3), (5, 2), (9, 9)]);
    }

    #[test]
    fn a_slot_is_used_again() {
        let mut queue = Queue::default();
        for round in 0..100 {
            queue.push(Time(round), 0, round);
            assert_eq!(queue.pop(), Some((Time(round), round)));
        }
        assert_eq!(queue.slab.len(), 1);
    }
}
