//! The table alone: a replica and a machine are played by hand.

use super::*;
use crate::raft::peer::Pending;

const BEAT: Duration = Duration::from_millis(50);
const LATE: Time = Time(5_000_000_000);

fn ms(ms: u64) -> Time {
    Time(ms * 1_000_000)
}

fn table() -> InFlight<u64> {
    InFlight::new(1, BEAT, 10)
}

fn propose(table: &mut InFlight<u64>, command: &'static [u8]) -> Pending<u64> {
    let (answer, pending) = Pending::new();
    table.propose(Bytes::from_static(command), answer, LATE).tell();
    pending
}

fn apply(table: &mut InFlight<u64>, name: Name, came: Came<u64>) -> bool {
    let mut told = Told::default();
    let look = table.applied(name, came, &mut told);
    told.tell();
    look
}

fn refuse(table: &mut InFlight<u64>, token: Token, why: Refusal) {
    let mut told = Told::default();
    table.refused(token, why, &mut told);
    told.tell();
}

/// What is to be tried for the first time: only the names.
fn fresh(table: &mut InFlight<u64>) -> Vec<Name> {
    table.take_fresh(ms(0)).iter().map(|(_, entry)| Name::of(entry).expect("all have names")).collect()
}

/// The peer's own session is opened as the one of this entry.
fn open_own(table: &mut InFlight<u64>, id: u64) {
    let opening = fresh(table);
    assert!(matches!(opening[..], [Name::Open(_)]), "{opening:?}");
    assert!(apply(table, opening[0], Came::Opened(SessionId(id))));
}

fn ours(id: u64, sequence: u64) -> Name {
    Name::Command(SessionId(id), sequence)
}

fn value(mut pending: Pending<u64>) -> Option<Result<u64, Failure>> {
    pending.try_take().map(|outcome| outcome.map(|done| done.value))
}

#[test]
fn the_first_proposals_wait_for_one_session_and_are_numbered_from_1() {
    let mut table = table();
    let first = propose(&mut table, b"a");
    let second = propose(&mut table, b"b");
    open_own(&mut table, 9);
    assert_eq!(fresh(&mut table), [ours(9, 1), ours(9, 2)]);
    apply(&mut table, ours(9, 2), Came::Replied(Index(12), 22));
    apply(&mut table, ours(9, 1), Came::Replied(Index(13), 11));
    assert_eq!((value(first), value(second)), (Some(Ok(11)), Some(Ok(22))));
    assert!(table.is_empty());
}

#[test]
fn low_never_passes_what_is_not_answered() {
    let mut table = table();
    let kept: Vec<_> = (0..3).map(|_| propose(&mut table, b"a")).collect();
    open_own(&mut table, 9);
    fresh(&mut table);
    let low = |table: &mut InFlight<u64>| {
        let late = propose(table, b"z");
        let tried = table.take_fresh(ms(0));
        drop(late);
        Caller::of(&tried[0].1.bytes).expect("a command").0.low
    };
    assert_eq!(low(&mut table), 1);
    apply(&mut table, ours(9, 2), Came::Replied(Index(12), 2));
    assert_eq!(low(&mut table), 1, "1 is open still");
    apply(&mut table, ours(9, 1), Came::Replied(Index(13), 1));
    assert_eq!(low(&mut table), 3);
    drop(kept);
}

#[test]
fn a_refusal_is_a_promise_only_while_no_copy_has_left() {
    let mut table = table();
    let promised = propose(&mut table, b"a");
    let unknown = propose(&mut table, b"b");
    open_own(&mut table, 9);
    let tried = table.take_fresh(ms(0));
    refuse(&mut table, tried[0].0, Refusal::Full);
    assert_eq!(value(promised), Some(Err(Failure::Full)));
    table.sent(tried[1].0);
    refuse(&mut table, tried[1].0, Refusal::Full);
    assert_eq!(value(unknown), None, "it is tried again");
    assert_eq!(table.len(), 1);
}

#[test]
fn what_is_not_applied_is_tried_again_after_2_4_8_heartbeats() {
    let mut table = table();
    let _pending = propose(&mut table, b"a");
    open_own(&mut table, 9);
    fresh(&mut table);
    let mut times = Vec::new();
    for at in (0..2_000).step_by(50) {
        if !table.take_due(ms(at)).is_empty() {
            times.push(at);
        }
    }
    assert_eq!(times, [100, 300, 700, 1_500]);
}

