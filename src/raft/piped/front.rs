//! The automaton between a front end and its peer.
//!
//! ```text
//!              hello                  drain, end of stdin, or the peer drains
//!   Greeting ─────────> Open ───────────────────────────────────────────────> Draining ──> the peer has ended: 0
//!      │ anything else    │ framing lost
//!      └> 2               └> 3
//! ```

use super::answers::{Ticket, Tickets};
use super::lines::Lines;
use super::log::{Level, say};
use super::protocol::{Bulletin, HELLO, Request, Role, Status, Unread, Verb, kind};
use crate::fsm::{Automaton, Context, Input};
use crate::pipe::{Batch, Broken, Chunk, Heard, Outbox};
use crate::raft::consensus::RoleName;
use crate::raft::machine::{Codec, StateMachine};
use crate::raft::peer::{self, Failure, Peer};
use crate::raft::wire::Refused;
use crate::raft::{Index, Time};
use crate::sync::lock::Lock;
use crate::sync::oneshot::Sender;
use bytes::Bytes;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How often the present is looked at: as often as news may be told.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// News are told at least so often.
const NEWS_AT_LEAST: Duration = Duration::from_secs(1);
/// While so much waits to be read, news wait too: what is not read is not news.
const NEWS_BEHIND: usize = 64 << 10;
/// While so many bytes of replies wait to be read, requests are refused.
const REPLIES_MAX: usize = 16 << 20;

/// The exit codes.
pub(super) const DRAINED: u8 = 0;
pub(super) const DIED: u8 = 1;
pub(super) const SETUP: u8 = 2;
pub(super) const LOST: u8 = 3;

/// What a query comes to, as bytes; `None`: these bytes are no query.
pub(super) type Answer<S> = dyn Fn(&Bytes) -> Option<Look<S>> + Send + Sync;
/// Looks at the state, once.
pub(super) type Look<S> = Box<dyn FnOnce(&S) -> Bytes + Send>;

/// Where the conversation stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    Greeting,
    Open,
    Draining,
}

#[derive(Debug)]
pub(super) enum Command {
    Heard(Heard),
    Tick,
    /// The peer has ended.
    Ended,
}

pub(super) struct Front<S: StateMachine> {
    pub(super) peer: Peer<S>,
    pub(super) outbox: Outbox,
    pub(super) tickets: Tickets,
    pub(super) answer: Arc<Answer<S>>,
    pub(super) lines: Arc<Lock<Lines>>,
    pub(super) exit: Option<Sender<u8>>,
    pub(super) told: Option<(Bulletin, Time)>,
}

impl<S: StateMachine> Automaton for Front<S> {
    type State = State;
    type Command = Command;

    fn next(&mut self, state: State, input: Input<Self>, context: &mut Context<Self>) -> State {
        match (state, input) {
            (state, Input::Start) => {
                context.every(TICK, 0.0, || Command::Tick);
                state
            }
            (State::Greeting, Input::Command(Command::Heard(Heard::Chunk(chunk)))) => self.on_greeting(&chunk, context),
            (state @ (State::Open | State::Draining), Input::Command(Command::Heard(Heard::Chunk(chunk)))) => {
                self.on_chunk(state, &chunk)
            }
            (state, Input::Command(Command::Heard(Heard::Ended(Err(Broken::Lost(lost)))))) => {
                say(Level::Error, &format!("the framing of stdin is lost: {lost}"));
                self.leave(LOST, context);
                state
            }
            (state, Input::Command(Command::Heard(Heard::Ended(Ok(()) | Err(Broken::Io(_)))))) => {
                self.drain(state, true)
            }
            (state, Input::Command(Command::Tick)) => self.on_tick(state, context.now()),
            (state, Input::Command(Command::Ended)) => {
                self.on_ended(state, context);
                state
            }
            (state @ (State::Greeting | State::Open), Input::Drain) => {
                context.linger();
                self.drain(state, true)
            }
            (State::Draining, Input::Drain) => {
                context.linger();
                State::Draining
            }
            (state, Input::Transition { .. } | Input::Exit) => state,
        }
    }
}

impl<S: StateMachine> Front<S> {
    fn on_greeting(&mut self, chunk: &Chunk, context: &mut Context<Self>) -> State {
        if chunk.kind == kind::HELLO && chunk.rest == HELLO[..] {
            return State::Open;
        }
        say(Level::Error, "the first chunk on stdin is no hello of version 1: is the front end of another version?");
        self.leave(SETUP, context);
        State::Greeting
    }

    fn on_chunk(&mut self, state: State, chunk: &Chunk) -> State {
        match chunk.kind {
            kind::PACKETS => self.on_packets(&chunk.rest),
            kind::REQUEST => self.on_request(state, &chunk.rest),
            kind::DRAIN => return self.drain(state, false),
            kind::HELLO | kind::REPLY | kind::NEWS => self.peer.count_refused(Refused::Malformed),
            _ => self.peer.count_refused(Refused::Kind),
        }
        state
    }

