use super::*;
use crate::fsm::CellId;
use crate::fsm::{Automaton, Context, End, Input, Threads};
use crate::sync::lock::Lock;

mod replays;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Light {
    Red,
    Green,
    Yellow,
}

enum Order {
    Change,
    Walk,
}

type Shown = Arc<Lock<Vec<(Time, String)>>>;

struct Crossing {
    shown: Shown,
}

impl Automaton for Crossing {
    type State = Light;
    type Command = Order;

    fn next(&mut self, light: Light, input: Input<Self>, context: &mut Context<Self>) -> Light {
        use {Input::*, Light::*, Order::*};
        match (light, input) {
            (_, Start | Transition { .. }) => {
                let seconds = match light {
                    Red => 30,
                    Green => 25,
                    Yellow => 4,
                };
                context.state_timeout(Duration::from_secs(seconds), Change);
                self.shown.lock().push((context.now(), format!("{light:?}")));
                light
            }
            (Red, Command(Change)) => Green,
            (Green, Command(Change | Walk)) => Yellow,
            (Yellow, Command(Change)) => Red,
            (Yellow, Command(Walk)) => {
                context.postpone(Walk);
                Yellow
            }
            (Red, Command(Walk)) => {
                self.shown.lock().push((context.now(), "walk".into()));
                Red
            }
            (Red | Green | Yellow, Drain | Exit) => light,
        }
    }
}

#[test]
fn the_traffic_light_changes_by_the_second_and_serves_a_walker_in_red() {
    let time = VirtualTime::new(1);
    let shown = Shown::default();
    let crossing = time.spawn(Crossing { shown: shown.clone() }, Light::Red);
    time.run_for(Duration::from_secs(56), &mut ());
    crossing.post(Order::Walk).expect("it runs");
    time.run_for(Duration::from_secs(10), &mut ());
    let seconds: Vec<_> = shown.lock().iter().map(|(at, what)| (at.0 / 1_000_000_000, what.clone())).collect();
    let expected = [(0, "Red"), (30, "Green"), (55, "Yellow"), (59, "Red"), (59, "walk")];
    assert_eq!(seconds, expected.map(|(at, what)| (at, what.to_owned())));
    assert_eq!(time.look::<Crossing, _>(&crossing, |_, light| *light), Some(Light::Red));
}

#[test]
fn on_a_thread_of_its_own_it_is_the_same_automaton() {
    let shown = Shown::default();
    let crossing = Threads.builder(Crossing { shown: shown.clone() }, Light::Red).name("crossing").spawn();
    crossing.post(Order::Walk).expect("it runs");
    crossing.post(Order::Change).expect("it runs");
    crossing.drain();
    assert!(matches!(Threads.block_on(crossing.ended()), Ok(End::Exited)));
    let what: Vec<_> = shown.lock().iter().map(|(_, what)| what.clone()).collect();
    assert_eq!(what, ["Red", "walk", "Green"]);
}

/// Passes a number round a ring, and notes it.
struct Link {
    next: Option<Address<u32>>,
    heard: Arc<Lock<Vec<(u32, u32)>>>,
    name: u32,
}

impl Automaton for Link {
    type State = u32;
    type Command = u32;

    fn next(&mut self, sum: u32, input: Input<Self>, context: &mut Context<Self>) -> u32 {
        match input {
            Input::Command(number) => {
                self.heard.lock().push((self.name, number));
                if let Some(next) = self.next.as_ref().filter(|_| number != 0) {
                    next.post(number - 1).expect("it runs");
                }
                if context.random().is_multiple_of(4) {
                    let time = Duration::from_micros(context.random() % 50);
                    context.after(time, 0);
                }
                sum + number
            }
            Input::Start | Input::Transition { .. } | Input::Drain | Input::Exit => sum,
        }
    }
}

