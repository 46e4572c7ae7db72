use super::*;
use crate::aim::{KINDS, kind};
use crate::liar::is_stop;
use crate::plan::{Families, MS, What, swarm};
use crate::run::panic_words;
use rsm::fsm::VirtualTime;
use rsm::raft::consensus::{Bindings, Effect, Input, Log};
use rsm::raft::wire::{ChunkReply, Refused};
use rsm::raft::{Index, Term, Time};
use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn three(snapshot_entries: u64) -> (VirtualTime, World) {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.families) = (3, Families::default());
    (swarm.snapshot_entries, swarm.piece_bytes) = (snapshot_entries, 64);
    let time = VirtualTime::new(3);
    let world = World::new(3, swarm, Vec::new(), &time);
    (time, world)
}

/// Strays of these draws from one node to another at this moment.
fn strays(world: &World, from: usize, to: usize, draws: Range<u64>) -> impl Iterator<Item = (Stray, Body)> + '_ {
    let heard = world.queue.iter().find_map(|event| match event {
        crate::event::Event::Arrive { from: sender, to: receiver, bytes, .. } => {
            ((*sender, *receiver) == (from, to)).then(|| bytes.clone())
        }
        _ => None,
    });
    let heard = heard.unwrap_or_default();
    let stray = move |draw| world.stray(from, to, &heard, Draws::new(draw));
    draws.filter_map(stray).filter_map(move |(stray, packet)| {
        let body = bodies(&packet, NodeId(to as u64)).next();
        body.map(|body| (stray, body))
    })
}

/// Whether a stray from some life of node 0 attests the life of node 1, while that is a newborn, and once it is born.
#[test]
fn a_newborn_is_attested_by_no_life_of_a_member_that_has_not_bound_it() {
    let (time, mut world) = three(1_000);
    let (mut newborn, mut born) = (0, 0);
    for ms in 0..100 {
        time.run_until(Time(ms * MS), &mut world);
        let Some(us) = world.nodes[1].process.as_ref().map(|process| process.peer.identity()) else { continue };
        let attests = Body::from(Message::Attest { bound: us.incarnation });
        let attesting =
            strays(&world, 0, 1, 0..500).filter(|said| *said == (Stray::FormerLife, attests.clone())).count();
        let is_newborn = world.nodes[1].look(|_, role| is_newborn(role)) == Some(true);
        *(if is_newborn { &mut newborn } else { &mut born }) += attesting;
    }
    assert_eq!((newborn, 100 < born), (0, true), "{born} once it was born");
}

/// What follows at this peer if it is told this by the life of a member that it knows: what it has come to, and what it says.
fn follows(
    core: &Consensus,
    role: &Role,
    told: Option<Input>,
    now: Time,
) -> (Term, Index, Log, Bindings, Role, Vec<Effect>) {
    let (mut core, mut role, mut effects) = (core.clone(), role.clone(), Vec::new());
    if let Some(told) = told {
        role = core.next(role, told, now);
    }
    core.flush(&mut role, now, &mut effects);
    (core.term(), core.commit(), core.log().clone(), core.bindings().clone(), role, effects)
}

