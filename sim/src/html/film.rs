//! A run as it is seen from outside: packets, peers, clients, faults, each at its time.
//!
//! ```text
//!   world ── each packet, arrival, question, answer, fault ──┐
//!   peers ── looked at after each step: is one another? ─────┴──> notes, in order ──> a page
//! ```

use super::note::{Ask, End, Fate, Frame, Note, What, words};
use super::sentence::Mark;
use crate::check::bodies;
use crate::client::Told;
use crate::event::Event;
use crate::net::Copy;
use crate::world::World;
use bytes::Bytes;
use rsm::raft::NodeId;
use rsm::time::Time;
use std::collections::BTreeMap;

/// What is on film so far.
#[derive(Debug, Default)]
pub struct Film {
    pub(super) notes: Vec<Note>,
    /// What was said in this step: it stands after what made it be said.
    said: Vec<What>,
    pub(super) frames: Vec<Frame>,
    /// By link: the numbers of the packets that it was given.
    links: Vec<Vec<usize>>,
    packets: usize,
    pub(super) spells: Vec<Spell>,
    /// The last spell of each sort, by what it is of.
    latest: BTreeMap<Lasting, usize>,
    pub(super) marks: Vec<Mark>,
    pub(super) clients: usize,
    pub(super) now: Time,
}

/// Something that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spell {
    pub(super) what: Lasting,
    pub(super) from: Time,
    pub(super) until: Time,
}

/// What may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lasting {
    /// Nothing passes from one node to another.
    Cut(usize, usize),
    /// What passes is held up.
    Clogged(usize, usize),
    /// No part of a process takes a turn.
    Paused(usize),
    /// Its disk completes nothing.
    Stuck(usize),
    /// Its disk has no room.
    Full(usize),
}

impl Film {
    /// Nothing yet, of so many peers.
    #[must_use]
    pub(crate) fn new(nodes: usize) -> Film {
        Film { frames: vec![Frame::default(); nodes], links: vec![Vec::new(); nodes * nodes], ..Film::default() }
    }

    fn note(&mut self, what: What) {
        self.notes.push(Note { at: self.now, what });
    }

    /// A packet is given to the network, which makes these copies of it.
    pub(crate) fn sent(&mut self, (from, to): (usize, usize), bytes: &Bytes, cut: bool, copies: [Option<Copy>; 2]) {
        let fate = match copies {
            [None, None] if cut => Fate::Cut,
            [None, None] => Fate::Lost,
            [Some(_), Some(_)] => Fate::Doubled,
            [Some(_), None] | [None, Some(_)] => Fate::Alone,
        };
        let bodies = bodies(bytes, NodeId(to as u64)).filter_map(|body| words(&body)).collect();
        let nodes = self.frames.len();
        self.links[from * nodes + to].push(self.packets);
        self.packets += 1;
        self.said.push(What::Sent { from, to, fate, bodies });
    }

    /// An event of the world is about to happen.
    pub(crate) fn event(&mut self, event: &Event, is_up: bool, is_lost: bool, now: Time) {
        self.now = now;
        if let Event::Arrive { from, to, copy, .. } = event {
            let packet = self.links[from * self.frames.len() + to][copy.number as usize];
            let end = match copy.harm {
                _ if is_lost => End::Crowded,
                _ if !is_up => End::Missed,
                Some(_) => End::Damaged,
                None => End::Taken,
            };
            self.note(What::Came { packet, end });
        }
    }

    /// A client asks a peer.
    pub(crate) fn asked(&mut self, client: usize, node: usize, operation: u64, ask: Ask) {
        self.clients = self.clients.max(client + 1);
        self.said.push(What::Asked { client, node, operation, ask });
    }

    /// A client is told.
    pub(crate) fn told(&mut self, told: &Told) {
        let came = told.outcome.map_or_else(|why| 1 + why as u64, |_| 0);
        self.said.push(What::Told { client: told.client, operation: told.operation, came });
    }

    /// Something is to be seen at this moment.
    pub(crate) fn mark(&mut self, mark: Mark, now: Time) {
        self.now = now;
        self.marks.push(mark);
        self.note(What::Marked(self.marks.len() - 1));
    }

    /// A step is over: who is another now?
    pub(crate) fn stepped(&mut self, world: &World, now: Time) {
        self.now = now;
        for node in &world.nodes {
            let before = &self.frames[node.id];
            let frame = node.look(|core, role| Frame::of(core, role, node.life)).unwrap_or_else(|| before.down());
            if frame != *before {
                self.frames[node.id] = frame.clone();
                self.note(What::Changed { node: node.id, frame: Box::new(frame) });
            }
            self.lasts(Lasting::Paused(node.id), node.paused_until);
            self.lasts(Lasting::Stuck(node.id), node.stuck_until);
            self.lasts(Lasting::Full(node.id), node.full_until);
        }
        let nodes = self.frames.len();
        for (from, to) in (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to))) {
            let (cut_until, clogged_until) = world.net.troubled_until(from, to);
            self.lasts(Lasting::Cut(from, to), cut_until);
            self.lasts(Lasting::Clogged(from, to), clogged_until);
        }
        let said = std::mem::take(&mut self.said);
        said.into_iter().for_each(|what| self.note(what));
    }

    /// Something lasts until then, as is known now: longer than before, or shorter.
    fn lasts(&mut self, what: Lasting, until: Time) {
        let now = self.now;
        let latest = self.latest.get(&what).map(|&place| &mut self.spells[place]);
        match latest.filter(|spell| now < spell.until) {
            Some(spell) => spell.until = until.max(now),
            None if now < until => {
                self.latest.insert(what, self.spells.len());
                self.spells.push(Spell { what, from: now, until });
            }
            None => {}
        }
    }
}
