//! Power fails at each disk operation of a short life, one run after the other: none of them is left to chance.
//!
//! ```text
//!   the 1st operation, the 2nd, ..  ──> a run each: it fails in the midst of that one, the node starts again, all is well
//!   until a run ends before the operation comes
//! ```
//! Limits are small, so that a short life has everything: segments are begun and removed, snapshots are written, and
//! received once the node has been cut off, a log is recovered.

use crate::calm;
use crate::net::Weather;
use crate::plan::{Families, Fault, INBOX, MS, Shape, Swarm, TICKETS, What, swarm};
use crate::run::{Case, Report};
use rsm::raft::Time;
use std::time::Duration;

/// How long a life is before all is calm.
const LASTS: Duration = Duration::from_millis(250);

/// What came of a sweep.
#[derive(Clone, Debug)]
pub struct Swept {
    /// How many operations a life has: as many runs.
    pub operations: u64,
    /// The first that has broken a rule, and the operation at which its power failed.
    pub broken: Option<(u64, Report)>,
}

/// A life of this node whose power fails at that operation.
#[must_use]
pub fn life(node: usize, operation: u64) -> Case {
    // Such a run says at its end whether all nodes live and hold the same.
    let seed = (0..).find(|&seed| calm::is_last(seed)).unwrap_or_default();
    let swarm = Swarm {
        nodes: 3,
        clients: 4,
        rest: 5 * MS,
        election: Duration::from_millis(40),
        heartbeat: Duration::from_millis(10),
        snapshot_entries: 4,
        segment_bytes: 128 << 10,
        sessions_max: 8,
        weather: Weather::fair(MS / 4, MS / 4),
        disk_mean: MS / 10,
        drift_ppm: 0,
        pre_vote: true,
        check_quorum: true,
        window: 4,
        append_bytes: 4 << 10,
        cache_bytes: 4 << 10,
        piece_bytes: 256,
        tickets: TICKETS,
        inbox: INBOX,
        ties: false,
        families: Families::default(),
        is_control: false,
        ..swarm(seed)
    };
    let crash = What::CrashAtDisk { node, operations: operation, spares: None, down: 40 * MS };
    let cut = What::Cut { shape: Shape::Isolate(node), lasts: 60 * MS };
    let plan = vec![Fault { at: Time::ZERO, what: crash }, Fault { at: Time(80 * MS), what: cut }];
    Case { seed, swarm, plan, lasts: LASTS }
}

/// Runs them all, or the first so many; `each` hears of each.
#[must_use]
pub fn sweep(node: usize, most: u64, mut each: impl FnMut(u64, &Report)) -> Swept {
    for operation in 0..most {
        let report = life(node, operation).run();
        each(operation, &report);
        if report.broken.is_some() {
            return Swept { operations: operation, broken: Some((operation, report)) };
        }
        if report.sums.at_disk + report.sums.at_start == 0 {
            return Swept { operations: operation, broken: None };
        }
    }
    Swept { operations: most, broken: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_fails_at_each_operation_of_a_start_and_of_what_follows() {
        let (mut at_start, mut at_disk) = (0, 0);
        let swept = sweep(1, 20, |_, report| {
            (at_start, at_disk) = (at_start + report.sums.at_start, at_disk + report.sums.at_disk);
            assert_eq!(report.sums.calm, 1, "it says how it ends");
        });
        assert_eq!((swept.operations, swept.broken.map(|(_, report)| report.broken)), (20, None));
        assert!(3 <= at_start && 3 <= at_disk && at_start + at_disk == 20, "{at_start} and {at_disk}");
    }
}
