//! Everything around the peers: network, disks, clients, and the plan of what goes wrong.
//!
//! ```text
//!   turn of a cell ──> turned: packets it sent, flushes it asked for, answers it gave ──> events to come
//!   event          ──> run:    a packet arrives, a flush is over, a client acts, a fault strikes
//! ```

use crate::account::LOOK;
use crate::aim::kind;
use crate::check::{Answers, Check, Control, bodies};
use crate::client::{Came, Client, Next, Told};
use crate::effects::Effects;
use crate::event::Event;
use crate::html::Film;
use crate::liar::ASKED;
use crate::marks::Counters;
use crate::nemesis::{Armed, Held};
use crate::net::{Copy, Net};
use crate::node::{Common, Node, Sent};
use crate::parts::{Part, spend};
use crate::plan::{Fault, MS, Swarm, What};
use crate::queue::Queue;
use crate::scenario::Record;
use crate::script::Script;
use crate::shared::{Gathered, Shared};
use crate::stray::{NOBODYS, turned_away};
use crate::stream::{Purpose, clock, exponential, stream};
use crate::sums::Sums;
use crate::ties::Ties;
use crate::trace;
use bytes::Bytes;
use rsm::fsm::{CellId, VirtualTime, World as Around};
use rsm::raft::consensus::{Consensus, Role};
use rsm::raft::{NodeId, Seq, Time};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The world of one run.
pub struct World {
    pub(crate) seed: u64,
    pub(crate) turns: u64,
    pub(crate) swarm: Arc<Swarm>,
    pub(crate) net: Net,
    pub(crate) nodes: Vec<Node>,
    pub(crate) plan: Vec<Fault>,
    pub(crate) check: Arc<Shared<Check>>,
    pub(crate) answers: Answers,
    pub(crate) sums: Sums,
    pub(crate) marks: Counters,
    /// What became of the plan's faults.
    pub(crate) effects: Effects,
    /// Where nothing is to go wrong.
    pub(crate) control: Option<Control>,
    /// No fault of the plan strikes any more.
    pub(crate) is_calm: bool,
    /// Since then clients begin nothing new.
    pub(crate) rests_since: Option<Time>,
    /// Clients speak to these alone.
    pub(crate) spoken_to: Option<BTreeSet<usize>>,
    /// The mean latency of a disk operation, in nanoseconds.
    pub(crate) disk_mean: u64,
    /// One whose disk takes longer, and how long it takes.
    pub(crate) slow_disk: Option<(usize, u64)>,
    /// Faults that wait for a moment.
    pub(crate) armed: Vec<Armed>,
    /// What a node says in this turn comes later.
    pub(crate) held: Option<Held>,
    /// Until when clients reach only these: a bit set is one of them.
    pub(crate) aside: (Time, u32),
    /// When the last packet arrives that is on its way.
    pub(crate) last_arrival: Time,
    pub(crate) queue: Queue<Event>,
    clients: Vec<Client>,
    pub(crate) script: Script,
    /// The moment that somebody waits for has come.
    pub(crate) has_passed: bool,
    /// What clients ask for and what becomes of packets, if it is to be written down.
    pub(crate) record: Option<Record>,
    /// A rule was broken.
    broken: Arc<AtomicBool>,
    told: Arc<Gathered<Told>>,
    sent: Arc<Gathered<Sent>>,
    ties: Ties,
    pub(crate) now: Time,
    /// What the last step was, in words, if anybody wants to know.
    pub(crate) story: Option<String>,
    /// What clients have asked and were told in it.
    pub(crate) said: Vec<String>,
    /// What is seen, if there is to be a picture.
    pub(crate) film: Option<Film>,
    /// Nodes that go on, and whose clock leaps only behind the first turn of their replica.
    pub(crate) late_clocks: Vec<usize>,
    /// How many sessions were opened.
    opened: u64,
    /// Clients that are silent until so many are.
    asleep: Vec<(usize, u64)>,
}

