//! Faults carried out, and what follows from them.

use crate::node::Node;
use crate::plan::What;
use crate::world::{Event, World};
use rsm::raft::Time;
use rsm::raft::peer::SpawnError;
use rsm::raft::storage::{Error, simulated::Operation};
use std::sync::Arc;

impl World {
    pub(crate) fn strike(&mut self, nth: usize) {
        let until = |world: &World, lasts: u64| Time(world.now.0.saturating_add(lasts));
        match self.plan[nth].what.clone() {
            What::Cut { shape, lasts } => {
                self.sums.cuts += 1;
                let end = until(self, lasts);
                for (from, to) in shape.links(self.nodes.len(), self.leader()) {
                    self.net.cut(from, to, end);
                }
            }
            What::Clog { from, to, lasts } => {
                self.sums.clogs += 1;
                let end = until(self, lasts);
                self.net.clog(from, to, end);
            }
            What::Crash { node, down } => self.crash(node, down),
            What::CrashAtDisk { node, operations, down } => match &mut self.nodes[node] {
                Node { process: Some(_), fuse, disk, .. } => {
                    *fuse = Some(down);
                    disk.set_fuse(Some(operations));
                }
                Node { process: None, .. } => self.sums.withheld += 1,
            },
            What::Blackout { down } => {
                self.sums.blackouts += 1;
                (0..self.nodes.len()).for_each(|node| self.crash(node, down + node as u64));
            }
            What::Pause { node, lasts } => self.pause(node, lasts),
            What::Stuck { node, lasts } => {
                self.sums.stuck += 1;
                self.nodes[node].stuck_until = until(self, lasts);
            }
            What::Broken { node, down } => match &mut self.nodes[node] {
                Node { process: Some(_), broken, disk, .. } => {
                    *broken = Some(down);
                    disk.fail(Operation::Sync, 0);
                }
                Node { process: None, .. } => self.sums.withheld += 1,
            },
            What::Wipe { node, down } => self.wipe(node, down),
            What::Rollback { node, down } => {
                let former = self.nodes[node].former.take();
                self.crash(node, down);
                self.nodes[node].disk = former.unwrap_or_else(|| Arc::clone(&self.nodes[node].disk));
            }
        }
    }

    /// Who leads in the highest term.
    fn leader(&self) -> Option<usize> {
        let leads = |node: &Node| node.look(|core, role| role.is_leader().then_some((core.term(), node.id))).flatten();
        self.nodes.iter().filter_map(leads).max().map(|(_, id)| id)
    }

    /// The power of a node fails, and comes back.
    fn crash(&mut self, id: usize, down: u64) {
        let node = &mut self.nodes[id];
        if node.process.is_none() {
            self.sums.withheld += 1;
            return;
        }
        node.kill();
        let cost = node.disk.crash();
        self.sums.crashes += 1;
        self.sums.lost_bytes += u64::from(0 < cost.lost_bytes);
        self.sums.torn += u64::from(0 < cost.torn);
        self.sums.lost_names += u64::from(0 < cost.lost_names);
        self.later(down, Event::Start { node: id });
    }

    /// Nodes whose power has failed in the midst of a disk operation.
    pub(crate) fn blown_fuses(&mut self) {
        for id in 0..self.nodes.len() {
            let node = &self.nodes[id];
            if let Some(down) = node.fuse
                && node.disk.struck().is_some()
            {
                self.sums.at_disk += 1;
                self.crash(id, down);
            }
        }
    }

    fn pause(&mut self, id: usize, lasts: u64) {
        let node = &self.nodes[id];
        let Some(process) = &node.process else {
            self.sums.withheld += 1;
            return;
        };
        self.sums.pauses += 1;
        node.time.pause(process.peer.replica());
        let life = node.life;
        self.later(lasts, Event::Resume { node: id, life });
    }

    pub(crate) fn resume(&mut self, id: usize, life: u64) {
        let node = &self.nodes[id];
        if let Some(process) = node.process.as_ref().filter(|_| node.life == life) {
            node.time.resume(process.peer.replica());
        }
    }

    /// At most as many directories as the cluster promises to survive, in all of the run.
    fn wipe(&mut self, id: usize, down: u64) {
        let lost = self.nodes.iter().filter(|node| 0 < node.wipes || node.id == id).count();
        if (self.nodes.len() - 1) / 2 < lost {
            self.sums.withheld += 1;
            return;
        }
        let node = &mut self.nodes[id];
        let was_up = node.process.is_some();
        node.kill();
        node.wipe();
        self.sums.wipes += 1;
        if was_up {
            self.later(down, Event::Start { node: id });
        }
    }

    pub(crate) fn start(&mut self, id: usize) {
        let node = &mut self.nodes[id];
        if node.process.is_some() {
            return; // it was emptied while down, or lost power twice: another start came first
        }
        match node.start() {
            Ok(()) => {}
            Err(_) if node.disk.struck().is_some() => {
                // Nothing had the time to be said.
                node.disk.crash();
                self.later(1, Event::Start { node: id });
            }
            Err(SpawnError::Store(Error::Io(_) | Error::Poisoned)) => {
                node.disk.kill();
                self.later(1, Event::Start { node: id });
            }
            Err(why) => self.check.lock().break_rule("R11", format!("{id} does not start again: {why}")),
        }
    }

    /// A process that has ended by itself, as one does whose disk has failed, starts again.
    pub(crate) fn ended(&mut self, id: usize) {
        let node = &mut self.nodes[id];
        let Some(process) = node.process.as_ref().filter(|process| process.peer.has_ended()) else { return };
        let fault = process.peer.fault();
        let Some(down) = node.broken else {
            self.check.lock().break_rule("R23", format!("{id} has ended by itself: {fault:?}"));
            return;
        };
        self.sums.broken += 1;
        node.kill();
        node.disk.kill();
        self.later(down, Event::Start { node: id });
    }
}