/// A small program: three senders, one receiver, timers by chance.
fn program(time: &VirtualTime, names: u32) -> Vec<(u32, u32)> {
    let heard = Arc::new(Lock::new(Vec::new()));
    let link = |name, next| time.spawn(Link { next, heard: heard.clone(), name }, 0);
    let last = link(0, None);
    let all: Vec<_> = (1..=names).map(|name| link(name, Some(last.clone()))).collect();
    for number in 1..4 {
        all.iter().for_each(|link| link.post(number).expect("it runs"));
    }
    time.run_until_idle(&mut ());
    std::mem::take(&mut *heard.lock())
}

#[test]
fn equal_seeds_are_equal_runs_and_others_are_others() {
    let run = |seed| {
        let time = VirtualTime::new(seed);
        let heard = program(&time, 3);
        (heard, time.hash(), time.now())
    };
    (0..20).for_each(|seed| assert_eq!(run(seed), run(seed), "F11: seed {seed}"));
    let hashes: std::collections::BTreeSet<_> = (0..20).map(|seed| run(seed).1).collect();
    assert_eq!(hashes.len(), 20);
}

#[test]
fn every_order_of_three_ready_automata_appears_under_some_seed() {
    let first_to_speak = |seed| {
        let heard = program(&VirtualTime::new(seed), 3);
        let mut names: Vec<_> = heard.into_iter().map(|(name, _)| name).filter(|name| *name != 0).collect();
        let mut seen = Vec::new();
        names.retain(|name| {
            !seen.contains(name) && {
                seen.push(*name);
                true
            }
        });
        names
    };
    let orders: std::collections::BTreeSet<_> = (0..60).map(first_to_speak).collect();
    assert_eq!(orders.len(), 6, "{orders:?}");
}

#[test]
fn who_goes_next_is_drawn_anew_for_each_turn_so_that_nobody_starves() {
    for seed in 0..20 {
        let time = VirtualTime::new(seed);
        let heard = Arc::new(Lock::new(Vec::new()));
        let link = |name| time.spawn(Link { next: None, heard: heard.clone(), name }, 0);
        let (one, two) = (link(1), link(2));
        for link in [&one, &two] {
            crate::fsm::every(&time, Duration::from_nanos(1), 0.0, link, || 7);
        }
        (0..400).for_each(|_| _ = time.step(&mut ()));
        let names: Vec<_> = heard.lock().iter().map(|(name, _)| *name).collect();
        let turns = names.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(30 < turns, "seed {seed}: {names:?}");
        let first = |from: u32, to: u32| names.windows(2).filter(|pair| **pair == [from, to]).count();
        assert!(first(1, 1) + first(2, 2) != 0, "seed {seed}: a drawn order repeats someone now and then: {names:?}");
    }
}

#[test]
fn one_automaton_more_leaves_the_choices_for_the_others_alone() {
    for seed in 0..20 {
        let of_first_two = |names| {
            let heard = program(&VirtualTime::new(seed), names);
            heard.into_iter().filter(|(name, number)| [1, 2].contains(name) && *number != 0).collect::<Vec<_>>()
        };
        assert_eq!(of_first_two(2), of_first_two(5), "seed {seed}");
    }
}

#[test]
fn a_trace_survives_its_text_and_replays_to_the_same_records() {
    let time = VirtualTime::new(11);
    time.keep_trace();
    program(&time, 3);
    let trace = time.trace();
    assert!(10 < trace.records.len());
    let read = Trace::parse(&trace.to_string()).expect("it is a trace");
    assert_eq!(read, trace);
    let again = VirtualTime::replay(read);
    program(&again, 3);
    assert_eq!((again.difference(), again.hash()), (None, time.hash()), "F11");
}

#[test]
fn a_replay_stops_at_the_first_step_that_differs() {
    let time = VirtualTime::new(11);
    time.keep_trace();
    program(&time, 3);
    let mut trace = time.trace();
    trace.records[7].digest ^= 1;
    let again = VirtualTime::replay(trace.clone());
    program(&again, 3);
    let difference = again.difference().expect("a record was changed");
    assert_eq!(difference.expected, Some(trace.records[7]));
    assert_eq!(difference.found.map(|found| found.number), Some(7));
    // A program with fewer automata cannot do what the trace says.
    let other = VirtualTime::replay(time.trace());
    program(&other, 2);
    assert!(other.difference().is_some());
}

