//! Who may vote: births, wiped directories, former lives (3, 62).

use super::support::cluster::{Cluster, Faults};
use super::support::disk::Disk;
use super::support::solo::{Solo, append, heartbeat, pre_vote, vote};
use super::support::{self, MS};
use rsm::raft::consensus::{Effect, Input, Message, News, Record, RoleName};
use rsm::raft::{Identity, Incarnation, LogId, NodeId};

/// A new peer 0 of n, whose life is 100.
fn newborn(n: u64) -> Solo {
    Solo::with(n, Disk::new(100), |_| {})
}

fn attest(bound: u64) -> Message {
    Message::Attest { bound: Incarnation(bound) }
}

/// What the life `from_life` of a member says to ours.
fn from_life(from: u64, from_life: u64, message: Message) -> Input {
    let from = Identity { node: NodeId(from), incarnation: Incarnation(from_life) };
    Input::Receive { from, to: Some(Incarnation(100)), message }
}

/// All that was sent, with the life that it is addressed to.
fn addressed(peer: &mut Solo, input: Input) -> Vec<(u64, Option<u64>, Message)> {
    peer.machine.step(input, peer.now);
    let effects = support::flush(&mut peer.machine, peer.now);
    let sent = |effect: &Effect| match effect {
        Effect::Send { to, incarnation, message } => Some((to.0, incarnation.map(|life| life.0), message.clone())),
        _ => None,
    };
    effects.iter().filter_map(sent).collect()
}

#[test]
fn an_empty_directory_neither_votes_nor_stands_nor_acknowledges_3() {
    let mut peer = newborn(3);
    for message in [vote(5, LogId::new(4, 9)), pre_vote(5, LogId::new(4, 9)), append(5, LogId::ZERO, &[5], 0)] {
        assert_eq!(peer.hear(1, message), []);
    }
    assert_eq!(peer.hear(1, heartbeat(5, 1, 0)), []);
    peer.wait(6_000);
    assert_eq!((peer.role(), peer.log(), peer.term().0), (RoleName::Newborn, vec![], 0));
}

#[test]
fn a_newborn_asks_the_others_at_each_heartbeat_until_enough_have_attested() {
    let mut peer = newborn(5);
    let hello = |ids: &[u64]| ids.iter().map(|&id| (id, Message::Hello)).collect::<Vec<_>>();
    assert_eq!(peer.wait(50), hello(&[1, 2, 3, 4]));
    assert_eq!(peer.wait(49), []);
    peer.hear(3, attest(100));
    assert_eq!(peer.wait(1), hello(&[1, 2, 4]));
    peer.hear(3, attest(100));
    peer.hear(4, attest(100));
    assert_eq!(peer.role(), RoleName::Newborn, "two, one of them twice");
    peer.hear(1, attest(100));
    assert_eq!(peer.role(), RoleName::Follower);
    assert!(peer.records().contains(&Record::Born));
    let attested_by = vec![NodeId(1), NodeId(3), NodeId(4)];
    assert!(peer.has_said(&Effect::News(News::Born { attested_by })));
}

#[test]
fn hello_names_no_life_of_its_receiver() {
    let mut peer = newborn(3);
    peer.hear(1, Message::Hello);
    peer.now.0 += 50 * MS;
    let hellos = addressed(&mut peer, Input::Tick);
    assert!(hellos.contains(&(1, None, Message::Hello)), "{hellos:?}");
}

#[test]
fn an_attestation_waits_for_its_binding_to_be_durable() {
    let mut peer = newborn(3);
    assert_eq!(peer.hear_unsynced(1, Message::Hello), []);
    let bind = Record::Bind { node: NodeId(1), incarnation: Incarnation(101) };
    assert_eq!(peer.records(), [bind]);
    assert_eq!(peer.sync(), [(1, attest(101))], "a newborn attests too");
}

#[test]
fn whatever_a_member_says_first_binds_its_life() {
    let mut peer = newborn(3);
    peer.hear(1, vote(5, LogId::ZERO));
    assert_eq!(peer.machine.core().bindings().of(NodeId(1)), Some(Incarnation(101)));
}

#[test]
fn a_binding_outlives_a_crash_and_is_never_replaced_62() {
    let mut peer = newborn(3);
    peer.hear(1, Message::Hello);
    let mut peer = peer.restart();
    let said = addressed(&mut peer, from_life(1, 555, Message::Hello));
    assert_eq!(said, [(1, Some(555), attest(101))], "the stranger is told, under its own address");
    assert_eq!(peer.machine.core().bindings().of(NodeId(1)), Some(Incarnation(101)));
}

#[test]
fn what_a_former_life_says_counts_for_nothing() {
    let mut peer = Solo::new(3, 3, &[]);
    let said = addressed(&mut peer, from_life(1, 555, append(9, LogId::ZERO, &[9], 0)));
    assert_eq!(said, [(1, Some(555), attest(101))]);
    assert_eq!((peer.term().0, peer.log()), (3, vec![]));
}

#[test]
fn who_is_born_is_told_of_another_life_of_its_own_by_members_as_they_live_now_alone() {
    let mut peer = Solo::new(3, 3, &[]);
    let before = peer.machine.core().clone();
    peer.step(from_life(1, 555, attest(77)));
    assert!(peer.machine.core().has_heard_a_stranger_at_most(before, NodeId(1)));
    assert_eq!(peer.machine.core().strange_to().count(), 0);
    peer.step(from_life(1, 101, attest(77)));
    assert_eq!(peer.machine.core().strange_to().collect::<Vec<_>>(), [NodeId(1)]);
}

