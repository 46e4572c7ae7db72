//! Members that lie: in one seed of 32 some say what no correct peer says.
//!
//! ```text
//!   what a liar was to say ──> as it is
//!                          ├─> with other numbers, entries or pieces: near what its receiver holds, or far from all
//!                          ├─> and words of its own behind it
//!                          ├─> and words behind it that take back others
//!                          └─> with other bytes, under a sum that is right         each as its frequency has it
//! ```
//! It lies about what it says alone: its core, its log and its disk are those of any other, and whoever is told of another
//! life of a member, or lives in another cluster, is `stray.rs`'s. Raft stands no liars: what is agreed on is theirs to
//! spoil. But nobody may panic over what he is told, take in more than he has room for, or come out of order with himself
//! (R1, R12, R20, R22, R23). Two asserts end a peer that would fork its own data: a second leader in its term, and a cut of
//! what is committed. That is what they are for, and the peer starts again.

use crate::check::packet;
use crate::lists::Change;
use crate::numbers::{blank, numbers};
use crate::plan::MS;
use crate::run::panic_words;
use crate::stream::{Purpose, fate, stream};
use crate::version::{ENDS_AT, sealed};
use crate::world::World;
use bytes::Bytes;
use rsm::mix::Draws;
use rsm::raft::consensus::{Append, Consensus, Message, Outcome, Role};
use rsm::raft::machine::{Caller, Codec, Nonce, Open, SessionId};
use rsm::raft::wire::{Body, Head, Packer};
use rsm::raft::{Entries, Entry, EntryKind, Incarnation, Index, LogId, NodeId, Term, Track};
use std::any::Any;

/// What is asked of a run in which somebody lies.
pub(crate) const ASKED: [&str; 5] = ["R1", "R12", "R20", "R22", "R23"];

/// How a peer ends that would fork its data, or would have to guess what they are.
const STOPS: [&str; 3] = ["R1: at most one leader in a term", "R10: a committed entry is never cut", "does not decode"];

/// Whether this is what a peer panics with that has stopped rather than do that.
#[must_use]
pub fn is_stop(panic: &(dyn Any + Send)) -> bool {
    tells_of_a_stop(&panic_words(panic))
}

/// Whether these are its words.
pub(crate) fn tells_of_a_stop(words: &str) -> bool {
    STOPS.iter().any(|stop| words.contains(stop))
}

/// The least of what stands before the messages of a packet.
const MESSAGES_FROM: usize = ENDS_AT + 3;
/// So long at most nobody lies, in nanoseconds.
const HONEST: u64 = 3_000 * MS;
/// The kinds of what a liar says of its own.
const INVENTED: [&str; 17] = [
    "PreVote",
    "PreVoteReply",
    "Vote",
    "VoteReply",
    "Append",
    "Append",
    "AppendReply",
    "Heartbeat",
    "HeartbeatReply",
    "Forward",
    "ReadAsk",
    "ReadAnswer",
    "TimeoutNow",
    "Attest",
    "Chunk",
    "Hello",
    "ChunkReply",
];
/// A liar's own entry has so many bytes at most: beyond those of entries with a checksum.
const ENTRY_MAX: u64 = 100;

impl World {
    /// What a member says in place of this, if it is a liar.
    pub(crate) fn lie(&mut self, from: usize, to: usize, bytes: Bytes) -> Bytes {
        let (mut draws, mut of_seed) = (self.draws_of_lie(from, to), stream(self.seed, Purpose::Lie, u64::MAX));
        let (one_in, begin) = (1 << (2 * of_seed.below(4)), of_seed.below(HONEST));
        if self.now.0 < begin || !draws.chance(1, one_in) {
            return bytes;
        }
        // A command that does not decode, once committed, ends each peer each time: of few seeds.
        let spells = !of_seed.chance(1, 4);
        let held = self.held(to);
        let lie = Lie { facts: self.facts(from, to), lives: self.lives(from, to), held, draws, spells };
        let Some((head, bodies)) = packet(&bytes, NodeId(to as u64)) else { return bytes };
        self.sums.lies += 1;
        lie.instead(&head, bodies, &bytes)
    }

    fn draws_of_lie(&self, from: usize, to: usize) -> Draws {
        let link = (from * self.nodes.len() + to) as u64;
        Draws::new(fate(self.seed, Purpose::Lie, link, self.net.number(from, to)))
    }

    /// What both of them know: a lie near the truth goes farther.
    fn facts(&self, from: usize, to: usize) -> Vec<u64> {
        let of = |core: &Consensus, _: &Role| {
            let log = core.log();
            let ids = [log.base(), log.snapshot(), log.last()].into_iter().flat_map(|id| [id.term.0, id.index.0]);
            let others = [core.term().0, core.commit().0, core.applied().0, log.durable().0];
            ids.chain(others).collect::<Vec<_>>()
        };
        [from, to].into_iter().filter_map(|node| self.nodes[node].look(of)).flatten().collect()
    }

