//! The automaton that runs Raft: the pure core, and all that carries its effects out.
//!
//! ```text
//!     packets, proposals, reads                      ┌──────── records ────────> disk      writes and syncs
//!   ───────────────────────────> next: the core ─────┤ <────── Persisted ───────
//!     Tick, Repeat               flush: effects      ├──── what is committed ──> machine   applies, snapshots, serves reads
//!                                    │               │ <────── Snapshotted ─────
//!                                    └─ packets ─>   └──── what to bring whom ─> transfers, one for each snapshot
//! ```
//! Its state is the core's own [`Role`], so what is drawn there is what runs here. `next` hands each input to the core;
//! [`flush`](Automaton::flush) asks it once for all that follows, after each batch. A `Transition` decides
//! nothing: the runner has ended the state timeout by then, which the next flush sets anew.

mod backlog;
mod copies;
pub(crate) mod disk;
mod driver;
pub(crate) mod gauges;
pub(crate) mod in_flight;
mod observer;
mod outbox;
mod room;
pub(crate) mod standing;
mod tickets;
mod transfers;

pub use disk::Tended;
pub use observer::Observer;
pub(crate) use outbox::{Outbox, Send};
pub(crate) use tickets::{Proposal, Whose};

use crate::fsm::{Address, Automaton, Context, End, Input as Inbox, WeakAddress};
use crate::raft::consensus::{Consensus, Effect, Input, Message, Refusal, Role};
use crate::raft::machine::StateMachine;
use crate::raft::machine::automaton::{self as machine, Machine};
use crate::raft::peer::{Failure, Shared};
use crate::raft::storage::{Disk, Snapshots};
use crate::raft::wire::{Body, Packet, Refused};
use crate::raft::{Incarnation, LogId, NodeId, Time, Token};
use backlog::Backlog;
use copies::Copies;
use driver::Carried;
use room::Room;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

/// How long a peer that drains still answers what is open.
const DRAIN: Duration = Duration::from_secs(1);

/// What a replica is told: by its handle, its parts and its timers, and by nobody else.
pub struct Command<S: StateMachine>(pub(crate) Word<S>);

/// What stands in a [`Command`].
pub(crate) enum Word<S: StateMachine> {
    /// A packet that has passed the door.
    Packet(Packet),
    /// A proposal, or the opening of a session.
    Propose(Proposal<S::Reply>),
    /// A read, and how long it may take.
    Read { run: machine::Reading<S>, timeout: Duration },
    /// Take nothing new; answer what is open; end.
    Drain,
    /// The disk's word.
    Disk(disk::Word),
    /// The machine's word.
    Machine(machine::Word),
    /// A transfer's word.
    Transfer(transfers::Word),
    /// A part has ended.
    Ended(&'static str, End),
    /// The core's deadline has come.
    Tick,
    /// Tickets may be due.
    Repeat,
    /// There is another leader.
    Retry,
    /// Some of what was placed is committed.
    Behind,
    /// What is open now stays so.
    DrainOver,
}

/// Makes the machine, given the way back to the replica.
pub(crate) type MakeMachine<S, K, D> =
    Box<dyn FnOnce(WeakAddress<Command<S>>) -> Machine<S, K, D, Command<S>> + std::marker::Send>;

/// What begins its life with the replica.
pub(crate) struct Parts<S: StateMachine, T: Tended, D: Disk> {
    pub(crate) store: T,
    pub(crate) snapshots: Snapshots<D>,
    pub(crate) machine: MakeMachine<S, T::Reader, D>,
}

/// Where the parts live.
struct Homes<S: StateMachine> {
    disk: Address<disk::Command>,
    machine: Address<machine::Command<S>>,
    receiver: Address<transfers::Incoming>,
    senders: BTreeMap<NodeId, Address<transfers::Outgoing>>,
}

/// What the driver needs to know of the options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) heartbeat: Duration,
    pub(crate) election: Duration,
    pub(crate) append_bytes_max: usize,
    /// The most that is on its way to one peer, whichever of the limits is met first.
    pub(crate) window_bytes: usize,
    pub(crate) entry_bytes_max: usize,
    pub(crate) piece_bytes: u64,
}

