use crate::common::{self, Alarm};
use loom::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};
use loom::thread;
use rsm::fsm::{
    Address, Automaton, Bounded, Builder, Capacity, Context, End, Home, HomeRef, Input, Mode, Task, Timer, Timers,
    Unbounded,
};
use rsm::sync::lock::Lock;
use rsm::sync::model::{Looks, model, model_with};
use std::sync::Arc;
use std::time::Duration;

/// A home whose tasks are run by hand.
#[derive(Clone)]
struct Bench(Arc<Inside>);

struct Inside {
    /// At most one: each model has one cell (F2).
    task: Lock<Option<Task>>,
    timers: Timers,
}

impl Home for Bench {
    fn schedule(&self, task: Task) {
        let before = self.0.task.lock().replace(task);
        if before.is_some() {
            std::mem::forget(before); // its drop would run the cell that is in a turn now
            panic!("F2: a cell is in two queues");
        }
    }

    fn timers(&self) -> &Timers {
        &self.0.timers
    }
}

type Heard = Arc<Lock<Vec<u32>>>;

/// Notes its commands, and that it drains; `CANCEL` cancels the timer that it set at its start.
struct Ear {
    heard: Heard,
    timer: Option<Timer>,
}

const CANCEL: u32 = 100;
const TIMER: u32 = 200;
const TAKEN_BACK: u32 = 300;
const DRAINS: u32 = 400;

impl Automaton for Ear {
    type State = ();
    type Command = u32;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Start if self.timer.is_none() => self.timer = Some(context.after(Duration::from_nanos(1), TIMER)),
            Input::Command(CANCEL) => {
                let back = self.timer.take().and_then(|timer| context.cancel(timer));
                self.heard.lock().extend(back.map(|_| TAKEN_BACK));
            }
            Input::Command(number) => self.heard.lock().push(number),
            Input::Drain => self.heard.lock().push(DRAINS),
            Input::Start | Input::Transition { .. } | Input::Exit => {}
        }
    }
}

struct Model {
    bench: Bench,
    heard: Heard,
    address: Address<u32>,
}

impl Model {
    fn new() -> Model {
        Model::with(Unbounded, 128)
    }

    fn with(capacity: Capacity, batch: u32) -> Model {
        let bench = Bench(Arc::new(Inside { task: Lock::new(None), timers: Timers::new() }));
        let heard = Heard::default();
        let ear = Ear { heard: heard.clone(), timer: None };
        let address = Builder::on(&HomeRef::new(bench.clone()), ear, ()).inbox(capacity).batch(batch).spawn();
        let model = Model { bench, heard, address };
        model.turn(); // `Start`, and the timer: the models begin with an idle cell
        model
    }

    /// One turn, if the cell has something to do.
    fn turn(&self) -> bool {
        let task = self.bench.0.task.lock().take();
        task.map(Task::run).is_some()
    }

    /// Turns until it is idle: what would never be delivered is lost.
    fn settle(&self) {
        while self.turn() {}
    }

    fn heard(&self) -> Vec<u32> {
        self.heard.lock().clone()
    }

    /// The commands that it has heard, whenever it was told to drain.
    fn commands(&self) -> Vec<u32> {
        self.heard().into_iter().filter(|&heard| heard != DRAINS).collect()
    }

    /// With 1 heard, and 2 in the hand of a cell that delivers one command a turn.
    fn in_hand(capacity: Capacity) -> Model {
        let model = Model::with(capacity, 1);
        [1, 2].iter().for_each(|&number| model.address.post(number).expect("it lives, and has room for two"));
        assert!(model.turn(), "takes both, and delivers one");
        model
    }
}

/// Says that something is done.
#[derive(Clone)]
struct Done(Arc<AtomicBool>);

impl Done {
    fn new() -> Done {
        Done(Arc::new(AtomicBool::new(false)))
    }

    fn say(&self) {
        self.0.store(true, Release);
    }

    fn is_said(&self) -> bool {
        self.0.load(Acquire)
    }
}

#[test]
fn a_post_that_meets_the_end_of_a_turn_is_delivered_once() {
    model("fsm_post_post_end", 2, || {
        let model = Model::new();
        let posters = [1, 2].map(|number| {
            let address = model.address.clone();
            thread::spawn(move || address.post(number).is_ok())
        });
        model.turn();
        posters.into_iter().for_each(|poster| assert!(poster.join().unwrap()));
        model.settle();
        let mut heard = model.heard();
        heard.sort_unstable();
        assert_eq!(heard, [1, 2], "F3: each once, and no wake is lost (F5)");
    });
}

