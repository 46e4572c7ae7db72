//! What goes out at the end of a turn: all messages to one peer in one packet, encoded once.

use crate::raft::consensus::Message;
use crate::raft::wire::{Body, Door, Head, Packer};
use crate::raft::{Incarnation, NodeId, Time};
use bytes::Bytes;
use std::fmt;
use std::time::Duration;

/// A packet that has grown to this is closed, and another begun.
const PACKET_BYTES: usize = 1 << 20;
/// A call of `send` that takes this long holds up heartbeats.
const SLOW: Duration = Duration::from_millis(10);

/// The user's network: to whom, at which address, what. It must not block.
pub(crate) type Send = Box<dyn FnMut(u64, &str, Bytes) + std::marker::Send>;

/// Messages that wait for the end of the turn.
pub(crate) struct Outbox {
    door: Door,
    packer: Packer,
    letters: Vec<Letter>,
    send: Send,
}

struct Letter {
    to: NodeId,
    life: Option<Incarnation>,
    body: Body,
}

impl Letter {
    /// Letters with equal envelopes share a packet. `Hello` names no life of its receiver, so it travels alone.
    fn envelope(&self) -> (NodeId, Option<Incarnation>) {
        (self.to, self.life)
    }
}

impl Outbox {
    pub(crate) fn new(door: Door, send: Send) -> Outbox {
        Outbox { door, packer: Packer::default(), letters: Vec::new(), send }
    }

    /// Says this at the end of the turn.
    pub(crate) fn put(&mut self, to: NodeId, life: Option<Incarnation>, body: Body) {
        self.letters.push(Letter { to, life, body });
    }

    /// Says this at the end of the turn.
    pub(crate) fn say(&mut self, to: NodeId, life: Option<Incarnation>, message: Message) {
        self.put(to, life, Body::Message(message));
    }

    /// Sends all, each to the address that `address` knows; what goes to nobody known is dropped. By the time that `clock`
    /// tells, `slow` hears of each call that took long.
    pub(crate) fn flush<'a>(
        &mut self,
        address: impl Fn(NodeId) -> Option<&'a str>,
        clock: impl Fn() -> Time,
        mut slow: impl FnMut(NodeId, Duration),
    ) {
        if self.letters.is_empty() {
            return;
        }
        let mut send = |to: NodeId, at: &str, packet: &[u8]| {
            let packet = share(packet);
            let began = clock();
            (self.send)(to.0, at, packet);
            let took = clock().since(began);
            if SLOW <= took {
                slow(to, took);
            }
        };
        self.letters.sort_by_key(Letter::envelope);
        for letters in self.letters.chunk_by(|one, next| one.envelope() == next.envelope()) {
            let (to, to_life) = letters[0].envelope();
            let Some(at) = address(to) else { continue };
            let head = Head { cluster: self.door.cluster, from: self.door.us, to, to_life };
            self.packer.begin(&head);
            let mut empty = true;
            for letter in letters {
                if !empty && PACKET_BYTES <= self.packer.len() {
                    send(to, at, self.packer.seal());
                    self.packer.begin(&head);
                }
                self.packer.put(&letter.body);
                empty = false;
            }
            send(to, at, self.packer.seal());
        }
        self.letters.clear();
    }
}

/// Most packets have fewer bytes.
const SHORT: usize = 224;

/// A packet that shares an allocation with the count of those that hold it: one for all, however often it is cloned.
struct Short {
    len: usize,
    bytes: [u8; SHORT],
}

impl AsRef<[u8]> for Short {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn share(packet: &[u8]) -> Bytes {
    if SHORT < packet.len() {
        return Bytes::copy_from_slice(packet);
    }
    let mut bytes = [0; SHORT];
    bytes[..packet.len()].copy_from_slice(packet);
    Bytes::from_owner(Short { len: packet.len(), bytes })
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({} letters)", self.letters.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{ClusterId, Identity};
    use crate::sync::lock::Lock;
    use std::sync::Arc;

    #[test]
    fn a_packet_is_shared_whole_whatever_its_length() {
        let packet: Vec<u8> = (0..2 * SHORT).map(|at| at as u8).collect();
        for len in 0..packet.len() {
            assert_eq!(share(&packet[..len]), packet[..len]);
        }
    }

    #[test]
    fn slow_is_a_call_and_not_what_comes_before_it() {
        for (before, within, expected) in [(60, 0, None), (0, 9, None), (60, 11, Some(11))] {
            let now = Arc::new(Lock::new(Time::ZERO));
            let pass = |now: &Lock<Time>, ms| {
                let mut now = now.lock();
                *now = now.after(Duration::from_millis(ms));
            };
            let clock = Arc::clone(&now);
            let door = Door { cluster: ClusterId(1), us: Identity { node: NodeId(0), incarnation: Incarnation(1) } };
            let mut outbox = Outbox::new(door, Box::new(move |_, _, _| pass(&clock, within)));
            outbox.put(NodeId(1), None, Body::from(Message::Hello));
            let address = |_| {
                pass(&now, before);
                Some("there")
            };
            let mut slow = None;
            outbox.flush(address, || *now.lock(), |_, took| slow = Some(took.as_millis()));
            assert_eq!(slow, expected);
        }
    }
}
