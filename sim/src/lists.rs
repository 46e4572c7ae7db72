//! What the simulated cluster replicates: lists that only grow, of numbers that are never used twice.
//!
//! A number that stands twice was applied twice; one that is missing after it was acknowledged was lost; two peers whose
//! lists are not the one a prefix of the other have drifted apart.

use rsm::raft::machine::{Applied, Codec, StateMachine};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

/// The name of a list.
pub type Key = u8;

/// All lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists(BTreeMap<Key, Vec<u64>>);

impl Lists {
    /// One list; empty if nothing was ever appended to it.
    #[must_use]
    pub fn get(&self, key: Key) -> &[u64] {
        self.0.get(&key).map_or(&[], Vec::as_slice)
    }

    /// All lists, by name.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &[u64])> + '_ {
        self.0.iter().map(|(&key, list)| (key, list.as_slice()))
    }
}

impl StateMachine for Lists {
    type Command = (Key, u64);
    /// How many numbers the list has now.
    type Reply = u64;

    fn apply(&mut self, (key, number): (Key, u64), _: Applied) -> u64 {
        let list = self.0.entry(key).or_default();
        list.push(number);
        list.len() as u64
    }

    fn snapshot(&self) -> impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static {
        let lists: Vec<(Key, Vec<u64>)> = self.0.clone().into_iter().collect();
        move |out| out.write_all(&lists.to_bytes())
    }

    fn restore(from: &mut dyn Read) -> io::Result<Lists> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let lists = Vec::<(Key, Vec<u64>)>::from_bytes(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Lists(lists.into_iter().collect()))
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
            lists.apply((key, number), Applied::new(Index(number), Term(1)));
        }
        let mut bytes = Vec::new();
        lists.snapshot()(&mut bytes).unwrap();
        assert_eq!(Lists::restore(&mut bytes.as_slice()).unwrap(), lists);
        assert!(Lists::restore(&mut &bytes[1..]).is_err());
    }
}
