//! A full disk: refusals that are promises, nothing lost, and on it goes once there is room.

use super::town::Town;
use crate::fsm::VirtualTime;
use crate::raft::consensus::RoleName;
use crate::raft::machine::{Applied, Caller, StateMachine};
use crate::raft::peer::{Failure, Peer};
use crate::raft::storage::SimulatedDisk;
use bytes::Bytes;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

/// Counts what it is given, however large.
#[derive(Default)]
struct Heap(u64);

impl StateMachine for Heap {
    type Command = Bytes;
    type Reply = u64;

    fn apply(&mut self, _: Bytes, _: Applied) -> u64 {
        self.0 += 1;
        self.0
    }

    fn snapshot(&self) -> impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static {
        let count = self.0;
        move |to: &mut dyn Write| to.write_all(&count.to_le_bytes())
    }

    fn restore(from: &mut dyn Read) -> io::Result<Heap> {
        let mut count = [0; 8];
        from.read_exact(&mut count)?;
        Ok(Heap(u64::from_le_bytes(count)))
    }
}

/// A peer alone on a disk of so many bytes.
struct Lone {
    time: VirtualTime,
    disk: Arc<SimulatedDisk>,
    peer: Peer<Heap>,
}

impl Lone {
    fn new(segment: u64, capacity: u64) -> Lone {
        let lone = Lone::spawn(segment, capacity);
        lone.time.run_for(Duration::from_secs(2), &mut ());
        lone
    }

    /// One that has not taken a turn yet.
    fn spawn(segment: u64, capacity: u64) -> Lone {
        let (time, disk) = (VirtualTime::new(1), Arc::new(SimulatedDisk::new(1)));
        let builder = Peer::<Heap>::builder(0, [(0, "here")]).segment_bytes(segment).seed(1);
        let peer = builder.spawn_on(&time, time.now(), Arc::clone(&disk), |log| log).expect("nothing refuses it");
        disk.set_capacity(capacity);
        Lone { time, disk, peer }
    }

    /// Proposes so many of that length at once; how many were added, and how many refused.
    fn put(&self, count: usize, len: usize) -> (usize, usize) {
        let ask = |_| self.peer.propose(vec![7; len].into()).expect("the inbox has room");
        let mut open: Vec<_> = (0..count).map(ask).collect();
        self.time.run_for(Duration::from_secs(4), &mut ());
        let (mut added, mut refused) = (0, 0);
        for pending in &mut open {
            match pending.try_take().expect("it is answered long before its time is up") {
                Ok(_) => added += 1,
                Err(Failure::Full) => refused += 1,
                Err(why) => panic!("{why}, and the disk is {:?}", self.peer.fault()),
            }
        }
        assert_eq!(self.peer.fault(), None);
        (added, refused)
    }
}

#[test]
fn entries_larger_than_what_is_sent_at_once_are_refused_by_a_full_disk_and_not_lost_in_it() {
    let lone = Lone::new(16 << 20, 40 << 20);
    let mut added = 0;
    while let (1, 0) = lone.put(1, (4 << 20) - 100) {
        added += 1;
    }
    assert!(6 <= added, "only {added} fitted");
    assert_eq!(lone.put(1, (4 << 20) - 100), (0, 1), "still");
    lone.disk.set_capacity(u64::MAX);
    lone.time.run_for(Duration::from_secs(3), &mut ());
    assert_eq!(lone.put(1, (4 << 20) - 100), (1, 0));
    assert_eq!(lone.peer.state().read().0, added + 1, "what was refused is not there");
}

#[test]
fn what_comes_at_once_is_counted_against_the_room_one_by_one() {
    for (segment, len) in [(128 << 10, 8_000), (128 << 10, 100), (1 << 20, 30_000)] {
        let lone = Lone::new(segment, 3 * segment);
        let (added, refused) = lone.put(4 * segment as usize / len, len);
        assert!(0 < added && 0 < refused, "{added} and {refused} of {len} bytes");
        lone.disk.set_capacity(u64::MAX);
        lone.time.run_for(Duration::from_secs(3), &mut ());
        assert_eq!(lone.put(1, len), (1, 0));
        assert_eq!(lone.peer.state().read().0, added as u64 + 1);
    }
}

