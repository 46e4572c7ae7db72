//! Each peer of a healthy core answers for itself, whatever became of its own session and its questions before.
//!
//! ```text
//!   each peer ── propose, in the session of its own ──> again until it is done      some times, one after the other
//!             └─ read, with the leader's word for it ─> done at once: who asks again is answered
//! ```

use super::Phase;
use crate::script::{self, Proposal};
use std::collections::BTreeMap;

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

/// Who was asked for what, and the ticket that awaits the answer.
pub(super) type Open = (usize, Call, usize);

/// A value that nobody proposes.
const NEVER: &str = "never";

impl Phase<'_> {
    pub(super) fn be_asked(&mut self) -> Option<()> {
        if self.world.swarm.timeout < WAYS * self.world.swarm.election {
            return Some(()); // what is asked may be given up before its answer can come, time and again
        }
        let elections = self.elections();
        let calls = [(Call::Change, CHANGES), (Call::Read, READS)];
        let all = self.core.iter().flat_map(|&id| calls.map(|(call, times)| ((id, call), times)));
        let mut wanted: BTreeMap<(usize, Call), u64> = all.collect();
        let mut open: Vec<Open> = wanted.keys().filter_map(|&(id, call)| self.ask(id, call)).collect();
        let is_patient = PATIENCE * self.t_max <= self.world.timeout();
        let (patience, mut lost) = (3 * self.world.timeout() + self.hard(), None);
        self.until(patience, "answer of each peer for itself", |phase| {
            // Taken before anybody is asked again: who is refused at once is told so at once.
            for (id, call, ticket) in std::mem::take(&mut open) {
                let Some(came) = phase.world.script.came(ticket) else {
                    open.push((id, call, ticket));
                    continue;
                };
                let left = wanted.entry((id, call)).or_default();
                *left -= u64::from(came.is_ok());
                if came.is_err() && call == Call::Read && is_patient && phase.elections() == elections {
                    lost = Some(id);
                } else if 0 < *left {
                    open.extend(phase.ask(id, call));
                }
            }
            lost.is_some() || wanted.values().all(|&left| left == 0)
        })?;
        match lost {
            Some(id) => self.broken(format!("a read was given up where nobody was elected, by {id}")),
            None => Some(()),
        }
    }

    /// Asks one of them, as a client would. The change is of what never stands there, so it changes nothing.
    pub(super) fn ask(&mut self, id: usize, call: Call) -> Option<Open> {
        let call_of_script = match call {
            Call::Change => {
                let value = format!("calm {}", self.world.script.calls());
                let over = Some(NEVER.to_owned());
                script::Call::Propose(Proposal { value, over, pad: Some(0), ..Proposal::default() })
            }
            Call::Read => script::Call::Read(0),
        };
        self.world.ask(id, &call_of_script).ok().map(|ticket| (id, call, ticket))
    }
}
