//! The thread of the timers, going to sleep while something is armed. Run from `tests/loom/fsm.rs`.

use super::*;
use crate::fsm::{Automaton, Builder, Context, Home, HomeRef, Input, Mode};
use crate::sync::model::model;

/// A home whose timers have a thread of the model.
struct Bench {
    task: Arc<Lock<Option<Task>>>,
    unparker: Unparker,
    timers: Timers,
}

impl Home for Bench {
    fn schedule(&self, task: Task) {
        *self.task.lock() = Some(task);
        self.unparker.unpark();
    }

    fn timers(&self) -> &Timers {
        &self.timers
    }
}

/// Sets a timer at its start, and ends by it.
struct Ringer;

impl Automaton for Ringer {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Start => _ = context.after(Duration::from_nanos(1), ()),
            Input::Command(()) => context.stop(),
            Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
    }
}

/// A timer that is armed while the thread of the timers goes to sleep.
pub fn arm_against_timer_thread() {
    arm_after("fsm_arm_against_timer_thread", |_| ());
}

/// The same, after somebody else has fired what is due: nothing.
pub fn fire_and_arm_against_timer_thread() {
    arm_after("fsm_fire_and_arm_against_timer_thread", Timers::fire);
}

fn arm_after(name: &'static str, before: fn(&Timers)) {
    model(name, 2, move || {
        let parker = Parker::new();
        let timers = Timers::with(Clock::Real(Instant::now()), Some(parker.unparker()));
        let shared = timers.shared.clone();
        let thread = {
            let shared = shared.clone();
            loom::thread::spawn(move || shared.drive(&parker))
        };
        let (task, mine) = (Arc::new(Lock::new(None::<Task>)), Parker::new());
        let home = HomeRef::new(Bench { task: task.clone(), unparker: mine.unparker(), timers });
        let ringer = Builder::on(&home, Ringer, ()).spawn();
        let turn = || {
            mine.park(); // a lost wake is a deadlock that the model reports
            let next = task.lock().take();
            next.expect("F5: who is woken finds the task").run();
        };
        before(home.get().timers());
        turn(); // arms, while the thread goes to sleep
        turn(); // by the timer
        assert_eq!(ringer.mode(), Mode::Ended);
        shared.end();
        thread.join().expect("the thread ends with its timers");
        drop((ringer, home)); // after it: the model does not know the order that an `Arc` makes
    });
}
