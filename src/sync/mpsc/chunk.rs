//! Where messages lie: chunks of about 4 KiB, chained, handed over whole. Nothing is ever copied to grow.
//!
//! ```text
//!   Chain   head ──> chunk ──> chunk ──> chunk <── tail       senders write at the tail, under BUSY
//!
//!   Hand    chunk ──> chunk                                   the receiver reads alone, outside BUSY
//!             ^ at .. end        spares: up to 2 drained chunks, given back with the next batch
//! ```
//! C1 a chunk belongs to one chain, hand or pile of spares at a time. C2 a chunk in a chain is never empty.
//! C3 what lies in the hand's chunk from `at` to `end` is there, while the chunk itself says that it is empty.

use std::mem::size_of;
use std::ptr::NonNull;

/// How many drained chunks are kept, in the channel and in the hand together.
pub(super) const SPARES_MAX: usize = 2;

/// A part of a chain. It never grows: it is full when its room is used up.
struct Chunk<T> {
    next: Option<NonNull<Chunk<T>>>,
    items: Vec<T>,
}

/// Messages per chunk: 4 KiB worth, at least 8.
pub(super) const fn room<T>() -> usize {
    match size_of::<T>() {
        0 => 4096,
        size if size > 512 => 8,
        size => 4096 / size,
    }
}

/// A chunk that nobody else knows.
pub(super) struct Loose<T>(NonNull<Chunk<T>>);

impl<T> Loose<T> {
    /// An empty chunk. Allocates.
    pub(super) fn new() -> Loose<T> {
        Loose::of(Vec::with_capacity(room::<T>()))
    }

    /// A chunk of these messages, with what room there is in their vector.
    pub(super) fn of(items: Vec<T>) -> Loose<T> {
        Loose(NonNull::from(Box::leak(Box::new(Chunk { next: None, items }))))
    }

    /// The messages in it.
    pub(super) fn items(&mut self) -> &mut Vec<T> {
        // SAFETY: C1, nobody else knows the chunk, and `&mut self` is its only user.
        let chunk = unsafe { self.0.as_mut() };
        &mut chunk.items
    }

    /// Whether it has a chunk's ordinary room: only such are kept as spares.
    fn is_roomy(&mut self) -> bool {
        self.items().capacity() >= room::<T>()
    }
}