impl World {
    /// Nodes that start at once, clients that begin soon, and a plan.
    #[must_use]
    pub fn new(seed: u64, swarm: Swarm, plan: Vec<Fault>, time: &VirtualTime) -> World {
        let check = Arc::new(Shared::new(Check::new(swarm.sessions_max)));
        if 0 < swarm.liars {
            check.lock().asks_only(&ASKED);
        }
        let (swarm, sent) = (Arc::new(swarm), Arc::default());
        let common = Common { seed, swarm: Arc::clone(&swarm), check: Arc::clone(&check), sent: Arc::clone(&sent) };
        let node = |id: usize| Node::new(id, time.with_clock(clock(seed, id, swarm.drift_ppm)), common.clone());
        let (told, broken) = (Arc::<Gathered<Told>>::default(), check.lock().flag());
        let client = |id: usize| Client::new(id, stream(seed, Purpose::Client, id as u64), &swarm, Arc::clone(&told));
        let ties = Ties::new(seed, swarm.ties);
        let mut world = World {
            seed,
            turns: 0,
            net: Net::new(seed, swarm.nodes, swarm.weather),
            nodes: (0..swarm.nodes).map(node).collect(),
            clients: (0..swarm.clients).map(client).collect(),
            control: (swarm.is_control && plan.is_empty()).then(Control::default),
            effects: Effects::default(),
            plan,
            check,
            answers: Answers::default(),
            sums: Sums::default(),
            marks: Counters::default(),
            is_calm: false,
            rests_since: None,
            spoken_to: None,
            disk_mean: swarm.disk_mean,
            slow_disk: None,
            script: Script::beside(swarm.clients),
            swarm,
            armed: Vec::new(),
            held: None,
            aside: (Time::ZERO, 0),
            last_arrival: Time::ZERO,
            queue: Queue::default(),
            has_passed: false,
            record: None,
            broken,
            told,
            sent,
            ties,
            now: Time::ZERO,
            story: None,
            said: Vec::new(),
            film: None,
            late_clocks: Vec::new(),
            opened: 0,
            asleep: Vec::new(),
        };
        world.answers.never(NOBODYS);
        world.answers.go_by(world.nodes.iter().map(|node| node.time.clone()));
        let rolls_back = world.plan.iter().any(|fault| matches!(fault.what, What::Rollback { .. }));
        world.nodes.iter_mut().for_each(|node| node.keeps_former = rolls_back);
        (0..world.nodes.len()).for_each(|node| world.push(Time(node as u64), Event::Start { node }));
        (0..world.clients.len()).for_each(|client| world.push(Time(MS), Event::Client(client)));
        let faults: Vec<Time> = world.plan.iter().map(|fault| fault.at).collect();
        faults.into_iter().enumerate().for_each(|(nth, at)| world.push(at, Event::Fault(nth)));
        world
    }

    pub(crate) fn push(&mut self, at: Time, event: Event) {
        let tie = self.ties.next(event.source());
        spend(Part::Queue, || self.queue.push(at.max(self.now), tie, event));
    }

    pub(crate) fn later(&mut self, by: u64, event: Event) {
        self.push(Time(self.now.0.saturating_add(by)), event);
    }

