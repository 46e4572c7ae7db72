//! Where the entries of a wheel lie: chunks, so that growth copies nothing and the memory of a crowd is given back.

use std::num::NonZeroU32;

/// No entry.
pub(super) const NONE: u32 = u32::MAX;
const CHUNK_SHIFT: u32 = 12;
const CHUNK: usize = 1 << CHUNK_SHIFT;

#[derive(Clone, Debug)]
struct Entry<T> {
    at: u64,
    link: Link,
    generation: NonZeroU32,
    /// `None`: the entry is free, and `link.next` is the next free one of its chunk.
    value: Option<T>,
}

/// Neighbours in a ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) next: u32,
    pub(super) prev: u32,
}

/// So many entries begin on a line of the processor's cache: as the allocator puts them, every second one of 32 bytes would lie in two.
const GROUP: usize = 8;

#[derive(Clone, Debug)]
#[repr(align(64))]
struct Group<T>([Entry<T>; GROUP]);

#[derive(Clone, Debug)]
struct Chunk<T> {
    groups: Vec<Group<T>>,
    /// How many entries were ever taken.
    used: u32,
    free: u32,
    live: usize,
}

impl<T> Chunk<T> {
    /// The first of a wheel grows, as most wheels are small; of the others nothing is copied.
    fn new(is_first: bool) -> Chunk<T> {
        let groups = Vec::with_capacity(if is_first { 0 } else { CHUNK / GROUP });
        Chunk { groups, used: 0, free: NONE, live: 0 }
    }

    /// Of any entry's number, in whatever chunk, the one here.
    fn entry(&mut self, index: u32) -> &mut Entry<T> {
        let nth = index as usize % CHUNK;
        &mut self.groups[nth / GROUP].0[nth % GROUP]
    }

    /// The number, in this chunk, of an entry that was never taken.
    fn fresh(&mut self) -> u32 {
        if (self.used as usize).is_multiple_of(GROUP) {
            let link = Link { next: NONE, prev: NONE };
            let free = |_| Entry { at: 0, link, generation: NonZeroU32::MIN, value: None };
            self.groups.push(Group(std::array::from_fn(free)));
        }
        self.used += 1;
        self.used - 1
    }
}

/// Entries by number.
#[derive(Clone, Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// Every chunk before this one is full.
    open: usize,
    len: usize,
    generations: NonZeroU32,
}

impl<T> Slab<T> {
    pub(super) const ENTRY_BYTES: usize = size_of::<Entry<T>>();

    pub(super) const fn new() -> Self {
        Slab { chunks: Vec::new(), open: 0, len: 0, generations: NonZeroU32::MIN }
    }

    #[cfg(test)]
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn entry(&self, index: u32) -> &Entry<T> {
        &self.chunks[(index >> CHUNK_SHIFT) as usize].groups[index as usize % CHUNK / GROUP].0[index as usize % GROUP]
    }

    fn entry_mut(&mut self, index: u32) -> &mut Entry<T> {
        self.chunks[(index >> CHUNK_SHIFT) as usize].entry(index)
    }

    /// An entry, if its group is there: it may never have been taken, or be free again.
    fn get(&self, index: u32) -> Option<&Entry<T>> {
        let group = self.chunks.get((index >> CHUNK_SHIFT) as usize)?.groups.get(index as usize % CHUNK / GROUP)?;
        Some(&group.0[index as usize % GROUP])
    }

    /// Whether this very entry is still there.
    pub(super) fn has(&self, index: u32, generation: NonZeroU32) -> bool {
        self.get(index).is_some_and(|entry| entry.generation == generation && entry.value.is_some())
    }

    /// Has the processor fetch an entry: its neighbours, if it is there.
    pub(super) fn touch(&self, index: u32) -> Option<Link> {
        self.get(index).map(|entry| entry.link)
    }

    pub(super) fn at(&self, index: u32) -> u64 {
        self.entry(index).at
    }

    pub(super) fn generation(&self, index: u32) -> NonZeroU32 {
        self.entry(index).generation
    }

    pub(super) fn link(&self, index: u32) -> Link {
        self.entry(index).link
    }

    pub(super) fn insert(&mut self, at: u64, value: T) -> (u32, NonZeroU32) {
        while self.chunks.get(self.open).is_some_and(|chunk| chunk.live == CHUNK) {
            self.open += 1;
        }
        if self.open == self.chunks.len() {
            self.chunks.push(Chunk::new(self.chunks.is_empty()));
        }
        self.generations = self.generations.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.len += 1;
        let (generation, number) = (self.generations, (self.open as u32) << CHUNK_SHIFT);
        let chunk = &mut self.chunks[self.open];
        let entry = Entry { at, link: Link { next: NONE, prev: NONE }, generation, value: Some(value) };
        chunk.live += 1;
        let index = if chunk.free == NONE {
            number | chunk.fresh()
        } else {
            let free = chunk.free;
            chunk.free = chunk.entry(free).link.next;
            free
        };
        *chunk.entry(index) = entry;
        (index, generation)
    }

    pub(super) fn remove(&mut self, index: u32) -> T {
        let number = (index >> CHUNK_SHIFT) as usize;
        let chunk = &mut self.chunks[number];
        let next = chunk.free;
        let entry = chunk.entry(index);
        let value = entry.value.take().expect("only an entry that is there is removed");
        entry.link.next = next;
        chunk.free = index;
        chunk.live -= 1;
        self.len -= 1;
        self.open = self.open.min(number);
        // One empty chunk stays, or a crowd that moves around a full one would have it made and given back each time.
        while let [.., before, last] = self.chunks.as_slice()
            && before.live + last.live == 0
        {
            self.chunks.pop();
        }
        value
    }

    /// Links an entry as the youngest of the ring whose oldest is `head`.
    pub(super) fn append(&mut self, head: &mut u32, index: u32) {
        if *head == NONE {
            *head = index;
            self.entry_mut(index).link = Link { next: index, prev: index };
            return;
        }
        let last = self.link(*head).prev;
        self.entry_mut(index).link = Link { next: *head, prev: last };
        self.entry_mut(last).link.next = index;
        self.entry_mut(*head).link.prev = index;
    }

    /// Takes an entry out of the ring whose oldest is `head`.
    pub(super) fn unlink(&mut self, head: &mut u32, index: u32) {
        let Link { next, prev } = self.link(index);
        if next == index {
            *head = NONE;
            return;
        }
        self.entry_mut(prev).link.next = next;
        self.entry_mut(next).link.prev = prev;
        if *head == index {
            *head = next;
        }
    }
}
