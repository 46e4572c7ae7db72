use super::*;
use crate::fsm::cell::Look;
use crate::fsm::{Address, Bounded, Builder, Capacity, End, Home, HomeRef, Runner, Timers, Unbounded, VirtualTime};
use crate::sync::lock::Lock;
use crate::sync::oneshot;
use std::cell::Cell as Count;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        }
    }
}

/// Changes its kind where it must not: for ever, or in `flush`.
struct Restless {
    for_ever: bool,
}

impl Automaton for Restless {
    type State = Side;
    type Command = ();

    fn next(&mut self, side: Side, input: Input<Self>, _: &mut Context<Self>) -> Side {
        match input {
            Input::Start | Input::Transition { .. } if self.for_ever => side.other(),
            Input::Start | Input::Command(()) | Input::Transition { .. } | Input::Drain | Input::Exit => side,
        }
    }

    fn flush(&mut self, side: &mut Side, _: &mut Context<Self>) {
        *side = side.other();
    }
}

/// What one that is drained at once dies of.
fn dies_of(for_ever: bool) -> String {
    let time = VirtualTime::new(1);
    let restless = time.spawn(Restless { for_ever }, Side::Left);
    let ended = restless.ended();
    restless.drain();
    match time.block_on(ended).expect("an end is always told") {
        End::Panicked(panic) => panic.message().to_owned(),
        end => format!("{end:?}"),
    }
}

#[test]
fn a_next_that_does_not_come_to_rest_is_a_panic_and_no_hang() {
    let why = dies_of(true);
    assert!(why.contains("1000 times in a row: `next` does not come to rest"), "{why}");
}

#[test]
#[cfg(debug_assertions)]
fn a_flush_that_changes_the_kind_is_a_panic() {
    let why = dies_of(false);
    assert!(why.starts_with("F10: the kind of a state changes in `next` alone"), "{why}");
}

/// Watches one that is dead when it hears 0, and notes what else it hears.
struct Watches {
    dead: Address<()>,
    heard: Vec<u32>,
    told: oneshot::Sender<Vec<u32>>,
}

const NOTICE: u32 = 9;

impl Automaton for Watches {
    type State = ();
    type Command = u32;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Command(0) => _ = context.watch(&self.dead, |_| NOTICE),
            Input::Command(number) => self.heard.push(number),
            Input::Start | Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        let (told, _) = oneshot::channel();
        let _ = mem::replace(&mut self.told, told).send(mem::take(&mut self.heard));
    }
}

#[test]
fn what_the_system_tells_overtakes_the_commands_that_a_turn_has_left_in_hand() {
    let time = VirtualTime::new(1);
    let dead = time.spawn(Restless { for_ever: false }, Side::Left);
    dead.kill();
    time.block_on(dead.ended()).expect("an end is always told");
    let (told, heard) = oneshot::channel();
    let watches = time.builder(Watches { dead, heard: Vec::new(), told }, ()).batch(1).spawn();
    (0..4).for_each(|number| watches.post(number).expect("it has room"));
    time.run_until_idle(&mut ()); // a drain would stand in the notes, too
    watches.stop();
    let heard = time.block_on(heard).expect("its drop tells");
    assert_eq!(heard, [NOTICE, 1, 2, 3], "F7: the hand is looked at after the notes");
}

/// A home whose tasks are run by hand.
struct Hand {
    tasks: Arc<Lock<Vec<Task>>>,
    timers: Timers,
}

impl Home for Hand {
    fn schedule(&self, task: Task) {
        self.tasks.lock().push(task);
    }

    fn timers(&self) -> &Timers {
        &self.timers
    }
}

/// Does something with its first command, or in the flush behind it.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    Nothing,
    Drain,
    Arm,
    RaiseInFlush,
}

struct Doer(Does);

impl Automaton for Doer {
    type State = ();
    type Command = u32;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match (input, self.0) {
            (Input::Command(0), Does::Drain) => context.drain(),
            (Input::Command(0), Does::Arm) => _ = context.after(Duration::from_secs(60), 1),
            (_, Does::Nothing | Does::Drain | Does::Arm | Does::RaiseInFlush) => {}
        }
    }

    fn flush(&mut self, (): &mut (), context: &mut Context<Self>) {
        if self.0 == Does::RaiseInFlush {
            context.raise(1);
        }
    }
}

