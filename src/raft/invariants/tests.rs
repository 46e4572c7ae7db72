//! Each rule, kept once and broken once by hand.

mod births;
mod bounds;
mod installs;
mod leaders;
mod members;

use super::*;
use crate::raft::consensus::{Append, Committed, Duty, Effect, Input, Machine, Message, Options, Outcome, Record};
use crate::raft::mutant::{Fault, choose};
use crate::raft::{Entries, Entry, EntryKind, Identity, Incarnation, Recovered, Round, Seq, Time, Track};
use std::collections::BTreeMap;

fn entries(terms: &[u64]) -> Entries {
    terms.iter().map(|&term| Entry::new(Term(term), EntryKind::Command, format!("e{term}").into())).collect()
}

fn wrote(after: u64, terms: &[u64]) -> Record {
    Record::Entries { after: Index(after), entries: entries(terms) }
}

fn state_of(term: u64, vote: Option<u64>) -> Record {
    Record::State { term: Term(term), vote: vote.map(NodeId) }
}

fn image(records: &[Record]) -> Image {
    let mut image = Image::default();
    records.iter().for_each(|record| image.apply(record).expect("a good past"));
    image
}

fn voters(n: u64) -> Membership {
    Membership::of_voters((0..n).map(|id| (NodeId(id), "")))
}

fn life(node: u64, incarnation: u64) -> Identity {
    Identity { node: NodeId(node), incarnation: Incarnation(incarnation) }
}

fn breaks<T: fmt::Debug>(rule: &str, verdict: Result<T, Violation>) {
    assert_eq!(verdict.expect_err("it must be seen").rule, rule);
}

/// A glance at a healthy peer.
fn healthy() -> Glance {
    Glance {
        node: NodeId(1),
        term: Term(5),
        leads: true,
        commit: Index(6),
        applied: Index(5),
        base: LogId::new(1, 2),
        snapshot: LogId::new(2, 4),
        durable: Index(7),
        last: LogId::new(5, 8),
    }
}

#[test]
fn r1_a_second_leader_of_a_term() {
    let mut history = History::default();
    assert_eq!(history.leads(NodeId(1), Term(5)), Ok(true));
    assert_eq!(history.leads(NodeId(1), Term(5)), Ok(false));
    assert_eq!(history.leads(NodeId(2), Term(6)), Ok(true));
    breaks("R1", history.leads(NodeId(2), Term(5)));
}

#[test]
fn r1_a_leader_for_whom_no_majority_has_voted_in_its_term() {
    let mut history = History::default();
    assert_eq!(history.is_elected(NodeId(0), Term(5), &voters(1)), Ok(()), "its own vote needs no saying");
    history.votes(life(2, 9), Term(4), NodeId(1)).unwrap();
    history.votes(life(0, 9), Term(5), NodeId(2)).unwrap();
    breaks("R1", history.is_elected(NodeId(1), Term(5), &voters(3)));
    history.votes(life(2, 9), Term(5), NodeId(1)).unwrap();
    assert_eq!(history.is_elected(NodeId(1), Term(5), &voters(3)), Ok(()));
    breaks("R1", history.is_elected(NodeId(1), Term(5), &voters(4)));
}

#[test]
fn r2_a_second_vote_in_a_term() {
    let mut history = History::default();
    history.votes(life(1, 9), Term(5), NodeId(2)).unwrap();
    history.votes(life(1, 9), Term(5), NodeId(2)).unwrap();
    history.votes(life(1, 9), Term(6), NodeId(1)).unwrap();
    breaks("R2", history.votes(life(1, 9), Term(5), NodeId(1)));
}

/// What a born peer of three in term 4 finds on its disk: a log of two entries.
fn recovered(node: u64, incarnation: u64) -> (Recovered, Vec<Record>) {
    let others = (0..3).filter(|&id| id != node);
    let bindings: BTreeMap<_, _> = others.map(|id| (NodeId(id), Incarnation(10 + id))).collect();
    let bind = |(&node, &incarnation): (&NodeId, &Incarnation)| Record::Bind { node, incarnation };
    let binds = bindings.iter().map(bind);
    let records = binds.chain([Record::Born, state_of(4, Some(1)), wrote(0, &[4, 4])]).collect();
    let found = Recovered {
        incarnation: Incarnation(incarnation),
        born: true,
        bindings,
        term: Term(4),
        vote: Some(NodeId(1)),
        terms: vec![(Index(1), Term(4))],
        last: LogId::new(4, 2),
        ..Recovered::default()
    };
    (found, records)
}

