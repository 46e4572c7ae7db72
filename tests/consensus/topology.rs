//! Networks that are cut in ways that have stopped others: scenarios 6 and 11.

use super::support::cluster::{Cluster, Faults};
use rsm::raft::NodeId;
use rsm::raft::consensus::RoleName;

fn commits(cluster: &mut Cluster, what: &str) {
    let leader = cluster.leader().unwrap_or_else(|| panic!("{what}: nobody leads"));
    let before = cluster.watch.ghost().len();
    cluster.propose(leader, "x");
    cluster.run(300);
    assert!(before < cluster.watch.ghost().len(), "{what}: {leader} commits nothing");
}

#[test]
fn the_longest_log_in_a_low_term_and_a_short_log_in_a_high_one_find_a_leader_6() {
    for seed in 0..10 {
        let short: (u64, &[u64]) = (9, &[1]);
        let mut cluster = Cluster::of_logs(seed, &[(2, &[1, 2, 2, 2]), short, short]);
        cluster.run(3_000);
        commits(&mut cluster, "cohorts");
    }
}

#[test]
fn a_leader_that_reaches_only_a_bridge_makes_way_for_who_reaches_a_quorum_11() {
    for seed in 0..10 {
        let mut cluster = Cluster::new(5, seed, Faults::NONE, |_| {});
        cluster.run(2_000);
        let old = cluster.leader().unwrap().0;
        let bridge = (old + 1) % 5;
        let others: Vec<u64> = (0..5).filter(|&id| id != old && id != bridge).collect();
        cluster.part(&[old], &others);
        cluster.run(4_000);
        assert_ne!(cluster.leader(), Some(NodeId(old)), "seed {seed}");
        commits(&mut cluster, "bridge");
    }
}

#[test]
fn a_chain_of_three_keeps_one_leader_11() {
    for seed in 0..10 {
        let mut cluster = Cluster::new(3, seed, Faults::NONE, |_| {});
        cluster.run(2_000);
        let leader = cluster.leader().unwrap().0;
        cluster.part(&[leader], &[(leader + 1) % 3]);
        cluster.run(3_000);
        let elections = cluster.elections;
        cluster.run(5_000);
        assert!(cluster.elections <= elections + 1, "seed {seed}: the leader changes for ever");
        commits(&mut cluster, "chain");
    }
}

#[test]
fn a_peer_that_hears_and_is_not_heard_disturbs_nobody() {
    let mut cluster = Cluster::new(3, 1, Faults::NONE, |_| {});
    cluster.run(2_000);
    let leader = cluster.leader().unwrap();
    let deaf = NodeId((leader.0 + 1) % 3);
    // It hears nobody, and everybody hears it.
    cluster.cut.extend((0..3).map(|id| (NodeId(id), deaf)));
    let elections = cluster.elections;
    cluster.run(5_000);
    assert_eq!((cluster.leader(), cluster.elections), (Some(leader), elections));
    assert_eq!(cluster.machine(deaf).role().name(), RoleName::PreCandidate);
    cluster.heal();
    cluster.run(500);
    assert_eq!((cluster.leader(), cluster.elections), (Some(leader), elections), "nor when it is back");
}

#[test]
fn a_leader_that_is_cut_off_gives_up_and_the_rest_elect() {
    let mut cluster = Cluster::new(5, 3, Faults::NONE, |_| {});
    cluster.run(2_000);
    let old = cluster.leader().unwrap();
    let others: Vec<u64> = (0..5).filter(|&id| id != old.0).collect();
    cluster.part(&[old.0], &others);
    cluster.run(1_500);
    assert_ne!(cluster.machine(old).role().name(), RoleName::Leader);
    commits(&mut cluster, "the rest");
}
