use super::*;
use crate::sync::TimedOut;
use crate::sync::lock::Lock;
use crate::sync::testing::{Wakes, block_on, poll};
use std::pin::pin;
use std::task::{Wake, Waker};
use std::thread;

const LONG: Duration = Duration::from_secs(60);

fn names(late: &Late) -> Vec<&str> {
    late.alive.iter().map(|alive| &*alive.name).collect()
}

/// A drain with stages of these names, in this order.
fn stages<const N: usize>(names: [&'static str; N]) -> (Drain, [Stage; N]) {
    let drain = Drain::new();
    let stages = names.map(|name| drain.stage(name).expect("it is not over"));
    (drain, stages)
}

#[test]
fn a_stage_starts_only_after_the_last_guard_of_the_one_before() {
    let (drain, [first, second]) = stages(["first", "second"]);
    let (a, b) = (first.guard("a").unwrap(), second.guard("b").unwrap());
    let again = a.clone();
    assert!(!first.is_draining() && !drain.is_draining());
    let late = drain.try_drain().unwrap_err();
    assert_eq!((&*late.stage, names(&late)), ("first", vec!["a"]));
    assert!(a.is_draining() && drain.is_draining() && !b.is_draining());
    drop(a);
    assert!(drain.try_drain().is_err() && !b.is_draining(), "D1: a clone is a guard");
    drop(again);
    assert!(first.is_over() && !b.is_draining(), "nothing starts but by one who drains");
    assert_eq!(&*drain.try_drain().unwrap_err().stage, "second");
    assert!(b.is_draining());
    drop(b);
    assert_eq!(drain.try_drain(), Ok(()));
    assert!(drain.is_over() && second.is_over());
    assert_eq!(drain.try_drain(), Ok(()), "it may be called again");
}

#[test]
fn stages_without_guards_are_over_at_once() {
    let (drain, [first, _, third]) = stages(["first", "second", "third"]);
    let guard = first.guard("gone before the start").unwrap();
    drop(guard);
    assert!(!first.is_over(), "a stage that has not started is not over");
    let guard = third.guard("one").unwrap();
    assert_eq!(&*drain.try_drain().unwrap_err().stage, "third");
    drop(guard);
    drain.drain();
    Drain::new().drain();
}

#[test]
fn ten_threads_in_three_stages_end_in_the_order_of_their_stages() {
    let (drain, line) = stages(["readers", "workers", "writers"]);
    let ends = Arc::new(Lock::new(Vec::new()));
    let members: Vec<_> = [(2, 3), (0, 3), (1, 4)]
        .into_iter()
        .flat_map(|(stage, count)| (0..count).map(move |_| stage))
        .map(|stage| {
            let (guard, ends) = (line[stage].guard("member").unwrap(), ends.clone());
            thread::spawn(move || {
                if stage == 1 {
                    block_on(guard.draining()); // threads and tasks alike
                } else {
                    guard.wait_draining();
                }
                ends.lock().push(stage);
            })
        })
        .collect();
    assert_eq!(drain.drain_timeout(LONG), Ok(()));
    assert_eq!(*ends.lock(), [0, 0, 0, 1, 1, 1, 1, 2, 2, 2], "D1");
    members.into_iter().for_each(|member| member.join().unwrap());
}

#[test]
fn several_who_drain_wait_for_the_same_end() {
    let (drain, line) = stages(["first", "second"]);
    let guards = line.each_ref().map(|stage| stage.guard("member").unwrap());
    thread::scope(|scope| {
        for number in 0..6 {
            let (drain, line) = (drain.clone(), &line);
            scope.spawn(move || {
                if number % 2 == 0 {
                    drain.drain();
                } else {
                    block_on(drain.drain_async());
                }
                assert!(line.iter().all(Stage::is_over));
            });
        }
        for guard in guards {
            guard.wait_draining();
        }
    });
}

#[test]
fn a_deadline_says_which_stage_is_late_and_who_is_still_there() {
    let (drain, [first, second]) = stages(["first", "second"]);
    let _behind = second.guard("behind").unwrap();
    let guards: Vec<_> = ["c", "a", "b", "a"].map(|name| first.guard(name).unwrap()).into();
    let late = drain.drain_timeout(Duration::from_millis(5)).unwrap_err();
    assert_eq!(names(&late), ["c", "a", "b", "a"], "in order of taking; two of one name are two");
    let mut guards = guards;
    let clone = guards[2].clone();
    drop(guards.remove(2));
    drop(guards.remove(0));
    let late = drain.drain_until(Instant::now()).unwrap_err();
    assert_eq!(names(&late), ["a", "b", "a"], "D2: listed until the last clone is dropped, and once");
    drop(clone);
    guards[0].tells(|| "writes line 7".to_owned());
    let late = drain.drain_timeout(Duration::ZERO).unwrap_err();
    assert_eq!(
        late.to_string(),
        "the stage `first` is not over, 2 of it left: a (writes line 7), a; drain again to go on waiting"
    );
    assert_eq!(late.alive[0].doing, "writes line 7");
    drop(guards);
    assert_eq!(&*drain.drain_timeout(Duration::ZERO).unwrap_err().stage, "second", "called again, it goes on");
}

#[test]
fn a_late_stage_of_many_names_some_of_them() {
    let (drain, [stage]) = stages(["many"]);
    let guards: Vec<_> = (0..10).map(|number| stage.guard(number.to_string()).unwrap()).collect();
    assert_eq!(stage.guards(), 10);
    let late = drain.try_drain().unwrap_err().to_string();
    assert_eq!(
        late,
        "the stage `many` is not over, 10 of it left: 0, 1, 2, 3, 4, 5, 6, 7 and 2 more; drain again to go on waiting"
    );
    drop(guards);
}

#[test]
fn a_late_stage_of_very_many_looks_at_a_thousand_and_counts_all() {
    static LOOKS: Lock<usize> = Lock::new(0);
    let (drain, [stage]) = stages(["many"]);
    let guards: Vec<_> = (0..1_002).map(|number| stage.guard(number.to_string()).unwrap()).collect();
    guards.iter().for_each(|guard| {
        guard.tells(|| {
            let mut looks = LOOKS.lock();
            *looks += 1;
            looks.to_string()
        });
    });
    let late = drain.try_drain().unwrap_err();
    assert_eq!((late.count, late.alive.len(), *LOOKS.lock()), (1_002, 1_000, 1_000));
    assert_eq!((&*late.alive[999].name, &*late.alive[999].doing), ("999", "1000"), "in order of taking");
    assert!(late.to_string().contains(", 1002 of it left: 0 (1), 1 (2), "), "{late}");
    assert!(late.to_string().contains(" 7 (8) and 994 more; "), "{late}");
    assert_eq!(stage.alive().len(), 1_002, "who asks the stage itself is told of all");
}

#[test]
fn one_that_is_over_has_started_even_if_its_starter_has_not_said_so_yet() {
    let (drain, [stage]) = stages(["stage"]);
    let guard = stage.guard("one").unwrap();
    let Step::Start(start) = drain.line.step() else { panic!("the first is to be started") };
    assert!(stage.guard("late").is_err() && stage.is_draining(), "D4");
    drop(guard);
    assert!(stage.is_over() && stage.is_draining());
    start.tell();
    assert_eq!(drain.try_drain(), Ok(()));
}

#[test]
fn before_within_a_root_finds_no_stage_of_another_root_of_the_same_name() {
    let (_, [first, second]) = stages(["workers", "workers"]);
    let of = |stage: &Stage, name: &str| stage.before_of("workers", name.to_owned()).unwrap();
    let (ours, theirs) = (of(&first, "1"), of(&second, "1"));
    assert!(!Arc::ptr_eq(&ours.body, &theirs.body), "each has its own");
    let between = second.before("between").unwrap();
    assert!(Arc::ptr_eq(&of(&second, "1").body, &theirs.body), "found behind whatever else came between");
    assert!(Arc::ptr_eq(&of(&first, "1").body, &ours.body));
    let below = of(&theirs, "2");
    assert!(!Arc::ptr_eq(&below.body, &of(&ours, "2").body));
    assert!(Arc::ptr_eq(&second.before("2").unwrap().body, &below.body), "the nearest of that name");
    drop(between);
}

#[test]
fn no_guard_is_given_once_the_stage_has_started_but_a_clone_never_fails() {
    let (drain, [stage]) = stages(["stage"]);
    let guard = stage.guard("one").unwrap();
    assert!(drain.try_drain().is_err());
    assert_eq!(stage.guard("late").unwrap_err(), Draining);
    let clone = guard.clone();
    drop(guard);
    assert_eq!((names(&drain.try_drain().unwrap_err()), clone.name()), (vec!["one"], "one"));
    let another = clone.another("two".to_owned());
    drop(clone);
    assert_eq!(names(&drain.try_drain().unwrap_err()), ["two"], "nor does one of another name");
    drop(another);
    assert_eq!(drain.try_drain(), Ok(()));
    assert_eq!(stage.guard("after the end").unwrap_err(), Draining);
}

#[test]
fn a_stage_may_be_added_as_long_as_no_later_one_has_started() {
    let (drain, [first, second]) = stages(["first", "second"]);
    let (one, two) = (first.guard("one").unwrap(), second.guard("two").unwrap());
    assert!(drain.try_drain().is_err());
    assert_eq!(first.before("too late").unwrap_err(), Draining);
    let between = second.before("between").unwrap();
    let guard = between.guard("three").unwrap();
    let last = drain.stage("last").unwrap();
    drop(one);
    assert_eq!(&*drain.try_drain().unwrap_err().stage, "between");
    drop(guard);
    assert_eq!(&*drain.try_drain().unwrap_err().stage, "second");
    assert!(second.before("between").unwrap().is_over(), "the one there is found, whatever has become of it");
    drop(two);
    assert_eq!(drain.try_drain(), Ok(()));
    assert!(last.is_over());
    assert_eq!(drain.stage("after the end").unwrap_err(), Draining);
}

#[test]
fn before_finds_the_nearest_in_front_or_makes_one_directly_in_front() {
    let (drain, [parents]) = stages(["depth 0"]);
    let children = parents.before("depth 1").unwrap();
    let grandchildren = children.before("depth 2").unwrap();
    let guards = [&parents, &children, &grandchildren].map(|stage| stage.guard(stage.name().to_owned()).unwrap());
    let again = parents.before("depth 2").unwrap();
    let more = again.guard("the same stage").unwrap();
    assert_eq!(grandchildren.guards(), 2);
    let order: Vec<_> = std::iter::from_fn(|| drain.try_drain().err().map(|late| late.stage))
        .scan((Some(more), guards.map(Some)), |(more, guards), stage| {
            *more = None;
            guards.iter_mut().for_each(|guard| drop(guard.take_if(|guard| guard.name() == stage)));
            Some(stage)
        })
        .collect();
    assert_eq!(order, ["depth 2", "depth 1", "depth 0"], "the deepest end first");
}

#[test]
fn a_waker_is_woken_once_when_the_stage_starts_and_at_once_if_it_has() {
    let (drain, [first, second]) = stages(["first", "second"]);
    let guards = [&first, &first, &first, &second].map(|stage| stage.guard("member").unwrap());
    let wakes = [(); 4].map(|()| Wakes::new());
    for (guard, (_, waker)) in guards.iter().zip(&wakes) {
        guard.on_start(waker.clone());
    }
    let (replaced, waker) = Wakes::new();
    let clone = guards[0].clone();
    clone.on_start(waker); // the clone's own
    clone.on_start(wakes[0].1.clone());
    let [a, b, c, d] = guards;
    drop(c);
    let count = || [0, 1, 2, 3].map(|at: usize| wakes[at].0.count());
    assert_eq!(count(), [0; 4]);
    assert!(drain.try_drain().is_err());
    assert_eq!((count(), replaced.count()), ([2, 1, 0, 0], 0), "D3: once a guard; a dropped one's is forgotten");
    assert!(drain.try_drain().is_err());
    b.on_start(wakes[2].1.clone());
    assert_eq!(count(), [2, 1, 1, 0], "at once, as it has started");
    drop((a, b, clone));
    assert!(drain.try_drain().is_err());
    assert_eq!(count(), [2, 1, 1, 1]);
    drop(d);
}

/// A waker that drops a guard, asks for one, or drains: all that a waker might do to its own drain.
struct Meddles {
    drain: Drain,
    guard: Lock<Option<Guard>>,
    panics: bool,
}

impl Wake for Meddles {
    fn wake(self: Arc<Self>) {
        let guard = self.guard.lock().take();
        if let Some(guard) = guard {
            assert_eq!(guard.stage().guard("late").unwrap_err(), Draining);
            drop(guard);
        }
        let _ = self.drain.try_drain();
        if self.panics {
            std::panic::resume_unwind(Box::new("a waker that panics"));
        }
    }
}

#[test]
fn a_waker_meets_no_lock_and_one_that_panics_keeps_nobody_from_waking() {
    let (drain, [stage]) = stages(["stage"]);
    let guards: Vec<_> = (0..3).map(|_| stage.guard("member").unwrap()).collect();
    let all: Vec<_> = (0..3)
        .map(|at| {
            let guard = Lock::new(Some(stage.guard("meddler").unwrap()));
            Arc::new(Meddles { drain: drain.clone(), guard, panics: at == 0 })
        })
        .collect();
    for (guard, meddles) in guards.iter().zip(&all) {
        guard.on_start(Waker::from(meddles.clone()));
    }
    let drained = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drain.try_drain()));
    assert!(drained.is_err(), "the panic is its drainer's");
    assert!(all.iter().all(|meddles| meddles.guard.lock().is_none()), "D3: not missed");
    drop(guards);
    assert_eq!(drain.try_drain(), Ok(()));
}

