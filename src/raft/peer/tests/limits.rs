//! What a peer keeps for its callers has an end, and what it calls must not hold it up.

use super::Adder;
use super::town::{Town, Tune};
use crate::fsm::VirtualTime;
use crate::raft::consensus::News;
use crate::raft::peer::{Builder, Failure, Peer};
use crate::raft::storage::SimulatedDisk;
use crate::raft::wire::Refused;
use crate::raft::{Index, NodeId, Time};
use std::sync::Arc;
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
fn what_a_full_inbox_drops_is_counted() {
    let mut town = Town::new(4, 3, |builder| builder.inbox(40));
    let leader = town.leader();
    let follower = (leader + 1) % 3;
    let packet = town.packet(leader, follower);
    let peer = town.peer(follower);
    let dropped = || peer.status().refused[Refused::Full as usize];
    let (before, had) = (peer.replica().depth(), dropped().1);
    (0..60).for_each(|_| peer.receive(packet.clone()));
    assert_eq!(dropped(), (Refused::Full, had + 60 - (40 - before as u64)));
}

/// Towns whose leader is short of memory and files, each with it and with whom it is to bring what that one lacks: entries that
/// are not held in memory, or a snapshot.
fn short() -> [(Town, u64, u64); 2] {
    let entries: Tune = |builder| builder.tune(|options| options.cache_bytes = 0).snapshot_entries(1 << 40);
    let snapshot: Tune = |builder| builder.tune(|options| options.margin = 10).snapshot_entries(50);
    [entries, snapshot].map(|tune| {
        let mut town = Town::new(5, 3, tune);
        let leader = town.leader();
        let behind = (leader + 1) % 3;
        town.run(Duration::from_secs(1));
        town.cut(behind);
        (0..120).for_each(|number| assert!(town.add(leader, number).is_ok()));
        town.run(Duration::from_secs(1));
        town.disk(leader).set_starved(true);
        town.heal();
        (town, leader, behind)
    })
}

fn last(town: &Town, id: u64) -> Index {
    town.peer(id).status().last
}

#[test]
fn a_leader_whose_system_is_short_of_memory_or_files_goes_on_and_brings_others_what_they_lack_later() {
    for (mut town, leader, behind) in short() {
        town.run(Duration::from_secs(2));
        assert_eq!((town.leader(), town.peer(leader).fault()), (leader, None));
        assert!(last(&town, behind) < last(&town, leader) && 5 < town.peer(leader).status().starved);
        town.disk(leader).set_starved(false);
        town.run(Duration::from_secs(1));
        assert_eq!(last(&town, behind), last(&town, leader));
    }
}

