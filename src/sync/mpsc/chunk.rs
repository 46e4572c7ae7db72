//! Where messages lie: chunks of about 4 KiB, chained, handed over whole. Nothing is ever copied to grow.
//!
//! ```text
//!   Chain   head ──> chunk ──> chunk ──> chunk <── tail       senders write at the tail, under BUSY
//!                                        ^ used .. room
//!   Chunk   next | len | room | place, place, ...             one allocation, so that a heap can merge what is freed
//! ```
//! C1 a chunk belongs to one chain, hand or pile of spares at a time. C2 a chunk in a chain is never empty. C4 of a chain's newest
//! chunk the first `used` places of `room` hold messages, and the chain counts them; of any other chunk the first `len` do.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::{ManuallyDrop, MaybeUninit, offset_of, size_of};
use std::ptr::{self, NonNull};

/// How many drained chunks are kept, in the channel and in the hand together.
pub(super) const SPARES_MAX: usize = 2;

/// The head of a chunk. Its places lie behind it, in the same allocation. It never grows: it is full when its room is used up.
#[repr(C)]
struct Chunk<T> {
    next: Option<NonNull<Chunk<T>>>,
    len: usize,
    room: usize,
    places: [MaybeUninit<T>; 0],
}

/// Messages per chunk: 4 KiB with the head, at least 8.
pub(super) const fn room<T>() -> usize {
    // The head alone is longer where a message is aligned to so much.
    let bytes = 4096usize.saturating_sub(offset_of!(Chunk<T>, places));
    match size_of::<T>() {
        0 => 4096,
        size if size * 8 > bytes => 8,
        size => bytes / size,
    }
}

/// A chunk that nobody else knows.
pub(super) struct Loose<T>(NonNull<Chunk<T>>);

impl<T> Loose<T> {
    /// An empty chunk for so many. Allocates.
    pub(super) fn new(room: usize) -> Loose<T> {
        let layout = Self::layout(room);
        // SAFETY: by itself: the layout is not of size 0, as it holds the head.
        let Some(chunk) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let chunk = chunk.cast::<Chunk<T>>();
        // SAFETY: by itself: it was just allocated, with room and alignment for a head.
        unsafe { chunk.write(Chunk { next: None, len: 0, room, places: [] }) };
        Loose(chunk)
    }

    fn layout(room: usize) -> Layout {
        let places = Layout::array::<T>(room).and_then(|places| Layout::new::<Chunk<T>>().extend(places));
        places.expect("a chunk is some KiB long").0
    }

    fn head(&self) -> &Chunk<T> {
        // SAFETY: C1, nobody else knows the chunk; the head was written when it was made.
        unsafe { self.0.as_ref() }
    }

    fn head_mut(&mut self) -> &mut Chunk<T> {
        // SAFETY: C1, as in `head`; `&mut self` is its only user.
        unsafe { self.0.as_mut() }
    }

    /// The first place.
    pub(super) fn places(&self) -> NonNull<T> {
        // SAFETY: by itself: the places lie within the allocation, behind the head.
        unsafe { self.0.byte_add(offset_of!(Chunk<T>, places)) }.cast()
    }

    /// Messages in it.
    pub(super) fn len(&self) -> usize {
        self.head().len
    }

    /// Places in it.
    pub(super) fn room(&self) -> usize {
        self.head().room
    }

    /// Says that it is empty, and how many messages are now the caller's.
    pub(super) fn take_len(&mut self) -> usize {
        std::mem::take(&mut self.head_mut().len)
    }

    /// One more message. There must be room.
    pub(super) fn push(&mut self, message: T) {
        let len = self.len();
        assert!(len < self.room(), "C4: a chunk never grows");
        // SAFETY: C4: the place is below the room.
        let place = unsafe { self.places().add(len) };
        // SAFETY: the place is within the allocation, and holds no message yet (C4).
        unsafe { place.write(message) };
        self.head_mut().len = len + 1;
    }

    /// The messages in it, elsewhere.
    pub(super) fn into_vec(mut self) -> Vec<T> {
        let len = self.take_len();
        let mut messages = Vec::with_capacity(len);
        // SAFETY: the first `len` places hold messages (C4), which are ours; the vector has room for them.
        unsafe { ptr::copy_nonoverlapping(self.places().as_ptr(), messages.as_mut_ptr(), len) };
        // SAFETY: C4: so many were just put there.
        unsafe { messages.set_len(len) };
        messages
    }

