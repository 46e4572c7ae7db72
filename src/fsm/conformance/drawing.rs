//! The crossing of the page on automata, and its drawing.

use crate::fsm::recorded::{Log, Recorded};
use crate::fsm::{Automaton, Context, End, Input, Runner};
use std::time::Duration;

/// Where the drawing stands.
const PAGE: &str = include_str!("../recorded.rs");

#[derive(Clone, Copy, Debug)]
enum Light {
    Red,
    Green,
    Yellow,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Change,
    Walk,
}

/// As on the page, but for the times: here nobody waits for them.
struct Crossing;

impl Automaton for Crossing {
    type State = Light;
    type Command = Order;

    fn next(&mut self, light: Light, input: Input<Self>, context: &mut Context<Self>) -> Light {
        use {Input::*, Light::*, Order::*};
        match (light, input) {
            (_, Start | Transition { .. }) => {
                context.state_timeout(Duration::from_secs(3_600), Change);
                light
            }
            (Red, Command(Change)) => Green,
            (Green, Command(Change | Walk)) => Yellow,
            (Yellow, Command(Change)) => Red,
            (Yellow, Command(Walk)) => {
                context.postpone(Walk);
                Yellow
            }
            (Red, Command(Walk)) => Red,
            (Red | Green | Yellow, Drain | Exit) => light,
        }
    }
}

/// The crossing takes the arrows of its drawing in the page [`recorded`](crate::fsm::recorded), and no other.
pub fn the_crossing_is_as_it_is_drawn<R: Runner>(runner: &R) {
    use Order::{Change, Walk};
    let log = Log::new();
    let crossing = runner.spawn(Recorded::new(Crossing, &log), Light::Red);
    let ended = crossing.ended();
    let orders = [Change, Walk, Walk, Change, Change, Change, Change];
    orders.into_iter().for_each(|order| crossing.post(order).expect("it runs"));
    crossing.drain();
    let end = runner.block_on(ended).expect("an end is always told");
    assert!(matches!(end, End::Exited), "{end:?}");
    let drawn = PAGE.lines().skip_while(|line| *line != "//! ```mermaid").skip(1);
    let drawn = drawn.take_while(|line| *line != "//! ```").map(|line| format!("{}\n", &line["//! ".len()..]));
    assert_eq!(log.mermaid(), drawn.collect::<String>());
}
