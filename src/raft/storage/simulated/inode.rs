//! One file: what readers see, what a crash leaves, and what stands between the two.

use super::image::{Image, Piece};
use super::ledger::Ledger;
use super::rot::Rotten;
use crate::mix::Draws;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
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
    /// What stood in sectors before a sync changed them, of those in which something stood, by where they begin.
    former: BTreeMap<u64, Box<[u8]>>,
    /// Each read of some of these fails.
    pub(super) unreadable: Option<Range<u64>>,
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
            former: self.former.clone(),
            unreadable: self.unreadable.clone(),
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
            former: BTreeMap::new(),
            unreadable: None,
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

    /// Reads up to what nobody can read; `None` if that is where it begins.
    pub(super) fn read(&self, at: u64, out: &mut [u8]) -> Option<usize> {
        let end = self.cache.len().min(at as usize + out.len()) as u64;
        match self.unreadable.as_ref().filter(|bad| at.max(bad.start) < end.min(bad.end)) {
            Some(bad) if bad.start <= at => None,
            Some(bad) => Some(self.cache.read(at, &mut out[..(bad.start - at) as usize])),
            None => Some(self.cache.read(at, out)),
        }
    }

    pub(super) fn sync(&mut self, sector: u64) {
        self.keep_former(sector);
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

    /// What a sync is about to change. Most of it are zeros, which are seen at once and not kept.
    fn keep_former(&mut self, sector: u64) {
        let Inode { pending, durable, former, .. } = self;
        let places = pending.iter().flat_map(Write::pieces).map(|piece| piece.at()..piece.at() + piece.len() as u64);
        for Range { start: at, end } in places.filter(|place| durable.shows(place.clone())) {
            let sectors = (at / sector..end.div_ceil(sector)).map(|nth| nth * sector);
            for start in sectors.filter(|&start| durable.shows(start..start + sector)) {
                let mut bytes = vec![0; sector as usize];
                let held = durable.read(start, &mut bytes);
                bytes.truncate(held);
                if bytes.iter().any(|&byte| byte != 0) {
                    former.insert(start, bytes.into());
                }
            }
        }
    }

    pub(super) fn flip(&mut self, at: u64, bit: u8) -> Rotten {
        self.rot(|image| image.flip(at, bit))
    }

    /// The sector with this byte holds zeros. Where that changes it.
    pub(super) fn zero(&mut self, at: u64, sector: u64) -> Rotten {
        self.change(at / sector * sector, &vec![0; sector as usize])
    }

    /// The first sector from there on of which it is known holds what it did before it was changed last, or else that of
    /// this byte: zeros. Where that changes it.
    pub(super) fn revert(&mut self, at: u64, sector: u64) -> Rotten {
        let known = self.former.range(at / sector * sector..).next().or_else(|| self.former.iter().next());
        match known.map(|(&start, bytes)| (start, bytes.clone())) {
            Some((start, bytes)) => {
                let mut whole = bytes.into_vec();
                whole.resize(sector as usize, 0);
                self.change(start, &whole)
            }
            None => self.zero(at, sector),
        }
    }

    /// Puts other bytes there, on the disk and in the cache, as far as each is long. Where that changes something.
    fn change(&mut self, at: u64, bytes: &[u8]) -> Rotten {
        self.rot(|image| {
            let mut held = vec![0; bytes.len()];
            let read = image.read(at, &mut held);
            let changes = held[..read] != bytes[..read];
            if changes {
                Piece::all(at, &bytes[..read]).for_each(|piece| image.put(&piece));
            }
            changes
        })
    }

    /// Changes the cache and the disk, each of which says whether it did. A crash finds that they may differ.
    fn rot(&mut self, change: impl Fn(&mut Image) -> bool) -> Rotten {
        self.is_clean = false;
        Rotten { in_cache: change(&mut self.cache), on_disk: change(&mut self.durable) }
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
