//! R19, R10: a snapshot takes the place of a log.

use super::*;

const AT: LogId = LogId::new(4, 2);

/// Peer 2, whose log holds entries of these terms, beside two that hold what a snapshot up to [`AT`] covers; and what watches.
fn behind(terms: &[u64]) -> (Machine, Watch) {
    let ((found, records), (_, mut watch)) = (recovered(2, 12), watched());
    let durable = records.iter().filter(|record| !matches!(record, Record::Entries { .. }));
    durable.for_each(|record| watch.keeps(NodeId(2), record).unwrap());
    watch.keeps(NodeId(2), &wrote(0, terms)).unwrap();
    let runs = terms.first().map(|&term| (Index(1), Term(term)));
    let last = LogId::new(terms.last().copied().unwrap_or_default(), terms.len() as u64);
    let machine = machine(2, Recovered { terms: runs.into_iter().collect(), last, ..found });
    watch.started(machine.core(), machine.role()).unwrap();
    (machine, watch)
}

/// The snapshot comes, with these members, and is told to what watches with those.
fn comes((machine, watch): &mut (Machine, Watch), members: u64, told: u64) -> Verdict {
    watch.arrives(machine.core(), AT, &voters(told));
    let (from, term, track, membership) = (NodeId(0), Term(4), Track(1), voters(members));
    machine.step(Input::SnapshotReady { from, term, track, at: AT, membership }, Time(0));
    watch.stepped(machine.core(), machine.role())
}

#[test]
fn r19_a_snapshot_that_is_installed_without_its_log() {
    let (first, watch) = watched();
    let install = |at| watch.clone().flushed(first.core(), first.role(), &[Effect::Install { at }]);
    breaks("R19", install(AT));
    breaks("R7", install(LogId::new(4, 3)));
    for terms in [&[][..], &[4], &[4, 4, 4], &[3, 3, 3]] {
        let mut of = behind(terms);
        comes(&mut of, 3, 3).unwrap();
        let (mut machine, mut watch) = of;
        let mut effects = Vec::new();
        machine.flush(Time(0), &mut effects);
        assert!(effects.contains(&Effect::Install { at: AT }), "{effects:?}");
        watch.flushed(machine.core(), machine.role(), &effects).unwrap();
    }
}

#[test]
fn r19_what_follows_a_snapshot_is_dropped_though_its_end_was_held() {
    let _drops_all = choose(Fault::InstallDropsAll);
    breaks("R19", comes(&mut behind(&[4, 4, 4]), 3, 3));
    comes(&mut behind(&[4]), 3, 3).unwrap();
    comes(&mut behind(&[3, 3, 3]), 3, 3).unwrap();
}

#[test]
fn r19_what_follows_a_snapshot_is_kept_though_another_entry_stood_at_its_end() {
    let _survives = choose(Fault::ConflictSurvivesInstall);
    breaks("R19", comes(&mut behind(&[3, 3, 3]), 3, 3));
    comes(&mut behind(&[4, 4, 4]), 3, 3).unwrap();
}

#[test]
fn r19_a_snapshot_is_installed_with_other_members_than_it_names() {
    breaks("R19", comes(&mut behind(&[4]), 3, 4));
}

#[test]
fn r19_of_a_snapshot_that_is_not_installed_nothing_is_taken() {
    let (mut of, (other, _)) = (behind(&[4]), behind(&[4, 4]));
    of.1.arrives(of.0.core(), AT, &voters(3));
    breaks("R19", of.1.clone().stepped(other.core(), other.role()));
    of.1.stepped(of.0.core(), of.0.role()).unwrap();
}

#[test]
fn r10_a_mark_that_empties_a_log_of_which_something_was_counted() {
    let (machine, watch) = watched();
    let marked = |at| {
        let effects = [Effect::Persist(Seq(1), Record::Mark { at })];
        watch.clone().flushed(machine.core(), machine.role(), &effects)
    };
    marked(LogId::new(4, 1)).unwrap();
    breaks("R10", marked(LogId::new(3, 1)));
}

#[test]
fn a_mark_cuts_the_log_that_does_not_hold_it() {
    let (machine, mut shadow) = speaker();
    shadow.restart(machine.core()).unwrap();
    assert_eq!(shadow.give(Seq(1), &wrote(2, &[4, 4])), None);
    let mark = |term, index| Record::Mark { at: LogId::new(term, index) };
    let cut = |shadow: &Shadow, record| shadow.clone().give(Seq(2), &record);
    assert_eq!(cut(&shadow, mark(4, 1)), None, "held and durable");
    assert_eq!(cut(&shadow, mark(4, 3)), None, "held, and on its way");
    assert_eq!(cut(&shadow, mark(3, 1)), Some(Index(1)));
    assert_eq!(cut(&shadow, mark(3, 3)), Some(Index(3)));
    assert_eq!(cut(&shadow, mark(5, 9)), None, "it lies beyond all that is held");
    shadow.give(Seq(2), &mark(3, 3));
    assert_eq!(cut(&shadow, mark(4, 4)), None, "what was held there is gone already");
    assert_eq!(cut(&shadow, wrote(3, &[5])), None, "the log goes on behind it");
    shadow.give(Seq(3), &wrote(3, &[5, 5]));
    assert_eq!(cut(&shadow, mark(3, 3)), None, "it is the mark");
    assert_eq!(cut(&shadow, mark(4, 4)), Some(Index(4)));
}
