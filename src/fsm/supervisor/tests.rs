use super::*;
use crate::fsm::{Pool, Runner, VirtualTime};
use crate::sync::lock::Lock;
use std::sync::Arc;

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
        assert_eq!(supervisor.mode(), crate::fsm::Mode::Running);
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
