use super::*;
use crate::client::{Came, Doing, Of};
use crate::lists::Seen;
use crate::net::{Harm, Weather};
use crate::plan::{plan, swarm};
use crate::version::sealed;
use rsm::raft::wire::Refused;
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn a_client_acts_at_one_moment_at_a_time() {
    for seed in 0..12 {
        let (time, swarm, end) = (VirtualTime::new(seed), swarm(seed), Time(3_000 * MS));
        let plan = plan(seed, &swarm, end);
        let mut world = World::new(seed, swarm, plan, &time);
        while time.now() < end && world.step(&time).is_some() {
            let mut due = BTreeSet::new();
            let acts = world.queue.iter().filter_map(|event| match event {
                Event::Client(client) => Some(*client),
                _ => None,
            });
            acts.for_each(|client| assert!(due.insert(client), "client {client} of seed {seed} acts twice"));
        }
    }
}

/// When what is on its way from the first node to the second arrives, in its order.
fn arrivals(world: &World) -> Vec<(Time, u64)> {
    let of = |event: &Event| match event {
        Event::Arrive { from: 0, to: 1, copy, .. } => Some((copy.at, copy.number)),
        _ => None,
    };
    let mut all: Vec<_> = world.queue.iter().filter_map(of).collect();
    all.sort_unstable();
    all
}

#[test]
fn what_is_on_its_way_as_a_link_is_clogged_comes_in_a_burst_behind_it() {
    let (time, mut world) = quiet();
    time.run_until(Time(3_000 * MS), &mut world);
    while arrivals(&world).len() < 2 {
        time.step(&mut world);
    }
    let (before, until) = (arrivals(&world), Time(world.now.0 + 500 * MS));
    assert!(world.apply(What::Clog { from: 0, to: 1, lasts: 500 * MS }));
    let behind = (0..).map(|nth| Time(until.0 + nth));
    assert_eq!(
        arrivals(&world),
        behind.zip(before.iter().map(|(_, number)| *number)).take(before.len()).collect::<Vec<_>>()
    );
    let delivered = world.net.traffic.delivered;
    time.run_until(until, &mut world);
    let held = arrivals(&world).iter().filter(|(_, number)| before.iter().any(|(_, one)| one == number)).count();
    assert!(held < before.len() && delivered < world.net.traffic.delivered, "{held} of {} are left", before.len());
}

fn quiet() -> (VirtualTime, World) {
    quiet_with(swarm(3).inbox)
}

fn quiet_with(inbox: usize) -> (VirtualTime, World) {
    let mut swarm = swarm(3);
    swarm.inbox = inbox;
    (swarm.nodes, swarm.families) = (3, crate::plan::Families::default());
    let time = VirtualTime::new(3);
    let world = World::new(3, swarm, Vec::new(), &time);
    (time, world)
}

#[test]
fn a_flush_that_is_under_way_waits_for_a_disk_that_is_stuck() {
    let (time, mut world) = quiet();
    let flushes = |world: &World| world.queue.iter().any(|event| matches!(event, Event::Flushed { node: 1, .. }));
    while time.now() < Time(1_000 * MS) || !flushes(&world) {
        time.step(&mut world).expect("heartbeats go on");
    }
    let persisted = |world: &World| world.nodes[1].look(|core, _| core.persisted()).expect("it runs");
    let (before, now) = (persisted(&world), time.now().0);
    assert!(world.apply(What::Stuck { node: 1, lasts: 300 * MS }));
    time.run_until(Time(now + 299 * MS), &mut world);
    assert_eq!(persisted(&world), before);
    time.run_until(Time(now + 400 * MS), &mut world);
    assert!(before < persisted(&world), "it goes on");
}

#[test]
fn a_stray_packet_before_a_full_inbox_is_a_lost_one() {
    let (time, mut world) = quiet_with(64);
    time.run_until(Time(1_000 * MS), &mut world);
    assert!(world.apply(What::Pause { node: 0, lasts: 200 * MS }));
    let strays = |world: &World| world.sums.no_members + world.sums.former_lives;
    (0..)
        .take_while(|number| {
            world.follow((1, 0), *number, &Bytes::new());
            strays(&world) < 80
        })
        .for_each(drop);
    time.run_until(Time(2_000 * MS), &mut world);
    assert!(!world.is_broken(), "{:?}", world.check.lock().broken());
}

