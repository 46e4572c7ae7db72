//! Numbers that a peer's parts write and anyone may read: what a status shows, and nothing that anyone acts on.

use crate::raft::wire::Refused;
use crate::raft::{Index, NodeId};
use crate::sync::lock::Lock;
use crate::sync::shim::{AtomicU64, Ordering::Relaxed};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many flushes the percentile is of.
const FLUSHES: usize = 1_024;

/// The gauges of one peer. All are single numbers, so Relaxed: none says anything about another.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    applied: AtomicU64,
    syncs: AtomicU64,
    installed: AtomicU64,
    starved: AtomicU64,
    sessions: AtomicU64,
    refused: [AtomicU64; Refused::ALL.len()],
    flushes: Lock<Flushes>,
    slow_sends: Lock<BTreeMap<NodeId, u64>>,
}

/// The durations of the last flushes, in microseconds.
#[derive(Debug, Default)]
struct Flushes {
    micros: Vec<u32>,
    next: usize,
    /// The same, rising: kept so, as whoever watches asks often.
    sorted: Vec<u32>,
}

impl Gauges {
    pub(crate) fn applied(&self, index: Index) {
        self.applied.store(index.0, Relaxed);
    }

    pub(crate) fn syncs(&self, syncs: u64) {
        self.syncs.store(syncs, Relaxed);
    }

    pub(crate) fn installed(&self) {
        self.installed.fetch_add(1, Relaxed);
    }

    pub(crate) fn starved(&self) {
        self.starved.fetch_add(1, Relaxed);
    }

    pub(crate) fn sessions(&self, open: usize) {
        self.sessions.store(open as u64, Relaxed);
    }

    pub(crate) fn refused(&self, why: Refused) {
        self.refused[why as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn slow_send(&self, to: NodeId) {
        *self.slow_sends.lock().entry(to).or_default() += 1;
    }

    pub(crate) fn flushed(&self, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let mut flushes = self.flushes.lock();
        let Flushes { micros: last, next, sorted } = &mut *flushes;
        if last.len() < FLUSHES {
            last.push(micros);
        } else {
            let oldest = std::mem::replace(&mut last[*next], micros);
            sorted.remove(sorted.partition_point(|&other| other < oldest));
        }
        sorted.insert(sorted.partition_point(|&other| other < micros), micros);
        *next = (*next + 1) % FLUSHES;
    }

    pub(crate) fn read_applied(&self) -> Index {
        Index(self.applied.load(Relaxed))
    }

    pub(crate) fn read_syncs(&self) -> u64 {
        self.syncs.load(Relaxed)
    }

    pub(crate) fn read_installed(&self) -> u64 {
        self.installed.load(Relaxed)
    }

    pub(crate) fn read_starved(&self) -> u64 {
        self.starved.load(Relaxed)
    }

    pub(crate) fn read_sessions(&self) -> usize {
        self.sessions.load(Relaxed) as usize
    }

    /// In the order of [`Refused::ALL`].
    pub(crate) fn read_refused(&self) -> [u64; Refused::ALL.len()] {
        self.refused.each_ref().map(|count| count.load(Relaxed))
    }

    pub(crate) fn read_slow_sends(&self) -> Vec<(NodeId, u64)> {
        self.slow_sends.lock().iter().map(|(to, count)| (*to, *count)).collect()
    }

    /// The duration that one flush of a hundred exceeds, among the last 1,024; `None` before the first.
    pub(crate) fn read_flush_p99(&self) -> Option<Duration> {
        let flushes = self.flushes.lock();
        let at = (flushes.sorted.len() * 99).div_ceil(100).checked_sub(1)?;
        Some(Duration::from_micros(u64::from(flushes.sorted[at])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_is_of_the_last_1024_flushes() {
        let gauges = Gauges::default();
        assert_eq!(gauges.read_flush_p99(), None);
        (0..2_000).for_each(|_| gauges.flushed(Duration::from_millis(9)));
        (1..=1_024).for_each(|n| gauges.flushed(Duration::from_micros(n)));
        assert_eq!(gauges.read_flush_p99(), Some(Duration::from_micros(1_014)));
    }

    #[test]
    fn each_reason_to_refuse_has_its_counter() {
        let gauges = Gauges::default();
        for (at, why) in Refused::ALL.into_iter().enumerate() {
            gauges.refused(why);
            assert_eq!(gauges.read_refused()[at], 1, "{why}");
        }
    }
}
