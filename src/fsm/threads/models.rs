//! An automaton's own thread, going to sleep while it is wanted. Run from `tests/loom/fsm.rs`.

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

/// A post while the automaton's own thread goes to sleep.
pub fn schedule_against_sleep() {
    run("fsm_schedule_against_sleep", false, |address| address.drain());
}

/// A timer that is armed before that thread goes to sleep.
pub fn arm_against_sleep() {
    run("fsm_arm_against_sleep", true, |_| loom::thread::yield_now());
}
