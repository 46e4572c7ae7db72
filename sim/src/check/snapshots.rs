//! R18: the snapshots of one place are the same, byte by byte, whoever wrote them.
//!
//! ```text
//!   head 64: .., place, cluster | membership | chunks .. | footer 24: bytes, chunks, sum of their sums
//!   └─────── under one sum, at its end ──────┘           └── of the state: lists, sessions, replies ──┘
//! ```
//! Nothing in a file says who wrote it, and one that a peer has begun to take in from one it goes on taking in from
//! another. A file's own sums stand for all that is in it: they are read where it is taken or has come, and of the first of
//! a place its sessions besides.

use super::Check;
use rsm::raft::storage::SimulatedDisk;
use rsm::raft::{LogId, NodeId};

/// The sums of a snapshot's file: at the end of its head, and its footer. `docs/log-format.md` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileSums {
    /// Of the head and of the membership behind it.
    head: [u8; 4],
    /// How many bytes of state, in how many chunks, and the sum of their sums.
    footer: [u8; 24],
}

/// What the file of the snapshot of this place is called.
pub(super) fn name(at: LogId) -> String {
    format!("snap-{:016x}-{:016x}", at.index.0, at.term.0)
}

/// So long is a head.
pub(super) const HEAD: usize = 64;

impl FileSums {
    /// Of the snapshot of this name on this disk; none if it is not there any more, or that disk is rotten.
    fn of(disk: &SimulatedDisk, name: &str) -> Option<FileSums> {
        let (mut head, mut footer) = ([0; HEAD], [0; 24]);
        let is_there = !disk.is_rotten() && disk.ends(name, &mut head, &mut footer);
        let head = head.last_chunk().copied().filter(|_| is_there)?;
        Some(FileSums { head, footer })
    }
}

impl Check {
    /// R18: a node has taken the snapshot of this place, or was brought it, and this is its disk.
    pub fn holds(&mut self, node: NodeId, at: LogId, disk: &SimulatedDisk) {
        let name = name(at);
        let Some(sums) = FileSums::of(disk, &name) else { return };
        let Some(&(first, before)) = self.snapshots.get(&at) else {
            self.snapshots.insert(at, (node, sums));
            return self.fits_the_table(node, at, (disk, &name));
        };
        self.alike += u64::from(first != node);
        if before != sums {
            let what = format!("the snapshot of {at:?} is {sums:02x?} on {node}, and was {before:02x?} on {first}");
            self.break_rule("R18", what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::{Change, Lists};
    use crate::run::Case;
    use rsm::raft::ClusterId;
    use rsm::raft::machine::{Applied, StateMachine};
    use rsm::raft::storage::Snapshots;
    use rsm::raft::{Index, Term};
    use std::io::Write;
    use std::sync::Arc;
    use std::time::Duration;

    const AT: LogId = LogId::new(2, 7);

    /// A disk with a snapshot of this membership, in whose list this stands, with this behind it.
    fn disk(membership: &'static [u8], number: u64, sessions: &[u8]) -> Arc<SimulatedDisk> {
        let (disk, mut lists) = (Arc::new(SimulatedDisk::new(1)), Lists::default());
        lists.apply(Change { key: 1, number, expected: None, pad: 0 }, Applied::new(Index(7), Term(2)));
        let snapshots = Snapshots::new(Arc::clone(&disk), ClusterId(5)).expect("it is empty");
        let mut taking = snapshots.take(AT, membership.into()).expect("there is room");
        lists.snapshot()(&mut taking).expect("there is room");
        taking.write_all(sessions).expect("there is room");
        taking.finish().expect("there is room");
        disk
    }

    #[test]
    fn r18_two_snapshots_of_one_place_that_do_not_hold_the_same() {
        let broken = |other: &SimulatedDisk| {
            let mut check = Check::default();
            for (node, disk) in [(0, &*disk(b"members", 1, b"sessions")), (1, other)] {
                check.holds(NodeId(node), AT, disk);
            }
            assert_eq!(check.alike, 1);
            check.broken().map(|violation| violation.rule)
        };
        assert_eq!(broken(&disk(b"members", 1, b"sessions")), None);
        assert_eq!(broken(&disk(b"members", 2, b"sessions")), Some("R18"), "another state");
        assert_eq!(broken(&disk(b"members", 1, b"sessioms")), Some("R18"), "another session");
        assert_eq!(broken(&disk(b"memberz", 1, b"sessions")), Some("R18"), "other members");
    }

    #[test]
    fn of_a_disk_that_has_rotted_and_of_a_file_that_is_gone_nothing_is_asked() {
        let disk = disk(b"members", 1, b"sessions");
        assert_eq!(FileSums::of(&disk, &name(LogId::new(2, 8))), None);
        assert!(FileSums::of(&disk, &name(AT)).is_some());
        assert!(disk.rot(&name(AT), 70, 1));
        assert_eq!(FileSums::of(&disk, &name(AT)), None);
    }

    #[test]
    fn seeds_take_snapshots_of_one_place_on_more_than_one_peer() {
        let case = |seed: u64| {
            let mut case = Case::new(seed, Duration::from_secs(2));
            (case.swarm.nodes, case.swarm.snapshot_entries) = (3, 4);
            let sums = case.unaimed().run().sums;
            (sums.alike, sums.tables, sums.states)
        };
        let sum = |sum: (u64, u64, u64), one: (u64, u64, u64)| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2);
        let (alike, tables, states) = (0..4).map(case).fold((0, 0, 0), sum);
        assert!(10 <= alike, "{alike} snapshots of a place of which there was one");
        assert!(10 <= tables, "{tables} session tables held against the reference's");
        assert!(10 <= states, "{states} states held against the reference's on the way");
    }
}
