use super::*;
use crate::fsm::{Address, Builder, Home, HomeRef, Mode, Pool, Runner, Task, Timers, VirtualTime};
use crate::sync::lock::Lock;
use std::sync::Arc;

mod windows;

type Log = Arc<Lock<Vec<(u64, String)>>>;

const MS: Duration = Duration::from_millis(1);

/// Notes what happens to it and when, in milliseconds. Panics at its birth, or when told to.
struct Patient {
    name: &'static str,
    dies: bool,
    log: Log,
}

impl Automaton for Patient {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        let what = match input {
            Input::Start => "born",
            Input::Command(()) => "panic",
            Input::Exit => "exit",
            Input::Transition { .. } | Input::Drain => return,
        };
        self.log.lock().push((context.now().0 / 1_000_000, format!("{} {what}", self.name)));
        if what == "panic" || self.dies {
            resume_unwind(Box::new("asked to"));
        }
    }
}

fn patient(name: &'static str, log: &Log) -> impl FnMut() -> (Patient, ()) + Send + 'static {
    let log = log.clone();
    move || (Patient { name, dies: false, log: log.clone() }, ())
}

fn noted(log: &Log) -> Vec<String> {
    log.lock().iter().map(|(at, what)| format!("{at} {what}")).collect()
}

/// Under a few seeds: the order in which ready ones go must not matter.
fn in_time(rule: impl Fn(&VirtualTime, &Log)) {
    (0..20).for_each(|seed| rule(&VirtualTime::new(seed), &Log::default()));
}

#[test]
fn each_wait_of_a_window_is_twice_the_one_before_up_to_the_longest() {
    in_time(|time, log| {
        let mut supervisor = Supervisor::new(Strategy::OneForOne).intensity(9, MS * 1_000).back_off(MS * 10, MS * 50);
        let (births, mut lives) = (log.clone(), 0);
        supervisor.child("it", Restart::Always, move || {
            lives += 1;
            (Patient { name: "it", dies: lives < 6, log: births.clone() }, ())
        });
        let supervisor = time.spawn(supervisor, Supervision::Up);
        time.run_until_idle(&mut ());
        let births: Vec<_> = log.lock().iter().map(|(at, _)| *at).collect();
        assert_eq!(births, [0, 10, 30, 70, 120, 170]);
        drop(supervisor);
    });
}

#[test]
fn a_wait_is_longer_by_up_to_its_jitter_and_the_same_under_the_same_seed() {
    let wait = |seed| {
        let (time, log) = (VirtualTime::new(seed), Log::default());
        let mut supervisor = Supervisor::new(Strategy::OneForOne).back_off(MS * 100, MS * 100).jitter(0.5);
        let (births, mut lives) = (log.clone(), 0);
        supervisor.child("it", Restart::Always, move || {
            lives += 1;
            (Patient { name: "it", dies: lives < 2, log: births.clone() }, ())
        });
        let supervisor = time.spawn(supervisor, Supervision::Up);
        time.run_until_idle(&mut ());
        drop(supervisor);
        log.lock()[1].0
    };
    let waits: Vec<_> = (0..50).map(wait).collect();
    assert!(waits.iter().all(|wait| (100..150).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|&wait| wait < 110) && waits.iter().any(|&wait| 140 <= wait), "{waits:?}");
    assert_eq!(waits, (0..50).map(wait).collect::<Vec<_>>(), "F11");
}

#[test]
fn the_longest_wait_there_is_has_room_for_its_jitter() {
    let (time, log) = (VirtualTime::new(1), Log::default());
    let mut supervisor = Supervisor::new(Strategy::OneForOne).back_off(Duration::MAX, Duration::MAX).jitter(1.0);
    let births = log.clone();
    supervisor.child("it", Restart::Always, move || (Patient { name: "it", dies: true, log: births.clone() }, ()));
    let supervisor = time.spawn(supervisor, Supervision::Up);
    time.run_for(MS * 1_000, &mut ());
    assert_eq!(supervisor.mode(), Mode::Running, "it waits");
    supervisor.kill();
}

/// Each strategy, each way to end, and every mixture of three policies.
#[test]
fn who_is_stopped_and_who_is_born_again_is_as_in_the_table() {
    let policies = [Restart::Always, Restart::OnPanic, Restart::Never];
    type Way = (fn(&Address<()>), [bool; 3]);
    // After which policy one that ended so comes again.
    let ways: [Way; 3] = [
        (|child| child.post(()).expect("it lives"), [true, true, false]),
        (|child| child.stop(), [true, false, false]),
        (|child| child.kill(), [true, false, false]),
    ];
    for (strategy, first) in
        [(Strategy::OneForOne, [1, 2]), (Strategy::OneForAll, [0, 3]), (Strategy::RestForOne, [1, 3])]
    {
        for mixture in 0..27 {
            let mixture = [mixture / 9, mixture / 3 % 3, mixture % 3];
            for (end, again) in ways {
                let (time, log) = (VirtualTime::new(1), Log::default());
                let mut supervisor = Supervisor::new(strategy);
                let names = ["a", "b", "c"];
                let add = |nth: usize| supervisor.child(names[nth], policies[mixture[nth]], patient(names[nth], &log));
                let doors = [0, 1, 2].map(add);
                let supervisor = time.spawn(supervisor, Supervision::Up);
                time.run_until_idle(&mut ());
                log.lock().clear();
                end(&doors[1]);
                time.run_until_idle(&mut ());
                let comes = again[mixture[1]];
                let group = if comes { first[0]..first[1] } else { 0..0 };
                let has = |line: String| log.lock().iter().any(|(_, noted)| *noted == line);
                for nth in 0..3 {
                    let in_group = group.contains(&nth);
                    let why = format!("{strategy:?}, {mixture:?}, {}: {:?}", names[nth], log.lock());
                    let born = in_group && (nth == 1 || mixture[nth] != 2);
                    assert_eq!(has(format!("{} born", names[nth])), born, "{why}");
                    assert!(nth == 1 || has(format!("{} exit", names[nth])) == in_group, "{why}");
                }
                let gone = 3 - time.look::<Supervisor, _>(&supervisor, |it, _| it.slots.len()).expect("it lives");
                let expected = usize::from(!comes) + group.filter(|&nth| nth != 1 && mixture[nth] == 2).count();
                assert_eq!(gone, expected, "who is dead for good is forgotten");
            }
        }
    }
}

#[test]
fn a_child_added_while_a_group_waits_is_born_with_it_and_one_added_at_the_end_never_is() {
    in_time(|time, log| {
        let mut supervisor = Supervisor::new(Strategy::OneForAll).back_off(MS * 10, MS * 10);
        let door = supervisor.child("a", Restart::Always, patient("a", log));
        let supervisor = time.spawn(supervisor, Supervision::Up);
        time.run_for(MS, &mut ());
        door.post(()).unwrap();
        time.run_for(MS * 5, &mut ());
        let late = supervisor.add(Child::new("b", Restart::Always, patient("b", log))).expect("it runs");
        time.run_for(MS, &mut ());
        assert!(late.post(()).is_err(), "not yet");
        time.run_for(MS * 10, &mut ());
        let never = supervisor.add(Child::new("never", Restart::Always, patient("never", log))).expect("it runs");
        supervisor.drain(); // it overtakes the order
        time.run_until_idle(&mut ());
        assert!(never.post(()).is_err() && supervisor.mode() == Mode::Ended);
        let mut heard = noted(log);
        heard[2..4].sort(); // born at one moment
        assert_eq!(heard, ["0 a born", "1 a panic", "11 a born", "11 b born", "17 b exit", "17 a exit"]);
    });
}

/// A home whose tasks are run by hand, and which says when it takes no more.
struct Bench {
    tasks: Lock<Vec<Task>>,
    closed: Lock<bool>,
    timers: Timers,
}

struct Share(Arc<Bench>);

impl Home for Share {
    fn schedule(&self, task: Task) {
        self.0.tasks.lock().push(task);
    }
    fn is_closed(&self) -> bool {
        *self.0.closed.lock()
    }
    fn timers(&self) -> &Timers {
        &self.0.timers
    }
}

#[test]
fn what_ends_on_a_home_that_takes_no_more_is_no_failure_and_its_supervisor_ends() {
    for closed in [false, true] {
        let (bench, log) = (
            Arc::new(Bench { tasks: Lock::default(), closed: Lock::default(), timers: Timers::thread() }),
            Log::default(),
        );
        let mut supervisor = Supervisor::new(Strategy::OneForOne).intensity(1, MS * 1_000);
        let doors = ["a", "b"].map(|name| supervisor.child(name, Restart::Always, patient(name, &log)));
        let supervisor = Builder::on(&HomeRef::new(Share(bench.clone())), supervisor, Supervision::Up).spawn();
        let settle = || {
            while let Some(task) = { bench.tasks.lock().pop() } {
                task.run();
            }
        };
        settle();
        *bench.closed.lock() = closed;
        doors[0].kill();
        settle();
        let mode = if closed { Mode::Ended } else { Mode::Running };
        assert_eq!(supervisor.mode(), mode);
        let born = log.lock().iter().filter(|(_, what)| what.ends_with("born")).count();
        assert_eq!(born, if closed { 2 } else { 3 });
        let mut end = supervisor.ended();
        supervisor.drain();
        settle();
        assert!(matches!(end.try_take(), Ok(Some(End::Exited))), "closed: {closed}");
    }
}

#[test]
fn a_restart_counts_until_the_window_is_over_and_not_longer() {
    for (apart, gives_up) in [(MS * 10 - Duration::from_nanos(1), true), (MS * 10, false)] {
        in_time(|time, log| {
            let mut supervisor = Supervisor::new(Strategy::OneForOne).intensity(1, MS * 10);
            let door = supervisor.child("it", Restart::Always, patient("it", log));
            let supervisor = time.spawn(supervisor, Supervision::Up);
            let mut ended = supervisor.ended();
            time.run_for(MS, &mut ());
            door.post(()).unwrap();
            time.run_for(apart, &mut ());
            door.post(()).unwrap();
            time.run_for(Duration::ZERO, &mut ());
            let end = ended.try_take().expect("it is told");
            assert_eq!(matches!(end, Some(End::Panicked(_))), gives_up, "{apart:?} apart: {end:?}");
            drop(supervisor);
        });
    }
}

#[test]
fn an_older_one_that_ends_while_a_group_waits_takes_the_whole_rest_with_it() {
    in_time(|time, log| {
        let mut supervisor = Supervisor::new(Strategy::RestForOne).back_off(MS * 10, MS * 50);
        let [a, _, c] = ["a", "b", "c"].map(|name| supervisor.child(name, Restart::Always, patient(name, log)));
        let supervisor = time.spawn(supervisor, Supervision::Up);
        time.run_for(MS, &mut ());
        log.lock().clear();
        c.post(()).unwrap();
        time.run_for(MS * 5, &mut ());
        a.post(()).unwrap();
        time.run_for(MS * 100, &mut ());
        let mut heard = noted(log);
        heard[3..].sort(); // born at one moment, in an order of the seed's
        assert_eq!(heard, ["1 c panic", "6 a panic", "6 b exit", "26 a born", "26 b born", "26 c born"]);
        drop(supervisor);
    });
}

#[test]
fn an_older_one_that_ends_while_a_group_goes_down_goes_with_it() {
    in_time(|time, log| {
        let mut supervisor = Supervisor::new(Strategy::RestForOne).intensity(2, MS * 100);
        let doors = ["a", "b", "c"].map(|name| supervisor.child(name, Restart::Always, patient(name, log)));
        let supervisor = time.spawn(supervisor, Supervision::Up);
        time.run_for(MS, &mut ());
        log.lock().clear();
        time.pause(doors[2].cell()); // it is told to end, and takes its time
        doors[1].post(()).unwrap();
        time.run_for(MS, &mut ());
        doors[0].post(()).unwrap();
        time.run_for(MS, &mut ());
        time.resume(doors[2].cell());
        time.run_for(MS, &mut ());
        let mut heard = noted(log);
        heard[3..].sort();
        assert_eq!(heard, ["1 b panic", "2 a panic", "3 c exit", "3 a born", "3 b born", "3 c born"]);
        drop(supervisor);
    });
}

#[test]
fn a_group_that_is_born_again_counts_once() {
    in_time(|time, log| {
        let mut supervisor = Supervisor::new(Strategy::OneForAll).intensity(2, MS * 100);
        let doors = ["a", "b", "c"].map(|name| supervisor.child(name, Restart::Always, patient(name, log)));
        let supervisor = time.spawn(supervisor, Supervision::Up);
        for _ in 0..2 {
            time.run_for(MS, &mut ());
            doors[0].post(()).unwrap();
        }
        time.run_for(MS, &mut ());
        assert_eq!(log.lock().iter().filter(|(_, what)| what.ends_with("born")).count(), 9);
        assert_eq!(supervisor.mode(), Mode::Running);
    });
}

#[test]
fn a_supervisor_ends_with_its_pool_and_does_not_take_the_end_of_its_children_for_failures() {
    for round in 0..200 {
        let (pool, log) = (Pool::new(1 + round % 4), Log::default());
        let mut supervisor = Supervisor::new(Strategy::OneForOne).intensity(0, MS * 1_000);
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let doors = names.map(|name| supervisor.child(name, Restart::Always, patient(name, &log)));
        let supervisor = pool.spawn(supervisor, Supervision::Up);
        let ended = supervisor.ended();
        pool.drain_timeout(Duration::from_secs(20)).unwrap_or_else(|alive| panic!("{alive}"));
        let end = pool.block_on(ended).expect("an end is always told");
        assert!(matches!(end, End::Exited), "{end:?}");
        drop((doors, supervisor));
    }
}

#[test]
fn patience_is_each_childs_own_and_is_not_renewed_by_the_end_of_others() {
    in_time(|time, log| {
        let mut supervisor = Supervisor::new(Strategy::OneForAll).patience(MS * 50).back_off(MS * 1_000, MS * 1_000);
        let [a, b] = ["a", "b"].map(|name| supervisor.child(name, Restart::Always, patient(name, log)));
        let stubborn = Child::new("c", Restart::Always, patient("c", log)).patience(MS * 10);
        let c = supervisor.add(stubborn);
        let supervisor = time.spawn(supervisor, Supervision::Up);
        time.run_for(MS, &mut ());
        let mut ended = c.ended();
        let noted_end = |ended: &mut crate::sync::oneshot::Ticket<End>| ended.try_take().expect("it is told");
        time.pause(c.cell()); // it will not hear what it is told
        a.post(()).unwrap(); // so that all are to end, the youngest first
        time.run_for(MS * 6, &mut ());
        b.post(()).unwrap(); // another end meanwhile
        time.run_for(MS * 3, &mut ());
        assert!(noted_end(&mut ended).is_none() && c.mode() == Mode::Draining, "told to end");
        time.run_for(MS * 2, &mut ());
        time.resume(c.cell());
        time.run_for(MS, &mut ());
        assert!(matches!(noted_end(&mut ended), Some(End::Killed)), "after 10 ms, whatever the others do");
        supervisor.kill();
    });
}

#[test]
fn a_child_that_is_removed_ends_for_good_and_is_listed_no_more() {
    in_time(|time, log| {
        let mut supervisor = Supervisor::new(Strategy::OneForOne).back_off(MS * 10, MS * 10);
        let [a, b] = ["a", "b"].map(|name| supervisor.child(name, Restart::Always, patient(name, log)));
        let c = supervisor.add(Child::new("c", Restart::Always, patient("c", log)).patience(MS * 5));
        let supervisor = time.spawn(supervisor, Supervision::Up);
        let listed = || {
            let children = time.block_on(supervisor.children().expect("it runs")).expect("it lives");
            children.into_iter().map(|child| (child.name.into_owned(), child.cell)).collect::<Vec<_>>()
        };
        let line = |name: &str, door: &Door<()>| (name.to_owned(), Some(door.cell()));
        assert_eq!(listed(), [line("a", &a), line("b", &b), line("c", &c)]);
        supervisor.remove(&b).expect("it runs");
        time.run_for(MS, &mut ());
        assert_eq!(listed(), [line("a", &a), line("c", &c)]);
        a.post(()).unwrap();
        time.run_for(MS, &mut ());
        assert_eq!(listed(), [("a".to_owned(), None), line("c", &c)], "it waits out its back-off");
        supervisor.remove(&a).expect("it runs");
        time.pause(c.cell());
        supervisor.remove(&c).expect("it runs");
        supervisor.remove(&b).expect("one that is gone is nothing");
        let mut ended = c.ended();
        time.run_for(MS * 6, &mut ());
        time.resume(c.cell());
        time.run_for(MS * 100, &mut ());
        assert!(matches!(ended.try_take(), Ok(Some(End::Killed))), "patience is over");
        assert_eq!(listed(), []);
        let births = log.lock().iter().filter(|(_, what)| what.ends_with("born")).count();
        assert_eq!((births, supervisor.mode()), (3, Mode::Running), "none came again: {:?}", log.lock());
    });
}

/// A runner without room for a child is an end of the child, and not of its supervisor.
#[test]
fn a_spawn_that_panics_is_an_end_of_its_child() {
    struct Narrow(Share, Lock<u32>);
    impl Home for Narrow {
        fn schedule(&self, task: Task) {
            self.0.schedule(task);
        }
        fn adopt(&self, _: &Task) -> bool {
            let mut spawns = self.1.lock();
            *spawns += 1;
            let fails = (2..4).contains(&*spawns);
            drop(spawns);
            if fails {
                resume_unwind(Box::new("no thread is left"));
            }
            true
        }
        fn timers(&self) -> &Timers {
            self.0.timers()
        }
    }
    for (restarts, lives) in [(2, true), (1, false)] {
        let (tasks, closed) = (Lock::default(), Lock::default());
        let (bench, log) = (Arc::new(Bench { tasks, closed, timers: Timers::thread() }), Log::default());
        let mut supervisor = Supervisor::new(Strategy::OneForOne).intensity(restarts, MS * 60_000);
        let kept = Child::new("it", Restart::Always, patient("it", &log)).keep_inbox();
        let door = supervisor.add(kept);
        let home = HomeRef::new(Narrow(Share(bench.clone()), Lock::new(0)));
        let supervisor = Builder::on(&home, supervisor, Supervision::Up).spawn();
        while let Some(task) = { bench.tasks.lock().pop() } {
            task.run();
        }
        assert_eq!(door.present().is_some(), lives, "{:?}", log.lock());
        assert_eq!(supervisor.mode() == Mode::Running, lives);
        supervisor.kill();
        while let Some(task) = { bench.tasks.lock().pop() } {
            task.run();
        }
    }
}

#[test]
fn a_door_nobody_lived_behind_yet_is_as_dead_and_is_looked_through_at_who_does() {
    in_time(|time, log| {
        let mut supervisor = Supervisor::new(Strategy::OneForOne);
        let door = supervisor.child("it", Restart::Always, patient("it", log));
        assert!(matches!(door.ended().try_take(), Ok(Some(End::Killed))), "told at once");
        let supervisor = time.spawn(supervisor, Supervision::Up);
        time.run_for(MS, &mut ());
        assert!(matches!(door.ended().try_take(), Ok(None)));
        let present = door.present().expect("it lives");
        assert_eq!(time.look::<Patient, _>(&door, |it, ()| it.name), None, "a door is no automaton");
        assert_eq!(time.look::<Patient, _>(&present, |it, ()| it.name), Some("it"));
        drop((present, supervisor));
    });
}

/// Counts commands and flushes, over all of its lives.
struct Tally(Arc<Lock<[u32; 2]>>);

impl Automaton for Tally {
    type State = ();
    type Command = u32;

    fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
        if let Input::Command(number) = input {
            self.0.lock()[0] += number;
        }
    }

    fn flush(&mut self, (): &mut (), _: &mut Context<Self>) {
        self.0.lock()[1] += 1;
    }
}

#[test]
fn what_is_said_of_a_childs_turns_and_inbox_holds_for_each_life() {
    in_time(|time, _| {
        let (tally, mut supervisor) = (Arc::new(Lock::new([0; 2])), Supervisor::new(Strategy::OneForOne));
        let made = tally.clone();
        let child = Child::new("it", Restart::Always, move || (Tally(made.clone()), ()));
        let door = supervisor.add(child.inbox(crate::fsm::Bounded(3)).overwrite_oldest().batch(1));
        let supervisor = time.spawn(supervisor, Supervision::Up);
        for _ in 0..2 {
            time.run_for(MS, &mut ());
            *tally.lock() = [0; 2];
            (1..=5).for_each(|number| door.post(number).expect("never full"));
            time.run_for(MS, &mut ());
            assert_eq!(*tally.lock(), [3 + 4 + 5, 3], "the oldest are displaced; one a turn");
            door.kill();
        }
        drop(supervisor);
    });
}
