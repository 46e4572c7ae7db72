//! The automata that move snapshots: big bytes never pass through the replica's hands, but as packets.
//!
//! ```text
//!   leader     Send: a file, four pieces on their way        one for each peer that is brought one; ends with it
//!   follower   Receive: a .tmp, then the file whole          one for the peer's life
//! ```

use super::Word as ReplicaWord;
use super::disk::Tended;
use super::{Command, Replica};
use crate::fsm::{Automaton, Context, End, Input as Inbox, WeakAddress};
use crate::raft::consensus::{Input, Membership, Role};
use crate::raft::machine::StateMachine;
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::storage::snapshot::SnapshotFile;
use crate::raft::storage::{Disk, Error, Snapshots};
use crate::raft::transfer::{Pace, Piece, Ready, Receiver, Sending, Taken, Verdict};
use crate::raft::wire::{Body, Chunk, ChunkReply};
use crate::raft::{Identity, LogId, NodeId, Term, Track};
use bytes::Bytes;
use std::io;

/// While more pieces than these wait for the disk, further ones are dropped. A sender has four on their way.
const CHUNKS_WAITING_MAX: usize = 16;

/// What transfers say.
#[derive(Debug)]
pub(crate) enum Word {
    /// Send this to that peer.
    Say(NodeId, Body),
    /// All that a snapshot from that peer covers is here.
    Ready { from: NodeId, term: Term, track: Track, ready: Ready },
    /// That peer holds it, or did not answer.
    Over(NodeId, Track, Verdict),
    /// That peer's transfer has ended, perhaps without a word.
    Ended(NodeId, Track, End),
    /// The system is short of what it takes to read one.
    Short(String),
    /// The disk does not take what came, or what is to be sent is damaged.
    Failed(String),
}

/// A piece, from whom.
#[derive(Debug)]
pub(crate) enum Incoming {
    Chunk(NodeId, Chunk),
    /// The log was given a mark.
    Mark(LogId),
}

/// Takes in snapshots.
pub(crate) struct Receive<D: Disk, C: Send + 'static> {
    receiver: Receiver<D>,
    replica: WeakAddress<C>,
    say: fn(Word) -> C,
}

impl<D: Disk, C: Send + 'static> Receive<D, C> {
    pub(crate) fn new(snapshots: Snapshots<D>, mark: LogId, replica: WeakAddress<C>, say: fn(Word) -> C) -> Self {
        Receive { receiver: Receiver::new(snapshots, mark), replica, say }
    }

    fn take(&mut self, from: NodeId, chunk: &Chunk) {
        match self.receiver.take(chunk) {
            Ok(None) | Err(Error::Full) => {}
            Ok(Some(Taken { reply, ready })) => {
                tell(&self.replica, (self.say)(Word::Say(from, Body::ChunkReply(reply))));
                if let Some(ready) = ready {
                    let word = Word::Ready { from, term: chunk.term, track: chunk.track, ready };
                    tell(&self.replica, (self.say)(word));
                }
            }
            Err(error) => tell(&self.replica, (self.say)(Word::Failed(error.to_string()))),
        }
    }
}

impl<D: Disk, C: Send + 'static> Automaton for Receive<D, C> {
    type State = ();
    type Command = Incoming;

    fn next(&mut self, (): (), input: Inbox<Self>, _context: &mut Context<Self>) {
        match input {
            Inbox::Command(Incoming::Chunk(from, chunk)) => self.take(from, &chunk),
            Inbox::Command(Incoming::Mark(at)) => self.receiver.on_mark(at),
            Inbox::Start | Inbox::Transition { .. } | Inbox::Drain | Inbox::Exit => {}
        }
    }
}

/// Hears of answers, and of time.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Reply(ChunkReply),
    Tick,
}

/// Which snapshot goes to whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errand {
    pub(crate) to: NodeId,
    pub(crate) at: LogId,
    pub(crate) term: Term,
    pub(crate) track: Track,
    pub(crate) pace: Pace,
}

/// Brings one snapshot to one peer.
pub(crate) struct Bring<D: Disk, C: Send + 'static> {
    errand: Errand,
    snapshots: Snapshots<D>,
    replica: WeakAddress<C>,
    say: fn(Word) -> C,
    under_way: Option<(SnapshotFile<D>, Sending)>,
}

