//! Supervision: who is born again after whose end, in which order, how often, and what becomes of what was queued.

use super::probe::{Ctx, Log, Probe, State, Word, until};
use crate::fsm::supervisor::TooManyRestarts;
use crate::fsm::{Address, Child, Door, End, Rejected, Restart, Runner, Strategy, Supervision, Supervisor};
use crate::sync::drain::Drain;
use std::panic::resume_unwind;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3_600);

/// Makes children that note their births, what they are told, and their ends: `a born`, `a word`, `a exit`. They panic when told
/// `panic`, stop at `stop`, and at `hold` do not end by themselves any more.
fn maker(name: Word, log: &Log) -> impl FnMut() -> (Probe, State) + Send + 'static {
    let log = log.clone();
    move || {
        log.lock().push(format!("{name} born"));
        let log = log.clone();
        let script = move |word: &str, state: State, context: &mut Ctx| {
            if word != "start" && word != "flush" {
                log.lock().push(format!("{name} {word}"));
            }
            match word {
                "panic" => resume_unwind(Box::new("asked to")),
                "stop" => context.stop(),
                "hold" => context.linger(),
                _ => {}
            }
            state
        };
        (Probe::new(Log::default(), script), State::A)
    }
}

/// Three children, `a`, `b` and `c`, all born, and what they note.
fn three<R: Runner>(
    runner: &R,
    supervisor: Supervisor,
) -> (Address<crate::fsm::supervisor::Told>, [Door<Word>; 3], Log) {
    let (mut supervisor, log) = (supervisor, Log::default());
    let doors = ["a", "b", "c"].map(|name| supervisor.child(name, Restart::Always, maker(name, &log)));
    let supervisor = runner.spawn(supervisor, Supervision::Up);
    until(runner, || doors[2].present().is_some());
    (supervisor, doors, log)
}

fn has(log: &Log, line: &str, times: usize) -> bool {
    log.lock().iter().filter(|noted| *noted == line).count() == times
}

/// Has the child of that door panic, once it lives.
fn panics<R: Runner>(runner: &R, door: &Door<Word>) {
    until(runner, || door.post("panic").is_ok());
}

fn ends<R: Runner, C: 'static>(runner: &R, supervisor: Address<C>) -> End {
    let ended = supervisor.ended();
    supervisor.drain();
    runner.block_on(ended).expect("an end is always told")
}

const BORN: [&str; 3] = ["a born", "b born", "c born"];
const LEFT: [&str; 6] = ["c drain", "c exit", "b drain", "b exit", "a drain", "a exit"];

/// One ends, and it alone is born again; the others do not notice.
pub fn one_for_one_brings_back_the_one_that_ended_alone<R: Runner>(runner: &R) {
    let (supervisor, doors, log) = three(runner, Supervisor::new(Strategy::OneForOne));
    panics(runner, &doors[1]);
    until(runner, || has(&log, "b born", 2));
    assert!(matches!(ends(runner, supervisor), End::Exited));
    assert_eq!(*log.lock(), [&BORN[..], &["b panic", "b born"], &LEFT].concat());
}

/// One ends: the others are stopped, the youngest first, each after the one before has ended; then all are born, the oldest first.
pub fn one_for_all_ends_the_others_from_the_youngest_and_brings_all_back_from_the_oldest<R: Runner>(runner: &R) {
    let (supervisor, doors, log) = three(runner, Supervisor::new(Strategy::OneForAll));
    panics(runner, &doors[1]);
    until(runner, || has(&log, "c born", 2));
    assert!(matches!(ends(runner, supervisor), End::Exited));
    assert_eq!(*log.lock(), [&BORN[..], &["b panic", "c exit", "a exit"], &BORN, &LEFT].concat());
}

/// One ends: those added after it are stopped and born again with it, those before do not notice.
pub fn rest_for_one_brings_back_those_added_after_it<R: Runner>(runner: &R) {
    let (supervisor, doors, log) = three(runner, Supervisor::new(Strategy::RestForOne));
    panics(runner, &doors[1]);
    until(runner, || has(&log, "c born", 2));
    assert!(matches!(ends(runner, supervisor), End::Exited));
    assert_eq!(*log.lock(), [&BORN[..], &["b panic", "c exit", "b born", "c born"], &LEFT].concat());
}

