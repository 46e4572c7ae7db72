//! Whole clusters of cores over a bad network: every rule, after every step, over many seeds.

use super::support::cluster::{Cluster, Faults};
use rsm::raft::NodeId;

/// Faults for some seconds, then calm: everyone must agree.
fn storm(n: u64, seed: u64) -> Cluster {
    let mut cluster = Cluster::new(n, seed, Faults::MANY, |options| {
        options.margin = 2;
        options.cache_bytes = if seed.is_multiple_of(3) { 0 } else { 16 << 20 };
        options.append_bytes_max = if seed.is_multiple_of(5) { 60 } else { 256 << 10 };
        options.window_bytes = 4 * options.append_bytes_max;
        options.pre_vote = !seed.is_multiple_of(7);
        options.check_quorum = !seed.is_multiple_of(11);
    });
    for _ in 0..250 {
        cluster.run(20);
        cluster.work();
    }
    cluster.heal();
    cluster.run(4_000);
    let leader = cluster.leader().unwrap_or_else(|| panic!("seed {seed}: nobody leads after 4 s of calm"));
    cluster.propose(leader, "last");
    cluster.run(1_000);
    let states: Vec<_> = cluster.peers.values().map(|peer| &peer.state).collect();
    assert!(states.windows(2).all(|pair| pair[0] == pair[1]), "seed {seed}: states differ");
    assert_eq!(states[0].last().unwrap().bytes, "last", "seed {seed}");
    cluster
}

fn storms(n: u64, seeds: std::ops::Range<u64>) {
    let (mut elections, mut committed, mut installed) = (0, Vec::new(), 0);
    for seed in seeds {
        let cluster = storm(n, seed);
        (elections, installed) = (elections + cluster.elections, installed + cluster.installed);
        committed.push(cluster.watch.ghost().len().0);
    }
    committed.sort_unstable();
    eprintln!("{n} peers: {elections} elections, {installed} installed, median {:?}", committed[committed.len() / 2]);
    assert!(2 * committed.len() as u64 <= elections);
    assert!(50 <= committed[committed.len() / 2]);
    assert!(10 < installed, "peers must have needed snapshots");
}

#[test]
fn three_peers_agree_after_storms() {
    storms(3, 0..100);
}

#[test]
fn five_peers_agree_after_storms() {
    storms(5, 1_000..1_060);
}

#[test]
fn without_faults_the_first_leader_stays_and_nobody_asks_for_another() {
    let mut cluster = Cluster::new(3, 5, Faults::NONE, |_| {});
    cluster.run(3_000);
    let (leader, elections) = (cluster.leader(), cluster.elections);
    for _ in 0..100 {
        cluster.work();
        cluster.run(50);
    }
    assert_eq!((cluster.leader(), cluster.elections), (leader, elections));
    assert_eq!(elections, 1);
    assert_eq!(cluster.open_reads(), 0);
}

#[test]
fn a_lone_peer_leads_itself() {
    let mut cluster = Cluster::new(1, 5, Faults::NONE, |_| {});
    cluster.run(1_000);
    assert_eq!(cluster.leader(), Some(NodeId(0)));
    cluster.work();
    cluster.run(100);
    assert_eq!((cluster.peers[&NodeId(0)].state.len(), cluster.open_reads()), (2, 0));
}
