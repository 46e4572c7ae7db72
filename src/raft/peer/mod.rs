//! The handle on a replica: all that a user holds.
//!
//! ```text
//!   packets in ──> receive ──┐                ┌──> send(to, address, bytes) ──> packets out: yours to carry
//!   propose, open, read ─────┤    replica     ├──> Pending: the reply, or why there is none; always one of them
//!   drain ───────────────────┘                └──> news, status, state
//! ```
//! Reach for it to replicate a state among peers: give it a [`StateMachine`], the members, and a way to carry opaque
//! bytes, which may be lost, doubled and reordered. Handles are cloned freely and used from any thread.

mod builder;
mod failure;
mod from_fn;
mod news;
mod pending;
mod shared;
mod spawn_error;
mod status;

pub use builder::Builder;
pub use failure::Failure;
pub use from_fn::FromFn;
pub use news::NewsReader;
pub(crate) use pending::Answer;
pub use pending::{Done, Outcome, Pending};
#[cfg(test)]
pub(crate) use shared::Limits;
pub(crate) use shared::Shared;
pub use spawn_error::SpawnError;
pub use status::Status;

use crate::fsm::{Address, CellId, End, Rejected};
use crate::raft::machine::view::Held;
use crate::raft::machine::{
    Applied, CLIENT_WINDOW, Caller, Codec, Nonce, Open, SessionId, State, StateMachine, snapshot,
};
use crate::raft::replica::{Command, Proposal, Whose, Word};
use crate::raft::storage::Remark;
use crate::raft::wire::{Packet, Refused};
use crate::raft::{ClusterId, Identity, Index};
use crate::sync::rwlock::ReadOnly;
use bytes::Bytes;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A peer of a replicated state machine.
///
/// When the last handle is dropped the peer ends; what it had promised stays promised. [`drain`](Peer::drain) ends it in
/// good order.
pub struct Peer<S: StateMachine> {
    address: Address<Command<S>>,
    shared: Arc<Shared<S>>,
    remarks: Arc<[Remark]>,
}

impl<S: StateMachine> Clone for Peer<S> {
    fn clone(&self) -> Self {
        let (address, shared, remarks) = (self.address.clone(), Arc::clone(&self.shared), Arc::clone(&self.remarks));
        Peer { address, shared, remarks }
    }
}

impl<S: StateMachine + Default> Peer<S> {
    /// A peer with this id among these members, whose first state is the default one. All peers of a cluster are given
    /// the same members.
    pub fn builder<A: Into<String>>(id: u64, members: impl IntoIterator<Item = (u64, A)>) -> Builder<S> {
        Builder::new(id, members, S::default, Box::new(S::restore))
    }
}

impl<S, C, R> Peer<FromFn<S, C, R>>
where
    S: Codec + Clone + Default + Sync,
    C: Codec,
    R: Codec + Clone + Sync,
{
    /// A peer whose state machine is a closure: what it makes of a state, a command and its place, and what it answers.
    /// It must depend on nothing else.
    pub fn from_fn<A: Into<String>>(
        id: u64,
        members: impl IntoIterator<Item = (u64, A)>,
        apply: impl Fn(&mut S, C, Applied) -> R + Send + Sync + 'static,
    ) -> Builder<FromFn<S, C, R>> {
        let behaviour: from_fn::Behaviour<S, C, R> = Arc::new(apply);
        let first = FromFn::new(S::default(), Arc::clone(&behaviour));
        let restore =
            move |from: &mut dyn io::Read| Ok(FromFn::new(from_fn::read_state(from)?, Arc::clone(&behaviour)));
        Builder::new(id, members, move || first, Box::new(restore))
    }
}

impl<S: StateMachine> Peer<S> {
    /// As [`builder`](Peer::builder), for a state that has no default.
    pub fn with_state<A: Into<String>>(id: u64, members: impl IntoIterator<Item = (u64, A)>, state: S) -> Builder<S> {
        Builder::new(id, members, move || state, Box::new(S::restore))
    }

    pub(crate) fn new(address: Address<Command<S>>, shared: Arc<Shared<S>>, remarks: Vec<Remark>) -> Peer<S> {
        Peer { address, shared, remarks: remarks.into() }
    }

    /// Hands in a packet that came from a peer of any cluster, or from a stranger: whatever is not for us is dropped and
    /// counted. Never waits.
    pub fn receive(&self, packet: impl Into<Bytes>) {
        let packet = packet.into();
        let held = packet.len();
        self.receive_part(packet, held);
    }

