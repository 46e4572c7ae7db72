//! What a story has a member say, whatever that member says itself: a message that is forged, or out of its place.
//!
//! ```text
//!   tell L from A AppendReply track 99 matched L.last+1
//!        └─ to  └─ in the name of A, as L knows it      it comes at once, whatever the links, and is A's word to L
//! ```
//! All rules stay on: what nobody of the members would say must change nothing, or stop whom it reaches. Where it is a
//! leader's word, and its follower has to believe it, the story says `lie to`: from then on is asked what is asked where
//! members lie (`liar`).

use crate::event::Event;
use crate::liar::ASKED;
use crate::net::Copy;
use crate::numbers::{blank, numbers};
use crate::version::extended;
use crate::world::World;
use bytes::Bytes;
use rsm::raft::consensus::{Consensus, Message, Outcome, Role};
use rsm::raft::wire::{Body, Head, Packer};
use rsm::raft::{Entry, Identity, Incarnation, Index, NodeId, Term};

/// What is said of a message beyond its own numbers: they are those of its packet, or of what it holds.
const MORE: [(&str, &[&str]); 5] = [
    ("granted", &["PreVoteReply", "VoteReply"]),
    ("entries", &["Append"]),
    ("entry-term", &["Append"]),
    ("conflict-term", &["AppendReply"]),
    ("conflict", &["AppendReply"]),
];
/// Of a packet of any kind: an extension of this tag stands behind its message; or it is another life's, if this is not 0.
const OF_ALL: [&str; 2] = ["extension", "life"];
/// A piece of a snapshot has so many bytes.
const PIECE: [u8; 8] = [0; 8];

/// A message; nodes by name or by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tell<N> {
    /// Who is told.
    pub to: N,
    /// In whose name.
    pub from: N,
    /// The kind of message, of [`KINDS`](crate::aim::KINDS).
    pub kind: &'static str,
    /// What it says, each once.
    pub says: Vec<(&'static str, Number<N>)>,
    /// A follower has to believe it.
    pub is_lie: bool,
}

/// A number, as a story knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Number<N> {
    /// This one.
    Plain(u64),
    /// What a node holds when it is told, and so much more, or less.
    Of(N, Fact, i64),
}

/// What a node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Its term.
    Term,
    /// The index of its last entry.
    Last,
    /// The term of that.
    LastTerm,
    /// Its commit.
    Commit,
    /// The index that its snapshot covers.
    Snapshot,
}

/// The facts, by the words of a script.
pub(crate) const FACTS: [(&str, Fact); 5] = [
    ("term", Fact::Term),
    ("last", Fact::Last),
    ("last-term", Fact::LastTerm),
    ("commit", Fact::Commit),
    ("snapshot", Fact::Snapshot),
];

/// The name of what a message of this kind may say, if it may.
pub(crate) fn said_of(kind: &str, name: &str) -> Option<&'static str> {
    let own =
        blank(kind).and_then(|mut body| numbers(&mut body).into_iter().map(|(own, _)| own).find(|own| *own == name));
    let more = MORE.into_iter().find(|(more, kinds)| *more == name && kinds.contains(&kind)).map(|(more, _)| more);
    own.or(more).or(OF_ALL.into_iter().find(|all| *all == name))
}

impl<N> Tell<N> {
    /// With each node as `of` has it.
    ///
    /// # Errors
    /// Those of `of`.
    pub(crate) fn map<M, E>(&self, mut of: impl FnMut(&N) -> Result<M, E>) -> Result<Tell<M>, E> {
        let Tell { to, from, kind, says, is_lie } = self;
        let mut number = |number: &Number<N>| {
            Ok(match number {
                Number::Plain(number) => Number::Plain(*number),
                Number::Of(node, fact, by) => Number::Of(of(node)?, *fact, *by),
            })
        };
        let says = says.iter().map(|(name, said)| Ok((*name, number(said)?))).collect::<Result<_, E>>()?;
        Ok(Tell { to: of(to)?, from: of(from)?, kind, says, is_lie: *is_lie })
    }

    /// All nodes that it names.
    pub(crate) fn nodes_mut(&mut self) -> Vec<&mut N> {
        let Tell { to, from, says, .. } = self;
        let mut nodes = vec![to, from];
        for (_, said) in says {
            if let Number::Of(node, ..) = said {
                nodes.push(node);
            }
        }
        nodes
    }
}

