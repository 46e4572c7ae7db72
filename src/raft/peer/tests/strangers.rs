//! What is not for us is dropped, counted by its reason, and harms nobody.

use super::town::Town;
use crate::raft::NodeId;
use crate::raft::consensus::News;
use crate::raft::wire::Refused;

fn refused(town: &Town, id: u64, why: Refused) -> u64 {
    let counts = town.peer(id).status().refused;
    counts.iter().find(|(reason, _)| *reason == why).expect("each reason is counted").1
}

#[test]
fn each_flipped_bit_of_a_packet_is_one_wrong_checksum() {
    let mut town = Town::new(1, 3, |builder| builder);
    let leader = town.leader();
    let follower = (leader + 1) % 3;
    let packet = town.packet(leader, follower);
    for bit in 0..packet.len() * 8 {
        let mut spoiled = packet.to_vec();
        spoiled[bit / 8] ^= 1 << (bit % 8);
        town.peer(follower).receive(spoiled);
    }
    assert_eq!(refused(&town, follower, Refused::Checksum), packet.len() as u64 * 8);
    assert_eq!(town.add(follower, 7), Ok(7), "it goes on");
}

#[test]
fn a_packet_of_another_cluster_is_counted_and_its_sender_named_once() {
    let mut town = Town::new(2, 3, |builder| builder);
    let mut other = Town::new(3, 3, |builder| builder.name("another"));
    town.leader();
    let leader = other.leader();
    let receiver = (leader + 1) % 3;
    let mut news = town.peer(receiver).news();
    let packet = other.packet(leader, receiver);
    (0..5).for_each(|_| town.peer(receiver).receive(packet.clone()));
    assert_eq!(refused(&town, receiver, Refused::Cluster), 5);
    let strangers: Vec<_> = std::iter::from_fn(|| news.try_next()).collect();
    assert_eq!(strangers, [News::Stranger { node: NodeId(leader) }]);
}

#[test]
fn a_packet_to_another_life_is_counted() {
    let mut town = Town::new(4, 3, |builder| builder);
    let leader = town.leader();
    let wiped = (leader + 1) % 3;
    let packet = town.packet(leader, wiped);
    town.wipe(wiped);
    town.peer(wiped).receive(packet);
    assert_eq!(refused(&town, wiped, Refused::Incarnation), 1);
}

#[test]
fn who_lost_its_directory_is_told_and_the_others_go_on() {
    let mut town = Town::new(5, 3, |builder| builder);
    let leader = town.leader();
    let emptied = (leader + 1) % 3;
    town.wipe(emptied);
    let mut news = town.peer(emptied).news();
    assert_eq!(town.add(leader, 7), Ok(7));
    town.until("word of its other life", |_| {
        std::iter::from_fn(|| news.try_next()).any(|news| matches!(news, News::OtherLife { .. }))
    });
    assert!(0 < refused(&town, leader, Refused::Incarnation));
    assert_eq!(town.peer(emptied).status().role.to_string(), "newborn");
}