/// The core and its driver.
pub struct Replica<S: StateMachine, T: Tended, D: Disk> {
    core: Consensus,
    observer: Option<Box<dyn Observer>>,
    shared: Arc<Shared<S>>,
    outbox: Outbox,
    reader: T::Reader,
    snapshots: Snapshots<D>,
    parts: Option<Parts<S, T, D>>,
    homes: Option<Homes<S>>,
    settings: Settings,
    effects: Vec<Effect>,
    carried: Carried,
    copies: Copies,
    backlog: Backlog,
    /// Until when, and what to do with the state.
    reads: BTreeMap<Token, (Time, machine::Reading<S>)>,
    reads_seen: u64,
    room: Room,
    /// What a leader places once more of what it has written is durable: until then it cannot know whether there is room.
    held: BTreeSet<Token>,
    /// What a leader places, in turn, as what it has placed is committed.
    behind: BTreeSet<Token>,
    led_by: Option<NodeId>,
    /// The mark that the receiver of snapshots knows.
    mark: LogId,
    /// The system has been short since then, when what others lack was last to be read; and when that was.
    starved: Option<(Time, Time)>,
    repeating: bool,
    draining: bool,
    /// When the state timeout is set to come.
    alarm: Option<Time>,
    /// Before this no more is said of slow calls of `send`.
    slow_quiet_until: Time,
}

impl<S: StateMachine, T: Tended, D: Disk> Replica<S, T, D> {
    pub(crate) fn new(
        core: Consensus,
        shared: Arc<Shared<S>>,
        outbox: Outbox,
        parts: Parts<S, T, D>,
        settings: Settings,
    ) -> Self {
        Replica {
            mark: core.log().snapshot(),
            core,
            observer: None,
            shared,
            outbox,
            reader: parts.store.reader(),
            snapshots: parts.snapshots.clone(),
            room: Room::new(parts.store.room()),
            held: BTreeSet::new(),
            behind: BTreeSet::new(),
            parts: Some(parts),
            homes: None,
            settings,
            effects: Vec::new(),
            carried: Carried::default(),
            copies: Copies::default(),
            backlog: Backlog::new(settings.window_bytes),
            reads: BTreeMap::new(),
            reads_seen: 0,
            led_by: None,
            starved: None,
            repeating: false,
            draining: false,
            alarm: None,
            slow_quiet_until: Time::ZERO,
        }
    }

    /// The pure core: for whoever looks in between two turns.
    #[must_use]
    pub fn core(&self) -> &Consensus {
        &self.core
    }

    /// Has every step of the core shown to this one.
    pub(crate) fn observed(mut self, observer: Option<Box<dyn Observer>>) -> Self {
        self.observer = observer;
        self
    }

    fn step(&mut self, role: Role, input: Input, now: Time) -> Role {
        let Some(observer) = &mut self.observer else { return self.core.next(role, input, now) };
        observer.before(&self.core, &role, &input, now);
        let role = self.core.next(role, input, now);
        observer.stepped(&self.core, &role);
        role
    }

    fn start(&mut self, context: &mut Context<Self>) {
        let Some(Parts { store, snapshots, machine }) = self.parts.take() else { return };
        let shared = Arc::clone(&self.shared);
        let keeper = disk::Keeper {
            store,
            snapshots: snapshots.clone(),
            replica: context.weak(),
            say: |word| Command(Word::Disk(word)),
            gauges: Arc::clone(&shared.gauges),
            marked: VecDeque::new(),
            preparing: false,
            began: None,
            fault: None,
            seeking: false,
            room: self.room.said(),
            room_min: self.settings.room_min(),
            waiting: VecDeque::new(),
            refused: false,
        };
        let disk = context.builder(keeper, disk::State::Idle).name("disk").guard(shared.guard()).spawn();
        context.watch(&disk, |end| Command(Word::Ended("disk", end)));
        let machine = context.builder(machine(context.weak()), machine::State::Current);
        let machine = machine.name("machine").guard(shared.guard()).spawn();
        context.watch(&machine, |end| Command(Word::Ended("state machine", end)));
        let receive =
            transfers::Receive::new(snapshots, self.mark, context.weak(), |word| Command(Word::Transfer(word)));
        let receiver = context.builder(receive, ()).name("transfer").guard(shared.guard()).spawn();
        context.watch(&receiver, |end| Command(Word::Ended("transfer", end)));
        shared.can_kill(&disk);
        shared.can_kill(&machine);
        shared.can_kill(&receiver);
        self.homes = Some(Homes { disk, machine, receiver, senders: BTreeMap::new() });
    }

