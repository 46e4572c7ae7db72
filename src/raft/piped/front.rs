//! The automaton that watches over a piped peer: it tells the news, and knows how all of it ends.
//!
//! ```text
//!          drain, end of stdin, or the peer drains               the peer has ended
//!   Up ───────────────────────────────────────────────> Draining ───────────────────> exit 0
//!    └── the framing is lost: exit 3, no hello of this version: exit 2, the peer dies: exit 1
//! ```

use super::answers::Tickets;
use super::lines::Lines;
use super::log::{Level, say};
use super::protocol::{Bulletin, Role, kind};
use crate::fsm::{Automaton, Context, Input};
use crate::pipe::Outbox;
use crate::raft::Time;
use crate::raft::consensus::RoleName;
use crate::raft::machine::StateMachine;
use crate::raft::peer::{self, Peer};
use crate::sync::lock::Lock;
use crate::sync::oneshot::Sender;
use std::sync::Arc;
use std::time::Duration;

/// How often the present is looked at: as often as news may be told.
const TICK: Duration = Duration::from_millis(100);
/// News are told at least so often.
const NEWS_AT_LEAST: Duration = Duration::from_secs(1);
/// While so much waits to be read, news wait too: what is not read is not news.
const NEWS_BEHIND: usize = 64 << 10;

/// The exit codes.
pub(super) const DRAINED: u8 = 0;
pub(super) const DIED: u8 = 1;
pub(super) const SETUP: u8 = 2;
pub(super) const LOST: u8 = 3;

#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    Up,
    Draining,
}

#[derive(Debug)]
pub(super) enum Command {
    /// Look at the present.
    Tick,
    /// Drain the peer; aloud, if it was not the front end that asked for it.
    Drain { aloud: bool },
    /// Leave at once with this code; a line has said why.
    Leave(u8),
    /// The peer has ended.
    Ended,
}

pub(super) struct Front<S: StateMachine> {
    pub(super) peer: Peer<S>,
    pub(super) outbox: Outbox,
    pub(super) tickets: Tickets,
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
            (state, Input::Command(Command::Tick)) => self.on_tick(state, context.now()),
            (state, Input::Command(Command::Drain { aloud })) => self.drain(state, aloud),
            (state, Input::Command(Command::Leave(code))) => {
                self.leave(code, context);
                state
            }
            (state, Input::Command(Command::Ended)) => {
                self.on_ended(state, context);
                state
            }
            (state, Input::Drain) => {
                context.linger();
                self.drain(state, true)
            }
            (state, Input::Transition { .. } | Input::Exit) => state,
        }
    }
}

impl<S: StateMachine> Front<S> {
    /// The peer shall drain; whoever begins it says so.
    fn drain(&self, state: State, aloud: bool) -> State {
        match state {
            State::Up => {
                if aloud {
                    self.say_draining();
                }
                self.peer.drain();
            }
            State::Draining => {}
        }
        State::Draining
    }

    fn say_draining(&self) {
        let open = self.tickets.open();
        let tickets = if open == 1 { "ticket" } else { "tickets" };
        say(Level::Info, &format!("draining, {open} {tickets} open"));
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
            (None, State::Up) => {
                // It was quicker than our tick.
                self.say_draining();
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
