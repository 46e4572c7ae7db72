use super::*;
use crate::aim::kind;
use crate::client::KINDS;
use crate::marks::Marks;
use crate::plan::{Families, swarm};
use crate::run::Case;
use rsm::raft::consensus::Message;
use rsm::raft::{Identity, Round, Track};
use std::collections::BTreeSet;
use std::time::Duration;

/// A lie about what stands at these places, and the words that it is made of.
fn lie(seed: u64) -> Lie {
    let held = Some((Term(7), LogId::new(7, 20)));
    Lie { facts: vec![3, 7, 7, 20], lives: vec![9], held, draws: Draws::new(seed), spells: seed.is_multiple_of(2) }
}

const HEAD_OF: Head = Head {
    cluster: rsm::raft::ClusterId(5),
    from: Identity { node: NodeId(0), incarnation: Incarnation(9) },
    to: NodeId(1),
    to_life: None,
};

fn sealed(bodies: &[Body]) -> Bytes {
    let mut packer = Packer::default();
    packer.begin(&HEAD_OF);
    bodies.iter().for_each(|body| packer.put(body));
    Bytes::copy_from_slice(packer.seal())
}

#[test]
fn a_lie_passes_the_door_and_says_every_kind_of_thing() {
    let body = Body::from(Message::Heartbeat { term: Term(7), track: Track(2), commit: Index(20), round: Round(4) });
    let packet_of = sealed(std::slice::from_ref(&body));
    let (mut kinds, mut unread, mut twisted) = (BTreeSet::new(), 0, 0);
    for seed in 0..4_000 {
        let said = lie(seed).instead(&HEAD_OF, vec![body.clone()], &packet_of);
        let Some((head, bodies)) = packet(&said, NodeId(1)) else { panic!("it is sealed as it should be: {said:?}") };
        assert_eq!(head, HEAD_OF);
        unread += u64::from(bodies.is_empty());
        twisted += u64::from(bodies.len() == 1 && bodies[0] != body);
        kinds.extend(bodies.iter().map(kind));
    }
    assert_eq!(kinds.len(), 16, "{kinds:?}");
    assert!(100 < unread && 500 < twisted, "{unread} without any sense, {twisted} about something else");
}

/// A command that does not decode, once it is committed, ends each peer each time.
#[test]
fn what_liars_say_can_mostly_be_read() {
    for seed in 0..2_000 {
        let mut lie = Lie { spells: true, ..lie(seed) };
        let entries = lie.entries(&Entries::NONE);
        for entry in entries.iter().filter(|entry| entry.kind == EntryKind::Command) {
            let (_, change) = Caller::of(&entry.bytes).unwrap_or_else(|| panic!("{entry:?} names no caller"));
            assert!(Change::from_bytes(change).is_some(), "{entry:?}");
        }
        let openings = entries.iter().filter(|entry| entry.kind == EntryKind::Open);
        openings.for_each(|entry| assert!(Open::of(&entry.bytes).is_some(), "{entry:?}"));
    }
}

#[test]
fn who_takes_back_what_it_has_said_says_fewer_in_its_place_and_the_commit_of_all() {
    let prev = LogId::new(7, 20);
    for (seed, term) in (0..200).flat_map(|seed| [(seed, Term(7)), (seed, Term(9))]) {
        let said = lie(seed).take_back((term, prev)).map(|body| match body {
            Body::Message(Message::Append(append)) => append,
            other => panic!("{other:?}"),
        });
        let [before, after] = said;
        assert_eq!((before.term, before.prev, before.commit), (after.term, prev, prev.index));
        assert!(term <= after.term && prev.term < after.term && after.prev == prev);
        assert!(!after.entries.is_empty() && after.entries.len() < before.entries.len());
        assert_eq!(after.commit.0, prev.index.0 + before.entries.len() as u64);
        let terms = |append: &Append| append.entries.iter().map(|entry| entry.term).collect::<BTreeSet<_>>();
        assert_eq!([terms(&before), terms(&after)], [prev.term, after.term].map(|term| BTreeSet::from([term])));
    }
}

/// A term far off ends all elections, and with them the seed: what stands next to 0 is not such a one.
#[test]
fn few_lies_name_a_number_far_from_all() {
    let of = |was: u64, facts: Vec<u64>| {
        let number = |seed: u64| Lie { facts: facts.clone(), ..lie(seed) }.number(was);
        (0..4_000).filter(|&seed| 1 << 40 < number(seed)).count()
    };
    for far in [of(0, vec![0]), of(0, vec![3, 7]), of(7, vec![0]), of(7, vec![3, 7])] {
        assert!((5..60).contains(&far), "{far} of 4000");
    }
}

#[test]
fn who_is_lied_to_stands_and_keeps_his_bounds() {
    let (mut lies, mut stops, mut broken) = (0, 0, Vec::new());
    for seed in 0..40 {
        let mut swarm = swarm(seed);
        (swarm.nodes, swarm.liars, swarm.is_control) = (swarm.nodes.max(3), 1 + seed as usize % 3, false);
        (swarm.clients, swarm.kinds) = (4, KINDS.to_vec());
        swarm.families = Families { crashes: seed % 2 == 0, ..Families::default() };
        let lasts = Duration::from_secs(3);
        let plan = crate::plan::plan(seed, &swarm, rsm::raft::Time::ZERO.after(lasts));
        let report = Case { seed, swarm, plan, lasts, is_calmed: true }.run();
        assert_eq!(report.marks, Marks::default(), "what liars bring about is met by nobody");
        broken.extend(report.broken.map(|broken| (seed, broken)));
        (lies, stops) = (lies + report.sums.lies, stops + report.sums.stops);
    }
    assert_eq!(broken, []);
    assert!(500 < lies && 5 < stops, "{lies} lies, {stops} stops");
}
