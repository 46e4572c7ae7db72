//! A few machines, a bad network, disks that forget, and a clock that jumps: all of it from one seed.
//!
//! ```text
//!   queue of (time, what)  ──>  one machine steps, flushes  ──>  effects: packets, records, entries to apply
//!                               every rule is asked after each step
//! ```

use super::disk::{Disk, File};
use super::{MS, command, options};
use rsm::mix::{Draws, mix};
use rsm::raft::consensus::{Append, Committed, Effect, Input, Machine, Message, Options, Role};
use rsm::raft::invariants::Watch;
use rsm::raft::{Entry, Identity, Incarnation, Index, LogId, NodeId, Seq, Term, Time, Token, Track};
use std::collections::{BTreeMap, BTreeSet};

/// What goes wrong, each as chances in a thousand.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    pub lost: u64,
    pub doubled: u64,
    pub late: u64,
    /// Per simulated 10 ms: some peer crashes, or some link is cut.
    pub crashes: u64,
    pub cuts: u64,
}

impl Faults {
    pub const NONE: Faults = Faults { lost: 0, doubled: 0, late: 0, crashes: 0, cuts: 0 };
    pub const MANY: Faults = Faults { lost: 60, doubled: 50, late: 30, crashes: 20, cuts: 15 };
}

#[derive(Debug)]
enum Event {
    Packet { to: NodeId, from: Identity, incarnation: Option<Incarnation>, message: Message },
    Synced { of: NodeId, life: u64, seq: Seq },
    Chunks { of: NodeId, life: u64, to: NodeId, at: LogId, term: Term, track: Track },
    Start(NodeId),
    Heal(NodeId, NodeId),
}

pub struct Peer {
    pub machine: Option<Machine>,
    pub disk: Disk,
    /// The state machine: what was applied.
    pub state: Vec<Entry>,
    pub answers: Vec<Effect>,
    life: u64,
    options: Options,
}

pub struct Cluster {
    pub now: Time,
    pub peers: BTreeMap<NodeId, Peer>,
    pub watch: Watch,
    pub faults: Faults,
    pub cut: BTreeSet<(NodeId, NodeId)>,
    /// Effects of the latest steps, for tests that look.
    pub delivered: u64,
    pub installed: u64,
    pub elections: u64,
    /// Reads that wait, each with the number of entries acknowledged to anyone before it was asked.
    reads: BTreeMap<Token, Index>,
    readable: BTreeMap<Token, (NodeId, Index)>,
    snapshot_every: u64,
    queue: BTreeMap<(Time, u64), Event>,
    draws: Draws,
    seed: u64,
    count: u64,
}

impl Cluster {
    /// `n` peers that have never run.
    pub fn new(n: u64, seed: u64, faults: Faults, change: impl Fn(&mut Options)) -> Cluster {
        let peer = |id| {
            let mut options = options(id, n);
            change(&mut options);
            let disk = Disk::new(mix(seed, id, 0) | 1);
            (NodeId(id), Peer { machine: None, disk, state: vec![], answers: vec![], life: 0, options })
        };
        let mut cluster = Cluster {
            now: Time(1_000 * MS),
            peers: (0..n).map(peer).collect(),
            watch: Watch::new(),
            faults,
            cut: BTreeSet::new(),
            delivered: 0,
            installed: 0,
            elections: 0,
            reads: BTreeMap::new(),
            readable: BTreeMap::new(),
            snapshot_every: if seed.is_multiple_of(2) { 6 } else { u64::MAX },
            queue: BTreeMap::new(),
            draws: Draws::new(seed),
            seed,
            count: 0,
        };
        (0..n).for_each(|id| cluster.at(0, Event::Start(NodeId(id))));
        cluster
    }

    /// `n` peers that are born, with these terms and logs, none of which has started yet.
    pub fn of_logs(seed: u64, logs: &[(u64, &[u64])]) -> Cluster {
        let n = logs.len() as u64;
        let mut cluster = Cluster::new(n, seed, Faults::NONE, |_| {});
        cluster.queue.clear();
        for (id, (term, log)) in (0..n).zip(logs) {
            let peer = cluster.peers.get_mut(&NodeId(id)).expect("a member");
            peer.disk = Disk::born(id, n, *term, log);
            for record in peer.disk.records() {
                cluster.watch.keeps(NodeId(id), &record).expect("a good disk");
            }
            cluster.at(0, Event::Start(NodeId(id)));
        }
        cluster
    }

    /// Packets between two groups are lost from now on, both ways.
    pub fn part(&mut self, some: &[u64], others: &[u64]) {
        for (&a, &b) in some.iter().flat_map(|a| others.iter().map(move |b| (a, b))) {
            self.cut.extend([(NodeId(a), NodeId(b)), (NodeId(b), NodeId(a))]);
        }
    }

