//! Three peers of one process, on threads.

use super::Adder;
use crate::raft::consensus::News;
use crate::raft::peer::Peer;
use crate::sync::lock::Lock;
use std::collections::BTreeMap;
use std::sync::Arc;

type Peers = Arc<Lock<BTreeMap<u64, Peer<Adder>>>>;

fn members(size: u64) -> Vec<(u64, String)> {
    (1..=size).map(|id| (id, format!("peer {id}"))).collect()
}

fn start(size: u64) -> Peers {
    let peers = Peers::default();
    for (id, _) in members(size) {
        let others = Arc::clone(&peers);
        let send = move |to: u64, _: &str, packet: bytes::Bytes| {
            let peer = others.lock().get(&to).cloned();
            peer.inspect(|peer| peer.receive(packet));
        };
        let peer = Peer::builder(id, members(size)).send(send).spawn().expect("nothing refuses it");
        peers.lock().insert(id, peer);
    }
    peers
}

#[test]
fn a_command_proposed_at_any_peer_is_applied_at_all() {
    let peers = start(3);
    let all: Vec<_> = peers.lock().values().cloned().collect();
    for (n, peer) in all.iter().enumerate() {
        let sum = peer.propose(n as u64 + 1).expect("room").wait();
        assert_eq!(sum, Ok((1..=n as u64 + 1).sum()), "at {peer:?}");
    }
    for peer in &all {
        let seen = peer.read(|adder| adder.added.clone()).expect("room").wait();
        assert_eq!(seen, Ok(vec![1, 2, 3]), "at {peer:?}");
    }
    let news: Vec<_> = all.iter().map(Peer::news).collect();
    all.iter().for_each(Peer::drain);
    for (peer, news) in all.iter().zip(news) {
        peer.wait_ended();
        assert_eq!(news.last(), Some(News::Exit));
        assert_eq!(peer.fault(), None);
    }
    peers.lock().clear();
}

#[test]
fn many_threads_propose_at_all_peers_and_each_command_counts_once() {
    const THREADS: u64 = 4;
    const EACH: u64 = 250;
    let peers = start(3);
    let all: Vec<_> = peers.lock().values().cloned().collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let all = &all;
            scope.spawn(move || {
                let numbers = thread * EACH..(thread + 1) * EACH;
                let open: Vec<_> = numbers.map(|n| all[n as usize % 3].propose(n).expect("room")).collect();
                assert!(open.into_iter().all(|pending| pending.wait().is_ok()));
            });
        }
    });
    let seen = all[1].read(|adder| adder.added.clone()).expect("room").wait().expect("a quorum is up");
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..THREADS * EACH).collect::<Vec<_>>(), "each once");
    for peer in &all {
        assert_eq!(peer.read(|adder| adder.added.clone()).expect("room").wait().as_ref(), Ok(&seen), "in one order");
    }
    all.iter().for_each(Peer::drain);
    all.iter().for_each(Peer::wait_ended);
    peers.lock().clear();
}