fn machine(node: u64, recovered: Recovered) -> Machine {
    Machine::new(Options::new(NodeId(node), voters(3)), recovered, 1, Time(0)).unwrap()
}

/// That peer, as number 0, and its shadow.
fn speaker() -> (Machine, Shadow) {
    let ((found, records), mut shadow) = (recovered(0, 10), Shadow::default());
    records.iter().for_each(|record| shadow.keep(record).unwrap());
    (machine(0, found), shadow)
}

/// Two such peers have begun, so their entries are committed: the first of them, and what watches.
fn watched() -> (Machine, Watch) {
    let mut watch = Watch::new();
    let machines = [0, 1].map(|node| {
        let (found, records) = recovered(node, 10 + node);
        records.iter().for_each(|record| watch.keeps(NodeId(node), record).unwrap());
        let machine = machine(node, found);
        watch.started(machine.core(), machine.role()).unwrap();
        machine
    });
    assert_eq!(watch.ghost().len(), Index(2));
    (machines.into_iter().next().expect("the first"), watch)
}

#[test]
fn r3_a_promise_that_is_not_durable() {
    let (machine, shadow) = speaker();
    let says = |to: u64, message: Message| {
        shadow.promises(machine.core(), &Effect::Send { to: NodeId(to), incarnation: None, message })
    };
    let (term, track) = (Term(4), Track(1));
    let matched = |index| Message::AppendReply { term, track, outcome: Outcome::Matched(Index(index)) };
    let beat = |index| {
        let (round, have, matched) = (Round(1), Index(9), Index(index));
        Message::HeartbeatReply { term, track, round, have, matched }
    };
    says(1, Message::VoteReply { term, granted: true }).unwrap();
    says(2, Message::VoteReply { term, granted: false }).unwrap();
    says(1, matched(2)).unwrap();
    says(1, beat(2)).unwrap();
    says(1, Message::Attest { bound: Incarnation(11) }).unwrap();
    breaks("R3", says(2, Message::VoteReply { term, granted: true }));
    breaks("R3", says(1, Message::VoteReply { term: Term(5), granted: false }));
    breaks("R3", says(1, Message::Vote { term, last: LogId::ZERO, transfer: false }));
    breaks("R3", says(1, matched(3)));
    breaks("R3", says(1, beat(3)));
    breaks("R3", says(1, Message::Attest { bound: Incarnation(12) }));
}

#[test]
fn r4_two_entries_of_one_term_at_one_place() {
    let mut history = History::default();
    history.writes(Index(0), Some(Term(0)), &entries(&[1, 2])).unwrap();
    history.writes(Index(1), Some(Term(1)), &entries(&[2, 2])).unwrap();
    history.writes(Index(1), None, &entries(&[2])).unwrap();
    breaks("R4", history.clone().writes(Index(1), Some(Term(2)), &entries(&[2])));
    let other = Entry::new(Term(2), EntryKind::Command, "another".into());
    breaks("R4", history.writes(Index(1), Some(Term(1)), &[other]));
}

#[test]
fn r5_a_leader_that_cuts_its_log() {
    let before = healthy();
    append_only(&before, &before, |_| Some(Term(5))).unwrap();
    append_only(&before, &Glance { term: Term(6), ..before }, |_| None).unwrap();
    breaks("R5", append_only(&before, &before, |_| None));
    breaks("R5", append_only(&before, &before, |_| Some(Term(4))));
}

/// Two of three disks hold entries of term 2, so they are committed.
fn ghost_of(terms: &[u64]) -> Ghost {
    let (mut ghost, disk) = (Ghost::default(), image(&[wrote(0, terms)]));
    let term = disk.last().term;
    ghost.holds(NodeId(0), term, &voters(3), &disk).unwrap();
    assert!(ghost.is_empty(), "one of three");
    ghost.holds(NodeId(1), term, &voters(3), &disk).unwrap();
    assert_eq!(ghost.len(), disk.last().index);
    ghost
}

#[test]
fn r6_two_entries_committed_at_one_place() {
    let mut ghost = ghost_of(&[1, 2]);
    let other = image(&[wrote(0, &[1, 3])]);
    ghost.holds(NodeId(2), Term(3), &voters(3), &other).unwrap();
    breaks("R6", ghost.holds(NodeId(1), Term(3), &voters(3), &other));
}

