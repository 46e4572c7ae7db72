//! A connection that comes back by itself: a dial refused, or not answered, is tried again after a wait that doubles, and is drawn, so
//! that many who lost one server do not come back at once. What is sent meanwhile waits for the line. Here `main` is the network.
//!
//! ```text
//!   0 ms: dial 1
//! 151 ms: dial 2
//! 341 ms: dial 3
//! 420 ms: up
//! 420 ms: sent hello
//! 508 ms: dial 4
//! 520 ms: up
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]
use rsm::fsm::{Automaton, Context, Input, Runner, VirtualTime};
use {Order::*, std::time::Duration};
//    Start ──> Dialing <──Retry── Waiting <──Lost── Up
//                 ├──Refused, or silence──^          ^
//                 └──Accepted────────────────────────┘
#[rustfmt::skip]
enum Line { Dialing { failed: u32 }, Waiting { failed: u32 }, Up }
#[rustfmt::skip]
enum Order { Accepted(u32), Refused(u32), Lost, Retry, Send(&'static str) }
struct Link(u32); // how often it has dialed; an answer says to which dial
impl Automaton for Link {
    type State = Line;
    type Command = Order;
    fn next(&mut self, line: Line, input: Input<Self>, context: &mut Context<Self>) -> Line {
        use {Input::*, Line::*};
        let now = context.now().0 / 1_000_000;
        match (&line, input) {
            (Dialing { .. }, Start | Transition { .. }) => {
                self.0 += 1;
                println!("{now:3} ms: dial {}", self.0);
                context.state_timeout(Duration::from_millis(100), Refused(self.0)); // no answer is an answer
            }
            (&Dialing { failed }, Command(Refused(dial))) if dial == self.0 => return Waiting { failed: failed + 1 },
            (Dialing { .. }, Command(Accepted(dial))) if dial == self.0 => return Up,
            (Waiting { failed }, Transition { .. }) => {
                let wait = (20 << failed.min(&8)) * (1_000 + context.random() % 1_000); // at most some ten seconds
                context.state_timeout(Duration::from_micros(wait), Retry);
            }
            (&Waiting { failed }, Command(Retry)) => return Dialing { failed },
            (Up, Transition { .. }) => println!("{now:3} ms: up"),
            (Up, Command(Send(what))) => println!("{now:3} ms: sent {what}"),
            (Up, Command(Lost)) => return Waiting { failed: 0 },
            (Dialing { .. } | Waiting { .. }, Command(Send(what))) => context.postpone(Send(what)),
            (Dialing { .. } | Waiting { .. } | Up, _) => {} // comes too late, or asks for nothing
        }
        line
    }
}
fn main() {
    let time = VirtualTime::new(1); // or a pool, or threads
    let link = time.spawn(Link(0), Line::Dialing { failed: 0 });
    for (order, ms) in [(Send("hello"), 200), (Accepted(1), 220), (Accepted(3), 50), (Lost, 50), (Accepted(4), 0)] {
        link.post(order).expect("it runs");
        time.run_for(Duration::from_millis(ms), &mut ());
    }
}
