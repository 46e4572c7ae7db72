//! A peer behind a pipe: any executable becomes one in one call, and any program in any language carries its packets.
//!
//! ```text
//!   front end ── stdin ──> reader: Desk ──────> Peer: receive, propose, read
//!      ▲                         │ drain, end      │ answers, packets
//!      │                         └──> Front        │             stderr: lines for people
//!      └────── stdout <── writer <── Outbox <──────┘
//! ```
//! Reach for it where the network belongs to another program: a gRPC server in Python, a sidecar. What is said, byte by
//! byte, stands in `docs/pipe.md`. No thread of the peer ever waits for the front end: one that has stopped reading loses
//! packets, which Raft repeats, and never a reply.
//!
//! ```no_run
//! use rsm::raft::Peer;
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     let members = [(0, "127.0.0.1:4000"), (1, "127.0.0.1:4001"), (2, "127.0.0.1:4002")];
//!     let counter = Peer::from_fn(0, members, |count: &mut u64, add: u64, _| {
//!         *count += add;
//!         *count
//!     });
//!     match counter.dir("data/0").piped(|count, (): ()| **count) {
//!         Ok(piped) => piped.wait(),
//!         Err(why) => {
//!             eprintln!("{why}");
//!             ExitCode::from(2)
//!         }
//!     }
//! }
//! ```

mod answers;
mod desk;
mod front;
mod lines;
pub mod log;
mod protocol;
#[cfg(test)]
mod tests;

use crate::fsm::{Address, Runner, Threads, Time};
use crate::pipe::{CHUNK_MAX, Outbox, feed, offer};
use crate::raft::NodeId;
use crate::raft::machine::{Codec, StateMachine};
use crate::raft::peer::{Builder, Peer, SpawnError};
use crate::sync::event::Event;
use crate::sync::lock::Lock;
use crate::sync::oneshot::{self, Ticket};
use answers::Tickets;
use bytes::Bytes;
use desk::{Answer, Desk, Look, Stage};
use front::{Command, DIED, Front, State};
use lines::Lines;
use log::{Level, say};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How many bytes of packets may wait for a front end that does not read.
const PACKETS_BYTES: usize = 8 << 20;
/// The most bytes of an entry: one packet of it, and all that travels beside it, fits a chunk.
const ENTRY_BYTES: usize = CHUNK_MAX / 2;
/// How long a front end has to read what is left, at the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A peer behind a pipe.
#[derive(Debug)]
pub struct Piped<S: StateMachine> {
    /// The peer itself. A signal handler's thread says [`drain`](Peer::drain) to a clone of it.
    pub peer: Peer<S>,
    exit: Ticket<u8>,
    written: Ticket<io::Result<()>>,
    _front: Address<Command>,
}

impl<S: StateMachine> Builder<S> {
    /// Brings the peer to life behind this process's stdin and stdout, which belong to it from here on: whatever else
    /// writes to stdout breaks the framing. A command has at most 4 MiB. `answer` says what a query of the front end comes to on a state.
    ///
    /// # Errors
    /// As [`spawn`](Builder::spawn); and if stdout is closed, or there are no threads left.
    pub fn piped<Q: Codec, A: Codec>(
        self,
        answer: impl Fn(&S, Q) -> A + Send + Sync + 'static,
    ) -> Result<Piped<S>, SpawnError> {
        // `Stdout` flushes at each newline byte: a file of the same descriptor does not.
        let stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from).map_err(SpawnError::Pipe)?;
        self.piped_over(io::stdin(), stdout, answer)
    }

    /// As [`piped`](Builder::piped), over any two streams.
    ///
    /// # Errors
    /// As [`spawn`](Builder::spawn); and if there are no threads left.
    pub fn piped_over<Q: Codec, A: Codec>(
        self,
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
        answer: impl Fn(&S, Q) -> A + Send + Sync + 'static,
    ) -> Result<Piped<S>, SpawnError> {
        let members = self.told_members();
        let (outbox, written) =
            Outbox::spawn(output, protocol::kind::PACKETS, PACKETS_BYTES).map_err(SpawnError::Pipe)?;
        let spawned = self.spawn_behind(&outbox);
        if spawned.is_err() {
            outbox.close();
        }
        let peer = spawned?;
        peer.remarks().iter().for_each(|remark| say(Level::Warn, &remark.to_string()));
        begin(peer, members, input, outbox, written, look_of(answer)).map_err(SpawnError::Pipe)
    }

    /// The peer, with its packets going to the outbox once that has said hello: the hello is the first chunk.
    fn spawn_behind(self, outbox: &Outbox) -> Result<Peer<S>, SpawnError> {
        let greeted = Arc::new(Event::manual());
        let (packets, may) = (outbox.clone(), Arc::clone(&greeted));
        let send = move |to: u64, _: &str, packet: Bytes| {
            if may.is_set() {
                packets.packet(to, &packet);
            }
        };
        let peer = self.send(send).entry_bytes(ENTRY_BYTES).spawn()?;
        let us = peer.identity();
        outbox.keep(protocol::kind::HELLO, &[&protocol::hello(us.node, us.incarnation)]);
        greeted.set();
        Ok(peer)
    }
}

