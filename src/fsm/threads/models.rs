use super::*;
use crate::fsm::{Automaton, Context as Inputs, Input, Mode};
use crate::sync::model::model;
use std::time::Duration;

/// With `rings`, ends by a timer of its own, else when it is drained.
struct Ear {
    rings: bool,
}

impl Automaton for Ear {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Inputs<Self>) {
        match input {
            Input::Start if self.rings => _ = context.after(Duration::from_nanos(1), ()),
            Input::Command(()) => context.stop(),
            Input::Start | Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
    }
}

/// One automaton on a thread of the model, which ends with it: a lost wake is a deadlock that the model reports (F5).
fn run(name: &str, rings: bool, others: impl Fn(&crate::fsm::Address<()>) + Clone + Send + Sync + 'static) {
    model(name, 2, move || {
        let (home, parker) = OwnThread::new();
        let thread = {
            let home = home.clone();
            loom::thread::spawn(move || home.live(&parker))
        };
        let address = Builder::on(&HomeRef::new(Resident(home)), Ear { rings }, ()).spawn();
        others(&address);
        thread.join().expect("the thread ends with its automaton");
        assert_eq!(address.mode(), Mode::Ended);
    });
}

#[test]
fn a_wake_that_meets_the_threads_going_to_sleep_is_not_lost() {
    run("fsm_schedule_against_sleep", false, |address| address.drain());
}

#[test]
fn a_timer_armed_before_the_thread_goes_to_sleep_wakes_it() {
    run("fsm_arm_against_sleep", true, |_| loom::thread::yield_now());
}
