use super::*;
use crate::fsm::cell::Cell;
use crate::fsm::{Automaton, Context, Input};
use crate::sync::shim::{AtomicU64, Ordering};

struct Gone;

impl Automaton for Gone {
    type State = ();
    type Command = ();
    fn next(&mut self, (): (), _: Input<Self>, _: &mut Context<Self>) {}
}

/// Timers by a clock that is set by hand, whose thread is the test.
fn by_hand() -> (Timers, Arc<AtomicU64>, Parker) {
    let (now, parker) = (Arc::new(AtomicU64::new(0)), Parker::new());
    let clock = now.clone();
    let clock = Clock::Other(Box::new(move || Time(clock.load(Ordering::Relaxed))));
    (Timers::with(clock, Some(parker.unparker())), now, parker)
}

fn arm(timers: &Timers, at: u64) {
    timers.arm(Time(at), 0, Weak::<Cell<Gone>>::new());
}

#[test]
fn of_timers_that_lie_close_together_many_cost_one_waking_of_the_thread() {
    let (timers, now, _) = by_hand();
    let last = 2_000_000;
    (1..=200).for_each(|nth| arm(&timers, nth * last / 200));
    let mut wakings = 0;
    while let Some(wake) = timers.shared.round().filter(|wake| *wake != Time::MAX) {
        now.store(wake.0, Ordering::Relaxed);
        wakings += 1;
    }
    assert!(now.load(Ordering::Relaxed) <= last + SPACING.as_nanos() as u64 + 10_000, "none is held up for longer");
    assert!(wakings <= 45, "{wakings} wakings in two milliseconds: one in 50 us is enough");
}

#[test]
fn who_arms_for_a_time_at_which_the_thread_rests_anyway_does_not_wake_it() {
    let (timers, now, parker) = by_hand();
    let woken = || parker.park_timeout(Duration::ZERO);
    arm(&timers, 100_000);
    arm(&timers, 130_000);
    assert!(!woken() && timers.shared.round().is_some(), "it is awake");
    now.store(101_000, Ordering::Relaxed);
    let wake = timers.shared.round().expect("it goes on").0;
    assert!(151_000 <= wake, "it rests until {wake}");
    arm(&timers, 140_000);
    assert!(!woken(), "it will look in time");
    now.store(wake, Ordering::Relaxed);
    arm(&timers, wake + 1_000_000);
    let wake = timers.shared.round().expect("it goes on").0;
    arm(&timers, wake - 200_000);
    assert!(woken(), "before the thread wakes, and not while it rests");
}