    fn at(&mut self, after: u64, event: Event) {
        self.count += 1;
        self.queue.insert((Time(self.now.0 + after), self.count), event);
    }

    /// Runs for this many simulated milliseconds.
    pub fn run(&mut self, ms: u64) {
        let end = Time(self.now.0 + ms * MS);
        let mut mishap = Time(self.now.0 + 10 * MS);
        loop {
            let event = self.queue.first_key_value().map_or(Time::MAX, |(&(at, _), _)| at);
            let alive = self.peers.iter().filter_map(|(&id, peer)| Some((peer.machine.as_ref()?.deadline(), id)));
            let (due, ticks) = alive.min().unwrap_or((Time::MAX, NodeId(0)));
            let next = event.min(due).min(mishap);
            if end < next {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
            if next == mishap {
                mishap = Time(mishap.0 + 10 * MS);
                self.mishaps();
            } else if event <= due {
                let (_, event) = self.queue.pop_first().expect("it was just seen");
                self.carry(event);
            } else {
                self.step(ticks, Input::Tick);
                let after = self.peers[&ticks].machine.as_ref().expect("it just ran").deadline();
                assert!(self.now < after, "R22: {ticks} would tick for ever");
            }
        }
    }

    fn mishaps(&mut self) {
        if self.draws.chance(self.faults.crashes, 1_000) {
            let victim = self.any();
            if self.peers[&victim].machine.is_some() {
                self.crash(victim);
                let pause = self.draws.below(400) * MS;
                self.at(pause, Event::Start(victim));
            }
        }
        if self.draws.chance(self.faults.cuts, 1_000) {
            let (a, b) = (self.any(), self.any());
            self.cut.insert((a, b));
            let pause = self.draws.below(1_000) * MS;
            self.at(pause, Event::Heal(a, b));
        }
    }

    fn any(&mut self) -> NodeId {
        NodeId(self.draws.below(self.peers.len() as u64))
    }

    fn carry(&mut self, event: Event) {
        match event {
            Event::Packet { to, from, incarnation, message } => {
                self.delivered += 1;
                self.step(to, Input::Receive { from, to: incarnation, message });
            }
            Event::Synced { of, life, seq } if self.peers[&of].life == life => self.synced(of, seq),
            Event::Chunks { of, life, to, at, term, track } if self.peers[&of].life == life => {
                self.transfer(of, to, at, term, track);
            }
            Event::Synced { .. } | Event::Chunks { .. } => {}
            Event::Start(id) => self.start(id),
            Event::Heal(a, b) => {
                self.cut.remove(&(a, b));
            }
        }
    }

    /// Power is lost; some of what was not synced is there all the same.
    pub fn crash(&mut self, id: NodeId) {
        let kept = self.draws.below(3) as usize;
        let peer = self.peers.get_mut(&id).expect("a member");
        peer.disk.crash(kept);
        (peer.machine, peer.life) = (None, peer.life + 1);
        self.watch.crashed(id);
    }

    /// The directory is emptied, while the peer is down.
    pub fn wipe(&mut self, id: NodeId) {
        let fresh = self.draws.bits() | 1;
        self.peers.get_mut(&id).expect("a member").disk = Disk::new(fresh);
        self.watch.wiped(id);
    }

    pub fn start(&mut self, id: NodeId) {
        let (now, seed) = (self.now, self.seed);
        let peer = self.peers.get_mut(&id).expect("a member");
        if peer.machine.is_some() {
            return;
        }
        peer.life += 1;
        let recovered = peer.disk.recover();
        peer.state = peer.disk.file.as_ref().map(|file| file.state.clone()).unwrap_or_default();
        let seed = mix(seed, id.0, peer.life);
        let machine = Machine::new(peer.options.clone(), recovered, seed, now).expect("a good start");
        self.watch.started(machine.core(), machine.role()).unwrap_or_else(|violation| panic!("{violation}"));
        peer.machine = Some(machine);
        self.flush(id);
    }

    /// One input, one flush.
    pub fn step(&mut self, id: NodeId, input: Input) {
        let now = self.now;
        let Some(machine) = &mut self.peers.get_mut(&id).expect("a member").machine else { return };
        if self.count.is_multiple_of(64) {
            let (mut once, mut twice) = (machine.clone(), machine.clone());
            let mut said = [Vec::new(), Vec::new()];
            for (machine, effects) in [&mut once, &mut twice].into_iter().zip(&mut said) {
                machine.step(input.clone(), now);
                machine.flush(now, effects);
            }
            assert!(once == twice && said[0] == said[1], "R22: the same input, the same state and effects");
        }
        let (led, term) = (machine.role().is_leader(), machine.core().term());
        if let Input::SnapshotReady { at, membership, .. } = &input {
            self.watch.arrives(machine.core(), *at, membership);
        }
        machine.step(input, now);
        self.elections += u64::from(machine.role().is_leader() && (!led || term != machine.core().term()));
        self.watch
            .stepped(machine.core(), machine.role())
            .unwrap_or_else(|violation| self.fail(&violation.to_string()));
        self.flush(id);
    }

    fn fail(&self, what: &str) -> ! {
        panic!("seed {}, at {:?}: {what}", self.seed, self.now)
    }

    fn flush(&mut self, id: NodeId) {
        let now = self.now;
        let peer = self.peers.get_mut(&id).expect("a member");
        let Some(machine) = &mut peer.machine else { return };
        let mut effects = Vec::new();
        machine.flush(now, &mut effects);
        let me = machine.core().me();
        let verdict = self.watch.flushed(machine.core(), machine.role(), &effects);
        verdict.unwrap_or_else(|violation| panic!("seed {}, at {now:?}: {violation}", self.seed));
        let mut last = None;
        for effect in effects {
            match effect {
                Effect::Persist(seq, record) => {
                    self.peers.get_mut(&id).expect("a member").disk.stage(seq, record);
                    last = Some(seq);
                }
                Effect::Send { to, incarnation, message } => self.send(me, to, incarnation, message),
                Effect::Load { to, incarnation, append, range, terms, bytes_max } => {
                    self.load(me, to, incarnation, append, (range, terms, bytes_max));
                }
                Effect::Apply(committed) => self.apply(id, committed),
                Effect::Install { at } => self.install(id, at),
                Effect::SendSnapshot { to, at, term, track } => {
                    let life = self.peers[&id].life;
                    self.at(20 * MS, Event::Chunks { of: id, life, to, at, term, track });
                }
                Effect::Release(keep) => self.peers.get_mut(&id).expect("a member").disk.release(keep),
                Effect::Readable { token, index } => {
                    self.readable.insert(token, (id, index));
                }
                Effect::Placed { .. } | Effect::Refused { .. } => {
                    self.peers.get_mut(&id).expect("a member").answers.push(effect);
                }
                _ => {}
            }
        }
        if let Some(seq) = last {
            let (life, takes) = (self.peers[&id].life, MS / 10 + self.draws.below(3 * MS));
            self.at(takes, Event::Synced { of: id, life, seq });
        }
        self.answer_reads(id);
    }

    fn send(&mut self, from: Identity, to: NodeId, incarnation: Option<Incarnation>, message: Message) {
        if self.cut.contains(&(from.node, to)) || self.draws.chance(self.faults.lost, 1_000) {
            return;
        }
        let copies = 1 + u64::from(self.draws.chance(self.faults.doubled, 1_000));
        for _ in 0..copies {
            let late = if self.draws.chance(self.faults.late, 1_000) { self.draws.below(3_000) * MS } else { 0 };
            let takes = MS / 2 + self.draws.below(4 * MS) + late;
            self.at(takes, Event::Packet { to, from, incarnation, message: message.clone() });
        }
    }

    fn load(
        &mut self,
        me: Identity,
        to: NodeId,
        incarnation: Option<Incarnation>,
        append: Append,
        (range, terms, bytes_max): (std::ops::Range<Index>, Vec<(Index, Term)>, usize),
    ) {
        let Some(entries) = self.peers[&me.node].disk.read(range.clone(), bytes_max) else { return };
        let named = |index| terms.iter().rfind(|run| run.0 <= Index(index)).map(|run| run.1);
        if (range.start.0..).zip(&entries).all(|(index, entry)| named(index) == Some(entry.term)) {
            let message = Message::Append(Append { entries: entries.into(), ..append });
            self.send(me, to, incarnation, message);
        }
    }

    fn synced(&mut self, of: NodeId, seq: Seq) {
        let peer = self.peers.get_mut(&of).expect("a member");
        peer.disk.sync(seq);
        let Some(machine) = &peer.machine else { return };
        let verdict = self.watch.persisted(machine.core(), seq);
        verdict.unwrap_or_else(|violation| self.fail(&violation.to_string()));
        self.step(of, Input::Persisted(seq));
    }

    fn apply(&mut self, id: NodeId, committed: Committed) {
        let every = self.snapshot_every;
        let peer = self.peers.get_mut(&id).expect("a member");
        let (first, entries) = match committed {
            Committed::Entries { first, entries } => (first, entries.to_vec()),
            Committed::Range(range) => {
                (range.start, peer.disk.read(range, usize::MAX).expect("what is applied is durable"))
            }
        };
        assert_eq!(first.0, peer.state.len() as u64 + 1, "R12: each index once, in order");
        peer.state.extend(entries);
        let applied = peer.state.len() as u64;
        let marked = peer.disk.file.as_ref().map_or(0, |file| file.at.index.0);
        if marked.saturating_add(every) <= applied {
            let at = LogId { term: peer.state[applied as usize - 1].term, index: Index(applied) };
            let membership = peer.options.members.clone();
            peer.disk.put(File { at, membership: membership.clone(), state: peer.state.clone() });
            let now = self.now;
            let machine = peer.machine.as_mut().expect("it just applied");
            machine.step(Input::Snapshotted { at, membership }, now);
        }
    }

    fn install(&mut self, id: NodeId, at: LogId) {
        self.installed += 1;
        let peer = self.peers.get_mut(&id).expect("a member");
        let file = peer.disk.file.clone().filter(|file| file.at == at).expect("what is installed is a file");
        peer.state = file.state;
    }

    /// A whole snapshot crosses the network, or does not.
    fn transfer(&mut self, of: NodeId, to: NodeId, at: LogId, term: Term, track: Track) {
        let file = self.peers[&of].disk.file.clone().filter(|file| at.index <= file.at.index);
        let lost = self.cut.contains(&(of, to)) || self.draws.chance(self.faults.lost, 1_000);
        let up = self.peers[&to].machine.as_ref().is_some_and(|machine| machine.core().is_born());
        let Some(file) = file.filter(|_| !lost && up) else {
            return self.step(of, Input::SnapshotFailed { to, track });
        };
        let (at, membership) = (file.at, file.membership.clone());
        let peer = self.peers.get_mut(&to).expect("a member");
        let known = peer.machine.as_ref().is_some_and(|machine| at.index <= machine.core().log().snapshot().index);
        if !known {
            peer.disk.put(file);
        }
        self.step(to, Input::SnapshotReady { from: of, term, track, at, membership });
        self.step(of, Input::SnapshotSent { to, track });
    }

    /// The leader of the highest term, if there is one.
    pub fn leader(&self) -> Option<NodeId> {
        let machines = self.peers.iter().filter_map(|(&id, peer)| Some((id, peer.machine.as_ref()?)));
        let leaders = machines.filter(|(_, machine)| matches!(machine.role(), Role::Leader(_)));
        leaders.max_by_key(|(_, machine)| machine.core().term()).map(|(id, _)| id)
    }

    pub fn machine(&self, id: NodeId) -> &Machine {
        self.peers[&id].machine.as_ref().expect("it runs")
    }

    pub fn propose(&mut self, id: NodeId, text: &str) {
        self.count += 1;
        let token = Token(self.count);
        self.step(id, Input::Propose { entry: command(text), token });
    }

    /// A read that must see everything that is committed now.
    pub fn read(&mut self, id: NodeId) {
        self.count += 1;
        let token = Token(self.count);
        let floor = self.known_commit();
        self.reads.insert(token, floor);
        let until = Time(self.now.0 + 2_000 * MS);
        self.step(id, Input::Read { token, until });
    }

    /// The greatest commit that anybody knows of: somebody may have been answered by it.
    fn known_commit(&self) -> Index {
        let machines = self.peers.values().filter_map(|peer| peer.machine.as_ref());
        machines.map(|machine| machine.core().commit()).max().unwrap_or_default()
    }

    fn answer_reads(&mut self, id: NodeId) {
        let answered: Vec<Token> =
            self.readable.iter().filter(|(_, (peer, _))| *peer == id).map(|(&token, _)| token).collect();
        for token in answered {
            let (_, index) = self.readable.remove(&token).expect("just seen");
            let floor = self.reads.remove(&token).unwrap_or_else(|| self.fail("R21: a read is answered twice"));
            if index < floor {
                self.fail(&format!("R17: a read is served from {index}, {floor} was committed before it was asked"));
            }
        }
    }

    pub fn open_reads(&self) -> usize {
        self.reads.len()
    }

    /// Everyone runs, nothing is lost any more.
    pub fn heal(&mut self) {
        self.faults = Faults::NONE;
        self.cut.clear();
        let ids: Vec<NodeId> = self.peers.keys().copied().collect();
        ids.into_iter().for_each(|id| self.start(id));
    }

    /// Some command is proposed at someone who leads, some read asked for anywhere.
    pub fn work(&mut self) {
        let (anyone, text) = (self.any(), format!("c{}", self.count));
        self.propose(self.leader().unwrap_or(anyone), &text);
        let reader = self.any();
        if self.peers[&reader].machine.is_some() {
            self.read(reader);
        }
    }
}
