use super::*;
use crate::check::packet;
use crate::plan::{Families, MS, swarm};
use crate::run::Case;
use rsm::fsm::VirtualTime;
use rsm::raft::consensus::Append;
use rsm::raft::wire::{Door, Head, Packer, Packet, Refused};
use rsm::raft::{ClusterId, Entries, Identity, Incarnation, Index, LogId, NodeId, Time, Track};
use std::collections::BTreeSet;
use std::time::Duration;

const US: Identity = Identity { node: NodeId(1), incarnation: Incarnation(7) };
const HEAD: Head = Head {
    cluster: ClusterId(5),
    from: Identity { node: NodeId(0), incarnation: Incarnation(9) },
    to: US.node,
    to_life: Some(US.incarnation),
};

/// A packet with these messages.
fn packed(bodies: &[Body]) -> Bytes {
    let mut packer = Packer::default();
    packer.begin(&HEAD);
    bodies.iter().for_each(|body| packer.put(body));
    Bytes::copy_from_slice(packer.seal())
}

/// Some messages, and the packet.
fn some() -> (Vec<Body>, Bytes) {
    let append =
        Append { term: Term(3), track: Track(0), prev: LogId::new(3, 7), entries: Entries::NONE, commit: Index(0) };
    let bodies =
        [Message::Hello, Message::Append(append), Message::VoteReply { term: Term(9), granted: false }].map(Body::from);
    let packet = packed(&bodies);
    (bodies.to_vec(), packet)
}

#[test]
fn what_tomorrow_says_besides_is_passed_over_and_what_it_says_is_heard() {
    let (bodies, bytes) = some();
    let (mut extended, mut levels, mut unknown_kinds) = (0, BTreeSet::new(), 0);
    for seed in 0..3_000 {
        let told = Tomorrow { draws: Draws::new(seed), unknown: 0 }.tells(&bytes);
        let (told, unknown) = told.expect("there is sense in it");
        extended += u64::from(unknown == 0 && told != bytes);
        unknown_kinds += unknown;
        let opened = Packet::open(told, &Door { cluster: HEAD.cluster, us: US }).expect("it is for us");
        assert_eq!(*opened.head(), HEAD);
        let (heard, refused): (Vec<_>, Vec<_>) = opened.partition(Result::is_ok);
        assert_eq!(refused, vec![Err(Refused::Kind); unknown as usize]);
        let heard: Vec<Body> = heard.into_iter().flatten().collect();
        assert_eq!(heard[1..], bodies[1..]);
        levels.extend(heard.first().cloned().into_iter().filter_map(|body| match body {
            Body::Hello { level } => Some(level),
            _ => None,
        }));
    }
    assert!(1_000 < extended && 300 < unknown_kinds && 300 < levels.len(), "{extended} {unknown_kinds} {levels:?}");
}

#[test]
fn tags_that_may_be_passed_over_are_odd_and_near_and_far_and_the_greatest_of_all() {
    let tag = |seed: u64| Tomorrow { draws: Draws::new(seed), unknown: 0 }.odd_from(3);
    let tags: BTreeSet<u64> = (0..4_000).map(tag).collect();
    assert!(tags.iter().all(|tag| tag % 2 == 1 && 3 <= *tag), "{tags:?}");
    let far = tags.iter().filter(|&&tag| 1 << 20 < tag && tag < u64::MAX - 4).count();
    assert!(tags.contains(&3) && tags.contains(&5) && 50 < far, "{far}");
    assert!(tags.contains(&u64::MAX) && tags.contains(&(u64::MAX - 2)));
    let last = |seed: u64| Tomorrow { draws: Draws::new(seed), unknown: 0 }.odd_from(u64::MAX);
    assert!((0..100).all(|seed| last(seed) == u64::MAX));
}

#[test]
fn what_has_no_sense_is_left_as_it_is() {
    let (_, bytes) = some();
    for len in [3, 32, bytes.len() - 1] {
        assert_eq!(Tomorrow { draws: Draws::new(1), unknown: 0 }.tells(&bytes[..len]), None, "{len}");
    }
}

#[test]
fn another_version_of_the_format_is_refused_at_the_door_whatever_it_says() {
    let (_, bytes) = some();
    let heads: BTreeSet<[u8; 4]> = (0..400)
        .map(|seed| {
            let other = of_another_format(&bytes, &mut Draws::new(seed));
            let opened = Packet::open(other.clone(), &Door { cluster: HEAD.cluster, us: US });
            assert_eq!(opened.map(drop), Err(Refused::Version));
            assert!(packet(&other, US.node).is_none());
            [other[4], other[5], other[6], other[7]]
        })
        .collect();
    assert!(100 < heads.len() && heads.iter().any(|head| head[0] != VERSION), "{heads:?}");
}

/// A case of three nodes of which some are of tomorrow's version now and then, with power that fails.
fn case(seed: u64) -> Case {
    let mut swarm = swarm(seed);
    (swarm.nodes, swarm.tomorrow, swarm.liars, swarm.is_control) = (3, true, 0, false);
    (swarm.families, swarm.clients) = (Families { crashes: true, pauses: true, ..Families::default() }, 4);
    let lasts = Duration::from_secs(3);
    let plan = crate::plan::plan(seed, &swarm, Time::ZERO.after(lasts));
    Case { seed, swarm, plan, lasts, is_calmed: true }
}

#[test]
fn all_holds_where_some_are_of_tomorrow() {
    let (mut told, mut unknown, mut broken) = (0, 0, Vec::new());
    for seed in 0..32 {
        let report = case(seed).run();
        broken.extend(report.broken.map(|broken| (seed, broken)));
        (told, unknown) = (told + report.sums.of_tomorrow, unknown + report.sums.unknown_kinds);
    }
    assert_eq!(broken, []);
    assert!(5_000 < told && 500 < unknown, "{told} packets, {unknown} unknown messages");
}

/// Nodes are upgraded while others are not, and one that starts again may be older.
#[test]
fn each_life_of_a_node_has_a_version_and_what_nobody_knows_is_counted_as_that() {
    let (mut mixed, mut changes) = (0, BTreeSet::new());
    let mut refused = std::collections::BTreeMap::new();
    for seed in 0..12 {
        let Case { swarm, plan, .. } = case(seed);
        let time = VirtualTime::new(seed);
        let mut world = World::new(seed, swarm, plan, &time);
        for ms in (0..3_000).step_by(20) {
            time.run_until(Time(ms * MS), &mut world);
            let of = |node: usize, life: u64| is_of_tomorrow(seed, node, life);
            let now: BTreeSet<bool> = world.nodes.iter().map(|node| of(node.id, node.life)).collect();
            mixed += u64::from(now.len() == 2);
            let again = world.nodes.iter().filter(|node| 1 < node.life);
            changes.extend(again.map(|node| (of(node.id, node.life - 1), of(node.id, node.life))));
        }
        for process in world.nodes.iter().filter_map(|node| node.process.as_ref()) {
            process
                .peer
                .status()
                .refused
                .into_iter()
                .for_each(|(why, times)| *refused.entry(why).or_insert(0) += times);
        }
    }
    assert!(100 < mixed && changes.len() == 4, "{mixed} {changes:?}");
    assert!(50 < refused[&Refused::Kind] && 5 < refused[&Refused::Version], "{refused:?}");
    assert_eq!(refused[&Refused::Malformed], 0, "{refused:?}");
}
