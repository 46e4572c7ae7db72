//! A map from keys to strings and lists: the state that this example replicates.
//!
//! ```text
//!   command   0 put, key, value | 1 delete, key | 2 cas, key, old, new | 3 append, key, item
//!   query     0 get, key | 1 keys, prefix
//!   reply,    0 done            append: varint items now; get: 0, string or 1, varint n, n items; keys: varint n, n keys
//!   answer    1 no such key | 2 not swapped, the string found | 3 wrong type
//! ```
//! A string is `varint length | bytes`. `put` and `cas` make strings, `append` lists; a key holds one or the other.

use bytes::Bytes;
use rsm::raft::machine::{Applied, Codec, StateMachine};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// The map. Ordered, so that equal states write equal snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kv {
    /// Shared with the snapshot that is being written; a command that comes meanwhile copies it, once.
    map: Arc<BTreeMap<Bytes, Value>>,
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    String(Bytes),
    List(Vec<Bytes>),
}

/// What changes the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Put { key: Bytes, value: Bytes },
    Delete { key: Bytes },
    Cas { key: Bytes, old: Bytes, new: Bytes },
    Append { key: Bytes, item: Bytes },
}

/// What a command has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Done,
    /// Done, and so many items are in the list now.
    Appended(u64),
    NoSuchKey,
    /// The string that is there instead.
    NotSwapped(Bytes),
    WrongType,
}

/// What can be asked of the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    Get { key: Bytes },
    Keys { prefix: Bytes },
}

/// What a query has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Value(Value),
    /// The keys with the prefix, sorted.
    Keys(Vec<Bytes>),
    NoSuchKey,
}

impl StateMachine for Kv {
    type Command = Command;
    type Reply = Reply;

    fn apply(&mut self, command: Command, _at: Applied) -> Reply {
        let map = Arc::make_mut(&mut self.map);
        match command {
            Command::Put { key, value } => match map.get(&key) {
                Some(Value::List(_)) => Reply::WrongType,
                Some(Value::String(_)) | None => {
                    map.insert(key, Value::String(value));
                    Reply::Done
                }
            },
            Command::Delete { key } => map.remove(&key).map_or(Reply::NoSuchKey, |_| Reply::Done),
            Command::Cas { key, old, new } => match map.get_mut(&key) {
                None => Reply::NoSuchKey,
                Some(Value::List(_)) => Reply::WrongType,
                Some(Value::String(held)) if *held != old => Reply::NotSwapped(held.clone()),
                Some(Value::String(held)) => {
                    *held = new;
                    Reply::Done
                }
            },
            Command::Append { key, item } => match map.entry(key).or_insert_with(|| Value::List(Vec::new())) {
                Value::String(_) => Reply::WrongType,
                Value::List(items) => {
                    items.push(item);
                    Reply::Appended(items.len() as u64)
                }
            },
        }
    }

    fn snapshot(&self) -> impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static {
        let map = Arc::clone(&self.map);
        move |out| {
            let mut bytes = Vec::new();
            (map.len() as u64).encode(&mut bytes);
            for (key, value) in map.iter() {
                key.encode(&mut bytes);
                value.encode(&mut bytes);
                out.write_all(&bytes)?;
                bytes.clear();
            }
            out.write_all(&bytes)
        }
    }

    fn restore(from: &mut dyn Read) -> io::Result<Kv> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let map =
            restored(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the snapshot is no map"))?;
        Ok(Kv { map: Arc::new(map) })
    }
}

/// The map that a snapshot's bytes are: keys rising, nothing after the last.
fn restored(mut bytes: &[u8]) -> Option<BTreeMap<Bytes, Value>> {
    let mut map = BTreeMap::new();
    for _ in 0..u64::decode(&mut bytes)? {
        let (key, value) = <(Bytes, Value)>::decode(&mut bytes)?;
        if map.last_key_value().is_some_and(|(last, _)| key <= *last) {
            return None;
        }
        map.insert(key, value);
    }
    bytes.is_empty().then_some(map)
}

