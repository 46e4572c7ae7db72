//! Those who use the cluster: each has one operation under way, and repeats it until it is answered.

use crate::check::Answers;
use crate::lists::{Key, Lists};
use rsm::mix::Draws;
use rsm::raft::machine::{Caller, SessionId};
use rsm::raft::peer::{Failure, Outcome, Peer};
use rsm::sync::lock::Lock;
use std::sync::Arc;

/// How many lists there are.
const LISTS: u64 = 4;

/// What a client is told.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Which client.
    pub client: usize,
    /// Which of its operations.
    pub operation: u64,
    /// What: the index of it, and a number (the session, or the length of the list).
    pub outcome: Result<(u64, u64), Failure>,
}

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Nothing,
    Opening,
    Appending { key: Key, number: u64 },
    Reading { key: Key, floor: u64 },
}

/// One of them.
#[derive(Debug)]
pub struct Client {
    id: usize,
    draws: Draws,
    /// Proposes in the session of the peer, not in one of its own: then nothing is repeated.
    plain: bool,
    session: Option<SessionId>,
    sequence: u64,
    operation: u64,
    doing: Doing,
    told: Arc<Lock<Vec<Told>>>,
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
    /// A read saw less than was acknowledged before it began.
    Violated {
        /// How much there was.
        floor: u64,
        /// How much it saw.
        seen: u64,
    },
}

impl Client {
    /// A client whose choices come from `draws`.
    #[must_use]
    pub fn new(id: usize, draws: Draws, told: Arc<Lock<Vec<Told>>>) -> Client {
        let (plain, doing) = (id % 3 == 2, Doing::Nothing);
        Client { id, draws, plain, session: None, sequence: 0, operation: 0, doing, told }
    }

    /// A draw of this client's.
    pub fn draw(&mut self) -> u64 {
        self.draws.bits()
    }

    /// Begins an operation, or goes on with the one that was begun, through these peers.
    pub fn act(&mut self, peers: &[Peer<Lists>], answers: &mut Answers) {
        if self.doing == Doing::Nothing {
            self.begin(answers);
        }
        if peers.is_empty() {
            return;
        }
        let first = self.draws.below(peers.len() as u64) as usize;
        self.send(&peers[first], answers);
        // One operation in eight goes through two peers at once.
        let is_safe = matches!(self.doing, Doing::Appending { .. }) && !self.plain;
        if is_safe && self.draws.chance(1, 8) {
            let second = self.draws.below(peers.len() as u64) as usize;
            self.send(&peers[second], answers);
        }
    }

    fn begin(&mut self, answers: &Answers) {
        self.operation += 1;
        let key = self.draws.below(LISTS) as Key;
        self.doing = if self.session.is_none() && !self.plain {
            Doing::Opening
        } else if self.draws.chance(1, 4) {
            Doing::Reading { key, floor: answers.floor(key) }
        } else {
            self.sequence += 1;
            Doing::Appending { key, number: (self.id as u64) << 32 | self.operation }
        };
    }

    fn send(&mut self, peer: &Peer<Lists>, answers: &mut Answers) {
        let (client, operation, told) = (self.id, self.operation, Arc::clone(&self.told));
        let tell = move |outcome| told.lock().push(Told { client, operation, outcome });
        answers.opened();
        match (self.doing, self.session) {
            (Doing::Opening, _) => {
                peer.open_then(move |outcome| tell(outcome.map(|done| (done.index.0, done.value.0))));
            }
            (Doing::Appending { key, number }, session) => {
                let sequence = self.sequence;
                let caller = session.map(|session| Caller { session, sequence, low: sequence });
                peer.propose_then(caller, (key, number), move |outcome: Outcome<u64>| {
                    tell(outcome.map(|done| (done.index.0, done.value)));
                });
            }
            (Doing::Reading { key, .. }, _) => {
                let count = move |lists: &Lists| lists.get(key).len() as u64;
                peer.read_then(count, move |outcome: Outcome<u64>| {
                    tell(outcome.map(|done| (done.index.0, done.value)));
                });
            }
            (Doing::Nothing, _) => tell(Ok((0, 0))),
        }
    }

    /// An answer has come.
    pub fn on_told(&mut self, told: Told, answers: &mut Answers) -> Next {
        answers.resolved();
        if told.operation != self.operation || self.doing == Doing::Nothing {
            return Next::Stale;
        }
        let next = match (self.doing, told.outcome) {
            (Doing::Opening, Ok((_, session))) => {
                (self.session, self.sequence) = (Some(SessionId(session)), 0);
                Next::Rest
            }
            (Doing::Appending { key, number }, Ok((index, _))) => {
                answers.acknowledged(key, number, index);
                Next::Rest
            }
            (Doing::Reading { floor, .. }, Ok((_, seen))) if seen < floor => Next::Violated { floor, seen },
            (Doing::Reading { .. }, _) | (Doing::Nothing, _) => Next::Rest,
            (Doing::Appending { .. }, Err(Failure::Expired)) => {
                self.session = None;
                Next::Rest
            }
            (Doing::Appending { number, .. }, Err(why)) if self.plain => {
                if !why.may_have_applied() {
                    answers.refused(number);
                }
                Next::Rest
            }
            (Doing::Opening | Doing::Appending { .. }, Err(_)) => Next::Again,
        };
        if next == Next::Rest {
            self.doing = Doing::Nothing;
        }
        next
    }
}
