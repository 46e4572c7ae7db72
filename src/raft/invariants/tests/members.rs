//! Histories that break what holds of a leader and its members.

use super::*;

#[test]
fn r12_a_leader_follows_each_other_member_and_nobody_else() {
    let of = |members: Membership| {
        let options = Options { pre_vote: false, ..Options::new(NodeId(0), members) };
        Machine::new(options, recovered(0, 10).0, 1, Time(0)).unwrap()
    };
    let mut leader = of(voters(3));
    leader.step(Input::Tick, leader.deadline());
    let mut effects = Vec::new();
    leader.flush(leader.deadline(), &mut effects);
    let seq = effects.iter().rev().find_map(|effect| match effect {
        Effect::Persist(seq, _) => Some(*seq),
        _ => None,
    });
    leader.step(Input::Persisted(seq.expect("its vote")), Time(0));
    let message = Message::VoteReply { term: Term(5), granted: true };
    leader.step(Input::Receive { from: life(1, 11), to: Some(Incarnation(10)), message }, Time(0));
    assert!(leader.role().is_leader());
    leader.flush(Time(0), &mut effects);
    state(leader.core(), leader.role()).unwrap();
    breaks("R12", state(of(voters(2)).core(), leader.role()));
    breaks("R12", state(of(voters(5)).core(), leader.role()));
}

#[test]
fn r13_a_membership_is_judged_as_it_is_written() {
    let writes = |next: Membership| {
        let (first, mut watch) = watched();
        let entry = Entry::new(Term(4), EntryKind::Membership, next.encode().into());
        let record = Record::Entries { after: Index(2), entries: vec![entry].into() };
        watch.flushed(first.core(), first.role(), &[Effect::Persist(Seq(9), record)])
    };
    writes(voters(4)).unwrap();
    breaks("R13", writes(voters(5)));
    breaks("R13", quorums_meet(&voters(20), &voters(21))); // more than can be tried
}