    fn on_word(&mut self, role: Role, word: Word<S>, context: &mut Context<Self>) -> Role {
        let now = context.now();
        match word {
            Word::Packet(packet) => self.on_packet(role, packet, now),
            Word::Propose(proposal) => self.on_proposal(role, proposal, context),
            Word::Read { run, timeout } => self.on_read(role, run, now.after(timeout), now),
            Word::Drain => self.on_drain(role, context),
            Word::Disk(disk::Word::Room(room)) => {
                self.room.say(room);
                self.tell_room(role, now)
            }
            Word::Disk(disk::Word::Persisted(seq, room)) => {
                self.room.durable(seq, room);
                let role = self.step_to_lead(role, Input::Persisted(seq), now);
                // Who is about to give up for want of room places nothing more: it would not hear what becomes of it.
                let role = self.tell_room(role, now);
                self.try_held(role, now)
            }
            Word::Disk(disk::Word::Marked(at)) => {
                self.tell_machine(machine::Command::Marked(at));
                role
            }
            Word::Machine(machine::Word::Look) => self.try_fresh(role, now),
            Word::Machine(machine::Word::Snapshotted { at, membership }) => {
                self.step(role, Input::Snapshotted { at, membership }, now)
            }
            Word::Transfer(word) => self.on_transfer(role, word, context),
            Word::Disk(disk::Word::Failed(why)) => self.fail(role, format!("disk: {why}"), context),
            Word::Machine(machine::Word::Failed(why)) => self.fail(role, format!("state machine: {why}"), context),
            Word::Ended(part, end) => self.on_ended(role, part, &end, context),
            Word::Tick => {
                self.alarm = None;
                self.step(role, Input::Tick, now)
            }
            Word::Repeat => self.on_repeat(role, context),
            Word::Retry => self.on_retry(role, now),
            Word::Behind => self.try_behind(role, now),
            Word::DrainOver => {
                self.give_up(Failure::Unknown);
                role
            }
        }
    }

    /// The core hears of it when the store has said that there is none; what is on its way to the store has found room.
    fn tell_room(&mut self, role: Role, now: Time) -> Role {
        match self.room.turned(self.settings.room_min()) {
            Some(roomy) => self.step_room(role, roomy, now),
            None => role,
        }
    }

    fn step_room(&mut self, role: Role, roomy: bool, now: Time) -> Role {
        if !roomy {
            self.refuse_held();
        }
        self.step(role, Input::Room(roomy), now)
    }

    /// Hands the core what may make a leader of a candidate. A leader places an entry at once, and behind one that found
    /// no room votes and marks would wait: where it might find none, or too little is left, nobody stands any more.
    pub(super) fn step_to_lead(&mut self, role: Role, input: Input, now: Time) -> Role {
        let may_lead = !matches!(role, Role::Candidate(_)) || self.room.admits_lead(self.settings.room_min());
        let role = if may_lead { role } else { self.step_room(role, false, now) };
        self.step(role, input, now)
    }