#[test]
fn a_panic_of_a_member_drops_its_guard() {
    let (drain, [stage]) = stages(["stage"]);
    let guard = stage.guard("panics").unwrap();
    let member = thread::spawn(move || {
        guard.wait_draining();
        std::panic::resume_unwind(Box::new("asked to"));
    });
    assert_eq!(drain.drain_timeout(LONG), Ok(()));
    assert!(member.join().is_err());
}

#[test]
fn waits_for_the_start_come_in_every_form() {
    let (drain, [stage]) = stages(["stage"]);
    let guard = stage.guard("one").unwrap();
    assert_eq!(guard.wait_draining_timeout(Duration::from_millis(2)), Err(TimedOut));
    assert_eq!(guard.wait_draining_until(Instant::now()), Err(TimedOut));
    let (wakes, waker) = Wakes::new();
    let mut first = pin!(guard.draining());
    assert!(poll(first.as_mut(), &waker).is_pending());
    {
        let mut dropped = pin!(guard.draining());
        assert!(poll(dropped.as_mut(), &waker).is_pending());
    }
    assert!(drain.try_drain().is_err());
    assert_eq!(wakes.count(), 1, "one who waits no longer is not woken");
    assert!(poll(first.as_mut(), &waker).is_ready());
    assert_eq!(guard.wait_draining_timeout(Duration::ZERO), Ok(()));
    guard.wait_draining();
}