/// A child that is added to a supervisor that lives is its youngest: so it goes with the rest, and ends first. One that ends for good
/// is forgotten, and who comes too late is handed back.
pub fn a_child_added_to_a_supervisor_that_lives_is_its_youngest<R: Runner>(runner: &R) {
    let (supervisor, doors, log) = three(runner, Supervisor::new(Strategy::RestForOne));
    let once = supervisor.add(Child::new("once", Restart::Never, maker("once", &log))).expect("it runs");
    until(runner, || once.post("stop").is_ok());
    until(runner, || has(&log, "once exit", 1));
    let door = supervisor.add(Child::new("d", Restart::Always, maker("d", &log))).expect("it runs");
    until(runner, || door.present().is_some());
    panics(runner, &doors[1]);
    until(runner, || has(&log, "d born", 2));
    let address = supervisor.clone();
    assert!(matches!(ends(runner, supervisor), End::Exited));
    let late = address.add(Child::new("late", Restart::Always, maker("late", &log)));
    assert!(matches!(late, Err(Rejected::Dead(_))));
    let added = ["once born", "once stop", "once exit", "d born"];
    let again = ["b panic", "d exit", "c exit", "b born", "c born", "d born", "d drain", "d exit"];
    assert_eq!(*log.lock(), [&BORN[..], &added, &again, &LEFT].concat());
}