#[test]
fn a_stranger_is_told_at_most_once_a_heartbeat_and_never_for_an_attestation() {
    let mut peer = Solo::new(3, 3, &[]);
    assert_eq!(addressed(&mut peer, from_life(1, 555, attest(77))), []);
    assert_eq!(addressed(&mut peer, from_life(1, 555, Message::Hello)).len(), 1);
    assert_eq!(addressed(&mut peer, from_life(1, 555, Message::Hello)).len(), 0);
    peer.now.0 += 50 * MS;
    assert_eq!(addressed(&mut peer, from_life(1, 555, Message::Hello)).len(), 1);
}

#[test]
fn a_packet_for_another_life_of_ours_is_not_for_us() {
    let mut peer = Solo::new(3, 3, &[]);
    let from = Identity { node: NodeId(1), incarnation: Incarnation(101) };
    let input = Input::Receive { from, to: Some(Incarnation(999)), message: heartbeat(9, 1, 0) };
    assert_eq!(addressed(&mut peer, input), []);
    assert_eq!(peer.term().0, 3);
}

#[test]
fn whoever_is_no_member_is_not_heard() {
    let mut peer = Solo::new(3, 3, &[]);
    assert_eq!(addressed(&mut peer, from_life(7, 107, heartbeat(9, 1, 0))), []);
    assert_eq!((peer.term().0, peer.machine.core().bindings().of(NodeId(7))), (3, None));
}

#[test]
fn an_attestation_counts_from_whichever_life_of_a_member_it_comes() {
    let mut peer = newborn(3);
    peer.hear(1, Message::Hello);
    peer.step(from_life(1, 555, attest(100)));
    peer.hear(2, attest(100));
    assert_eq!(peer.role(), RoleName::Follower, "else two wiped in turn wait for each other for ever");
}

#[test]
fn a_peer_that_is_known_by_another_life_says_so_and_asks_once_a_second() {
    let mut peer = newborn(3);
    peer.wait(50);
    peer.hear(1, attest(42));
    assert!(peer.has_said(&Effect::News(News::OtherLife { known_to: vec![NodeId(1)] })));
    peer.hear(1, attest(42));
    let told = |effect: &&Effect| matches!(effect, Effect::News(News::OtherLife { .. }));
    assert_eq!(peer.effects.iter().filter(told).count(), 1, "once for each change");
    let hellos: usize = (0..60).map(|_| peer.wait(50).len()).sum();
    assert_eq!(hellos, 3 * 2, "three seconds, two others");
}

#[test]
fn an_operators_word_holds_for_the_life_that_it_names() {
    let vouched = |life: u64| {
        let mut peer = Solo::with(3, Disk::new(100), |options| options.first_boot = Some(Incarnation(life)));
        peer.hear(1, attest(100));
        peer.role()
    };
    assert_eq!(vouched(100), RoleName::Follower);
    assert_eq!(vouched(101), RoleName::Newborn, "a flag left in a unit file does not vouch for a later life");
}

#[test]
fn a_peer_that_leads_nobody_is_born_at_once() {
    assert_eq!(newborn(1).role(), RoleName::Follower);
}

#[test]
fn a_wiped_peer_never_votes_again_and_the_others_go_on() {
    for seed in 0..40 {
        let mut cluster = Cluster::new(3, seed, Faults::NONE, |_| {});
        cluster.run(2_000);
        let victim = NodeId(seed % 3);
        (0..5).for_each(|_| cluster.work());
        cluster.run(100);
        cluster.crash(victim);
        cluster.wipe(victim);
        cluster.run(seed * 20);
        cluster.start(victim);
        cluster.faults = Faults { crashes: 0, ..Faults::MANY };
        for _ in 0..50 {
            cluster.run(40);
            cluster.work();
        }
        cluster.heal();
        cluster.run(4_000);
        assert_eq!(cluster.machine(victim).role().name(), RoleName::Newborn);
        assert_eq!(cluster.machine(victim).core().strange_to().count(), 2, "and it knows why");
        let leader = cluster.leader().expect("two of three elect");
        cluster.propose(leader, "last");
        cluster.run(500);
        let last = cluster.peers[&leader].state.last().map(|entry| entry.bytes.clone());
        assert_eq!(last.as_deref(), Some(b"last".as_slice()), "seed {seed}");
    }
}

#[test]
fn wipes_during_the_first_formation_make_no_two_lives_of_a_member() {
    for seed in 0..60 {
        let mut cluster = Cluster::new(5, seed, Faults { crashes: 0, ..Faults::MANY }, |_| {});
        cluster.run(1 + seed % 7);
        for victim in [NodeId(seed % 5), NodeId(seed / 5 % 5)] {
            cluster.crash(victim);
            cluster.wipe(victim);
            cluster.start(victim);
            cluster.run(3);
        }
        (0..40).for_each(|_| {
            cluster.run(50);
            cluster.work();
        });
        cluster.heal();
        cluster.run(5_000);
        let leads = cluster.leader().is_some();
        assert!(leads, "seed {seed}: at most two wiped of five, and nobody leads");
    }
}
