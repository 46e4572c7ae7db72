//! Replication and commit: scenarios 18 to 41.

use super::support::solo::{Solo, append, beat_answered, conflict, heartbeat, matched, vote};
use super::support::{self, MS, disk::Disk};
use rsm::raft::consensus::{Effect, Input, Message, Mode, Outcome, Record, Refusal, Role, RoleName};
use rsm::raft::{Entries, Index, LogId, NodeId, Seq, Term, Token};

const ZERO: LogId = LogId::ZERO;

fn mode(leader: &Solo, peer: u64) -> Mode {
    let Role::Leader(leader) = leader.machine.role() else { panic!("a leader") };
    leader.progress().find(|(id, _)| id.0 == peer).unwrap().1.mode
}

fn matched_of(leader: &Solo, peer: u64) -> u64 {
    let Role::Leader(leader) = leader.machine.role() else { panic!("a leader") };
    leader.progress().find(|(id, _)| id.0 == peer).unwrap().1.matched.0
}

fn entries_sent(said: &[(u64, Message)]) -> usize {
    let count = |(_, message): &(u64, Message)| match message {
        Message::Append(append) => append.entries.len(),
        _ => 0,
    };
    said.iter().map(count).sum()
}

#[test]
fn a_role_begun_anew_in_a_higher_term_knows_nothing_of_its_leaders_log() {
    let mut peer = Solo::new(3, 5, &[5]);
    peer.hear(1, append(5, LogId::new(5, 1), &[5; 8], 0));
    let Role::Follower(follower) = peer.machine.role() else { panic!() };
    assert_eq!(follower.verified(), Index(9));
    let said = peer.hear(2, heartbeat(6, 1, 0));
    assert_eq!(said, [(2, beat_answered(6, 1, 1, 0, 0))]);
    assert_eq!(peer.commit(), 0);
}

/// No correct leader does: but nobody is to come out of order with himself over what he is told.
#[test]
fn of_a_leader_that_takes_back_what_it_has_said_nothing_is_committed_that_is_not_there() {
    let mut peer = Solo::new(3, 3, &[]);
    peer.hear(1, append(4, ZERO, &[3, 3, 3], 0));
    peer.hear(1, append(4, LogId::new(3, 1), &[4], 0));
    assert_eq!(peer.log(), [3, 4]);
    peer.hear(1, heartbeat(4, 1, 3));
    assert_eq!(peer.commit(), 2);
}

#[test]
fn a_follower_that_starts_anew_in_an_idle_leaders_term_hears_of_its_commit() {
    let mut peer = Solo::new(3, 3, &[]);
    peer.hear(1, append(3, ZERO, &[3, 3], 0));
    let mut peer = peer.restart();
    peer.hear(1, heartbeat(3, 9, 2));
    assert_eq!(peer.commit(), 2, "a leader tells no commit beyond what was acknowledged to it");
}

#[test]
fn a_pre_candidate_that_comes_back_in_the_same_term_hears_of_the_commit_too() {
    let mut peer = Solo::new(3, 3, &[]);
    peer.hear(1, append(3, ZERO, &[3, 3], 0));
    peer.wait(600);
    assert_eq!(peer.role(), RoleName::PreCandidate);
    peer.hear(1, heartbeat(3, 9, 2));
    assert_eq!((peer.role(), peer.commit()), (RoleName::Follower, 2));
}

#[test]
fn an_answer_of_an_older_term_or_beyond_the_log_moves_nothing_24() {
    let mut leader = Solo::leader(3, 4, &[]);
    for message in [matched(3, 1, 1), matched(4, 1, 2), matched(4, 1, u64::MAX), beat_answered(4, 1, 0, 9, 9)] {
        leader.hear(1, message);
        assert_eq!((matched_of(&leader, 1), leader.commit()), (0, 0));
    }
}

#[test]
fn an_answer_in_another_track_moves_nothing_25() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.hear(1, matched(4, 2, 1));
    leader.hear(1, beat_answered(4, 9, 0, 1, 1));
    assert_eq!((matched_of(&leader, 1), leader.commit()), (0, 0));
    leader.hear(1, matched(4, 1, 1));
    assert_eq!((matched_of(&leader, 1), leader.commit()), (1, 1));
}

