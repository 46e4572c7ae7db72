//! What a peer keeps for its callers has an end.

use super::town::Town;
use crate::raft::peer::Failure;
use std::time::Duration;

#[test]
fn reads_beyond_the_limit_are_refused_until_others_are_answered() {
    let mut town = Town::new(1, 3, |builder| builder.tickets(3).timeout(Duration::from_secs(1)));
    town.leader();
    town.cut(0);
    let peer = town.peer(0);
    let mut open: Vec<_> = (0..3).map(|_| peer.read(|adder| adder.sum).expect("room")).collect();
    assert_eq!(peer.read(|adder| adder.sum).err(), Some(Failure::Full));
    town.run(Duration::from_millis(1_100));
    assert!(open.iter_mut().all(|read| read.try_take() == Some(Err(Failure::Unknown))));
    town.heal();
    town.leader();
    for _ in 0..9 {
        assert_eq!(town.read(0), Ok(vec![]), "an answered read leaves its place");
    }
}

#[test]
fn a_read_that_was_refused_for_another_reason_leaves_its_place() {
    let mut town = Town::new(2, 1, |builder| builder.tickets(1));
    town.leader();
    let peer = town.peer(0);
    peer.drain();
    town.until("the end", |_| peer.has_ended());
    for _ in 0..3 {
        assert_eq!(peer.read(|adder| adder.sum).err(), Some(Failure::Gone));
    }
}
