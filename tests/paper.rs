//! The paper's rules, one test each: figure 2 and section 5 of "In Search of an Understandable Consensus Algorithm"
//! (extended version), in our own words, through the public door. `Solo` is peer 0 whose peers the test plays.

mod support;

use rsm::raft::consensus::{Committed, Effect, Input, Message, Outcome, Record, Refusal, RoleName};
use rsm::raft::{Index, LogId, NodeId, Term, Token};
use support::solo::{Solo, append, conflict, entries, heartbeat, matched, received, vote, vote_reply};

const ZERO: LogId = LogId::ZERO;

fn appends(said: &[(u64, Message)], to: u64) -> Vec<(LogId, usize, u64)> {
    let append = |(receiver, message): &(u64, Message)| match message {
        Message::Append(append) if *receiver == to => Some((append.prev, append.entries.len(), append.commit.0)),
        _ => None,
    };
    said.iter().filter_map(append).collect()
}

fn vote_requests(said: &[(u64, Message)]) -> Vec<u64> {
    said.iter().filter(|(_, message)| matches!(message, Message::Vote { .. })).map(|(to, _)| *to).collect()
}

// ---- §5.1: terms

#[test]
fn whoever_sees_a_higher_term_adopts_it_and_follows_5_1() {
    for message in [heartbeat(9, 1, 0), append(9, ZERO, &[], 0), vote(9, ZERO), vote_reply(9, false), matched(9, 1, 0)]
    {
        let mut candidate = Solo::new(3, 3, &[]);
        candidate.stand();
        candidate.hear(1, message.clone());
        assert_eq!((candidate.role(), candidate.term()), (RoleName::Follower, Term(9)), "{message:?}");
    }
}

#[test]
fn a_leader_that_sees_a_higher_term_follows_5_1() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.hear(2, matched(5, 1, 0));
    assert_eq!((leader.role(), leader.term()), (RoleName::Follower, Term(5)));
}

#[test]
fn a_request_of_an_older_term_is_refused_with_the_newer_one_5_1() {
    let mut peer = Solo::new(3, 5, &[5]);
    assert_eq!(peer.hear(1, vote(4, LogId::new(4, 9))), [(1, vote_reply(5, false))]);
    let said = peer.hear(1, append(4, ZERO, &[4], 1));
    assert!(matches!(said[..], [(1, Message::AppendReply { term: Term(5), outcome: Outcome::Conflict { .. }, .. })]));
    let said = peer.hear(1, heartbeat(4, 7, 1));
    assert!(matches!(said[..], [(1, Message::AppendReply { term: Term(5), .. })]), "never by its own round: {said:?}");
    assert_eq!((peer.log(), peer.commit()), (vec![5], 0));
}

#[test]
fn term_and_vote_are_on_disk_before_anybody_is_answered_figure_2() {
    let mut peer = Solo::new(3, 1, &[]);
    assert_eq!(peer.hear_unsynced(1, vote(2, ZERO)), []);
    assert_eq!(peer.records(), [Record::State { term: Term(2), vote: Some(NodeId(1)) }], "one record, never two");
    assert_eq!(peer.sync(), [(1, vote_reply(2, true))]);
}

#[test]
fn a_candidate_says_nothing_before_its_own_vote_is_on_disk_figure_2() {
    let mut peer = Solo::new(3, 1, &[]);
    peer.wait(600);
    let granted = Message::PreVoteReply { term: Term(1), asked: Term(2), granted: true };
    assert_eq!(peer.hear_unsynced(1, granted), []);
    assert_eq!(vote_requests(&peer.sync()), [1, 2]);
}

#[test]
fn a_crash_forgets_no_vote_5_2() {
    let mut peer = Solo::new(3, 1, &[]);
    peer.hear(1, vote(2, ZERO));
    let mut peer = peer.restart();
    assert_eq!(peer.hear(2, vote(2, ZERO)), [(2, vote_reply(2, false))]);
    assert_eq!(peer.hear(1, vote(2, ZERO)), [(1, vote_reply(2, true))], "the answer was lost, the vote was not");
}

