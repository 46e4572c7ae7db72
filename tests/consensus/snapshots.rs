//! Snapshots, the core's side: scenarios 31 and 47 to 55.

use super::support::disk::Disk;
use super::support::solo::{Solo, append, beat_answered, conflict, heartbeat, matched, vote_reply};
use super::support::{self, voters};
use rsm::raft::consensus::{Effect, Input, Membership, Message, Mode, News, Record, Role, RoleName};
use rsm::raft::{Index, LogId, NodeId, Term, Token, Track};

fn ready(term: u64, at: LogId, membership: Membership) -> Input {
    Input::SnapshotReady { from: NodeId(1), term: Term(term), track: Track(1), at, membership }
}

/// Leads term 4; its log begins after entry 4, all of which lies in its snapshot.
fn leader_with_snapshot() -> Solo {
    let mut leader = Solo::with(3, Disk::born(0, 3, 3, &[1, 1, 1]), |options| options.margin = 0);
    leader.stand();
    leader.hear(1, vote_reply(4, true));
    leader.hear(1, matched(4, 1, 4));
    leader.step(Input::Snapshotted { at: LogId::new(4, 4), membership: voters(3) });
    assert!(leader.has_said(&Effect::Release(Index(5))));
    leader
}

fn sends(leader: &Solo) -> Vec<(u64, LogId)> {
    let send = |effect: &Effect| match effect {
        Effect::SendSnapshot { to, at, .. } => Some((to.0, *at)),
        _ => None,
    };
    leader.effects.iter().filter_map(send).collect()
}

fn mode(leader: &Solo, peer: u64) -> Mode {
    let Role::Leader(leader) = leader.machine.role() else { panic!("a leader") };
    leader.progress().find(|(id, _)| id.0 == peer).unwrap().1.mode
}

#[test]
fn a_log_is_cut_only_once_the_mark_is_durable_and_keeps_its_margin() {
    let mut peer = Solo::with(3, Disk::born(0, 3, 3, &[1, 1, 3, 3]), |options| options.margin = 2);
    peer.hear(1, append(3, LogId::new(3, 4), &[], 4));
    peer.step_unsynced(Input::Snapshotted { at: LogId::new(3, 4), membership: voters(3) });
    assert_eq!(peer.records(), [Record::Mark { at: LogId::new(3, 4) }]);
    assert_eq!(peer.machine.core().log().base(), LogId::ZERO);
    peer.sync();
    assert_eq!(peer.machine.core().log().base(), LogId::new(1, 2));
    assert!(peer.has_said(&Effect::Release(Index(3))));
    assert!(peer.has_said(&Effect::News(News::Checkpoint { at: LogId::new(3, 4), installed: false })));
}

#[test]
fn a_snapshot_older_than_the_last_or_of_what_was_not_applied_is_ignored() {
    let mut peer = Solo::new(3, 3, &[1, 1, 3]);
    peer.hear(1, append(3, LogId::new(3, 3), &[], 2));
    for at in [LogId::new(3, 3), LogId::new(2, 2)] {
        peer.step(Input::Snapshotted { at, membership: voters(3) });
    }
    assert_eq!(peer.records(), []);
    peer.step(Input::Snapshotted { at: LogId::new(1, 2), membership: voters(3) });
    peer.step(Input::Snapshotted { at: LogId::new(1, 1), membership: voters(3) });
    assert_eq!(peer.records(), [Record::Mark { at: LogId::new(1, 2) }]);
}

#[test]
fn a_peer_that_needs_what_the_log_has_no_more_is_sent_a_snapshot_once_31() {
    let mut leader = leader_with_snapshot();
    leader.wait(50);
    assert_eq!(sends(&leader), [], "of a peer that says nothing, nothing is known");
    leader.hear(2, conflict(4, 2, 0, 1));
    leader.wait(50);
    leader.propose("x", 1);
    assert_eq!(sends(&leader), [(2, LogId::new(4, 4))]);
    leader.step(Input::SnapshotSent { to: NodeId(2), track: Track(2) });
    let said = leader.hear(2, matched(4, 2, 4));
    assert!(matches!(mode(&leader, 2), Mode::Replicate), "{said:?}");
}

