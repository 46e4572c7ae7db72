//! What a pool promises beside the contract of all runners: nobody waits behind a long turn, nobody is lost, and its end is bounded.

mod hostages;
mod sections;

use rsm::fsm::pool::Doing;
use rsm::fsm::{Address, Alive, Automaton, Context, End, Input, Mode, Pool, Rejected, Runner, Threads};
use rsm::sync::event::Event;
use rsm::sync::lock::Lock;
use rsm::sync::oneshot::{self, Sender};
use rsm::sync::park::Parker;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::{self, Wake, Waker};
use std::time::{Duration, Instant};

/// Does what it is told, in a turn.
struct Hand;

type Act = Box<dyn FnOnce(&mut Context<Hand>) + Send>;

#[derive(Clone, Copy)]
enum Pose {
    Open,
}

impl Automaton for Hand {
    type State = Pose;
    type Command = Act;

    fn next(&mut self, pose: Pose, input: Input<Self>, context: &mut Context<Self>) -> Pose {
        if let Input::Command(act) = input {
            act(context);
        }
        pose
    }

    fn label(pose: &Pose) -> &'static str {
        match pose {
            Pose::Open => "Open",
        }
    }
}

fn hand(pool: &Pool) -> Address<Act> {
    pool.spawn(Hand, Pose::Open)
}

fn tell(hand: &Address<Act>, act: impl FnOnce(&mut Context<Hand>) + Send + 'static) {
    assert!(hand.post(Box::new(act)).is_ok(), "it runs, and its inbox has no bound");
}

/// Tells a hand to answer, and waits for it.
fn answers(hand: &Address<Act>) {
    let (sender, ticket) = oneshot::channel();
    tell(hand, move |_| assert!(sender.send(()).is_ok(), "somebody waits"));
    Threads.block_on(ticket).expect("a hand answers");
}

const SOON: Duration = Duration::from_secs(20);

fn ends(pool: &Pool) {
    pool.drain_timeout(SOON).unwrap_or_else(|alive| panic!("{alive}"));
}

/// Drains in vain until the report says that.
fn late_until(pool: &Pool, says: impl Fn(&Alive) -> bool) -> Alive {
    let patience = Instant::now() + SOON;
    loop {
        let late = pool.drain_timeout(Duration::from_millis(5)).expect_err("some go on");
        if says(&late) {
            return late;
        }
        assert!(Instant::now() < patience, "{late}");
    }
}

fn doing(alive: &Alive, name: &str) -> Doing {
    alive.cells.iter().find(|living| living.name == name).expect("it is named").doing.clone()
}

/// A turn that ends when it is let go, and then only.
struct Held {
    hand: Address<Act>,
    go: Arc<Event>,
}

impl Held {
    /// In a turn, before which it has done `first`.
    fn new(pool: &Pool, first: impl FnOnce(&mut Context<Hand>) + Send + 'static) -> Held {
        Held::of(hand(pool), first)
    }

    fn of(hand: Address<Act>, first: impl FnOnce(&mut Context<Hand>) + Send + 'static) -> Held {
        let held = Held { hand, go: Arc::new(Event::manual()) };
        let (go, (sender, ticket)) = (held.go.clone(), oneshot::channel());
        tell(&held.hand, move |context| {
            first(context);
            let _ = sender.send(());
            go.wait();
        });
        Threads.block_on(ticket).expect("the turn begins");
        held
    }
}

#[test]
fn a_drain_that_is_late_names_who_is_alive_and_what_each_is_doing() {
    let pool = Pool::new(2);
    let sleeper = pool.builder(Lingers, Rest::Resting).name("sleeper").spawn();
    let held = Held::new(&pool, |_| ());
    let (blocked, go) = (pool.builder(Hand, Pose::Open).name("blocked").spawn(), Arc::new(Event::manual()));
    let (wait, (sender, ticket)) = (go.clone(), oneshot::channel());
    tell(&blocked, move |context| {
        context.blocking(|| {
            let _ = sender.send(());
            wait.wait();
        });
    });
    Threads.block_on(ticket).expect("the section begins");
    let late = late_until(&pool, |late| doing(late, "sleeper") == Doing::Idle("Resting"));
    eprintln!("{late}");
    assert_eq!(late.count, 3);
    assert!(matches!(doing(&late, ""), Doing::Turn(_)), "{late:?}");
    assert!(matches!(doing(&late, "blocked"), Doing::Blocking(_)), "{late:?}");
    assert!(matches!(sleeper.post(()), Err(Rejected::Draining(()))), "nobody was killed");
    held.go.set();
    go.set();
    sleeper.stop();
    ends(&pool);
    assert_eq!(pool.alive().count, 0);
}

