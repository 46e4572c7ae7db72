//! The machine's part of a snapshot's file: sessions, then the user's state.
//!
//! ```text
//!   varint length | sessions | state .. to the end
//! ```

use super::sessions::Sessions;
use super::state_machine::StateMachine;
use crate::raft::LogId;
use crate::raft::consensus::Membership;
use crate::raft::storage::{Disk, Error, Snapshot, Snapshots};
use crate::varint;
use bytes::Bytes;
use std::io::{self, Read, Write};

/// A machine as a snapshot holds it.
pub(crate) struct Restored<S: StateMachine> {
    pub(crate) state: S,
    pub(crate) sessions: Sessions<S::Reply>,
    pub(crate) membership: Membership,
}

/// The membership as a snapshot's head and an entry hold it.
pub(crate) fn encode_membership(members: &Membership) -> Bytes {
    members.encode().into()
}

/// Cheap: copies the sessions' bytes and whatever the state's own `snapshot` copies. What is returned writes the file, anywhere.
pub(crate) fn prepare<S: StateMachine, D: Disk>(
    state: &S,
    sessions: &Sessions<S::Reply>,
    snapshots: Snapshots<D>,
    at: LogId,
    membership: Bytes,
) -> Box<dyn FnOnce() -> Result<Snapshot, Error> + Send> {
    let mut bytes = Vec::new();
    sessions.encode(&mut bytes);
    let write = state.snapshot();
    Box::new(move || {
        let mut taking = snapshots.take(at, membership)?;
        let mut head = Vec::new();
        varint::put(&mut head, bytes.len() as u64);
        taking.write_all(&head)?;
        taking.write_all(&bytes)?;
        write(&mut taking)?;
        taking.finish()
    })
}

/// Reads a machine back; `state` reads the user's part of it.
pub(crate) fn restore<S: StateMachine, D: Disk>(
    snapshots: &Snapshots<D>,
    at: LogId,
    sessions_max: usize,
    state: impl Fn(&mut dyn Read) -> io::Result<S>,
) -> Result<Restored<S>, Error> {
    let file = snapshots.open(at)?;
    let bad = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("the snapshot at {at:?}: {why}"));
    // The checksums of what was read so far are right, so it was written so; damage is of another kind.
    let none = |part: &str| bad(format!("{part} not decode: was it written by another version?"));
    let named = |part: &str, error: io::Error| match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => bad(format!("{part}: {error}")),
        _ => error,
    };
    let members = &file.snapshot().membership;
    let membership = Membership::decode(members).ok_or_else(|| none("its membership does"))?;
    let mut from = file.state();
    let length =
        read_varint(&mut from).map_err(|error| named("its head", error))?.ok_or_else(|| none("its head does"))?;
    let mut bytes = Vec::new();
    (&mut from).take(length).read_to_end(&mut bytes)?;
    let sessions = Sessions::decode(&bytes, sessions_max).ok_or_else(|| none("its sessions do"))?;
    let state = state(&mut from).map_err(|error| named("its state", error))?;
    Ok(Restored { state, sessions, membership })
}

fn read_varint(from: &mut impl Read) -> io::Result<Option<u64>> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    loop {
        from.read_exact(&mut byte)?;
        bytes.push(byte[0]);
        match varint::peek(&bytes) {
            varint::Head::Number(value, _) => return Ok(Some(value)),
            varint::Head::Short => {}
            varint::Head::Bad => return Ok(None),
        }
    }
}

/// CRC32C of the bytes that the state's snapshot writes: equal states, equal digests.
pub(crate) fn digest(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<u32> {
    let mut sum = Sum(0);
    write(&mut sum)?;
    Ok(sum.0)
}

/// Sums what is written.
struct Sum(u32);

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = crc32c::crc32c_append(self.0, bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
