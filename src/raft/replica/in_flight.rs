//! Tickets: what callers of this peer wait for, until this peer's own apply has shown it.
//!
//! ```text
//!            propose                due: to the core if we lead, else to the leader; again after 2, 4, 8 .. heartbeats
//!   caller ───────────> ticket ─┬─────────────────────────────────────────────> log ──> applied here
//!      ▲                        │ deadline                                                  │
//!      └── Unknown ─────────────┘                                                           │
//!      └── the reply ───────────────────────────────────────────────────────────────────────┘
//! ```
//! A lost packet, a lost leader, an overwritten entry need no case of their own: the ticket is simply tried again, and
//! its session sees to it that it takes effect once. The replica puts tickets in and tries them, the machine takes them
//! out: the table lies under a lock that both hold for moments. Nothing here calls a caller back: what is to be told is
//! returned, and told outside the lock.

use crate::mix::Draws;
use crate::raft::consensus::Refusal;
use crate::raft::machine::{Caller, Name, Nonce, Open, PEER_WINDOW, SessionId};
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::peer::{Answer, Done, Failure};
use crate::raft::{Entry, EntryKind, Index, Term, Time, Token};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::time::Duration;

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What came of an entry, as the machine that applied it saw.
#[derive(Debug)]
pub(crate) enum Came<R> {
    /// It opened this session, or names it.
    Opened(SessionId),
    /// It was applied, there, and this is the reply.
    Replied(Index, R),
    /// It was not applied, and will not be.
    Expired,
}

/// Whom to tell, and what: for the caller of this table to do once the lock is released.
#[must_use = "an answer that is not told says Gone"]
#[derive(Debug)]
pub(crate) struct Told<R>(Vec<Resolved<R>>);

/// Whom to tell, and what.
type Resolved<R> = (Tell<R>, Result<Came<R>, Failure>);

impl<R> Default for Told<R> {
    fn default() -> Told<R> {
        Told(Vec::new())
    }
}

impl<R> Told<R> {
    /// Tells everybody.
    pub(crate) fn tell(self) {
        for (tell, came) in self.0 {
            tell.give(came);
        }
    }
}

/// Whose ticket it is.
#[derive(Debug)]
enum Tell<R> {
    Reply(Answer<R>),
    Session(Answer<SessionId>),
    /// The peer's own session.
    Own,
}

impl<R> Tell<R> {
    fn give(self, came: Result<Came<R>, Failure>) {
        match (self, came) {
            (Tell::Reply(answer), Ok(Came::Replied(index, value))) => answer.give(Ok(Done { index, value })),
            (Tell::Session(answer), Ok(Came::Opened(id))) => answer.give(Ok(Done { index: Index(id.0), value: id })),
            (Tell::Reply(answer), Ok(Came::Opened(_) | Came::Expired)) => answer.give(Err(Failure::Expired)),
            (Tell::Session(answer), Ok(Came::Replied(..) | Came::Expired)) => answer.give(Err(Failure::Expired)),
            (Tell::Reply(answer), Err(why)) => answer.give(Err(why)),
            (Tell::Session(answer), Err(why)) => answer.give(Err(why)),
            (Tell::Own, _) => {}
        }
    }
}

#[derive(Debug)]
struct Ticket<R> {
    tell: Tell<R>,
    /// A command of the peer's own session.
    ours: bool,
    /// None while it waits for the peer's own session.
    name: Option<Name>,
    /// The command while it has no name, then the whole entry.
    entry: Entry,
    until: Time,
    again: Time,
    pause: Duration,
    /// A copy has been placed or forwarded: from now on no refusal is a promise.
    sent: bool,
    /// How many snapshots had been installed when it got its name.
    installed: u64,
}

/// The peer's own session.
#[derive(Debug)]
enum Own {
    Closed,
    Opening,
    Open { id: SessionId, next: u64 },
}