#[test]
fn what_is_no_trace_is_refused_with_its_line() {
    let time = VirtualTime::new(1);
    time.keep_trace();
    program(&time, 1);
    let text = time.trace().to_string();
    assert_eq!(Trace::parse(""), Err(BadTrace::Head));
    assert_eq!(Trace::parse(&text.replace("rsm-trace 1", "rsm-trace 2")), Err(BadTrace::Head));
    assert_eq!(Trace::parse(&text.replace("batch=128", "batch=127")), Err(BadTrace::Head));
    let lines: Vec<_> = text.lines().collect();
    let broken = [lines[0], lines[1], &lines[2][1..]].join("\n");
    assert_eq!(Trace::parse(&broken), Err(BadTrace::Line(3)));
}

/// A world with an event each millisecond, which posts, and a list of what it saw.
struct Beats {
    next: u64,
    left: u32,
    to: Address<u32>,
    turns: Vec<CellId>,
}

impl World for Beats {
    fn next(&self) -> Option<Time> {
        (self.left != 0).then_some(Time(self.next))
    }

    fn run(&mut self, time: &VirtualTime) -> [u64; 3] {
        assert_eq!(time.now(), Time(self.next), "at its time, not later");
        (self.next, self.left) = (self.next + 1_000_000, self.left - 1);
        self.to.post(0).expect("it runs");
        [1, 2, self.left.into()]
    }

    fn turned(&mut self, cell: CellId, _: &VirtualTime) -> [u64; 3] {
        self.turns.push(cell);
        [9, 9, 9]
    }
}

#[test]
fn a_world_acts_at_its_times_sees_each_turn_and_speaks_in_the_records() {
    let time = VirtualTime::new(3);
    let heard = Arc::new(Lock::new(Vec::new()));
    let link = time.spawn(Link { next: None, heard: heard.clone(), name: 1 }, 0);
    let mut world = Beats { next: 5_000_000, left: 4, to: link.clone(), turns: Vec::new() };
    let mut records = Vec::new();
    while let Some(record) = time.step(&mut world) {
        records.push(record);
    }
    let events: Vec<_> = records.iter().filter(|record| record.what.step == Step::World).collect();
    assert_eq!(
        events.iter().map(|event| event.world).collect::<Vec<_>>(),
        [[1, 2, 3], [1, 2, 2], [1, 2, 1], [1, 2, 0]]
    );
    assert_eq!(events.iter().map(|event| event.time.0 / 1_000_000).collect::<Vec<_>>(), [5, 6, 7, 8]);
    assert_eq!(world.turns.len(), records.len() - 4);
    assert!(world.turns.iter().all(|&cell| cell == link.cell()));
    assert!(records.iter().all(|record| Record::from_words(record.words()) == Some(*record)));
}

#[test]
fn a_paused_cell_takes_no_turn_until_it_is_resumed_and_a_crash_ends_it_all_the_same() {
    let time = VirtualTime::new(4);
    let heard = Arc::new(Lock::new(Vec::new()));
    let link = time.spawn(Link { next: None, heard: heard.clone(), name: 1 }, 0);
    link.post(7).expect("it runs");
    time.pause(&link);
    time.run_for(Duration::from_secs(1), &mut ());
    assert!(heard.lock().is_empty());
    time.resume(&link);
    time.run_for(Duration::from_secs(1), &mut ());
    assert_eq!(heard.lock().first(), Some(&(1, 7)));
    time.pause(&link);
    link.post(8).expect("it runs");
    time.crash(&link);
    assert!(matches!(time.block_on(link.ended()), Ok(End::Killed)));
    assert!(!heard.lock().contains(&(1, 8)));
    assert_eq!(time.look::<Link, _>(&link, |_, sum| *sum), None, "the dead cannot be looked into");
}