/// What a query's bytes come to: the user's closure, with its types taken off.
fn look_of<S: StateMachine, Q: Codec, A: Codec>(answer: impl Fn(&S, Q) -> A + Send + Sync + 'static) -> Arc<Answer<S>> {
    let answer = Arc::new(answer);
    Arc::new(move |query: &Bytes| {
        let (query, answer) = (Q::from_bytes(query)?, Arc::clone(&answer));
        Some(Box::new(move |state: &S| answer(state, query).to_bytes()) as Look<S>)
    })
}

fn begin<S: StateMachine>(
    peer: Peer<S>,
    members: Vec<(NodeId, String)>,
    input: impl Read + Send + 'static,
    outbox: Outbox,
    written: Ticket<io::Result<()>>,
    answer: Arc<Answer<S>>,
) -> io::Result<Piped<S>> {
    let lines = Arc::new(Lock::new(Lines::new(peer.identity(), members, Time::ZERO)));
    tell(&peer, Arc::clone(&lines))?;
    let (exit, code) = oneshot::channel();
    let tickets = Tickets::new(outbox.clone());
    let mut desk =
        Desk { peer: peer.clone(), outbox: outbox.clone(), tickets: tickets.clone(), answer, stage: Stage::Greeting };
    let front = Front { peer: peer.clone(), outbox, tickets, lines, exit: Some(exit), told: None };
    let front = Threads.builder(front, State::Up).name("front").spawn();
    watch(&peer, front.clone())?;
    feed(input, move |heard| desk.on_heard(heard), front.clone())?;
    Ok(Piped { peer, exit: code, written, _front: front })
}

/// Writes a line for what is worth one, as it happens.
fn tell<S: StateMachine>(peer: &Peer<S>, lines: Arc<Lock<Lines>>) -> io::Result<()> {
    let news = peer.all_news();
    let work = move || {
        for news in news {
            let line = lines.lock().on_news(&news);
            line.iter().for_each(|(level, text)| say(*level, text));
        }
    };
    thread::Builder::new().name("news".into()).spawn(work).map(drop)
}

/// Tells the front when the peer has ended.
fn watch<S: StateMachine>(peer: &Peer<S>, front: Address<Command>) -> io::Result<()> {
    let peer = peer.clone();
    let work = move || {
        peer.wait_ended();
        offer(&front, Command::Ended);
    };
    thread::Builder::new().name("end".into()).spawn(work).map(drop)
}

impl<S: StateMachine> Piped<S> {
    /// Waits for the end, and gives the process's exit code: 0 drained, by its front end, the end of stdin or
    /// [`Peer::drain`]; 1 the peer has died; 2 the front end is of another version; 3 the framing was lost. One line on
    /// stderr has said which.
    #[must_use]
    pub fn wait(self) -> ExitCode {
        ExitCode::from(self.wait_code())
    }

    fn wait_code(mut self) -> u8 {
        let code = self.exit.wait().unwrap_or(DIED);
        // What is left is written; a front end that does not read is not waited for.
        let _ = self.written.wait_timeout(LAST_WORDS);
        code
    }
}
