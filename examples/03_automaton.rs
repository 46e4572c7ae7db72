//! An automaton is one function: what is, what comes, hence what will be. This one is a crossing, on a thread of its own. A
//! walker who calls in yellow waits and is served in red. `drain` lets it finish what it was told before.
//!
//! ```text
//! Red
//! Green
//! Yellow
//! Yellow: someone waits
//! Red
//! Red: walk
//! the crossing ended: Exited
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]

use rsm::fsm::{Automaton, Context, Input, Runner, Threads};

//        Change            Change, or Walk          Change
//   Red ----------> Green ---------------> Yellow ----------> Red        Walk waits while Yellow, and is served in Red
#[rustfmt::skip]
#[derive(Debug)]
enum Light { Red, Green, Yellow }
#[rustfmt::skip]
enum Order { Change, Walk }
struct Crossing;
impl Automaton for Crossing {
    type State = Light;
    type Command = Order;

    fn next(&mut self, light: Light, input: Input<Self>, context: &mut Context<Self>) -> Light {
        use {Input::*, Light::*, Order::*};
        match (light, input) {
            (light @ (Red | Green | Yellow), Start | Transition { .. }) => say(light, ""),
            (Red, Command(Change)) => Green,
            (Red, Command(Walk)) => say(Red, ": walk"),
            (Green, Command(Change | Walk)) => Yellow,
            (Yellow, Command(Change)) => Red,
            (Yellow, Command(Walk)) => {
                context.postpone(Walk);
                say(Yellow, ": someone waits")
            }
            (light @ (Red | Green | Yellow), Drain | Exit) => light,
        }
    }
}

fn say(light: Light, what: &str) -> Light {
    println!("{light:?}{what}");
    light
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let crossing = Threads.builder(Crossing, Light::Red).name("crossing").spawn();
    let end = crossing.ended();
    let orders = [Order::Change, Order::Walk, Order::Walk, Order::Change];
    orders.into_iter().try_for_each(|order| crossing.post(order))?; // never waits
    crossing.drain();
    println!("the crossing ended: {:?}", end.wait()?);
    Ok(())
}