#[test]
fn a_look_sees_data_and_state_of_the_automaton_asked_for_alone() {
    let time = VirtualTime::new(4);
    let link = time.spawn(Link { next: None, heard: Arc::default(), name: 5 }, 3);
    assert_eq!(time.look::<Link, _>(&link, |link, sum| (link.name, *sum)), Some((5, 3)));
    let mapped = link.map(u32::from, |n| n as u8);
    assert_eq!(mapped.cell(), link.cell());
    assert!(time.look::<Watch, _>(&time.spawn(Watch { ticks: Arc::default() }, ()), |_, ()| ()).is_some());
}

/// Notes the time of each tick.
struct Watch {
    ticks: Arc<Lock<Vec<Time>>>,
}

impl Automaton for Watch {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Start => _ = context.every(Duration::from_nanos(100), 0.0, || ()),
            Input::Command(()) => self.ticks.lock().push(context.now()),
            Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
    }
}

#[test]
fn a_clock_of_a_node_starts_where_it_will_runs_fast_and_leaps_while_true_time_does_not() {
    let time = VirtualTime::new(5);
    let node = time.with_clock(Clock { offset: Time(1_000), ppm: 1_000_000 });
    let ticks = Arc::new(Lock::new(Vec::new()));
    let _watch = node.spawn(Watch { ticks: ticks.clone() }, ());
    time.run_until(Time(100), &mut ());
    assert_eq!(*ticks.lock(), [Time(1_100), Time(1_200)], "twice as fast");
    assert_eq!((time.now(), node.node_time()), (Time(100), Time(1_200)));
    node.leap(Duration::from_nanos(1_050));
    time.run_until(Time(150), &mut ());
    // Periods missed are skipped; the next deadlines are multiples of the period, as before.
    assert_eq!(ticks.lock()[2..], [Time(2_250), Time(2_300)]);
}

#[test]
fn a_clock_that_is_held_stands_still_with_its_timers_and_leaps_when_it_is_released() {
    let time = VirtualTime::new(5);
    let node = time.with_clock(Clock { offset: Time(1_000), ppm: 1_000_000 });
    let ticks = Arc::new(Lock::new(Vec::new()));
    let _watch = node.spawn(Watch { ticks: ticks.clone() }, ());
    time.run_until(Time(60), &mut ());
    assert_eq!(*ticks.lock(), [Time(1_100)]);
    node.hold();
    time.run_until(Time(210), &mut ());
    assert_eq!((node.node_time(), ticks.lock().len()), (Time(1_120), 1), "nothing is due");
    node.release();
    node.release();
    time.run_until(Time(260), &mut ());
    assert_eq!(ticks.lock()[1..], [Time(1_420), Time(1_500)]);
}

#[test]
fn a_timer_pasted_on_an_address_ticks_while_it_lives_and_ends_with_it() {
    let time = VirtualTime::new(6);
    let heard = Arc::new(Lock::new(Vec::new()));
    let link = time.spawn(Link { next: None, heard: heard.clone(), name: 1 }, 0);
    crate::fsm::every(&time, Duration::from_secs(1), 0.0, &link, || 70);
    time.run_for(Duration::from_secs(5), &mut ());
    assert_eq!(heard.lock().iter().filter(|it| it.1 == 70).count(), 5);
    drop(link);
    time.run_until_idle(&mut ()); // returns: the ticker is gone too
}

#[test]
fn a_panic_that_nobody_watches_reaches_the_one_who_steps() {
    struct Bad;
    impl Automaton for Bad {
        type State = ();
        type Command = ();
        fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
            if let Input::Command(()) = input {
                std::panic::resume_unwind(Box::new("swallowed by none"));
            }
        }
    }
    let time = VirtualTime::new(7);
    let bad = time.spawn(Bad, ());
    time.run_until_idle(&mut ());
    bad.post(()).expect("it runs");
    let run = std::panic::AssertUnwindSafe(|| time.run_until_idle(&mut ()));
    let panic = std::panic::catch_unwind(run).expect_err("it panicked");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"swallowed by none"));
    time.run_until_idle(&mut ()); // and once only
}

