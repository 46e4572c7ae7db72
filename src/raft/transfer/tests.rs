//! Files over a network that loses, doubles and reorders, between disks that crash.

use super::{Pace, Piece, Ready, Receiver, Sending, Verdict};
use crate::mix::Draws;
use crate::raft::storage::simulated::SimulatedDisk;
use crate::raft::storage::snapshot::SnapshotFile;
use crate::raft::storage::snapshot::tests::members;
use crate::raft::storage::{Error, Snapshots};
use crate::raft::wire::{Chunk, ChunkReply};
use crate::raft::{ClusterId, LogId, Term, Time, Track};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

const AT: LogId = LogId::new(3, 700);
const TRACK: Track = Track(77);

fn ms(ms: u64) -> Time {
    Time(ms * 1_000_000)
}

fn pace() -> Pace {
    Pace { chunk_bytes: 1_000, ..Pace::new(Duration::from_millis(50), Duration::from_millis(300)) }
}

fn sending(total: u64) -> Sending {
    Sending::new(AT, Term(4), TRACK, total, pace(), ms(0))
}

fn pieces(sending: &mut Sending, now: Time) -> Vec<(u64, u64)> {
    std::iter::from_fn(|| sending.piece(now)).map(|Piece { offset, len }| (offset, len)).collect()
}

fn wants(wanted: u64) -> ChunkReply {
    ChunkReply { track: TRACK, at: AT, wanted }
}

#[test]
fn four_pieces_are_on_their_way_and_each_answer_lets_the_next_go() {
    let mut sending = sending(6_500);
    assert_eq!(pieces(&mut sending, ms(0)), [(0, 1_000), (1_000, 1_000), (2_000, 1_000), (3_000, 1_000)]);
    sending.on_reply(&wants(1_000), ms(1));
    assert_eq!(pieces(&mut sending, ms(1)), [(4_000, 1_000)]);
    sending.on_reply(&wants(4_000), ms(2));
    assert_eq!(pieces(&mut sending, ms(2)), [(5_000, 1_000), (6_000, 500)]);
    sending.on_reply(&wants(6_500), ms(3));
    assert_eq!(sending.verdict(ms(3)), Some(Verdict::Sent));
}

#[test]
fn what_is_not_answered_is_sent_again_after_a_heartbeat_from_what_is_wanted() {
    let mut sending = sending(10_000);
    pieces(&mut sending, ms(0));
    sending.on_reply(&wants(2_000), ms(10));
    assert_eq!(pieces(&mut sending, ms(10)).len(), 2);
    sending.on_reply(&wants(2_000), ms(30)); // the third was lost, the fourth asked for it
    assert_eq!(pieces(&mut sending, ms(59)), []);
    assert_eq!(sending.deadline(), ms(60));
    assert_eq!(pieces(&mut sending, ms(60)), [(2_000, 1_000), (3_000, 1_000), (4_000, 1_000), (5_000, 1_000)]);
    assert_eq!(pieces(&mut sending, ms(60)), []);
}

#[test]
fn a_transfer_goes_on_where_the_receiver_is() {
    let mut sending = sending(10_000);
    pieces(&mut sending, ms(0));
    sending.on_reply(&wants(7_300), ms(1));
    assert_eq!(pieces(&mut sending, ms(1)), [(7_300, 1_000), (8_300, 1_000), (9_300, 700)]);
}

#[test]
fn a_receiver_that_lost_what_it_had_is_begun_anew_but_a_late_answer_is_passed_over() {
    let mut sending = sending(10_000);
    pieces(&mut sending, ms(0));
    sending.on_reply(&wants(4_000), ms(1));
    pieces(&mut sending, ms(1));
    sending.on_reply(&wants(1_000), ms(2)); // late
    sending.on_reply(&wants(5_000), ms(3));
    assert_eq!(pieces(&mut sending, ms(3)), [(8_000, 1_000)]);
    sending.on_reply(&wants(0), ms(4)); // again and again: it is so
    sending.on_reply(&wants(0), ms(20));
    assert_eq!(pieces(&mut sending, ms(53)), [(0, 1_000), (1_000, 1_000), (2_000, 1_000), (3_000, 1_000)]);
}