/// `Always` is after each end, `OnPanic` after a panic and no other, `Never` is never, also when siblings are born again.
pub fn each_policy_of_restart_keeps_its_word<R: Runner>(runner: &R) {
    type Way = (&'static str, fn(&Address<Word>));
    let ways: [Way; 4] = [
        ("drain", |child| child.drain()),
        ("stop", |child| child.stop()),
        ("kill", |child| child.kill()),
        ("panic", |child| child.post("panic").expect("it lives")),
    ];
    for (restart, again) in
        [(Restart::Always, [true; 4]), (Restart::OnPanic, [false, false, false, true]), (Restart::Never, [false; 4])]
    {
        for ((way, end), again) in ways.into_iter().zip(again) {
            let (log, mut supervisor) = (Log::default(), Supervisor::new(Strategy::OneForOne));
            let door = supervisor.child("it", restart, maker("it", &log));
            let other = supervisor.child("other", Restart::Always, maker("other", &log));
            let supervisor = runner.spawn(supervisor, Supervision::Up);
            until(runner, || other.present().is_some());
            let ended = door.ended();
            end(&door);
            assert!(runner.block_on(ended).is_ok());
            // Of two ends it is told in their order: once the other is back, the first was seen to.
            panics(runner, &other);
            until(runner, || has(&log, "other born", 2));
            assert!(has(&log, "it born", 1 + usize::from(again)), "{restart:?} after {way}: {:?}", log.lock());
            ends(runner, supervisor);
        }
    }
    let (log, mut supervisor) = (Log::default(), Supervisor::new(Strategy::OneForAll));
    let door = supervisor.child("it", Restart::Always, maker("it", &log));
    supervisor.child("once", Restart::Never, maker("once", &log));
    let supervisor = runner.spawn(supervisor, Supervision::Up);
    panics(runner, &door);
    until(runner, || has(&log, "it born", 2));
    ends(runner, supervisor);
    assert_eq!(*log.lock(), ["it born", "once born", "it panic", "once exit", "it born", "it drain", "it exit"]);
}

/// More restarts than there may be in a window: all are stopped, the youngest first, and the supervisor dies of it, with the
/// cause in its payload.
pub fn too_many_restarts_end_all_and_are_told_with_their_cause<R: Runner>(runner: &R) {
    let (supervisor, doors, log) = three(runner, Supervisor::new(Strategy::OneForOne).intensity(2, LONG));
    let ended = supervisor.ended();
    for nth in 1..=3 {
        until(runner, || has(&log, "b born", nth));
        panics(runner, &doors[1]);
    }
    let end = runner.block_on(ended).expect("an end is always told");
    let End::Panicked(panic) = end else { panic!("{end:?}") };
    assert!(panic.message().starts_with("the child `b` ended once too often for 2 restarts in"), "{panic:?}");
    let why = panic.take().expect("nobody took it").downcast::<TooManyRestarts>().expect("a supervisor gave up");
    assert_eq!((&*why.child, why.restarts, why.window), ("b", 2, LONG));
    assert!(matches!(&why.end, End::Panicked(cause) if cause.message() == "asked to"));
    let expected = ["b panic", "b born", "b panic", "b born", "b panic", "c exit", "a exit"];
    assert_eq!(*log.lock(), [&BORN[..], &expected].concat());
    doors.iter().for_each(|door| assert!(matches!(door.post("late"), Err(Rejected::Dead("late")))));
}

/// Restarts that lie a window apart are not counted together.
pub fn restarts_that_lie_outside_the_window_do_not_count<R: Runner>(runner: &R) {
    let (log, mut lives) = (Log::default(), 0);
    let mut supervisor = Supervisor::new(Strategy::OneForOne).intensity(1, Duration::from_micros(500));
    let noted = log.clone();
    supervisor.child("it", Restart::Always, move || {
        noted.lock().push("born".to_owned());
        lives += 1;
        let script = move |word: &str, state, context: &mut Ctx| {
            match word {
                "start" if lives < 6 => _ = context.after(Duration::from_millis(1), "panic"),
                "panic" => resume_unwind(Box::new("its time has come")),
                _ => {}
            }
            state
        };
        (Probe::new(Log::default(), script), State::A)
    });
    let supervisor = runner.spawn(supervisor, Supervision::Up);
    until(runner, || has(&log, "born", 6) || supervisor.mode() == crate::fsm::Mode::Ended);
    assert!(matches!(ends(runner, supervisor), End::Exited), "one restart in each window");
}

/// While its child waits out a back-off a door hands back what is posted; whoever drains the supervisor does not wait for that.
pub fn a_door_refuses_while_nobody_lives_behind_it_and_a_drain_does_not_wait_for_the_back_off<R: Runner>(runner: &R) {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll] {
        let unborn = Door::<Word>::new();
        assert!(matches!(unborn.post("early"), Err(Rejected::Dead("early"))));
        let (supervisor, doors, log) = three(runner, Supervisor::new(strategy).back_off(LONG, LONG));
        let ended = doors[2].ended();
        panics(runner, &doors[2]);
        assert!(matches!(runner.block_on(ended), Ok(End::Panicked(_))));
        until(runner, || supervisor.counters().processed != 0); // it has heard of that
        assert!(matches!(doors[2].post("late"), Err(Rejected::Dead("late"))));
        assert!(doors[2].present().is_none());
        assert!(matches!(ends(runner, supervisor), End::Exited), "{strategy:?}: {:?}", log.lock());
        assert!(has(&log, "c born", 1) && has(&log, "a exit", 1), "{strategy:?}: {:?}", log.lock());
    }
}

/// A door is an address like any other: mapped, weak, watched; it leads to one life after the other, and the last one of it
/// dropped drains nobody.
pub fn a_door_leads_to_whoever_lives_behind_it<R: Runner>(runner: &R) {
    let (log, mut supervisor) = (Log::default(), Supervisor::new(Strategy::OneForOne));
    let door = supervisor.child("it", Restart::Always, maker("it", &log));
    let numbers = door.map(|number: u8| if number == 1 { "one" } else { "panic" }, |word| u8::from(word == "one"));
    let weak = door.downgrade();
    let supervisor = runner.spawn(supervisor, Supervision::Up);
    until(runner, || door.present().is_some());
    let first = door.present().expect("it lives");
    assert_eq!((first.cell(), door.address() == *door), (door.cell(), true));
    numbers.post(2).expect("it lives");
    assert!(matches!(runner.block_on(first.ended()), Ok(End::Panicked(_))));
    until(runner, || has(&log, "it born", 2));
    until(runner, || numbers.post(1).is_ok());
    assert_ne!(door.cell(), first.cell());
    assert!(matches!(first.post("late"), Err(Rejected::Dead("late"))));
    let third = weak.upgrade().expect("the door is held");
    assert!(third == *door);
    until(runner, || has(&log, "it one", 1));
    drop((door, numbers, third));
    ends(runner, supervisor);
    assert_eq!(*log.lock(), ["it born", "it panic", "it born", "it one", "it drain", "it exit"], "F9");
}

