//! A follower with little room left: nothing that it takes in may keep votes and marks from the room that is theirs.

use super::town::Town;
use crate::raft::consensus::{Message, RoleName};
use crate::raft::machine::Caller;
use crate::raft::peer::Failure;
use crate::raft::storage::Storage;
use crate::raft::wire::Body;
use crate::raft::{Identity, Incarnation, Term};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

/// Entries are small, so that many find room once there is little of it.
fn small() -> Town {
    small_of(21)
}

fn small_of(seed: u64) -> Town {
    Town::new(seed, 3, |builder| {
        let builder = builder.segment_bytes(128 << 10).snapshot_entries(1 << 40);
        builder.tune(|options| (options.entry_bytes_max, options.append_bytes_max) = (1_000, 1_000))
    })
}

/// From now on there is no room for another segment on this disk, and some for whatever else is written.
fn fill(town: &Town, id: u64) {
    let used = town.disk(id).used();
    town.disk(id).set_capacity(used + (64 << 10));
}

#[test]
fn entries_that_come_faster_than_they_are_written_leave_votes_and_marks_their_room() {
    let mut town = small();
    let leader = town.leader();
    let (follower, other) = ((leader + 1) % 3, (leader + 2) % 3);
    town.run(Duration::from_secs(1));
    fill(&town, follower);
    let held = |town: &Town| town.peer(follower).status().last.0;
    // What is on its way to its disk is padded there, and the follower hears of it only after more has come.
    for number in 0..60 {
        town.log(follower).hold();
        (0..3).for_each(|_| assert!(town.add(leader, number).is_ok()));
        town.log(follower).tell();
        town.run(Duration::from_millis(3));
    }
    let (room, last) = (town.log(follower).room(), held(&town));
    assert!(60 < last && last < 180 && room < 9_000, "{last} entries, and room for {room} bytes");
    assert_eq!(town.log(follower).refused(), 0, "entries wait, and whatever comes behind them");
    town.cut(leader);
    town.run(Duration::from_secs(2));
    assert_eq!(town.leader(), other, "with the follower's vote, which is durable");
    assert_eq!(town.log(follower).refused(), 0);
    town.peers().iter().for_each(|peer| assert_eq!(peer.fault(), None));
}

#[test]
fn of_an_append_that_is_longer_than_the_room_the_beginning_is_taken_in() {
    let mut town = Town::new(22, 3, |builder| {
        let builder = builder.segment_bytes(128 << 10).snapshot_entries(1 << 40);
        builder.tune(|options| {
            (options.entry_bytes_max, options.append_bytes_max, options.cache_bytes) = (16_000, 16_000, 0);
        })
    });
    let leader = town.leader();
    let (follower, other) = ((leader + 1) % 3, (leader + 2) % 3);
    town.run(Duration::from_secs(1));
    fill(&town, follower);
    // One by one, so that each takes a flush of its own.
    while 25_000 <= town.log(follower).room() {
        assert!(town.add(leader, 1).is_ok());
        town.run(Duration::from_millis(50));
    }
    town.cut(follower);
    for _ in 0..6 {
        let open: Vec<_> = (0..500).map(|_| town.peer(leader).propose(1).expect("the inbox has room")).collect();
        open.into_iter().for_each(|pending| assert!(town.wait(pending).is_ok()));
        town.run(Duration::from_millis(50));
    }
    let last = |town: &Town, id| town.peer(id).status().last.0;
    let before = last(&town, follower);
    town.heal();
    town.run(Duration::from_secs(2));
    let (taken, room) = (last(&town, follower) - before, town.log(follower).room());
    assert!(500 < taken && taken < 2_000, "{taken} entries, and room for {room} bytes");
    assert_eq!(town.log(follower).refused(), 0, "entries wait, and whatever comes behind them");
    town.cut(leader);
    town.run(Duration::from_secs(2));
    assert_eq!(town.leader(), other, "with the follower's vote, which is durable");
}

