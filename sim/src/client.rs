//! Those who use the cluster: each has one operation under way, and what it does with an answer, or without one, is its
//! kind.
//!
//! ```text
//!   begin ── send to a peer, or to two ──> told: ok ────────> rest, begin the next
//!                                                unknown ───> the same again, in the same session; or give it up
//!                                                refused ───> as if it had never been
//! ```

mod kind;

use crate::check::Answers;
use crate::html::Ask;
use crate::lists::{Change, Key, Lists, Seen};
use crate::plan::Swarm;
use crate::shared::Gathered;
pub(crate) use kind::KINDS;
pub use kind::Kind;
use rsm::mix::{Draws, mix};
use rsm::raft::machine::{CLIENT_WINDOW, Caller, SessionId};
use rsm::raft::peer::{Failure, Outcome, Peer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many clients share a list, as far as there are lists for all of them: a judge who knows no log weighs all orders of what
/// is done at once to one.
pub(crate) const SHARE: usize = 16;

/// What a client is told.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Which client.
    pub client: usize,
    /// Which of its operations.
    pub operation: u64,
    /// Of what kind it is.
    pub of: Of,
    /// The number of the call that is answered.
    pub call: u64,
    /// What: the index of it, and what was seen, or the session.
    pub outcome: Result<(u64, Came), Failure>,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// A session.
    Session,
    /// A change, and in whose name, unless it is in its peer's.
    Change(Option<Caller>),
    /// What stands in a list.
    Read,
}

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// A session.
    Opened(SessionId),
    /// What a read or a change saw.
    Seen(Seen),
}

/// Where entries have a limit of their own, one change in so many is about as large.
const LARGE: u64 = 4;

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Nothing,
    Opening,
    /// With its place in the history, and whether it was answered before.
    Changing {
        change: Change,
        place: usize,
        again: bool,
    },
    Reading {
        key: Key,
        floor: u64,
        place: usize,
    },
}

/// A change that was done, with its place in the history.
#[derive(Clone, Copy, Debug)]
struct Done {
    operation: u64,
    /// The operation that has opened its session.
    opened_by: u64,
    caller: Caller,
    change: Change,
    place: usize,
}

/// One of them.
#[derive(Debug)]
pub struct Client {
    id: usize,
    draws: Draws,
    kind: Kind,
    session: Option<SessionId>,
    /// The operation that has opened it.
    opened_by: u64,
    sequence: u64,
    operation: u64,
    /// What was done last, and what before that.
    done: [Option<Done>; 2],
    /// What was said again, by its operation.
    said_again: BTreeMap<u64, Done>,
    /// Those that it shares with others.
    lists: Vec<Key>,
    /// What a swapper has seen last.
    last: (Key, u64),
    pub(crate) doing: Doing,
    /// The moment at which it acts is fixed.
    is_due: bool,
    /// So many bytes more has each of its commands.
    pad: u16,
    /// Of what no peer takes more; then some of its commands are as large, a little less, or more.
    limit: Option<u64>,
    told: Arc<Gathered<Told>>,
    /// What it did when it acted last.
    asked: Vec<Asked>,
}

/// A peer was asked for something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) node: usize,
    pub(crate) operation: u64,
    pub(crate) doing: Doing,
    /// The operation that has opened the session, and the number in it.
    pub(crate) session: Option<(u64, u64)>,
}

/// What becomes of an operation when it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// An answer to something that was answered before.
    Stale,
    /// The next operation may begin.
    Rest,
    /// The same one is tried again.
    Again,
    /// The next operation is long in coming.
    Sleep,
    /// A read saw less than was acknowledged before it began.
    Violated {
        /// How much there was.
        floor: u64,
        /// How much it saw.
        seen: u64,
    },
}

/// The lists that this client uses: all, or, of more clients than may share one, each second of them, or third.
fn lists(id: usize, swarm: &Swarm) -> Vec<Key> {
    let crowds = swarm.clients.div_ceil(SHARE).clamp(1, swarm.lists);
    (id / SHARE % crowds..swarm.lists).step_by(crowds).map(|list| list as Key).collect()
}

