//! Where the entries of a wheel lie: chunks, so that growth copies nothing and the memory of a crowd is given back.

use std::num::NonZeroU32;

/// No entry.
const NONE: u32 = u32::MAX;
const CHUNK_SHIFT: u32 = 12;
const CHUNK: usize = 1 << CHUNK_SHIFT;

#[derive(Clone, Debug)]
struct Entry<T> {
    /// When it is due; of a free one, the next free one of its chunk.
    at: u64,
    generation: NonZeroU32,
    /// `None`: the entry is free.
    value: Option<T>,
}

/// So many entries begin on a line of the processor's cache: so as few as may be lie in two.
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
            let free = |_| Entry { at: 0, generation: NonZeroU32::MIN, value: None };
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

    /// Whether the next generation is the first again.
    pub(super) fn is_last_generation(&self) -> bool {
        self.generations == NonZeroU32::MAX
    }

    /// Whether this generation was given before the generations began anew.
    pub(super) fn is_of_a_former_lap(&self, generation: NonZeroU32) -> bool {
        self.generations < generation
    }

    /// The next generation comes after this one.
    #[cfg(test)]
    pub(super) fn set_generation(&mut self, generation: NonZeroU32) {
        self.generations = generation;
    }

    pub(super) fn len(&self) -> usize {
        self.len
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

    /// Has the processor fetch an entry.
    pub(super) fn touch(&self, index: u32) -> u64 {
        self.get(index).map_or(0, |entry| entry.at)
    }

    /// When that very entry is due, if it is still there.
    pub(super) fn due(&self, index: u32, generation: NonZeroU32) -> Option<u64> {
        let entry = self.get(index).filter(|entry| entry.generation == generation && entry.value.is_some())?;
        Some(entry.at)
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
        let entry = Entry { at, generation, value: Some(value) };
        chunk.live += 1;
        let index = if chunk.free == NONE {
            number | chunk.fresh()
        } else {
            let free = chunk.free;
            chunk.free = chunk.entry(free).at as u32;
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
        entry.at = next.into();
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
}