    fn held(&self, node: usize) -> Option<(Term, LogId)> {
        let of = |core: &Consensus, _: &Role| {
            let term = core.log().term_at(core.commit())?;
            Some((core.term(), LogId { term, index: core.commit() }))
        };
        self.nodes[node].look(of)?
    }

    fn lives(&self, from: usize, to: usize) -> Vec<u64> {
        [from, to].into_iter().filter_map(|node| self.nodes[node].look(|core, _| core.me().incarnation.0)).collect()
    }
}

/// A lie that is being made.
struct Lie {
    facts: Vec<u64>,
    lives: Vec<u64>,
    /// The term of its receiver, and what that has committed.
    held: Option<(Term, LogId)>,
    draws: Draws,
    /// What it says of commands is wrong, but can be read.
    spells: bool,
}

impl Lie {
    /// What is said in place of these words, which stand in `bytes`.
    fn instead(mut self, head: &Head, mut bodies: Vec<Body>, bytes: &Bytes) -> Bytes {
        match self.draws.below(8) {
            0..4 => {
                for _ in 0..=self.draws.below(2) {
                    let nth = self.one_of(bodies.len());
                    bodies.get_mut(nth).into_iter().for_each(|body| self.twist(body));
                }
            }
            4..7 => match self.held.filter(|_| self.draws.chance(1, 4)) {
                Some(held) => bodies.extend(self.take_back(held)),
                None => bodies.push(self.invent()),
            },
            _ => return self.spoil(bytes),
        }
        let mut packer = Packer::default();
        packer.begin(head);
        bodies.iter().for_each(|body| packer.put(body));
        Bytes::copy_from_slice(packer.seal())
    }

    /// The same words about something else.
    fn twist(&mut self, body: &mut Body) {
        if self.draws.chance(1, 3) {
            match body {
                Body::Message(Message::Append(append)) => append.entries = self.entries(&append.entries),
                Body::Message(Message::Forward { entries }) => *entries = self.entries(entries),
                Body::Message(Message::PreVoteReply { granted: is, .. } | Message::VoteReply { granted: is, .. }) => {
                    *is = !*is;
                }
                Body::Message(Message::Vote { transfer: is, .. }) => *is = !*is,
                Body::Message(Message::Attest { bound }) => *bound = self.life(),
                Body::Chunk(chunk) => {
                    chunk.bytes = self.bytes(&chunk.bytes);
                    chunk.crc = crc32c::crc32c(&chunk.bytes);
                }
                _ => {}
            }
        }
        let mut numbers = numbers(body);
        for _ in 0..self.draws.below(3) {
            let nth = self.one_of(numbers.len());
            numbers.get_mut(nth).into_iter().for_each(|(_, number)| **number = self.number(**number));
        }
    }

    /// Words of its own.
    fn invent(&mut self) -> Body {
        let matches = self.draws.chance(1, 2);
        let kind = INVENTED[self.draws.below(INVENTED.len() as u64) as usize];
        let mut body = blank(kind).expect("it is a kind");
        match &mut body {
            Body::Message(Message::PreVoteReply { granted: is, .. } | Message::VoteReply { granted: is, .. }) => {
                *is = self.draws.chance(1, 2);
            }
            Body::Message(Message::Vote { transfer: is, .. }) => *is = self.draws.chance(1, 2),
            Body::Message(Message::Append(Append { entries, .. }) | Message::Forward { entries }) => {
                *entries = self.entries(&Entries::NONE);
            }
            Body::Message(Message::AppendReply { outcome, .. }) if !matches => {
                *outcome = Outcome::Conflict { term: Term(0), index: Index(0) };
            }
            Body::Message(Message::Attest { bound }) => *bound = self.life(),
            Body::Chunk(chunk) => {
                chunk.bytes = self.bytes(&Bytes::new());
                (chunk.total, chunk.crc) = (chunk.bytes.len() as u64, crc32c::crc32c(&chunk.bytes));
            }
            _ => {}
        }
        self.about(body)
    }

    /// Entries behind what is committed there, and then fewer in their place, with the commit of those before.
    fn take_back(&mut self, (term, commit): (Term, LogId)) -> [Body; 2] {
        let said = 2 + self.draws.below(3);
        let left = 1 + self.draws.below(said - 1);
        let term = if commit.term < term { term } else { term.next() };
        let append = |of: Term, count: u64, to: u64| {
            let entries = (0..count).map(|_| Entry::blank(of)).collect();
            let commit_told = Index(commit.index.0 + to);
            Append { term, track: Track(0), prev: commit, entries, commit: commit_told }
        };
        [append(commit.term, said, 0), append(term, left, said)].map(|append| Message::Append(append).into())
    }

