//! Whole peers: on threads, and in virtual time.

mod directories;
mod endings;
mod exactly_once;
mod full_disk;
mod late;
mod limits;
mod local;
mod restarts;
mod short_of_room;
mod strangers;
mod town;

use crate::raft::machine::{Applied, Codec, StateMachine};
use std::io::{self, Read, Write};

/// Adds, and remembers in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Adder {
    pub(crate) sum: u64,
    pub(crate) added: Vec<u64>,
}

impl StateMachine for Adder {
    type Command = u64;
    type Reply = u64;

    fn apply(&mut self, add: u64, _at: Applied) -> u64 {
        assert_ne!(add, PANIC, "a command that no state machine survives");
        self.sum += add;
        self.added.push(add);
        self.sum
    }

    fn snapshot(&self) -> impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static {
        let copy = (self.sum, self.added.clone());
        move |to: &mut dyn Write| {
            assert_ne!(copy.0, UNWRITABLE, "a state that no snapshot holds");
            to.write_all(&copy.to_bytes())
        }
    }

    fn restore(from: &mut dyn Read) -> io::Result<Adder> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let (sum, added) = Codec::from_bytes(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Adder { sum, added })
    }
}

/// The sum that kills whoever writes it down.
pub(crate) const UNWRITABLE: u64 = u64::MAX - 1;
/// Kills whoever applies it.
pub(super) const PANIC: u64 = u64::MAX;
