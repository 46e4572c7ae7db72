//! Whatever ends, every ticket resolves.

use super::town::Town;
use super::{Adder, PANIC};
use crate::raft::consensus::News;
use crate::raft::peer::{Failure, Peer};
use crate::raft::storage::simulated::Operation;
use std::time::Duration;

#[test]
fn a_proposal_that_nobody_hears_is_unknown_after_its_time_and_not_before() {
    let mut town = Town::new(1, 3, |builder| builder.timeout(Duration::from_secs(3)));
    town.leader();
    town.cut(0);
    town.run(Duration::from_secs(1));
    let mut proposal = town.peer(0).propose(7).expect("room");
    let mut read = town.peer(0).read(|adder| adder.sum).expect("room");
    town.run(Duration::from_millis(2_900));
    assert_eq!((proposal.try_take(), read.try_take()), (None, None));
    town.run(Duration::from_millis(200));
    assert_eq!(proposal.try_take(), Some(Err(Failure::Unknown)));
    assert_eq!(read.try_take(), Some(Err(Failure::Unknown)));
}

#[test]
fn a_drain_answers_what_is_open_takes_nothing_new_and_ends() {
    let mut town = Town::new(2, 3, |builder| builder);
    let leader = town.leader();
    assert_eq!(town.add(leader, 1), Ok(1));
    let peer = town.peer(leader);
    let news = peer.news();
    let open = peer.propose(6).expect("room");
    peer.drain();
    let late = peer.propose(8).expect("the refusal comes by the ticket");
    let late_read = peer.read(|adder| adder.sum).expect("the refusal comes by the ticket");
    assert_eq!(town.wait(open).map(|done| done.value), Ok(7));
    assert_eq!(town.wait(late), Err(Failure::Draining));
    assert_eq!(town.wait(late_read), Err(Failure::Draining));
    town.until("the end", |_| peer.has_ended());
    assert_eq!(news.last(), Some(News::Exit));
    assert_eq!(peer.propose(9).err(), Some(Failure::Gone));
    assert_eq!(peer.fault(), None);
}

#[test]
fn a_drain_without_a_quorum_says_unknown_after_a_second() {
    let mut town = Town::new(3, 3, |builder| builder);
    town.leader();
    town.cut(0);
    let mut open = town.peer(0).propose(7).expect("room");
    town.peer(0).drain();
    town.run(Duration::from_millis(950));
    assert_eq!(open.try_take(), None);
    town.run(Duration::from_millis(100));
    assert_eq!(open.try_take(), Some(Err(Failure::Unknown)));
    assert!(town.peer(0).has_ended());
}

#[test]
fn a_state_machine_that_panics_ends_its_peer_and_loses_no_ticket() {
    let mut town = Town::new(4, 1, |builder| builder);
    town.leader();
    let peer = town.peer(0);
    let fatal = peer.propose(PANIC).expect("room");
    let behind = peer.propose(1).expect("room");
    assert_eq!(town.wait(fatal), Err(Failure::Gone));
    assert_eq!(town.wait(behind), Err(Failure::Gone));
    town.until("the end", |_| peer.has_ended());
    let fault = peer.fault().expect("it ended by itself");
    assert!(fault.starts_with("state machine: ") && fault.contains("no state machine survives"), "{fault}");
}

#[test]
fn a_disk_that_fails_ends_its_peer_and_the_others_go_on() {
    let mut town = Town::new(5, 3, |builder| builder);
    let leader = town.leader();
    town.add(leader, 1).expect("a quorum");
    let peer = town.peer(leader);
    town.disk(leader).fail(Operation::Sync, 0);
    let open = peer.propose(7).expect("room");
    assert_eq!(town.wait(open), Err(Failure::Gone), "it may have been applied");
    town.until("the end", |_| peer.has_ended());
    assert!(peer.fault().is_some_and(|fault| fault.starts_with("disk: ")), "{:?}", peer.fault());
    let other = (leader + 1) % 3;
    town.cut(leader);
    assert!(town.add(other, 2).is_ok());
}

#[test]
fn a_peer_that_nobody_holds_any_more_ends_and_answers() {
    let mut town = Town::new(6, 3, |builder| builder);
    town.cut(0);
    let mut open = town.peer(0).propose(7).expect("room");
    town.run(Duration::from_millis(10));
    let news = town.peer(0).news();
    town.forget(0);
    town.run(Duration::from_millis(10));
    assert_eq!(open.try_take(), Some(Err(Failure::Unknown)));
    assert_eq!(news.last(), Some(News::Exit));
}

#[test]
fn a_peer_that_is_killed_answers_all_the_same() {
    let mut town = Town::new(7, 3, |builder| builder);
    town.leader();
    town.cut(0);
    let peer = town.peer(0);
    let mut open = peer.propose(7).expect("room");
    let mut read = peer.read(|adder| adder.sum).expect("room");
    town.run(Duration::from_millis(10));
    assert_eq!((open.try_take(), read.try_take()), (None, None));
    peer.kill();
    let late = peer.propose(8).err();
    town.run(Duration::from_millis(1));
    assert_eq!(open.try_take(), Some(Err(Failure::Gone)));
    assert_eq!(read.try_take(), Some(Err(Failure::Gone)));
    assert_eq!(late, Some(Failure::Gone));
    assert!(peer.has_ended());
}

#[test]
fn a_full_disk_refuses_loses_nothing_and_goes_on_once_there_is_room() {
    let mut town = Town::new(8, 1, |builder| builder.segment_bytes(128 << 10));
    town.leader();
    town.disk(0).set_capacity(512 << 10);
    let mut added = 0;
    let refused = loop {
        match town.add(0, 1) {
            Ok(sum) => added = sum,
            Err(why) => break why,
        }
    };
    assert_eq!(refused, Failure::Full);
    assert!(50 < added, "only {added} fitted");
    assert_eq!(town.peer(0).fault(), None);
    town.run(Duration::from_secs(5));
    assert_eq!(town.add(0, 1).err(), Some(Failure::Full), "still");
    town.disk(0).set_capacity(u64::MAX);
    town.run(Duration::from_secs(5));
    assert_eq!(town.add(0, 1), Ok(added + 1));
}

#[test]
fn a_peer_without_others_and_without_a_directory_serves_alone() {
    let peer: Peer<Adder> = Peer::builder(0, [(0, "here")]).spawn().expect("nothing refuses it");
    assert_eq!(peer.propose(7).expect("room").wait(), Ok(7));
    peer.drain();
    peer.wait_ended();
}
