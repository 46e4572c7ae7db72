//! The members as bytes: in a log entry, and at the head of a snapshot.
//!
//! ```text
//!   membership   n | member*, ids rising | m | member*, ids rising       m: the half that is being left; 0 if none is
//!   member       varint id | u8 duty | u8 known: 0, or 1 and u64 life | varint length, address
//! ```

use super::bytes::{Sink, Source};
use crate::raft::consensus::{Duty, Member, Membership};
use crate::raft::{Incarnation, NodeId};
use std::collections::BTreeMap;

/// Appends the membership.
pub fn put(out: &mut impl Sink, membership: &Membership) {
    for half in [&membership.members, &membership.outgoing] {
        out.varint(half.len() as u64);
        for (id, member) in half {
            out.varint(id.0);
            out.u8(member.duty as u8);
            out.u8(u8::from(member.incarnation.is_some()));
            member.incarnation.into_iter().for_each(|life| out.u64(life.0));
            out.varint(member.address.len() as u64);
            out.bytes(member.address.as_bytes());
        }
    }
}

/// The membership that `bytes` are, to their last; `None` if they are none, or spell one in a second way.
#[must_use]
pub fn take(bytes: &[u8]) -> Option<Membership> {
    let mut source = Source::new(bytes, 0);
    let (members, outgoing) = (half(&mut source)?, half(&mut source)?);
    (source.left() == 0).then_some(Membership { members, outgoing })
}

fn half(source: &mut Source<'_>) -> Option<BTreeMap<NodeId, Member>> {
    let mut members = BTreeMap::new();
    for _ in 0..source.varint()? {
        let id = NodeId(source.varint()?);
        let duty = match source.u8()? {
            0 => Duty::Voter,
            1 => Duty::Learner,
            2 => Duty::Witness,
            _ => return None,
        };
        let incarnation = if source.bool()? { Some(Incarnation(source.u64()?)) } else { None };
        let len = usize::try_from(source.varint()?).ok()?;
        let address = std::str::from_utf8(source.bytes(len)?.1).ok()?.to_owned();
        if members.last_key_value().is_some_and(|(last, _)| id <= *last) {
            return None;
        }
        members.insert(id, Member { duty, incarnation, address });
    }
    Some(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joint() -> Membership {
        let member = |duty, incarnation, address: &str| Member { duty, incarnation, address: address.into() };
        let members = [
            (NodeId(0), member(Duty::Voter, Some(Incarnation(7)), "a:1")),
            (NodeId(300), member(Duty::Witness, None, "")),
        ];
        let outgoing = [(NodeId(2), member(Duty::Learner, Some(Incarnation(0)), "ß"))];
        Membership { members: members.into(), outgoing: outgoing.into() }
    }

    fn bytes(membership: &Membership) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, membership);
        out
    }

    #[test]
    fn a_membership_comes_back() {
        for membership in [Membership::default(), joint()] {
            assert_eq!(take(&bytes(&membership)), Some(membership));
        }
    }

    #[test]
    fn a_membership_cut_or_followed_by_anything_is_none() {
        let whole = bytes(&joint());
        for cut in 0..whole.len() {
            assert_eq!(take(&whole[..cut]), None, "cut at {cut}");
        }
        assert_eq!(take(&[whole, vec![0]].concat()), None);
    }

    #[test]
    fn members_out_of_order_or_of_an_unknown_duty_are_none() {
        let of = |ids: [u8; 2], duty: u8| take(&[2, ids[0], duty, 0, 0, ids[1], 0, 0, 0, 0]);
        assert!(of([1, 2], 0).is_some());
        assert!([of([2, 1], 0), of([1, 1], 0), of([1, 2], 3)].iter().all(Option::is_none));
    }
}
