//! Histories that break what bounds a peer keeps.

use super::*;

#[test]
fn r20_answers_that_are_left_unsaid() {
    let (mut machine, mut watch) = watched();
    bounds(machine.core()).unwrap();
    let entry = Entry::new(Term(0), EntryKind::Command, "x".into());
    machine.step(Input::Propose { entry, token: crate::raft::Token(1) }, Time(0));
    breaks("R20", bounds(machine.core()));
    breaks("R20", watch.flushed(machine.core(), machine.role(), &[]));
    machine.flush(Time(0), &mut Vec::new());
    bounds(machine.core()).unwrap();
}

#[test]
fn r20_what_is_kept_for_more_than_the_members_and_a_cache_that_grows() {
    let most = Kept { answers: 0, owed: 3, told: 3, cached: 100, oldest_needed: false };
    within(&most, 3, 100).unwrap();
    within(&Kept { cached: 101, oldest_needed: true, ..most }, 3, 100).unwrap();
    for grown in
        [Kept { answers: 1, ..most }, Kept { owed: 4, ..most }, Kept { told: 4, ..most }, Kept { cached: 101, ..most }]
    {
        breaks("R20", within(&grown, 3, 100));
    }
}