/// All tickets of a peer.
#[derive(Debug)]
pub(crate) struct InFlight<R> {
    tickets: BTreeMap<Token, Ticket<R>>,
    /// The same by name: several may wait for one command.
    names: BTreeSet<(Name, Token)>,
    /// Named, and not tried yet.
    fresh: Vec<Token>,
    /// Waiting for the peer's own session.
    waiting: VecDeque<Token>,
    own: Own,
    /// Snapshots installed so far.
    installed: u64,
    next: Token,
    draws: Draws,
    /// The first repetition comes after two of these.
    heartbeat: Duration,
    max: usize,
}

impl<R> InFlight<R> {
    /// No tickets yet, at most `max` at once. `seed` draws the nonces of the peer's own sessions.
    pub(crate) fn new(seed: u64, heartbeat: Duration, max: usize) -> InFlight<R> {
        InFlight {
            tickets: BTreeMap::new(),
            names: BTreeSet::new(),
            fresh: Vec::new(),
            waiting: VecDeque::new(),
            own: Own::Closed,
            installed: 0,
            next: Token(0),
            draws: Draws::new(seed),
            heartbeat,
            max,
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    /// A command in the peer's own session.
    pub(crate) fn propose(&mut self, command: Bytes, answer: Answer<R>, until: Time) -> Told<R> {
        if self.max <= self.tickets.len() || PEER_WINDOW <= self.waiting.len() as u64 + self.open_in_own() {
            return Told(vec![(Tell::Reply(answer), Err(Failure::Full))]);
        }
        // No checksum yet: the entry is made once there is a name for it.
        let entry = Entry { term: Term(0), kind: EntryKind::Command, bytes: command, sum: 0 };
        let token = self.insert(Tell::Reply(answer), entry, None, until);
        self.waiting.push_back(token);
        self.name_waiting();
        Told(Vec::new())
    }

    /// A command in a client's session.
    pub(crate) fn propose_as(&mut self, caller: Caller, command: &[u8], answer: Answer<R>, until: Time) -> Told<R> {
        let entry = Entry::new(Term(0), EntryKind::Command, caller.command(command));
        self.take_in(Tell::Reply(answer), entry, Name::Command(caller.session, caller.sequence), until)
    }

    /// A session for a client.
    pub(crate) fn open(&mut self, open: Open, answer: Answer<SessionId>, until: Time) -> Told<R> {
        let entry = Entry::new(Term(0), EntryKind::Open, open.to_bytes());
        self.take_in(Tell::Session(answer), entry, Name::Open(open.nonce), until)
    }

    fn take_in(&mut self, tell: Tell<R>, entry: Entry, name: Name, until: Time) -> Told<R> {
        if self.max <= self.tickets.len() {
            return Told(vec![(tell, Err(Failure::Full))]);
        }
        let token = self.insert(tell, entry, Some(name), until);
        self.fresh.push(token);
        Told(Vec::new())
    }

    fn insert(&mut self, tell: Tell<R>, entry: Entry, name: Option<Name>, until: Time) -> Token {
        self.next = Token(self.next.0 + 1);
        let token = self.next;
        let (installed, pause) = (self.installed, self.heartbeat * 2);
        let ours = name.is_none();
        let ticket = Ticket { tell, ours, name, entry, until, again: Time::MAX, pause, sent: false, installed };
        self.tickets.insert(token, ticket);
        if let Some(name) = name {
            self.names.insert((name, token));
        }
        token
    }

    fn remove(&mut self, token: Token) -> Option<Ticket<R>> {
        let ticket = self.tickets.remove(&token)?;
        if let Some(name) = ticket.name {
            self.names.remove(&(name, token));
        }
        Some(ticket)
    }

    /// How far the peer's own session reaches beyond what is answered.
    fn open_in_own(&self) -> u64 {
        match self.own {
            Own::Closed | Own::Opening => 0,
            Own::Open { id, next } => next - self.low(id, next),
        }
    }

    /// The least sequence of the peer's own session that is not answered.
    fn low(&self, id: SessionId, next: u64) -> u64 {
        let mut from = self.names.range((Name::Command(id, 0), Token(0))..);
        match from.next() {
            Some((Name::Command(session, sequence), _)) if *session == id => *sequence,
            _ => next,
        }
    }

    /// Gives those that wait their names, or sees to it that there will be a session to name them.
    fn name_waiting(&mut self) {
        match self.own {
            Own::Opening => {}
            Own::Closed if self.waiting.is_empty() => {}
            Own::Closed => self.open_own(),
            Own::Open { .. } => {
                while self.open_in_own() < PEER_WINDOW
                    && let Some(token) = self.waiting.pop_front()
                {
                    self.name(token);
                }
            }
        }
    }

    fn open_own(&mut self) {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.draws.bits().to_le_bytes());
        nonce[8..].copy_from_slice(&self.draws.bits().to_le_bytes());
        let open = Open { nonce: Nonce(nonce), window: PEER_WINDOW };
        let entry = Entry::new(Term(0), EntryKind::Open, open.to_bytes());
        let token = self.insert(Tell::Own, entry, Some(Name::Open(open.nonce)), Time::MAX);
        self.fresh.push(token);
        self.own = Own::Opening;
    }

    fn name(&mut self, token: Token) {
        let Own::Open { id, next } = self.own else { return };
        let low = self.low(id, next);
        let Some(ticket) = self.tickets.get_mut(&token) else { return };
        let caller = Caller { session: id, sequence: next, low };
        ticket.entry = Entry::new(Term(0), EntryKind::Command, caller.command(&ticket.entry.bytes));
        ticket.installed = self.installed;
        let name = Name::Command(id, next);
        ticket.name = Some(name);
        self.names.insert((name, token));
        self.fresh.push(token);
        self.own = Own::Open { id, next: next + 1 };
    }

    /// Takes those that have not been tried yet.
    pub(crate) fn take_fresh(&mut self, now: Time) -> Vec<(Token, Entry)> {
        let fresh = mem::take(&mut self.fresh);
        self.take_again(fresh, now)
    }

    /// Takes these, as far as they still wait.
    pub(crate) fn take_again(&mut self, tokens: Vec<Token>, now: Time) -> Vec<(Token, Entry)> {
        tokens.into_iter().filter_map(|token| self.try_again(token, now)).collect()
    }

    /// Takes those whose time to be tried again has come.
    pub(crate) fn take_due(&mut self, now: Time) -> Vec<(Token, Entry)> {
        let is_due = |ticket: &Ticket<R>| mutate!(TicketTriedOnce, ticket.again <= now, false);
        let due: Vec<Token> = self.tickets.iter().filter(|(_, t)| is_due(t)).map(|(token, _)| *token).collect();
        self.take_again(due, now)
    }

    fn try_again(&mut self, token: Token, now: Time) -> Option<(Token, Entry)> {
        // Without a name, in wait for the next session, it is no entry yet, and has no checksum.
        let ticket = self.tickets.get_mut(&token).filter(|ticket| ticket.name.is_some())?;
        mark!("ticket-tried-again", ticket.sent);
        ticket.again = now.after(ticket.pause);
        ticket.pause = (ticket.pause * 2).min(PAUSE_MAX);
        Some((token, ticket.entry.clone()))
    }

    /// There is another leader: all are to be tried at once, and patience begins anew.
    pub(crate) fn leader_changed(&mut self, now: Time) {
        let pause = self.heartbeat * 2;
        for ticket in self.tickets.values_mut().filter(|ticket| ticket.again != Time::MAX) {
            (ticket.again, ticket.pause) = (now, pause);
        }
    }

    /// A copy is in a log, or on its way to the leader. Whether one was before.
    pub(crate) fn sent(&mut self, token: Token) -> bool {
        self.tickets.get_mut(&token).is_some_and(|ticket| std::mem::replace(&mut ticket.sent, true))
    }

    /// The core did not place it. A promise to the caller only while no copy has left; else it is tried again.
    pub(crate) fn refused(&mut self, token: Token, why: Refusal, told: &mut Told<R>) {
        let failure = match why {
            Refusal::Full => Failure::Full,
            Refusal::TooLarge => Failure::TooLarge,
            Refusal::Draining => Failure::Draining,
            Refusal::NotLeader(_) | Refusal::Unknown => return,
        };
        mark!("refusal-is-no-promise", self.tickets.get(&token).is_some_and(|ticket| ticket.sent));
        if self.tickets.get(&token).is_some_and(|ticket| !ticket.sent && !matches!(ticket.tell, Tell::Own)) {
            self.resolve(token, Err(failure), told);
        }
    }

    /// Whether it still waits.
    pub(crate) fn has(&self, token: Token) -> bool {
        self.tickets.contains_key(&token)
    }

    /// The name of this ticket's entry, if it has one.
    pub(crate) fn name_of(&self, token: Token) -> Option<Name> {
        self.tickets.get(&token)?.name
    }

    /// This peer has applied the entry of that name. True if there is now something to be tried.
    pub(crate) fn applied(&mut self, name: Name, came: Came<R>, told: &mut Told<R>) -> bool
    where
        R: Clone,
    {
        let from = (name, Token(0))..=(name, Token(u64::MAX));
        let tokens: Vec<Token> = self.names.range(from).map(|(_, token)| *token).collect();
        for token in tokens {
            match &came {
                Came::Opened(id) => self.opened(token, *id, told),
                Came::Replied(index, reply) => self.resolve(token, Ok(Came::Replied(*index, reply.clone())), told),
                Came::Expired => self.expired(token, name, told),
            }
        }
        self.name_waiting();
        !self.fresh.is_empty()
    }

    fn resolve(&mut self, token: Token, came: Result<Came<R>, Failure>, told: &mut Told<R>) {
        if let Some(ticket) = self.remove(token) {
            told.0.push((ticket.tell, came));
        }
    }

    fn opened(&mut self, token: Token, id: SessionId, told: &mut Told<R>) {
        let own = self.tickets.get(&token).is_some_and(|ticket| matches!(ticket.tell, Tell::Own));
        self.resolve(token, Ok(Came::Opened(id)), told);
        if own {
            self.own = Own::Open { id, next: 1 };
        }
    }

    /// In the peer's own session this says that the session was evicted. Our own apply would have resolved the ticket
    /// had the command been applied before, so it was not, and goes into the next session; unless a snapshot has
    /// stood in for some of those applies.
    fn expired(&mut self, token: Token, name: Name, told: &mut Told<R>) {
        let Some(ticket) = self.tickets.get(&token) else { return };
        mark!("own-session-lost-over-a-snapshot", ticket.ours && ticket.installed != self.installed);
        if !ticket.ours || ticket.installed != self.installed {
            return self.resolve(token, Ok(Came::Expired), told);
        }
        if let (Own::Open { id, .. }, Name::Command(session, _)) = (&self.own, name)
            && *id == session
        {
            self.own = Own::Closed;
        }
        if let Some(mut ticket) = self.remove(token) {
            mark!("command-moves-to-the-next-session");
            let command = Caller::of(&ticket.entry.bytes).map(|(_, command)| ticket.entry.bytes.slice_ref(command));
            ticket.entry.bytes = command.unwrap_or_default();
            (ticket.name, ticket.again, ticket.pause, ticket.sent) = (None, Time::MAX, self.heartbeat * 2, false);
            self.tickets.insert(token, ticket);
            self.waiting.push_back(token);
        }
    }

    /// A snapshot was installed: what it covers was applied without anybody here seeing it.
    pub(crate) fn installed(&mut self) {
        self.installed += 1;
    }

    /// Gives up those whose time has passed.
    pub(crate) fn overdue(&mut self, now: Time) -> Told<R> {
        let mut told = Told(Vec::new());
        let late: Vec<Token> = self.tickets.iter().filter(|(_, t)| t.until <= now).map(|(token, _)| *token).collect();
        mark!("ticket-overdue", !late.is_empty());
        let why = mutate!(UnknownIsRefused, Failure::Unknown, Failure::Full);
        late.into_iter().for_each(|token| self.resolve(token, Err(why), &mut told));
        self.waiting.retain(|token| self.tickets.contains_key(token));
        self.name_waiting();
        told
    }

    /// Gives up all.
    pub(crate) fn give_up(&mut self, why: Failure) -> Told<R> {
        (self.fresh, self.waiting, self.names) = Default::default();
        let tickets = mem::take(&mut self.tickets);
        Told(tickets.into_values().map(|ticket| (ticket.tell, Err(why))).collect())
    }
}

#[cfg(test)]
mod tests;