#[test]
fn it_fails_after_an_election_timeout_without_any_answer_and_not_while_there_are_some() {
    let mut sending = sending(10_000);
    pieces(&mut sending, ms(0));
    sending.on_reply(&wants(0), ms(200));
    assert_eq!(sending.verdict(ms(499)), None);
    assert_eq!(sending.verdict(ms(500)), Some(Verdict::Failed));
    assert_eq!(pieces(&mut sending, ms(500)), []);
}

#[test]
fn a_file_that_is_begun_anew_once_all_of_it_was_there_has_failed() {
    let mut sending = sending(3_000);
    pieces(&mut sending, ms(0));
    sending.on_reply(&wants(2_000), ms(1));
    sending.on_reply(&wants(0), ms(2)); // the last piece came, and the whole was not what it should be
    assert_eq!((pieces(&mut sending, ms(50)), sending.verdict(ms(50))), (vec![], None), "it may be a late answer");
    assert_eq!((pieces(&mut sending, ms(51)), sending.verdict(ms(51))), (vec![], Some(Verdict::Failed)));
}

#[test]
fn answers_of_another_transfer_or_beyond_the_file_say_nothing() {
    let mut sending = sending(10_000);
    let before = sending.clone();
    sending.on_reply(&ChunkReply { track: Track(1), ..wants(5_000) }, ms(9));
    sending.on_reply(&ChunkReply { at: LogId::new(3, 701), ..wants(5_000) }, ms(9));
    sending.on_reply(&wants(10_001), ms(9));
    assert_eq!(sending, before);
}

fn snapshots(disk: &Arc<SimulatedDisk>) -> Snapshots<SimulatedDisk> {
    Snapshots::new(Arc::clone(disk), ClusterId(5)).unwrap()
}

/// A directory with one snapshot of so many bytes of state.
fn holder(at: LogId, len: usize) -> Snapshots<SimulatedDisk> {
    let snapshots = snapshots(&Arc::new(SimulatedDisk::new(1)));
    let mut taking = snapshots.take(at, members()).unwrap();
    taking.write_all(&(0..len).map(|at| at as u8).collect::<Vec<_>>()).unwrap();
    taking.finish().unwrap();
    snapshots
}

/// A snapshot's file, and its transfer.
struct Sender(SnapshotFile<SimulatedDisk>, Sending);

impl Sender {
    fn new(from: &Snapshots<SimulatedDisk>, at: LogId, track: Track) -> Sender {
        let file = from.open(at).unwrap();
        let sending = Sending::new(at, Term(4), track, file.total(), pace(), ms(0));
        Sender(file, sending)
    }

    /// What goes now, read from the file; and how it ended.
    fn turn(&mut self, now: Time, there: &mut Vec<Chunk>) -> Option<Verdict> {
        while let Some(piece) = self.1.piece(now) {
            let mut bytes = vec![0; piece.len as usize];
            assert_eq!(self.0.read_at(&mut bytes, piece.offset).unwrap(), bytes.len());
            there.push(self.1.chunk(piece, bytes.into()));
        }
        self.1.verdict(now)
    }
}

/// All pieces of a file, in order.
fn chunks(from: &Snapshots<SimulatedDisk>, at: LogId, track: Track) -> Vec<Chunk> {
    let mut sender = Sender::new(from, at, track);
    let mut chunks: Vec<Chunk> = Vec::new();
    while sender.turn(ms(0), &mut chunks).is_none() {
        let last = chunks.last().unwrap();
        let wanted = last.offset + last.bytes.len() as u64;
        sender.1.on_reply(&ChunkReply { track, at, wanted }, ms(0));
    }
    chunks
}