// ---- §5.2: elections

#[test]
fn everyone_starts_as_a_follower_5_2() {
    assert_eq!(Solo::new(3, 4, &[1, 4]).role(), RoleName::Follower);
}

#[test]
fn a_follower_that_hears_nobody_for_its_timeout_stands_5_2() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.wait(299);
    assert_eq!(peer.role(), RoleName::Follower, "no timeout is shorter than the least");
    peer.wait(301);
    assert_eq!(peer.role(), RoleName::PreCandidate);
}

#[test]
fn a_leaders_heartbeat_puts_the_election_off_5_2() {
    let mut peer = Solo::new(3, 4, &[]);
    for round in 1..50 {
        peer.wait(100);
        peer.hear(1, heartbeat(4, round, 0));
    }
    assert_eq!(peer.role(), RoleName::Follower);
}

#[test]
fn a_vote_given_puts_the_election_off_and_a_vote_refused_does_not_5_2() {
    for (log_of_rival, stays) in [(LogId::new(1, 1), RoleName::Follower), (ZERO, RoleName::PreCandidate)] {
        let mut peer = Solo::new(3, 1, &[1]);
        peer.wait(250);
        peer.hear(1, vote(2, log_of_rival));
        let due = peer.machine.deadline().0.saturating_sub(peer.now.0) / support::MS;
        assert_eq!(300 <= due, stays == RoleName::Follower, "{due} ms");
    }
}

#[test]
fn a_candidate_begins_a_new_term_and_votes_for_itself_5_2() {
    let mut peer = Solo::new(3, 4, &[]);
    let said = peer.stand();
    assert_eq!((peer.term(), peer.machine.core().vote()), (Term(5), Some(NodeId(0))));
    assert_eq!(vote_requests(&said), [1, 2]);
}

#[test]
fn votes_of_a_majority_make_a_leader_and_each_voter_counts_once_5_2() {
    let mut peer = Solo::new(5, 4, &[]);
    peer.stand();
    peer.hear(1, vote_reply(5, true));
    peer.hear(1, vote_reply(5, true));
    peer.hear(2, vote_reply(5, false));
    assert_eq!(peer.role(), RoleName::Candidate);
    peer.hear(3, vote_reply(5, true));
    assert_eq!(peer.role(), RoleName::Leader);
}

#[test]
fn a_vote_of_another_term_counts_for_nothing_5_2() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.stand();
    peer.hear(1, vote_reply(4, true));
    assert_eq!(peer.role(), RoleName::Candidate);
}

#[test]
fn one_vote_a_term_first_come_first_served_5_2() {
    let mut peer = Solo::new(3, 1, &[]);
    assert_eq!(peer.hear(1, vote(2, ZERO)), [(1, vote_reply(2, true))]);
    assert_eq!(peer.hear(2, vote(2, ZERO)), [(2, vote_reply(2, false))]);
    assert_eq!(peer.hear(2, vote(3, ZERO)), [(2, vote_reply(3, true))], "a new term, a new vote");
}

#[test]
fn a_vote_for_node_0_is_a_vote_5_2() {
    let mut disk = support::disk::Disk::born(1, 3, 2, &[]);
    disk.stage(rsm::raft::Seq(1), Record::State { term: Term(2), vote: Some(NodeId(0)) });
    disk.crash(1);
    assert_eq!(disk.recover().vote, Some(NodeId(0)));
}

#[test]
fn a_candidate_that_hears_the_terms_leader_follows_it_5_2() {
    for message in [append(5, ZERO, &[], 0), heartbeat(5, 1, 0)] {
        let mut peer = Solo::new(3, 4, &[]);
        peer.stand();
        peer.hear(2, message);
        assert_eq!(peer.role(), RoleName::Follower);
        assert_eq!(peer.machine.core().leader(peer.machine.role()), Some(NodeId(2)));
    }
}

