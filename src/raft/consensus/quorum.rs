//! What a majority agrees on.
//!
//! ```text
//!   voters     A    B    C    D    E
//!   values     9    4    7    7    2        three of five have at least 7: agreed on 7
//! ```
//! One question serves for everything that is counted: commits (how far is each log?), rounds (which was answered last?),
//! check-quorum (when was each heard?), elections (has it granted?). While the membership changes there are two sets of
//! voters, and what is agreed on must be so in each of them (§6).

use super::membership::{Membership, Set};
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::raft::types::NodeId;

/// The greatest value that a majority of every set of voters has reached; the least of all if there are no voters.
pub fn agreed<T: Ord + Copy + Default>(membership: &Membership, value: impl Fn(NodeId) -> T) -> T {
    membership.sets().map(|set| agreed_in(set, &value)).min().unwrap_or_default()
}

fn agreed_in<T: Ord + Copy + Default>(set: Set<'_>, value: &impl Fn(NodeId) -> T) -> T {
    let (mut few, mut voters) = ([T::default(); FEW], 0);
    for voter in set.voters() {
        if let Some(place) = few.get_mut(voters) {
            *place = value(voter);
        }
        voters += 1;
    }
    let majority = mutate!(HalfIsQuorum, voters / 2 + 1, voters.div_ceil(2));
    let needed = mutate!(LessIsQuorum, majority, (voters / 2).max(1));
    if let Some(few) = few.get_mut(..voters) {
        mutate!(SortedInPart, few.sort_unstable(), few[..voters - voters / 4].sort_unstable());
        mark!("half-of-four-have-reached-more", voters == 4 && few[1] < few[2]);
        mark!("two-of-five-have-reached-more", voters == 5 && few[2] < few[3]);
        return voters.checked_sub(needed).map_or_else(T::default, |least| few[least]);
    }
    let has_reached = |least: T| set.voters().filter(|&voter| least <= value(voter)).count() >= needed;
    set.voters().map(value).filter(|&reached| has_reached(reached)).max().unwrap_or_default()
}

/// So many voters are counted on a copy of their values, without an allocation; more, quadratically, without a copy.
const FEW: usize = 9;

/// Whether a majority of every set of voters says yes.
pub fn is_agreed(membership: &Membership, yes: impl Fn(NodeId) -> bool) -> bool {
    agreed(membership, yes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Draws;
    use crate::raft::consensus::{Duty, Member};
    use std::collections::BTreeMap;

    fn half(draws: &mut Draws) -> BTreeMap<NodeId, Member> {
        let duty = |bits| [Duty::Voter, Duty::Voter, Duty::Learner, Duty::Witness][bits as usize];
        let member = |duty| Member { duty, incarnation: None, address: String::new() };
        let count = 1 + draws.below(7);
        (0..count).map(|_| (NodeId(draws.below(9)), member(duty(draws.below(4))))).collect()
    }

    fn counted(half: &BTreeMap<NodeId, Member>) -> Vec<NodeId> {
        half.iter().filter(|(_, member)| member.duty != Duty::Learner).map(|(&id, _)| id).collect()
    }

    /// Straight from the definition: some subset of the voters, larger than the rest of them, has all reached it.
    fn reached_by_some_majority(voters: &[NodeId], least: u64, values: &[u64; 9]) -> bool {
        (0u32..1 << voters.len()).any(|subset| {
            let inside = |nth: &usize| subset >> nth & 1 == 1;
            let all_reached = (0..voters.len()).filter(inside).all(|nth| least <= values[voters[nth].0 as usize]);
            all_reached && voters.len() < 2 * subset.count_ones() as usize
        })
    }

    #[test]
    fn agreed_is_the_greatest_value_that_some_majority_of_every_set_has_reached() {
        let mut draws = Draws::new(22);
        for _ in 0..3_000 {
            let members = half(&mut draws);
            let outgoing = if draws.chance(1, 2) { half(&mut draws) } else { BTreeMap::new() };
            let membership = Membership { members, outgoing };
            let values: [u64; 9] = std::array::from_fn(|_| draws.below(6));
            let mut sets = vec![counted(&membership.members)];
            if !membership.outgoing.is_empty() {
                sets.push(counted(&membership.outgoing));
            }
            let naive =
                (0..6).rev().find(|&least| sets.iter().all(|set| reached_by_some_majority(set, least, &values)));
            let found = agreed(&membership, |id| values[id.0 as usize]);
            assert_eq!(found, naive.unwrap_or(0), "{membership:?} {values:?}");
        }
    }

    #[test]
    fn no_voters_agree_on_nothing() {
        assert!(!is_agreed(&Membership::default(), |_| true));
    }

    #[test]
    fn a_majority_of_an_even_number_is_more_than_half() {
        let four = Membership::of_voters((0..4).map(|id| (NodeId(id), "")));
        assert!(!is_agreed(&four, |id| id.0 < 2));
        assert!(is_agreed(&four, |id| id.0 < 3));
    }
}