/// Waits in `Drain` until it is stopped.
struct Lingers;

enum Rest {
    Resting,
}

impl Automaton for Lingers {
    type State = Rest;
    type Command = ();

    fn next(&mut self, rest: Rest, input: Input<Self>, context: &mut Context<Self>) -> Rest {
        if let Input::Drain = input {
            context.linger();
        }
        rest
    }

    fn label(_: &Rest) -> &'static str {
        "Resting"
    }
}

#[test]
fn a_look_changes_nothing() {
    let pool = Pool::new(2);
    let many: Vec<_> = (0..50).map(|_| hand(&pool)).collect();
    std::thread::scope(|scope| {
        let poster = scope.spawn(|| (0..20).for_each(|_| many.iter().for_each(answers)));
        while !poster.is_finished() {
            assert!(pool.alive().count <= 50);
        }
    });
    ends(&pool); // what a turn has delivered is counted when it ends
    assert_eq!(many.iter().map(|hand| hand.counters().processed).sum::<u32>(), 50 * 20, "F3");
}

#[test]
fn what_is_spawned_on_a_pool_that_drains_is_dead_from_birth() {
    let pool = Pool::new(2);
    let parent = pool.spawn(Lingers, Rest::Resting);
    assert!(pool.drain_timeout(Duration::from_millis(1)).is_err());
    let guard = Arc::new(());
    let child = pool.builder(Hand, Pose::Open).guard(guard.clone()).spawn();
    assert!(matches!(Threads.block_on(child.ended()), Ok(End::Killed)));
    assert_eq!(Arc::strong_count(&guard), 1, "its guard is released");
    parent.stop();
    ends(&pool);
    let late = hand(&pool);
    assert!(late.post(Box::new(|_| ())).is_err(), "F6: nor after the end");
}

#[test]
fn a_pool_that_is_dropped_drains_and_then_kills() {
    let pool = Pool::new(2);
    let (busy, idle) = (pool.spawn(Lingers, Rest::Resting), hand(&pool));
    let (sender, ticket) = oneshot::channel::<()>();
    tell(&idle, move |_| drop(sender));
    let [busy, idle] = [busy.ended(), idle.ended()];
    drop(pool);
    assert!(matches!(Threads.block_on(idle), Ok(End::Exited)), "drained");
    assert!(matches!(Threads.block_on(busy), Ok(End::Killed)), "killed after a second");
    assert!(Threads.block_on(ticket).is_err(), "what was posted was delivered");
}

#[test]
fn a_task_awaits_the_end_of_a_pool_and_one_that_gives_up_takes_nothing_back() {
    let pool = Pool::new(2);
    let (busy, idle) = (pool.spawn(Lingers, Rest::Resting), hand(&pool));
    let alarm = Arc::new(Woken(Event::manual()));
    let waker = Waker::from(alarm.clone());
    let mut drained = Box::pin(pool.drain_async());
    assert_eq!(busy.mode(), Mode::Running, "until it is polled nobody is told");
    for _ in 0..2 {
        assert!(drained.as_mut().poll(&mut task::Context::from_waker(&waker)).is_pending(), "one lingers");
        assert!(idle.post(Box::new(|_| ())).is_err() && busy.post(()).is_err(), "F6");
        drained = Box::pin(pool.drain_async()); // the one before is dropped
    }
    assert!(drained.as_mut().poll(&mut task::Context::from_waker(&waker)).is_pending());
    assert!(!alarm.0.is_set());
    busy.stop();
    alarm.0.wait();
    Threads.block_on(drained);
    assert_eq!(pool.alive().count, 0);
    ends(&pool); // its threads end
}

/// A waker that is waited for.
struct Woken(Event);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.set();
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("a payload's drop"));
    }
}

#[test]
fn a_payload_whose_drop_panics_costs_no_worker() {
    let pool = Pool::new(1);
    (0..3).for_each(|_| tell(&hand(&pool), |_| resume_unwind(Box::new(Bomb))));
    let other = hand(&pool);
    ends(&pool);
    assert!(matches!(Threads.block_on(other.ended()), Ok(End::Exited)));
}