/// What is queued behind a panic is dropped, or kept and delivered to the next life: the postponed first, nothing twice, and not
/// what the child died of.
pub fn what_is_queued_at_the_end_goes_to_the_next_life_if_it_is_kept<R: Runner>(runner: &R) {
    for keeps in [true, false] {
        let (log, mut supervisor) = (Log::default(), Supervisor::new(Strategy::OneForOne));
        let (noted, mut lives) = (log.clone(), 0);
        let child = Child::new("it", Restart::Always, move || {
            lives += 1;
            let (noted, life) = (noted.clone(), lives);
            noted.lock().push(format!("born {life}"));
            let script = move |word: &str, state, context: &mut Ctx| {
                match (word, life) {
                    ("start", 1) => {
                        let words = ["postponed", "panic", "batch"];
                        words.into_iter().for_each(|word| context.post(word).expect("it runs"));
                    }
                    ("postponed", 1) => context.postpone("postponed"),
                    ("panic", _) => {
                        context.post("queued").expect("it runs"); // the batch is in hand, so this lies in the inbox
                        context.raise("its own");
                        resume_unwind(Box::new("asked to"))
                    }
                    ("start" | "flush" | "drain" | "exit", _) => {}
                    _ => noted.lock().push(format!("{word} {life}")),
                }
                state
            };
            (Probe::new(Log::default(), script), State::A)
        });
        let door = supervisor.add(if keeps { child.keep_inbox() } else { child });
        let supervisor = runner.spawn(supervisor, Supervision::Up);
        until(runner, || has(&log, "born 2", 1));
        until(runner, || door.post("fresh").is_ok());
        ends(runner, supervisor);
        let kept: &[&str] = if keeps { &["postponed 2", "batch 2", "queued 2"] } else { &[] };
        assert_eq!(*log.lock(), [&["born 1", "born 2"], kept, &["fresh 2"]].concat(), "F3: kept: {keeps}");
    }
}

/// A drained supervisor drains its children, the youngest first, each after the one before has ended: what they had accepted is
/// done, and an older one still hears the younger.
pub fn a_drained_supervisor_drains_its_children_from_the_youngest<R: Runner>(runner: &R) {
    let (supervisor, doors, log) = three(runner, Supervisor::new(Strategy::OneForOne));
    doors[2].post("work").expect("it lives");
    let end = supervisor.ended();
    drop(supervisor); // the last address: as `drain`
    let end = runner.block_on(end).expect("an end is always told");
    assert!(matches!(end, End::Exited), "{end:?}");
    let log = log.lock().clone();
    let ends = log.iter().filter(|line| line.ends_with("exit")).collect::<Vec<_>>();
    assert_eq!(log[..3], BORN);
    assert_eq!(ends, ["c exit", "b exit", "a exit"]);
    assert!(log.contains(&"c work".to_owned()), "F3");
    doors.iter().for_each(|door| assert!(matches!(door.post("late"), Err(Rejected::Dead("late")))));
}

/// One that is told to end and does not is killed when patience is over; then the others have their turn.
pub fn one_that_does_not_end_is_killed_when_patience_is_over<R: Runner>(runner: &R) {
    let quick = Supervisor::new(Strategy::OneForOne).patience(Duration::from_millis(1));
    let (supervisor, doors, log) = three(runner, quick);
    doors[1].post("hold").expect("it lives");
    until(runner, || has(&log, "b hold", 1));
    let holder = doors[1].ended();
    assert!(matches!(ends(runner, supervisor), End::Exited));
    assert!(matches!(runner.block_on(holder), Ok(End::Killed)));
    // The others may be killed too, where a millisecond is short.
    assert!(has(&log, "b drain", 1) && has(&log, "b exit", 0), "{:?}", log.lock());
}

