//! Reads: scenarios 63 to 68.

use super::support::MS;
use super::support::disk::Disk;
use super::support::solo::{Solo, append, beat_answered, heartbeat, matched, vote_reply};
use rsm::raft::consensus::{Duty, Effect, Input, Message, Refusal, RoleName};
use rsm::raft::{Ask, Index, LogId, Term, Time, Token};

fn readable(solo: &Solo, token: u64) -> Vec<u64> {
    let index = |effect: &Effect| match effect {
        Effect::Readable { token: answered, index } if *answered == Token(token) => Some(index.0),
        _ => None,
    };
    solo.effects.iter().filter_map(index).collect()
}

fn asked(said: &[(u64, Message)]) -> Option<(u64, Ask)> {
    said.iter().find_map(|(to, message)| match message {
        Message::ReadAsk { ask } => Some((*to, *ask)),
        _ => None,
    })
}

#[test]
fn a_new_leader_answers_no_read_before_its_first_entry_is_committed_63() {
    let mut leader = Solo::leader(3, 4, &[3, 3]);
    leader.read(1);
    leader.hear(1, beat_answered(4, 1, 1, 0, 0));
    assert_eq!(readable(&leader, 1), [0u64; 0], "its commit may lag behind what its predecessor has answered");
    leader.hear(1, matched(4, 1, 3));
    assert_eq!(readable(&leader, 1), [3], "and the index is not the commit of the time of asking");
}

#[test]
fn a_round_that_was_under_way_confirms_no_later_read_64() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.hear(1, matched(4, 1, 1));
    leader.read(1);
    leader.read(2);
    leader.hear(1, beat_answered(4, 1, 1, 1, 1));
    assert_eq!((readable(&leader, 1), readable(&leader, 2)), (vec![1], vec![]));
    leader.hear(1, beat_answered(4, 1, 1, 1, 1));
    assert_eq!(readable(&leader, 2), [0u64; 0], "a copy of the first round's answer");
    leader.hear(1, beat_answered(4, 1, 2, 1, 1));
    assert_eq!(readable(&leader, 2), [1]);
}

#[test]
fn a_later_rounds_answer_confirms_the_earlier_ones() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.hear(1, matched(4, 1, 1));
    leader.read(1);
    leader.wait(50);
    leader.hear(2, beat_answered(4, 2, 2, 1, 1));
    assert_eq!(readable(&leader, 1), [1]);
}

#[test]
fn reads_of_one_turn_share_a_round_and_none_waits_for_the_next_heartbeat() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.hear(1, matched(4, 1, 1));
    let until = Time::MAX;
    for token in 0..50 {
        leader.machine.step(Input::Read { token: Token(token), until }, leader.now);
    }
    assert_eq!(leader.flush().len(), 2);
    leader.hear(1, beat_answered(4, 1, 1, 1, 1));
    assert!((0..50).all(|token| readable(&leader, token) == [1]));
}

#[test]
fn a_deposed_leader_confirms_nothing_and_asks_its_successor() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.hear(1, matched(4, 1, 1));
    leader.read(1);
    let said = leader.hear(2, heartbeat(5, 1, 0));
    assert_eq!(asked(&said).map(|(to, _)| to), Some(2));
    leader.hear(1, beat_answered(4, 1, 1, 1, 1));
    assert_eq!(readable(&leader, 1), [0u64; 0]);
    let ask = asked(&said).unwrap().1;
    leader.hear(2, Message::ReadAnswer { ask, index: Index(7) });
    assert_eq!(readable(&leader, 1), [7]);
    leader.hear(2, Message::ReadAnswer { ask, index: Index(7) });
    assert_eq!(readable(&leader, 1), [7], "R21: answered once");
}

