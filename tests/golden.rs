//! The formats, held to bytes that are written down: by the crate, and by a second encoder that shares no line with it.

use rsm::pipe::{Batch, Chunk, Reader, put_chunk, put_packet};
use rsm::raft::consensus::{Append, Duty, Member, Membership, Message, Outcome};
use rsm::raft::wire::{self, Body, ChunkReply, Door, Head, Packer, Packet};
use rsm::raft::{Ask, ClusterId, Entry, EntryKind, Identity, Incarnation, Index, LogId, NodeId, Round, Term, Track};
use std::process::Command;

const CLUSTER: ClusterId = ClusterId(0x1122_3344_5566_7788);
const FROM_LIFE: Incarnation = Incarnation(0xa1a2_a3a4_a5a6_a7a8);
const TO_LIFE: Incarnation = Incarnation(0xb1b2_b3b4_b5b6_b7b8);
const TRACK: Track = Track(0xc1c2_c3c4_c5c6_c7c8);
const ASK: Ask = Ask(0xd1d2_d3d4_d5d6_d7d8);

const TEN: Term = Term(10);

fn counting(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn members() -> Vec<u8> {
    let member = |duty, incarnation, address: &str| Member { duty, incarnation, address: address.into() };
    let zero = (NodeId(0), member(Duty::Voter, Some(FROM_LIFE), "127.0.0.1:4000"));
    let last = (NodeId(300), member(Duty::Witness, None, ""));
    let left = (NodeId(7), member(Duty::Learner, Some(Incarnation(0)), "straße:1"));
    Membership { members: [zero, last].into(), outgoing: [left].into() }.encode()
}

fn append(many: usize) -> Body {
    let command = |bytes: Vec<u8>| Entry::new(Term(9), EntryKind::Command, bytes.into());
    let mut short = b"sixty-three is the most that goes without a checksum: ".to_vec();
    short.resize(63, b'.');
    let mut entries = vec![
        Entry::blank(Term(9)),
        command(short),
        command(counting(64)),
        command(counting(9000)),
        Entry::new(TEN, EntryKind::Open, counting(17).into()),
        Entry::new(TEN, EntryKind::Membership, members().into()),
    ];
    entries.truncate(many);
    let (prev, commit) = (LogId::new(8, 20_000), Index(19_999));
    Message::Append(Append { term: TEN, track: TRACK, prev, entries: entries.into(), commit }).into()
}

fn forward() -> Body {
    let entry = |kind, bytes: &[u8]| Entry::new(Term(0), kind, bytes.to_vec().into());
    let entries = vec![
        entry(EntryKind::Command, b"set x 1"),
        entry(EntryKind::Command, b"set y 2"),
        entry(EntryKind::Open, &counting(17)),
    ];
    Message::Forward { entries: entries.into() }.into()
}

fn chunk() -> Body {
    let bytes = counting(300).into();
    let (at, crc) = (LogId::new(8, 300), crc32c::crc32c(&counting(300)));
    Body::Chunk(wire::Chunk { term: TEN, track: TRACK, at, total: 1 << 21, offset: 1 << 18, crc, bytes })
}

/// Each vector's name, what it says, and whether it names the receiver's life.
fn packets() -> Vec<(&'static str, Vec<Body>, bool)> {
    let one = |name, message: Message| (name, vec![Body::from(message)], true);
    let reply = |outcome| Message::AppendReply { term: TEN, track: TRACK, outcome };
    let heartbeat = Message::Heartbeat { term: TEN, track: TRACK, commit: Index(19_999), round: Round(1 << 35) };
    let (five, six) = (Term(5), Term(6));
    let (have, matched) = (Index(20_006), Index(127));
    vec![
        ("empty", vec![], true),
        one("pre_vote", Message::PreVote { asked: six, last: LogId::new(5, 200) }),
        one("pre_vote_reply", Message::PreVoteReply { term: five, asked: six, granted: true }),
        one("vote", Message::Vote { term: six, last: LogId::new(5, 200), transfer: false }),
        one("vote_transfer", Message::Vote { term: Term(u64::MAX), last: LogId::ZERO, transfer: true }),
        one("vote_reply", Message::VoteReply { term: six, granted: false }),
        ("append", vec![append(6)], true),
        ("append_probe", vec![append(0)], true),
        one("append_reply_matched", reply(Outcome::Matched(Index(20_006)))),
        one("append_reply_conflict", reply(Outcome::Conflict { term: Term(7), index: Index(128) })),
        one("heartbeat", heartbeat.clone()),
        one(
            "heartbeat_reply",
            Message::HeartbeatReply { term: TEN, track: TRACK, round: Round(1 << 35), have, matched },
        ),
        ("forward", vec![forward()], true),
        one("read_ask", Message::ReadAsk { ask: ASK }),
        one("read_answer", Message::ReadAnswer { ask: ASK, index: Index(20_006) }),
        one("timeout_now", Message::TimeoutNow { term: TEN }),
        ("hello", vec![Message::Hello.into()], false),
        ("hello_level", vec![Body::Hello { level: 300 }], false),
        one("attest", Message::Attest { bound: TO_LIFE }),
        ("chunk", vec![chunk()], true),
        (
            "chunk_reply",
            vec![Body::ChunkReply(ChunkReply { track: TRACK, at: LogId::new(8, 300), wanted: 1 << 19 })],
            true,
        ),
        ("two", vec![heartbeat.into(), append(2)], true),
    ]
}

/// The head of a vector: the last one goes from 0 to 1, the others from 2 to 300.
fn head(name: &str, known: bool) -> Head {
    let (from, to) = if name == "two" { (0, 1) } else { (2, 300) };
    let from = Identity { node: NodeId(from), incarnation: FROM_LIFE };
    Head { cluster: CLUSTER, from, to: NodeId(to), to_life: known.then_some(TO_LIFE) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("two hexadecimal digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// The vectors of a file: name, bytes.
fn vectors(file: &str) -> Vec<(String, Vec<u8>)> {
    let path = format!("{}/tests/golden/{file}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("tests/golden/{file}.txt: {why}"));
    let pair = |line: &str| line.split_once(' ').map(|(name, bytes)| (name.to_owned(), unhex(bytes)));
    text.lines().map(|line| pair(line).expect("a name, a space, hexadecimal digits")).collect()
}

/// What the second encoder prints.
fn second(file: &str) -> String {
    let script = format!("{}/tests/golden/encode.py", env!("CARGO_MANIFEST_DIR"));
    let run = Command::new("python3").args(["-B", &script, file]).output();
    let run = run.unwrap_or_else(|why| panic!("the second encoder needs python3 on the path, 3.10 or newer: {why}"));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("hexadecimal digits")
}

#[test]
fn each_kind_of_packet_is_written_as_its_golden_vector_and_read_from_it() {
    let vectors = vectors("wire");
    let packets = packets();
    let names = |all: &mut dyn Iterator<Item = &str>| all.map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        names(&mut vectors.iter().map(|vector| vector.0.as_str())),
        names(&mut packets.iter().map(|packet| packet.0))
    );
    for ((name, golden), (_, bodies, known)) in vectors.into_iter().zip(packets) {
        let head = head(&name, known);
        let mut packer = Packer::default();
        packer.begin(&head);
        bodies.iter().for_each(|body| packer.put(body));
        assert_eq!(hex(packer.seal()), hex(&golden), "{name}");
        let us = Identity { node: head.to, incarnation: TO_LIFE };
        let packet = Packet::open(golden.into(), &Door { cluster: CLUSTER, us }).expect(&name);
        assert_eq!(*packet.head(), head, "{name}");
        assert_eq!(packet.collect::<Result<Vec<_>, _>>().as_deref(), Ok(&bodies[..]), "{name}");
    }
}

#[test]
fn a_second_encoder_in_another_language_makes_the_same_packets() {
    let path = format!("{}/tests/golden/wire.txt", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(second("wire"), std::fs::read_to_string(path).expect("the vectors are there"));
}

/// A packet of 200 bytes is what it takes for a length of two.
fn batch() -> Vec<Vec<u8>> {
    vec![vec![], b"a packet".to_vec(), counting(200)]
}

#[test]
fn chunks_and_batches_are_written_as_their_golden_vectors_and_read_from_them() {
    let golden = vectors("pipe");
    let stream: Vec<u8> = golden.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    let chunks: Vec<Chunk> = Reader::new(&stream[..]).map(|chunk| chunk.expect("each vector is a chunk")).collect();
    assert_eq!(chunks.len(), golden.len());
    for ((name, bytes), chunk) in golden.iter().zip(&chunks) {
        let mut out = Vec::new();
        put_chunk(&mut out, chunk.kind, &[&chunk.rest]);
        assert_eq!(hex(&out), hex(bytes), "{name}");
    }
    let named = |name: &str| golden.iter().position(|vector| vector.0 == name).expect(name);
    let mut packets = Vec::new();
    batch().iter().for_each(|packet| put_packet(&mut packets, packet));
    for (name, before) in [("packets_in", &[][..]), ("packets_out", &[0xac, 0x02])] {
        let rest = &chunks[named(name)].rest;
        assert_eq!(hex(rest), hex(&[before, &packets].concat()), "{name}");
        let read: Vec<_> = Batch::new(rest.slice(before.len()..)).map(|packet| packet.expect(name).to_vec()).collect();
        assert_eq!(read, batch(), "{name}");
    }
}

#[test]
fn a_second_encoder_in_another_language_makes_the_same_chunks() {
    let path = format!("{}/tests/golden/pipe.txt", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(second("pipe"), std::fs::read_to_string(path).expect("the vectors are there"));
}
