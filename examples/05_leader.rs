//! Three peers elect a leader; it dies, and the other two elect another. Which peer wins is chance, so only what is always
//! true is printed. The network is a closure: `send` is called with packets, and `receive` takes them in. This one brings
//! all of them, in order; it could as well lose, double and reorder some.
//!
//! ```text
//! all three follow one leader
//! the leader is gone
//! the others follow another, in a later term
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]

use rsm::raft::{FromFn, NodeId, Peer, Term, consensus::News};
use rsm::sync::lock::Lock;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

type Counter = FromFn<u64, u64, u64>;
type Peers = Arc<Lock<BTreeMap<u64, Peer<Counter>>>>;

fn spawn(id: u64, peers: &Peers) -> Result<Peer<Counter>, Box<dyn Error>> {
    let network = Arc::clone(peers);
    let builder = Peer::from_fn(id, [(1, "one"), (2, "two"), (3, "three")], |sum: &mut u64, add, _| {
        *sum += add;
        *sum
    });
    Ok(builder.send(move |to, _, packet| network.lock().get(&to).map(|peer| peer.receive(packet))).spawn()?)
}

/// The leader that all of them name, in a term after this one.
fn agreed<'a>(peers: impl Iterator<Item = &'a Peer<Counter>> + Clone, after: Term) -> (NodeId, Term) {
    let mut news = peers.clone().next().expect("somebody is there").news();
    loop {
        let views =
            peers.clone().map(|peer| peer.status()).map(|status| status.leader.map(|leader| (leader, status.term)));
        let mut views = views.collect::<Vec<_>>().into_iter();
        let first = views.next().flatten();
        match first {
            Some((leader, term)) if after < term && views.all(|view| view == first) => return (leader, term),
            _ => assert_ne!(news.next(), Some(News::Exit)),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let peers = Peers::default();
    for id in 1..=3 {
        let peer = spawn(id, &peers)?;
        peers.lock().insert(id, peer);
    }
    let all = peers.lock().clone();
    let (leader, term) = agreed(all.values(), Term(0));
    println!("all three follow one leader");
    all[&leader.0].kill();
    println!("the leader is gone");
    agreed(all.values().filter(|peer| peer.identity().node != leader), term);
    println!("the others follow another, in a later term");
    Ok(())
}