impl Client {
    /// A client whose choices come from `draws`, and its kind, one of the seed's, among them.
    #[must_use]
    pub fn new(id: usize, mut draws: Draws, swarm: &Swarm, told: Arc<Gathered<Told>>) -> Client {
        let mut kinds = swarm.kinds.clone();
        kinds.retain(|kind| 0 < id || kind.is_busy());
        let kind = kinds[draws.below(kinds.len() as u64) as usize];
        let lists = lists(id, swarm);
        let (last, doing) = ((lists[0], 0), Doing::Nothing);
        Client {
            id,
            draws,
            kind,
            session: None,
            opened_by: 0,
            sequence: 0,
            operation: 0,
            done: [None; 2],
            said_again: BTreeMap::new(),
            lists,
            last,
            doing,
            is_due: true,
            pad: swarm.pad,
            limit: (swarm.entry_bytes != usize::MAX).then_some(swarm.entry_bytes as u64),
            told,
            asked: Vec::new(),
        }
    }

    /// Whether it waits for nothing.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.doing == Doing::Nothing
    }

    /// Whether it opens one session after the other.
    pub(crate) fn is_flooder(&self) -> bool {
        self.kind == Kind::Flooder
    }

    /// A draw of this client's.
    pub fn draw(&mut self) -> u64 {
        self.draws.bits()
    }

    /// Whether a moment at which it acts is wanted: it has none yet. Now it has.
    pub fn becomes_due(&mut self) -> bool {
        !std::mem::replace(&mut self.is_due, true)
    }

    /// Begins an operation, or goes on with the one that was begun, through these peers.
    pub fn act(&mut self, peers: &[&Peer<Lists>], answers: &mut Answers) {
        self.is_due = false;
        self.asked.clear();
        if self.doing == Doing::Nothing {
            self.begin(answers);
        }
        if peers.is_empty() {
            return;
        }
        let first = self.draws.below(peers.len() as u64) as usize;
        self.send(peers[first], answers);
        if self.kind == Kind::Retrier && matches!(self.doing, Doing::Changing { .. }) {
            let second = self.draws.below(peers.len() as u64) as usize;
            self.send(peers[second], answers);
        }
        if self.kind == Kind::Repeater
            && let [_, Some(done)] = self.done
        {
            self.said_again.insert(done.operation, done);
            let (client, operation, told) = (self.id, done.operation, Arc::clone(&self.told));
            let (node, session) =
                (peers[first].identity().node.0 as usize, Some((done.opened_by, done.caller.sequence)));
            let doing = Doing::Changing { change: done.change, place: done.place, again: true };
            self.asked.push(Asked { node, operation, doing, session });
            let (call, of) = (answers.opened(node), Of::Change(Some(done.caller)));
            answers.asks_for(call, done.change.number);
            peers[first].propose_then(Some(done.caller), done.change, move |outcome: Outcome<Seen>| {
                let outcome = outcome.map(|done| (done.index.0, Came::Seen(done.value)));
                told.push(Told { client, operation, of, call, outcome });
            });
        }
        if self.kind == Kind::Amnesiac && self.session.is_some() && self.draws.chance(1, 4) {
            // What it has just sent is nobody's from now on: it may take effect, or not.
            self.begin(answers);
            self.send(peers[first], answers);
        }
    }

    fn begin(&mut self, answers: &mut Answers) {
        self.operation += 1;
        let has_session = self.session.is_some() || matches!(self.kind, Kind::Plain | Kind::Reader);
        let key = self.lists[self.draws.below(self.lists.len() as u64) as usize];
        self.doing = match self.kind {
            Kind::Flooder => Doing::Opening,
            _ if !has_session => Doing::Opening,
            Kind::Reader => self.read(key, answers),
            Kind::Swapper if self.draws.chance(1, 2) => self.read(key, answers),
            _ if self.draws.chance(1, 4) => self.read(key, answers),
            Kind::Swapper => self.change(self.last.0, Some(self.last.1), answers),
            Kind::Writer
            | Kind::Retrier
            | Kind::Plain
            | Kind::Amnesiac
            | Kind::Idler
            | Kind::Repeater
            | Kind::Hoarder => self.change(key, None, answers),
        };
    }

    fn read(&self, key: Key, answers: &mut Answers) -> Doing {
        let (floor, place) = (answers.floor(key), answers.reads(key));
        Doing::Reading { key, floor, place }
    }

    fn change(&mut self, key: Key, expected: Option<u64>, answers: &mut Answers) -> Doing {
        self.sequence += 1;
        let number = (self.id as u64 + 1) << 32 | self.operation;
        let pad = self.limit.filter(|_| self.draws.chance(1, LARGE));
        let pad = pad.map_or(self.pad, |limit| self.draws.below(limit * 3 / 2) as u16);
        let change = Change { key, number, expected, pad };
        Doing::Changing { change, place: answers.changes(change), again: false }
    }

    /// What it has asked for when it acted last.
    pub(crate) fn has_asked(&self) -> &[Asked] {
        &self.asked
    }

    /// The same, as a number.
    pub(crate) fn names_asked(&self) -> u64 {
        let number = |doing: Doing| match doing {
            Doing::Nothing => 0,
            Doing::Opening => 1,
            Doing::Reading { key, .. } => mix(2, u64::from(key), 0),
            Doing::Changing { change, .. } => mix(3, u64::from(change.key), change.number),
        };
        let add = |sum, asked: &Asked| mix(mix(sum, asked.node as u64, asked.operation), number(asked.doing), 0);
        self.asked.iter().fold(0, add)
    }

    /// The same, as a picture shows it.
    pub(crate) fn asked(&self) -> impl Iterator<Item = (usize, u64, Ask)> + '_ {
        self.asked.iter().filter_map(|&Asked { node, operation, doing, .. }| {
            let ask = match doing {
                Doing::Nothing => return None,
                Doing::Opening => Ask::Open,
                Doing::Changing { change: Change { key, number, expected: None, .. }, .. } => {
                    Ask::Append(key.into(), number & 0xffff_ffff)
                }
                Doing::Changing { change: Change { key, number, expected: Some(_), .. }, .. } => {
                    Ask::Swap(key.into(), number & 0xffff_ffff)
                }
                Doing::Reading { key, .. } => Ask::Read(key.into()),
            };
            Some((node, operation, ask))
        })
    }

    /// Who asks for the present change.
    fn caller(&self, session: SessionId) -> Caller {
        let sequence = self.sequence;
        let first_of_window = sequence.saturating_sub(1) / CLIENT_WINDOW * CLIENT_WINDOW + 1;
        let low = if self.kind == Kind::Hoarder { first_of_window } else { sequence };
        Caller { session, sequence, low }
    }

    fn send(&mut self, peer: &Peer<Lists>, answers: &mut Answers) {
        let (client, operation, told) = (self.id, self.operation, Arc::clone(&self.told));
        let session = self.session.map(|_| (self.opened_by, self.sequence));
        let node = peer.identity().node.0 as usize;
        self.asked.push(Asked { node, operation, doing: self.doing, session });
        let caller = self.session.map(|session| self.caller(session));
        let of = match self.doing {
            Doing::Changing { .. } => Of::Change(caller),
            Doing::Reading { .. } => Of::Read,
            Doing::Opening | Doing::Nothing => Of::Session,
        };
        let call = answers.opened(node);
        let tell = move |outcome| told.push(Told { client, operation, of, call, outcome });
        match self.doing {
            Doing::Opening => {
                peer.open_then(move |outcome| {
                    tell(outcome.map(|done| (done.index.0, Came::Opened(done.value))));
                });
            }
            Doing::Changing { change, .. } => {
                answers.asks_for(call, change.number);
                peer.propose_then(caller, change, move |outcome: Outcome<Seen>| {
                    tell(outcome.map(|done| (done.index.0, Came::Seen(done.value))));
                });
            }
            Doing::Reading { key, .. } => {
                let see = move |lists: &Lists| lists.see(key);
                peer.read_then(see, move |outcome: Outcome<Seen>| {
                    tell(outcome.map(|done| (done.index.0, Came::Seen(done.value))));
                });
            }
            Doing::Nothing => tell(Err(Failure::Invalid)),
        }
    }

    /// An answer has come.
    pub fn on_told(&mut self, told: Told, answers: &mut Answers) -> Next {
        // From another peer, or from one that had not applied it the first time: then it is the same answer.
        let mut known = self.done.iter().flatten().chain(self.said_again.get(&told.operation));
        let done = known.find(|done| done.operation == told.operation);
        if let (Some(done), Ok((index, Came::Seen(seen)))) = (done, told.outcome) {
            answers.changed(done.place, done.change, index, seen);
        }
        if told.operation != self.operation || self.doing == Doing::Nothing {
            return Next::Stale;
        }
        let next = match (self.doing, told.outcome) {
            (Doing::Opening, Ok((_, Came::Opened(session)))) => {
                (self.session, self.opened_by, self.sequence) = (Some(session), self.operation, 0);
                Next::Rest
            }
            (Doing::Changing { change, place, again }, Ok((index, Came::Seen(seen)))) => {
                return self.changed(change, place, again, (index, seen), answers);
            }
            (Doing::Reading { floor, key, place }, Ok((index, Came::Seen(seen)))) => {
                answers.read(place, index, seen);
                self.last = (key, seen.last);
                if seen.len < floor { Next::Violated { floor, seen: seen.len } } else { Next::Rest }
            }
            (Doing::Reading { .. } | Doing::Nothing, _) => {
                answers.counts.unread += 1;
                Next::Rest
            }
            (Doing::Changing { .. }, Err(Failure::Expired)) => {
                answers.expired();
                self.session = None;
                Next::Rest
            }
            // Of every peer, whenever it is asked.
            (Doing::Changing { .. }, Err(Failure::TooLarge)) => {
                answers.too_large();
                Next::Rest
            }
            (Doing::Changing { .. }, Err(why)) if self.kind == Kind::Plain => {
                if why.may_have_applied() {
                    answers.unknown();
                } else {
                    answers.refused();
                }
                Next::Rest
            }
            (Doing::Opening | Doing::Changing { .. }, Ok(_) | Err(_)) => {
                answers.retried();
                Next::Again
            }
        };
        if next == Next::Rest {
            self.doing = Doing::Nothing;
        }
        next
    }

    fn changed(
        &mut self,
        change: Change,
        place: usize,
        again: bool,
        (index, seen): (u64, Seen),
        answers: &mut Answers,
    ) -> Next {
        answers.changed(place, change, index, seen);
        if self.kind == Kind::Idler && !again {
            self.doing = Doing::Changing { change, place, again: true };
            return Next::Sleep;
        }
        if change.expected.is_some() {
            self.last = (change.key, if change.expected == Some(seen.last) { change.number } else { seen.last });
        }
        if let Some(session) = self.session {
            let (operation, caller) = (self.operation, self.caller(session));
            self.done = [Some(Done { operation, opened_by: self.opened_by, caller, change, place }), self.done[0]];
        }
        self.doing = Doing::Nothing;
        Next::Rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::swarm;
    use crate::stream::{Purpose, stream};

    #[test]
    fn every_kind_of_client_is_met_of_those_of_the_seed_and_the_first_is_a_busy_one() {
        let kind =
            |seed, id| Client::new(id, stream(seed, Purpose::Client, id as u64), &swarm(seed), Arc::default()).kind;
        for wanted in KINDS {
            assert!((0..200).any(|seed| kind(seed, 1) == wanted), "{wanted:?}");
        }
        assert!((0..200).all(|seed| kind(seed, 0).is_busy()));
        assert!((0..200).all(|seed| (0..4).all(|id| swarm(seed).kinds.contains(&kind(seed, id)))));
    }

    #[test]
    fn at_most_sixteen_clients_share_a_list_and_no_list_is_nobodys() {
        let drawn = (0..400).map(swarm).chain((1..=70).map(|clients| Swarm { clients, lists: 5, ..swarm(1) }));
        for swarm in drawn {
            let of = |id| lists(id, &swarm);
            let users = |list: usize| (0..swarm.clients).filter(|&id| of(id).contains(&(list as Key))).count();
            let users: Vec<usize> = (0..swarm.lists).map(users).collect();
            let (clients, total) = (swarm.clients, swarm.lists);
            assert!(users.iter().all(|users| (1..=SHARE).contains(users)), "{clients} of {total}: {users:?}");
            // So few share all of them.
            assert!(SHARE < clients || users.iter().all(|&users| users == clients), "{clients} of {total}: {users:?}");
        }
        // Where there are too few all the same, each has one.
        assert!((0..1_000).all(|id| lists(id, &Swarm { clients: 1_000, lists: 4, ..swarm(1) }).len() == 1));
    }
}
