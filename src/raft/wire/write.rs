//! Messages to bytes.

use super::bytes::{Count, Sink};
use super::entry;
use super::message::{Body, Chunk, ChunkReply, LEVEL_TAG, kind, outcome};
use crate::raft::consensus::{Append, Message, Outcome};
use crate::raft::{Entry, LogId};
use crate::varint;

/// Appends a message behind its length.
pub fn put(out: &mut Vec<u8>, body: &Body) {
    let mut count = Count::default();
    write(&mut count, body);
    out.reserve(count.0 + varint::BYTES_MAX);
    out.varint(count.0 as u64);
    write(out, body);
}

fn write(out: &mut impl Sink, body: &Body) {
    match body {
        Body::Message(message) => write_message(out, message),
        Body::Hello { level } => write_hello(out, *level),
        Body::Chunk(chunk) => write_chunk(out, chunk),
        Body::ChunkReply(reply) => write_chunk_reply(out, reply),
    }
}

fn write_message(out: &mut impl Sink, message: &Message) {
    match message {
        Message::PreVote { asked, last } => {
            out.u8(kind::PRE_VOTE);
            out.varint(asked.0);
            write_log_id(out, *last);
        }
        Message::PreVoteReply { term, asked, granted } => {
            out.u8(kind::PRE_VOTE_REPLY);
            out.varint(term.0);
            out.varint(asked.0);
            out.u8(u8::from(*granted));
        }
        Message::Vote { term, last, transfer } => {
            out.u8(kind::VOTE);
            out.varint(term.0);
            write_log_id(out, *last);
            out.u8(u8::from(*transfer));
        }
        Message::VoteReply { term, granted } => {
            out.u8(kind::VOTE_REPLY);
            out.varint(term.0);
            out.u8(u8::from(*granted));
        }
        Message::Append(append) => write_append(out, append),
        Message::AppendReply { term, track, outcome } => {
            out.u8(kind::APPEND_REPLY);
            out.varint(term.0);
            out.u64(track.0);
            write_outcome(out, *outcome);
        }
        Message::Heartbeat { term, track, commit, round } => {
            out.u8(kind::HEARTBEAT);
            out.varint(term.0);
            out.u64(track.0);
            out.varint(commit.0);
            out.varint(round.0);
        }
        Message::HeartbeatReply { term, track, round, have, matched } => {
            out.u8(kind::HEARTBEAT_REPLY);
            out.varint(term.0);
            out.u64(track.0);
            [round.0, have.0, matched.0].into_iter().for_each(|number| out.varint(number));
        }
        Message::Forward { entries } => {
            out.u8(kind::FORWARD);
            write_run(out, entries);
        }
        Message::ReadAsk { ask } => {
            out.u8(kind::READ_ASK);
            out.u64(ask.0);
        }
        Message::ReadAnswer { ask, index } => {
            out.u8(kind::READ_ANSWER);
            out.u64(ask.0);
            out.varint(index.0);
        }
        Message::TimeoutNow { term } => {
            out.u8(kind::TIMEOUT_NOW);
            out.varint(term.0);
        }
        Message::Hello => return write_hello(out, super::message::LEVEL),
        Message::Attest { bound } => {
            out.u8(kind::ATTEST);
            out.u64(bound.0);
        }
    }
    no_extensions(out);
}

fn write_append(out: &mut impl Sink, append: &Append) {
    out.u8(kind::APPEND);
    out.varint(append.term.0);
    out.u64(append.track.0);
    write_log_id(out, append.prev);
    out.varint(append.commit.0);
    write_run(out, &append.entries);
}

fn write_hello(out: &mut impl Sink, level: u64) {
    out.u8(kind::HELLO);
    if level == 0 {
        return no_extensions(out);
    }
    out.varint(1);
    out.varint(LEVEL_TAG);
    out.varint(varint::len(level) as u64);
    out.varint(level);
}

fn write_chunk(out: &mut impl Sink, chunk: &Chunk) {
    out.u8(kind::CHUNK);
    out.varint(chunk.term.0);
    out.u64(chunk.track.0);
    write_log_id(out, chunk.at);
    out.varint(chunk.total);
    out.varint(chunk.offset);
    out.u32(chunk.crc);
    out.varint(chunk.bytes.len() as u64);
    out.bytes(&chunk.bytes);
    no_extensions(out);
}

fn write_chunk_reply(out: &mut impl Sink, reply: &ChunkReply) {
    out.u8(kind::CHUNK_REPLY);
    out.u64(reply.track.0);
    write_log_id(out, reply.at);
    out.varint(reply.wanted);
    no_extensions(out);
}

fn write_log_id(out: &mut impl Sink, at: LogId) {
    out.varint(at.term.0);
    out.varint(at.index.0);
}

fn write_outcome(out: &mut impl Sink, outcome: Outcome) {
    match outcome {
        Outcome::Matched(index) => {
            out.u8(outcome::MATCHED);
            out.varint(index.0);
        }
        Outcome::Conflict { term, index } => {
            out.u8(outcome::CONFLICT);
            out.varint(term.0);
            out.varint(index.0);
        }
    }
}

/// A run in a message says how many entries it has.
fn write_run(out: &mut impl Sink, entries: &[Entry]) {
    out.varint(entries.len() as u64);
    entry::put_run(out, entries);
}

fn no_extensions(out: &mut impl Sink) {
    out.varint(0);
}
