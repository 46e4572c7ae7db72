//! What a peer is told at its start, and how its parts are put together.
//!
//! ```text
//!   members, id ──> cluster ──> directory: whose is it, what is in it ──> state of the newest snapshot ──> the automata
//!                                  │ anything that does not fit: SpawnError, one line that says what to do
//! ```

use super::shared::{Alive, Limits, Restore, Shared};
use super::{Peer, SpawnError};
use crate::fsm::{Runner, Threads};
use crate::mix::mix;
use crate::raft::consensus::{Consensus, Membership, Options};
use crate::raft::machine::automaton::{Machine, Policy, Watcher};
use crate::raft::machine::view::Held;
use crate::raft::machine::{Codec, SESSIONS_MAX, Sessions, StateMachine, snapshot};
use crate::raft::replica::{
    Command, MakeMachine, Observer, Outbox, Parts, Replica, Send as SendPacket, Settings, Tended, Word,
};
use crate::raft::storage::stamp::fnv;
use crate::raft::storage::{Disk, Memory, Reader, RealDisk, SimulatedDisk, Snapshots, Stamp, Wal, WalOptions};
use crate::raft::wire::Door;
use crate::raft::{ClusterId, Identity, Incarnation, Index, LogId, NodeId, Time};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Purposes of the seed.
const CORE: u64 = 1;
const STORE: u64 = 2;

/// Changes the core's settings.
type Tune = Box<dyn FnOnce(&mut Options) + Send>;

/// What can be said of a peer before it lives. See [`Peer::builder`].
#[must_use = "a builder does nothing until `spawn`"]
pub struct Builder<S: StateMachine> {
    id: NodeId,
    members: Vec<(NodeId, String)>,
    state: Box<dyn FnOnce() -> S + Send>,
    restore: Restore<S>,
    name: Option<String>,
    dir: Option<PathBuf>,
    send: SendPacket,
    seed: Option<u64>,
    first_boot: Option<u64>,
    heartbeat: Duration,
    election: Duration,
    timeout: Duration,
    snapshot_entries: u64,
    snapshot_bytes: u64,
    sessions_max: usize,
    segment_bytes: u64,
    align: u32,
    inbox_max: usize,
    tickets_max: usize,
    entry_bytes_max: usize,
    piece_bytes: u64,
    tune: Option<Tune>,
    guards: Vec<Box<dyn Send>>,
    observer: Option<Box<dyn Observer>>,
    watcher: Option<Watcher<S>>,
}

impl<S: StateMachine> Builder<S> {
    pub(super) fn new<A: Into<String>>(
        id: u64,
        members: impl IntoIterator<Item = (u64, A)>,
        state: impl FnOnce() -> S + Send + 'static,
        restore: Restore<S>,
    ) -> Builder<S> {
        Builder {
            id: NodeId(id),
            members: members.into_iter().map(|(id, address)| (NodeId(id), address.into())).collect(),
            state: Box::new(state),
            restore,
            name: None,
            dir: None,
            send: Box::new(|_, _, _| {}),
            seed: None,
            first_boot: None,
            heartbeat: Duration::from_millis(50),
            election: Duration::from_millis(300),
            timeout: Duration::from_secs(5),
            snapshot_entries: 10_000,
            snapshot_bytes: 64 << 20,
            sessions_max: SESSIONS_MAX,
            segment_bytes: 64 << 20,
            align: 4_096,
            inbox_max: 16_384,
            tickets_max: 65_536,
            entry_bytes_max: usize::MAX,
            piece_bytes: 256 << 10,
            tune: None,
            guards: Vec::new(),
            observer: None,
            watcher: None,
        }
    }

    /// The members, as they were told.
    pub(crate) fn told_members(&self) -> Vec<(NodeId, String)> {
        self.members.clone()
    }

    /// No entry is larger than this, whatever the log would take: what the network cannot carry in one packet would never
    /// reach the others, and hold up all that comes after it.
    pub(crate) fn entry_bytes(mut self, most: usize) -> Self {
        self.entry_bytes_max = most;
        self
    }

