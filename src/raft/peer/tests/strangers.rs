//! What is not for us is dropped, counted by its reason, and harms nobody.

use super::town::Town;
use crate::raft::consensus::{Message, News};
use crate::raft::storage::Disk;
use crate::raft::wire::{Body, Chunk, ChunkReply, Door, Packet, Refused};
use crate::raft::{Identity, Incarnation, LogId, NodeId, Term, Track};
use bytes::Bytes;
use std::time::Duration;

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

#[test]
fn a_packet_of_no_member_is_counted_and_moves_nothing() {
    let mut town = Town::new(6, 3, |builder| builder);
    let leader = town.leader();
    let follower = (leader + 1) % 3;
    let from = Identity { node: NodeId(3), incarnation: Incarnation(7) };
    let term = town.peer(follower).status().term;
    let body = Message::TimeoutNow { term: Term(term.0 + 1) }.into();
    town.peer(follower).receive(town.forged(from, follower, &body));
    town.run(Duration::from_millis(100));
    assert_eq!(refused(&town, follower, Refused::Cluster), 1);
    assert_eq!(town.peer(follower).status().term, term);
}

#[test]
fn a_piece_of_a_snapshot_is_taken_from_a_member_as_it_lives_now_and_of_a_term_that_is_known_alone() {
    let mut town = Town::new(7, 3, |builder| builder);
    let leader = town.leader();
    let follower = (leader + 1) % 3;
    assert_eq!(town.add(leader, 7), Ok(7));
    let (now, bytes) = (town.peer(leader).identity(), Bytes::from_static(b"the beginning"));
    let (term, at) = (town.peer(leader).status().term, LogId::new(1, 1_000));
    let crc = crc32c::crc32c(&bytes);
    let piece = Chunk { term, track: Track(1), at, total: 100, offset: 0, crc, bytes };
    let unheard = Chunk { term: Term(term.0 + 1), ..piece.clone() };
    let former = Identity { incarnation: Incarnation(now.incarnation.0 ^ 1), ..now };
    for (from, piece, taken) in [(former, piece.clone(), false), (now, unheard, false), (now, piece, true)] {
        town.peer(follower).receive(town.forged(from, follower, &Body::Chunk(piece)));
        town.run(Duration::from_millis(100));
        let files = town.disk(follower).list().unwrap();
        assert_eq!(files.iter().any(|name| name.ends_with(".received.tmp")), taken, "{files:?}");
    }
    assert_eq!(refused(&town, follower, Refused::Incarnation), 1);
}

/// The first pieces of a snapshot on their way from one peer to another, in one packet of so many; none if no packet has any.
fn pieces(town: &mut Town, (from, to): (u64, u64), packets: u64) -> Vec<Chunk> {
    for _ in 0..packets {
        let door = Door { cluster: town.peer(to).cluster(), us: town.peer(to).identity() };
        let packet = Packet::open(town.packet(from, to), &door).expect("it was sealed for that door");
        let pieces = packet.filter_map(|body| if let Ok(Body::Chunk(chunk)) = body { Some(chunk) } else { None });
        let pieces: Vec<Chunk> = pieces.collect();
        if !pieces.is_empty() {
            return pieces;
        }
        town.run(Duration::from_millis(2));
    }
    Vec::new()
}

#[test]
fn a_snapshot_is_brought_once_the_member_as_it_lives_now_says_so() {
    let again = |is_former: bool| {
        let mut town = Town::new(8, 3, |builder| builder.snapshot_entries(4));
        let leader = town.leader();
        let follower = (leader + 1) % 3;
        town.cut(follower);
        (0..40).for_each(|number| assert!(town.add(leader, number).is_ok()));
        town.heal();
        let piece = pieces(&mut town, (leader, follower), 1_000).remove(0);
        // Now it hears nothing of it, and says nothing.
        town.cut(follower);
        town.run(Duration::from_millis(2));
        let Chunk { track, at, total, .. } = piece;
        let now = town.peer(follower).identity();
        let incarnation = Incarnation(now.incarnation.0 ^ u64::from(is_former));
        let body = Body::ChunkReply(ChunkReply { track, at, wanted: total });
        town.peer(leader).receive(town.forged(Identity { incarnation, ..now }, leader, &body));
        town.run(Duration::from_millis(2));
        assert_eq!(refused(&town, leader, Refused::Incarnation), u64::from(is_former));
        pieces(&mut town, (leader, follower), 20) == [piece]
    };
    assert!(again(true), "another life's word was taken: nothing is brought any more");
    assert!(!again(false), "it has said that all is there");
}