#[test]
fn r6_entries_of_an_older_term_are_not_committed_by_a_majority() {
    let (mut ghost, disk) = (Ghost::default(), image(&[wrote(0, &[1, 2])]));
    (0..3).for_each(|id| ghost.holds(NodeId(id), Term(4), &voters(3), &disk).unwrap());
    assert!(ghost.is_empty());
}

#[test]
fn r6_a_joint_membership_commits_with_a_majority_of_each_half() {
    let half = Membership::of_voters((3..6).map(|id| (NodeId(id), "")));
    let joint = Membership { outgoing: voters(3).members, ..half };
    let committed = |ids: &[u64]| {
        let (mut ghost, disk) = (Ghost::default(), image(&[wrote(0, &[2])]));
        ids.iter().for_each(|&id| ghost.holds(NodeId(id), Term(2), &joint, &disk).unwrap());
        ghost.len()
    };
    assert_eq!(committed(&[0, 1, 2, 3]), Index(0), "one of three in the one half");
    assert_eq!(committed(&[0, 1, 3, 4]), Index(1));
}

#[test]
fn r7_a_commit_that_no_quorum_holds() {
    let ghost = ghost_of(&[1, 2]);
    ghost.knows(Index(0), Index(2), |index| Some(Term(index.0))).unwrap();
    breaks("R7", ghost.knows(Index(1), Index(3), |_| Some(Term(2))));
    breaks("R7", ghost.knows(Index(0), Index(2), |_| Some(Term(1))));
}

#[test]
fn r6_a_majority_is_counted_anew_and_not_as_the_core_counts() {
    let _half_is_quorum = choose(Fault::HalfIsQuorum);
    let (mut ghost, disk) = (Ghost::default(), image(&[wrote(0, &[2, 2])]));
    (0..2).for_each(|id| ghost.holds(NodeId(id), Term(2), &voters(4), &disk).unwrap());
    assert!(ghost.is_empty(), "two of four");
    ghost.holds(NodeId(2), Term(2), &voters(4), &disk).unwrap();
    assert_eq!(ghost.len(), Index(2));
    quorums_meet(&voters(3), &voters(4)).unwrap();
}

#[test]
fn r7_a_start_with_more_than_is_committed() {
    let start = |watch: &mut Watch, at| {
        watch.crashed(NodeId(0));
        let found = Recovered { snapshot: at, base: at, last: at, terms: Vec::new(), ..recovered(0, 10).0 };
        let machine = machine(0, found);
        watch.started(machine.core(), machine.role())
    };
    let (_, mut watch) = watched();
    start(&mut watch, LogId::new(4, 2)).unwrap();
    breaks("R7", start(&mut watch, LogId::new(4, 3)));
}

#[test]
fn r7_r12_what_is_applied_is_next_and_is_committed() {
    let ghost = ghost_of(&[1, 2]);
    let many = |first, terms| Committed::Entries { first: Index(first), entries: entries(terms) };
    assert_eq!(ghost.applies(Index(0), &many(1, &[1, 2])), Ok(Index(2)));
    assert_eq!(ghost.applies(Index(1), &Committed::Range(Index(2)..Index(3))), Ok(Index(2)));
    breaks("R12", ghost.applies(Index(0), &many(2, &[2])));
    breaks("R12", ghost.applies(Index(1), &many(1, &[1])));
    breaks("R12", ghost.applies(Index(0), &Committed::Range(Index(2)..Index(3))));
    breaks("R7", ghost.applies(Index(0), &many(1, &[1, 3])));
    breaks("R7", ghost.applies(Index(2), &many(3, &[2])));
    breaks("R7", ghost.applies(Index(2), &Committed::Range(Index(3)..Index(4))));
    let (machine, mut watch) = watched();
    let range = |first, end| [Effect::Apply(Committed::Range(Index(first)..Index(end)))];
    let mut flushed = |effects: &[Effect]| watch.flushed(machine.core(), machine.role(), effects);
    flushed(&range(1, 2)).unwrap();
    flushed(&range(2, 3)).unwrap();
    breaks("R12", flushed(&range(2, 3)));
}

