use super::*;
use crate::plan::{Families, Fault, MS, swarm};
use crate::sums::Sums;
use rsm::fsm::VirtualTime;

/// Three nodes after so long, nothing having gone wrong; then these faults strike, one after the other.
fn struck(ms: u64, faults: &[What]) -> (Sums, u64) {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.families) = (3, Families::default());
    let plan = faults.iter().map(|what| Fault { at: Time::MAX, what: what.clone() }).collect();
    let time = VirtualTime::new(3);
    let mut world = World::new(3, swarm, plan, &time);
    time.run_until(Time(ms * MS), &mut world);
    (0..faults.len()).for_each(|nth| world.strike(nth));
    (world.sums, world.effects.count(Came::Idle))
}

#[test]
fn a_fault_of_what_is_down_or_of_no_link_has_no_effect() {
    let (node, down, lasts) = (0, MS, MS);
    let faults = [
        What::Cut { shape: Shape::Split(0b111), lasts },
        What::Cut { shape: Shape::Leader, lasts },
        What::Cut { shape: Shape::Link(1, 1), lasts },
        What::Clog { from: 1, to: 1, lasts },
        What::Crash { node, down },
        What::Blackout { down },
        What::Pause { node, lasts },
        What::Stuck { node, lasts },
        What::Slow { node, lasts },
        What::Full { node, lasts },
    ];
    // The first node starts at the end of time 0.
    assert_eq!(struck(0, &faults[..4]).1, 4);
    let mut all_down = vec![What::Blackout { down }];
    all_down.extend(faults);
    let (sums, idle) = struck(1, &all_down);
    let all = Sums { blackouts: 1, crashes: 3, ..sums };
    assert_eq!((sums.cuts, sums.clogs, sums.pauses, sums.stuck), (0, 0, 0, 0));
    assert_eq!((sums, idle), (all, 10));
}

#[test]
fn power_that_has_failed_at_the_disk_is_not_cut_there_again() {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.families) = (3, Families::default());
    let time = VirtualTime::new(3);
    let mut world = World::new(3, swarm, Vec::new(), &time);
    time.run_until(Time(2 * MS), &mut world);
    let at_disk = |operations| What::CrashAtDisk { node: 1, operations, down: MS };
    assert!(world.apply(at_disk(0)));
    world.nodes[1].disk.sync_dir().expect_err("power fails in it");
    assert!(!world.apply(at_disk(3)), "what answers that moment comes too late");
    world.blown_fuses();
    assert_eq!((world.sums.at_disk, world.sums.crashes), (1, 1));
}

#[test]
fn a_fault_that_lasts_no_longer_than_another_has_no_effect() {
    let faults = |lasts: u64| {
        [
            What::Cut { shape: Shape::Isolate(1), lasts },
            What::Clog { from: 1, to: 2, lasts },
            What::Pause { node: 1, lasts },
            What::Stuck { node: 2, lasts },
            What::Full { node: 0, lasts },
        ]
    };
    let counts = |(sums, idle): (Sums, u64)| [sums.cuts, sums.clogs, sums.pauses, sums.stuck, sums.full, idle];
    assert_eq!(counts(struck(2, &[faults(5), faults(5)].concat())), [1, 1, 1, 1, 1, 5]);
    assert_eq!(counts(struck(2, &[faults(5), faults(6)].concat())), [2, 2, 2, 2, 2, 0]);
}

#[test]
fn a_disk_that_is_stuck_for_ever_is_so_until_its_process_is_killed() {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.families) = (3, Families::default());
    let time = VirtualTime::new(3);
    let mut world = World::new(3, swarm, Vec::new(), &time);
    time.run_until(Time(1_000 * MS), &mut world);
    assert!(world.apply(What::Stuck { node: 1, lasts: FOR_EVER }));
    let before = world.nodes[1].flushes;
    time.run_until(Time(60_000 * MS), &mut world);
    assert!(world.nodes[1].flushes <= before + 1, "one at a time, and that one is never over");
    assert!(world.apply(What::Crash { node: 1, down: MS }));
    time.run_until(Time(65_000 * MS), &mut world);
    assert!(1 < world.nodes[1].flushes && !world.is_broken(), "of the next life");
}

/// Old bytes of all three: each ends, or refuses to start, nobody serves what is wrong, and nobody is asked to live.
#[test]
fn beyond_the_budget_any_disk_may_rot_and_nothing_wrong_is_served() {
    let rotten = |is_budgeted| {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families, swarm.is_budgeted) = (3, Families::default(), is_budgeted);
        (swarm.snapshot_entries, swarm.snapshot_bytes) = (20, 64 << 20);
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(3_000 * MS), &mut world);
        for node in 0..3 {
            world.apply(What::Rot { node, place: 77 << 1, down: MS });
            time.run_until(Time((3_500 + 500 * node as u64) * MS), &mut world);
        }
        time.run_until(Time(6_000 * MS), &mut world);
        let refused = world.nodes.iter().filter(|node| node.is_refused).count();
        world.end(&time);
        assert!(world.check.lock().broken().is_none(), "{:?}", world.check.lock().broken());
        (world.sums.rotten + world.sums.rotten_snapshots, world.sums.beyond_budget, refused)
    };
    assert_eq!(rotten(true), (1, 0, 1));
    assert_eq!(rotten(false), (3, 2, 3));
}

#[test]
fn a_failed_sync_excuses_no_other_end() {
    let ended = |end: fn(&mut World)| {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(1_000 * MS), &mut world);
        end(&mut world);
        time.run_until(Time(3_000 * MS), &mut world);
        let broken = world.check.lock().broken().map(|violation| violation.rule);
        (world.sums.broken, broken)
    };
    assert_eq!(
        ended(|world| assert!(world.apply(What::Broken { node: 1, operation: Operation::Sync, after: 0, down: MS }))),
        (1, None)
    );
    let otherwise = |world: &mut World| {
        world.nodes[1].broken = Some(MS);
        world.nodes[1].process.as_ref().expect("it runs").peer.drain();
    };
    assert_eq!(ended(otherwise), (0, Some("R23")));
}

#[test]
fn a_peer_whose_files_version_has_rotted_may_refuse_to_start() {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.families) = (3, Families::default());
    let time = VirtualTime::new(3);
    let mut world = World::new(3, swarm, Vec::new(), &time);
    time.run_until(Time(1_000 * MS), &mut world);
    let node = &mut world.nodes[1];
    node.kill();
    node.disk.kill();
    let names = node.disk.list().expect("it is well");
    let log = names.iter().find(|name| name.ends_with(".log")).expect("there is one");
    node.is_rotten = node.disk.rot(log, 7, 4);
    world.start(1);
    assert!(world.nodes[1].is_refused);
    assert!(!world.is_broken(), "{:?}", world.check.lock().broken());
}
