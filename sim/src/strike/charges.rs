//! Faults that wait at a disk for an operation to come: what becomes of each.
//!
//! ```text
//!   a fuse, a failure ── armed ──> its operation comes ──────────────────────────> struck
//!                            └───> the process, or the run, ends before; or another takes its place: idle
//! ```
//! There is one fuse and one failure at a time: the later one counts.

use crate::effects::{Came, Effects};
use rsm::raft::storage::SimulatedDisk;
use rsm::raft::storage::simulated::Operation;

/// What waits at one disk, and what has become of those before.
#[derive(Debug, Default)]
pub(crate) struct Charges {
    fuse: Option<Fuse>,
    failure: Option<Failure>,
    effects: Effects,
}

/// Power is to fail. A story's is no fault of a plan, and has no kind.
#[derive(Debug)]
struct Fuse {
    kind: Option<&'static str>,
}

/// An operation is to fail.
#[derive(Debug)]
struct Failure {
    kind: Option<&'static str>,
    operation: Operation,
    /// How often one had before.
    before: u64,
}

impl Charges {
    pub(super) fn light(&mut self, kind: Option<&'static str>, disk: &SimulatedDisk) {
        self.settle_fuse(disk);
        self.fuse = Some(Fuse { kind });
    }

    pub(super) fn arm(&mut self, kind: Option<&'static str>, operation: Operation, disk: &SimulatedDisk) {
        self.settle_failure(disk);
        self.failure = Some(Failure { kind, operation, before: disk.failed(operation) });
    }

    /// Whatever waits here is over: asked while the disk still knows what it has done.
    pub(crate) fn settle(&mut self, disk: &SimulatedDisk) {
        self.settle_fuse(disk);
        self.settle_failure(disk);
    }

    fn settle_fuse(&mut self, disk: &SimulatedDisk) {
        let Some(Fuse { kind }) = self.fuse.take() else { return };
        self.came(kind, disk.struck().is_some());
    }

    fn settle_failure(&mut self, disk: &SimulatedDisk) {
        let Some(Failure { kind, operation, before }) = self.failure.take() else { return };
        self.came(kind, before < disk.failed(operation));
    }

    fn came(&mut self, kind: Option<&'static str>, has_struck: bool) {
        let came = if has_struck { Came::Struck } else { Came::Idle };
        kind.into_iter().for_each(|kind| self.effects.note(kind, came));
    }

    /// What those have come to that wait no more.
    pub(crate) fn effects(&self) -> &Effects {
        &self.effects
    }

    /// How many faults of the plan still wait.
    pub(crate) fn waiting(&self) -> usize {
        let fuse = self.fuse.iter().filter_map(|fuse| fuse.kind).count();
        fuse + self.failure.iter().filter_map(|failure| failure.kind).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{AT_LEADER, AWAIT, kind};
    use crate::nemesis::{Aimed, Answer};
    use crate::plan::{Families, Fault, MS, What, swarm};
    use crate::run::Case;
    use crate::world::World;
    use rsm::fsm::VirtualTime;
    use rsm::raft::Time;
    use std::time::Duration;

    const FAR: u64 = 1_000_000;

    fn fuse(operations: u64) -> What {
        What::CrashAtDisk { node: 1, operations, spares: None, down: MS }
    }

    fn failure(after: u64) -> What {
        What::Broken { node: 1, operation: Operation::Sync, after, times: 3, down: MS }
    }

    /// What has become of these, one a second, of three nodes: struck and idle, after five seconds or at the end of the run.
    fn become_of(faults: &[What], is_ended: bool) -> [(u64, u64); 4] {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let plan = faults.iter().zip(1..).map(|(what, at)| Fault { at: Time(1_000 * at * MS), what: what.clone() });
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, plan.collect(), &time);
        time.run_until(Time(5_000 * MS), &mut world);
        world.account();
        if is_ended {
            world.end(&time);
        }
        assert!(!world.is_broken(), "{:?}", world.check.lock().broken());
        let effects = world.effects();
        [kind(&fuse(0)), kind(&failure(0)), AT_LEADER, AWAIT].map(|kind| (effects.struck(kind), effects.idle(kind)))
    }

    #[test]
    fn a_fuse_has_struck_once_it_blows_and_is_idle_if_its_process_or_the_run_ends_before() {
        let crash = || What::Crash { node: 1, down: MS };
        let of = |faults: &[What], is_ended| become_of(faults, is_ended)[0];
        assert_eq!(of(&[fuse(0)], false), (1, 0));
        assert_eq!(of(&[fuse(FAR)], false), (0, 0), "it may yet");
        assert_eq!(of(&[fuse(FAR)], true), (0, 1), "the run is over");
        assert_eq!(of(&[fuse(FAR), crash()], false), (0, 1), "the process is");
        assert_eq!(of(&[fuse(FAR), fuse(0)], false), (1, 1), "the later one counts");
        let down = What::Crash { node: 1, down: 2_500 * MS };
        assert_eq!(of(&[down, fuse(0)], false), (1, 0), "as it starts");
    }

    #[test]
    fn a_failure_has_struck_once_an_operation_fails_and_is_idle_if_its_process_or_the_run_ends_before() {
        let crash = || What::Crash { node: 1, down: MS };
        let of = |faults: &[What], is_ended| become_of(faults, is_ended)[1];
        assert_eq!(of(&[failure(0)], false), (1, 0), "however many more were to fail");
        assert_eq!(of(&[failure(FAR)], false), (0, 0), "it may yet");
        assert_eq!(of(&[failure(FAR)], true), (0, 1), "the run is over");
        assert_eq!(of(&[failure(FAR), crash()], false), (0, 1), "the process is");
        assert_eq!(of(&[failure(FAR), failure(0)], false), (1, 1), "the later one counts");
        assert_eq!(become_of(&[failure(FAR), fuse(0)], false)[..2], [(1, 0), (0, 1)], "power fails before");
    }

    #[test]
    fn an_answer_that_lights_a_fuse_has_struck_once_that_blows() {
        let leader = |answer| What::AtLeader { answer, lasts: MS };
        let of = |answer| become_of(&[leader(answer)], true)[2];
        assert_eq!(of(Answer::CrashAtDisk(0)), (1, 0));
        assert_eq!(of(Answer::CrashAtDisk(FAR)), (0, 1));
        assert_eq!(of(Answer::TornAtDisk(FAR)), (0, 1), "that it hears nobody for a moment is not what is meant");
        let awaited = |operations| {
            let answer = Answer::CrashAtDisk(operations);
            let aimed = What::Await(Aimed { mark: "start-after-a-failed-sync", nth: 1, answer, lasts: MS });
            let [.., awaited] = become_of(&[aimed, failure(0)], true);
            awaited
        };
        assert_eq!([awaited(0), awaited(FAR)], [(1, 0), (0, 1)]);
    }

    /// Nothing but such faults lights a fuse here: each that has struck is a crash at the disk, or a start without an end.
    #[test]
    fn as_many_fuses_have_struck_as_power_has_failed_at_a_disk() {
        let (mut struck, mut at_disk) = (0, 0);
        for seed in 0..20 {
            let mut case = Case::new(seed, Duration::from_secs(3));
            case.plan.retain(|fault| !matches!(fault.what, What::Await(_) | What::AtLeader { .. }));
            let report = case.run();
            assert_eq!(report.broken, None, "{seed}");
            struck += report.effects.struck(kind(&fuse(0)));
            at_disk += report.sums.at_disk + report.sums.at_start;
        }
        assert_eq!(struck, at_disk);
        assert!(20 <= struck, "{struck}");
    }
}
