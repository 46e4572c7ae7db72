//! Three who eat at a round table with three forks between them: each is an automaton, and so is each fork. One that is taken puts
//! off who asks for it, so nobody asks twice. Each asks for the lower of its two forks first: no ring of waits can close.
//!
//! ```text
//! Plato was given a fork 200 times
//! Sappho was given a fork 200 times
//! Kant was given a fork 200 times
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]
use rsm::fsm::{Address, Automaton, Context, Input, Pool, Runner};
#[rustfmt::skip]
enum Fork { Lies, Taken }
#[rustfmt::skip]
enum Ask { Take(Address<()>), PutDown }
impl Automaton for Fork {
    type State = Fork; // it has nothing else: one type is the automaton and its state
    type Command = Ask;
    fn next(&mut self, fork: Fork, input: Input<Self>, context: &mut Context<Self>) -> Fork {
        match (&fork, input) {
            (Fork::Lies, Input::Command(Ask::Take(who))) => return who.post(()).map_or(Fork::Lies, |()| Fork::Taken),
            (Fork::Lies, Input::Command(Ask::PutDown)) => unreachable!("who puts it down has it"),
            (Fork::Taken, Input::Command(Ask::PutDown)) => return Fork::Lies,
            (Fork::Taken, Input::Command(ask @ Ask::Take(_))) => context.postpone(ask),
            (_, Input::Start | Input::Transition { .. } | Input::Drain | Input::Exit) => {}
        }
        fork
    }
}
#[rustfmt::skip] enum Guest { Hungry, HoldsOne }
struct Seat([Address<Ask>; 2], u32);
impl Automaton for Seat {
    type State = Guest;
    type Command = ();
    fn next(&mut self, guest: Guest, input: Input<Self>, context: &mut Context<Self>) -> Guest {
        let take = |fork: &Address<Ask>| fork.post(Ask::Take(context.address())).expect("forks stay");
        match (&guest, input) {
            (Guest::Hungry, Input::Start | Input::Transition { .. }) if self.1 == 100 => context.stop(),
            (Guest::Hungry, Input::Start | Input::Transition { .. }) => take(&self.0[0]),
            (Guest::Hungry, Input::Command(())) => return Guest::HoldsOne,
            (Guest::HoldsOne, Input::Transition { .. }) => take(&self.0[1]),
            (Guest::HoldsOne, Input::Command(())) => {
                self.1 += 1;
                self.0.iter().for_each(|fork| fork.post(Ask::PutDown).expect("forks stay"));
                return Guest::Hungry;
            }
            (_, Input::Start | Input::Drain | Input::Exit) => {}
        }
        guest
    }
}
fn main() {
    let (pool, sides) = (Pool::new(2), [[0, 1], [1, 2], [0, 2]]);
    let forks = [(); 3].map(|()| pool.spawn(Fork::Lies, Fork::Lies));
    let guests = sides.map(|both| pool.spawn(Seat(both.map(|nth: usize| forks[nth].clone()), 0), Guest::Hungry));
    for (name, guest) in ["Plato", "Sappho", "Kant"].iter().zip(&guests) {
        guest.ended().wait().expect("an end is always told");
        println!("{name} was given a fork {} times", guest.counters().processed);
    }
}