/// A flush that nobody has heard of yet may take more of a small segment than it will turn out to.
#[test]
fn what_comes_faster_than_the_disk_tells_waits_for_it_and_is_not_told_that_the_disk_is_full() {
    let mut town = small();
    let leader = town.leader();
    town.run(Duration::from_secs(1));
    assert!(town.add(leader, 0).is_ok(), "its session is open");
    town.log(leader).hold();
    let mut open = Vec::new();
    for number in 0..60 {
        open.push(town.peer(leader).propose(number).expect("the inbox has room"));
        town.run(Duration::from_micros(10)); // in a turn of its own, and a flush, for all that is known
    }
    let written = town.peer(leader).status().last.0;
    assert!(written < 60, "some wait: {written}");
    open.iter_mut().for_each(|pending| assert!(pending.try_take().is_none(), "all is open"));
    town.log(leader).tell();
    let before = town.time.now();
    open.into_iter().for_each(|pending| assert!(town.wait(pending).is_ok()));
    assert!(town.time.now() < before.after(Duration::from_millis(50)), "at once, and not with the next repetition");
}

#[test]
fn who_is_short_of_room_is_brought_the_snapshot_that_makes_some_by_a_leader_that_does_not_know_it_yet() {
    let mut town = Town::new(23, 3, |builder| {
        let builder = builder.segment_bytes(128 << 10).snapshot_entries(100);
        builder.tune(|options| (options.entry_bytes_max, options.append_bytes_max, options.margin) = (1_000, 1_000, 10))
    });
    let leader = town.leader();
    let follower = (leader + 1) % 3;
    town.run(Duration::from_secs(1));
    fill(&town, follower);
    // One by one, so that each takes a flush of its own.
    while 5_744 <= town.log(follower).room() {
        assert!(town.add(leader, 1).is_ok());
        town.run(Duration::from_millis(50));
    }
    let before = town.peer(follower).status().last;
    town.cut(follower);
    while town.peer(leader).status().first <= before.next() {
        assert!(town.add(leader, 1).is_ok());
    }
    town.crash(leader);
    town.start(leader);
    let leads = town.leader();
    town.heal();
    town.run(Duration::from_secs(5));
    let [held, all] = [follower, leads].map(|id| town.peer(id).status());
    assert!(before < held.last && held.last == all.last, "{:?} of {:?}", held.last, all.last);
    assert_eq!((held.snapshots_installed, town.log(follower).refused()), (1, 0));
    assert!(town.add(leads, 1).is_ok() && town.leader() == leads);
}

/// Its first entry would wait, and each vote and each mark behind it.
#[test]
fn who_hears_with_the_vote_that_elects_it_that_there_is_no_room_does_not_lead() {
    let mut town = Town::new(24, 1, |builder| builder);
    town.until("it stands", |town| town.peer(0).status().role == RoleName::Candidate);
    town.log(0).say_at_most(0);
    town.run(Duration::from_secs(3));
    let status = town.peer(0).status();
    assert_eq!((status.role, status.last.0), (RoleName::Follower, 0));
    town.log(0).say_at_most(usize::MAX);
    assert_eq!(town.leader(), 0);
}

/// A candidate whose own vote is durable, one of the others, and who led before. The candidate has asked for votes, has little
/// room, and once it has heard this packet something is on its way to its disk that may take the last of it.
fn candidate(seed: u64) -> (Town, [u64; 3], Bytes) {
    let mut town = Town::new(seed, 5, |builder| {
        builder.tune(|options| (options.entry_bytes_max, options.append_bytes_max) = (1_000, 1_000))
    });
    // Nobody knows yet which life of this one to bind, and it asks.
    town.cut(4);
    let leader = town.leader();
    let others: Vec<u64> = (0..4).filter(|&id| id != leader).collect();
    let mut asked: BTreeMap<_, _> = others.iter().map(|&id| (id, town.packet(4, id))).collect();
    town.cut(leader);
    let mut stands = None;
    town.until("one stands", |town| {
        stands = others.iter().copied().find(|&id| town.peer(id).status().role == RoleName::Candidate);
        stands.is_some()
    });
    let one = stands.expect("it was just seen");
    let other = others[usize::from(others[0] == one)];
    town.log(one).say_at_most(6_000);
    town.packet(one, other);
    town.log(one).hold();
    let asked = asked.remove(&one).expect("each was asked");
    (town, [one, other, leader], asked)
}

