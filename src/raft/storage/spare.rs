//! The next segment, ready before it is needed.
//!
//! ```text
//!              prepare, a slice at a time         synced, renamed
//!   Missing ───────────────────────────> Filling ────────────────> Ready ── take ──> Missing
//!      ▲  NoRoom <── the disk is full ──────┘
//!      └─────┘ seek
//! ```
//! It is filled with zeros: writing over what is there costs half of what a file that grows costs with each sync. It is
//! never removed at a start: it is what lets a node start on a full disk.

use super::{Disk, Error};
use crate::raft::mutant::mutate;
use std::io;

/// Its name.
const NAME: &str = "spare";
/// Its name while it is being filled.
const UNFINISHED: &str = "spare.tmp";
/// What is written between two flushes. Big writes make big folios: a file zeroed page by page costs twice a write.
const SLICE: usize = 1 << 20;
/// No segment is shorter, and each is a multiple of the smaller.
pub(super) const LEN_MIN: u64 = 128 << 10;
pub(super) const LEN_STEP: u64 = 4 << 10;

/// What there is of it.
#[derive(Debug)]
pub(super) enum Spare<D: Disk> {
    Missing,
    Filling {
        file: D::File,
        at: u64,
        len: u64,
    },
    Ready {
        file: D::File,
        len: u64,
    },
    /// Until it is sought anew: each try fills the disk to its last byte, while what else needs some of it finds none.
    NoRoom,
}

impl<D: Disk> Spare<D> {
    /// At a start: the one that a former life left.
    pub(super) fn find(disk: &D) -> Result<Spare<D>, Error> {
        let names = disk.list()?;
        if names.iter().any(|name| name == UNFINISHED) {
            disk.remove(UNFINISHED)?;
        }
        if !names.iter().any(|name| name == NAME) {
            return Ok(Spare::Missing);
        }
        let file = disk.open(NAME, false)?;
        let len = disk.len(&file)?;
        let usable = LEN_MIN <= len && len.is_multiple_of(LEN_STEP);
        Ok(if usable { Spare::Ready { file, len } } else { Spare::Missing })
    }

    /// Whether there is nothing to prepare: it is ready, or there is no room for it.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self, Spare::Ready { .. } | Spare::NoRoom)
    }

    /// There may be room again.
    pub(super) fn seek(&mut self) {
        if matches!(self, Spare::NoRoom) {
            *self = Spare::Missing;
        }
    }

    /// A slice of work towards one of this length. Whether there is more to do.
    pub(super) fn prepare(&mut self, disk: &D, len: u64) -> Result<bool, Error> {
        match self.slice(disk, len) {
            Err(Error::Full) => {
                *self = Spare::NoRoom;
                match disk.remove(UNFINISHED) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
                    Ok(()) | Err(_) => Ok(false),
                }
            }
            more => more,
        }
    }

    fn slice(&mut self, disk: &D, len: u64) -> Result<bool, Error> {
        match self {
            Spare::Ready { .. } | Spare::NoRoom => return Ok(false),
            Spare::Missing => {
                *self = Spare::Filling { file: disk.open(UNFINISHED, true)?, at: 0, len };
            }
            Spare::Filling { file, at, len } => {
                let slice = (*len - *at).min(SLICE as u64);
                disk.zero_at(file, slice as usize, *at)?;
                *at += slice;
                if at == len {
                    disk.sync(file)?;
                    disk.rename(UNFINISHED, NAME)?;
                    disk.sync_dir()?;
                    self.finish();
                }
            }
        }
        Ok(!matches!(self, Spare::Ready { .. }))
    }

    fn finish(&mut self) {
        if let Spare::Filling { file, len, .. } = std::mem::replace(self, Spare::Missing) {
            *self = Spare::Ready { file, len };
        }
    }

    /// The file, and its length, which is at least `len_min`. If it is not ready, it is made now, `len` long.
    ///
    /// It keeps its name until the segment in it is whole: [`publish`].
    pub(super) fn take(&mut self, disk: &D, len_min: u64, len: u64) -> Result<(D::File, u64), Error> {
        if matches!(self, Spare::Ready { len, .. } if *len < len_min) {
            *self = Spare::Missing;
        }
        while self.prepare(disk, len.max(len_min).next_multiple_of(LEN_STEP))? {}
        match std::mem::replace(self, Spare::Missing) {
            Spare::Ready { file, len } => Ok((file, len)),
            Spare::Missing | Spare::Filling { .. } | Spare::NoRoom => {
                *self = Spare::NoRoom;
                Err(Error::Full)
            }
        }
    }
}

/// Makes a segment written into the taken spare durable, and only then gives it its name, durably.
pub(super) fn publish<D: Disk>(disk: &D, file: &D::File, name: &str) -> Result<(), Error> {
    mutate!(SegmentUnsynced, disk.sync(file)?, ());
    disk.rename(NAME, name)?;
    mutate!(NamesUnsynced, disk.sync_dir()?, ());
    Ok(())
}
