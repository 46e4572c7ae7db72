//! Tests of the log.

use super::*;
use bytes::Bytes;

fn entries(terms: &[u64]) -> Entries {
    terms.iter().map(|&term| Entry::new(Term(term), EntryKind::Command, Bytes::from_static(b"x"))).collect()
}

fn log_of(terms: &[u64]) -> Log {
    let mut log = Log::new(LogId::ZERO, LogId::ZERO, vec![], Index(0), vec![(Index(0), Membership::default())]);
    log.attach(Term(99), LogId::ZERO, &entries(terms), Index(0));
    log
}

fn terms(log: &Log) -> Vec<u64> {
    (log.base().index.0 + 1..=log.last().index.0).map(|index| log.term_at(Index(index)).unwrap().0).collect()
}

fn stage(log: &mut Log, seq: u64) {
    log.seal();
    log.stage(|_, _| Seq(seq));
}

#[test]
fn an_old_copy_of_an_append_cuts_nothing() {
    let mut log = log_of(&[1, 1, 2, 2]);
    assert_eq!(log.attach(Term(2), LogId::new(1, 1), &entries(&[1]), Index(0)), Met::Equal(Index(2)));
    assert_eq!(log.attach(Term(2), LogId::new(1, 2), &entries(&[]), Index(0)), Met::Equal(Index(2)));
    assert_eq!(terms(&log), [1, 1, 2, 2]);
}

#[test]
fn a_conflict_cuts_from_the_first_entry_that_differs() {
    let mut log = log_of(&[1, 1, 2, 2]);
    assert_eq!(log.attach(Term(3), LogId::new(1, 1), &entries(&[1, 3]), Index(2)), Met::Equal(Index(3)));
    assert_eq!(terms(&log), [1, 1, 3]);
}

#[test]
#[should_panic(expected = "R10")]
fn what_is_committed_is_never_cut() {
    log_of(&[1, 1, 2, 2]).attach(Term(3), LogId::new(1, 1), &entries(&[1, 3]), Index(3));
}

#[test]
fn an_append_that_does_not_attach_is_told_where_to_go_on() {
    let mut log = log_of(&[1, 1, 2, 2, 2]);
    let mut attach = |prev, commit| log.attach(Term(9), prev, &entries(&[]), Index(commit));
    assert_eq!(attach(LogId::new(9, 7), 0), Met::Conflict { term: Term(0), index: Index(6) });
    assert_eq!(attach(LogId::new(9, 5), 0), Met::Conflict { term: Term(2), index: Index(3) });
    assert_eq!(attach(LogId::new(9, 5), 3), Met::Conflict { term: Term(2), index: Index(4) });
}

#[test]
fn an_append_that_begins_below_the_base_is_taken_from_there_on() {
    let mut log = log_of(&[1, 1, 2]);
    log.install(LogId::new(2, 4), Membership::default(), Index(3));
    assert_eq!(log.attach(Term(3), LogId::new(1, 2), &entries(&[2]), Index(4)), Met::Equal(Index(3)));
    assert_eq!(log.attach(Term(3), LogId::new(1, 2), &entries(&[2, 2, 3]), Index(4)), Met::Equal(Index(5)));
    assert_eq!((log.base(), log.last()), (LogId::new(2, 4), LogId::new(3, 5)));
}

#[test]
fn no_correct_leader_sends_terms_that_fall_or_exceed_its_own() {
    let mut log = log_of(&[1, 1]);
    for (prev, terms) in [
        (LogId::new(1, 2), [3, 2]),
        (LogId::new(1, 2), [3, 4]),
        (LogId::new(1, 2), [0, 1]),
        (LogId::new(1, PLACES - 2), [3, 3]),
    ] {
        assert_eq!(log.attach(Term(3), prev, &entries(&terms), Index(0)), Met::Malformed, "{prev:?} {terms:?}");
    }
    assert_eq!(terms(&log), [1, 1]);
}

#[test]
fn a_completion_for_entries_since_cut_raises_nothing() {
    let mut log = log_of(&[1, 1, 1, 1]);
    stage(&mut log, 1);
    log.attach(Term(2), LogId::new(1, 2), &entries(&[2, 2]), Index(0));
    stage(&mut log, 2);
    log.on_persisted(Seq(1));
    assert_eq!(log.durable(), Index(2), "3 and 4 are not the entries that were written");
    log.on_persisted(Seq(2));
    assert_eq!(log.durable(), Index(4));
}

