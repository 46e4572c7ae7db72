//! Every runner keeps the contract of automata: a thread each, pools of one and of four, virtual time under 200 seeds, and one
//! written here.

use rsm::fsm::conformance::{
    a_random_program_keeps_the_order, every_command_comes_once_and_in_order_of_its_sender, in_virtual_time,
};
use rsm::fsm::{
    Address, Automaton, Builder, Context, End, Home, HomeRef, Input, Pool, Runner, Task, Threads, Timers, VirtualTime,
    every,
};
use rsm::sync::lock::Lock;
use rsm::sync::oneshot::Ticket;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

rsm::automata_conform!(threads, Threads, |rule| rule(&Threads));
rsm::automata_conform!(virtual_time, VirtualTime, |rule| in_virtual_time(0..200, rule));
rsm::automata_conform!(pool_of_1, Pool, |rule| on_a_pool(1, rule));
rsm::automata_conform!(pool_of_4, Pool, |rule| on_a_pool(4, rule));
rsm::automata_conform!(a_runner_of_ones_own, Line, |rule| rule(&Line::new()));

/// Runs a rule on a pool, which must be able to end afterwards.
fn on_a_pool(workers: usize, rule: fn(&Pool)) {
    let pool = Pool::builder().workers(workers).name("rule").build();
    rule(&pool);
    pool.drain_timeout(Duration::from_secs(20)).unwrap_or_else(|alive| panic!("{alive}"));
}

/// A runner of one's own, by the public door alone: all automata stand in line for one thread.
struct Line(HomeRef);

struct Place {
    tasks: Sender<Task>,
    timers: Timers,
}

impl Line {
    fn new() -> Line {
        let (tasks, line) = channel::<Task>();
        std::thread::spawn(move || line.into_iter().for_each(Task::run));
        Line(HomeRef::new(Place { tasks, timers: Timers::thread() }))
    }
}

impl Home for Place {
    fn schedule(&self, task: Task) {
        self.tasks.send(task).expect("the thread takes tasks as long as there is a home");
    }

    fn timers(&self) -> &Timers {
        &self.timers
    }
}

impl Runner for Line {
    fn builder<A: Automaton>(&self, automaton: A, state: A::State) -> Builder<A> {
        Builder::on(&self.0, automaton, state)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        Threads.block_on(future)
    }
}

#[test]
fn four_threads_send_a_hundred_thousand_commands_each_and_none_is_lost_doubled_or_swapped() {
    every_command_comes_once_and_in_order_of_its_sender(&Threads, 4, 100_000);
}

#[test]
fn four_automata_on_a_pool_send_a_hundred_thousand_commands_each_and_none_is_lost_doubled_or_swapped() {
    for workers in [1, 4] {
        every_command_comes_once_and_in_order_of_its_sender(&Pool::new(workers), 4, 100_000);
    }
}

#[test]
fn four_automata_in_line_send_a_hundred_thousand_commands_each_and_none_is_lost_doubled_or_swapped() {
    every_command_comes_once_and_in_order_of_its_sender(&Line::new(), 4, 100_000);
}

#[test]
fn two_hundred_random_programs_at_once_keep_the_order_on_a_pool() {
    let pool = Pool::new(4);
    std::thread::scope(|scope| {
        for first in 0..4 {
            let pool = &pool;
            scope.spawn(move || (0..50).for_each(|nth| a_random_program_keeps_the_order(pool, 4 * nth + first)));
        }
    });
    pool.drain_timeout(Duration::from_secs(20)).unwrap_or_else(|alive| panic!("{alive}"));
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

/// Counts.
struct Sum;

impl Automaton for Sum {
    type State = u32;
    type Command = u32;

    fn next(&mut self, sum: u32, input: Input<Self>, context: &mut Context<Self>) -> u32 {
        match input {
            Input::Command(0) => {
                context.post(1).expect("it runs"); // from its own turn nobody is scheduled
                sum
            }
            Input::Command(number) => sum + number,
            Input::Start | Input::Transition { .. } | Input::Drain | Input::Exit => sum,
        }
    }
}

#[test]
fn of_all_who_post_to_one_that_is_idle_one_schedules_it() {
    let tasks = Arc::new(Lock::new(Vec::new()));
    let home = HomeRef::new(Hand { tasks: tasks.clone(), timers: Timers::new() });
    let sum = Builder::on(&home, Sum, 0).spawn();
    let turn = || {
        let mut all = std::mem::take(&mut *tasks.lock());
        assert_eq!(all.len(), 1, "F2: however many wake it");
        all.pop().expect("there is one").run();
    };
    for _ in 0..100 {
        std::thread::scope(|scope| {
            let poster = || (0..10).for_each(|_| sum.post(1).expect("it runs"));
            (0..4).for_each(|_| _ = scope.spawn(poster));
        });
        turn();
        assert!(tasks.lock().is_empty(), "F2: nothing is left to do");
    }
    sum.post(0).expect("it runs");
    turn();
    turn(); // for what it has posted to itself
    [Address::drain, Address::stop].iter().for_each(|end| end(&sum));
    turn();
    assert!(tasks.lock().is_empty() && sum.post(1).is_err());
    assert_eq!(sum.counters().processed, 100 * 40 + 2, "F3");
}

/// A home whose tasks are run by hand, and which says with each whether an end was told by then.
struct Asking {
    hand: Hand,
    ended: Arc<Lock<Option<Ticket<End>>>>,
    told: Arc<Lock<Vec<bool>>>,
}

impl Home for Asking {
    fn schedule(&self, task: Task) {
        let told = self.ended.lock().as_mut().is_some_and(|ended| !matches!(ended.try_take(), Ok(None)));
        self.told.lock().push(told);
        self.hand.schedule(task);
    }

    fn timers(&self) -> &Timers {
        self.hand.timers()
    }
}

/// Watches another from its start.
struct Watches(Address<u32>);

impl Automaton for Watches {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        if let Input::Start = input {
            context.watch(&self.0, |_| ());
        }
    }
}

