//! Packets that were damaged, or made to do harm.

use super::super::{Body, Packer, Packet, Refused};
use super::{any, ours, packed, sealed};
use crate::mix::Draws;
use bytes::Bytes;

/// Whatever the bytes are: no panic; what is read was there; and written again it is no longer, and the same if as long.
///
/// The target of a fuzzer.
fn target(bytes: &[u8]) {
    look(bytes);
}

/// How far bytes came.
#[derive(Clone, Copy)]
enum Came {
    NotIn,
    InPart,
    Whole,
}

/// The checksum is made right first: what follows shall be looked at.
fn look(bytes: &[u8]) -> Came {
    let (_, door) = ours();
    let _ = Packet::open(Bytes::copy_from_slice(bytes), &door);
    if bytes.len() < 8 {
        return Came::NotIn;
    }
    let bytes = sealed(bytes.to_vec());
    let Ok(packet) = Packet::open(bytes.clone(), &door) else { return Came::NotIn };
    let head = *packet.head();
    let Ok(bodies) = packet.collect::<Result<Vec<Body>, Refused>>() else { return Came::InPart };
    let mut packer = Packer::default();
    packer.begin(&head);
    bodies.iter().for_each(|body| packer.put(body));
    let again = packer.seal();
    assert!(again.len() <= bytes.len(), "nothing is read that was not there");
    assert!(again.len() < bytes.len() || again == &bytes[..], "one message has one spelling");
    Came::Whole
}

/// Damages a few bytes in a few ways.
fn mutate(bytes: &mut Vec<u8>, draws: &mut Draws) {
    for _ in 0..=draws.below(2) {
        let from = if draws.chance(1, 4) { 0 } else { bytes.len().min(35) };
        let at = from + draws.below((bytes.len() - from) as u64 + 1) as usize;
        let byte = [0, 1, 0x7f, 0x80, 0xff, draws.bits() as u8][draws.below(6) as usize];
        match draws.below(4) {
            0 => bytes.insert(at, byte),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(at.max(1)),
            _ if at < bytes.len() => bytes[at] = byte,
            _ => bytes.push(byte),
        }
    }
}

#[test]
fn two_million_damaged_packets_harm_nothing() {
    let mut draws = Draws::new(2);
    let (head, _) = ours();
    let mut came = [0; 3];
    for round in 0..2_000_000 {
        let bodies: Vec<_> = (0..2).map(|at| any::body((round / 2 + at) % any::KINDS, &mut draws)).collect();
        let mut bytes = packed(&head, &bodies).to_vec();
        mutate(&mut bytes, &mut draws);
        came[look(&bytes) as usize] += 1;
    }
    assert!(came.iter().all(|&times| 100_000 < times), "each depth was reached often: {came:?}");
}

#[test]
fn random_bytes_behind_a_good_head_harm_nothing() {
    let mut draws = Draws::new(3);
    let (head, _) = ours();
    let good = packed(&head, &[]);
    for _ in 0..50_000 {
        target(&[&good[..], &any::bytes(&mut draws, 60)].concat());
    }
}

#[test]
fn every_flipped_bit_of_a_packet_of_each_kind_is_refused() {
    let mut draws = Draws::new(4);
    let (head, door) = ours();
    for kind in 0..any::KINDS {
        let bytes = packed(&head, &[any::body(kind, &mut draws)]);
        for bit in 0..8 * bytes.len() {
            let mut spoiled = bytes.to_vec();
            spoiled[bit / 8] ^= 1 << (bit % 8);
            let opened = Packet::open(spoiled.into(), &door);
            assert_eq!(opened.err(), Some(Refused::Checksum), "kind {kind}, bit {bit}");
        }
    }
}