#[test]
fn r8_a_leader_whose_log_begins_beyond_all_that_is_committed() {
    let ghost = ghost_of(&[1, 2]);
    ghost.elects(Term(3), LogId::new(2, 2), |_| None).unwrap();
    breaks("R8", ghost.elects(Term(3), LogId::new(2, 5), |_| None));
}

#[test]
fn r8_a_leader_that_lacks_what_is_committed() {
    let ghost = ghost_of(&[1, 2]);
    ghost.elects(Term(3), LogId::ZERO, |index| Some(Term(index.0))).unwrap();
    ghost.elects(Term(3), LogId::new(2, 2), |_| None).unwrap();
    ghost.elects(Term(2), LogId::ZERO, |_| None).unwrap();
    breaks("R8", ghost.elects(Term(3), LogId::ZERO, |_| None));
    breaks("R8", ghost.elects(Term(3), LogId::ZERO, |_| Some(Term(1))));
    breaks("R8", ghost.elects(Term(3), LogId::new(1, 2), |_| None));
}

#[test]
fn r9_a_leader_that_commits_an_older_terms_entry() {
    let before = healthy();
    let after = Glance { commit: Index(7), ..before };
    own_term(&before, &after, |_| Some(Term(5))).unwrap();
    breaks("R9", own_term(&before, &after, |_| Some(Term(4))));
}

#[test]
fn r10_a_cut_of_what_is_committed_or_was_counted() {
    let ghost = ghost_of(&[1, 2]);
    ghost.cuts(NodeId(2), Index(1), Index(1)).unwrap();
    breaks("R10", ghost.cuts(NodeId(2), Index(1), Index(2)));
    breaks("R10", ghost.cuts(NodeId(1), Index(1), Index(0)));
}

#[test]
fn r11_what_falls_in_a_life_or_on_a_disk() {
    let before = healthy();
    monotone(&before, &before).unwrap();
    for after in [
        Glance { term: Term(4), ..before },
        Glance { commit: Index(5), ..before },
        Glance { applied: Index(4), ..before },
        Glance { base: LogId::new(1, 1), ..before },
        Glance { snapshot: LogId::new(1, 3), ..before },
    ] {
        breaks("R11", monotone(&before, &after));
    }
    let disk = image(&[state_of(4, None), state_of(4, Some(0)), Record::Mark { at: LogId::new(2, 5) }]);
    breaks("R11", disk.clone().apply(&state_of(3, None)));
    breaks("R11", disk.clone().apply(&state_of(4, Some(1))));
    breaks("R11", disk.clone().apply(&state_of(4, None)));
    breaks("R11", disk.clone().apply(&Record::Mark { at: LogId::new(2, 4) }));
    let (machine, mut shadow) = speaker();
    shadow.restart(machine.core()).unwrap();
    shadow.keep(&wrote(2, &[4])).unwrap();
    breaks("R11", shadow.restart(machine.core()));
}

#[test]
fn r11_a_disk_may_bring_back_more_than_it_announced_and_nothing_else() {
    let (machine, mut shadow) = speaker();
    let mut before = Shadow::default();
    let past = [Record::Born, state_of(4, Some(1)), wrote(0, &[4, 4, 4])];
    past.iter().for_each(|record| before.keep(record).unwrap());
    breaks("R11", before.restart(machine.core()));
    shadow.give(Seq(1), &wrote(2, &[4]));
    shadow.restart(machine.core()).unwrap();
    assert_eq!(shadow.durable().last(), LogId::new(4, 2), "what was given and did not come back is gone");
}

#[test]
fn r11_of_a_record_on_its_way_the_first_entries_may_be_kept_and_no_others() {
    let back = |terms: &[u64]| {
        let ((found, records), mut shadow) = (recovered(0, 10), Shadow::default());
        let durable = records.iter().filter(|record| !matches!(record, Record::Entries { .. }));
        durable.for_each(|record| shadow.keep(record).unwrap());
        shadow.give(Seq(1), &wrote(0, terms));
        let terms = vec![(Index(1), Term(1)), (Index(2), Term(4))];
        shadow.restart(machine(0, Recovered { terms, ..found }).core())?;
        assert_eq!(shadow.durable().last(), LogId::new(4, 2));
        Ok(())
    };
    back(&[1, 4, 4]).unwrap();
    breaks("R11", back(&[1, 3, 4]));
    breaks("R11", back(&[1]));
}

