//! Elections and votes: scenarios 1 to 17.

use super::support::solo::{Solo, append, heartbeat, pre_vote, received, vote, vote_reply};
use super::support::{self, MS, disk::Disk};
use rsm::raft::consensus::{Duty, Effect, Input, Message, News, Record, RoleName};
use rsm::raft::{LogId, NodeId, Term};

const ZERO: LogId = LogId::ZERO;

fn pre_vote_reply(term: u64, asked: u64, granted: bool) -> Message {
    Message::PreVoteReply { term: Term(term), asked: Term(asked), granted }
}

#[test]
fn term_and_vote_are_one_record_1() {
    let mut peer = Solo::new(3, 1, &[]);
    peer.hear(1, vote(2, ZERO));
    peer.hear(1, vote(5, ZERO));
    let states = peer.records();
    let state = |term| Record::State { term: Term(term), vote: Some(NodeId(1)) };
    assert_eq!(states, [state(2), state(5)]);
}

#[test]
fn a_candidate_that_asked_for_votes_remembers_its_own_after_a_crash_2() {
    let mut peer = Solo::new(3, 1, &[]);
    let asked = peer.stand();
    assert!(asked.iter().any(|(_, message)| matches!(message, Message::Vote { term: Term(2), .. })));
    let mut peer = peer.restart();
    assert_eq!(peer.hear(2, vote(2, LogId::new(1, 9))), [(2, vote_reply(2, false))]);
}

#[test]
fn a_candidate_that_gives_way_in_its_term_keeps_its_vote_4() {
    let mut peer = Solo::new(3, 1, &[]);
    peer.stand();
    peer.hear(1, heartbeat(2, 1, 0));
    assert_eq!(peer.role(), RoleName::Follower);
    assert_eq!(peer.hear(2, vote(2, LogId::new(1, 9))), [(2, vote_reply(2, false))]);
}

#[test]
fn a_pre_vote_is_no_vote_5() {
    let mut peer = Solo::new(3, 1, &[]);
    peer.stand();
    peer.hear(1, pre_vote_reply(1, 2, true));
    peer.hear(2, pre_vote_reply(1, 2, true));
    assert_eq!(peer.role(), RoleName::Candidate);
}

#[test]
fn a_late_pre_vote_starts_nothing_after_the_victory_5() {
    let mut leader = Solo::leader(3, 2, &[]);
    leader.hear(2, pre_vote_reply(1, 2, true));
    leader.hear(2, pre_vote_reply(1, 3, true));
    assert_eq!((leader.role(), leader.term()), (RoleName::Leader, Term(2)));
}

#[test]
fn a_pre_vote_for_another_question_does_not_count() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.wait(600);
    peer.hear(1, pre_vote_reply(4, 4, true));
    assert_eq!(peer.role(), RoleName::PreCandidate);
    peer.hear(1, pre_vote_reply(2, 5, true));
    assert_eq!(peer.role(), RoleName::Candidate, "its giver's term may be lower");
}

#[test]
fn a_pre_vote_moves_nobodys_term_and_writes_nothing() {
    let mut peer = Solo::new(3, 4, &[]);
    assert_eq!(peer.hear(1, pre_vote(9, ZERO)), [(1, pre_vote_reply(4, 9, true))]);
    assert_eq!((peer.term(), peer.records().len()), (Term(4), 0));
}

#[test]
fn a_refused_pre_vote_carries_the_term_across_6() {
    let mut longest = Solo::new(3, 1, &[1, 1, 1]);
    longest.wait(600);
    longest.hear(1, pre_vote_reply(7, 2, false));
    assert_eq!((longest.role(), longest.term()), (RoleName::Follower, Term(7)));
}

