use super::Latency;
use crate::fsm::{Address, Automaton, Bounded, Context, Input, Pool, Runner, VirtualTime};
use crate::sync::oneshot::{self, Sender};
use std::time::Duration;

/// Answers.
struct Echo;

impl Automaton for Echo {
    type State = ();
    type Command = Sender<()>;

    fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
        if let Input::Command(reply) = input {
            let _ = reply.send(());
        }
    }
}

/// Posts to one that is idle, `times` times, and lets it wait so long for its turn, by the clock of virtual time.
fn wakes(time: &VirtualTime, echo: &Address<Sender<()>>, times: u32, wait: Duration) -> Latency {
    for _ in 0..times {
        time.run_until_idle(&mut ());
        time.pause(echo);
        echo.post(oneshot::channel().0).expect("it runs and has room");
        time.run_for(wait, &mut ());
        time.resume(echo);
        time.run_until_idle(&mut ());
    }
    echo.latency()
}

const SHORT: Duration = Duration::from_millis(8);
const LONG: Duration = Duration::from_millis(80);

#[test]
fn one_post_in_64_that_wakes_is_timed_up_to_the_turn() {
    // By either way of a post: where there is room at a glance, and where the queue is looked at.
    for waits_for_room in [false, true] {
        let time = VirtualTime::new(1);
        let echo = time.builder(Echo, ()).inbox(Bounded(1)).spawn();
        if waits_for_room {
            time.run_until_idle(&mut ());
            for _ in 0..640 {
                time.block_on(echo.post_async(oneshot::channel().0)).expect("it runs");
                time.run_until_idle(&mut ());
            }
            assert_eq!(echo.latency(), Latency { timed: 9, max: Duration::ZERO, mean: Duration::ZERO });
            continue;
        }
        assert_eq!(wakes(&time, &echo, 54, SHORT), Latency::default(), "who is seldom woken is not timed");
        assert_eq!(wakes(&time, &echo, 1, SHORT), Latency { timed: 1, max: SHORT, mean: SHORT });
        assert_eq!(wakes(&time, &echo, 640 - 55, SHORT), Latency { timed: 9, max: SHORT, mean: SHORT });
        let after = wakes(&time, &echo, 64, LONG);
        assert_eq!(after, Latency { timed: 10, max: LONG, mean: SHORT - SHORT / 8 + LONG / 8 });
    }
}

#[test]
fn posts_that_find_it_awake_are_not_timed() {
    let time = VirtualTime::new(1);
    let echo = time.builder(Echo, ()).batch(1).spawn();
    for _ in 0..1_000 {
        (0..2).for_each(|_| echo.post(oneshot::channel().0).expect("it runs"));
        assert!(time.step(&mut ()).is_some(), "one command, and at least one is left");
    }
    assert!(0 < echo.depth());
    assert!(900 < echo.counters().turns);
    assert_eq!(echo.latency(), Latency::default());
}

#[test]
fn a_mean_follows_what_lasts_and_forgets_what_was() {
    let mut latency = Latency::default();
    latency.note(LONG);
    (0..100).for_each(|_| latency.note(SHORT));
    assert_eq!((latency.timed, latency.max), (101, LONG));
    assert!(SHORT <= latency.mean + Duration::from_nanos(8) && latency.mean < SHORT + SHORT / 100, "{latency:?}");
}

/// Who has a turn of a timer's between two posts must not be missed by counting turns.
#[test]
fn one_in_64_is_timed_whatever_the_rhythm_of_turns() {
    for step in 1..=100u32 {
        for first in 0..5 {
            let timed = (0..6_400).filter(|nth| Latency::is_timed(first + nth * step)).count();
            assert!((80..=120).contains(&timed), "{timed} of 6,400, every {step} turns from {first} on");
        }
    }
    assert!(!(0..55).any(Latency::is_timed), "who is seldom woken is not timed");
}

#[test]
fn on_a_pool_the_wait_for_a_worker_is_seen() {
    let pool = Pool::new(1);
    let echo = pool.spawn(Echo, ());
    while echo.latency().timed < 2 {
        let (reply, ticket) = oneshot::channel();
        echo.post(reply).expect("it runs");
        ticket.wait().expect("it answers");
    }
    let latency = echo.latency();
    assert!(Duration::ZERO < latency.mean && latency.mean <= latency.max, "{latency:?}");
}
