//! All the messages that were there, taken in one step and read at leisure.
//!
//! ```text
//!   channel  [a b c]  ── take ──>  Batch: a b c ── next ──> a        the channel is empty, and takes in more meanwhile
//!                                                  dropped ──> b, c are dropped with it
//! ```

use super::hand::Hand;
use std::fmt;

/// The messages that [`Receiver::take`](super::Receiver::take) found, oldest first. What is not read is dropped with it.
///
/// ```
/// use rsm::sync::mpsc;
///
/// // A log is written a batch at a time, and flushed once for each.
/// let (log, mut lines) = mpsc::unbounded();
/// log.send_all(["one", "two", "three"]).unwrap();
/// let mut file = String::new();
/// let batch = lines.take().unwrap();
/// file.reserve(batch.len() * 8);
/// batch.for_each(|line| file.push_str(line));
/// assert_eq!(file, "onetwothree"); // flush here
/// ```
///
/// Its length is known. It keeps the receiver to itself: read it, or drop it, before the next is taken.
#[must_use = "messages that are not read are dropped with their batch"]
pub struct Batch<'a, T> {
    hand: &'a mut Hand<T>,
}

impl<'a, T> Batch<'a, T> {
    pub(super) fn new(hand: &'a mut Hand<T>) -> Self {
        Batch { hand }
    }
}

impl<T> Iterator for Batch<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.hand.pop()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.hand.len(), Some(self.hand.len()))
    }
}

impl<T> ExactSizeIterator for Batch<'_, T> {}
impl<T> std::iter::FusedIterator for Batch<'_, T> {}

impl<T> Drop for Batch<'_, T> {
    fn drop(&mut self) {
        self.hand.clear();
    }
}

impl<T> fmt::Debug for Batch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("len", &self.hand.len()).finish()
    }
}