impl World {
    /// A member is told. Whether it is up, and knows whose word that is.
    pub(crate) fn forge(&mut self, tell: &Tell<usize>) -> bool {
        let (from, to) = (tell.from, tell.to);
        let Some(bytes) = self.forged(tell) else { return false };
        if tell.is_lie {
            self.check.lock().asks_only(&ASKED);
            self.nodes.iter_mut().for_each(|node| node.is_lied_to = true);
        }
        self.nodes[to].is_lied_to = true;
        let is_of = |name: &str, holds: fn(u64) -> bool| {
            tell.says.iter().any(|(own, said)| *own == name && self.number(said).is_some_and(holds))
        };
        // A message that its receiver may not take, and turns away.
        let unknown = u64::from(is_of("extension", |tag| tag % 2 == 0));
        let copy = Copy { unknown, ..self.net.slip_in(from, to, self.now) };
        if let Some(film) = &mut self.film {
            film.sent((from, to), &bytes, false, [Some(copy), None]);
        }
        self.push(copy.at, Event::Arrive { from, to, copy, bytes });
        true
    }

    /// The packet; `None` if its receiver is down, or knows no life of whose word that is, or a number is of who is down.
    fn forged(&self, tell: &Tell<usize>) -> Option<Bytes> {
        let (from, to) = (NodeId(tell.from as u64), tell.to);
        let peer = &self.nodes[to].process.as_ref()?.peer;
        let us = peer.identity();
        let mut head = Head {
            cluster: peer.cluster(),
            from: Identity { node: from, incarnation: self.nodes[to].look(|core, _| core.bindings().of(from))?? },
            to: us.node,
            to_life: Some(us.incarnation),
        };
        let (mut body, mut extension, mut entries, mut entry_term) = (self.usual(tell)?, None, 0, None);
        for (name, said) in &tell.says {
            let number = self.number(said)?;
            match *name {
                "life" => head.from.incarnation = Incarnation(head.from.incarnation.0 ^ number),
                "extension" => extension = Some(number),
                "entries" => entries = number,
                "entry-term" => entry_term = Some(Term(number)),
                name => say(&mut body, name, number),
            }
        }
        if let Body::Message(Message::Append(append)) = &mut body {
            append.entries = (0..entries).map(|_| Entry::blank(entry_term.unwrap_or(append.term))).collect();
        }
        let mut packer = Packer::default();
        packer.begin(&head);
        packer.put(&body);
        let bytes = packer.seal();
        extension.map_or_else(|| Some(Bytes::copy_from_slice(bytes)), |tag| extended(bytes, tag))
    }

    /// What it says but for what the script says: in the receiver's term, and in the track in which the one of both that
    /// leads knows the other.
    fn usual(&self, tell: &Tell<usize>) -> Option<Body> {
        let mut body = blank(tell.kind)?;
        let track = |leader: usize, other: usize| {
            self.nodes[leader].look(|_, role| match role {
                Role::Leader(leader) => {
                    leader.progress().find(|(id, _)| id.0 == other as u64).map(|(_, progress)| progress.track.0)
                }
                _ => None,
            })?
        };
        let track = track(tell.to, tell.from).or_else(|| track(tell.from, tell.to)).unwrap_or_default();
        say(&mut body, "term", self.fact(tell.to, Fact::Term)?);
        say(&mut body, "track", track);
        if let Body::Chunk(chunk) = &mut body {
            (chunk.bytes, chunk.crc) = (Bytes::from_static(&PIECE), crc32c::crc32c(&PIECE));
        }
        Some(body)
    }

    fn number(&self, number: &Number<usize>) -> Option<u64> {
        match *number {
            Number::Plain(number) => Some(number),
            Number::Of(node, fact, by) => self.fact(node, fact).map(|number| number.saturating_add_signed(by)),
        }
    }

    fn fact(&self, node: usize, fact: Fact) -> Option<u64> {
        let of = |core: &Consensus, _: &Role| match fact {
            Fact::Term => core.term().0,
            Fact::Last => core.log().last().index.0,
            Fact::LastTerm => core.log().last().term.0,
            Fact::Commit => core.commit().0,
            Fact::Snapshot => core.log().snapshot().index.0,
        };
        self.nodes[node].look(of)
    }
}

/// Says one thing more.
fn say(body: &mut Body, name: &str, number: u64) {
    if let Some((_, own)) = numbers(body).into_iter().find(|(own, _)| *own == name) {
        *own = number;
        return;
    }
    match (body, name) {
        (Body::Message(Message::PreVoteReply { granted, .. } | Message::VoteReply { granted, .. }), "granted") => {
            *granted = number != 0;
        }
        (Body::Message(Message::AppendReply { outcome, .. }), "conflict" | "conflict-term") => {
            let (term, index) = if name == "conflict" { (0, number) } else { (number, 0) };
            *outcome = Outcome::Conflict { term: Term(term), index: Index(index) };
        }
        _ => {}
    }
}