#[test]
fn a_file_arrives_whole_whatever_the_network_does() {
    for seed in 0..40 {
        let mut draws = Draws::new(seed);
        let from = holder(AT, 20_000 + 977 * seed as usize);
        let to = Arc::new(SimulatedDisk::new(seed));
        let mut receiver = Receiver::new(snapshots(&to), LogId::ZERO);
        let mut sender = Sender::new(&from, AT, TRACK);
        let (mut there, mut back, mut now, mut ready) = (Vec::<Chunk>::new(), Vec::<ChunkReply>::new(), 0, 0);
        let verdict = loop {
            if let Some(verdict) = sender.turn(ms(now), &mut there) {
                break verdict;
            }
            now += draws.below(20);
            while !there.is_empty() && draws.chance(5, 6) {
                let which = draws.below(there.len() as u64) as usize;
                let chunk = if draws.chance(1, 6) { there[which].clone() } else { there.swap_remove(which) };
                let taken = receiver.take(&chunk).unwrap();
                ready += taken.iter().filter(|taken| taken.ready.is_some()).count();
                back.extend(taken.map(|taken| taken.reply).filter(|_| draws.chance(4, 5)));
            }
            while !back.is_empty() && draws.chance(5, 6) {
                let which = draws.below(back.len() as u64) as usize;
                sender.1.on_reply(&back.swap_remove(which), ms(now));
            }
        };
        assert_eq!(verdict, Verdict::Sent, "seed {seed}");
        assert!(0 < ready, "seed {seed}");
        to.crash();
        let newest = snapshots(&to).newest().unwrap().expect("it was durable when all of it was acknowledged");
        assert_eq!((newest.at, newest.membership), (AT, members()), "seed {seed}");
    }
}

#[test]
fn a_receiver_goes_on_from_another_leader_and_tells_that_one() {
    let from = holder(AT, 5_000);
    let mut receiver = Receiver::new(snapshots(&Arc::new(SimulatedDisk::new(2))), LogId::ZERO);
    let (first, second) = (chunks(&from, AT, Track(1)), chunks(&from, AT, Track(2)));
    assert_eq!(receiver.take(&first[0]).unwrap().unwrap().reply.wanted, 1_000);
    let replies: Vec<_> = second.iter().map(|chunk| receiver.take(chunk).unwrap().unwrap()).collect();
    assert!(replies.iter().all(|taken| taken.reply.track == Track(2)));
    assert_eq!(replies[0].reply.wanted, 1_000);
    assert!(replies.last().unwrap().ready.is_some());
    let again = receiver.take(&first[1]).unwrap().unwrap();
    assert_eq!((again.reply.track, again.reply.wanted), (Track(1), first[1].total));
    assert!(again.ready.is_some(), "its leader has not heard of it yet");
}

#[test]
fn a_newer_snapshot_takes_the_place_of_an_older_one_and_an_older_one_is_not_answered() {
    let newer = LogId::new(3, 900);
    let (old, new) = (chunks(&holder(AT, 5_000), AT, TRACK), chunks(&holder(newer, 5_000), newer, TRACK));
    let to = Arc::new(SimulatedDisk::new(2));
    let mut receiver = Receiver::new(snapshots(&to), LogId::ZERO);
    receiver.take(&old[0]).unwrap().unwrap();
    assert_eq!(receiver.take(&new[0]).unwrap().unwrap().reply.wanted, 1_000);
    assert_eq!(receiver.take(&old[1]).unwrap(), None);
    let unfinished = crate::raft::storage::Disk::list(&*to).unwrap();
    assert_eq!(unfinished.len(), 1, "one unfinished file at a time: {unfinished:?}");
    let farther = LogId::new(2, 1_000);
    let sent = chunks(&holder(farther, 5_000), farther, TRACK);
    assert_eq!(receiver.take(&sent[0]).unwrap().unwrap().reply.wanted, 1_000, "newer by its place");
}

#[test]
fn a_later_leader_is_heard_though_its_snapshot_is_older_and_an_earlier_one_no_more() {
    let newer = LogId::new(3, 900);
    let (old, new) = (chunks(&holder(AT, 5_000), AT, TRACK), chunks(&holder(newer, 5_000), newer, TRACK));
    let later = |chunk: &Chunk| Chunk { term: Term(5), ..chunk.clone() };
    let mut receiver = Receiver::new(snapshots(&Arc::new(SimulatedDisk::new(2))), LogId::ZERO);
    receiver.take(&new[0]).unwrap().unwrap();
    let taken = receiver.take(&later(&old[0])).unwrap();
    assert_eq!(taken.map(|taken| taken.reply.wanted), Some(1_000));
    assert_eq!(receiver.take(&new[1]).unwrap(), None, "its leader died half-way");
    assert_eq!(receiver.take(&later(&old[1])).unwrap().unwrap().reply.wanted, 2_000);
}

