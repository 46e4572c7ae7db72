//! Power fails at each disk operation of a short life, one run after the other: none of them is left to chance.
//!
//! ```text
//!   the 1st operation, the 2nd, ..  ──> three runs each: it fails before that one, in its midst, or behind it; the node
//!   until a run ends before it comes    starts again, all is well
//! ```
//! Limits are small, so that a short life has everything: segments are begun and removed, snapshots are written, and
//! received once the node has been cut off, a log is recovered.

use crate::client::KINDS;
use crate::net::Weather;
use crate::plan::{Families, Fault, INBOX, LISTS, MS, Shape, Swarm, TICKETS, What, swarm};
use crate::run::{Case, Report};
use rsm::raft::Time;
use rsm::raft::invariants::Violation;
use rsm::raft::storage::simulated::Spares;
use std::time::Duration;

/// How long a life is before all is calm.
const LASTS: Duration = Duration::from_millis(250);

/// Where all other chance in it comes from.
const SEED: u64 = 1;

/// What came of a sweep.
#[derive(Clone, Debug)]
pub struct Swept {
    /// How many operations a life has: three times as many runs.
    pub operations: u64,
    /// The first that has broken a rule, and the operation at which its power failed.
    pub broken: Option<(u64, Report)>,
}

/// What is left of the operation at which power fails, and of what was not synced before: nothing, parts of it, all of it.
const LEFT: [Spares; 3] = [Spares::Nothing, Spares::Pieces, Spares::All];

/// A life of this node whose power fails at that operation, which leaves so much.
#[must_use]
pub fn life(node: usize, operation: u64, spares: Spares) -> Case {
    let swarm = Swarm {
        nodes: 3,
        clients: 4,
        lists: LISTS,
        kinds: KINDS.to_vec(),
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
        ..swarm(SEED)
    };
    let crash = What::CrashAtDisk { node, operations: operation, spares: Some(spares), down: 40 * MS };
    let cut = What::Cut { shape: Shape::Isolate(node), lasts: 60 * MS };
    let plan = vec![Fault { at: Time::ZERO, what: crash }, Fault { at: Time(80 * MS), what: cut }];
    // In its calm phase such a run says whether all nodes live and hold the same.
    Case { seed: SEED, swarm, plan, lasts: LASTS, is_calmed: true }
}

/// Runs them all, or the first so many; `each` hears of each.
#[must_use]
pub fn sweep(node: usize, most: u64, mut each: impl FnMut(u64, &Report)) -> Swept {
    for operation in 0..most {
        for spares in LEFT {
            let mut report = life(node, operation, spares).run();
            each(operation, &report);
            judge(&mut report);
            if report.broken.is_some() {
                return Swept { operations: operation, broken: Some((operation, report)) };
            }
            if report.sums.at_disk + report.sums.at_start == 0 {
                return Swept { operations: operation, broken: None };
            }
        }
    }
    Swept { operations: most, broken: None }
}

/// A run that breaks no rule has said at its end that all nodes live and hold the same.
fn judge(report: &mut Report) {
    if report.broken.is_none() && report.calm.is_none() {
        let what = "a life whose power has failed once has no calm end".to_owned();
        report.broken = Some(Violation { rule: "liveness", what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_fails_at_each_operation_of_a_start_and_of_what_follows() {
        let (mut at_start, mut at_disk) = (0, 0);
        let mut lost = [0; LEFT.len()];
        let mut runs = 0;
        let swept = sweep(1, 20, |_, report| {
            (at_start, at_disk) = (at_start + report.sums.at_start, at_disk + report.sums.at_disk);
            lost[runs % LEFT.len()] += report.sums.lost_bytes + report.sums.torn + report.sums.lost_names;
            runs += 1;
        });
        assert_eq!((swept.operations, swept.broken.map(|(_, report)| report.broken)), (20, None));
        assert!(9 <= at_start && 9 <= at_disk && at_start + at_disk == 60, "{at_start} and {at_disk}");
        assert!(0 < lost[0] && 0 < lost[1] && lost[2] == 0, "{lost:?}");
    }

    #[test]
    fn a_life_that_has_no_calm_end_breaks_a_rule() {
        let mut report = life(0, 7, Spares::All).run();
        judge(&mut report);
        assert_eq!(report.broken, None);
        report.calm = None;
        judge(&mut report);
        assert_eq!(report.broken.map(|broken| broken.rule), Some("liveness"));
    }
}