    /// As [`receive`](Peer::receive), for a packet that keeps an allocation of `held` bytes in memory.
    pub(crate) fn receive_part(&self, packet: Bytes, held: usize) {
        match Packet::try_open(packet, &self.shared.door) {
            Ok(packet) if self.address.depth() < self.shared.limits.inbox_max => {
                // To a peer that has ended it is a lost packet.
                let _ = self.address.post(Command(Word::Packet(packet.held(held))));
            }
            Ok(_) => self.shared.gauges.refused(Refused::Full),
            Err((why, packet)) => {
                self.shared.gauges.refused(why);
                if why == Refused::Cluster
                    && let Some(node) = Packet::stranger(&packet, &self.shared.door)
                {
                    self.shared.stranger(node);
                }
            }
        }
    }

    /// Counts something that was dropped before it came to a packet.
    pub(crate) fn count_refused(&self, why: Refused) {
        self.shared.gauges.refused(why);
    }

    /// Proposes a command. From any peer; forwarded to the leader, repeated until it is applied here, applied once.
    /// Proposals in flight together have no order among themselves: who needs one waits for the first. Where more is asked for
    /// than two windows to a follower (8 MiB), the rest waits until some of it is committed, or is forwarded again.
    ///
    /// # Errors
    /// [`Failure::Full`] or [`Failure::Gone`] at once, and [`Failure::Invalid`] if the command's own [`Codec`] does not decode
    /// what it has encoded; anything else comes by the [`Pending`].
    pub fn propose(&self, command: S::Command) -> Result<Pending<S::Reply>, Failure> {
        let (answer, pending) = Pending::new();
        self.post_proposal(Whose::Ours(encode::<S>(&command)?, answer))?;
        Ok(pending)
    }

    /// Proposes a command in a session of the caller's own, which [`open`](Peer::open) has named: for clients that repeat
    /// a command, through this peer or another, and want it applied once all the same.
    ///
    /// # Errors
    /// [`Failure::Invalid`], [`Failure::Full`] or [`Failure::Gone`] at once; anything else comes by the [`Pending`].
    pub fn propose_as(&self, caller: Caller, command: S::Command) -> Result<Pending<S::Reply>, Failure> {
        judge(caller)?;
        let (answer, pending) = Pending::new();
        self.post_proposal(Whose::Theirs(caller, encode::<S>(&command)?, answer))?;
        Ok(pending)
    }

    /// Proposes, and has the closure called with what came of it, once, on a thread of the peer's: it must not block.
    pub fn propose_then(
        &self,
        caller: Option<Caller>,
        command: S::Command,
        then: impl FnOnce(Outcome<S::Reply>) + Send + 'static,
    ) {
        let answer = Answer::new(then);
        let bytes = match caller.map_or(Ok(()), judge).and_then(|()| encode::<S>(&command)) {
            Ok(bytes) => bytes,
            Err(why) => return answer.give(Err(why)),
        };
        let whose = match caller {
            Some(caller) => Whose::Theirs(caller, bytes, answer),
            None => Whose::Ours(bytes, answer),
        };
        // Refused, it has answered already.
        let _ = self.post_proposal(whose);
    }

    /// Opens a session for a client.
    ///
    /// # Errors
    /// [`Failure::Full`] or [`Failure::Gone`] at once; anything else comes by the [`Pending`].
    pub fn open(&self) -> Result<Pending<SessionId>, Failure> {
        let (answer, pending) = Pending::new();
        self.post_proposal(Whose::Session(self.opening(), answer))?;
        Ok(pending)
    }

    /// Opens a session, and has the closure called with its name, or why there is none.
    pub fn open_then(&self, then: impl FnOnce(Outcome<SessionId>) + Send + 'static) {
        // Refused, it has answered already.
        let _ = self.post_proposal(Whose::Session(self.opening(), Answer::new(then)));
    }

    fn opening(&self) -> Open {
        let mut nonce = [0; 16];
        let mut draws = self.shared.draws.lock();
        nonce[..8].copy_from_slice(&draws.bits().to_le_bytes());
        nonce[8..].copy_from_slice(&draws.bits().to_le_bytes());
        Open { nonce: Nonce(nonce), window: CLIENT_WINDOW }
    }