#[test]
fn an_automaton_that_watches_is_told_of_an_end_before_a_ticket_is() {
    let tasks = Arc::new(Lock::new(Vec::<Task>::new()));
    let (ended, told) = (Arc::new(Lock::new(None)), Arc::new(Lock::new(Vec::new())));
    let hand = Hand { tasks: tasks.clone(), timers: Timers::new() };
    let home = HomeRef::new(Asking { hand, ended: ended.clone(), told: told.clone() });
    let run_all = || {
        while let Some(task) = { tasks.lock().pop() } {
            task.run();
        }
    };
    let watched = Builder::on(&home, Sum, 0).spawn();
    run_all();
    *ended.lock() = Some(watched.ended()); // asked first, and told last
    let watcher = Builder::on(&home, Watches(watched.clone()), ()).spawn();
    run_all();
    told.lock().clear();
    watched.kill();
    run_all();
    assert_eq!(*told.lock(), [false, false], "F8: its own turn, and then the watcher's, while the ticket waits");
    assert!(matches!(ended.lock().as_mut().map(Ticket::try_take), Some(Ok(Some(End::Killed)))));
    assert_eq!(watcher.counters().processed, 1);
}

#[test]
fn a_task_that_is_dropped_kills_and_a_home_that_refuses_takes_nobody_in() {
    struct Closed(Hand);
    impl Home for Closed {
        fn schedule(&self, task: Task) {
            self.0.schedule(task);
        }
        fn adopt(&self, _: &Task) -> bool {
            false
        }
        fn timers(&self) -> &Timers {
            self.0.timers()
        }
    }
    let tasks = Arc::new(Lock::new(Vec::<Task>::new()));
    let hand = || Hand { tasks: tasks.clone(), timers: Timers::new() };
    let open = Builder::on(&HomeRef::new(hand()), Sum, 0).spawn();
    let mut end = open.ended();
    assert!(matches!(end.try_take(), Ok(None)));
    let dropped = tasks.lock().pop();
    drop(dropped.expect("it is queued for its start"));
    assert!(matches!(end.try_take(), Ok(Some(End::Killed))) && open.post(1).is_err());
    let refused = Builder::on(&HomeRef::new(Closed(hand())), Sum, 0).spawn();
    assert!(tasks.lock().is_empty() && refused.post(1).is_err());
    assert!(matches!(refused.ended().try_take(), Ok(Some(End::Killed))));
    assert_eq!((open.counters().turns, refused.counters().turns), (0, 0), "no `Start`");
}

/// Says its name and its mode when it begins and when it drains.
struct Says(Arc<Lock<Vec<String>>>);

impl Automaton for Says {
    type State = ();
    type Command = u32;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        if let Input::Start | Input::Drain = input {
            self.0.lock().push(format!("{:?} {:?}", context.name(), context.mode()));
        }
    }
}

#[test]
fn addresses_are_told_apart_by_their_automaton_also_weak_ones_of_the_dead() {
    let (time, said) = (VirtualTime::new(1), Arc::new(Lock::new(Vec::new())));
    let spawn = |name| time.builder(Says(said.clone()), ()).name(name).spawn();
    let (one, other) = (spawn("one"), spawn("other"));
    let in_words = one.map(|word: String| word.len() as u32, |number| number.to_string());
    assert_eq!((in_words.cell(), one.downgrade().cell()), (one.cell(), Some(one.cell())));
    let weak = [one.downgrade(), other.downgrade(), one.clone().downgrade()];
    assert!(weak[0] == weak[2] && weak[0] != weak[1] && in_words.downgrade() == in_words.downgrade());
    assert_eq!(in_words.downgrade().cell(), Some(one.cell()));
    let all: HashSet<_> = [one.clone(), other.clone(), one.clone()].into();
    assert!(all.len() == 2 && all.contains(&one));
    drop((all, in_words, one, other));
    time.run_until_idle(&mut ());
    let all: HashSet<_> = weak.iter().cloned().collect();
    assert!(all.len() == 2 && weak.iter().all(|weak| weak.cell().is_none() && all.contains(weak)), "they are dead");
    said.lock().sort();
    assert_eq!(*said.lock(), [r#""one" Draining"#, r#""one" Draining"#, r#""other" Draining"#, r#""other" Draining"#]);
    let alone = spawn("");
    time.run_until_idle(&mut ());
    assert_eq!(said.lock().pop().as_deref(), Some(r#""" Running"#));
    drop(alone);
}

#[test]
fn every_on_an_address_ends_when_it_is_stopped() {
    let time = VirtualTime::new(1);
    let sum = time.spawn(Sum, 0);
    let ticks = every(&time, Duration::from_secs(1), 0.0, &sum, || 1);
    time.run_for(Duration::from_secs(5), &mut ());
    ticks.stop();
    ticks.stop();
    time.run_for(Duration::from_secs(5), &mut ());
    assert_eq!(sum.counters().processed, 5);
    drop(every(&time, Duration::from_secs(1), 0.0, &sum, || 1));
    time.run_for(Duration::from_secs(5), &mut ());
    assert_eq!(sum.counters().processed, 10, "dropped, it goes on");
    drop(sum);
    time.run_until_idle(&mut ()); // which it is once no ticker is left
}
