//! A cluster of any size in one process: `--size N` peers, and one command through each in turn until there were a hundred.
//! Commands in flight together have no order among themselves, so the sum is what all agree on, and the order too, but
//! which order that is nobody knows before.
//!
//! ```text
//! 3 peers, 100 commands: all hold the sum 5050, in the same order
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]

use rsm::raft::{FromFn, Peer};
use rsm::sync::lock::Lock;
use std::error::Error;
use std::sync::Arc;

/// What was added, in which order.
type List = FromFn<Vec<u64>, u64, ()>;

fn size() -> Result<u64, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(3),
        ["--size", size] => Ok(size.parse().ok().filter(|size| (1..=9).contains(size)).ok_or("a size is 1 to 9")?),
        _ => Err("usage: 08_local [--size N]".into()),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let size = size()?;
    let peers: Arc<Lock<Vec<Peer<List>>>> = Arc::default();
    for id in 0..size {
        let network = Arc::clone(&peers);
        let members = (0..size).map(|id| (id, "here"));
        let peer = Peer::from_fn(id, members, |list: &mut Vec<u64>, number, _| list.push(number))
            .send(move |to, _, packet| network.lock().get(to as usize).map(|peer| peer.receive(packet)))
            .spawn()?;
        peers.lock().push(peer);
    }
    let peers = peers.lock().clone();
    let commands = (1..=100).zip(peers.iter().cycle());
    let pending: Vec<_> = commands.map(|(number, peer)| peer.propose(number)).collect::<Result<_, _>>()?;
    for pending in pending {
        pending.wait()?;
    }
    let read = |peer: &Peer<List>| peer.read(|list| list.to_vec())?.wait();
    let lists: Vec<Vec<u64>> = peers.iter().map(read).collect::<Result<_, _>>()?;
    assert!(lists.iter().all(|list| *list == lists[0]), "all hold the same, in the same order");
    let sum: u64 = lists[0].iter().sum();
    println!("{size} peers, {} commands: all hold the sum {sum}, in the same order", lists[0].len());
    peers.iter().for_each(Peer::drain);
    peers.iter().for_each(Peer::wait_ended);
    Ok(())
}