#[test]
fn a_turn_that_takes_long_is_counted_once_and_named() {
    let named = Arc::new(Lock::new(Vec::new()));
    let noted = named.clone();
    let on_stall = move |name: &str, cell, time| {
        noted.lock().push((name.to_owned(), cell, Duration::from_millis(100) <= time));
        resume_unwind(Box::new("contained"));
    };
    let pool = Pool::builder().workers(2).on_stall(on_stall).build();
    let held = Held::of(pool.builder(Hand, Pose::Open).name("held").spawn(), |_| ());
    let (parker, patience) = (Parker::new(), Instant::now() + SOON);
    while pool.counters().stalls == 0 {
        assert!(Instant::now() < patience, "the idle worker sees it");
        let _ = parker.park_timeout(Duration::from_millis(10));
    }
    (0..100).for_each(|_| drop(pool.alive())); // each of these looks too
    assert_eq!(pool.counters().stalls, 1);
    while named.lock().is_empty() {
        assert!(Instant::now() < patience, "whoever has counted it names it");
        let _ = parker.park_timeout(Duration::from_millis(1));
    }
    held.go.set();
    assert_eq!(*named.lock(), [("held".to_owned(), held.hand.cell(), true)]);
    ends(&pool);
}

#[test]
fn what_a_turn_has_woken_and_waits_for_is_stolen() {
    let pool = Pool::new(2);
    let all: Vec<_> = (0..5).map(|_| hand(&pool)).collect();
    all.iter().for_each(answers);
    let (one, (done, ticket)) = (hand(&pool), oneshot::channel());
    tell(&one, move |_| {
        let tickets = all.iter().map(|other| {
            let (sender, ticket) = oneshot::channel();
            tell(other, move |_| _ = sender.send(()));
            ticket
        });
        let tickets: Vec<_> = tickets.collect();
        tickets.into_iter().for_each(|ticket| Threads.block_on(ticket).expect("it runs elsewhere"));
        let _ = done.send(());
    });
    Threads.block_on(ticket).expect("the turn ends");
    assert!(0 < pool.counters().steals, "{:?}", pool.counters());
    ends(&pool);
}

#[test]
fn a_strict_pool_passes_a_panic_that_nobody_watches_to_whoever_waits() {
    let pool = Pool::builder().workers(2).strict().build();
    tell(&hand(&pool), |_| resume_unwind(Box::new("unwatched")));
    let (_kept, never) = oneshot::channel::<()>();
    let panic = catch_unwind(AssertUnwindSafe(|| pool.block_on(never))).expect_err("it does not wait for ever");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"unwatched"));
    let watched = hand(&pool);
    let end = watched.ended();
    tell(&watched, |_| resume_unwind(Box::new("watched")));
    assert!(matches!(pool.block_on(end), Ok(End::Panicked(_))));
    ends(&pool);
}

#[test]
fn a_panic_that_nobody_watches_is_told_by_name_and_a_panic_of_the_told_is_contained() {
    let told = Arc::new(Lock::new(Vec::new()));
    let notes = told.clone();
    let pool = Pool::builder().workers(1).name("told").on_panic(move |name, panic| {
        notes.lock().push(format!("{name}: {}", panic.message()));
        resume_unwind(Box::new("and again"));
    });
    let pool = pool.build();
    for name in ["one", "two"] {
        let hand = pool.builder(Hand, Pose::Open).name(name).spawn();
        tell(&hand, |_| resume_unwind(Box::new("fell")));
    }
    answers(&hand(&pool));
    ends(&pool);
    assert_eq!(*told.lock(), ["one: fell", "two: fell"]);
}

#[test]
fn a_turn_that_waits_on_its_own_pool_lets_others_go_on() {
    let pool = Arc::new(Pool::new(1));
    let (one, (sender, ticket)) = (hand(&pool), oneshot::channel());
    let mine = pool.clone();
    tell(&one, move |_| {
        let (reply, answer) = oneshot::channel();
        tell(&hand(&mine), move |_| _ = reply.send(5));
        let _ = sender.send(mine.block_on(answer));
    });
    assert_eq!(Threads.block_on(ticket), Ok(Ok(5)));
    drop(one);
    ends(&pool);
}

/// Posts to itself for ever.
struct Greedy;