/// The kinds of what strays say in this seed, and of what would change something if it came from whom it should.
fn said_and_heeded(seed: u64) -> [BTreeSet<&'static str>; 2] {
    let (time, mut world) = three(seed);
    let (mut said, mut heeded) = (BTreeSet::new(), BTreeSet::new());
    for step in 0..300 {
        time.run_until(Time(step * 7 * MS), &mut world);
        if step == 60 {
            // Who is cut off for a while is brought a snapshot.
            let leads = |node: &Node| node.look(|_, role| role.is_leader()) == Some(true);
            let leader = world.nodes.iter().position(leads).expect("one leads by now");
            world.net.cut(leader, (leader + 1) % 3, Time(step * 7 * MS + 500 * MS));
        }
        for (from, to) in [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)] {
            let (now, total) = (world.nodes[to].time.node_time(), world.brought(from, to));
            for (_, body) in strays(&world, from, to, 24 * step..24 * (step + 1)) {
                said.insert(kind(&body));
                let heeds = |core: &Consensus, role: &Role| {
                    let node = NodeId(from as u64);
                    let Some(incarnation) = core.bindings().of(node) else { return false };
                    let message = match &body {
                        Body::Message(message) => message.clone(),
                        Body::Hello { .. } => Message::Hello,
                        Body::Chunk(_) => return !is_newborn(role),
                        Body::ChunkReply(ChunkReply { track, at, wanted }) => {
                            let Role::Leader(leader) = role else { return false };
                            let known = leader.progress().find(|(id, _)| *id == node).map(|(_, progress)| progress);
                            let is_brought =
                                |mode: Mode| matches!(mode, Mode::Snapshot { at: place, .. } if place == *at);
                            return known.is_some_and(|known| known.track == *track && is_brought(known.mode))
                                && total == Some(*wanted);
                        }
                        _ => return false,
                    };
                    let told = Input::Receive { from: Identity { node, incarnation }, to: None, message };
                    // Rather than follow a second leader of its term it stops.
                    let told = catch_unwind(AssertUnwindSafe(|| follows(core, role, Some(told), now)));
                    told.map_or_else(|why| is_stop(&panic_words(&*why)), |told| told != follows(core, role, None, now))
                };
                if world.nodes[to].look(heeds) == Some(true) {
                    heeded.insert(kind(&body));
                }
            }
        }
    }
    assert!(!world.is_broken(), "{:?}", world.check.lock().broken());
    [said, heeded]
}

#[test]
fn what_strays_say_would_change_something_if_it_came_from_whom_it_should() {
    // In one seed or another some kind misses its moment: the answer to a read wants one that is just open.
    let mut missing = [BTreeSet::from(KINDS), BTreeSet::from(KINDS)];
    for seed in 4..10 {
        let met = said_and_heeded(seed);
        missing.iter_mut().zip(met).for_each(|(missing, met)| missing.retain(|kind| !met.contains(kind)));
    }
    assert_eq!(missing, [BTreeSet::new(), BTreeSet::new()]);
}

/// No member says it, so no member heeds it, whoever says it.
#[test]
fn what_is_of_a_time_that_nobody_knows_changes_nothing_of_a_core() {
    let (time, mut world) = three(1_000);
    let mut said = BTreeSet::new();
    for step in 0..300 {
        time.run_until(Time(step * 7 * MS), &mut world);
        for (from, to) in [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)] {
            let now = world.nodes[to].time.node_time();
            for draw in 4 * step..4 * (step + 1) {
                let Some((head, body)) = world.untimely(from, to, Draws::new(draw)) else { continue };
                said.insert(kind(&body));
                let Body::Message(message) = body else { continue };
                let changes = |core: &Consensus, role: &Role| {
                    let told = Input::Receive { from: head.from, to: None, message };
                    follows(core, role, Some(told), now) != follows(core, role, None, now)
                };
                assert_eq!(world.nodes[to].look(changes), Some(false), "{from} to {to}, step {step}");
            }
        }
    }
    assert_eq!(said, BTreeSet::from(["AppendReply", "Chunk", "HeartbeatReply"]));
}

/// R22 of a node that hears of another life of a member, whose directory was emptied.
#[test]
fn each_packet_of_another_life_is_counted_once_where_a_directory_was_emptied() {
    let (time, mut world) = three(1_000);
    time.run_until(Time(1_000 * MS), &mut world);
    let heard = |world: &World| {
        let Some(process) = &world.nodes[0].process else { return (0, 0) };
        let refused = process.peer.status().refused.into_iter();
        let of_a_life = refused.filter(|(why, _)| *why == Refused::Incarnation).map(|(_, times)| times).sum();
        (world.nodes[0].strays, of_a_life)
    };
    let before = heard(&world);
    assert!(world.apply(What::Wipe { node: 2, down: 10 * MS }));
    time.run_until(Time(6_000 * MS), &mut world);
    let after = heard(&world);
    assert!(before.0 + 3 < after.0 && before.1 + 3 < after.1, "{before:?} {after:?}");
    assert!(!world.is_broken(), "{:?}", world.check.lock().broken());
}