#[test]
fn the_search_for_where_logs_meet_takes_a_step_for_each_term_27() {
    let theirs: Vec<u64> = [vec![1; 400], vec![3; 400], vec![5; 400], vec![7; 400]].concat();
    let ours: Vec<u64> = [vec![1; 300], vec![2; 500], vec![4; 500], vec![8; 500]].concat();
    let mut follower = Solo::new(3, 8, &theirs);
    let mut leader = Solo::leader(3, 9, &ours);
    let mut prev = LogId::new(8, 1_800);
    for step in 0.. {
        assert!(step <= 5, "a step for each term, not for each entry");
        let said = follower.hear(1, append(9, prev, &[], 0));
        let Message::AppendReply { outcome, .. } = said[0].1 else { panic!("{said:?}") };
        let Outcome::Conflict { term, index } = outcome else { break };
        let said = leader.hear(1, conflict(9, 1, term.0, index.0));
        let probed = said.iter().find_map(|(to, message)| match message {
            Message::Append(append) if *to == 1 => Some(append.prev),
            _ => None,
        });
        let load = leader.effects.iter().rev().find_map(|effect| match effect {
            Effect::Load { append, .. } => Some(append.prev),
            _ => None,
        });
        prev = probed.or(load).unwrap();
    }
    assert_eq!(prev, LogId::new(1, 300));
}

#[test]
fn a_peer_that_was_dead_for_long_is_served_at_full_speed_at_once_33() {
    let mut leader = Solo::leader(3, 4, &[]);
    for round in 1..40 {
        leader.propose("x", round);
        let said = leader.wait(50);
        assert!(entries_sent(&said) <= 2, "a dead peer costs no bandwidth");
        leader.hear(2, beat_answered(4, 2, round, round, round));
    }
    let said = leader.hear(1, matched(4, 1, 0));
    assert_eq!(said.iter().filter(|(to, _)| *to == 1).count(), 1);
    assert_eq!(entries_sent(&said), 40);
    assert_eq!(mode(&leader, 1), Mode::Replicate);
}

#[test]
fn everything_since_the_last_goes_in_one_append_and_one_record() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.hear(1, matched(4, 1, 1));
    leader.hear(2, matched(4, 2, 1));
    let now = leader.now;
    for token in 0..100 {
        leader.machine.step(Input::Propose { entry: support::command("x"), token: Token(token) }, now);
    }
    let before = leader.records().len();
    let said = leader.flush();
    assert_eq!((said.len(), entries_sent(&said)), (2, 200));
    assert_eq!(leader.records().len(), before + 1);
}

#[test]
fn five_appends_of_one_turn_are_answered_once() {
    let mut peer = Solo::new(3, 4, &[]);
    for index in 0..5 {
        let prev = LogId::new(if index == 0 { 0 } else { 4 }, index);
        peer.machine.step(support::solo::received(1, append(4, prev, &[4], 0)), peer.now);
    }
    assert_eq!(peer.flush(), []);
    assert_eq!(peer.sync(), [(1, matched(4, 1, 5))]);
}

#[test]
fn a_window_bounds_what_is_on_its_way() {
    let small = |options: &mut rsm::raft::consensus::Options| {
        (options.window_appends, options.append_bytes_max, options.window_bytes) = (4, 40, 100);
    };
    let mut leader = Solo::with(3, Disk::born(0, 3, 3, &[]), small);
    leader.stand();
    leader.hear(1, support::solo::vote_reply(4, true));
    leader.hear(1, matched(4, 1, 1));
    let mut sent = 0;
    for token in 0..50 {
        sent += leader.propose("12345678901234567890", token).iter().filter(|(to, _)| *to == 1).count();
    }
    assert_eq!(sent, 2, "a third might weigh 40 and pass 100");
    assert!(!leader.hear(1, matched(4, 1, 3)).is_empty());
}