/// Leads term 4 with a margin of one entry; peer 1 answers each heartbeat, peer 2 has not for an election timeout, and the
/// log is cut. Then peer 2 is back, and wants a snapshot.
fn leader_that_brings_a_snapshot() -> Solo {
    let mut leader = Solo::with(3, Disk::born(0, 3, 3, &[1, 1, 1]), |options| options.margin = 1);
    leader.stand();
    leader.hear(1, vote_reply(4, true));
    leader.hear(1, matched(4, 1, 4));
    beats(&mut leader, &[1]);
    snapshot(&mut leader, 4);
    assert_eq!(leader.machine.core().log().base(), LogId::new(1, 3));
    leader.hear(2, conflict(4, 2, 0, 1));
    beats(&mut leader, &[1, 2]);
    assert_eq!(sends(&leader), [(2, LogId::new(4, 4))]);
    leader
}

/// A second of heartbeats that these answer.
fn beats(leader: &mut Solo, who: &[u64]) {
    for _ in 0..20 {
        for (_, beat) in leader.wait(50) {
            let Message::Heartbeat { track, round, .. } = beat else { continue };
            if who.contains(&track.0) {
                leader.hear(track.0, beat_answered(4, track.0, round.0, 0, 0));
            }
        }
    }
}

/// Peer 1 goes along up to this entry, at which a snapshot is taken.
fn snapshot(leader: &mut Solo, last: u64) {
    while leader.machine.core().log().last().index < Index(last) {
        leader.propose("x", 1);
        leader.hear(1, matched(4, 1, leader.machine.core().log().last().index.0));
    }
    leader.step(Input::Snapshotted { at: LogId::new(4, last), membership: voters(3) });
}

#[test]
fn the_log_behind_a_snapshot_that_is_brought_stays_so_that_the_peer_goes_on_from_it() {
    let mut leader = leader_that_brings_a_snapshot();
    snapshot(&mut leader, 7);
    assert_eq!(leader.machine.core().log().base(), LogId::new(4, 4));
    leader.step(Input::SnapshotSent { to: NodeId(2), track: Track(2) });
    leader.hear(2, matched(4, 2, 4));
    assert!(matches!(mode(&leader, 2), Mode::Replicate), "no other snapshot follows");
    snapshot(&mut leader, 8);
    assert_eq!(leader.machine.core().log().base(), LogId::new(4, 4), "nor while it is behind");
}

#[test]
fn for_one_that_is_behind_four_margins_are_kept_and_for_one_that_is_silent_one() {
    let mut leader = leader_that_brings_a_snapshot();
    snapshot(&mut leader, 12);
    assert_eq!(leader.machine.core().log().base(), LogId::new(4, 8));
    beats(&mut leader, &[1]);
    snapshot(&mut leader, 13);
    assert_eq!(leader.machine.core().log().base(), LogId::new(4, 12));
}

#[test]
fn a_transfer_that_failed_is_tried_again_once_the_peer_answers() {
    let mut leader = leader_with_snapshot();
    leader.hear(2, conflict(4, 2, 0, 1));
    leader.step(Input::SnapshotFailed { to: NodeId(2), track: Track(2) });
    let said = leader.wait(50);
    assert_eq!(sends(&leader).len(), 1, "it may be dead");
    let asked = |message: &Message| matches!(message, Message::Append(append) if append.prev == LogId::new(4, 4));
    assert!(said.iter().any(|(to, message)| *to == 2 && asked(message)), "{said:?}");
    leader.hear(2, conflict(4, 2, 0, 1));
    assert_eq!(sends(&leader).len(), 2);
}

#[test]
fn the_end_of_a_former_tracks_transfer_moves_nothing() {
    let mut leader = leader_with_snapshot();
    leader.hear(2, conflict(4, 2, 0, 1));
    leader.step(Input::SnapshotSent { to: NodeId(2), track: Track(9) });
    assert!(matches!(mode(&leader, 2), Mode::Snapshot { .. }));
}

