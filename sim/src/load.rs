//! The load by which speed is measured.
//!
//! Three peers, heartbeats of 50 ms, sixteen clients to whom some hundred operations a second are answered, and faults:
//! of a hundred packets two are lost and two come twice; links are cut each 5 seconds, and one is clogged each 9; a node
//! loses power each 2.3 seconds, and one stands still each 12. With faults ten times as often, as in seeds that are drawn,
//! hardly anybody is answered: that load is cheaper by far, and says nothing of what an operation costs.

use crate::client::KINDS;
use crate::net::Weather;
use crate::plan::{Families, INBOX, LISTS, MS, SNAPSHOT_BYTES, TICKETS, TIMEOUT, WINDOW_BYTES, plan, usual};
use crate::run::Case;
use crate::stream::Ratio;
use rsm::time::Time;
use std::time::Duration;

/// Faults come so many times as rarely as in a seed that is drawn.
const PACE: u64 = 10;

/// So many clients, each of which rests so long between two operations, on average, in nanoseconds.
const CLIENTS: usize = 16;
const REST: u64 = 90 * MS;

impl Case {
    /// The load by which speed is measured: of three peers, about 100 operations a second, and faults to the end.
    #[must_use]
    pub fn bench(nth: u64, lasts: Duration) -> Case {
        let seed = nth << 8;
        let mut swarm = usual(seed);
        let loss = Ratio::new(1, 50);
        let (delay_min, delay_mean) = (MS / 2, 2 * MS);
        swarm.weather = Weather { loss, double: loss, ..Weather::fair(delay_min, delay_mean) };
        (swarm.nodes, swarm.clients, swarm.lists) = (3, CLIENTS, LISTS);
        (swarm.rest, swarm.kinds) = (REST, KINDS.to_vec());
        (swarm.heartbeat, swarm.election) = (Duration::from_millis(50), Duration::from_millis(300));
        (swarm.pre_vote, swarm.check_quorum, swarm.window) = (true, true, 64);
        (swarm.append_bytes, swarm.cache_bytes, swarm.piece_bytes) = (64 << 10, 1 << 20, 64 << 10);
        (swarm.snapshot_entries, swarm.disk_mean, swarm.sessions_max) = (1_000, MS, 64);
        (swarm.is_budgeted, swarm.liars, swarm.tomorrow) = (true, 0, false);
        (swarm.is_control, swarm.pad, swarm.segment_bytes, swarm.sector) = (false, 0, 256 << 10, 512);
        (swarm.tickets, swarm.inbox, swarm.pace, swarm.timeout) = (TICKETS, INBOX, PACE, TIMEOUT);
        (swarm.snapshot_bytes, swarm.window_bytes, swarm.entry_bytes) = (SNAPSHOT_BYTES, WINDOW_BYTES, usize::MAX);
        let on = Families { cuts: true, crashes: true, clogs: true, pauses: true, ..Families::default() };
        swarm.families = on;
        let plan = plan(seed, &swarm, Time::ZERO.after(lasts));
        Case { seed, swarm, plan, lasts, is_calmed: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sums::Sums;

    #[test]
    fn some_hundred_operations_a_second_are_answered_under_faults() {
        let mut sums = Sums::default();
        for seed in 0..20 {
            let report = Case::bench(seed, Duration::from_secs(5)).run();
            assert_eq!(report.broken, None, "seed {seed}");
            sums += report.sums;
        }
        let a_second = (sums.acknowledged + sums.reads) * 1_000 / sums.simulated_ms;
        assert!((90..=130).contains(&a_second), "{a_second} operations a second: {sums}");
        let faults = [sums.crashes, sums.cuts, sums.clogs, sums.pauses, sums.lost, sums.doubled];
        assert!(faults.iter().all(|&times| 5 <= times), "{sums}");
    }
}
