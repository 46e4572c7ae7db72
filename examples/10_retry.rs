//! A connection that comes back by itself: a dial refused, or not answered, is tried again after a wait that doubles, and is drawn, so
//! that many who lost one server do not come back at once. What is sent meanwhile waits for the line. Here `main` is the network.
//!
//! ```text
//!   0 ms: dial 1
//! 149 ms: dial 2
//! 327 ms: dial 3
//! 350 ms: up
//! 350 ms: sent hello
//! 400 ms: dial 1
//! 410 ms: up
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]
use rsm::fsm::{Automaton, Context, Input, Runner, VirtualTime};
use {Order::*, std::time::Duration};
//    Start ──> Dialing <──Retry── Waiting     Up ──Lost──> Dialing
//                 ├──Refused, or silence──^    ^
//                 └──Accepted──────────────────┘
#[rustfmt::skip]
enum Line { Dialing { dials: u32 }, Waiting { dials: u32 }, Up }
#[rustfmt::skip]
enum Order { Accepted, Refused, Lost, Retry, Send(&'static str) }
struct Link;
impl Automaton for Link {
    type State = Line;
    type Command = Order;
    fn next(&mut self, line: Line, input: Input<Self>, context: &mut Context<Self>) -> Line {
        use {Input::*, Line::*};
        let now = context.now().0 / 1_000_000;
        match (&line, input) {
            (Dialing { dials }, Start | Transition { .. }) => {
                println!("{now:3} ms: dial {dials}");
                context.state_timeout(Duration::from_millis(100), Refused); // no answer is an answer
            }
            (&Dialing { dials }, Command(Refused)) => return Waiting { dials },
            (Dialing { .. }, Command(Accepted)) => return Up,
            (Waiting { dials }, Transition { .. }) => {
                let wait = (20 << dials) + context.random() % (20 << dials);
                context.state_timeout(Duration::from_millis(wait), Retry);
            }
            (&Waiting { dials }, Command(Retry)) => return Dialing { dials: dials + 1 },
            (Up, Transition { .. }) => println!("{now:3} ms: up"),
            (Up, Command(Send(what))) => println!("{now:3} ms: sent {what}"),
            (Up, Command(Lost)) => return Dialing { dials: 1 },
            (Dialing { .. } | Waiting { .. }, Command(Send(what))) => context.postpone(Send(what)),
            (Dialing { .. } | Waiting { .. } | Up, _) => {} // comes too late, or asks for nothing
        }
        line
    }
}
fn main() {
    let time = VirtualTime::new(1); // or a pool, or threads
    let link = time.spawn(Link, Line::Dialing { dials: 1 });
    for (order, ms) in [(Send("hello"), 200), (Refused, 150), (Accepted, 50), (Lost, 10), (Accepted, 0)] {
        link.post(order).expect("it runs");
        time.run_for(Duration::from_millis(ms), &mut ());
    }
}
