//! What is said to whom nothing reaches, as the world sees it (`check::wasted` judges).

use crate::check::{Leaves, Patience, bodies};
use crate::world::World;
use bytes::Bytes;
use rsm::raft::NodeId;
use rsm::raft::consensus::Message;
use rsm::raft::wire::Body;

/// More bytes than its own no entry takes in a packet.
const ENTRY: u64 = 32;

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
        let (pulse, election) = (self.swarm.heartbeat, self.swarm.election);
        let (window, others) = (self.swarm.window as u64, (self.nodes.len() as u64).saturating_sub(2));
        let patience = Patience { window, beats, pulse, election, others };
        let mut check = self.check.lock();
        let (mut is_large, mut commands) = (false, 0);
        for body in bodies(packet, NodeId(to as u64)) {
            match &body {
                Body::Message(Message::Append(append)) => is_large |= !append.entries.is_empty(),
                Body::Message(Message::Forward { entries }) => {
                    commands += entries.iter().map(|entry| entry.bytes.len() as u64 + ENTRY).sum::<u64>();
                }
                Body::Chunk(_) => is_large = true,
                _ => {}
            }
            check.wastes((from, to), (receiver.ran, waiting), &body, patience);
        }
        if !is_large {
            let bytes = (packet.len() as u64).saturating_sub(commands);
            let (lives, calls) = ((sender.life, receiver.ran), self.answers.calls());
            check.wastes_little((from, to), Leaves { lives, at: self.now, calls, waiting, bytes }, patience);
        }
    }

    /// A packet arrives, and may be of a peer that is down by now.
    pub(crate) fn may_be_a_last_word(&self, from: usize, to: usize) {
        if self.nodes[from].process.is_none() {
            self.check.lock().hears_of((from, to));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Families, MS, swarm};
    use rsm::fsm::VirtualTime;
    use rsm::raft::consensus::Append;
    use rsm::raft::storage::simulated::Operation;
    use rsm::raft::wire::{Head, Packer};
    use rsm::raft::{ClusterId, Entry, Identity, Incarnation, Index, LogId, Term, Time, Track};

    #[test]
    fn r20_a_start_that_fails_lets_nobody_send_another_window() {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let (time, window) = (VirtualTime::new(3), swarm.window as u64);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(3_000 * MS), &mut world);
        let (term, track) = (Term(99), Track(1));
        let entries = vec![Entry::blank(term)].into();
        let from = Identity { node: NodeId(0), incarnation: Incarnation(1) };
        let mut packer = Packer::default();
        packer.begin(&Head { cluster: ClusterId(5), from, to: NodeId(1), to_life: None });
        packer.put(&Message::Append(Append { term, track, prev: LogId::ZERO, entries, commit: Index(0) }).into());
        let packet = Bytes::copy_from_slice(packer.seal());
        assert_eq!(crate::check::bodies(&packet, NodeId(1)).collect::<Vec<Body>>().len(), 1);
        world.nodes[1].kill();
        (0..window + Patience::PROBES).for_each(|_| world.may_be_wasted(0, 1, &packet));
        world.nodes[1].disk.fail(Operation::Read, 0);
        assert!(world.nodes[1].start().is_err());
        assert_eq!(world.check.lock().broken(), None);
        world.may_be_wasted(0, 1, &packet);
        assert_eq!(world.check.lock().broken().map(|violation| violation.rule), Some("R20"));
    }
}