#[test]
fn an_entry_larger_than_an_append_is_to_be_waits_for_room_in_the_window_or_goes_alone() {
    let small = |options: &mut rsm::raft::consensus::Options| {
        (options.window_appends, options.append_bytes_max, options.window_bytes) = (9, 40, 100);
    };
    let mut leader = Solo::with(3, Disk::born(0, 3, 3, &[]), small);
    leader.stand();
    leader.hear(1, support::solo::vote_reply(4, true));
    leader.hear(1, matched(4, 1, 1));
    let sent = |sent: &[(u64, rsm::raft::consensus::Message)]| sent.iter().filter(|(to, _)| *to == 1).count();
    let (small, large, huge) = ("1".repeat(20), "2".repeat(80), "3".repeat(300));
    assert_eq!(sent(&leader.propose(&small, 0)), 1);
    assert_eq!(sent(&leader.propose(&large, 1)), 0, "together they weigh more than a window");
    assert_eq!(sent(&leader.hear(1, matched(4, 1, 2))), 1);
    assert_eq!(sent(&leader.propose(&huge, 2)), 0);
    assert_eq!(sent(&leader.hear(1, matched(4, 1, 3))), 1, "it never fits, and must go all the same");
}

#[test]
fn what_was_lost_is_sent_again_though_nobody_conflicts() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.hear(1, matched(4, 1, 1));
    leader.propose("lost", 1);
    let mut again = 0;
    for round in 1..4 {
        leader.wait(50);
        again += entries_sent(&leader.hear(1, beat_answered(4, 1, round, 1, 1)));
    }
    assert_eq!(again, 1);
}

#[test]
fn a_lost_acknowledgement_is_made_good_by_a_heartbeats_answer() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.hear(1, matched(4, 1, 1));
    leader.propose("x", 1);
    leader.wait(50);
    leader.hear(1, beat_answered(4, 1, 1, 2, 2));
    assert_eq!(leader.commit(), 2);
}

#[test]
fn a_slow_disk_of_a_follower_is_not_sent_everything_again() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.hear(1, matched(4, 1, 1));
    let mut sent = 0;
    for round in 1..30 {
        sent += leader.propose("x", round).iter().filter(|(to, _)| *to == 1).map(|_| 1).sum::<usize>();
        leader.wait(50);
        leader.hear(1, beat_answered(4, 1, round, round + 1, 1));
    }
    assert_eq!(sent, 29);
}

#[test]
fn a_leaders_blank_entry_counts_once_it_is_on_disk_39() {
    let mut peer = Solo::new(3, 3, &[]);
    peer.stand();
    peer.hear_unsynced(1, support::solo::vote_reply(4, true));
    peer.hear_unsynced(1, matched(4, 1, 1));
    assert_eq!(peer.commit(), 0);
    peer.sync();
    assert_eq!(peer.commit(), 1);
}

#[test]
fn term_before_entries_in_one_stream_40() {
    let mut peer = Solo::new(3, 3, &[]);
    peer.hear(1, append(5, ZERO, &[5], 0));
    let state = Record::State { term: Term(5), vote: None };
    let entries = Record::Entries { after: Index(0), entries: support::solo::entries(&[5]) };
    assert_eq!(peer.records(), [state, entries]);
}

#[test]
fn completions_out_of_order_are_harmless_41() {
    let mut leader = Solo::new(1, 3, &[]);
    leader.wait(600);
    let before = leader.machine.core().persisted();
    leader.step_unsynced(Input::Propose { entry: support::command("x"), token: Token(1) });
    leader.step_unsynced(Input::Propose { entry: support::command("y"), token: Token(2) });
    leader.step_unsynced(Input::Persisted(Seq(before.0 + 2)));
    assert_eq!(leader.commit(), 3);
    leader.step_unsynced(Input::Persisted(Seq(before.0 + 1)));
    assert_eq!((leader.commit(), leader.machine.core().persisted()), (3, Seq(before.0 + 2)));
}

#[test]
fn a_commit_that_runs_ahead_of_the_log_counts_as_soon_as_the_log_is_there_43() {
    let mut peer = Solo::new(3, 3, &[]);
    peer.hear(1, append(3, ZERO, &[3], 3));
    assert_eq!(peer.commit(), 1);
    peer.hear(1, append(3, LogId::new(3, 1), &[3, 3], 0));
    assert_eq!(peer.commit(), 3, "nobody had to say it again");
}

