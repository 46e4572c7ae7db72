//! Histories that break what holds of a leader and its members.

use super::*;

/// A peer of a cluster of these, which has not led yet.
fn of(members: Membership) -> Machine {
    let options = Options { pre_vote: false, ..Options::new(NodeId(0), members) };
    Machine::new(options, recovered(0, 10).0, 1, Time(0)).unwrap()
}

/// The leader of three.
pub(super) fn leader() -> Machine {
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
    leader
}

#[test]
fn r12_a_leader_follows_each_other_member_and_nobody_else() {
    let leader = leader();
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

/// An entry that makes the members this many voters.
fn change(to: u64) -> Entry {
    Entry::new(Term(4), EntryKind::Membership, voters(to).encode().into())
}

/// What such a peer of term 4 finds that has these behind two committed entries.
fn found(node: u64, behind: &[Entry]) -> (Machine, Vec<Record>) {
    let (mut found, mut records) = recovered(node, 10 + node);
    let changes = (3..).map(Index).zip(behind).filter(|(_, entry)| entry.kind == EntryKind::Membership);
    found.membership = changes.map(|(index, entry)| (index, entry.bytes.clone())).collect();
    found.last = LogId::new(4, 2 + behind.len() as u64);
    if !behind.is_empty() {
        records.push(Record::Entries { after: Index(2), entries: behind.to_vec().into() });
    }
    (machine(node, found), records)
}

fn begins(watch: &mut Watch, (machine, records): &(Machine, Vec<Record>)) -> Verdict {
    let node = machine.core().me().node;
    records.iter().for_each(|record| watch.keeps(node, record).unwrap());
    watch.started(machine.core(), machine.role())
}

/// A fourth member is committed, or one of three peers alone has it.
fn grown(is_committed: bool) -> Watch {
    let mut watch = watched().1;
    watch.crashed(NodeId(1));
    watch.wiped(NodeId(1));
    (1..if is_committed { 4 } else { 2 }).for_each(|node| begins(&mut watch, &found(node, &[change(4)])).unwrap());
    assert_eq!(watch.ghost().len(), Index(if is_committed { 3 } else { 2 }));
    watch
}

#[test]
fn r13_a_log_is_given_a_change_of_members_behind_one_that_is_not_committed() {
    let given = |entries: &[Entry], is_committed: bool| {
        let (mut watch, (mut first, _)) = (grown(is_committed), found(0, &[]));
        let (track, prev, commit) = (Track(1), LogId::new(4, 2), Index(2));
        let entries: Entries = entries.to_vec().into();
        let message = Message::Append(Append { term: Term(4), track, prev, entries, commit });
        first.step(Input::Receive { from: life(1, 11), to: Some(Incarnation(10)), message }, Time(0));
        let mut effects = Vec::new();
        first.flush(Time(0), &mut effects);
        watch.flushed(first.core(), first.role(), &effects)
    };
    let plain = entries(&[4])[0].clone();
    for between in [vec![], vec![plain]] {
        let both = [vec![change(4)], between, vec![change(5)]].concat();
        assert_eq!(given(&both[..1], false), Ok(()));
        assert_eq!(given(&both, true), Ok(()));
        breaks("R13", given(&both, false));
    }
}

#[test]
fn r13_a_peer_comes_back_with_two_changes_of_members_that_are_not_committed() {
    let comes_back = |is_committed: bool| {
        let mut watch = grown(is_committed);
        watch.crashed(NodeId(0));
        watch.wiped(NodeId(0));
        begins(&mut watch, &found(0, &[change(4), change(5)]))
    };
    assert_eq!(comes_back(true), Ok(()));
    breaks("R13", comes_back(false));
}