#[test]
fn a_peer_that_shows_more_than_the_snapshot_leaves_it_behind_52() {
    let mut leader = leader_with_snapshot();
    leader.hear(2, conflict(4, 2, 0, 1));
    leader.propose("x", 1);
    leader.hear(2, matched(4, 2, 5));
    leader.hear(2, beat_answered(4, 2, 0, 5, 5));
    assert!(matches!(mode(&leader, 2), Mode::Replicate));
}

#[test]
fn an_old_snapshot_cuts_nothing_47() {
    let mut peer = Solo::new(3, 3, &[1, 1, 3]);
    peer.hear(1, append(3, LogId::new(3, 3), &[3], 3));
    assert_eq!(peer.step(ready(3, LogId::new(1, 2), voters(3))), [(1, matched(3, 1, 4))]);
    assert_eq!((peer.log(), peer.records().len()), (vec![1, 1, 3, 3], 1));
}

#[test]
fn a_snapshot_ahead_of_the_log_replaces_it_and_is_acknowledged_once_its_mark_is_durable() {
    let mut peer = Solo::new(3, 3, &[1, 1, 1]);
    peer.hear(1, append(3, LogId::new(1, 3), &[], 2));
    let at = LogId::new(2, 9);
    assert_eq!(peer.step_unsynced(ready(3, at, voters(3))), []);
    assert!(peer.has_said(&Effect::Install { at }));
    assert_eq!(peer.records(), [Record::Mark { at }]);
    assert_eq!(
        peer.hear_unsynced(1, heartbeat(3, 1, 0)),
        [(1, beat_answered(3, 1, 1, 9, 2))],
        "R3: no more is durable"
    );
    assert_eq!(peer.sync(), [(1, matched(3, 1, 9))]);
    let core = peer.machine.core();
    assert_eq!((core.log().base(), core.commit(), core.applied()), (at, Index(9), Index(9)));
    assert!(peer.has_said(&Effect::News(News::Checkpoint { at, installed: true })));
}

#[test]
fn what_follows_a_snapshot_stays_if_the_log_holds_its_last_entry() {
    let mut peer = Solo::new(3, 3, &[1, 1, 3, 3]);
    peer.step(ready(3, LogId::new(3, 3), voters(3)));
    assert_eq!((peer.log(), peer.machine.core().log().last()), (vec![3], LogId::new(3, 4)));
}

#[test]
fn what_conflicts_with_a_snapshot_goes_before_it_is_installed_49() {
    let mut peer = Solo::new(3, 3, &[1, 2, 2, 2]);
    peer.step(ready(3, LogId::new(3, 3), voters(3)));
    assert_eq!((peer.log(), peer.machine.core().log().last()), (vec![], LogId::new(3, 3)));
    let mut peer = peer.restart();
    assert_eq!(peer.machine.core().log().last(), LogId::new(3, 3));
    assert_eq!(peer.hear(1, append(3, LogId::new(3, 3), &[3], 0)), [(1, matched(3, 1, 4))]);
}

#[test]
fn a_snapshots_membership_is_in_force_50() {
    let mut peer = Solo::new(3, 3, &[1]);
    peer.step(ready(3, LogId::new(3, 3), voters(5)));
    assert_eq!(*peer.machine.core().membership(), voters(5));
}

#[test]
fn a_snapshot_at_the_commit_changes_nothing_54() {
    let mut peer = Solo::new(3, 3, &[1, 1, 3]);
    peer.hear(1, append(3, LogId::new(3, 3), &[], 3));
    peer.step(ready(3, LogId::new(2, 3), voters(5)));
    assert_eq!((peer.log(), peer.records().len()), (vec![1, 1, 3], 0));
    assert_eq!(*peer.machine.core().membership(), voters(3));
}