    /// Whether a rule was broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        // Relaxed: the simulation is one thread.
        self.broken.load(Ordering::Relaxed)
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Fault(nth) => self.strike(nth),
            Event::Arrive { from, to, copy, bytes } => self.arrive(from, to, copy, bytes),
            Event::Flushed { node, life, seq } => self.flushed(node, life, seq),
            Event::Start { node } => self.start(node),
            Event::Resume { node, life } => self.resume(node, life),
            Event::Quick { node, life } => self.quicken(node, life),
            Event::Room { node } => self.make_room(node),
            Event::Client(client) => self.act(client),
            Event::Calls(nth) => self.call(nth),
            Event::Pass => self.has_passed = true,
        }
    }

    fn arrive(&mut self, from: usize, to: usize, copy: Copy, bytes: Bytes) {
        if !self.net.arrive(from, to, copy, self.nodes[to].process.is_some()) {
            return;
        }
        self.follow((from, to), copy.number, &bytes);
        self.may_be_a_last_word(from, to);
        let node = &mut self.nodes[to];
        node.strays += node.must_refuse(from, copy, &bytes);
        let Some(process) = &node.process else { return };
        match copy.harm {
            None => spend(Part::Wire, || process.peer.receive(bytes)),
            Some(harm) => turned_away(&self.check, &process.peer, harm.done_to(&bytes)),
        }
    }

    fn flushed(&mut self, node: usize, life: u64, seq: Seq) {
        let node = &mut self.nodes[node];
        let Some(process) = node.process.as_ref().filter(|_| node.life == life) else { return };
        if self.now < node.stuck_until {
            let (at, node) = (node.stuck_until, node.id);
            return self.push(at, Event::Flushed { node, life, seq });
        }
        let done = process.log.complete(seq);
        if node.disk.struck().is_some() {
            return; // seen after this step: the power has failed in the midst of it
        }
        if done.is_ok() {
            spend(Part::Checks, || node.look(|core, _| self.check.lock().persisted(core, seq)));
        }
        process.log.wake();
    }

    fn act(&mut self, client: usize) {
        self.time_is_now();
        if self.rests_since.is_some() && self.clients[client].is_at_rest() {
            return;
        }
        self.answers.learn(&mut self.check.lock());
        let is_reached = |id: usize| self.aside.0 <= self.now || self.aside.1 >> id & 1 == 1;
        let is_spoken_to =
            |node: &&Node| is_reached(node.id) && self.spoken_to.as_ref().is_none_or(|nodes| nodes.contains(&node.id));
        let up = self.nodes.iter().filter(is_spoken_to).filter_map(|node| node.process.as_ref());
        let peers: Vec<_> = up.map(|process| &process.peer).collect();
        self.clients[client].act(&peers, &mut self.answers);
        if let Some(record) = &mut self.record {
            record.asked(self.now, client, self.clients[client].has_asked());
        }
        if let Some(film) = &mut self.film {
            self.clients[client].asked().for_each(|(node, operation, ask)| film.asked(client, node, operation, ask));
        }
        if self.story.is_some() {
            self.said.extend(self.clients[client].asked().map(|asked| trace::asks(client, asked)));
        }
        let nobody_hears = peers.is_empty();
        if nobody_hears {
            self.client_later(self.swarm.rest, client);
        }
    }

    /// One that is told twice that it is to try again tries once.
    fn client_later(&mut self, by: u64, client: usize) {
        if self.clients[client].becomes_due() {
            self.later(by, Event::Client(client));
        }
    }

    /// Silent for so long that its session is gone, if somebody opens one session after the other.
    fn sleep(&mut self, client: usize, pause: u64) {
        if self.rests_since.is_some() || !self.clients.iter().any(Client::is_flooder) {
            self.client_later(pause + SLEEP, client);
        } else {
            self.asleep.push((client, self.opened + self.swarm.sessions_max as u64));
        }
    }

    /// Those go on whose sessions must be gone by now; all of them, if nothing new is begun.
    pub(crate) fn wake(&mut self) {
        let is_due = |&(_, opened): &(usize, u64)| opened <= self.opened || self.rests_since.is_some();
        let (due, asleep) = std::mem::take(&mut self.asleep).into_iter().partition(is_due);
        self.asleep = asleep;
        let due: Vec<(usize, u64)> = due;
        due.into_iter().for_each(|(client, _)| self.client_later(0, client));
    }

    /// Whether no client waits for anything.
    pub(crate) fn clients_rest(&self) -> bool {
        self.clients.iter().all(Client::is_at_rest)
    }

    /// After so long, in nanoseconds, a ticket is given up, whatever the clock of its peer.
    pub(crate) fn timeout(&self) -> u64 {
        self.swarm.timeout.as_nanos() as u64 * 20 / 19 + 2 * self.swarm.heartbeat.as_nanos() as u64
    }

    /// What cells have done since the last look.
    fn collect(&mut self) {
        if self.nodes.iter().any(|node| node.fuse.is_some()) {
            self.blown_fuses();
        }
        if let Some(mut sent) = self.sent.take() {
            sent.drain(..).for_each(|packet| self.send(packet));
            self.sent.give_back(sent);
        }
        self.holds_no_more();
        if self.nodes.iter().any(Node::has_news) {
            for node in 0..self.nodes.len() {
                self.ask_disk(node);
                self.ended(node);
            }
        }
        if let Some(mut told) = self.told.take() {
            told.drain(..).for_each(|told| self.tell(told));
            self.told.give_back(told);
        }
        self.hear();
    }

    fn send(&mut self, packet: Sent) {
        let Sent { from, to, bytes } = packet;
        if let Some(control) = &mut self.control {
            bodies(&bytes, NodeId(to as u64)).for_each(|body| control.sent(to, &body));
        }
        // A node that has lost power in this turn has said nothing.
        let disk = &self.nodes[from].disk;
        let departs = |core: &Consensus, _: &Role| self.check.lock().departs(core, NodeId(to as u64), bytes, disk);
        let Some(mut bytes) = spend(Part::Checks, || self.nodes[from].look(departs)) else { return };
        self.may_be_wasted(from, to, &bytes);
        if from < self.swarm.liars {
            bytes = self.lie(from, to, bytes);
        }
        let (mut bytes, unknown) = self.told_by_its_version(from, to, bytes);
        let copies = if self.net.is_aiming() {
            let kinds: Vec<_> = bodies(&bytes, NodeId(to as u64)).map(|body| kind(&body)).collect();
            self.net.send_aimed(from, to, self.now, bytes.len(), &kinds)
        } else {
            self.net.send(from, to, self.now, bytes.len())
        };
        if let Some(record) = &mut self.record
            && !self.net.is_cut(from, to, self.now)
            && !self.is_calm
        {
            let kinds = bodies(&bytes, NodeId(to as u64)).map(|body| kind(&body)).collect();
            record.sent(self.now, (from, to), kinds, self.net.calm_arrival(from, to, self.now), copies);
        }
        let copies = match self.held.as_mut().filter(|held| held.node == from) {
            Some(held) => {
                held.has_held |= copies.iter().any(Option::is_some);
                self.net.hold((from, to), copies, *held)
            }
            None => copies,
        };
        if let Some(film) = &mut self.film {
            film.sent((from, to), &bytes, self.net.is_cut(from, to, self.now), copies);
        }
        let last = copies.iter().rposition(Option::is_some);
        for (nth, copy) in copies.into_iter().enumerate() {
            let Some(copy) = copy.map(|copy| Copy { unknown, ..copy }) else { continue };
            let bytes = if Some(nth) == last { std::mem::take(&mut bytes) } else { bytes.clone() };
            self.last_arrival = self.last_arrival.max(copy.at);
            self.push(copy.at, Event::Arrive { from, to, copy, bytes });
        }
    }

    fn ask_disk(&mut self, id: usize) {
        let node = &mut self.nodes[id];
        let Some(seq) = node.process.as_ref().and_then(|process| process.log.asked()) else { return };
        node.flushes += 1;
        let slow = self.slow_disk.filter(|(slow, _)| *slow == id);
        let latency = exponential(node.draw_latency(), slow.map_or(self.disk_mean, |(_, mean)| mean));
        let (at, life) = (Time(self.now.0 + latency).max(node.stuck_until), node.life);
        self.push(at, Event::Flushed { node: id, life, seq });
    }

    /// The last answers: nobody acts on them any more.
    pub(crate) fn gather(&mut self) {
        for told in self.told.take().unwrap_or_default() {
            self.answered(told.call, told.of, told.outcome);
            self.clients[told.client].on_told(told, &mut self.answers);
        }
        self.hear();
    }

    /// A step is over: what clients have asked and were told is part of it.
    fn tell_story(&mut self) {
        if let Some(story) = &mut self.story {
            story.push_str(&trace::clients(&self.said));
            self.said.clear();
        }
    }

    /// A step is over: whatever has changed is on film.
    pub(crate) fn filmed(&mut self) {
        if let Some(mut film) = self.film.take() {
            film.stepped(self, self.now);
            self.film = Some(film);
        }
    }

    fn tell(&mut self, told: Told) {
        self.answered(told.call, told.of, told.outcome);
        if let Some(film) = &mut self.film {
            film.told(&told);
        }
        if self.story.is_some() {
            self.said.push(trace::told(&told));
        }
        if told.outcome.is_ok_and(|(_, came)| matches!(came, Came::Opened(_))) {
            self.opened += 1;
            self.wake();
        }
        let client = &mut self.clients[told.client];
        let pause = exponential(client.draw(), self.swarm.rest);
        match client.on_told(told, &mut self.answers) {
            Next::Stale => {}
            Next::Rest | Next::Again => self.client_later(pause, told.client),
            Next::Sleep => self.sleep(told.client, pause),
            Next::Violated { floor, seen } => {
                self.check
                    .lock()
                    .break_rule("R17", format!("a read saw {seen} where {floor} were acknowledged before"));
            }
        }
    }
}

