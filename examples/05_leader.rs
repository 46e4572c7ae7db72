//! Three peers elect a leader; it dies, and the other two elect another. Which one wins is chance, so only what is always true
//! is printed. The network is a closure, between `send` and `receive`. This one brings all; it could as well lose some.
//!
//! ```text
//! all three follow one leader
//! the leader is gone
//! the others follow another, in a later term
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]
use rsm::raft::{FromFn, NodeId, Peer, Term, consensus::News};
use rsm::sync::lock::Lock;
use std::{collections::BTreeMap, error::Error, sync::Arc};

/// Nothing is replicated here.
type Nothing = FromFn<(), (), ()>;

/// The leader that this peer follows, in a term after that one.
fn led(peer: &Peer<Nothing>, after: Term) -> (Term, NodeId) {
    let mut news = peer.news();
    loop {
        let status = peer.status();
        if let Some(leader) = status.leader.filter(|_| after < status.term) {
            return (status.term, leader);
        }
        let heard = news.next(); // waits
        assert_ne!(heard, Some(News::Exit), "it ended before it had followed anyone");
    }
}

/// The leader that all of them follow.
fn agreed<'a>(peers: impl Iterator<Item = &'a Peer<Nothing>> + Clone, mut after: Term) -> (Term, NodeId) {
    loop {
        let views: Vec<_> = peers.clone().map(|peer| led(peer, after)).collect();
        match (views.iter().min(), views.iter().max()) {
            (Some(least), Some(greatest)) if least == greatest => return *least,
            (_, greatest) => after = greatest.map_or(after, |(term, _)| Term(term.0 - 1)),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let peers: Arc<Lock<BTreeMap<u64, Peer<Nothing>>>> = Arc::default();
    for id in 1..=3 {
        let network = Arc::clone(&peers);
        let peer = Peer::from_fn(id, [(1, "one"), (2, "two"), (3, "three")], |_: &mut (), (), _| ())
            .send(move |to, _, packet| network.lock().get(&to).map(|peer| peer.receive(packet)))
            .spawn()?;
        peers.lock().insert(id, peer);
    }
    let all = peers.lock().clone();
    let (term, leader) = agreed(all.values(), Term(0));
    println!("all three follow one leader\nthe leader is gone");
    all[&leader.0].kill();
    agreed(all.values().filter(|peer| peer.identity().node != leader), term);
    println!("the others follow another, in a later term");
    all.values().for_each(Peer::drain);
    all.values().for_each(Peer::wait_ended); // else the program ends before them
    Ok(())
}
