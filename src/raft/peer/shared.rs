//! What the handles of a peer and its automata have in common.

use super::Failure;
use super::news::Board;
use crate::fsm::{Address, CellId, WeakAddress};
use crate::mix::{Draws, mix};
use crate::raft::NodeId;
use crate::raft::consensus::News;
use crate::raft::machine::StateMachine;
use crate::raft::machine::view::Held;
use crate::raft::replica::gauges::Gauges;
use crate::raft::replica::in_flight::InFlight;
use crate::raft::replica::standing::Standing;
use crate::raft::wire::Door;
use crate::sync::event::Event;
use crate::sync::lock::Lock;
use crate::sync::rwlock::RwLock;
use crate::sync::shim::{AtomicU64, Ordering::Relaxed};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Reads a state back: the state machine's own `restore`, or what stands in for it where a closure is the machine.
pub(crate) type Restore<S> = Box<dyn Fn(&mut dyn Read) -> io::Result<S> + Send + Sync>;

/// Purposes of the seed; the builder has the others.
const TICKETS: u64 = 3;
const CLIENTS: u64 = 4;
/// How many strangers are told of.
const STRANGERS_MAX: usize = 16;

/// A part of a peer, for whoever must end it without a word.
pub(crate) trait Part: Send {
    /// Which automaton it is, while there is still something to kill.
    fn cell(&self) -> Option<CellId>;
    /// Kills it.
    fn kill(&self);
}

impl<C: Send + 'static> Part for WeakAddress<C> {
    fn cell(&self) -> Option<CellId> {
        self.living()
    }
    fn kill(&self) {
        WeakAddress::kill(self);
    }
}

/// How long, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// A proposal or a read may take so long.
    pub(crate) timeout: Duration,
    pub(crate) heartbeat: Duration,
    /// The replica's inbox holds so many commands.
    pub(crate) inbox_max: usize,
    pub(crate) tickets_max: usize,
    pub(crate) sessions_max: usize,
}

/// What every part of a peer can reach. Behind locks that are held for moments; no part waits for another.
pub(crate) struct Shared<S: StateMachine> {
    pub(crate) door: Door,
    pub(crate) address: String,
    pub(crate) limits: Limits,
    pub(crate) restore: Restore<S>,
    /// The machine writes it, everybody reads it.
    pub(crate) held: Arc<RwLock<Held<S>>>,
    pub(crate) flight: Lock<InFlight<S::Reply>>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) standing: Lock<Standing>,
    pub(crate) news: Arc<Board>,
    /// Why it has ended by itself.
    pub(crate) fault: Lock<Option<String>>,
    /// For the nonces of clients' sessions.
    pub(crate) draws: Lock<Draws>,
    pub(crate) ended: Event,
    pub(crate) alive: Lock<Weak<Alive<S>>>,
    pub(crate) parts: Lock<Vec<Box<dyn Part>>>,
    pub(crate) strangers: Lock<BTreeSet<NodeId>>,
    pub(crate) reads: Arc<Reads>,
}

/// How many reads are open.
#[derive(Debug, Default)]
pub(crate) struct Reads(AtomicU64);

impl Reads {
    /// One more, if there are not so many already. It is open until what is given here drops.
    pub(crate) fn open(self: &Arc<Reads>, most: usize) -> Option<OpenRead> {
        // Relaxed: the number stands for itself.
        let open = OpenRead(Arc::clone(self));
        (self.0.fetch_add(1, Relaxed) < most as u64).then_some(open)
    }
}

/// A read that is open.
#[derive(Debug)]
pub(crate) struct OpenRead(Arc<Reads>);

impl Drop for OpenRead {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

impl<S: StateMachine> Shared<S> {
    pub(crate) fn new(
        door: Door,
        address: String,
        limits: Limits,
        restore: Restore<S>,
        held: Held<S>,
        seed: u64,
    ) -> Arc<Shared<S>> {
        Arc::new(Shared {
            door,
            address,
            limits,
            restore,
            held: Arc::new(RwLock::new(held)),
            flight: Lock::new(InFlight::new(mix(seed, TICKETS, 0), limits.heartbeat, limits.tickets_max)),
            gauges: Arc::default(),
            standing: Lock::default(),
            news: Arc::default(),
            fault: Lock::default(),
            draws: Lock::new(Draws::new(mix(seed, CLIENTS, 0))),
            ended: Event::manual(),
            alive: Lock::default(),
            parts: Lock::default(),
            strangers: Lock::default(),
            reads: Arc::default(),
        })
    }

    /// What each part holds while it lives.
    pub(crate) fn guard(&self) -> Option<Arc<Alive<S>>> {
        self.alive.lock().upgrade()
    }

    /// Packets of another cluster come from this member: said once for each.
    pub(crate) fn stranger(&self, node: NodeId) {
        let mut strangers = self.strangers.lock();
        // The ids of strangers are anybody's: only as many as a cluster has members are worth remembering.
        if strangers.len() < STRANGERS_MAX && strangers.insert(node) {
            drop(strangers);
            self.news.publish(News::Stranger { node });
        }
    }

    /// A part that a kill of the peer must reach.
    pub(crate) fn can_kill<C: Send + 'static>(&self, part: &Address<C>) {
        let mut parts = self.parts.lock();
        parts.retain(|part| part.cell().is_some());
        parts.push(Box::new(part.downgrade()));
    }
}

/// Dropped with the last part of a peer: then everything it had open is closed, nobody waits any more, and observers hear
/// the last of it.
pub(crate) struct Alive<S: StateMachine> {
    shared: Arc<Shared<S>>,
    /// What the user wants to be dropped then.
    guards: Lock<Vec<Box<dyn Send>>>,
}

impl<S: StateMachine> Alive<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>, guards: Vec<Box<dyn Send>>) -> Arc<Alive<S>> {
        let alive = Arc::new(Alive { shared, guards: Lock::new(guards) });
        *alive.shared.alive.lock() = Arc::downgrade(&alive);
        alive
    }
}

impl<S: StateMachine> Drop for Alive<S> {
    fn drop(&mut self) {
        let told = self.shared.flight.lock().give_up(Failure::Gone);
        told.tell();
        self.shared.news.publish(News::Exit);
        self.shared.ended.set();
        self.guards.get_mut().clear();
    }
}