impl World {
    /// What happens next, and all that follows at once.
    fn happen(&mut self, time: &VirtualTime) -> [u64; 3] {
        let nothing_is_in_hand = self.now < time.now();
        self.now = time.now();
        if nothing_is_in_hand && self.turns.is_multiple_of(LOOK) {
            spend(Part::Checks, || self.counts());
        }
        let Some((_, event)) = spend(Part::Queue, || self.queue.pop()) else { return [0; 3] };
        let acting = if let Event::Client(client) = event { Some(client) } else { None };
        let mut name = event.name(event.node().map_or(0, |node| self.nodes[node].life));
        if self.story.is_some() {
            self.story = Some(trace::event(self, &event));
        }
        if let Some(film) = &mut self.film {
            let is_up = |to: usize| self.nodes[to].process.is_some();
            let is_lost =
                matches!(event, Event::Arrive { from, to, copy, .. } if self.net.is_crowded_out(from, to, copy));
            let is_up = matches!(event, Event::Arrive { to, .. } if is_up(to));
            film.event(&event, is_up, is_lost, self.now);
        }
        let node = event.node();
        self.on_event(event);
        if let Some(client) = acting {
            name = Event::Client(client).name(self.clients[client].names_asked());
        }
        self.answer_event(node);
        self.collect();
        self.filmed();
        self.tell_story();
        name
    }

