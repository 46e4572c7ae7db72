//! How the replica tries tickets: to the core if it leads, else to the leader; again until they are resolved.

use super::backlog::Side;
use super::disk::Tended;
use super::in_flight::Told;
use super::room::cost_of;
use super::{Command, Replica, Word};
use crate::fsm::Context;
use crate::raft::consensus::{Input, Message, Refusal, Role};
use crate::raft::machine::{Caller, Name, Open, SessionId, StateMachine};
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::peer::{Answer, Failure};
use crate::raft::storage::Disk;
use crate::raft::{Entries, Entry, Identity, Incarnation, Time, Token};
use bytes::Bytes;
use std::time::Duration;

/// What a caller wants to stand in the log.
#[derive(Debug)]
pub(crate) struct Proposal<R> {
    pub(crate) whose: Whose<R>,
    pub(crate) timeout: Duration,
}

/// In whose name, and whom to answer.
#[derive(Debug)]
pub(crate) enum Whose<R> {
    /// In the peer's own session.
    Ours(Bytes, Answer<R>),
    /// In a client's.
    Theirs(Caller, Bytes, Answer<R>),
    /// A session for a client.
    Session(Open, Answer<SessionId>),
}

impl<R> Whose<R> {
    pub(crate) fn refuse(self, why: Failure) {
        match self {
            Whose::Ours(_, answer) | Whose::Theirs(_, _, answer) => answer.give(Err(why)),
            Whose::Session(_, answer) => answer.give(Err(why)),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Whose::Ours(bytes, _) | Whose::Theirs(_, bytes, _) => bytes.len(),
            Whose::Session(..) => 0,
        }
    }
}

/// Whether the core is handed an entry to be placed.
enum Admitted {
    New,
    /// A copy of it is in the log already: that is as good as placed.
    Copy,
    /// More is on its way to the disk than there was room for beside it, for sure.
    Later,
    /// So much waits to be committed that it would wait for long.
    Behind,
    NoRoom,
}

/// What a session adds to a command: three varints.
const SESSION_BYTES: usize = 30;

impl<S: StateMachine, T: Tended, D: Disk> Replica<S, T, D> {
    pub(super) fn on_proposal(
        &mut self,
        role: Role,
        proposal: Proposal<S::Reply>,
        context: &mut Context<Self>,
    ) -> Role {
        let Proposal { whose, timeout } = proposal;
        if self.draining {
            whose.refuse(Failure::Draining);
            return role;
        }
        if self.settings.entry_bytes_max.saturating_sub(SESSION_BYTES) < whose.bytes() {
            whose.refuse(Failure::TooLarge);
            return role;
        }
        // Nor will we lead while we have none.
        if !self.room.is_plenty() && self.core.leader(&role).is_none() {
            mark!("proposal-refused-full-and-unled");
            whose.refuse(Failure::Full);
            return role;
        }
        let now = context.now();
        let until = now.after(timeout);
        let mut flight = self.shared.flight.lock();
        let told = match whose {
            Whose::Ours(command, answer) => flight.propose(command, answer, until),
            Whose::Theirs(caller, command, answer) => flight.propose_as(caller, &command, answer, until),
            Whose::Session(open, answer) => flight.open(open, answer, until),
        };
        drop(flight);
        told.tell();
        if !self.repeating {
            self.repeating = true;
            context.after(self.settings.heartbeat, Command(Word::Repeat));
        }
        self.try_fresh(role, now)
    }

    /// Tries those that have not been tried.
    pub(super) fn try_fresh(&mut self, role: Role, now: Time) -> Role {
        let fresh = self.shared.flight.lock().take_fresh(now);
        self.try_all(role, fresh, now)
    }

    /// A heartbeat has passed: some may be overdue, some are to be tried again.
    pub(super) fn on_repeat(&mut self, role: Role, context: &mut Context<Self>) -> Role {
        let now = context.now();
        let mut flight = self.shared.flight.lock();
        let told = flight.overdue(now);
        let due = flight.take_due(now);
        self.repeating = !flight.is_empty();
        if flight.len() < self.behind.len() {
            self.behind.retain(|token| flight.has(*token));
        }
        drop(flight);
        told.tell();
        if self.repeating {
            context.after(self.settings.heartbeat, Command(Word::Repeat));
        }
        // The word to place what is behind may have found no room in the inbox.
        let role = self.try_behind(role, now);
        let role = self.try_all(role, due, now);
        self.try_fresh(role, now)
    }

    /// More is durable: what was held may find room now, or is told that there is none.
    pub(super) fn try_held(&mut self, role: Role, now: Time) -> Role {
        if self.held.is_empty() {
            return role;
        }
        let held = std::mem::take(&mut self.held).into_iter().collect();
        let held = self.shared.flight.lock().take_again(held, now);
        self.try_all(role, held, now)
    }

    /// Some of what was placed is committed: what is behind is placed, in turn, up to the first that is behind still.
    pub(super) fn try_behind(&mut self, mut role: Role, now: Time) -> Role {
        let mut behind = std::mem::take(&mut self.behind);
        while self.behind.is_empty()
            && let Some(token) = behind.pop_first()
        {
            let again = self.shared.flight.lock().take_again(vec![token], now);
            role = self.try_all(role, again, now);
        }
        behind.extend(std::mem::take(&mut self.behind));
        self.behind = behind;
        role
    }

    /// There is no room: what was held for it, or is behind others, is told so; but not if a copy of it is on its way, since
    /// that may take effect.
    pub(super) fn refuse_held(&mut self) {
        let mut told = Told::default();
        let mut flight = self.shared.flight.lock();
        for token in std::mem::take(&mut self.held).into_iter().chain(std::mem::take(&mut self.behind)) {
            if flight.name_of(token).is_some_and(|name| self.copies.has(&name)) {
                flight.sent(token);
            } else {
                mark!("proposal-without-room", flight.has(token));
                flight.refused(token, Refusal::Full, &mut told);
            }
        }
        drop(flight);
        told.tell();
    }