#[test]
fn a_dropped_drain_starts_nothing_more_and_another_goes_on() {
    let (drain, [first, second]) = stages(["first", "second"]);
    let (one, two) = (first.guard("one").unwrap(), second.guard("two").unwrap());
    let (wakes, waker) = Wakes::new();
    let mut draining = Box::pin(drain.drain_async());
    assert!(!one.is_draining(), "it does nothing until it is polled");
    assert!(poll(draining.as_mut(), &waker).is_pending());
    assert!(one.is_draining());
    drop(draining);
    drop(one);
    assert_eq!((wakes.count(), two.is_draining()), (0, false));
    let mut draining = pin!(drain.drain_async());
    assert!(poll(draining.as_mut(), &waker).is_pending());
    drop(two);
    assert_eq!(wakes.count(), 1);
    assert!(poll(draining.as_mut(), &waker).is_ready());
}

#[test]
fn handles_and_guards_are_sent_and_shared_and_borrow_nothing() {
    fn check<T: Send + Sync + 'static>(_: &T) {}
    let (drain, [stage]) = stages(["stage"]);
    let guard = stage.guard("one").unwrap();
    check(&drain);
    check(&stage);
    check(&guard);
    fn check_send<T: Send + 'static>(_: &T) {}
    check_send(&drain.drain_async());
    assert_eq!(format!("{guard:?}"), "Guard { name: \"one\", stage: \"stage\" }");
}
