//! A peer as each node of a run has it.

use super::Node;
use crate::lists::Lists;
use rsm::raft::peer::{Builder, Peer};
use std::sync::Arc;

impl Node {
    /// A peer of this seed, as this node's are, that nobody watches and nobody hears.
    pub(crate) fn builder(&self, seed: u64) -> Builder<Lists> {
        let swarm = Arc::clone(&self.common.swarm);
        let members: Vec<(u64, String)> = (0..swarm.nodes as u64).map(|id| (id, String::new())).collect();
        Peer::<Lists>::builder(self.id as u64, members)
            .seed(seed)
            .heartbeat(swarm.heartbeat)
            .election(swarm.election)
            .timeout(swarm.timeout)
            .snapshot_entries(swarm.snapshot_entries)
            .snapshot_bytes(swarm.snapshot_bytes)
            .segment_bytes(swarm.segment_bytes)
            .sessions_max(swarm.sessions_max)
            .piece_bytes(swarm.piece_bytes)
            .tickets(swarm.tickets)
            .inbox(swarm.inbox)
            .tune(move |options| {
                (options.pre_vote, options.check_quorum) = (swarm.pre_vote, swarm.check_quorum);
                (options.window_appends, options.append_bytes_max) = (swarm.window, swarm.append_bytes);
                (options.cache_bytes, options.window_bytes) = (swarm.cache_bytes, swarm.window_bytes);
                options.entry_bytes_max = options.entry_bytes_max.min(swarm.entry_bytes);
            })
    }
}
