use super::*;
use crate::marks::place;
use crate::net::Weather;
use crate::plan::{Families, Fault, Harm, MS, swarm};
use crate::sums::Sums;
use rsm::fsm::VirtualTime;
use rsm::raft::storage::Disk;
use std::time::Duration;

/// Three nodes after so long, nothing having gone wrong; then these faults strike, one after the other.
fn struck(ms: u64, faults: &[What]) -> (Sums, u64) {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.families) = (3, Families::default());
    let plan = faults.iter().map(|what| Fault { at: Time::MAX, what: what.clone() }).collect();
    let time = VirtualTime::new(3);
    let mut world = World::new(3, swarm, plan, &time);
    time.run_until(Time(ms * MS), &mut world);
    (0..faults.len()).for_each(|nth| world.strike(nth));
    (world.sums, world.effects().count(Came::Idle))
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
        What::Full { node, slack: 0, lasts },
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
    let at_disk = |operations| What::CrashAtDisk { node: 1, operations, spares: None, down: MS };
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
            What::Full { node: 0, slack: 0, lasts },
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
            world.apply(What::Rot { node, harm: Harm::Flip, place: 77 << 1, down: MS });
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
    let ended = |clients: usize, end: fn(&mut World)| {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.clients, swarm.families) = (3, clients, Families::default());
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(1_000 * MS), &mut world);
        end(&mut world);
        time.run_until(Time(3_000 * MS), &mut world);
        let broken = world.check.lock().broken().map(|violation| violation.rule);
        (world.sums.broken, broken)
    };
    assert_eq!(
        ended(4, |world| assert!(world.apply(What::Broken {
            node: 1,
            operation: Operation::Sync,
            after: 0,
            times: 1,
            down: MS
        }))),
        (1, None)
    );
    let otherwise = |world: &mut World| {
        world.nodes[1].broken = Some(MS);
        world.nodes[1].process.as_ref().expect("it runs").peer.drain();
    };
    // Who is refused would tell first that nobody has told it to end.
    assert_eq!(ended(0, otherwise), (0, Some("R23")));
}

/// Three nodes to which nothing has happened for a second.
fn a_second_of_three() -> World {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.families) = (3, Families::default());
    let time = VirtualTime::new(3);
    let mut world = World::new(3, swarm, Vec::new(), &time);
    time.run_until(Time(1_000 * MS), &mut world);
    world
}

#[test]
fn a_peer_whose_files_version_has_rotted_may_refuse_to_start() {
    let mut world = a_second_of_three();
    let node = &mut world.nodes[1];
    node.kill();
    node.disk.kill();
    let names = node.disk.list().expect("it is well");
    let log = names.iter().find(|name| name.ends_with(".log")).expect("there is one");
    assert!(node.disk.rot(log, 7, 4));
    world.start(1);
    assert!(world.nodes[1].is_refused);
    assert!(!world.is_broken(), "{:?}", world.check.lock().broken());
}

/// What was in the cache alone is lost with it, and what has rotted of that: damage that comes later comes of something else.
#[test]
fn what_has_rotted_in_a_cache_that_is_lost_excuses_no_start_that_fails() {
    let started = |is_synced: bool, is_lost: bool| {
        let mut world = a_second_of_three();
        let node = &mut world.nodes[1];
        let names = node.disk.list().expect("it is well");
        let log = names.iter().find(|name| name.ends_with(".log")).expect("there is one");
        let file = node.disk.open(log, false).expect("it is there");
        let end = node.disk.len(&file).expect("it is well");
        node.disk.write_at(&file, &[1], end).expect("it is well");
        if is_synced {
            node.disk.sync(&file).expect("it is well");
        }
        assert!(node.disk.rot(log, end, 0) && node.is_rotten());
        node.kill();
        node.disk.kill();
        if is_lost {
            node.disk.set_spares(Spares::Nothing);
            node.disk.crash();
        }
        let file = node.disk.open(log, false).expect("it is there");
        node.disk.write_at(&file, &[9], 7).expect("it is well");
        world.start(1);
        let broken = world.check.lock().broken().map(|violation| violation.rule);
        (world.nodes[1].is_refused, broken)
    };
    assert_eq!(started(false, false), (true, None));
    assert_eq!(started(false, true), (false, Some("R11")));
    assert_eq!(started(true, true), (true, None), "it is on the disk");
}

