//! Who belongs to the cluster, and as what.
//!
//! ```text
//!   members    id -> voter | learner | witness, which life of it if known, address       counted for every decision
//!   outgoing   the half that is being left, in the same form; empty but for a change under way (§6)
//! ```
//! A membership is an entry of the log, in force from where it stands, committed or not (§6).

use crate::raft::{Incarnation, NodeId};
use crate::varint;
use std::collections::BTreeMap;

/// The members, and while they change the former ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Membership {
    /// Those in force, or to come into force.
    pub members: BTreeMap<NodeId, Member>,
    /// Those that are being left; empty unless the cluster changes.
    pub outgoing: BTreeMap<NodeId, Member>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// What it counts for.
    pub duty: Duty,
    /// Which life of it belongs here, if the entry says so.
    pub incarnation: Option<Incarnation>,
    /// Where its packets go: the user's own notion, opaque to us.
    pub address: String,
}

/// What a member counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Duty {
    /// Votes, and is counted for commits.
    Voter = 0,
    /// Receives the log alone.
    Learner = 1,
    /// Votes, and holds no state.
    Witness = 2,
}

impl Duty {
    /// Whether it is counted: in elections, for commits, for reads.
    #[must_use]
    pub const fn votes(self) -> bool {
        match self {
            Duty::Voter | Duty::Witness => true,
            Duty::Learner => false,
        }
    }
}

/// One half of a membership, as a set of voters: each decision needs a majority of each set.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a>(&'a BTreeMap<NodeId, Member>);

impl<'a> Set<'a> {
    /// Those that are counted, by rising id.
    pub fn voters(self) -> impl Iterator<Item = NodeId> + 'a {
        self.0.iter().filter(|(_, member)| member.duty.votes()).map(|(&id, _)| id)
    }
}

impl Membership {
    /// Voters with these ids and addresses.
    #[must_use]
    pub fn of_voters<A: Into<String>>(voters: impl IntoIterator<Item = (NodeId, A)>) -> Membership {
        let member = |address: A| Member { duty: Duty::Voter, incarnation: None, address: address.into() };
        Membership {
            members: voters.into_iter().map(|(id, address)| (id, member(address))).collect(),
            outgoing: BTreeMap::new(),
        }
    }

    /// The sets of voters that must each agree: one, or two while the membership changes.
    pub fn sets(&self) -> impl Iterator<Item = Set<'_>> {
        let outgoing = Some(&self.outgoing).filter(|half| !half.is_empty());
        [Some(&self.members), outgoing].into_iter().flatten().map(Set)
    }

    /// Everyone that belongs to either half, by rising id, each once.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + '_ {
        let (mut members, mut outgoing) = (self.members.keys(), self.outgoing.keys());
        let (mut one, mut other) = (members.next(), outgoing.next());
        std::iter::from_fn(move || {
            let next = match (one, other) {
                (Some(one), Some(other)) => one.min(other),
                (one, other) => one.or(other)?,
            };
            if one == Some(next) {
                one = members.next();
            }
            if other == Some(next) {
                other = outgoing.next();
            }
            Some(*next)
        })
    }

    /// Whether it belongs to either half.
    #[must_use]
    pub fn has(&self, id: NodeId) -> bool {
        self.members.contains_key(&id) || self.outgoing.contains_key(&id)
    }

    /// Whether it is counted in either half.
    #[must_use]
    pub fn has_voter(&self, id: NodeId) -> bool {
        self.sets().any(|set| set.0.get(&id).is_some_and(|member| member.duty.votes()))
    }

    /// The bytes of an entry of kind membership.
    ///
    /// ```text
    /// varint n | (varint id | u8 duty | u8 known: 0, or 1 and u64 | varint length, address)*, ids rising | the other half
    /// ```
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for half in [&self.members, &self.outgoing] {
            varint::put(&mut out, half.len() as u64);
            for (id, member) in half {
                member.encode(*id, &mut out);
            }
        }
        out
    }

    /// Reads them back; `None` if they are anything but what [`encode`](Membership::encode) writes.
    #[must_use]
    pub fn decode(mut bytes: &[u8]) -> Option<Membership> {
        let members = decode_half(&mut bytes)?;
        let outgoing = decode_half(&mut bytes)?;
        bytes.is_empty().then_some(Membership { members, outgoing })
    }
}

