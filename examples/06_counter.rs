//! A replicated counter: a closure says what a command does to the state, and every peer does just that, in the same
//! order. A command may be proposed at any peer; it is forwarded, repeated if need be, and applied exactly once.
//!
//! ```text
//! 5 after the first command
//! 12 after the second
//! [12, 12, 12] read at each
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]

use rsm::raft::{FromFn, Peer};
use rsm::sync::lock::Lock;
use std::error::Error;

static PEERS: Lock<Vec<Peer<FromFn<u64, u64, u64>>>> = Lock::new(Vec::new());

fn main() -> Result<(), Box<dyn Error>> {
    for id in 0..3 {
        let peer = Peer::from_fn(id, [(0, "a"), (1, "b"), (2, "c")], |count: &mut u64, add: u64, _| {
            *count += add;
            *count
        })
        .send(move |to, _, packet| PEERS.lock().get(to as usize).map(|peer| peer.receive(packet)))
        .spawn()?;
        PEERS.lock().push(peer);
    }
    let peers = PEERS.lock().clone();
    println!("{} after the first command", peers[0].propose(5)?.wait()?);
    println!("{} after the second", peers[1].propose(7)?.wait()?);
    let read: Vec<u64> = peers.iter().map(|peer| peer.read(|count| **count)?.wait()).collect::<Result<_, _>>()?;
    println!("{read:?} read at each");
    peers.iter().for_each(Peer::drain);
    peers.iter().for_each(Peer::wait_ended); // else the program ends before them
    Ok(())
}