    /// Refused, the answer is given.
    fn post_proposal(&self, whose: Whose<S::Reply>) -> Result<(), Failure> {
        let proposal = Proposal { whose, timeout: self.shared.limits.timeout };
        self.post(Word::Propose(proposal)).map_err(|(word, why)| {
            if let Word::Propose(proposal) = word {
                proposal.whose.refuse(why);
            }
            why
        })
    }

    fn post(&self, word: Word<S>) -> Result<(), (Word<S>, Failure)> {
        if self.shared.limits.inbox_max <= self.address.depth() {
            return Err((word, Failure::Full));
        }
        self.address.post(Command(word)).map_err(|rejected| match rejected {
            Rejected::Full(Command(word)) => (word, Failure::Full),
            Rejected::Draining(Command(word)) => (word, Failure::Draining),
            Rejected::Dead(Command(word)) => (word, Failure::Gone),
        })
    }

    /// Reads the state by a closure, at a point that is no older than the call: it sees everything that any peer had
    /// acknowledged before. On any peer; one round trip of the leader's, shared by all reads of a moment.
    ///
    /// # Errors
    /// [`Failure::Full`] or [`Failure::Gone`] at once; anything else comes by the [`Pending`].
    pub fn read<T: Send + 'static>(&self, look: impl FnOnce(&S) -> T + Send + 'static) -> Result<Pending<T>, Failure> {
        let (answer, pending) = Pending::new();
        self.post_read(look, answer)?;
        Ok(pending)
    }

    /// Reads the state by a closure, and has another called with what it saw, on a thread of the peer's: neither may
    /// block.
    pub fn read_then<T: Send + 'static>(
        &self,
        look: impl FnOnce(&S) -> T + Send + 'static,
        then: impl FnOnce(Outcome<T>) + Send + 'static,
    ) {
        // Refused, it has answered already.
        let _ = self.post_read(look, Answer::new(then));
    }

    fn post_read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&S) -> T + Send + 'static,
        answer: Answer<T>,
    ) -> Result<(), Failure> {
        let Some(open) = self.shared.reads.open(self.shared.limits.tickets_max) else {
            answer.give(Err(Failure::Full));
            return Err(Failure::Full);
        };
        let run = Box::new(move |held: Result<&Held<S>, Failure>| {
            let done = held.map(|held| Done { index: held.applied.index, value: look(&held.state) });
            drop(open); // before whoever is answered asks again
            answer.give(done);
        });
        let word = Word::Read { run, timeout: self.shared.limits.timeout };
        self.post(word).map_err(|(word, why)| {
            if let Word::Read { run, .. } = word {
                run(Err(why));
            }
            why
        })
    }

    /// The state as it is applied here: at once, and perhaps a little old; the view says how far it is applied.
    #[must_use]
    pub fn state(&self) -> State<S> {
        State(ReadOnly::of(&self.shared.held))
    }

    /// CRC32C of the bytes that the state's snapshot writes, and up to where the log is applied to that state. Equal on
    /// peers that have applied the same. Costs a pass over the state, on the caller's thread.
    ///
    /// # Errors
    /// What the state's own `snapshot` says.
    pub fn digest(&self) -> io::Result<(Index, u32)> {
        let held = self.shared.held.read();
        let (index, write) = (held.applied.index, held.state.snapshot());
        drop(held);
        Ok((index, snapshot::digest(write)?))
    }

    /// What the peer is and knows. Cheap, and at once, whatever the peer is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let standing = self.shared.standing.lock().clone();
        let gauges = &self.shared.gauges;
        let mut counts = gauges.read_refused().into_iter();
        Status {
            cluster: self.shared.door.cluster,
            id: self.shared.door.us.node,
            address: self.shared.address.clone(),
            role: standing.role,
            draining: standing.draining,
            term: standing.term,
            leader: standing.leader,
            first: standing.first,
            last: standing.last,
            commit: standing.commit,
            applied: gauges.read_applied(),
            heard: standing.heard,
            disk_p99: gauges.read_flush_p99(),
            syncs: gauges.read_syncs(),
            queue: self.address.depth(),
            tickets: self.shared.flight.lock().len(),
            sessions: gauges.read_sessions(),
            snapshots_installed: gauges.read_installed(),
            starved: gauges.read_starved(),
            slow_sends: gauges.read_slow_sends(),
            refused: Refused::ALL.map(|why| (why, counts.next().unwrap_or_default())),
        }
    }

    /// How many packets and messages were dropped since the start for what they were: the sum of what a [`Status`] tells
    /// by reason, in a few loads, but for those that were only too many ([`Refused::Full`]).
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.shared.gauges.read_refused()[..Refused::Full as usize].iter().sum()
    }

    /// Of its [`status`](Peer::status) what costs next to nothing, for a simulator that asks after each turn: up to where the
    /// log is applied, how many tickets are open, and how many sessions.
    #[doc(hidden)]
    #[must_use]
    pub fn keeps(&self) -> (Index, usize, usize) {
        let gauges = &self.shared.gauges;
        (gauges.read_applied(), self.shared.flight.lock().len(), gauges.read_sessions())
    }

    /// What happens to the peer from now on, as an iterator that waits. It ends with [`News::Exit`](crate::raft::consensus::News::Exit).
    #[must_use]
    pub fn news(&self) -> NewsReader {
        self.shared.news.reader()
    }

    /// As [`news`](Peer::news), but from the first that is still kept: right after the start, from the very first.
    pub(crate) fn all_news(&self) -> NewsReader {
        self.shared.news.reader_of_all()
    }

    /// Takes nothing new; open proposals and reads are answered for at most a second, then [`Failure::Unknown`], but those
    /// that a leader has not placed yet, at once, [`Failure::Draining`]; what is staged is synced; then the peer is gone.
    /// Returns at once: [`wait_ended`](Peer::wait_ended) waits.
    pub fn drain(&self) {
        // One that has ended needs no draining.
        let _ = self.address.post(Command(Word::Drain));
    }

    /// Ends it as a failing power supply would: not a word is said, nothing more is written. Open tickets are
    /// [`Failure::Gone`]. For tests of what a crash leaves behind.
    pub fn kill(&self) {
        self.shared.parts.lock().iter().rev().for_each(|part| part.kill());
    }

    /// The automata that it is made of and that live, the last to begin first: for simulators, where a process stands
    /// still as a whole.
    #[must_use]
    pub fn cells(&self) -> Vec<CellId> {
        self.shared.parts.lock().iter().rev().filter_map(|part| part.cell()).collect()
    }

    /// Blocks until the peer is gone: its log is synced, its directory free. Not in virtual time, where nobody may block.
    pub fn wait_ended(&self) {
        self.shared.ended.wait();
    }

    /// As [`wait_ended`](Peer::wait_ended), but for so long at most; whether it is gone.
    #[must_use]
    pub fn wait_ended_timeout(&self, timeout: Duration) -> bool {
        self.shared.ended.wait_timeout(timeout).is_ok()
    }

    /// Whether the peer is gone.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.shared.ended.is_set()
    }

    /// Why the peer ended by itself, if it did: its disk failed, its state machine panicked.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let fault = self.shared.fault.lock().clone();
        // Nobody watches the replica: its own end says whether it panicked.
        fault.or_else(|| match self.address.ended().try_take() {
            Ok(Some(End::Panicked(panic))) => Some(format!("replica: {}", panic.message())),
            Ok(Some(End::Exited | End::Killed) | None) | Err(_) => None,
        })
    }

    /// Who it is, and which life of it.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.shared.door.us
    }

    /// The cluster that it belongs to.
    #[must_use]
    pub fn cluster(&self) -> ClusterId {
        self.shared.door.cluster
    }

    /// What opening its store found that its operator may want to know, a line each.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// The replica itself: for runners that look into automata, and for simulators.
    #[must_use]
    pub fn replica(&self) -> &Address<Command<S>> {
        &self.address
    }
}

impl<S: StateMachine> fmt::Debug for Peer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Peer({} of {:016x}, {:?})",
            self.shared.door.us.node,
            self.shared.door.cluster.0,
            self.address.mode()
        )
    }
}

/// The command's bytes. What does not decode here would stop every peer that applies it, so it is never proposed.
fn encode<S: StateMachine>(command: &S::Command) -> Result<Bytes, Failure> {
    let bytes = command.to_bytes();
    S::Command::from_bytes(&bytes).map(|_| bytes).ok_or(Failure::Invalid)
}

fn judge(caller: Caller) -> Result<(), Failure> {
    if !caller.is_valid() {
        Err(Failure::Invalid)
    } else if caller.is_beyond(CLIENT_WINDOW) {
        Err(Failure::Full)
    } else {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