#[test]
fn a_candidate_does_not_follow_an_older_terms_leader_5_2() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.stand();
    peer.hear(2, append(4, ZERO, &[], 0));
    assert_eq!(peer.role(), RoleName::Candidate);
}

#[test]
fn a_candidate_whose_time_is_up_tries_again_5_2() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.stand();
    peer.wait(600);
    peer.stand();
    assert_eq!(peer.term(), Term(6));
}

#[test]
#[should_panic(expected = "R1")]
fn a_second_leader_in_a_term_stops_this_peer_5_2() {
    Solo::leader(3, 4, &[]).hear(1, heartbeat(4, 1, 0));
}

// ---- §5.3: replication

#[test]
fn a_new_leader_speaks_at_once_to_prevent_new_elections_5_2() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.stand();
    let said = peer.hear(1, vote_reply(5, true));
    assert_eq!(said.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_leader_beats_while_nothing_happens_5_2() {
    let mut leader = Solo::leader(3, 4, &[]);
    let said = leader.wait(50);
    let beats = said.iter().filter(|(_, message)| matches!(message, Message::Heartbeat { .. }));
    assert_eq!(beats.map(|(to, _)| *to).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_leader_appends_a_proposal_and_sends_it_to_everyone_5_3() {
    let mut leader = Solo::leader(3, 2, &[]);
    leader.hear(1, matched(2, 1, 1));
    leader.hear(2, matched(2, 2, 1));
    let said = leader.propose("x", 7);
    assert_eq!(appends(&said, 1), [(LogId::new(2, 1), 1, 1)]);
    assert_eq!(appends(&said, 2), [(LogId::new(2, 1), 1, 1)]);
    assert!(leader.has_said(&Effect::Placed { token: Token(7), index: Index(2), term: Term(2) }));
}

#[test]
fn who_does_not_lead_places_nothing_and_says_who_does_5_1() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.hear(2, heartbeat(4, 1, 0));
    peer.propose("x", 7);
    assert_eq!(peer.log(), [0u64; 0]);
    assert!(peer.has_said(&Effect::Refused { token: Token(7), why: Refusal::NotLeader(Some(NodeId(2))) }));
}

#[test]
fn a_follower_refuses_entries_whose_predecessor_it_lacks_5_3() {
    let mut peer = Solo::new(3, 3, &[1, 1, 3]);
    let said = peer.hear(1, append(4, LogId::new(3, 5), &[4], 0));
    assert_eq!(said, [(1, conflict(4, 1, 0, 4))], "it says where its log ends");
    let said = peer.hear(1, append(4, LogId::new(2, 2), &[4], 0));
    assert_eq!(said, [(1, conflict(4, 1, 1, 1))], "it says where the run that is in question begins");
    assert_eq!(peer.log(), [1, 1, 3]);
}

#[test]
fn a_conflicting_entry_goes_and_all_that_follow_it_5_3() {
    let mut peer = Solo::new(3, 3, &[1, 1, 2, 2, 2]);
    peer.hear(1, append(4, LogId::new(1, 2), &[3, 4], 0));
    assert_eq!(peer.log(), [1, 1, 3, 4]);
}

#[test]
fn entries_that_are_there_already_stay_and_so_do_those_after_them_5_3() {
    let mut peer = Solo::new(3, 3, &[1, 1, 3, 3]);
    peer.hear(1, append(3, LogId::new(1, 1), &[1, 3], 0));
    peer.hear(1, append(3, LogId::new(1, 2), &[], 0));
    assert_eq!(peer.log(), [1, 1, 3, 3]);
    assert_eq!(peer.records(), [], "nothing is written for it");
}

#[test]
fn new_entries_are_appended_and_acknowledged_once_they_are_on_disk_5_3() {
    let mut peer = Solo::new(3, 3, &[1]);
    assert_eq!(peer.hear_unsynced(1, append(3, LogId::new(1, 1), &[3, 3], 0)), []);
    assert_eq!(peer.hear_unsynced(1, append(3, LogId::new(1, 1), &[3, 3], 0)), [], "a copy shows no more");
    assert_eq!(peer.sync(), [(1, matched(3, 1, 3))]);
    let written = Record::Entries { after: Index(1), entries: entries(&[3, 3]) };
    assert_eq!(peer.records(), [written]);
}

#[test]
fn a_leader_goes_back_until_the_logs_meet_5_3() {
    let mut leader = Solo::leader(3, 5, &[1, 1, 1, 4, 4]);
    let said = leader.hear(1, conflict(5, 1, 2, 3));
    assert!(said.is_empty());
    let loaded = |effect: &Effect| match effect {
        Effect::Load { append, range, .. } => Some((append.prev, range.clone())),
        _ => None,
    };
    let loads: Vec<_> = leader.effects.iter().filter_map(loaded).collect();
    assert_eq!(loads, [(LogId::new(1, 2), Index(3)..Index(6))], "what it holds on disk alone is read from there");
    leader.hear(1, conflict(5, 1, 0, 1));
    assert!(leader.effects.iter().filter_map(loaded).any(|load| load == (ZERO, Index(1)..Index(6))));
}

#[test]
fn a_leader_jumps_to_the_end_of_the_conflicting_term_if_it_holds_it_too_5_3() {
    let mut leader = Solo::leader(3, 5, &[1, 1, 1, 4, 4]);
    leader.hear(1, conflict(5, 1, 1, 1));
    let from = leader.effects.iter().find_map(|effect| match effect {
        Effect::Load { range, .. } => Some(range.start),
        _ => None,
    });
    assert_eq!(from, Some(Index(4)), "entries of term 1 are equal wherever both hold them");
}

#[test]
fn a_leader_never_cuts_its_own_log_5_3() {
    let mut leader = Solo::leader(3, 5, &[1, 4, 4]);
    for message in [conflict(5, 1, 0, 1), matched(5, 1, 1), append(4, ZERO, &[3], 3), vote_reply(5, true)] {
        leader.hear(1, message);
        assert_eq!(leader.log(), [1, 4, 4, 5]);
    }
}

#[test]
fn a_follower_commits_what_the_leader_committed_as_far_as_it_holds_it_5_3() {
    let mut peer = Solo::new(3, 3, &[1]);
    peer.hear(1, append(3, LogId::new(1, 1), &[3, 3], 1));
    assert_eq!(peer.commit(), 1);
    peer.hear(1, append(3, LogId::new(3, 3), &[], 9));
    assert_eq!(peer.commit(), 3, "never beyond the last entry that is known to be the leader's");
}

#[test]
fn committed_entries_are_applied_in_order_each_once_5_3() {
    let mut peer = Solo::new(3, 3, &[]);
    peer.hear(1, append(3, ZERO, &[3, 3, 3], 0));
    peer.hear(1, heartbeat(3, 1, 2));
    peer.hear(1, heartbeat(3, 2, 2));
    peer.hear(1, heartbeat(3, 3, 3));
    let applied: Vec<(u64, usize)> = peer
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Apply(Committed::Entries { first, entries }) => Some((first.0, entries.len())),
            _ => None,
        })
        .collect();
    assert_eq!(applied, [(1, 2), (3, 1)]);
}