    /// There is another leader.
    pub(super) fn on_retry(&mut self, role: Role, now: Time) -> Role {
        let due = self.shared.flight.lock().take_due(now);
        self.try_all(role, due, now)
    }

    fn try_all(&mut self, mut role: Role, tickets: Vec<(Token, Entry)>, now: Time) -> Role {
        let mut told = Told::default();
        for (token, entry) in tickets {
            // Whatever becomes of it now, it waits for no room any more.
            self.held.remove(&token);
            if !role.is_leader() {
                self.carried.forward.push((token, entry));
                continue;
            }
            // In turn: what is behind would stay so for as long as there is something new.
            if !self.behind.is_empty() {
                self.behind.insert(token);
                continue;
            }
            match self.admit(Side::Ours, &entry, now) {
                Admitted::New => role = self.step(role, Input::Propose { entry, token }, now),
                Admitted::Copy => _ = self.shared.flight.lock().sent(token),
                Admitted::Later => {
                    mark!("proposal-held");
                    self.held.insert(token);
                }
                Admitted::Behind => _ = self.behind.insert(token),
                Admitted::NoRoom => self.shared.flight.lock().refused(token, Refusal::Full, &mut told),
            }
        }
        told.tell();
        role
    }

    /// Copies first: none is refused, for that would promise that the one that is placed never takes effect.
    fn admit(&mut self, side: Side, entry: &Entry, now: Time) -> Admitted {
        let name = Name::of(entry);
        if name.is_some_and(|name| !self.copies.admit(name)) {
            return Admitted::Copy;
        }
        let is_other_waiting = match side {
            Side::Ours => self.backlog.do_others_wait(now),
            Side::Theirs => !self.behind.is_empty(),
        };
        let is_soon = mutate!(BacklogOff, self.backlog.admits(side, entry, is_other_waiting), true);
        if is_soon {
            if self.room.admits(cost_of(entry)) {
                return Admitted::New;
            }
            mutate!(BacklogOff, self.backlog.take_back(side, entry), ());
        }
        name.iter().for_each(|name| self.copies.take_back(name));
        if !is_soon {
            mark!("proposal-behind-others");
            return Admitted::Behind;
        }
        let is_later = mutate!(UnsureIsFull, self.room.is_plenty() && self.room.is_unsure(), false);
        mark!("proposal-without-room", !is_later);
        if is_later { Admitted::Later } else { Admitted::NoRoom }
    }

    /// Hands a message to the core: of a leader's entries those that the disk has room for, the rest is as good as lost. From what is
    /// forwarded to a leader, copies of what is on its way are struck.
    pub(super) fn on_message(
        &mut self,
        role: Role,
        from: Identity,
        to: Option<Incarnation>,
        message: Message,
        now: Time,
    ) -> Role {
        let message = match message {
            Message::Forward { entries } if role.is_leader() => {
                let mut is_left = false;
                let new = |entry: &&Entry| {
                    let admitted = Name::of(entry).map(|_| self.admit(Side::Theirs, entry, now));
                    is_left |= matches!(admitted, Some(Admitted::Behind));
                    matches!(admitted, Some(Admitted::New))
                };
                let entries: Entries = entries.iter().filter(new).cloned().collect();
                if is_left {
                    self.backlog.is_wanted_by_others(now);
                }
                if entries.is_empty() {
                    return role;
                }
                Message::Forward { entries }
            }
            Message::Append(mut append) => {
                let fitting = self.room.admits_first(&append.entries);
                if fitting < append.entries.len() {
                    mark!("append-without-room");
                    // A probe would have an answer, and the same again at once.
                    if fitting == 0 {
                        return role;
                    }
                    append.entries = append.entries[..fitting].iter().cloned().collect();
                }
                Message::Append(append)
            }
            // A refusal elects nobody, nor does a vote of another term, of another life or for another one.
            Message::VoteReply { term, granted: true } if term == self.core.term() && self.is_between_us(from, to) => {
                return self.step_to_lead(role, Input::Receive { from, to, message }, now);
            }
            message => message,
        };
        self.step(role, Input::Receive { from, to, message }, now)
    }

    /// Whether this is said by a member as it lives now, to us as we do.
    fn is_between_us(&self, from: Identity, to: Option<Incarnation>) -> bool {
        self.life_of(from.node) == Some(from.incarnation) && to.is_none_or(|to| to == self.core.me().incarnation)
    }

    /// Sends what is to be forwarded, if a leader is known; else it is tried again when there is one.
    pub(super) fn forward(&mut self, role: &Role) {
        let tickets = std::mem::take(&mut self.carried.forward);
        mark!("forward-without-a-leader", !tickets.is_empty() && self.core.leader(role).is_none());
        let Some(leader) = self.core.leader(role).filter(|leader| *leader != self.core.me().node) else { return };
        let life = self.life_of(leader);
        let mut run = Vec::new();
        let mut bytes = 0;
        let mut flight = self.shared.flight.lock();
        for (token, entry) in tickets {
            if !flight.has(token) {
                continue; // its caller has been told what became of it, in this very turn
            }
            let again = flight.sent(token);
            mark!("forward-repeated", again);
            bytes += entry.bytes.len();
            run.push(entry);
            if self.settings.append_bytes_max <= bytes {
                let entries = std::mem::take(&mut run).into();
                self.outbox.say(leader, life, Message::Forward { entries });
                bytes = 0;
            }
        }
        drop(flight);
        if !run.is_empty() {
            self.outbox.say(leader, life, Message::Forward { entries: run.into() });
        }
    }
}
