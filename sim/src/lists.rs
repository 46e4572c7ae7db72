//! What the simulated cluster replicates: lists that only grow, of numbers that are never used twice.
//!
//! A number that stands twice was applied twice; one that is missing after it was acknowledged was lost; two peers whose
//! lists are not the one a prefix of the other have drifted apart.

use rsm::mix::mix;
use rsm::raft::machine::{Applied, Codec, StateMachine};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::panic::resume_unwind;

/// The name of a list.
pub type Key = u8;

/// A number, and the index of the entry that has appended it.
pub type Item = (u64, u64);

/// No state machine survives a change of this list. None but a script proposes one.
pub const FATAL: Key = Key::MAX;

/// What it panics with.
pub const LAST_WORDS: &str = "no state machine survives this";

/// A list's name and length take at most so many bytes of a snapshot.
const HEAD_BYTES_MAX: usize = 12;

/// All lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists(BTreeMap<Key, List>);

/// One list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct List {
    items: Vec<Item>,
    /// The items as a snapshot has them: a snapshot that came often wrote them anew each time, a seventh of a seed's time.
    bytes: Vec<u8>,
    /// What the items come to: another one anywhere, or another order, is another digest.
    digest: u64,
}

impl List {
    fn push(&mut self, item: Item) {
        self.items.push(item);
        self.digest = mix(self.digest, item.0, item.1);
        item.encode(&mut self.bytes);
    }
}

/// A command: a list's last number is a register, which an append writes, and a swap if it holds what is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Which list.
    pub key: Key,
    /// What is appended.
    pub number: u64,
    /// Only if this stands last; 0 if nothing may stand there.
    pub expected: Option<u64>,
    /// So many bytes more the command has, which say nothing.
    pub pad: u16,
}

/// What stood last in a list before a command, or when it was read, and how many numbers stand there since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The last; 0 if there was none.
    pub last: u64,
    /// How many there are after the command.
    pub len: u64,
}

impl Codec for Change {
    fn encode(&self, out: &mut Vec<u8>) {
        (self.key, self.number, self.expected, self.pad).encode(out);
        out.resize(out.len() + usize::from(self.pad), 0);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Change> {
        let (key, number, expected, pad) = Codec::decode(bytes)?;
        *bytes = bytes.get(usize::from(pad)..)?;
        Some(Change { key, number, expected, pad })
    }
}

impl Codec for Seen {
    fn encode(&self, out: &mut Vec<u8>) {
        (self.last, self.len).encode(out);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Seen> {
        let (last, len) = Codec::decode(bytes)?;
        Some(Seen { last, len })
    }
}

impl Lists {
    /// One list; empty if nothing was ever appended to it.
    #[must_use]
    pub fn get(&self, key: Key) -> &[Item] {
        self.0.get(&key).map_or(&[], |list| list.items.as_slice())
    }

    /// What a reader of one list sees.
    #[must_use]
    pub fn see(&self, key: Key) -> Seen {
        let list = self.get(key);
        Seen { last: list.last().map_or(0, |item| item.0), len: list.len() as u64 }
    }

    /// What all lists come to: two that hold anything else come to something else. At once, however long they are.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.0.iter().fold(0, |sum, (&key, list)| mix(sum, key.into(), list.digest))
    }

    /// All lists, by name.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &[Item])> + '_ {
        self.0.iter().map(|(&key, list)| (key, list.items.as_slice()))
    }
}

impl StateMachine for Lists {
    type Command = Change;
    type Reply = Seen;

    fn apply(&mut self, change: Change, applied: Applied) -> Seen {
        if change.key == FATAL {
            // As a panic, but for the hook: nobody need read of what a script asks for.
            resume_unwind(Box::new(LAST_WORDS));
        }
        let last = self.see(change.key).last;
        let list = self.0.entry(change.key).or_default();
        if change.expected.is_none_or(|expected| expected == last) {
            list.push((change.number, applied.index.0));
        }
        Seen { last, len: list.items.len() as u64 }
    }

    fn snapshot(&self) -> impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static {
        let of_items = self.0.values().map(|list| list.bytes.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(of_items + HEAD_BYTES_MAX * (1 + self.0.len()));
        // As a `Vec<(Key, Vec<Item>)>` is written.
        (self.0.len() as u64).encode(&mut bytes);
        for (key, list) in &self.0 {
            key.encode(&mut bytes);
            (list.items.len() as u64).encode(&mut bytes);
            bytes.extend_from_slice(&list.bytes);
        }
        move |out| out.write_all(&bytes)
    }

    fn restore(from: &mut dyn Read) -> io::Result<Lists> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let lists = Vec::<(Key, Vec<Item>)>::from_bytes(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        let list = |items: Vec<Item>| {
            let mut list = List::default();
            items.into_iter().for_each(|item| list.push(item));
            list
        };
        Ok(Lists(lists.into_iter().map(|(key, items)| (key, list(items))).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsm::raft::{Index, Term};

    #[test]
    fn a_restored_state_is_the_one_that_was_written() {
        let mut lists = Lists::default();
        for (key, number) in [(1, 10), (2, 20), (1, 11)] {
            lists.apply(Change { key, number, expected: None, pad: 0 }, Applied::new(Index(number), Term(1)));
        }
        let mut bytes = Vec::new();
        lists.snapshot()(&mut bytes).unwrap();
        let items: Vec<(Key, Vec<Item>)> = lists.iter().map(|(key, items)| (key, items.to_vec())).collect();
        assert_eq!(items.to_bytes(), bytes);
        let restored = Lists::restore(&mut bytes.as_slice()).unwrap();
        assert_eq!((restored.digest(), &restored), (lists.digest(), &lists));
        assert!(Lists::restore(&mut &bytes[1..]).is_err());
    }

    #[test]
    fn a_swap_appends_where_it_finds_what_it_expects() {
        let mut lists = Lists::default();
        let mut swap = |expected, number| {
            lists.apply(
                Change { key: 1, number, expected: Some(expected), pad: 0 },
                Applied::new(Index(number), Term(1)),
            )
        };
        assert_eq!(swap(0, 7), Seen { last: 0, len: 1 });
        assert_eq!(swap(0, 8), Seen { last: 7, len: 1 });
        assert_eq!(swap(7, 9), Seen { last: 7, len: 2 });
    }
}