impl<D: Disk, C: Send + 'static> Bring<D, C> {
    fn begin(&mut self, context: &mut Context<Self>) {
        let Errand { at, term, track, pace, .. } = self.errand;
        // Whoever were sent a damaged one would ask for it again and again.
        match context.blocking(|| self.snapshots.open_whole(at)) {
            Ok(file) => {
                // Only now: a turn has one time, that of its first use, and the file may be long.
                let sending = Sending::new(at, term, track, file.total(), pace, context.now());
                self.under_way = Some((file, sending));
            }
            // A file that a newer one has replaced: the transfer fails, and the core begins another.
            Err(Error::Gone) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            // It fails too, and the core begins another with the next heartbeat.
            Err(error) if error.is_shortage() => tell(&self.replica, (self.say)(Word::Short(error.to_string()))),
            // Whoever waits for what cannot be read would wait for ever.
            Err(error) => {
                mark!("snapshot-not-read-for-another");
                let failed = Word::Failed(error.to_string());
                mutate!(SnapshotUnreadIsLost, tell(&self.replica, (self.say)(failed)), ());
            }
        }
    }

    fn go_on(&mut self, context: &mut Context<Self>) {
        let now = context.now();
        let to = self.errand.to;
        let Some((file, sending)) = &mut self.under_way else {
            return self.end(Verdict::Failed, context);
        };
        while let Some(piece) = sending.piece(now) {
            // Whatever it was that failed, the next transfer finds it as it opens the file.
            let Some(bytes) = read(file, piece) else { return self.end(Verdict::Failed, context) };
            let chunk = sending.chunk(piece, bytes);
            tell(&self.replica, (self.say)(Word::Say(to, Body::Chunk(chunk))));
        }
        if let Some(verdict) = sending.verdict(now) {
            return self.end(verdict, context);
        }
        context.state_timeout(sending.deadline().since(now), Outgoing::Tick);
    }

    fn end(&mut self, verdict: Verdict, context: &mut Context<Self>) {
        tell(&self.replica, (self.say)(Word::Over(self.errand.to, self.errand.track, verdict)));
        context.stop();
    }
}

/// All bytes of the piece, or none.
fn read<D: Disk>(file: &SnapshotFile<D>, piece: Piece) -> Option<Bytes> {
    let mut bytes = vec![0; usize::try_from(piece.len).ok()?];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], piece.offset + filled as u64) {
            Ok(0) | Err(_) => return None,
            Ok(read) => filled += read,
        }
    }
    Some(bytes.into())
}

fn tell<C: Send + 'static>(replica: &WeakAddress<C>, command: C) {
    if let Some(replica) = replica.upgrade() {
        // A replica that is gone has no use for it.
        let _ = replica.post(command);
    }
}

impl<D: Disk, C: Send + 'static> Automaton for Bring<D, C> {
    type State = ();
    type Command = Outgoing;

    fn next(&mut self, (): (), input: Inbox<Self>, context: &mut Context<Self>) {
        match input {
            Inbox::Start => self.begin(context),
            Inbox::Command(Outgoing::Reply(reply)) => {
                if let Some((_, sending)) = &mut self.under_way {
                    sending.on_reply(&reply, context.now());
                }
            }
            Inbox::Command(Outgoing::Tick) | Inbox::Transition { .. } | Inbox::Drain | Inbox::Exit => {}
        }
    }

    fn flush(&mut self, (): &mut (), context: &mut Context<Self>) {
        self.go_on(context);
    }
}

