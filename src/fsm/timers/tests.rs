use super::*;
use crate::fsm::cell::Cell;
use crate::fsm::{Automaton, Builder, Context, Home, HomeRef, Input, Timer};
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
    let clock = Clock::Other(Box::new(move || Time(clock.load(Ordering::Relaxed))), Arc::default());
    (Timers::with(clock, Some(parker.unparker())), now, parker)
}

fn arm(timers: &Timers, at: u64) {
    let mut wheel = timers.open();
    let member = wheel.enrol(Weak::<Cell<Gone>>::new());
    wheel.arm(Time(at), 0, &member);
    wheel.close();
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

#[cfg(target_os = "linux")]
#[test]
fn a_punctual_thread_has_as_little_slack_as_the_system_grants() {
    let of_a_thread = |change: fn(&str)| {
        let life = move || {
            let path = std::fs::read_link("/proc/thread-self").expect("a thread has a number");
            let number = path.file_name().expect("it is the last part").to_string_lossy().into_owned();
            let setting = format!("/proc/{number}/timerslack_ns");
            change(&setting);
            std::fs::read_to_string(setting).unwrap_or_default()
        };
        std::thread::spawn(life).join().expect("it reads its setting")
    };
    let least = of_a_thread(|setting| _ = std::fs::write(setting, "1"));
    assert_eq!(of_a_thread(|_| be_punctual()), least);
}

/// A home whose tasks are run by hand.
struct Bench {
    task: Arc<Lock<Option<Task>>>,
    timers: Timers,
}

impl Home for Bench {
    fn schedule(&self, task: Task) {
        *self.task.lock() = Some(task);
    }

    fn timers(&self) -> &Timers {
        &self.timers
    }
}

/// Sets so many timers, and cancels them.
#[derive(Default)]
struct Owner(Vec<Timer>);

enum Order {
    Set(u64),
    Cancel(usize),
    Both(u64),
}

impl Automaton for Owner {
    type State = ();
    type Command = Order;
    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        let Input::Command(order) = input else { return };
        let (set, cancel) = match order {
            Order::Set(count) => (count, 0),
            Order::Cancel(count) => (0, count),
            Order::Both(count) => (count, count as usize),
        };
        self.0.extend((1..=set).map(|nth| context.at(Time(nth * 1_000_000_000), Order::Set(0))));
        for timer in self.0.drain(self.0.len() - cancel..) {
            assert!(context.cancel(timer).is_some(), "it was set, and is not due");
        }
    }
}

#[test]
fn the_wheel_holds_at_the_end_of_a_turn_what_is_set_and_at_the_end_of_a_life_nothing() {
    let (timers, ..) = by_hand();
    let (shared, task) = (timers.shared.clone(), Arc::new(Lock::new(None::<Task>)));
    let home = HomeRef::new(Bench { task: task.clone(), timers });
    let owner = Builder::on(&home, Owner::default(), ()).spawn();
    let run = || {
        let next = task.lock().take();
        next.expect("it has something to do").run();
        let shard = shared.shard.lock();
        (shard.wheel.len(), shard.roster.len())
    };
    assert_eq!(run(), (0, 0), "one that sets none is unknown");
    let told = |order| {
        owner.post(order).expect("it lives");
        run()
    };
    for (order, armed) in [(Order::Set(1), 1), (Order::Cancel(1), 0), (Order::Both(5), 0), (Order::Set(1_000), 1_000)] {
        assert_eq!(told(order).0, armed);
    }
    assert_eq!(told(Order::Both(200)), (1_000, 1), "what is set and cancelled in one turn leaves nothing behind");
    assert_eq!(told(Order::Cancel(300)), (700, 1));
    owner.stop();
    assert_eq!(run(), (0, 0), "a life takes its timers with it, however many");
}

#[test]
fn a_number_of_the_roster_is_another_s_after_its_cell_has_left_and_the_memory_of_a_crowd_is_given_back() {
    let mut roster = Roster::new();
    let cell = Weak::<Cell<Gone>>::new;
    let mut crowd: Vec<_> = (0..10_000).map(|_| roster.enrol(cell())).collect();
    let mut numbers: Vec<_> = crowd.iter().map(Member::number).collect();
    numbers.dedup();
    assert_eq!((numbers.len(), roster.len()), (10_000, 10_000), "each has a number of its own");
    let third = crowd.swap_remove(3);
    let number = third.number();
    assert!(roster.leave(third).is_some() && roster.cell(number).is_none());
    let next = roster.enrol(cell());
    assert_eq!(next.number(), number, "the number is another's");
    crowd.into_iter().for_each(|member| assert!(roster.leave(member).is_some()));
    assert_eq!((roster.len(), roster.chunks()), (1, 1), "what is left keeps its own chunk");
}