    fn on_packet(&mut self, mut role: Role, packet: Packet, now: Time) -> Role {
        let head = *packet.head();
        if !self.core.membership().has(head.from.node) {
            self.shared.gauges.refused(Refused::Cluster);
            return role;
        }
        let bound = self.core.bindings().of(head.from.node);
        if bound.is_some_and(|bound| bound != head.from.incarnation) {
            // The core drops it too, and answers.
            self.shared.gauges.refused(Refused::Incarnation);
        }
        for body in packet {
            match body {
                Ok(Body::Message(message)) => role = self.on_message(role, head.from, head.to_life, message, now),
                Ok(Body::Hello { .. }) => {
                    role = self.on_message(role, head.from, head.to_life, Message::Hello, now);
                }
                Ok(Body::Chunk(chunk)) => self.on_chunk(&role, head.from, chunk),
                Ok(Body::ChunkReply(reply)) => self.on_chunk_reply(head.from, reply),
                Err(why) => self.shared.gauges.refused(why),
            }
        }
        role
    }

    fn on_read(&mut self, role: Role, run: machine::Reading<S>, until: Time, now: Time) -> Role {
        // Apart from the tickets' own numbers, which begin below.
        self.reads_seen += 1;
        let token = Token(1 << 63 | self.reads_seen);
        self.reads.insert(token, (until, run));
        self.step(role, Input::Read { token, until }, now)
    }

    fn on_drain(&mut self, role: Role, context: &mut Context<Self>) -> Role {
        if mem::replace(&mut self.draining, true) {
            return role;
        }
        context.after(DRAIN, Command(Word::DrainOver));
        self.step(role, Input::Drain, context.now())
    }

    fn on_ended(&mut self, role: Role, part: &str, end: &End, context: &mut Context<Self>) -> Role {
        let why = match end {
            End::Panicked(panic) => format!("{part}: {}", panic.message()),
            End::Exited | End::Killed => format!("{part} has ended"),
        };
        self.fail(role, why, context)
    }

    /// It cannot go on: whatever was promised is durable, what is open is gone.
    fn fail(&mut self, role: Role, why: String, context: &mut Context<Self>) -> Role {
        self.shared.fault.lock().get_or_insert(why);
        context.stop();
        role
    }

    fn give_up(&mut self, why: Failure) {
        let told = self.shared.flight.lock().give_up(why);
        told.tell();
        for (_, run) in mem::take(&mut self.reads).into_values() {
            run(Err(why));
        }
    }

    fn life_of(&self, node: NodeId) -> Option<Incarnation> {
        self.core.bindings().of(node)
    }
}

impl<S: StateMachine, T: Tended, D: Disk> Automaton for Replica<S, T, D> {
    type State = Role;
    type Command = Command<S>;

    fn next(&mut self, role: Role, input: Inbox<Self>, context: &mut Context<Self>) -> Role {
        match input {
            Inbox::Start => {
                self.start(context);
                role
            }
            Inbox::Command(Command(word)) => {
                let role = self.tell_room(role, context.now());
                self.on_word(role, word, context)
            }
            // It has ended the state timeout.
            Inbox::Transition { .. } => {
                self.alarm = None;
                role
            }
            // Of the runner, or because no handle is left: nobody can be heard any more, so nothing can be finished.
            Inbox::Drain => {
                self.draining = true;
                self.give_up(Failure::Unknown);
                role
            }
            Inbox::Exit => {
                self.give_up(Failure::Gone);
                role
            }
        }
    }

    fn flush(&mut self, role: &mut Role, context: &mut Context<Self>) {
        self.carry_out(role, context);
        if self.draining && self.reads.is_empty() && self.shared.flight.lock().is_empty() {
            context.stop();
        }
    }

    fn label(role: &Role) -> &'static str {
        match role {
            Role::Newborn(_) => "newborn",
            Role::Follower(_) => "follower",
            Role::PreCandidate(_) => "pre-candidate",
            Role::Candidate(_) => "candidate",
            Role::Leader(_) => "leader",
        }
    }
}

/// What a caller is told of a read that was refused.
const fn failure_of(why: Refusal) -> Failure {
    match why {
        Refusal::Full => Failure::Full,
        Refusal::TooLarge => Failure::TooLarge,
        Refusal::Draining => Failure::Draining,
        Refusal::NotLeader(_) | Refusal::Unknown => Failure::Unknown,
    }
}
