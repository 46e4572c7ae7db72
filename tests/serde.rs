//! Types of serde's as commands and replies, through the public door.

use rsm::raft::Peer;
use rsm::raft::machine::{Codec, Serde};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

type Change = Serde<(String, Option<f64>)>;
type Prices = Serde<BTreeMap<String, f64>>;

#[test]
fn a_peer_takes_commands_and_gives_replies_of_any_type_that_serde_knows() {
    let set = |Serde(prices): &mut Prices, Serde((name, price)): Change, _| {
        Serde(match price {
            Some(price) => prices.insert(name, price),
            None => prices.remove(&name),
        })
    };
    let peer = Peer::from_fn(0, [(0, "here")], set).spawn().expect("nothing refuses it");
    let change = |name: &str, price| {
        let pending = peer.propose(Serde((name.to_owned(), price))).expect("there is room");
        pending.wait().expect("it is alone").0
    };
    assert_eq!([change("ham", Some(3.5)), change("ham", Some(4.0)), change("ham", None)], [None, Some(3.5), Some(4.0)]);
    let state = peer.state();
    let Serde(left): &Prices = &state.read();
    assert_eq!(*left, BTreeMap::new());
    peer.drain();
    peer.wait_ended();
}

#[test]
fn the_bytes_are_those_of_postcard_and_stand_beside_others() {
    let between = (9_u8, Serde((300_u32, "a".to_owned())), 7_u8);
    let bytes = between.to_bytes();
    assert_eq!(bytes[..], [9, 0xac, 0x02, 1, b'a', 7]);
    assert_eq!(Codec::from_bytes(&bytes), Some(between));
}

/// One that refuses to be written.
struct Shy;

impl Serialize for Shy {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not this one"))
    }
}

impl<'a> Deserialize<'a> for Shy {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Shy, D::Error> {
        <()>::deserialize(from).map(|()| Shy)
    }
}

#[test]
#[should_panic(expected = "a command must be writable")]
fn a_value_that_refuses_to_be_written_is_not_proposed_as_nothing() {
    Serde(Shy).to_bytes();
}

#[test]
fn what_is_not_whole_or_too_much_is_refused_and_allocates_nothing_large() {
    let whole = Serde(vec![(1_u64, true), (2, false)]).to_bytes();
    for len in 0..whole.len() {
        assert_eq!(Serde::<Vec<(u64, bool)>>::from_bytes(&whole[..len]), None, "{len} bytes");
    }
    assert_eq!(Serde::<Vec<(u64, bool)>>::from_bytes(&[&whole[..], &[0]].concat()), None);
    let endless = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert_eq!(Serde::<Vec<u64>>::from_bytes(&endless), None);
}