    /// Where log and snapshots lie: made if it is not there. Without it they lie in memory, and a restart begins anew.
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// The cluster's name: peers with another do not talk. Without it the members' ids are the name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The network: called with a member's id, its address and a packet, at the end of a turn. It must not block; packets
    /// may be lost, doubled, late and reordered, so what the closure returns is of no interest. Without it nothing leaves:
    /// a cluster of one.
    pub fn send<R>(mut self, mut send: impl FnMut(u64, &str, Bytes) -> R + Send + 'static) -> Self {
        self.send = Box::new(move |to, address, packet| drop(send(to, address, packet)));
        self
    }

    /// The first state, instead of the default one. A snapshot found in the directory wins over it. The same on every
    /// peer, or their states differ for good.
    pub fn state(mut self, state: S) -> Self {
        self.state = Box::new(move || state);
        self
    }

    /// All that is drawn follows from this: for runs that are to be repeated. Never the same number twice for one
    /// directory, nor for two peers; without it one is drawn afresh at each start.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The operator's word that the life with this incarnation, which the log names, is the first of this peer: then
    /// fewer others need be up for a first start.
    pub fn first_boot(mut self, incarnation: u64) -> Self {
        self.first_boot = Some(incarnation);
        self
    }

    /// How often a leader says that it lives. 50 ms.
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.heartbeat = heartbeat;
        self
    }

    /// The least time without a leader after which another is elected; up to twice as much is drawn. 300 ms.
    pub fn election(mut self, election: Duration) -> Self {
        self.election = election;
        self
    }

    /// How long a proposal or a read may take. 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A snapshot is taken after so many entries. 10,000.
    ///
    /// For a peer that is brought one, a leader keeps twice as many entries of its log. Where more come while it is on its
    /// way that peer needs another snapshot behind it, and so on: let this be what comes while the largest is brought.
    pub fn snapshot_entries(mut self, entries: u64) -> Self {
        self.snapshot_entries = entries.max(1);
        self
    }

    /// A snapshot is taken after so many bytes of entries. 64 MiB.
    pub fn snapshot_bytes(mut self, bytes: u64) -> Self {
        self.snapshot_bytes = bytes.max(1);
        self
    }

    /// How many sessions are held. 4,096. One number for the whole cluster, part of its identity: peers that evicted by
    /// different ones would drift apart.
    pub fn sessions_max(mut self, sessions: usize) -> Self {
        self.sessions_max = sessions.max(1);
        self
    }

    /// The length of the log's files: a multiple of 4 KiB, at least 128 KiB. 64 MiB; two of them are made at the start.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// The most bytes of a piece of a snapshot on its way to another peer. 256 KiB.
    pub fn piece_bytes(mut self, bytes: u64) -> Self {
        self.piece_bytes = bytes.max(1);
        self
    }

    /// Settings of the core that have no verb here, changed as it starts: for simulators and experiments. Who is who, and
    /// what was said by a verb, stay better as they are.
    pub fn tune(mut self, tune: impl FnOnce(&mut Options) + Send + 'static) -> Self {
        self.tune = Some(Box::new(tune));
        self
    }

    /// How many commands the replica's inbox holds: beyond it packets are dropped and proposals refused. 16,384.
    pub fn inbox(mut self, commands: usize) -> Self {
        self.inbox_max = commands.max(1);
        self
    }

    /// How many proposals may be open, and how many reads: beyond it they are refused as full. 65,536.
    pub fn tickets(mut self, tickets: usize) -> Self {
        self.tickets_max = tickets.max(1);
        self
    }

    /// Holds anything until the peer is gone, its log synced and its directory free: an event's guard, a stage's.
    pub fn guard(mut self, guard: impl Send + 'static) -> Self {
        self.guards.push(Box::new(guard));
        self
    }

    /// Shows each step of the replica's core to this one: for simulators and tracers.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Shows the state and its sessions to this one behind each entry that is applied, on the thread of the automaton that
    /// owns them: for a simulator that knows what each entry comes to.
    #[doc(hidden)]
    pub fn watcher(mut self, watcher: impl FnMut(Index, &S, &Sessions<S::Reply>) + Send + 'static) -> Self {
        self.watcher = Some(Box::new(watcher));
        self
    }

    /// Brings the peer to life, with a thread for each of its parts.
    ///
    /// # Errors
    /// What does not fit, in one line that says what to do about it.
    pub fn spawn(self) -> Result<Peer<S>, SpawnError> {
        let seed = self.seed.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
        match self.dir.clone() {
            Some(dir) => {
                let opened = RealDisk::open(&dir).map_err(SpawnError::Store);
                let spawned =
                    opened.and_then(|disk| self.on_disk(&Threads, Time::ZERO, Arc::new(disk), seed, |log| log));
                spawned.map_err(|error| error.of(dir))
            }
            None => {
                let (members, cluster) = self.identity()?;
                let disk = Arc::new(SimulatedDisk::new(seed));
                let store = Memory::new(Incarnation(mix(seed, STORE, 0)));
                self.build(&Threads, Time::ZERO, Store { store, disk, members, cluster, seed })
            }
        }
    }

    /// Brings the peer to life on any runner and any disk: for simulators. `now` is the runner's present time, and the
    /// peer keeps its log in what `wrap` makes of the log on that disk.
    ///
    /// # Errors
    /// As [`spawn`](Builder::spawn).
    pub fn spawn_on<D: Disk, T: Tended>(
        self,
        runner: &impl Runner,
        now: Time,
        disk: Arc<D>,
        wrap: impl FnOnce(Wal<D>) -> T,
    ) -> Result<Peer<S>, SpawnError> {
        let seed = self.seed.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
        self.on_disk(runner, now, disk, seed, wrap)
    }

    fn on_disk<D: Disk, T: Tended>(
        self,
        runner: &impl Runner,
        now: Time,
        disk: Arc<D>,
        seed: u64,
        wrap: impl FnOnce(Wal<D>) -> T,
    ) -> Result<Peer<S>, SpawnError> {
        let (members, cluster) = self.identity()?;
        let options = WalOptions { segment_bytes: self.segment_bytes, align: self.align, seed: mix(seed, STORE, 0) };
        let stamp = Stamp::new(cluster, self.id, &members);
        let store = Wal::open(Arc::clone(&disk), options, stamp).map_err(SpawnError::Store)?;
        self.build(runner, now, Store { store: wrap(store), disk, members, cluster, seed })
    }

    /// The members as they are told, and the cluster that they are.
    fn identity(&self) -> Result<(Membership, ClusterId), SpawnError> {
        let members = Membership::of_voters(self.members.iter().cloned());
        let twice =
            self.members.iter().find(|(id, _)| 1 < self.members.iter().filter(|(other, _)| other == id).count());
        if let Some((id, _)) = twice {
            return Err(SpawnError::Twice(*id));
        }
        if !members.members.contains_key(&self.id) {
            return Err(SpawnError::NotAMember { id: self.id, members: members.members.into_keys().collect() });
        }
        let mut bytes = match &self.name {
            Some(name) => name.clone().into_bytes(),
            None => members.members.keys().flat_map(|id| id.0.to_le_bytes()).collect(),
        };
        if self.sessions_max != SESSIONS_MAX {
            bytes.extend((self.sessions_max as u64).to_le_bytes());
        }
        Ok((members, ClusterId(fnv(&bytes))))
    }

    /// Each start begins a segment, so a peer that often restarts fills its directory with nearly empty ones, long before
    /// there are entries enough for a snapshot: then the first entry brings one, and nothing is kept before it.
    fn is_crowded(&self, disk: &impl Disk) -> io::Result<bool> {
        let segments = disk.list()?.iter().filter(|name| name.ends_with(".log")).count() as u64;
        Ok(4 * self.snapshot_bytes.max(self.segment_bytes) < segments * self.segment_bytes)
    }

    fn options(&self, members: Membership, entry_bytes_max: usize) -> Options {
        let mut options = Options::new(self.id, members);
        options.heartbeat = self.heartbeat;
        options.election = self.election;
        options.commit_delay = self.heartbeat / 10;
        options.entry_bytes_max = entry_bytes_max;
        // What is sent at once must fit what the store has room for when it says that it has some.
        options.append_bytes_max = options.append_bytes_max.min(entry_bytes_max);
        options.margin = self.snapshot_entries / 2;
        options.first_boot = self.first_boot.map(Incarnation);
        options
    }

    fn build<T: Tended, D: Disk>(
        self,
        runner: &impl Runner,
        now: Time,
        found: Store<T, D>,
    ) -> Result<Peer<S>, SpawnError> {
        let Store { mut store, disk, members, cluster, seed } = found;
        let snapshots = Snapshots::new(Arc::clone(&disk), cluster).map_err(SpawnError::Store)?;
        let newest = snapshots.newest().map_err(SpawnError::Store)?;
        let recovered = store.recover(newest).map_err(SpawnError::Store)?;
        snapshots.keep(recovered.snapshot).map_err(SpawnError::Store)?;
        let remarks = store.remarks().into_iter().chain(snapshots.remarks()).collect();

        let at = recovered.snapshot;
        let us = Identity { node: self.id, incarnation: recovered.incarnation };
        let crowded = self.is_crowded(&*disk).map_err(|error| SpawnError::Store(error.into()))?;
        let mut options = self.options(members.clone(), store.entry_bytes_max().min(self.entry_bytes_max));
        if let Some(tune) = self.tune {
            tune(&mut options);
            options.append_bytes_max = options.append_bytes_max.min(options.entry_bytes_max);
        }
        if crowded {
            options.margin = 0;
        }
        let settings = Settings {
            heartbeat: options.heartbeat,
            election: options.election,
            append_bytes_max: options.append_bytes_max,
            window_bytes: options.window_bytes.min(options.window_appends.saturating_mul(options.append_bytes_max)),
            entry_bytes_max: options.entry_bytes_max,
            piece_bytes: self.piece_bytes,
        };
        let (core, role) = Consensus::new(options, recovered, mix(seed, CORE, 0), now).map_err(SpawnError::Unfit)?;
        let policy = Policy { entries: self.snapshot_entries, bytes: self.snapshot_bytes };
        let begun = if at == LogId::ZERO {
            snapshot::Restored {
                state: (self.state)(),
                sessions: Sessions::new(self.sessions_max),
                membership: members,
            }
        } else {
            snapshot::restore(&snapshots, at, self.sessions_max, &self.restore).map_err(SpawnError::Store)?
        };

        let address = core.membership().members.get(&self.id).map_or_else(String::new, |member| member.address.clone());
        let limits = Limits {
            timeout: self.timeout,
            heartbeat: self.heartbeat,
            inbox_max: self.inbox_max,
            tickets_max: self.tickets_max,
            sessions_max: self.sessions_max,
        };
        let held = Held { state: begun.state, applied: at };
        let shared = Shared::new(Door { cluster, us }, address, limits, self.restore, held, seed);
        let alive = Alive::new(Arc::clone(&shared), self.guards);
        let begin = Begin { sessions: begun.sessions, membership: begun.membership, at, policy, crowded };
        let machine = begin.machine(Arc::clone(&shared), snapshots.clone(), store.reader(), self.watcher);
        let outbox = Outbox::new(shared.door, self.send);
        let parts = Parts { store, snapshots, machine };
        let replica = Replica::new(core, Arc::clone(&shared), outbox, parts, settings).observed(self.observer);
        let address = runner.builder(replica, role).name("replica").guard(alive).spawn();
        shared.can_kill(&address);
        Ok(Peer::new(address, shared, remarks))
    }
}