/// A supervisor that gives up is born again by its own, with all of its children behind the doors they had.
pub fn a_supervisor_of_supervisors_brings_back_whole_trees_behind_the_same_doors<R: Runner>(runner: &R) {
    let (log, doors) = (Log::default(), [Door::new(), Door::new()]);
    let ([leaf, other], noted) = (doors.clone(), log.clone());
    let mut top = Supervisor::new(Strategy::OneForOne);
    top.child("below", Restart::Always, move || {
        let mut below = Supervisor::new(Strategy::OneForOne).intensity(0, LONG);
        below.add(Child::new("leaf", Restart::Always, maker("leaf", &noted)).behind(&leaf));
        below.add(Child::new("other", Restart::Always, maker("other", &noted)).behind(&other));
        (below, Supervision::Up)
    });
    let top = runner.spawn(top, Supervision::Up);
    until(runner, || doors[1].present().is_some());
    panics(runner, &doors[0]);
    until(runner, || has(&log, "other born", 2));
    until(runner, || doors[0].post("hello").is_ok());
    assert!(matches!(ends(runner, top), End::Exited));
    assert!(has(&log, "leaf hello", 1), "F3");
    log.lock().retain(|line| line != "leaf hello"); // before it was drained, or after
    let (born, left) = (["leaf born", "other born"], ["other drain", "other exit", "leaf drain", "leaf exit"]);
    assert_eq!(*log.lock(), [&born[..], &["leaf panic", "other exit"], &born, &left].concat());
}

/// A panic of what makes a child is an end like another: it is counted, and tried again.
pub fn a_maker_that_panics_is_an_end_of_its_child<R: Runner>(runner: &R) {
    for (failures, gives_up) in [(2, false), (3, true)] {
        let (log, mut supervisor) = (Log::default(), Supervisor::new(Strategy::OneForOne).intensity(2, LONG));
        let (mut make, mut tries) = (maker("it", &log), 0);
        supervisor.child("it", Restart::OnPanic, move || {
            tries += 1;
            if tries <= failures {
                resume_unwind(Box::new("no child today"));
            }
            make()
        });
        let supervisor = runner.spawn(supervisor, Supervision::Up);
        let ended = supervisor.ended();
        if gives_up {
            assert!(matches!(runner.block_on(ended), Ok(End::Panicked(_))));
        } else {
            until(runner, || has(&log, "it born", 1));
            assert!(matches!(ends(runner, supervisor), End::Exited));
        }
    }
}

/// A supervisor that is stopped stops its children; one that is killed lets them drain. None is brought back, none stays.
pub fn a_supervisor_that_dies_leaves_nobody_behind<R: Runner>(runner: &R) {
    for kills in [false, true] {
        let (supervisor, doors, log) = three(runner, Supervisor::new(Strategy::OneForAll));
        let tickets = doors.each_ref().map(|door| door.ended());
        if kills {
            supervisor.kill()
        } else {
            supervisor.stop()
        }
        for ticket in tickets {
            assert!(matches!(runner.block_on(ticket), Ok(End::Exited)));
        }
        let heard = log.lock().clone();
        let drained = heard.iter().filter(|line| line.ends_with("drain")).count();
        assert_eq!((heard.len(), drained), if kills { (9, 3) } else { (6, 0) }, "{heard:?}");
    }
}

/// Under a stage the supervisor has its place and ends its children in its own order; the stage is over when all are gone, and
/// none is brought back meanwhile.
pub fn a_supervisor_under_a_stage_ends_its_children_in_its_own_order<R: Runner>(runner: &R) {
    let drain = Drain::new();
    let stage = drain.stage("tree").expect("it is not over");
    let (log, mut supervisor) = (Log::default(), Supervisor::new(Strategy::OneForOne));
    let doors = ["a", "b", "c"].map(|name| supervisor.child(name, Restart::Always, maker(name, &log)));
    let guard = stage.guard("supervisor").expect("it has not started");
    let supervisor = runner.builder(supervisor, Supervision::Up).drain_with(guard).spawn();
    until(runner, || doors[2].present().is_some());
    runner.block_on(drain.drain_async());
    assert_eq!(*log.lock(), [&BORN[..], &LEFT].concat());
    drop(supervisor);
}
