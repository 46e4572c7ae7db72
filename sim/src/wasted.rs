//! What is said to whom nothing reaches, as the world sees it (`check::wasted` judges).

use crate::check::{Patience, bodies};
use crate::world::World;
use bytes::Bytes;
use rsm::raft::NodeId;

impl World {
    /// R20: a packet leaves, and may be for a peer that is down.
    pub(crate) fn may_be_wasted(&self, from: usize, to: usize, packet: &Bytes) {
        let (sender, receiver) = (&self.nodes[from], &self.nodes[to]);
        // What a liar says in another's name is that other's word to whoever hears it.
        if receiver.process.is_some() || 0 < self.swarm.liars {
            return;
        }
        // Words of that peer that have come, and have not been heard.
        let waiting = sender.process.as_ref().map_or(0, |process| process.peer.replica().depth()) as u64;
        let beats = self.swarm.election.as_nanos().div_ceil(self.swarm.heartbeat.as_nanos().max(1)) as u64;
        let patience = Patience { window: self.swarm.window as u64, beats };
        let mut check = self.check.lock();
        bodies(packet, NodeId(to as u64))
            .for_each(|body| check.wastes((from, to), (receiver.life, waiting), &body, patience));
    }

    /// A packet arrives, and may be of a peer that is down by now.
    pub(crate) fn may_be_a_last_word(&self, from: usize, to: usize) {
        if self.nodes[from].process.is_none() {
            self.check.lock().hears_of((from, to));
        }
    }
}
