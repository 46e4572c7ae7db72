//! Whoever watches a heart moves a deadline with each beat: a state timeout, which dies with its state. In virtual time nobody
//! waits for it: the clock jumps, and no automaton can tell. This heart skips beats 4 and 5, and stops after the 8th.
//!
//! ```text
//!    0 ms  well
//!  500 ms  worried
//!  600 ms  well
//! 1000 ms  worried
//! 1500 ms  gone
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]

use rsm::fsm::{Automaton, Context, Input, Runner, VirtualTime};
use std::time::Duration;

const BEAT: Duration = Duration::from_millis(100);

//   Well --200 ms without a beat--> Worried --500 ms--> Gone        a beat: Well again
#[rustfmt::skip]
#[derive(Debug)]
enum Patient { Well, Worried, Gone }
#[rustfmt::skip]
enum Sign { Beat, Silence }
struct Nurse;

impl Automaton for Nurse {
    type State = Patient;
    type Command = Sign;

    fn next(&mut self, patient: Patient, input: Input<Self>, context: &mut Context<Self>) -> Patient {
        use {Input::*, Patient::*, Sign::*};
        if let Start | Transition { .. } = input {
            println!("{:4} ms  {}", context.now().0 / 1_000_000, format!("{patient:?}").to_lowercase());
        }
        match (&patient, input) {
            (Well, Start | Transition { .. } | Command(Beat)) => context.state_timeout(BEAT * 2, Silence),
            (Worried, Start | Transition { .. }) => context.state_timeout(BEAT * 5, Silence),
            (Well, Command(Silence)) => return Worried,
            (Worried, Command(Beat)) => return Well,
            (Worried, Command(Silence)) => return Gone,
            (Gone, Start | Transition { .. }) => context.stop(),
            (Gone, Command(Beat | Silence)) | (Well | Worried | Gone, Drain | Exit) => {}
        }
        patient
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let time = VirtualTime::new(1);
    let nurse = time.spawn(Nurse, Patient::Well);
    for beat in 1..=8 {
        time.run_for(BEAT, &mut ());
        if beat != 4 && beat != 5 {
            nurse.post(Sign::Beat)?;
        }
    }
    time.run_until_idle(&mut ());
    Ok(())
}
