//! One file: what readers see, what a crash leaves, and what stands between the two.

use super::image::{Image, Piece};
use super::ledger::Ledger;
use crate::mix::Draws;
use std::borrow::Cow;
use std::sync::Arc;

/// What the platter, or the flash, is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sectors {
    /// What a disk writes whole or not at all, mostly.
    pub(super) bytes: u64,
    /// A write that is cut short leaves alone what lies beside it in them.
    pub(super) powersafe: bool,
}

#[derive(Debug)]
pub(super) struct Inode {
    /// Shared with the open files.
    number: Arc<u64>,
    pub(super) durable: Image,
    pub(super) cache: Image,
    /// In order.
    pub(super) pending: Vec<Write>,
    /// Cache and disk hold the same, but for what is pending.
    pub(super) is_clean: bool,
    /// What became of all but the pending.
    pub(super) ledger: Ledger,
}

/// A write that was not synced.
#[derive(Clone, Debug)]
pub(super) struct Write {
    /// Most have one.
    first: Option<Piece>,
    others: Vec<Piece>,
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
            ledger: self.ledger,
        }
    }
}

impl Inode {
    pub(super) fn new(number: u64) -> Inode {
        Inode {
            number: Arc::new(number),
            durable: Image::default(),
            cache: Image::default(),
            pending: Vec::new(),
            is_clean: true,
            ledger: Ledger::default(),
        }
    }

    pub(super) fn handle(&self) -> Arc<u64> {
        Arc::clone(&self.number)
    }

    pub(super) fn is_open(&self) -> bool {
        1 < Arc::strong_count(&self.number)
    }

    pub(super) fn write(&mut self, mut pieces: impl Iterator<Item = Piece>) {
        let write = Write { first: pieces.next(), others: pieces.collect() };
        write.put(&mut self.cache);
        self.ledger.written += write.len() as u64;
        self.pending.push(write);
    }

    pub(super) fn sync(&mut self) {
        for write in self.pending.drain(..) {
            write.put(&mut self.durable);
            self.ledger.settle(write.len(), true);
        }
    }

    /// What has become of its bytes.
    pub(super) fn account(&self) -> Ledger {
        Ledger { pending: self.pending.iter().map(|write| write.len() as u64).sum(), ..self.ledger }
    }

    /// A sync that fails: some sectors landed; all count as clean, so that no later sync writes the others.
    pub(super) fn lose(&mut self, sector: u64, draws: &mut Draws) {
        self.is_clean = false;
        for write in std::mem::take(&mut self.pending) {
            for (at, bytes) in write.sectors(sector) {
                let lands = draws.chance(1, 2);
                if lands {
                    self.durable.write(at, &bytes);
                }
                self.ledger.settle(bytes.len(), lands);
            }
        }
    }

    pub(super) fn rot(&mut self, at: u64, bit: u8) -> bool {
        self.cache.flip(at, bit);
        self.durable.flip(at, bit)
    }
}

impl Write {
    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.first.iter().chain(&self.others)
    }

    pub(super) fn put(&self, image: &mut Image) {
        self.pieces().for_each(|piece| image.put(piece));
    }

    pub(super) fn len(&self) -> usize {
        self.pieces().map(Piece::len).sum()
    }

    /// Its parts that lie in one sector of so many bytes each, and where.
    pub(super) fn sectors(&self, bytes: u64) -> impl Iterator<Item = (u64, Cow<'_, [u8]>)> {
        self.pieces().flat_map(move |piece| {
            let (at, end) = (piece.at(), piece.at() + piece.len() as u64);
            (at / bytes..end.div_ceil(bytes)).map(move |sector| {
                let (from, to) = ((sector * bytes).max(at), ((sector + 1) * bytes).min(end));
                (from, piece.bytes((from - at) as usize..(to - at) as usize))
            })
        })
    }
}