#[test]
fn a_pre_vote_for_a_log_that_is_behind_is_refused_though_nobody_leads_9() {
    let mut peer = Solo::new(3, 4, &[4, 4]);
    assert_eq!(peer.hear(1, pre_vote(5, LogId::new(4, 1))), [(1, pre_vote_reply(4, 5, false))]);
    assert_eq!(peer.hear(1, pre_vote(5, LogId::new(4, 2))), [(1, pre_vote_reply(4, 5, true))]);
    assert_eq!(peer.hear(1, pre_vote(4, LogId::new(4, 2))), [(1, pre_vote_reply(4, 4, false))], "a term we are in");
}

#[test]
fn while_a_leader_is_alive_nobody_else_is_elected() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.hear(1, heartbeat(4, 1, 0));
    assert_eq!(peer.hear(2, pre_vote(5, ZERO)), [(2, pre_vote_reply(4, 5, false))]);
    assert_eq!(peer.hear(2, vote(5, ZERO)), []);
    assert_eq!(peer.term(), Term(4), "not even the term is taken over (thesis 4.2.3)");
    peer.wait(300);
    assert_eq!(peer.hear(2, vote(5, ZERO)), [(2, vote_reply(5, true))]);
}

#[test]
fn a_successor_that_the_leader_chose_is_heard_though_the_leader_is_alive() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.hear(1, heartbeat(4, 1, 0));
    let chosen = Message::Vote { term: Term(5), last: ZERO, transfer: true };
    assert_eq!(peer.hear(2, chosen), [(2, vote_reply(5, true))]);
}

#[test]
fn only_the_leader_may_tell_a_follower_to_stand_at_once() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.hear(1, heartbeat(4, 1, 0));
    peer.hear(2, Message::TimeoutNow { term: Term(4) });
    assert_eq!(peer.role(), RoleName::Follower);
    let said = peer.hear(1, Message::TimeoutNow { term: Term(4) });
    let asks = |message: &Message| matches!(message, Message::Vote { term: Term(5), transfer: true, .. });
    assert_eq!(said.iter().filter(|(_, message)| asks(message)).count(), 2);
}

#[test]
fn a_pre_vote_of_the_leader_itself_ends_its_life_to_us() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.hear(1, heartbeat(4, 1, 0));
    assert_eq!(peer.hear(1, pre_vote(5, ZERO)), [(1, pre_vote_reply(4, 5, true))]);
}

#[test]
fn copies_of_what_a_leader_said_do_not_keep_it_alive() {
    let mut peer = Solo::new(5, 4, &[]);
    peer.hear(1, append(4, ZERO, &[4], 0));
    peer.hear(1, heartbeat(4, 6, 0));
    for _ in 0..20 {
        peer.wait(50);
        peer.hear(1, append(4, ZERO, &[4], 0));
        peer.hear(1, heartbeat(4, 6, 0));
        peer.hear(1, heartbeat(4, 2, 0));
    }
    let grants = peer.hear(2, pre_vote(5, LogId::new(4, 1)));
    assert_eq!(grants, [(2, pre_vote_reply(4, 5, true))]);
    assert!(peer.has_said(&Effect::News(News::PreCandidate { asked: Term(5) })), "its own time was up meanwhile");
}

#[test]
fn a_learner_votes_when_asked_and_never_stands_15() {
    let learner = |options: &mut rsm::raft::consensus::Options| {
        options.members.members.get_mut(&NodeId(0)).unwrap().duty = Duty::Learner;
    };
    let mut peer = Solo::with(3, Disk::born(0, 3, 4, &[]), learner);
    for _ in 0..5 {
        peer.wait(600);
    }
    assert_eq!(peer.role(), RoleName::Follower);
    assert_eq!(peer.hear(1, vote(5, ZERO)), [(1, vote_reply(5, true))]);
}

#[test]
#[should_panic(expected = "R1")]
fn two_leaders_of_one_term_are_not_borne_17() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.hear(1, heartbeat(4, 1, 0));
    peer.hear(2, heartbeat(4, 1, 0));
}

