//! What is acknowledged outlives crashes, and whoever missed much is brought a snapshot.

use super::town::{Town, Tune};
use crate::raft::machine::Caller;
use crate::raft::storage::Disk;
use crate::raft::storage::snapshot::format;
use std::collections::BTreeSet;
use std::time::Duration;

const OFTEN: Tune = |builder| builder.snapshot_entries(20);

fn digests(town: &Town) -> BTreeSet<(u64, u32)> {
    town.peers().iter().map(|peer| peer.digest().expect("written")).map(|(index, digest)| (index.0, digest)).collect()
}

/// All hold the same state, snapshots included.
fn settled(town: &mut Town) {
    town.until("one state at all", |town| digests(town).len() == 1);
}

#[test]
fn nothing_acknowledged_is_lost_when_all_crash_at_once() {
    let mut town = Town::new(1, 3, |builder| builder);
    town.leader();
    for number in 0..10 {
        town.add(number % 3, number).expect("a quorum");
    }
    (0..3).for_each(|id| town.crash(id));
    (0..3).for_each(|id| town.start(id));
    town.leader();
    assert_eq!(town.read(1), Ok((0..10).collect()));
    assert_eq!(town.add(2, 10), Ok(55), "it goes on from there");
}

#[test]
fn who_restarts_reads_its_snapshot_and_then_its_log() {
    let mut town = Town::new(2, 3, OFTEN);
    town.leader();
    for number in 0..50 {
        town.add(0, number).expect("a quorum");
    }
    town.until("a log that was cut", |town| town.peers().iter().all(|peer| 1 < peer.status().first.0));
    (0..3).for_each(|id| town.crash(id));
    (0..3).for_each(|id| town.start(id));
    let applied = town.peer(0).status().applied;
    assert!(20 <= applied.0, "the snapshot is there before anything else: {applied}");
    assert_eq!(town.read(0), Ok((0..50).collect()));
    settled(&mut town);
}

#[test]
fn who_was_away_while_the_log_was_cut_is_brought_a_snapshot() {
    let mut town = Town::new(3, 3, OFTEN);
    let leader = town.leader();
    let away = (leader + 1) % 3;
    town.add(away, 0).expect("a quorum");
    town.crash(away);
    for number in 1..80 {
        town.add(leader, number).expect("a quorum");
    }
    town.until("a log that was cut", |town| 20 < town.peer(leader).status().first.0);
    town.start(away);
    town.until("a snapshot", |town| town.peer(away).status().snapshots_installed == 1);
    assert_eq!(town.read(away), Ok((0..80).collect()));
    settled(&mut town);
    assert_eq!(town.add(away, 80), Ok((0..=80).sum()), "its sessions go on");
}

#[test]
fn who_is_brought_one_snapshot_after_the_other_keeps_few_while_its_disk_stands_still() {
    let mut town = Town::new(5, 3, |builder| builder.snapshot_entries(1));
    let leader = town.leader();
    let slow = (leader + 1) % 3;
    town.add(leader, 0).expect("a quorum");
    town.log(slow).hold();
    let snapshots = |town: &Town| {
        let names = town.disk(slow).list().expect("it has power");
        names.iter().filter(|name| name.starts_with("snap-")).count()
    };
    let mut most = 0;
    for number in 1..100 {
        town.add(leader, number).expect("a quorum");
        town.run(Duration::from_millis(20));
        most = most.max(snapshots(&town));
    }
    assert!(town.peer(slow).status().snapshots_installed <= 1 && (2..=4).contains(&most), "{most} snapshots");
    town.log(slow).tell();
    settled(&mut town);
    assert!(1 < town.peer(slow).status().snapshots_installed && snapshots(&town) <= 4, "{}", snapshots(&town));
}

/// The mark of the first is told to be durable only once all that the second holds is applied.
#[test]
fn a_snapshot_that_waits_for_the_mark_of_the_last_is_written_though_nothing_more_comes() {
    let mut town = Town::new(11, 1, |builder| builder.snapshot_entries(1));
    town.leader();
    town.add(0, 0).expect("it leads alone");
    town.run(Duration::from_secs(1));
    let open = [1, 2].map(|number| {
        let pending = town.peer(0).propose(number).expect("the inbox has room");
        town.log(0).hold();
        town.run(Duration::from_millis(1));
        pending
    });
    // Of the first, whose mark is then behind the second; of the second, and of the mark at last.
    for _ in 0..3 {
        town.log(0).tell();
        town.log(0).hold();
        town.run(Duration::from_millis(1));
    }
    open.into_iter().for_each(|pending| assert!(town.wait(pending).is_ok()));
    let snapshots = |town: &Town| {
        let names = town.disk(0).list().expect("it has power");
        names.iter().filter_map(|name| format::parse(name)).map(|at| at.index).collect::<Vec<_>>()
    };
    let applied = town.peer(0).status().applied;
    town.log(0).tell();
    town.run(Duration::from_secs(1));
    assert_eq!(snapshots(&town), [applied]);
}

#[test]
fn who_was_brought_a_snapshot_crashes_and_has_it_still() {
    let mut town = Town::new(4, 3, OFTEN);
    let leader = town.leader();
    let away = (leader + 1) % 3;
    town.cut(away);
    for number in 0..80 {
        town.add(leader, number).expect("a quorum");
    }
    town.heal();
    town.until("a snapshot", |town| 0 < town.peer(away).status().snapshots_installed);
    settled(&mut town);
    town.crash(away);
    town.start(away);
    assert!(20 <= town.peer(away).status().applied.0);
    assert_eq!(town.read(away), Ok((0..80).collect()));
}

#[test]
fn a_reply_outlives_the_log_that_held_its_command() {
    let mut town = Town::new(6, 3, OFTEN);
    let leader = town.leader();
    let opening = town.peer(leader).open().expect("room");
    let session = town.wait(opening).expect("a session").value;
    let caller = Caller { session, sequence: 1, low: 1 };
    let first = town.peer(leader).propose_as(caller, 1_000).expect("room");
    let first = town.wait(first).expect("applied");
    for number in 0..60 {
        town.add(leader, number).expect("a quorum");
    }
    town.until("a log that was cut", |town| town.peers().iter().all(|peer| first.index < peer.status().first));
    (0..3).for_each(|id| town.crash(id));
    (0..3).for_each(|id| town.start(id));
    let again = town.peer(0).propose_as(caller, 1_000).expect("room");
    assert_eq!(town.wait(again), Ok(first), "the same reply, from the same place");
    assert_eq!(town.read(0).map(|added| added.iter().filter(|number| **number == 1_000).count()), Ok(1));
}

#[test]
fn one_run_is_like_another_with_the_same_seed() {
    let run = |seed| {
        let mut town = Town::new(seed, 3, OFTEN);
        for number in 0..30 {
            town.add(number % 3, number).expect("a quorum");
        }
        town.time.hash()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}
