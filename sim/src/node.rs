//! One member of the cluster: a process that comes and goes, on a disk that stays.

mod builder;

use crate::check::{Check, EACH, Kept, Looker, State};
use crate::lists::{Lists, Seen};
use crate::parts::{Part, spend};
use crate::plan::{OPERATIONS, Swarm};
use crate::shared::{Gathered, Shared};
use crate::store::{Handle, SlowLog};
use crate::stray::Lives;
use crate::stream::{Purpose, fate};
use crate::strike::Charges;
use bytes::Bytes;
use rsm::fsm::{CellId, VirtualTime};
use rsm::raft::consensus::{Consensus, Role};
use rsm::raft::machine::Sessions;
use rsm::raft::peer::{Peer, SpawnError};
use rsm::raft::replica::Replica;
use rsm::raft::storage::SimulatedDisk;
use rsm::raft::storage::simulated::Operation;
use rsm::raft::{Index, NodeId, Term, Time};
use std::sync::Arc;

/// The replica as the simulator spawns it.
pub type Simulated = Replica<Lists, SlowLog<SimulatedDisk>, SimulatedDisk>;

/// A packet that has left a peer.
#[derive(Debug)]
pub struct Sent {
    /// From whom.
    pub from: usize,
    /// To whom.
    pub to: usize,
    /// What.
    pub bytes: Bytes,
}

/// What all nodes are given.
#[derive(Clone)]
pub struct Common {
    /// The seed of the run.
    pub seed: u64,
    /// Sizes and options.
    pub swarm: Arc<Swarm>,
    /// What watches.
    pub check: Arc<Shared<Check>>,
    /// Where packets leave.
    pub sent: Arc<Gathered<Sent>>,
}

impl Common {
    /// A node's empty disk.
    fn disk(&self, purpose: Purpose, node: usize, nth: u64) -> Arc<SimulatedDisk> {
        let disk = SimulatedDisk::new(fate(self.seed, purpose, node as u64, nth));
        disk.set_powersafe(self.swarm.powersafe);
        disk.set_sector(self.swarm.sector);
        Arc::new(disk)
    }
}

/// A process that runs.
pub struct Process {
    /// The handle.
    pub peer: Peer<Lists>,
    /// Its log.
    pub log: Handle<SimulatedDisk>,
    /// The cell of its replica: asked for after each turn of anybody's.
    cell: CellId,
}