impl<S: StateMachine, T: Tended, D: Disk> Replica<S, T, D> {
    /// Who is newborn takes nothing, nor does who has a snapshot whose mark is not durable yet, but of that one: each stays at
    /// least until the mark of a newer one is, so while the disk stands still they would be as many as a leader takes.
    pub(super) fn on_chunk(&mut self, role: &Role, from: Identity, chunk: Chunk) {
        if self.life_of(from.node) != Some(from.incarnation) {
            return;
        }
        // Who is behind in term hears of it by other words first, and is sent this piece again.
        if mutate!(PieceOfAnyTerm, self.core.term() < chunk.term, false) {
            return;
        }
        if mutate!(SnapshotsPileUp, self.core.is_installing() && chunk.at != self.core.log().snapshot(), false) {
            return;
        }
        match (role, &self.homes) {
            (Role::Newborn(_), _) | (_, None) => {}
            (Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_), Some(homes)) => {
                // Whoever sends more than the disk takes sends it again.
                if homes.receiver.depth() <= CHUNKS_WAITING_MAX {
                    // One that has ended is heard of by its watcher.
                    let _ = homes.receiver.post(Incoming::Chunk(from.node, chunk));
                }
            }
        }
    }

    /// Another life of a member does not hold what this one was to be brought.
    pub(super) fn on_chunk_reply(&mut self, from: Identity, reply: ChunkReply) {
        if self.life_of(from.node) != Some(from.incarnation) {
            return;
        }
        if let Some(sender) = self.homes.as_ref().and_then(|homes| homes.senders.get(&from.node)) {
            // One that has ended needs no answer.
            let _ = sender.post(Outgoing::Reply(reply));
        }
    }

    pub(super) fn send_snapshot(
        &mut self,
        to: NodeId,
        at: LogId,
        term: Term,
        track: Track,
        context: &mut Context<Self>,
    ) {
        let usual = Pace::new(self.settings.heartbeat, self.settings.election);
        let pace = Pace { chunk_bytes: self.settings.piece_bytes, ..usual };
        let errand = Errand { to, at, term, track, pace };
        let say = |word| Command(ReplicaWord::Transfer(word));
        let bring = Bring { errand, snapshots: self.snapshots.clone(), replica: context.weak(), say, under_way: None };
        let sender = context.builder(bring, ()).name("transfer").guard(self.shared.guard()).spawn();
        context.watch(&sender, move |end| Command(ReplicaWord::Transfer(Word::Ended(to, track, end))));
        self.shared.can_kill(&sender);
        if let Some(homes) = &mut self.homes
            && let Some(former) = homes.senders.insert(to, sender)
        {
            former.stop();
        }
    }

    pub(super) fn on_transfer(&mut self, role: Role, word: Word, context: &mut Context<Self>) -> Role {
        match word {
            Word::Say(to, body) => {
                if let Body::Chunk(_) = body {
                    self.starved = None;
                }
                self.outbox.put(to, self.life_of(to), body);
                role
            }
            Word::Ready { from, term, track, ready } => {
                let at = ready.at();
                let members = match ready {
                    Ready::Held(at) => {
                        assert!(at.index <= self.core.commit(), "R19: {at:?} would be installed, and no file has come");
                        Some(self.core.membership().clone())
                    }
                    Ready::Whole(snapshot) => Membership::decode(&snapshot.membership),
                };
                let Some(membership) = members else {
                    return self.fail(role, format!("the snapshot at {at:?} names no members"), context);
                };
                self.step(role, Input::SnapshotReady { from, term, track, at, membership }, context.now())
            }
            Word::Ended(to, track, End::Panicked(_)) => {
                self.step(role, Input::SnapshotFailed { to, track }, context.now())
            }
            Word::Ended(_, _, End::Exited | End::Killed) => role,
            Word::Over(to, track, verdict) => {
                let input = match verdict {
                    Verdict::Sent => Input::SnapshotSent { to, track },
                    Verdict::Failed => Input::SnapshotFailed { to, track },
                };
                self.step(role, input, context.now())
            }
            Word::Short(why) => {
                self.on_shortage(&why, context);
                role
            }
            Word::Failed(why) => self.fail(role, format!("disk: {why}"), context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsm::{Runner, VirtualTime};
    use crate::raft::ClusterId;
    use crate::raft::storage::SimulatedDisk;
    use crate::raft::storage::snapshot::format;
    use crate::sync::lock::Lock;
    use std::io::Write;
    use std::sync::Arc;
    use std::time::Duration;

    /// Hears what transfers say.
    struct Ear(Arc<Lock<Vec<Word>>>);

    impl Automaton for Ear {
        type State = ();
        type Command = Word;
        fn next(&mut self, (): (), input: Inbox<Self>, _: &mut Context<Self>) {
            if let Inbox::Command(word) = input {
                self.0.lock().push(word);
            }
        }
    }

    /// What a replica hears that is to bring a snapshot of 1,000 bytes, of which this has become.
    fn heard_of(spoil: impl Fn(&SimulatedDisk, &str)) -> Vec<Word> {
        let disk = Arc::new(SimulatedDisk::new(1));
        let snapshots = Snapshots::new(Arc::clone(&disk), ClusterId(1)).expect("an empty directory");
        let at = LogId::new(1, 9);
        let mut taking = snapshots.take(at, Bytes::new()).expect("there is room");
        taking.write_all(&[7; 1_000]).expect("there is room");
        taking.finish().expect("there is room");
        spoil(&disk, &format::name(at));
        let (time, heard) = (VirtualTime::new(1), Arc::new(Lock::new(Vec::new())));
        let ear = time.spawn(Ear(Arc::clone(&heard)), ());
        let pace = Pace::new(Duration::from_millis(50), Duration::from_millis(300));
        let errand = Errand { to: NodeId(2), at, term: Term(1), track: Track(1), pace };
        let bring = Bring { errand, snapshots, replica: ear.downgrade(), say: |word| word, under_way: None };
        let _bring = time.spawn(bring, ());
        time.run_for(Duration::from_millis(1), &mut ());
        std::mem::take(&mut *heard.lock())
    }

    #[test]
    fn a_damaged_snapshot_is_not_sent_and_stops_the_peer() {
        let heard = heard_of(|disk, name| _ = disk.rot(name, 500, 1));
        assert!(matches!(&heard[0], Word::Failed(why) if why.contains("is damaged")), "{heard:?}");
        assert!(!heard.iter().any(|word| matches!(word, Word::Say(..))), "{heard:?}");
    }

    /// Who were brought it would wait for ever, and its leader would begin anew each time.
    #[test]
    fn a_snapshot_that_cannot_be_read_is_not_sent_and_stops_the_peer() {
        let heard = heard_of(|disk, name| _ = disk.spoil(name, 500..501));
        assert!(matches!(&heard[0], Word::Failed(why) if why.contains("input/output error")), "{heard:?}");
        let failed = |heard: &[Word]| !heard.is_empty() && heard.iter().all(|word| matches!(word, Word::Over(..)));
        let heard = heard_of(|disk, name| disk.remove(name).expect("it is there"));
        assert!(failed(&heard), "one that was replaced stops nobody: {heard:?}");
        let heard = heard_of(|disk, _| disk.set_starved(true));
        let (short, rest): (Vec<_>, Vec<_>) = heard.into_iter().partition(|word| matches!(word, Word::Short(_)));
        assert!(short.len() == 1 && failed(&rest), "nor does one that may be read later: {short:?}, {rest:?}");
    }
}