/// Where a machine begins.
struct Begin<R> {
    sessions: Sessions<R>,
    membership: Membership,
    at: LogId,
    policy: Policy,
    crowded: bool,
}

impl<R: Codec + Clone> Begin<R> {
    fn machine<S: StateMachine<Reply = R>, K: Reader, D: Disk>(
        self,
        shared: Arc<Shared<S>>,
        snapshots: Snapshots<D>,
        reader: K,
        watcher: Option<Watcher<S>>,
    ) -> MakeMachine<S, K, D> {
        let Begin { sessions, membership, at, policy, crowded } = self;
        shared.gauges.applied(at.index);
        shared.gauges.sessions(sessions.len());
        Box::new(move |replica| Machine {
            shared,
            sessions,
            applied: at,
            membership,
            reader,
            snapshots,
            policy,
            since: (0, if crowded { policy.bytes } else { 0 }),
            writer: None,
            written: Index(0),
            marked: Index(0),
            replica,
            say: |word| Command(Word::Machine(word)),
            reads: BTreeMap::new(),
            reads_seen: 0,
            watch: None,
            came: Vec::new(),
            watcher,
        })
    }
}

/// A store that was opened, and what it was opened with.
struct Store<T, D> {
    store: T,
    disk: Arc<D>,
    members: Membership,
    cluster: ClusterId,
    seed: u64,
}