#[test]
fn a_cut_lowers_what_is_durable_at_once() {
    let mut log = log_of(&[1, 1, 1, 1]);
    stage(&mut log, 1);
    log.on_persisted(Seq(1));
    log.attach(Term(2), LogId::new(1, 1), &entries(&[2]), Index(0));
    assert_eq!(log.durable(), Index(1));
}

#[test]
fn a_snapshot_keeps_what_follows_it_if_and_only_if_it_is_in_the_log() {
    let mut log = log_of(&[1, 1, 2, 2]);
    log.install(LogId::new(2, 3), Membership::default(), Index(1));
    assert_eq!((terms(&log), log.last()), (vec![2], LogId::new(2, 4)));
    let mut log = log_of(&[1, 1, 2, 2]);
    log.install(LogId::new(3, 3), Membership::default(), Index(1));
    assert_eq!((terms(&log), log.last()), (vec![], LogId::new(3, 3)));
}

#[test]
fn if_the_suffix_goes_what_was_durable_and_what_is_in_flight_fall_to_the_commit_before() {
    let mut log = log_of(&[1, 1, 1, 1, 1, 1]);
    stage(&mut log, 1);
    log.install(LogId::new(3, 4), Membership::default(), Index(2));
    log.stage_mark(Seq(2));
    log.on_persisted(Seq(1));
    assert_eq!(log.durable(), Index(2));
    log.on_persisted(Seq(2));
    assert_eq!(log.durable(), Index(4), "a whole snapshot counts up to its index");
}

#[test]
fn the_membership_in_force_is_the_last_in_the_log_and_a_cut_rolls_it_back() {
    let of = |ids: &[u64]| Membership::of_voters(ids.iter().map(|&id| (crate::raft::NodeId(id), "")));
    let change = |term, ids: &[u64]| Entry::new(Term(term), EntryKind::Membership, of(ids).encode().into());
    let mut log = Log::new(LogId::ZERO, LogId::ZERO, vec![], Index(0), vec![(Index(0), of(&[1]))]);
    log.attach(Term(1), LogId::ZERO, &vec![change(1, &[1, 2]), change(1, &[1, 2, 3])].into(), Index(0));
    assert_eq!(*log.membership(), of(&[1, 2, 3]));
    log.attach(Term(2), LogId::new(1, 1), &entries(&[2]), Index(0));
    assert_eq!(*log.membership(), of(&[1, 2]));
    log.install(LogId::new(2, 9), of(&[7]), Index(1));
    assert_eq!(*log.membership(), of(&[7]));
}

#[test]
fn a_term_is_found_wherever_it_lies_and_nowhere_else() {
    let mut log = log_of(&[1, 1, 2, 2, 4]);
    assert_eq!(log.last_of(Term(2), Index(9)), Some(Index(4)));
    assert_eq!(log.last_of(Term(2), Index(3)), Some(Index(3)));
    assert_eq!(log.last_of(Term(2), Index(2)), None);
    assert_eq!(log.last_of(Term(3), Index(9)), None);
    assert_eq!(log.terms_of(Index(2)..Index(5)), [(Index(2), Term(1)), (Index(3), Term(2))]);
    log.mark(LogId::new(2, 4), Membership::default());
    assert!(log.release(Index(3)) && !log.release(Index(3)));
    assert_eq!((log.term_at(Index(2)), log.term_at(Index(3)), log.term_at(Index(6))), (None, Some(Term(2)), None));
    assert_eq!(log.terms_of(Index(1)..Index(9)), [(Index(4), Term(2)), (Index(5), Term(4))]);
}

#[test]
fn what_is_not_durable_stays_in_memory() {
    let mut log = log_of(&[1, 1]);
    log.attach(Term(1), LogId::new(1, 2), &entries(&[1]), Index(0));
    stage(&mut log, 1);
    log.shrink(0);
    assert_eq!(log.cached_from(), Index(1));
    log.on_persisted(Seq(1));
    log.attach(Term(1), LogId::new(1, 3), &entries(&[1]), Index(0));
    log.shrink(0);
    assert_eq!(log.cached_from(), Index(4));
}