#[test]
fn a_turn_that_would_wait_panics_with_the_rule() {
    struct Sleeper;
    impl Automaton for Sleeper {
        type State = ();
        type Command = ();
        fn next(&mut self, (): (), _: Input<Self>, _: &mut Context<Self>) {
            crate::sync::park::Parker::new().park_timeout(Duration::from_millis(1));
        }
    }
    let time = VirtualTime::new(8);
    let sleeper = time.spawn(Sleeper, ());
    let ended = sleeper.ended();
    assert!(matches!(time.block_on(ended), Ok(End::Panicked(_))));
}

#[test]
#[should_panic(expected = "all automata are idle")]
fn to_wait_for_what_never_comes_is_a_panic_and_no_hang() {
    let time = VirtualTime::new(9);
    let link = time.spawn(Link { next: None, heard: Arc::default(), name: 1 }, 0);
    let _ = time.block_on(link.ended());
}

#[test]
fn what_is_left_when_the_last_handle_is_dropped_is_killed_and_told() {
    let time = VirtualTime::new(10);
    let link = time.spawn(Link { next: None, heard: Arc::default(), name: 1 }, 0);
    let mut queued = link.ended();
    drop(time);
    assert!(matches!(queued.try_take(), Ok(Some(End::Killed))));
    assert!(link.post(1).is_err());
}

#[test]
fn the_idle_are_killed_too_with_the_last_handle_even_if_they_hold_themselves() {
    struct Narcissus(Option<Address<()>>);
    impl Automaton for Narcissus {
        type State = ();
        type Command = ();
        fn next(&mut self, (): (), _: Input<Self>, context: &mut Context<Self>) {
            self.0 = Some(context.address());
        }
    }
    let time = VirtualTime::new(10);
    let guard = Arc::new(());
    let [idle, paused] = [(); 2].map(|()| time.builder(Narcissus(None), ()).guard(guard.clone()).spawn());
    time.run_until_idle(&mut ());
    time.pause(&paused);
    paused.post(()).expect("it runs");
    drop((idle, paused));
    time.run_until_idle(&mut ());
    assert_eq!(Arc::strong_count(&guard), 3, "they live");
    drop(time);
    assert_eq!(Arc::strong_count(&guard), 1, "F9: nothing is left of them");
}

/// F8: a notice that a killed automaton will not hear is dropped before its end is told, and its `Drop` may panic.
#[test]
fn a_notice_that_the_killed_never_hear_is_dropped_before_their_end() {
    struct Trap(&'static str, Arc<Lock<Vec<&'static str>>>);
    impl Drop for Trap {
        fn drop(&mut self) {
            self.1.lock().push(self.0);
            if self.0 == "notice" {
                std::panic::resume_unwind(Box::new("a drop that panics"));
            }
        }
    }
    let (time, notes) = (VirtualTime::new(3), Arc::new(Lock::new(Vec::new())));
    let link = || time.builder(Link { next: None, heard: Arc::default(), name: 1 }, 0);
    let killed = link().guard(Trap("guard", notes.clone())).spawn();
    time.run_until_idle(&mut ());
    time.pause(&killed);
    let trap = Trap("notice", notes.clone());
    let watched = link()
        .watched_by(&killed, move |_| {
            let _trap = &trap;
            0
        })
        .spawn();
    watched.stop();
    time.run_until_idle(&mut ());
    killed.kill();
    time.resume(&killed);
    time.run_until_idle(&mut ());
    assert!(matches!(time.block_on(killed.ended()), Ok(End::Killed)));
    assert_eq!(*notes.lock(), ["notice", "guard"]);
}