#[test]
fn an_entry_on_a_majority_is_committed_5_3() {
    let mut leader = Solo::leader(5, 2, &[]);
    leader.hear(1, matched(2, 1, 1));
    assert_eq!(leader.commit(), 0, "two of five");
    leader.hear(1, matched(2, 1, 1));
    assert_eq!(leader.commit(), 0, "the same two");
    leader.hear(2, matched(2, 2, 1));
    assert_eq!(leader.commit(), 1);
}

#[test]
fn a_leaders_own_copy_counts_once_it_is_on_disk_5_3() {
    let mut leader = Solo::leader(3, 2, &[]);
    leader.hear(1, matched(2, 1, 1));
    leader.step_unsynced(Input::Propose { entry: support::command("x"), token: Token(1) });
    leader.hear_unsynced(1, matched(2, 1, 2));
    assert_eq!(leader.commit(), 1);
    leader.sync();
    assert_eq!(leader.commit(), 2);
}

// ---- §5.4: safety

#[test]
fn a_vote_goes_to_no_log_that_is_behind_5_4_1() {
    let ours = [1, 2, 2];
    for (theirs, granted) in [
        (LogId::new(2, 3), true),
        (LogId::new(2, 4), true),
        (LogId::new(3, 1), true),
        (LogId::new(2, 2), false),
        (LogId::new(1, 9), false),
    ] {
        let mut peer = Solo::new(3, 4, &ours);
        assert_eq!(peer.hear(1, vote(5, theirs)), [(1, vote_reply(5, granted))], "{theirs:?}");
    }
}