/// A member.
pub struct Node {
    /// Its id, and its place among the nodes.
    pub id: usize,
    /// The executor, with this node's clock.
    pub time: VirtualTime,
    /// Its disk.
    pub disk: Arc<SimulatedDisk>,
    /// Its process, while one runs.
    pub process: Option<Process>,
    /// How many processes it has had: names the present one.
    pub life: u64,
    /// The one of them that came up last: a start that fails says nothing to anybody.
    pub ran: u64,
    /// How often its directory was emptied.
    pub wipes: u64,
    /// No disk operation completes before; if that is never, none of this process.
    pub stuck_until: Time,
    /// The disk has no room before.
    pub full_until: Time,
    /// None of the process's parts takes a turn before.
    pub paused_until: Time,
    /// Its state machine takes no turn before.
    pub slow_until: Time,
    /// That state machine.
    pub slow: Option<CellId>,
    /// For how long it has stood still, or is to, in nanoseconds.
    pub stands_still: u64,
    /// How many flushes this life has asked for.
    pub flushes: u64,
    /// How far its state machine, or on a full disk its last snapshot, has ever been behind its log: what was not applied in
    /// one life is still there in the next.
    pub lag: u64,
    /// How many snapshots this life has found.
    pub(crate) found: u64,
    /// The term in which it began.
    pub(crate) began: Term,
    /// It has led in this life.
    pub(crate) has_led: bool,
    /// The most that it might keep when that was last worked out. In one life it only rises.
    pub most: Kept,
    /// How many packets have reached this life that it must refuse.
    pub strays: u64,
    /// It may have been told what no member says, and may stop rather than go on from that.
    pub(crate) is_lied_to: bool,
    /// Which life of each node this one knows.
    pub(crate) lives: Vec<Lives>,
    /// Whether it bound the one or the other life of some node nobody can tell: what it must refuse is not known.
    pub(crate) is_unsure: bool,
    /// The fuse is in: power fails at some disk operation to come, and comes back so much later.
    pub fuse: Option<u64>,
    /// Which faults wait at its disk, and what has become of those before.
    pub(crate) charges: Charges,
    /// It does not start, whoever asks for it.
    pub(crate) is_frozen: bool,
    /// It has found its disk damaged, and does not start.
    pub(crate) is_refused: bool,
    /// Something of its disk cannot be read any more.
    pub(crate) is_unreadable: bool,
    /// How many reads had failed for that when the process began.
    pub(crate) unread_before: u64,
    /// It has changed since the process began, which starts again so much later if it ends of that.
    pub(crate) rots: Option<u64>,
    /// The last crash has cost a change of names.
    pub(crate) lost_names: bool,
    /// The same, a rename.
    pub(crate) lost_renames: bool,
    /// Its disk failed before the last end of a process: at a sync, at something else.
    pub(crate) has_failed: (bool, bool),
    /// The disk is to fail, and the process starts again so much later.
    pub broken: Option<u64>,
    /// How often its disks had failed when the process began, at each of the operations that a disk may fail at.
    pub(crate) failures_before: [u64; OPERATIONS.len()],
    /// How often former disks of this node have failed, at each of the operations that a disk may fail at.
    pub(crate) failed_before: [u64; OPERATIONS.len()],
    /// It was told to end, and the process starts again so much later.
    pub drained: Option<u64>,
    /// Some fault will want the disk as it was when the process began.
    pub(crate) keeps_former: bool,
    /// The disk as it was when the process began.
    pub(crate) former: Option<Arc<SimulatedDisk>>,
    common: Common,
}

impl Node {
    /// A node without a process, on an empty disk.
    #[must_use]
    pub fn new(id: usize, time: VirtualTime, common: Common) -> Node {
        let disk = common.disk(Purpose::Disk, id, 0);
        let (stuck_until, full_until, paused_until, process) = (Time::ZERO, Time::ZERO, Time::ZERO, None);
        let (life, wipes, flushes, strays) = (0, 0, 0, 0);
        let (fuse, broken, former) = (None, None, None);
        Node {
            id,
            time,
            disk,
            process,
            life,
            ran: 0,
            wipes,
            stuck_until,
            full_until,
            paused_until,
            slow_until: Time::ZERO,
            slow: None,
            stands_still: 0,
            flushes,
            lag: 0,
            found: 0,
            began: Term(0),
            has_led: false,
            most: Kept::default(),
            strays,
            is_lied_to: 0 < common.swarm.liars,
            lives: Vec::new(),
            is_unsure: false,
            fuse,
            charges: Charges::default(),
            is_frozen: false,
            is_refused: false,
            is_unreadable: false,
            unread_before: 0,
            rots: None,
            lost_names: false,
            lost_renames: false,
            has_failed: (false, false),
            broken,
            failures_before: [0; OPERATIONS.len()],
            failed_before: [0; OPERATIONS.len()],
            drained: None,
            former,
            keeps_former: false,
            common,
        }
    }

    /// The seed of the run.
    pub(crate) fn seed(&self) -> u64 {
        self.common.seed
    }