impl<T> Drop for Loose<T> {
    fn drop(&mut self) {
        // SAFETY: C1, the chunk is ours alone; it came from `Box::leak`.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Chunks in order, oldest first.
pub(super) struct Chain<T> {
    /// None if there is no chunk.
    ends: Option<Ends<T>>,
}

struct Ends<T> {
    head: NonNull<Chunk<T>>,
    tail: NonNull<Chunk<T>>,
}

impl<T> Chain<T> {
    /// No chunk.
    pub(super) const fn new() -> Chain<T> {
        Chain { ends: None }
    }

    /// The messages of the newest chunk, to which some may be added as long as there is room.
    pub(super) fn newest(&mut self) -> Option<&mut Vec<T>> {
        let ends = self.ends.as_mut()?;
        // SAFETY: C1, the chunk is this chain's, and `&mut self` is its only user.
        let chunk = unsafe { ends.tail.as_mut() };
        Some(&mut chunk.items)
    }

    /// Adds a chunk at the new end.
    #[inline]
    pub(super) fn link(&mut self, chunk: Loose<T>) {
        let chunk = std::mem::ManuallyDrop::new(chunk).0;
        match &mut self.ends {
            None => self.ends = Some(Ends { head: chunk, tail: chunk }),
            Some(ends) => {
                // SAFETY: C1, the chunk is this chain's, and `&mut self` is its only user.
                unsafe { ends.tail.as_mut() }.next = Some(chunk);
                ends.tail = chunk;
            }
        }
    }

    /// Takes the oldest chunk out.
    pub(super) fn unlink(&mut self) -> Option<Loose<T>> {
        let Ends { mut head, tail } = self.ends.take()?;
        // SAFETY: C1, the chunk is this chain's, and `&mut self` is its only user.
        let next = unsafe { head.as_mut() }.next.take();
        self.ends = next.map(|head| Ends { head, tail });
        Some(Loose(head))
    }
}

impl<T> Drop for Chain<T> {
    fn drop(&mut self) {
        while let Some(chunk) = self.unlink() {
            drop(chunk);
        }
    }
}

// SAFETY: C1, whoever has it has the messages in it to himself, so they may go where messages may go.
unsafe impl<T: Send> Send for Loose<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Chain<T> {}
// SAFETY: by a shared reference nothing of it can be reached.
unsafe impl<T: Send> Sync for Loose<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Chain<T> {}

/// Up to two empty chunks.
pub(super) struct Spares<T>([Option<Loose<T>>; SPARES_MAX]);

impl<T> Spares<T> {
    /// None.
    pub(super) const fn new() -> Spares<T> {
        Spares([const { None }; SPARES_MAX])
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// Takes one.
    pub(super) fn pop(&mut self) -> Option<Loose<T>> {
        self.0.iter_mut().find_map(Option::take)
    }

    /// Takes over those of `other`, which holds no more than there are places.
    pub(super) fn refill(&mut self, other: &mut Spares<T>) {
        for place in self.0.iter_mut().filter(|place| place.is_none()) {
            *place = other.pop();
        }
    }

    /// Keeps an empty chunk unless there are `max` of them already.
    fn keep(&mut self, mut chunk: Loose<T>, max: usize) {
        if self.len() < max && chunk.is_roomy() {
            let place = self.0.iter_mut().find(|place| place.is_none());
            *place.expect("fewer than max are there, and max is at most the number of places") = Some(chunk);
        }
    }
}

/// What the receiver has taken and not yet read.
pub(super) struct Hand<T> {
    chunk: Option<Loose<T>>,
    /// What is left of `chunk` (C3).
    at: usize,
    end: usize,
    chain: Chain<T>,
    len: usize,
    spares: Spares<T>,
    spares_max: usize,
}

impl<T> Hand<T> {
    /// An empty hand.
    pub(super) const fn new() -> Hand<T> {
        Hand { chunk: None, at: 0, end: 0, chain: Chain::new(), len: 0, spares: Spares::new(), spares_max: SPARES_MAX }
    }

    /// Messages not yet read.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes over a chain of that many messages. The hand must be empty. `spares` are in the channel already.
    pub(super) fn fill(&mut self, chain: Chain<T>, len: usize, spares: usize) {
        debug_assert!(self.len == 0, "a batch is taken when the one before is read");
        self.chain = chain;
        self.len = len;
        self.spares_max = SPARES_MAX - spares;
    }

    /// Chunks that it holds on to.
    #[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
    pub(super) fn chunks(&self) -> usize {
        self.spares.len() + usize::from(self.chunk.is_some())
    }

    /// The spares, to be given back.
    pub(super) fn spares(&mut self) -> &mut Spares<T> {
        &mut self.spares
    }

    /// The oldest message.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.at == self.end && !self.turn() {
            return None;
        }
        let chunk = self.chunk.as_mut().expect("C3: where something is left, there is a chunk");
        // SAFETY: C3, `at` lies before `end`, hence within the chunk.
        let place = unsafe { chunk.items().as_ptr().add(self.at) };
        self.at += 1;
        self.len -= 1;
        // SAFETY: C3, the message is there; `at` has passed it, so it is read once.
        Some(unsafe { place.read() })
    }

    /// Puts a drained chunk by as a spare, or frees it.
    pub(super) fn retire(&mut self) {
        if self.at == self.end
            && let Some(drained) = self.chunk.take()
        {
            self.spares.keep(drained, self.spares_max);
        }
    }

    /// Goes on to the next chunk; false if there is none.
    #[cold]
    fn turn(&mut self) -> bool {
        self.retire();
        let Some(mut next) = self.chain.unlink() else { return false };
        self.at = 0;
        self.end = next.items().len();
        // SAFETY: shrinking to 0 leaves the messages where they are; from here on they are the hand's (C3).
        unsafe { next.items().set_len(0) };
        self.chunk = Some(next);
        debug_assert!(self.at < self.end, "C2: a chunk in a chain is never empty");
        true
    }

    /// Drops what is left, whatever a message's drop does.
    pub(super) fn clear(&mut self) {
        struct Rest<'a, T>(&'a mut Hand<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                // Reached with messages left only if the drop of one has panicked.
                while let Some(message) = self.0.pop() {
                    drop(message);
                }
            }
        }
        let rest = Rest(self);
        while let Some(message) = rest.0.pop() {
            drop(message);
        }
    }
}

impl<T> Drop for Hand<T> {
    fn drop(&mut self) {
        self.clear();
    }
}