    fn on_packets(&mut self, batch: &Bytes) {
        for packet in Batch::new(batch.clone()) {
            match packet {
                Ok(packet) => self.peer.receive_part(packet, batch.len()),
                Err(_) => self.peer.count_refused(Refused::Malformed),
            }
        }
    }

    fn on_request(&mut self, state: State, rest: &Bytes) {
        match Request::read(rest) {
            Err(Unread::Nobody) => self.peer.count_refused(Refused::Malformed),
            Err(Unread::Invalid(ticket, why)) => self.tickets.take(ticket).refuse(Status::Invalid, why),
            Ok(Request { ticket, verb, body }) => {
                let ticket = self.tickets.take(ticket);
                if REPLIES_MAX < self.outbox.kept_bytes() {
                    return ticket.refuse(Status::Full, "too many replies wait to be read");
                }
                match (state, verb) {
                    (State::Draining, Verb::Open | Verb::Propose(_) | Verb::Read | Verb::Stale) => {
                        ticket.fail(Failure::Draining);
                    }
                    (State::Greeting | State::Open, _) | (State::Draining, Verb::Status) => {
                        self.serve(ticket, verb, &body);
                    }
                }
            }
        }
    }

    fn serve(&mut self, ticket: Ticket, verb: Verb, body: &Bytes) {
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
            Verb::Read => match (self.answer)(body) {
                Some(look) => self.peer.read_then(look, move |outcome| match outcome {
                    Ok(done) => ticket.done(done.index, &done.value, Status::TooLarge),
                    Err(why) => ticket.fail(why),
                }),
                None => ticket.refuse(Status::Invalid, "the query is not understood"),
            },
            Verb::Stale => match (self.answer)(body) {
                Some(look) => {
                    let state = self.peer.state();
                    let view = state.read();
                    let (index, answer) = (view.index(), look(&view));
                    drop(view);
                    ticket.done(index, &answer, Status::TooLarge);
                }
                None => ticket.refuse(Status::Invalid, "the query is not understood"),
            },
            Verb::Status => match body[..] {
                [0] => tell_status(&self.peer, ticket, None),
                [1] => self.digest(ticket),
                _ => ticket.refuse(Status::Invalid, "a status has one byte, 0 or 1"),
            },
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

    /// The peer shall drain; whoever begins it says so.
    fn drain(&mut self, state: State, aloud: bool) -> State {
        match state {
            State::Greeting | State::Open => {
                if aloud {
                    say_draining(self.tickets.open());
                }
                self.peer.drain();
                State::Draining
            }
            State::Draining => State::Draining,
        }
    }

    fn on_tick(&mut self, state: State, now: Time) -> State {
        let status = self.peer.status();
        let mut lines = self.lines.lock();
        let newborn = if status.role == RoleName::Newborn { lines.on_newborn(now) } else { None };
        let said: Vec<_> = newborn.into_iter().chain(lines.on_refused(&status.refused, now)).collect();
        drop(lines);
        said.iter().for_each(|(level, text)| say(*level, text));
        self.tell_news(&status, now);
        // Somebody else may have told it to drain: a signal.
        if status.draining { self.drain(state, true) } else { state }
    }

    fn tell_news(&mut self, status: &peer::Status, now: Time) {
        let role = match status.role {
            _ if status.draining => Role::Draining,
            RoleName::Newborn => Role::Newborn,
            RoleName::Follower => Role::Follower,
            RoleName::PreCandidate => Role::PreCandidate,
            RoleName::Candidate => Role::Candidate,
            RoleName::Leader => Role::Leader,
        };
        let peer::Status { term, leader, commit, applied, .. } = *status;
        let bulletin = Bulletin { role, term, leader, commit, applied };
        let due = self.told.is_none_or(|(told, at)| told != bulletin || at.after(NEWS_AT_LEAST) <= now);
        if due && self.outbox.kept_bytes() < NEWS_BEHIND {
            self.outbox.keep(kind::NEWS, &[&bulletin.write()]);
            self.told = Some((bulletin, now));
        }
    }

    fn on_ended(&mut self, state: State, context: &mut Context<Self>) {
        let code = match (self.peer.fault(), state) {
            (Some(fault), _) => {
                say(Level::Error, &fault);
                DIED
            }
            (None, State::Greeting | State::Open) => {
                // It was quicker than our tick.
                say_draining(self.tickets.open());
                DRAINED
            }
            (None, State::Draining) => DRAINED,
        };
        self.leave(code, context);
    }

    fn leave(&mut self, code: u8, context: &mut Context<Self>) {
        self.peer.drain();
        self.outbox.close();
        if let Some(exit) = self.exit.take() {
            // Nobody may be waiting.
            let _ = exit.send(code);
        }
        context.stop();
    }
}

fn tell_status<S: StateMachine>(peer: &Peer<S>, ticket: Ticket, digest: Option<(Index, u32)>) {
    let status = peer.status();
    let index = digest.map_or(status.applied, |(index, _)| index);
    ticket.done(index, status.to_json(digest).as_bytes(), Status::TooLarge);
}

fn say_draining(open: usize) {
    let tickets = if open == 1 { "ticket" } else { "tickets" };
    say(Level::Info, &format!("draining, {open} {tickets} open"));
}