    /// What a turn of that cell has brought about.
    fn look_back(&mut self, cell: CellId, time: &VirtualTime) -> [u64; 3] {
        self.now = time.now();
        self.answer_turn(cell);
        self.collect();
        self.filmed();
        self.turns += 1;
        if let Some(&id) = self.late_clocks.iter().find(|&&id| self.nodes[id].cell() == Some(cell)) {
            self.release(id);
        }
        if self.story.is_some() {
            self.story = Some(trace::turn(self, cell));
            self.tell_story();
        }
        let Some(id) = self.nodes.iter().position(|node| node.cell() == Some(cell)) else { return [0; 3] };
        let seen = self.nodes[id].look(|core, role| {
            let (last, mark) = (core.log().last().index, core.log().snapshot().index);
            ([core.term().0, last.0, core.commit().0], (core.term(), last, mark), role.is_leader())
        });
        let Some((seen, come_to, leads)) = seen else { return [0; 3] };
        self.nodes[id].has_led |= leads;
        spend(Part::Checks, || self.keeps(id, come_to));
        seen
    }
}

impl Around for World {
    fn next(&self) -> Option<Time> {
        self.queue.next()
    }

    fn run(&mut self, time: &VirtualTime) -> [u64; 3] {
        spend(Part::World, || self.happen(time))
    }

    fn turned(&mut self, cell: CellId, time: &VirtualTime) -> [u64; 3] {
        spend(Part::World, || self.look_back(cell, time))
    }
}

/// How long an idle client sleeps where nobody costs it its session.
const SLEEP: u64 = 700 * MS;

#[cfg(test)]
mod tests;
