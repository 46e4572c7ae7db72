//! Where what comes on stdin is served, on the reader's own thread: a packet takes no detour to its peer.
//!
//! ```text
//!   Greeting ── hello ──> Open ── drain ──> Draining
//!      └ anything else ──────────────────────────────> Over: nothing more is heard
//! ```

use super::answers::{Ticket, Tickets};
use super::front::{Command, LOST, SETUP};
use super::log::{Level, say};
use super::protocol::{HELLO, Request, Status, Unread, Verb, kind};
use crate::pipe::{Batch, Broken, Chunk, Heard, Outbox};
use crate::raft::Index;
use crate::raft::machine::{Codec, StateMachine};
use crate::raft::peer::{Failure, Peer};
use crate::raft::wire::Refused;
use bytes::Bytes;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

/// While so many bytes of replies wait to be read, requests are refused.
const REPLIES_MAX: usize = 16 << 20;

/// Why.
const UNREAD: &str = "too many replies wait to be read";

/// What a query comes to, as bytes; `None`: these bytes are no query.
pub(super) type Answer<S> = dyn Fn(&Bytes) -> Option<Look<S>> + Send + Sync;
/// Looks at the state, once.
pub(super) type Look<S> = Box<dyn FnOnce(&S) -> Bytes + Send>;

/// Where the conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Greeting,
    Open,
    Draining,
    Over,
}

pub(super) struct Desk<S: StateMachine> {
    pub(super) peer: Peer<S>,
    pub(super) outbox: Outbox,
    pub(super) tickets: Tickets,
    pub(super) answer: Arc<Answer<S>>,
    pub(super) stage: Stage,
}

impl<S: StateMachine> Desk<S> {
    /// Serves what was heard; what concerns the whole peer is for its front.
    pub(super) fn on_heard(&mut self, heard: Heard) -> Option<Command> {
        match (self.stage, heard) {
            (Stage::Over, _) => None,
            (Stage::Greeting, Heard::Chunk(chunk)) => self.on_greeting(&chunk),
            (Stage::Open | Stage::Draining, Heard::Chunk(chunk)) => self.on_chunk(&chunk),
            (_, Heard::Ended(Err(Broken::Lost(lost)))) => {
                say(Level::Error, &format!("the framing of stdin is lost: {lost}"));
                self.stage = Stage::Over;
                Some(Command::Leave(LOST))
            }
            (_, Heard::Ended(Ok(()) | Err(Broken::Io(_)))) => {
                self.stage = Stage::Over;
                Some(Command::Drain { aloud: true })
            }
        }
    }

    fn on_greeting(&mut self, chunk: &Chunk) -> Option<Command> {
        if chunk.kind == kind::HELLO && chunk.rest == HELLO[..] {
            self.stage = Stage::Open;
            return None;
        }
        say(Level::Error, "the first chunk on stdin is no hello of version 1: is the front end of another version?");
        self.stage = Stage::Over;
        Some(Command::Leave(SETUP))
    }

    fn on_chunk(&mut self, chunk: &Chunk) -> Option<Command> {
        match chunk.kind {
            kind::PACKETS => self.on_packets(&chunk.rest),
            kind::REQUEST => self.on_request(&chunk.rest),
            kind::DRAIN => {
                self.stage = Stage::Draining;
                // Before a request that comes right behind it.
                self.peer.drain();
                return Some(Command::Drain { aloud: false });
            }
            kind::HELLO | kind::REPLY | kind::NEWS => self.peer.count_refused(Refused::Malformed),
            _ => self.peer.count_refused(Refused::Kind),
        }
        None
    }

    fn on_packets(&self, batch: &Bytes) {
        for packet in Batch::new(batch.clone()) {
            match packet {
                Ok(packet) => self.peer.receive_part(packet, batch.len()),
                Err(_) => self.peer.count_refused(Refused::Malformed),
            }
        }
    }

    fn on_request(&self, rest: &Bytes) {
        match Request::read(rest) {
            Err(Unread::Nobody) => self.peer.count_refused(Refused::Malformed),
            Err(Unread::Invalid(ticket, why)) => self.tickets.take(ticket).refuse(Status::Invalid, why),
            Ok(Request { ticket, verb, body }) => {
                let ticket = self.tickets.take(ticket);
                if REPLIES_MAX < self.outbox.kept_bytes() {
                    ticket.refuse(Status::Full, UNREAD);
                } else if self.stage == Stage::Draining && verb != Verb::Status {
                    ticket.fail(Failure::Draining);
                } else {
                    self.serve(ticket, verb, &body);
                }
            }
        }
    }

    fn serve(&self, ticket: Ticket, verb: Verb, body: &Bytes) {
        match verb {
            Verb::Open if body.is_empty() => self.peer.open_then(move |outcome| match outcome {
                Ok(done) => ticket.done(Index(done.value.0), &[], Status::Unknown),
                Err(why) => ticket.fail(why),
            }),
            Verb::Open => ticket.refuse(Status::Invalid, "an open has no body"),
            Verb::Propose(caller) => match S::Command::from_bytes(body) {
                Some(command) => self.peer.propose_then(caller, command, move |outcome| match outcome {
                    Ok(done) => ticket.done(done.index, &done.value.to_bytes(), Status::Unknown),
                    Err(why) => ticket.fail(why),
                }),
                None => ticket.refuse(Status::Invalid, "the command is not understood"),
            },
            Verb::Read | Verb::Stale => match (self.answer)(body) {
                Some(look) => self.look(ticket, verb, look),
                None => ticket.refuse(Status::Invalid, "the query is not understood"),
            },
            Verb::Status => match body[..] {
                [0] => tell_status(&self.peer, ticket, None),
                [1] => self.digest(ticket),
                _ => ticket.refuse(Status::Invalid, "a status has one byte, 0 or 1"),
            },
        }
    }

    fn look(&self, ticket: Ticket, verb: Verb, look: Look<S>) {
        if verb == Verb::Read {
            let outbox = self.outbox.clone();
            return self.peer.read_then(look, move |outcome| match outcome {
                // Many reads may have been taken in before the first was answered.
                Ok(_) if REPLIES_MAX < outbox.kept_bytes() => ticket.refuse(Status::Full, UNREAD),
                Ok(done) => ticket.done(done.index, &done.value, Status::TooLarge),
                Err(why) => ticket.fail(why),
            });
        }
        let state = self.peer.state();
        let looked = catch_unwind(AssertUnwindSafe(|| {
            let view = state.read();
            (view.index(), look(&view))
        }));
        // A panic of the user's loses its own answer, which the dropped ticket says, and nothing else: it could only look.
        if let Ok((index, answer)) = looked {
            ticket.done(index, &answer, Status::TooLarge);
        }
    }

    /// A digest is a pass over the whole state: packets shall not wait for it.
    fn digest(&self, ticket: Ticket) {
        let peer = self.peer.clone();
        let work = move || match peer.digest() {
            Ok(digest) => tell_status(&peer, ticket, Some(digest)),
            Err(why) => ticket.refuse(Status::Unknown, &format!("no digest: {why}")),
        };
        // Without a thread the ticket is dropped with the work, and answered by that.
        let _ = thread::Builder::new().name("digest".into()).spawn(work);
    }
}

fn tell_status<S: StateMachine>(peer: &Peer<S>, ticket: Ticket, digest: Option<(Index, u32)>) {
    let status = peer.status();
    let index = digest.map_or(status.applied, |(index, _)| index);
    ticket.done(index, status.to_json(digest).as_bytes(), Status::TooLarge);
}