impl Kv {
    /// What a query finds.
    pub(crate) fn answer(&self, query: Query) -> Answer {
        match query {
            Query::Get { key } => self.map.get(&key).map_or(Answer::NoSuchKey, |value| Answer::Value(value.clone())),
            Query::Keys { prefix } => {
                let from = self.map.range(prefix.clone()..).map(|(key, _)| key);
                Answer::Keys(from.take_while(|key| key.starts_with(&prefix)).cloned().collect())
            }
        }
    }
}

// ---- as bytes ----

const DONE: u8 = 0;
const NO_SUCH_KEY: u8 = 1;
const NOT_SWAPPED: u8 = 2;
const WRONG_TYPE: u8 = 3;

impl Codec for Value {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Value::String(string) => {
                0u8.encode(out);
                string.encode(out);
            }
            Value::List(items) => {
                1u8.encode(out);
                items.encode(out);
            }
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Value> {
        Some(match u8::decode(bytes)? {
            0 => Value::String(Codec::decode(bytes)?),
            1 => Value::List(Codec::decode(bytes)?),
            _ => return None,
        })
    }
}

impl Codec for Command {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Command::Put { key, value } => (0u8, key.clone(), value.clone()).encode(out),
            Command::Delete { key } => (1u8, key.clone()).encode(out),
            Command::Cas { key, old, new } => (2u8, key.clone(), old.clone(), new.clone()).encode(out),
            Command::Append { key, item } => (3u8, key.clone(), item.clone()).encode(out),
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Command> {
        Some(match u8::decode(bytes)? {
            0 => Command::Put { key: Codec::decode(bytes)?, value: Codec::decode(bytes)? },
            1 => Command::Delete { key: Codec::decode(bytes)? },
            2 => Command::Cas { key: Codec::decode(bytes)?, old: Codec::decode(bytes)?, new: Codec::decode(bytes)? },
            3 => Command::Append { key: Codec::decode(bytes)?, item: Codec::decode(bytes)? },
            _ => return None,
        })
    }
}

impl Codec for Reply {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Reply::Done => DONE.encode(out),
            Reply::Appended(items) => (DONE, *items).encode(out),
            Reply::NoSuchKey => NO_SUCH_KEY.encode(out),
            Reply::NotSwapped(found) => (NOT_SWAPPED, found.clone()).encode(out),
            Reply::WrongType => WRONG_TYPE.encode(out),
        }
    }

    /// Of the bytes of one reply and no more: whether a number follows says which command it answers.
    fn decode(bytes: &mut &[u8]) -> Option<Reply> {
        Some(match u8::decode(bytes)? {
            DONE if bytes.is_empty() => Reply::Done,
            DONE => Reply::Appended(Codec::decode(bytes)?),
            NO_SUCH_KEY => Reply::NoSuchKey,
            NOT_SWAPPED => Reply::NotSwapped(Codec::decode(bytes)?),
            WRONG_TYPE => Reply::WrongType,
            _ => return None,
        })
    }
}

impl Codec for Query {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Query::Get { key } => (0u8, key.clone()).encode(out),
            Query::Keys { prefix } => (1u8, prefix.clone()).encode(out),
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Query> {
        Some(match u8::decode(bytes)? {
            0 => Query::Get { key: Codec::decode(bytes)? },
            1 => Query::Keys { prefix: Codec::decode(bytes)? },
            _ => return None,
        })
    }
}

impl Answer {
    /// Its bytes, as they go to whoever asked.
    pub(crate) fn said(&self) -> Said {
        let mut out = Vec::new();
        match self {
            Answer::Value(value) => {
                DONE.encode(&mut out);
                value.encode(&mut out);
            }
            Answer::Keys(keys) => {
                DONE.encode(&mut out);
                keys.encode(&mut out);
            }
            Answer::NoSuchKey => NO_SUCH_KEY.encode(&mut out),
        }
        Said(out)
    }
}

/// The bytes of an answer. Which query they answer, only the asker knows: here they stay bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said(Vec<u8>);

impl Codec for Said {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Said> {
        Some(Said(std::mem::take(bytes).to_vec()))
    }
}

#[cfg(test)]
mod tests;