    /// With a number wherever there is none.
    fn about(&mut self, mut body: Body) -> Body {
        numbers(&mut body).into_iter().for_each(|(_, number)| *number = self.number(*number));
        body
    }

    /// Near what it was, near what is known, or far from everything.
    fn number(&mut self, was: u64) -> u64 {
        let near = |number: u64, by: u64| number.saturating_add(by).saturating_sub(1);
        // A term that is far off ends all elections: seldom, or nothing would happen any more.
        match self.draws.below(256) {
            0..80 => near(was, self.draws.below(3)),
            80..210 => {
                let known = self.one_of(self.facts.len());
                near(self.facts.get(known).copied().unwrap_or_default(), self.draws.below(3))
            }
            210..232 => was.saturating_add(self.draws.below(1_000)),
            232..254 => self.draws.below(2),
            254 => self.draws.bits() >> self.draws.below(64),
            _ => u64::MAX >> self.draws.below(4),
        }
    }

    /// A place in what has so many; 0 if that is none.
    fn one_of(&mut self, len: usize) -> usize {
        self.draws.below(len.max(1) as u64) as usize
    }

    /// A life of one of both, or of nobody.
    fn life(&mut self) -> Incarnation {
        let known = self.one_of(self.lives.len());
        Incarnation(self.lives.get(known).copied().unwrap_or_default() ^ self.draws.below(2))
    }

    /// Fewer of them, more, or others.
    fn entries(&mut self, were: &Entries) -> Entries {
        let mut entries = were.to_vec();
        for _ in 0..=self.draws.below(3) {
            let nth = self.draws.below(entries.len() as u64 + 1) as usize;
            match (self.draws.below(4), entries.get_mut(nth)) {
                (0, Some(_)) => _ = entries.remove(nth),
                (1, Some(entry)) => entry.term = Term(self.number(entry.term.0)),
                (2, Some(entry)) => {
                    let (term, kind) = (entry.term, self.kind());
                    let bytes = if self.spells { self.words(kind) } else { self.bytes(&entry.bytes) };
                    *entry = Entry::new(term, kind, bytes);
                }
                _ => {
                    let term = entries.get(nth).or(entries.last()).map_or(0, |entry| entry.term.0);
                    let kind = self.kind();
                    let bytes = self.words(kind);
                    entries.insert(nth, Entry::new(Term(self.number(term)), kind, bytes));
                }
            }
        }
        entries.into()
    }

    fn kind(&mut self) -> EntryKind {
        EntryKind::from_u8(self.draws.below(4) as u8).expect("four kinds are known")
    }

    /// A command of a session that may be known, or the opening of one; or no words at all, if it need not spell.
    fn words(&mut self, kind: EntryKind) -> Bytes {
        if !self.spells && self.draws.chance(1, 2) {
            return self.bytes(&Bytes::new());
        }
        let (session, sequence) = (SessionId(self.number(0)), self.number(0).max(1));
        let change = Change { key: 0, number: self.number(0), expected: None, pad: 0 };
        match kind {
            EntryKind::Command => {
                Caller { session, sequence, low: self.number(0).min(sequence) }.command(&change.to_bytes())
            }
            EntryKind::Open => Open { nonce: Nonce([sequence as u8; 16]), window: self.number(8) }.to_bytes(),
            EntryKind::Blank => Bytes::new(),
            EntryKind::Membership => self.bytes(&Bytes::new()),
        }
    }

    /// Some of them others, some more, or some fewer.
    fn bytes(&mut self, were: &[u8]) -> Bytes {
        let mut bytes = were.to_vec();
        match self.draws.below(3) {
            0 => bytes.truncate(self.draws.below(bytes.len() as u64 + 1) as usize),
            1 => bytes.extend((0..self.draws.below(ENTRY_MAX)).map(|_| self.draws.bits() as u8)),
            _ => {}
        }
        for _ in 0..self.draws.below(4) {
            let nth = self.one_of(bytes.len());
            bytes.get_mut(nth).into_iter().for_each(|byte| *byte = self.draws.bits() as u8);
        }
        bytes.into()
    }

    /// Other bytes behind the head of a packet, which is sealed anew.
    fn spoil(&mut self, packet: &Bytes) -> Bytes {
        let (head, rest) = packet.split_at(MESSAGES_FROM.min(packet.len()));
        sealed([head, &self.bytes(rest)].concat())
    }
}

#[cfg(test)]
mod tests;
