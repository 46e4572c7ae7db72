//! Disks that are lost: emptied, rotten, or read by nobody any more; and how many of them may be.

use crate::event::Event;
use crate::node::Node;
use crate::plan::{Harm, What};
use crate::world::World;
use rsm::raft::storage::{Disk, Error};
use std::io::ErrorKind;

impl World {
    /// Whether a fault is not to be.
    pub(super) fn is_withheld(&self, what: &What) -> bool {
        match what {
            _ if self.is_calm => true,
            What::Wipe { node, .. } => !self.may_impair(*node),
            What::Rot { node, .. } => !self.may_rot(*node),
            _ => false,
        }
    }

    /// At most as many disks as the cluster promises to survive are emptied or rot, in all of the run; beyond the budget
    /// others rot too.
    pub(crate) fn may_impair(&self, id: usize) -> bool {
        let is_lost = |node: &&Node| 0 < node.wipes || node.is_rotten() && self.swarm.is_budgeted || node.id == id;
        self.nodes.iter().filter(is_lost).count() <= (self.nodes.len() - 1) / 2
    }

    /// Each disk is lost once; one that is again as it was written is not.
    pub(super) fn may_rot(&self, id: usize) -> bool {
        let is_lost = self.nodes[id].is_rotten() || 0 < self.nodes[id].wipes;
        !is_lost && (!self.swarm.is_budgeted || self.may_impair(id))
    }

    /// Bytes change only where nothing is written any more: what was flushed last cannot be told from a torn write, and a
    /// snapshot has its name once it is whole. What cannot be read is no torn write, and may be anywhere.
    pub(super) fn rot(&mut self, id: usize, (harm, place): (Harm, u64), down: u64) -> bool {
        let node = &self.nodes[id];
        if node.process.is_none() || !self.may_rot(id) {
            return false;
        }
        let mut names = node.disk.list().unwrap_or_default();
        let newest = names.iter().filter(|name| name.ends_with(".log")).max().cloned();
        names.retain(|name| {
            let is_old = name.ends_with(".log") && (harm == Harm::Unreadable || Some(name) != newest.as_ref());
            is_old || name.starts_with("snap-") && !name.ends_with(".tmp")
        });
        if names.is_empty() {
            return false;
        }
        let runs_on = !place.is_multiple_of(2);
        if !runs_on {
            self.crash(id, down);
        }
        let (node, place) = (&mut self.nodes[id], place >> 1);
        let name = &names[(place % names.len() as u64) as usize];
        let bytes = node.disk.content(name).unwrap_or_default();
        let written = bytes.iter().rposition(|&byte| byte != 0).unwrap_or(0);
        let at = (place >> 8) % (written as u64 + 1);
        // The padding of a flush is zeros.
        let behind = || bytes[at as usize..].iter().position(|&byte| byte != 0).unwrap_or(0) as u64;
        let sector = self.swarm.sector;
        let changes = match harm {
            Harm::Flip => node.disk.rot(name, at, (place >> 5) as u8),
            Harm::Zeros => node.disk.zero(name, at + behind()),
            Harm::Former => node.disk.revert(name, at + behind()),
            Harm::Unreadable => {
                let first = at / sector;
                node.disk.spoil(name, first * sector..(first + 1 + (place >> 5) % 8) * sector)
            }
        };
        node.is_unreadable = changes && harm == Harm::Unreadable;
        let (changed, is_snapshot) = (changes && harm != Harm::Unreadable, name.starts_with("snap-"));
        self.sums.rotten += u64::from(changed && !is_snapshot);
        self.sums.rotten_snapshots += u64::from(changed && is_snapshot);
        self.sums.zeroed += u64::from(changed && harm == Harm::Zeros);
        self.sums.reverted += u64::from(changed && harm == Harm::Former);
        self.sums.unreadable += u64::from(node.is_unreadable);
        let rotten = self.nodes.iter().filter(|node| node.is_rotten()).count();
        self.sums.beyond_budget += u64::from(self.nodes.len() / 2 < rotten);
        let node = &mut self.nodes[id];
        // Some sectors were zeros, or as they are, before.
        node.rots = Some(down).filter(|_| runs_on && changes);
        changes || !runs_on
    }

    pub(super) fn wipe(&mut self, id: usize, down: u64) -> bool {
        if !self.may_impair(id) || self.nodes[id].is_rotten() {
            return false;
        }
        let is_newborn = |node: &Node| node.look(|core, _| !core.is_born()).unwrap_or(false);
        if self.nodes.iter().any(is_newborn) {
            self.marks.hit("wipe-before-all-are-born");
        }
        let node = &mut self.nodes[id];
        let was_up = node.process.is_some();
        node.kill();
        node.wipe();
        self.sums.wipes += 1;
        if was_up {
            self.later(down, Event::Start { node: id });
        }
        true
    }

    /// Of a disk that cannot be read everywhere nobody is asked to live: its operator puts another in its place, which nobody
    /// here does.
    pub(crate) fn retire(&mut self, id: usize) {
        let node = &mut self.nodes[id];
        if node.is_unreadable {
            node.kill();
            node.disk.kill();
            node.is_refused = true;
        }
    }
}

/// Whether what was read makes no sense.
pub(super) fn is_damage(why: &Error) -> bool {
    match why {
        Error::Io(why) => why.kind() == ErrorKind::InvalidData || why.to_string().contains("is damaged"),
        // Of a rotten head the version may be what has rotted.
        why => matches!(why, Error::Corrupt(_) | Error::Version(_)),
    }
}

/// Whether the next start may come without this error: what was read, and makes no sense, will make none then either.
pub(super) fn may_pass(why: &Error) -> bool {
    match why {
        Error::Io(_) => !is_damage(why),
        why => matches!(why, Error::Poisoned),
    }
}