#[test]
fn nothing_is_applied_before_it_is_on_our_own_disk_44() {
    let mut leader = Solo::leader(5, 4, &[]);
    leader.step_unsynced(Input::Propose { entry: support::command("x"), token: Token(1) });
    (1..4).for_each(|id| drop(leader.hear_unsynced(id, matched(4, id, 2))));
    assert_eq!((leader.commit(), leader.machine.core().applied()), (2, Index(1)));
    leader.sync();
    assert_eq!(leader.machine.core().applied(), Index(2));
}

#[test]
fn a_commit_travels_alone_after_a_while_and_at_once_to_whom_it_is_due() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.hear(1, matched(4, 1, 1));
    leader.hear(2, matched(4, 2, 1));
    leader.wait(50);
    let entries: Entries = vec![support::command("theirs")].into();
    leader.hear(1, Message::Forward { entries });
    let said = leader.hear(1, matched(4, 1, 2));
    let heartbeat = |to, track| {
        (
            to,
            Message::Heartbeat {
                term: Term(4),
                track: rsm::raft::Track(track),
                commit: Index(2),
                round: rsm::raft::Round(1),
            },
        )
    };
    assert_eq!(said, [heartbeat(1, 1)], "its own command is committed");
    assert_eq!(leader.hear(2, matched(4, 2, 2)), [], "who has time waits for company");
    let said = leader.wait(5);
    assert_eq!(said, [heartbeat(2, 2)]);
}

#[test]
fn a_leader_tells_no_commit_beyond_what_was_acknowledged() {
    let mut leader = Solo::leader(5, 4, &[]);
    (1..3).for_each(|id| drop(leader.hear(id, matched(4, id, 1))));
    assert_eq!(leader.commit(), 1);
    let said = leader.wait(50);
    let told = |to| {
        said.iter().find_map(|(receiver, message)| match message {
            Message::Heartbeat { commit, .. } if *receiver == to => Some(commit.0),
            _ => None,
        })
    };
    assert_eq!((told(1), told(3)), (Some(1), Some(0)));
}

#[test]
fn a_full_disk_refuses_entries_and_not_votes() {
    let mut peer = Solo::new(3, 4, &[]);
    peer.step(Input::Room(false));
    assert_eq!(peer.hear(1, append(4, ZERO, &[4], 0)), []);
    assert_eq!(peer.log(), [0u64; 0]);
    assert_eq!(peer.hear(1, heartbeat(4, 1, 0)), [(1, beat_answered(4, 1, 1, 0, 0))]);
    peer.wait(600);
    assert_eq!(peer.role(), RoleName::Follower, "nobody stands who could not write");
    assert_eq!(peer.hear(1, vote(5, ZERO)), [(1, support::solo::vote_reply(5, true))]);
    peer.step(Input::Room(true));
    peer.wait(600);
    assert_eq!(peer.role(), RoleName::PreCandidate);
}

#[test]
fn who_has_no_room_says_where_its_log_meets_the_leaders_and_commits_what_it_holds() {
    let mut peer = Solo::new(3, 3, &[1, 2, 2]);
    peer.step(Input::Room(false));
    assert_eq!(peer.hear_unsynced(1, append(4, LogId::new(4, 9), &[], 0)), [], "its term is not durable yet");
    assert_eq!(peer.sync(), [(1, conflict(4, 1, 0, 4))], "its log ends there");
    assert_eq!(peer.hear(1, append(4, LogId::new(3, 3), &[], 0)), [(1, conflict(4, 1, 2, 2))]);
    assert_eq!(peer.hear(1, append(4, LogId::new(2, 3), &[4], 3)), [], "entries are as good as lost");
    assert_eq!(peer.hear(1, append(4, LogId::new(4, 4), &[4], 3)), [], "and so is what comes behind them");
    assert_eq!((peer.log(), peer.commit()), (vec![1, 2, 2], 0));
    assert_eq!(peer.hear(1, append(4, LogId::new(2, 3), &[], 3)), [(1, matched(4, 1, 3))]);
    assert_eq!((peer.log(), peer.commit()), (vec![1, 2, 2], 3));
}