#[test]
fn a_snapshot_passes_the_gate_like_any_message() {
    let mut peer = Solo::new(3, 5, &[1]);
    peer.step(ready(4, LogId::new(3, 3), voters(3)));
    assert_eq!(peer.log(), [1], "of a leader that is deposed");
    peer.step(ready(6, LogId::new(7, 3), voters(3)));
    assert_eq!((peer.term(), peer.log()), (Term(5), vec![1]), "no leader of term 6 has one of term 7");
    peer.step(ready(6, LogId::new(6, 3), voters(3)));
    assert_eq!((peer.term(), peer.machine.core().log().last()), (Term(6), LogId::new(6, 3)));
    let mut newborn = Solo::with(3, Disk::new(100), |_| {});
    newborn.step(ready(6, LogId::new(6, 3), voters(3)));
    assert_eq!(newborn.role(), RoleName::Newborn);
    assert_eq!(newborn.log(), [0u64; 0]);
}

#[test]
fn an_entry_after_a_mark_of_the_same_turn_leaves_no_hole() {
    let mut peer = Solo::new(3, 3, &[1, 1]);
    peer.machine.step(ready(3, LogId::new(3, 9), voters(3)), peer.now);
    peer.machine.step(support::solo::received(1, append(3, LogId::new(3, 9), &[3], 0)), peer.now);
    peer.flush();
    let records = peer.records();
    assert!(matches!(records[..], [Record::Mark { .. }, Record::Entries { after: Index(9), .. }]), "{records:?}");
    assert_eq!(peer.sync(), [(1, matched(3, 1, 10))]);
}

#[test]
fn a_token_whose_entry_a_snapshot_covers_was_answered_when_it_was_placed_55() {
    let mut leader = Solo::leader(3, 4, &[]);
    leader.propose("x", 1);
    leader.step(ready(5, LogId::new(5, 9), voters(3)));
    let answers = leader.effects.iter().filter(|effect| matches!(effect, Effect::Placed { token: Token(1), .. }));
    assert_eq!(answers.count(), 1);
}

#[test]
fn recovery_raises_the_term_to_the_snapshots_and_votes_for_nobody() {
    let mut disk = Disk::born(0, 3, 2, &[1]);
    disk.put(support::disk::File { at: LogId::new(5, 7), membership: voters(3), state: vec![] });
    let mut peer = Solo::with(3, disk, |_| {});
    assert_eq!((peer.term(), peer.machine.core().vote()), (Term(5), None));
    assert_eq!(peer.machine.core().log().last(), LogId::new(5, 7));
    assert!(matches!(peer.hear(1, heartbeat(4, 1, 7))[..], [(1, Message::AppendReply { term: Term(5), .. })]));
    assert_eq!(peer.machine.core().applied(), Index(7));
}

#[test]
fn entries_that_a_mark_of_the_same_turn_covers_are_not_written_behind_it() {
    let mut peer = Solo::new(3, 3, &[1, 1]);
    peer.machine.step(support::solo::received(1, append(3, LogId::new(1, 2), &[3, 3, 3], 0)), peer.now);
    peer.machine.step(ready(3, LogId::new(3, 4), voters(3)), peer.now);
    peer.flush();
    let records = peer.records();
    let entries = support::solo::entries(&[3]);
    assert_eq!(records, [Record::Mark { at: LogId::new(3, 4) }, Record::Entries { after: Index(4), entries }]);
    assert_eq!(peer.sync(), [(1, matched(3, 1, 5))]);
}

#[test]
fn a_store_whose_log_is_above_its_term_has_the_term_raised_and_votes_for_nobody() {
    let mut recovered = Disk::born(0, 3, 2, &[]).recover();
    recovered.vote = Some(NodeId(2));
    (recovered.snapshot, recovered.base, recovered.last) = (LogId::new(5, 7), LogId::new(5, 7), LogId::new(5, 7));
    let now = rsm::raft::Time(0);
    let mut machine = rsm::raft::consensus::Machine::new(support::options(0, 3), recovered, 1, now).unwrap();
    assert_eq!((machine.core().term(), machine.core().vote()), (Term(5), None));
    let state = Record::State { term: Term(5), vote: None };
    let written = |effect: &Effect| matches!(effect, Effect::Persist(_, record) if *record == state);
    assert!(support::flush(&mut machine, now).iter().any(written));
}