#[test]
fn what_nobody_knows_is_counted_once_but_not_of_packets_that_are_refused_or_lost() {
    let (time, mut world) = quiet_with(64);
    world.net.heal(Weather::fair(MS, MS));
    let (to, mut found) = (0, None);
    while found.is_none() {
        time.step(&mut world).expect("heartbeats go on");
        let sound = world.queue.iter().find_map(|event| match event {
            Event::Arrive { from, to: 0, bytes, .. } => Some((*from, bytes.to_vec())),
            _ => None,
        });
        found = sound.filter(|_| Time(1_000 * MS) <= time.now());
    }
    let (from, packet) = found.expect("it was just seen");
    // A message of two bytes, of a kind that is not known.
    let packet = sealed([&packet[..], &[2, 200, 1]].concat());
    let mut other_life = packet.to_vec();
    other_life[24] ^= 1;
    let other_life = sealed(other_life);
    assert!(world.apply(What::Pause { node: to, lasts: 200 * MS }));
    let copy = Copy { at: time.now(), number: 1, copy: 0, harm: None, unknown: 1 };
    for _ in 0..80 {
        world.arrive(from, to, copy, packet.clone());
        world.arrive(from, to, Copy { harm: Some(Harm::Flip(300)), ..copy }, packet.clone());
        world.arrive(from, to, copy, other_life.clone());
    }
    time.run_for(Duration::from_secs(1), &mut world);
    assert!(!world.is_broken(), "{:?}", world.check.lock().broken());
    let refused = world.nodes[to].process.as_ref().map(|process| process.peer.status().refused).expect("it runs");
    let of = |why: Refused| refused.iter().find(|(reason, _)| *reason == why).map_or(0, |(_, times)| *times);
    assert!((1..80).contains(&of(Refused::Kind)) && of(Refused::Kind) + of(Refused::Full) >= 80, "{refused:?}");
    // A stray of the run's own may be among them.
    assert!(of(Refused::Checksum) == 80 && (80..90).contains(&of(Refused::Incarnation)), "{refused:?}");
}

/// R22: of a member of which it knows no life yet a node hears of two, before it has looked into the words of either.
#[test]
fn of_two_lives_that_wait_in_an_inbox_the_first_is_known_and_the_other_counted() {
    let (time, mut world) = quiet();
    let of = |world: &World| {
        world.queue.iter().find_map(|event| match event {
            Event::Arrive { from: 2, to: 0, bytes, .. } => Some(bytes.clone()),
            _ => None,
        })
    };
    while of(&world).is_none() {
        time.step(&mut world).expect("all greet each other");
    }
    let packet = of(&world).expect("it was just seen");
    assert!(world.apply(What::Pause { node: 0, lasts: 200 * MS }));
    assert_eq!(world.nodes[0].look(|core, _| core.bindings().of(NodeId(2))), Some(None));
    let mut other = packet.to_vec();
    other[16] ^= 1;
    let copy = Copy { at: time.now(), number: 1, copy: 0, harm: None, unknown: 0 };
    let before = world.nodes[0].strays;
    for bytes in [packet.clone(), sealed(other), packet] {
        world.arrive(2, 0, copy, bytes);
    }
    assert_eq!(world.nodes[0].strays, before + 1);
    time.run_for(Duration::from_secs(1), &mut world);
    assert!(!world.is_broken(), "{:?}", world.check.lock().broken());
}

#[test]
fn nobody_is_told_of_what_is_not_committed() {
    let (_, mut world) = quiet();
    let (call, of) = (world.answers.opened(0), Of::Read);
    world.tell(Told { client: 0, operation: 0, of, call, outcome: Ok((9, Came::Seen(Seen::default()))) });
    assert_eq!(world.check.lock().broken().map(|violation| violation.rule), Some("R15"));
}

#[test]
fn peers_that_are_down_at_the_end_are_judged_too() {
    let (time, mut world) = quiet();
    time.run_until(Time(2_000 * MS), &mut world);
    world.nodes.iter_mut().for_each(Node::kill);
    world.end(&time);
    assert!(0 < world.sums.witnessed);
    assert!(!world.is_broken(), "{:?}", world.check.lock().broken());
}

#[test]
fn r17_a_read_that_sees_less_than_was_acknowledged_before() {
    let sees = |len: u64| {
        let (_, mut world) = quiet();
        let (place, call) = (world.answers.reads(0), world.answers.opened(0));
        world.clients[0].doing = Doing::Reading { key: 0, floor: 2, place };
        let outcome = Ok((0, Came::Seen(Seen { last: 7, len })));
        world.tell(Told { client: 0, operation: 0, of: Of::Read, call, outcome });
        let check = world.check.lock();
        check.broken().map(|violation| violation.rule)
    };
    assert_eq!((sees(2), sees(1)), (None, Some("R17")));
}

#[test]
fn who_is_silent_until_its_session_is_gone_goes_on_once_so_many_are_opened_or_nothing_new_is_begun() {
    let (_time, mut world) = quiet();
    (world.opened, world.asleep) = (6, vec![(0, 7), (0, 8), (0, 9)]);
    world.wake();
    assert_eq!(world.asleep.len(), 3);
    world.opened = 8;
    world.wake();
    assert_eq!(world.asleep, [(0, 9)]);
    world.rests_since = Some(world.now);
    world.wake();
    assert_eq!(world.asleep, []);
}
