//! Seats in a row: each has a number that stays, and one that is left is taken again.
//!
//! ```text
//!   seats   [ a ][ - ][ c ][ - ][ e ]        insert: the seat left last, else a new one      remove(2) -> c
//!                  |         |               both O(1); with the last one gone the memory goes, too
//!   free    3 -> 1 +---------+
//! ```

/// Values by the number of their seat.
#[derive(Debug)]
pub(super) struct Slab<T> {
    seats: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Slab<T> {
    /// Nobody sits.
    pub(super) const fn new() -> Slab<T> {
        Slab { seats: Vec::new(), free: Vec::new() }
    }

    /// Seats a value, and says where.
    pub(super) fn insert(&mut self, value: T) -> usize {
        match self.free.pop() {
            Some(seat) => {
                self.seats[seat] = Some(value);
                seat
            }
            None => {
                self.seats.push(Some(value));
                self.seats.len() - 1
            }
        }
    }

    /// Takes the value out of a seat, if one sits there.
    pub(super) fn remove(&mut self, seat: usize) -> Option<T> {
        let value = self.seats.get_mut(seat)?.take()?;
        self.free.push(seat);
        if self.is_empty() {
            *self = Slab::new();
        }
        Some(value)
    }

    /// The value in a seat.
    pub(super) fn get_mut(&mut self, seat: usize) -> Option<&mut T> {
        self.seats.get_mut(seat)?.as_mut()
    }

    /// How many sit.
    pub(super) fn len(&self) -> usize {
        self.seats.len() - self.free.len()
    }

    /// Whether nobody sits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All who sit, by seat.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.seats.iter().flatten()
    }

    /// As [`iter`](Slab::iter), to change them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.seats.iter_mut().flatten()
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;
    use crate::mix::mix;
    use std::collections::BTreeMap;

    #[test]
    fn a_slab_holds_what_a_map_holds_and_reuses_its_seats() {
        let (mut slab, mut map, mut most) = (Slab::new(), BTreeMap::new(), 0);
        for step in 0..3_000_u64 {
            // Grows for a while, then shrinks, again and again.
            let grows = mix(7, step, 1) % 10 < if step / 500 % 2 == 0 { 7 } else { 3 };
            if grows || map.is_empty() {
                let seat = slab.insert(step);
                assert!(map.insert(seat, step).is_none(), "a seat is given to one at a time");
            } else {
                let nth = mix(7, step, 2) as usize % map.len();
                let seat = *map.keys().nth(nth).expect("it is one of them");
                assert_eq!(slab.remove(seat), map.remove(&seat));
                assert_eq!(slab.remove(seat), None, "nobody leaves twice");
            }
            most = most.max(map.len());
            assert_eq!((slab.len(), slab.is_empty()), (map.len(), map.is_empty()));
            assert!(slab.iter().eq(map.values()));
            assert!(slab.seats.len() <= most, "a seat that was left is taken before a new one is made");
        }
        map.keys().for_each(|&seat| assert!(slab.remove(seat).is_some()));
        assert_eq!((slab.seats.capacity(), slab.free.capacity()), (0, 0), "with the last one the memory goes");
    }
}