#[test]
fn a_file_of_another_length_is_another_file_though_it_stands_at_the_same_place() {
    let (first, second) = (chunks(&holder(AT, 9_000), AT, Track(1)), chunks(&holder(AT, 5_000), AT, Track(2)));
    let to = Arc::new(SimulatedDisk::new(2));
    let mut receiver = Receiver::new(snapshots(&to), LogId::ZERO);
    receiver.take(&first[0]).unwrap().unwrap();
    assert_eq!(receiver.take(&second[1]).unwrap().unwrap().reply.wanted, 0, "nothing of it is here");
    let last = second.iter().map(|chunk| receiver.take(chunk).unwrap().unwrap()).last().unwrap();
    assert_eq!((last.reply.wanted, last.ready.map(|ready| ready.at())), (second[0].total, Some(AT)));
    assert_eq!(snapshots(&to).open(AT).unwrap().total(), second[0].total);
}

#[test]
fn a_transfer_is_of_the_last_leader_that_has_gone_on_with_it() {
    let newer = LogId::new(3, 900);
    let (old, new) = (chunks(&holder(AT, 5_000), AT, TRACK), chunks(&holder(newer, 5_000), newer, TRACK));
    let of = |term: u64, chunk: &Chunk| Chunk { term: Term(term), ..chunk.clone() };
    let mut receiver = Receiver::new(snapshots(&Arc::new(SimulatedDisk::new(2))), LogId::ZERO);
    receiver.take(&of(4, &new[0])).unwrap().unwrap();
    receiver.take(&of(6, &new[1])).unwrap().unwrap();
    receiver.take(&of(4, &new[0])).unwrap().unwrap(); // late, and nobody's leader again
    assert_eq!(receiver.take(&of(5, &old[0])).unwrap(), None, "its leader was deposed by the one of term 6");
    assert_eq!(receiver.take(&of(6, &new[2])).unwrap().unwrap().reply.wanted, 3_000);
}

#[test]
fn what_lies_below_the_last_mark_is_acknowledged_at_once() {
    let old = chunks(&holder(AT, 5_000), AT, TRACK);
    let to = Arc::new(SimulatedDisk::new(2));
    let mut receiver = Receiver::new(snapshots(&to), LogId::ZERO);
    receiver.take(&old[0]).unwrap();
    receiver.on_mark(AT);
    receiver.on_mark(LogId::new(3, 600)); // an older one changes nothing
    assert_eq!(crate::raft::storage::Disk::list(&*to).unwrap(), [""; 0]);
    let taken = receiver.take(&old[2]).unwrap().unwrap();
    assert_eq!((taken.reply.wanted, taken.ready), (old[2].total, Some(Ready::Held(AT))));
}

/// No leader has such a place: the core would install what no file is here of.
#[test]
fn a_place_of_a_former_term_behind_the_last_mark_is_not_held() {
    let behind = LogId::new(AT.term.0 - 1, AT.index.0 + 1);
    let sent = chunks(&holder(behind, 5_000), behind, TRACK);
    let to = Arc::new(SimulatedDisk::new(2));
    let mut receiver = Receiver::new(snapshots(&to), AT);
    receiver.take(&sent[0]).unwrap();
    receiver.on_mark(AT);
    let taken = receiver.take(&sent[1]).unwrap().unwrap();
    assert_eq!((taken.reply.wanted, taken.ready), (2_000, None));
}

#[test]
fn a_piece_that_is_not_what_its_checksum_says_is_asked_for_again() {
    let mut pieces = chunks(&holder(AT, 5_000), AT, TRACK);
    let mut receiver = Receiver::new(snapshots(&Arc::new(SimulatedDisk::new(2))), LogId::ZERO);
    pieces[0].crc ^= 1;
    assert_eq!(receiver.take(&pieces[0]).unwrap().unwrap().reply.wanted, 0);
}

#[test]
fn a_full_disk_ends_the_transfer_and_leaves_nothing_behind() {
    let pieces = chunks(&holder(AT, 5_000), AT, TRACK);
    let to = Arc::new(SimulatedDisk::new(2));
    to.set_capacity(2_500);
    let mut receiver = Receiver::new(snapshots(&to), LogId::ZERO);
    let error = pieces.iter().find_map(|chunk| receiver.take(chunk).err());
    assert!(matches!(error, Some(Error::Full)), "{error:?}");
    assert_eq!(crate::raft::storage::Disk::list(&*to).unwrap(), [""; 0]);
}
