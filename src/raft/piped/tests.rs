//! Piped peers and front ends of their own, over real pipes.

use super::front::{DRAINED, LOST, SETUP};
use super::protocol::{HELLO, Status, kind};
use super::{Piped, log};
use crate::pipe::{Chunk, Reader, put_chunk, put_packet};
use crate::raft::peer::{Failure, FromFn, Peer};
use crate::sync::lock::Lock;
use crate::sync::mpsc;
use crate::varint;
use bytes::Bytes;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::sync::Arc;
use std::thread;

type Add = fn(&mut u64, u64, crate::raft::machine::Applied) -> u64;
type Counter = FromFn<u64, u64, u64>;

fn add() -> Add {
    |count, add, _| {
        *count += add;
        *count
    }
}

/// A front end: what it writes, and what it reads.
struct End {
    to: PipeWriter,
    from: Reader<PipeReader>,
    piped: Piped<Counter>,
}

/// By this no counter can be multiplied.
const UNLUCKY: u64 = 13;

/// A counter among so many members, behind pipes.
fn start(id: u64, members: u64) -> End {
    let ((input, to), (from, output)) = (io::pipe().unwrap(), io::pipe().unwrap());
    log::set_level(log::Level::Error);
    let builder = Peer::from_fn(id, (0..members).map(|id| (id, format!("peer {id}"))), add());
    let answer = |count: &Counter, times: u64| {
        assert_ne!(times, UNLUCKY, "a fault of the user's");
        **count * times
    };
    let piped = builder.piped_over(input, output, answer).unwrap();
    End { to, from: Reader::new(from), piped }
}

impl End {
    fn send(&mut self, kind: u8, rest: &[u8]) {
        let mut chunk = Vec::new();
        put_chunk(&mut chunk, kind, &[rest]);
        self.to.write_all(&chunk).unwrap();
    }

    /// The next chunk that is neither news nor packets.
    fn next(&mut self) -> Option<Chunk> {
        let mut chunks = self.from.by_ref().map(Result::unwrap);
        chunks.find(|chunk| ![kind::NEWS, kind::PACKETS].contains(&chunk.kind))
    }

    /// The next reply: ticket, status, and what follows.
    fn reply(&mut self) -> (u64, u8, Bytes) {
        let reply = self.next().expect("a reply");
        assert_eq!(reply.kind, kind::REPLY);
        split(&reply.rest)
    }

    /// The hello, answered.
    fn greet(mut self) -> End {
        let hello = self.next().expect("a hello");
        assert_eq!((hello.kind, &hello.rest[..5]), (kind::HELLO, &HELLO[..]));
        self.send(kind::HELLO, &HELLO);
        self
    }

    /// Asks without a caller, and takes the reply: index, then the answer.
    fn ask(&mut self, ticket: u8, verb: u8, body: &[u8]) -> (u64, Bytes) {
        self.send(kind::REQUEST, &[&[ticket, 0, verb], body].concat());
        let (answered, status, rest) = self.reply();
        assert_eq!((answered, status), (u64::from(ticket), 0), "{}", String::from_utf8_lossy(&rest));
        index(rest)
    }
}

fn split(reply: &Bytes) -> (u64, u8, Bytes) {
    let mut left = &reply[..];
    let ticket = varint::take(&mut left).unwrap();
    (ticket, left[0], reply.slice(reply.len() - left.len() + 1..))
}

fn index(rest: Bytes) -> (u64, Bytes) {
    let varint::Head::Number(index, taken) = varint::peek(&rest) else { panic!("an index") };
    (index, rest.slice(taken..))
}

#[test]
fn a_piped_peer_answers_every_verb_and_drains() {
    let mut end = start(0, 1).greet();
    let (session, nothing) = end.ask(1, 0, b"");
    assert!(nothing.is_empty());
    assert_eq!(end.ask(2, 1, &[5]).1, [5u8][..]);
    let as_caller = |ticket: u8| [&[ticket, 1, session as u8, 1, 1, 1][..], &[10]].concat();
    for ticket in [3, 4] {
        end.send(kind::REQUEST, &as_caller(ticket));
        let (answered, status, rest) = end.reply();
        assert_eq!((answered, status, index(rest).1), (ticket.into(), 0, Bytes::from_static(&[15])), "applied once");
    }
    let (read_at, answer) = end.ask(5, 2, &[2]);
    assert_eq!(answer, [30u8][..]);
    let (stale_at, answer) = end.ask(6, 3, &[3]);
    assert_eq!((answer, stale_at), (Bytes::from_static(&[45]), read_at));
    let status = String::from_utf8(end.ask(7, 4, &[1]).1.to_vec()).unwrap();
    assert!(status.contains("\"role\":\"leader\"") && status.contains("\"digest\":\""), "{status}");
    end.send(kind::DRAIN, b"");
    assert_eq!(end.next(), None, "stdout is closed");
    assert_eq!(end.piped.wait_code(), DRAINED);
}