    /// Starts a process on what the disk holds.
    ///
    /// # Errors
    /// Why the peer does not start.
    pub fn start(&mut self) -> Result<(), SpawnError> {
        (self.life, self.flushes, self.strays) = (self.life + 1, 0, 0);
        (self.most, self.is_unsure, self.has_led) = (Kept::default(), false, false);
        self.lives = vec![Lives::default(); self.common.swarm.nodes];
        (self.failures_before, self.unread_before) = (self.failed(), self.disk.unread());
        let Common { seed, check, sent, .. } = self.common.clone();
        let (id, node) = (self.id, NodeId(self.id as u64));
        let own_seed = fate(seed, Purpose::Node, self.id as u64, self.life);
        self.disk.reseed(fate(seed, Purpose::Store, self.id as u64, self.life));
        if self.keeps_former {
            self.former = Some(Arc::new(self.disk.copy(own_seed)));
        }
        let mut log = None;
        let peer = self
            .builder(own_seed)
            .observer(Looker::new(node, own_seed, Arc::clone(&check), Arc::clone(&self.disk)))
            .watcher(has_applied(node, Arc::clone(&check)))
            .send(move |to, _, bytes| sent.push(Sent { from: id, to: to as usize, bytes }))
            .spawn_on(&self.time, self.time.node_time(), Arc::clone(&self.disk), |wal| {
                let (slow, handle) = SlowLog::new(node, wal, Arc::clone(&check));
                log = Some(handle);
                slow
            })?;
        let log = log.expect("a peer that was spawned has opened its log");
        let cell = peer.replica().cell();
        self.process = Some(Process { peer, log, cell });
        (self.ran, self.found) = (self.life, self.disk.begin_with("snap-"));
        self.began = self.look(|core, _| core.term()).unwrap_or_default();
        self.look(|core, role| check.lock().started(core, role));
        Ok(())
    }

    /// How many inputs may wait for its replica.
    pub(crate) fn inbox(&self) -> usize {
        self.common.swarm.inbox
    }

    /// What decides how long the flush takes that was asked for last.
    #[must_use]
    pub fn draw_latency(&self) -> u64 {
        // Life 0 is the disk's own.
        fate(self.common.seed, Purpose::Disk, self.id as u64 | self.life << 8, self.flushes)
    }

    /// Looks at the core of the process that runs.
    pub fn look<R>(&self, look: impl FnOnce(&Consensus, &Role) -> R) -> Option<R> {
        let process = self.process.as_ref()?;
        self.time.look::<Simulated, R>(process.peer.replica(), |replica, role| look(replica.core(), role))
    }

    /// Whether the process that runs has asked for a flush, or has ended by itself: asked after each step of anybody's.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.log.has_asked() || process.peer.has_ended())
    }

    /// The cell of the replica that runs.
    #[must_use]
    pub fn cell(&self) -> Option<CellId> {
        self.process.as_ref().map(|process| process.cell)
    }

    /// The parts of the process that runs.
    #[must_use]
    pub fn cells(&self) -> Vec<CellId> {
        self.process.as_ref().map_or_else(Vec::new, |process| process.peer.cells())
    }

    /// For how long it has stood still up to now, in nanoseconds, or its state machine has.
    #[must_use]
    pub fn stood(&self, now: Time) -> u64 {
        let to_come = [self.paused_until, self.slow_until].map(|until| until.0.saturating_sub(now.0));
        self.stands_still.saturating_sub(to_come.iter().sum())
    }

    /// The process stands still, all parts of it: its disk and its clock go on.
    pub fn pause(&self) {
        self.cells().into_iter().for_each(|cell| self.time.pause(cell));
    }

    /// The process goes on, but for a state machine that is slow.
    pub fn resume(&self, now: Time) {
        let slow = self.slow.filter(|_| now < self.slow_until);
        self.cells().into_iter().filter(|cell| Some(*cell) != slow).for_each(|cell| self.time.resume(cell));
    }

    /// The state machine of the process that runs, all of it: its parts begin as replica, disk, machine, and others.
    #[must_use]
    pub fn machine(&self) -> Option<CellId> {
        let cells = self.cells();
        let is_whole = cells.last().copied() == self.cell();
        cells.into_iter().nth_back(2).filter(|_| is_whole)
    }

    /// Whether its disk has failed since the process began: at a sync, at something else.
    pub(crate) fn has_failed(&self) -> (bool, bool) {
        let failed = self.failed().into_iter().zip(self.failures_before).map(|(now, before)| before < now);
        let mut of = failed.zip(OPERATIONS).filter(|(has, _)| *has).map(|(_, (_, operation))| operation);
        let syncs = of.clone().any(|operation| operation == Operation::Sync);
        (syncs, of.any(|operation| operation != Operation::Sync))
    }

    /// How often its disk has failed at each of [`OPERATIONS`].
    pub(crate) fn failed(&self) -> [u64; OPERATIONS.len()] {
        let mut failed = self.failed_before;
        failed.iter_mut().zip(OPERATIONS).for_each(|(times, (_, operation))| *times += self.disk.failed(operation));
        failed
    }

    /// Whether a fuse can be lit at its disk, or an operation be made to fail: of a node that is down, as it starts. Power
    /// that has failed in this very turn fails once.
    pub(crate) fn may_be_charged(&self) -> bool {
        !self.is_frozen && !self.is_refused && self.disk.struck().is_none()
    }

    /// Ends the process, whatever it was doing; says nothing more.
    pub fn kill(&mut self) {
        let cells = self.cells();
        if let Some(process) = self.process.take() {
            let (state, mut check) = (process.peer.state(), self.common.check.lock());
            let view = state.read();
            check.ends(State { who: self.id as u64, applied: view.index().0, lists: (*view).clone() });
            check.crashed(NodeId(self.id as u64));
            drop((check, view));
            process.peer.kill();
            // Who stands still takes one more turn, to its death.
            cells.into_iter().for_each(|cell| self.time.resume(cell));
        }
        self.charges.settle(&self.disk);
        (self.fuse, self.broken, self.drained, self.rots) = (None, None, None, None);
        (self.paused_until, self.slow_until, self.slow) = (Time::ZERO, Time::ZERO, None);
        if self.is_stuck_for_ever() {
            self.stuck_until = Time::ZERO;
        }
        self.time.release();
        self.disk.set_fuse(None);
        self.disk.mend();
    }

    /// Something of its disk is other than it was written, or cannot be read any more.
    pub(crate) fn is_rotten(&self) -> bool {
        self.is_unreadable || self.disk.is_rotten()
    }

    /// Its disk completes nothing as long as this process lives.
    #[must_use]
    pub fn is_stuck_for_ever(&self) -> bool {
        self.stuck_until == Time::MAX
    }

    /// Empties the directory.
    pub fn wipe(&mut self) {
        self.wipes += 1;
        self.failed_before = self.failed();
        self.disk = self.common.disk(Purpose::Wipe, self.id, self.wipes);
        self.common.check.lock().wiped(NodeId(self.id as u64));
    }
}

