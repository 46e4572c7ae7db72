//! Types of serde's as commands and replies: the feature `serde`.

use super::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Makes a [`Codec`] of anything that serde can write and read. Reach for it where a type derives `Serialize` and
/// `Deserialize` already; a `Codec` of one's own costs no crate, and its bytes are one's own to keep.
///
/// The bytes are those of [postcard](https://postcard.jamesmunns.com), version 1: they are part of the log, so a type
/// may change only as that format allows, which is to add variants at the end of an enum. Equal values have equal bytes
/// if the type writes itself in one order: a `BTreeMap`, not a `HashMap`, whose order is drawn in each process.
/// Nothing limits how deep a type that holds itself may nest: one that reads bytes of strangers wants a limit of its own.
///
/// ```
/// use rsm::raft::machine::{Codec, Serde};
/// use std::collections::BTreeMap;
///
/// let prices = Serde(BTreeMap::from([("ham".to_owned(), 3.5), ("eggs".to_owned(), 2.0)]));
/// assert_eq!(Serde::from_bytes(&prices.to_bytes()), Some(prices));
/// assert_eq!(Serde::<(u8, u8)>::from_bytes(&[7]), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serde<T>(
    /// The value.
    pub T,
);

impl<T: Serialize + DeserializeOwned + Send + 'static> Codec for Serde<T> {
    /// # Panics
    /// If the value refuses to be written: its own `Serialize` fails, or does not say how long a list is.
    fn encode(&self, out: &mut Vec<u8>) {
        let bytes = postcard::to_stdvec(&self.0);
        out.extend(bytes.unwrap_or_else(|why| panic!("a command must be writable: {why}")));
    }

    fn decode(bytes: &mut &[u8]) -> Option<Serde<T>> {
        let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
        *bytes = rest;
        Some(Serde(value))
    }
}