#[test]
fn a_post_that_meets_a_drain_is_delivered_or_handed_back() {
    model("fsm_post_drain", 2, || {
        let model = Model::new();
        // Twice, so that the queue and the batch have room: else a post looks again once it has made some.
        (0..2).for_each(|_| {
            model.address.post(0).expect("it lives");
            model.settle();
        });
        let [to, from] = [model.address.clone(), model.address.clone()];
        let poster = thread::spawn(move || to.post(1).is_ok());
        let drainer = thread::spawn(move || {
            from.drain();
            assert!(from.post(2).is_err(), "F6");
        });
        model.turn();
        drainer.join().unwrap();
        let accepted = poster.join().unwrap();
        model.settle();
        assert_eq!(
            model.commands(),
            [0, 0, 1][..2 + usize::from(accepted)],
            "F3: accepted is delivered before the end"
        );
        assert_eq!(model.address.mode(), Mode::Ended, "F5: the drain was seen");
    });
}

/// A turn that leaves commands in hand is not seen in the word: what is asked of it meanwhile is seen in its notes. `ask` asks, of
/// which it hears `what`; a turn that begins later delivers that before the hand.
fn asked_with_commands_in_hand(name: &'static str, what: u32, ask: fn(&Bench, &Address<u32>)) {
    model(name, 3, move || {
        let model = Model::in_hand(Unbounded);
        let asked = Done::new();
        let (bench, from, done) = (model.bench.clone(), model.address.clone(), asked.clone());
        let asker = thread::spawn(move || {
            ask(&bench, &from);
            done.say();
        });
        let was_asked = asked.is_said();
        model.turn();
        asker.join().unwrap();
        model.settle();
        let heard = model.heard();
        let may_be_late = !was_asked && heard == [1, 2, what];
        assert!(heard == [1, what, 2] || may_be_late, "F3, F7: each once, and it overtakes the hand: {heard:?}");
    });
}

#[test]
fn what_is_due_of_one_with_commands_in_hand_comes_before_these() {
    asked_with_commands_in_hand("fsm_in_hand_due", TIMER, |bench, _| bench.0.timers.fire());
}

#[test]
fn a_drain_of_one_with_commands_in_hand_comes_before_these() {
    asked_with_commands_in_hand("fsm_in_hand_drain", DRAINS, |_, address| {
        address.drain();
        assert!(address.post(3).is_err(), "F6");
    });
}

#[test]
fn a_kill_of_one_with_commands_in_hand_is_heard_before_these() {
    model("fsm_in_hand_kill", 3, || {
        let model = Model::in_hand(Unbounded);
        let mut ended = model.address.ended();
        let (asked, from) = (Done::new(), model.address.clone());
        let done = asked.clone();
        let killer = thread::spawn(move || {
            from.kill();
            done.say();
            assert!(from.post(3).is_err(), "F6");
        });
        let was_asked = asked.is_said();
        model.turn();
        killer.join().unwrap();
        model.settle();
        let heard = model.heard();
        let may_be_late = !was_asked && heard == [1, 2];
        assert!(heard == [1] || may_be_late, "F3: what is in hand is dropped: {heard:?}");
        assert!(matches!(ended.try_take(), Ok(Some(End::Killed))), "F8: told once");
        assert_eq!(model.address.mode(), Mode::Ended);
    });
}

/// The turns that work off a hand leave the inbox alone, so no room comes of them: only the one that takes anew wakes who waits for it.
#[test]
fn one_that_waits_for_room_before_commands_in_hand_is_woken_by_the_turn_that_takes_anew() {
    model_with("fsm_in_hand_post_async", 3, &[Looks::Newest], || {
        let model = Model::in_hand(Bounded(2));
        [3, 4].iter().for_each(|&number| model.address.post(number).expect("what is in hand takes no room"));
        let address = model.address.clone();
        let waiter = thread::spawn(move || common::block_on(address.post_async(5)).is_ok());
        model.turn();
        assert_eq!(model.heard(), [1, 2], "the hand goes first");
        model.turn();
        assert!(waiter.join().unwrap(), "U5: it was woken");
        model.settle();
        assert_eq!(model.heard(), [1, 2, 3, 4, 5], "F3");
    });
}

#[test]
fn a_kill_that_meets_a_post_and_a_turn_ends_it_and_is_told_once() {
    model("fsm_post_kill_turn", 2, || {
        let model = Model::new();
        let mut ended = model.address.ended();
        let [to, from] = [model.address.clone(), model.address.clone()];
        let poster = thread::spawn(move || to.post(1).is_ok());
        let killer = thread::spawn(move || from.kill());
        model.turn();
        killer.join().unwrap();
        let accepted = poster.join().unwrap();
        model.settle();
        assert!(model.heard().len() <= usize::from(accepted), "F3: at most once, and only what was accepted");
        assert!(matches!(ended.try_take(), Ok(Some(End::Killed))), "F8");
        assert_eq!(model.address.mode(), Mode::Ended);
    });
}