#[test]
fn learners_are_not_counted_for_reads_68() {
    let learners = |options: &mut rsm::raft::consensus::Options| {
        for id in [3, 4] {
            options.members.members.get_mut(&rsm::raft::NodeId(id)).unwrap().duty = Duty::Learner;
        }
    };
    let mut leader = Solo::with(5, Disk::born(0, 5, 3, &[]), learners);
    leader.wait(600);
    leader.hear(1, Message::PreVoteReply { term: Term(3), asked: Term(4), granted: true });
    leader.hear(1, vote_reply(4, true));
    assert_eq!(leader.role(), RoleName::Leader, "two of three voters");
    leader.hear(1, matched(4, 1, 1));
    leader.read(1);
    leader.hear(3, beat_answered(4, 3, 1, 0, 0));
    leader.hear(4, beat_answered(4, 4, 1, 0, 0));
    assert_eq!(readable(&leader, 1), [0u64; 0]);
    leader.hear(2, beat_answered(4, 2, 1, 0, 0));
    assert_eq!(readable(&leader, 1), [1]);
}

#[test]
fn a_followers_reads_of_one_turn_share_one_question_that_is_asked_again() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.hear(1, heartbeat(4, 1, 0));
    let until = Time(peer.now.0 + 1_000 * MS);
    for token in 0..10 {
        peer.machine.step(Input::Read { token: Token(token), until }, peer.now);
    }
    let said = peer.flush();
    assert_eq!(said.len(), 1);
    let (_, first) = asked(&said).unwrap();
    let (_, second) = asked(&peer.wait(50)).expect("lost or not, it is asked again");
    assert!(first < second);
    peer.hear(1, Message::ReadAnswer { ask: first, index: Index(0) });
    assert!((0..10).all(|token| readable(&peer, token) == [0]), "the first question covered them all");
    assert_eq!(asked(&peer.wait(50)), None);
}

#[test]
fn a_read_that_nobody_answers_in_time_is_refused_once() {
    let mut peer = Solo::new(3, 4, &[]);
    let until = Time(peer.now.0 + 100 * MS);
    peer.step(Input::Read { token: Token(1), until });
    peer.wait(99);
    let refused = Effect::Refused { token: Token(1), why: Refusal::Unknown };
    assert!(!peer.has_said(&refused));
    peer.wait(1);
    assert!(peer.has_said(&refused));
    let count = peer.effects.len();
    peer.wait(100);
    peer.hear(1, Message::ReadAnswer { ask: Ask(0), index: Index(0) });
    assert!(!peer.effects[count..].contains(&refused));
}

#[test]
fn reads_outlive_a_role_and_a_new_leader_serves_them_itself() {
    let mut peer = Solo::new(3, 3, &[]);
    peer.hear(1, append(3, LogId::ZERO, &[3], 0));
    peer.read(1);
    peer.stand();
    peer.hear(1, vote_reply(4, true));
    peer.hear(1, matched(4, 1, 2));
    peer.wait(50);
    peer.hear(1, beat_answered(4, 1, 1, 2, 2));
    assert_eq!(readable(&peer, 1), [2]);
}

#[test]
fn two_starts_number_their_questions_apart() {
    let first_ask = |seed| {
        let told = super::support::options(0, 3);
        let recovered = Disk::born(0, 3, 3, &[]).recover();
        let mut machine = rsm::raft::consensus::Machine::new(told, recovered, seed, Time(0)).unwrap();
        machine.step(super::support::solo::received(1, heartbeat(3, 1, 0)), Time(0));
        machine.step(Input::Read { token: Token(1), until: Time::MAX }, Time(0));
        asked(&super::support::sent(&super::support::flush(&mut machine, Time(0)))).unwrap().1
    };
    assert!((first_ask(1).0).abs_diff(first_ask(2).0) > 1 << 20);
}

#[test]
fn reads_that_were_given_up_wait_no_more_at_a_leader_that_nobody_answers() {
    let mut leader = Solo::with(3, Disk::born(0, 3, 3, &[]), |options| options.check_quorum = false);
    leader.stand();
    leader.hear(1, vote_reply(4, true));
    let until = Time(leader.now.0 + 100 * MS);
    leader.step(Input::Read { token: Token(1), until });
    leader.wait(200);
    assert!(leader.has_said(&Effect::Refused { token: Token(1), why: Refusal::Unknown }));
    let rsm::raft::consensus::Role::Leader(role) = leader.machine.role() else { panic!("it leads on") };
    assert_eq!(role.waiting_reads(), 0, "R20: else they grow for ever");
}