/// One that has started, whose turns are run by hand.
struct Bench {
    tasks: Arc<Lock<Vec<Task>>>,
    address: Address<u32>,
}

impl Bench {
    fn new(does: Does, capacity: Capacity, batch: u32) -> Bench {
        let tasks = Arc::new(Lock::new(Vec::new()));
        let home = HomeRef::new(Hand { tasks: tasks.clone(), timers: Timers::new() });
        let bench = Bench { tasks, address: Builder::on(&home, Doer(does), ()).inbox(capacity).batch(batch).spawn() };
        bench.turn(&|| false);
        bench
    }

    fn turn(&self, alone: Alone<'_>) {
        let task = self.tasks.lock().pop().expect("it has something to do");
        let _ = task.run_within(Limit::Batch, alone);
    }

    /// How often a turn of so many commands asks, before it rests for posters, whether it is alone; `meanwhile` happens at each.
    fn rests(&self, commands: u32, meanwhile: impl Fn(u32) -> bool) -> u32 {
        (0..commands).for_each(|nth| self.address.post(nth).expect("it has room"));
        let asked = Count::new(0);
        self.turn(&|| {
            asked.set(asked.get() + 1);
            meanwhile(asked.get())
        });
        asked.get()
    }
}

#[test]
fn a_turn_rests_for_quick_posters_alone_and_as_long_as_that_helps() {
    let bench = |does, capacity| Bench::new(does, capacity, 128);
    let post = |bench: &Bench, count: u32| (0..count).for_each(|_| _ = bench.address.post(7));
    for (capacity, quick, asked) in [(Unbounded, 100, 6), (Bounded(1024), 100, 6), (Bounded(64), 16, 2)] {
        let one = bench(Does::Nothing, capacity);
        let posts = |_| {
            post(&one, quick);
            true
        };
        assert_eq!(one.rests(3, posts), asked, "{capacity:?}: until 512 wait, or half of what it holds");
    }
    let slow = bench(Does::Nothing, Unbounded);
    let few = |_| {
        post(&slow, 15);
        true
    };
    assert_eq!(slow.rests(3, few), 1, "its posters are slow");
    slow.turn(&|| false);
    assert_eq!(slow.rests(2, |_| true), 0, "what comes one by one is not kept waiting");
    assert_eq!(slow.rests(3, |_| false), 1, "others wait for its thread");
    for (nth, end) in [Address::drain, Address::stop, Address::kill].iter().enumerate() {
        let one = bench(Does::Nothing, Unbounded);
        let asked = one.rests(3, |_| {
            post(&one, 100);
            end(&one.address);
            true
        });
        assert_eq!(asked, 1, "something was asked of it meanwhile: {nth}");
    }
    assert_eq!(bench(Does::Drain, Unbounded).rests(3, |_| true), 0, "nobody can post");
    assert_eq!(bench(Does::RaiseInFlush, Unbounded).rests(3, |_| true), 0, "the next turn follows by itself");
    let armed = bench(Does::Arm, Unbounded);
    let timers = || armed.address.port().node().head().home.get().timers().fire_and_next();
    armed.rests(3, |_| {
        assert!(timers().is_some(), "F7: what it has set is armed before it rests");
        true
    });
    assert!(timers().is_some());
}

#[test]
fn one_with_commands_in_hand_waits_for_its_turn_and_is_not_in_one() {
    let bench = Bench::new(Does::Nothing, Unbounded, 1);
    (0..3).for_each(|nth| bench.address.post(nth).expect("it has room"));
    bench.turn(&|| false);
    assert_eq!(bench.address.depth(), 0, "it has taken all, and has two in hand");
    let node = || bench.address.port().clone().into_node();
    assert_eq!(node().look(), Look::Queued);
    (0..2).for_each(|_| bench.turn(&|| false));
    assert_eq!(node().look(), Look::Idle(""));
}