/// Many of these take a while to fill a segment, and their sum is a number still.
const LONG: u64 = 1 << 49;

#[test]
fn what_is_forwarded_at_once_to_a_leader_on_a_full_disk_is_not_lost_either() {
    let mut town = Town::new(9, 3, |builder| builder.segment_bytes(128 << 10).snapshot_entries(1 << 40));
    let leader = town.leader();
    let added = [1, 2].map(|step| town.add((leader + step) % 3, 1).expect("there is room"));
    town.run(Duration::from_secs(1));
    let used = town.disk(leader).used();
    town.disk(leader).set_capacity(used);
    let propose = |town: &Town, id| (0..8_000).filter_map(|_| town.peer(id).propose(LONG).ok()).collect::<Vec<_>>();
    let open: Vec<_> = [1, 2].into_iter().flat_map(|step| propose(&town, (leader + step) % 3)).collect();
    town.run(Duration::from_millis(500));
    assert_eq!(town.peer(leader).fault(), None);
    town.disk(leader).set_capacity(u64::MAX);
    let mut added = added.len() as u64;
    let mut refused = 0;
    for pending in open {
        match town.wait(pending) {
            Ok(_) => added += 1,
            Err(why) => {
                assert!(matches!(why, Failure::Full | Failure::Unknown), "{why}");
                refused += 1;
            }
        }
    }
    assert!(4_000 < added, "{added}, and {refused} refused");
    town.peers().iter().for_each(|peer| assert_eq!(peer.fault(), None));
    let held = town.peers().iter().map(|peer| peer.state().read().added.len()).max();
    assert!(Some(added as usize) <= held, "{added} of {held:?}");
}

#[test]
fn a_peer_takes_proposals_from_its_start_on_and_with_no_room_for_the_next_segment() {
    let lone = Lone::spawn(64 << 20, 100 << 20);
    assert_eq!(lone.put(1, 100), (1, 0), "right after its start");
    assert_eq!(lone.put(1, 100), (1, 0), "though there is no segment to come");
}

/// Nobody else leads there, but it will: to say at once that nobody knows would be less than its caller hears then.
#[test]
fn what_a_leader_alone_has_placed_as_it_gives_up_for_want_of_room_is_answered_once_it_leads_again() {
    let mut town = Town::new(27, 1, |builder| builder);
    let leader = town.leader();
    assert!(town.add(leader, 1).is_ok(), "its session is open");
    town.log(leader).hold();
    let mut open = [2, 3].map(|number| {
        let pending = town.peer(leader).propose(number).expect("the inbox has room");
        town.run(Duration::from_millis(1)); // in a flush of its own
        pending
    });
    town.log(leader).say_at_most(0);
    town.log(leader).tell();
    town.run(Duration::from_secs(1));
    assert_eq!(town.peer(leader).status().role, RoleName::Follower);
    assert!(open[0].try_take().is_some_and(|done| done.is_ok()) && open[1].try_take().is_none());
    town.log(leader).say_at_most(usize::MAX);
    let [_, second] = open;
    assert_eq!(town.wait(second).map(|done| done.value), Ok(6));
}

#[test]
fn no_repetition_of_what_is_placed_is_refused_for_want_of_room() {
    let mut refused = 0;
    for len in (3_000..9_000).step_by(1_500) {
        let lone = Lone::new(128 << 10, 3 * (128 << 10));
        let mut opening = lone.peer.open().expect("room");
        lone.time.run_for(Duration::from_secs(1), &mut ());
        let session = opening.try_take().expect("it is answered").expect("room").value;
        let ask = |sequence| {
            let caller = Caller { session, sequence, low: 1 };
            [(); 2].map(|()| lone.peer.propose_as(caller, vec![7; len].into()).expect("the inbox has room"))
        };
        let open: Vec<_> = (1..60).map(ask).collect();
        lone.time.run_for(Duration::from_secs(4), &mut ());
        for mut pair in open {
            let came = [0, 1].map(|nth| pair[nth].try_take().expect("it is answered").map(|done| done.value));
            // The other way round it is a new attempt, made when there was room again.
            assert!(came[0].is_err() || came[1] != Err(Failure::Full), "the same command, {len} bytes long");
            refused += u64::from(came[0] == Err(Failure::Full));
        }
    }
    assert!(0 < refused);
}