#[test]
fn who_is_elected_while_something_else_may_take_the_last_room_does_not_lead() {
    let (mut town, [one, _, leader], asked) = candidate(25);
    let last = town.peer(one).status().last;
    town.peer(one).receive(asked);
    town.run(Duration::from_millis(5));
    let status = town.peer(one).status();
    assert_eq!((status.role, status.last), (RoleName::Follower, last));
    town.log(one).say_at_most(usize::MAX);
    town.log(one).tell();
    let next = town.leader();
    assert!(next != leader && town.add(next, 1).is_ok());
}

#[test]
fn who_stands_with_little_room_gives_up_on_a_vote_of_its_term_and_on_nothing_else() {
    let (mut town, [one, other, _], asked) = candidate(25);
    town.cut(one);
    town.peer(one).receive(asked);
    town.run(Duration::from_millis(1));
    let (now, term) = (town.peer(other).identity(), town.peer(one).status().term);
    let mut role_after = |from, term, granted| {
        let reply = town.forged(from, one, &Body::Message(Message::VoteReply { term, granted }));
        town.peer(one).receive(reply);
        town.run(Duration::from_millis(1));
        town.peer(one).status().role
    };
    assert_eq!(role_after(now, term, false), RoleName::Candidate, "a refusal");
    assert_eq!(role_after(now, Term(term.0 - 1), true), RoleName::Candidate, "a vote of a former term");
    let former = Identity { incarnation: Incarnation(now.incarnation.0 ^ 1), ..now };
    assert_eq!(role_after(former, term, true), RoleName::Candidate, "a vote of another life");
    assert_eq!(role_after(now, term, true), RoleName::Follower);
}

/// Of one command that is asked for twice the first is held, and the second has found room; then there is none.
#[test]
fn what_is_held_is_not_refused_while_a_copy_of_it_is_on_its_way() {
    let mut met = 0;
    for seed in 0..40 {
        let mut town = small_of(seed);
        let leader = town.leader();
        let opening = town.peer(leader).open().expect("the inbox has room");
        let session = town.wait(opening).expect("a session").value;
        town.log(leader).say_at_most(12_000);
        assert!(town.add(leader, 0).is_ok(), "by now it has heard of that");
        town.log(leader).hold();
        let propose = |town: &Town, number| town.peer(leader).propose(number).expect("the inbox has room");
        let others: Vec<_> = (0..120).map(|number| propose(&town, number)).collect();
        let caller = Caller { session, sequence: 1, low: 1 };
        let ask = |town: &Town| town.peer(leader).propose_as(caller, 7).expect("the inbox has room");
        let first = ask(&town);
        town.run(Duration::from_micros(10));
        let written = town.peer(leader).status().last.0;
        let second = ask(&town);
        town.run(Duration::from_micros(10));
        // In one turn, hence in one record, what was written takes less than it was counted for one by one.
        met += u64::from(town.peer(leader).status().last.0 == written + 1);
        town.log(leader).say_at_most(0);
        town.log(leader).tell();
        town.run(Duration::from_millis(5));
        town.log(leader).say_at_most(usize::MAX);
        let [first, second] = [first, second].map(|pending| town.wait(pending).map(|done| done.index));
        let refused = |outcome: &Result<_, Failure>| matches!(outcome, Err(Failure::Full));
        assert!(first == second || refused(&first) && refused(&second), "seed {seed}: {first:?}, {second:?}");
        drop(others);
    }
    assert!(0 < met, "in some turn all came at once");
}
