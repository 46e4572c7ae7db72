//! A replicated key-value map behind pipes: the executable that `peer.py` starts and carries packets for.
//!
//! ```text
//!   clients ── gRPC ──> peer.py ── stdin ──> this: raft::Peer<Kv>, its log under --dir
//!                              <── stdout ──
//! ```
//! The whole of the application is `kv`: the rest of this package is arguments and signals.

mod arguments;
mod kv;
mod traffic;

use arguments::Arguments;
use kv::Kv;
use rsm::raft::peer::{Peer, SpawnError};
use rsm::raft::piped::{Piped, log};
use rsm::raft::storage::Error;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

/// The length of the log's files: two of them are made at the start.
const SEGMENT_BYTES: u64 = 16 << 20;

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => return refuse(&why),
    };
    log::set_level(arguments.log_level);
    if arguments.echo || arguments.ping.is_some() || arguments.flood.is_some() {
        return traffic::run(&arguments);
    }
    // Before the peer: a signal that comes in between shall drain it too.
    let signals = match Signals::new([SIGTERM]) {
        Ok(signals) => signals,
        Err(why) => return refuse(&format!("signals cannot be heard: {why}")),
    };
    match start(arguments) {
        Ok(piped) => {
            drain_at(signals, piped.peer.clone());
            piped.wait()
        }
        Err(why) => refuse(&words(&why)),
    }
}

fn start(arguments: Arguments) -> Result<Piped<Kv>, SpawnError> {
    let mut builder = Peer::<Kv>::builder(arguments.id, arguments.members)
        .dir(arguments.dir)
        .segment_bytes(SEGMENT_BYTES)
        .snapshot_entries(arguments.snapshot_every);
    if let Some(incarnation) = arguments.first_boot {
        builder = builder.first_boot(incarnation);
    }
    builder.piped(|kv: &Kv, query: kv::Query| kv.answer(query).said())
}

/// Drains the peer at each SIGTERM, as the end of stdin does.
fn drain_at(mut signals: Signals, peer: Peer<Kv>) {
    thread::spawn(move || signals.forever().for_each(|_| peer.drain()));
}

/// Why the peer does not start, in the words of the command line that started it.
fn words(why: &SpawnError) -> String {
    if let SpawnError::Dir(dir, inner) = why
        && let SpawnError::Store(error) = &**inner
    {
        let dir = dir.display();
        match error {
            Error::Locked => return format!("{dir} is in use"),
            Error::Owner { belongs } if belongs.contains("other members") => {
                return format!(
                    "{dir} {belongs} than peers.yml lists; put the list back, or choose another directory with --dir \
                     (cluster.py: --fresh)"
                );
            }
            Error::Owner { belongs } => return format!("{dir} {belongs}"),
            _ => {}
        }
    }
    why.to_string()
}

/// One line, and the exit code of a set-up that is refused. A stderr that is gone is no reason to panic.
fn refuse(why: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{why}");
    ExitCode::from(2)
}