#[test]
fn a_leader_that_no_quorum_answers_gives_up_and_one_that_is_answered_stays() {
    let mut leader = Solo::leader(3, 4, &[]);
    for round in 1..20 {
        leader.wait(50);
        leader.hear(2, support::solo::beat_answered(4, 2, round, 0, 0));
    }
    assert_eq!(leader.role(), RoleName::Leader);
    leader.wait(250);
    leader.wait(51);
    assert_eq!((leader.role(), leader.term()), (RoleName::Follower, Term(4)));
    assert!(leader.has_said(&Effect::News(News::Idle { term: Term(4) })), "and says so");
}

#[test]
fn a_leader_whose_disk_is_stuck_gives_up_and_does_not_stand_until_it_is_free_45() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.step_unsynced(Input::Propose { entry: support::command("x"), token: rsm::raft::Token(1) });
    for round in 1..8 {
        leader.now.0 += 50 * MS;
        leader.step_unsynced(Input::Tick);
        leader.hear_unsynced(1, support::solo::beat_answered(4, 1, round, 0, 0));
    }
    assert_eq!(leader.role(), RoleName::Follower);
    for _ in 0..5 {
        leader.now.0 += 600 * MS;
        leader.step_unsynced(Input::Tick);
    }
    assert_eq!(leader.role(), RoleName::Follower);
    leader.sync();
    leader.wait(600);
    assert_eq!(leader.role(), RoleName::PreCandidate);
}

#[test]
fn a_requests_answers_are_of_the_term_in_which_they_are_said() {
    let mut peer = Solo::new(3, 1, &[]);
    assert_eq!(peer.hear_unsynced(1, vote(2, ZERO)), []);
    assert_eq!(peer.hear_unsynced(2, vote(3, ZERO)), []);
    assert_eq!(peer.sync(), [(2, vote_reply(3, true))], "the vote in term 2 is void, though it is on disk");
}

#[test]
fn requests_are_not_repeated_within_a_term() {
    let mut peer = Solo::new(3, 1, &[]);
    peer.stand();
    assert_eq!(peer.hear(1, vote_reply(2, false)), []);
    peer.machine.step(received(1, vote_reply(2, false)), peer.now);
    assert_eq!(peer.flush(), []);
}

#[test]
fn the_role_is_said_once_for_each_change() {
    let mut peer = Solo::new(3, 1, &[]);
    peer.stand();
    peer.hear(1, vote_reply(2, true));
    for round in 1..4 {
        peer.wait(50);
        peer.hear(1, support::solo::beat_answered(2, 1, round, 0, 0));
    }
    let news: Vec<_> = peer
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::News(news) => Some(news.clone()),
            _ => None,
        })
        .collect();
    let votes = vec![NodeId(0), NodeId(1)];
    let expected = [
        News::Idle { term: Term(1) },
        News::PreCandidate { asked: Term(2) },
        News::Candidate { term: Term(2) },
        News::Leading { term: Term(2), votes },
    ];
    assert_eq!(news, expected);
}

#[test]
fn a_candidates_own_vote_counts_once_it_is_durable_and_not_when_something_else_is() {
    let mut peer = Solo::new(1, 3, &[]);
    peer.wait(600);
    peer.step(Input::Room(false));
    peer.step(Input::Room(true));
    peer.now = peer.machine.deadline();
    peer.step_unsynced(Input::Snapshotted { at: LogId::new(4, 1), membership: support::voters(1) });
    peer.step_unsynced(Input::Tick);
    assert_eq!(peer.role(), RoleName::Candidate);
    let mark = rsm::raft::Seq(peer.machine.core().persisted().0 + 1);
    peer.step_unsynced(Input::Persisted(mark));
    assert_eq!(peer.role(), RoleName::Candidate, "the mark is durable, the vote is not");
    peer.sync();
    assert_eq!(peer.role(), RoleName::Leader);
}
