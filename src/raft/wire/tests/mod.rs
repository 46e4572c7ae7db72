//! What is written comes back, what comes back is written the same, and nothing that comes in harms.

mod any;
mod hostile;

use super::{Body, Door, Head, LEVEL, Packer, Packet, Refused};
use crate::mix::Draws;
use crate::raft::consensus::{Append, Message};
use crate::raft::{ClusterId, Entry, EntryKind, Identity, Incarnation, Index, LogId, NodeId, Round, Term, Track};
use bytes::Bytes;

fn packed(head: &Head, bodies: &[Body]) -> Bytes {
    let mut packer = Packer::default();
    packer.begin(head);
    bodies.iter().for_each(|body| packer.put(body));
    Bytes::copy_from_slice(packer.seal())
}

/// The same packet with its checksum made again: what somebody who means harm would send.
fn sealed(mut bytes: Vec<u8>) -> Bytes {
    let crc = crc32c::crc32c(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    bytes.into()
}

fn ours() -> (Head, Door) {
    let us = Identity { node: NodeId(1), incarnation: Incarnation(11) };
    let from = Identity { node: NodeId(2), incarnation: Incarnation(22) };
    let cluster = ClusterId(7);
    (Head { cluster, from, to: us.node, to_life: Some(us.incarnation) }, Door { cluster, us })
}

#[test]
fn what_was_written_is_read_and_what_was_read_is_written_the_same() {
    let mut draws = Draws::new(1);
    for round in 0..4_000 {
        let (head, door) = any::head(&mut draws);
        let many = draws.below(4);
        let bodies: Vec<_> = (0..many).map(|at| any::body((round + at) % any::KINDS, &mut draws)).collect();
        let bytes = packed(&head, &bodies);
        let packet = Packet::open(bytes.clone(), &door).expect("it was written for this door");
        assert_eq!(*packet.head(), head);
        let back: Vec<_> = packet.map(|body| body.expect("it was written by us")).collect();
        assert_eq!(back, bodies, "round {round}");
        assert_eq!(packed(&head, &back), bytes, "round {round}");
    }
}

#[test]
fn a_head_costs_35_bytes_and_a_heartbeat_fewer_than_20() {
    let (head, _) = ours();
    assert_eq!(packed(&head, &[]).len(), 35);
    let beat = Message::Heartbeat { term: Term(3), track: Track(u64::MAX), commit: Index(900), round: Round(70) };
    assert!(packed(&head, &[beat.into()]).len() < 35 + 20);
}

#[test]
fn a_packet_is_refused_by_the_first_check_that_it_does_not_pass() {
    let (head, door) = ours();
    let good = packed(&head, &[]).to_vec();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        sealed(bytes)
    };
    let cases = [
        (Bytes::new(), Refused::Malformed),
        (good[..34].to_vec().into(), Refused::Checksum),
        (sealed(good[..34].to_vec()), Refused::Malformed),
        (with(4, 2), Refused::Version),
        (with(5, 3), Refused::Version),
        (with(6, 1), Refused::Version),
        (with(8, 9), Refused::Cluster),
        (with(24, 9), Refused::Incarnation),
        (with(5, 0), Refused::Malformed), // the life is not known, and is there
        (with(32, 1), Refused::Cluster),  // another group
        (with(34, 9), Refused::Cluster),  // another member
    ];
    for (at, (bytes, why)) in cases.into_iter().enumerate() {
        assert_eq!(Packet::open(bytes, &door).err(), Some(why), "case {at}");
    }
}

/// Spoils one thing about a packet.
type Spoil = fn(&mut Vec<u8>);

#[test]
fn of_two_faults_of_a_packet_the_one_that_is_looked_for_first_is_counted() {
    let (head, door) = ours();
    let good = packed(&head, &[]).to_vec();
    // In the order in which they are looked for; those of equal rank exclude each other.
    let faults: [(u8, Spoil, Refused); 12] = [
        (0, |_| (), Refused::Checksum), // spoiled once it is made
        (1, |bytes| bytes.truncate(7), Refused::Malformed),
        (2, |bytes| bytes[4] = 2, Refused::Version),
        (2, |bytes| bytes[5] |= 2, Refused::Version),
        (2, |bytes| bytes[7] = 1, Refused::Version),
        (3, |bytes| bytes.truncate(31), Refused::Malformed),
        (4, |bytes| bytes[8] = 9, Refused::Cluster),
        (5, |bytes| bytes[24] = 9, Refused::Incarnation),
        (5, |bytes| bytes[5] &= !1, Refused::Malformed), // the life is not known, and is there
        (6, |bytes| bytes.truncate(34), Refused::Malformed),
        (7, |bytes| bytes[32] = 1, Refused::Cluster), // another group
        (7, |bytes| bytes[34] = 9, Refused::Cluster), // another member
    ];
    for (at, (rank, one, why)) in faults.iter().enumerate() {
        for (behind, other, _) in faults[at..].iter().filter(|(behind, ..)| *behind != *rank) {
            let mut bytes = good.clone();
            other(&mut bytes);
            one(&mut bytes);
            let mut bytes = sealed(bytes).to_vec();
            bytes[0] ^= u8::from(*rank == 0);
            assert_eq!(Packet::open(bytes.into(), &door).err(), Some(*why), "{rank} before {behind}");
        }
    }
}