#[test]
fn a_leader_without_room_gives_up_and_every_token_is_answered_once() {
    let mut leader = Solo::leader(3, 4, &[]);
    let now = leader.now;
    leader.machine.step(Input::Propose { entry: support::command("x"), token: Token(1) }, now);
    leader.machine.step(Input::Room(false), now);
    leader.machine.step(Input::Propose { entry: support::command("y"), token: Token(2) }, now);
    leader.flush();
    assert_eq!(leader.role(), RoleName::Follower);
    assert!(leader.has_said(&Effect::Placed { token: Token(1), index: Index(2), term: Term(4) }));
    assert!(leader.has_said(&Effect::Refused { token: Token(2), why: Refusal::NotLeader(None) }));
}

#[test]
fn what_is_too_large_is_refused_and_so_is_everything_while_draining() {
    let mut leader = Solo::with(1, Disk::born(0, 1, 3, &[]), |options| options.entry_bytes_max = 4);
    leader.wait(600);
    leader.propose("12345", 1);
    assert!(leader.has_said(&Effect::Refused { token: Token(1), why: Refusal::TooLarge }));
    leader.propose("1234", 2);
    assert!(leader.has_said(&Effect::Placed { token: Token(2), index: Index(2), term: Term(4) }));
    leader.step(Input::Drain);
    leader.propose("1", 3);
    leader.read(4);
    for token in [3, 4] {
        assert!(leader.has_said(&Effect::Refused { token: Token(token), why: Refusal::Draining }));
    }
}

#[test]
fn a_forward_brings_proposals_alone() {
    let mut leader = Solo::leader(3, 4, &[]);
    let mut entries = vec![support::command("x")];
    entries.push(rsm::raft::Entry::blank(Term(0)));
    entries.push(rsm::raft::Entry::new(Term(0), rsm::raft::EntryKind::Membership, "".into()));
    leader.hear(1, Message::Forward { entries: entries.into() });
    assert_eq!(leader.log(), [4, 4]);
}

#[test]
fn a_slow_sync_does_not_silence_a_follower() {
    let mut peer = Solo::new(3, 3, &[]);
    peer.hear(1, heartbeat(3, 1, 0));
    peer.hear_unsynced(1, append(3, ZERO, &[3, 3], 0));
    for round in 2..9 {
        peer.now.0 += 50 * MS;
        assert_eq!(peer.hear_unsynced(1, heartbeat(3, round, 0)), [(1, beat_answered(3, 1, round, 2, 0))]);
    }
    assert_eq!(peer.sync(), [(1, matched(3, 1, 2))]);
}

#[test]
fn a_round_is_answered_once() {
    let mut peer = Solo::new(3, 3, &[]);
    assert_eq!(peer.hear(1, heartbeat(3, 4, 0)).len(), 1);
    assert_eq!(peer.hear(1, heartbeat(3, 4, 0)), []);
    assert_eq!(peer.hear(1, heartbeat(3, 3, 0)), []);
}

#[test]
fn what_a_peer_needs_and_memory_lacks_is_read_from_disk_one_append_at_a_time() {
    let mut leader = Solo::leader(3, 4, &[1, 1, 1]);
    let loads = |leader: &Solo| leader.effects.iter().filter(|effect| matches!(effect, Effect::Load { .. })).count();
    leader.hear(1, conflict(4, 1, 0, 1));
    leader.propose("x", 1);
    assert_eq!(loads(&leader), 1, "the second waits for the first's answer");
    let said = leader.hear(1, matched(4, 1, 2));
    assert_eq!((loads(&leader), entries_sent(&said)), (2, 0), "the driver may have read a part");
    let said = leader.hear(1, matched(4, 1, 3));
    assert_eq!((loads(&leader), entries_sent(&said)), (2, 2));
    assert_eq!(leader.machine.core().leader(leader.machine.role()), Some(NodeId(0)));
}