/// A follower lacks what its leader can read no more: it would wait for as long as that one leads.
#[test]
fn a_leader_that_cannot_read_what_another_lacks_ends_and_says_so() {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.families, swarm.weather) = (3, Families::default(), Weather::fair(MS, MS));
    (swarm.cache_bytes, swarm.snapshot_entries, swarm.rest, swarm.clients) = (500, 1_000_000, 5 * MS, 8);
    (swarm.election, swarm.heartbeat) = (Duration::from_millis(100), Duration::from_millis(20));
    (swarm.pre_vote, swarm.check_quorum, swarm.disk_mean) = (true, true, MS / 10);
    let time = VirtualTime::new(3);
    let mut world = World::new(3, swarm, Vec::new(), &time);
    time.run_until(Time(2_000 * MS), &mut world);
    let leader = world.leader().expect("nothing goes wrong");
    let other = (leader + 1) % 3;
    assert!(world.apply(What::Cut { shape: Shape::Isolate(other), lasts: 3_000 * MS }));
    time.run_until(Time(5_000 * MS), &mut world);
    assert_eq!(world.leader(), Some(leader));
    let node = &mut world.nodes[leader];
    for name in node.disk.list().expect("it is well").iter().filter(|name| name.ends_with(".log")) {
        assert!(node.disk.spoil(name, 0..u64::MAX));
    }
    node.is_unreadable = true;
    time.run_until(Time(6_000 * MS), &mut world);
    assert!(world.nodes[leader].is_refused, "it ends, and does not start again");
    assert!(world.leader().is_some_and(|another| another != leader));
    let met = |name: &str| world.marks.count(place(name).expect("it is one of our own"));
    assert_eq!((met("end-by-a-part-unread"), met("start-refused-for-a-part-unread")), (1, 1));
    assert!(!world.is_broken(), "{:?}", world.check.lock().broken());
}

#[test]
fn whatever_becomes_of_old_bytes_is_refused_and_counts_as_a_disk_that_is_lost() {
    for harm in [Harm::Flip, Harm::Zeros, Harm::Former, Harm::Unreadable] {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families, swarm.sector) = (3, Families::default(), 512);
        (swarm.snapshot_entries, swarm.snapshot_bytes) = (20, 64 << 20);
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(3_000 * MS), &mut world);
        assert!(world.apply(What::Rot { node: 1, harm, place: 77 << 1, down: MS }), "{harm:?}");
        time.run_until(Time(3_500 * MS), &mut world);
        assert!(world.nodes[1].is_refused, "{harm:?}");
        assert!(!world.apply(What::Wipe { node: 2, down: MS }) || !world.may_rot(2), "{harm:?}");
        let Sums { rotten, rotten_snapshots, zeroed, reverted, unreadable, .. } = world.sums;
        let is = |other| u64::from(harm == other);
        assert_eq!(
            (rotten + rotten_snapshots, zeroed, reverted, unreadable),
            (1 - is(Harm::Unreadable), is(Harm::Zeros), is(Harm::Former), is(Harm::Unreadable))
        );
        world.end(&time);
        assert!(!world.is_broken(), "{harm:?}: {:?}", world.check.lock().broken());
    }
}

/// It runs, and perhaps never reads there; but nobody counts on it.
#[test]
fn a_disk_that_cannot_be_read_everywhere_is_asked_for_nothing_once_all_is_calm() {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.families) = (3, Families::default());
    let time = VirtualTime::new(3);
    let mut world = World::new(3, swarm, Vec::new(), &time);
    time.run_until(Time(3_000 * MS), &mut world);
    world.nodes[1].is_unreadable = true; // where no start reads
    (0..3).for_each(|node| world.mend(node));
    world.start(1);
    assert_eq!([0, 1, 2].map(|node| world.nodes[node].process.is_some()), [true, false, true]);
}

#[test]
fn a_disk_that_is_nearly_full_takes_what_it_has_room_for_and_no_more() {
    let grown = |slack: u64| {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families, swarm.snapshot_entries) = (3, Families::default(), 4);
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(3_000 * MS), &mut world);
        let before = world.nodes[0].disk.used();
        assert!(world.apply(What::Full { node: 0, slack, lasts: FOR_EVER }));
        let mut most = before;
        for ms in 3_001..4_000 {
            time.run_until(Time(ms * MS), &mut world);
            most = most.max(world.nodes[0].disk.used());
        }
        assert!(!world.is_broken(), "{:?}", world.check.lock().broken());
        assert_eq!((world.sums.full, world.sums.nearly_full), (1, u64::from(slack != 0)));
        most - before
    };
    let some = [0, 100, 10_000, 1 << 20].map(|slack| (slack, grown(slack)));
    assert!(some.iter().all(|&(slack, grown)| grown <= slack), "{some:?}");
    assert!(some.is_sorted_by_key(|&(_, grown)| grown) && 0 < some[2].1 && some[2].1 < some[3].1, "{some:?}");
}

#[test]
fn a_start_after_a_failed_sync_is_none_after_another_failure() {
    let met = |operation| {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(1_000 * MS), &mut world);
        assert!(world.apply(What::Broken { node: 1, operation, after: 0, times: 1, down: MS }));
        time.run_until(Time(3_000 * MS), &mut world);
        assert_eq!(world.sums.broken, 1);
        ["start-after-a-failed-sync", "start-after-another-failure"]
            .map(|name| world.marks.count(place(name).expect("our own")))
    };
    assert_eq!((met(Operation::Sync), met(Operation::Write)), ([1, 0], [0, 1]));
}
