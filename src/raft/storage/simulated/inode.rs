//! One file: what readers see, what a crash leaves, and what stands between the two.

use crate::mix::Draws;
use std::sync::Arc;

/// What a disk writes whole or not at all, mostly.
pub(super) const SECTOR: u64 = 512;

#[derive(Debug)]
pub(super) struct Inode {
    /// Shared with the open files.
    number: Arc<u64>,
    pub(super) durable: Vec<u8>,
    pub(super) cache: Vec<u8>,
    /// In order.
    pub(super) pending: Vec<Write>,
    /// Cache and disk hold the same, but for what is pending.
    pub(super) is_clean: bool,
}

/// A write that was not synced.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

/// A copy is another disk's: nobody has opened it.
impl Clone for Inode {
    fn clone(&self) -> Inode {
        Inode {
            number: Arc::new(*self.number),
            durable: self.durable.clone(),
            cache: self.cache.clone(),
            pending: self.pending.clone(),
            is_clean: self.is_clean,
        }
    }
}

impl Inode {
    pub(super) fn new(number: u64) -> Inode {
        Inode { number: Arc::new(number), durable: Vec::new(), cache: Vec::new(), pending: Vec::new(), is_clean: true }
    }

    pub(super) fn handle(&self) -> Arc<u64> {
        Arc::clone(&self.number)
    }

    pub(super) fn is_open(&self) -> bool {
        1 < Arc::strong_count(&self.number)
    }

    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        put(&mut self.cache, at, bytes);
        self.pending.push(Write { at, bytes: bytes.to_vec() });
    }

    pub(super) fn sync(&mut self) {
        for write in self.pending.drain(..) {
            put(&mut self.durable, write.at, &write.bytes);
        }
    }

    /// A sync that fails: some sectors landed; all count as clean, so that no later sync writes the others.
    pub(super) fn lose(&mut self, draws: &mut Draws) {
        self.is_clean = false;
        for write in std::mem::take(&mut self.pending) {
            for piece in write.sectors() {
                if draws.chance(1, 2) {
                    put(&mut self.durable, piece.at, piece.bytes);
                }
            }
        }
    }

    pub(super) fn rot(&mut self, at: u64, bit: u8) -> bool {
        let at = at as usize;
        for image in [&mut self.durable, &mut self.cache] {
            if let Some(byte) = image.get_mut(at) {
                *byte ^= 1 << (bit % 8);
            }
        }
        at < self.durable.len()
    }
}

/// The part of a write that lies in one sector.
pub(super) struct Piece<'a> {
    pub(super) at: u64,
    pub(super) bytes: &'a [u8],
}

impl Write {
    pub(super) fn sectors(&self) -> impl Iterator<Item = Piece<'_>> {
        let end = self.at + self.bytes.len() as u64;
        (self.at / SECTOR..end.div_ceil(SECTOR)).map(move |sector| {
            let (from, to) = ((sector * SECTOR).max(self.at), ((sector + 1) * SECTOR).min(end));
            Piece { at: from, bytes: &self.bytes[(from - self.at) as usize..(to - self.at) as usize] }
        })
    }
}

/// Writes into an image, which grows; a hole reads as zeros.
pub(super) fn put(image: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let (from, to) = (at as usize, at as usize + bytes.len());
    if image.len() < to {
        image.resize(to, 0);
    }
    image[from..to].copy_from_slice(bytes);
}