#[test]
fn a_front_end_that_does_not_read_delays_nobody_and_loses_no_reply() {
    const MANY: u64 = 2_000;
    let mut end = start(0, 1).greet();
    for ticket in 1..=MANY {
        let mut request = Vec::new();
        varint::put(&mut request, ticket);
        request.extend([0, 4, 0]); // a status is long: a pipe holds a hundred of them
        end.send(kind::REQUEST, &request);
    }
    for _ in 0..3 {
        end.piped.peer.propose(1).unwrap().wait().unwrap();
    }
    let tickets: Vec<_> = (0..MANY).map(|_| end.reply().0).collect();
    assert_eq!(tickets, (1..=MANY).collect::<Vec<_>>());
    end.send(kind::DRAIN, b"");
    assert_eq!(end.piped.wait_code(), DRAINED);
}

#[test]
fn a_command_that_no_packet_could_carry_is_refused() {
    let ((input, to), (from, output)) = (io::pipe().unwrap(), io::pipe().unwrap());
    let builder = Peer::from_fn(0, [(0, "alone")], |kept: &mut Vec<u8>, new: Vec<u8>, _| {
        *kept = new;
        kept.len() as u64
    });
    let piped = builder.piped_over(input, output, |_, (): ()| ()).unwrap();
    let propose = |len: usize| piped.peer.propose(vec![0; len]).unwrap().wait();
    assert_eq!(propose((4 << 20) + 1), Err(Failure::TooLarge));
    assert_eq!(propose((4 << 20) - 100), Ok((4 << 20) - 100));
    drop((to, from));
    assert_eq!(piped.wait_code(), DRAINED);
}

#[test]
fn where_a_chunk_begins_nothing_is_forgiven() {
    let mut end = start(0, 1).greet();
    end.to.write_all(&[0, 1, 2]).unwrap();
    assert_eq!(end.next(), None);
    assert_eq!(end.piped.wait_code(), LOST);

    let mut end = start(0, 1).greet();
    end.to.write_all(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]).unwrap();
    assert_eq!(end.piped.wait_code(), LOST, "a chunk of 2^63 bytes");
}

#[test]
fn a_front_end_of_another_version_is_turned_away() {
    let mut end = start(0, 1);
    end.send(kind::HELLO, b"rsm1\x02");
    assert_eq!(end.piped.wait_code(), SETUP);
    let mut end = start(0, 1);
    end.send(kind::DRAIN, b"");
    assert_eq!(end.piped.wait_code(), SETUP, "no hello is another version, too");
}

#[test]
fn the_end_of_stdin_and_a_signal_drain_as_the_front_end_does() {
    let End { to, piped, .. } = start(0, 1).greet();
    drop(to);
    assert_eq!(piped.wait_code(), DRAINED);
    let End { to: _to, piped, .. } = start(0, 1).greet();
    piped.peer.drain();
    assert_eq!(piped.wait_code(), DRAINED);
}

#[test]
fn a_query_whose_answer_panics_loses_its_own_reply_and_no_other() {
    let mut end = start(0, 1).greet();
    for verb in [2, 3] {
        end.send(kind::REQUEST, &[verb, 0, verb, UNLUCKY as u8]);
        let (ticket, status, _) = end.reply();
        assert_eq!((ticket, status), (verb.into(), Status::Unknown as u8));
    }
    assert_eq!(end.ask(9, 3, &[3]).1, [0u8][..]);
    end.send(kind::DRAIN, b"");
    assert_eq!(end.piped.wait_code(), DRAINED);
}

#[test]
fn every_ticket_is_answered_once_also_by_a_peer_alone_that_drains() {
    let mut end = start(0, 3).greet(); // its two neighbours never come
    for (ticket, verb) in [(1, 0), (2, 1), (3, 2)] {
        end.send(kind::REQUEST, &[&[ticket, 0, verb][..], if verb == 0 { &[] } else { &[1] }].concat());
    }
    end.send(kind::DRAIN, b"");
    for verb in [0, 1, 2, 3] {
        end.send(kind::REQUEST, &[10 + verb, 0, verb]);
    }
    let mut replies: Vec<_> = std::iter::from_fn(|| end.next()).map(|reply| split(&reply.rest)).collect();
    replies.sort_by_key(|(ticket, ..)| *ticket);
    let statuses: Vec<_> = replies.iter().map(|(ticket, status, _)| (*ticket, *status)).collect();
    let (unknown, draining) = (Status::Unknown as u8, Status::Draining as u8);
    assert_eq!(
        statuses,
        [(1, unknown), (2, unknown), (3, unknown), (10, draining), (11, draining), (12, draining), (13, draining)]
    );
    assert_eq!(&replies[3].2[..], b"retry another peer");
    assert_eq!(end.piped.wait_code(), DRAINED);
}