#[test]
fn r11_a_log_that_comes_back_otherwise_inside() {
    let back = |runs: &[(u64, u64)]| {
        let ((found, records), mut shadow) = (recovered(0, 10), Shadow::default());
        let durable = records.iter().filter(|record| !matches!(record, Record::Entries { .. }));
        durable.for_each(|record| shadow.keep(record).unwrap());
        shadow.keep(&wrote(0, &[1, 2, 2])).unwrap();
        let terms = runs.iter().map(|&(first, term)| (Index(first), Term(term))).collect();
        shadow.restart(machine(0, Recovered { terms, last: LogId::new(2, 3), ..found }).core())
    };
    back(&[(1, 1), (2, 2)]).unwrap();
    breaks("R11", back(&[(1, 1), (3, 2)]));
}

#[test]
fn r12_a_peer_that_takes_for_durable_what_its_disk_does_not_hold() {
    let (machine, mut watch) = watched();
    watch.stepped(machine.core(), machine.role()).unwrap();
    watch.wiped(NodeId(0));
    breaks("R12", watch.stepped(machine.core(), machine.role()));
}

#[test]
fn r11_a_watch_holds_each_state_against_the_one_before() {
    let (mut machine, mut watch) = watched();
    let before = machine.clone();
    let message = Message::Vote { term: Term(9), last: LogId::ZERO, transfer: false };
    machine.step(Input::Receive { from: life(1, 11), to: Some(Incarnation(10)), message }, Time(0));
    watch.stepped(machine.core(), machine.role()).unwrap();
    watch.stepped(machine.core(), machine.role()).unwrap();
    breaks("R11", watch.stepped(before.core(), before.role()));
}

#[test]
fn r12_a_watch_asks_for_the_order_of_each_state() {
    let (machine, mut watch) = watched();
    let now = Glance::of(machine.core(), machine.role());
    watch.glances(machine.core(), machine.role(), now).unwrap();
    breaks("R12", watch.glances(machine.core(), machine.role(), Glance { commit: Index(9), ..now }));
}

#[test]
fn r12_numbers_out_of_order() {
    order(&healthy()).unwrap();
    let at_install = Glance { applied: Index(4), commit: Index(4), durable: Index(2), ..healthy() };
    order(&at_install).unwrap();
    for now in [
        Glance { base: LogId::new(2, 6), ..healthy() },
        Glance { applied: Index(7), ..healthy() },
        Glance { commit: Index(9), ..healthy() },
        Glance { durable: Index(4), ..healthy() },
        Glance { durable: Index(9), ..healthy() },
        Glance { snapshot: LogId::new(1, 1), ..healthy() },
        Glance { term: Term(4), ..healthy() },
    ] {
        breaks("R12", order(&now));
    }
    breaks("R12", image(&[wrote(0, &[1])]).apply(&wrote(2, &[1])));
    let marked = image(&[wrote(0, &[1]), Record::Mark { at: LogId::new(3, 5) }]);
    breaks("R12", marked.clone().apply(&wrote(4, &[3])));
}

#[test]
fn r12_a_leaders_view_of_a_peer() {
    let good = Progress::new(Track(1), Index(5));
    let check = |of: &Progress| progress(Index(8), (2, 100), NodeId(1), of);
    check(&good).unwrap();
    for (matched, next) in [(9, 10), (5, 5), (0, 10)] {
        let mut wrong = good.clone();
        (wrong.matched, wrong.next) = (Index(matched), Index(next));
        breaks("R12", check(&wrong));
    }
    let mut full = Progress::new(Track(1), Index(1));
    full.on_matched(Index(0), Index(0));
    (2..5).for_each(|end| full.on_sent(Index(end), 1));
    breaks("R12", check(&full));
}

#[test]
fn r13_memberships_that_can_decide_apart() {
    quorums_meet(&voters(3), &voters(4)).unwrap();
    quorums_meet(&voters(4), &voters(3)).unwrap();
    breaks("R13", quorums_meet(&voters(3), &voters(5)));
    let joint = Membership { outgoing: voters(3).members, ..voters(5) };
    quorums_meet(&voters(3), &joint).unwrap();
    quorums_meet(&joint, &voters(5)).unwrap();
    let mut learning = voters(3);
    learning.members.get_mut(&NodeId(2)).unwrap().duty = Duty::Learner;
    breaks("R13", quorums_meet(&learning, &Membership::of_voters([(NodeId(2), "")])));
}