#[test]
fn a_refused_vote_still_moves_the_term_5_4_1() {
    let mut peer = Solo::new(3, 4, &[4]);
    peer.hear(1, vote(8, ZERO));
    assert_eq!((peer.term(), peer.machine.core().vote()), (Term(8), None));
}

#[test]
fn entries_of_older_terms_are_not_committed_by_counting_5_4_2() {
    // Figure 8: entry 2 of term 2 lies on a majority, and a later leader could still replace it.
    let mut leader = Solo::leader(5, 4, &[1, 2]);
    leader.hear(1, matched(4, 1, 2));
    leader.hear(2, matched(4, 2, 2));
    assert_eq!(leader.commit(), 0);
    leader.hear(1, matched(4, 1, 3));
    leader.hear(2, matched(4, 2, 3));
    assert_eq!(leader.commit(), 3, "they are committed along with the first of its own");
}

#[test]
#[should_panic(expected = "R10")]
fn what_is_committed_is_never_cut_5_4_3() {
    let mut peer = Solo::new(3, 3, &[1]);
    peer.hear(1, append(3, LogId::new(1, 1), &[3], 0));
    peer.hear(1, heartbeat(3, 1, 2));
    peer.hear(2, append(4, LogId::new(1, 1), &[4], 0));
}

// ---- §5.5, §5.6: crashes and time

#[test]
fn a_request_that_comes_twice_does_no_harm_5_5() {
    let mut peer = Solo::new(3, 3, &[]);
    for _ in 0..2 {
        assert_eq!(peer.hear(1, append(3, ZERO, &[3, 3], 0)), [(1, matched(3, 1, 2))]);
        assert_eq!(peer.log(), [3, 3]);
    }
}

#[test]
fn what_is_lost_is_said_again_5_5() {
    let mut leader = Solo::leader(3, 2, &[]);
    let said = leader.wait(50);
    assert_eq!(appends(&said, 1), [(ZERO, 0, 0)], "asked again where its log ends, without entries: it may be dead");
    let said = leader.hear(1, matched(2, 1, 0));
    assert_eq!(appends(&said, 1), [(ZERO, 1, 0)]);
}

#[test]
fn safety_does_not_depend_on_time_5_6() {
    let mut peer = Solo::new(3, 3, &[]);
    peer.hear(1, vote(4, ZERO));
    peer.wait(u64::MAX / support::MS - 2_000);
    assert_eq!(peer.role(), RoleName::PreCandidate);
    peer.now = rsm::raft::Time(0);
    assert_eq!(peer.hear(2, vote(4, ZERO)), [(2, vote_reply(4, false))], "one vote a term, whatever the clock says");
    peer.machine.step(received(1, heartbeat(4, 1, 0)), peer.now);
    assert_eq!(peer.role(), RoleName::Follower);
}

#[test]
fn timeouts_are_drawn_anew_so_that_votes_seldom_split_5_2() {
    let mut peer = Solo::new(3, 3, &[]);
    let mut drawn = std::collections::BTreeSet::new();
    for round in 1..40 {
        peer.hear(1, heartbeat(3, round, 0));
        drawn.insert((peer.machine.deadline().0 - peer.now.0) / support::MS);
    }
    assert!(30 <= drawn.len() && *drawn.first().unwrap() < 340 && 540 < *drawn.last().unwrap(), "{drawn:?}");
}