/// It would lead on, and commit nothing where others are needed that it cannot bring on.
#[test]
fn a_leader_whose_system_stays_short_ends_and_another_brings_others_what_they_lack() {
    for (mut town, leader, behind) in short() {
        town.run(Duration::from_secs(10));
        let why = town.peer(leader).fault().map(|fault| fault.to_string()).unwrap_or_default();
        assert!(why.contains(", for 6"), "{why:?}");
        assert_eq!(last(&town, behind), last(&town, (leader + 2) % 3));
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

/// The clock of its machine goes on while a `send` takes its time.
#[test]
fn a_send_that_takes_long_is_counted_and_named_once_a_second() {
    let time = VirtualTime::new(3);
    let clock = time.clone();
    let took = |to| Duration::from_millis(if to == 2 { 25 } else { 1 });
    let disk = Arc::new(SimulatedDisk::new(3));
    let peer: Peer<Adder> = Peer::builder(0, (0..3).map(|id| (id, "here")))
        .send(move |to, _, _| clock.leap(took(to)))
        .seed(3)
        .spawn_on(&time, Time::ZERO, disk, |log| log)
        .expect("nothing refuses it");
    let mut news = peer.news();
    time.run_for(Duration::from_secs(3), &mut ());
    let [(NodeId(2), count)] = peer.status().slow_sends[..] else { panic!("{:?}", peer.status().slow_sends) };
    let told = std::iter::from_fn(|| news.try_next()).filter(|news| matches!(news, News::SlowSend { .. }));
    let told: Vec<_> = told.collect();
    assert!(10 < count, "a newborn greets at each heartbeat: {count}");
    let seconds = time.node_time().since(Time::ZERO).as_secs() as usize;
    assert!((2..=1 + seconds).contains(&told.len()), "{} in {seconds} s", told.len());
    assert!((told.len() as u64) < count);
    assert_eq!(told[0], News::SlowSend { to: NodeId(2), took: took(2) });
}

/// As many as two windows hold are placed at once, here and of what others forward; the rest once those are committed.
#[test]
fn a_leader_places_no_more_than_two_windows_that_are_not_committed() {
    let small: Tune = |builder| builder.tune(|options| (options.window_bytes, options.append_bytes_max) = (1_000, 500));
    let mut town = Town::new(6, 3, small);
    let leader = town.leader();
    let follower = (leader + 1) % 3;
    for id in [leader, follower] {
        assert!(town.add(id, 0).is_ok(), "each peer has a session of its own");
    }
    let all = [leader, follower].map(|id| (1..=100).map(|number| town.peer(id).propose(number)).collect::<Vec<_>>());
    let mut most = 0;
    town.until("a hundred of each are committed", |town| {
        let status = town.peer(leader).status();
        most = most.max(status.last.0 - status.commit.0);
        status.last == status.commit && 200 < status.commit.0
    });
    // Each weighs its few bytes, and sixteen more.
    assert!((40..=125).contains(&most), "{most} were placed at once");
    for pending in all.into_iter().flatten() {
        assert!(town.wait(pending.expect("the inbox has room")).is_ok());
    }
}

/// It is not the next heartbeat that places what is behind, but the commit of what was before it.
#[test]
fn what_is_behind_is_placed_as_soon_as_others_are_committed() {
    let small: Tune = |builder| {
        let windows =
            |builder: Builder<_>| builder.tune(|options| (options.window_bytes, options.append_bytes_max) = (500, 250));
        windows(builder.heartbeat(Duration::from_secs(1)).election(Duration::from_secs(3)))
    };
    let mut town = Town::new(7, 3, small);
    let leader = town.leader();
    assert!(town.add(leader, 0).is_ok(), "it has a session of its own");
    let (before, began) = (town.peer(leader).status().commit.0, town.time.now());
    let all: Vec<_> = (1..=400).map(|number| town.peer(leader).propose(number).expect("the inbox has room")).collect();
    town.until("all are committed", |town| before + 400 <= town.peer(leader).status().commit.0);
    let took = town.time.now().since(began);
    assert!(took < Duration::from_millis(500), "{took:?}");
    drop(all);
}

/// One of two peers is asked for far more than is carried, the other for little: that is answered, whichever of them leads.
#[test]
fn whoever_is_asked_for_too_much_shuts_nobody_out() {
    let small: Tune = |builder| {
        let windows =
            |builder: Builder<_>| builder.tune(|options| (options.window_bytes, options.append_bytes_max) = (100, 50));
        windows(builder.timeout(Duration::from_millis(1_500)))
    };
    for is_leader_asked in [true, false] {
        let mut town = Town::new(8, 3, small);
        let leader = town.leader();
        let follower = (leader + 1) % 3;
        let (busy, quiet) = if is_leader_asked { (leader, follower) } else { (follower, leader) };
        for id in [busy, quiet] {
            assert!(town.add(id, 0).is_ok(), "each peer has a session of its own");
        }
        let mut few = Vec::new();
        for nth in 0..2_000 {
            (0..8).for_each(|number| drop(town.peer(busy).propose(number)));
            if nth < 500 && nth % 50 == 0 {
                few.push(town.peer(quiet).propose(nth).expect("the inbox has room"));
            }
            town.run(Duration::from_millis(1));
        }
        let open = town.peer(busy).status().tickets;
        assert!(1_000 < open, "{open}: that is little");
        let came: Vec<_> = few.into_iter().map(|mut pending| pending.try_take().map(|came| came.is_ok())).collect();
        assert!(came.iter().all(|is_ok| *is_ok == Some(true)), "the leader is asked {is_leader_asked}: {came:?}");
    }
}
