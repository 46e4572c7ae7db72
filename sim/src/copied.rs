//! R3, R11: what a peer has promised lies on its disk, seen before it starts again, and of a disk that it never starts on.
//!
//! ```text
//!   power fails, one time of 64 ──┐
//!   a disk is down at the end  ───┴──> a copy of it ──> a start on that, apart ──> what it comes back with, against the shadow
//! ```
//! A start that is real is held so, too: but it comes late, where another failure has passed over the disk, or never. The
//! copy has an executor and chance of its own, so the run goes on as it would have without.

use crate::lists::Lists;
use crate::marks::quietly;
use crate::node::Node;
use crate::parts::{Part, spend};
use crate::stream::{Purpose, fate};
use crate::world::World;
use rsm::fsm::VirtualTime;
use rsm::raft::consensus::Consensus;
use rsm::raft::peer::SpawnError;
use rsm::raft::replica::Replica;
use rsm::raft::storage::{SimulatedDisk, Wal};
use std::sync::Arc;
use std::time::Duration;

/// Power fails so many times for one copy.
const EACH: u64 = 64;

impl World {
    /// The power of a node has just failed.
    pub(crate) fn may_start_a_copy(&mut self, id: usize) {
        if fate(self.seed, Purpose::Copy, id as u64, self.nodes[id].life).is_multiple_of(EACH) {
            self.start_a_copy(id);
        }
    }

    /// Disks of which no process runs any more are held against what was promised, too.
    pub(crate) fn start_copies_of_all_that_are_down(&mut self) {
        let down: Vec<usize> = self.nodes.iter().filter(|node| node.process.is_none()).map(|node| node.id).collect();
        down.into_iter().for_each(|id| self.start_a_copy(id));
    }

    /// Where somebody lies nobody knows what a disk was given; one that is rotten may hold anything.
    fn start_a_copy(&mut self, id: usize) {
        let node = &self.nodes[id];
        if 0 < self.swarm.liars || node.is_rotten() {
            return;
        }
        self.sums.copies += 1;
        let started =
            spend(Part::Checks, || quietly(|| node.start_on_a_copy(|core| self.check.lock().would_start(core))));
        if let Err(why) = started {
            self.check.lock().break_rule("R11", format!("{id} does not start again: {why}, on a copy of its disk"));
        }
    }
}

impl Node {
    /// Starts a process on a copy of the disk, on which no operation fails, and ends it before it has done anything.
    fn start_on_a_copy(&self, look: impl FnOnce(&Consensus)) -> Result<(), SpawnError> {
        let seed = fate(self.seed(), Purpose::Copy, self.id as u64, self.life);
        let (copy, time) = (self.disk.copy(seed), VirtualTime::new(seed));
        copy.set_fuse(None);
        copy.mend();
        copy.set_capacity(u64::MAX);
        let peer = self.builder(seed).spawn_on(&time, self.time.node_time(), Arc::new(copy), |log| log)?;
        let started =
            time.look::<Replica<Lists, Wal<SimulatedDisk>, SimulatedDisk>, ()>(peer.replica(), |replica, _| {
                look(replica.core());
            });
        started.expect("a peer that was spawned has a core");
        peer.kill();
        time.run_for(Duration::from_millis(1), &mut ());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Families, MS, What, swarm};
    use rsm::raft::Time;
    use rsm::raft::consensus::Record;
    use rsm::raft::storage::Disk;
    use rsm::raft::{NodeId, Term};

    /// A second of three nodes to which nothing happens.
    fn quiet() -> (VirtualTime, World) {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(1_000 * MS), &mut world);
        (time, world)
    }

    /// What is told of the disk of a node whose power has failed, once this was done to the disk, or to what is known of it.
    fn told(spoil: impl FnOnce(&mut World)) -> Option<(&'static str, String)> {
        let (time, mut world) = quiet();
        assert!(world.apply(What::Crash { node: 0, down: 1_000 * MS }));
        spoil(&mut world);
        let before = (time.hash(), time.now(), world.nodes[0].disk.operations());
        world.start_copies_of_all_that_are_down();
        assert_eq!(world.sums.copies, 1, "the others run");
        assert_eq!((time.hash(), time.now(), world.nodes[0].disk.operations()), before);
        let check = world.check.lock();
        check.broken().map(|broken| (broken.rule, broken.what.clone()))
    }

    #[test]
    fn r3_a_disk_that_does_not_hold_what_was_promised_though_nobody_starts_on_it() {
        assert_eq!(told(|_| ()), None);
        let is = |told: Option<(&str, String)>, begins: &str| {
            assert!(told.as_ref().is_some_and(|(rule, what)| *rule == "R11" && what.starts_with(begins)), "{told:?}");
        };
        is(
            told(|world| world.check.lock().has_kept(NodeId(0), &Record::State { term: Term(99), vote: None })),
            "came back as",
        );
        let logs = |world: &World| {
            let names = world.nodes[0].disk.list().expect("power is back");
            names.into_iter().filter(|name| name.ends_with(".log")).collect::<Vec<_>>()
        };
        is(told(|world| logs(world).iter().for_each(|name| world.nodes[0].disk.forget(name))), "came back as");
        let spoils = |world: &mut World| {
            let file = world.nodes[0].disk.open(&logs(world)[0], false).expect("it is there");
            world.nodes[0].disk.write_at(&file, &[0xff; 512], 0).expect("power is back");
        };
        is(told(spoils), "0 does not start again");
    }

    #[test]
    fn one_disk_of_64_is_copied_as_its_power_fails() {
        let is_drawn = |life: &u64| fate(3, Purpose::Copy, 0, *life).is_multiple_of(EACH);
        let copies = |life: u64| {
            let mut world = quiet().1;
            world.nodes[0].life = life;
            assert!(world.apply(What::Crash { node: 0, down: MS }));
            assert!(!world.is_broken());
            world.sums.copies
        };
        assert!((20..45).contains(&(0..2_048).filter(is_drawn).count()));
        let drawn = (0..).find(is_drawn).expect("one of 64");
        assert_eq!((copies(drawn), copies(drawn + 1)), (1, 0));
    }
}
