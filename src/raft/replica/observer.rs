//! Whoever looks over a replica's shoulder: a simulator that checks each step, a tracer that writes each down.

use crate::raft::Time;
use crate::raft::consensus::{Consensus, Effect, Input, Role};

/// Told of each step of a replica's core, on the replica's own thread, and unable to change it.
pub trait Observer: Send + 'static {
    /// The core is about to be handed an input.
    fn before(&mut self, core: &Consensus, role: &Role, input: &Input, now: Time) {
        let _ = (core, role, input, now);
    }

    /// The core has taken it.
    fn stepped(&mut self, core: &Consensus, role: &Role);

    /// The core is about to be asked what follows.
    fn flushing(&mut self, core: &Consensus, role: &Role, now: Time) {
        let _ = (core, role, now);
    }

    /// The core has said what follows; none of it is carried out yet.
    fn flushed(&mut self, core: &Consensus, role: &Role, effects: &[Effect]);
}