#[test]
fn one_that_waits_for_room_is_woken_by_the_turn_that_makes_some_or_by_who_gives_up() {
    model_with("fsm_post_async_against_turn", 3, &[Looks::Newest], || {
        let model = Model::with(Bounded(1), 128);
        model.address.post(1).expect("there is room for one");
        let mut fickle = Box::pin(model.address.post_async(3));
        assert!(common::poll(fickle.as_mut(), &Alarm::new()).is_pending(), "there is none for two");
        let address = model.address.clone();
        let waiter = thread::spawn(move || common::block_on(address.post_async(2)).is_ok());
        model.turn();
        drop(fickle);
        assert!(waiter.join().unwrap(), "U5: it was woken");
        model.settle();
        assert_eq!(model.heard(), [1, 2], "F3");
    });
}

#[test]
fn an_upgrade_that_meets_the_last_drop_comes_before_it_or_fails() {
    model("fsm_last_address_against_upgrade", 3, || {
        let Model { bench, heard, address } = Model::new();
        let mut ended = address.ended();
        let upgraders = [1, 2].map(|number| {
            let weak = address.downgrade();
            thread::spawn(move || {
                let address = weak.upgrade();
                let accepted = address.as_ref().map(|address| address.post(number).is_ok());
                drop(address);
                assert!(accepted != Some(false), "F9: while an address lives nothing drains it");
                usize::from(accepted.is_some())
            })
        });
        drop(address);
        let accepted: usize = upgraders.map(|upgrader| upgrader.join().unwrap()).iter().sum();
        while bench.0.task.lock().take().map(Task::run).is_some() {}
        assert_eq!(heard.lock().len(), accepted + 1, "F3, and it was told that it drains");
        assert!(matches!(ended.try_take(), Ok(Some(End::Exited))), "F9: the last address dropped is a drain");
    });
}

#[test]
fn a_timer_that_is_due_while_it_is_cancelled_comes_or_is_taken_back() {
    model("fsm_due_cancel", 2, || {
        let model = Model::new();
        let bench = model.bench.clone();
        let address = model.address.clone();
        let clock = thread::spawn(move || bench.0.timers.fire());
        let canceller = thread::spawn(move || address.post(CANCEL).is_ok());
        model.turn();
        clock.join().unwrap();
        assert!(canceller.join().unwrap());
        model.settle();
        let heard = model.heard();
        assert!(heard == [TIMER] || heard == [TAKEN_BACK], "F7: delivered, or taken back: {heard:?}");
    });
}

#[test]
fn a_timer_that_is_due_at_death_touches_nothing() {
    model("fsm_due_death", 2, || {
        let model = Model::new();
        let bench = model.bench.clone();
        let address = model.address.clone();
        let clock = thread::spawn(move || bench.0.timers.fire());
        let killer = thread::spawn(move || address.kill());
        model.turn();
        clock.join().unwrap();
        killer.join().unwrap();
        model.settle();
        let heard = model.heard();
        assert!(heard.is_empty() || heard == [TIMER], "F7: at most once: {heard:?}");
        assert_eq!(model.address.mode(), Mode::Ended);
        model.bench.0.timers.fire();
        assert!(!model.turn(), "F2: the dead are in no queue");
    });
}

#[test]
fn a_wake_that_meets_the_threads_going_to_sleep_is_not_lost() {
    rsm::fsm::models::schedule_against_sleep();
}

#[test]
fn a_timer_armed_before_the_thread_goes_to_sleep_wakes_it() {
    rsm::fsm::models::arm_against_sleep();
}

#[test]
fn arming_wakes_a_thread_of_timers_that_goes_to_sleep() {
    rsm::fsm::models::arm_against_timer_thread();
}

#[test]
fn arming_wakes_a_thread_of_timers_for_which_another_has_fired() {
    rsm::fsm::models::fire_and_arm_against_timer_thread();
}

#[test]
fn a_task_let_in_while_the_only_worker_goes_to_sleep_is_run() {
    rsm::fsm::models::pool::one_worker();
}

#[test]
fn a_pool_that_ends_while_its_worker_goes_to_sleep_runs_what_it_took_in() {
    rsm::fsm::models::pool::one_worker_ends();
}

#[test]
fn a_task_let_in_while_two_workers_go_to_sleep_is_run() {
    rsm::fsm::models::pool::two_workers();
}

#[test]
fn a_task_goes_to_the_worker_or_to_the_thief() {
    rsm::fsm::models::pool::steal();
}

#[test]
fn a_watcher_that_goes_to_rest_is_roused_by_whoever_finds_work() {
    rsm::fsm::models::pool::rest();
}

#[test]
fn what_waits_behind_a_turn_that_blocks_is_run_by_another_thread() {
    rsm::fsm::models::pool::hand_over();
}

#[test]
fn who_is_born_while_a_pool_closes_is_drained_or_dead_from_birth() {
    rsm::fsm::models::pool::close();
}

#[test]
fn a_task_let_in_while_the_last_searcher_goes_into_a_long_turn_calls_a_sleeper() {
    rsm::fsm::models::pool::found_against_push();
}

#[test]
fn the_end_of_one_stripe_is_not_the_end_of_all() {
    rsm::fsm::models::pool::close_stripes();
}