fn decode_half(bytes: &mut &[u8]) -> Option<BTreeMap<NodeId, Member>> {
    let mut half = BTreeMap::new();
    // Nothing is reserved for what is merely announced: whoever lies about the number pays with bytes.
    for _ in 0..varint::take(bytes)? {
        let (id, member) = Member::decode(bytes)?;
        let rises = half.last_key_value().is_none_or(|(&last, _)| last < id);
        rises.then(|| half.insert(id, member))?;
    }
    Some(half)
}

impl Member {
    fn encode(&self, id: NodeId, out: &mut Vec<u8>) {
        varint::put(out, id.0);
        out.push(self.duty as u8);
        out.push(u8::from(self.incarnation.is_some()));
        if let Some(incarnation) = self.incarnation {
            out.extend(incarnation.0.to_le_bytes());
        }
        varint::put(out, self.address.len() as u64);
        out.extend(self.address.as_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Option<(NodeId, Member)> {
        let id = NodeId(varint::take(bytes)?);
        let duty = match bytes.split_off_first()? {
            0 => Duty::Voter,
            1 => Duty::Learner,
            2 => Duty::Witness,
            _ => return None,
        };
        let incarnation = match bytes.split_off_first()? {
            0 => None,
            1 => Some(Incarnation(u64::from_le_bytes(bytes.split_off(..8)?.try_into().ok()?))),
            _ => return None,
        };
        let length = usize::try_from(varint::take(bytes)?).ok()?;
        let address = std::str::from_utf8(bytes.split_off(..length)?).ok()?.to_owned();
        Some((id, Member { duty, incarnation, address }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Draws;

    fn example() -> Membership {
        let member = |duty, incarnation, address: &str| Member { duty, incarnation, address: address.into() };
        Membership {
            members: BTreeMap::from([
                (NodeId(0), member(Duty::Voter, None, "a:1")),
                (NodeId(300), member(Duty::Witness, Some(Incarnation(7)), "")),
            ]),
            outgoing: BTreeMap::from([(NodeId(4), member(Duty::Learner, None, "é"))]),
        }
    }

    #[test]
    fn a_membership_is_written_as_the_page_of_formats_says() {
        let written = [
            [2, 0, 0, 0, 3].as_slice(),
            b"a:1",
            &[0xac, 2, 2, 1, 7, 0, 0, 0, 0, 0, 0, 0, 0],
            &[1, 4, 1, 0, 2, 0xc3, 0xa9],
        ];
        assert_eq!(example().encode(), written.concat());
        assert_eq!(Membership::decode(&example().encode()), Some(example()));
    }

    #[test]
    fn no_bytes_make_decoding_panic_and_what_it_takes_has_one_spelling() {
        let good = example().encode();
        let mut draws = Draws::new(3);
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..1 + draws.below(3) {
                let at = draws.below(bytes.len() as u64) as usize;
                bytes[at] = draws.bits() as u8;
            }
            bytes.truncate(draws.below(bytes.len() as u64 + 1) as usize);
            if let Some(membership) = Membership::decode(&bytes) {
                assert_eq!(membership.encode(), bytes);
            }
        }
        let ids_that_fall = [2, 5, 0, 0, 0, 4, 0, 0, 0, 0];
        assert_eq!(Membership::decode(&ids_that_fall), None);
    }

    #[test]
    fn a_member_of_both_halves_is_named_once() {
        let mut both = example();
        both.outgoing.extend(both.members.clone());
        assert_eq!(both.ids().map(|id| id.0).collect::<Vec<_>>(), [0, 4, 300]);
        assert!(!both.has_voter(NodeId(4)));
    }
}