#[test]
fn a_stranger_is_named_only_by_an_intact_packet_of_another_cluster() {
    let (head, door) = ours();
    let other = packed(&Head { cluster: ClusterId(8), ..head }, &[]);
    assert_eq!(Packet::stranger(&other, &door), Some(NodeId(2)));
    assert_eq!(Packet::stranger(&packed(&head, &[]), &door), None);
    assert_eq!(Packet::stranger(&other[..30], &door), None);
}

/// A packet of ours with these bytes for messages.
fn raw(messages: &[u8]) -> Vec<Result<Body, Refused>> {
    let (head, door) = ours();
    let bytes = sealed([&packed(&head, &[])[..], messages].concat());
    Packet::open(bytes, &door).expect("the head is good").collect()
}

const GOOD: [u8; 4] = [3, 12, 9, 0]; // TimeoutNow in term 9

fn good() -> Result<Body, Refused> {
    Ok(Message::TimeoutNow { term: Term(9) }.into())
}

#[test]
fn what_is_not_known_is_passed_over_by_its_length_and_the_rest_is_read() {
    let unknown = [2, 200, 1];
    let longer = [6, 12, 9, 1, 3, 1, 77]; // an odd extension
    let critical = [6, 12, 9, 1, 2, 1, 77]; // an even one
    let largest = [15, 12, 9, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 77]; // the greatest odd tag
    let read = raw(&[&unknown[..], &GOOD, &longer, &critical, &largest, &GOOD].concat());
    assert_eq!(read, [Err(Refused::Kind), good(), good(), Err(Refused::Kind), good(), good()]);
}

#[test]
fn a_message_that_breaks_the_format_is_refused_and_the_next_one_read() {
    let broken: [&[u8]; 9] = [
        &[4, 12, 9, 0, 0],                                                    // a byte too many
        &[2, 12, 9],                                                          // a byte too few
        &[0],                                                                 // no kind
        &[4, 4, 9, 2, 0],                                                     // VoteReply: 2 is neither yes nor no
        &[7, 12, 9, 2, 3, 0, 1, 0],                                           // tags do not rise
        &[6, 13, 1, 1, 2, 5, 0],                                              // Hello: a level of two bytes
        &[5, 13, 1, 1, 1, 0],                                                 // Hello: a level of 0 is not said
        &[5, 12, 0x89, 0x80, 0, 0],                                           // a padded number
        &[12, 9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0], // Forward of 2^64 - 1 entries
    ];
    for messages in broken {
        let read = raw(&[messages, &GOOD].concat());
        assert_eq!(read, [Err(Refused::Malformed), good()], "{messages:?}");
    }
}

#[test]
fn where_lengths_do_not_add_up_the_rest_of_the_packet_is_lost() {
    for tail in [&[0x80][..], &[0x80, 0], &[9, 12, 9, 0], &[0xff; 10]] {
        assert_eq!(raw(&[&GOOD, tail].concat()), [good(), Err(Refused::Malformed)], "{tail:?}");
    }
}

#[test]
fn a_hello_of_the_first_version_says_no_level_and_another_level_is_read() {
    assert_eq!(LEVEL, 0);
    assert_eq!(raw(&[2, 13, 0, 5, 13, 1, 1, 1, 6]), [Ok(Body::Hello { level: 0 }), Ok(Body::Hello { level: 6 })]);
}

#[test]
fn a_damaged_entry_is_refused_though_the_packet_is_sound() {
    let (head, door) = ours();
    let mut entry = Entry::new(Term(1), EntryKind::Command, vec![5; 64].into());
    entry.sum ^= 1;
    let forward = Message::Forward { entries: vec![entry].into() };
    let mut packet = Packet::open(packed(&head, &[forward.into()]), &door).unwrap();
    assert_eq!(packet.next(), Some(Err(Refused::Checksum)));
}

/// The addresses of the entries of an append of `len` bytes, read from a packet that holds `held` bytes in memory.
fn shares(len: usize, held: usize) -> bool {
    let (head, door) = ours();
    let entries = vec![Entry::new(Term(1), EntryKind::Command, vec![5; len].into())].into();
    let append = Append { term: Term(1), track: Track(1), prev: LogId::ZERO, entries, commit: Index(0) };
    let bytes = packed(&head, &[Message::Append(append).into()]);
    let range = bytes.as_ptr_range();
    let mut packet = Packet::open(bytes.clone(), &door).unwrap().held(held);
    let Some(Ok(Body::Message(Message::Append(append)))) = packet.next() else { panic!("an append") };
    range.contains(&append.entries[0].bytes.as_ptr())
}

#[test]
fn a_small_run_of_a_big_allocation_is_copied_out_of_it() {
    assert!(shares(100, 64 << 10), "up to 64 KiB nothing is copied");
    assert!(!shares(100, (64 << 10) + 1), "beyond, a small run would pin all of it");
    assert!(shares(20 << 10, 128 << 10), "a run of an eighth or more shares");
}
