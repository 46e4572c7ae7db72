//! However often a command comes, it takes effect once.

use super::town::Town;
use crate::raft::machine::{Caller, Codec};
use crate::raft::mutant::{self, Fault};
use crate::raft::peer::{Failure, Peer};
use std::time::Duration;

/// A client whose first answer is lost sends the same command to another peer, and then once more.
fn a_client_repeats_itself() -> Vec<u64> {
    let mut town = Town::new(1, 3, |builder| builder);
    let leader = town.leader();
    let opening = town.peer(leader).open().expect("room");
    let session = town.wait(opening).expect("a session").value;
    let caller = Caller { session, sequence: 1, low: 1 };
    let both: Vec<_> = (0..2).map(|id| town.peer(id).propose_as(caller, 7).expect("room")).collect();
    let replies: Vec<_> = both.into_iter().map(|pending| town.wait(pending).expect("applied").value).collect();
    let again = town.peer(2).propose_as(caller, 7).expect("room");
    let again = town.wait(again).expect("known").value;
    let seen = town.read(leader).expect("a read");
    if seen.len() == 1 {
        assert_eq!((&replies[..], again), (&[7, 7][..], 7), "each repetition gets the reply of the first");
    }
    seen
}

#[test]
fn a_command_that_comes_three_times_is_applied_once() {
    assert_eq!(a_client_repeats_itself(), [7]);
}

#[test]
fn without_the_check_of_sessions_it_would_be_applied_three_times() {
    let _chosen = mutant::choose(Fault::SessionsOff);
    assert_eq!(a_client_repeats_itself(), [7, 7, 7]);
}

#[test]
fn a_command_outlives_the_leader_that_had_it_and_is_applied_once() {
    let mut town = Town::new(2, 3, |builder| builder);
    let leader = town.leader();
    let follower = (leader + 1) % 3;
    let pending = town.peer(follower).propose(7).expect("room");
    // On its way to the leader, perhaps in its log; nobody will say.
    town.run(Duration::from_millis(2));
    town.crash(leader);
    assert_eq!(town.wait(pending).map(|done| done.value), Ok(7));
    town.start(leader);
    assert_eq!(town.read(leader), Ok(vec![7]));
}

#[test]
fn more_peers_than_sessions_take_turns_and_nothing_is_applied_twice() {
    let mut town = Town::new(3, 3, |builder| builder.sessions_max(1));
    town.leader();
    for round in 0..4 {
        for id in 0..3 {
            town.add(id, round * 3 + id).expect("in a new session, if the old one was evicted");
        }
    }
    assert_eq!(town.read(0), Ok((0..12).collect()));
}

#[test]
fn a_command_of_an_evicted_session_is_expired_and_never_applied() {
    let mut town = Town::new(4, 3, |builder| builder.sessions_max(1));
    let leader = town.leader();
    let open = |town: &mut Town| {
        let pending = town.peer(leader).open().expect("room");
        town.wait(pending).expect("a session").value
    };
    let first = open(&mut town);
    let second = open(&mut town);
    assert_ne!(first, second);
    let late = town.peer(leader).propose_as(Caller { session: first, sequence: 1, low: 1 }, 7).expect("room");
    assert_eq!(town.wait(late), Err(Failure::Expired));
    assert_eq!(town.read(leader), Ok(vec![]));
}

/// A command whose bytes are not its own.
#[derive(Debug)]
struct Careless;

impl Codec for Careless {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
    }
    fn decode(_: &mut &[u8]) -> Option<Careless> {
        None
    }
}

#[test]
fn a_command_that_no_peer_could_decode_is_never_proposed() {
    let alone = Peer::from_fn(0, [(0, "here")], |_: &mut u64, _: Careless, _| ()).spawn().expect("nothing refuses it");
    assert_eq!(alone.propose(Careless).err(), Some(Failure::Invalid));
    assert!(!Failure::Invalid.may_have_applied());
}

#[test]
fn numbers_that_no_session_has_are_refused_at_once() {
    let mut town = Town::new(5, 1, |builder| builder);
    town.leader();
    let opening = town.peer(0).open().expect("room");
    let session = town.wait(opening).expect("a session").value;
    let propose = |sequence, low| town.peer(0).propose_as(Caller { session, sequence, low }, 1).err();
    assert_eq!(propose(0, 0), Some(Failure::Invalid));
    assert_eq!(propose(3, 4), Some(Failure::Invalid));
    assert_eq!(propose(65, 1), Some(Failure::Full));
    assert_eq!(propose(64, 1), None);
}
