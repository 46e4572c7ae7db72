//! R3: what a leader counts.

use super::*;

#[test]
fn r3_a_leader_that_counts_its_own_copy_before_it_is_durable() {
    let (before, after) = (healthy(), Glance { commit: Index(7), ..healthy() });
    let commits = |after: &Glance, is_durable: bool, matched: [u64; 3]| {
        own_copy((&before, after), &voters(3), || is_durable, |id| Index(matched[id.0 as usize]))
    };
    commits(&after, true, [7, 0, 0]).unwrap();
    commits(&after, false, [7, 0, 8]).unwrap();
    commits(&before, false, [0; 3]).unwrap();
    commits(&Glance { leads: false, ..after }, false, [0; 3]).unwrap();
    breaks("R3", commits(&after, false, [7, 7, 6]));
}