#[test]
fn another_leader_is_tried_at_once_and_with_new_patience() {
    let mut table = table();
    let _pending = propose(&mut table, b"a");
    open_own(&mut table, 9);
    fresh(&mut table);
    assert_eq!(table.take_due(ms(100)).len(), 1);
    table.leader_changed(ms(120));
    assert_eq!(table.take_due(ms(120)).len(), 1);
    assert_eq!((table.take_due(ms(219)).len(), table.take_due(ms(220)).len()), (0, 1));
}

#[test]
fn what_an_evicted_session_left_undone_is_done_in_the_next() {
    let mut table = table();
    let pending = propose(&mut table, b"a");
    open_own(&mut table, 9);
    fresh(&mut table);
    assert!(apply(&mut table, ours(9, 1), Came::Expired), "a session is to be opened");
    open_own(&mut table, 20);
    let tried = table.take_fresh(ms(0));
    let (caller, command) = Caller::of(&tried[0].1.bytes).expect("a command");
    assert_eq!((caller.session, caller.sequence, command), (SessionId(20), 1, &b"a"[..]));
    assert!(tried[0].1.is_sound());
    apply(&mut table, ours(20, 1), Came::Replied(Index(21), 5));
    assert_eq!(value(pending), Some(Ok(5)));
}

/// It was tried in the session that is gone, and waits at the replica for room: until it is named anew it is no entry.
#[test]
fn what_waits_for_the_next_session_is_not_tried_before_it_has_a_name_there() {
    let mut table = table();
    let pending = propose(&mut table, b"a");
    open_own(&mut table, 9);
    let held: Vec<Token> = table.take_fresh(ms(0)).into_iter().map(|(token, _)| token).collect();
    assert!(apply(&mut table, ours(9, 1), Came::Expired), "a session is to be opened");
    assert_eq!(table.take_again(held.clone(), ms(1)), []);
    open_own(&mut table, 20);
    let tried = table.take_again(held, ms(2));
    assert!(tried.len() == 1 && tried[0].1.is_sound());
    drop(pending);
}

#[test]
fn what_may_have_been_applied_under_a_snapshot_is_expired_and_not_done_again() {
    let mut table = table();
    let before = propose(&mut table, b"a");
    open_own(&mut table, 9);
    fresh(&mut table);
    table.installed();
    let after = propose(&mut table, b"b");
    assert_eq!(fresh(&mut table), [ours(9, 2)]);
    apply(&mut table, ours(9, 1), Came::Expired);
    apply(&mut table, ours(9, 2), Came::Expired);
    assert_eq!(value(before), Some(Err(Failure::Expired)));
    assert_eq!(value(after), None, "it waits for the next session");
}

#[test]
fn all_who_wait_for_one_command_are_answered() {
    let mut table = table();
    let caller = Caller { session: SessionId(4), sequence: 1, low: 1 };
    let both: Vec<_> = (0..2)
        .map(|_| {
            let (answer, pending) = Pending::new();
            table.propose_as(caller, b"a", answer, LATE).tell();
            pending
        })
        .collect();
    apply(&mut table, ours(4, 1), Came::Replied(Index(8), 3));
    assert_eq!(both.into_iter().map(value).collect::<Vec<_>>(), [Some(Ok(3)), Some(Ok(3))]);
}

#[test]
fn more_than_the_table_takes_is_refused_and_the_others_are_not_harmed() {
    let mut table = table();
    let taken: Vec<_> = (0..9).map(|_| propose(&mut table, b"a")).collect();
    // The tenth is the opening of the session.
    assert_eq!(value(propose(&mut table, b"b")), Some(Err(Failure::Full)));
    assert_eq!(taken.into_iter().filter_map(value).count(), 0);
}

#[test]
fn who_has_waited_long_enough_is_told_and_the_session_stays() {
    let mut table = table();
    let pending = propose(&mut table, b"a");
    table.overdue(Time(LATE.0 - 1)).tell();
    assert_eq!(table.len(), 2, "the proposal, and the opening of the session");
    table.overdue(LATE).tell();
    assert_eq!(value(pending), Some(Err(Failure::Unknown)));
    let opening = fresh(&mut table);
    assert!(!apply(&mut table, opening[0], Came::Opened(SessionId(9))), "nobody waits for it any more");
    let _next = propose(&mut table, b"b");
    assert_eq!(fresh(&mut table), [ours(9, 1)]);
}

#[test]
fn the_end_answers_everybody() {
    let mut table = table();
    let pending = propose(&mut table, b"a");
    table.give_up(Failure::Gone).tell();
    assert_eq!(value(pending), Some(Err(Failure::Gone)));
    assert!(table.is_empty());
}
