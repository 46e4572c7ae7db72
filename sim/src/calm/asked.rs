//! Each peer of a healthy core answers for itself, whatever became of its own session and its questions before.
//!
//! ```text
//!   each peer ── propose, in the session of its own ──> again until it is done      some times, one after the other
//!             └─ read, with the leader's word for it ─> done at once: who asks again is answered
//! ```

use super::Phase;
use crate::lists::{Change, Lists};
use rsm::raft::peer::Outcome;
use rsm::sync::lock::Lock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// So often each is asked for changes.
const CHANGES: u64 = 4;
/// So often each is asked for reads: where packets are lost, some of those questions are.
const READS: u64 = 16;
/// A question, the round before it, its own round and its answer go six ways, a quarter of the least timeout each at most;
/// a change goes as many. Clocks may drift, and disks take their time.
const WAYS: u32 = 2;
/// In so many longest timeouts a read is asked for so often that not all of it is lost.
const PATIENCE: u64 = 8;

/// What a peer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Change,
    Read,
}

/// Who was asked for what, and whether that was done.
pub(super) type Told = Arc<Lock<Vec<(usize, Call, bool)>>>;

impl Phase<'_> {
    pub(super) fn be_asked(&mut self) -> Option<()> {
        if self.world.swarm.timeout < WAYS * self.world.swarm.election {
            return Some(()); // what is asked may be given up before its answer can come, time and again
        }
        let (told, elections) = (Told::default(), self.elections());
        let calls = [(Call::Change, CHANGES), (Call::Read, READS)];
        let all = self.core.iter().flat_map(|&id| calls.map(|(call, times)| ((id, call), times)));
        let mut wanted: BTreeMap<(usize, Call), u64> = all.collect();
        wanted.keys().for_each(|&(id, call)| self.ask(id, call, &told));
        let is_patient = PATIENCE * self.t_max <= self.world.timeout();
        let (patience, mut lost) = (3 * self.world.timeout() + self.hard(), None);
        self.until(patience, "answer of each peer for itself", |phase| {
            // Taken before anybody is asked again: who is refused at once is told so at once.
            let came = std::mem::take(&mut *told.lock());
            for (id, call, is_done) in came {
                let left = wanted.entry((id, call)).or_default();
                *left -= u64::from(is_done);
                if !is_done && call == Call::Read && is_patient && phase.elections() == elections {
                    lost = Some(id);
                } else if 0 < *left {
                    phase.ask(id, call, &told);
                }
            }
            lost.is_some() || wanted.values().all(|&left| left == 0)
        })?;
        match lost {
            Some(id) => self.broken(format!("a read was given up where nobody was elected, by {id}")),
            None => Some(()),
        }
    }

    /// Asks one of them. The change is of what never stands there, so it changes nothing.
    pub(super) fn ask(&self, id: usize, call: Call, told: &Told) {
        let Some(process) = &self.world.nodes[id].process else { return };
        let told = Arc::clone(told);
        match call {
            Call::Change => {
                let change = Change { key: 0, number: u64::MAX, expected: Some(u64::MAX), pad: 0 };
                let tell = move |outcome: Outcome<_>| told.lock().push((id, call, outcome.is_ok()));
                process.peer.propose_then(None, change, tell);
            }
            Call::Read => {
                let tell = move |outcome: Outcome<()>| told.lock().push((id, call, outcome.is_ok()));
                process.peer.read_then(|_: &Lists| (), tell);
            }
        }
    }
}