    /// Whether it has a chunk's ordinary room: only such are kept as spares.
    fn is_roomy(&self) -> bool {
        self.room() >= room::<T>()
    }
}

impl<T> Drop for Loose<T> {
    fn drop(&mut self) {
        /// Frees the chunk although a message's drop has panicked.
        struct Free<T>(NonNull<Chunk<T>>, Layout);
        impl<T> Drop for Free<T> {
            fn drop(&mut self) {
                // SAFETY: it was allocated by this layout, and is ours alone (C1).
                unsafe { dealloc(self.0.as_ptr().cast(), self.1) };
            }
        }
        let _free = Free(self.0, Self::layout(self.room()));
        let messages = ptr::slice_from_raw_parts_mut(self.places().as_ptr(), self.take_len());
        // SAFETY: the first `len` places hold messages (C4), and nobody will look at them again.
        unsafe { ptr::drop_in_place(messages) };
    }
}

/// Chunks in order, oldest first.
pub(super) struct Chain<T> {
    /// The newest chunk's (C4); with no chunk `used` and `room` are 0.
    places: NonNull<T>,
    used: usize,
    room: usize,
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
        Chain { places: NonNull::dangling(), used: 0, room: 0, ends: None }
    }

    /// Puts a message into the newest chunk; gives it back if there is no room.
    #[inline]
    pub(super) fn push(&mut self, message: T) -> Result<(), T> {
        if self.used == self.room {
            return Err(message);
        }
        // SAFETY: C4, the place is below the newest chunk's room.
        let place = unsafe { self.places.add(self.used) };
        self.used += 1;
        // SAFETY: C1, the chunk is this chain's, and `&mut self` is its only user; the place holds no message yet (C4).
        unsafe { place.write(message) };
        Ok(())
    }

    /// Copies a chunk's messages behind the newest, and so empties it; false if there is no room.
    pub(super) fn append(&mut self, chunk: &mut Loose<T>) -> bool {
        let len = chunk.len();
        if self.room - self.used < len {
            return false;
        }
        // SAFETY: C4, the place is within the newest chunk's room.
        let place = unsafe { self.places.add(self.used) };
        // SAFETY: C1, C4: the other chunk's messages are there and become ours; here are so many places without one.
        unsafe { ptr::copy_nonoverlapping(chunk.places().as_ptr(), place.as_ptr(), len) };
        self.used += chunk.take_len();
        true
    }

    /// Adds a chunk at the new end. It must not be empty (C2).
    pub(super) fn link(&mut self, chunk: Loose<T>) {
        let mut added = ManuallyDrop::new(chunk);
        self.seal();
        match &mut self.ends {
            None => self.ends = Some(Ends { head: added.0, tail: added.0 }),
            Some(ends) => {
                // SAFETY: C1, the chunk is this chain's, and `&mut self` is its only user.
                unsafe { ends.tail.as_mut() }.next = Some(added.0);
                ends.tail = added.0;
            }
        }
        (self.places, self.room) = (added.places(), added.room());
        self.used = added.take_len();
    }

    /// Takes the oldest chunk out.
    pub(super) fn unlink(&mut self) -> Option<Loose<T>> {
        self.seal();
        let Ends { mut head, tail } = self.ends.take()?;
        // SAFETY: C1, the chunk is this chain's, and `&mut self` is its only user.
        let next = unsafe { head.as_mut() }.next.take();
        self.ends = next.map(|head| Ends { head, tail });
        if self.ends.is_none() {
            (self.used, self.room) = (0, 0);
        }
        Some(Loose(head))
    }

    /// Notes in the newest chunk how many messages are there (C4).
    fn seal(&mut self) {
        if let Some(ends) = &mut self.ends {
            // SAFETY: C1, the chunk is this chain's, and `&mut self` is its only user.
            unsafe { ends.tail.as_mut() }.len = self.used;
        }
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
// SAFETY: C1, as above.
unsafe impl<T: Send> Send for Chain<T> {}
// SAFETY: by itself: by a shared reference no message can be reached.
unsafe impl<T: Send> Sync for Loose<T> {}
// SAFETY: by itself: as above.
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
    pub(super) fn keep(&mut self, chunk: Loose<T>, max: usize) {
        if self.len() < max && chunk.is_roomy() {
            let place = self.0.iter_mut().find(|place| place.is_none());
            *place.expect("fewer than max are there, and max is at most the number of places") = Some(chunk);
        }
    }
}