#[test]
fn what_is_wrong_within_whole_chunks_is_counted_and_harms_nothing() {
    let mut end = start(0, 1).greet();
    let mut batch = Vec::new();
    put_packet(&mut batch, b"no packet, but long enough to have a checksum");
    put_packet(&mut batch, b"no");
    batch.extend([9, 1]); // two bytes where nine are announced
    end.send(kind::PACKETS, &batch);
    end.send(99, b"of a later version");
    end.send(kind::NEWS, b"what a front end does not say");
    end.send(kind::REQUEST, &[0x80]);
    end.send(kind::REQUEST, &[8, 0, 77]);
    assert_eq!(end.reply().1, Status::Invalid as u8);
    end.send(kind::REQUEST, &[9, 0, 1, 0x80]);
    assert_eq!(end.reply().1, Status::Invalid as u8, "a command that does not decode");
    end.send(kind::REQUEST, &[10, 1, 1, 0, 0, 1, 5]);
    assert_eq!(end.reply().1, Status::Invalid as u8, "sequences begin at 1");
    end.send(kind::REQUEST, &[11, 1, 1, 65, 1, 1, 5]);
    assert_eq!(end.reply().1, Status::Full as u8, "64 beyond what has been answered");
    let status = String::from_utf8(end.ask(12, 4, &[0]).1.to_vec()).unwrap();
    let refused = r#""refused":{"checksum":1,"cluster":0,"incarnation":0,"version":0,"kind":1,"malformed":4,"full":0}"#;
    assert!(status.contains(refused), "{status}");
    assert_eq!(end.ask(13, 1, &[5]).1, [5u8][..], "it goes on");
    end.send(kind::DRAIN, b"");
    assert_eq!(end.piped.wait_code(), DRAINED);
}

/// Carries packets from one peer to the others, and hands on its replies, until its stdout ends.
fn carry(from: Reader<PipeReader>, to: Arc<[Lock<PipeWriter>]>, replies: mpsc::Sender<Bytes>) {
    for chunk in from.map(Result::unwrap) {
        match chunk.kind {
            kind::PACKETS => {
                let varint::Head::Number(to_peer, taken) = varint::peek(&chunk.rest) else { panic!("a receiver") };
                let mut out = Vec::new();
                put_chunk(&mut out, kind::PACKETS, &[&chunk.rest[taken..]]);
                // One that has ended hears nothing.
                let _ = to[to_peer as usize].lock().write_all(&out);
            }
            kind::REPLY => replies.send(chunk.rest).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn three_piped_peers_elect_a_leader_and_each_serves() {
    let (mut writers, mut readers, mut peers) = (Vec::new(), Vec::new(), Vec::new());
    for id in 0..3 {
        let End { to, from, piped } = start(id, 3).greet();
        writers.push(Lock::new(to));
        readers.push(from);
        peers.push(piped);
    }
    let writers: Arc<[Lock<PipeWriter>]> = writers.into();
    let mut inboxes = Vec::new();
    for from in readers {
        let (tell, replies) = mpsc::unbounded();
        let to = Arc::clone(&writers);
        thread::spawn(move || carry(from, to, tell));
        inboxes.push(replies);
    }
    let send = |peer: usize, kind: u8, rest: &[u8]| {
        let mut out = Vec::new();
        put_chunk(&mut out, kind, &[rest]);
        writers[peer].lock().write_all(&out).unwrap();
    };
    for (peer, total) in [(0, 1), (1, 3), (2, 6)] {
        send(peer, kind::REQUEST, &[7, 0, 1, peer as u8 + 1]);
        let (_, status, rest) = split(&inboxes[peer].recv().unwrap());
        assert_eq!((status, index(rest).1), (0, Bytes::copy_from_slice(&[total])), "peer {peer}");
    }
    for (peer, inbox) in inboxes.iter_mut().enumerate() {
        send(peer, kind::REQUEST, &[8, 0, 2, 2]);
        let (_, status, rest) = split(&inbox.recv().unwrap());
        assert_eq!((status, index(rest).1), (0, Bytes::from_static(&[12])), "peer {peer}");
    }
    (0..3).for_each(|peer| send(peer, kind::DRAIN, b""));
    assert!(peers.into_iter().all(|piped| piped.wait_code() == DRAINED));
}