impl Automaton for Greedy {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Start | Input::Command(()) => _ = context.post(()), // refused once it drains
            Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
    }
}

/// Counts down by posting to itself, and notes whose turn it is.
struct Countdown {
    name: u8,
    turns: Arc<Lock<Vec<u8>>>,
}

impl Automaton for Countdown {
    type State = ();
    type Command = u32;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        if let Input::Command(left) = input {
            self.turns.lock().push(self.name);
            if left == 0 { context.stop() } else { context.post(left - 1).expect("it runs") }
        }
    }
}

#[test]
fn one_that_has_more_to_do_stands_behind_all_others() {
    let pool = Pool::new(1);
    let turns = Arc::new(Lock::new(Vec::new()));
    let (notes, (sender, ticket)) = (turns.clone(), oneshot::channel());
    tell(&hand(&pool), move |context| {
        let mut ends = Vec::new();
        for name in [1, 2, 3] {
            let one = context.builder(Countdown { name, turns: notes.clone() }, ()).batch(1).spawn();
            one.post(20).expect("it runs");
            ends.push((one.ended(), one));
        }
        let _ = sender.send(ends);
    });
    for (end, _address) in Threads.block_on(ticket).expect("it spawns three") {
        assert!(matches!(Threads.block_on(end), Ok(End::Exited)));
    }
    let turns = turns.lock().clone();
    assert!(turns.chunks(3).all(|round| (1..=3).all(|name| round.contains(&name))), "each once in a round: {turns:?}");
    ends(&pool);
}

#[test]
fn those_who_post_to_themselves_for_ever_do_not_starve_a_visitor() {
    for workers in [1, 2] {
        let pool = Pool::new(workers);
        let greedy: Vec<_> = (0..200).map(|_| pool.spawn(Greedy, ())).collect();
        (0..20).for_each(|_| answers(&hand(&pool)));
        // A worker that the machine has put aside keeps its queue from turns for as long: so until each had one.
        let patience = Instant::now() + SOON;
        while greedy.iter().any(|one| one.counters().turns == 0) {
            assert!(Instant::now() < patience, "each has a turn");
            answers(&hand(&pool));
        }
        ends(&pool);
    }
}

/// Sends a ball back and forth for ever.
struct Player {
    other: Option<Address<Ball>>,
}

enum Ball {
    Meet(Address<Ball>),
    Hit,
}

impl Automaton for Player {
    type State = ();
    type Command = Ball;

    fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
        match input {
            Input::Command(Ball::Meet(other)) => self.other = Some(other),
            Input::Command(Ball::Hit) => _ = self.other.as_ref().map(|other| other.post(Ball::Hit)),
            Input::Start | Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
    }
}

#[test]
fn two_who_wake_each_other_do_not_starve_the_rest_of_their_worker() {
    let pool = Pool::new(1);
    let players = [(); 2].map(|()| pool.spawn(Player { other: None }, ()));
    for (one, other) in [(0, 1), (1, 0)] {
        assert!(players[one].post(Ball::Meet(players[other].clone())).is_ok());
    }
    assert!(players[0].post(Ball::Hit).is_ok());
    let other = hand(&pool);
    (0..100).for_each(|_| answers(&other));
    let (sender, ticket): (Sender<()>, _) = oneshot::channel();
    let inside = other.clone();
    tell(&other, move |_| tell(&inside, move |_| _ = sender.send(())));
    Threads.block_on(ticket).expect("it has its turns");
    ends(&pool);
}

#[test]
fn a_hundred_thousand_idle_automata_are_woken_once_each_and_drained() {
    for workers in [1, 4] {
        let pool = Pool::new(workers);
        let many: Vec<_> = (0..100_000).map(|_| pool.spawn(Player { other: None }, ())).collect();
        many.iter().for_each(|one| assert!(one.post(Ball::Hit).is_ok()));
        ends(&pool);
        assert!(many.iter().all(|one| one.counters().processed == 1), "F3: once each");
    }
}

#[test]
fn a_report_says_what_a_reader_must_know() {
    let pool = Pool::new(1);
    let one = pool.builder(Lingers, Rest::Resting).name("one").spawn();
    let late =
        late_until(&pool, |late| doing(late, "one") != Doing::Queued && !matches!(doing(late, "one"), Doing::Turn(_)));
    assert_eq!(late.to_string(), "1 automata are alive: one (idle in Resting)");
    one.stop();
    ends(&pool);
}
