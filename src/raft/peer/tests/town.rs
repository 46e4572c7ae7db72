//! A cluster in virtual time: peers on simulated disks, and a network that can be cut.

use super::Adder;
use super::late::Late;
use crate::fsm::{CellId, VirtualTime, World};
use crate::raft::peer::{Builder, Failure, Outcome, Peer, Pending};
use crate::raft::storage::SimulatedDisk;
use crate::raft::wire::{Body, Head, Packer};
use crate::raft::{Identity, Time};
use crate::sync::lock::Lock;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

/// How long a packet is on its way.
const DELAY: Duration = Duration::from_millis(1);
/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

type Packet = (u64, u64, Bytes);

/// What lies between the peers.
#[derive(Default)]
pub(super) struct Net {
    sent: Arc<Lock<Vec<Packet>>>,
    under_way: BTreeMap<(Time, u64), Packet>,
    count: u64,
    peers: BTreeMap<u64, Peer<Adder>>,
    /// These neither hear nor are heard.
    cut: BTreeSet<u64>,
}

impl World for Net {
    fn next(&self) -> Option<Time> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    fn run(&mut self, _: &VirtualTime) -> [u64; 3] {
        if let Some((_, (from, to, packet))) = self.under_way.pop_first()
            && !self.cut.contains(&from)
            && !self.cut.contains(&to)
            && let Some(peer) = self.peers.get(&to)
        {
            peer.receive(packet);
        }
        [0; 3]
    }

    fn turned(&mut self, _: CellId, time: &VirtualTime) -> [u64; 3] {
        for packet in mem::take(&mut *self.sent.lock()) {
            self.count += 1;
            self.under_way.insert((time.now().after(DELAY), self.count), packet);
        }
        [0; 3]
    }
}

/// Changes what a peer is told.
pub(super) type Tune = fn(Builder<Adder>) -> Builder<Adder>;

/// The cluster.
pub(super) struct Town {
    pub(super) time: VirtualTime,
    net: Net,
    disks: BTreeMap<u64, Arc<SimulatedDisk>>,
    logs: BTreeMap<u64, Late>,
    size: u64,
    tune: Tune,
    starts: u64,
}

impl Town {
    /// So many peers, all started, none elected.
    pub(super) fn new(seed: u64, size: u64, tune: Tune) -> Town {
        let disks = (0..size).map(|id| (id, Arc::new(SimulatedDisk::new(seed + id)))).collect();
        let (time, net, logs) = (VirtualTime::new(seed), Net::default(), BTreeMap::new());
        let mut town = Town { time, net, disks, logs, size, tune, starts: seed << 20 };
        (0..size).for_each(|id| town.start(id));
        town
    }

    /// Starts a peer on its disk.
    pub(super) fn start(&mut self, id: u64) {
        let sent = Arc::clone(&self.net.sent);
        self.starts += 1;
        let builder = Peer::builder(id, (0..self.size).map(|id| (id, "here")))
            .send(move |to, _, packet| sent.lock().push((id, to, packet)))
            .segment_bytes(256 << 10)
            .seed(self.starts);
        let disk = Arc::clone(&self.disks[&id]);
        let mut log = None;
        let wrap = |wal| log.insert(Late::new(wal)).clone();
        let peer = (self.tune)(builder).spawn_on(&self.time, self.time.now(), disk, wrap).expect("nothing refuses it");
        self.logs.extend(log.map(|log| (id, log)));
        self.net.peers.insert(id, peer);
    }

    /// The power of a peer fails; what was not synced is lost.
    pub(super) fn crash(&mut self, id: u64) {
        if let Some(peer) = self.net.peers.remove(&id) {
            peer.kill();
        }
        self.disks[&id].crash();
        self.run(DELAY);
    }

    /// The power of a peer fails, and somebody empties its directory.
    pub(super) fn wipe(&mut self, id: u64) {
        self.crash(id);
        self.starts += 1;
        self.disks.insert(id, Arc::new(SimulatedDisk::new(self.starts)));
        self.start(id);
    }

    pub(super) fn peer(&self, id: u64) -> Peer<Adder> {
        self.net.peers[&id].clone()
    }

    /// Nobody holds this peer any more.
    pub(super) fn forget(&mut self, id: u64) {
        self.net.peers.remove(&id);
    }

    pub(super) fn peers(&self) -> Vec<Peer<Adder>> {
        self.net.peers.values().cloned().collect()
    }

    pub(super) fn disk(&self, id: u64) -> &SimulatedDisk {
        &self.disks[&id]
    }

    /// What this peer keeps its log in.
    pub(super) fn log(&self, id: u64) -> &Late {
        &self.logs[&id]
    }

    /// A packet on its way from one peer to another.
    pub(super) fn packet(&mut self, from: u64, to: u64) -> Bytes {
        let mut found = None;
        self.until("a packet", |town| {
            let mut packets = town.net.under_way.values();
            found = packets.find(|(sender, receiver, _)| (*sender, *receiver) == (from, to)).cloned();
            found.is_some()
        });
        found.expect("it was just seen").2
    }

    /// A packet to this peer with one message, from whomever.
    pub(super) fn forged(&self, from: Identity, to: u64, body: &Body) -> Bytes {
        let peer = self.peer(to);
        let us = peer.identity();
        let mut packer = Packer::default();
        packer.begin(&Head { cluster: peer.cluster(), from, to: us.node, to_life: Some(us.incarnation) });
        packer.put(body);
        Bytes::copy_from_slice(packer.seal())
    }

    /// Nothing comes to this peer or from it.
    pub(super) fn cut(&mut self, id: u64) {
        self.net.cut.insert(id);
    }

    pub(super) fn heal(&mut self) {
        self.net.cut.clear();
    }

    pub(super) fn run(&mut self, time: Duration) {
        self.time.run_for(time, &mut self.net);
    }

    /// Goes on until this holds.
    pub(super) fn until(&mut self, what: &str, mut holds: impl FnMut(&Town) -> bool) {
        let end = self.time.now().after(PATIENCE);
        while !holds(self) {
            assert!(self.time.now() < end, "in vain: {what}");
            assert!(self.time.step(&mut self.net).is_some(), "all is idle: {what}");
        }
    }

    /// Goes on until the answer is there.
    pub(super) fn wait<T: Send + 'static>(&mut self, mut pending: Pending<T>) -> Outcome<T> {
        let mut outcome = None;
        self.until("an answer", |_| {
            outcome = pending.try_take();
            outcome.is_some()
        });
        outcome.expect("it was just seen")
    }

    /// Proposes at this peer, and waits.
    pub(super) fn add(&mut self, id: u64, number: u64) -> Result<u64, Failure> {
        let pending = self.peer(id).propose(number)?;
        self.wait(pending).map(|done| done.value)
    }

    /// What this peer reads.
    pub(super) fn read(&mut self, id: u64) -> Result<Vec<u64>, Failure> {
        let pending = self.peer(id).read(|adder| adder.added.clone())?;
        self.wait(pending).map(|done| done.value)
    }

    /// The leader, once those that are not cut off agree on one.
    pub(super) fn leader(&mut self) -> u64 {
        let mut leader = None;
        self.until("a leader", |town| {
            let heard = town.net.peers.iter().filter(|(id, _)| !town.net.cut.contains(id));
            let views: BTreeSet<_> = heard.map(|(_, peer)| (peer.status().term, peer.status().leader)).collect();
            leader = views.first().and_then(|(_, leader)| *leader).filter(|_| views.len() == 1);
            leader.is_some()
        });
        leader.expect("it was just seen").0
    }
}