/// Tells the check what a state machine has come to.
fn has_applied(node: NodeId, check: Arc<Shared<Check>>) -> impl FnMut(Index, &Lists, &Sessions<Seen>) {
    move |at, lists, sessions| {
        if at.0.is_multiple_of(EACH) {
            spend(Part::Checks, || check.lock().has_applied(node, at, lists, sessions));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Families, Fault, MS, What, swarm};
    use crate::world::World;
    use std::collections::BTreeMap;

    #[test]
    fn a_process_that_stands_still_takes_no_turn_in_any_of_its_parts() {
        let mut turns = BTreeMap::new();
        for seed in 0..20 {
            let mut swarm = swarm(seed);
            (swarm.nodes, swarm.liars, swarm.families) = (3, 0, Families::default());
            swarm.election = std::time::Duration::from_millis(60);
            swarm.heartbeat = std::time::Duration::from_millis(15);
            let fault = Fault { at: Time(1_000 * MS), what: What::Pause { node: 0, lasts: 300 * MS } };
            let time = VirtualTime::new(seed);
            let mut world = World::new(seed, swarm, vec![fault], &time);
            time.run_until(Time(999 * MS), &mut world);
            let parts = world.nodes[0].cells();
            assert!(4 <= parts.len(), "replica, disk, machine, receiver: {parts:?}");
            time.keep_trace();
            time.run_until(Time(1_600 * MS), &mut world);
            for record in time.trace().records.iter().filter(|record| parts.contains(&record.cell)) {
                assert!(!(1_000 * MS + 1..1_300 * MS).contains(&record.time.0), "{record:?}");
                *turns.entry(parts.iter().position(|&cell| cell == record.cell)).or_insert(0) += 1;
            }
        }
        assert!(4 <= turns.len() && turns.values().all(|&turns| 20 <= turns), "they do go on: {turns:?}");
    }

    /// Its disk fails, and all of it ends but for a machine that stands still, with reads of clients in hand.
    #[test]
    fn a_process_that_lingers_behind_its_state_machine_is_killed_and_answers_everybody() {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let broken = What::Broken { node: 0, operation: OPERATIONS[0].1, after: 0, times: 1, down: MS };
        let plan = [(1_000 * MS, What::Slow { node: 0, lasts: 9_000 * MS }), (1_400 * MS, broken)];
        let plan = plan.map(|(at, what)| Fault { at: Time(at), what }).into();
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, plan, &time);
        time.run_until(Time(2_000 * MS), &mut world);
        let machine = world.nodes[0].slow.expect("it stands still");
        assert_eq!(world.nodes[0].cells(), [machine]);
        world.end(&time);
        assert!(world.check.lock().broken().is_none(), "{:?}", world.check.lock().broken());
    }

    /// Its disk is mended while the end that comes of a failure has not come yet, and another failure was to come.
    #[test]
    fn a_failure_that_has_struck_is_not_forgotten_for_one_to_come() {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let broken = || What::Broken { node: 0, operation: OPERATIONS[0].1, after: 0, times: 1, down: MS };
        let plan = [(1_000 * MS, What::Slow { node: 0, lasts: 9_000 * MS }), (1_400 * MS, broken())];
        let plan = plan.map(|(at, what)| Fault { at: Time(at), what }).into();
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, plan, &time);
        time.run_until(Time(2_000 * MS), &mut world);
        assert!(
            world.nodes[0].has_failed() == (true, false) && world.nodes[0].process.is_some(),
            "it has failed, and not ended"
        );
        assert!(world.apply(broken()));
        world.mend(0);
        time.run_until(Time(3_000 * MS), &mut world);
        assert_eq!((world.sums.broken, world.nodes[0].life), (1, 2));
        assert!(world.check.lock().broken().is_none(), "{:?}", world.check.lock().broken());
        world.end(&time);
    }

    /// The clock of a node that stood still, after its first turn and before it; and whether it was told in time.
    #[test]
    fn who_has_stood_still_takes_its_timers_first_or_its_packets() {
        let shown = |lasts: u64| {
            let mut swarm = swarm(3);
            (swarm.nodes, swarm.families) = (3, Families::default());
            let fault = Fault { at: Time(1_000 * MS), what: What::Pause { node: 0, lasts } };
            let time = VirtualTime::new(3);
            let mut world = World::new(3, swarm, vec![fault], &time);
            time.run_until(Time(1_000 * MS), &mut world);
            let stood = world.nodes[0].time.node_time();
            let (end, mut first) = (Time(1_000 * MS + lasts), None);
            while first.is_none() {
                let before = world.nodes[0].time.node_time();
                let record = time.step(&mut world).expect("others go on");
                let is_turn = Some(record.cell) == world.nodes[0].cell() && end <= record.time;
                first = is_turn.then(|| before.since(stood));
            }
            let behind = world.nodes[0].time.node_time().since(stood);
            (first.map(|first| first.as_millis()), behind.as_millis())
        };
        let (first, behind) = shown(300 * MS);
        assert!(first.is_some_and(|first| 280 < first) && 280 < behind, "{first:?} {behind}");
        let (first, behind) = shown(300 * MS + 1);
        assert!(first == Some(0) && 280 < behind, "{first:?} {behind}");
    }

    #[test]
    fn how_long_a_flush_takes_follows_from_its_life_and_its_place_in_it() {
        let swarm = Arc::new(swarm(3));
        let common = Common { seed: 3, swarm, check: Arc::default(), sent: Arc::default() };
        let mut draws = std::collections::BTreeSet::new();
        for busy in [false, true] {
            let mut node = Node::new(0, VirtualTime::new(3), common.clone());
            for _ in 0..2 {
                node.start().expect("an empty disk");
                node.flushes += 1;
                draws.insert(node.draw_latency());
                node.flushes += if busy { 7 } else { 0 };
                node.kill();
            }
        }
        assert_eq!(draws.len(), 2, "one for each life, however much the first has written");
    }
}
